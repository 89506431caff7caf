//! Why a command to the clock stream was not done.

use super::ClockKey;
use crate::{decider::Refusal, text::TextProblem};

/// Why a command to the clock stream was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlaRefusal {
    /// The clock has ended.
    #[error("the clock {0} has ended; only one that runs or is paused can be extended")]
    ClockEnded(ClockKey),
    /// The policy names no terms for an extension.
    #[error("the policy allows no extension of the clock {0}")]
    ExtensionNotAllowed(ClockKey),
    /// The policy allows no further extension.
    #[error("the policy allows {most} extensions of the clock {clock}, and all are granted")]
    ExtensionsUsedUp {
        /// The clock.
        clock: ClockKey,
        /// How many its policy allows.
        most: u32,
    },
    /// No breach is on record.
    #[error("the clock {0} has no breach on record to waive")]
    NotBreached(ClockKey),
    /// A text of the command is empty, too long or not a text.
    #[error("{field} {problem}")]
    Text {
        /// The command's field.
        field: &'static str,
        /// What is wrong with it.
        problem: TextProblem,
    },
}

impl Refusal for SlaRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ClockEnded(_) => "CLOCK_ENDED",
            Self::ExtensionNotAllowed(_) => "EXTENSION_NOT_ALLOWED",
            Self::ExtensionsUsedUp { .. } => "CLOCK_EXTENSIONS_USED_UP",
            Self::NotBreached(_) => "CLOCK_NOT_BREACHED",
            Self::Text { problem, .. } => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Text { field, .. } => Some(field),
            _ => Some("clock"),
        }
    }
}
