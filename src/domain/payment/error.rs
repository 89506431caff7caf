//! Why a command on a payment may be refused.

use super::event::PaymentStatus;
use crate::decider::Refusal;

/// Why a command on a payment was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentRefusal {
    /// No such payment, or none that the caller may know of.
    #[error("there is no such payment")]
    NotFound,
    /// The id is taken.
    #[error("the payment is requested already")]
    AlreadyRequested,
    /// Zero, or less, or more than an account holds.
    #[error("money must be above zero, and no more than an account holds")]
    AmountInvalid,
    /// What came is not what was asked for.
    #[error("another amount was asked for than came")]
    AmountDiffers,
    /// It was confirmed under another reference.
    #[error("the payment was confirmed under another reference")]
    ReferenceDiffers,
    /// It stands otherwise.
    #[error("this payment is {status}")]
    NotNow {
        /// How it stands.
        status: PaymentStatus,
    },
}

impl Refusal for PaymentRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "PAYMENT_NOT_FOUND",
            Self::AlreadyRequested => "PAYMENT_ALREADY_REQUESTED",
            Self::AmountInvalid => "PAYMENT_AMOUNT_INVALID",
            Self::AmountDiffers => "PAYMENT_AMOUNT_DIFFERS",
            Self::ReferenceDiffers => "PAYMENT_REFERENCE_DIFFERS",
            Self::NotNow { .. } => "PAYMENT_NOT_NOW",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("payment_id"),
            Self::AmountInvalid | Self::AmountDiffers => Some("money"),
            Self::ReferenceDiffers => Some("reference"),
            Self::AlreadyRequested | Self::NotNow { .. } => None,
        }
    }
}
