//! SLA compliance: how many promises were kept, by whatever one wants to know it by.
//!
//! There is no table of its own. Every clock is one promise, and [`crate::sla_clocks`] keeps one row a clock with the attributes to
//! group by, so compliance is a question to that table and can never disagree with it.
//!
//! A promise belongs to the period in which it falls due: it is counted exactly once, and stays where it is while work goes on.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::case_summary::TimeRange;
use crate::column;
use crate::page::Conditions;
use crate::scope::CaseScope;

/// By what compliance is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// By what is measured.
    Metric,
    /// By the policy.
    Policy,
    /// By the unit that owns the case.
    Unit,
    /// By the case's category.
    Category,
    /// By the case's priority.
    Priority,
    /// By the channel by which the case came.
    Channel,
    /// By the day on which it fell due (UTC).
    DueDay,
    /// By the month in which it fell due (UTC).
    DueMonth,
}

impl GroupBy {
    fn expression(self) -> &'static str {
        match self {
            Self::Metric => "k.metric",
            Self::Policy => "k.policy_id",
            Self::Unit => "k.unit",
            Self::Category => "k.category",
            Self::Priority => "k.priority",
            Self::Channel => "k.channel",
            Self::DueDay => "strftime('%Y-%m-%d', k.due_at / 1000000, 'unixepoch')",
            Self::DueMonth => "strftime('%Y-%m', k.due_at / 1000000, 'unixepoch')",
        }
    }
}

/// Which promises are counted.
#[derive(Clone, Debug, Default)]
pub struct ComplianceFilter {
    /// Only those that fall due in this period. Clocks that are paused have no due time and are then left out.
    pub due_at: TimeRange,
    /// Only these metrics.
    pub metric: Option<Vec<String>>,
    /// Only these policies.
    pub policy_id: Option<Vec<String>>,
    /// Only cases of these units.
    pub unit: Option<Vec<String>>,
    /// Only cases in these categories.
    pub category: Option<Vec<String>>,
    /// Only cases of these priorities.
    pub priority: Option<Vec<String>>,
    /// Only cases that came by these channels.
    pub channel: Option<Vec<String>>,
}

/// How the promises of one group stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComplianceRow {
    /// The group's values, in the order that was asked for; `None` where the case has none.
    pub group: Vec<Option<String>>,
    /// Kept in time.
    pub met: u64,
    /// Done, after the due time.
    pub breached: u64,
    /// Not done, and the due time has passed.
    pub open_overdue: u64,
    /// Not done, and the due time is to come.
    pub open_in_time: u64,
    /// Not done, and waiting.
    pub paused: u64,
}

/// How the promises about cases inside the scope stand at `now`, one row a group.
pub fn compliance(
    db: &Connection,
    scope: &CaseScope,
    filter: &ComplianceFilter,
    group_by: &[GroupBy],
    now: Timestamp,
) -> rusqlite::Result<Vec<ComplianceRow>> {
    let mut conditions = Conditions::default();
    conditions.add("k.is_promise AND k.state NOT IN ('cancelled', 'merged')", []);
    scope.restrict(&mut conditions, "c");
    // Who sees every case needs no look at the cases: a join with each would double the work.
    let from = match scope {
        CaseScope::All => "sla_clock k",
        _ => "sla_clock k JOIN case_summary c ON c.id = k.case_id",
    };
    for (column, values) in [
        ("k.metric", &filter.metric),
        ("k.policy_id", &filter.policy_id),
        ("k.unit", &filter.unit),
        ("k.category", &filter.category),
        ("k.priority", &filter.priority),
        ("k.channel", &filter.channel),
    ] {
        if let Some(values) = values {
            conditions.add_in(column, values.iter().cloned().map(Value::Text));
        }
    }
    filter.due_at.restrict(&mut conditions, "k.due_at");
    let groups: Vec<_> = group_by.iter().map(|by| by.expression()).collect();
    let select = groups.iter().map(|group| format!("{group}, ")).collect::<String>();
    let order = (1..=groups.len()).map(|index| index.to_string()).collect::<Vec<_>>().join(", ");
    let grouping = if groups.is_empty() {
        String::new()
    } else {
        format!("GROUP BY {order} ORDER BY {order}")
    };
    let sql = format!(
        "SELECT {select} \
         count(*) FILTER (WHERE k.state = 'met'), \
         count(*) FILTER (WHERE k.state = 'breached'), \
         count(*) FILTER (WHERE k.state IN ('running', 'paused') AND k.due_at < {now}), \
         count(*) FILTER (WHERE k.state = 'running' AND (k.due_at >= {now} OR k.due_at IS NULL)), \
         count(*) FILTER (WHERE k.state = 'paused' AND (k.due_at >= {now} OR k.due_at IS NULL)) \
         FROM {from} WHERE {conditions} {grouping}",
        now = column::microseconds(now),
        conditions = conditions.sql(),
    );
    let first_count = groups.len();
    // Not cached: the text holds the moment and is new at every call.
    db.prepare(&sql)?
        .query_map(params_from_iter(conditions.values()), |row| {
            Ok(ComplianceRow {
                group: (0..first_count).map(|index| row.get(index)).collect::<Result<_, _>>()?,
                met: row.get(first_count)?,
                breached: row.get(first_count + 1)?,
                open_overdue: row.get(first_count + 2)?,
                open_in_time: row.get(first_count + 3)?,
                paused: row.get(first_count + 4)?,
            })
        })?
        .collect()
}
