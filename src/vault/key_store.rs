//! `keys.db`: the wrapped data keys, in a SQLite file of their own in the data directory.
//!
//! Deletion must leave nothing: `secure_delete` overwrites what is deleted, and the write-ahead log is emptied after it. A key is
//! durable before it is used (`synchronous = FULL`), because what is sealed with a lost key is lost.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row, params};
use uuid::Uuid;

use super::key_provider::WrappedKey;
use super::{VaultError, tombstones};

const FILE: &str = "keys.db";
/// Marks the file as ours: "PRVK".
const APPLICATION_ID: i64 = 0x5052_564B;
const SCHEMA_VERSION: i64 = 1;
/// The newest key of a subject has the highest sequence.
const SCHEMA: &str = "
    CREATE TABLE data_key (
        sequence INTEGER PRIMARY KEY,
        id BLOB NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        provider_version INTEGER NOT NULL,
        wrapped BLOB NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX data_key_subject ON data_key (subject);
    CREATE INDEX data_key_provider_version ON data_key (provider_version);
";
const COLUMNS: &str = "id, subject, provider_version, wrapped";
/// Backups and other processes hold the file for moments only.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A row: whose key, and the key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredKey {
    pub(super) id: Uuid,
    /// A data subject, or one of the vault's own uses.
    pub(super) subject: String,
    pub(super) wrapped: WrappedKey,
}

impl StoredKey {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let wrapped = WrappedKey { version: row.get(2)?, bytes: row.get(3)? };
        Ok(Self { id: row.get(0)?, subject: row.get(1)?, wrapped })
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.to_string())
    }
}

/// A connection to `keys.db`.
pub struct KeyStore {
    connection: Connection,
}

impl KeyStore {
    /// Whether a data directory has keys. Where it has a log and no keys, they were lost or forgotten in a restore.
    pub fn exists(data_directory: &Path) -> bool {
        fs::metadata(Self::path(data_directory)).is_ok_and(|file| file.len() > 0)
    }

    fn path(data_directory: &Path) -> PathBuf {
        data_directory.join(FILE)
    }

    /// Opens the file for changes, and creates it where it is missing.
    pub(super) fn open(data_directory: &Path) -> Result<Self, VaultError> {
        let path = Self::path(data_directory);
        let failed = |source| VaultError::File { path: path.clone(), source };
        fs::create_dir_all(data_directory).map_err(failed)?;
        // SQLite takes over the permissions for the files that it puts beside this one.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&path).map_err(failed)?;
        let engine = |error| from_sqlite(&path, error);
        let mut connection = Connection::open(&path).map_err(engine)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        check_owner(&connection, &path)?;
        let prepare = |connection: &mut Connection| {
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
            )?;
            let transaction = connection.transaction()?;
            if pragma(&transaction, "user_version")? == 0 {
                transaction.execute_batch(SCHEMA)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
            }
            transaction.commit()
        };
        prepare(&mut connection).map_err(engine)?;
        File::open(data_directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Opens the file for reading, beside whoever changes it.
    pub(super) fn open_read_only(data_directory: &Path) -> Result<Self, VaultError> {
        let path = Self::path(data_directory);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&path, flags).map_err(|error| from_sqlite(&path, error))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        check_owner(&connection, &path)?;
        Ok(Self { connection })
    }

    /// The key with this id.
    pub(super) fn by_id(&self, id: Uuid) -> rusqlite::Result<Option<StoredKey>> {
        let sql = format!("SELECT {COLUMNS} FROM data_key WHERE id = ?1");
        self.connection.prepare_cached(&sql)?.query_row([id], StoredKey::read).optional()
    }

