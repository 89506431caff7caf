//! Which records of customers were given up in favour of which: one person is all the records that lead to the one that survives.
//!
//! Nothing moves with a merge. Whoever reads a customer's cases asks for the cases of all their records, so undoing a merge needs
//! nothing but that the link goes.

use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::customer::decide::MERGED_RECORDS_MAX;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::Connection;
use uuid::Uuid;

use crate::ReadModel;
use crate::column;

/// What an event does to the table.
enum Step {
    Merged { given_up: Uuid, survivor: Uuid, position: i64 },
    Unmerged { given_up: Uuid },
}

/// The read model.
#[derive(Default)]
pub struct CustomerMerges {
    steps: Vec<Step>,
}

impl ReadModel for CustomerMerges {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_merge (
            given_up_id BLOB PRIMARY KEY, survivor_id BLOB NOT NULL, position INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_merge_survivor ON customer_merge (survivor_id, position)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Customer(id, customer_event) = &event.event else { return Ok(()) };
        match customer_event {
            CustomerEvent::Merged(merged) => self.steps.push(Step::Merged {
                given_up: id.0,
                survivor: merged.into.0,
                position: column::integer(event.position),
            }),
            CustomerEvent::Unmerged(_) => self.steps.push(Step::Unmerged { given_up: id.0 }),
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut begin = db.prepare_cached(
            "INSERT OR REPLACE INTO customer_merge (given_up_id, survivor_id, position) VALUES (?, ?, ?)",
        )?;
        let mut end = db.prepare_cached("DELETE FROM customer_merge WHERE given_up_id = ?")?;
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Merged { given_up, survivor, position } => {
                    begin.execute((given_up, survivor, position))?;
                }
                Step::Unmerged { given_up } => {
                    end.execute([given_up])?;
                }
            }
        }
        Ok(())
    }
}

/// A customer's record and all that were given up in favour of it, directly or in a chain: at most [`MERGED_RECORDS_MAX`], this one first. Not
/// scoped, because it tells of ids alone: what they lead to is read with a scope.
pub fn records(db: &Connection, id: Uuid) -> rusqlite::Result<Vec<Uuid>> {
    // A ring, which two programs on one log could make, ends too: UNION leaves out what is there.
    db.prepare_cached(
        "WITH RECURSIVE record(id) AS (
             VALUES (?1)
             UNION
             SELECT m.given_up_id FROM record JOIN customer_merge m ON m.survivor_id = record.id
             LIMIT ?2
         ) SELECT id FROM record",
    )?
    .query_map((id, MERGED_RECORDS_MAX as i64), |row| row.get(0))?
    .collect()
}

/// The record that stands for this one in the end; itself, where it was not given up. Not scoped, for the same reason.
pub fn survivor(db: &Connection, id: Uuid) -> rusqlite::Result<Uuid> {
    db.prepare_cached(
        "WITH RECURSIVE link(id, step) AS (
             VALUES (?1, 0)
             UNION ALL
             SELECT m.survivor_id, step + 1 FROM link JOIN customer_merge m ON m.given_up_id = link.id
             WHERE step < ?2
         ) SELECT id FROM link ORDER BY step DESC LIMIT 1",
    )?
    .query_row((id, MERGED_RECORDS_MAX as i64), |row| row.get(0))
}

/// The records that were given up in favour of this one directly, in the order of the merges. Not scoped, for the same reason.
pub fn given_up(db: &Connection, survivor: Uuid) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached(
        "SELECT given_up_id FROM customer_merge WHERE survivor_id = ? ORDER BY position LIMIT ?",
    )?
    .query_map((survivor, MERGED_RECORDS_MAX as i64), |row| row.get(0))?
    .collect()
}
