//! What may be done with a redress.

use super::Redress;
use super::command::{ProposeRedress, RedressCommand};
use super::error::RedressRefusal;
use super::event::{
    RedressAccepted, RedressApproved, RedressDeclined, RedressEvent, RedressPaid, RedressProposed,
    RedressRejected, RedressStatus, RedressValue,
};
use super::state::RedressState;
use crate::decider::{Context, Decider, Metadata};
use crate::money::{MINOR_UNITS_MAX, POINTS_MAX};

/// The kind of the postings that pay redress.
pub const POSTING_KIND: &str = "redress";

impl Decider for Redress {
    type Command = RedressCommand;
    type Event = RedressEvent;
    type State = RedressState;
    type Refusal = RedressRefusal;

    const CATEGORY: &'static str = "redress";

    fn name(command: &RedressCommand) -> &'static str {
        match command {
            RedressCommand::Propose(_) => "propose",
            RedressCommand::Approve(_) => "approve",
            RedressCommand::Reject => "reject",
            RedressCommand::Accept => "accept",
            RedressCommand::Decline => "decline",
            RedressCommand::ConfirmPaid(_) => "confirm_paid",
        }
    }

    fn decide(
        state: &RedressState,
        command: RedressCommand,
        context: &Context,
    ) -> Result<Vec<RedressEvent>, RedressRefusal> {
        use RedressStatus::{Accepted, Approved, Declined, Paid, Proposed, Rejected};
        let Some(((redress, proposer), status)) = state.proposed.as_ref().zip(state.status) else {
            return match command {
                RedressCommand::Propose(propose) => proposed(propose),
                _ => Err(RedressRefusal::NotFound),
            };
        };
        let event = match (command, status) {
            (RedressCommand::Propose(_), _) => return Err(RedressRefusal::AlreadyProposed),
            (RedressCommand::Approve(_), Proposed) if *proposer == context.actor => {
                return Err(RedressRefusal::OwnProposal);
            }
            (RedressCommand::Approve(approve), Proposed) => {
                if approve.limit.is_some_and(|limit| !limit.allows(redress.value)) {
                    return Err(RedressRefusal::AboveLimit);
                }
                RedressApproved {}.into()
            }
            (RedressCommand::Reject, Proposed) => RedressRejected {}.into(),
            (RedressCommand::Accept, Approved) => RedressAccepted {}.into(),
            (RedressCommand::Decline, Approved) => RedressDeclined {}.into(),
            (RedressCommand::ConfirmPaid(posting_id), Accepted) => {
                RedressPaid { posting_id }.into()
            }
            // What was done is done.
            (RedressCommand::Approve(_), Approved)
            | (RedressCommand::Reject, Rejected)
            | (RedressCommand::Accept, Accepted | Paid)
            | (RedressCommand::Decline, Declined)
            | (RedressCommand::ConfirmPaid(_), Paid) => return Ok(vec![]),
            _ => return Err(RedressRefusal::NotNow { status }),
        };
        Ok(vec![event])
    }

    fn evolve(state: RedressState, event: &RedressEvent, meta: &Metadata) -> RedressState {
        state.evolve(event, meta)
    }
}

fn proposed(propose: ProposeRedress) -> Result<Vec<RedressEvent>, RedressRefusal> {
    let ProposeRedress { case_id, customer_id, value, ground } = propose;
    let (amount, bound) = match value {
        RedressValue::Money(money) => (money.minor_units, MINOR_UNITS_MAX),
        RedressValue::Points(points) => (points.0, POINTS_MAX),
    };
    if !(1..=bound).contains(&amount) {
        return Err(RedressRefusal::ValueInvalid);
    }
    Ok(vec![RedressProposed { case_id, customer_id, value, ground }.into()])
}
