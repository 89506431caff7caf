//! What follows from a command to the clock stream.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    ClockRecord, ClockState, ClockSubject, ExtendClock, ObserveClock, SlaBreached, SlaCancelled,
    SlaCommand, SlaCompletedLate, SlaEvent, SlaExtended, SlaMet, SlaRefusal, SlaRestated, SlaState,
    SlaWaived, SlaWarned, SlaWarningWithdrawn, WaiveBreach, state::verdict_allows_warning,
};
use crate::{
    decider::{Context, Decider, Metadata},
    id::{CaseId, DataSubject},
    pii::Pii,
    text::check_personal_body,
};

/// The aggregate of one case's clock stream: what is on record of its clocks.
#[derive(Clone, Copy, Debug)]
pub struct Sla;

impl Decider for Sla {
    type Command = SlaCommand;
    type Event = SlaEvent;
    type State = SlaState;
    type Refusal = SlaRefusal;

    const CATEGORY: &'static str = "clock";

    /// What people say about a clock belongs to the case's customer, whom the clock does not know: whoever sends the command says so.
    fn data_subject(_: &SlaState, id: Uuid) -> Option<DataSubject> {
        Some(DataSubject::Case(CaseId(id)))
    }

    fn name(command: &SlaCommand) -> &'static str {
        match command {
            SlaCommand::Observe(_) => "observe",
            SlaCommand::Extend(_) => "extend",
            SlaCommand::Waive(_) => "waive",
        }
    }

    fn decide(
        state: &SlaState,
        command: SlaCommand,
        context: &Context,
    ) -> Result<Vec<SlaEvent>, SlaRefusal> {
        match command {
            SlaCommand::Observe(clock) => Ok(observe(state, &clock, context.recorded_at)),
            SlaCommand::Extend(command) => extend(state, command),
            SlaCommand::Waive(command) => waive(state, command),
        }
    }

    fn evolve(mut state: SlaState, event: &SlaEvent, _: &Metadata) -> SlaState {
        state.evolve(event);
        state
    }
}

/// The facts that are new about a clock: warnings first, then the verdict.
fn observe(state: &SlaState, clock: &ObserveClock, now: Timestamp) -> Vec<SlaEvent> {
    let nothing = ClockRecord::default();
    let record = state.clocks.get(&clock.subject.clock).unwrap_or(&nothing);
    let verdict = clock.verdict_at(now);
    let mut facts = vec![];
    warnings(record, clock, verdict, now, &mut facts);
    self::verdict(record, clock, verdict, &mut facts);
    facts
}

fn warnings(
    record: &ClockRecord,
    clock: &ObserveClock,
    verdict: ClockState,
    now: Timestamp,
    facts: &mut Vec<SlaEvent>,
) {
    let is_open = matches!(clock.state, ClockState::Running | ClockState::Paused);
    for warning in &clock.warnings {
        let threshold = &warning.threshold;
        let warned_at = record.warned.get(threshold);
        let reached = warning.at.filter(|at| *at <= now);
        if let Some(reached_at) = reached
            && (warned_at.is_none() || (is_open && warned_at < Some(&reached_at)))
            && verdict_allows_warning(verdict)
            // What was reached before the clock got its target, or after it stopped, warns nobody.
            && reached_at >= clock.attached_at
            && clock.stopped_at.is_none_or(|stopped_at| reached_at <= stopped_at)
        {
            let subject = subject(clock, &clock.actions.on_warning);
            let (threshold, due_at) = (threshold.clone(), clock.due_at);
            facts.push(SlaWarned { subject, threshold, reached_at, due_at }.into());
        } else if warned_at.is_some() && is_open && warning.at.is_some_and(|at| at > now) {
            let (subject, threshold) = (subject(clock, &[]), threshold.clone());
            let due_at = clock.due_at;
            facts.push(SlaWarningWithdrawn { subject, threshold, due_at }.into());
        }
    }
}

