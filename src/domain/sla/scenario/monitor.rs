//! Which facts the monitor has put on record by a moment of a story.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{ScenarioError, story::Story};
use crate::{
    decider::{Actor, ActorKind, Context, Decider},
    id::{CaseId, CommandId, derived},
    pii::Pii,
    sla::{
        Clock, ClockKey, ClockSubject, FactKind, ObserveClock, Sla, SlaCommand, SlaEvent,
        SlaExtended, SlaHistory, SlaState, SlaWaived, SubjectOfCase, evaluate,
    },
};

/// How many moments a story is lived through at most: more mean a recurrence without an end.
const MOMENTS_MAX: usize = 10_000;

/// What is on record, and the names of its facts by clock.
#[derive(Default)]
struct Record {
    state: SlaState,
    names: BTreeMap<String, Vec<String>>,
}

impl Story {
    /// Lives through the story as the monitor does, and names the facts that are on record at a moment, by clock.
    pub(super) fn facts_on_record(
        &self,
        until: Timestamp,
    ) -> Result<BTreeMap<String, Vec<String>>, ScenarioError> {
        let mut record = Record::default();
        let mut learned: Vec<Timestamp> = self.facts.iter().map(|fact| fact.recorded_at).collect();
        learned.extend(self.policies.values().flatten().map(|version| version.recorded_at));
        learned.extend(self.calendars.values().flatten().map(|version| version.recorded_at));
        learned.sort();
        let a_moment = SignedDuration::from_nanos(1);
        let mut now = Timestamp::MIN;
        for _ in 0..MOMENTS_MAX {
            let (known, history) = self.known_at(now)?;
            let clocks = evaluate(&history, &known, &known);
            for clock in &clocks {
                record.observe(clock, &history, now)?;
            }
            // A moment after the one that is named, when it has passed.
            let due = clocks.iter().filter_map(|clock| record.state.next_at(clock)).min();
            let due = due.map(|due| (due + a_moment).max(now + a_moment));
            let news = learned.iter().find(|moment| **moment > now).copied();
            let next = [news, due].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until) else { return Ok(record.names) };
            now = next;
            self.take_in_grants(now, &mut record)?;
        }
        Err(ScenarioError::new("expect", "too much happens until then; choose an earlier instant"))
    }

    /// Extensions and waivers recorded at this moment: people decide them, in the same stream as the monitor.
    fn take_in_grants(&self, now: Timestamp, record: &mut Record) -> Result<(), ScenarioError> {
        for fact in self.facts.iter().filter(|fact| fact.recorded_at == now) {
            let (key, is_extension): (&ClockKey, bool) = match &fact.kind {
                FactKind::Extended { clock } => (clock, true),
                FactKind::Waived { clock } => (clock, false),
                _ => continue,
            };
            let (known, history) = self.known_at(now)?;
            let clocks = evaluate(&history, &known, &known);
            let Some(clock) = clocks.iter().find(|clock| clock.key == *key) else { continue };
            let (subject, reason) = (subject_of(clock), Pii::new(String::new()));
            let told = reason.clone();
            record.take_in(
                key,
                &if is_extension {
                    SlaExtended { subject, reason, told }.into()
                } else {
                    SlaWaived { subject, reason }.into()
                },
            );
        }
        Ok(())
    }
}

impl Record {
    /// Shows a clock to the aggregate, which decides what is new about it.
    fn observe(
        &mut self,
        clock: &Clock,
        history: &SlaHistory,
        now: Timestamp,
    ) -> Result<(), ScenarioError> {
        let cause = history.facts().iter().max_by_key(|fact| fact.recorded_at);
        let observed = ObserveClock::of(subject_of(clock), clock, cause.map(|fact| fact.source));
        let command = SlaCommand::Observe(Box::new(observed));
        let facts = Sla::decide(&self.state, command, &context(now))
            .map_err(|refusal| ScenarioError::new("expect", refusal))?;
        for fact in facts {
            self.take_in(&clock.key, &fact);
        }
        Ok(())
    }

    fn take_in(&mut self, key: &ClockKey, fact: &SlaEvent) {
        let names = self.names.entry(key.to_string()).or_default();
        names.push(match fact {
            SlaEvent::Extended(_) => "extended".to_owned(),
            SlaEvent::Waived(_) => "waived".to_owned(),
            fact => name_of(fact),
        });
        self.state.evolve(fact);
    }
}

fn subject_of(clock: &Clock) -> ClockSubject {
    ClockSubject::of(CaseId(derived(&["scenario"])), clock, SubjectOfCase::default())
}

fn context(now: Timestamp) -> Context {
    Context {
        command_id: CommandId(derived(&["observe"])),
        occurred_at: now,
        recorded_at: now,
        actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
    }
}

fn name_of(fact: &SlaEvent) -> String {
    let name = match fact {
        SlaEvent::Warned(fact) => format!("warned {}", fact.threshold),
        SlaEvent::WarningWithdrawn(fact) => format!("warning_withdrawn {}", fact.threshold),
        SlaEvent::Breached(fact) if fact.silent => "breached silently".to_owned(),
        SlaEvent::Breached(_) => "breached".to_owned(),
        SlaEvent::Met(_) => "met".to_owned(),
        SlaEvent::CompletedLate(_) => "completed_late".to_owned(),
        SlaEvent::Cancelled(fact) if fact.merged => "merged".to_owned(),
        SlaEvent::Cancelled(_) => "cancelled".to_owned(),
        SlaEvent::Restated(fact) => format!("restated {} to {}", fact.from, fact.to),
        SlaEvent::Extended(_) => "extended".to_owned(),
        SlaEvent::Waived(_) => "waived".to_owned(),
    };
    let actions = &fact.subject().actions;
    if actions.is_empty() { name } else { format!("{name} [{}]", actions.join(", ")) }
}
