//! The facts on record about clocks, in the order in which they were recorded: warnings, verdicts, and what became of them.
//!
//! The position in the log is the key of the table, so a feed reads it in the order of the log and goes on behind a position. Breaches are
//! one kind of fact, and the list of breaches is this list with a filter. What people wrote (why more time was granted, why a breach does
//! not count) is not here but on the case's timeline: those who watch clocks need not be those who may read a case.

use jiff::Timestamp;
use parvandeh_domain::case::CaseKind;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{ClockState, FactSource, SlaEvent, SlaFactKind};
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::case_summary::TimeRange;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::CaseScope;

/// A fact on record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct FactRow {
    pub event_id: Uuid,
    pub position: i64,
    pub case_id: Uuid,
    pub kind: SlaFactKind,
    pub clock: String,
    pub metric: String,
    pub policy_id: String,
    pub policy_version: i64,
    pub rule: String,
    pub threshold: Option<String>,
    pub reached_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub recorded_at: Timestamp,
    pub from: Option<ClockState>,
    pub to: Option<ClockState>,
    pub silent: bool,
    pub merged: bool,
    pub actions: Vec<String>,
    pub cause: Option<FactSource>,
    pub unit: Option<String>,
    pub category: Option<String>,
    pub priority: Option<String>,
    pub channel: Option<String>,
}

impl FactRow {
    /// How a recorded fact reads; `None` when the event is none.
    pub fn of(recorded: &Recorded<DomainEvent>) -> Option<Self> {
        let DomainEvent::Clock(case_id, fact) = &recorded.event else { return None };
        let subject = fact.subject();
        let mut row = Self {
            event_id: recorded.id.0,
            position: column::integer(recorded.position),
            case_id: case_id.0,
            kind: fact.kind(),
            clock: subject.clock.to_string(),
            metric: subject.metric.to_string(),
            policy_id: subject.policy_id.to_string(),
            policy_version: i64::from(subject.policy_version),
            rule: subject.rule.clone(),
            threshold: None,
            reached_at: None,
            started_at: None,
            due_at: None,
            stopped_at: None,
            recorded_at: recorded.meta.recorded_at,
            from: None,
            to: None,
            silent: false,
            merged: false,
            actions: subject.actions.clone(),
            cause: None,
            unit: subject.unit.clone(),
            category: subject.category.clone(),
            priority: subject.priority.clone(),
            channel: subject.channel.clone(),
        };
        row.tell(fact);
        Some(row)
    }

    fn tell(&mut self, fact: &SlaEvent) {
        match fact {
            SlaEvent::Warned(fact) => {
                self.threshold = Some(fact.threshold.clone());
                self.reached_at = Some(fact.reached_at);
                self.due_at = fact.due_at;
            }
            SlaEvent::WarningWithdrawn(fact) => {
                self.threshold = Some(fact.threshold.clone());
                self.due_at = fact.due_at;
            }
            SlaEvent::Breached(fact) => {
                self.started_at = Some(fact.started_at);
                self.due_at = Some(fact.due_at);
                self.stopped_at = fact.stopped_at;
                self.silent = fact.silent;
            }
            SlaEvent::Met(fact) => {
                self.started_at = Some(fact.started_at);
                self.due_at = fact.due_at;
                self.stopped_at = Some(fact.stopped_at);
            }
            SlaEvent::CompletedLate(fact) => {
                self.started_at = Some(fact.started_at);
                self.due_at = Some(fact.due_at);
                self.stopped_at = Some(fact.stopped_at);
            }
            SlaEvent::Cancelled(fact) => {
                self.started_at = Some(fact.started_at);
                self.stopped_at = Some(fact.stopped_at);
                self.merged = fact.merged;
            }
            SlaEvent::Restated(fact) => {
                (self.from, self.to) = (Some(fact.from), Some(fact.to));
                self.due_at = fact.due_at;
                self.stopped_at = fact.stopped_at;
                self.cause = fact.cause;
            }
            SlaEvent::Extended(_) | SlaEvent::Waived(_) => {}
        }
    }
}

