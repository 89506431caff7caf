//! The log's one table: how an append becomes a row and a row becomes events again.
//!
//! A row is an append. Its `events` are a JSON array, so that any SQLite tool reads the log with
//! `json_each`. The row's key is the position of its first event; the next row begins where it
//! ends, so positions are dense and a gap is damage. The checksum covers stream and events.
//!
//! Beside it stands the vault: the envelope of each event that has personal fields, by the event's position. It is written in
//! the same transaction and is the only thing in the file that may be deleted.

use std::{
    collections::HashSet,
    io::Write,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, ErrorCode, OptionalExtension, types::ValueRef};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::store::{
    AppendError, Content, LoggedEvent, Position, READ_SIZE_BYTES_MAX, ReadError, StreamId, validate,
};

/// Version of the log file's shape, kept in `user_version`.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// The version whose events have personal data as plain text.
pub(super) const UNSEALED_VERSION: i64 = 1;

/// The tables of an empty log.
pub(super) const TABLES: &str = "
    CREATE TABLE store (id TEXT NOT NULL) STRICT;
    CREATE TABLE log (
        position INTEGER PRIMARY KEY, -- of the first event
        stream TEXT NOT NULL,
        revision INTEGER NOT NULL, -- of the first event
        events TEXT NOT NULL, -- [{\"id\", \"type\", \"version\", \"metadata\", \"data\"}, ...]
        checksum INTEGER NOT NULL -- CRC-32 of stream and events
    ) STRICT;
    CREATE TABLE vault (
        position INTEGER PRIMARY KEY, -- of the event
        envelope BLOB NOT NULL
    ) STRICT;";

const INSERT: &str = "INSERT INTO log (position, stream, revision, events, checksum)
    VALUES (?1, ?2, ?3, ?4, ?5)";

const INSERT_ENVELOPE: &str = "INSERT INTO vault (position, envelope) VALUES (?1, ?2)";

/// Begins with the row that holds the event after ?1, which may be in the middle of it.
const SELECT_AFTER: &str = "SELECT position, stream, revision, events, checksum FROM log
    WHERE position >= coalesce(
        (SELECT position FROM log WHERE position <= ?1 + 1 ORDER BY position DESC LIMIT 1), 0)
    ORDER BY position";

const SELECT_ONE: &str =
    "SELECT position, stream, revision, events, checksum FROM log WHERE position = ?1";

const SELECT_BACKWARDS: &str =
    "SELECT position, stream, revision, events, checksum FROM log ORDER BY position DESC";

/// An append ready for the table, built in the caller's task.
pub(super) struct EncodedAppend {
    /// The `events` column.
    pub(super) row: Bytes,
    pub(super) checksum: u32,
    /// How many events there are.
    pub(super) count: u64,
    /// The events as readers will see them, slices of `row`; position and revision count from 0
    /// until the writer has placed them.
    pub(super) events: Vec<LoggedEvent>,
}

/// Checks the events and lays them out as a row.
pub(super) fn encode<'a, E>(
    stream: &StreamId,
    events: &'a [E],
    type_names: &TypeNames,
) -> Result<EncodedAppend, AppendError>
where
    Content<'a>: From<&'a E>,
{
    let size_bytes = validate(events)?;
    let mut row = Vec::with_capacity(size_bytes + events.len() * 192 + 2);
    let mut places = Vec::with_capacity(events.len());
    for Content { id, type_name, version, metadata, data, .. } in events.iter().map(Content::from) {
        places.push(lay_out(&mut row, id, type_name, version, metadata, data));
    }
    row.push(b']');
    let row = Bytes::from(row);
    let events = events.iter().map(Content::from).zip(places).zip(0..).map(
        |((event, (metadata, data)), offset)| LoggedEvent {
            position: Position(offset),
            stream: stream.clone(),
            revision: offset,
            id: event.id,
            type_name: type_names.shared(event.type_name),
            version: event.version,
            metadata: row.slice(metadata),
            data: row.slice(data),
            envelope: event.envelope.cloned(),
        },
    );
    let events: Vec<_> = events.collect();
    let (checksum, count) = (checksum(stream.as_str(), &row), events.len() as u64);
    Ok(EncodedAppend { row, checksum, count, events })
}

/// Adds an event to a row without its end; answers where its metadata and its data stand.
pub(super) fn lay_out(
    row: &mut Vec<u8>,
    id: Uuid,
    type_name: &str,
    version: u16,
    metadata: &[u8],
    data: &[u8],
) -> (Range<usize>, Range<usize>) {
    row.push(if row.is_empty() { b'[' } else { b',' });
    row.extend_from_slice(b"{\"id\":\"");
    let mut id_text = [0; uuid::fmt::Hyphenated::LENGTH];
    row.extend_from_slice(id.hyphenated().encode_lower(&mut id_text).as_bytes());
    row.extend_from_slice(b"\",\"type\":\"");
    row.extend_from_slice(type_name.as_bytes());
    row.extend_from_slice(b"\",\"version\":");
    write!(row, "{version}").expect("a vector takes all bytes");
    row.extend_from_slice(b",\"metadata\":");
    let metadata_start = row.len();
    row.extend_from_slice(metadata);
    let metadata_end = row.len();
    row.extend_from_slice(b",\"data\":");
    let data_start = row.len();
    row.extend_from_slice(data);
    let places = (metadata_start..metadata_end, data_start..row.len());
    row.push(b'}');
    places
}

/// The statements that write an append, prepared once a transaction.
pub(super) struct Inserter<'a> {
    row: CachedStatement<'a>,
    envelope: CachedStatement<'a>,
}

