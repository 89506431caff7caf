//! The profile of a customer: who they are and how they can be reached.

use jiff::Timestamp;
use parvandeh_domain::case::Channel;
use parvandeh_domain::customer::event::ConsentWithdrawn;
use parvandeh_domain::customer::{
    ConsentPurpose, ContactPointKind, CustomerEvent, CustomerKind, ErasureGround, Language,
};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CustomerId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Envelope;
use rusqlite::types::{Value, ValueRef};
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
    /// What said their name last; `None` when it was erased.
    pub name: Option<Envelope>,
    pub language: Language,
    pub tier: Option<String>,
    pub registered_at: Timestamp,
    pub updated_at: Timestamp,
    pub revision: i64,
    pub contact_points: Vec<ContactPoint>,
    /// The matter for which their data must be kept.
    pub legal_hold: Option<String>,
    pub consents: Vec<Consent>,
    /// The erasure of their personal data, once it was ordered.
    pub erasure: Option<Erasure>,
    /// The record in whose favour this one was given up.
    pub merged_into: Option<Uuid>,
}

/// The erasure of a customer's personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct Erasure {
    pub ground: ErasureGround,
    pub ordered_at: Timestamp,
    /// The event that tells that it is done; `None` while it is not.
    pub receipt: Option<ErasureReceipt>,
}

/// What was erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct ErasureReceipt {
    pub erased_at: Timestamp,
    pub key_count: u32,
    pub envelope_count: u32,
    pub event_id: Uuid,
}

/// What a customer allows, and the event that proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct Consent {
    pub purpose: ConsentPurpose,
    pub channel: Channel,
    pub given_at: Timestamp,
    pub event_id: Uuid,
}

/// A way to reach a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPoint {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// What said the address or number.
    pub value: Option<Envelope>,
    /// When it was shown to be theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
}

impl CustomerRow {
    fn registered(
        id: CustomerId,
        event: &CustomerEvent,
        recorded: &Recorded<DomainEvent>,
    ) -> Option<Self> {
        let CustomerEvent::Registered(registered) = event else { return None };
        let meta = &recorded.meta;
        Some(Self {
            id: id.0,
            kind: registered.kind,
            name: recorded.envelope.clone(),
            language: registered.language,
            tier: registered.tier.clone(),
            registered_at: meta.occurred_at,
            updated_at: meta.occurred_at,
            revision: 0,
            contact_points: Vec::new(),
            legal_hold: None,
            consents: Vec::new(),
            erasure: None,
            merged_into: None,
        })
    }

    fn apply(&mut self, event: &CustomerEvent, recorded: &Recorded<DomainEvent>) {
        let meta = &recorded.meta;
        // That they have read something changes nothing that is known of them.
        if !matches!(event, CustomerEvent::NotificationsRead(_)) {
            self.updated_at = self.updated_at.max(meta.occurred_at);
        }
        self.revision = column::integer(recorded.revision);
        match event {
            CustomerEvent::Registered(_) => {}
            CustomerEvent::ContactPointAdded(added) => self.contact_points.push(ContactPoint {
                kind: added.kind,
                value: recorded.envelope.clone(),
                verified_at: None,
            }),
            CustomerEvent::DetailsChanged(changed) => {
                if changed.name.is_some() {
                    self.name = recorded.envelope.clone();
                }
                self.language = changed.language.unwrap_or(self.language);
                if let Some(tier) = &changed.tier {
                    self.tier = Some(tier.clone());
                }
            }
            CustomerEvent::TierChanged(changed) => self.tier = Some(changed.to.clone()),
            CustomerEvent::ValueAssessed(_) => {}
            CustomerEvent::ConsentGiven(given) => self.consents.push(Consent {
                purpose: given.purpose,
                channel: given.channel,
                given_at: meta.occurred_at,
                event_id: recorded.id.0,
            }),
            CustomerEvent::ConsentWithdrawn(ConsentWithdrawn { purpose, channel }) => {
                self.consents
                    .retain(|known| (known.purpose, known.channel) != (*purpose, *channel));
            }
            CustomerEvent::LegalHoldPlaced(placed) => {
                self.legal_hold = Some(placed.matter.clone());
            }
            CustomerEvent::LegalHoldReleased(_) => self.legal_hold = None,
            CustomerEvent::ErasureOrdered(ordered) => {
                let (ground, ordered_at) = (ordered.ground, meta.recorded_at);
                self.erasure = Some(Erasure { ground, ordered_at, receipt: None });
                self.consents.clear();
            }
            CustomerEvent::Erased(erased) => {
                if let Some(erasure) = &mut self.erasure {
                    erasure.receipt = Some(ErasureReceipt {
                        erased_at: meta.recorded_at,
                        key_count: erased.key_count,
                        envelope_count: erased.envelope_count,
                        event_id: recorded.id.0,
                    });
                }
                self.name = None;
                self.contact_points.iter_mut().for_each(|point| point.value = None);
            }
            CustomerEvent::Merged(merged) => self.merged_into = Some(merged.into.0),
            CustomerEvent::Unmerged(_) => self.merged_into = None,
            CustomerEvent::RepresentativeAppointed(_)
            | CustomerEvent::RepresentativeDismissed(_)
            | CustomerEvent::NotificationsRead(_) => {}
            CustomerEvent::PreferencesChanged(changed) => {
                self.language = changed.language.unwrap_or(self.language);
            }
            CustomerEvent::VerificationRequested(_) | CustomerEvent::VerificationFailed(_) => {}
            CustomerEvent::ContactPointVerified(verified) => {
                let place = usize::try_from(verified.contact_point).unwrap_or(0).checked_sub(1);
                if let Some(point) = place.and_then(|place| self.contact_points.get_mut(place)) {
                    point.verified_at = Some(meta.recorded_at);
                }
            }
        }
    }
}

