//! How far each complaint has come in its handling: one row a case that somebody handles as one.

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, Channel, Complexity, Impact, Outcome};
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::log::DomainEvent;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// How far a complaint has come. Nothing in it is personal: what people wrote stands on the timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct ComplaintRow {
    pub acknowledged_at: Option<Timestamp>,
    pub acknowledged_by: Option<Channel>,
    pub assessed_at: Option<Timestamp>,
    pub safety: Option<bool>,
    pub complexity: Option<Complexity>,
    pub impact: Option<Impact>,
    pub finding_count: u32,
    pub decisions: Vec<DecisionRow>,
    pub root_causes: Vec<String>,
    pub corrective_actions: Vec<Uuid>,
}

/// One decision, and what the customer said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct DecisionRow {
    pub level: u32,
    pub outcome: Outcome,
    pub decided_at: Timestamp,
    pub decided_by: String,
    pub appeal_until: Option<Timestamp>,
    pub appeal_to: Option<String>,
    pub accepted_at: Option<Timestamp>,
    pub appealed_at: Option<Timestamp>,
    pub alternatives_offered_at: Option<Timestamp>,
}

impl ComplaintRow {
    /// Takes in an event of the case; false when it does not concern the handling.
    pub fn apply(&mut self, event: &CaseEvent, meta: &Metadata) -> bool {
        let at = meta.occurred_at;
        match event {
            CaseEvent::Acknowledged(acknowledged) => {
                self.acknowledged_at = Some(at);
                self.acknowledged_by = Some(acknowledged.channel);
            }
            CaseEvent::Assessed(assessed) => {
                self.assessed_at = Some(at);
                self.safety = Some(assessed.safety);
                self.complexity = Some(assessed.complexity);
                self.impact = Some(assessed.impact);
            }
            CaseEvent::FindingRecorded(_) => {
                self.finding_count = self.finding_count.saturating_add(1);
            }
            CaseEvent::Decided(decided) => self.decisions.push(DecisionRow {
                level: decided.level,
                outcome: decided.outcome,
                decided_at: at,
                decided_by: meta.actor.id.clone(),
                appeal_until: decided.appeal_until,
                appeal_to: decided.appeal_to.clone(),
                accepted_at: None,
                appealed_at: None,
                alternatives_offered_at: None,
            }),
            CaseEvent::DecisionAccepted(_) => {
                self.last(|decision| decision.accepted_at = Some(at));
            }
            CaseEvent::Appealed(_) => self.last(|decision| decision.appealed_at = Some(at)),
            CaseEvent::AlternativesOffered(_) => {
                self.last(|decision| decision.alternatives_offered_at = Some(at));
            }
            CaseEvent::RootCauseRecorded(recorded) => {
                let cause = recorded.cause.to_string();
                if !self.root_causes.contains(&cause) {
                    self.root_causes.push(cause);
                }
            }
            CaseEvent::CorrectiveActionLinked(linked) => {
                if !self.corrective_actions.contains(&linked.case_id.0) {
                    self.corrective_actions.push(linked.case_id.0);
                }
            }
            _ => return false,
        }
        true
    }

    fn last(&mut self, change: impl FnOnce(&mut DecisionRow)) {
        if let Some(last) = self.decisions.last_mut() {
            change(last);
        }
    }

    /// The handling as the case's events tell it; `None` when they tell of none. What "as of" views use.
    pub fn fold(events: &[Recorded<DomainEvent>]) -> Option<Self> {
        let mut row = Self::default();
        let told = events.iter().fold(false, |told, recorded| match &recorded.event {
            DomainEvent::Case(_, event) => row.apply(event, &recorded.meta) || told,
            _ => told,
        });
        told.then_some(row)
    }
}

struct ComplaintTable;

impl Table for ComplaintTable {
    type Key = Uuid;
    type Row = ComplaintRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<ComplaintRow>> {
        db.prepare_cached("SELECT handling FROM complaint WHERE case_id = ?")?
            .query_row([id], |row| column::json(row, 0))
            .optional()
    }

    fn write(db: &Connection, id: Uuid, row: &ComplaintRow) -> rusqlite::Result<()> {
        let json = serde_json::to_string(row).expect("plain values always serialise");
        db.prepare_cached("INSERT OR REPLACE INTO complaint (case_id, handling) VALUES (?, ?)")?
            .execute((id, json))
            .map(drop)
    }
}

/// The read model.
#[derive(Default)]
pub struct Complaints {
    rows: Rows<ComplaintTable>,
}

impl ReadModel for Complaints {
    fn tables(&self) -> &'static str {
        "CREATE TABLE complaint (case_id BLOB PRIMARY KEY, handling TEXT NOT NULL) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        // Most events of most cases are none of these: nothing is read for them.
        let mut first = ComplaintRow::default();
        if !first.apply(case_event, &event.meta) {
            return Ok(());
        }
        match self.rows.change(db, id.0)? {
            Some(row) => drop(row.apply(case_event, &event.meta)),
            None => self.rows.put(id.0, first),
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// How far the handling of a case inside the scope has come; `None` when nobody has begun it.
pub fn complaint(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Option<ComplaintRow>> {
    let mut conditions = Conditions::default();
    conditions.add("h.case_id = ?", [case_id.as_bytes().to_vec().into()]);
    scope.restrict(&mut conditions, "c");
    db.prepare_cached(&format!(
        "SELECT h.handling FROM complaint h JOIN case_summary c ON c.id = h.case_id WHERE {}",
        conditions.sql()
    ))?
    .query_row(params_from_iter(conditions.values()), |row| column::json(row, 0))
    .optional()
}
