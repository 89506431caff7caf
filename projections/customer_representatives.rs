//! Who may act for which customer.

use jiff::Timestamp;
use parvandeh_domain::case::CaseKind;
use parvandeh_domain::customer::decide::REPRESENTATIVES_MAX;
use parvandeh_domain::customer::{CustomerEvent, RepresentationBasis};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::scope::Represented;

/// One who may act for one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct Representation {
    pub customer_id: Uuid,
    pub representative_id: Uuid,
    pub basis: RepresentationBasis,
    /// Empty: in all.
    pub case_kinds: Vec<CaseKind>,
    pub until: Option<Timestamp>,
    pub appointed_at: Timestamp,
    pub event_id: Uuid,
}

/// What an event does to the table.
enum Step {
    Appointed(Representation),
    Dismissed {
        customer: Uuid,
        representative: Uuid,
    },
    /// Nobody acts for somebody, and they for nobody, once their data are to be erased.
    Erased {
        customer: Uuid,
    },
}

/// The read model.
#[derive(Default)]
pub struct CustomerRepresentatives {
    steps: Vec<Step>,
}

impl ReadModel for CustomerRepresentatives {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_representative (
            customer_id BLOB NOT NULL, representative_id BLOB NOT NULL, basis TEXT NOT NULL,
            case_kinds TEXT NOT NULL, until INTEGER, appointed_at INTEGER NOT NULL,
            event_id BLOB NOT NULL, PRIMARY KEY (customer_id, representative_id)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_representative_of
            ON customer_representative (representative_id, appointed_at, customer_id)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Customer(id, customer_event) = &event.event else { return Ok(()) };
        match customer_event {
            CustomerEvent::RepresentativeAppointed(appointed) => {
                self.steps.push(Step::Appointed(Representation {
                    customer_id: id.0,
                    representative_id: appointed.representative_id.0,
                    basis: appointed.basis,
                    case_kinds: appointed.case_kinds.clone(),
                    until: appointed.until,
                    appointed_at: event.meta.occurred_at,
                    event_id: event.id.0,
                }));
            }
            CustomerEvent::RepresentativeDismissed(dismissed) => {
                let representative = dismissed.representative_id.0;
                self.steps.push(Step::Dismissed { customer: id.0, representative });
            }
            CustomerEvent::ErasureOrdered(_) => {
                self.steps.push(Step::Erased { customer: id.0 });
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut appoint = db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO customer_representative ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ))?;
        let mut dismiss = db.prepare_cached(
            "DELETE FROM customer_representative WHERE customer_id = ? AND representative_id = ?",
        )?;
        let mut erase = db.prepare_cached(
            "DELETE FROM customer_representative WHERE customer_id = ?1 OR representative_id = ?1",
        )?;
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Appointed(it) => {
                    appoint.execute((
                        it.customer_id,
                        it.representative_id,
                        it.basis.as_str(),
                        serde_json::to_string(&it.case_kinds).expect("a list of texts is JSON"),
                        it.until.map(column::microseconds),
                        column::microseconds(it.appointed_at),
                        it.event_id,
                    ))?;
                }
                Step::Dismissed { customer, representative } => {
                    dismiss.execute((customer, representative))?;
                }
                Step::Erased { customer } => {
                    erase.execute([customer])?;
                }
            }
        }
        Ok(())
    }
}

const COLUMNS: &str =
    "customer_id, representative_id, basis, case_kinds, until, appointed_at, event_id";

fn read(row: &Row<'_>) -> rusqlite::Result<Representation> {
    Ok(Representation {
        customer_id: row.get(0)?,
        representative_id: row.get(1)?,
        basis: column::stored(row, 2)?,
        case_kinds: column::json(row, 3)?,
        until: column::time_option(row, 4)?,
        appointed_at: column::time(row, 5)?,
        event_id: row.get(6)?,
    })
}

/// The most customers of one representative that are listed.
pub const REPRESENTED_MAX: usize = 100;

/// Who may act for a customer, the first appointed first. Not scoped, because it tells of ids alone: who they are is read with a scope, and
/// the customer's own record was.
pub fn representatives(db: &Connection, customer: Uuid) -> rusqlite::Result<Vec<Representation>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customer_representative WHERE customer_id = ?
         ORDER BY appointed_at, representative_id LIMIT ?"
    ))?
    .query_map((customer, REPRESENTATIVES_MAX as i64), read)?
    .collect()
}

/// For whom a customer may act, those of the last appointments first, at most [`REPRESENTED_MAX`]. Not scoped, for the same reason.
pub fn represented(db: &Connection, representative: Uuid) -> rusqlite::Result<Vec<Representation>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customer_representative WHERE representative_id = ?
         ORDER BY appointed_at DESC, customer_id LIMIT ?"
    ))?
    .query_map((representative, REPRESENTED_MAX as i64), read)?
    .collect()
}

/// For whom a customer acts at this moment, and in which cases; of many those of the last appointments, at most [`REPRESENTED_MAX`]. This is
/// what their own scope is made of.
pub fn in_force(
    db: &Connection,
    representative: Uuid,
    now: Timestamp,
) -> rusqlite::Result<Vec<Represented>> {
    db.prepare_cached(
        "SELECT customer_id, case_kinds FROM customer_representative
         WHERE representative_id = ?1 AND (until IS NULL OR until > ?2)
         ORDER BY appointed_at DESC, customer_id LIMIT ?3",
    )?
    .query_map((representative, column::microseconds(now), REPRESENTED_MAX as i64), |row| {
        Ok(Represented { customer_id: row.get(0)?, case_kinds: column::json(row, 1)? })
    })?
    .collect()
}
