//! Why a command on a fee may be refused.

use super::event::FeeStatus;
use crate::decider::Refusal;

/// Why a command on a fee was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeRefusal {
    /// No such fee, or none that the caller may know of.
    #[error("there is no such fee")]
    NotFound,
    /// The id is taken.
    #[error("the fee is assessed already")]
    AlreadyAssessed,
    /// The case is a complaint.
    #[error("complaints are free of charge")]
    OnComplaint,
    /// Zero, or less, or more than an account holds.
    #[error("money must be above zero, and no more than an account holds")]
    AmountInvalid,
    /// It stands otherwise.
    #[error("this fee is {status}")]
    NotNow {
        /// How it stands.
        status: FeeStatus,
    },
}

impl Refusal for FeeRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "FEE_NOT_FOUND",
            Self::AlreadyAssessed => "FEE_ALREADY_ASSESSED",
            Self::OnComplaint => "FEE_ON_COMPLAINT",
            Self::AmountInvalid => "FEE_AMOUNT_INVALID",
            Self::NotNow { .. } => "FEE_NOT_NOW",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("fee_id"),
            Self::OnComplaint => Some("case_id"),
            Self::AmountInvalid => Some("money"),
            _ => None,
        }
    }
}
