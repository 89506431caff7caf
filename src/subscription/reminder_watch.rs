//! Tells those who wait for reminders of promises that there is a new one: one reader of the read models for the whole process, however
//! many wait. Reminders are few beside all that moves, so who was woken reads their own page, with their own scope.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parvandeh_projections::follow_ups::last_reminded;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::read_models::{QueryError, ReadModels};
use crate::error::chain;

/// How long the reader rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The newest reminder. It is looked for from the first subscriber on.
pub struct ReminderWatch {
    read_models: Weak<ReadModels>,
    reading: OnceLock<Reading>,
}

struct Reading {
    newest: watch::Receiver<i64>,
    task: AbortHandle,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl ReminderWatch {
    /// Over these read models.
    pub fn new(read_models: &Arc<ReadModels>) -> Arc<Self> {
        Arc::new(Self { read_models: Arc::downgrade(read_models), reading: OnceLock::new() })
    }

    /// The position of the newest reminder, which changes with each new one, and with nothing else; `None` when the program is stopping.
    /// What is read after [`watch::Receiver::borrow_and_update`] and before the next change has nothing newer. The first call starts the task
    /// that looks; so this needs a runtime.
    pub fn watch(&self) -> Option<watch::Receiver<i64>> {
        let read_models = self.read_models.upgrade()?;
        let reading = self.reading.get_or_init(|| {
            let (sender, newest) = watch::channel(0);
            let moved = read_models.position_changes();
            let task = follow(self.read_models.clone(), moved, sender);
            Reading { newest, task: tokio::spawn(task).abort_handle() }
        });
        Some(reading.newest.clone())
    }
}

/// Follows the read models for as long as there are any. When this ends, so does the wait of everybody.
async fn follow(
    read_models: Weak<ReadModels>,
    mut moved: watch::Receiver<u64>,
    newest: watch::Sender<i64>,
) {
    loop {
        // Marked before it is read: what is shown meanwhile is looked at in the next round.
        moved.borrow_and_update();
        let Some(models) = read_models.upgrade() else { return };
        let read = models.query(last_reminded).await;
        drop(models);
        match read {
            Ok(position) => {
                newest.send_if_modified(|newest| std::mem::replace(newest, position) != position);
            }
            Err(QueryError::Stopping) => return,
            Err(error) => {
                tracing::error!(error = %chain(&error), "new reminders could not be looked for; trying again");
                tokio::time::sleep(REST_AFTER_FAILURE).await;
                continue;
            }
        }
        if moved.changed().await.is_err() {
            return;
        }
    }
}
