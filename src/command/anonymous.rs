//! Codes of anonymous authors.
//!
//! A code is drawn before a case is opened, shown once, and kept nowhere: 128 bits from the system's random source, and 32 that tell
//! codes that were drawn here from all others. Everything else follows from the code through the vault's key: the id of the case that
//! is opened with it, and the ids of the commands. So whoever has the code finds the case, a request that is sent again is done once, and
//! the log holds a keyed hash from which neither the code nor its author can be found.
//!
//! Nothing here takes a principal but the budget, which stands in memory alone.

use std::time::Duration;

use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use serde::Serialize;
use uuid::{Builder, Uuid};

use super::handler::CommandMetadata;
use crate::http::rate_limit::Buckets;
use crate::metrics::RateLimitScope;
use crate::vault::Vault;

/// By which name the log knows all anonymous authors.
pub const ANONYMOUS: &str = "anonymous";
/// How often one person may use codes in a minute, and at once: far too seldom to guess, and enough for a conversation.
const USES_PER_MINUTE: u32 = 30;
/// How many messages may come to one anonymous case in a minute, and at once, whoever sends them.
const MESSAGES_PER_MINUTE: u32 = 10;
const SECRET_BYTES: usize = 16;
const CHECK_BYTES: usize = 4;
/// Crockford's digits: none of them is mistaken for another.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP_LENGTH: usize = 4;

/// A code of an anonymous author. Prints as redacted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AnonymousCode([u8; SECRET_BYTES]);

impl std::fmt::Debug for AnonymousCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl AnonymousCode {
    /// A new code.
    pub fn draw() -> Self {
        let mut secret = [0; SECRET_BYTES];
        aws_lc_rs::rand::fill(&mut secret)
            .expect("aws-lc waits for the system's randomness and does not fail");
        Self(secret)
    }

    /// The code as its author keeps it: eight groups of four characters.
    pub fn text(&self, vault: &Vault) -> String {
        let bytes = [&self.0[..], &self.check(vault)].concat();
        let mut digits = Vec::with_capacity(32);
        for five in bytes.chunks(5) {
            let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            digits.extend((0..8).rev().map(|n| DIGITS[(bits >> (5 * n)) as usize & 31]));
        }
        let groups = digits.chunks(GROUP_LENGTH).map(|group| String::from_utf8_lossy(group));
        groups.collect::<Vec<_>>().join("-")
    }

    /// Reads a code, however its letters and gaps are written; `None` when it was not drawn here.
    pub fn read(text: &str, vault: &Vault) -> Option<Self> {
        let mut values = Vec::with_capacity(32);
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = match character.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            values.push(DIGITS.iter().position(|known| char::from(*known) == digit)? as u64);
            if values.len() > 32 {
                return None;
            }
        }
        if values.len() != 32 {
            return None;
        }
        let mut bytes = Vec::with_capacity(SECRET_BYTES + CHECK_BYTES);
        for eight in values.chunks(8) {
            let bits = eight.iter().fold(0u64, |bits, value| bits << 5 | value);
            bytes.extend_from_slice(&bits.to_be_bytes()[3..]);
        }
        let code = Self(bytes[..SECRET_BYTES].try_into().ok()?);
        // Codes are long enough that the time of this comparison helps nobody.
        (code.check(vault)[..] == bytes[SECRET_BYTES..]).then_some(code)
    }

    fn check(&self, vault: &Vault) -> [u8; CHECK_BYTES] {
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&keyed(vault, "check", &[&self.0]).as_bytes()[..CHECK_BYTES]);
        check
    }

    /// The case that is opened with this code. It looks like any random id.
    pub fn case_id(&self, vault: &Vault) -> CaseId {
        CaseId(Builder::from_random_bytes(*keyed(vault, "case", &[&self.0]).as_bytes()).into_uuid())
    }

    /// What comes with the command that opens the case: the code itself makes a repetition harmless.
    pub fn opening(&self, vault: &Vault, request: &impl Serialize) -> CommandMetadata {
        self.metadata(vault, Some("opening"), request)
    }

    /// What comes with a further message; `key` is the author's own name for the request.
    pub fn message(
        &self,
        vault: &Vault,
        key: Option<&str>,
        request: &impl Serialize,
    ) -> CommandMetadata {
        self.metadata(vault, key.map(|key| format!("message {key}")).as_deref(), request)
    }

    /// Ids follow from the code, and not from who has it: an id made of a name and a key of theirs could be tried out.
    fn metadata(
        &self,
        vault: &Vault,
        what: Option<&str>,
        request: &impl Serialize,
    ) -> CommandMetadata {
        let command_id = match what {
            Some(what) => keyed(vault, "command", &[&self.0, what.as_bytes()]),
            None => Uuid::new_v4(),
        };
        let json = serde_json::to_vec(request).expect("requests have string keys and plain values");
        CommandMetadata {
            command_id: CommandId(command_id),
            digest: what.map(|_| vault.digest(&[b"anonymous request", &self.0, &json])),
            actor: actor(),
            occurred_at: None,
            correlation_id: command_id,
            subject: None,
        }
    }
}

