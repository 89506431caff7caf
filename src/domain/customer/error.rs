//! Why a command on a customer's record may be refused.

use crate::decider::Refusal;
use crate::text::TextProblem;

/// Why a command on a customer's record was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomerRefusal {
    /// No such customer, or none that the caller may know of.
    #[error("there is no such customer")]
    NotFound,
    /// The id is taken by a customer whom another command registered.
    #[error("the customer is registered already")]
    AlreadyRegistered,
    /// The command says nothing.
    #[error("give at least one of name, language and tier")]
    NothingToChange,
    /// Not an email address.
    #[error("value is not an email address")]
    InvalidEmail,
    /// Not a telephone number.
    #[error(
        "value is not a telephone number: write 7 to 15 digits with the country code, such as +98 21 1234 5678"
    )]
    InvalidPhone,
    /// More contact points than a record holds.
    #[error("a customer has at most {count_max} contact points")]
    TooManyContactPoints {
        /// The bound.
        count_max: usize,
    },
    /// Their personal data have been erased, or are being erased.
    #[error("the customer's personal data are erased: nothing personal can be added")]
    Erased,
    /// A matter needs their data.
    #[error("the customer's data are under legal hold for {matter}: release it first")]
    LegalHold {
        /// The matter.
        matter: String,
    },
    /// A text of the command is empty, too long or not a text.
    #[error("{field} {problem}")]
    Text {
        /// The command's field.
        field: &'static str,
        /// What is wrong with it.
        problem: TextProblem,
    },
}

impl Refusal for CustomerRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CUSTOMER_NOT_FOUND",
            Self::AlreadyRegistered => "CUSTOMER_ALREADY_REGISTERED",
            Self::NothingToChange => "NOTHING_TO_CHANGE",
            Self::InvalidEmail => "EMAIL_INVALID",
            Self::InvalidPhone => "PHONE_INVALID",
            Self::TooManyContactPoints { .. } => "TOO_MANY_CONTACT_POINTS",
            Self::Erased => "CUSTOMER_ERASED",
            Self::LegalHold { .. } => "LEGAL_HOLD",
            Self::Text { problem, .. } => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidEmail | Self::InvalidPhone => Some("value"),
            Self::Text { field, .. } => Some(field),
            _ => None,
        }
    }
}
