//! Tells customers' pages that there is something new for them: one reader of the read models for the whole process, however many pages
//! are open. A page reads its own notifications when it was woken, and is not woken for those of others.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parvandeh_projections::notifications::told_after;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::read_models::{QueryError, ReadModels};
use super::watched::{EndOfWaiting, Watched, Watcher};
use crate::error::chain;

/// Rows that are read at once.
const BATCH_SIZE_MAX: usize = 1_000;
/// How long the reader rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The customers whose pages are open. It begins to read with the first of them.
pub struct NotificationWatch {
    read_models: Weak<ReadModels>,
    reading: OnceLock<Reading>,
}

struct Reading {
    watched: Arc<Watched<Uuid>>,
    task: AbortHandle,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NotificationWatch {
    /// Over these read models.
    pub fn new(read_models: &Arc<ReadModels>) -> Arc<Self> {
        Arc::new(Self { read_models: Arc::downgrade(read_models), reading: OnceLock::new() })
    }

    /// Watches a customer's notifications; `None` when the program is stopping. The first call starts the task that reads; so this needs a
    /// runtime.
    pub fn watch(&self, customer_id: Uuid) -> Option<Watcher<Uuid>> {
        let read_models = self.read_models.upgrade()?;
        let reading = self.reading.get_or_init(|| {
            let watched = Arc::new(Watched::default());
            // Taken before anybody reads: what is shown later is new to them.
            let moved = read_models.position_changes();
            let task = follow(self.read_models.clone(), moved, watched.clone());
            Reading { watched, task: tokio::spawn(task).abort_handle() }
        });
        Some(reading.watched.watch(&customer_id))
    }
}

/// Follows the read models for as long as there are any, and wakes whom they tell something.
async fn follow(
    read_models: Weak<ReadModels>,
    mut moved: watch::Receiver<u64>,
    watched: Arc<Watched<Uuid>>,
) {
    let end = EndOfWaiting(watched);
    let mut reached = position(*moved.borrow_and_update());
    loop {
        let shown = position(*moved.borrow_and_update());
        if shown > reached {
            let Some(models) = read_models.upgrade() else { return };
            let read = models.query(move |db| told_after(db, reached, BATCH_SIZE_MAX)).await;
            drop(models);
            match read {
                Ok((customers, more_after)) => {
                    customers.iter().for_each(|customer| end.0.wake(customer));
                    reached = more_after.unwrap_or(shown);
                    if more_after.is_some() {
                        continue;
                    }
                }
                Err(QueryError::Stopping) => return,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "new notifications could not be read; trying again");
                    tokio::time::sleep(REST_AFTER_FAILURE).await;
                    continue;
                }
            }
        }
        if moved.changed().await.is_err() {
            return;
        }
    }
}

fn position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
