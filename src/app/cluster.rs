//! A replica: the system over a copy of a cluster's log.
//!
//! It connects, opens the copy and the vault, and then follows the log: keys and erasures go to the vault, in the order of the log and
//! before the events that come after them; events go into the copy, from which everything else is built as it is over a log of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::{CustomerId, DataSubject};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{App, Parts, StartError, latest_recorded_at};
use crate::clock::{Clock, MonotoneClock, SystemClock};
use crate::command::erasure::Eraser;
use crate::error::chain;
use crate::replica::Members;
use crate::store::EventStore;
use crate::store::kurrent::{KeyFollower, KeyRecord, KurrentOptions, KurrentStore, Status};
use crate::vault::key_log::DATA_KEYS_ERASED;
use crate::vault::{Keyring, Vault};

/// How long an erasure that could not be followed here rests until it is tried again.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often erasures are looked for that were ordered and not carried out.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// For so long a replica that does not hear from the cluster goes on answering from what it has.
const BEHIND_MAX: SignedDuration = SignedDuration::from_secs(30);

/// How a replica stands to its cluster, for whoever watches it.
#[derive(Clone)]
pub struct ReplicaWatch {
    status: watch::Receiver<Status>,
    members: watch::Receiver<Members>,
    vault: Arc<Vault>,
}

impl ReplicaWatch {
    /// For how long the copy has not had all that the cluster has; zero while it has.
    pub fn behind(&self, now: Timestamp) -> SignedDuration {
        match &*self.status.borrow() {
            Status::Behind { since } => now.duration_since(*since).max(SignedDuration::ZERO),
            Status::Live | Status::Stopped { .. } => SignedDuration::ZERO,
        }
    }

    /// Why the copy follows no more, if so.
    pub fn stopped(&self) -> Option<String> {
        match &*self.status.borrow() {
            Status::Stopped { reason } => Some(reason.clone()),
            Status::Live | Status::Behind { .. } => None,
        }
    }

    /// A receiver that changes when replicas come and go.
    pub fn members_changes(&self) -> watch::Receiver<Members> {
        self.members.clone()
    }

    /// How many replicas are alive, this one included.
    pub fn member_count(&self) -> usize {
        self.members.borrow().alive.len()
    }

    /// Whether personal data can be read here: whether this replica would have heard of an erasure.
    pub fn is_fresh(&self) -> bool {
        self.vault.is_fresh()
    }

    /// Why requests should go to another replica, if they should.
    pub fn unready(&self, now: Timestamp) -> Option<String> {
        if let Some(reason) = self.stopped() {
            return Some(format!("the copy of the cluster's log is not continued: {reason}"));
        }
        if !self.is_fresh() {
            return Some("personal data cannot be shown: an erasure may have been missed, as nothing has been heard of the cluster for a minute".to_owned());
        }
        let behind = self.behind(now);
        (behind > BEHIND_MAX).then(|| {
            format!("nothing has been heard of the cluster's log for {} s", behind.as_secs())
        })
    }
}

/// What a replica has beside what every process has.
pub(super) struct Cluster {
    pub(super) store: Arc<KurrentStore>,
    vault: Arc<Vault>,
    /// How many erasures were learned.
    erasures: watch::Receiver<usize>,
    forgetting: Mutex<Option<JoinHandle<()>>>,
}

/// Gives the vault what the log says of keys.
struct Keys {
    vault: Arc<Vault>,
    erasures: watch::Sender<usize>,
    fresh: watch::Sender<bool>,
}

impl KeyFollower for Keys {
    fn learn(&self, records: &[KeyRecord]) -> Result<(), String> {
        self.vault.learn(records)?;
        let erased = records.iter().filter(|record| record.type_name == DATA_KEYS_ERASED).count();
        self.erasures.send_if_modified(|count| {
            *count += erased;
            erased > 0
        });
        Ok(())
    }

    fn confirm(&self, as_of: Instant) {
        self.vault.confirm_fresh(as_of);
        self.fresh.send_if_modified(|fresh| !std::mem::replace(fresh, true));
    }
}

