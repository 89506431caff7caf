//! What may be asked of a customer's record.

use serde::Serialize;

use super::attribute::{ContactPointKind, CustomerKind, Language};
use crate::pii::Pii;

/// What may be asked of a customer's record.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CustomerCommand {
    /// Register a customer.
    Register(RegisterCustomer),
    /// Add a way to reach them.
    AddContactPoint(AddContactPoint),
    /// Change name, language or tier.
    ChangeDetails(ChangeDetails),
}

/// Register a customer.
#[derive(Clone, Debug, Serialize)]
pub struct RegisterCustomer {
    /// In which relation they stand to us.
    pub kind: CustomerKind,
    /// Their name.
    pub name: Pii<String>,
    /// The language they are written to in.
    pub language: Language,
    /// Their tier.
    pub tier: Option<String>,
}

/// Add a way to reach them.
#[derive(Clone, Debug, Serialize)]
pub struct AddContactPoint {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// The address or number.
    pub value: Pii<String>,
}

/// Change name, language or tier; what is absent stays.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeDetails {
    /// The new name.
    pub name: Option<Pii<String>>,
    /// The new language.
    pub language: Option<Language>,
    /// The new tier.
    pub tier: Option<String>,
}
