//! What a decision needs to know of an attachment, and how each event changes it.

use super::event::AttachmentEvent;
use crate::decider::Metadata;

/// What a decision needs to know of an attachment. Its content is no part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachmentState {
    /// How many parts are stored.
    pub part_count: u32,
    /// How many bytes they have together.
    pub size_bytes: u64,
    /// Whether it stands with its case.
    pub added: bool,
}

impl AttachmentState {
    /// The state after the event.
    pub fn evolve(mut self, event: &AttachmentEvent, _meta: &Metadata) -> Self {
        match event {
            AttachmentEvent::PartStored(stored) => {
                self.part_count = self.part_count.saturating_add(1);
                self.size_bytes = self.size_bytes.saturating_add(stored.size_bytes.into());
            }
            AttachmentEvent::Added(_) => self.added = true,
        }
        self
    }
}