/// An anonymous author as the log names them.
pub fn actor() -> Actor {
    Actor { kind: ActorKind::Staff, id: ANONYMOUS.to_owned() }
}

/// Sixteen bytes that follow from these parts through the vault's key.
fn keyed(vault: &Vault, purpose: &str, parts: &[&[u8]]) -> Uuid {
    let purpose = format!("anonymous {purpose}");
    let mut all = vec![purpose.as_bytes()];
    all.extend(parts);
    let digest = vault.digest(&all);
    // A digest is 32 hexadecimal digits, which is what a UUID is.
    Uuid::try_parse(&digest).unwrap_or_else(|_| derived(&[&digest]))
}

/// How often codes may be used. Kept in memory, counted without names, and full again after an hour.
pub struct AnonymousBudget {
    people: Buckets<String>,
    cases: Buckets<Uuid>,
}

impl Default for AnonymousBudget {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            people: Buckets::new(minute, USES_PER_MINUTE, USES_PER_MINUTE),
            cases: Buckets::new(minute, MESSAGES_PER_MINUTE, MESSAGES_PER_MINUTE),
        }
    }
}

impl AnonymousBudget {
    /// Takes one use of a code from what this person has; or says how long they must wait.
    pub fn take(&self, subject: &str) -> Result<(), Duration> {
        self.people.take(subject, 1).inspect_err(|_| RateLimitScope::Principal.count())
    }

    /// Takes one message from what the case has; or says how long its author must wait.
    pub fn take_message(&self, id: CaseId) -> Result<(), Duration> {
        self.cases.take(&id.0, 1).inspect_err(|_| RateLimitScope::Principal.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Keyring;

    fn vault() -> (tempfile::TempDir, Vault) {
        let directory = tempfile::tempdir().unwrap();
        let keyring = Keyring::at(directory.path().join("keyring"));
        let vault = Vault::open(directory.path(), keyring).unwrap();
        (directory, vault)
    }

    #[test]
    fn a_code_is_read_however_it_is_written_and_no_other_is() {
        let (_directory, vault) = vault();
        let code = AnonymousCode::draw();
        let text = code.text(&vault);
        assert_eq!((text.len(), text.split('-').count()), (39, 8), "{text}");
        let spoken = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        for written in [text.clone(), text.replace('-', ""), spoken] {
            assert_eq!(AnonymousCode::read(&written, &vault), Some(code), "{written}");
        }
        let last = if text.ends_with('7') { '8' } else { '7' };
        let wrong = format!("{}{last}", &text[..38]);
        let longer = format!("{text}0");
        for written in ["", "7", "کد", &wrong, &longer, &text[..38]] {
            assert_eq!(AnonymousCode::read(written, &vault), None, "{written}");
        }
        assert_eq!(format!("{code:?}"), "[redacted]");
    }

    #[test]
    fn a_code_that_another_installation_drew_is_none_here() {
        let ((_here, here), (_there, there)) = (vault(), vault());
        assert_eq!(AnonymousCode::read(&AnonymousCode::draw().text(&there), &here), None);
    }

    #[test]
    fn what_follows_from_a_code_is_the_same_each_time_and_shows_nothing_of_it() {
        let (_directory, vault) = vault();
        let (code, other) = (AnonymousCode::draw(), AnonymousCode::draw());
        assert_eq!(code.case_id(&vault), code.case_id(&vault));
        assert_ne!(code.case_id(&vault), other.case_id(&vault));
        let message = |code: AnonymousCode, key| code.message(&vault, key, &"سلام").command_id;
        assert_eq!(message(code, Some("1")), message(code, Some("1")));
        assert_ne!(message(code, Some("1")), message(code, Some("2")));
        assert_ne!(message(code, Some("1")), message(other, Some("1")));
        assert_ne!(message(code, None), message(code, None));
        assert_ne!(message(code, Some("1")), code.opening(&vault, &"سلام").command_id);
    }

    #[test]
    fn codes_are_used_as_often_as_a_conversation_needs_and_no_more() {
        let budget = AnonymousBudget::default();
        for _ in 0..USES_PER_MINUTE {
            assert_eq!(budget.take("sara"), Ok(()));
        }
        assert!(budget.take("sara").unwrap_err() > Duration::from_millis(500));
        assert_eq!(budget.take("omid"), Ok(()));
        for _ in 0..MESSAGES_PER_MINUTE {
            assert_eq!(budget.take_message(CaseId(Uuid::nil())), Ok(()));
        }
        assert!(budget.take_message(CaseId(Uuid::nil())).is_err());
    }
}
