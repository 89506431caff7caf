//! Whether the customer's last word has an answer: of every case, when the customer last asked, and when a person last answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, Direction};
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

/// When a customer last asked and when a person last answered, as microseconds.
type Exchange = (Option<i64>, Option<i64>);

/// The read model.
#[derive(Default)]
pub struct CaseAnswers {
    exchanges: BTreeMap<Uuid, Exchange>,
}

impl ReadModel for CaseAnswers {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_answer (
            case_id BLOB PRIMARY KEY, asked_at INTEGER NOT NULL, answered_at INTEGER
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX case_answer_missing ON case_answer (asked_at, case_id)
            WHERE answered_at IS NULL OR answered_at < asked_at"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let is_question = match case_event {
            CaseEvent::Opened(_) | CaseEvent::Reopened(_) => true,
            CaseEvent::InteractionRecorded(said) if !said.automatic => match said.direction {
                Direction::Inbound => true,
                Direction::Outbound => false,
                Direction::Internal => return Ok(()),
            },
            _ => return Ok(()),
        };
        let at = Some(column::microseconds(event.meta.occurred_at));
        let (asked_at, answered_at) = self.exchanges.entry(id.0).or_default();
        let moment = if is_question { asked_at } else { answered_at };
        // What is recorded late takes its place by when it happened.
        *moment = (*moment).max(at);
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut ask = db.prepare_cached(
            "INSERT INTO case_answer (case_id, asked_at) VALUES (?1, ?2) \
             ON CONFLICT (case_id) DO UPDATE SET asked_at = max(asked_at, ?2)",
        )?;
        let mut answer = db.prepare_cached(
            "UPDATE case_answer SET answered_at = max(coalesce(answered_at, ?2), ?2) \
             WHERE case_id = ?1",
        )?;
        for (case_id, (asked_at, answered_at)) in std::mem::take(&mut self.exchanges) {
            if let Some(asked_at) = asked_at {
                ask.execute((case_id, asked_at))?;
            }
            if let Some(answered_at) = answered_at {
                answer.execute((case_id, answered_at))?;
            }
        }
        Ok(())
    }
}

/// Which cases are wanted. All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnansweredFilter {
    /// Owned by one of these units.
    pub unit: Option<Vec<String>>,
    /// `true`: those that are resolved or closed, `false`: those that are not.
    pub ended: Option<bool>,
    /// Asked before this moment.
    pub asked_before: Option<Timestamp>,
}

fn list(scope: &CaseScope, filter: &UnansweredFilter) -> List {
    let mut conditions = Conditions::default();
    conditions.add("(a.answered_at IS NULL OR a.answered_at < a.asked_at)", []);
    // A merged case is answered where it went on.
    conditions.add("c.status <> 'merged'", []);
    scope.restrict(&mut conditions, "c");
    if let Some(units) = &filter.unit {
        conditions.add_in("c.unit", units.iter().cloned().map(Value::Text));
    }
    match filter.ended {
        Some(true) => conditions.add("c.status IN ('resolved', 'closed')", []),
        Some(false) => conditions.add("c.status NOT IN ('resolved', 'closed')", []),
        None => {}
    }
    if let Some(moment) = filter.asked_before {
        conditions.add("a.asked_at < ?", [Value::Integer(column::microseconds(moment))]);
    }
    List {
        columns: case_summary::COLUMNS,
        from: "case_answer a JOIN case_summary c ON c.id = a.case_id",
        key: "a.asked_at",
        tie: "c.id",
        descending: false,
        conditions,
    }
}

/// A page of the cases inside the scope whose customer waits for an answer, the longest waiting first.
pub fn unanswered(
    db: &Connection,
    scope: &CaseScope,
    filter: &UnansweredFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<CaseRow>> {
    list(scope, filter).page(db, page, |row| case_summary::read(row, 2))
}

/// How many cases [`unanswered`] finds on all pages together.
pub fn unanswered_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &UnansweredFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}
