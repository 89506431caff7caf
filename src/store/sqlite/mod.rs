//! The embedded event store: an append-only SQLite file and what is derived beside it.
//!
//! A data directory holds `LOCK`, `log.db` (the log, the only thing that cannot be rebuilt) and
//! `stream-index.db` (derived). One writer thread commits appends in groups; a second thread keeps
//! the stream index; a third one checkpoints. Readers of the log's end are served from memory.
//! Positions are dense: 1, 2, 3 ...

mod audit;
mod backup;
mod check;
mod checkpoint;
mod index;
mod log;
mod log_reader;
pub mod migration;
mod mirror;
mod open;
mod published;
mod reader;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread::JoinHandle,
};

use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

pub use self::{
    audit::{AuditedPage, AuditedRow},
    backup::{Backup, BackupError, BackupProgress, backup},
    check::Checked,
    open::OpenError,
};
use self::{
    checkpoint::Checkpointer,
    index::IndexReader,
    log::TypeNames,
    open::{DirectoryLock, OpenedLog},
    published::Published,
    reader::ReaderPool,
    writer::{Answer, BATCH_APPENDS_MAX, Memory, Removal, Request, Work, Writer},
};
use super::{
    APPEND_SIZE_BYTES_MAX, AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent,
    Position, READ_EVENTS_MAX, ReadError, StreamId, answer_retry,
};
pub use log_reader::LogReader;

/// Bytes of appends that may wait for the writer, in units of [`QUEUE_UNIT_BYTES`].
const QUEUE_UNITS: usize = 64 * APPEND_SIZE_BYTES_MAX / QUEUE_UNIT_BYTES;
const QUEUE_UNIT_BYTES: usize = 1_024;

/// Sizes that an operator or a test may want otherwise.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// Size of the WAL, kept on disk for good. It is checkpointed when half full.
    pub wal_size_bytes: u64,
    /// Size at which the log file counts as full, `None` for as large as the disk.
    pub log_size_bytes_max: Option<u64>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { wal_size_bytes: 128 * 1024 * 1024, log_size_bytes_max: None }
    }
}

/// Whether the store still takes appends. Once stopped it stays so until it is opened again.
#[derive(Default)]
struct Health {
    stopped: OnceLock<String>,
}

impl Health {
    fn stop(&self, reason: &str) {
        // The first reason is the cause, later ones follow from it.
        let _ = self.stopped.set(reason.to_owned());
    }

    fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }
}

/// The embedded store. Dropping it waits until what is queued is written, a moment at most.
pub struct SqliteStore {
    id: Uuid,
    directory: PathBuf,
    /// Taken when the store is dropped: the writer ends with its queue.
    queue: Option<mpsc::Sender<Work>>,
    queue_space: Arc<Semaphore>,
    writer: Option<JoinHandle<()>>,
    published: Arc<Published>,
    readers: Arc<ReaderPool>,
    type_names: Arc<TypeNames>,
    health: Arc<Health>,
}

impl SqliteStore {
    /// Opens a data directory, creating what is not there. Takes a moment after a crash, and longer
    /// (about a second for a million events) when the stream index must be built anew.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        Self::open_with(directory, &SqliteOptions::default())
    }

    /// Opens a data directory with other sizes than the default ones.
    pub fn open_with(directory: &Path, options: &SqliteOptions) -> Result<Self, OpenError> {
        Self::open_as(directory, options, None)
    }

    /// Opens a data directory as a copy of the log with this id, or creates it empty. Nothing but [`Self::mirror`] should write to it.
    ///
    /// # Errors
    /// [`OpenError::AnotherLog`] where the directory holds a log with another id.
    pub fn open_copy(
        directory: &Path,
        options: &SqliteOptions,
        log_id: Uuid,
    ) -> Result<Self, OpenError> {
        Self::open_as(directory, options, Some(log_id))
    }

    fn open_as(
        directory: &Path,
        options: &SqliteOptions,
        copy_of: Option<Uuid>,
    ) -> Result<Self, OpenError> {
        let lock = Arc::new(DirectoryLock::acquire(directory)?);
        let health = Arc::new(Health::default());
        let OpenedLog { writer: log, id } = open::open_log(directory, options, copy_of)?;
        let opened = index::open(directory, &log, &id.to_string(), &health)?;

        let type_names = Arc::new(TypeNames::default());
        let mut memory = Memory::new(opened.head);
        let latest = latest(&log, opened.head, &type_names, &mut memory)?;
        let published = Arc::new(Published::new(latest));

        let failed = |error| OpenError::from_sqlite(directory, error);
        let index = IndexReader::open(directory, Arc::clone(&opened.tail)).map_err(failed)?;
        let readers = ReaderPool::new(directory.to_owned(), opened.tail, type_names.clone(), lock);
        let writer = Writer {
            log,
            index,
            indexer: opened.indexer,
            checkpointer: Checkpointer::start(directory, options, Arc::clone(&health))?,
            published: Arc::clone(&published),
            health: Arc::clone(&health),
            memory,
        };
        let (queue, requests) = mpsc::channel(BATCH_APPENDS_MAX);
        let writer = writer::start(writer, requests)
            .map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
        Ok(Self {
            id,
            directory: directory.to_owned(),
            queue: Some(queue),
            queue_space: Arc::new(Semaphore::new(QUEUE_UNITS)),
            writer: Some(writer),
            published,
            readers: Arc::new(readers),
            type_names,
            health,
        })
    }

    /// Why the store takes no more appends, `None` while it does.
    pub fn stopped(&self) -> Option<&str> {
        self.health.stopped()
    }

    /// The log's events after `after`, like [`EventStore::read_all`], on the caller's thread: for a
    /// projection's own thread. Never call it from a task.
    pub fn scan(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let (after, limit) = self.bounds(after, limit);
        match self.published.read(after, limit) {
            Some(events) => Ok(events),
            None => self.readers.run_blocking(|reader| reader.read_all(after, limit)),
        }
    }

    /// Copies the log as it stands now into a new or empty directory, while appends go on. The
    /// result opens as a data directory. Blocks; `progress` is called several times a second.
    pub fn backup(
        &self,
        target: &Path,
        progress: impl FnMut(BackupProgress),
    ) -> Result<Backup, BackupError> {
        backup(&self.directory, target, progress)
    }

    /// Reads the whole log and checks that positions and revisions are dense, checksums right, and
    /// the stream index in agreement. Blocks; memory grows with the number of streams.
    pub fn check(&self) -> Result<Checked, ReadError> {
        let reader = self.readers.open().map_err(log::unavailable)?;
        check::check(&reader, self.published.head())
    }

    /// Never beyond the head: what the file shows a moment earlier waits until it is published.
    fn bounds(&self, after: Option<Position>, limit: usize) -> (u64, usize) {
        let after = after.map_or(0, |position| position.0);
        let available = self.published.head().saturating_sub(after);
        let available = usize::try_from(available).unwrap_or(usize::MAX);
        (after, limit.min(READ_EVENTS_MAX).min(available))
    }

    fn stopped_error(&self) -> AppendError {
        let reason = self.health.stopped().unwrap_or("the writer has ended");
        AppendError::Stopped(reason.to_owned())
    }
}

