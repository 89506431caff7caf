//! Redress: what was proposed for which case, and how far it has come.

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CaseId, CustomerId, RedressId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::redress::event::RedressProposed;
use parvandeh_domain::redress::{RedressEvent, RedressGround, RedressStatus, RedressValue};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::page::Conditions;
use crate::rows::{Rows, Table};
use crate::scope::{CaseScope, Visibility};
use crate::waiting::Waiting;

/// The most redress of one case that is shown.
pub const SHOWN_MAX: usize = 100;

/// One redress.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct RedressRow {
    pub id: RedressId,
    pub case_id: CaseId,
    pub customer_id: CustomerId,
    pub value: RedressValue,
    pub ground: RedressGround,
    pub status: RedressStatus,
    pub proposed_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: i64,
}

impl RedressRow {
    /// The redress as its proposal makes it.
    pub fn proposed(
        id: RedressId,
        proposed: &RedressProposed,
        recorded: &Recorded<DomainEvent>,
    ) -> Self {
        Self {
            id,
            case_id: proposed.case_id,
            customer_id: proposed.customer_id,
            value: proposed.value,
            ground: proposed.ground,
            status: RedressStatus::Proposed,
            proposed_at: recorded.meta.occurred_at,
            updated_at: recorded.meta.occurred_at,
            revision: column::integer(recorded.revision),
        }
    }

    /// Takes in the next event of its stream.
    pub fn take_in(&mut self, event: &RedressEvent, recorded: &Recorded<DomainEvent>) {
        self.status = event.status();
        self.updated_at = self.updated_at.max(recorded.meta.occurred_at);
        self.revision = column::integer(recorded.revision);
    }

    /// Whether somebody who sees so much of the case knows of it: its customer does not before it is approved, and never of what is not.
    pub fn is_seen(&self, visibility: Visibility) -> bool {
        visibility == Visibility::Internal
            || !matches!(self.status, RedressStatus::Proposed | RedressStatus::Rejected)
    }
}

const COLUMNS: &str =
    "id, case_id, customer_id, value, ground, status, proposed_at, updated_at, revision";

struct RedressTable;

impl Table for RedressTable {
    type Key = Uuid;
    type Row = RedressRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<RedressRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM redress WHERE id = ?"))?
            .query_row([id], read)
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &RedressRow) -> rusqlite::Result<()> {
        let value = serde_json::to_string(&row.value).expect("an amount always serialises");
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO redress ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id.0,
            row.case_id.0,
            row.customer_id.0,
            value,
            row.ground.as_str(),
            row.status.as_str(),
            column::microseconds(row.proposed_at),
            column::microseconds(row.updated_at),
            row.revision,
        ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<RedressRow> {
    Ok(RedressRow {
        id: RedressId(row.get(0)?),
        case_id: CaseId(row.get(1)?),
        customer_id: CustomerId(row.get(2)?),
        value: column::json(row, 3)?,
        ground: stored(row, 4)?,
        status: stored(row, 5)?,
        proposed_at: column::time(row, 6)?,
        updated_at: column::time(row, 7)?,
        revision: row.get(8)?,
    })
}

/// The read model.
#[derive(Default)]
pub struct Redresses {
    rows: Rows<RedressTable>,
}

impl ReadModel for Redresses {
    fn tables(&self) -> &'static str {
        "CREATE TABLE redress (
            id BLOB PRIMARY KEY, case_id BLOB NOT NULL, customer_id BLOB NOT NULL, value TEXT NOT NULL,
            ground TEXT NOT NULL, status TEXT NOT NULL, proposed_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX redress_case ON redress (case_id, proposed_at, id);
         CREATE INDEX redress_accepted ON redress (updated_at) WHERE status = 'accepted';
         CREATE INDEX redress_paid ON redress (updated_at) WHERE status = 'paid'"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Redress(id, redress_event) = &event.event else { return Ok(()) };
        if let RedressEvent::Proposed(proposed) = redress_event {
            self.rows.put(id.0, RedressRow::proposed(*id, proposed, event));
        } else if let Some(row) = self.rows.change(db, id.0)? {
            row.take_in(redress_event, event);
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// Who may know of a redress follows from who may know of its case and how much of it: see [`RedressRow::is_seen`].
fn of(scope: &CaseScope, visibility: Visibility, column: &str, id: Uuid) -> Conditions {
    let mut cases = Conditions::default();
    scope.restrict(&mut cases, "c");
    let mut conditions = Conditions::default();
    conditions.add(&format!("{column} = ?"), [Value::Blob(id.as_bytes().to_vec())]);
    conditions.add(
        &format!(
            "EXISTS (SELECT 1 FROM case_summary c WHERE c.id = redress.case_id AND {})",
            cases.sql()
        ),
        cases.values().iter().cloned(),
    );
    if visibility == Visibility::Public {
        conditions.add("status NOT IN ('proposed', 'rejected')", []);
    }
    conditions
}

/// One redress inside the scope.
pub fn redress(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    id: Uuid,
) -> rusqlite::Result<Option<RedressRow>> {
    let conditions = of(scope, visibility, "id", id);
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM redress WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), read)
        .optional()
}

/// The redress of a case inside the scope, in the order of proposal; at most [`SHOWN_MAX`].
pub fn of_case(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    case_id: Uuid,
) -> rusqlite::Result<Vec<RedressRow>> {
    let conditions = of(scope, visibility, "case_id", case_id);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM redress WHERE {} ORDER BY proposed_at, id LIMIT {SHOWN_MAX}",
        conditions.sql()
    ))?
    .query_map(params_from_iter(conditions.values()), read)?
    .collect()
}

/// What is accepted and not paid yet, after this one, the longest waiting first. Not scoped, because it is the program itself that pays.
pub fn accepted(
    db: &Connection,
    after: Option<(Timestamp, RedressId)>,
    limit: usize,
) -> rusqlite::Result<Vec<RedressRow>> {
    let (at, id) = column::after(after.map(|(at, id)| (at, id.0)));
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM redress WHERE status = 'accepted' AND (updated_at, id) > (?, ?) \
         ORDER BY updated_at, id LIMIT ?"
    ))?
    .query_map((at, id, limit), read)?
    .collect()
}

/// How much redress is accepted and not paid yet, and since when the oldest. Not scoped: they are numbers for operators.
pub fn waiting(db: &Connection) -> rusqlite::Result<Waiting> {
    db.prepare_cached("SELECT count(*), min(updated_at) FROM redress WHERE status = 'accepted'")?
        .query_row([], Waiting::read)
}
