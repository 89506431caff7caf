//! What may be asked of a card.

use serde::Serialize;

use super::attribute::BlockReason;
use crate::id::{CardId, CustomerId};
use crate::pii::Pii;

/// What may be asked of a card.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CardCommand {
    /// Issue it to a customer.
    Issue(IssueCard),
    /// Let its holder use it.
    Activate,
    /// Let nobody use it any more.
    Block(BlockCard),
    /// Let another card take its place.
    Replace(ReplaceCard),
    /// Let its time be over.
    Expire,
}

/// Issue a card.
#[derive(Clone, Debug, Serialize)]
pub struct IssueCard {
    /// Its holder.
    pub customer_id: CustomerId,
    /// Its sixteen digits, from which the name of its stream follows.
    pub number: Pii<String>,
    /// The card whose place it takes.
    pub replaces: Option<CardId>,
}

/// Block a card.
#[derive(Clone, Debug, Serialize)]
pub struct BlockCard {
    /// Why.
    pub reason: BlockReason,
}

/// Replace a card.
#[derive(Clone, Debug, Serialize)]
pub struct ReplaceCard {
    /// The card that takes its place.
    pub by: CardId,
}
