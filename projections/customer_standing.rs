//! Where customers stand with us: what is known of their dealings with us, as rules of segmentations look at it.

use std::collections::HashMap;

use parvandeh_domain::case::{CaseEvent, CaseKind, Direction};
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::segmentation::Standing;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// Where one customer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingRow {
    /// The customer.
    pub id: Uuid,
    /// Their tier.
    pub tier: Option<String>,
    /// What is known of them.
    pub standing: Standing,
    /// The event of the log that changed any of it last.
    pub position: i64,
}

const COLUMNS: &str =
    "id, kind, tier, value, cases, complaints, contacts, known_since, last_contact_at, position";

fn read(row: &Row<'_>) -> rusqlite::Result<StandingRow> {
    Ok(StandingRow {
        id: row.get(0)?,
        tier: row.get(2)?,
        standing: Standing {
            kind: stored(row, 1)?,
            value: row.get(3)?,
            cases: row.get(4)?,
            complaints: row.get(5)?,
            contacts: row.get(6)?,
            known_since: column::time(row, 7)?,
            last_contact_at: column::time_option(row, 8)?,
        },
        position: row.get(9)?,
    })
}

struct StandingTable;

impl Table for StandingTable {
    type Key = Uuid;
    type Row = StandingRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<StandingRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM customer_standing WHERE id = ?"))?
            .query_row([id], read)
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &StandingRow) -> rusqlite::Result<()> {
        let of = &row.standing;
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO customer_standing ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id,
            of.kind.as_str(),
            row.tier,
            of.value,
            of.cases,
            of.complaints,
            of.contacts,
            column::microseconds(of.known_since),
            of.last_contact_at.map(column::microseconds),
            row.position,
        ])
        .map(drop)
    }
}

/// The read model.
#[derive(Default)]
pub struct CustomerStanding {
    rows: Rows<StandingTable>,
    /// Whose the cases are that were opened since the last flush: `case_summary` does not have them yet.
    opened: HashMap<Uuid, Option<Uuid>>,
}

impl CustomerStanding {
    /// The customer of a case; found by its row in `case_summary`, which is written before.
    fn customer_of(&mut self, db: &Connection, case: Uuid) -> rusqlite::Result<Option<Uuid>> {
        if let Some(customer) = self.opened.get(&case) {
            return Ok(*customer);
        }
        let found = db
            .prepare_cached("SELECT customer_id FROM case_summary WHERE id = ?")?
            .query_row([case], |row| row.get(0))
            .optional()?;
        Ok(found.flatten())
    }

    fn change(
        &mut self,
        db: &Connection,
        id: Uuid,
        position: u64,
        change: impl FnOnce(&mut StandingRow),
    ) -> rusqlite::Result<()> {
        if let Some(row) = self.rows.change(db, id)? {
            change(row);
            row.position = column::integer(position);
        }
        Ok(())
    }

    fn apply_case(
        &mut self,
        db: &Connection,
        case: Uuid,
        event: &CaseEvent,
        (meta, position): (&Metadata, u64),
    ) -> rusqlite::Result<()> {
        let at = meta.occurred_at;
        match event {
            CaseEvent::Opened(opened) => {
                self.opened.insert(case, opened.customer_id.map(|id| id.0));
                let Some(id) = opened.customer_id else { return Ok(()) };
                self.change(db, id.0, position, |row| {
                    row.standing.cases = row.standing.cases.saturating_add(1);
                    if opened.kind == CaseKind::Complaint {
                        row.standing.complaints = row.standing.complaints.saturating_add(1);
                    }
                    row.standing.last_contact_at = row.standing.last_contact_at.max(Some(at));
                })
            }
            CaseEvent::InteractionRecorded(said)
                if said.direction != Direction::Internal && !said.automatic =>
            {
                let Some(id) = self.customer_of(db, case)? else { return Ok(()) };
                self.change(db, id, position, |row| {
                    row.standing.contacts = row.standing.contacts.saturating_add(1);
                    if said.direction == Direction::Inbound {
                        row.standing.last_contact_at = row.standing.last_contact_at.max(Some(at));
                    }
                })
            }
            _ => Ok(()),
        }
    }

