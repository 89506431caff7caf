//! What is said of a customer is known from then on: each course is told by commands, and the state is what follows from their events.

use super::*;
use crate::case::Channel;
use crate::customer::attribute::{ConsentPurpose, ErasureGround};
use crate::customer::command::{
    AssessValue, ChangePreferences, ChangeTier, ConfirmErasure, Consent, ContactPointCode,
    HeldRecord, OrderErasure,
};
use crate::customer::decide::CONTACT_POINTS_MAX;
use crate::customer::state::Erasure;
use crate::decider::{Metadata, Refusal};
use crate::id::SegmentationId;
use crate::one_time_code::{CodeHash, FAILURES_MAX};
use crate::segmentation::Standing;

fn evolved(state: CustomerState, events: &[CustomerEvent]) -> CustomerState {
    let now = "2026-03-21T08:00:00Z".parse().unwrap();
    let command_id = CommandId(derived(&["test"]));
    let meta = Metadata {
        occurred_at: now,
        recorded_at: now,
        actor: Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() },
        causation_id: command_id,
        correlation_id: command_id.0,
        command_digest: None,
        personal: None,
    };
    events.iter().fold(state, |state, event| Customer::evolve(state, event, &meta))
}

/// The state after these commands, each of which must be accepted.
#[track_caller]
fn after(
    state: CustomerState,
    commands: impl IntoIterator<Item = CustomerCommand>,
) -> CustomerState {
    commands.into_iter().fold(state, |state, command| {
        let events = decide(&state, command).unwrap();
        evolved(state, &events)
    })
}

/// A customer who was registered in the course of the test.
fn given(commands: impl IntoIterator<Item = CustomerCommand>) -> CustomerState {
    let register = register("مشتری نمونه", None);
    after(CustomerState::default(), std::iter::once(register).chain(commands))
}

fn register(name: &str, tier: Option<&str>) -> CustomerCommand {
    CustomerCommand::Register(RegisterCustomer {
        kind: CustomerKind::Individual,
        name: Pii::new(name.to_owned()),
        language: Language::Persian,
        tier: tier.map(str::to_owned),
    })
}

fn change(name: Option<&str>, language: Option<Language>, tier: Option<&str>) -> CustomerCommand {
    let name = name.map(|name| Pii::new(name.to_owned()));
    CustomerCommand::ChangeDetails(ChangeDetails { name, language, tier: tier.map(str::to_owned) })
}

fn consent() -> Consent {
    Consent { purpose: ConsentPurpose::Survey, channel: Channel::Sms }
}

fn hold(matter: &str) -> CustomerCommand {
    CustomerCommand::PlaceLegalHold(PlaceLegalHold { matter: matter.to_owned() })
}

fn move_tier(from: Option<&str>, to: &str) -> CustomerCommand {
    CustomerCommand::ChangeTier(ChangeTier {
        from: from.map(str::to_owned),
        to: to.to_owned(),
        segmentation: SegmentationId::new("default").unwrap(),
        version: 1,
        facts: Standing {
            kind: CustomerKind::Individual,
            value: 1_000,
            cases: 0,
            complaints: 0,
            contacts: 0,
            known_since: "2026-01-01T00:00:00Z".parse().unwrap(),
            last_contact_at: None,
            points_earned: 0,
        },
    })
}

fn order() -> CustomerCommand {
    let (ground, with) = (ErasureGround::SubjectRequest, vec![customer(9)]);
    CustomerCommand::OrderErasure(OrderErasure { ground, with, held: None })
}

fn confirm() -> CustomerCommand {
    CustomerCommand::ConfirmErasure(ConfirmErasure { key_count: 1, envelope_count: 2 })
}

fn code(contact_point: u32, code: &str) -> ContactPointCode {
    ContactPointCode { contact_point, code_hash: CodeHash(code.to_owned()) }
}

#[test]
fn what_was_said_is_known_from_then_on_and_said_again_it_is_nothing_new() {
    let wishes = ChangePreferences {
        channels: Some(vec![Channel::Sms]),
        unwanted_notifications: None,
        language: Some(Language::Persian),
    };
    let mut state = given([]);
    assert_eq!(
        decide(&state, change(Some("مشتری نمونه"), Some(Language::Persian), None)),
        Ok(vec![])
    );
    for command in [
        contact_point(ContactPointKind::Phone, "+982112345678"),
        change(Some("نام تازه"), None, None),
        change(None, Some(Language::English), None),
        change(None, None, Some("silver")),
        CustomerCommand::AssessValue(AssessValue { value: 7 }),
        move_tier(Some("silver"), "gold"),
        CustomerCommand::GiveConsent(consent()),
        CustomerCommand::WithdrawConsent(consent()),
        hold("1405/312"),
        CustomerCommand::ReleaseLegalHold,
        appoint(1, None),
        CustomerCommand::ChangePreferences(wishes),
        merge(1, Survivor::Standing),
    ] {
        let events = decide(&state, command.clone()).unwrap();
        assert_eq!(events.len(), 1, "{command:?}");
        state = evolved(state, &events);
        assert_eq!(decide(&state, command.clone()), Ok(vec![]), "{command:?}");
    }
    assert_eq!(state.tier.as_deref(), Some("gold"));
}

