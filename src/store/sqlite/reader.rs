//! Reading: a small pool of read-only connections, used on threads that may block.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::{
    index::{IndexReader, Tail},
    log::{self, TypeNames, corrupt, unavailable},
    open::{DirectoryLock, LOG_FILE, configure_any},
};
use crate::store::{LoggedEvent, ReadError, StreamId};

/// Connections, and so reads at a time.
const READERS_MAX: usize = 4;

/// Read-only connections to log and index.
pub(super) struct Reader {
    pub(super) log: Connection,
    pub(super) index: IndexReader,
    pub(super) type_names: Arc<TypeNames>,
}

impl Reader {
    /// Events of a stream from a revision on, at most `limit`.
    pub(super) fn read_stream(
        &self,
        stream: &StreamId,
        start: u64,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let mut events = Vec::new();
        if limit == 0 {
            return Ok(events);
        }
        for (last_revision, position) in self.index.appends(stream, start, limit)? {
            if events.len() == limit {
                break;
            }
            let expected = start + events.len() as u64;
            let known = log::with_row(&self.log, position, |row| {
                if row.stream != stream.as_str() || row.revision > expected {
                    return Err(misled(position, stream));
                }
                // Only the first row may begin before the start.
                let after = (row.position + (expected - row.revision)).saturating_sub(1);
                row.decode(after, limit, &self.type_names, &mut events)
            })?;
            let reached = start + events.len() as u64;
            if known.is_none() || (events.len() < limit && reached != last_revision + 1) {
                return Err(misled(position, stream));
            }
        }
        log::attach_envelopes(&self.log, &mut events)?;
        Ok(events)
    }

    /// Events of the log after a position, at most `limit`.
    pub(super) fn read_all(&self, after: u64, limit: usize) -> Result<Vec<LoggedEvent>, ReadError> {
        log::read(&self.log, after, limit, &self.type_names)
    }
}

fn misled(position: u64, stream: &StreamId) -> ReadError {
    let reason = format!(
        "the stream index and the log disagree about {stream}; first try to delete \
         stream-index.db while the program is stopped, it is built anew"
    );
    corrupt(position, &reason)
}

/// Hands out readers; opens them when they are first needed.
pub(super) struct ReaderPool {
    directory: PathBuf,
    tail: Arc<Tail>,
    type_names: Arc<TypeNames>,
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
    /// A read may outlive the store's handle: the directory stays locked until it ends.
    _lock: Arc<DirectoryLock>,
}

impl ReaderPool {
    pub(super) fn new(
        directory: PathBuf,
        tail: Arc<Tail>,
        type_names: Arc<TypeNames>,
        lock: Arc<DirectoryLock>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(READERS_MAX));
        Self { directory, tail, type_names, idle: Mutex::default(), permits, _lock: lock }
    }

    /// Runs a read on a blocking thread, when a reader is free.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let ended = |error: &dyn std::fmt::Display| ReadError::Unavailable(error.to_string());
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|error| ended(&error))?;
        let pool = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            pool.run_blocking(read)
        });
        task.await.map_err(|error| ended(&error))?
    }

    /// Runs a read on this thread, at once: for threads of which there are few.
    pub(super) fn run_blocking<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let reader = match known {
            Some(reader) => reader,
            None => self.open().map_err(unavailable)?,
        };
        let answer = read(&reader);
        let mut idle = idle();
        if idle.len() < READERS_MAX {
            idle.push(reader);
        }
        answer
    }

    /// Opens a reader of its own for the caller.
    pub(super) fn open(&self) -> rusqlite::Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let log = Connection::open_with_flags(self.directory.join(LOG_FILE), flags)?;
        configure_any(&log)?;
        let index = IndexReader::open(&self.directory, Arc::clone(&self.tail))?;
        Ok(Reader { log, index, type_names: Arc::clone(&self.type_names) })
    }
}