/// The read model.
#[derive(Default)]
pub struct SlaFacts {
    rows: Vec<FactRow>,
}

impl ReadModel for SlaFacts {
    fn tables(&self) -> &'static str {
        "CREATE TABLE sla_fact (
            position INTEGER PRIMARY KEY, event_id BLOB NOT NULL, case_id BLOB NOT NULL,
            kind TEXT NOT NULL, clock TEXT NOT NULL, metric TEXT NOT NULL, policy_id TEXT NOT NULL,
            policy_version INTEGER NOT NULL, rule TEXT NOT NULL, threshold TEXT,
            reached_at INTEGER, started_at INTEGER, due_at INTEGER, stopped_at INTEGER,
            recorded_at INTEGER NOT NULL, \"from\" TEXT, \"to\" TEXT, silent INTEGER NOT NULL,
            merged INTEGER NOT NULL, actions TEXT, cause TEXT, unit TEXT, category TEXT,
            priority TEXT, channel TEXT
        )"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX sla_fact_case ON sla_fact (case_id);
         CREATE INDEX sla_fact_kind ON sla_fact (kind, position)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        self.rows.extend(FactRow::of(event));
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO sla_fact (position, event_id, case_id, kind, clock, metric, policy_id, \
             policy_version, rule, threshold, reached_at, started_at, due_at, stopped_at, recorded_at, \
             \"from\", \"to\", silent, merged, actions, cause, unit, category, priority, channel) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for row in self.rows.drain(..) {
            insert.execute(rusqlite::params![
                row.position,
                row.event_id,
                row.case_id,
                row.kind.as_str(),
                row.clock,
                row.metric,
                row.policy_id,
                row.policy_version,
                row.rule,
                row.threshold,
                row.reached_at.map(column::microseconds),
                row.started_at.map(column::microseconds),
                row.due_at.map(column::microseconds),
                row.stopped_at.map(column::microseconds),
                column::microseconds(row.recorded_at),
                row.from.map(ClockState::as_str),
                row.to.map(ClockState::as_str),
                row.silent,
                row.merged,
                (!row.actions.is_empty()).then(|| json(&row.actions)),
                row.cause.map(|cause| json(&cause)),
                row.unit,
                row.category,
                row.priority,
                row.channel,
            ])?;
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers always serialise")
}

/// Which facts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FactFilter {
    /// Only these kinds.
    pub kind: Option<Vec<SlaFactKind>>,
    /// Only these metrics.
    pub metric: Option<Vec<String>>,
    /// Only these policies.
    pub policy_id: Option<Vec<String>>,
    /// Only cases that belonged to these units when the fact was recorded.
    pub unit: Option<Vec<String>>,
    /// Only this case.
    pub case_id: Option<Uuid>,
    /// Only those whose due moment lies in this period.
    pub due_at: TimeRange,
}

impl FactFilter {
    /// Whether a fact is wanted: in memory the same that the lists ask of the table.
    pub fn admits(&self, fact: &FactRow) -> bool {
        let among = |wanted: &Option<Vec<String>>, value: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| Some(&**one) == value))
        };
        self.kind.as_ref().is_none_or(|kinds| kinds.contains(&fact.kind))
            && among(&self.metric, Some(&fact.metric))
            && among(&self.policy_id, Some(&fact.policy_id))
            && among(&self.unit, fact.unit.as_deref())
            && self.case_id.is_none_or(|id| id == fact.case_id)
            && self.due_at.includes(fact.due_at)
    }
}

const COLUMNS: &str = "f.event_id, f.case_id, f.kind, f.clock, f.metric, f.policy_id, f.policy_version, \
     f.rule, f.threshold, f.reached_at, f.started_at, f.due_at, f.stopped_at, f.recorded_at, \
     f.\"from\", f.\"to\", f.silent, f.merged, f.actions, f.cause, f.unit, f.category, f.priority, \
     f.channel";
const FROM: &str = "sla_fact f JOIN case_summary c ON c.id = f.case_id";