fn verdict(
    record: &ClockRecord,
    clock: &ObserveClock,
    verdict: ClockState,
    facts: &mut Vec<SlaEvent>,
) {
    let recorded = record.verdict.filter(|verdict| *verdict != ClockState::Running);
    let (started_at, stopped_at) = (clock.started_at, clock.stopped_at);
    match (recorded, verdict) {
        (None, ClockState::Breached) => {
            let Some(due_at) = clock.due_at else { return };
            let silent = clock.attached_at > clock.started_at && due_at < clock.attached_at;
            let actions = if silent { &[] } else { &clock.actions.on_breach[..] };
            let subject = subject(clock, actions);
            facts.push(SlaBreached { subject, due_at, started_at, stopped_at, silent }.into());
        }
        (None, ClockState::Met) => {
            let Some(stopped_at) = stopped_at else { return };
            let subject = subject(clock, &clock.actions.on_met);
            facts.push(SlaMet { subject, due_at: clock.due_at, started_at, stopped_at }.into());
        }
        (None, ClockState::Cancelled | ClockState::Merged) => {
            let Some(stopped_at) = stopped_at else { return };
            let subject = subject(clock, &clock.actions.on_cancelled);
            let merged = verdict == ClockState::Merged;
            facts.push(SlaCancelled { subject, started_at, stopped_at, merged }.into());
        }
        (None, _) => {}
        (Some(ClockState::Breached), ClockState::Breached)
            if clock.due_at == record.breach_due_at => {}
        (Some(from), to) if from == to && to != ClockState::Breached => {}
        (Some(from), to) => {
            let is_open = matches!(to, ClockState::Paused | ClockState::Scheduled);
            let to = if is_open { ClockState::Running } else { to };
            let (due_at, cause) = (clock.due_at, clock.cause);
            let subject = subject(clock, &[]);
            facts.push(SlaRestated { subject, from, to, due_at, stopped_at, cause }.into());
        }
    }
    let is_on_record = record.completed_late || facts.iter().any(is_restated);
    if let (ClockState::Breached, Some(due_at), Some(stopped_at), false) =
        (verdict, clock.due_at, stopped_at, is_on_record)
    {
        let subject = subject(clock, &clock.actions.on_completed_late);
        facts.push(SlaCompletedLate { subject, due_at, started_at, stopped_at }.into());
    }
}

fn is_restated(fact: &SlaEvent) -> bool {
    matches!(fact, SlaEvent::Restated(_))
}

fn subject(clock: &ObserveClock, actions: &[String]) -> ClockSubject {
    ClockSubject { actions: actions.to_vec(), ..clock.subject.clone() }
}

fn extend(state: &SlaState, command: ExtendClock) -> Result<Vec<SlaEvent>, SlaRefusal> {
    let ExtendClock { subject, is_open, most, reason, told } = command;
    check("reason", &reason)?;
    check("told", &told)?;
    if !is_open {
        return Err(SlaRefusal::ClockEnded(subject.clock));
    }
    if most == 0 {
        return Err(SlaRefusal::ExtensionNotAllowed(subject.clock));
    }
    let granted = state.clocks.get(&subject.clock).map_or(0, |record| record.extensions);
    if granted >= most {
        return Err(SlaRefusal::ExtensionsUsedUp { clock: subject.clock, most });
    }
    Ok(vec![SlaExtended { subject, reason, told }.into()])
}

fn waive(state: &SlaState, command: WaiveBreach) -> Result<Vec<SlaEvent>, SlaRefusal> {
    let WaiveBreach { subject, reason } = command;
    check("reason", &reason)?;
    match state.clocks.get(&subject.clock) {
        Some(record) if record.waived => Ok(vec![]),
        Some(record) if record.verdict == Some(ClockState::Breached) => {
            Ok(vec![SlaWaived { subject, reason }.into()])
        }
        _ => Err(SlaRefusal::NotBreached(subject.clock)),
    }
}

fn check(field: &'static str, text: &Pii<String>) -> Result<(), SlaRefusal> {
    check_personal_body(text).map_err(|problem| SlaRefusal::Text { field, problem })
}

#[cfg(test)]
mod tests;
