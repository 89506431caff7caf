//! What may be done with a payment, told as given, when, then.

use jiff::{SignedDuration, Timestamp};

use super::command::{ConfirmPayment, RequestPayment};
use super::decide::LIFE;
use super::{
    Payment, PaymentCommand, PaymentEvent, PaymentFailure, PaymentPurpose, PaymentRefusal,
    PaymentState, PaymentStatus,
};
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata};
use crate::id::{CommandId, CustomerId, ProviderId, ProviderReference, derived};
use crate::money::{Currency, MINOR_UNITS_MAX, Money};

fn begin() -> Timestamp {
    "2026-03-21T08:00:00Z".parse().unwrap()
}

fn rials(minor_units: i64) -> Money {
    Money::new(minor_units, Currency::new("IRR").unwrap())
}

fn request(minor_units: i64) -> PaymentCommand {
    PaymentCommand::Request(RequestPayment {
        customer_id: CustomerId(derived(&["customer"])),
        money: rials(minor_units),
        purpose: PaymentPurpose::TopUp,
        provider: ProviderId::new("demo").unwrap(),
    })
}

fn confirm(minor_units: i64, reference: &str) -> PaymentCommand {
    let provider_reference = ProviderReference::new(reference).unwrap();
    PaymentCommand::Confirm(ConfirmPayment { money: rials(minor_units), provider_reference })
}

fn refunded() -> PaymentCommand {
    PaymentCommand::ConfirmRefund(ProviderReference::new("back-1").unwrap())
}

fn send_at(
    state: &mut PaymentState,
    now: Timestamp,
    command: PaymentCommand,
) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
    let actor = Actor { kind: ActorKind::System, id: "payments".to_owned() };
    let command_id = CommandId(derived(&["test"]));
    let context = Context { command_id, occurred_at: now, recorded_at: now, actor: actor.clone() };
    let events = Payment::decide(state, command, &context)?;
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
        *state = Payment::evolve(state.clone(), event, &meta);
    }
    Ok(events)
}

fn send(state: &mut PaymentState, command: PaymentCommand) -> Result<usize, PaymentRefusal> {
    send_at(state, begin(), command).map(|events| events.len())
}

/// A payment of 700 rials to which this has happened.
fn after(commands: &[PaymentCommand]) -> PaymentState {
    let mut state = PaymentState::default();
    send(&mut state, request(700)).unwrap();
    for command in commands {
        send(&mut state, command.clone()).unwrap();
    }
    state
}

#[test]
fn in_whatever_order_callbacks_come_money_that_came_is_confirmed_once() {
    let fail = PaymentCommand::Fail(PaymentFailure::Declined);
    let paid = confirm(700, "demo-1");
    let orders: [&[&PaymentCommand]; 4] =
        [&[&paid, &paid], &[&fail, &paid], &[&paid, &fail], &[&fail, &fail, &paid, &paid, &fail]];
    for order in orders {
        let mut state = after(&[]);
        let mut confirmed = 0;
        for command in order {
            if let Ok(events) = send_at(&mut state, begin(), (*command).clone()) {
                let is_confirmed =
                    |event: &&PaymentEvent| matches!(event, PaymentEvent::Confirmed(_));
                confirmed += events.iter().filter(is_confirmed).count();
            }
        }
        assert_eq!((state.status, confirmed), (Some(PaymentStatus::Confirmed), 1), "{order:?}");
    }
}

#[test]
fn another_amount_or_another_reference_is_refused() {
    assert_eq!(send(&mut after(&[]), confirm(699, "demo-1")), Err(PaymentRefusal::AmountDiffers));
    let mut confirmed = after(&[confirm(700, "demo-1")]);
    let refused = send(&mut confirmed, confirm(700, "demo-2"));
    assert_eq!(refused, Err(PaymentRefusal::ReferenceDiffers));
    for wrong in [0, -1, MINOR_UNITS_MAX + 1] {
        let refused = send(&mut PaymentState::default(), request(wrong));
        assert_eq!(refused, Err(PaymentRefusal::AmountInvalid));
    }
}

#[test]
fn a_payment_is_requested_once() {
    assert_eq!(send(&mut after(&[]), request(700)), Err(PaymentRefusal::AlreadyRequested));
}

#[test]
fn a_payment_expires_when_its_time_is_over_and_money_that_comes_later_counts() {
    let mut state = after(&[]);
    let end = begin().saturating_add(LIFE).unwrap();
    let before = end - SignedDuration::from_micros(1);
    assert_eq!(send_at(&mut state, before, PaymentCommand::Expire), Ok(vec![]));
    assert_eq!(send_at(&mut state, end, PaymentCommand::Expire).unwrap().len(), 1);
    assert_eq!(state.status, Some(PaymentStatus::Expired));
    assert_eq!(send(&mut state, confirm(700, "demo-1")), Ok(1));
    assert_eq!(state.status, Some(PaymentStatus::Confirmed));
}

#[test]
fn each_step_of_a_refund_has_its_moment_and_happens_once() {
    use PaymentStatus::{Confirmed, Expired, Failed, RefundRequested, Refunded, Requested};
    let paid = confirm(700, "demo-1");
    let states = [
        (Requested, after(&[])),
        (Failed, after(&[PaymentCommand::Fail(PaymentFailure::Technical)])),
        (Expired, PaymentState { status: Some(Expired), ..after(&[]) }),
        (Confirmed, after(std::slice::from_ref(&paid))),
        (RefundRequested, after(&[paid.clone(), PaymentCommand::Refund])),
        (Refunded, after(&[paid, PaymentCommand::Refund, refunded()])),
    ];
    // How many events follow, by how the payment stands; `None` where it is refused.
    let table = [
        (PaymentCommand::Refund, [None, None, None, Some(1), Some(0), Some(0)]),
        (PaymentCommand::DeclineRefund, [None, None, None, Some(0), Some(1), Some(0)]),
        (refunded(), [None, None, None, Some(1), Some(1), Some(0)]),
    ];
    for (command, row) in table {
        for ((status, state), expected) in states.iter().zip(row) {
            let decided = send(&mut state.clone(), command.clone());
            let expected = expected.ok_or(PaymentRefusal::NotNow { status: *status });
            assert_eq!(decided, expected, "{command:?} {status}");
        }
        assert_eq!(send(&mut PaymentState::default(), command), Err(PaymentRefusal::NotFound));
    }
}