/// The last events of the log: tailing readers and retries of the last moments find what they look
/// for at once.
fn latest(
    log: &rusqlite::Connection,
    head: u64,
    type_names: &TypeNames,
    memory: &mut Memory,
) -> Result<Vec<LoggedEvent>, ReadError> {
    let (mut after, mut size_bytes) = (head, 0);
    log::for_each_row_backwards(log, |row| {
        after = row.position - 1;
        size_bytes += row.events.len();
        let few = head - after < published::EVENTS_MAX as u64 / 2;
        Ok::<_, ReadError>(few && size_bytes < published::SIZE_BYTES_MAX / 2)
    })?;
    let mut latest = Vec::new();
    log::for_each_row(log, after, |row| {
        let first = latest.len();
        row.decode(after, usize::MAX, type_names, &mut latest)?;
        if let Some(event) = latest.get(first) {
            memory.remember(event);
        }
        Ok::<_, ReadError>(true)
    })?;
    log::attach_last_envelopes(log, &mut latest, published::SIZE_BYTES_MAX / 2)?;
    Ok(latest)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let Some(queue) = self.queue.as_ref().filter(|_| self.stopped().is_none()) else {
            return Err(self.stopped_error());
        };
        let append = log::encode(stream, &events, &self.type_names)?;
        drop(events);
        let units = u32::try_from(append.row.len().div_ceil(QUEUE_UNIT_BYTES)).unwrap_or(u32::MAX);
        let space = Arc::clone(&self.queue_space).acquire_many_owned(units).await;
        let Ok(size) = space.map(Some) else { return Err(self.stopped_error()) };
        let (answer, answered) = oneshot::channel();
        let request = Request { stream: stream.clone(), expect, place: None, append, answer, size };
        queue.send(Work::Append(request)).await.map_err(|_| self.stopped_error())?;
        match answered.await {
            Ok(Ok(Answer::Written(appended))) => Ok(appended),
            Ok(Ok(Answer::Passed { events, revision, actual })) => {
                let after = revision.checked_sub(1);
                let stored =
                    self.read_stream(stream, after, events.len()).await.map_err(|error| {
                        AppendError::OutcomeUnknown(format!(
                            "its first attempt cannot be read: {error}"
                        ))
                    })?;
                answer_retry(events.iter().map(|event| event.id), &stored, actual)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AppendError::OutcomeUnknown("the writer has ended".into())),
        }
    }

    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        let Some(queue) = self.queue.as_ref().filter(|_| self.stopped().is_none()) else {
            return Err(self.stopped_error());
        };
        let (answer, answered) = oneshot::channel();
        let work = Work::Remove(Removal { events, answer });
        queue.send(work).await.map_err(|_| self.stopped_error())?;
        answered.await.unwrap_or_else(|_| Err(self.stopped_error()))
    }

    async fn sync(&self) -> Result<Option<Position>, ReadError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().filter(|_| self.stopped().is_none());
        let sent = match queue {
            Some(queue) => queue.send(Work::Sync(answer)).await.is_ok(),
            None => false,
        };
        if sent && answered.await.is_ok() {
            return Ok(self.head());
        }
        // An append whose outcome is unknown may stand when the log is opened again.
        Err(ReadError::Unavailable(self.stopped_error().to_string()))
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let stream = stream.clone();
        let start = after.map_or(0, |revision| revision.saturating_add(1));
        let limit = limit.min(READ_EVENTS_MAX);
        self.readers.run(move |reader| reader.read_stream(&stream, start, limit)).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let (after, limit) = self.bounds(after, limit);
        match self.published.read(after, limit) {
            Some(events) => Ok(events),
            None => self.readers.run(move |reader| reader.read_all(after, limit)).await,
        }
    }

    fn head(&self) -> Option<Position> {
        *self.published.head.borrow()
    }

    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.published.head.subscribe()
    }
}
