//! Attribution: where the time of clocks went in a period, by unit, by person or by the reason of the wait.
//!
//! Clocks are cut into intervals wherever something changes that they are attributed by. The intervals follow from the case's ground, so
//! this report evaluates the clocks of every case that it looks at; a bound on their number keeps it quick.

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::Measure;
use parvandeh_domain::sla::{CalendarSource, Clock, ClockInterval, IntervalCourse, Metric};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use crate::clock_filter::ClockFilter;
use crate::column;
use crate::scope::CaseScope;
use crate::sla_clocks;
use crate::sla_reference::ReferenceData;

/// The most cases that one report looks at.
pub const CASES_MAX: usize = 20_000;

/// By what time is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeBy {
    /// Elapsed time, by the unit that owned the case.
    Unit,
    /// Elapsed time, by whom the case was assigned to.
    Assignee,
    /// Paused time, by the reason of the hold.
    HoldReason,
}

/// The time of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributionRow {
    /// The unit, the person or the reason; `None` where there was none.
    pub value: Option<String>,
    /// What the clocks measured.
    pub metric: Metric,
    /// What they are counted in.
    pub measure: Measure,
    /// How many clocks had time here.
    pub clocks: u64,
    /// Their time in the period, in the measure.
    pub counted: SignedDuration,
    /// The same by the wall clock.
    pub wall_clock: SignedDuration,
}

/// More cases have clocks in the period than one report looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyCases;

/// The time of clocks about cases inside the scope from `from` to before `to`, as it is known at `now`. Clocks of different metrics and
/// measures are never added up.
#[allow(clippy::too_many_arguments, reason = "what, for whom, when and by what")]
pub fn attribution(
    db: &Connection,
    scope: &CaseScope,
    filter: &ClockFilter,
    by: AttributeBy,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
    reference: &ReferenceData,
) -> rusqlite::Result<Result<Vec<AttributionRow>, TooManyCases>> {
    let Some(wanted) = clocks_in(db, scope, filter, (from, to))? else {
        return Ok(Err(TooManyCases));
    };
    let to = to.min(now);
    let mut groups: BTreeMap<(Option<String>, Metric, Measure), AttributionRow> = BTreeMap::new();
    for (case_id, keys) in wanted {
        for row in sla_clocks::clocks(db, scope, case_id, reference)? {
            let clock = row.clock;
            if !keys.contains(&clock.key.to_string()) {
                continue;
            }
            let mut seen = HashSet::new();
            for part in &clock.intervals {
                let Some((value, begin, end)) = attributed(part, by, (from, to)) else { continue };
                let key = (value.clone(), clock.metric, clock.measure);
                let group = groups.entry(key).or_insert_with(|| AttributionRow {
                    value: value.clone(),
                    metric: clock.metric,
                    measure: clock.measure,
                    clocks: 0,
                    counted: SignedDuration::ZERO,
                    wall_clock: SignedDuration::ZERO,
                });
                group.clocks += u64::from(seen.insert(value));
                group.counted += counted(&clock, part, (begin, end), reference);
                group.wall_clock += end.duration_since(begin);
            }
        }
    }
    Ok(Ok(groups.into_values().collect()))
}

/// The clocks that were not over before the period and had begun in it, by case; `None` when there are too many cases.
fn clocks_in(
    db: &Connection,
    scope: &CaseScope,
    filter: &ClockFilter,
    (from, to): (Timestamp, Timestamp),
) -> rusqlite::Result<Option<BTreeMap<Uuid, HashSet<String>>>> {
    let (table, mut conditions) = filter.conditions(scope);
    let moments = [to, from].map(|moment| Value::Integer(column::microseconds(moment)));
    conditions.add("k.started_at < ? AND (k.stopped_at IS NULL OR k.stopped_at > ?)", moments);
    let sql = format!("SELECT k.case_id, k.clock FROM {table} WHERE {}", conditions.sql());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    let mut wanted: BTreeMap<Uuid, HashSet<String>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        wanted.entry(row.get(0)?).or_default().insert(row.get(1)?);
        if wanted.len() > CASES_MAX {
            return Ok(None);
        }
    }
    Ok(Some(wanted))
}

/// To whom or what an interval is attributed, and its part in the period.
fn attributed(
    part: &ClockInterval,
    by: AttributeBy,
    (from, to): (Timestamp, Timestamp),
) -> Option<(Option<String>, Timestamp, Timestamp)> {
    let course = match by {
        AttributeBy::Unit | AttributeBy::Assignee => IntervalCourse::Running,
        AttributeBy::HoldReason => IntervalCourse::Paused,
    };
    let (begin, end) = (part.from.max(from), part.to.map_or(to, |end| end.min(to)));
    if part.course != course || begin >= end {
        return None;
    }
    let value = match by {
        AttributeBy::Unit => part.unit.as_ref().map(ToString::to_string),
        AttributeBy::Assignee => part.assignee.as_ref().map(ToString::to_string),
        AttributeBy::HoldReason => part.hold.map(|reason| reason.to_string()),
    };
    Some((value, begin, end))
}

fn counted(
    clock: &Clock,
    part: &ClockInterval,
    (begin, end): (Timestamp, Timestamp),
    reference: &ReferenceData,
) -> SignedDuration {
    let calendar = part.calendar_id.as_ref();
    match calendar.and_then(|id| reference.calendar(id, part.time_zone.as_deref())) {
        Some(calendar) => calendar.measure(clock.measure, begin, end),
        None => end.duration_since(begin),
    }
}
