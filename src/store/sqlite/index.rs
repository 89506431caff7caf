//! The stream index: which appends a stream consists of. Derived from the log, in a file of its own.
//!
//! The commit path writes the log and nothing else. Appends that are committed but not yet in the
//! index file stand in memory, in the *tail*; when enough have gathered, a thread of its own writes
//! them, sorted, in one transaction with the *watermark* that says how far the index goes. The log
//! is scanned from there when the store opens. A missing, damaged or foreign index is rebuilt.
//!
//! Readers ask the tail first and the file second: what moves from one to the other in between is
//! met twice, never missed.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{
    Health, log,
    open::{OpenError, configure_any},
};
use crate::store::{ReadError, StreamId};

/// Appends that gather in the tail before they are written to the file.
const TAIL_APPENDS: usize = 65_536;
/// Appends in the tail beyond which the writer waits for the index.
const TAIL_APPENDS_MAX: usize = 4 * TAIL_APPENDS;

const FILE: &str = "stream-index.db";
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE stream_index (
        stream TEXT NOT NULL,
        revision INTEGER NOT NULL, -- of the append's last event
        position INTEGER NOT NULL, -- of the append's first event, its key in the log
        PRIMARY KEY (stream, revision)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE watermark (
        store_id TEXT NOT NULL,
        position INTEGER NOT NULL, -- of the last event that is indexed
        row_position INTEGER NOT NULL, -- of its append's row in the log
        row_checksum INTEGER NOT NULL -- of that row: another log, or another history, differs
    ) STRICT;
    PRAGMA user_version = 1;";

/// One append of a stream.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Revision of the append's last event.
    revision: u64,
    /// Position of the append's first event: the key of its row.
    position: u64,
}

/// How far the index file goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watermark {
    /// Last event that is indexed; 0 for none.
    pub(super) position: u64,
    row_position: u64,
    row_checksum: u32,
}

/// An append that the writer has committed.
pub(super) struct Committed {
    pub(super) stream: StreamId,
    /// Of the first event.
    pub(super) position: u64,
    /// Of the last event.
    pub(super) revision_last: u64,
    pub(super) count: u64,
    pub(super) checksum: u32,
}

type Entries = HashMap<StreamId, Vec<Entry>>;

/// Committed appends that are not in the index file yet.
pub(super) struct Tail {
    state: Mutex<TailState>,
    drained: Condvar,
}

#[derive(Default)]
struct TailState {
    fresh: Entries,
    fresh_appends: usize,
    /// Up to the last append in `fresh`.
    watermark: Watermark,
    /// Being written to the file; empty when nothing is.
    frozen: Arc<Entries>,
}

/// What the index thread is given to write.
struct Portion {
    entries: Arc<Entries>,
    watermark: Watermark,
}

impl Tail {
    fn state(&self) -> MutexGuard<'_, TailState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Last revision of a stream as far as the tail knows it.
    fn head(&self, stream: &StreamId) -> Option<u64> {
        let state = self.state();
        let entries = state.fresh.get(stream).or_else(|| state.frozen.get(stream))?;
        entries.last().map(|entry| entry.revision)
    }

    /// Adds the stream's appends that reach beyond a revision.
    fn collect(&self, stream: &StreamId, start: u64, into: &mut BTreeMap<u64, u64>) {
        let state = self.state();
        for entries in [state.frozen.get(stream), state.fresh.get(stream)].into_iter().flatten() {
            let beyond = entries.partition_point(|entry| entry.revision < start);
            into.extend(entries[beyond..].iter().map(|entry| (entry.revision, entry.position)));
        }
    }
}

impl TailState {
    fn add(&mut self, append: Committed) {
        let entry = Entry { revision: append.revision_last, position: append.position };
        self.fresh.entry(append.stream).or_default().push(entry);
        self.fresh_appends += 1;
        self.watermark = Watermark {
            position: append.position + append.count - 1,
            row_position: append.position,
            row_checksum: append.checksum,
        };
    }

