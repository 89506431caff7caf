//! Why a command to the clock stream was not done.

use jiff::Timestamp;

use crate::decider::Refusal;

/// Why a command to the clock stream was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlaRefusal {
    /// The due moment has not passed.
    #[error("the clock is due at {due_at}, which has not passed; record the breach after it")]
    NotYetDue {
        /// When it will be due.
        due_at: Timestamp,
    },
    /// The clock stopped at its due moment or before it.
    #[error(
        "the clock stopped at {stopped_at}, in time for {due_at}; there is no breach to record"
    )]
    StoppedInTime {
        /// When it stopped.
        stopped_at: Timestamp,
        /// When it was due.
        due_at: Timestamp,
    },
}

impl Refusal for SlaRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotYetDue { .. } => "CLOCK_NOT_YET_DUE",
            Self::StoppedInTime { .. } => "CLOCK_STOPPED_IN_TIME",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotYetDue { .. } => Some("due_at"),
            Self::StoppedInTime { .. } => Some("stopped_at"),
        }
    }
}