fn list(scope: &CaseScope, filter: &FactFilter) -> List {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "c");
    if let Some(kinds) = &filter.kind {
        // The index gives one kind in the order of the log. Of several it would have to sort all that follow for every page, so they
        // are picked out of the table's own order.
        let column = if kinds.len() == 1 { "f.kind" } else { "+f.kind" };
        let names = kinds.iter().map(|kind| Value::Text(kind.as_str().to_owned()));
        conditions.add_in(column, names);
    }
    for (column, codes) in
        [("f.metric", &filter.metric), ("f.policy_id", &filter.policy_id), ("f.unit", &filter.unit)]
    {
        if let Some(codes) = codes {
            conditions.add_in(column, codes.iter().cloned().map(Value::Text));
        }
    }
    if let Some(id) = filter.case_id {
        conditions.add("f.case_id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    }
    filter.due_at.restrict(&mut conditions, "f.due_at");
    List {
        columns: COLUMNS,
        from: FROM,
        key: "f.position",
        tie: "f.position",
        descending: false,
        conditions,
    }
}

/// A page of the facts about cases inside the scope, in the order in which they were recorded.
pub fn facts(
    db: &Connection,
    scope: &CaseScope,
    filter: &FactFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<FactRow>> {
    list(scope, filter).page(db, page, read)
}

/// How many facts about cases inside the scope the filter finds.
pub fn fact_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &FactFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}

/// A fact with what tells in whose scope its case is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFact {
    /// The fact.
    pub row: FactRow,
    /// The unit that owns the case now.
    pub unit: Option<String>,
    /// The customer of the case.
    pub customer_id: Option<Uuid>,
    /// What sort of matter the case is.
    pub case_kind: CaseKind,
}

impl OwnedFact {
    /// Whether the fact is for this subscriber.
    pub fn is_for(&self, scope: &CaseScope, filter: &FactFilter) -> bool {
        scope.includes(self.unit.as_deref(), self.customer_id, self.case_kind)
            && filter.admits(&self.row)
    }
}

