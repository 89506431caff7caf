//! The parts of an export, in the order in which they come.

use bytes::Bytes;
use jiff::Timestamp;
use parvandeh_domain::account::PostingKind;
use parvandeh_domain::card::{BlockReason, CardStatus};
use parvandeh_domain::case::{
    CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity, Status,
};
use parvandeh_domain::customer::{
    ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language, NotificationKind,
};
use parvandeh_domain::decider::ActorKind;
use parvandeh_domain::fee::FeeStatus;
use parvandeh_domain::money::Money;
use parvandeh_domain::payment::{PaymentFailure, PaymentStatus};
use parvandeh_domain::redress::{RedressGround, RedressStatus};
use parvandeh_domain::sla::{ClockState, Metric};
use parvandeh_projections::access_log::AccessRow;
use parvandeh_projections::customer_profile::ErasureReceipt;
use serde::Serialize;
use uuid::Uuid;

/// A part of an export: the head, then the sections with their members, then the end.
#[derive(Clone, Debug)]
pub enum Part {
    /// What the export is, and the customer's record.
    Head(Box<Head>),
    /// A section begins.
    Section(Section),
    /// A consent that was given or withdrawn.
    Consent(ConsentPart),
    /// A posting in the customer's account.
    Posting(Box<PostingPart>),
    /// A payment by a provider.
    Payment(Box<PaymentPart>),
    /// A case begins; its files and its timeline follow.
    Case(Box<CasePart>),
    /// A file of the case begins; its content follows, unless it was erased.
    Attachment(Box<AttachmentPart>),
    /// The next bytes of the file.
    Content(Bytes),
    /// The file ends.
    AttachmentEnd,
    /// The case's timeline begins.
    Timeline,
    /// Something that happened to the case.
    Entry(Box<EntryPart>),
    /// The case ends.
    CaseEnd,
    /// Somebody read the customer's data.
    Access(Box<AccessPart>),
    /// There is no more. Without it the export broke off.
    End,
}

/// The lists of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What the customer allowed and no longer allows, in order.
    Consents,
    /// What was posted in their account, the newest first.
    Postings,
    /// What they paid by a provider, the newest first.
    Payments,
    /// Their cases, the oldest first.
    Cases,
    /// Who read their data, the newest first.
    Accesses,
}

/// To whom an export goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The customer: what they may see.
    Customer,
    /// Whoever answers for personal data: everything.
    PrivacyOfficer,
}

