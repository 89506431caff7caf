//! Fees: what was assessed on which case, how it stands, and what is still to be done about it.

use jiff::Timestamp;
use parvandeh_domain::account::AccountEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::fee::decide::{POSTING_KIND, RETURN_KIND};
use parvandeh_domain::fee::event::FeeAssessed;
use parvandeh_domain::fee::{FeeEvent, FeeStatus};
use parvandeh_domain::id::{CaseId, CustomerId, FeeId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::Money;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;
use crate::waiting::Waiting;

/// The most fees of one case that are shown.
pub const SHOWN_MAX: usize = 100;

/// One fee.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct FeeRow {
    pub id: FeeId,
    pub case_id: CaseId,
    pub customer_id: CustomerId,
    pub money: Money,
    pub tariff: String,
    pub status: FeeStatus,
    pub assessed_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: i64,
    /// Whether credit was taken for it.
    pub taken: bool,
    /// Whether that was given back.
    pub returned: bool,
}

/// What is still to be done about a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeDue {
    /// Credit was taken for it, and the fee is not told yet that it is paid.
    Confirm,
    /// Credit was taken for what need not be paid, or is given back.
    Return,
}

impl FeeRow {
    /// The fee as its assessment makes it.
    pub fn assessed(id: FeeId, assessed: &FeeAssessed, recorded: &Recorded<DomainEvent>) -> Self {
        Self {
            id,
            case_id: assessed.case_id,
            customer_id: assessed.customer_id,
            money: assessed.money,
            tariff: assessed.tariff.to_string(),
            status: FeeStatus::Assessed,
            assessed_at: recorded.meta.occurred_at,
            updated_at: recorded.meta.occurred_at,
            revision: column::integer(recorded.revision),
            taken: false,
            returned: false,
        }
    }

    /// Takes in the next event of its stream.
    pub fn take_in(&mut self, event: &FeeEvent, recorded: &Recorded<DomainEvent>) {
        self.status = event.status();
        self.updated_at = self.updated_at.max(recorded.meta.occurred_at);
        self.revision = column::integer(recorded.revision);
    }

    /// What is still to be done.
    pub fn due(&self) -> Option<FeeDue> {
        if !self.taken || self.returned {
            return None;
        }
        match self.status {
            FeeStatus::Assessed => Some(FeeDue::Confirm),
            FeeStatus::Waived | FeeStatus::Refunded => Some(FeeDue::Return),
            FeeStatus::Paid => None,
        }
    }
}

const COLUMNS: &str = "id, case_id, customer_id, money, tariff, status, assessed_at, updated_at, revision, \
     taken, returned";

struct FeeTable;

impl Table for FeeTable {
    type Key = Uuid;
    type Row = FeeRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<FeeRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM fee WHERE id = ?"))?
            .query_row([id], read)
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &FeeRow) -> rusqlite::Result<()> {
        let money = serde_json::to_string(&row.money).expect("an amount always serialises");
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO fee ({COLUMNS}, is_due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id.0,
            row.case_id.0,
            row.customer_id.0,
            money,
            row.tariff,
            row.status.as_str(),
            column::microseconds(row.assessed_at),
            column::microseconds(row.updated_at),
            row.revision,
            row.taken,
            row.returned,
            row.due().is_some(),
        ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<FeeRow> {
    Ok(FeeRow {
        id: FeeId(row.get(0)?),
        case_id: CaseId(row.get(1)?),
        customer_id: CustomerId(row.get(2)?),
        money: column::json(row, 3)?,
        tariff: row.get(4)?,
        status: stored(row, 5)?,
        assessed_at: column::time(row, 6)?,
        updated_at: column::time(row, 7)?,
        revision: row.get(8)?,
        taken: row.get(9)?,
        returned: row.get(10)?,
    })
}

/// The read model.
#[derive(Default)]
pub struct Fees {
    rows: Rows<FeeTable>,
}

impl ReadModel for Fees {
    fn tables(&self) -> &'static str {
        "CREATE TABLE fee (
            id BLOB PRIMARY KEY, case_id BLOB NOT NULL, customer_id BLOB NOT NULL, money TEXT NOT NULL,
            tariff TEXT NOT NULL, status TEXT NOT NULL, assessed_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, revision INTEGER NOT NULL, taken INTEGER NOT NULL,
            returned INTEGER NOT NULL, is_due INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX fee_case ON fee (case_id, assessed_at, id);
         CREATE INDEX fee_due ON fee (updated_at) WHERE is_due = 1"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        match &event.event {
            DomainEvent::Fee(id, FeeEvent::Assessed(assessed)) => {
                self.rows.put(id.0, FeeRow::assessed(*id, assessed, event));
            }
            DomainEvent::Fee(id, fee_event) => {
                if let Some(row) = self.rows.change(db, id.0)? {
                    row.take_in(fee_event, event);
                }
            }
            DomainEvent::Account(_, AccountEvent::CreditSpent(spent)) => {
                if let Some(id) = spent.posting_id.of_kind(POSTING_KIND)
                    && let Some(row) = self.rows.change(db, id)?
                {
                    row.taken = true;
                }
            }
            DomainEvent::Account(_, AccountEvent::PostingReversed(reversed)) => {
                if let Some(id) = reversed.posting_id.of_kind(RETURN_KIND)
                    && let Some(row) = self.rows.change(db, id)?
                {
                    row.returned = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// Who may know of a fee follows from who may know of its case.
fn of(scope: &CaseScope, column: &str, id: Uuid) -> Conditions {
    let mut cases = Conditions::default();
    scope.restrict(&mut cases, "c");
    let mut conditions = Conditions::default();
    conditions.add(&format!("{column} = ?"), [Value::Blob(id.as_bytes().to_vec())]);
    conditions.add(
        &format!(
            "EXISTS (SELECT 1 FROM case_summary c WHERE c.id = fee.case_id AND {})",
            cases.sql()
        ),
        cases.values().iter().cloned(),
    );
    conditions
}

/// One fee inside the scope.
pub fn fee(db: &Connection, scope: &CaseScope, id: Uuid) -> rusqlite::Result<Option<FeeRow>> {
    let conditions = of(scope, "id", id);
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM fee WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), read)
        .optional()
}

/// The fees of a case inside the scope, in the order of assessment; at most [`SHOWN_MAX`].
pub fn of_case(db: &Connection, scope: &CaseScope, case_id: Uuid) -> rusqlite::Result<Vec<FeeRow>> {
    let conditions = of(scope, "case_id", case_id);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM fee WHERE {} ORDER BY assessed_at, id LIMIT {SHOWN_MAX}",
        conditions.sql()
    ))?
    .query_map(params_from_iter(conditions.values()), read)?
    .collect()
}

/// The fees about which something is to be done, after this one, the longest waiting first. Not scoped, because it is the program itself that
/// does it.
pub fn due(
    db: &Connection,
    after: Option<(Timestamp, FeeId)>,
    limit: usize,
) -> rusqlite::Result<Vec<FeeRow>> {
    let (at, id) = column::after(after.map(|(at, id)| (at, id.0)));
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM fee WHERE is_due = 1 AND (updated_at, id) > (?, ?) \
         ORDER BY updated_at, id LIMIT ?"
    ))?
    .query_map((at, id, limit), read)?
    .collect()
}

/// About how many fees something is to be done, and since when at the longest. Not scoped: they are numbers for operators.
pub fn waiting(db: &Connection) -> rusqlite::Result<Waiting> {
    db.prepare_cached("SELECT count(*), min(updated_at) FROM fee WHERE is_due = 1")?
        .query_row([], Waiting::read)
}
