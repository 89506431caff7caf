//! Cases that were handed to a unit: whether it took them on, sent them back, or let its time pass.

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::Conditions;
use crate::scope::CaseScope;

/// The last referral of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct ReferralRow {
    pub unit: String,
    pub from_unit: Option<String>,
    pub referred_at: Timestamp,
    pub answer_due_at: Option<Timestamp>,
    pub accepted_at: Option<Timestamp>,
    pub returned_at: Option<Timestamp>,
    pub escalated_at: Option<Timestamp>,
    pub escalated_to: Option<String>,
}

impl ReferralRow {
    fn referred(event: &CaseEvent, at: Timestamp) -> Option<Self> {
        let CaseEvent::Referred(referred) = event else { return None };
        Some(Self {
            unit: referred.unit.to_string(),
            from_unit: referred.from_unit.as_ref().map(ToString::to_string),
            referred_at: at,
            answer_due_at: referred.answer_due_at,
            accepted_at: None,
            returned_at: None,
            escalated_at: None,
            escalated_to: None,
        })
    }

    /// The last referral of a case as its events tell it. What "as of" views use.
    pub fn fold(events: &[Recorded<DomainEvent>]) -> Option<Self> {
        let mut last: Option<Self> = None;
        for recorded in events {
            let DomainEvent::Case(_, event) = &recorded.event else { continue };
            let at = recorded.meta.occurred_at;
            last = Self::referred(event, at).or(last);
            let Some(row) = &mut last else { continue };
            match event {
                CaseEvent::ReferralAccepted(_) => row.accepted_at = Some(at),
                CaseEvent::ReferralReturned(_) => row.returned_at = Some(at),
                CaseEvent::ReferralEscalated(escalated) => {
                    row.escalated_at = Some(at);
                    row.escalated_to = Some(escalated.to.to_string());
                }
                _ => {}
            }
        }
        last
    }
}

/// What an event does to the table.
enum Step {
    Referred { case_id: Uuid, revision: u64, row: ReferralRow },
    Resolved { case_id: Uuid },
    At { case_id: Uuid, column: &'static str, at: i64 },
    Escalated { case_id: Uuid, at: i64, to: String },
}

/// The read model.
#[derive(Default)]
pub struct Referrals {
    steps: Vec<Step>,
}

impl ReadModel for Referrals {
    fn tables(&self) -> &'static str {
        // `waits` is whether the unit's answer, or word that it is late, is still to come.
        "CREATE TABLE referral (
            case_id BLOB PRIMARY KEY, revision INTEGER NOT NULL, unit TEXT NOT NULL, from_unit TEXT,
            referred_at INTEGER NOT NULL, answer_due_at INTEGER, accepted_at INTEGER,
            returned_at INTEGER, escalated_at INTEGER, escalated_to TEXT, waits INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX referral_due ON referral (answer_due_at)
            WHERE waits = 1 AND answer_due_at IS NOT NULL"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let (case_id, at) = (id.0, column::microseconds(event.meta.occurred_at));
        if let Some(row) = ReferralRow::referred(case_event, event.meta.occurred_at) {
            self.steps.push(Step::Referred { case_id, revision: event.revision, row });
            return Ok(());
        }
        self.steps.push(match case_event {
            CaseEvent::ReferralAccepted(_) => Step::At { case_id, column: "accepted_at", at },
            CaseEvent::ReferralReturned(_) => Step::At { case_id, column: "returned_at", at },
            CaseEvent::Resolved(_) => Step::Resolved { case_id },
            CaseEvent::ReferralEscalated(escalated) => {
                let to = escalated.to.to_string();
                Step::Escalated { case_id, at, to }
            }
            _ => return Ok(()),
        });
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Referred { case_id, revision, row } => {
                    db.prepare_cached(
                        "INSERT OR REPLACE INTO referral (case_id, revision, unit, from_unit, \
                         referred_at, answer_due_at, waits) VALUES (?, ?, ?, ?, ?, ?, 1)",
                    )?
                    .execute(rusqlite::params![
                        case_id,
                        column::integer(revision),
                        row.unit,
                        row.from_unit,
                        column::microseconds(row.referred_at),
                        row.answer_due_at.map(column::microseconds),
                    ])?;
                }
                Step::Resolved { case_id } => {
                    db.prepare_cached("UPDATE referral SET waits = 0 WHERE case_id = ?")?
                        .execute([case_id])?;
                }
                Step::At { case_id, column, at } => {
                    let sql =
                        format!("UPDATE referral SET {column} = ?, waits = 0 WHERE case_id = ?");
                    db.prepare_cached(&sql)?.execute((at, case_id))?;
                }
                Step::Escalated { case_id, at, to } => {
                    db.prepare_cached(
                        "UPDATE referral SET escalated_at = ?, escalated_to = ?, waits = 0 \
                         WHERE case_id = ?",
                    )?
                    .execute((at, to, case_id))?;
                }
            }
        }
        Ok(())
    }
}

