//! Why nobody signs in. Callers are never told which of these it was.

use crate::decider::Refusal;

/// Why a code was not made, or is not even looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefusal {
    /// Too many wrong codes were said.
    #[error("too many wrong codes were said: nobody signs in with the card for a while")]
    Locked,
    /// Codes are given out slowly.
    #[error("a code was given out a moment ago, or too many in a day")]
    TooSoon,
    /// No code is good at the moment.
    #[error("no code is good at the moment")]
    NoCode,
}

impl Refusal for SignInRefusal {
    fn code(&self) -> &'static str {
        "SIGN_IN_REFUSED"
    }
}
