//! Which files stand with which cases. Their content is read from the log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::case::Direction;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{AttachmentId, CaseId, CustomerId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Envelope;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::Conditions;
use crate::scope::{CaseScope, Visibility};

/// The most attachments of one case.
pub const ATTACHMENTS_MAX: usize = 100;

/// An attachment that stands with its case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct AttachmentRow {
    pub id: Uuid,
    pub case_id: Uuid,
    pub added_at: Timestamp,
    pub direction: Direction,
    pub media_type: String,
    pub size_bytes: i64,
    pub part_count: i64,
    /// Where the event that named it stands in the log.
    pub position: i64,
    /// The personal fields of the event that named it: name and hash. `None` where they were erased.
    pub envelope: Option<Envelope>,
}

/// What a batch of events makes of an attachment.
#[derive(Default)]
struct Change {
    /// The case, where an upload has begun.
    begun: Option<Uuid>,
    added: Option<AttachmentRow>,
}

/// The read model.
#[derive(Default)]
pub struct Attachments {
    changes: BTreeMap<Uuid, Change>,
}

impl ReadModel for Attachments {
    fn tables(&self) -> &'static str {
        // A row without `added_at` is of an upload that is not whole. It is known for one thing: so that an erasure finds its parts.
        "CREATE TABLE attachment (
            id BLOB NOT NULL PRIMARY KEY, case_id BLOB NOT NULL, added_at INTEGER, direction TEXT, media_type TEXT,
            size_bytes INTEGER, part_count INTEGER, position INTEGER, envelope BLOB
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX attachment_case ON attachment (case_id)"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("attachment", "envelope")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            self.flush(db)?;
            return erase(db, customer_id);
        }
        let DomainEvent::Attachment(AttachmentId(id), what) = &event.event else { return Ok(()) };
        match what {
            AttachmentEvent::PartStored(stored) => {
                if stored.part == 0 {
                    self.changes.entry(*id).or_default().begun = Some(stored.case_id.0);
                }
            }
            AttachmentEvent::Added(added) => {
                self.changes.entry(*id).or_default().added = Some(AttachmentRow {
                    id: *id,
                    case_id: added.case_id.0,
                    added_at: event.meta.recorded_at,
                    direction: added.direction,
                    media_type: added.media_type.clone(),
                    size_bytes: column::integer(added.size_bytes),
                    part_count: added.part_count.into(),
                    position: column::integer(event.position),
                    envelope: event.envelope.clone(),
                });
            }
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut begin = db.prepare_cached(
            "INSERT INTO attachment (id, case_id) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
        )?;
        let mut add = db.prepare_cached(
            "INSERT OR REPLACE INTO attachment (id, case_id, added_at, direction, media_type, size_bytes, part_count, position, envelope) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for (id, change) in std::mem::take(&mut self.changes) {
            if let Some(case_id) = change.begun {
                begin.execute((id, case_id))?;
            }
            if let Some(row) = change.added {
                add.execute((
                    id,
                    row.case_id,
                    column::microseconds(row.added_at),
                    row.direction.as_str(),
                    row.media_type,
                    row.size_bytes,
                    row.part_count,
                    row.position,
                    column::envelope(row.envelope.as_ref()),
                ))?;
            }
        }
        Ok(())
    }
}

/// Takes the envelopes of a customer's attachments away. Their cases are found by their rows in `case_summary`, which is written before.
fn erase(db: &Connection, customer_id: CustomerId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE attachment SET envelope = NULL WHERE case_id IN
         (SELECT id FROM case_summary WHERE customer_id = ?)",
    )?
    .execute([customer_id.0])
    .map(drop)
}

/// One attachment that stands with a case inside the scope.
pub fn attachment(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    id: Uuid,
) -> rusqlite::Result<Option<AttachmentRow>> {
    let mut conditions = conditions(scope, visibility);
    conditions.add("a.id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    let sql = format!("{SELECT} WHERE {}", conditions.sql());
    db.prepare_cached(&sql)?.query_row(params_from_iter(conditions.values()), read).optional()
}

/// The attachments of a case inside the scope, in the order in which they came.
pub fn attachments_of_case(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    case_id: Uuid,
) -> rusqlite::Result<Vec<AttachmentRow>> {
    let mut conditions = conditions(scope, visibility);
    conditions.add("a.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    let sql =
        format!("{SELECT} WHERE {} ORDER BY a.position LIMIT {ATTACHMENTS_MAX}", conditions.sql());
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(conditions.values()), read)?;
    rows.collect()
}

/// How many attachments stand with a case, whoever may see them: for the bound.
pub fn attachment_count(db: &Connection, case_id: CaseId) -> rusqlite::Result<usize> {
    let count: i64 = db
        .prepare_cached(
            "SELECT count(*) FROM attachment WHERE case_id = ? AND added_at IS NOT NULL",
        )?
        .query_row([case_id.0], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Every attachment of a case and every upload that was begun for it: for erasing what they hold.
pub fn uploads_of_case(db: &Connection, case_id: CaseId) -> rusqlite::Result<Vec<AttachmentId>> {
    let mut statement = db.prepare_cached("SELECT id FROM attachment WHERE case_id = ?")?;
    let rows = statement.query_map([case_id.0], |row| row.get(0).map(AttachmentId))?;
    rows.collect()
}

const SELECT: &str = "SELECT a.id, a.case_id, a.added_at, a.direction, a.media_type, a.size_bytes, a.part_count, a.position, a.envelope \
                      FROM attachment a JOIN case_summary c ON c.id = a.case_id";

fn conditions(scope: &CaseScope, visibility: Visibility) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("a.added_at IS NOT NULL", []);
    scope.restrict(&mut conditions, "c");
    if visibility == Visibility::Public {
        conditions.add("a.direction <> ?", [Value::Text(Direction::Internal.as_str().to_owned())]);
    }
    conditions
}

fn read(row: &Row<'_>) -> rusqlite::Result<AttachmentRow> {
    Ok(AttachmentRow {
        id: row.get(0)?,
        case_id: row.get(1)?,
        added_at: column::time(row, 2)?,
        direction: column::stored(row, 3)?,
        media_type: row.get(4)?,
        size_bytes: row.get(5)?,
        part_count: row.get(6)?,
        position: row.get(7)?,
        envelope: column::envelope_read(row, 8)?,
    })
}
