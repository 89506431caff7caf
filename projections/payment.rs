//! Payments: how each stands, what of it is on the account, and what is still to be done about it.

use jiff::Timestamp;
use parvandeh_domain::account::AccountEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CustomerId, FeeId, PaymentId, ProviderReference};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::Money;
use parvandeh_domain::payment::decide::{POSTING_KIND, RETURN_KIND};
use parvandeh_domain::payment::event::PaymentRequested;
use parvandeh_domain::payment::{PaymentEvent, PaymentFailure, PaymentStatus};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::account::of_customer;
use crate::column::{self, stored, stored_option};
use crate::page::{List, Page, PageRequest};
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;
use crate::waiting::Waiting;

/// One payment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct PaymentRow {
    pub id: PaymentId,
    /// Where in the log it was requested.
    pub position: i64,
    pub customer_id: CustomerId,
    pub money: Money,
    pub fee_id: Option<FeeId>,
    pub provider: String,
    pub status: PaymentStatus,
    pub failure: Option<PaymentFailure>,
    pub provider_reference: Option<ProviderReference>,
    pub requested_at: Timestamp,
    pub expires_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    /// When it was last asked that it be given back.
    pub refund_requested_at: Option<Timestamp>,
    pub refunded_at: Option<Timestamp>,
    pub revision: i64,
    /// What of it was posted to the account.
    pub posted: Option<Money>,
    /// What was taken back from the account for a refund.
    pub returned: Option<Money>,
}

/// What is still to be done about a payment. Its number stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentDue {
    /// The money came and is not on the account yet.
    Post = 1,
    /// It is to be given back, and the credit is there still.
    TakeBack = 2,
    /// The credit was taken back, and the provider has not said yet that the money went back.
    GiveBack = 3,
}

impl PaymentRow {
    /// What is still to be done.
    pub fn due(&self) -> Option<PaymentDue> {
        let came = matches!(
            self.status,
            PaymentStatus::Confirmed | PaymentStatus::RefundRequested | PaymentStatus::Refunded
        );
        match (self.status, self.returned) {
            _ if came && self.posted.is_none() => Some(PaymentDue::Post),
            (PaymentStatus::RefundRequested, None) => Some(PaymentDue::TakeBack),
            (PaymentStatus::RefundRequested | PaymentStatus::Confirmed, Some(_)) => {
                Some(PaymentDue::GiveBack)
            }
            _ => None,
        }
    }
}

/// In the order of [`read`].
const COLUMNS: &str = "id, position, customer_id, money, fee_id, provider, status, failure, provider_reference, \
     requested_at, expires_at, confirmed_at, refunded_at, revision, posted, returned, \
     refund_requested_at";

struct PaymentTable;

impl Table for PaymentTable {
    type Key = Uuid;
    type Row = PaymentRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<PaymentRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM payment WHERE id = ?"))?
            .query_row([id], |row| read(row, 0))
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &PaymentRow) -> rusqlite::Result<()> {
        let money =
            |money: &Money| serde_json::to_string(money).expect("an amount always serialises");
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO payment ({COLUMNS}, due) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id.0,
            row.position,
            row.customer_id.0,
            money(&row.money),
            row.fee_id.map(|id| id.0),
            row.provider,
            row.status.as_str(),
            row.failure.map(PaymentFailure::as_str),
            row.provider_reference.as_ref().map(ProviderReference::as_str),
            column::microseconds(row.requested_at),
            column::microseconds(row.expires_at),
            row.confirmed_at.map(column::microseconds),
            row.refunded_at.map(column::microseconds),
            row.revision,
            row.posted.as_ref().map(money),
            row.returned.as_ref().map(money),
            row.refund_requested_at.map(column::microseconds),
            row.due().map_or(0, |due| due as i64),
        ])?;
        Ok(())
    }
}

/// Reads a row whose columns begin at `first`.
fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<PaymentRow> {
    let money = |index: usize| -> rusqlite::Result<Option<Money>> {
        let is_there = row.get_ref(first + index)?.as_str_or_null()?.is_some();
        is_there.then(|| column::json(row, first + index)).transpose()
    };
    let reference = row.get::<_, Option<String>>(first + 8)?.map(ProviderReference::new);
    let reference = reference.transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(first + 8, Type::Text, Box::new(error))
    })?;
    Ok(PaymentRow {
        id: PaymentId(row.get(first)?),
        position: row.get(first + 1)?,
        customer_id: CustomerId(row.get(first + 2)?),
        money: column::json(row, first + 3)?,
        fee_id: row.get::<_, Option<Uuid>>(first + 4)?.map(FeeId),
        provider: row.get(first + 5)?,
        status: stored(row, first + 6)?,
        failure: stored_option(row, first + 7)?,
        provider_reference: reference,
        requested_at: column::time(row, first + 9)?,
        expires_at: column::time(row, first + 10)?,
        confirmed_at: column::time_option(row, first + 11)?,
        refunded_at: column::time_option(row, first + 12)?,
        revision: row.get(first + 13)?,
        posted: money(14)?,
        returned: money(15)?,
        refund_requested_at: column::time_option(row, first + 16)?,
    })
}

