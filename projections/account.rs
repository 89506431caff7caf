//! Accounts: what stands in each, and every posting.

use jiff::Timestamp;
use parvandeh_domain::account::{AccountEvent, Balances, PostingKind};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CustomerId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::{Currency, Money, Points};
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::customer_profile;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// What stands in the account of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountRow {
    /// The lots of points and the credit.
    pub balances: Balances,
    /// The revision of its stream.
    pub revision: i64,
}

/// One posting: by how much it changed the points, and the credit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct PostingRow {
    pub event_id: Uuid,
    pub posting_id: String,
    pub kind: PostingKind,
    pub points: Points,
    pub money: Option<Money>,
    pub centre: Option<String>,
    pub reversed: Option<String>,
    pub case_id: Option<Uuid>,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
}

struct AccountTable;

impl Table for AccountTable {
    type Key = Uuid;
    type Row = AccountRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<AccountRow>> {
        db.prepare_cached("SELECT balances, revision FROM account WHERE customer_id = ?")?
            .query_row([id], read_account)
            .optional()
    }

    fn write(db: &Connection, id: Uuid, row: &AccountRow) -> rusqlite::Result<()> {
        let balances =
            serde_json::to_string(&row.balances).expect("lots and credit always serialise");
        db.prepare_cached(
            "INSERT OR REPLACE INTO account (customer_id, balances, revision, next_expiry_at) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute((
            id,
            balances,
            row.revision,
            row.balances.next_expiry_at().map(column::microseconds),
        ))?;
        Ok(())
    }
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<AccountRow> {
    Ok(AccountRow { balances: column::json(row, 0)?, revision: row.get(1)? })
}

/// The read model.
#[derive(Default)]
pub struct Accounts {
    rows: Rows<AccountTable>,
    postings: Vec<(i64, Uuid, PostingRow)>,
}

impl ReadModel for Accounts {
    fn tables(&self) -> &'static str {
        "CREATE TABLE account (
            customer_id BLOB PRIMARY KEY, balances TEXT NOT NULL, revision INTEGER NOT NULL,
            next_expiry_at INTEGER
        ) WITHOUT ROWID;
        CREATE TABLE account_posting (
            position INTEGER PRIMARY KEY, customer_id BLOB NOT NULL, event_id BLOB NOT NULL,
            posting_id TEXT NOT NULL, kind TEXT NOT NULL, points INTEGER NOT NULL,
            minor_units INTEGER, currency TEXT, centre TEXT, reversed TEXT, case_id BLOB,
            occurred_at INTEGER NOT NULL, recorded_at INTEGER NOT NULL
        );
        -- Not with the other indexes, because `customer_standing` looks along it also while the tables are rebuilt.
        CREATE INDEX account_posting_given ON account_posting (customer_id, posting_id)
            WHERE case_id IS NOT NULL"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX account_expiry ON account (next_expiry_at) WHERE next_expiry_at IS NOT NULL;
         CREATE INDEX account_posting_customer ON account_posting (customer_id, position)"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Account(CustomerId(id), account_event) = &event.event else {
            return Ok(());
        };
        if self.rows.change(db, *id)?.is_none() {
            self.rows.put(*id, AccountRow::default());
        }
        if let Some(row) = self.rows.change(db, *id)? {
            row.balances.apply(account_event);
            row.revision = column::integer(event.revision);
        }
        let position = column::integer(event.position);
        self.postings.push((position, *id, PostingRow::of(account_event, event)));
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)?;
        let mut insert = db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO account_posting (position, customer_id, {POSTING_COLUMNS}) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?;
        for (position, customer_id, row) in self.postings.drain(..) {
            insert.execute(rusqlite::params![
                position,
                customer_id,
                row.event_id,
                row.posting_id,
                row.kind.as_str(),
                row.points.0,
                row.money.map(|money| money.minor_units),
                row.money.map(|money| money.currency.code()),
                row.centre,
                row.reversed,
                row.case_id,
                column::microseconds(row.occurred_at),
                column::microseconds(row.recorded_at),
            ])?;
        }
        Ok(())
    }
}

const POSTING_COLUMNS: &str = "event_id, posting_id, kind, points, minor_units, currency, centre, reversed, \
     case_id, occurred_at, recorded_at";

