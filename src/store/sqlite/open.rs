//! Opening a data directory: its lock, the log file's settings and schema version, and what must
//! hold before the first append is taken.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, config::DbConfig};
use uuid::Uuid;

use super::{SqliteOptions, log};
use crate::store::ReadError;

/// The log.
pub(super) const LOG_FILE: &str = "log.db";
const LOCK_FILE: &str = "LOCK";
/// Most bytes that a row may have: earlier releases took larger appends than this one.
const ROW_SIZE_BYTES_MAX: u64 = 1024 * 1024;
/// Marks the file as ours: "PRVN".
pub(super) const APPLICATION_ID: i64 = 0x5052_564E;
pub(super) const PAGE_SIZE_BYTES: u64 = 8_192;

/// Why a data directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, has it open.
    #[error(
        "{} is in use by {}: stop it first, or name another data directory", directory.display(),
        match pid { Some(pid) => format!("process {pid}"), None => "another process".to_owned() }
    )]
    Locked {
        /// The data directory.
        directory: PathBuf,
        /// Who holds the lock, where it can be told.
        pid: Option<u32>,
    },
    /// It cannot be created, read or written.
    #[error("{} cannot be used: {source}; name a writable directory", path.display())]
    Directory {
        /// The file or directory that failed.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is a `log.db`, but another program's.
    #[error("{} is not an event log of this program; name another data directory", path.display())]
    NotALog {
        /// The file.
        path: PathBuf,
    },
    /// A later release has written it.
    #[error(
        "{} has schema version {found}, this release knows {supported}: use the release that wrote it",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        supported: i64,
    },
    /// It was written before personal data were sealed.
    #[error(
        "{} was written by an earlier release, with personal data as plain text: run `parvandeh migrate` once",
        path.display()
    )]
    Unsealed {
        /// The file.
        path: PathBuf,
    },
    /// A copy of one log is asked for, and there is another log.
    #[error(
        "{} holds the log {found}, not a copy of the log {expected} that the cluster keeps: name another data directory; if this one \
         was a copy of a cluster that is gone, it may be deleted, and comes back from the cluster that is there now", path.display()
    )]
    AnotherLog {
        /// The file.
        path: PathBuf,
        /// The id of the log that is there.
        found: Uuid,
        /// The id of the log that it should be a copy of.
        expected: Uuid,
    },
    /// What is stored is not what was written.
    #[error("the log is damaged: {0}; restore a backup")]
    Corrupt(String),
    /// The engine fails for another reason.
    #[error("the log cannot be opened: {0}")]
    Engine(String),
}

impl OpenError {
    pub(super) fn from_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(format!("{}: {error}", path.display()))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::Directory { path: path.to_owned(), source: io::Error::other(error) }
            }
            _ => Self::Engine(format!("{}: {error}", path.display())),
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { position, reason } => {
                Self::Corrupt(format!("at position {position}: {reason}"))
            }
            ReadError::Unavailable(reason) => Self::Engine(reason),
        }
    }
}

/// Keeps every other process out of the directory for as long as it lives.
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Creates the directory if need be and locks it.
    pub(super) fn acquire(directory: &Path) -> Result<Self, OpenError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| OpenError::Directory { path, source }
        };
        fs::create_dir_all(directory).map_err(failed(directory))?;
        let path = directory.join(LOCK_FILE);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let pid = file.read_to_string(&mut pid).ok().and_then(|_| pid.trim().parse().ok());
                return Err(OpenError::Locked { directory: directory.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(OpenError::Directory { path, source }),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed(&path))?;
        Ok(Self { _file: file })
    }
}

/// A log file that is ready for reading and writing.
pub(super) struct OpenedLog {
    pub(super) writer: Connection,
    pub(super) id: Uuid,
}

/// Opens the log file in a locked directory, or creates it: with the id of the log that it is a copy of, or one of its own.
pub(super) fn open_log(
    directory: &Path,
    options: &SqliteOptions,
    copy_of: Option<Uuid>,
) -> Result<OpenedLog, OpenError> {
    let path = directory.join(LOG_FILE);
    let failed = |error| OpenError::from_sqlite(&path, error);
    let cut_at_bytes = cut_at_bytes(directory)?;

    let mut writer = Connection::open(&path).map_err(failed)?;
    let id = prepare(&mut writer, &path, copy_of.unwrap_or_else(Uuid::new_v4))?;
    if let Some(expected) = copy_of.filter(|expected| *expected != id) {
        return Err(OpenError::AnotherLog { path, found: id, expected });
    }
    configure(&writer, options).map_err(failed)?;
    fill_wal(directory, options.wal_size_bytes)?;
    // SQLite does not make the entry of a new file durable.
    let sync = File::open(directory).and_then(|directory| directory.sync_all());
    sync.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
    if let Some(size_bytes) = cut_at_bytes {
        let pages = writer.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0));
        let whole_bytes = pages.map_err(failed)?.cast_unsigned() * PAGE_SIZE_BYTES;
        verify_end(&writer, whole_bytes.saturating_sub(size_bytes))?;
    }
    Ok(OpenedLog { writer, id })
}