/// The read model.
#[derive(Default)]
pub struct Payments {
    rows: Rows<PaymentTable>,
}

impl ReadModel for Payments {
    fn tables(&self) -> &'static str {
        "CREATE TABLE payment (
            id BLOB PRIMARY KEY, position INTEGER NOT NULL, customer_id BLOB NOT NULL, money TEXT NOT NULL,
            fee_id BLOB, provider TEXT NOT NULL, status TEXT NOT NULL, failure TEXT,
            provider_reference TEXT, requested_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            confirmed_at INTEGER, refunded_at INTEGER, revision INTEGER NOT NULL, posted TEXT,
            returned TEXT, refund_requested_at INTEGER, due INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX payment_customer ON payment (customer_id, position);
         CREATE INDEX payment_fee ON payment (fee_id);
         CREATE INDEX payment_due ON payment (due, position) WHERE due > 0;
         CREATE INDEX payment_refund ON payment (due, provider, position) WHERE due > 1;
         CREATE INDEX payment_open ON payment (expires_at) WHERE status = 'requested';
         CREATE INDEX payment_confirmed ON payment (confirmed_at) WHERE confirmed_at IS NOT NULL;
         CREATE INDEX payment_refunded ON payment (refunded_at) WHERE refunded_at IS NOT NULL"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        match &event.event {
            DomainEvent::Payment(id, PaymentEvent::Requested(requested)) => {
                self.rows.put(id.0, PaymentRow::requested(*id, requested, event));
            }
            DomainEvent::Payment(id, payment_event) => {
                if let Some(row) = self.rows.change(db, id.0)? {
                    row.take_in(payment_event, event);
                }
            }
            DomainEvent::Account(_, AccountEvent::CreditGranted(granted)) => {
                if let Some(id) = granted.posting_id.of_kind(POSTING_KIND)
                    && let Some(row) = self.rows.change(db, id)?
                {
                    row.posted = Some(granted.money);
                }
            }
            DomainEvent::Account(_, AccountEvent::PostingReversed(reversed)) => {
                if let Some(id) = reversed.posting_id.of_kind(RETURN_KIND)
                    && let Some(row) = self.rows.change(db, id)?
                {
                    row.returned = reversed.money.map(Money::negated);
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

impl PaymentRow {
    /// The payment as its request makes it.
    pub fn requested(
        id: PaymentId,
        requested: &PaymentRequested,
        recorded: &Recorded<DomainEvent>,
    ) -> Self {
        Self {
            id,
            position: column::integer(recorded.position),
            customer_id: requested.customer_id,
            money: requested.money,
            fee_id: requested.purpose.fee(),
            provider: requested.provider.to_string(),
            status: PaymentStatus::Requested,
            failure: None,
            provider_reference: None,
            requested_at: recorded.meta.occurred_at,
            expires_at: requested.expires_at,
            confirmed_at: None,
            refund_requested_at: None,
            refunded_at: None,
            revision: column::integer(recorded.revision),
            posted: None,
            returned: None,
        }
    }

    /// Takes in the next event of its stream.
    pub fn take_in(&mut self, event: &PaymentEvent, recorded: &Recorded<DomainEvent>) {
        let occurred_at = recorded.meta.occurred_at;
        self.status = event.status();
        self.revision = column::integer(recorded.revision);
        match event {
            PaymentEvent::Confirmed(confirmed) => {
                self.provider_reference = Some(confirmed.provider_reference.clone());
                self.confirmed_at = Some(occurred_at);
                self.failure = None;
            }
            PaymentEvent::Failed(failed) => self.failure = Some(failed.reason),
            PaymentEvent::RefundRequested(_) => self.refund_requested_at = Some(occurred_at),
            PaymentEvent::Refunded(_) => self.refunded_at = Some(occurred_at),
            PaymentEvent::Requested(_)
            | PaymentEvent::Expired(_)
            | PaymentEvent::RefundDeclined(_) => {}
        }
    }
}

/// One payment inside the scope: whoever may know of a customer may know what they pay.
pub fn payment(
    db: &Connection,
    scope: &CaseScope,
    id: Uuid,
) -> rusqlite::Result<Option<PaymentRow>> {
    let Some(row) = known(db, PaymentId(id))? else { return Ok(None) };
    let conditions = of_customer(scope, "payment", row.customer_id.0);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM payment WHERE id = ? AND {}",
        conditions.sql()
    ))?
    .query_row(
        params_from_iter(
            std::iter::once(rusqlite::types::Value::Blob(id.as_bytes().to_vec()))
                .chain(conditions.values().iter().cloned()),
        ),
        |row| read(row, 0),
    )
    .optional()
}

/// A page of the payments of a customer inside the scope, the newest first.
pub fn payments(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    page: PageRequest,
) -> rusqlite::Result<Page<PaymentRow>> {
    list(scope, customer_id).page(db, page, |row| read(row, 2))
}

/// How many payments a customer inside the scope has.
pub fn count(db: &Connection, scope: &CaseScope, customer_id: Uuid) -> rusqlite::Result<u64> {
    list(scope, customer_id).count(db)
}

fn list(scope: &CaseScope, customer_id: Uuid) -> List {
    List {
        columns: COLUMNS,
        from: "payment",
        key: "position",
        tie: "position",
        descending: true,
        conditions: of_customer(scope, "payment", customer_id),
    }
}

/// How often it was requested that a fee be paid. Not scoped: whoever asks may know of the fee.
pub fn count_of_fee(db: &Connection, id: FeeId) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM payment WHERE fee_id = ?")?
        .query_row([id.0], |row| row.get(0))
}

