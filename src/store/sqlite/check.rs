//! A check of the whole log, row by row: what a healthy log looks like, in code.

use std::collections::HashMap;

use super::{
    log::{self, corrupt},
    reader::Reader,
};
use crate::store::{ReadError, StreamId};

/// Rows read in one go: a longer read would keep the WAL from being checkpointed.
const ROWS_PER_READ: u64 = 10_000;

/// What a check has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Events in the log.
    pub events: u64,
    /// Appends that wrote them.
    pub appends: u64,
    /// Streams that they belong to.
    pub streams: u64,
}

/// Checks everything up to `head`; the first thing wrong is the error.
pub(super) fn check(reader: &Reader, head: u64) -> Result<Checked, ReadError> {
    let mut checked = Checked::default();
    // Next revision of each stream, and where its latest append is.
    let mut streams: HashMap<String, (u64, u64)> = HashMap::new();
    while checked.events < head {
        let (start, mut rows) = (checked.events, 0);
        log::for_each_row(&reader.log, start, |row| {
            if row.position != checked.events + 1 {
                let reason = format!("the next append is at position {} instead", row.position);
                return Err(corrupt(checked.events + 1, &reason));
            }
            let count = row.count()?;
            let next = streams.get(row.stream).map_or(0, |(next, _)| *next);
            if row.revision != next {
                let (stream, revision) = (row.stream, row.revision);
                let reason = format!("{stream} goes on with revision {revision}, not {next}");
                return Err(corrupt(row.position, &reason));
            }
            streams.insert(row.stream.to_owned(), (next + count, row.position));
            checked.events += count;
            checked.appends += 1;
            rows += 1;
            Ok(rows < ROWS_PER_READ && checked.events < head)
        })?;
        if rows == 0 {
            return Err(corrupt(start + 1, "the log ends before its head"));
        }
    }
    for (stream, (next, position)) in &streams {
        let stream =
            StreamId::new(stream).map_err(|error| corrupt(*position, &error.to_string()))?;
        let indexed = reader.index.head(&stream)?;
        if indexed.is_none_or(|revision| revision + 1 < *next) {
            let reason =
                format!("the stream index does not know revision {} of {stream}", next - 1);
            return Err(corrupt(*position, &reason));
        }
    }
    checked.streams = streams.len() as u64;
    Ok(checked)
}
