//! Checkpoints: moving what the WAL holds into the log file, so that the WAL can begin again.
//!
//! A thread with a connection of its own moves most of it while the writer goes on. The short rest
//! is the writer's, between two batches: only when nothing is left and nobody is reading from the
//! WAL does SQLite begin it again from its start, and so keep its size.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use rusqlite::Connection;

use super::{
    Health, SqliteOptions,
    open::{LOG_FILE, OpenError, PAGE_SIZE_BYTES, configure},
};

/// A rest so small that the writer may move it.
const REST_FRAMES: u64 = 256;
/// Rounds in which the thread tries to get the rest so small.
const ROUNDS_MAX: usize = 3;

/// The writer's end.
pub(super) struct Checkpointer {
    wake: Option<mpsc::SyncSender<()>>,
    /// The thread has done its part and the rest is the writer's.
    finish: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Frames in the WAL since it was last emptied, about.
    frames: u64,
    /// At so many frames the thread is woken.
    frames_max: u64,
}

/// What a checkpoint found: frames in the WAL, and how many of them are in the log file now.
struct Progress {
    frames: u64,
    moved: u64,
}

impl Checkpointer {
    /// Starts the thread.
    pub(super) fn start(
        directory: &Path,
        options: &SqliteOptions,
        health: Arc<Health>,
    ) -> Result<Self, OpenError> {
        let path = directory.join(LOG_FILE);
        let failed = |error| OpenError::from_sqlite(&path, error);
        let log = Connection::open(&path).map_err(failed)?;
        configure(&log, options).map_err(failed)?;
        // What an earlier run left in the WAL counts too.
        let left = checkpoint(&log, "NOOP").map_err(failed)?;
        let (wake, woken) = mpsc::sync_channel(1);
        let finish = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("log-checkpoint".into()).spawn({
            let finish = Arc::clone(&finish);
            move || run(&log, &woken, &finish, &health)
        });
        let thread = thread.map_err(|source| OpenError::Directory { path, source })?;
        Ok(Self {
            wake: Some(wake),
            finish,
            thread: Some(thread),
            frames: left.frames - left.moved,
            frames_max: options.wal_size_bytes / PAGE_SIZE_BYTES / 2,
        })
    }

    /// Called by the writer after each commit, with the bytes that it has written.
    pub(super) fn committed(&mut self, log: &Connection, size_bytes: u64) -> rusqlite::Result<()> {
        // Full pages, and the ones at both ends that are only touched.
        self.frames += size_bytes / PAGE_SIZE_BYTES + 2;
        if self.finish.swap(false, Ordering::AcqRel) {
            let progress = checkpoint(log, "PASSIVE")?;
            // A long read, such as a backup, holds the WAL: look again after an eighth.
            let held = progress.moved < progress.frames;
            self.frames = if held { self.frames_max - self.frames_max / 8 } else { 0 };
        } else if self.frames >= self.frames_max
            && let Some(wake) = &self.wake
        {
            // Full means that the thread has been woken already.
            let _ = wake.try_send(());
        }
        Ok(())
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(log: &Connection, woken: &mpsc::Receiver<()>, finish: &AtomicBool, health: &Health) {
    for () in woken {
        if finish.load(Ordering::Acquire) {
            continue;
        }
        for _ in 0..ROUNDS_MAX {
            match checkpoint(log, "PASSIVE") {
                Ok(progress) if progress.frames - progress.moved <= REST_FRAMES => break,
                Ok(_) => {}
                Err(error) => {
                    // What is acknowledged is safe in the WAL; without checkpoints it would grow
                    // for ever.
                    tracing::error!(%error, "the log cannot be checkpointed");
                    health.stop(&format!("the log cannot be checkpointed: {error}"));
                    return;
                }
            }
        }
        finish.store(true, Ordering::Release);
    }
}

/// PASSIVE moves what no reader or writer stands in the way of, NOOP only looks.
fn checkpoint(log: &Connection, mode: &str) -> rusqlite::Result<Progress> {
    let mut pragma = log.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    pragma.query_row([], |row| {
        // Both are -1 while there is no WAL.
        let count = |index| row.get::<_, i64>(index).map(|count| u64::try_from(count).unwrap_or(0));
        Ok(Progress { frames: count(1)?, moved: count(2)? })
    })
}