    fn apply_customer(
        &mut self,
        db: &Connection,
        id: Uuid,
        event: &CustomerEvent,
        (meta, position): (&Metadata, u64),
    ) -> rusqlite::Result<()> {
        match event {
            CustomerEvent::Registered(registered) => {
                let standing = Standing {
                    kind: registered.kind,
                    value: 0,
                    cases: 0,
                    complaints: 0,
                    contacts: 0,
                    known_since: meta.occurred_at,
                    last_contact_at: None,
                };
                let (tier, position) = (registered.tier.clone(), column::integer(position));
                self.rows.put(id, StandingRow { id, tier, standing, position });
                Ok(())
            }
            CustomerEvent::DetailsChanged(changed) => {
                let Some(tier) = changed.tier.clone() else { return Ok(()) };
                self.change(db, id, position, |row| row.tier = Some(tier))
            }
            CustomerEvent::TierChanged(changed) => {
                self.change(db, id, position, |row| row.tier = Some(changed.to.clone()))
            }
            CustomerEvent::ValueAssessed(assessed) => {
                self.change(db, id, position, |row| row.standing.value = assessed.value)
            }
            CustomerEvent::ContactPointAdded(_)
            | CustomerEvent::VerificationRequested(_)
            | CustomerEvent::VerificationFailed(_)
            | CustomerEvent::ContactPointVerified(_)
            | CustomerEvent::PreferencesChanged(_)
            | CustomerEvent::NotificationsRead(_)
            | CustomerEvent::Merged(_)
            | CustomerEvent::Unmerged(_)
            | CustomerEvent::RepresentativeAppointed(_)
            | CustomerEvent::RepresentativeDismissed(_)
            | CustomerEvent::ConsentGiven(_)
            | CustomerEvent::ConsentWithdrawn(_)
            | CustomerEvent::LegalHoldPlaced(_)
            | CustomerEvent::LegalHoldReleased(_)
            | CustomerEvent::ErasureOrdered(_)
            | CustomerEvent::Erased(_) => Ok(()),
        }
    }
}

impl ReadModel for CustomerStanding {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_standing (
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, tier TEXT, value INTEGER NOT NULL,
            cases INTEGER NOT NULL, complaints INTEGER NOT NULL, contacts INTEGER NOT NULL,
            known_since INTEGER NOT NULL, last_contact_at INTEGER, position INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_standing_changed ON customer_standing (position)"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let at = (&event.meta, event.position);
        match &event.event {
            DomainEvent::Case(id, case_event) => self.apply_case(db, id.0, case_event, at),
            DomainEvent::Customer(id, said) => self.apply_customer(db, id.0, said, at),
            DomainEvent::Clock(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Unit(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..) => Ok(()),
        }
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.opened.clear();
        self.rows.flush(db)
    }
}

/// A page of all customers, in the order of their ids, behind this one. Not scoped, because it is the program itself that sorts them.
pub fn page_by_id(
    db: &Connection,
    after: Option<Uuid>,
    size: usize,
) -> rusqlite::Result<Vec<StandingRow>> {
    // Every id is greater than no bytes at all.
    let after = after.map_or(Vec::new(), |id| id.as_bytes().to_vec());
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customer_standing WHERE id > ? ORDER BY id LIMIT ?"
    ))?
    .query_map((after, column::integer(size as u64)), read)?
    .collect()
}

/// A page of the customers of whom something changed behind this position of the log, in the order in which it did. Not scoped, for the
/// same reason.
pub fn page_by_change(
    db: &Connection,
    after: i64,
    size: usize,
) -> rusqlite::Result<Vec<StandingRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customer_standing WHERE position > ? ORDER BY position LIMIT ?"
    ))?
    .query_map((after, column::integer(size as u64)), read)?
    .collect()
}

/// Calls `each` with every customer inside the scope: staff of a unit know the customers of the cases that they can see.
pub fn for_each(
    db: &Connection,
    scope: &CaseScope,
    mut each: impl FnMut(StandingRow),
) -> rusqlite::Result<()> {
    let mut conditions = Conditions::default();
    match scope {
        CaseScope::All => {}
        scope => {
            let mut cases = Conditions::default();
            scope.restrict(&mut cases, "c");
            conditions.add(
                &format!(
                    "id IN (SELECT c.customer_id FROM case_summary c WHERE c.customer_id IS NOT NULL AND {})",
                    cases.sql()
                ),
                cases.values().iter().cloned(),
            );
        }
    }
    let sql = format!("SELECT {COLUMNS} FROM customer_standing WHERE {}", conditions.sql());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        each(read(row)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn pages_by_id_begin_before_the_smallest_id() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(CustomerStanding::default().tables()).unwrap();
        let standing = Standing {
            kind: parvandeh_domain::customer::CustomerKind::Individual,
            value: 1,
            cases: 0,
            complaints: 0,
            contacts: 0,
            known_since: Timestamp::UNIX_EPOCH,
            last_contact_at: None,
        };
        for n in 0..5u128 {
            let id = Uuid::from_u128(n);
            let row = StandingRow { id, tier: None, standing, position: n as i64 };
            StandingTable::write(&db, id, &row).unwrap();
        }
        let first = page_by_id(&db, None, 3).unwrap();
        let rest = page_by_id(&db, first.last().map(|row| row.id), 3).unwrap();
        assert_eq!(first.len() + rest.len(), 5);
        assert_eq!(page_by_change(&db, 2, 10).unwrap().len(), 2);
        let mut all = 0;
        for_each(&db, &CaseScope::All, |_| all += 1).unwrap();
        assert_eq!(all, 5);
    }
}
