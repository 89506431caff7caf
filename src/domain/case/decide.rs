//! What may follow on what in the life of a case.

use uuid::Uuid;

use super::Case;
use super::attribute::{Direction, HoldReason, Priority, Status};
use super::command::{
    CaseCommand, ClassifyCase, FollowUpCommand, MergeCase, OpenCase, RecordActivity,
    RecordInteraction, ReferralCommand, Survivor,
};
use super::complaint;
use super::error::CaseRefusal;
use super::event::{
    CaseActivityRecorded, CaseAssigned, CaseClassified, CaseClosed, CaseDueDateSet, CaseEvent,
    CaseHeld, CaseMerged, CaseNoteAdded, CaseOpened, CaseReferred, CaseReopened, CaseResolved,
    CaseResumed, CaseStageEntered, CaseUnmerged, InteractionRecorded,
};
use super::state::CaseState;
use super::{follow_up, referral, survey, voice};
use crate::decider::{ActorKind, Context, Decider, Metadata};
use crate::id::{CaseId, DataSubject};
use crate::text::{self, TextProblem};

impl Decider for Case {
    type Command = CaseCommand;
    type Event = CaseEvent;
    type State = CaseState;
    type Refusal = CaseRefusal;

    const CATEGORY: &'static str = "case";

    fn data_subject(state: &CaseState, id: Uuid) -> Option<DataSubject> {
        let of_case = DataSubject::Case(CaseId(id));
        Some(state.customer_id.map_or(of_case, DataSubject::Customer))
    }