impl App {
    /// Opens a data directory as a replica's, and brings its copy up to what the cluster has. The read models are not started yet.
    /// `progress` is told each position that the copy reaches.
    pub async fn open_replica(
        directory: &Path,
        keyring: Keyring,
        options: KurrentOptions,
        clock: impl Clock,
        progress: impl FnMut(u64),
    ) -> Result<Self, StartError> {
        let store = KurrentStore::connect(directory, options, Arc::new(SystemClock)).await?;
        let (path, key_log, keys) = (directory.to_owned(), store.key_log(), keyring.clone());
        let vault = tokio::task::spawn_blocking(move || Vault::open_replica(&path, keys, key_log))
            .await
            .expect("opening does not panic")?;
        let vault = Arc::new(vault);
        let (erased, erasures) = watch::channel(0);
        let (fresh, mut confirmed) = watch::channel(false);
        store.follow(Arc::new(Keys { vault: vault.clone(), erasures: erased, fresh }))?;
        store.caught_up(progress).await?;
        confirmed.wait_for(|fresh| *fresh).await.map_err(|_| StartError::Ended)?;

        let log = store.copy().clone();
        let port: Arc<dyn EventStore> = store.clone();
        let floor = latest_recorded_at(&port).await?;
        let parts = Parts {
            directory,
            keyring,
            log,
            store: port,
            vault: vault.clone(),
            clock: Arc::new(MonotoneClock::new(clock, floor)),
            members: store.members(),
            cluster: Some(Cluster { store, vault, erasures, forgetting: Mutex::default() }),
        };
        Self::assemble(parts).await
    }
}

impl Cluster {
    pub(super) fn watch(&self) -> ReplicaWatch {
        ReplicaWatch {
            status: self.store.status_changes(),
            members: self.store.members(),
            vault: self.vault.clone(),
        }
    }

    /// Lets erasures that any replica carries out be followed here.
    ///
    /// `here` removes from the copy; `everywhere` carries out what a replica that is gone has left undone.
    pub(super) fn start_forgetting(&self, here: Eraser, everywhere: Eraser) {
        let forgetting = forget(self.vault.clone(), here, everywhere, self.erasures.clone());
        let mut started = self.forgetting.lock().unwrap_or_else(PoisonError::into_inner);
        started.get_or_insert_with(|| tokio::spawn(forgetting));
    }

    pub(super) async fn stop(self) {
        let forgetting = self.forgetting.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(forgetting) = forgetting {
            forgetting.abort();
            // Waited for, because it holds the log open; that it was aborted is what was wanted.
            let _ = forgetting.await;
        }
        self.store.stop().await;
    }
}

/// Takes away what is kept here of those who were erased, those of before the start first; and carries out what a replica that is gone
/// has left undone.
async fn forget(
    vault: Arc<Vault>,
    here: Eraser,
    everywhere: Eraser,
    mut erasures: watch::Receiver<usize>,
) {
    let mut done = 0;
    let mut lately = Vec::new();
    loop {
        erasures.borrow_and_update();
        for tombstone in vault.tombstones().into_iter().skip(done) {
            if let DataSubject::Customer(id) = tombstone.subject {
                forget_one(&here, id).await;
                lately.push(id);
            }
            done += 1;
        }
        tokio::select! {
            changed = erasures.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK_AGAIN_AFTER) => {
                // What another replica sealed before it had heard of the erasure has arrived by now.
                for id in std::mem::take(&mut lately) {
                    forget_one(&here, id).await;
                }
                if let Err(error) = everywhere.finish_ordered().await {
                    tracing::error!(error = %chain(&error), "an erasure that was ordered is not carried out; trying again");
                }
            }
        }
    }
}

async fn forget_one(here: &Eraser, id: CustomerId) {
    while let Err(error) = here.forget(id).await {
        tracing::error!(customer_id = %id, error = %chain(&error), "what is kept of an erased customer is still here; trying again");
        tokio::time::sleep(REST_AFTER_FAILURE).await;
    }
}
