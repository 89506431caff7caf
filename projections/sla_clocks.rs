//! The SLA clocks of every case: what was promised, how it stands, and what falls due next.
//!
//! The tables follow from the log alone and do not know what time it is. A clock that runs has a due time; whether that has passed
//! is asked by whoever reads (see [`crate::sla_compliance`]) and recorded by the monitor, for which [`due`] is an index of due
//! times over the clocks whose breach is not on record.
//!
//! A case's clocks are evaluated from its whole history when something happened to it. A calendar's new version moves the clocks
//! that are still open; those that have stopped keep their verdict until something happens to their case.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::{CaseEvent, Channel, Direction, Priority};
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::id::{CalendarId, CategoryId, PolicyId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{
    self, Clock, ClockKey, ClockState, Fact, FactKind, SlaEvent, SlaHistory,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;
use crate::sla_reference::{Known, ReferenceData, reference_data};

/// What the clocks of one case follow from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseClocks {
    history: SlaHistory,
    category: Option<CategoryId>,
    priority: Priority,
    unit: Option<String>,
    channel: Channel,
    breached: BTreeSet<ClockKey>,
}

impl CaseClocks {
    /// The clocks' ground after the opening of a case, `None` when the event is none.
    pub fn opened(
        event: &CaseEvent,
        meta: &Metadata,
        revision: u64,
        reference: &ReferenceData,
    ) -> Option<Self> {
        let CaseEvent::Opened(opened) = event else { return None };
        let bindings = reference.in_force(meta.occurred_at);
        let mut clocks = Self {
            history: SlaHistory::new(opened.kind, Some(opened.channel), bindings),
            category: opened.category.clone(),
            priority: opened.priority,
            unit: opened.unit.as_ref().map(ToString::to_string),
            channel: opened.channel,
            breached: BTreeSet::new(),
        };
        clocks.insert(FactKind::Opened, meta, revision);
        clocks.insert(clocks.classification(), meta, revision);
        if let Some(due_at) = opened.due_at {
            clocks.insert(FactKind::DueDateSet { due_at }, meta, revision);
        }
        Some(clocks)
    }

    /// Takes in a later event of the case; false when no clock cares about it.
    pub fn apply(&mut self, event: &CaseEvent, meta: &Metadata, revision: u64) -> bool {
        let fact = match event {
            CaseEvent::Classified(classified) => {
                self.category = classified.category.clone().or(self.category.take());
                self.priority = classified.priority.unwrap_or(self.priority);
                self.classification()
            }
            CaseEvent::Referred(referred) => {
                self.unit = Some(referred.unit.to_string());
                return true;
            }
            // An automatic reply answers nobody.
            CaseEvent::InteractionRecorded(interaction)
                if interaction.direction == Direction::Outbound && !interaction.automatic =>
            {
                FactKind::Responded
            }
            CaseEvent::Held(held) => FactKind::Held { reason: held.reason },
            CaseEvent::Resumed(_) => FactKind::Resumed,
            CaseEvent::DueDateSet(set) => FactKind::DueDateSet { due_at: set.due_at },
            CaseEvent::Resolved(_) => FactKind::Resolved,
            CaseEvent::Reopened(_) => FactKind::Reopened,
            CaseEvent::Closed(_) => FactKind::Closed,
            CaseEvent::Opened(_)
            | CaseEvent::Assigned(_)
            | CaseEvent::StageEntered(_)
            | CaseEvent::InteractionRecorded(_)
            | CaseEvent::NoteAdded(_)
            | CaseEvent::Merged(_)
            | CaseEvent::Unmerged(_)
            | CaseEvent::ActivityRecorded(_) => return false,
        };
        self.insert(fact, meta, revision);
        true
    }

    /// Takes in that a breach of a clock is on record.
    pub fn breach_recorded(&mut self, clock: ClockKey) {
        self.breached.insert(clock);
    }

    /// The clocks as they stand.
    pub fn clocks(&self, case_id: Uuid, reference: &ReferenceData) -> Vec<ClockRow> {
        sla::evaluate(&self.history, reference, reference)
            .into_iter()
            .map(|clock| ClockRow {
                case_id,
                breach_recorded: self.breached.contains(&clock.key),
                unit: self.unit.clone(),
                category: self.category.as_ref().map(ToString::to_string),
                priority: self.priority,
                channel: self.channel,
                clock,
            })
            .collect()
    }

    fn classification(&self) -> FactKind {
        FactKind::Classified { category: self.category.clone(), priority: Some(self.priority) }
    }

    fn insert(&mut self, kind: FactKind, meta: &Metadata, revision: u64) {
        let (occurred_at, recorded_at) = (meta.occurred_at, meta.recorded_at);
        self.history.insert(Fact { occurred_at, recorded_at, revision, kind });
    }
}

/// One clock of one case, with the case's attributes that reports group by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRow {
    /// The case.
    pub case_id: Uuid,
    /// The clock; without its intervals when it was read from the table.
    pub clock: Clock,
    /// Whether its breach is on record.
    pub breach_recorded: bool,
    /// The unit that owns the case.
    pub unit: Option<String>,
    /// The case's category.
    pub category: Option<String>,
    /// The case's priority.
    pub priority: Priority,
    /// The channel by which the case came.
    pub channel: Channel,
}

