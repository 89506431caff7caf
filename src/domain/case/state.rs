//! What a decision needs to know of a case, and how each event changes it.

use jiff::Timestamp;

use super::attribute::{CaseKind, HoldReason, Priority, Severity, Status};
use super::complaint::ComplaintState;
use super::event::CaseEvent;
use super::follow_up::FollowUps;
use super::referral::{self, Referral};
use super::survey::Survey;
use super::voice::Voice;
use crate::decider::Metadata;
use crate::id::{CaseId, CategoryId, CustomerId, StaffId, UnitId};

/// What a decision needs to know of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseState {
    /// Where it stands; `None` before it is opened.
    pub status: Option<Status>,
    /// When it was opened; where that was dated ahead of its recording, when it was recorded.
    pub opened_at: Option<Timestamp>,
    /// Why it waits, while it does.
    pub hold: Option<HoldReason>,
    /// What sort of matter it is; `None` before it is opened.
    pub kind: Option<CaseKind>,
    /// Whose case it is.
    pub customer_id: Option<CustomerId>,
    /// Its category.
    pub category: Option<CategoryId>,
    /// Its priority.
    pub priority: Option<Priority>,
    /// Its severity.
    pub severity: Option<Severity>,
    /// The unit that owns it.
    pub unit: Option<UnitId>,
    /// Who works on it.
    pub assignee: Option<StaffId>,
    /// The stage that the customer sees.
    pub stage: Option<String>,
    /// The date promised.
    pub due_at: Option<Timestamp>,
    /// The merge that it was given up by, while it is.
    pub merged: Option<Merge>,
    /// What is known of it as a voice.
    pub voice: Voice,
    /// How far it was handled as a complaint.
    pub complaint: ComplaintState,
    /// The last referral, unless it was sent back.
    pub referral: Option<Referral>,
    /// What was promised to the customer.
    pub follow_ups: FollowUps,
    /// How far the survey after its end has come.
    pub survey: Survey,
}

/// By what a case was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merge {
    /// The case that survives.
    pub into: CaseId,
    /// The status to which undoing the merge returns; `None` when the log says nothing of an opening.
    pub status_before: Option<Status>,
}

impl CaseState {
    /// The state after the event.
    pub fn evolve(mut self, event: &CaseEvent, meta: &Metadata) -> Self {
        self.complaint.evolve(event);
        referral::evolve(&mut self.referral, event);
        self.follow_ups.evolve(event);
        self.survey.evolve(event);
        match event {
            CaseEvent::Opened(opened) => {
                self.status = Some(Status::Open);
                self.opened_at = Some(meta.occurred_at.min(meta.recorded_at));
                self.kind = Some(opened.kind);
                self.customer_id = opened.customer_id;
                self.category = opened.category.clone();
                self.priority = Some(opened.priority);
                self.severity = opened.severity;
                self.unit = opened.unit.clone();
                self.due_at = opened.due_at;
                self.voice = Voice::of(opened.kind);
            }
            CaseEvent::RaisedByStaff(raised) => self.voice.raised(raised),
            CaseEvent::AuthorTold(told) => self.voice.became = Some(told.became),
            CaseEvent::Classified(classified) => {
                self.category = classified.category.clone().or(self.category);
                self.priority = classified.priority.or(self.priority);
                self.severity = classified.severity.or(self.severity);
            }
            CaseEvent::Referred(referred) => {
                self.unit = Some(referred.unit.clone());
                // The person who worked on it belongs to the unit that handed it on.
                self.assignee = None;
            }
            CaseEvent::Assigned(assigned) => self.assignee = Some(assigned.assignee.clone()),
            CaseEvent::StageEntered(entered) => self.stage = Some(entered.stage.clone()),
            CaseEvent::Held(held) => {
                self.hold = Some(held.reason);
                self.status = Some(status_on_hold(held.reason));
            }
            CaseEvent::Resumed(_) => {
                self.hold = None;
                self.status = Some(Status::Open);
            }
            CaseEvent::DueDateSet(set) => self.due_at = Some(set.due_at),
            CaseEvent::Resolved(_) => {
                self.hold = None;
                self.status = Some(Status::Resolved);
            }
            CaseEvent::Reopened(_) => {
                self.status = Some(Status::Open);
                self.voice.became = None;
            }
            CaseEvent::Closed(_) => self.status = Some(Status::Closed),
            CaseEvent::Merged(merged) => {
                // A wait is kept, unlike the status: it goes on when the merge is undone.
                let status_before = self.merged.map_or(self.status, |merge| merge.status_before);
                self.merged = Some(Merge { into: merged.into, status_before });
                self.status = Some(Status::Merged);
            }
            CaseEvent::Unmerged(_) => {
                if let Some(merge) = self.merged.take() {
                    self.status = merge.status_before;
                }
            }
            CaseEvent::ReferralReturned(returned) => {
                self.unit = returned.unit.clone();
                self.assignee = None;
            }
            CaseEvent::InteractionRecorded(_)
            | CaseEvent::NoteAdded(_)
            | CaseEvent::ActivityRecorded(_)
            // What these change is the part's own.
            | CaseEvent::Acknowledged(_)
            | CaseEvent::Assessed(_)
            | CaseEvent::FindingRecorded(_)
            | CaseEvent::Decided(_)
            | CaseEvent::Appealed(_)
            | CaseEvent::DecisionAccepted(_)
            | CaseEvent::AlternativesOffered(_)
            | CaseEvent::RootCauseRecorded(_)
            | CaseEvent::CorrectiveActionLinked(_)
            | CaseEvent::ReferralAccepted(_)
            | CaseEvent::ReferralEscalated(_)
            | CaseEvent::FollowUpPromised(_)
            | CaseEvent::FollowUpKept(_)
            | CaseEvent::FollowUpMissed(_)
            | CaseEvent::FollowUpReminded(_)
            | CaseEvent::SurveyAsked(_)
            | CaseEvent::SurveyAnswered(_) => {}
        }
        self
    }
}

/// The status of a case that waits for this reason.
pub fn status_on_hold(reason: HoldReason) -> Status {
    match reason {
        HoldReason::AwaitingCustomer => Status::Pending,
        HoldReason::AwaitingThirdParty | HoldReason::Other => Status::OnHold,
    }
}