    /// The key that a subject's data are sealed with.
    pub(super) fn newest_of(&self, subject: &str) -> rusqlite::Result<Option<StoredKey>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM data_key WHERE subject = ?1 ORDER BY sequence DESC LIMIT 1"
        );
        self.connection.prepare_cached(&sql)?.query_row([subject], StoredKey::read).optional()
    }

    /// The ids of all of a subject's keys, in the order in which they were made.
    pub(super) fn ids_of(&self, subject: &str) -> rusqlite::Result<Vec<Uuid>> {
        let sql = "SELECT id FROM data_key WHERE subject = ?1 ORDER BY sequence";
        self.connection.prepare_cached(sql)?.query_map([subject], |row| row.get(0))?.collect()
    }

    /// Some keys that are not wrapped under this version.
    pub(super) fn wrapped_otherwise(
        &self,
        version: u32,
        limit: usize,
    ) -> rusqlite::Result<Vec<StoredKey>> {
        // Two ranges of the index, where `<>` would read the whole table for every batch.
        let sql = format!(
            "SELECT {COLUMNS} FROM data_key WHERE provider_version < ?1 OR provider_version > ?1 LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        statement.query_map(params![version, limit as i64], StoredKey::read)?.collect()
    }

    /// Keys with a sequence above this one, each with its own, in the order in which they were made.
    pub(super) fn page(&self, after: i64, limit: usize) -> rusqlite::Result<Vec<(i64, StoredKey)>> {
        let sql = format!(
            "SELECT {COLUMNS}, sequence FROM data_key WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let read = |row: &Row<'_>| Ok((row.get(4)?, StoredKey::read(row)?));
        statement.query_map(params![after, limit as i64], read)?.collect()
    }

    /// How many keys each version of the key-encryption key wraps.
    pub(super) fn count_by_version(&self) -> rusqlite::Result<Vec<(u32, u64)>> {
        let sql = "SELECT provider_version, count(*) FROM data_key GROUP BY 1 ORDER BY 1";
        let mut statement = self.connection.prepare(sql)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// One key of each version.
    pub(super) fn one_of_each_version(&self) -> rusqlite::Result<Vec<StoredKey>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM data_key WHERE sequence IN (SELECT min(sequence) FROM data_key GROUP BY provider_version)"
        );
        self.connection.prepare(&sql)?.query_map([], StoredKey::read)?.collect()
    }

    /// Stores a key, in the transaction that is open if there is one.
    pub(super) fn insert(&self, key: &StoredKey, created_at: Timestamp) -> rusqlite::Result<()> {
        let sql = "INSERT INTO data_key (id, subject, provider_version, wrapped, created_at) \
                   VALUES (?1, ?2, ?3, ?4, ?5)";
        let (wrapped, created_at) = (&key.wrapped, created_at.to_string());
        let values = params![key.id, key.subject, wrapped.version, wrapped.bytes, created_at];
        self.connection.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    /// Puts another wrapping in place of the one that is there. A key that is gone stays gone.
    pub(super) fn rewrap(&self, id: Uuid, from: u32, to: &WrappedKey) -> rusqlite::Result<bool> {
        let sql = "UPDATE data_key SET provider_version = ?1, wrapped = ?2 \
                   WHERE id = ?3 AND provider_version = ?4";
        let values = params![to.version, to.bytes, id, from];
        Ok(self.connection.prepare_cached(sql)?.execute(values)? > 0)
    }

    /// Deletes all of a subject's keys; answers how many there were.
    pub(super) fn delete_of(&self, subject: &str) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached("DELETE FROM data_key WHERE subject = ?1")?
            .execute([subject])
    }

    /// Runs changes as one transaction.
    pub(super) fn transaction<T>(
        &self,
        changes: impl FnOnce(&Self) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let outcome = changes(self).and_then(|value| {
            self.connection.execute_batch("COMMIT")?;
            Ok(value)
        });
        if outcome.is_err() {
            // SQLite may have rolled back by itself; without a commit nothing stands either way.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        outcome
    }

    /// Empties the write-ahead log, so that what was deleted or wrapped otherwise is in none of the files.
    pub(super) fn wipe_deleted(&self) -> Result<(), VaultError> {
        let busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy {
            let reason = "another process reads keys.db for long, so its write-ahead log cannot be emptied; \
                          try again when that process is done";
            return Err(VaultError::Engine(reason.to_owned()));
        }
        Ok(())
    }

    /// Copies the file as of one moment; free pages, where deleted keys once were, are left out.
    fn copy_to(&self, target: &Path) -> Result<(), VaultError> {
        self.connection.execute("VACUUM INTO ?1", [target.to_string_lossy()])?;
        Ok(())
    }
}

/// Copies `keys.db` of a data directory into another directory, which must not have one. Works beside a running server. Of a replica, its
/// record of erasures is copied too: without it the copy is not whole.
///
/// A copy keeps keys that are erased later: keep it apart from backups of the log, and for a short time.
pub fn backup(data_directory: &Path, target: &Path) -> Result<(), VaultError> {
    let path = KeyStore::path(target);
    let failed = |source| VaultError::File { path: path.clone(), source };
    let source = KeyStore::open_read_only(data_directory)?;
    fs::create_dir_all(target).map_err(failed)?;
    if fs::exists(&path).map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    // The name becomes the right one when the copy is whole.
    let unfinished = target.join("keys.db.unfinished");
    let copy = || {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).open(&unfinished).map_err(failed)?;
        source.copy_to(&unfinished)?;
        File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed)?;
        fs::rename(&unfinished, &path).map_err(failed)?;
        File::open(target).and_then(|directory| directory.sync_all()).map_err(failed)
    };
    copy().inspect_err(|_| {
        let _ = fs::remove_file(&unfinished);
    })?;
    // After the keys: whoever was erased in between is named here, and the key that was copied dies when the copy is opened.
    Ok(tombstones::copy(data_directory, target)?)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

/// Refuses a file that another program or a later release has written, before anything in it is changed.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let engine = |error| from_sqlite(path, error);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(engine)?;
    if tables > 0 && pragma(connection, "application_id").map_err(engine)? != APPLICATION_ID {
        return Err(VaultError::NotAKeyStore(path.to_owned()));
    }
    let found = pragma(connection, "user_version").map_err(engine)?;
    if found > SCHEMA_VERSION {
        let (path, supported) = (path.to_owned(), SCHEMA_VERSION);
        return Err(VaultError::NewerSchema { path, found, supported });
    }
    Ok(())
}

fn from_sqlite(path: &Path, error: rusqlite::Error) -> VaultError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => VaultError::NotAKeyStore(path.to_owned()),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            VaultError::File { path: path.to_owned(), source: io::Error::other(error) }
        }
        _ => VaultError::Engine(format!("{}: {error}", path.display())),
    }
}
