//! The portfolio in figures, at a moment: cases by status, clocks by how they stand, promises kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::sla::ClockState;
use parvandeh_projections::column::microseconds;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_compliance::{self, ComplianceFilter};
use rusqlite::Connection;
use serde::Serialize;

/// The figures of a portfolio.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The moment at which clocks were looked at.
    pub at: Timestamp,
    /// How many customers are known.
    pub customers: u64,
    /// How many cases stand in each status.
    pub cases: BTreeMap<String, u64>,
    /// How many clocks stand so; those that are open and overdue count as breached.
    pub clocks: BTreeMap<String, u64>,
    /// How the promises stand.
    pub compliance: Compliance,
}

/// How promises stand: those that a goal was set for, and that still count.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compliance {
    /// Kept in time.
    pub met: u64,
    /// Done, after the due time.
    pub breached: u64,
    /// Late, and that was waived.
    pub waived: u64,
    /// Not done, and the due time has passed.
    pub open_overdue: u64,
    /// Not done, and the due time is to come.
    pub open_in_time: u64,
    /// Not done, and waiting.
    pub paused: u64,
    /// Done, and nothing was promised.
    pub measured: u64,
    /// Kept promises among those that are decided, between 0 and 1; `None` where none is.
    pub ratio: Option<f64>,
}

/// The figures of the read models in a file, looked at at a moment.
pub fn figures(db: &Connection, at: Timestamp) -> rusqlite::Result<Figures> {
    let customers = "SELECT count(*) FROM customer_profile";
    Ok(Figures {
        at,
        customers: db.query_row(customers, [], |row| row.get(0))?,
        cases: counts(db, "SELECT status, count(*) FROM case_summary GROUP BY 1")?,
        clocks: clocks(db, at)?,
        compliance: compliance(db, at)?,
    })
}

fn counts(db: &Connection, sql: &str) -> rusqlite::Result<BTreeMap<String, u64>> {
    db.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The same decision as [`parvandeh_domain::sla::Clock::verdict_at`], made by the table's columns.
fn clocks(db: &Connection, at: Timestamp) -> rusqlite::Result<BTreeMap<String, u64>> {
    let at = microseconds(at);
    let (breached, waived) = (ClockState::Breached, ClockState::Waived);
    counts(
        db,
        &format!(
            "SELECT CASE WHEN state NOT IN ('running', 'paused') THEN state \
             WHEN due_at < {at} AND waived THEN '{waived}' WHEN due_at < {at} THEN '{breached}' \
             WHEN started_at > {at} THEN '{scheduled}' ELSE state END, count(*) \
             FROM sla_clock GROUP BY 1",
            scheduled = ClockState::Scheduled,
        ),
    )
}

fn compliance(db: &Connection, at: Timestamp) -> rusqlite::Result<Compliance> {
    let (scope, filter) = (CaseScope::All, ComplianceFilter::default());
    let row = sla_compliance::compliance(db, &scope, &filter, &[], false, at)?.remove(0);
    let decided = row.met + row.breached + row.open_overdue;
    Ok(Compliance {
        met: row.met,
        breached: row.breached,
        waived: row.waived,
        open_overdue: row.open_overdue,
        open_in_time: row.open_in_time,
        paused: row.paused,
        measured: row.measured,
        ratio: (decided > 0).then(|| row.met as f64 / decided as f64),
    })
}
