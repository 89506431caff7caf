//! What may be done with a customer's record, told as given, when, then.

use jiff::Timestamp;

use super::attribute::{ContactPointKind, CustomerKind, Language};
use super::command::{AddContactPoint, ChangeDetails, CustomerCommand, RegisterCustomer};
use super::event::CustomerEvent;
use super::{Customer, CustomerRefusal, CustomerState};
use crate::decider::{Actor, ActorKind, Context, Decider};
use crate::id::{CommandId, derived};
use crate::pii::Pii;

fn decide(
    state: &CustomerState,
    command: CustomerCommand,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let actor = Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() };
    let command_id = CommandId(derived(&["test"]));
    Customer::decide(
        state,
        command,
        &Context { command_id, occurred_at: now, recorded_at: now, actor },
    )
}

fn registered() -> CustomerState {
    CustomerState {
        name: Some(Pii::new("مشتری نمونه".to_owned())),
        language: Some(Language::Persian),
        ..CustomerState::default()
    }
}

fn contact_point(kind: ContactPointKind, value: &str) -> CustomerCommand {
    CustomerCommand::AddContactPoint(AddContactPoint { kind, value: Pii::new(value.to_owned()) })
}

/// The value under which a contact point is kept.
fn kept(kind: ContactPointKind, value: &str) -> Result<String, CustomerRefusal> {
    let events = decide(&registered(), contact_point(kind, value))?;
    let [CustomerEvent::ContactPointAdded(added)] = &events[..] else { panic!("{events:?}") };
    Ok(added.value.reveal().cloned().unwrap())
}

#[test]
fn a_customer_is_registered_once_and_must_be_before_anything_else() {
    let register = CustomerCommand::Register(RegisterCustomer {
        kind: CustomerKind::Individual,
        name: Pii::new("Sample customer".to_owned()),
        language: Language::English,
        tier: None,
    });
    assert!(decide(&CustomerState::default(), register.clone()).is_ok());
    assert_eq!(decide(&registered(), register), Err(CustomerRefusal::AlreadyRegistered));
    let phone = contact_point(ContactPointKind::Phone, "+982112345678");
    assert_eq!(decide(&CustomerState::default(), phone), Err(CustomerRefusal::NotFound));
}

#[test]
fn telephone_numbers_are_kept_in_ascii_digits_whatever_they_were_written_in() {
    for written in ["+98 21 1234 5678", "+۹۸۲۱۱۲۳۴۵۶۷۸", "+٩٨ (٢١) ١٢٣٤-٥٦٧٨"]
    {
        let value = kept(ContactPointKind::Phone, written);
        assert_eq!(value, Ok("+982112345678".to_owned()), "{written}");
    }
    for wrong in ["12345", "+98 21 12x4 5678", "98+2112345678", "1234567890123456", "۱۲۳"] {
        let value = kept(ContactPointKind::Phone, wrong);
        assert_eq!(value, Err(CustomerRefusal::InvalidPhone), "{wrong}");
    }
}

#[test]
fn an_email_address_has_a_name_and_a_domain() {
    assert!(kept(ContactPointKind::Email, "customer@example.com").is_ok());
    for wrong in [
        "customer",
        "@example.com",
        "customer@",
        "customer@local",
        "a b@example.com",
        "a@b@c.ir",
        "a@b..ir",
    ] {
        let value = kept(ContactPointKind::Email, wrong);
        assert_eq!(value, Err(CustomerRefusal::InvalidEmail), "{wrong}");
    }
}

#[test]
fn a_contact_point_that_is_known_adds_nothing() {
    let mut state = registered();
    let value = Pii::new("+982112345678".to_owned());
    state.contact_points.push((ContactPointKind::Phone, value));
    let again = contact_point(ContactPointKind::Phone, "+98 21 1234 5678");
    assert_eq!(decide(&state, again), Ok(vec![]));
}

#[test]
fn a_change_tells_only_what_changed() {
    let change = |language| {
        CustomerCommand::ChangeDetails(ChangeDetails { name: None, language, tier: None })
    };
    assert_eq!(decide(&registered(), change(None)), Err(CustomerRefusal::NothingToChange));
    assert_eq!(decide(&registered(), change(Some(Language::Persian))), Ok(vec![]));
    assert_eq!(decide(&registered(), change(Some(Language::English))).map(|all| all.len()), Ok(1));
}