impl<'a> Inserter<'a> {
    pub(super) fn new(log: &'a Connection) -> rusqlite::Result<Self> {
        let (row, envelope) = (log.prepare_cached(INSERT)?, log.prepare_cached(INSERT_ENVELOPE)?);
        Ok(Self { row, envelope })
    }

    /// Writes one append and its envelopes; the caller holds the transaction. Answers the bytes written.
    pub(super) fn insert(
        &mut self,
        position: u64,
        stream: &StreamId,
        revision: u64,
        append: &EncodedAppend,
    ) -> rusqlite::Result<u64> {
        let events = rusqlite::types::ToSqlOutput::Borrowed(ValueRef::Text(&append.row));
        let (position_signed, revision) = (position.cast_signed(), revision.cast_signed());
        let values = (position_signed, stream.as_str(), revision, events, append.checksum);
        self.row.execute(values)?;
        let mut size_bytes = append.row.len() + stream.as_str().len();
        for (event, offset) in append.events.iter().zip(position_signed..) {
            if let Some(envelope) = &event.envelope {
                self.envelope.execute((offset, &**envelope))?;
                size_bytes += envelope.len();
            }
        }
        Ok(size_bytes as u64)
    }
}

/// Removes the envelopes of these events for good. Answers how many there were.
pub(super) fn remove_envelopes(log: &Connection, events: &[Position]) -> rusqlite::Result<usize> {
    let transaction = log.unchecked_transaction()?;
    let mut removed = 0;
    {
        let mut remove = transaction.prepare_cached("DELETE FROM vault WHERE position = ?1")?;
        for position in events {
            removed += remove.execute([position.0.cast_signed()])?;
        }
    }
    transaction.commit()?;
    Ok(removed)
}

/// Gives events that stand one behind the other in the log, or in a stream, their envelopes.
pub(super) fn attach_envelopes(
    log: &Connection,
    events: &mut [LoggedEvent],
) -> Result<(), ReadError> {
    let Some((first, last)) = events.first().zip(events.last()) else { return Ok(()) };
    let (first, last) = (first.position.0, last.position.0);
    let dense = last - first < 4 * events.len() as u64;
    if !dense {
        let mut one = log
            .prepare_cached("SELECT envelope FROM vault WHERE position = ?1")
            .map_err(unavailable)?;
        for event in events.iter_mut().filter(|event| may_be_sealed(event)) {
            let envelope = one
                .query_row([event.position.0.cast_signed()], |row| row.get::<_, Vec<u8>>(0))
                .optional();
            event.envelope =
                envelope.map_err(|error| failed(event.position.0, error))?.map(Bytes::from);
        }
        return Ok(());
    }
    let mut range = log
        .prepare_cached(
            "SELECT position, envelope FROM vault WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
        )
        .map_err(unavailable)?;
    let mut rows = range.query([first.cast_signed(), last.cast_signed()]).map_err(unavailable)?;
    let mut waiting = events.iter_mut().peekable();
    while let Some(row) = rows.next().map_err(|error| failed(first, error))? {
        let position = row.get::<_, i64>(0).map_err(unavailable)?.cast_unsigned();
        while waiting.next_if(|event| event.position.0 < position).is_some() {}
        if let Some(event) = waiting.next_if(|event| event.position.0 == position) {
            let envelope = row.get_ref(1).map_err(unavailable)?.as_blob();
            let envelope = envelope.map_err(|_| corrupt(position, "the envelope is no blob"))?;
            event.envelope = Some(Bytes::copy_from_slice(envelope));
        }
    }
    Ok(())
}

