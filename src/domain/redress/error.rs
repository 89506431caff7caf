//! Why a command on a redress may be refused.

use super::event::RedressStatus;
use crate::decider::Refusal;

/// Why a command on a redress was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedressRefusal {
    /// No such redress, or none that the caller may know of.
    #[error("there is no such redress")]
    NotFound,
    /// The id is taken.
    #[error("the redress is proposed already")]
    AlreadyProposed,
    /// Zero, or less, or more than an account holds.
    #[error("value must be above zero, and no more than an account holds")]
    ValueInvalid,
    /// It has come too far, or not far enough.
    #[error("this redress is {status}")]
    NotNow {
        /// How far it has come.
        status: RedressStatus,
    },
    /// More than the approver's role may approve.
    #[error("this is more than your role may approve: ask a supervisor")]
    AboveLimit,
    /// Whoever proposes does not approve.
    #[error("whoever proposed a redress does not approve it: ask somebody else")]
    OwnProposal,
}

impl Refusal for RedressRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "REDRESS_NOT_FOUND",
            Self::AlreadyProposed => "REDRESS_ALREADY_PROPOSED",
            Self::ValueInvalid => "REDRESS_VALUE_INVALID",
            Self::NotNow { .. } => "REDRESS_NOT_NOW",
            Self::AboveLimit => "REDRESS_ABOVE_LIMIT",
            Self::OwnProposal => "REDRESS_OWN_PROPOSAL",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("redress_id"),
            Self::ValueInvalid => Some("value"),
            _ => None,
        }
    }
}
