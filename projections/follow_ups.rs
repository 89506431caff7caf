//! What was promised to customers, and whether it was kept.

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Envelope;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::TimeRange;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::CaseScope;

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct FollowUpRow {
    pub case_id: Uuid,
    pub number: u32,
    /// What was promised; `None` when it was erased.
    pub what: Option<Envelope>,
    pub promised_at: Timestamp,
    pub promised_by: String,
    pub due_at: Timestamp,
    pub kept_at: Option<Timestamp>,
    pub reminded_at: Option<Timestamp>,
    pub missed_at: Option<Timestamp>,
}

impl FollowUpRow {
    fn promised(recorded: &Recorded<DomainEvent>) -> Option<Self> {
        let DomainEvent::Case(id, CaseEvent::FollowUpPromised(promised)) = &recorded.event else {
            return None;
        };
        Some(Self {
            case_id: id.0,
            number: promised.number,
            what: recorded.envelope.clone(),
            promised_at: recorded.meta.occurred_at,
            promised_by: recorded.meta.actor.id.clone(),
            due_at: promised.due_at,
            kept_at: None,
            reminded_at: None,
            missed_at: None,
        })
    }
}

/// The promises of a case as its events tell them, in the order in which they were made. What "as of" views use.
pub fn fold(events: &[Recorded<DomainEvent>]) -> Vec<FollowUpRow> {
    let mut rows: Vec<FollowUpRow> = Vec::new();
    for recorded in events {
        rows.extend(FollowUpRow::promised(recorded));
        let DomainEvent::Case(_, event) = &recorded.event else { continue };
        let at = Some(recorded.meta.occurred_at);
        let mut change = |number, change: fn(&mut FollowUpRow, Option<Timestamp>)| {
            rows.iter_mut().filter(|row| row.number == number).for_each(|row| change(row, at));
        };
        match event {
            CaseEvent::FollowUpKept(kept) => change(kept.number, |row, at| row.kept_at = at),
            CaseEvent::FollowUpReminded(reminded) => {
                change(reminded.number, |row, at| row.reminded_at = at);
            }
            CaseEvent::FollowUpMissed(missed) => {
                change(missed.number, |row, at| row.missed_at = at);
            }
            _ => {}
        }
    }
    rows
}

/// What an event does to the table.
enum Step {
    Promised { position: u64, row: FollowUpRow },
    Kept { case_id: Uuid, number: u32, at: i64 },
    Reminded { case_id: Uuid, number: u32, at: i64, position: u64 },
    Missed { case_id: Uuid, number: u32, at: i64 },
}

/// The read model.
#[derive(Default)]
pub struct FollowUps {
    steps: Vec<Step>,
}

