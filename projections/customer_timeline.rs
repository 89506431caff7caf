//! One timeline of a customer across all their cases.
//!
//! The entries are those of [`case_timeline`]; here stands only in which order they come for one customer, so that a page is read from
//! an index row by row, however many cases it is drawn from. Records that were merged keep a timeline each, and those of one person are
//! merged while they are read.

use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::SlaEvent;
use rusqlite::Connection;
use rusqlite::types::Value;
use uuid::Uuid;

use crate::ReadModel;
use crate::case_money::MoneyOf;
use crate::case_timeline::{self, TimelineEntry, TimelineFilter};
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest, merged_page};
use crate::scope::{CaseScope, Visibility};

/// The read model.
#[derive(Default)]
pub struct CustomerTimeline {
    /// The case, the moment and the position of new entries.
    entries: Vec<(Uuid, i64, i64)>,
    /// The same of new entries about money, whose case is not asked for yet.
    owed: Vec<(MoneyOf, i64, i64)>,
}

impl ReadModel for CustomerTimeline {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_timeline (
            customer_id BLOB NOT NULL, occurred_at INTEGER NOT NULL, position INTEGER NOT NULL,
            case_id BLOB NOT NULL, PRIMARY KEY (customer_id, occurred_at, position)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let occurred_at = column::microseconds(event.meta.occurred_at);
        let position = column::integer(event.position);
        match &event.event {
            DomainEvent::Case(id, _)
            | DomainEvent::Clock(id, SlaEvent::Extended(_) | SlaEvent::Waived(_)) => {
                self.entries.push((id.0, occurred_at, position));
            }
            about => {
                if let Some(of) = MoneyOf::event(about) {
                    self.owed.push((of, occurred_at, position));
                }
            }
        }
        Ok(())
    }

    /// The case's customer is asked of `case_summary`, which is written before, and never changes.
    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (of, occurred_at, position) in std::mem::take(&mut self.owed) {
            if let Some(case_id) = of.case(db)? {
                self.entries.push((case_id, occurred_at, position));
            }
        }
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO customer_timeline (customer_id, occurred_at, position, case_id)
             SELECT customer_id, ?2, ?3, id FROM case_summary
             WHERE id = ?1 AND customer_id IS NOT NULL",
        )?;
        for entry in std::mem::take(&mut self.entries) {
            insert.execute(entry)?;
        }
        Ok(())
    }
}

/// A page of the timeline of a customer with these records, the newest first, as far as it lies inside the scope.
pub fn timeline(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    records: &[Uuid],
    filter: &TimelineFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<TimelineEntry>> {
    let lists = records.iter().map(|record| list(scope, visibility, *record, filter)).collect();
    merged_page(lists, db, page, case_timeline::COLUMNS, case_timeline::read)
}

/// How many entries the filter finds.
pub fn timeline_count(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    records: &[Uuid],
    filter: &TimelineFilter,
) -> rusqlite::Result<u64> {
    let counts = records.iter().map(|record| list(scope, visibility, *record, filter).count(db));
    counts.sum()
}

fn list(scope: &CaseScope, visibility: Visibility, record: Uuid, filter: &TimelineFilter) -> List {
    let mut conditions = Conditions::default();
    conditions.add("x.customer_id = ?", [Value::Blob(record.as_bytes().to_vec())]);
    // A look at the case of each entry costs a quarter of the page, so only those scopes take it that must.
    let by_customer = scope.knows_by_customer();
    let (from, owner) = if by_customer { (ENTRIES, "x") } else { (ENTRIES_AND_CASES, "c") };
    case_timeline::restrict(&mut conditions, scope, owner, visibility, filter);
    List {
        columns: case_timeline::COLUMNS,
        from,
        key: "x.occurred_at",
        tie: "x.position",
        descending: true,
        conditions,
    }
}

/// In this order, whatever the planner thinks: the page is then read along the index.
const ENTRIES: &str = "customer_timeline x CROSS JOIN case_timeline t ON t.case_id = x.case_id \
     AND t.occurred_at = x.occurred_at AND t.position = x.position";
const ENTRIES_AND_CASES: &str = "customer_timeline x CROSS JOIN case_timeline t \
     ON t.case_id = x.case_id AND t.occurred_at = x.occurred_at AND t.position = x.position \
     CROSS JOIN case_summary c ON c.id = x.case_id";
