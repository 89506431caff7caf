//! The second pass: cases with their events, a few hundred cases at a time.

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, CaseKind, CaseState, Channel, Outcome};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;

use super::ExportError;
use super::index::{CaseIndex, IndexedCase, Run};
use super::selection::Selection;
use super::step::{self, Attribute, Value};
use crate::store::sqlite::LogReader;
use crate::store::{Position, ReadError};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

/// Cases looked up at once.
const CASES_MAX: usize = 512;
/// Events after which a batch is full. A case is never cut, so a batch may hold one case more.
const EVENTS_MAX: u64 = 16_384;

/// A case and what is told of it.
pub(super) struct History {
    pub id: CaseId,
    /// What an event log calls it.
    pub name: String,
    /// Whether activities were imported for it.
    pub has_activities: bool,
    /// How it was opened, and when.
    pub opened: Option<Opening>,
    /// What became of it by the end of the log.
    pub state: CaseState,
    pub outcome: Option<Outcome>,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// How what is known of it changed until the end of the period, in the order of time; empty unless it was asked for.
    pub changes: Vec<(Timestamp, Attribute<'static>)>,
    /// Its events and those of its clocks in the order of time; of equal times in that of the log.
    pub events: Vec<Told>,
    /// Events that this program does not understand.
    pub unknown: u64,
}

/// How a case was opened.
pub(super) struct Opening {
    pub at: Timestamp,
    pub kind: CaseKind,
    pub channel: Channel,
    pub external_reference: Option<String>,
    pub split_from: Option<CaseId>,
}

/// An event, and what the case was when it happened.
pub(super) struct Told {
    pub event: Recorded<DomainEvent>,
    /// The unit that owned the case.
    pub unit: Option<String>,
}

/// Reads the cases of a selection one after the other.
pub(super) struct HistoryReader<'a> {
    log: &'a LogReader,
    index: &'a CaseIndex,
    /// Of the last case that was read.
    number: i64,
    events_read: u64,
    wanted: Wanted,
}

/// What is wanted beside events.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// The changes of each case.
    pub changes: bool,
    /// The envelopes of events.
    pub envelopes: bool,
}

impl<'a> HistoryReader<'a> {
    pub fn new(log: &'a LogReader, index: &'a CaseIndex, wanted: Wanted) -> Self {
        Self { log, index, number: 0, events_read: 0, wanted }
    }

    /// The events of an owner that is no case, in the order of time.
    pub fn owner(&self, number: i64) -> Result<Vec<Recorded<DomainEvent>>, ExportError> {
        let mut events = Vec::new();
        for run in self.index.runs(number)? {
            events.extend(self.read(run)?.into_iter().filter_map(understood));
        }
        events.sort_by_key(|event| (event.meta.occurred_at, event.position));
        Ok(events)
    }

    fn read(&self, (position, count): Run) -> Result<Vec<Entry>, ReadError> {
        let after = (position > 1).then(|| Position(position - 1));
        let limit = usize::try_from(count).unwrap_or(usize::MAX);
        let events = match self.wanted.envelopes {
            true => self.log.read_all(after, limit)?,
            false => self.log.read_all_bare(after, limit)?,
        };
        Ok(events.iter().map(entry).collect())
    }

    /// Events read so far.
    pub fn events_read(&self) -> u64 {
        self.events_read
    }

    /// The next cases, `None` after the last.
    pub fn next_batch(
        &mut self,
        selection: &Selection,
    ) -> Result<Option<Vec<History>>, ExportError> {
        let mut cases = Vec::new();
        // By position, so that the log is read forwards: cases opened near one another live near one another.
        let mut runs: Vec<(Run, usize)> = Vec::new();
        let mut count = 0;
        for case in self.index.cases(selection, self.number, CASES_MAX)? {
            self.number = case.number;
            for run in self.index.runs(case.number)? {
                count += run.1;
                runs.push((run, cases.len()));
            }
            cases.push((case, Vec::new()));
            if count >= EVENTS_MAX {
                break;
            }
        }
        if cases.is_empty() {
            return Ok(None);
        }
        self.events_read += count;
        runs.sort_unstable();
        for (run, case) in runs {
            cases[case].1.extend(self.read(run)?);
        }
        let histories = cases
            .into_iter()
            .map(|(case, entries)| History::of(case, entries, selection, self.wanted.changes));
        Ok(Some(histories.collect()))
    }
}

/// The event of an entry, where this program understands it.
fn understood(entry: Entry) -> Option<Recorded<DomainEvent>> {
    match entry {
        Entry::Event(event) => Some(*event),
        Entry::Unknown { .. } => None,
    }
}

impl History {
    /// Folds what was recorded of a case, in the order of the log.
    fn of(
        case: IndexedCase,
        entries: Vec<Entry>,
        selection: &Selection,
        with_changes: bool,
    ) -> Self {
        let mut history = Self {
            id: case.id,
            name: case.name,
            has_activities: case.has_activities,
            opened: None,
            state: CaseState::default(),
            outcome: None,
            resolved_at: None,
            closed_at: None,
            changes: Vec::new(),
            events: Vec::with_capacity(entries.len()),
            unknown: 0,
        };
        for entry in entries {
            match entry {
                Entry::Event(event) => {
                    if let DomainEvent::Case(_, case_event) = &event.event {
                        history.take_in(case_event, &event);
                    }
                    history.events.push(Told { event: *event, unit: None });
                }
                Entry::Unknown { .. } => history.unknown += 1,
            }
        }
        history.events.sort_by_key(|told| (told.event.meta.occurred_at, told.event.position));
        history.tell_units();
        if with_changes {
            history.tell_changes(selection);
        }
        history.events.retain(|told| selection.tells_of(told.event.meta.occurred_at));
        history
    }

