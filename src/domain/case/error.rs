//! Why a command on a case may be refused.

use crate::decider::Refusal;
use crate::id::CaseId;
use crate::text::TextProblem;

/// Why a command on a case was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseRefusal {
    /// No such case, or none that the caller may know of.
    #[error("there is no such case")]
    NotFound,
    /// The id is taken by a case that another command opened.
    #[error("the case is open already")]
    AlreadyOpened,
    /// It is dated to a time in which there was no case.
    #[error("occurred_at is before the case was opened")]
    OccurredBeforeOpening,
    /// The case is closed, and the command needs it open.
    #[error("the case is closed; reopen it first")]
    Closed,
    /// The case is resolved, and the command needs it unresolved.
    #[error("the case is resolved; reopen it first")]
    Resolved,
    /// Only a resolved case can be closed.
    #[error("the case is not resolved; resolve it with an outcome first")]
    NotResolved,
    /// Only a resolved or closed case can be reopened.
    #[error("the case is neither resolved nor closed")]
    NotFinished,
    /// It waits already.
    #[error("the case is on hold already; resume it first")]
    AlreadyHeld,
    /// It does not wait.
    #[error("the case is not on hold")]
    NotHeld,
    /// The case was given up, and the command is work, which belongs on the surviving case.
    #[error("the case was merged into {}; go on there, or undo the merge", .into.reference())]
    Merged {
        /// The case that survives.
        into: CaseId,
    },
    /// Only a merge that was made can be undone.
    #[error("the case is not merged into another")]
    NotMerged,
    /// A case cannot be given up in favour of itself.
    #[error("a case cannot be merged into itself")]
    MergeIntoItself,
    /// The case into which this one was to be merged is not there, or the caller may not know of it.
    #[error("there is no such case to merge into")]
    SurvivorNotFound,
    /// The case into which this one was to be merged is itself given up.
    #[error("that case was itself merged into {}; merge into the case that survives", .into.reference())]
    SurvivorMerged {
        /// The case that survives there.
        into: CaseId,
    },
    /// The case into which this one was to be merged is resolved or closed.
    #[error(
        "that case is resolved or closed; reopen it first, or merge into one that is worked on"
    )]
    SurvivorEnded,
    /// The customer of this case could not read the one into which it was to be merged.
    #[error("that case is not of the same customer, who could not follow it there; work on both")]
    SurvivorOfAnother,
    /// Only suggestions, criticisms and praise are raised by staff, and have something become of them.
    #[error("this is for suggestions, criticisms and praise")]
    NotAnOpinion {
        /// The command's field that names the kind, where it has one.
        field: Option<&'static str>,
    },
    /// It is an opinion, and its author does not know what became of it.
    #[error("its author was not told what became of it; tell them first")]
    AuthorNotTold,
    /// The command says nothing.
    #[error("give at least one of category, priority and severity")]
    NothingToClassify,
    /// What touches somebody's safety comes before all others.
    #[error(
        "the assessment found that safety is touched; assess it anew before it becomes less urgent"
    )]
    SafetyIsUrgent,
    /// A date that has passed before what it is promised for has begun.
    #[error("{field} must be later than the moment of the command")]
    DueDatePassed {
        /// The command's field.
        field: &'static str,
    },
    /// The step belongs to the handling of complaints, and the case is none.
    #[error("the case is not a complaint")]
    NotAComplaint,
    /// A complaint is assessed before it is decided.
    #[error("the complaint is not assessed; assess it first")]
    AssessmentMissing,
    /// Without a decision there is nothing to resolve, close, accept or appeal.
    #[error("the complaint is not decided; decide it with reasons first")]
    DecisionMissing,
    /// A decision says whether the complaint was right.
    #[error(
        "a decision is upheld, partly upheld or not upheld; resolve the case to end it otherwise"
    )]
    OutcomeNotADecision,
    /// A way to appeal is told whole or not at all.
    #[error("{field} is missing: say until when and to whom the customer may appeal, or neither")]
    AppealIncomplete {
        /// The command's field.
        field: &'static str,
    },
    /// The decision gives no way to appeal.
    #[error("the decision is the last: no appeal is possible")]
    DecisionFinal,
    /// The time for an appeal has passed.
    #[error("the time for an appeal has passed; reopen the case if it is to be looked at again")]
    AppealTooLate,
    /// The customer has accepted the decision.
    #[error("the decision was accepted; reopen the case if it is to be looked at again")]
    DecisionAlreadyAccepted,
    /// The decision is neither accepted nor beyond appeal.
    #[error(
        "the decision is not accepted; record the acceptance, wait until the time for an appeal has passed, or after the last decision \
         offer what else there is"
    )]
    DecisionNotAccepted,
    /// Nobody told the customer.
    #[error("nobody has told the customer; record the answer that went out first")]
    AnswerMissing,
    /// There is no referral to answer.
    #[error("the case was not referred, or it was sent back already")]
    NotReferred,
    /// The unit took the case on, so it cannot send it back.
    #[error("the unit has accepted the case; refer it to another unit instead")]
    ReferralAccepted,
    /// The case has no promise of this number.
    #[error("the case has no promise of this number")]
    FollowUpUnknown,
    /// Something was promised, and its time has not come.
    #[error("a promise to the customer waits to be kept; keep it first")]
    FollowUpWaiting,
    /// Too many promises wait to be kept.
    #[error(
        "the case has {} promises that were not kept; keep some first",
        super::follow_up::FOLLOW_UPS_MAX
    )]
    TooManyFollowUps,
    /// Customers are asked at the end.
    #[error("the case is not closed; close it first")]
    NotClosed,
    /// Nobody knows whose case it is.
    #[error("the case has no customer who could be asked")]
    NobodyToAsk,
    /// Only who was asked answers.
    #[error("the customer was not asked how content they are")]
    SurveyNotAsked,
    /// Customers answer once.
    #[error("the customer has said how content they are already")]
    SurveyAnswered,
    /// A mark that there is not.
    #[error("score must be from 1 to {}", super::survey::SCORE_MAX)]
    ScoreOutOfRange,
    /// A text of the command is empty, too long or not a text.
    #[error("{field} {problem}")]
    Text {
        /// The command's field.
        field: &'static str,
        /// What is wrong with it.
        problem: TextProblem,
    },
}

