//! Identities. Each aggregate has an id type of its own, so that a case cannot be passed where a customer is meant.
//!
//! Ids of cases and customers are UUIDs that the caller's command decides (see [`derived`]): the core draws no random numbers.
//! Ids of reference data (units, categories, policies, calendars) are short codes that people choose and read.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The namespace of every id that is derived from another. It never changes: stored ids depend on it.
const NAMESPACE: Uuid = Uuid::from_u128(0x7061_7276_616e_6465_6820_6361_7365_7321);

/// An id that follows from its parts: the same parts give the same id on every machine, at every attempt.
pub fn derived(parts: &[&str]) -> Uuid {
    // The unit separator cannot occur in the parts that we join, so two lists never collide by concatenation.
    Uuid::new_v5(&NAMESPACE, parts.join("\u{1f}").as_bytes())
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// Identifies one case.
    CaseId
);
uuid_id!(
    /// Identifies one customer.
    CustomerId
);
uuid_id!(
    /// Identifies one attachment of a case.
    AttachmentId
);
uuid_id!(
    /// Identifies one redress.
    RedressId
);
uuid_id!(
    /// Identifies one fee.
    FeeId
);
uuid_id!(
    /// Identifies one payment.
    PaymentId
);
uuid_id!(
    /// Identifies one card. It follows from the card's number and a key, and tells nothing of it.
    CardId
);
uuid_id!(
    /// Identifies one command. A client's idempotency key becomes the command id, so that a retry is the same command.
    CommandId
);
uuid_id!(
    /// Identifies one event. Follows from the command and the event's place in its batch: see [`EventId::of`].
    EventId
);

impl EventId {
    /// The id of the event at `index` of the batch that `command` decided.
    ///
    /// A retried command writes events with the same ids, and the store recognises them.
    pub fn of(command: CommandId, index: usize) -> Self {
        Self(Uuid::new_v5(&command.0, &(index as u64).to_be_bytes()))
    }
}

impl CaseId {
    /// A short form that people can read to each other over the phone: ten characters of Crockford's base 32, which has no
    /// I, L, O or U, in two groups. It follows from the id; among ten million cases two share one with a chance of about 4 %.
    pub fn reference(self) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let bits = self.0.as_u128() >> (128 - 50);
        let mut text = String::with_capacity(11);
        for place in (0..10).rev() {
            text.push(ALPHABET[(bits >> (place * 5)) as usize & 31] as char);
            if place == 5 {
                text.push('-');
            }
        }
        text
    }
}

/// The person or organisation whom personal data are about. What is written in a case belongs to its customer; to the case itself
/// where no customer is known.
///
/// Written as the name of the stream it is known by: `customer-0198...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[allow(missing_docs, reason = "each variant is whose data they are")]
pub enum DataSubject {
    Customer(CustomerId),
    Case(CaseId),
}

/// A text that names no data subject.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a data subject: write customer-<id> or case-<id>")]
pub struct InvalidDataSubject(String);

impl fmt::Display for DataSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer(id) => write!(f, "customer-{id}"),
            Self::Case(id) => write!(f, "case-{id}"),
        }
    }
}

impl FromStr for DataSubject {
    type Err = InvalidDataSubject;

    fn from_str(text: &str) -> Result<Self, InvalidDataSubject> {
        let parsed = text.split_once('-').and_then(|(category, id)| {
            let id = Uuid::try_parse(id).ok()?;
            match category {
                "customer" => Some(Self::Customer(CustomerId(id))),
                "case" => Some(Self::Case(CaseId(id))),
                _ => None,
            }
        });
        parsed.ok_or_else(|| InvalidDataSubject(text.to_owned()))
    }
}

impl TryFrom<String> for DataSubject {
    type Error = InvalidDataSubject;
    fn try_from(text: String) -> Result<Self, InvalidDataSubject> {
        text.parse()
    }
}

impl From<DataSubject> for String {
    fn from(subject: DataSubject) -> String {
        subject.to_string()
    }
}

impl JsonSchema for DataSubject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DataSubject".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(customer|case)-[0-9a-f-]{36}$" })
    }
}

/// Why a code was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a code has 1 to 64 characters: letters, digits, '-', '_', '.', single spaces in names of units, categories and centres, '@', '|', ':' and '+' in those of staff, '/' in those of postings"
)]
pub struct InvalidCode;