/// Whether an event says that it has an envelope. A text that only looks so costs one search in vain.
fn may_be_sealed(event: &LoggedEvent) -> bool {
    const NAME: &[u8] = b"\"personal\"";
    event.metadata.windows(NAME.len()).any(|window| window == NAME)
}

pub(super) fn checksum(stream: &str, events: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(stream.as_bytes());
    hasher.update(events);
    hasher.finalize()
}

/// One row as it stands in the table, its checksum verified.
pub(super) struct Row<'a> {
    pub(super) position: u64,
    pub(super) stream: &'a str,
    pub(super) revision: u64,
    pub(super) events: &'a [u8],
    pub(super) checksum: u32,
}

/// The shape of one element of `events`.
#[derive(Deserialize)]
pub(super) struct StoredEvent<'a> {
    pub(super) id: Uuid,
    #[serde(rename = "type")]
    pub(super) type_name: &'a str,
    pub(super) version: u16,
    #[serde(borrow)]
    pub(super) metadata: &'a RawValue,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
}

impl<'a> Row<'a> {
    fn from_sql(row: &'a rusqlite::Row<'_>) -> Result<Self, ReadError> {
        let position = row.get::<_, i64>(0).map_err(unavailable)?.cast_unsigned();
        let damaged = |_| corrupt(position, "a column has the wrong kind of value");
        let text = |index| match row.get_ref(index) {
            Ok(ValueRef::Text(text)) => Ok(text),
            Ok(_) => Err(corrupt(position, "a column has the wrong kind of value")),
            Err(error) => Err(unavailable(error)),
        };
        let events = text(3)?;
        let stream = str::from_utf8(text(1)?)
            .map_err(|_| corrupt(position, "the stream's name is not UTF-8"))?;
        let found = Self {
            position,
            stream,
            revision: row.get::<_, i64>(2).map_err(damaged)?.cast_unsigned(),
            events,
            checksum: row.get(4).map_err(damaged)?,
        };
        if checksum(found.stream, found.events) == found.checksum {
            Ok(found)
        } else {
            Err(corrupt(position, "the checksum does not match"))
        }
    }

    /// How many events the row holds.
    pub(super) fn count(&self) -> Result<u64, ReadError> {
        let events: Vec<IgnoredAny> = serde_json::from_slice(self.events)
            .map_err(|error| corrupt(self.position, &format!("not an array of events: {error}")))?;
        match events.len() as u64 {
            0 => Err(corrupt(self.position, "the append holds no event")),
            count => Ok(count),
        }
    }

    /// Decodes the row's events after a position, no more than fit below `limit` in `into`.
    pub(super) fn decode(
        &self,
        after: u64,
        limit: usize,
        type_names: &TypeNames,
        into: &mut Vec<LoggedEvent>,
    ) -> Result<(), ReadError> {
        let malformed = |error: serde_json::Error| {
            corrupt(self.position, &format!("not an array of events: {error}"))
        };
        let stream = StreamId::new(self.stream)
            .map_err(|error| corrupt(self.position, &error.to_string()))?;
        let row = Bytes::copy_from_slice(self.events);
        let events: Vec<StoredEvent<'_>> = serde_json::from_slice(&row).map_err(malformed)?;
        for (event, offset) in events.iter().zip(0..) {
            let position = self.position + offset;
            if position <= after {
                continue;
            }
            if into.len() == limit {
                break;
            }
            into.push(LoggedEvent {
                position: Position(position),
                stream: stream.clone(),
                revision: self.revision + offset,
                id: event.id,
                type_name: type_names.shared(event.type_name),
                version: event.version,
                metadata: row.slice_ref(event.metadata.get().as_bytes()),
                data: row.slice_ref(event.data.get().as_bytes()),
                envelope: None,
            });
        }
        Ok(())
    }
}

