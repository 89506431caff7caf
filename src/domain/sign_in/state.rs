//! What a decision needs to know of the sign-ins with a card.

use super::event::SignInEvent;
use crate::decider::Metadata;
use crate::one_time_code::CodeBook;

/// What a decision needs to know of the sign-ins with a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInState {
    /// The codes.
    pub codes: CodeBook,
}

impl SignInState {
    /// The state after the event.
    pub fn evolve(mut self, event: &SignInEvent, meta: &Metadata) -> Self {
        match event {
            SignInEvent::CodeIssued(issued) => {
                let hash = issued.code_hash.clone();
                self.codes.issued(hash, issued.expires_at, meta.recorded_at);
            }
            SignInEvent::Failed(failed) => self.codes.failed(failed.locked_until),
            SignInEvent::SignedIn(_) => self.codes.accepted(),
        }
        self
    }
}
