//! What may be done with a fee, told as given, when, then.

use jiff::Timestamp;

use super::command::AssessFee;
use super::{Fee, FeeCommand, FeeEvent, FeeRefusal, FeeState, FeeStatus, WaiverGround};
use crate::case::CaseKind;
use crate::decider::{Actor, ActorKind, Context, Decider, Metadata};
use crate::id::{CaseId, CommandId, CustomerId, PostingId, TariffId, derived};
use crate::money::{Currency, Money};

fn decide(status: Option<FeeStatus>, command: FeeCommand) -> Result<Vec<FeeEvent>, FeeRefusal> {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let actor = Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() };
    let command_id = CommandId(derived(&["test"]));
    let context = Context { command_id, occurred_at: now, recorded_at: now, actor };
    Fee::decide(&FeeState { status }, command, &context)
}

fn assess(case_kind: CaseKind, minor_units: i64) -> FeeCommand {
    FeeCommand::Assess(AssessFee {
        case_id: CaseId(derived(&["case"])),
        case_kind,
        customer_id: CustomerId(derived(&["customer"])),
        money: Money::new(minor_units, Currency::new("IRR").unwrap()),
        tariff: TariffId::new("card-replacement").unwrap(),
    })
}

#[test]
fn no_fee_is_ever_assessed_on_a_complaint_and_any_other_matter_may_cost_something() {
    for kind in CaseKind::ALL {
        let expected = match kind {
            CaseKind::Complaint => Err(FeeRefusal::OnComplaint),
            _ => Ok(1),
        };
        assert_eq!(decide(None, assess(*kind, 500)).map(|events| events.len()), expected, "{kind}");
    }
    for wrong in [0, -1, i64::MAX] {
        let refused = decide(None, assess(CaseKind::Request, wrong));
        assert_eq!(refused, Err(FeeRefusal::AmountInvalid));
    }
}

#[test]
fn each_step_of_a_fee_has_its_moment_and_happens_once() {
    use FeeStatus::{Assessed, Paid, Refunded, Waived};
    let paid = FeeCommand::ConfirmPaid(PostingId::of_system("fee", derived(&["fee"])));
    let waive = FeeCommand::Waive(WaiverGround::Hardship);
    // How many events follow, by how the fee stands; `None` where it is refused.
    let table = [
        (waive, [(Assessed, Some(1)), (Waived, Some(0)), (Paid, None), (Refunded, None)]),
        (paid, [(Assessed, Some(1)), (Waived, None), (Paid, Some(0)), (Refunded, Some(0))]),
        (
            FeeCommand::Refund,
            [(Assessed, None), (Waived, None), (Paid, Some(1)), (Refunded, Some(0))],
        ),
    ];
    for (command, row) in table {
        for (status, expected) in row {
            let decided = decide(Some(status), command.clone()).map(|events| events.len());
            let expected = expected.ok_or(FeeRefusal::NotNow { status });
            assert_eq!(decided, expected, "{command:?} {status}");
        }
        assert_eq!(decide(None, command), Err(FeeRefusal::NotFound));
    }
    let again = decide(Some(Assessed), assess(CaseKind::Request, 500));
    assert_eq!(again, Err(FeeRefusal::AlreadyAssessed));
}

#[test]
fn how_a_fee_stands_follows_from_what_happened_to_it() {
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let meta = Metadata {
        occurred_at: now,
        recorded_at: now,
        actor: Actor { kind: ActorKind::Staff, id: "agent-1".to_owned() },
        causation_id: CommandId(derived(&["test"])),
        correlation_id: derived(&["test"]),
        command_digest: None,
        personal: None,
    };
    let paid = FeeCommand::ConfirmPaid(PostingId::of_system("fee", derived(&["fee"])));
    let mut state = FeeState::default();
    for (command, status) in [
        (assess(CaseKind::Request, 500), FeeStatus::Assessed),
        (paid, FeeStatus::Paid),
        (FeeCommand::Refund, FeeStatus::Refunded),
    ] {
        for event in decide(state.status, command).unwrap() {
            state = Fee::evolve(state, &event, &meta);
        }
        assert_eq!(state.status, Some(status));
    }
}
