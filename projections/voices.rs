//! Suggestions, criticisms and praise: who raised them, what became of them, and whether their authors know.

use jiff::Timestamp;
use parvandeh_domain::case::voice::is_opinion;
use parvandeh_domain::case::{Became, CaseEvent};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// Who raised a voice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RaisedBy {
    /// A customer, or somebody unknown.
    Customer,
    /// A member of staff, by name.
    Staff(String),
    /// A member of staff who stays anonymous.
    AnonymousStaff,
}

impl RaisedBy {
    /// As the column `raised_by` has it; the author's name stands in a column of its own.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff(_) => "staff",
            Self::AnonymousStaff => "anonymous_staff",
        }
    }
}

/// One voice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct VoiceRow {
    pub case_id: Uuid,
    pub opened_at: Timestamp,
    pub raised_by: RaisedBy,
    pub became: Option<Became>,
    pub told_at: Option<Timestamp>,
}

const COLUMNS: &str = "case_id, opened_at, raised_by, author, became, told_at";

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<VoiceRow> {
    Ok(VoiceRow {
        case_id: row.get(first)?,
        opened_at: column::time(row, first + 1)?,
        raised_by: match row.get_ref(first + 2)?.as_str()? {
            "staff" => RaisedBy::Staff(row.get(first + 3)?),
            "anonymous_staff" => RaisedBy::AnonymousStaff,
            _ => RaisedBy::Customer,
        },
        became: column::stored_option(row, first + 4)?,
        told_at: column::time_option(row, first + 5)?,
    })
}

struct VoiceTable;

impl Table for VoiceTable {
    type Key = Uuid;
    type Row = VoiceRow;

    fn read(db: &Connection, case_id: Uuid) -> rusqlite::Result<Option<VoiceRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM voice WHERE case_id = ?"))?
            .query_row([case_id], |row| read(row, 0))
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &VoiceRow) -> rusqlite::Result<()> {
        let author = match &row.raised_by {
            RaisedBy::Staff(author) => Some(author),
            RaisedBy::Customer | RaisedBy::AnonymousStaff => None,
        };
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO voice ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.case_id,
            column::microseconds(row.opened_at),
            row.raised_by.as_str(),
            author,
            row.became.map(Became::as_str),
            row.told_at.map(column::microseconds),
        ])
        .map(drop)
    }
}

/// The read model.
#[derive(Default)]
pub struct Voices {
    rows: Rows<VoiceTable>,
}

impl ReadModel for Voices {
    fn tables(&self) -> &'static str {
        "CREATE TABLE voice (
            case_id BLOB PRIMARY KEY, opened_at INTEGER NOT NULL, raised_by TEXT NOT NULL, author TEXT,
            became TEXT, told_at INTEGER
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX voice_opened ON voice (opened_at, case_id);
         CREATE INDEX voice_author ON voice (author, opened_at) WHERE author IS NOT NULL"
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let at = event.meta.occurred_at;
        match case_event {
            CaseEvent::Opened(opened) if is_opinion(opened.kind) => {
                let row = VoiceRow {
                    case_id: id.0,
                    opened_at: at,
                    raised_by: RaisedBy::Customer,
                    became: None,
                    told_at: None,
                };
                self.rows.put(id.0, row);
            }
            CaseEvent::RaisedByStaff(raised) => {
                if let Some(row) = self.rows.change(db, id.0)? {
                    row.raised_by =
                        raised.author.clone().map_or(RaisedBy::AnonymousStaff, RaisedBy::Staff);
                }
            }
            CaseEvent::AuthorTold(told) => {
                if let Some(row) = self.rows.change(db, id.0)? {
                    row.became = Some(told.became);
                    row.told_at = Some(at);
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

/// Which voices are wanted. All conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct VoiceFilter {
    /// Raised by staff (true) or by customers (false).
    pub by_staff: Option<bool>,
    /// Of which this became.
    pub became: Option<Vec<Became>>,
    /// Whose author was told what became of it (true), or not (false).
    pub told: Option<bool>,
}

/// A page of the voices inside the scope, the newest first.
pub fn voices(
    db: &Connection,
    scope: &CaseScope,
    filter: &VoiceFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<VoiceRow>> {
    list(scope, filter).page(db, page, |row| read(row, 2))
}

/// How many voices [`voices`] finds on all pages together.
pub fn voice_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &VoiceFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter).count(db)
}

fn list(scope: &CaseScope, filter: &VoiceFilter) -> List {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "c");
    match filter.by_staff {
        Some(true) => conditions.add("v.raised_by <> 'customer'", []),
        Some(false) => conditions.add("v.raised_by = 'customer'", []),
        None => {}
    }
    if let Some(became) = &filter.became {
        let names = became.iter().map(|became| Value::Text(became.as_str().to_owned()));
        conditions.add_in("v.became", names);
    }
    match filter.told {
        Some(true) => conditions.add("v.told_at IS NOT NULL", []),
        Some(false) => conditions.add("v.told_at IS NULL", []),
        None => {}
    }
    List {
        columns: "v.case_id, v.opened_at, v.raised_by, v.author, v.became, v.told_at",
        from: "voice v JOIN case_summary c ON c.id = v.case_id",
        key: "v.opened_at",
        tie: "v.case_id",
        descending: true,
        conditions,
    }
}

/// The newest cases that this member of staff raised by name. Their own: it needs no other scope.
pub fn of_author(db: &Connection, author: &str, count: usize) -> rusqlite::Result<Vec<Uuid>> {
    db.prepare_cached(
        "SELECT case_id FROM voice WHERE author = ? ORDER BY opened_at DESC, case_id DESC LIMIT ?",
    )?
    .query_map((author, column::integer(count as u64)), |row| row.get(0))?
    .collect()
}