impl ReadModel for FollowUps {
    fn tables(&self) -> &'static str {
        "CREATE TABLE follow_up (
            case_id BLOB NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL, what BLOB,
            promised_at INTEGER NOT NULL, promised_by TEXT NOT NULL, due_at INTEGER NOT NULL,
            kept_at INTEGER, reminded_at INTEGER, reminded_position INTEGER, missed_at INTEGER,
            PRIMARY KEY (case_id, number)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX follow_up_waiting ON follow_up (due_at, position)
            WHERE kept_at IS NULL AND missed_at IS NULL;
         CREATE INDEX follow_up_unreminded ON follow_up (due_at)
            WHERE kept_at IS NULL AND missed_at IS NULL AND reminded_at IS NULL;
         CREATE INDEX follow_up_reminded ON follow_up (reminded_position)
            WHERE reminded_position IS NOT NULL;
         CREATE INDEX follow_up_missed ON follow_up (due_at, position) WHERE missed_at IS NOT NULL;
         CREATE INDEX follow_up_missed_at ON follow_up (missed_at) WHERE missed_at IS NOT NULL"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("follow_up", "what")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            self.flush(db)?;
            // The cases are found by their rows in `case_summary`, which is written before.
            return db
                .prepare_cached(
                    "UPDATE follow_up SET what = NULL WHERE case_id IN
                     (SELECT id FROM case_summary WHERE customer_id = ?)",
                )?
                .execute([customer_id.0])
                .map(drop);
        }
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let at = column::microseconds(event.meta.occurred_at);
        if let Some(row) = FollowUpRow::promised(event) {
            self.steps.push(Step::Promised { position: event.position, row });
        }
        self.steps.push(match case_event {
            CaseEvent::FollowUpKept(kept) => Step::Kept { case_id: id.0, number: kept.number, at },
            CaseEvent::FollowUpReminded(reminded) => {
                let position = event.position;
                Step::Reminded { case_id: id.0, number: reminded.number, at, position }
            }
            CaseEvent::FollowUpMissed(missed) => {
                Step::Missed { case_id: id.0, number: missed.number, at }
            }
            _ => return Ok(()),
        });
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let set = |column: &str, (at, case_id, number): (i64, Uuid, u32)| {
            let sql = format!("UPDATE follow_up SET {column} = ? WHERE case_id = ? AND number = ?");
            db.prepare_cached(&sql)?.execute((at, case_id, number)).map(drop)
        };
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Promised { position, row } => {
                    db.prepare_cached(
                        "INSERT OR IGNORE INTO follow_up (case_id, number, position, what, \
                         promised_at, promised_by, due_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    )?
                    .execute(rusqlite::params![
                        row.case_id,
                        row.number,
                        column::integer(position),
                        column::envelope(row.what.as_ref()),
                        column::microseconds(row.promised_at),
                        row.promised_by,
                        column::microseconds(row.due_at),
                    ])?;
                }
                Step::Kept { case_id, number, at } => set("kept_at", (at, case_id, number))?,
                Step::Reminded { case_id, number, at, position } => {
                    set("reminded_at", (at, case_id, number))?;
                    set("reminded_position", (column::integer(position), case_id, number))?;
                }
                Step::Missed { case_id, number, at } => set("missed_at", (at, case_id, number))?,
            }
        }
        Ok(())
    }
}

/// Which promises are wanted. All conditions hold together; an absent one does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct FollowUpFilter {
    pub case_id: Option<Uuid>,
    /// Only those that are on record as missed, kept late by now or not.
    pub missed: bool,
    /// Only those whose keepers were reminded and whose time has not passed.
    pub due_soon: bool,
    pub unit: Option<Vec<String>>,
    pub due_at: TimeRange,
    /// Only those that were not kept to this day.
    pub unkept: bool,
}

const COLUMNS: &str = "f.case_id, f.number, f.what, f.promised_at, f.promised_by, f.due_at, \
    f.kept_at, f.reminded_at, f.missed_at";