#[test]
fn a_consent_that_was_withdrawn_can_be_given_again() {
    let (give, withdraw) =
        (CustomerCommand::GiveConsent(consent()), CustomerCommand::WithdrawConsent(consent()));
    let state = given([give.clone(), withdraw]);
    assert!(state.consents.is_empty());
    assert_eq!(decide(&state, give).map(|all| all.len()), Ok(1));
}

#[test]
fn the_rules_move_a_customer_only_from_the_tier_that_they_have_seen() {
    let state = given([change(None, None, Some("silver"))]);
    assert_eq!(decide(&state, move_tier(Some("silver"), "gold")).map(|all| all.len()), Ok(1));
    assert_eq!(
        decide(&state, move_tier(Some("basic"), "gold")),
        Ok(vec![]),
        "it was changed since"
    );
    assert_eq!(decide(&state, move_tier(None, "gold")), Ok(vec![]));
    assert_eq!(decide(&state, move_tier(Some("silver"), "silver")), Ok(vec![]), "no move at all");
    let ordered = after(state, [order()]);
    assert_eq!(decide(&ordered, move_tier(Some("silver"), "gold")), Ok(vec![]));
}

#[test]
fn an_erasure_ends_what_others_may_do_at_once_and_takes_the_rest_when_it_is_done() {
    let wishes = ChangePreferences {
        channels: Some(vec![Channel::Sms]),
        unwanted_notifications: None,
        language: None,
    };
    let state = given([
        contact_point(ContactPointKind::Phone, "+982112345678"),
        CustomerCommand::GiveConsent(consent()),
        appoint(1, None),
        CustomerCommand::ChangePreferences(wishes),
        CustomerCommand::RequestVerification(code(1, "a")),
        CustomerCommand::VerifyContactPoint(code(1, "a")),
    ]);
    assert_eq!(state.sign_in_contact_point(), Some(1));
    assert_eq!(decide(&state, confirm()), Ok(vec![]), "nobody has ordered it");

    let now = "2026-03-21T08:00:00Z".parse().unwrap();
    assert!(state.is_represented_by(customer(1), CaseKind::Complaint, now));
    let ordered = after(state, [order()]);
    assert_eq!(ordered.erasure, Erasure::Ordered);
    assert!(!ordered.is_represented_by(customer(1), CaseKind::Complaint, now));
    assert!(ordered.consents.is_empty());
    assert_eq!(ordered.sign_in_contact_point(), None);
    let named = ordered.erasure_order.as_ref().map(|order| order.with.clone());
    assert_eq!(named, Some(vec![customer(9)]));

    let done = after(ordered.clone(), [confirm()]);
    assert_eq!(done.erasure, Erasure::Done);
    assert_eq!(done.name, Some(Pii::sealed()));
    assert!(done.contact_points.is_empty() && done.verifications.is_empty());
    assert!(done.channels.is_empty());
    assert_eq!(decide(&done, confirm()), Ok(vec![]), "there is one receipt");
    for state in [ordered, done] {
        assert_eq!(decide(&state, order()), Ok(vec![]), "ordered again");
        for command in [
            hold("1405/312"),
            contact_point(ContactPointKind::Phone, "+982112345679"),
            CustomerCommand::GiveConsent(consent()),
            change(Some("نام تازه"), None, None),
            appoint(2, None),
        ] {
            assert_eq!(decide(&state, command), Err(CustomerRefusal::Erased));
        }
    }
}

#[test]
fn a_hold_refuses_the_erasure_until_it_is_released_on_whichever_record_of_the_person_it_is() {
    let held = given([hold("1405/312")]);
    let matter = "1405/312".to_owned();
    assert_eq!(decide(&held, order()), Err(CustomerRefusal::LegalHold { matter: matter.clone() }));
    assert_eq!(decide(&held, hold("1405/313")).map(|all| all.len()), Ok(1), "another matter");
    let released = after(held, [CustomerCommand::ReleaseLegalHold]);
    assert_eq!(decide(&released, order()).map(|all| all.len()), Ok(1));

    let other = HeldRecord { customer_id: customer(9), matter: matter.clone() };
    let (ground, with) = (ErasureGround::Unlawful, vec![customer(9)]);
    let elsewhere = OrderErasure { ground, with, held: Some(other) };
    let elsewhere = CustomerCommand::OrderErasure(elsewhere);
    assert_eq!(
        decide(&released, elsewhere.clone()),
        Err(CustomerRefusal::RecordUnderLegalHold { customer_id: customer(9), matter })
    );
    // What is ordered already is not asked anew.
    assert_eq!(decide(&after(released, [order()]), elsewhere), Ok(vec![]));
}

