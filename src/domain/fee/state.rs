//! What a decision needs to know of a fee, and how each event changes it.

use super::event::{FeeEvent, FeeStatus};
use crate::decider::Metadata;

/// What a decision needs to know of a fee.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeeState {
    /// How it stands; `None` before it is assessed.
    pub status: Option<FeeStatus>,
}

impl FeeState {
    /// The state after the event.
    pub fn evolve(mut self, event: &FeeEvent, _meta: &Metadata) -> Self {
        self.status = Some(event.status());
        self
    }
}

impl FeeEvent {
    /// How the fee stands with this event.
    pub fn status(&self) -> FeeStatus {
        match self {
            Self::Assessed(_) => FeeStatus::Assessed,
            Self::Waived(_) => FeeStatus::Waived,
            Self::Paid(_) => FeeStatus::Paid,
            Self::Refunded(_) => FeeStatus::Refunded,
        }
    }
}
