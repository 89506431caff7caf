//! Where customers stand with us: what is known of their dealings with us, as rules of segmentations look at it.

use std::collections::{HashMap, HashSet};

use parvandeh_domain::account::AccountEvent;
use parvandeh_domain::case::{CaseEvent, CaseKind, Direction};
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::customer::decide::MERGED_RECORDS_MAX;
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::id::PostingId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::Points;
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
    /// What is known of them: of this record alone, or of all records of the person, as whoever gives the row says.
    pub standing: Standing,
    /// The event of the log that changed any of it last.
    pub position: i64,
    /// The record in whose favour this one was given up.
    pub merged_into: Option<Uuid>,
    /// Whether another record was given up in favour of this one.
    has_merged: bool,
}

const COLUMNS: &str = "id, kind, tier, value, cases, complaints, contacts, known_since, last_contact_at, position, merged_into, \
     points_earned";
/// Whether another record was given up in favour of the row `s`: a look into an index of the few that were given up.
const HAS_MERGED: &str = "EXISTS (SELECT 1 FROM customer_standing m WHERE m.merged_into = s.id)";

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
            points_earned: row.get(11)?,
        },
        position: row.get(9)?,
        merged_into: row.get(10)?,
        has_merged: row.get(12)?,
    })
}

struct StandingTable;

impl Table for StandingTable {
    type Key = Uuid;
    type Row = StandingRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<StandingRow>> {
        // Whether others were merged into it is not kept in the row, and nothing that is written asks.
        db.prepare_cached(&format!("SELECT {COLUMNS}, FALSE FROM customer_standing WHERE id = ?"))?
            .query_row([id], read)
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &StandingRow) -> rusqlite::Result<()> {
        let of = &row.standing;
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO customer_standing ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
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
            row.merged_into,
            of.points_earned,
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
    /// Points that customers were given for a case since the last flush: `account_posting` does not have them yet.
    given: HashSet<(Uuid, PostingId)>,
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

    /// Points count when they are earned, and no longer when that is reversed. That they were redeemed or expired changes nothing, for it
    /// does not tell what the customer is worth; and what was given for a case made something good again.
    fn apply_account(
        &mut self,
        db: &Connection,
        id: Uuid,
        event: &AccountEvent,
        position: u64,
    ) -> rusqlite::Result<()> {
        let points = match event {
            AccountEvent::PointsEarned(earned) if earned.case_id.is_some() => {
                self.given.insert((id, earned.posting_id.clone()));
                return Ok(());
            }
            AccountEvent::PointsEarned(earned) => earned.points,
            // Above zero it gives back what was redeemed.
            AccountEvent::PostingReversed(reversed)
                if reversed.points < Points(0)
                    && !self.was_given(db, id, &reversed.reversed)? =>
            {
                reversed.points
            }
            AccountEvent::PostingReversed(_)
            | AccountEvent::PointsRedeemed(_)
            | AccountEvent::PointsExpired(_)
            | AccountEvent::CreditGranted(_)
            | AccountEvent::CreditSpent(_) => return Ok(()),
        };
        self.change(db, id, position, |row| {
            row.standing.points_earned = row.standing.points_earned.saturating_add(points.0);
        })
    }

    /// Whether points were given for a case.
    fn was_given(&self, db: &Connection, id: Uuid, posting: &PostingId) -> rusqlite::Result<bool> {
        Ok(self.given.contains(&(id, posting.clone())) || is_given(db, id, posting)?)
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
                    points_earned: 0,
                };
                let (tier, position) = (registered.tier.clone(), column::integer(position));
                let (merged_into, has_merged) = (None, false);
                let row = StandingRow { id, tier, standing, position, merged_into, has_merged };
                self.rows.put(id, row);
                Ok(())
            }
            CustomerEvent::Merged(merged) => {
                self.change(db, id, position, |row| row.merged_into = Some(merged.into.0))
            }
            CustomerEvent::Unmerged(_) => {
                let mut survivor = None;
                self.change(db, id, position, |row| survivor = row.merged_into.take())?;
                // Both are to be looked at again: what they were worth together, each is worth alone.
                match survivor {
                    Some(survivor) => self.change(db, survivor, position, |_| {}),
                    None => Ok(()),
                }
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

/// Whether a posting that was flushed gave points for a case.
pub(crate) fn is_given(
    db: &Connection,
    customer_id: Uuid,
    posting: &PostingId,
) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT 1 FROM account_posting WHERE customer_id = ? AND posting_id = ? AND case_id IS NOT NULL",
    )?
    .exists((customer_id, posting.as_str()))
}

