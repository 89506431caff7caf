//! Why a posting may be refused.

use super::decide::LOTS_MAX;
use crate::decider::Refusal;
use crate::money::{Money, Points};

/// Why a posting was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// Zero, or less.
    #[error("{field} must be above zero")]
    NotPositive {
        /// The command's field.
        field: &'static str,
    },
    /// More points than there are.
    #[error("the account has {points} points")]
    PointsTooFew {
        /// How many there are.
        points: Points,
    },
    /// More credit than there is.
    #[error("the account has a credit of {credit}")]
    CreditTooLow {
        /// How much there is.
        credit: Money,
    },
    /// The balance would be beyond what an account holds.
    #[error("the balance would be larger than an account holds")]
    BalanceTooHigh {
        /// The command's field.
        field: &'static str,
    },
    /// More lots than an account holds.
    #[error("an account has at most {LOTS_MAX} lots of points that are not used up")]
    TooManyLots,
    /// The points would have expired before they are earned.
    #[error("expires_at must lie in the future")]
    ExpiryPassed,
    /// The posting's id was used for something else.
    #[error("this posting id was used for another posting; a new posting has a new id")]
    PostingReused,
    /// There is no such posting.
    #[error("the account has no posting of this id")]
    PostingUnknown,
    /// It was reversed already.
    #[error("the posting was reversed already")]
    PostingReversed,
    /// An expiry or a reversal.
    #[error("an expiry and a reversal cannot be reversed: post anew what is to be given")]
    PostingFinal,
}

impl Refusal for AccountRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotPositive { .. } => "AMOUNT_NOT_POSITIVE",
            Self::PointsTooFew { .. } => "POINTS_TOO_FEW",
            Self::CreditTooLow { .. } => "CREDIT_TOO_LOW",
            Self::BalanceTooHigh { .. } => "BALANCE_TOO_HIGH",
            Self::TooManyLots => "TOO_MANY_LOTS",
            Self::ExpiryPassed => "EXPIRY_PASSED",
            Self::PostingReused => "POSTING_REUSED",
            Self::PostingUnknown => "POSTING_UNKNOWN",
            Self::PostingReversed => "POSTING_REVERSED",
            Self::PostingFinal => "POSTING_FINAL",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotPositive { field } | Self::BalanceTooHigh { field } => Some(field),
            Self::PointsTooFew { .. } => Some("points"),
            Self::CreditTooLow { .. } => Some("money"),
            Self::ExpiryPassed => Some("expires_at"),
            Self::PostingReused => Some("posting_id"),
            Self::PostingUnknown | Self::PostingReversed | Self::PostingFinal => Some("reversed"),
            Self::TooManyLots => None,
        }
    }
}
