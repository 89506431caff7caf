//! Reading a log that may have been tampered with: whatever stands there is handed out, with what is wrong with it.
//!
//! The other readers stop at the first thing that is wrong, as they should: nobody must work with it. Whoever verifies a log wants to know
//! what else there is.

use bytes::Bytes;
use rusqlite::types::{Value, ValueRef};
use sha2::{Digest, Sha256};

use super::log::{self, StoredEvent};
use super::log_reader::LogReader;
use crate::store::{LoggedEvent, Position, ReadError, StreamId};

const SELECT_ROWS: &str = "SELECT position, stream, revision, events, checksum FROM log
    WHERE position > ?1 ORDER BY position LIMIT ?2";

const SELECT_ENVELOPES: &str = "SELECT position, envelope FROM vault
    WHERE position > ?1 AND position <= ?2 ORDER BY position";

/// A row of the log as it stands there.
#[derive(Debug)]
pub struct AuditedRow {
    /// Where the row says that its first event stands.
    pub position: i64,
    /// The events that can be read, from the row's beginning up to the first that cannot.
    pub events: Vec<LoggedEvent>,
    /// Which event of the row, from 0, is the first that cannot be read, and why.
    pub unreadable: Option<(u64, String)>,
    /// What is wrong with a row that can be read.
    pub problem: Option<&'static str>,
}

/// Some rows in the order of their positions.
#[derive(Debug)]
pub struct AuditedPage {
    /// The rows.
    pub rows: Vec<AuditedRow>,
    /// The envelopes at their positions, by SHA-256; see [`LogReader::audit_envelopes`].
    pub envelopes: Vec<(i64, [u8; 32])>,
    /// Why there are no more, where that is not the end of the log.
    pub failure: Option<ReadError>,
}

impl LogReader {
    /// At most `limit` rows whose position is greater than `after`. None, without a failure, means that the log ends there.
    pub fn audit(&self, after: i64, limit: u32) -> AuditedPage {
        let mut page = AuditedPage { rows: Vec::new(), envelopes: Vec::new(), failure: None };
        // The position behind what was read: the first that may be damaged.
        let next = |page: &AuditedPage| {
            let next = match page.rows.last() {
                Some(row) => row.position.saturating_add(row.events.len().max(1) as i64),
                None => after.saturating_add(1),
            };
            next.max(1).cast_unsigned()
        };
        let outcome = (|| {
            let mut statement = self.log.prepare_cached(SELECT_ROWS)?;
            let mut rows = statement.query((after, limit))?;
            let mut previous = after;
            while let Some(row) = rows.next()? {
                let row = self.audited(row)?;
                // In a damaged file the tree of rows may lead in a circle.
                if row.position <= previous {
                    let reason = "the rows do not stand in the order of their positions";
                    page.failure = Some(log::corrupt(next(&page), reason));
                    break;
                }
                previous = row.position;
                page.rows.push(row);
            }
            Ok(())
        })();
        if let Err(error) = outcome {
            page.failure = Some(log::failed(next(&page), error));
        }
        page
    }

    /// The SHA-256 of each envelope that stands after a position and up to another one, in order.
    pub fn audit_envelopes(&self, after: i64, to: i64) -> Result<Vec<(i64, [u8; 32])>, ReadError> {
        let failed = |error| log::failed(after.max(0).cast_unsigned(), error);
        if !self.has_vault().map_err(failed)? {
            return Ok(Vec::new());
        }
        let mut statement = self.log.prepare_cached(SELECT_ENVELOPES).map_err(failed)?;
        let envelope = |row: &rusqlite::Row<'_>| {
            let hash = match row.get_ref(1)? {
                ValueRef::Blob(bytes) => Sha256::digest(bytes).into(),
                // No envelope at all: it has no hash that an event could name.
                _ => [0; 32],
            };
            Ok((row.get(0)?, hash))
        };
        let rows = statement.query_map((after, to), envelope).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    /// Positions behind the log's end, at that moment, at which an envelope stands; a few of them.
    pub fn envelopes_behind_end(&self) -> Result<Vec<i64>, ReadError> {
        let failed = |error| log::failed(0, error);
        if !self.has_vault().map_err(failed)? {
            return Ok(Vec::new());
        }
        // One moment for both: an append writes its row and its envelopes at once.
        let transaction = self.log.unchecked_transaction().map_err(failed)?;
        let head = self.head()?.map_or(0, |head| head.0.cast_signed());
        let mut statement = transaction
            .prepare("SELECT position FROM vault WHERE position > ?1 ORDER BY position LIMIT 20")
            .map_err(failed)?;
        let rows = statement.query_map([head], |row| row.get(0)).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }

