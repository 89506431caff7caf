//! A generation: one SQLite file that holds all read models and the position up to which they are built.
//!
//! A generation is *complete* once it has caught up with the log for the first time. Until then it is written without any care
//! for crashes, because an incomplete generation is thrown away at the next start. Afterwards rows and checkpoint are committed
//! together, so that a crash leaves both or neither.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::ReadModel;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use uuid::Uuid;

/// Why read models could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[error("read models {path}: {doing}")]
pub struct GenerationError {
    path: PathBuf,
    doing: &'static str,
    #[source]
    source: rusqlite::Error,
}

/// Read models under construction or in service: the one connection that writes them.
pub struct Generation {
    path: PathBuf,
    db: Connection,
    models: Vec<Box<dyn ReadModel>>,
    position: u64,
    /// Up to where entries were taken in; beyond `position` while a transaction is open.
    folded: u64,
    complete: bool,
}

/// An event that has been decoded, or the position of one that nobody here understands.
pub enum Entry {
    /// A domain event.
    Event(Box<Recorded<DomainEvent>>),
    /// An entry to be skipped.
    Unknown {
        /// Where it stands in the log.
        position: u64,
    },
}

impl Entry {
    /// Where the entry stands in the log.
    pub fn position(&self) -> u64 {
        match self {
            Self::Event(event) => event.position,
            Self::Unknown { position } => *position,
        }
    }

    /// What the event belongs to.
    pub fn correlation_id(&self) -> Option<Uuid> {
        match self {
            Self::Event(event) => Some(event.meta.correlation_id),
            Self::Unknown { .. } => None,
        }
    }
}

/// The name of generation `number`'s file.
fn file_name(number: u32) -> String {
    format!("read-models.{number}.db")
}