struct CaseClocksTable;

impl Table for CaseClocksTable {
    type Key = Uuid;
    type Row = CaseClocks;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<CaseClocks>> {
        db.prepare_cached("SELECT ground FROM sla_case WHERE case_id = ?")?
            .query_row([id], |row| column::json(row, 0))
            .optional()
    }

    fn write(db: &Connection, id: Uuid, row: &CaseClocks) -> rusqlite::Result<()> {
        let ground = serde_json::to_string(row).expect("a history has plain values only");
        db.prepare_cached("INSERT OR REPLACE INTO sla_case (case_id, ground) VALUES (?, ?)")?
            .execute((id, ground))?;
        Ok(())
    }
}

/// The read model.
#[derive(Default)]
pub struct SlaClocks {
    /// Loaded from the tables before the first event.
    reference: Option<ReferenceData>,
    cases: Rows<CaseClocksTable>,
}

impl SlaClocks {
    fn reference(&mut self, db: &Connection) -> rusqlite::Result<&mut ReferenceData> {
        if self.reference.is_none() {
            self.reference = Some(reference_data(db, Known::Now)?);
        }
        Ok(self.reference.as_mut().expect("it was loaded just now"))
    }

    fn case_event(
        &mut self,
        db: &Connection,
        id: Uuid,
        event: &Recorded<DomainEvent>,
        case_event: &CaseEvent,
    ) -> rusqlite::Result<()> {
        let reference = self.reference(db)?;
        let opened = CaseClocks::opened(case_event, &event.meta, event.revision, reference);
        if let Some(clocks) = opened {
            self.cases.put(id, clocks);
        } else if let Some(clocks) = self.cases.change(db, id)? {
            clocks.apply(case_event, &event.meta, event.revision);
        }
        Ok(())
    }
}

impl ReadModel for SlaClocks {
    fn tables(&self) -> &'static str {
        "CREATE TABLE sla_case (case_id BLOB PRIMARY KEY, ground TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE sla_clock (
            case_id BLOB NOT NULL, clock TEXT NOT NULL, metric TEXT NOT NULL,
            policy_id TEXT NOT NULL, policy_version INTEGER NOT NULL, rule TEXT NOT NULL,
            calendar_id TEXT, target TEXT, started_at INTEGER NOT NULL, due_at INTEGER,
            state TEXT NOT NULL, stopped_at INTEGER, elapsed TEXT NOT NULL, paused TEXT NOT NULL,
            breach_recorded INTEGER NOT NULL, unit TEXT, category TEXT, priority TEXT NOT NULL,
            channel TEXT NOT NULL, PRIMARY KEY (case_id, clock)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX sla_clock_unrecorded ON sla_clock (due_at) WHERE breach_recorded = 0
            AND due_at IS NOT NULL AND state IN ('running', 'paused', 'breached');
         CREATE INDEX sla_clock_due ON sla_clock (due_at)"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        match &event.event {
            DomainEvent::Case(id, case_event) => self.case_event(db, id.0, event, case_event)?,
            DomainEvent::Clock(id, SlaEvent::Breached(breach)) => {
                if let Some(clocks) = self.cases.change(db, id.0)? {
                    clocks.breach_recorded(breach.clock);
                }
            }
            DomainEvent::Policy(id, policy_event) => {
                self.reference(db)?.policy_published(id, policy_event);
            }
            DomainEvent::Calendar(id, calendar_event) => {
                // What happened before the publication is evaluated without it, however the log is cut into batches.
                self.flush(db)?;
                self.reference(db)?.calendar_published(id, calendar_event);
                for case_id in open_cases(db, id)? {
                    self.cases.change(db, case_id)?;
                }
            }
            DomainEvent::Customer(..) => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.reference(db)?;
        let Self { reference: Some(reference), cases } = self else { return Ok(()) };
        cases.flush_with(|id, clocks| {
            CaseClocksTable::write(db, id, clocks)?;
            db.prepare_cached("DELETE FROM sla_clock WHERE case_id = ?")?.execute([id])?;
            for row in clocks.clocks(id, reference) {
                insert_clock(db, &row)?;
            }
            Ok(())
        })
    }
}

/// The cases with a clock that still counts in this calendar.
fn open_cases(db: &Connection, calendar: &CalendarId) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached(
        "SELECT DISTINCT case_id FROM sla_clock \
         WHERE calendar_id = ? AND state IN ('running', 'paused')",
    )?
    .query_map([calendar.as_str()], |row| row.get(0))?
    .collect()
}

