//! Why a command on a unit may be refused.

use super::STAFF_MAX;
use crate::decider::Refusal;
use crate::text::TextProblem;

/// Why a command on a unit was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitRefusal {
    /// Nobody has defined the unit.
    #[error("there is no such unit; define it first")]
    NotFound {
        /// The command's field that names it.
        field: &'static str,
    },
    /// A unit cannot be a part of itself, nor of one of its parts.
    #[error("the unit would become a part of itself; choose a parent outside of it")]
    UnderItself,
    /// The unit names as many people as it may.
    #[error("the unit names {STAFF_MAX} people already")]
    TooManyStaff,
    /// The name is empty, too long or not a text.
    #[error("name {0}")]
    Name(TextProblem),
}

impl Refusal for UnitRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "UNIT_NOT_FOUND",
            Self::UnderItself => "UNIT_UNDER_ITSELF",
            Self::TooManyStaff => "TOO_MANY_STAFF",
            Self::Name(problem) => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { field } => Some(field),
            Self::UnderItself => Some("parent"),
            Self::TooManyStaff => None,
            Self::Name(_) => Some("name"),
        }
    }
}