fn list(scope: &CaseScope, filter: &FollowUpFilter) -> List {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "c");
    if let Some(id) = filter.case_id {
        conditions.add("f.case_id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    }
    if filter.missed {
        conditions.add("f.missed_at IS NOT NULL", []);
    }
    if filter.due_soon {
        conditions.add("f.reminded_at IS NOT NULL AND f.missed_at IS NULL", []);
    }
    if filter.unkept {
        conditions.add("f.kept_at IS NULL", []);
    }
    if let Some(units) = &filter.unit {
        conditions.add_in("c.unit", units.iter().cloned().map(Value::Text));
    }
    filter.due_at.restrict(&mut conditions, "f.due_at");
    List {
        columns: COLUMNS,
        from: "follow_up f JOIN case_summary c ON c.id = f.case_id",
        key: "f.due_at",
        tie: "f.position",
        descending: false,
        conditions,
    }
}

/// A page of the promises about cases inside the scope, the earliest due first.
pub fn follow_ups(
    db: &Connection,
    scope: &CaseScope,
    filter: &FollowUpFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<FollowUpRow>> {
    list(scope, filter).page(db, page, read)
}

/// How many promises the filter finds.
pub fn follow_up_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &FollowUpFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}

fn read(row: &Row<'_>) -> rusqlite::Result<FollowUpRow> {
    Ok(FollowUpRow {
        case_id: row.get(2)?,
        number: row.get(3)?,
        what: column::envelope_read(row, 4)?,
        promised_at: column::time(row, 5)?,
        promised_by: row.get(6)?,
        due_at: column::time(row, 7)?,
        kept_at: column::time_option(row, 8)?,
        reminded_at: column::time_option(row, 9)?,
        missed_at: column::time_option(row, 10)?,
    })
}

/// A page of the reminders about cases inside the scope, in the order in which they were recorded: each promise at the place of its
/// reminder, as it stands now.
///
/// CROSS JOIN holds SQLite to the order that is written here: for somebody who sees some units it would else begin with all their cases.
pub fn reminders(
    db: &Connection,
    scope: &CaseScope,
    units: Option<&[String]>,
    page: PageRequest,
) -> rusqlite::Result<Page<FollowUpRow>> {
    let mut conditions = Conditions::default();
    conditions.add("f.reminded_position IS NOT NULL", []);
    scope.restrict(&mut conditions, "c");
    if let Some(units) = units {
        conditions.add_in("c.unit", units.iter().cloned().map(Value::Text));
    }
    let list = List {
        columns: COLUMNS,
        from: "follow_up f CROSS JOIN case_summary c ON c.id = f.case_id",
        key: "f.reminded_position",
        tie: "f.reminded_position",
        descending: false,
        conditions,
    };
    list.page(db, page, read)
}

/// The position of the newest reminder, about whatever case; 0 while there is none. It tells that there is something new and nothing of
/// what, so there is no scope.
pub fn last_reminded(db: &Connection) -> rusqlite::Result<i64> {
    let newest = db
        .prepare_cached(
            "SELECT reminded_position FROM follow_up WHERE reminded_position IS NOT NULL \
             ORDER BY reminded_position DESC LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional();
    Ok(newest?.unwrap_or(0))
}

/// A promise that was neither kept nor is on record as missed, for the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct WaitingFollowUp {
    pub case_id: Uuid,
    pub number: u32,
    pub promised_at: Timestamp,
    pub due_at: Timestamp,
}

/// For the monitor, unscoped: the promises that are neither kept nor on record as missed, and whose time has passed; the longest overdue
/// first.
pub fn overdue(
    db: &Connection,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<WaitingFollowUp>> {
    db.prepare_cached(
        "SELECT case_id, number, promised_at, due_at FROM follow_up \
         WHERE kept_at IS NULL AND missed_at IS NULL AND due_at < ? ORDER BY due_at LIMIT ?",
    )?
    .query_map((column::microseconds(now), limit), waiting)?
    .collect()
}

/// For the monitor, unscoped: the promises that wait to be kept, fall due from `now` to before `until`, and of which nobody was
/// reminded; the earliest due first.
pub fn due_soon(
    db: &Connection,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<WaitingFollowUp>> {
    db.prepare_cached(
        "SELECT case_id, number, promised_at, due_at FROM follow_up \
         WHERE kept_at IS NULL AND missed_at IS NULL AND reminded_at IS NULL \
         AND due_at >= ? AND due_at < ? ORDER BY due_at LIMIT ?",
    )?
    .query_map((column::microseconds(now), column::microseconds(until), limit), waiting)?
    .collect()
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<WaitingFollowUp> {
    Ok(WaitingFollowUp {
        case_id: row.get(0)?,
        number: row.get(1)?,
        promised_at: column::time(row, 2)?,
        due_at: column::time(row, 3)?,
    })
}

/// For the monitor: the earliest moment that is not before `now` at which a promise falls due.
pub fn next_due(db: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT due_at FROM follow_up WHERE kept_at IS NULL AND missed_at IS NULL AND due_at >= ? \
         ORDER BY due_at LIMIT 1",
    )?
    .query_row([column::microseconds(now)], |row| column::time(row, 0))
    .optional()
}

/// For the monitor: the earliest moment that is not before `from` at which a promise falls due of which nobody was reminded.
pub fn next_unreminded(db: &Connection, from: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(
        "SELECT due_at FROM follow_up WHERE kept_at IS NULL AND missed_at IS NULL \
         AND reminded_at IS NULL AND due_at >= ? ORDER BY due_at LIMIT 1",
    )?
    .query_row([column::microseconds(from)], |row| column::time(row, 0))
    .optional()
}