/// A payment. Not scoped, because it is the program itself that asks.
pub fn known(db: &Connection, id: PaymentId) -> rusqlite::Result<Option<PaymentRow>> {
    PaymentTable::read(db, id.0)
}

/// The payments that are to be posted and were requested after this position of the log, in the order of their positions. Not scoped, because
/// it is the program itself that does it.
pub fn to_post(db: &Connection, after: i64, limit: usize) -> rusqlite::Result<Vec<PaymentRow>> {
    let due = PaymentDue::Post as i64;
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM payment WHERE due = {due} AND due > 0 AND position > ? \
         ORDER BY position LIMIT ?"
    ))?
    .query_map((after, limit), |row| read(row, 0))?
    .collect()
}

/// Money that came and is on no account yet. Not scoped: they are numbers for operators.
pub fn posts_waiting(db: &Connection) -> rusqlite::Result<Waiting> {
    let post = PaymentDue::Post as i64;
    db.prepare_cached(&format!(
        "SELECT count(*), min(confirmed_at) FROM payment WHERE due = {post} AND due > 0"
    ))?
    .query_row([], Waiting::read)
}

/// The payments of this provider that are refunded and were requested after this position of the log, in the order of their positions: those
/// whose credit is to be taken back, or those that it is to give back. Not scoped, because it is the program itself that does it.
pub fn to_refund(
    db: &Connection,
    due: PaymentDue,
    provider: &str,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<PaymentRow>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM payment WHERE due = ? AND due > 1 AND provider = ? AND position > ? \
         ORDER BY position LIMIT ?"
    ))?
    .query_map((due as i64, provider, after, limit), |row| read(row, 0))?
    .collect()
}

/// How many refunds are up to another provider than this, or than none. Not scoped: it is a number for operators.
pub fn to_refund_elsewhere(db: &Connection, provider: Option<&str>) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM payment WHERE due > 1 AND provider IS NOT ?")?
        .query_row([provider], |row| row.get(0))
}

/// The refunds that were asked for and not made yet, by whatever provider. Not scoped: they are numbers for operators.
pub fn refunds_waiting(db: &Connection) -> rusqlite::Result<Waiting> {
    let from = PaymentDue::TakeBack as i64;
    db.prepare_cached(&format!(
        "SELECT count(*), min(refund_requested_at) FROM payment WHERE due >= {from} AND due > 0"
    ))?
    .query_row([], Waiting::read)
}

/// The payments whose time is over by `now` and of which nothing was heard. Not scoped, because it is the program itself that gives them up.
pub fn overdue(db: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<PaymentId>> {
    db.prepare_cached(
        "SELECT id FROM payment WHERE status = 'requested' AND expires_at <= ? \
         ORDER BY expires_at LIMIT ?",
    )?
    .query_map((column::microseconds(now), limit), |row| row.get(0).map(PaymentId))?
    .collect()
}

/// The payments of a provider that were confirmed or refunded from `from` to before `to`; at most `limit`. Not scoped: the books of a day are
/// compared as a whole, and tell of no person.
pub fn moved(
    db: &Connection,
    provider: &str,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<PaymentRow>> {
    let (from, to) = (column::microseconds(from), column::microseconds(to));
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM payment WHERE provider = ?1 AND id IN ( \
             SELECT id FROM payment WHERE confirmed_at >= ?2 AND confirmed_at < ?3 \
             UNION SELECT id FROM payment WHERE refunded_at >= ?2 AND refunded_at < ?3 \
         ) ORDER BY position LIMIT ?4"
    ))?
    .query_map((provider, from, to, limit), |row| read(row, 0))?
    .collect()
}
