//! SLA compliance: how many promises were kept, by whatever one wants to know it by.
//!
//! There is no table of its own. Every clock is one promise, and [`crate::sla_clocks`] keeps one row a clock with the attributes to
//! group by, so compliance is a question to that table and can never disagree with it.
//!
//! A promise belongs to the period in which it falls due: it is counted exactly once, and stays where it is while work goes on. A clock
//! that stopped while it was paused never fell due, and one that only measures never does: they belong to the period in which they stopped.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::Measure;
use rusqlite::{Connection, params_from_iter};

use crate::case_summary::TimeRange;
use crate::clock_filter::ClockFilter;
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
    /// By the customer's tier.
    Tier,
    /// By the agreement.
    Agreement,
    /// By the rule's name; names are unique within a policy.
    Rule,
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
            Self::Tier => "k.tier",
            Self::Agreement => "k.agreement",
            Self::Rule => "k.rule",
            Self::DueDay => "strftime('%Y-%m-%d', k.counts_at / 1000000, 'unixepoch')",
            Self::DueMonth => "strftime('%Y-%m', k.counts_at / 1000000, 'unixepoch')",
        }
    }
}

/// Which promises are counted.
#[derive(Clone, Debug, Default)]
pub struct ComplianceFilter {
    /// Only those that fall due in this period. Clocks that are paused have no due time and are then left out.
    pub due_at: TimeRange,
    /// Only these clocks.
    pub clocks: ClockFilter,
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
    /// How long those took that are done, where it was asked for.
    pub elapsed: Option<ElapsedPercentiles>,
}

/// How long stopped clocks took: of so many hundredths of them at most so long. Each is the time of one of the clocks (nearest rank).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElapsedPercentiles {
    /// What all of them are counted in.
    pub measure: Measure,
    /// The median.
    pub p50: SignedDuration,
    /// Of nine in ten.
    pub p90: SignedDuration,
    /// Of nineteen in twenty.
    pub p95: SignedDuration,
    /// Of ninety-nine in a hundred.
    pub p99: SignedDuration,
}

/// How the promises about cases inside the scope stand at `now`, one row a group; with percentiles of the elapsed time where these are
/// wanted, which takes a sort.
pub fn compliance(
    db: &Connection,
    scope: &CaseScope,
    filter: &ComplianceFilter,
    group_by: &[GroupBy],
    with_elapsed: bool,
    now: Timestamp,
) -> rusqlite::Result<Vec<ComplianceRow>> {
    let (from, mut conditions) = filter.clocks.conditions(scope);
    conditions.add(
        "(k.is_promise OR k.state = 'measured') AND k.state NOT IN ('cancelled', 'merged')",
        [],
    );
    filter.due_at.restrict(&mut conditions, "k.counts_at");
    let mut elapsed =
        if with_elapsed { elapsed(db, from, &conditions, group_by)? } else { HashMap::new() };
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
         count(*) FILTER (WHERE k.state = 'waived' \
             OR k.state IN ('running', 'paused') AND k.due_at < {now} AND k.waived), \
         count(*) FILTER (WHERE k.state IN ('running', 'paused') AND k.due_at < {now} \
             AND NOT k.waived), \
         count(*) FILTER (WHERE k.state = 'running' AND (k.due_at >= {now} OR k.due_at IS NULL)), \
         count(*) FILTER (WHERE k.state = 'paused' AND (k.due_at >= {now} OR k.due_at IS NULL)), \
         count(*) FILTER (WHERE k.state = 'measured') \
         FROM {from} WHERE {conditions} {grouping}",
        now = column::microseconds(now),
        conditions = conditions.sql(),
    );
    let first_count = groups.len();
    // Not cached: the text holds the moment and is new at every call.
    db.prepare(&sql)?
        .query_map(params_from_iter(conditions.values()), |row| {
            let group =
                (0..first_count).map(|index| row.get(index)).collect::<Result<Vec<_>, _>>()?;
            Ok(ComplianceRow {
                elapsed: elapsed.remove(&group),
                group,
                met: row.get(first_count)?,
                breached: row.get(first_count + 1)?,
                waived: row.get(first_count + 2)?,
                open_overdue: row.get(first_count + 3)?,
                open_in_time: row.get(first_count + 4)?,
                paused: row.get(first_count + 5)?,
                measured: row.get(first_count + 6)?,
            })
        })?
        .collect()
}

/// The percentiles of each group that has stopped clocks, all of one measure: hours of different kinds are not compared.
fn elapsed(
    db: &Connection,
    from: &str,
    conditions: &Conditions,
    group_by: &[GroupBy],
) -> rusqlite::Result<HashMap<Vec<Option<String>>, ElapsedPercentiles>> {
    let count = group_by.len();
    let columns =
        group_by.iter().enumerate().map(|(index, by)| format!("{} AS g{index}, ", by.expression()));
    let names = (0..count).map(|index| format!("g{index}")).collect::<Vec<_>>().join(", ");
    let (partition, grouping, select) = if count == 0 {
        (String::new(), "HAVING count(*) > 0".to_owned(), String::new())
    } else {
        (format!("PARTITION BY {names}"), format!("GROUP BY {names}"), format!("{names}, "))
    };
    let percentile = |hundredths: u32| {
        format!("max(elapsed) FILTER (WHERE place = (n * {hundredths} + 99) / 100)")
    };
    let sql = format!(
        "WITH stopped AS (SELECT {columns} k.elapsed AS elapsed, k.measure AS measure \
             FROM {from} WHERE {conditions} AND k.state IN ('met', 'breached', 'waived', 'measured')), \
         placed AS (SELECT *, row_number() OVER ({partition} ORDER BY elapsed) AS place, \
             count(*) OVER ({partition}) AS n FROM stopped) \
         SELECT {select} min(measure), max(measure), {}, {}, {}, {} FROM placed {grouping}",
        percentile(50),
        percentile(90),
        percentile(95),
        percentile(99),
        columns = columns.collect::<String>(),
        conditions = conditions.sql(),
    );
    let mut found = HashMap::new();
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        let group = (0..count).map(|index| row.get(index)).collect::<Result<Vec<_>, _>>()?;
        let (least, greatest): (Measure, Measure) =
            (column::stored(row, count)?, column::stored(row, count + 1)?);
        let time = |index| row.get(count + index).map(SignedDuration::from_micros);
        if least == greatest {
            let (p50, p90, p95, p99) = (time(2)?, time(3)?, time(4)?, time(5)?);
            found.insert(group, ElapsedPercentiles { measure: least, p50, p90, p95, p99 });
        }
    }
    Ok(found)
}