/// What the export is, and the customer's record.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct Head {
    /// The version of the form.
    pub subject_export: u32,
    pub store: Uuid,
    pub exported_at: Timestamp,
    pub recipient: Recipient,
    pub purpose: String,
    pub customer: CustomerPart,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct CustomerPart {
    pub id: Uuid,
    pub global_id: String,
    pub kind: CustomerKind,
    pub name: Option<String>,
    pub erased: bool,
    pub language: Language,
    pub tier: Option<String>,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
    pub contact_points: Vec<ContactPointPart>,
    pub preferences: PreferencesPart,
    pub cards: Vec<CardPart>,
    /// Null where nothing was ever posted.
    pub account: Option<AccountPart>,
    /// Privacy officers alone see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<String>,
    pub erasure: Option<ErasurePart>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct ContactPointPart {
    pub kind: ContactPointKind,
    pub value: Option<String>,
    pub verified_at: Option<Timestamp>,
    pub erased: bool,
}

/// How they wish to be reached and told of things; empty lists where they have not said.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct PreferencesPart {
    pub channels: Vec<Channel>,
    pub unwanted_notifications: Vec<NotificationKind>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct PaymentPart {
    pub id: Uuid,
    pub money: Money,
    /// Null where it is for credit.
    pub fee_id: Option<Uuid>,
    pub provider: String,
    /// Null before it is confirmed.
    pub provider_reference: Option<String>,
    pub status: PaymentStatus,
    /// Null where the money came, or is waited for.
    pub failure: Option<PaymentFailure>,
    pub requested_at: Timestamp,
    pub expires_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub refunded_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct CardPart {
    pub id: Uuid,
    /// All digits but the last four are covered.
    pub masked_number: Option<String>,
    pub status: CardStatus,
    pub block_reason: Option<BlockReason>,
    pub issued_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub blocked_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub erased: bool,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct AccountPart {
    /// The points that can be redeemed now.
    pub points: i64,
    pub lots: Vec<LotPart>,
    pub credit: Vec<Money>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct LotPart {
    pub posting_id: String,
    pub points: i64,
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct PostingPart {
    pub posting_id: String,
    pub kind: PostingKind,
    pub points: i64,
    pub money: Option<Money>,
    pub centre: Option<String>,
    pub reversed: Option<String>,
    pub case_id: Option<Uuid>,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub event_id: Uuid,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct ErasurePart {
    pub ground: ErasureGround,
    pub ordered_at: Timestamp,
    pub receipt: Option<ErasureReceipt>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct ConsentPart {
    pub purpose: ConsentPurpose,
    pub channel: Channel,
    /// False when it was withdrawn.
    pub given: bool,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub event_id: Uuid,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct CasePart {
    pub id: Uuid,
    pub global_id: String,
    pub reference: String,
    pub kind: CaseKind,
    pub channel: Channel,
    pub subject: Option<String>,
    pub description: Option<String>,
    pub erased: bool,
    pub category: Option<String>,
    pub priority: Priority,
    pub severity: Option<Severity>,
    pub status: Status,
    pub hold_reason: Option<HoldReason>,
    pub stage: Option<String>,
    pub outcome: Option<Outcome>,
    pub unit: Option<String>,
    /// Privacy officers alone see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    pub external_reference: Option<String>,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub clocks: Vec<ClockPart>,
    pub redress: Vec<RedressPart>,
    pub fees: Vec<FeePart>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct RedressPart {
    pub id: Uuid,
    /// Null where points are given.
    pub money: Option<Money>,
    /// Null where money is given.
    pub points: Option<i64>,
    pub ground: RedressGround,
    pub status: RedressStatus,
    pub proposed_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct FeePart {
    pub id: Uuid,
    pub money: Money,
    pub tariff: String,
    pub status: FeeStatus,
    pub assessed_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct AttachmentPart {
    pub id: Uuid,
    pub global_id: String,
    pub name: Option<String>,
    pub direction: Direction,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: Option<String>,
    pub added_at: Timestamp,
    pub erased: bool,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct ClockPart {
    pub key: String,
    pub metric: Metric,
    pub state: ClockState,
    /// What was promised, in the policy's words.
    pub goal: Option<String>,
    pub started_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub breach_recorded: bool,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct EntryPart {
    pub event_id: Uuid,
    pub event_type: String,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: Option<String>,
    pub internal: bool,
    pub channel: Option<Channel>,
    pub direction: Option<Direction>,
    pub text: Option<String>,
    pub erased: bool,
    pub changes: Vec<ChangePart>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct ChangePart {
    pub field: String,
    pub value: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "the fields are described in docs/privacy.md")]
pub struct AccessPart {
    pub at: Timestamp,
    /// `personal_data` or `access_log`.
    pub data: &'static str,
    /// Privacy officers alone see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    pub reader_role: String,
    pub purpose: String,
    pub operation: String,
    pub event_id: Uuid,
}

impl AccessPart {
    pub(super) fn of(row: AccessRow, recipient: Recipient) -> Self {
        Self {
            at: row.at,
            data: if row.of_access_log { "access_log" } else { "personal_data" },
            reader: (recipient == Recipient::PrivacyOfficer).then_some(row.reader),
            reader_role: row.reader_role,
            purpose: row.purpose,
            operation: row.operation,
            event_id: row.event_id,
        }
    }
}