/// Whether a text can be a code with these further characters. A space stands between words only.
fn is_code(text: &str, further: &str) -> bool {
    let allowed = |c: char| {
        c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '\u{200c}') || further.contains(c)
    };
    (1..=64).contains(&text.chars().count())
        && text.chars().all(allowed)
        && text.split(' ').all(|word| !word.is_empty())
}

macro_rules! code_id {
    ($(#[$doc:meta])* $name:ident, further: $further:literal) => {
        $(#[$doc])*
        ///
        /// A code of 1 to 64 letters (of any script), digits, `-`, `_` and `.`; stored as it was written.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[schemars(length(min = 1, max = 64))] String);

        impl $name {
            /// Checks the text and takes it as a code.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidCode> {
                let text = text.into();
                if is_code(&text, $further) { Ok(Self(text)) } else { Err(InvalidCode) }
            }

            /// The code as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidCode;
            fn try_from(text: String) -> Result<Self, InvalidCode> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidCode;
            fn from_str(text: &str) -> Result<Self, InvalidCode> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> String {
                code.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

code_id!(
    /// An organisational unit that owns cases.
    UnitId, further: " "
);
code_id!(
    /// A subject category of cases.
    CategoryId, further: " "
);
code_id!(
    /// A root cause of complaints, from a list that the organisation keeps.
    RootCauseId, further: " "
);
code_id!(
    /// A member of staff, as the identity provider names them (the token's `sub`).
    StaffId, further: "@|:+"
);
code_id!(
    /// An SLA policy; its versions share the id.
    PolicyId, further: ""
);
code_id!(
    /// A segmentation of customers; its versions share the id.
    SegmentationId, further: ""
);
code_id!(
    /// A calendar of working time; its versions share the id.
    CalendarId, further: ""
);
code_id!(
    /// A posting of a ledger, as whoever sends it names it: a receipt's number, a UUID. Ids with a colon are the system's own.
    PostingId, further: ":/"
);
code_id!(
    /// A centre that gives something for points, by contract.
    CentreId, further: " "
);
code_id!(
    /// An item of the tariff of fees.
    TariffId, further: ""
);
code_id!(
    /// A payment provider.
    ProviderId, further: ""
);
code_id!(
    /// By what a payment provider knows a payment or a refund.
    ProviderReference, further: ":/"
);

impl PostingId {
    /// The system's own posting of this kind for what has this id.
    pub fn of_system(kind: &'static str, id: Uuid) -> Self {
        Self(format!("{kind}:{id}"))
    }

    /// Whether it is the id of one of the system's own postings; nobody else may make or reverse these.
    pub fn is_of_system(&self) -> bool {
        self.0.contains(':')
    }

    /// What the system's own posting of this kind is for.
    pub fn of_kind(&self, kind: &str) -> Option<Uuid> {
        Uuid::try_parse(self.0.strip_prefix(kind)?.strip_prefix(':')?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retried_command_gives_its_events_the_same_ids() {
        let command = CommandId(derived(&["a client", "key 1"]));
        assert_eq!(EventId::of(command, 0), EventId::of(command, 0));
        assert_ne!(EventId::of(command, 0), EventId::of(command, 1));
    }

    #[test]
    fn joined_parts_do_not_collide() {
        assert_ne!(derived(&["ab", "c"]), derived(&["a", "bc"]));
    }

    #[test]
    fn a_reference_has_ten_unambiguous_characters_in_two_groups() {
        let reference = CaseId(derived(&["case"])).reference();
        assert_eq!(reference.len(), 11);
        assert_eq!(reference.as_bytes()[5], b'-');
        assert!(!reference.contains(['I', 'L', 'O', 'U']));
    }

    #[test]
    fn codes_may_be_persian_but_not_empty_nor_spaced() {
        assert!(UnitId::new("روابط‌عمومی").is_ok());
        assert!(UnitId::new("").is_err());
        assert!(UnitId::new("Customer contact").is_ok());
        assert!(UnitId::new("two  spaces").is_err());
        assert!(PolicyId::new("two words").is_err());
        assert!(StaffId::new("auth|agent-7@example.com").is_ok());
        assert!(UnitId::new("x".repeat(65)).is_err());
    }
}
