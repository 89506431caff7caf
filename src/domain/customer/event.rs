//! What may happen to a customer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{ContactPointKind, CustomerKind, Language};
use crate::event::events;
use crate::pii::Pii;

events! {
    /// What may happen to a customer.
    pub enum CustomerEvent, upcast by &[] => {
        /// The customer was registered.
        Registered(CustomerRegistered) = "CustomerRegistered" v 1,
        /// A way to reach them became known.
        ContactPointAdded(ContactPointAdded) = "ContactPointAdded" v 1,
        /// Their name, language or tier changed.
        DetailsChanged(CustomerDetailsChanged) = "CustomerDetailsChanged" v 1,
    }
}

/// The customer was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerRegistered {
    /// In which relation they stand to us.
    pub kind: CustomerKind,
    /// Their name.
    pub name: Pii<String>,
    /// The language they are written to in.
    pub language: Language,
    /// Their tier, such as `gold`, where tiers are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
}

/// A way to reach them became known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactPointAdded {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// The address or number itself; numbers in ASCII digits.
    pub value: Pii<String>,
}

/// Their name, language or tier changed. Absent fields stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerDetailsChanged {
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Pii<String>>,
    /// The new language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The new tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
}