    fn freeze(&mut self) -> Portion {
        self.frozen = Arc::new(std::mem::take(&mut self.fresh));
        self.fresh_appends = 0;
        Portion { entries: Arc::clone(&self.frozen), watermark: self.watermark }
    }
}

/// The writer's end of the index: takes committed appends and passes them on to the index thread.
pub(super) struct Indexer {
    tail: Arc<Tail>,
    portions: Option<mpsc::SyncSender<Portion>>,
    thread: Option<JoinHandle<()>>,
    health: Arc<Health>,
}

impl Indexer {
    /// Makes appends visible to readers of their streams. Waits when the index thread is far
    /// behind.
    pub(super) fn add(&self, appends: impl Iterator<Item = Committed>) {
        let mut state = self.tail.state();
        appends.for_each(|append| state.add(append));
        if state.fresh_appends < TAIL_APPENDS {
            return;
        }
        while state.fresh_appends >= TAIL_APPENDS_MAX
            && !state.frozen.is_empty()
            && self.health.stopped().is_none()
        {
            state = self.tail.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.pass_on(&mut state);
    }

    /// Gives the fresh entries to the index thread if it is idle.
    fn pass_on(&self, state: &mut TailState) {
        if state.frozen.is_empty()
            && state.fresh_appends > 0
            && let Some(portions) = &self.portions
        {
            // The channel holds one portion, and none is in it while nothing is frozen.
            let _ = portions.try_send(state.freeze());
        }
    }
}

impl Drop for Indexer {
    /// Writes what is left, so that the next opening has nothing to scan.
    fn drop(&mut self) {
        let mut state = self.tail.state();
        while !state.frozen.is_empty() && self.health.stopped().is_none() {
            state = self.tail.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.pass_on(&mut state);
        drop(state);
        self.portions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The index thread: writes portions until the writer is gone.
fn run(mut file: Connection, portions: &mpsc::Receiver<Portion>, tail: &Tail, health: &Health) {
    for portion in portions {
        let written = write(&mut file, &portion.entries, portion.watermark);
        // Both outcomes are told under the lock: a writer about to wait must not miss them.
        let mut state = tail.state();
        match written {
            Ok(()) => state.frozen = Arc::default(),
            Err(error) => {
                tracing::error!(%error, "the stream index cannot be written");
                health.stop(&format!("the stream index cannot be written: {error}"));
            }
        }
        drop(state);
        tail.drained.notify_all();
    }
}

fn write(file: &mut Connection, entries: &Entries, watermark: Watermark) -> rusqlite::Result<()> {
    // In the order of the table, so that the tree is walked once from left to right.
    let mut streams: Vec<_> = entries.iter().collect();
    streams.sort_unstable_by_key(|(stream, _)| stream.as_str());
    let transaction = file.transaction()?;
    {
        let mut insert = transaction
            .prepare_cached("INSERT OR REPLACE INTO stream_index VALUES (?1, ?2, ?3)")?;
        for (stream, appends) in streams {
            for entry in appends {
                let numbers = (entry.revision.cast_signed(), entry.position.cast_signed());
                insert.execute((stream.as_str(), numbers.0, numbers.1))?;
            }
        }
        transaction
            .prepare_cached(
                "UPDATE watermark SET position = ?1, row_position = ?2, row_checksum = ?3",
            )?
            .execute((
                watermark.position.cast_signed(),
                watermark.row_position.cast_signed(),
                watermark.row_checksum,
            ))?;
    }
    transaction.commit()
}

/// A read-only view of tail and file. One a thread.
pub(super) struct IndexReader {
    tail: Arc<Tail>,
    file: Connection,
}

impl IndexReader {
    /// Opens the view.
    pub(super) fn open(directory: &Path, tail: Arc<Tail>) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = Connection::open_with_flags(directory.join(FILE), flags)?;
        configure_any(&file)?;
        Ok(Self { tail, file })
    }

    /// Last revision of a stream, `None` if it does not exist.
    pub(super) fn head(&self, stream: &StreamId) -> Result<Option<u64>, ReadError> {
        if let Some(revision) = self.tail.head(stream) {
            return Ok(Some(revision));
        }
        self.file
            .prepare_cached("SELECT max(revision) FROM stream_index WHERE stream = ?1")
            .and_then(|mut query| query.query_row([stream.as_str()], |row| row.get(0)))
            .map(|revision: Option<i64>| revision.map(i64::cast_unsigned))
            .map_err(unavailable)
    }

    /// The stream's appends that hold its revisions from `start` on, at most `limit` of them, in
    /// order: last revision of each, and the position of its row.
    pub(super) fn appends(
        &self,
        stream: &StreamId,
        start: u64,
        limit: usize,
    ) -> Result<BTreeMap<u64, u64>, ReadError> {
        let mut appends = BTreeMap::new();
        self.tail.collect(stream, start, &mut appends);
        let mut query = self
            .file
            .prepare_cached(
                "SELECT revision, position FROM stream_index
                 WHERE stream = ?1 AND revision >= ?2 ORDER BY revision LIMIT ?3",
            )
            .map_err(unavailable)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let start = i64::try_from(start).unwrap_or(i64::MAX);
        let rows = query
            .query_map((stream.as_str(), start, limit), |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
            })
            .map_err(unavailable)?;
        for row in rows {
            let (revision, position) = row.map_err(unavailable)?;
            appends.insert(revision, position);
        }
        Ok(appends)
    }
}

fn unavailable(error: rusqlite::Error) -> ReadError {
    ReadError::Unavailable(format!(
        "{FILE}: {error}; if this stays, stop the program and delete {FILE}, it is built anew"
    ))
}

/// What opening found.
pub(super) struct Opened {
    pub(super) tail: Arc<Tail>,
    pub(super) indexer: Indexer,
    /// Position of the log's last event, 0 for an empty log.
    pub(super) head: u64,
}

/// Opens the index of a log, brings it up to the log's end and starts its thread.
pub(super) fn open(
    directory: &Path,
    log: &Connection,
    store_id: &str,
    health: &Arc<Health>,
) -> Result<Opened, OpenError> {
    let path = directory.join(FILE);
    let failed = |error| OpenError::from_sqlite(&path, error);
    let (mut file, watermark) = match open_file(&path, log, store_id) {
        Ok(opened) => opened,
        Err(reason) => {
            if path.exists() {
                tracing::warn!(%reason, "the stream index is not usable: building it anew from the log");
            } else {
                tracing::debug!("a new stream index");
            }
            (create_file(&path, store_id)?, Watermark::default())
        }
    };

    // The scan also proves that the log goes on without a gap from the watermark to its end.
    let mut state = TailState { watermark, ..TailState::default() };
    let mut head = watermark.position;
    log::for_each_row(log, head, |row| {
        if row.position <= watermark.position {
            return Ok(true); // The last row that is indexed, met when none follows it.
        }
        if row.position != head + 1 {
            let reason = format!("the log goes on at position {} instead", row.position);
            return Err(log::corrupt(head + 1, &reason).into());
        }
        let count = row.count()?;
        head += count;
        state.add(Committed {
            stream: StreamId::new(row.stream)
                .map_err(|error| log::corrupt(row.position, &error.to_string()))?,
            position: row.position,
            revision_last: row.revision + count - 1,
            count,
            checksum: row.checksum,
        });
        if state.fresh_appends == 2 * TAIL_APPENDS {
            let portion = state.freeze();
            write(&mut file, &portion.entries, portion.watermark).map_err(failed)?;
            state.frozen = Arc::default();
            tracing::info!(position = head, "building the stream index");
        }
        Ok::<_, OpenError>(true)
    })?;

    let tail = Arc::new(Tail { state: Mutex::new(state), drained: Condvar::new() });
    let (sender, portions) = mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("stream-index".into()).spawn({
        let (tail, health) = (Arc::clone(&tail), Arc::clone(health));
        move || run(file, &portions, &tail, &health)
    });
    let indexer = Indexer {
        tail: Arc::clone(&tail),
        portions: Some(sender),
        thread: Some(thread.map_err(|source| OpenError::Directory { path, source })?),
        health: Arc::clone(health),
    };
    Ok(Opened { tail, indexer, head })
}

/// Opens an existing file; the error says why it cannot be used.
fn open_file(
    path: &Path,
    log: &Connection,
    store_id: &str,
) -> Result<(Connection, Watermark), String> {
    let unusable = |error: rusqlite::Error| error.to_string();
    if !path.exists() {
        return Err("there is none".into());
    }
    let file = Connection::open(path).map_err(unusable)?;
    configure(&file).map_err(unusable)?;
    let version: i64 =
        file.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unusable)?;
    if version != SCHEMA_VERSION {
        return Err(format!("its version is {version}, not {SCHEMA_VERSION}"));
    }
    let found = file
        .query_row(
            "SELECT store_id, position, row_position, row_checksum FROM watermark",
            [],
            |row| {
                let position = row.get::<_, i64>(1)?.cast_unsigned();
                let row_position = row.get::<_, i64>(2)?.cast_unsigned();
                let watermark = Watermark { position, row_position, row_checksum: row.get(3)? };
                Ok((row.get::<_, String>(0)?, watermark))
            },
        )
        .optional()
        .map_err(unusable)?;
    let Some((known_id, watermark)) = found else { return Err("it has no watermark".into()) };
    if known_id != store_id {
        return Err("it belongs to another log".into());
    }
    if watermark.position > 0 {
        let reaches = log::with_row(log, watermark.row_position, |row| {
            let last = row.position + row.count()? - 1;
            Ok(row.checksum == watermark.row_checksum && last == watermark.position)
        });
        match reaches {
            Ok(Some(true)) => {}
            Ok(_) => return Err("it speaks of events that the log does not have".into()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok((file, watermark))
}

fn create_file(path: &Path, store_id: &str) -> Result<Connection, OpenError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let name = PathBuf::from(name);
        match fs::remove_file(&name) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::Directory { path: name, source });
            }
            _ => {}
        }
    }
    let create = || {
        let mut file = Connection::open(path)?;
        configure(&file)?;
        let transaction = file.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute("INSERT INTO watermark VALUES (?1, 0, 0, 0)", [store_id])?;
        transaction.commit()?;
        Ok(file)
    };
    create().map_err(|error| OpenError::from_sqlite(path, error))
}

fn configure(file: &Connection) -> rusqlite::Result<()> {
    // What the last moments before a power failure lose here is in the log.
    file.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(stream: &str, position: u64, revision_last: u64) -> Committed {
        let stream = StreamId::new(stream).unwrap();
        Committed { stream, position, revision_last, count: 1, checksum: 0 }
    }

    #[test]
    fn what_is_being_written_to_the_file_is_still_in_the_tail() {
        let mut state = TailState::default();
        state.add(append("case-1", 1, 0));
        state.add(append("case-2", 2, 0));
        let portion = state.freeze();
        state.add(append("case-1", 3, 1));
        let tail = Tail { state: Mutex::new(state), drained: Condvar::new() };

        assert_eq!(portion.watermark.position, 2);
        let (one, two) = (StreamId::new("case-1").unwrap(), StreamId::new("case-2").unwrap());
        assert_eq!((tail.head(&one), tail.head(&two)), (Some(1), Some(0)));
        let mut found = BTreeMap::new();
        tail.collect(&one, 0, &mut found);
        assert_eq!(found, BTreeMap::from([(0, 1), (1, 3)]));
        found.clear();
        tail.collect(&one, 1, &mut found);
        assert_eq!(found, BTreeMap::from([(1, 3)]));
    }
}