    fn name(command: &CaseCommand) -> &'static str {
        match command {
            CaseCommand::Open(_) => "open",
            CaseCommand::Classify(_) => "classify",
            CaseCommand::Refer(_) => "refer",
            CaseCommand::Assign(_) => "assign",
            CaseCommand::EnterStage(_) => "enter_stage",
            CaseCommand::RecordInteraction(_) => "record_interaction",
            CaseCommand::AddNote(_) => "add_note",
            CaseCommand::Hold(_) => "hold",
            CaseCommand::Resume => "resume",
            CaseCommand::SetDueDate(_) => "set_due_date",
            CaseCommand::Resolve(_) => "resolve",
            CaseCommand::Reopen(_) => "reopen",
            CaseCommand::Close => "close",
            CaseCommand::Merge(_) => "merge",
            CaseCommand::Unmerge(_) => "unmerge",
            CaseCommand::RecordActivity(_) => "record_activity",
            CaseCommand::RaiseByStaff(_) => "raise_by_staff",
            CaseCommand::TellAuthor(_) => "tell_author",
            CaseCommand::Complaint(command) => command.name(),
            CaseCommand::Referral(command) => command.name(),
            CaseCommand::FollowUp(command) => command.name(),
            CaseCommand::Survey(command) => command.name(),
        }
    }

    fn decide(
        state: &CaseState,
        command: CaseCommand,
        context: &Context,
    ) -> Result<Vec<CaseEvent>, CaseRefusal> {
        let Some(status) = state.status else {
            return match command {
                CaseCommand::Open(open) => Ok(vec![opened(open, context)?.into()]),
                CaseCommand::RaiseByStaff(raise) => voice::raised_by_staff(raise),
                _ => Err(CaseRefusal::NotFound),
            };
        };
        if let Some(merge) = state.merged
            && is_work(&command)
        {
            return Err(CaseRefusal::Merged { into: merge.into });
        }
        if !is_opening(&command) {
            since_the_opening(state, context)?;
        }
        match command {
            CaseCommand::Open(_) | CaseCommand::RaiseByStaff(_) => Err(CaseRefusal::AlreadyOpened),
            CaseCommand::TellAuthor(tell) => voice::author_told(&state.voice, tell),
            CaseCommand::Classify(classify) => {
                not_closed(status)?;
                classified(state, classify)
            }
            CaseCommand::Refer(refer) => {
                unfinished(status)?;
                check("reason", text::check_personal_body(&refer.reason))?;
                if refer.answer_due_at.is_some_and(|due_at| due_at <= context.occurred_at) {
                    return Err(CaseRefusal::DueDatePassed { field: "answer_due_at" });
                }
                if state.unit.as_ref() == Some(&refer.unit) {
                    return Ok(vec![]);
                }
                Ok(vec![
                    CaseReferred {
                        unit: refer.unit,
                        from_unit: state.unit.clone(),
                        reason: refer.reason,
                        answer_due_at: refer.answer_due_at,
                    }
                    .into(),
                ])
            }
            CaseCommand::Assign(assign) => {
                unfinished(status)?;
                if state.assignee.as_ref() == Some(&assign.assignee) {
                    return Ok(vec![]);
                }
                Ok(vec![CaseAssigned { assignee: assign.assignee }.into()])
            }
            CaseCommand::EnterStage(enter) => {
                not_closed(status)?;
                check("stage", text::check_line(&enter.stage))?;
                if state.stage.as_ref() == Some(&enter.stage) {
                    return Ok(vec![]);
                }
                Ok(vec![CaseStageEntered { stage: enter.stage }.into()])
            }
            CaseCommand::RecordInteraction(record) => interaction(state, record),
            CaseCommand::AddNote(note) => {
                check("body", text::check_personal_body(&note.body))?;
                Ok(vec![CaseNoteAdded { body: note.body }.into()])
            }
            CaseCommand::Hold(hold) => {
                unfinished(status)?;
                if state.hold.is_some() {
                    return Err(CaseRefusal::AlreadyHeld);
                }
                if let Some(note) = &hold.note {
                    check("note", text::check_personal_body(note))?;
                }
                Ok(vec![CaseHeld { reason: hold.reason, note: hold.note }.into()])
            }
            CaseCommand::Resume => {
                unfinished(status)?;
                state.hold.ok_or(CaseRefusal::NotHeld)?;
                Ok(vec![CaseResumed { by_customer_message: false }.into()])
            }
            CaseCommand::SetDueDate(set) => {
                unfinished(status)?;
                if set.due_at <= context.occurred_at {
                    return Err(CaseRefusal::DueDatePassed { field: "due_at" });
                }
                if state.due_at == Some(set.due_at) {
                    return Ok(vec![]);
                }
                Ok(vec![CaseDueDateSet { due_at: set.due_at }.into()])
            }
            CaseCommand::Resolve(resolve) => {
                unfinished(status)?;
                state.complaint.check_resolving(resolve.outcome)?;
                if let Some(summary) = &resolve.summary {
                    check("summary", text::check_personal_body(summary))?;
                }
                let event = CaseResolved { outcome: resolve.outcome, summary: resolve.summary };
                Ok(vec![event.into()])
            }
            CaseCommand::Reopen(reopen) => {
                if unfinished(status).is_ok() {
                    return Err(CaseRefusal::NotFinished);
                }
                check("reason", text::check_personal_body(&reopen.reason))?;
                Ok(vec![CaseReopened { reason: reopen.reason }.into()])
            }
            CaseCommand::Close => match status {
                Status::Resolved => {
                    state.voice.may_close(state.customer_id.is_some())?;
                    state.complaint.check_closing(context.occurred_at)?;
                    // Of a case without a customer, such as one of an imported log, nobody waits for an answer.
                    if state.customer_id.is_some() {
                        state.complaint.check_answered()?;
                    }
                    if state.follow_ups.is_waiting() {
                        return Err(CaseRefusal::FollowUpWaiting);
                    }
                    Ok(vec![CaseClosed {}.into()])
                }
                Status::Closed => Err(CaseRefusal::Closed),
                Status::Open | Status::Pending | Status::OnHold | Status::Merged => {
                    Err(CaseRefusal::NotResolved)
                }
            },
            CaseCommand::Merge(merge) => {
                not_closed(status)?;
                Ok(vec![merged(state, merge)?.into()])
            }
            CaseCommand::Unmerge(unmerge) => {
                state.merged.ok_or(CaseRefusal::NotMerged)?;
                check("reason", text::check_personal_body(&unmerge.reason))?;
                Ok(vec![CaseUnmerged { reason: unmerge.reason }.into()])
            }
            CaseCommand::RecordActivity(activity) => Ok(vec![recorded(activity)?.into()]),
            CaseCommand::Complaint(command) => {
                complaint::decide::decide(state, status, command, context)
            }
            CaseCommand::Referral(command) => referral::decide(state, status, command),
            CaseCommand::FollowUp(command) => {
                follow_up::decide(&state.follow_ups, status, command, context)
            }
            CaseCommand::Survey(command) => survey::decide(state, status, command),
        }
    }

    fn evolve(state: CaseState, event: &CaseEvent, meta: &Metadata) -> CaseState {
        state.evolve(event, meta)
    }
}

