//! The cards of customers.

use jiff::Timestamp;
use parvandeh_domain::card::{BlockReason, CardEvent, CardStatus};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CardId, CustomerId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Envelope;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored, stored_option};
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// The most cards of one customer that are shown: the newest.
const CARDS_MAX: usize = 100;

/// One card.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct CardRow {
    pub id: Uuid,
    pub customer_id: Uuid,
    /// What said its number; `None` when it was erased.
    pub number: Option<Envelope>,
    pub status: CardStatus,
    pub block_reason: Option<BlockReason>,
    pub replaces: Option<Uuid>,
    pub replaced_by: Option<Uuid>,
    pub issued_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub blocked_at: Option<Timestamp>,
    /// When it was replaced or expired.
    pub ended_at: Option<Timestamp>,
    pub revision: i64,
}

impl CardRow {
    fn issued(id: CardId, event: &CardEvent, recorded: &Recorded<DomainEvent>) -> Option<Self> {
        let CardEvent::Issued(issued) = event else { return None };
        Some(Self {
            id: id.0,
            customer_id: issued.customer_id.0,
            number: recorded.envelope.clone(),
            status: CardStatus::Issued,
            block_reason: None,
            replaces: issued.replaces.map(|card| card.0),
            replaced_by: None,
            issued_at: recorded.meta.occurred_at,
            activated_at: None,
            blocked_at: None,
            ended_at: None,
            revision: 0,
        })
    }

    fn apply(&mut self, event: &CardEvent, recorded: &Recorded<DomainEvent>) {
        let at = Some(recorded.meta.occurred_at);
        self.revision = column::integer(recorded.revision);
        match event {
            CardEvent::Issued(_) => {}
            CardEvent::Activated(_) => {
                (self.status, self.activated_at) = (CardStatus::Active, at);
            }
            CardEvent::Blocked(blocked) => {
                (self.status, self.blocked_at) = (CardStatus::Blocked, at);
                self.block_reason = Some(blocked.reason);
            }
            CardEvent::Replaced(replaced) => {
                (self.status, self.ended_at) = (CardStatus::Replaced, at);
                self.replaced_by = Some(replaced.by.0);
            }
            CardEvent::Expired(_) => (self.status, self.ended_at) = (CardStatus::Expired, at),
        }
    }
}

const COLUMNS: &str = "id, customer_id, number, status, block_reason, replaces, replaced_by, issued_at, activated_at, \
     blocked_at, ended_at, revision";

struct CardTable;

