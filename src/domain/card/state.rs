//! What a decision needs to know of a card, and how each event changes it.

use super::attribute::CardStatus;
use super::event::CardEvent;
use crate::id::{CardId, CustomerId};

/// What a decision needs to know of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CardState {
    /// How it stands; `None` before it is issued.
    pub status: Option<CardStatus>,
    /// Its holder; `None` before it is issued.
    pub customer_id: Option<CustomerId>,
    /// The card that took its place.
    pub replaced_by: Option<CardId>,
}

impl CardState {
    /// The state after the event.
    pub fn evolve(mut self, event: &CardEvent) -> Self {
        self.status = Some(match event {
            CardEvent::Issued(issued) => {
                self.customer_id = Some(issued.customer_id);
                CardStatus::Issued
            }
            CardEvent::Activated(_) => CardStatus::Active,
            CardEvent::Blocked(_) => CardStatus::Blocked,
            CardEvent::Replaced(replaced) => {
                self.replaced_by = Some(replaced.by);
                CardStatus::Replaced
            }
            CardEvent::Expired(_) => CardStatus::Expired,
        });
        self
    }

    /// The holder who may sign in with it: of an active card alone.
    pub fn active_holder(&self) -> Option<CustomerId> {
        self.customer_id.filter(|_| self.status == Some(CardStatus::Active))
    }
}