fn opened(open: OpenCase, context: &Context) -> Result<CaseOpened, CaseRefusal> {
    check("subject", text::check_personal_line(&open.subject))?;
    if let Some(description) = &open.description {
        check("description", text::check_personal_body(description))?;
    }
    if let Some(remedy) = &open.remedy_sought {
        check("remedy_sought", text::check_personal_body(remedy))?;
    }
    if let Some(reference) = &open.external_reference {
        check("external_reference", text::check_line(reference))?;
    }
    if open.due_at.is_some_and(|due_at| due_at <= context.occurred_at) {
        return Err(CaseRefusal::DueDatePassed { field: "due_at" });
    }
    Ok(CaseOpened {
        kind: open.kind,
        subject: open.subject,
        description: open.description,
        customer_id: open.customer_id,
        channel: open.channel,
        category: open.category,
        priority: open.priority,
        severity: open.severity,
        unit: open.unit,
        due_at: open.due_at,
        external_reference: open.external_reference,
        split_from: open.split_from,
        remedy_sought: open.remedy_sought,
    })
}

fn recorded(activity: RecordActivity) -> Result<CaseActivityRecorded, CaseRefusal> {
    check("name", text::check_line(&activity.name))?;
    let optional = [
        ("resource", &activity.resource),
        ("group", &activity.group),
        ("transition", &activity.transition),
    ];
    for (field, value) in optional {
        value.as_deref().map_or(Ok(()), |value| check(field, text::check_line(value)))?;
    }
    let RecordActivity { name, resource, group, transition } = activity;
    Ok(CaseActivityRecorded { name, resource, group, transition })
}

fn is_opening(command: &CaseCommand) -> bool {
    matches!(command, CaseCommand::Open(_) | CaseCommand::RaiseByStaff(_))
}

/// What people do in a case they do after it was opened: who could date a step before that could have any time pass that they like. What they
/// give no date stands where it is, also where two replicas' clocks differ; and the log of another program is kept as it is.
fn since_the_opening(state: &CaseState, context: &Context) -> Result<(), CaseRefusal> {
    let is_person = match context.actor.kind {
        ActorKind::Customer | ActorKind::Representative | ActorKind::Staff => true,
        ActorKind::Service | ActorKind::System => false,
    };
    let is_dated = context.occurred_at < context.recorded_at;
    match state.opened_at {
        Some(opened_at) if is_person && is_dated && context.occurred_at < opened_at => {
            Err(CaseRefusal::OccurredBeforeOpening)
        }
        _ => Ok(()),
    }
}

/// Whether the command is work on the matter itself, which goes on at the surviving case once two are merged. What people say and
/// what an imported log tells is kept wherever it arrives.
fn is_work(command: &CaseCommand) -> bool {
    match command {
        CaseCommand::Classify(_)
        | CaseCommand::Refer(_)
        | CaseCommand::Assign(_)
        | CaseCommand::EnterStage(_)
        | CaseCommand::Hold(_)
        | CaseCommand::Resume
        | CaseCommand::SetDueDate(_)
        | CaseCommand::Resolve(_)
        | CaseCommand::Reopen(_)
        | CaseCommand::Close
        | CaseCommand::Merge(_)
        | CaseCommand::Complaint(_)
        | CaseCommand::Referral(ReferralCommand::Accept | ReferralCommand::Return(_))
        | CaseCommand::FollowUp(FollowUpCommand::Promise(_)) => true,
        CaseCommand::Open(_)
        | CaseCommand::RaiseByStaff(_)
        | CaseCommand::RecordInteraction(_)
        // The author of a voice reads their own case, also where another is worked on.
        | CaseCommand::TellAuthor(_)
        | CaseCommand::AddNote(_)
        | CaseCommand::Unmerge(_)
        | CaseCommand::RecordActivity(_)
        | CaseCommand::Referral(ReferralCommand::Escalate(_))
        | CaseCommand::FollowUp(
            FollowUpCommand::Keep(_) | FollowUpCommand::Remind(_) | FollowUpCommand::Miss(_),
        )
        | CaseCommand::Survey(_) => false,
    }
}

