//! Of which case an event about money tells: a redress and a fee are of a case, and a payment is of the case of its fee.
//!
//! Only the first event of a redress or of a fee names its case, so the case is asked of their tables. Whoever asks stands after these in
//! the table of read models, and asks when rows are written.

use parvandeh_domain::id::{FeeId, PaymentId, RedressId};
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use uuid::Uuid;

use crate::page::Conditions;
use crate::scope::CaseScope;

/// By what the case of an event about money is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoneyOf {
    Redress(RedressId),
    Fee(FeeId),
    Payment(PaymentId),
}

impl MoneyOf {
    /// `None` for events that are not about money of a case.
    pub fn event(event: &DomainEvent) -> Option<Self> {
        match event {
            DomainEvent::Redress(id, _) => Some(Self::Redress(*id)),
            DomainEvent::Fee(id, _) => Some(Self::Fee(*id)),
            DomainEvent::Payment(id, _) => Some(Self::Payment(*id)),
            DomainEvent::Case(..)
            | DomainEvent::Customer(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => None,
        }
    }

    /// The case; `None` for a payment that is for credit.
    pub fn case(self, db: &Connection) -> rusqlite::Result<Option<Uuid>> {
        let (sql, id) = match self {
            Self::Redress(id) => ("SELECT case_id FROM redress WHERE id = ?", id.0),
            Self::Fee(id) => ("SELECT case_id FROM fee WHERE id = ?", id.0),
            Self::Payment(id) => (
                "SELECT f.case_id FROM payment p JOIN fee f ON f.id = p.fee_id WHERE p.id = ?",
                id.0,
            ),
        };
        db.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()
    }
}

/// The most streams of each sort that are read for one case.
const STREAMS_MAX: usize = 2_000;

const REDRESS: (&str, &str) = ("redress", "redress x JOIN case_summary c ON c.id = x.case_id");
const FEES: (&str, &str) = ("fee", "fee x JOIN case_summary c ON c.id = x.case_id");
const PAYMENTS: (&str, &str) =
    ("payment", "fee f JOIN case_summary c ON c.id = f.case_id JOIN payment x ON x.fee_id = f.id");

/// The streams of the redress and the fees of a case inside the scope.
pub fn streams(db: &Connection, scope: &CaseScope, case_id: Uuid) -> rusqlite::Result<Vec<String>> {
    of_case(db, scope, case_id, &[REDRESS, FEES])
}

/// The same, and the streams of the payments of these fees.
pub fn streams_with_payments(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
) -> rusqlite::Result<Vec<String>> {
    of_case(db, scope, case_id, &[REDRESS, FEES, PAYMENTS])
}

fn of_case(
    db: &Connection,
    scope: &CaseScope,
    case_id: Uuid,
    sorts: &[(&str, &str)],
) -> rusqlite::Result<Vec<String>> {
    let mut conditions = Conditions::default();
    conditions.add("c.id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    scope.restrict(&mut conditions, "c");
    let mut streams = Vec::new();
    for (category, from) in sorts {
        let sql = format!(
            "SELECT x.id FROM {from} WHERE {} ORDER BY x.id LIMIT {STREAMS_MAX}",
            conditions.sql()
        );
        let mut statement = db.prepare_cached(&sql)?;
        let ids = statement
            .query_map(params_from_iter(conditions.values()), |row| row.get::<_, Uuid>(0))?;
        for id in ids {
            streams.push(format!("{category}-{}", id?));
        }
    }
    Ok(streams)
}
