//! The read models of a log, built anew in a place of their own.
//!
//! The log is read without a lock, and the read models in service are not touched, so this works beside a running server. Memory is
//! bounded by a batch, however long the log is. What was built goes with the value that stands for it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::store::sqlite::LogReader;
use crate::store::{Position, ReadError};
use crate::subscription::generation::{Entry, Generation, GenerationError};
use crate::subscription::projector::entry;

/// Entries read at once.
const PAGE_SIZE: usize = 4_096;
/// Entries committed at once, at most.
pub const BATCH_SIZE_MAX: usize = 65_536;

/// Why the read models could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The log could not be read.
    #[error("reading the log")]
    Read(#[from] ReadError),
    /// The read models could not be written.
    #[error(transparent)]
    Write(#[from] GenerationError),
    /// There is no room for them.
    #[error("making the directory {}; name another place in TMPDIR", path.display())]
    Place {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The log does not go so far.
    #[error("the log ends at position {head}, before {until}")]
    BeyondTheLog {
        /// Where it ends.
        head: u64,
        /// What was asked for.
        until: u64,
    },
}

/// How much of the log is taken in, and how.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Up to this position; the log's end where nothing is said.
    pub until: Option<u64>,
    /// Only what had been recorded by this moment.
    pub as_of: Option<Timestamp>,
    /// How many entries are committed at once: 1 to [`BATCH_SIZE_MAX`].
    pub batch_size: usize,
}

impl Default for Extent {
    fn default() -> Self {
        Self { until: None, as_of: None, batch_size: BATCH_SIZE_MAX }
    }
}

/// Read models that were built anew. Dropping it deletes them.
pub struct Rebuilt {
    /// The id of the log.
    pub log_id: Uuid,
    /// The log's end when the work began.
    pub head: u64,
    /// The position up to which the log was read.
    pub position: u64,
    /// How many events were taken in.
    pub events: u64,
    /// How many entries this program does not understand.
    pub unknown: u64,
    /// When the last event taken in was recorded.
    pub last_recorded_at: Option<Timestamp>,
    file: PathBuf,
    _place: Place,
}

impl Rebuilt {
    /// Opens what was built, for reading.
    pub fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.file, flags)
    }
}

/// How the directories of this work are called.
const PLACE_PREFIX: &str = "parvandeh-rebuild-";

/// A directory for the time of the work, which nobody else may look into. It is locked, so that one which a killed process has left is
/// known by being free.
struct Place {
    path: PathBuf,
    _lock: File,
}

impl Place {
    fn new_in(directory: &Path) -> Result<Self, RebuildError> {
        remove_left_behind(directory);
        loop {
            let path = directory.join(format!("{PLACE_PREFIX}{}", Uuid::new_v4()));
            match Self::create(&path) {
                Ok(Some(place)) => return Ok(place),
                // Another process took it for one left behind, before it was locked.
                Ok(None) => {}
                Err(source) => return Err(RebuildError::Place { path, source }),
            }
        }
    }

    /// Creates and locks a directory; `None` where it was taken away in between.
    fn create(path: &Path) -> io::Result<Option<Self>> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path)?;
        let lock = match File::open(path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            Ok(()) if path.exists() => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Deletes what killed processes have left. Whatever cannot be deleted, such as another user's, stays.
fn remove_left_behind(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_place = entry.file_name().to_string_lossy().starts_with(PLACE_PREFIX)
            && entry.file_type().is_ok_and(|file_type| file_type.is_dir());
        if !is_place {
            continue;
        }
        let path = entry.path();
        let Ok(lock) = File::open(&path) else { continue };
        if lock.try_lock().is_ok() && fs::remove_dir_all(&path).is_ok() {
            tracing::info!(path = %path.display(), "deleted what a rebuild that was killed has left");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot delete what was built");
        }
    }
}

/// Builds the read models of the log in a data directory. `progress` is told each position reached.
pub fn rebuild(
    data_directory: &Path,
    extent: Extent,
    mut progress: impl FnMut(u64),
) -> Result<Rebuilt, RebuildError> {
    let log = LogReader::open(data_directory)?;
    let log_id = log.id()?;
    let head = log.head()?.map_or(0, |head| head.0);
    let until = extent.until.unwrap_or(head);
    if until > head {
        return Err(RebuildError::BeyondTheLog { head, until });
    }
    let place = Place::new_in(&std::env::temp_dir())?;
    let mut generation = Generation::create(&place.path, log_id)?;
    let batch_size = extent.batch_size.clamp(1, BATCH_SIZE_MAX);
    let (mut position, mut pending) = (0, 0);
    let (mut events, mut unknown, mut last_recorded_at) = (0, 0, None);
    while position < until {
        // Never beyond the batch, so that it is committed where it ends.
        let limit = PAGE_SIZE.min(batch_size - pending);
        let limit = usize::try_from(until - position).map_or(limit, |left| left.min(limit));
        let page = log.read_all((position > 0).then_some(Position(position)), limit)?;
        let Some(last) = page.last() else { break };
        position = last.position.0;
        pending += page.len();
        let mut batch = Vec::with_capacity(page.len());
        for logged in &page {
            let entry = entry(logged);
            match &entry {
                Entry::Event(event) => {
                    let recorded_at = event.meta.recorded_at;
                    if extent.as_of.is_some_and(|moment| recorded_at > moment) {
                        // Its place is passed all the same.
                        batch.push(Entry::Unknown { position: event.position });
                        continue;
                    }
                    events += 1;
                    last_recorded_at = last_recorded_at.max(Some(recorded_at));
                }
                Entry::Unknown { .. } => unknown += 1,
            }
            batch.push(entry);
        }
        generation.fold(&batch)?;
        if pending >= batch_size {
            generation.commit()?;
            pending = 0;
        }
        progress(position);
    }
    generation.commit()?;
    let file = generation.path().to_owned();
    Ok(Rebuilt { log_id, head, position, events, unknown, last_recorded_at, file, _place: place })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_has_left_is_deleted_and_nothing_that_is_in_use_or_another_programs() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let left = at("parvandeh-rebuild-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("read-models.db"), "half").unwrap();
        fs::create_dir(at("another")).unwrap();
        fs::write(at("parvandeh-rebuild-file"), "a file").unwrap();
        let in_use = Place::new_in(directory.path()).unwrap();
        assert!(!left.exists());
        fs::write(in_use.path.join("read-models.db"), "work").unwrap();

        let next = Place::new_in(directory.path()).unwrap();

        assert!(in_use.path.join("read-models.db").exists());
        assert!(at("another").exists() && at("parvandeh-rebuild-file").exists());
        let paths = [in_use.path.clone(), next.path.clone()];
        drop((in_use, next));
        assert!(paths.iter().all(|path| !path.exists()));
    }
}
