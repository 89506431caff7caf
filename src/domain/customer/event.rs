//! What may happen to a customer.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{
    ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language, NotificationKind,
    RepresentationBasis,
};
use crate::case::{CaseKind, Channel};
use crate::event::events;
use crate::id::{CustomerId, SegmentationId};
use crate::one_time_code::CodeHash;
use crate::pii::Pii;
use crate::segmentation::Standing;

events! {
    /// What may happen to a customer.
    pub enum CustomerEvent, upcast by &[] => {
        /// The customer was registered.
        Registered(CustomerRegistered) = "CustomerRegistered" v 1,
        /// A way to reach them became known.
        ContactPointAdded(ContactPointAdded) = "ContactPointAdded" v 1,
        /// Their name, language or tier changed.
        DetailsChanged(CustomerDetailsChanged) = "CustomerDetailsChanged" v 1,
        /// It was said what they are worth to us.
        ValueAssessed(CustomerValueAssessed) = "CustomerValueAssessed" v 1,
        /// The rules gave them another tier.
        TierChanged(CustomerTierChanged) = "CustomerTierChanged" v 1,
        /// They allowed something.
        ConsentGiven(ConsentGiven) = "ConsentGiven" v 1,
        /// They no longer allow it.
        ConsentWithdrawn(ConsentWithdrawn) = "ConsentWithdrawn" v 1,
        /// Their data must not be erased for now.
        LegalHoldPlaced(LegalHoldPlaced) = "LegalHoldPlaced" v 1,
        /// Their data may be erased again.
        LegalHoldReleased(LegalHoldReleased) = "LegalHoldReleased" v 1,
        /// It was decided that their personal data are to be erased.
        ErasureOrdered(CustomerErasureOrdered) = "CustomerErasureOrdered" v 1,
        /// Their personal data have been erased.
        Erased(CustomerErased) = "CustomerErased" v 1,
        /// The record was given up in favour of another of the same person.
        Merged(CustomerMerged) = "CustomerMerged" v 1,
        /// It was taken up again as a record of its own.
        Unmerged(CustomerUnmerged) = "CustomerUnmerged" v 1,
        /// Somebody may act for them.
        RepresentativeAppointed(RepresentativeAppointed) = "RepresentativeAppointed" v 1,
        /// Somebody may no longer act for them.
        RepresentativeDismissed(RepresentativeDismissed) = "RepresentativeDismissed" v 1,
        /// A code was made, to be sent to a contact point.
        VerificationRequested(ContactPointVerificationRequested) = "ContactPointVerificationRequested" v 1,
        /// A wrong code was said for a contact point.
        VerificationFailed(ContactPointVerificationFailed) = "ContactPointVerificationFailed" v 1,
        /// A contact point is theirs: what was sent there came back.
        ContactPointVerified(ContactPointVerified) = "ContactPointVerified" v 1,
        /// They said how they wish to be reached and told of things.
        PreferencesChanged(PreferencesChanged) = "PreferencesChanged" v 1,
        /// They read what they were told on their own page.
        NotificationsRead(NotificationsRead) = "NotificationsRead" v 1,
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

/// It was said what they are worth to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerValueAssessed {
    /// The value, in the organisation's own measure, such as a year's turnover in thousands.
    pub value: i64,
}

/// The rules of a segmentation gave them another tier, from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerTierChanged {
    /// The tier that they had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The tier that they have.
    pub to: String,
    /// The segmentation whose rule said so.
    pub segmentation: SegmentationId,
    /// Its version.
    pub version: u32,
    /// What was known of them when it did.
    pub facts: Standing,
}

/// They allowed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsentGiven {
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
}

/// They no longer allow it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsentWithdrawn {
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
}

/// Their data must not be erased for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LegalHoldPlaced {
    /// The matter that needs them, such as a file number.
    pub matter: String,
}

/// Their data may be erased again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LegalHoldReleased {}

/// It was decided that their personal data are to be erased. From here on no command may say anything personal of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerErasureOrdered {
    /// Why.
    pub ground: ErasureGround,
    /// The other records of the same person, whose data are erased with theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<CustomerId>,
}

/// Their personal data have been erased: the keys are destroyed and the envelopes removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerErased {
    /// How many data keys were destroyed.
    pub key_count: u32,
    /// How many envelopes were removed from the vault.
    pub envelope_count: u32,
}

/// The record was given up in favour of another of the same person. Nothing moves: what was said stays where it was said, and whoever reads
/// the surviving record is shown both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerMerged {
    /// The record that survives.
    pub into: CustomerId,
    /// Why they are taken for one person.
    pub reason: Pii<String>,
}

/// It was taken up again as a record of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerUnmerged {
    /// Why they are not taken for one person any more.
    pub reason: Pii<String>,
}

/// Somebody may act for them. Said of the same person again, it takes the place of what was said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepresentativeAppointed {
    /// Who may act, by their own record.
    pub representative_id: CustomerId,
    /// By what right.
    pub basis: RepresentationBasis,
    /// In matters of these kinds; of every kind, where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub case_kinds: Vec<CaseKind>,
    /// Until before this moment; without one, until they are dismissed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Somebody may no longer act for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RepresentativeDismissed {
    /// Who, by their own record.
    pub representative_id: CustomerId,
}

/// A code was made, to be sent to a contact point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactPointVerificationRequested {
    /// Which of the customer's contact points, counted from 1 in the order in which they became known.
    pub contact_point: u32,
    /// A hash of the code under a key of the vault.
    pub code_hash: CodeHash,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

/// A wrong code was said for a contact point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactPointVerificationFailed {
    /// Which of the customer's contact points.
    pub contact_point: u32,
    /// Where it was one too many: until when the contact point cannot be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
}

/// A contact point is theirs: what was sent there came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContactPointVerified {
    /// Which of the customer's contact points.
    pub contact_point: u32,
}

/// They said how they wish to be reached and told of things. Absent fields stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreferencesChanged {
    /// The channels by which they wish to be reached, the dearest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Vec<Channel>>,
    /// What they do not wish to be told of on their own page; all else they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwanted_notifications: Option<Vec<NotificationKind>>,
    /// The language in which they are written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// They read what they were told on their own page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationsRead {
    /// The position in the log of the last event that they were told of.
    pub until: u64,
}
