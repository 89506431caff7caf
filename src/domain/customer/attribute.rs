//! The words in which a customer is described.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;

vocabulary!(
    /// In which relation somebody stands to the organisation.
    CustomerKind {
        /// A person.
        Individual = "individual",
        /// A company or authority.
        Organisation = "organisation",
        /// A member of our own staff.
        Employee = "employee",
        /// A journalist or medium.
        Media = "media",
        /// One who works with us.
        Partner = "partner",
        /// Not a customer yet.
        Prospect = "prospect",
    }
);

vocabulary!(
    /// How a customer can be reached.
    ContactPointKind {
        /// An email address.
        Email = "email",
        /// A telephone number with its country code.
        Phone = "phone",
        /// A postal address.
        PostalAddress = "postal_address",
        /// A name in a social network or messenger.
        SocialNetwork = "social_network",
    }
);

impl ContactPointKind {
    /// Whether a code can be sent there, and how readily: the greater, the better. A letter comes too late, and nobody knows who reads what
    /// is written in a network.
    pub fn takes_codes(self) -> Option<u8> {
        match self {
            Self::Phone => Some(2),
            Self::Email => Some(1),
            Self::PostalAddress | Self::SocialNetwork => None,
        }
    }
}

vocabulary!(
    /// The language in which a customer is written to (ISO 639-1).
    Language {
        /// Persian.
        Persian = "fa",
        /// English.
        English = "en",
    }
);

vocabulary!(
    /// Why a customer's personal data are erased.
    ErasureGround {
        /// The customer asked for it.
        SubjectRequest = "subject_request",
        /// They have been kept as long as they may be.
        RetentionEnded = "retention_ended",
        /// They should not have been kept at all.
        Unlawful = "unlawful",
    }
);

vocabulary!(
    /// By what right somebody acts for a customer.
    RepresentationBasis {
        /// The customer gave them a power of attorney.
        PowerOfAttorney = "power_of_attorney",
        /// A court or the law made them a guardian.
        Guardianship = "guardianship",
        /// They work for the organisation that is the customer.
        Employment = "employment",
        /// They are of the family, and the customer agreed.
        Family = "family",
    }
);

vocabulary!(
    /// What the organisation may use a customer's data for, beyond answering them.
    ConsentPurpose {
        /// Telling them of offers.
        Marketing = "marketing",
        /// Asking how content they are.
        Survey = "survey",
        /// Telling them of news.
        Newsletter = "newsletter",
        /// Improving the service by studying their cases.
        Research = "research",
    }
);

vocabulary!(
    /// What a customer is told of on their own page, as soon as it happens.
    NotificationKind {
        /// They were answered.
        Answered = "answered",
        /// The receipt of their complaint was acknowledged.
        Acknowledged = "acknowledged",
        /// Their complaint was decided.
        Decided = "decided",
        /// Their case entered another stage.
        StageEntered = "stage_entered",
        /// Their case was resolved.
        Resolved = "resolved",
        /// Their case was closed.
        Closed = "closed",
        /// Their case goes on in another of theirs.
        Merged = "merged",
        /// They were told what else they can do after the last decision.
        AlternativesOffered = "alternatives_offered",
        /// Something was promised to them by a date.
        PromiseMade = "promise_made",
        /// The date of a promise passed.
        PromiseMissed = "promise_missed",
        /// They were offered redress.
        RedressOffered = "redress_offered",
        /// Redress was paid into their account.
        RedressPaid = "redress_paid",
        /// They are asked to pay a fee.
        FeeAssessed = "fee_assessed",
        /// A file was sent to them.
        AttachmentSent = "attachment_sent",
        /// They are asked how content they are with the handling of their case.
        SurveyAsked = "survey_asked",
    }
);
