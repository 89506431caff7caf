//! The breaches on record, in the order in which they were recorded.

use jiff::Timestamp;
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{SlaBreached, SlaEvent};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::TimeRange;
use crate::case_timeline::EventPlace;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::CaseScope;

/// A breach on record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct BreachRow {
    pub event_id: Uuid,
    pub position: i64,
    pub case_id: Uuid,
    pub clock: String,
    pub metric: String,
    pub policy_id: String,
    pub policy_version: i64,
    pub rule: String,
    pub started_at: Timestamp,
    pub due_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub recorded_at: Timestamp,
    pub unit: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub channel: Option<String>,
}

impl BreachRow {
    /// How a recorded breach reads.
    pub fn of(case_id: CaseId, breach: &SlaBreached, place: EventPlace, meta: &Metadata) -> Self {
        Self {
            event_id: place.event_id,
            position: column::integer(place.position),
            case_id: case_id.0,
            clock: breach.subject.clock.to_string(),
            metric: breach.subject.metric.to_string(),
            policy_id: breach.subject.policy_id.to_string(),
            policy_version: i64::from(breach.subject.policy_version),
            rule: breach.subject.rule.clone(),
            started_at: breach.started_at,
            due_at: breach.due_at,
            stopped_at: breach.stopped_at,
            recorded_at: meta.recorded_at,
            unit: breach.subject.unit.clone(),
            category: breach.subject.category.clone(),
            priority: breach.subject.priority.clone(),
            channel: breach.subject.channel.clone(),
        }
    }
}

/// The read model.
#[derive(Default)]
pub struct SlaBreaches {
    rows: Vec<BreachRow>,
}

impl ReadModel for SlaBreaches {
    fn tables(&self) -> &'static str {
        "CREATE TABLE sla_breach (
            position INTEGER PRIMARY KEY, event_id BLOB NOT NULL, case_id BLOB NOT NULL,
            clock TEXT NOT NULL, metric TEXT NOT NULL, policy_id TEXT NOT NULL,
            policy_version INTEGER NOT NULL, rule TEXT NOT NULL, started_at INTEGER NOT NULL,
            due_at INTEGER NOT NULL, stopped_at INTEGER, recorded_at INTEGER NOT NULL, unit TEXT,
            category TEXT, priority TEXT, channel TEXT
        )"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX sla_breach_case ON sla_breach (case_id)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let DomainEvent::Clock(case_id, SlaEvent::Breached(breach)) = &event.event {
            self.rows.push(BreachRow::of(*case_id, breach, event.into(), &event.meta));
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO sla_breach (position, event_id, case_id, clock, metric, policy_id, policy_version, \
             rule, started_at, due_at, stopped_at, recorded_at, unit, category, priority, channel) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for row in self.rows.drain(..) {
            insert.execute(rusqlite::params![
                row.position,
                row.event_id,
                row.case_id,
                row.clock,
                row.metric,
                row.policy_id,
                row.policy_version,
                row.rule,
                column::microseconds(row.started_at),
                column::microseconds(row.due_at),
                row.stopped_at.map(column::microseconds),
                column::microseconds(row.recorded_at),
                row.unit,
                row.category,
                row.priority,
                row.channel,
            ])?;
        }
        Ok(())
    }
}

/// Which breaches are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BreachFilter {
    /// Only these metrics.
    pub metric: Option<Vec<String>>,
    /// Only these policies.
    pub policy_id: Option<Vec<String>>,
    /// Only cases that belonged to these units when the breach was recorded.
    pub unit: Option<Vec<String>>,
    /// Only this case.
    pub case_id: Option<Uuid>,
    /// Only those that fell due in this period.
    pub due_at: TimeRange,
}

impl BreachFilter {
    /// Whether a breach is wanted; the same rule as the query's, for breaches that arrive one by one.
    pub fn accepts(&self, row: &BreachRow) -> bool {
        let one_of = |wanted: &Option<Vec<String>>, value: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| {
                value.is_some_and(|value| wanted.iter().any(|code| code == value))
            })
        };
        one_of(&self.metric, Some(&row.metric))
            && one_of(&self.policy_id, Some(&row.policy_id))
            && one_of(&self.unit, row.unit.as_deref())
            && self.case_id.is_none_or(|id| id == row.case_id)
            && self.due_at.gte.is_none_or(|from| row.due_at >= from)
            && self.due_at.lt.is_none_or(|to| row.due_at < to)
    }
}

fn list(scope: &CaseScope, filter: &BreachFilter) -> List {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "c");
    for (column, codes) in
        [("b.metric", &filter.metric), ("b.policy_id", &filter.policy_id), ("b.unit", &filter.unit)]
    {
        if let Some(codes) = codes {
            conditions.add_in(column, codes.iter().cloned().map(Value::Text));
        }
    }
    if let Some(id) = filter.case_id {
        conditions.add("b.case_id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    }
    filter.due_at.restrict(&mut conditions, "b.due_at");
    List {
        columns: "b.event_id, b.case_id, b.clock, b.metric, b.policy_id, b.policy_version, b.rule, \
                  b.started_at, b.due_at, b.stopped_at, b.recorded_at, b.unit, b.category, \
                  b.priority, b.channel",
        from: "sla_breach b JOIN case_summary c ON c.id = b.case_id",
        key: "b.position",
        tie: "b.position",
        descending: false,
        conditions,
    }
}

/// A page of the breaches of cases inside the scope, in the order in which they were recorded.
pub fn breaches(
    db: &Connection,
    scope: &CaseScope,
    filter: &BreachFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<BreachRow>> {
    list(scope, filter).page(db, page, read)
}

/// How many breaches of cases inside the scope the filter finds.
pub fn breach_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &BreachFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}

fn read(row: &Row<'_>) -> rusqlite::Result<BreachRow> {
    Ok(BreachRow {
        position: row.get(0)?,
        event_id: row.get(2)?,
        case_id: row.get(3)?,
        clock: row.get(4)?,
        metric: row.get(5)?,
        policy_id: row.get(6)?,
        policy_version: row.get(7)?,
        rule: row.get(8)?,
        started_at: column::time(row, 9)?,
        due_at: column::time(row, 10)?,
        stopped_at: column::time_option(row, 11)?,
        recorded_at: column::time(row, 12)?,
        unit: row.get(13)?,
        category: row.get(14)?,
        priority: row.get(15)?,
        channel: row.get(16)?,
    })
}