impl PostingRow {
    fn of(event: &AccountEvent, recorded: &Recorded<DomainEvent>) -> Self {
        let (mut centre, mut reversed, mut case_id) = (None, None, None);
        match event {
            AccountEvent::PointsEarned(earned) => case_id = earned.case_id,
            AccountEvent::PointsRedeemed(redeemed) => centre = Some(redeemed.centre.to_string()),
            AccountEvent::CreditGranted(granted) => case_id = granted.case_id,
            AccountEvent::PostingReversed(event) => reversed = Some(event.reversed.to_string()),
            AccountEvent::PointsExpired(_) | AccountEvent::CreditSpent(_) => {}
        }
        Self {
            event_id: recorded.id.0,
            posting_id: event.posting_id().to_string(),
            kind: event.kind(),
            points: event.points(),
            money: event.money(),
            centre,
            reversed,
            case_id: case_id.map(|id| id.0),
            occurred_at: recorded.meta.occurred_at,
            recorded_at: recorded.meta.recorded_at,
        }
    }

    fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        let currency = |index| -> rusqlite::Result<Option<Currency>> {
            let code = row.get_ref(index)?.as_str_or_null()?;
            code.map(Currency::new).transpose().map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
            })
        };
        let (minor_units, currency) = (row.get::<_, Option<i64>>(first + 4)?, currency(first + 5)?);
        Ok(Self {
            event_id: row.get(first)?,
            posting_id: row.get(first + 1)?,
            kind: column::stored(row, first + 2)?,
            points: Points(row.get(first + 3)?),
            money: minor_units.zip(currency).map(|(units, currency)| Money::new(units, currency)),
            centre: row.get(first + 6)?,
            reversed: row.get(first + 7)?,
            case_id: row.get(first + 8)?,
            occurred_at: column::time(row, first + 9)?,
            recorded_at: column::time(row, first + 10)?,
        })
    }
}

/// The account of a customer inside the scope: whoever may know of a customer may know of what stands in their account. `None` where
/// nothing was ever posted.
pub fn account(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
) -> rusqlite::Result<Option<AccountRow>> {
    let conditions = of_customer(scope, "account", customer_id);
    db.prepare_cached(&format!(
        "SELECT balances, revision FROM account WHERE {}",
        conditions.sql()
    ))?
    .query_row(params_from_iter(conditions.values()), read_account)
    .optional()
}

/// A page of the postings of a customer inside the scope, the newest first.
pub fn postings(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    page: PageRequest,
) -> rusqlite::Result<Page<PostingRow>> {
    posting_list(scope, customer_id).page(db, page, |row| PostingRow::read(row, 2))
}

/// How many postings there are.
pub fn posting_count(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
) -> rusqlite::Result<u64> {
    posting_list(scope, customer_id).count(db)
}

fn posting_list(scope: &CaseScope, customer_id: Uuid) -> List {
    List {
        columns: POSTING_COLUMNS,
        from: "account_posting",
        key: "position",
        tie: "position",
        descending: true,
        conditions: of_customer(scope, "account_posting", customer_id),
    }
}

pub(crate) fn of_customer(scope: &CaseScope, table: &str, customer_id: Uuid) -> Conditions {
    let id = || Value::Blob(customer_id.as_bytes().to_vec());
    let mut customer = Conditions::default();
    customer.add("customer_profile.id = ?", [id()]);
    customer_profile::restrict(scope, &mut customer);
    let mut conditions = Conditions::default();
    conditions.add(&format!("{table}.customer_id = ?"), [id()]);
    conditions.add(
        &format!("EXISTS (SELECT 1 FROM customer_profile WHERE {})", customer.sql()),
        customer.values().iter().cloned(),
    );
    conditions
}

/// The accounts with points that have expired by `now` and are not recorded as gone, the longest expired first. Not scoped, because it
/// is the program itself that records it.
pub fn expired(db: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<CustomerId>> {
    db.prepare_cached(
        "SELECT customer_id FROM account WHERE next_expiry_at <= ? ORDER BY next_expiry_at LIMIT ?",
    )?
    .query_map((column::microseconds(now), limit), |row| row.get(0).map(CustomerId))?
    .collect()
}
