//! What may happen to a case. The field comments are the published descriptions in `schema/events/`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attribute::{CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity};
pub use super::complaint::event::{
    AlternativesOffered, CaseAcknowledged, CaseAppealed, CaseAssessed, CaseDecided,
    CorrectiveActionLinked, DecisionAccepted, FindingRecorded, RootCauseRecorded,
};
pub use super::follow_up::{FollowUpKept, FollowUpMissed, FollowUpPromised, FollowUpReminded};
pub use super::referral::{ReferralAccepted, ReferralEscalated, ReferralReturned};
pub use super::survey::{SurveyAnswered, SurveyAsked};
use super::upcast::UPCASTERS;
pub use super::voice::{CaseAuthorTold, CaseRaisedByStaff};
use crate::event::events;
use crate::id::{CaseId, CategoryId, CustomerId, StaffId, UnitId};
use crate::pii::Pii;

events! {
    /// What may happen to a case.
    pub enum CaseEvent, upcast by UPCASTERS => {
        /// The case was opened.
        Opened(CaseOpened) = "CaseOpened" v 1,
        /// Its category, priority or severity was decided anew.
        Classified(CaseClassified) = "CaseClassified" v 1,
        /// It was handed to a unit.
        Referred(CaseReferred) = "CaseReferred" v 1,
        /// It was given to a member of staff.
        Assigned(CaseAssigned) = "CaseAssigned" v 1,
        /// It entered a stage that the customer sees.
        StageEntered(CaseStageEntered) = "CaseStageEntered" v 1,
        /// Somebody wrote, called or came, or was written to.
        InteractionRecorded(InteractionRecorded) = "InteractionRecorded" v 2,
        /// Staff wrote something down.
        NoteAdded(CaseNoteAdded) = "CaseNoteAdded" v 1,
        /// Work waits for somebody.
        Held(CaseHeld) = "CaseHeld" v 1,
        /// Work goes on.
        Resumed(CaseResumed) = "CaseResumed" v 1,
        /// A date was promised.
        DueDateSet(CaseDueDateSet) = "CaseDueDateSet" v 1,
        /// It was answered.
        Resolved(CaseResolved) = "CaseResolved" v 1,
        /// It turned out not to be settled.
        Reopened(CaseReopened) = "CaseReopened" v 1,
        /// It was finished.
        Closed(CaseClosed) = "CaseClosed" v 1,
        /// It was given up in favour of another case.
        Merged(CaseMerged) = "CaseMerged" v 1,
        /// It was taken up again as a case of its own.
        Unmerged(CaseUnmerged) = "CaseUnmerged" v 1,
        /// A step of an imported log.
        ActivityRecorded(CaseActivityRecorded) = "CaseActivityRecorded" v 1,

        /// A member of staff raised it.
        RaisedByStaff(CaseRaisedByStaff) = "CaseRaisedByStaff" v 1,
        /// Its author was told what became of it.
        AuthorTold(CaseAuthorTold) = "CaseAuthorTold" v 1,
        /// The customer was told that it was received.
        Acknowledged(CaseAcknowledged) = "CaseAcknowledged" v 1,
        /// It was weighed.
        Assessed(CaseAssessed) = "CaseAssessed" v 1,
        /// The investigation found something.
        FindingRecorded(FindingRecorded) = "FindingRecorded" v 1,
        /// It was decided.
        Decided(CaseDecided) = "CaseDecided" v 1,
        /// The customer asks for another decision.
        Appealed(CaseAppealed) = "CaseAppealed" v 1,
        /// The customer is content with the decision.
        DecisionAccepted(DecisionAccepted) = "DecisionAccepted" v 1,
        /// The customer was told what else they can do.
        AlternativesOffered(AlternativesOffered) = "AlternativesOffered" v 1,
        /// It was found what brought it about.
        RootCauseRecorded(RootCauseRecorded) = "RootCauseRecorded" v 1,
        /// Another case removes the cause.
        CorrectiveActionLinked(CorrectiveActionLinked) = "CorrectiveActionLinked" v 1,
        /// The unit took it on.
        ReferralAccepted(ReferralAccepted) = "ReferralAccepted" v 1,
        /// The unit sent it back.
        ReferralReturned(ReferralReturned) = "ReferralReturned" v 1,
        /// The unit let the time pass, and its owner was told.
        ReferralEscalated(ReferralEscalated) = "ReferralEscalated" v 1,
        /// Something was promised to the customer.
        FollowUpPromised(FollowUpPromised) = "FollowUpPromised" v 1,
        /// What was promised was done.
        FollowUpKept(FollowUpKept) = "FollowUpKept" v 1,
        /// The time of a promise passed.
        FollowUpMissed(FollowUpMissed) = "FollowUpMissed" v 1,

        /// The time of a promise comes near, and those who are to keep it were reminded.
        FollowUpReminded(FollowUpReminded) = "FollowUpReminded" v 1,
        /// The customer was asked how content they are.
        SurveyAsked(SurveyAsked) = "SurveyAsked" v 1,
        /// The customer said how content they are.
        SurveyAnswered(SurveyAnswered) = "SurveyAnswered" v 1,
    }
}

