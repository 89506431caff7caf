//! Why a command to a calendar was not done.

use super::{Problem, problem::joined};
use crate::decider::Refusal;

/// Why a command to a calendar was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarRefusal {
    /// The document has these problems.
    #[error("the calendar was not published; mend {}", joined(.0))]
    InvalidDocument(Vec<Problem>),
}

impl Refusal for CalendarRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidDocument(_) => "CALENDAR_INVALID",
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidDocument(_) => Some("document"),
        }
    }
}