    fn take_in(&mut self, event: &CaseEvent, recorded: &Recorded<DomainEvent>) {
        let at = recorded.meta.occurred_at;
        self.state = std::mem::take(&mut self.state).evolve(event, &recorded.meta);
        match event {
            CaseEvent::Opened(opened) => {
                self.opened = Some(Opening {
                    at,
                    kind: opened.kind,
                    channel: opened.channel,
                    external_reference: opened.external_reference.clone(),
                    split_from: opened.split_from,
                });
            }
            CaseEvent::Resolved(resolved) => {
                self.outcome = Some(resolved.outcome);
                self.resolved_at = Some(at);
            }
            CaseEvent::Closed(_) => self.closed_at = Some(at),
            CaseEvent::Reopened(_) => {
                (self.outcome, self.resolved_at, self.closed_at) = (None, None, None);
            }
            _ => {}
        }
    }

    /// Tells how what is known of the case changed.
    fn tell_changes(&mut self, selection: &Selection) {
        let mut state = CaseState::default();
        for Told { event: recorded, .. } in &self.events {
            let DomainEvent::Case(_, event) = &recorded.event else { continue };
            let at = recorded.meta.occurred_at;
            if !selection.is_before_end(at) {
                break;
            }
            let told: &[&str] = match event {
                CaseEvent::Opened(_) => &[
                    "kind",
                    "channel",
                    "external_reference",
                    "category",
                    "priority",
                    "severity",
                    "unit",
                    "due_at",
                ],
                CaseEvent::Classified(_) => &["category", "priority", "severity"],
                CaseEvent::Referred(_) | CaseEvent::ReferralReturned(_) => &["unit"],
                CaseEvent::Assigned(_) => &["assignee"],
                CaseEvent::StageEntered(_) => &["stage"],
                CaseEvent::DueDateSet(_) => &["due_at"],
                CaseEvent::Resolved(_) => &["outcome"],
                _ => &[],
            };
            let said = step::attributes(&recorded.event).into_iter();
            let said = said.filter(|(name, _)| told.contains(name));
            self.changes.extend(said.map(|(name, value)| (at, (name, value.into_owned()))));
            let before = (state.status, state.assignee.is_some());
            state = state.evolve(event, &recorded.meta);
            if let Some(status) = state.status.filter(|status| Some(*status) != before.0) {
                self.changes.push((at, ("status", Value::Text(status.as_str()))));
            }
            if matches!(event, CaseEvent::ReferralReturned(_)) && state.unit.is_none() {
                self.changes.push((at, ("unit", Value::Text(""))));
            }
            if before.1 && state.assignee.is_none() {
                self.changes.push((at, ("assignee", Value::Text(""))));
            }
        }
    }

    /// Tells of each event which unit owned the case when it happened: of the opening the first unit, of a referral the one that referred.
    fn tell_units(&mut self) {
        let mut unit = None;
        for told in &mut self.events {
            if let DomainEvent::Case(_, CaseEvent::Opened(opened)) = &told.event.event {
                unit = opened.unit.as_ref().map(ToString::to_string);
            }
            told.unit.clone_from(&unit);
            if let DomainEvent::Case(_, CaseEvent::Referred(referred)) = &told.event.event {
                unit = Some(referred.unit.to_string());
            }
            if let DomainEvent::Case(_, CaseEvent::ReferralReturned(returned)) = &told.event.event {
                unit = returned.unit.as_ref().map(ToString::to_string);
            }
        }
    }
}

impl History {
    /// What the case is, and what became of it by the end of the log.
    pub fn attributes(&self) -> Vec<Attribute<'_>> {
        let mut said = Vec::new();
        let state = &self.state;
        let mut text = |name, value: Option<&'_ str>| {
            said.extend(value.map(|text| (name, Value::Owned(text.to_owned()))));
        };
        if let Some(opened) = &self.opened {
            text("kind", Some(opened.kind.as_str()));
            text("channel", Some(opened.channel.as_str()));
            text("external_reference", opened.external_reference.as_deref());
            text("split_from", opened.split_from.map(|id| id.to_string()).as_deref());
        }
        text("customer_id", state.customer_id.map(|id| id.to_string()).as_deref());
        text("category", state.category.as_ref().map(|category| category.as_str()));
        text("priority", state.priority.map(|priority| priority.as_str()));
        text("severity", state.severity.map(|severity| severity.as_str()));
        text("unit", state.unit.as_ref().map(|unit| unit.as_str()));
        text("assignee", state.assignee.as_ref().map(|assignee| assignee.as_str()));
        text("stage", state.stage.as_deref());
        text("status", state.status.map(|status| status.as_str()));
        text("outcome", self.outcome.map(|outcome| outcome.as_str()));
        text("merged_into", state.merged.map(|merge| merge.into.to_string()).as_deref());
        for (name, moment) in [
            ("opened_at", self.opened.as_ref().map(|opened| opened.at)),
            ("due_at", state.due_at),
            ("resolved_at", self.resolved_at),
            ("closed_at", self.closed_at),
        ] {
            said.extend(moment.map(|moment| (name, Value::Time(moment))));
        }
        said
    }
}