/// The case was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOpened {
    /// What sort of matter it is.
    pub kind: CaseKind,
    /// The matter in one line.
    pub subject: Pii<String>,
    /// The matter in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Pii<String>>,
    /// Whose case it is; absent when the customer is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<CustomerId>,
    /// The channel by which it came.
    pub channel: Channel,
    /// Its subject category, where already known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// How soon it must be attended to.
    pub priority: Priority,
    /// How bad it is for the customer, where already known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The unit that owns it; absent while it waits at intake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// The date promised or demanded from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The key by which another system knows the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<String>,
    /// The case of which this one was a part, where a matter turned out to be two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_from: Option<CaseId>,
    /// What the customer asks for, to be content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy_sought: Option<Pii<String>>,
}

/// Its category, priority or severity was decided anew. Absent fields stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseClassified {
    /// The new category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<CategoryId>,
    /// The new priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The new severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// It was handed to a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReferred {
    /// The unit that owns it from now on.
    pub unit: UnitId,
    /// The unit that owned it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_unit: Option<UnitId>,
    /// Why.
    pub reason: Pii<String>,
    /// When the unit must have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_due_at: Option<Timestamp>,
}

/// It was given to a member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseAssigned {
    /// Who works on it from now on.
    pub assignee: StaffId,
}

/// It entered a stage that the customer sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseStageEntered {
    /// The stage in the words that the customer reads.
    pub stage: String,
}

/// Somebody wrote, called or came, or was written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionRecorded {
    /// Who spoke to whom.
    pub direction: Direction,
    /// The way it travelled.
    pub channel: Channel,
    /// What was said.
    pub body: Pii<String>,
    /// Whether a machine wrote it: an automatic reply is not a first response.
    #[serde(default)]
    pub automatic: bool,
}

/// Staff wrote something down. Customers never see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseNoteAdded {
    /// The note.
    pub body: Pii<String>,
}

/// Work waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseHeld {
    /// For whom.
    pub reason: HoldReason,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Pii<String>>,
}

/// Work goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResumed {
    /// Whether the customer's own message ended the wait.
    #[serde(default)]
    pub by_customer_message: bool,
}

/// A date was promised, or an earlier promise was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseDueDateSet {
    /// The date.
    pub due_at: Timestamp,
}

/// It was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResolved {
    /// What became of it.
    pub outcome: Outcome,
    /// The answer in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Pii<String>>,
}

/// It turned out not to be settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseReopened {
    /// Why.
    pub reason: Pii<String>,
}

/// It was finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseClosed {}

/// It was given up in favour of another case, which deals with the matter from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseMerged {
    /// The case that survives.
    pub into: CaseId,
    /// Why.
    pub reason: Pii<String>,
}

/// It was taken up again as a case of its own, in the status that it had before the merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseUnmerged {
    /// Why.
    pub reason: Pii<String>,
}

/// A step of an imported log, kept as the source names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseActivityRecorded {
    /// The activity's name in the source.
    pub name: String,
    /// Who did it, as the source names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Their group, as the source names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The life-cycle transition, such as `complete` (IEEE 1849, Lifecycle extension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<String>,
}
