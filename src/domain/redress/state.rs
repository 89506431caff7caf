//! What a decision needs to know of a redress, and how each event changes it.

use super::event::{RedressEvent, RedressProposed, RedressStatus};
use crate::decider::{Actor, Metadata};

/// What a decision needs to know of a redress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedressState {
    /// What was proposed, and by whom; `None` before that.
    pub proposed: Option<(RedressProposed, Actor)>,
    /// How far it has come.
    pub status: Option<RedressStatus>,
}

impl RedressState {
    /// The state after the event.
    pub fn evolve(mut self, event: &RedressEvent, meta: &Metadata) -> Self {
        if let RedressEvent::Proposed(proposed) = event {
            self.proposed = Some((proposed.clone(), meta.actor.clone()));
        }
        self.status = Some(event.status());
        self
    }
}

impl RedressEvent {
    /// How far the redress has come with this event.
    pub fn status(&self) -> RedressStatus {
        match self {
            Self::Proposed(_) => RedressStatus::Proposed,
            Self::Approved(_) => RedressStatus::Approved,
            Self::Rejected(_) => RedressStatus::Rejected,
            Self::Accepted(_) => RedressStatus::Accepted,
            Self::Declined(_) => RedressStatus::Declined,
            Self::Paid(_) => RedressStatus::Paid,
        }
    }
}
