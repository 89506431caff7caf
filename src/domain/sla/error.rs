//! Why a command to the clock stream was not done.

use super::ClockKey;
use crate::decider::Refusal;

/// Why a command to the clock stream was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlaRefusal {
    /// The clock has ended.
    #[error("the clock {0} has ended; only one that runs or is paused can be extended")]
    ClockEnded(ClockKey),
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
}

impl Refusal for SlaRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ClockEnded(_) => "CLOCK_ENDED",
            Self::ExtensionsUsedUp { .. } => "CLOCK_EXTENSIONS_USED_UP",
            Self::NotBreached(_) => "CLOCK_NOT_BREACHED",
        }
    }

    fn field(&self) -> Option<&'static str> {
        Some("clock")
    }
}
