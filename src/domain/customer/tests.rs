//! What may be done with a customer's record, told as given, when, then.

use jiff::Timestamp;

use super::attribute::{ContactPointKind, CustomerKind, Language, RepresentationBasis};
use super::command::{
    AddContactPoint, AppointRepresentative, ChangeDetails, CustomerCommand, DismissRepresentative,
    MergeCustomer, PlaceLegalHold, RegisterCustomer, Survivor, UnmergeCustomer,
};
use super::event::CustomerEvent;
use super::{Customer, CustomerRefusal, CustomerState};
use crate::case::CaseKind;
use crate::decider::{Actor, ActorKind, Context, Decider};
use crate::id::{CommandId, CustomerId, derived};
use crate::pii::Pii;

mod course;

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

fn customer(number: u128) -> CustomerId {
    CustomerId(uuid::Uuid::from_u128(number))
}

fn merge(into: u128, survivor: Survivor) -> CustomerCommand {
    let reason = Pii::new("same person".to_owned());
    CustomerCommand::Merge(MergeCustomer { into: customer(into), reason, survivor })
}

fn unmerge() -> CustomerCommand {
    CustomerCommand::Unmerge(UnmergeCustomer { reason: Pii::new("two sisters".to_owned()) })
}

#[test]
fn a_record_is_merged_once_and_only_into_one_that_stands() {
    let merged = CustomerState { merged_into: Some(customer(1)), ..registered() };
    assert_eq!(decide(&registered(), merge(1, Survivor::Standing)).map(|all| all.len()), Ok(1));
    assert_eq!(decide(&merged, merge(1, Survivor::Standing)), Ok(vec![]), "said again");
    for (state, command, refusal) in [
        (registered(), merge(1, Survivor::Itself), CustomerRefusal::MergeIntoItself),
        (registered(), merge(1, Survivor::Unknown), CustomerRefusal::SurvivorNotFound),
        (registered(), merge(1, Survivor::Erased), CustomerRefusal::Erased),
        (registered(), merge(1, Survivor::Full), CustomerRefusal::TooManyMerged { count_max: 100 }),
        (
            registered(),
            merge(1, Survivor::MergedInto(customer(2))),
            CustomerRefusal::SurvivorMerged { into: customer(2) },
        ),
        (merged, merge(2, Survivor::Standing), CustomerRefusal::Merged { into: customer(1) }),
        (registered(), unmerge(), CustomerRefusal::NotMerged),
    ] {
        assert_eq!(decide(&state, command), Err(refusal));
    }
}

#[test]
fn what_is_learned_of_a_person_is_said_of_the_record_that_survives() {
    let merged = CustomerState { merged_into: Some(customer(1)), ..registered() };
    let phone = contact_point(ContactPointKind::Phone, "+982112345678");
    assert_eq!(decide(&merged, phone), Err(CustomerRefusal::Merged { into: customer(1) }));
    assert_eq!(decide(&merged, unmerge()).map(|all| all.len()), Ok(1));
    // What protects the data of this record concerns this record.
    let matter = "file 7".to_owned();
    let hold = CustomerCommand::PlaceLegalHold(PlaceLegalHold { matter });
    assert_eq!(decide(&merged, hold).map(|all| all.len()), Ok(1));
}

fn appoint(number: u128, until: Option<&str>) -> CustomerCommand {
    CustomerCommand::AppointRepresentative(AppointRepresentative {
        representative_id: customer(number),
        basis: RepresentationBasis::Guardianship,
        case_kinds: vec![CaseKind::Request, CaseKind::Complaint, CaseKind::Request],
        until: until.map(|until| until.parse().unwrap()),
        is_known: number != 0,
    })
}

#[test]
fn a_representative_has_a_record_and_a_term_that_ends_later_than_it_begins() {
    let events = decide(&registered(), appoint(1, None)).unwrap();
    let [CustomerEvent::RepresentativeAppointed(appointed)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(appointed.case_kinds, [CaseKind::Complaint, CaseKind::Request], "each kind once");
    let mut state = registered();
    state.representatives.insert(customer(1), appointed.clone());
    assert_eq!(decide(&state, appoint(1, None)), Ok(vec![]), "said again");
    assert_eq!(
        decide(&state, appoint(1, Some("2027-01-01T00:00:00Z"))).map(|all| all.len()),
        Ok(1)
    );
    assert_eq!(decide(&state, appoint(0, None)), Err(CustomerRefusal::RepresentativeNotFound));
    assert_eq!(
        decide(&state, appoint(2, Some("2026-03-21T08:00:00Z"))),
        Err(CustomerRefusal::RepresentationEnded)
    );
    for number in 2..=20 {
        state.representatives.insert(customer(number), appointed.clone());
    }
    assert_eq!(
        decide(&state, appoint(21, None)),
        Err(CustomerRefusal::TooManyRepresentatives { count_max: 20 })
    );
    let dismiss = |number| {
        let representative_id = customer(number);
        CustomerCommand::DismissRepresentative(DismissRepresentative { representative_id })
    };
    assert_eq!(decide(&state, dismiss(1)).map(|all| all.len()), Ok(1));
    assert_eq!(decide(&state, dismiss(21)), Ok(vec![]));
}