const COLUMNS: &str = "id, kind, name, language, tier, registered_at, updated_at, revision, contact_points, \
     legal_hold, consents, erasure, merged_into";

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
            "INSERT OR REPLACE INTO customer_profile ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id,
            row.kind.as_str(),
            column::envelope(row.name.as_ref()),
            row.language.as_str(),
            row.tier,
            column::microseconds(row.registered_at),
            column::microseconds(row.updated_at),
            row.revision,
            json(&row.contact_points),
            row.legal_hold,
            (!row.consents.is_empty()).then(|| json(&row.consents)),
            row.erasure.as_ref().map(json),
            row.merged_into,
        ])?;
        Ok(())
    }
}

fn json(list: &impl Serialize) -> String {
    serde_json::to_string(list).expect("plain lists always serialise")
}

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<CustomerRow> {
    Ok(CustomerRow {
        id: row.get(first)?,
        kind: stored(row, first + 1)?,
        name: column::envelope_read(row, first + 2)?,
        language: stored(row, first + 3)?,
        tier: row.get(first + 4)?,
        registered_at: column::time(row, first + 5)?,
        updated_at: column::time(row, first + 6)?,
        revision: row.get(first + 7)?,
        contact_points: column::json(row, first + 8)?,
        legal_hold: row.get(first + 9)?,
        consents: match row.get_ref(first + 10)? {
            ValueRef::Null => Vec::new(),
            _ => column::json(row, first + 10)?,
        },
        erasure: match row.get_ref(first + 11)? {
            ValueRef::Null => None,
            _ => Some(column::json(row, first + 11)?),
        },
        merged_into: row.get(first + 12)?,
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
            id BLOB PRIMARY KEY, kind TEXT NOT NULL, name BLOB, language TEXT NOT NULL,
            tier TEXT, registered_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            revision INTEGER NOT NULL, contact_points TEXT NOT NULL,
            legal_hold TEXT, consents TEXT, erasure TEXT, merged_into BLOB
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX customer_profile_registered ON customer_profile (registered_at, id);
         CREATE INDEX customer_profile_erasure ON customer_profile (id) WHERE erasure IS NOT NULL"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("customer_profile", "name"), ("customer_profile", "contact_points")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Customer(id, customer_event) = &event.event else { return Ok(()) };
        if let Some(row) = CustomerRow::registered(*id, customer_event, event) {
            self.rows.put(id.0, row);
        } else if let Some(row) = self.rows.change(db, id.0)? {
            row.apply(customer_event, event);
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
    /// Only who is found by one blind index of each of these lists.
    pub found_by: Vec<Vec<[u8; 16]>>,
}

/// Who may be known follows from which cases may be known: staff of a unit know the customers of the cases they can see.
pub(crate) fn restrict(scope: &CaseScope, conditions: &mut Conditions) {
    match scope {
        CaseScope::All => {}
        // Whoever acts for a customer knows their cases, and nothing else of them.
        CaseScope::Customer(id) | CaseScope::Representative { own: id, .. } => {
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
    for found_by in &filter.found_by {
        let mut found = Conditions::default();
        let blind_indexes = found_by.iter().map(|index| Value::Blob(index.to_vec()));
        found.add_in("blind_index", blind_indexes);
        conditions.add(
            &format!("id IN (SELECT customer_id FROM customer_search WHERE {})", found.sql()),
            found.values().iter().cloned(),
        );
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

/// The customers whose erasure was ordered and is not done yet: a process may have ended in the middle of it. Not scoped, because it is
/// the program itself that goes on with its work.
pub fn unfinished_erasures(db: &Connection) -> rusqlite::Result<Vec<CustomerId>> {
    db.prepare(
        "SELECT id FROM customer_profile
         WHERE erasure IS NOT NULL AND json_extract(erasure, '$.receipt') IS NULL ORDER BY id",
    )?
    .query_map([], |row| row.get(0).map(CustomerId))?
    .collect()
}

/// Whether a customer is registered and nothing was erased or ordered to be. Not scoped, for the same reason.
pub fn is_untouched(db: &Connection, id: CustomerId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM customer_profile WHERE id = ? AND erasure IS NULL")?
        .exists([id.0])
}
