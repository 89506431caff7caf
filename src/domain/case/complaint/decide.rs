//! What may follow on what in the handling of a complaint.

use super::command::{
    AcceptDecision, AppealCase, AssessCase, ComplaintCommand, DecideCase, OfferAlternatives,
    RecordFinding, RecordRootCause,
};
use super::event::{
    AlternativesOffered, CaseAcknowledged, CaseAppealed, CaseAssessed, CaseDecided,
    CorrectiveActionLinked, DecisionAccepted, FindingRecorded, RootCauseRecorded,
};
use super::state::Decision;
use crate::case::attribute::{CaseKind, Direction, Outcome, Priority, Status};
use crate::case::decide::{check, not_closed, unfinished};
use crate::case::error::CaseRefusal;
use crate::case::event::{
    CaseClassified, CaseEvent, CaseReopened, CaseResolved, InteractionRecorded,
};
use crate::case::state::CaseState;
use crate::decider::{ActorKind, Context};
use crate::text;

type Decided = Result<Vec<CaseEvent>, CaseRefusal>;

/// What follows from a command on a case that was opened and is not merged.
pub fn decide(
    state: &CaseState,
    status: Status,
    command: ComplaintCommand,
    context: &Context,
) -> Decided {
    match command {
        ComplaintCommand::Acknowledge(acknowledge) => {
            unfinished(status)?;
            if state.complaint.acknowledged {
                return Ok(vec![]);
            }
            Ok(vec![CaseAcknowledged { channel: acknowledge.channel }.into()])
        }
        ComplaintCommand::Assess(assess) => {
            unfinished(status)?;
            self::assess(state, assess)
        }
        ComplaintCommand::RecordFinding(RecordFinding { finding, evidence }) => {
            not_closed(status)?;
            check("finding", text::check_personal_body(&finding))?;
            if let Some(evidence) = &evidence {
                check("evidence", text::check_personal_line(evidence))?;
            }
            Ok(vec![FindingRecorded { finding, evidence }.into()])
        }
        ComplaintCommand::Decide(decide) => {
            unfinished(status)?;
            self::decide_complaint(state, decide, context)
        }
        ComplaintCommand::Appeal(appeal) => {
            not_closed(status)?;
            self::appeal(state, appeal, context)
        }
        ComplaintCommand::AcceptDecision(AcceptDecision { channel }) => {
            not_closed(status)?;
            let decision = decision(state)?;
            if decision.accepted {
                return Ok(vec![]);
            }
            Ok(vec![DecisionAccepted { channel }.into()])
        }
        ComplaintCommand::OfferAlternatives(OfferAlternatives { alternatives }) => {
            not_closed(status)?;
            decision(state)?;
            check("alternatives", text::check_personal_body(&alternatives))?;
            Ok(vec![AlternativesOffered { alternatives }.into()])
        }
        // Causes are often understood, and removed, long after the customer has their answer.
        ComplaintCommand::RecordRootCause(RecordRootCause { cause, explanation }) => {
            if let Some(explanation) = &explanation {
                check("explanation", text::check_personal_body(explanation))?;
            } else if state.complaint.root_causes.contains(&cause) {
                return Ok(vec![]);
            }
            Ok(vec![RootCauseRecorded { cause, explanation }.into()])
        }
        ComplaintCommand::LinkCorrectiveAction(link) => {
            if state.complaint.corrective_actions.contains(&link.case_id) {
                return Ok(vec![]);
            }
            Ok(vec![CorrectiveActionLinked { case_id: link.case_id }.into()])
        }
    }
}

fn is_complaint(state: &CaseState) -> Result<(), CaseRefusal> {
    match state.complaint.kind {
        Some(CaseKind::Complaint) => Ok(()),
        _ => Err(CaseRefusal::NotAComplaint),
    }
}

fn decision(state: &CaseState) -> Result<Decision, CaseRefusal> {
    is_complaint(state)?;
    state.complaint.decision.ok_or(CaseRefusal::DecisionMissing)
}

fn assess(state: &CaseState, assess: AssessCase) -> Decided {
    is_complaint(state)?;
    if let Some(action) = &assess.immediate_action {
        check("immediate_action", text::check_personal_body(action))?;
    }
    let priority = assess.safety.then_some(Priority::Urgent);
    let classified = CaseClassified {
        category: None,
        priority: priority.filter(|new| state.priority != Some(*new)),
        severity: Some(assess.severity).filter(|new| state.severity != Some(*new)),
    };
    let changes = classified.priority.is_some() || classified.severity.is_some();
    let assessed = CaseAssessed {
        severity: assess.severity,
        safety: assess.safety,
        complexity: assess.complexity,
        impact: assess.impact,
        immediate_action: assess.immediate_action,
    };
    let mut events: Vec<CaseEvent> = vec![assessed.into()];
    events.extend(changes.then(|| classified.into()));
    Ok(events)
}

fn decide_complaint(state: &CaseState, decide: DecideCase, context: &Context) -> Decided {
    is_complaint(state)?;
    if !state.complaint.assessed {
        return Err(CaseRefusal::AssessmentMissing);
    }
    let DecideCase { outcome, reasons, appeal_until, appeal_to, channel } = decide;
    if !matches!(outcome, Outcome::Upheld | Outcome::PartlyUpheld | Outcome::NotUpheld) {
        return Err(CaseRefusal::OutcomeNotADecision);
    }
    check("reasons", text::check_personal_body(&reasons))?;
    match (appeal_until, &appeal_to) {
        // A decision of last month that is recorded today still leaves time for an appeal.
        (Some(until), Some(_)) if until <= context.occurred_at.max(context.recorded_at) => {
            return Err(CaseRefusal::DueDatePassed { field: "appeal_until" });
        }
        (Some(_), Some(to)) => check("appeal_to", text::check_line(to))?,
        (Some(_), None) => return Err(CaseRefusal::AppealIncomplete { field: "appeal_to" }),
        (None, Some(_)) => return Err(CaseRefusal::AppealIncomplete { field: "appeal_until" }),
        (None, None) => {}
    }
    let level = state.complaint.appeals.saturating_add(1);
    let body = reasons.clone();
    let mut events: Vec<CaseEvent> =
        vec![CaseDecided { level, outcome, reasons, appeal_until, appeal_to }.into()];
    // Said at once, the decision is an answer like any other: it stops clocks, and stands among what was said.
    events.extend(channel.map(|channel| {
        let direction = Direction::Outbound;
        InteractionRecorded { direction, channel, body, automatic: false }.into()
    }));
    events.push(CaseResolved { outcome, summary: None }.into());
    Ok(events)
}

fn appeal(state: &CaseState, appeal: AppealCase, context: &Context) -> Decided {
    let decision = decision(state)?;
    check("grounds", text::check_personal_body(&appeal.grounds))?;
    if decision.accepted {
        return Err(CaseRefusal::DecisionAlreadyAccepted);
    }
    let until = decision.appeal_until.ok_or(CaseRefusal::DecisionFinal)?;
    // Staff record on Monday the letter of Friday; a customer who appeals by themselves does so now.
    let appealed_at = match context.actor.kind {
        ActorKind::Customer | ActorKind::Representative => context.recorded_at,
        _ => context.occurred_at,
    };
    if until < appealed_at {
        return Err(CaseRefusal::AppealTooLate);
    }
    let level = state.complaint.appeals.saturating_add(2);
    let reason = appeal.grounds.clone();
    Ok(vec![CaseAppealed { level, grounds: appeal.grounds }.into(), CaseReopened { reason }.into()])
}