/// The last referral of a case inside the scope; `None` when there is none.
pub fn referral(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Option<ReferralRow>> {
    let mut conditions = Conditions::default();
    conditions.add("r.case_id = ?", [case_id.as_bytes().to_vec().into()]);
    scope.restrict(&mut conditions, "c");
    db.prepare_cached(&format!(
        "SELECT r.unit, r.from_unit, r.referred_at, r.answer_due_at, r.accepted_at, r.returned_at, \
         r.escalated_at, r.escalated_to FROM referral r JOIN case_summary c ON c.id = r.case_id \
         WHERE {}",
        conditions.sql()
    ))?
    .query_row(params_from_iter(conditions.values()), read)
    .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ReferralRow> {
    Ok(ReferralRow {
        unit: row.get(0)?,
        from_unit: row.get(1)?,
        referred_at: column::time(row, 2)?,
        answer_due_at: column::time_option(row, 3)?,
        accepted_at: column::time_option(row, 4)?,
        returned_at: column::time_option(row, 5)?,
        escalated_at: column::time_option(row, 6)?,
        escalated_to: row.get(7)?,
    })
}

/// A referral whose time has passed without an answer, for the monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverdueReferral {
    /// The case.
    pub case_id: Uuid,
    /// The revision of the referral in the case's stream.
    pub revision: i64,
    /// The unit.
    pub unit: String,
    /// When it should have answered.
    pub due_at: Timestamp,
}

/// A case that is worked on: what is done with needs no answer, and what is merged is answered elsewhere.
const IS_WORKED_ON: &str = "c.status IN ('open', 'pending', 'on_hold')";

/// For the monitor, unscoped: the referrals to these units that were not answered in time and not escalated, the longest overdue first.
/// What fell due before `since` is left alone.
pub fn overdue(
    db: &Connection,
    units: &[String],
    since: Timestamp,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<OverdueReferral>> {
    let mut conditions = Conditions::default();
    conditions.add("r.waits = 1 AND r.answer_due_at IS NOT NULL", []);
    conditions.add(
        "r.answer_due_at >= ? AND r.answer_due_at < ?",
        [since, now].map(|moment| Value::Integer(column::microseconds(moment))),
    );
    conditions.add(IS_WORKED_ON, []);
    conditions.add_in("r.unit", units.iter().cloned().map(Value::Text));
    db.prepare_cached(&format!(
        "SELECT r.case_id, r.revision, r.unit, r.answer_due_at \
         FROM referral r JOIN case_summary c ON c.id = r.case_id \
         WHERE {} ORDER BY r.answer_due_at LIMIT {limit}",
        conditions.sql()
    ))?
    .query_map(params_from_iter(conditions.values()), |row| {
        Ok(OverdueReferral {
            case_id: row.get(0)?,
            revision: row.get(1)?,
            unit: row.get(2)?,
            due_at: column::time(row, 3)?,
        })
    })?
    .collect()
}

/// For the monitor: the earliest moment that is not before `now` at which a unit's time to answer passes.
pub fn next_due(db: &Connection, now: Timestamp) -> rusqlite::Result<Option<Timestamp>> {
    db.prepare_cached(&format!(
        "SELECT r.answer_due_at FROM referral r JOIN case_summary c ON c.id = r.case_id \
         WHERE r.waits = 1 AND r.answer_due_at IS NOT NULL AND r.answer_due_at >= ? \
         AND {IS_WORKED_ON} ORDER BY r.answer_due_at LIMIT 1"
    ))?
    .query_row([column::microseconds(now)], |row| column::time(row, 0))
    .optional()
}
