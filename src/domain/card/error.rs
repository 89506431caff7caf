//! Why a command on a card may be refused.

use crate::decider::Refusal;

/// Why a command on a card was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardRefusal {
    /// No such card, or none that the caller may know of.
    #[error("there is no such card")]
    NotFound,
    /// The number is another card's.
    #[error("a card has this number already")]
    NumberTaken,
    /// It cannot be used any more.
    #[error("the card is blocked: replace it")]
    Blocked,
    /// Another card has taken its place.
    #[error("another card has taken the place of this one")]
    Replaced,
    /// Its time is over.
    #[error("the card has expired: issue another one")]
    Expired,
}

impl Refusal for CardRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CARD_NOT_FOUND",
            Self::NumberTaken => "CARD_NUMBER_TAKEN",
            Self::Blocked => "CARD_BLOCKED",
            Self::Replaced => "CARD_REPLACED",
            Self::Expired => "CARD_EXPIRED",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NumberTaken => Some("number"),
            _ => None,
        }
    }
}
