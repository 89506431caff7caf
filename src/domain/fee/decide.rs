//! What may be done with a fee.

use super::Fee;
use super::command::{AssessFee, FeeCommand};
use super::error::FeeRefusal;
use super::event::{FeeAssessed, FeeEvent, FeePaid, FeeRefunded, FeeStatus, FeeWaived};
use super::state::FeeState;
use crate::case::CaseKind;
use crate::decider::{Context, Decider, Metadata};
use crate::money::MINOR_UNITS_MAX;

/// The kind of the postings that pay fees.
pub const POSTING_KIND: &str = "fee";
/// The kind of the postings that give back what fees have cost.
pub const RETURN_KIND: &str = "fee-return";

impl Decider for Fee {
    type Command = FeeCommand;
    type Event = FeeEvent;
    type State = FeeState;
    type Refusal = FeeRefusal;

    const CATEGORY: &'static str = "fee";

    fn name(command: &FeeCommand) -> &'static str {
        match command {
            FeeCommand::Assess(_) => "assess",
            FeeCommand::Waive(_) => "waive",
            FeeCommand::ConfirmPaid(_) => "confirm_paid",
            FeeCommand::Refund => "refund",
        }
    }

    fn decide(
        state: &FeeState,
        command: FeeCommand,
        _context: &Context,
    ) -> Result<Vec<FeeEvent>, FeeRefusal> {
        let Some(status) = state.status else {
            return match command {
                FeeCommand::Assess(assess) => assessed(assess),
                _ => Err(FeeRefusal::NotFound),
            };
        };
        let event = match (command, status) {
            (FeeCommand::Assess(_), _) => return Err(FeeRefusal::AlreadyAssessed),
            (FeeCommand::Waive(ground), FeeStatus::Assessed) => FeeWaived { ground }.into(),
            (FeeCommand::ConfirmPaid(posting_id), FeeStatus::Assessed) => {
                FeePaid { posting_id }.into()
            }
            (FeeCommand::Refund, FeeStatus::Paid) => FeeRefunded {}.into(),
            // What was done is done.
            (FeeCommand::Waive(_), FeeStatus::Waived)
            | (FeeCommand::ConfirmPaid(_), FeeStatus::Paid | FeeStatus::Refunded)
            | (FeeCommand::Refund, FeeStatus::Refunded) => return Ok(vec![]),
            _ => return Err(FeeRefusal::NotNow { status }),
        };
        Ok(vec![event])
    }

    fn evolve(state: FeeState, event: &FeeEvent, meta: &Metadata) -> FeeState {
        state.evolve(event, meta)
    }
}

fn assessed(assess: AssessFee) -> Result<Vec<FeeEvent>, FeeRefusal> {
    let AssessFee { case_id, case_kind, customer_id, money, tariff } = assess;
    if case_kind == CaseKind::Complaint {
        return Err(FeeRefusal::OnComplaint);
    }
    if !(1..=MINOR_UNITS_MAX).contains(&money.minor_units) {
        return Err(FeeRefusal::AmountInvalid);
    }
    Ok(vec![FeeAssessed { case_id, customer_id, money, tariff }.into()])
}
