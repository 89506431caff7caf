//! What follows from a command to the clock stream.

use super::{RecordBreach, SlaBreached, SlaCommand, SlaEvent, SlaRefusal, SlaState};
use crate::decider::{Context, Decider, Metadata};

/// The aggregate of one case's clock stream: which due moments are recorded as passed.
#[derive(Clone, Copy, Debug)]
pub struct Sla;

impl Decider for Sla {
    type Command = SlaCommand;
    type Event = SlaEvent;
    type State = SlaState;
    type Refusal = SlaRefusal;

    const CATEGORY: &'static str = "clock";

    fn decide(
        state: &SlaState,
        command: SlaCommand,
        context: &Context,
    ) -> Result<Vec<SlaEvent>, SlaRefusal> {
        match command {
            SlaCommand::RecordBreach(command) => record_breach(state, command, context),
        }
    }

    fn evolve(mut state: SlaState, event: &SlaEvent, _: &Metadata) -> SlaState {
        match event {
            SlaEvent::Breached(breached) => state.breached.insert(breached.clock),
        };
        state
    }
}

fn record_breach(
    state: &SlaState,
    command: RecordBreach,
    context: &Context,
) -> Result<Vec<SlaEvent>, SlaRefusal> {
    let due_at = command.due_at;
    if state.breached.contains(&command.clock) {
        return Ok(vec![]);
    }
    // At the due moment itself the promise can still be kept.
    if due_at >= context.recorded_at {
        return Err(SlaRefusal::NotYetDue { due_at });
    }
    if let Some(stopped_at) = command.stopped_at.filter(|stopped_at| *stopped_at <= due_at) {
        return Err(SlaRefusal::StoppedInTime { stopped_at, due_at });
    }
    Ok(vec![
        SlaBreached {
            case_id: command.case_id,
            clock: command.clock,
            metric: command.clock.metric,
            policy_id: command.policy_id,
            policy_version: command.policy_version,
            rule: command.rule,
            due_at,
            started_at: command.started_at,
            stopped_at: command.stopped_at,
            unit: command.unit,
            category: command.category,
            priority: command.priority,
            channel: command.channel,
        }
        .into(),
    ])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        decider::{Actor, ActorKind, Refusal},
        event::StoredEvent,
        id::{CaseId, CommandId, PolicyId, derived},
    };

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    fn context(recorded_at: &str) -> Context {
        Context {
            command_id: CommandId(derived(&["breach"])),
            occurred_at: at(recorded_at),
            recorded_at: at(recorded_at),
            actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
        }
    }

    /// A clock that was due at noon.
    fn breach() -> RecordBreach {
        RecordBreach {
            case_id: CaseId(derived(&["case"])),
            clock: "resolution-1".parse().unwrap(),
            policy_id: PolicyId::new("standard").unwrap(),
            policy_version: 1,
            rule: "all".to_owned(),
            due_at: at("2026-01-05T12:00:00Z"),
            started_at: at("2026-01-05T08:00:00Z"),
            stopped_at: None,
            unit: Some("billing".to_owned()),
            category: None,
            priority: Some("high".to_owned()),
            channel: None,
        }
    }

    fn decide(
        state: &SlaState,
        command: RecordBreach,
        now: &str,
    ) -> Result<Vec<SlaEvent>, SlaRefusal> {
        Sla::decide(state, SlaCommand::RecordBreach(command), &context(now))
    }

    fn evolve(state: SlaState, event: &SlaEvent) -> SlaState {
        let Context { command_id, occurred_at, recorded_at, actor } =
            context("2026-01-05T12:00:01Z");
        let correlation_id = command_id.0;
        let causation_id = command_id;
        let command_digest = None;
        let meta = Metadata {
            occurred_at,
            recorded_at,
            actor,
            causation_id,
            correlation_id,
            command_digest,
        };
        Sla::evolve(state, event, &meta)
    }

    #[test]
    fn a_breach_is_recorded_once_and_never_twice() {
        let events = decide(&SlaState::default(), breach(), "2026-01-05T12:00:01Z").unwrap();
        let [event @ SlaEvent::Breached(breached)] = &events[..] else { panic!("one event") };
        assert_eq!((breached.clock, breached.metric), (breach().clock, breach().clock.metric));
        let state = evolve(SlaState::default(), event);
        let moved = RecordBreach { due_at: at("2026-01-05T13:00:00Z"), ..breach() };
        assert_eq!(decide(&state, breach(), "2026-01-06T00:00:00Z"), Ok(vec![]));
        assert_eq!(decide(&state, moved, "2026-01-06T00:00:00Z"), Ok(vec![]));
        let next = RecordBreach { clock: "resolution-2".parse().unwrap(), ..breach() };
        assert_eq!(decide(&state, next, "2026-01-06T00:00:00Z").unwrap().len(), 1);
    }

    #[test]
    fn a_due_moment_that_has_not_passed_is_refused_also_at_the_moment_itself() {
        for now in ["2026-01-05T11:59:59Z", "2026-01-05T12:00:00Z"] {
            let refusal = decide(&SlaState::default(), breach(), now).unwrap_err();
            assert_eq!(refusal.code(), "CLOCK_NOT_YET_DUE");
            assert_eq!(refusal.field(), Some("due_at"));
        }
    }

    #[test]
    fn a_clock_that_stopped_in_time_has_no_breach() {
        let stopped = |moment| RecordBreach { stopped_at: Some(at(moment)), ..breach() };
        let now = "2026-01-06T00:00:00Z";
        let refusal =
            decide(&SlaState::default(), stopped("2026-01-05T12:00:00Z"), now).unwrap_err();
        assert_eq!(refusal.code(), "CLOCK_STOPPED_IN_TIME");
        assert!(decide(&SlaState::default(), stopped("2026-01-05T12:00:01Z"), now).is_ok());
    }

    #[test]
    fn a_stored_breach_reads_back_as_it_was() {
        let events = decide(&SlaState::default(), breach(), "2026-01-05T12:00:01Z").unwrap();
        let read = SlaEvent::from_json("SlaBreached", 1, &events[0].to_json()).unwrap();
        assert_eq!(read, events[0]);
    }
}