/// The facts after a position, at most `limit`, in the order in which they were recorded: for the one reader of the process that hands
/// them to its subscribers, to each only what [`OwnedFact::is_for`] them.
pub fn facts_with_owner(
    db: &Connection,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<OwnedFact>> {
    let sql = format!(
        "SELECT f.position, f.position, {COLUMNS}, c.unit, c.customer_id, c.kind FROM {FROM} \
         WHERE f.position > ? ORDER BY f.position LIMIT ?"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map((after, limit), |row| {
        Ok(OwnedFact {
            row: read(row)?,
            unit: row.get(26)?,
            customer_id: row.get(27)?,
            case_kind: column::stored(row, 28)?,
        })
    })?;
    rows.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<FactRow> {
    let has_actions = row.get_ref(20)? != rusqlite::types::ValueRef::Null;
    let has_cause = row.get_ref(21)? != rusqlite::types::ValueRef::Null;
    Ok(FactRow {
        position: row.get(0)?,
        event_id: row.get(2)?,
        case_id: row.get(3)?,
        kind: column::stored(row, 4)?,
        clock: row.get(5)?,
        metric: row.get(6)?,
        policy_id: row.get(7)?,
        policy_version: row.get(8)?,
        rule: row.get(9)?,
        threshold: row.get(10)?,
        reached_at: column::time_option(row, 11)?,
        started_at: column::time_option(row, 12)?,
        due_at: column::time_option(row, 13)?,
        stopped_at: column::time_option(row, 14)?,
        recorded_at: column::time(row, 15)?,
        from: column::stored_option(row, 16)?,
        to: column::stored_option(row, 17)?,
        silent: row.get(18)?,
        merged: row.get(19)?,
        actions: if has_actions { column::json(row, 20)? } else { Vec::new() },
        cause: if has_cause { Some(column::json(row, 21)?) } else { None },
        unit: row.get(22)?,
        category: row.get(23)?,
        priority: row.get(24)?,
        channel: row.get(25)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::PAGE_SIZE_MAX;
    use crate::scope::Represented;

    fn fact(position: i64) -> FactRow {
        let of = |choices: &[&str], step: i64| {
            choices[(position / step) as usize % choices.len()].to_owned()
        };
        FactRow {
            event_id: Uuid::from_u128(position as u128),
            position,
            case_id: Uuid::from_u128(position as u128 % 3),
            kind: [SlaFactKind::Breached, SlaFactKind::Met, SlaFactKind::Warned]
                [position as usize % 3],
            clock: "resolution-1".to_owned(),
            metric: of(&["resolution", "first_response"], 3),
            policy_id: of(&["default", "gold"], 6),
            policy_version: 1,
            rule: "all".to_owned(),
            threshold: None,
            reached_at: None,
            started_at: None,
            due_at: (position % 4 > 0).then(|| Timestamp::from_second(position).unwrap()),
            stopped_at: None,
            recorded_at: Timestamp::from_second(position).unwrap(),
            from: None,
            to: None,
            silent: false,
            merged: false,
            actions: Vec::new(),
            cause: None,
            unit: (position % 5 > 0).then(|| of(&["care", "finance"], 1)),
            category: None,
            priority: None,
            channel: None,
        }
    }

    #[test]
    fn a_filter_and_a_scope_say_the_same_in_memory_and_in_the_table() {
        let db = Connection::open_in_memory().unwrap();
        let mut model = SlaFacts { rows: (1..=60).map(fact).collect() };
        db.execute_batch(model.tables()).unwrap();
        db.execute_batch(
            "CREATE TABLE case_summary (id BLOB, unit TEXT, customer_id BLOB, kind TEXT)",
        )
        .unwrap();
        let (customer, other) = (Uuid::from_u128(9), Uuid::from_u128(10));
        for (id, unit, customer_id, kind) in [
            (0, None, None, CaseKind::Request),
            (1, Some("care"), Some(customer), CaseKind::Complaint),
            (2, Some("finance"), Some(other), CaseKind::Request),
        ] {
            db.execute(
                "INSERT INTO case_summary VALUES (?, ?, ?, ?)",
                (Uuid::from_u128(id), unit, customer_id, kind.as_str()),
            )
            .unwrap();
        }
        model.flush(&db).unwrap();
        let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let moment = |second| Some(Timestamp::from_second(second).unwrap());
        let none = FactFilter::default();
        let filters = [
            none.clone(),
            FactFilter { kind: Some(vec![SlaFactKind::Breached]), ..none.clone() },
            FactFilter { kind: Some(vec![SlaFactKind::Met, SlaFactKind::Warned]), ..none.clone() },
            FactFilter { kind: Some(vec![]), ..none.clone() },
            FactFilter { metric: texts(&["resolution"]), ..none.clone() },
            FactFilter { policy_id: texts(&["gold"]), ..none.clone() },
            FactFilter { unit: texts(&["care", "finance"]), ..none.clone() },
            FactFilter { unit: texts(&["finance"]), ..none.clone() },
            FactFilter { case_id: Some(Uuid::from_u128(2)), ..none.clone() },
            FactFilter { due_at: TimeRange { gte: moment(9), lt: moment(30) }, ..none.clone() },
            FactFilter { due_at: TimeRange { gte: None, lt: moment(30) }, ..none.clone() },
        ];
        let representative = |kind| CaseScope::Representative {
            own: customer,
            represented: vec![Represented { customer_id: other, case_kinds: vec![kind] }],
        };
        let scopes = [
            CaseScope::All,
            CaseScope::Units(vec!["care".to_owned()]),
            CaseScope::Customer(customer),
            representative(CaseKind::Request),
            representative(CaseKind::Complaint),
            CaseScope::Nothing,
        ];
        let all = facts_with_owner(&db, 0, 1_000).unwrap();
        assert_eq!(all.len(), 60);
        for filter in &filters {
            for scope in &scopes {
                let page = facts(&db, scope, filter, PageRequest::first(PAGE_SIZE_MAX)).unwrap();
                let found: Vec<_> = page.rows.into_iter().map(|(_, row)| row).collect();
                let told: Vec<_> = all
                    .iter()
                    .filter(|fact| fact.is_for(scope, filter))
                    .map(|fact| fact.row.clone())
                    .collect();
                assert_eq!(told, found, "{scope:?} {filter:?}");
            }
        }
    }
}
