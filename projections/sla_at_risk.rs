//! The clocks at risk: open ones whose due moment is to come, the nearest first.
//!
//! The index of open clocks gives them in order. How much of its target a clock has used is not in the table, because it changes by
//! itself; it is evaluated for the clocks of the page, and a wish for a least share is applied to what the index gives.

use jiff::Timestamp;
use parvandeh_domain::sla::ClockKey;
use rusqlite::Connection;
use rusqlite::types::{Type, Value};
use uuid::Uuid;

use crate::case_clocks::ClockRow;
use crate::clock_filter::ClockFilter;
use crate::column;
use crate::page::{Anchor, List, PAGE_SIZE_MAX, PageRequest};
use crate::scope::CaseScope;
use crate::sla_clocks;
use crate::sla_reference::ReferenceData;

/// The most clocks that one page looks at where a least share is wanted.
pub const CLOCKS_LOOKED_AT_MAX: usize = 1_000;

/// Some clocks at risk.
#[derive(Clone, Debug)]
pub struct AtRiskPage {
    /// The clocks, each with its place.
    pub rows: Vec<(Anchor, ClockRow)>,
    /// The place up to which was looked.
    pub end: Option<Anchor>,
    /// Whether more may follow.
    pub has_more: bool,
}

/// Open clocks about cases inside the scope that are due at `now` or later, the nearest first, after a place. With `percent_min`, those
/// that have used so many hundredths of their target; such a page may be shorter than `size` although more follow.
#[allow(clippy::too_many_arguments, reason = "what, for whom, when and which page")]
pub fn at_risk(
    db: &Connection,
    scope: &CaseScope,
    filter: &ClockFilter,
    percent_min: Option<u32>,
    now: Timestamp,
    after: Option<Anchor>,
    size: usize,
    reference: &ReferenceData,
) -> rusqlite::Result<AtRiskPage> {
    let mut found = AtRiskPage { rows: Vec::new(), end: after, has_more: true };
    let mut looked_at = 0;
    while found.has_more && found.rows.len() < size && looked_at < CLOCKS_LOOKED_AT_MAX {
        let wanted = match percent_min {
            None => size - found.rows.len(),
            Some(_) => PAGE_SIZE_MAX,
        };
        let request = PageRequest { after: found.end, ..PageRequest::first(wanted) };
        let page = list(scope, filter, now).page(db, request, |row| {
            let (case_id, clock): (Uuid, String) = (row.get(2)?, row.get(3)?);
            let key: ClockKey = clock.parse().map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(error))
            })?;
            Ok((case_id, key))
        })?;
        found.has_more = page.has_more;
        let count = page.rows.len();
        for (index, (anchor, (case_id, key))) in page.rows.into_iter().enumerate() {
            looked_at += 1;
            found.end = Some(anchor);
            let clocks = sla_clocks::clocks(db, scope, case_id, reference)?;
            let clock = clocks.into_iter().find(|row| row.clock.key == key);
            let enough = |row: &ClockRow| match percent_min {
                None => true,
                Some(min) => row.clock.percent_at(now, reference).is_some_and(|used| used >= min),
            };
            if let Some(row) = clock.filter(enough) {
                found.rows.push((anchor, row));
            }
            if found.rows.len() == size {
                found.has_more |= index + 1 < count;
                break;
            }
        }
    }
    Ok(found)
}

fn list(scope: &CaseScope, filter: &ClockFilter, now: Timestamp) -> List {
    let (from, mut conditions) = filter.conditions(scope);
    conditions.add("k.stopped_at IS NULL AND k.is_promise AND NOT k.waived", []);
    let now = Value::Integer(column::microseconds(now));
    // A recurring clock may begin in the future: nothing is at risk then.
    conditions.add("k.due_at >= ? AND k.started_at <= ?", [now.clone(), now]);
    List {
        columns: "k.case_id, k.clock",
        from,
        key: "k.due_at",
        tie: "k.id",
        descending: false,
        conditions,
    }
}
