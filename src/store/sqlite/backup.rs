//! Copying a log while it is in use.
//!
//! The copy is of one moment: a read transaction holds the log still for the copier while appends
//! go on into the WAL, which grows by what is appended meanwhile. The stream index is not copied,
//! it is built anew when the copy is opened.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup as Copier, StepResult},
};

use super::{
    log,
    open::{LOG_FILE, PAGE_SIZE_BYTES, configure_any},
};
use crate::store::{Position, ReadError};

const PAGES_PER_STEP: i32 = 2_048;

/// How far a backup has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// Bytes copied.
    pub copied_bytes: u64,
    /// Bytes to copy in all.
    pub total_bytes: u64,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Position of its last event, `None` if the log was empty.
    pub head: Option<Position>,
    /// Size of its log file.
    pub size_bytes: u64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A backup never overwrites anything.
    #[error("{} is not empty: name a new directory for the backup", .0.display())]
    NotEmpty(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or directory that failed.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The engine fails.
    #[error("the log cannot be copied: {0}")]
    Engine(#[from] rusqlite::Error),
    /// The log is damaged at its end.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Copies the log in a data directory, in use or not, into a new or empty directory.
pub fn backup(
    directory: &Path,
    target: &Path,
    progress: impl FnMut(BackupProgress),
) -> Result<Backup, BackupError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| BackupError::File { path, source }
    };
    fs::create_dir_all(target).map_err(failed(target))?;
    if fs::read_dir(target).map_err(failed(target))?.next().is_some() {
        return Err(BackupError::NotEmpty(target.to_owned()));
    }

    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(directory.join(LOG_FILE), flags)?;
    configure_any(&source)?;
    // Without a transaction of its own the copier would begin again after every append.
    source.execute_batch("BEGIN; SELECT id FROM store;")?;

    // The name becomes the right one when the copy is whole.
    let unfinished = target.join("log.db.unfinished");
    if let Err(error) = copy(&source, &unfinished, progress) {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    let mut head = None;
    log::for_each_row_backwards(&source, |row| {
        head = Some(Position(row.position + row.count()? - 1));
        Ok::<_, ReadError>(false)
    })?;
    let size_bytes = fs::metadata(&unfinished).map_err(failed(&unfinished))?.len();
    File::open(&unfinished).and_then(|file| file.sync_all()).map_err(failed(&unfinished))?;
    fs::rename(&unfinished, target.join(LOG_FILE)).map_err(failed(target))?;
    File::open(target).and_then(|directory| directory.sync_all()).map_err(failed(target))?;
    Ok(Backup { head, size_bytes })
}

/// Copies all pages of the source's transaction into a new file.
fn copy(
    source: &Connection,
    file: &Path,
    mut progress: impl FnMut(BackupProgress),
) -> Result<(), BackupError> {
    let mut target = Connection::open(file)?;
    let copier = Copier::new(source, &mut target)?;
    loop {
        let step = copier.step(PAGES_PER_STEP)?;
        let pages = copier.progress();
        let bytes = |pages| u64::try_from(pages).unwrap_or(0) * PAGE_SIZE_BYTES;
        let total_bytes = bytes(pages.pagecount);
        let copied_bytes = total_bytes - bytes(pages.remaining);
        progress(BackupProgress { copied_bytes, total_bytes });
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            busy => {
                let reason = format!("{busy:?}: another program locks the log");
                return Err(ReadError::Unavailable(reason).into());
            }
        }
    }
    drop(copier);
    target.close().map_err(|(_, error)| error.into())
}
