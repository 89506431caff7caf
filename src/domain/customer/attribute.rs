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

vocabulary!(
    /// The language in which a customer is written to (ISO 639-1).
    Language {
        /// Persian.
        Persian = "fa",
        /// English.
        English = "en",
    }
);
