//! What may be asked of a case.
//!
//! Commands serialise, because the digest of a command decides whether a reused idempotency key carries the same request.

use jiff::Timestamp;
use serde::Serialize;

use super::attribute::{CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity};
pub use super::complaint::command::*;
pub use super::follow_up::{FollowUpCommand, KeepFollowUp, PromiseFollowUp};
pub use super::referral::{ReferralCommand, ReturnReferral};
pub use super::survey::{AnswerSurvey, SurveyCommand};
pub use super::voice::{RaiseByStaff, TellAuthor};
use crate::id::{CaseId, CategoryId, CustomerId, StaffId, UnitId};
use crate::pii::Pii;

/// What may be asked of a case.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CaseCommand {
    /// Open a case.
    Open(OpenCase),
    /// Decide its category, priority or severity.
    Classify(ClassifyCase),
    /// Hand it to a unit.
    Refer(ReferCase),
    /// Give it to a member of staff.
    Assign(AssignCase),
    /// Move it to a stage that the customer sees.
    EnterStage(EnterStage),
    /// Record an exchange.
    RecordInteraction(RecordInteraction),
    /// Write something down.
    AddNote(AddNote),
    /// Wait for somebody.
    Hold(HoldCase),
    /// Go on.
    Resume,
    /// Promise a date.
    SetDueDate(SetDueDate),
    /// Answer it.
    Resolve(ResolveCase),
    /// Take it up again.
    Reopen(ReopenCase),
    /// Finish it.
    Close,
    /// Give it up in favour of another case.
    Merge(MergeCase),
    /// Take it up again as a case of its own.
    Unmerge(UnmergeCase),
    /// Record a step of an imported log.
    RecordActivity(RecordActivity),

    /// Open it as a member of staff.
    RaiseByStaff(RaiseByStaff),
    /// Tell its author what became of it.
    TellAuthor(TellAuthor),
    /// Handle it as a complaint.
    Complaint(ComplaintCommand),
    /// Answer a referral.
    Referral(ReferralCommand),
    /// Promise something, and keep it.
    FollowUp(FollowUpCommand),
    /// Ask how content the customer is, and hear it.
    Survey(SurveyCommand),
}

/// Open a case.
#[derive(Clone, Debug, Serialize)]
pub struct OpenCase {
    /// What sort of matter it is.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: Pii<String>,
    /// The matter in full.
    pub description: Option<Pii<String>>,
    /// Whose case it is.
    pub customer_id: Option<CustomerId>,
    /// The channel by which it came.
    pub channel: Channel,
    /// Its subject category.
    pub category: Option<CategoryId>,
    /// How soon it must be attended to.
    pub priority: Priority,
    /// How bad it is for the customer.
    pub severity: Option<Severity>,
    /// The unit that owns it.
    pub unit: Option<UnitId>,
    /// The date promised or demanded.
    pub due_at: Option<Timestamp>,
    /// The key by which another system knows it.
    pub external_reference: Option<String>,
    /// The case of which it was a part. Left out of the digest where absent: keys used before there was this field still stand for the
    /// same request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_from: Option<CaseId>,
    /// What the customer asks for, to be content. Left out of the digest where absent, as the field before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy_sought: Option<Pii<String>>,
}

/// Decide category, priority or severity; what is absent stays.
#[derive(Clone, Debug, Serialize)]
pub struct ClassifyCase {
    /// The new category.
    pub category: Option<CategoryId>,
    /// The new priority.
    pub priority: Option<Priority>,
    /// The new severity.
    pub severity: Option<Severity>,
}

/// Hand it to a unit.
#[derive(Clone, Debug, Serialize)]
pub struct ReferCase {
    /// The unit.
    pub unit: UnitId,
    /// Why.
    pub reason: Pii<String>,
    /// When the unit must have answered.
    pub answer_due_at: Option<Timestamp>,
}

/// Give it to a member of staff.
#[derive(Clone, Debug, Serialize)]
pub struct AssignCase {
    /// Who.
    pub assignee: StaffId,
}

/// Move it to a stage.
#[derive(Clone, Debug, Serialize)]
pub struct EnterStage {
    /// The stage, in the customer's words.
    pub stage: String,
}

/// Record an exchange.
#[derive(Clone, Debug, Serialize)]
pub struct RecordInteraction {
    /// Who spoke to whom.
    pub direction: Direction,
    /// The way it travelled.
    pub channel: Channel,
    /// What was said.
    pub body: Pii<String>,
    /// Whether a machine wrote it.
    pub automatic: bool,
}

/// Write something down for colleagues.
#[derive(Clone, Debug, Serialize)]
pub struct AddNote {
    /// The note.
    pub body: Pii<String>,
}

/// Wait for somebody.
#[derive(Clone, Debug, Serialize)]
pub struct HoldCase {
    /// For whom.
    pub reason: HoldReason,
    /// More about it.
    pub note: Option<Pii<String>>,
}

/// Promise a date.
#[derive(Clone, Debug, Serialize)]
pub struct SetDueDate {
    /// The date.
    pub due_at: Timestamp,
}

/// Answer it.
#[derive(Clone, Debug, Serialize)]
pub struct ResolveCase {
    /// What became of it.
    pub outcome: Outcome,
    /// The answer in short.
    pub summary: Option<Pii<String>>,
}

/// Take it up again.
#[derive(Clone, Debug, Serialize)]
pub struct ReopenCase {
    /// Why.
    pub reason: Pii<String>,
}

/// Give it up in favour of another case.
#[derive(Clone, Debug, Serialize)]
pub struct MergeCase {
    /// The case that survives.
    pub into: CaseId,
    /// Why.
    pub reason: Pii<String>,
    /// How the surviving case stands. It lives in another stream, so whoever sends the command looks; being no part of what was asked,
    /// it stays out of the digest.
    #[serde(skip)]
    pub survivor: Survivor,
}

/// How a case stands into which another is to be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivor {
    /// It is the case that is to be given up.
    Itself,
    /// There is none, or none that the caller may know of.
    Unknown,
    /// It was itself merged into this case.
    MergedInto(CaseId),
    /// It is resolved or closed: nobody works on it.
    Ended,
    /// It can take in another of its customer.
    Standing {
        /// Whose case it is.
        customer_id: Option<CustomerId>,
    },
}

/// Take it up again as a case of its own.
#[derive(Clone, Debug, Serialize)]
pub struct UnmergeCase {
    /// Why.
    pub reason: Pii<String>,
}

/// Record a step of an imported log.
#[derive(Clone, Debug, Serialize)]
pub struct RecordActivity {
    /// Its name in the source.
    pub name: String,
    /// Who did it, as the source names them.
    pub resource: Option<String>,
    /// Their group, as the source names it.
    pub group: Option<String>,
    /// The life-cycle transition.
    pub transition: Option<String>,
}