    fn has_vault(&self) -> rusqlite::Result<bool> {
        self.log.table_exists(None, "vault")
    }

    fn audited(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditedRow> {
        let position = row.get(0)?;
        let mut found =
            AuditedRow { position, events: Vec::new(), unreadable: None, problem: None };
        let (ValueRef::Text(stream), ValueRef::Integer(revision), ValueRef::Text(events)) =
            (row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?)
        else {
            found.unreadable = Some((0, "a column has the wrong kind of value".to_owned()));
            return Ok(found);
        };
        let stream = match str::from_utf8(stream).ok().map(StreamId::new) {
            Some(Ok(stream)) => stream,
            Some(Err(error)) => {
                found.unreadable = Some((0, error.to_string()));
                return Ok(found);
            }
            None => {
                found.unreadable = Some((0, "the stream's name is not UTF-8".to_owned()));
                return Ok(found);
            }
        };
        let checksum: Value = row.get(4)?;
        if checksum != Value::Integer(log::checksum(stream.as_str(), events).into()) {
            found.problem = Some("the checksum of the append does not match");
        }
        let bytes = Bytes::copy_from_slice(events);
        let mut canonical = Vec::with_capacity(events.len());
        found.unreadable = self.events(&stream, position, revision, &bytes, &mut found.events);
        for event in &found.events {
            let (metadata, data) = (&event.metadata, &event.data);
            log::lay_out(&mut canonical, event.id, &event.type_name, event.version, metadata, data);
        }
        canonical.push(b']');
        if found.unreadable.is_none() && found.problem.is_none() && canonical != events {
            found.problem = Some("the append holds bytes that belong to none of its events");
        }
        Ok(found)
    }

    /// Decodes the events one by one; answers why it could not go on.
    fn events(
        &self,
        stream: &StreamId,
        position: i64,
        revision: i64,
        row: &Bytes,
        into: &mut Vec<LoggedEvent>,
    ) -> Option<(u64, String)> {
        let mut rest: &[u8] = row;
        let (mut position, mut revision) = (position.cast_unsigned(), revision.cast_unsigned());
        let mut opening = b'[';
        loop {
            rest = match rest.split_first() {
                Some((b']', [])) if opening == b',' => return None,
                Some((sign, after)) if *sign == opening => after,
                // What stands between two events belongs to the one before.
                _ => {
                    let event = into.len().saturating_sub(1) as u64;
                    return Some((event, "the append is not an array of events".to_owned()));
                }
            };
            let mut elements =
                serde_json::Deserializer::from_slice(rest).into_iter::<StoredEvent<'_>>();
            let event = match elements.next() {
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    return Some((into.len() as u64, format!("not an event: {error}")));
                }
                None => {
                    return Some((into.len() as u64, "the append ends in the middle".to_owned()));
                }
            };
            rest = &rest[elements.byte_offset()..];
            into.push(LoggedEvent {
                position: Position(position),
                stream: stream.clone(),
                revision,
                id: event.id,
                type_name: self.type_names.shared(event.type_name),
                version: event.version,
                metadata: row.slice_ref(event.metadata.get().as_bytes()),
                data: row.slice_ref(event.data.get().as_bytes()),
                envelope: None,
            });
            opening = b',';
            (position, revision) = (position.wrapping_add(1), revision.wrapping_add(1));
        }
    }
}