impl ReadModel for CustomerStanding {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_standing (
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, tier TEXT, value INTEGER NOT NULL,
            cases INTEGER NOT NULL, complaints INTEGER NOT NULL, contacts INTEGER NOT NULL,
            known_since INTEGER NOT NULL, last_contact_at INTEGER, position INTEGER NOT NULL,
            merged_into BLOB, points_earned INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_standing_changed ON customer_standing (position);
         CREATE INDEX customer_standing_merged ON customer_standing (merged_into)
            WHERE merged_into IS NOT NULL"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let at = (&event.meta, event.position);
        match &event.event {
            DomainEvent::Case(id, case_event) => self.apply_case(db, id.0, case_event, at),
            DomainEvent::Customer(id, said) => self.apply_customer(db, id.0, said, at),
            DomainEvent::Account(id, posted) => {
                self.apply_account(db, id.0, posted, event.position)
            }
            DomainEvent::Clock(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Unit(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..) => Ok(()),
        }
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.opened.clear();
        self.given.clear();
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
        "SELECT {COLUMNS}, {HAS_MERGED} FROM customer_standing s WHERE id > ? ORDER BY id LIMIT ?"
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
        "SELECT {COLUMNS}, {HAS_MERGED} FROM customer_standing s WHERE position > ? ORDER BY position LIMIT ?"
    ))?
    .query_map((after, column::integer(size as u64)), read)?
    .collect()
}

/// All records of the person whose record this is, each with what is known of the person: of a record that was never merged that record
/// alone. At most [`MERGED_RECORDS_MAX`]. Not scoped, for the same reason.
pub fn records_of_person(db: &Connection, row: StandingRow) -> rusqlite::Result<Vec<StandingRow>> {
    if row.merged_into.is_none() && !row.has_merged {
        return Ok(vec![row]);
    }
    let survivor: Uuid = db
        .prepare_cached(
            "WITH RECURSIVE link(id, step) AS (
                 VALUES (?1, 0)
                 UNION ALL
                 SELECT s.merged_into, step + 1 FROM link JOIN customer_standing s ON s.id = link.id
                 WHERE s.merged_into IS NOT NULL AND step < ?2
             ) SELECT id FROM link ORDER BY step DESC LIMIT 1",
        )?
        .query_row((row.id, MERGED_RECORDS_MAX as i64), |row| row.get(0))?;
    let mut statement = db.prepare_cached(&format!(
        "WITH RECURSIVE record(id) AS (
             VALUES (?1)
             UNION
             SELECT m.id FROM record JOIN customer_standing m ON m.merged_into = record.id
             LIMIT ?2
         ) SELECT {COLUMNS}, FALSE FROM record JOIN customer_standing s USING (id)"
    ))?;
    let records = statement.query_map((survivor, MERGED_RECORDS_MAX as i64), read)?;
    let mut records = records.collect::<rusqlite::Result<Vec<_>>>()?;
    let Some(first) = records.iter().position(|record| record.id == survivor) else {
        return Ok(records);
    };
    let mut person = records[first].standing;
    for (_, record) in records.iter().enumerate().filter(|(at, _)| *at != first) {
        add(&mut person, &record.standing);
    }
    let position = records.iter().map(|record| record.position).max().unwrap_or_default();
    for record in &mut records {
        (record.standing, record.position) = (person, position);
    }
    Ok(records)
}

/// Two records of one person: in which relation they stand to us is told by the one that survives.
fn add(person: &mut Standing, record: &Standing) {
    person.value = person.value.saturating_add(record.value);
    person.cases = person.cases.saturating_add(record.cases);
    person.complaints = person.complaints.saturating_add(record.complaints);
    person.contacts = person.contacts.saturating_add(record.contacts);
    person.known_since = person.known_since.min(record.known_since);
    person.last_contact_at = person.last_contact_at.max(record.last_contact_at);
    person.points_earned = person.points_earned.saturating_add(record.points_earned);
}

/// Calls `each` with every person inside the scope, by the record that stands for them: staff of a unit know the customers of the cases that
/// they can see, whichever record of theirs a case stands under.
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
                // UNION leaves out what is there, so that many cases of one customer are one step, and a ring ends.
                &format!(
                    "s.id IN (
                         WITH RECURSIVE known(id) AS (
                             SELECT c.customer_id FROM case_summary c WHERE c.customer_id IS NOT NULL AND {}
                             UNION
                             SELECT g.merged_into FROM known CROSS JOIN customer_standing g ON g.id = known.id
                             WHERE g.merged_into IS NOT NULL
                         ) SELECT id FROM known)",
                    cases.sql()
                ),
                cases.values().iter().cloned(),
            );
        }
    }
    conditions.add("s.merged_into IS NULL", []);
    let sql = format!(
        "SELECT {COLUMNS}, {HAS_MERGED} FROM customer_standing s WHERE {}",
        conditions.sql()
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        let row = read(row)?;
        let id = row.id;
        let records = records_of_person(db, row)?;
        records.into_iter().filter(|record| record.id == id).for_each(&mut each);
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
            points_earned: 0,
        };
        for n in 0..5u128 {
            let id = Uuid::from_u128(n);
            let (merged_into, has_merged) = (None, false);
            let position = n as i64;

            let row = StandingRow { id, tier: None, standing, position, merged_into, has_merged };
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
