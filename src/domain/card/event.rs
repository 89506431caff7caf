//! What may happen to a card.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::BlockReason;
use crate::event::events;
use crate::id::{CardId, CustomerId};
use crate::pii::Pii;

events! {
    /// What may happen to a card.
    pub enum CardEvent, upcast by &[] => {
        /// It was issued to a customer.
        Issued(CardIssued) = "CardIssued" v 1,
        /// Its holder can use it from now on.
        Activated(CardActivated) = "CardActivated" v 1,
        /// It cannot be used any more.
        Blocked(CardBlocked) = "CardBlocked" v 1,
        /// Another card has taken its place.
        Replaced(CardReplaced) = "CardReplaced" v 1,
        /// Its time is over.
        Expired(CardExpired) = "CardExpired" v 1,
    }
}

/// It was issued to a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardIssued {
    /// Its holder.
    pub customer_id: CustomerId,
    /// Its sixteen digits.
    pub number: Pii<String>,
    /// The card whose place it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<CardId>,
}

/// Its holder can use it from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardActivated {}

/// It cannot be used any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardBlocked {
    /// Why.
    pub reason: BlockReason,
}

/// Another card has taken its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardReplaced {
    /// The other card.
    pub by: CardId,
}

/// Its time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CardExpired {}
