//! Rewriting a log of an earlier release, whose events have personal data as plain text.
//!
//! This is the only time that a log is rewritten. The new file is written beside the old one, with the same id, positions, revisions and
//! event ids, and takes its place when it is whole and on the disk; the old one, and with it the plain text, is then gone. Interrupted, it
//! leaves the old log as it was, and the next attempt begins anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::log::{self, Inserter, SCHEMA_VERSION, TypeNames, UNSEALED_VERSION};
use super::open::{self, DirectoryLock, LOG_FILE, OpenError};
use crate::store::{AppendError, LoggedEvent, NewEvent, ReadError, StreamId};

/// Appends written in one transaction.
const BATCH_APPENDS: u64 = 4_096;

/// Why a log was not rewritten. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError<E: std::error::Error + 'static> {
    /// The directory is in use, or its log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event could not be rewritten.
    #[error("the event at position {position} cannot be rewritten")]
    Event {
        /// Where it stands.
        position: u64,
        /// Why.
        #[source]
        source: E,
    },
    /// What was rewritten does not fit into an append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The new file cannot be written.
    #[error("the new log cannot be written")]
    Engine(#[from] rusqlite::Error),
    /// The new file cannot take the old one's place.
    #[error("{path}: {source}")]
    File {
        /// The file or directory that failed.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Whether the log in a directory has to be rewritten before it can be opened.
pub fn needs_migration(directory: &Path) -> Result<bool, OpenError> {
    let path = directory.join(LOG_FILE);
    if !path.is_file() {
        return Ok(false);
    }
    let failed = |error| OpenError::from_sqlite(&path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let log = Connection::open_with_flags(&path, flags).map_err(failed)?;
    open::configure_any(&log).map_err(failed)?;
    let version = log.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    Ok(version.map_err(failed)? == UNSEALED_VERSION)
}

/// Rewrites the log in a directory, each event as `rewrite` answers it; answers how many events there were.
pub fn migrate<E: std::error::Error + 'static>(
    directory: &Path,
    mut rewrite: impl FnMut(&LoggedEvent) -> Result<NewEvent, E>,
    mut progress: impl FnMut(u64),
) -> Result<u64, MigrationError<E>> {
    let _lock = DirectoryLock::acquire(directory)?;
    let path = directory.join(LOG_FILE);
    let unfinished = directory.join("log.db.migrating");
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| MigrationError::File { path, source }
    };
    remove(&unfinished).map_err(failed(&unfinished))?;

    let old = Connection::open(&path)?;
    // From here on the old log is one file.
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    old.pragma_update(None, "wal_checkpoint", "TRUNCATE").or_else(ignore_rows)?;
    let new = Connection::open(&unfinished)?;
    new.execute_batch(&format!(
        "PRAGMA page_size = {}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {};",
        open::PAGE_SIZE_BYTES,
        log::TABLES
    ))?;
    let id = log::store_id(&old)?;
    new.execute("INSERT INTO store (id) VALUES (?1)", [id])?;

    let type_names = Arc::new(TypeNames::default());
    let (mut events, mut appends) = (0, 0);
    log::for_each_row(&old, 0, |row| {
        let mut logged = Vec::new();
        row.decode(0, usize::MAX, &type_names, &mut logged)?;
        let mut rewritten = Vec::with_capacity(logged.len());
        for event in &logged {
            let position = event.position.0;
            let event =
                rewrite(event).map_err(|source| MigrationError::Event { position, source })?;
            rewritten.push(event);
        }
        let stream = StreamId::new(row.stream)
            .map_err(|error| log::corrupt(row.position, &error.to_string()))?;
        let append = log::encode(&stream, &rewritten, &type_names)?;
        Inserter::new(&new)?.insert(row.position, &stream, row.revision, &append)?;
        events += append.count;
        appends += 1;
        if appends % BATCH_APPENDS == 0 {
            new.execute_batch("COMMIT; BEGIN")?;
            progress(events);
        }
        Ok::<_, MigrationError<E>>(true)
    })?;
    new.pragma_update(None, "application_id", open::APPLICATION_ID)?;
    new.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    new.execute_batch("COMMIT")?;
    new.close().map_err(|(_, error)| error)?;
    old.close().map_err(|(_, error)| error)?;

    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed(&unfinished))?;
    // Companions of the old log would be taken for the new one's.
    for companion in [
        "log.db-wal",
        "log.db-shm",
        "stream-index.db",
        "stream-index.db-wal",
        "stream-index.db-shm",
    ] {
        let companion = directory.join(companion);
        remove(&companion).map_err(failed(&companion))?;
    }
    fs::rename(&unfinished, &path).map_err(failed(&path))?;
    File::open(directory).and_then(|file| file.sync_all()).map_err(failed(directory))?;
    progress(events);
    Ok(events)
}

/// A checkpoint answers a row, which is no failure.
fn ignore_rows(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        error => Err(error),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