/// The generations in a directory, by number.
fn numbers(directory: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut numbers: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix("read-models.")?.strip_suffix(".db")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The position of a complete generation of this log that this program built; `None` when the file is anything else.
fn complete_position(db: &Connection, log_id: Uuid) -> Option<u64> {
    let sql = "SELECT position FROM generation WHERE log_id = ? AND fingerprint = ? AND complete";
    let built_by = parvandeh_projections::fingerprint();
    db.query_row(sql, (log_id, built_by), |row| row.get(0)).optional().ok()?
}

impl Generation {
    /// Opens the newest complete generation that this program built of this log, and deletes all others.
    pub fn open_newest(directory: &Path, log_id: Uuid) -> Option<Self> {
        let mut found = None;
        for number in numbers(directory).into_iter().rev() {
            let path = directory.join(file_name(number));
            if found.is_none() {
                found = Self::open(&path, log_id);
                if found.is_some() {
                    continue;
                }
                tracing::info!(path = %path.display(), "read models of another version, of another log or unfinished: rebuilding");
            }
            remove(&path);
        }
        found
    }

    /// A view of the newest complete generation that this program built of this log, and the position up to which it is built. It only
    /// reads and deletes nothing, so it can be used beside the process that writes.
    pub fn look_at_newest(directory: &Path, log_id: Uuid) -> Option<(Connection, u64)> {
        numbers(directory).into_iter().rev().find_map(|number| {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let db = Connection::open_with_flags(directory.join(file_name(number)), flags).ok()?;
            // The last connection to close would otherwise fold the write-ahead log away.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
            // One transaction for all that is read, or the writer would move on between two tables.
            db.execute_batch("BEGIN").ok()?;
            let position = complete_position(&db, log_id)?;
            Some((db, position))
        })
    }

    /// A new, empty generation beside those that exist.
    pub fn create(directory: &Path, log_id: Uuid) -> Result<Self, GenerationError> {
        let number = numbers(directory).last().map_or(1, |last| last + 1);
        let path = directory.join(file_name(number));
        let failed = |doing, source| GenerationError { path: path.clone(), doing, source };
        let db = Connection::open(&path).map_err(|error| failed("creating the file", error))?;
        let models = parvandeh_projections::all();
        let mut statements = String::from(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
             CREATE TABLE generation (log_id BLOB NOT NULL, fingerprint TEXT NOT NULL,
                position INTEGER NOT NULL, complete INTEGER NOT NULL);",
        );
        for model in &models {
            statements.push_str(model.tables());
            statements.push(';');
        }
        db.set_prepared_statement_cache_capacity(64);
        db.busy_timeout(BUSY_TIMEOUT).map_err(|error| failed("setting up", error))?;
        db.execute_batch(&statements).map_err(|error| failed("creating tables", error))?;
        db.execute(
            "INSERT INTO generation VALUES (?, ?, 0, 0)",
            (log_id, parvandeh_projections::fingerprint()),
        )
        .map_err(|error| failed("creating the checkpoint", error))?;
        Ok(Self { path, db, models, position: 0, folded: 0, complete: false })
    }

    /// Opens a complete generation of this log that this program built; `None` when the file is anything else.
    pub fn open(path: &Path, log_id: Uuid) -> Option<Self> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
        db.busy_timeout(BUSY_TIMEOUT).ok()?;
        let position = complete_position(&db, log_id)?;
        db.set_prepared_statement_cache_capacity(64);
        db.execute_batch(SERVING_PRAGMAS).ok()?;
        let models = parvandeh_projections::all();
        Some(Self { path: path.to_owned(), db, models, position, folded: position, complete: true })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The position up to which it is built.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether it has caught up once and may serve.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Applies a batch: [`Generation::fold`] and [`Generation::commit`] in one.
    pub fn apply(&mut self, batch: &[Entry]) -> Result<(), GenerationError> {
        self.fold(batch)?;
        self.commit()
    }

    /// Takes in a batch, in memory; several of them can be committed together. Entries that were taken in before are skipped.
    ///
    /// After an error the generation must be opened anew: what its read models hold in memory is no longer what the file holds.
    pub fn fold(&mut self, batch: &[Entry]) -> Result<(), GenerationError> {
        let Some(last) = batch.last().map(Entry::position).filter(|last| *last > self.folded)
        else {
            return Ok(());
        };
        self.fold_entries(batch).map_err(|source| self.failed("applying events", source))?;
        self.folded = last;
        Ok(())
    }

    /// Commits what was taken in: rows and checkpoint in one transaction. The rule about errors is that of [`Generation::fold`].
    pub fn commit(&mut self) -> Result<(), GenerationError> {
        if self.folded > self.position {
            self.write().map_err(|source| self.failed("writing rows", source))?;
            self.position = self.folded;
        }
        Ok(())
    }

    fn fold_entries(&mut self, batch: &[Entry]) -> rusqlite::Result<()> {
        if self.folded == self.position {
            self.db.execute_batch("BEGIN")?;
        }
        for entry in batch {
            if let Entry::Event(event) = entry
                && event.position > self.folded
            {
                for model in &mut self.models {
                    model.apply(&self.db, event)?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self) -> rusqlite::Result<()> {
        for model in &mut self.models {
            model.flush(&self.db)?;
        }
        let position = i64::try_from(self.folded).expect("positions stay far below 2^63");
        self.db.prepare_cached("UPDATE generation SET position = ?")?.execute([position])?;
        self.db.execute_batch("COMMIT")
    }

    fn failed(&self, doing: &'static str, source: rusqlite::Error) -> GenerationError {
        GenerationError { path: self.path.clone(), doing, source }
    }

    fn sync(&self) -> rusqlite::Result<()> {
        let synced = std::fs::File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(|error| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
            rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
        })
    }

    /// Makes a generation that has caught up fit to serve: indexes, durability, the mark of completeness.
    pub fn complete(&mut self) -> Result<(), GenerationError> {
        if self.complete {
            return Ok(());
        }
        let failed = |source| GenerationError {
            path: self.path.clone(),
            doing: "completing a rebuild",
            source,
        };
        let mut statements = String::new();
        for model in &self.models {
            statements.push_str(model.indexes());
            statements.push(';');
        }
        statements.push_str("PRAGMA optimize = 0x10002;");
        self.db.execute_batch(&statements).map_err(failed)?;
        // What was written without care must be on the disk before the mark is, or a power failure could leave a marked file with
        // holes. The mark itself comes last, and in WAL mode: a generation is never half marked.
        self.sync().map_err(failed)?;
        self.db.execute_batch(SERVING_PRAGMAS).map_err(failed)?;
        self.db.execute("UPDATE generation SET complete = 1", []).map_err(failed)?;
        self.complete = true;
        Ok(())
    }
}

/// Nobody else writes here. If somebody does all the same, the projector tries again later rather than wait with its thread.
const BUSY_TIMEOUT: Duration = Duration::ZERO;

const SERVING_PRAGMAS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;";

/// Deletes a generation's files. What cannot be deleted is reported and left: the next start tries again.
pub fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        match std::fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %file.display(), %error, "cannot delete old read models");
            }
        }
    }
}
