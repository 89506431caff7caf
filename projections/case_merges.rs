//! Which cases were given up in favour of which, and when that was known.
//!
//! A case tells by itself into which it is merged. This is the other direction, and it keeps merges that were undone, because a view of
//! a past moment shows them.

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::Connection;
use rusqlite::types::Value;
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::{self, CaseRow};
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::CaseScope;

/// What an event does to the table.
enum Step {
    Merged { survivor: Uuid, case: Uuid, recorded_at: i64, position: i64 },
    Unmerged { case: Uuid, recorded_at: i64 },
}

/// The read model.
#[derive(Default)]
pub struct CaseMerges {
    steps: Vec<Step>,
}

impl ReadModel for CaseMerges {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_merge (
            given_up_id BLOB NOT NULL, position INTEGER NOT NULL, survivor_id BLOB NOT NULL,
            known_from INTEGER NOT NULL, known_until INTEGER, PRIMARY KEY (given_up_id, position)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX case_merge_survivor ON case_merge (survivor_id, position)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let recorded_at = column::microseconds(event.meta.recorded_at);
        match case_event {
            CaseEvent::Merged(merged) => self.steps.push(Step::Merged {
                survivor: merged.into.0,
                case: id.0,
                recorded_at,
                position: column::integer(event.position),
            }),
            CaseEvent::Unmerged(_) => self.steps.push(Step::Unmerged { case: id.0, recorded_at }),
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut end = db.prepare_cached(
            "UPDATE case_merge SET known_until = ? WHERE given_up_id = ? AND known_until IS NULL",
        )?;
        let mut begin = db.prepare_cached(
            "INSERT OR REPLACE INTO case_merge (given_up_id, position, survivor_id, known_from) \
             VALUES (?, ?, ?, ?)",
        )?;
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Merged { survivor, case, recorded_at, position } => {
                    // A case is merged into one other at a time.
                    end.execute((recorded_at, case))?;
                    begin.execute((case, position, survivor, recorded_at))?;
                }
                Step::Unmerged { case, recorded_at } => {
                    end.execute((recorded_at, case))?;
                }
            }
        }
        Ok(())
    }
}

/// A page of the cases inside the scope that are merged into this one, or were known to be at a moment, in the order in which they
/// were merged. The rows are those of today.
pub fn merged_cases(
    db: &Connection,
    scope: &CaseScope,
    survivor: Uuid,
    as_of: Option<Timestamp>,
    page: PageRequest,
) -> rusqlite::Result<Page<CaseRow>> {
    list(scope, survivor, as_of).page(db, page, |row| case_summary::read(row, 2))
}

/// How many cases [`merged_cases`] finds on all pages together.
pub fn merged_case_count(
    db: &Connection,
    scope: &CaseScope,
    survivor: Uuid,
    as_of: Option<Timestamp>,
) -> rusqlite::Result<u64> {
    list(scope, survivor, as_of).count(db)
}

fn list(scope: &CaseScope, survivor: Uuid, as_of: Option<Timestamp>) -> List {
    let mut conditions = Conditions::default();
    conditions.add("m.survivor_id = ?", [Value::Blob(survivor.as_bytes().to_vec())]);
    match as_of.map(column::microseconds).map(Value::Integer) {
        None => conditions.add("m.known_until IS NULL", []),
        Some(moment) => conditions.add(
            "m.known_from <= ? AND (m.known_until IS NULL OR m.known_until > ?)",
            [moment.clone(), moment],
        ),
    }
    scope.restrict(&mut conditions, "c");
    List {
        columns: case_summary::COLUMNS,
        from: "case_merge m JOIN case_summary c ON c.id = m.given_up_id",
        key: "m.position",
        tie: "c.id",
        descending: false,
        conditions,
    }
}