/// Visits rows in order, beginning with the one that holds the event after `after`, until the
/// visitor answers `false`.
pub(super) fn for_each_row<E: From<ReadError>>(
    log: &Connection,
    after: u64,
    visit: impl FnMut(Row<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    let mut statement = log.prepare_cached(SELECT_AFTER).map_err(unavailable)?;
    let rows = statement.query([after.cast_signed()]).map_err(unavailable)?;
    visit_rows(rows, after + 1, visit)
}

/// Visits rows from the last one back, until the visitor answers `false`.
pub(super) fn for_each_row_backwards<E: From<ReadError>>(
    log: &Connection,
    visit: impl FnMut(Row<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    let mut statement = log.prepare_cached(SELECT_BACKWARDS).map_err(unavailable)?;
    visit_rows(statement.query([]).map_err(unavailable)?, 0, visit)
}

fn visit_rows<E: From<ReadError>>(
    mut rows: rusqlite::Rows<'_>,
    mut position: u64,
    mut visit: impl FnMut(Row<'_>) -> Result<bool, E>,
) -> Result<(), E> {
    while let Some(row) = rows.next().map_err(|error| failed(position, error))? {
        let row = Row::from_sql(row)?;
        position = row.position;
        if !visit(row)? {
            break;
        }
    }
    Ok(())
}

/// Visits the row that begins at a position; `None` if there is none.
pub(super) fn with_row<T>(
    log: &Connection,
    position: u64,
    visit: impl FnOnce(Row<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let mut statement = log.prepare_cached(SELECT_ONE).map_err(unavailable)?;
    let mut rows = statement.query([position.cast_signed()]).map_err(unavailable)?;
    match rows.next().map_err(|error| failed(position, error))? {
        Some(row) => visit(Row::from_sql(row)?).map(Some),
        None => Ok(None),
    }
}

/// Events after a position, in order, at most `limit`.
pub(super) fn read(
    log: &Connection,
    after: u64,
    limit: usize,
    type_names: &TypeNames,
) -> Result<Vec<LoggedEvent>, ReadError> {
    let mut events = read_bare(log, after, limit, type_names)?;
    let (mut read, mut size_bytes) = (0, 0);
    while read < events.len() && size_bytes < READ_SIZE_BYTES_MAX {
        let step = ENVELOPES_PER_STEP.min(events.len() - read);
        let events = &mut events[read..read + step];
        attach_envelopes(log, events)?;
        size_bytes += envelopes_size_bytes(events);
        read += step;
    }
    events.truncate(read);
    Ok(events)
}

/// Events whose envelopes are read before their size is looked at.
const ENVELOPES_PER_STEP: usize = 16;

/// How many bytes the envelopes of some events have together.
fn envelopes_size_bytes(events: &[LoggedEvent]) -> usize {
    events.iter().filter_map(|event| event.envelope.as_ref()).map(Bytes::len).sum()
}

/// Gives the last of some events their envelopes, as many as come to about so many bytes; the others are dropped.
pub(super) fn attach_last_envelopes(
    log: &Connection,
    events: &mut Vec<LoggedEvent>,
    size_bytes_max: usize,
) -> Result<(), ReadError> {
    let (mut first, mut size_bytes) = (events.len(), 0);
    while first > 0 && size_bytes < size_bytes_max {
        let end = first;
        first = end.saturating_sub(ENVELOPES_PER_STEP);
        attach_envelopes(log, &mut events[first..end])?;
        size_bytes += envelopes_size_bytes(&events[first..end]);
    }
    events.drain(..first);
    Ok(())
}

/// [`read`] without the envelopes.
pub(super) fn read_bare(
    log: &Connection,
    after: u64,
    limit: usize,
    type_names: &TypeNames,
) -> Result<Vec<LoggedEvent>, ReadError> {
    let mut events = Vec::with_capacity(limit);
    if limit > 0 {
        for_each_row(log, after, |row| {
            row.decode(after, limit, type_names, &mut events)?;
            Ok::<_, ReadError>(events.len() < limit)
        })?;
    }
    Ok(events)
}

/// The log's own id, `None` in a file that has none yet.
pub(super) fn store_id(log: &Connection) -> rusqlite::Result<Option<String>> {
    log.query_row("SELECT id FROM store", [], |row| row.get(0)).optional()
}

/// One shared text for each type name, so that an event does not carry its own copy.
#[derive(Default)]
pub(super) struct TypeNames(RwLock<HashSet<Arc<str>>>);

impl TypeNames {
    /// Far more types than a program has; more names than that are not shared.
    const NAMES_MAX: usize = 4_096;

    pub(super) fn shared(&self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        let name = Arc::from(name);
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() < Self::NAMES_MAX {
            names.insert(Arc::clone(&name));
        }
        name
    }
}

pub(super) fn corrupt(position: u64, reason: &str) -> ReadError {
    ReadError::Corrupt { position: Position(position), reason: reason.to_owned() }
}

/// A failure of the engine met at or near a position.
pub(super) fn failed(position: u64, error: rusqlite::Error) -> ReadError {
    let is_damage = error.sqlite_error().is_some_and(|error| {
        matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            // The file ends where it should go on.
            || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ
    });
    if is_damage { corrupt(position, &error.to_string()) } else { unavailable(error) }
}

pub(super) fn unavailable(error: rusqlite::Error) -> ReadError {
    ReadError::Unavailable(error.to_string())
}