const COLUMNS: &str = "case_id, clock, policy_id, policy_version, rule, calendar_id, target, \
     started_at, due_at, state, stopped_at, elapsed, paused, breach_recorded, unit, category, \
     priority, channel";

fn insert_clock(db: &Connection, row: &ClockRow) -> rusqlite::Result<()> {
    let clock = &row.clock;
    db.prepare_cached(&format!(
        "INSERT INTO sla_clock ({COLUMNS}, metric) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ))?
    .execute(rusqlite::params![
        row.case_id,
        clock.key.to_string(),
        clock.policy_id.as_str(),
        clock.policy_version,
        clock.rule,
        clock.calendar_id.as_ref().map(CalendarId::as_str),
        clock.target.map(|target| target.to_string()),
        column::microseconds(clock.started_at),
        clock.due_at.map(column::microseconds),
        state_name(clock.state),
        clock.stopped_at.map(column::microseconds),
        clock.elapsed.to_string(),
        clock.paused.to_string(),
        row.breach_recorded,
        row.unit,
        row.category,
        row.priority.as_str(),
        row.channel.as_str(),
        clock.key.metric.as_str(),
    ])?;
    Ok(())
}

/// The stored name of a clock's state.
pub fn state_name(state: ClockState) -> &'static str {
    match state {
        ClockState::Running => "running",
        ClockState::Paused => "paused",
        ClockState::Met => "met",
        ClockState::Breached => "breached",
        ClockState::Cancelled => "cancelled",
    }
}

fn conversion(
    index: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
}

fn duration(row: &Row<'_>, index: usize) -> rusqlite::Result<SignedDuration> {
    row.get_ref(index)?.as_str()?.parse().map_err(|error: jiff::Error| conversion(index, error))
}

fn read(row: &Row<'_>) -> rusqlite::Result<ClockRow> {
    let code = |index: usize| -> rusqlite::Result<String> { row.get(index) };
    let calendar_id: Option<String> = row.get(5)?;
    let target: Option<String> = row.get(6)?;
    let clock = Clock {
        key: code(1)?.parse().map_err(|error| conversion(1, error))?,
        policy_id: PolicyId::new(code(2)?).map_err(|error| conversion(2, error))?,
        policy_version: row.get(3)?,
        rule: row.get(4)?,
        calendar_id: calendar_id
            .map(CalendarId::new)
            .transpose()
            .map_err(|error| conversion(5, error))?,
        target: target.map(|_| duration(row, 6)).transpose()?,
        started_at: column::time(row, 7)?,
        due_at: column::time_option(row, 8)?,
        state: match row.get_ref(9)?.as_str()? {
            "running" => ClockState::Running,
            "paused" => ClockState::Paused,
            "met" => ClockState::Met,
            "breached" => ClockState::Breached,
            _ => ClockState::Cancelled,
        },
        stopped_at: column::time_option(row, 10)?,
        elapsed: duration(row, 11)?,
        paused: duration(row, 12)?,
        intervals: Vec::new(),
    };
    Ok(ClockRow {
        case_id: row.get(0)?,
        clock,
        breach_recorded: row.get(13)?,
        unit: row.get(14)?,
        category: row.get(15)?,
        priority: column::stored(row, 16)?,
        channel: column::stored(row, 17)?,
    })
}

/// The clocks of one case inside the scope, in the order in which they started.
pub fn clocks(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Vec<ClockRow>> {
    let mut conditions = Conditions::default();
    conditions.add("case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    let mut visible = Conditions::default();
    scope.restrict(&mut visible, "c");
    conditions.add(
        &format!(
            "EXISTS (SELECT 1 FROM case_summary c WHERE c.id = sla_clock.case_id AND {})",
            visible.sql()
        ),
        visible.values().iter().cloned(),
    );
    let sql = format!(
        "SELECT {COLUMNS} FROM sla_clock WHERE {} ORDER BY started_at, clock",
        conditions.sql()
    );
    db.prepare_cached(&sql)?
        .query_map(rusqlite::params_from_iter(conditions.values()), read)?
        .collect()
}

/// For the monitor, which acts for the system and not for a principal: clocks whose due moment lies before `now` and whose breach is
/// not on record, the longest overdue first.
pub fn due(db: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<ClockRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sla_clock WHERE breach_recorded = 0 AND due_at IS NOT NULL \
         AND state IN ('running', 'paused', 'breached') AND due_at < ? ORDER BY due_at LIMIT ?"
    );
    db.prepare_cached(&sql)?.query_map((column::microseconds(now), limit), read)?.collect()
}

/// For the monitor: the earliest due moment that is not before `now` of a clock that may still breach.
pub fn next_due(db: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT due_at FROM sla_clock WHERE breach_recorded = 0 AND due_at IS NOT NULL \
         AND state IN ('running', 'paused', 'breached') AND due_at >= ? ORDER BY due_at LIMIT 1",
    )?
    .query_row([column::microseconds(now)], |row| column::time(row, 0))
    .optional()
}