#[test]
fn too_many_wrong_codes_lock_a_contact_point_and_the_right_one_in_time_verifies_it() {
    let phone = contact_point(ContactPointKind::Phone, "+982112345678");
    let request = CustomerCommand::RequestVerification(code(1, "a"));
    let say = |said| CustomerCommand::VerifyContactPoint(code(1, said));
    let wrong = |count: u32| (0..count).map(|_| say("b"));
    let sent = given([phone, request]);

    let verified = after(sent.clone(), wrong(FAILURES_MAX - 1).chain([say("a")]));
    assert_eq!(verified.sign_in_contact_point(), Some(1));
    let again = CustomerCommand::RequestVerification(code(1, "c"));
    assert_eq!(decide(&verified, again), Ok(vec![]), "there is nothing left to verify");
    // A code is good once.
    assert_eq!(decide(&verified, say("a")), Err(CustomerRefusal::VerificationCodeWrong));

    let locked = after(sent, wrong(FAILURES_MAX));
    assert_eq!(decide(&locked, say("a")), Err(CustomerRefusal::VerificationCodeWrong));
    assert_eq!(locked.sign_in_contact_point(), None);
}

#[test]
fn somebody_acts_for_a_customer_in_the_kinds_that_were_named_until_before_the_end() {
    let state = given([appoint(1, Some("2027-01-01T00:00:00Z"))]);
    let may = |number, kind, at: &str| {
        state.is_represented_by(customer(number), kind, at.parse().unwrap())
    };
    assert!(may(1, CaseKind::Complaint, "2026-12-31T23:59:59Z"));
    assert!(!may(1, CaseKind::Complaint, "2027-01-01T00:00:00Z"));
    assert!(!may(1, CaseKind::Praise, "2026-12-31T23:59:59Z"));
    assert!(!may(2, CaseKind::Complaint, "2026-12-31T23:59:59Z"));
    let representative_id = customer(1);
    let dismiss =
        CustomerCommand::DismissRepresentative(DismissRepresentative { representative_id });
    let dismissed = after(state, [dismiss]);
    let at = "2026-12-31T23:59:59Z".parse().unwrap();
    assert!(!dismissed.is_represented_by(customer(1), CaseKind::Complaint, at));
}

#[test]
fn an_undone_merge_leaves_a_record_that_can_be_merged_anew() {
    let state = given([merge(1, Survivor::Standing), unmerge()]);
    assert_eq!(decide(&state, merge(2, Survivor::Standing)).map(|all| all.len()), Ok(1));
}

#[test]
fn a_customer_has_a_bounded_number_of_contact_points() {
    let point =
        |number| contact_point(ContactPointKind::PostalAddress, &format!("خیابان {number}"));
    let almost = given((1..CONTACT_POINTS_MAX).map(point));
    let full = after(almost, [point(CONTACT_POINTS_MAX)]);
    let refused = CustomerRefusal::TooManyContactPoints { count_max: CONTACT_POINTS_MAX };
    assert_eq!(decide(&full, point(0)), Err(refused));
    assert_eq!(decide(&full, point(1)), Ok(vec![]), "it is known");
}

#[test]
fn texts_are_checked_and_the_refusal_names_the_field() {
    let reason = || Pii::new(" ".to_owned());
    let merged = given([merge(1, Survivor::Standing)]);
    for (state, command, field) in [
        (CustomerState::default(), register(" ", None), "name"),
        (CustomerState::default(), register("x", Some(" ")), "tier"),
        (registered(), change(Some(" "), None, None), "name"),
        (registered(), change(None, None, Some(" ")), "tier"),
        (registered(), contact_point(ContactPointKind::PostalAddress, " "), "value"),
        (registered(), hold(" "), "matter"),
        (
            registered(),
            CustomerCommand::Merge(MergeCustomer {
                into: customer(1),
                reason: reason(),
                survivor: Survivor::Standing,
            }),
            "reason",
        ),
        (merged, CustomerCommand::Unmerge(UnmergeCustomer { reason: reason() }), "reason"),
    ] {
        let refusal = decide(&state, command).unwrap_err();
        assert_eq!((refusal.code(), refusal.field()), ("TEXT_EMPTY", Some(field)));
    }
}