/// A case that took in others may be given up in its turn: the merges then form a chain. They never form a ring, because a case is
/// only ever merged into one that is not merged; whoever sends the command keeps the survivor so until the event is written.
///
/// A merge is no way to end a case without an answer: it goes on in one that is worked on, and that its customer may read.
fn merged(state: &CaseState, merge: MergeCase) -> Result<CaseMerged, CaseRefusal> {
    check("reason", text::check_personal_body(&merge.reason))?;
    match merge.survivor {
        Survivor::Itself => Err(CaseRefusal::MergeIntoItself),
        Survivor::Unknown => Err(CaseRefusal::SurvivorNotFound),
        Survivor::MergedInto(into) => Err(CaseRefusal::SurvivorMerged { into }),
        Survivor::Ended => Err(CaseRefusal::SurvivorEnded),
        Survivor::Standing { customer_id } => {
            if state.customer_id.is_some() && state.customer_id != customer_id {
                return Err(CaseRefusal::SurvivorOfAnother);
            }
            Ok(CaseMerged { into: merge.into, reason: merge.reason })
        }
    }
}

fn classified(state: &CaseState, classify: ClassifyCase) -> Result<Vec<CaseEvent>, CaseRefusal> {
    let ClassifyCase { category, priority, severity } = classify;
    if category.is_none() && priority.is_none() && severity.is_none() {
        return Err(CaseRefusal::NothingToClassify);
    }
    if state.complaint.safety && priority.is_some_and(|priority| priority != Priority::Urgent) {
        return Err(CaseRefusal::SafetyIsUrgent);
    }
    // The event tells what changed, so that a reader of the history is not shown decisions that nobody took.
    let event = CaseClassified {
        category: category.filter(|new| state.category.as_ref() != Some(new)),
        priority: priority.filter(|new| state.priority != Some(*new)),
        severity: severity.filter(|new| state.severity != Some(*new)),
    };
    if event.category.is_none() && event.priority.is_none() && event.severity.is_none() {
        return Ok(vec![]);
    }
    Ok(vec![event.into()])
}

/// Exchanges are recorded in any status: the customer who writes to a closed case has written.
fn interaction(
    state: &CaseState,
    record: RecordInteraction,
) -> Result<Vec<CaseEvent>, CaseRefusal> {
    check("body", text::check_personal_body(&record.body))?;
    let answers_our_wait = record.direction == Direction::Inbound
        && !record.automatic
        && state.hold == Some(HoldReason::AwaitingCustomer)
        // A wait that a merge has broken off is not answered here: the answer is to be heard at the surviving case.
        && state.merged.is_none();
    let mut events: Vec<CaseEvent> = vec![
        InteractionRecorded {
            direction: record.direction,
            channel: record.channel,
            body: record.body,
            automatic: record.automatic,
        }
        .into(),
    ];
    if answers_our_wait {
        events.push(CaseResumed { by_customer_message: true }.into());
    }
    Ok(events)
}

/// A merged case has been refused by then: see [`is_work`].
pub(super) fn not_closed(status: Status) -> Result<(), CaseRefusal> {
    match status {
        Status::Closed => Err(CaseRefusal::Closed),
        Status::Open | Status::Pending | Status::OnHold | Status::Resolved | Status::Merged => {
            Ok(())
        }
    }
}

/// A merged case has been refused by then: see [`is_work`].
pub(super) fn unfinished(status: Status) -> Result<(), CaseRefusal> {
    match status {
        Status::Closed => Err(CaseRefusal::Closed),
        Status::Resolved => Err(CaseRefusal::Resolved),
        Status::Open | Status::Pending | Status::OnHold | Status::Merged => Ok(()),
    }
}

pub(super) fn check(
    field: &'static str,
    result: Result<(), TextProblem>,
) -> Result<(), CaseRefusal> {
    result.map_err(|problem| CaseRefusal::Text { field, problem })
}
