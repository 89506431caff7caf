//! What may be asked of a customer's record.

use jiff::Timestamp;
use serde::Serialize;

use super::attribute::{
    ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language, NotificationKind,
    RepresentationBasis,
};
use crate::case::{CaseKind, Channel};
use crate::id::{CustomerId, SegmentationId};
use crate::one_time_code::CodeHash;
use crate::pii::Pii;
use crate::segmentation::Standing;

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
    /// Say what they are worth to us.
    AssessValue(AssessValue),
    /// Give them the tier that the rules say.
    ChangeTier(ChangeTier),
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
    /// Give the record up in favour of another of the same person.
    Merge(MergeCustomer),
    /// Take it up again as a record of its own.
    Unmerge(UnmergeCustomer),
    /// Let somebody act for them.
    AppointRepresentative(AppointRepresentative),
    /// Let them no longer.
    DismissRepresentative(DismissRepresentative),
    /// Take note of a code that is about to be sent to a contact point.
    RequestVerification(ContactPointCode),
    /// Say a code that was sent to a contact point.
    VerifyContactPoint(ContactPointCode),
    /// Say how they wish to be reached and told of things.
    ChangePreferences(ChangePreferences),
    /// Record that they read what they were told.
    ReadNotifications(ReadNotifications),
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
    /// The other records of the same person, whose data are erased with theirs. Like the next field it is looked up by whoever sends the
    /// command, and stays out of the digest.
    #[serde(skip)]
    pub with: Vec<CustomerId>,
    /// One of these that is under legal hold.
    #[serde(skip)]
    pub held: Option<HeldRecord>,
}

/// A record of a person that must not be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRecord {
    /// The record.
    pub customer_id: CustomerId,
    /// The matter that needs it.
    pub matter: String,
}

/// Record that their personal data have been erased.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmErasure {
    /// How many data keys were destroyed.
    pub key_count: u32,
    /// How many envelopes were removed.
    pub envelope_count: u32,
}

/// Say what they are worth to us.
#[derive(Clone, Debug, Serialize)]
pub struct AssessValue {
    /// The value, in the organisation's own measure.
    pub value: i64,
}

/// Give them the tier that the rules of a segmentation say.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeTier {
    /// The tier that they have, as whoever asks has seen it.
    pub from: Option<String>,
    /// The tier that they are to have.
    pub to: String,
    /// The segmentation whose rule says so.
    pub segmentation: SegmentationId,
    /// Its version.
    pub version: u32,
    /// What is known of them.
    pub facts: Standing,
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

/// Give the record up in favour of another of the same person.
#[derive(Clone, Debug, Serialize)]
pub struct MergeCustomer {
    /// The record that survives.
    pub into: CustomerId,
    /// Why they are taken for one person.
    pub reason: Pii<String>,
    /// How the surviving record stands. It lives in another stream, so whoever sends the command looks; being no part of what was asked, it
    /// stays out of the digest.
    #[serde(skip)]
    pub survivor: Survivor,
}

/// How a record stands into which another is to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivor {
    /// It is the record that is to be given up.
    Itself,
    /// There is none.
    Unknown,
    /// It was itself merged into this one.
    MergedInto(CustomerId),
    /// What is personal in it was erased, or is being erased.
    Erased,
    /// It stands for as many records as one may.
    Full,
    /// It can take in another.
    Standing,
}

/// Take it up again as a record of its own.
#[derive(Clone, Debug, Serialize)]
pub struct UnmergeCustomer {
    /// Why they are not taken for one person any more.
    pub reason: Pii<String>,
}

/// Let somebody act for them.
#[derive(Clone, Debug, Serialize)]
pub struct AppointRepresentative {
    /// Who may act, by their own record.
    pub representative_id: CustomerId,
    /// By what right.
    pub basis: RepresentationBasis,
    /// In matters of these kinds; of every kind, where none is named.
    pub case_kinds: Vec<CaseKind>,
    /// Until before this moment.
    pub until: Option<Timestamp>,
    /// Whether there is such a record. It lives in another stream, so whoever sends the command looks; it stays out of the digest.
    #[serde(skip)]
    pub is_known: bool,
}

/// Let them no longer.
#[derive(Clone, Debug, Serialize)]
pub struct DismissRepresentative {
    /// Who, by their own record.
    pub representative_id: CustomerId,
}

/// A code for a contact point: one that is about to be sent there, or one that was said.
#[derive(Clone, Debug, Serialize)]
pub struct ContactPointCode {
    /// Which of the customer's contact points, counted from 1.
    pub contact_point: u32,
    /// The code's hash.
    pub code_hash: CodeHash,
}

/// Say how they wish to be reached and told of things; what is absent stays.
#[derive(Clone, Debug, Serialize)]
pub struct ChangePreferences {
    /// The channels by which they wish to be reached, the dearest first; empty for no wish.
    pub channels: Option<Vec<Channel>>,
    /// What they do not wish to be told of.
    pub unwanted_notifications: Option<Vec<NotificationKind>>,
    /// The language in which they are written to.
    pub language: Option<Language>,
}

/// Record that they read what they were told.
#[derive(Clone, Debug, Serialize)]
pub struct ReadNotifications {
    /// The position in the log of the last event that they were told of.
    pub until: u64,
}
