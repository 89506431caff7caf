//! What a unit does with a case that was handed to it: it accepts it, or sends it back with a reason. Where it does neither until the
//! time that it was given, the case is escalated to the unit's owner, where somebody has named one: a reaction
//! (`src/command/promise_monitor.rs`) says so in the log.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::Status;
use super::decide::{check, unfinished};
use super::error::CaseRefusal;
use super::event::CaseEvent;
use super::state::CaseState;
use crate::id::{StaffId, UnitId};
use crate::pii::Pii;
use crate::text;

/// The unit takes the case on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReferralAccepted {}

/// The unit sent the case back to where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReferralReturned {
    /// The unit that sent it back.
    pub from_unit: UnitId,
    /// The unit that owns it again; absent when it waits at intake again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Why.
    pub reason: Pii<String>,
}

/// The unit let the time pass that it was given, and its owner was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReferralEscalated {
    /// The unit.
    pub unit: UnitId,
    /// When it should have answered.
    pub due_at: Timestamp,
    /// The owner who answers for it.
    pub to: StaffId,
    /// The unit that they own: the nearest one above, where the unit itself has no owner.
    pub owner_of: UnitId,
}

/// What may be asked about a referral.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ReferralCommand {
    /// Take the case on.
    Accept,
    /// Send it back.
    Return(ReturnReferral),
    /// Say that its time has passed.
    Escalate(ReferralEscalated),
}

impl ReferralCommand {
    /// The command's name, for those who run the program.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept => "accept_referral",
            Self::Return(_) => "return_referral",
            Self::Escalate(_) => "escalate_referral",
        }
    }
}

/// Send it back.
#[derive(Clone, Debug, Serialize)]
pub struct ReturnReferral {
    /// Why.
    pub reason: Pii<String>,
}

/// A referral that the unit has not sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// The unit that owned the case before.
    pub from_unit: Option<UnitId>,
    /// When the unit must have answered.
    pub answer_due_at: Option<Timestamp>,
    /// Whether it took the case on, or resolved it.
    pub accepted: bool,
    /// Whether its owner was told that the time has passed.
    pub escalated: bool,
}

/// The last referral of a case, after an event.
pub fn evolve(referral: &mut Option<Referral>, event: &CaseEvent) {
    match event {
        CaseEvent::Referred(referred) => {
            *referral = Some(Referral {
                from_unit: referred.from_unit.clone(),
                answer_due_at: referred.answer_due_at,
                accepted: false,
                escalated: false,
            });
        }
        CaseEvent::ReferralAccepted(_) | CaseEvent::Resolved(_) => {
            referral.iter_mut().for_each(|referral| referral.accepted = true);
        }
        CaseEvent::ReferralReturned(_) => *referral = None,
        CaseEvent::ReferralEscalated(_) => {
            referral.iter_mut().for_each(|referral| referral.escalated = true);
        }
        _ => {}
    }
}

/// What follows from a command on a case that was opened.
pub fn decide(
    state: &CaseState,
    status: Status,
    command: ReferralCommand,
) -> Result<Vec<CaseEvent>, CaseRefusal> {
    match command {
        ReferralCommand::Accept => {
            unfinished(status)?;
            let referral = state.referral.as_ref().ok_or(CaseRefusal::NotReferred)?;
            Ok(if referral.accepted { vec![] } else { vec![ReferralAccepted {}.into()] })
        }
        ReferralCommand::Return(ReturnReferral { reason }) => {
            unfinished(status)?;
            check("reason", text::check_personal_body(&reason))?;
            let (Some(referral), Some(unit)) = (&state.referral, &state.unit) else {
                return Err(CaseRefusal::NotReferred);
            };
            if referral.accepted {
                return Err(CaseRefusal::ReferralAccepted);
            }
            let (from_unit, unit) = (unit.clone(), referral.from_unit.clone());
            Ok(vec![ReferralReturned { from_unit, unit, reason }.into()])
        }
        // What the monitor saw may have changed before it came here: then there is nothing to say.
        ReferralCommand::Escalate(escalated) => {
            let is_overdue = unfinished(status).is_ok()
                && state.merged.is_none()
                && state.unit.as_ref() == Some(&escalated.unit)
                && state.referral.as_ref().is_some_and(|referral| {
                    let due = referral.answer_due_at == Some(escalated.due_at);
                    due && !referral.accepted && !referral.escalated
                });
            Ok(if is_overdue { vec![escalated.into()] } else { vec![] })
        }
    }
}