/// What every connection must be told. The WAL outlives its last connection, and a statement keeps
/// its plan: without that SQLite plans a query again whenever its values change.
pub(super) fn configure_any(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// What every connection that writes or checkpoints the log must be told.
pub(super) fn configure(log: &Connection, options: &SqliteOptions) -> rusqlite::Result<()> {
    configure_any(log)?;
    // The limit cuts the WAL back after something, such as a backup, has kept it from wrapping.
    log.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {};",
        options.wal_size_bytes.saturating_mul(2)
    ))?;
    if let Some(size_bytes_max) = options.log_size_bytes_max {
        log.execute_batch(&format!(
            "PRAGMA max_page_count = {}",
            size_bytes_max / PAGE_SIZE_BYTES
        ))?;
    }
    Ok(())
}

/// Checks whose file it is and of which version, creates what an empty one lacks, and answers its id.
fn prepare(log: &mut Connection, path: &Path, new_id: Uuid) -> Result<Uuid, OpenError> {
    let failed = |error| OpenError::from_sqlite(path, error);
    configure_any(log).map_err(failed)?;
    let pragma = |log: &Connection, name| {
        log.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    let tables: i64 = log
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let version = pragma(log, "user_version")?;
    if tables > 0 && pragma(log, "application_id")? != APPLICATION_ID {
        return Err(OpenError::NotALog { path: path.to_owned() });
    }
    if version > log::SCHEMA_VERSION {
        let (found, supported) = (version, log::SCHEMA_VERSION);
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, supported });
    }
    if version == log::UNSEALED_VERSION {
        return Err(OpenError::Unsealed { path: path.to_owned() });
    }
    let id = create(log, version, new_id).map_err(failed)?;
    id.and_then(|id| id.parse().ok())
        .ok_or_else(|| OpenError::Corrupt(format!("{} has no id", path.display())))
}

/// Creates the tables of an empty file; answers the log's id.
fn create(log: &mut Connection, version: i64, new_id: Uuid) -> rusqlite::Result<Option<String>> {
    log.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_SIZE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON"
    ))?;
    let transaction = log.transaction()?;
    if version < log::SCHEMA_VERSION {
        transaction.execute_batch(log::TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", log::SCHEMA_VERSION)?;
        transaction.execute("INSERT INTO store (id) VALUES (?1)", [new_id.to_string()])?;
    }
    transaction.commit()?;
    log::store_id(log)
}

/// The size of a log file that is shorter than its own header says. After a crash in the middle of
/// a checkpoint the WAL has the rest; otherwise somebody has cut the file.
fn cut_at_bytes(directory: &Path) -> Result<Option<u64>, OpenError> {
    let path = directory.join(LOG_FILE);
    let size_bytes = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size_bytes(&path) == 0 {
        let companions = ["log.db-wal", "stream-index.db"];
        return match companions.into_iter().find(|name| size_bytes(&directory.join(name)) > 0) {
            Some(name) => Err(OpenError::Corrupt(format!(
                "{} is missing or empty, but its companion {name} is there",
                path.display()
            ))),
            None => Ok(None),
        };
    }
    let mut header = [0; 100];
    let read = File::open(&path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(OpenError::Corrupt(format!("{} is cut short", path.display())));
        }
        Err(source) => return Err(OpenError::Directory { path, source }),
        Ok(()) => {}
    }
    // The file format: page size at byte 16, size of the file in pages at byte 28, big-endian.
    let page_size_bytes = u64::from(u16::from_be_bytes([header[16], header[17]]));
    let pages = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    Ok(Some(size_bytes(&path)).filter(|&size_bytes| size_bytes < pages * page_size_bytes))
}

/// Reads the log from its end back over as much as lies beyond the end of the file. Rows are stored
/// in order, so these are the ones whose pages the WAL must have.
fn verify_end(log: &Connection, beyond_bytes: u64) -> Result<(), OpenError> {
    // One append more, as its pages may lie on both sides of the cut.
    let enough_bytes = beyond_bytes + 2 * ROW_SIZE_BYTES_MAX;
    let mut verified_bytes = 0;
    let mut next = None;
    log::for_each_row_backwards(log, |row| {
        let end = row.position + row.count()?;
        if next.is_some_and(|next| next != end) {
            return Err(log::corrupt(end, "events are missing").into());
        }
        next = Some(row.position);
        verified_bytes += row.events.len() as u64;
        Ok::<_, OpenError>(verified_bytes < enough_bytes)
    })
}

/// Makes the WAL at least so large, filled with zeros: overwriting a file that is there costs half
/// of what growing one does. SQLite ignores what follows the last valid frame.
fn fill_wal(directory: &Path, size_bytes: u64) -> Result<(), OpenError> {
    let path = directory.join("log.db-wal");
    let fill = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
        let mut end = file.seek(SeekFrom::End(0))?;
        if end >= size_bytes {
            return Ok(());
        }
        let zeros = vec![0; 1024 * 1024];
        while end < size_bytes {
            let length = zeros.len().min(usize::try_from(size_bytes - end).unwrap_or(usize::MAX));
            file.write_all(&zeros[..length])?;
            end += length as u64;
        }
        file.sync_all()
    };
    fill().map_err(|source| OpenError::Directory { path: path.clone(), source })
}
