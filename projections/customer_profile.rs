//! The profile of a customer: who they are and how they can be reached.

use jiff::Timestamp;
use parvandeh_domain::customer::{ContactPointKind, CustomerEvent, CustomerKind, Language};
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::id::CustomerId;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::page::{Conditions, List, Page, PageRequest};
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// One customer as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct CustomerRow {
    pub id: Uuid,
    pub kind: CustomerKind,
    pub name: String,
    pub language: Language,
    pub tier: Option<String>,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: i64,
    pub contact_points: Vec<ContactPoint>,
}

/// A way to reach a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPoint {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// The address or number.
    pub value: String,
}

impl CustomerRow {
    fn registered(id: CustomerId, event: &CustomerEvent, meta: &Metadata) -> Option<Self> {
        let CustomerEvent::Registered(registered) = event else { return None };
        Some(Self {
            id: id.0,
            kind: registered.kind,
            name: registered.name.reveal().clone(),
            language: registered.language,
            tier: registered.tier.clone(),
            registered_at: meta.occurred_at,
            updated_at: meta.occurred_at,
            revision: 0,
            contact_points: Vec::new(),
        })
    }

    fn apply(&mut self, event: &CustomerEvent, meta: &Metadata, revision: u64) {
        self.updated_at = self.updated_at.max(meta.occurred_at);
        self.revision = column::integer(revision);
        match event {
            CustomerEvent::Registered(_) => {}
            CustomerEvent::ContactPointAdded(added) => self
                .contact_points
                .push(ContactPoint { kind: added.kind, value: added.value.reveal().clone() }),
            CustomerEvent::DetailsChanged(changed) => {
                if let Some(name) = &changed.name {
                    self.name = name.reveal().clone();
                }
                self.language = changed.language.unwrap_or(self.language);
                if let Some(tier) = &changed.tier {
                    self.tier = Some(tier.clone());
                }
            }
        }
    }
}

const COLUMNS: &str =
    "id, kind, name, language, tier, registered_at, updated_at, revision, contact_points";

struct CustomerTable;

impl Table for CustomerTable {
    type Key = Uuid;
    type Row = CustomerRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<CustomerRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM customer_profile WHERE id = ?"))?
            .query_row([id], |row| read(row, 0))
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &CustomerRow) -> rusqlite::Result<()> {
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO customer_profile ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id,
            row.kind.as_str(),
            row.name,
            row.language.as_str(),
            row.tier,
            column::microseconds(row.registered_at),
            column::microseconds(row.updated_at),
            row.revision,
            serde_json::to_string(&row.contact_points).expect("two strings always serialise"),
        ])?;
        Ok(())
    }
}

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<CustomerRow> {
    let contact_points = row.get_ref(first + 8)?.as_str()?;
    Ok(CustomerRow {
        id: row.get(first)?,
        kind: stored(row, first + 1)?,
        name: row.get(first + 2)?,
        language: stored(row, first + 3)?,
        tier: row.get(first + 4)?,
        registered_at: column::time(row, first + 5)?,
        updated_at: column::time(row, first + 6)?,
        revision: row.get(first + 7)?,
        contact_points: serde_json::from_str(contact_points).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                first + 8,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
    })
}

/// The read model.
#[derive(Default)]
pub struct CustomerProfile {
    rows: Rows<CustomerTable>,
}

impl ReadModel for CustomerProfile {
    fn tables(&self) -> &'static str {
        "CREATE TABLE customer_profile (
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, language TEXT NOT NULL,
            tier TEXT, registered_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            revision INTEGER NOT NULL, contact_points TEXT NOT NULL
        ) WITHOUT ROWID"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("customer_profile", "name"), ("customer_profile", "contact_points")]
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_profile_registered ON customer_profile (registered_at, id)"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Customer(id, customer_event) = &event.event else { return Ok(()) };
        if let Some(row) = CustomerRow::registered(*id, customer_event, &event.meta) {
            self.rows.put(id.0, row);
        } else if let Some(row) = self.rows.change(db, id.0)? {
            row.apply(customer_event, &event.meta, event.revision);
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// Which customers are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CustomerFilter {
    /// Only these kinds.
    pub kind: Option<Vec<CustomerKind>>,
    /// Only these tiers.
    pub tier: Option<Vec<String>>,
}

/// Who may be known follows from which cases may be known: staff of a unit know the customers of the cases they can see.
fn restrict(scope: &CaseScope, conditions: &mut Conditions) {
    match scope {
        CaseScope::All => {}
        CaseScope::Customer(id) => {
            conditions.add("customer_profile.id = ?", [Value::Blob(id.as_bytes().to_vec())]);
        }
        CaseScope::Units(_) => {
            let mut cases = Conditions::default();
            scope.restrict(&mut cases, "c");
            conditions.add(
                &format!(
                    "EXISTS (SELECT 1 FROM case_summary c WHERE c.customer_id IS NOT NULL \
                     AND c.customer_id = customer_profile.id AND {})",
                    cases.sql()
                ),
                cases.values().iter().cloned(),
            );
        }
        CaseScope::Nothing => conditions.add("FALSE", []),
    }
}

fn list(scope: &CaseScope, filter: &CustomerFilter) -> List {
    let mut conditions = Conditions::default();
    restrict(scope, &mut conditions);
    if let Some(kinds) = &filter.kind {
        let names = kinds.iter().map(|kind| Value::Text(kind.as_str().to_owned()));
        conditions.add_in("kind", names);
    }
    if let Some(tiers) = &filter.tier {
        conditions.add_in("tier", tiers.iter().cloned().map(Value::Text));
    }
    List {
        columns: COLUMNS,
        from: "customer_profile",
        key: "registered_at",
        tie: "id",
        descending: true,
        conditions,
    }
}

/// A page of the customers inside the scope, the newest first.
pub fn customers(
    db: &Connection,
    scope: &CaseScope,
    filter: &CustomerFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<CustomerRow>> {
    list(scope, filter).page(db, page, |row| read(row, 2))
}

/// How many customers inside the scope the filter finds.
pub fn customer_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &CustomerFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}

/// One customer, `None` when there is none inside the scope.
pub fn customer(
    db: &Connection,
    scope: &CaseScope,
    id: Uuid,
) -> rusqlite::Result<Option<CustomerRow>> {
    let mut conditions = Conditions::default();
    conditions.add("id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    restrict(scope, &mut conditions);
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customer_profile WHERE {}",
        conditions.sql()
    ))?
    .query_row(params_from_iter(conditions.values()), |row| read(row, 0))
    .optional()
}
