//! Why a command on a customer's record may be refused.

use crate::decider::Refusal;
use crate::id::CustomerId;
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
    /// A matter needs the data of another record of the same person.
    #[error(
        "customer {customer_id}, a record of the same person, is under legal hold for {matter}: release it first"
    )]
    RecordUnderLegalHold {
        /// The record.
        customer_id: CustomerId,
        /// The matter.
        matter: String,
    },
    /// The erasure is ordered, but a hold came between that keeps another record of the same person.
    #[error(
        "the erasure is ordered and goes on, but customer {customer_id}, a record of the same person, was put under legal hold for {matter} \
         meanwhile and is kept: ask once more when it is released"
    )]
    ErasureWaitsForHold {
        /// The record.
        customer_id: CustomerId,
        /// The matter.
        matter: String,
    },
    /// The record was given up in favour of another.
    #[error(
        "the customer's record was merged into customer {into}; go on there, or undo the merge"
    )]
    Merged {
        /// The record that survives.
        into: CustomerId,
    },
    /// It was not.
    #[error("the customer's record is not merged into another")]
    NotMerged,
    /// A record cannot survive itself.
    #[error("a customer's record cannot be merged into itself")]
    MergeIntoItself,
    /// The record into which this one was to be merged is not there.
    #[error("there is no such customer to merge into")]
    SurvivorNotFound,
    /// The record into which this one was to be merged is itself given up.
    #[error(
        "that record was itself merged into customer {into}; merge into the record that survives"
    )]
    SurvivorMerged {
        /// The record that survives.
        into: CustomerId,
    },
    /// More records than are taken for one person's.
    #[error("a customer stands for at most {count_max} records")]
    TooManyMerged {
        /// The bound.
        count_max: usize,
    },
    /// The representative has no record, or it is the customer's own.
    #[error("there is no such other customer to act for them")]
    RepresentativeNotFound,
    /// The representation would end before it begins.
    #[error("until must be later than the moment of the appointment")]
    RepresentationEnded,
    /// More representatives than a record holds.
    #[error("a customer has at most {count_max} representatives")]
    TooManyRepresentatives {
        /// The bound.
        count_max: usize,
    },
    /// They have no contact point of this number.
    #[error("the customer has no such contact point")]
    ContactPointUnknown,
    /// No code can be sent there.
    #[error("a code can be sent to a telephone number or an email address alone")]
    ContactPointTakesNoCodes,
    /// The last code was made a moment ago, or too many were.
    #[error("a code was sent a moment ago, or too many in a day: wait a minute, or until tomorrow")]
    VerificationTooSoon,
    /// Too many wrong codes were said.
    #[error("too many wrong codes were said: wait a quarter of an hour or longer")]
    VerificationLocked,
    /// No code is good at the moment: none was sent, it was used, or it has expired.
    #[error("the code is wrong, used or expired: ask for another one")]
    VerificationCodeWrong,
    /// No preference was named.
    #[error("give at least one of channels, unwantedNotifications and language")]
    NoPreference,
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
            Self::LegalHold { .. } | Self::RecordUnderLegalHold { .. } => "LEGAL_HOLD",
            Self::ErasureWaitsForHold { .. } => "ERASURE_WAITS_FOR_HOLD",
            Self::Merged { .. } => "CUSTOMER_MERGED",
            Self::NotMerged => "CUSTOMER_NOT_MERGED",
            Self::MergeIntoItself => "MERGE_INTO_ITSELF",
            Self::SurvivorNotFound => "CUSTOMER_NOT_FOUND",
            Self::SurvivorMerged { .. } => "MERGE_TARGET_MERGED",
            Self::TooManyMerged { .. } => "TOO_MANY_MERGED_RECORDS",
            Self::RepresentativeNotFound => "REPRESENTATIVE_NOT_FOUND",
            Self::RepresentationEnded => "REPRESENTATION_ENDED",
            Self::TooManyRepresentatives { .. } => "TOO_MANY_REPRESENTATIVES",
            Self::ContactPointUnknown => "CONTACT_POINT_UNKNOWN",
            Self::ContactPointTakesNoCodes => "CONTACT_POINT_TAKES_NO_CODES",
            Self::VerificationTooSoon => "VERIFICATION_TOO_SOON",
            Self::VerificationLocked => "VERIFICATION_LOCKED",
            Self::VerificationCodeWrong => "VERIFICATION_CODE_WRONG",
            Self::NoPreference => "PREFERENCES_MISSING",
            Self::Text { problem, .. } => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidEmail | Self::InvalidPhone => Some("value"),
            Self::MergeIntoItself
            | Self::SurvivorNotFound
            | Self::SurvivorMerged { .. }
            | Self::TooManyMerged { .. } => Some("into"),
            Self::RepresentativeNotFound => Some("representative_id"),
            Self::RepresentationEnded => Some("until"),
            Self::ContactPointUnknown | Self::ContactPointTakesNoCodes => Some("contact_point"),
            Self::VerificationCodeWrong => Some("code"),
            Self::Text { field, .. } => Some(field),
            _ => None,
        }
    }
}