impl Table for CardTable {
    type Key = Uuid;
    type Row = CardRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<CardRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM card WHERE id = ?"))?
            .query_row([id], read)
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &CardRow) -> rusqlite::Result<()> {
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO card ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id,
            row.customer_id,
            column::envelope(row.number.as_ref()),
            row.status.as_str(),
            row.block_reason.map(BlockReason::as_str),
            row.replaces,
            row.replaced_by,
            column::microseconds(row.issued_at),
            row.activated_at.map(column::microseconds),
            row.blocked_at.map(column::microseconds),
            row.ended_at.map(column::microseconds),
            row.revision,
        ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<CardRow> {
    Ok(CardRow {
        id: row.get(0)?,
        customer_id: row.get(1)?,
        number: column::envelope_read(row, 2)?,
        status: stored(row, 3)?,
        block_reason: stored_option(row, 4)?,
        replaces: row.get(5)?,
        replaced_by: row.get(6)?,
        issued_at: column::time(row, 7)?,
        activated_at: column::time_option(row, 8)?,
        blocked_at: column::time_option(row, 9)?,
        ended_at: column::time_option(row, 10)?,
        revision: row.get(11)?,
    })
}

/// The read model.
#[derive(Default)]
pub struct Cards {
    rows: Rows<CardTable>,
}

impl ReadModel for Cards {
    fn tables(&self) -> &'static str {
        "CREATE TABLE card (
            id BLOB PRIMARY KEY, customer_id BLOB NOT NULL, number BLOB, status TEXT NOT NULL,
            block_reason TEXT, replaces BLOB, replaced_by BLOB, issued_at INTEGER NOT NULL,
            activated_at INTEGER, blocked_at INTEGER, ended_at INTEGER, revision INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX card_customer ON card (customer_id, issued_at);
         CREATE INDEX card_replacing ON card (replaces) WHERE replaces IS NOT NULL"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("card", "number")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            self.rows.give_up(db)?;
            return db
                .prepare_cached("UPDATE card SET number = NULL WHERE customer_id = ?")?
                .execute([customer_id.0])
                .map(drop);
        }
        let DomainEvent::Card(id, card_event) = &event.event else { return Ok(()) };
        if let Some(row) = CardRow::issued(*id, card_event, event) {
            self.rows.put(id.0, row);
        } else if let Some(row) = self.rows.change(db, id.0)? {
            row.apply(card_event, event);
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// Who may know of a card follows from which cases may be known, as for its holder: staff of a unit know the customers of the cases they can
/// see.
fn restrict(scope: &CaseScope, conditions: &mut Conditions) {
    match scope {
        CaseScope::All => {}
        CaseScope::Customer(id) | CaseScope::Representative { own: id, .. } => {
            conditions.add("card.customer_id = ?", [Value::Blob(id.as_bytes().to_vec())]);
        }
        CaseScope::Units(_) => {
            let mut cases = Conditions::default();
            scope.restrict(&mut cases, "c");
            conditions.add(
                &format!(
                    "EXISTS (SELECT 1 FROM case_summary c WHERE c.customer_id IS NOT NULL \
                     AND c.customer_id = card.customer_id AND {})",
                    cases.sql()
                ),
                cases.values().iter().cloned(),
            );
        }
        CaseScope::Nothing => conditions.add("FALSE", []),
    }
}

/// One card, `None` when there is none inside the scope.
pub fn card(db: &Connection, scope: &CaseScope, id: Uuid) -> rusqlite::Result<Option<CardRow>> {
    let mut conditions = Conditions::default();
    conditions.add("id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    restrict(scope, &mut conditions);
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM card WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), read)
        .optional()
}

/// The cards of a customer inside the scope, the newest first; of many the newest hundred.
pub fn cards_of_customer(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
) -> rusqlite::Result<Vec<CardRow>> {
    let mut conditions = Conditions::default();
    conditions.add("customer_id = ?", [Value::Blob(customer_id.as_bytes().to_vec())]);
    restrict(scope, &mut conditions);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM card WHERE {} ORDER BY issued_at DESC, id LIMIT {CARDS_MAX}",
        conditions.sql()
    ))?
    .query_map(params_from_iter(conditions.values()), read)?
    .collect()
}

/// Every card of a customer whose data are being erased. Not scoped, because it is the program itself that goes on with its work.
pub fn all_of_customer(db: &Connection, id: CustomerId) -> rusqlite::Result<Vec<CardId>> {
    db.prepare_cached("SELECT id FROM card WHERE customer_id = ? ORDER BY id")?
        .query_map([id.0], |row| row.get(0).map(CardId))?
        .collect()
}

/// Cards that were issued in the place of others which still stand: a process may have ended in between. Each is the card to be given up,
/// and the one that takes its place. Not scoped, for the same reason.
pub fn unfinished_replacements(db: &Connection) -> rusqlite::Result<Vec<(CardId, CardId)>> {
    db.prepare_cached(
        "SELECT old.id, new.id FROM card new JOIN card old ON old.id = new.replaces
         WHERE new.replaces IS NOT NULL AND old.ended_at IS NULL ORDER BY old.id",
    )?
    .query_map([], |row| Ok((CardId(row.get(0)?), CardId(row.get(1)?))))?
    .collect()
}
