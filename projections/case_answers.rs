//! Whether the customer's last word has an answer: of every case, when the customer last asked, and when a person last answered.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, Direction};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::{self, CaseRow};
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::CaseScope;

/// When a customer last asked, when a person last answered, and when the case was last merged, as microseconds.
#[derive(Default)]
struct Exchange {
    asked_at: Option<i64>,
    answered_at: Option<i64>,
    merged_at: Option<i64>,
}

/// When a customer last asked, and when a person last answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerRow {
    /// When they asked.
    pub asked_at: Option<Timestamp>,
    /// When a person answered, if one did.
    pub answered_at: Option<Timestamp>,
}

impl AnswerRow {
    /// When the last word of the customer was answered; `None` while it waits.
    pub fn answer(self) -> Option<Timestamp> {
        self.answered_at.filter(|answered_at| Some(*answered_at) >= self.asked_at)
    }

    /// What these events of a case say.
    pub fn fold(events: &[Recorded<DomainEvent>]) -> Self {
        let mut row = Self::default();
        for recorded in events {
            let DomainEvent::Case(_, event) = &recorded.event else { continue };
            let moment = match said(event) {
                Some(Said::Asked) => &mut row.asked_at,
                Some(Said::Answered) => &mut row.answered_at,
                None => continue,
            };
            *moment = (*moment).max(Some(recorded.meta.occurred_at));
        }
        row
    }
}

enum Said {
    Asked,
    Answered,
}

/// Whether with this event the customer asked, or a person answered.
fn said(event: &CaseEvent) -> Option<Said> {
    match event {
        CaseEvent::Opened(_) | CaseEvent::Reopened(_) => Some(Said::Asked),
        CaseEvent::InteractionRecorded(said) if !said.automatic => match said.direction {
            Direction::Inbound => Some(Said::Asked),
            Direction::Outbound => Some(Said::Answered),
            Direction::Internal => None,
        },
        _ => None,
    }
}

/// The read model.
#[derive(Default)]
pub struct CaseAnswers {
    exchanges: BTreeMap<Uuid, Exchange>,
}

impl ReadModel for CaseAnswers {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_answer (
            case_id BLOB PRIMARY KEY, asked_at INTEGER NOT NULL, answered_at INTEGER, merged_at INTEGER
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX case_answer_missing ON case_answer (asked_at, case_id)
            WHERE answered_at IS NULL OR answered_at < asked_at"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let said = said(case_event);
        if said.is_none() && !matches!(case_event, CaseEvent::Merged(_)) {
            return Ok(());
        }
        let at = Some(column::microseconds(event.meta.occurred_at));
        let exchange = self.exchanges.entry(id.0).or_default();
        let moment = match said {
            Some(Said::Asked) => &mut exchange.asked_at,
            Some(Said::Answered) => &mut exchange.answered_at,
            None => &mut exchange.merged_at,
        };
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
        let mut merge = db.prepare_cached(
            "UPDATE case_answer SET merged_at = max(coalesce(merged_at, ?2), ?2) WHERE case_id = ?1",
        )?;
        for (case_id, exchange) in std::mem::take(&mut self.exchanges) {
            if let Some(asked_at) = exchange.asked_at {
                ask.execute((case_id, asked_at))?;
            }
            if let Some(answered_at) = exchange.answered_at {
                answer.execute((case_id, answered_at))?;
            }
            if let Some(merged_at) = exchange.merged_at {
                merge.execute((case_id, merged_at))?;
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
    // A merged case is answered where it went on; what its customer writes to it afterwards is answered here.
    conditions.add("(c.status <> 'merged' OR a.asked_at > a.merged_at)", []);
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

/// When the customer of a case inside the scope last asked and was answered; nothing where there is no such case.
pub fn of_case(db: &Connection, scope: &CaseScope, case_id: Uuid) -> rusqlite::Result<AnswerRow> {
    let mut conditions = Conditions::default();
    conditions.add("a.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    scope.restrict(&mut conditions, "c");
    let found = db
        .prepare_cached(&format!(
            "SELECT a.asked_at, a.answered_at FROM case_answer a JOIN case_summary c ON c.id = a.case_id WHERE {}",
            conditions.sql()
        ))?
        .query_row(params_from_iter(conditions.values()), |row| {
            Ok(AnswerRow {
                asked_at: column::time_option(row, 0)?,
                answered_at: column::time_option(row, 1)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
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
