//! Reading a log that another process may have open: for auditors and tools.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use uuid::Uuid;

use super::log::{self, TypeNames, unavailable};
use super::open::LOG_FILE;
use crate::store::{LoggedEvent, Position, ReadError};

/// Reads the log of a data directory without taking its lock: SQLite lets readers stand beside the one writer.
pub struct LogReader {
    pub(super) log: Connection,
    pub(super) type_names: Arc<TypeNames>,
}

impl LogReader {
    /// Opens the log of a data directory for reading. Creates nothing.
    pub fn open(directory: &Path) -> Result<Self, ReadError> {
        let path = directory.join(LOG_FILE);
        if !path.is_file() {
            let message = format!("there is no log in {}", directory.display());
            return Err(ReadError::Unavailable(message));
        }
        if super::migration::needs_migration(directory).is_ok_and(|needed| needed) {
            let error = super::OpenError::Unsealed { path };
            return Err(ReadError::Unavailable(error.to_string()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let log = Connection::open_with_flags(path, flags).map_err(unavailable)?;
        // The last connection to close would otherwise fold the write-ahead log away under the writer's preallocated file.
        log.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(unavailable)?;
        Ok(Self { log, type_names: Arc::new(TypeNames::default()) })
    }

    /// The log's id.
    pub fn store_id(&self) -> Result<Uuid, ReadError> {
        let id = log::store_id(&self.log).map_err(|error| log::failed(0, error))?;
        let id = id.and_then(|id| id.parse().ok());
        id.ok_or_else(|| log::corrupt(0, "the log has no id"))
    }

    /// At most `limit` events after a position, in the order of the log.
    pub fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        log::read(&self.log, after.map_or(0, |position| position.0), limit, &self.type_names)
    }

    /// The id given to the log when it was created.
    pub fn id(&self) -> Result<Uuid, ReadError> {
        let id = log::store_id(&self.log).map_err(unavailable)?;
        id.and_then(|id| id.parse().ok())
            .ok_or_else(|| ReadError::Unavailable("the log has no id".to_owned()))
    }

    /// Where the log ends; `None` while it is empty.
    pub fn head(&self) -> Result<Option<Position>, ReadError> {
        let mut head = None;
        log::for_each_row_backwards(&self.log, |row| {
            head = Some(Position(row.position + row.count()?.saturating_sub(1)));
            Ok::<_, ReadError>(false)
        })?;
        Ok(head)
    }
}
