//! What may be asked of a customer's record.

use serde::Serialize;

use super::attribute::{ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language};
use crate::case::Channel;
use crate::one_time_code::CodeHash;
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
    /// Record that they allow something.
    GiveConsent(Consent),
    /// Record that they no longer allow it.
    WithdrawConsent(Consent),
    /// Keep their data from being erased, for a dispute or an inquiry.
    PlaceLegalHold(PlaceLegalHold),
    /// Let their data be erased again.
    ReleaseLegalHold,
    /// Decide that their personal data are to be erased.
    OrderErasure(OrderErasure),
    /// Record that their personal data have been erased.
    ConfirmErasure(ConfirmErasure),
    /// Take note of a code that is about to be sent to a contact point.
    RequestVerification(ContactPointCode),
    /// Say a code that was sent to a contact point.
    VerifyContactPoint(ContactPointCode),
}

/// What is allowed, and by which channel.
#[derive(Clone, Debug, Serialize)]
pub struct Consent {
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
}

/// Keep their data from being erased.
#[derive(Clone, Debug, Serialize)]
pub struct PlaceLegalHold {
    /// The matter that needs them, such as a file number. Not personal: it outlives an erasure.
    pub matter: String,
}

/// Decide that their personal data are to be erased.
#[derive(Clone, Debug, Serialize)]
pub struct OrderErasure {
    /// Why.
    pub ground: ErasureGround,
}

/// Record that their personal data have been erased.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmErasure {
    /// How many data keys were destroyed.
    pub key_count: u32,
    /// How many envelopes were removed.
    pub envelope_count: u32,
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

/// A code for a contact point: one that is about to be sent there, or one that was said.
#[derive(Clone, Debug, Serialize)]
pub struct ContactPointCode {
    /// Which of the customer's contact points, counted from 1.
    pub contact_point: u32,
    /// The code's hash.
    pub code_hash: CodeHash,
}
