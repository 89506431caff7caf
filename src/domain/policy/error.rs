//! Why a command to a policy was not done.

use crate::{
    calendar::{Problem, joined},
    decider::Refusal,
};

/// Why a command to a policy was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// The document has these problems.
    #[error("the policy was not published; mend {}", joined(.0))]
    InvalidDocument(Vec<Problem>),
}

impl Refusal for PolicyRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidDocument(_) => "POLICY_INVALID",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidDocument(_) => Some("document"),
        }
    }
}