impl Refusal for CaseRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "CASE_NOT_FOUND",
            Self::AlreadyOpened => "CASE_ALREADY_OPENED",
            Self::OccurredBeforeOpening => "OCCURRED_BEFORE_OPENING",
            Self::Closed => "CASE_CLOSED",
            Self::Resolved => "CASE_RESOLVED",
            Self::NotResolved => "CASE_NOT_RESOLVED",
            Self::NotFinished => "CASE_NOT_FINISHED",
            Self::AlreadyHeld => "CASE_ALREADY_ON_HOLD",
            Self::NotHeld => "CASE_NOT_ON_HOLD",
            Self::Merged { .. } => "CASE_MERGED",
            Self::NotMerged => "CASE_NOT_MERGED",
            Self::MergeIntoItself => "MERGE_INTO_ITSELF",
            // The answer for a case that is not there is one everywhere; the field tells which case is meant.
            Self::SurvivorNotFound => "CASE_NOT_FOUND",
            Self::SurvivorMerged { .. } => "MERGE_TARGET_MERGED",
            Self::SurvivorEnded => "MERGE_TARGET_ENDED",
            Self::SurvivorOfAnother => "MERGE_TARGET_OF_ANOTHER",
            Self::NotAnOpinion { .. } => "CASE_NOT_AN_OPINION",
            Self::AuthorNotTold => "AUTHOR_NOT_TOLD",
            Self::NothingToClassify => "NOTHING_TO_CLASSIFY",
            Self::SafetyIsUrgent => "SAFETY_IS_URGENT",
            Self::DueDatePassed { .. } => "DUE_DATE_PASSED",
            Self::NotAComplaint => "CASE_NOT_A_COMPLAINT",
            Self::AssessmentMissing => "ASSESSMENT_MISSING",
            Self::DecisionMissing => "DECISION_MISSING",
            Self::OutcomeNotADecision => "OUTCOME_NOT_A_DECISION",
            Self::AppealIncomplete { .. } => "APPEAL_INCOMPLETE",
            Self::DecisionFinal => "DECISION_FINAL",
            Self::AppealTooLate => "APPEAL_TOO_LATE",
            Self::DecisionAlreadyAccepted => "DECISION_ACCEPTED",
            Self::DecisionNotAccepted => "DECISION_NOT_ACCEPTED",
            Self::AnswerMissing => "ANSWER_MISSING",
            Self::NotReferred => "CASE_NOT_REFERRED",
            Self::ReferralAccepted => "REFERRAL_ACCEPTED",
            Self::FollowUpUnknown => "FOLLOW_UP_UNKNOWN",
            Self::FollowUpWaiting => "FOLLOW_UP_WAITING",
            Self::TooManyFollowUps => "TOO_MANY_FOLLOW_UPS",
            Self::NotClosed => "CASE_NOT_CLOSED",
            Self::NobodyToAsk => "NOBODY_TO_ASK",
            Self::SurveyNotAsked => "SURVEY_NOT_ASKED",
            Self::SurveyAnswered => "SURVEY_ANSWERED",
            Self::ScoreOutOfRange => "SCORE_OUT_OF_RANGE",
            Self::Text { problem, .. } => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::DueDatePassed { field }
            | Self::AppealIncomplete { field }
            | Self::Text { field, .. } => Some(field),
            Self::OccurredBeforeOpening => Some("occurred_at"),
            Self::SafetyIsUrgent => Some("priority"),
            Self::OutcomeNotADecision => Some("outcome"),
            Self::FollowUpUnknown => Some("number"),
            Self::ScoreOutOfRange => Some("score"),
            Self::MergeIntoItself
            | Self::SurvivorNotFound
            | Self::SurvivorMerged { .. }
            | Self::SurvivorEnded
            | Self::SurvivorOfAnother => Some("into"),
            Self::NotAnOpinion { field } => *field,
            _ => None,
        }
    }
}
