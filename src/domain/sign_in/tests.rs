//! Signing in, told as given, when, then.

use jiff::{SignedDuration, Timestamp};

use super::command::{Enter, IssueCode, SignInCommand};
use super::{SignIn, SignInRefusal, SignInState};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata};
use crate::event::StoredEvent;
use crate::id::{CommandId, CustomerId, derived};
use crate::one_time_code::{CodeHash, FAILURES_MAX, LOCK_FIRST};

const HOLDER: CustomerId = CustomerId(uuid::Uuid::from_u128(1));

fn at(seconds: i64) -> Timestamp {
    Timestamp::constant(1_774_080_000, 0) + SignedDuration::from_secs(seconds)
}

/// The sign-ins with one card.
#[derive(Default)]
struct Door(SignInState);

impl Door {
    fn ask(&mut self, seconds: i64, command: SignInCommand) -> Result<&'static str, SignInRefusal> {
        let (now, command_id) = (at(seconds), CommandId(derived(&["test"])));
        let actor = Actor { kind: ActorKind::System, id: "sign-in".to_owned() };
        // What a caller says of the time does not count.
        let context =
            Context { command_id, occurred_at: at(-9_000), recorded_at: now, actor: actor.clone() };
        let events = SignIn::decide(&self.0, command, &context)?;
        let [event] = &events[..] else { panic!("{events:?}") };
        let meta = Metadata {
            occurred_at: at(-9_000),
            recorded_at: now,
            actor,
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        self.0 = SignIn::evolve(std::mem::take(&mut self.0), event, &meta);
        Ok(event.event_type().name)
    }

    fn issue(&mut self, seconds: i64, code: &str) -> Result<&'static str, SignInRefusal> {
        let code_hash = CodeHash(code.to_owned());
        let issue = IssueCode { customer_id: HOLDER, contact_point: 1, code_hash };
        self.ask(seconds, SignInCommand::IssueCode(issue))
    }

    fn enter(&mut self, seconds: i64, code: &str) -> Result<&'static str, SignInRefusal> {
        let code_hash = CodeHash(code.to_owned());
        self.ask(seconds, SignInCommand::Enter(Enter { customer_id: HOLDER, code_hash }))
    }
}

#[test]
fn the_right_code_signs_in_once() {
    let mut door = Door::default();
    assert_eq!(door.enter(0, "a"), Err(SignInRefusal::NoCode));
    assert_eq!(door.issue(0, "a"), Ok("SignInCodeIssued"));
    assert_eq!(door.enter(1, "b"), Ok("SignInFailed"));
    assert_eq!(door.enter(299, "a"), Ok("SignedIn"));
    assert_eq!(door.enter(299, "a"), Err(SignInRefusal::NoCode));
}

#[test]
fn a_code_that_has_expired_is_not_even_looked_at() {
    let mut door = Door::default();
    door.issue(0, "a").unwrap();
    assert_eq!(door.enter(300, "a"), Err(SignInRefusal::NoCode));
}

#[test]
fn after_too_many_wrong_codes_the_right_one_does_not_help_and_no_other_is_made() {
    let mut door = Door::default();
    door.issue(0, "a").unwrap();
    for _ in 0..FAILURES_MAX {
        assert_eq!(door.enter(1, "b"), Ok("SignInFailed"));
    }
    assert_eq!(door.enter(2, "a"), Err(SignInRefusal::NoCode));
    assert_eq!(door.issue(100, "c"), Err(SignInRefusal::Locked));
    let end = 1 + LOCK_FIRST.as_secs();
    assert_eq!(door.issue(end - 1, "c"), Err(SignInRefusal::Locked));
    assert_eq!(door.issue(end, "c"), Ok("SignInCodeIssued"));
    assert_eq!(door.issue(end + 59, "d"), Err(SignInRefusal::TooSoon));
    assert_eq!(door.enter(end + 60, "c"), Ok("SignedIn"));
}
