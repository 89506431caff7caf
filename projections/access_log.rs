//! The access log as a list: one row for each person whose data somebody read, and one for each time that somebody read the access log.
//!
//! Rows name people by their ids and hold nothing of theirs, so they stay when somebody's data are erased.

use jiff::Timestamp;
use parvandeh_domain::access::{AccessEvent, AccessLogFilter};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::DataSubject;
use parvandeh_domain::log::DomainEvent;
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, Row};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};

/// Rows of one event are numbered from its position times this: more than an event has subjects.
const ROWS_PER_EVENT: i64 = 1_024;

/// Somebody read somebody's data, or the access log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct AccessRow {
    pub event_id: Uuid,
    pub at: Timestamp,
    pub reader: String,
    pub reader_role: String,
    pub purpose: String,
    pub operation: String,
    /// Whose data were read. Of the access log: whose part of it, `None` for that of several.
    pub subject: Option<DataSubject>,
    /// Whether it was the access log that was read.
    pub of_access_log: bool,
}

/// The read model.
#[derive(Default)]
pub struct AccessLog {
    rows: Vec<(i64, AccessRow)>,
}

impl ReadModel for AccessLog {
    fn tables(&self) -> &'static str {
        "CREATE TABLE access_log (
            id INTEGER PRIMARY KEY, event_id BLOB NOT NULL, at INTEGER NOT NULL, reader TEXT NOT NULL,
            reader_role TEXT NOT NULL, purpose TEXT NOT NULL, operation TEXT NOT NULL, subject TEXT,
            of_access_log INTEGER NOT NULL
        )"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX access_log_subject ON access_log (subject, at);
         CREATE INDEX access_log_reader ON access_log (reader, at);
         CREATE INDEX access_log_at ON access_log (at)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let DomainEvent::Access(_, access) = &event.event else { return Ok(()) };
        let (reader_role, purpose, operation) = match access {
            AccessEvent::PersonalDataRead(it) => (&it.reader_role, &it.purpose, &it.operation),
            AccessEvent::LogRead(it) => (&it.reader_role, &it.purpose, &it.operation),
        };
        let row = |subject, of_access_log| AccessRow {
            event_id: event.id.0,
            at: event.meta.recorded_at,
            reader: event.meta.actor.id.clone(),
            reader_role: reader_role.clone(),
            purpose: purpose.clone(),
            operation: operation.clone(),
            subject,
            of_access_log,
        };
        let first = column::integer(event.position) * ROWS_PER_EVENT;
        match access {
            AccessEvent::PersonalDataRead(read) => {
                let rows = read.subjects.iter().map(|subject| row(Some(*subject), false));
                self.rows.extend((first..first + ROWS_PER_EVENT).zip(rows));
            }
            AccessEvent::LogRead(read) => self.rows.push((first, row(read.filter.subject, true))),
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO access_log (id, event_id, at, reader, reader_role, purpose, operation, subject, \
             of_access_log) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for (id, row) in self.rows.drain(..) {
            insert.execute(rusqlite::params![
                id,
                row.event_id,
                column::microseconds(row.at),
                row.reader,
                row.reader_role,
                row.purpose,
                row.operation,
                row.subject.map(|subject| subject.to_string()),
                row.of_access_log,
            ])?;
        }
        Ok(())
    }
}

/// The newest come first: whoever asks wants to know what has just been read.
fn list(filter: &AccessLogFilter) -> List {
    let mut conditions = Conditions::default();
    let subject = filter.subject.map(|subject| subject.to_string());
    for (column, text) in [
        ("subject", subject.as_ref()),
        ("reader", filter.reader.as_ref()),
        ("purpose", filter.purpose.as_ref()),
    ] {
        if let Some(text) = text {
            conditions.add(&format!("{column} = ?"), [Value::Text(text.clone())]);
        }
    }
    for (comparison, moment) in [(">=", filter.from), ("<", filter.to)] {
        if let Some(moment) = moment {
            let moment = Value::Integer(column::microseconds(moment));
            conditions.add(&format!("at {comparison} ?"), [moment]);
        }
    }
    List {
        columns: "event_id, at, reader, reader_role, purpose, operation, subject, of_access_log",
        from: "access_log",
        key: "at",
        tie: "id",
        descending: true,
        conditions,
    }
}

/// A page of the access log, the newest first. It has no scope: who may ask for it, and whose part of it a customer gets, is decided
/// where the filter is made.
pub fn accesses(
    db: &Connection,
    filter: &AccessLogFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<AccessRow>> {
    list(filter).page(db, page, read)
}

/// How many rows the filter finds.
pub fn access_count(db: &Connection, filter: &AccessLogFilter) -> rusqlite::Result<u64> {
    list(filter).count(db)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AccessRow> {
    let subject = row.get_ref(8)?.as_str_or_null()?.map(str::parse::<DataSubject>).transpose();
    Ok(AccessRow {
        event_id: row.get(2)?,
        at: column::time(row, 3)?,
        reader: row.get(4)?,
        reader_role: row.get(5)?,
        purpose: row.get(6)?,
        operation: row.get(7)?,
        subject: subject.map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(8, Type::Text, Box::new(error))
        })?,
        of_access_log: row.get(9)?,
    })
}
