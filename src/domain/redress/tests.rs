//! What may be done with a redress, told as given, when, then.

use jiff::Timestamp;

use super::command::{ApprovalLimit, ApproveRedress, ProposeRedress};
use super::{
    Redress, RedressCommand, RedressGround, RedressRefusal, RedressState, RedressStatus,
    RedressValue,
};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata};
use crate::id::{CaseId, CommandId, CustomerId, PostingId, derived};
use crate::money::{Currency, Money, Points};

/// Sends a command to a redress as this member of staff.
fn send(
    state: &mut RedressState,
    who: &str,
    command: RedressCommand,
) -> Result<usize, RedressRefusal> {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let command_id = CommandId(derived(&["test"]));
    let actor = Actor { kind: ActorKind::Staff, id: who.to_owned() };
    let context = Context { command_id, occurred_at: now, recorded_at: now, actor: actor.clone() };
    let events = Redress::decide(state, command, &context)?;
    for event in &events {
        let meta = Metadata {
            occurred_at: now,
            recorded_at: now,
            actor: actor.clone(),
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        };
        *state = Redress::evolve(state.clone(), event, &meta);
    }
    Ok(events.len())
}

fn propose(value: RedressValue) -> RedressCommand {
    RedressCommand::Propose(ProposeRedress {
        case_id: CaseId(derived(&["case"])),
        customer_id: CustomerId(derived(&["customer"])),
        value,
        ground: RedressGround::Delay,
    })
}

fn rials(minor_units: i64) -> RedressValue {
    RedressValue::Money(Money::new(minor_units, Currency::new("IRR").unwrap()))
}

fn approve(limit: Option<ApprovalLimit>) -> RedressCommand {
    RedressCommand::Approve(ApproveRedress { limit })
}

fn paid() -> RedressCommand {
    RedressCommand::ConfirmPaid(PostingId::of_system("redress", derived(&["redress"])))
}

#[test]
fn a_redress_goes_from_proposal_over_approval_and_acceptance_to_payment_and_each_step_is_once() {
    let mut state = RedressState::default();
    assert_eq!(send(&mut state, "a", approve(None)), Err(RedressRefusal::NotFound));
    assert_eq!(send(&mut state, "a", propose(rials(500))), Ok(1));
    let again = send(&mut state, "a", propose(rials(500)));
    assert_eq!(again, Err(RedressRefusal::AlreadyProposed));
    for (who, command) in [("b", approve(None)), ("c", RedressCommand::Accept), ("system", paid())]
    {
        assert_eq!(send(&mut state, who, command.clone()), Ok(1), "{command:?}");
        assert_eq!(send(&mut state, who, command), Ok(0));
    }
    assert_eq!(state.status, Some(RedressStatus::Paid));
    let late = send(&mut state, "c", RedressCommand::Decline);
    assert_eq!(late, Err(RedressRefusal::NotNow { status: RedressStatus::Paid }));
}

#[test]
fn nothing_is_accepted_or_paid_that_was_not_approved_and_accepted() {
    let mut state = RedressState::default();
    send(&mut state, "a", propose(rials(500))).unwrap();
    let not_now = |status| Err(RedressRefusal::NotNow { status });
    assert_eq!(send(&mut state, "c", RedressCommand::Accept), not_now(RedressStatus::Proposed));
    assert_eq!(send(&mut state, "s", paid()), not_now(RedressStatus::Proposed));
    send(&mut state, "b", RedressCommand::Reject).unwrap();
    assert_eq!(send(&mut state, "b", approve(None)), not_now(RedressStatus::Rejected));

    let mut state = RedressState::default();
    send(&mut state, "a", propose(rials(500))).unwrap();
    send(&mut state, "b", approve(None)).unwrap();
    send(&mut state, "c", RedressCommand::Decline).unwrap();
    assert_eq!(send(&mut state, "s", paid()), not_now(RedressStatus::Declined));
}

#[test]
fn a_role_approves_up_to_its_limit_and_nobody_their_own_proposal() {
    let limit = |points, rials| ApprovalLimit {
        points,
        money: [(Currency::new("IRR").unwrap(), rials)].into(),
    };
    let euros = RedressValue::Money(Money::new(1, Currency::new("EUR").unwrap()));
    let points = |points| RedressValue::Points(Points(points));
    for (value, allowed) in [
        (rials(500), true),
        (rials(501), false),
        (euros, false),
        (points(10), true),
        (points(11), false),
    ] {
        let mut state = RedressState::default();
        send(&mut state, "a", propose(value)).unwrap();
        let own = send(&mut state, "a", approve(None));
        assert_eq!(own, Err(RedressRefusal::OwnProposal));
        let approved = send(&mut state, "b", approve(Some(limit(10, 500))));
        assert_eq!(approved.is_ok(), allowed, "{value:?} {approved:?}");
        if !allowed {
            assert_eq!(approved, Err(RedressRefusal::AboveLimit));
            assert_eq!(send(&mut state, "supervisor", approve(None)), Ok(1));
        }
    }
}

#[test]
fn a_redress_is_worth_something() {
    for value in [rials(0), rials(-5), rials(i64::MAX), RedressValue::Points(Points(0))] {
        let refused = send(&mut RedressState::default(), "a", propose(value));
        assert_eq!(refused, Err(RedressRefusal::ValueInvalid));
    }
}
