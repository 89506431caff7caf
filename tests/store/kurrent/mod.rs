//! What only the store on a cluster must do, against a double of the cluster's servers that lets things go wrong on purpose.

mod faults;
mod keys;
mod migration;
mod options;
mod replicas;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::support::{ids, small};
use kurrentdb_double::{Double, Options};
use parvandeh::{
    clock::SystemClock,
    store::{
        EventStore, LoggedEvent, Position,
        kurrent::{ConnectError, KeyFollower, KeyRecord, KurrentOptions, KurrentStore},
    },
};
use tempfile::TempDir;

/// A vault that only remembers what it was told.
#[derive(Default)]
pub struct Keys(pub Mutex<Vec<KeyRecord>>);

impl KeyFollower for Keys {
    fn learn(&self, records: &[KeyRecord]) -> Result<(), String> {
        self.0.lock().unwrap().extend_from_slice(records);
        Ok(())
    }

    fn confirm(&self, _as_of: Instant) {}
}

pub fn double() -> Double {
    Double::start(Options::default()).unwrap()
}

/// Options that are as impatient as tests.
pub fn options(address: &str) -> KurrentOptions {
    let mut options = KurrentOptions::parse(address).unwrap();
    options.copy = small();
    options.heartbeat_interval = Duration::from_millis(200);
    options.silence = Duration::from_secs(2);
    options
}

/// A store that follows, in a data directory that is gone with it.
pub struct Replica {
    pub store: Arc<KurrentStore>,
    pub keys: Arc<Keys>,
    pub directory: TempDir,
}

impl Replica {
    pub async fn of(double: &Double) -> Self {
        Self::with(tempfile::tempdir().unwrap(), options(&double.connection_string()))
            .await
            .unwrap()
    }

    /// On a real server, under a prefix that nobody used before; `None` where there is none.
    pub async fn of_a_real_server() -> Option<Self> {
        let Ok(address) = std::env::var("KURRENTDB_URL") else {
            println!("skipped on a real server: KURRENTDB_URL does not say where one is");
            return None;
        };
        let mut options = options(&address);
        options.prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        Some(Self::with(tempfile::tempdir().unwrap(), options).await.unwrap())
    }

    pub async fn with(directory: TempDir, options: KurrentOptions) -> Result<Self, ConnectError> {
        let store = connect(directory.path(), options).await?;
        let keys = Arc::new(Keys::default());
        store.follow(keys.clone()).unwrap();
        store.caught_up(|_| {}).await.unwrap();
        Ok(Self { store, keys, directory })
    }

    /// The copy is whole, and the same as what the server has.
    pub async fn check_against(&self, double: &Double) {
        self.check().await;
        let events = log(&*self.store).await;
        let there = double.events_of("parvandeh.");
        let there: Vec<_> = there
            .iter()
            .filter(|event| {
                let name = event.stream.strip_prefix("parvandeh.").unwrap();
                !["log-", "vault-", "replicas-"].iter().any(|reserved| name.starts_with(reserved))
            })
            .collect();
        assert_eq!(ids(&events), there.iter().map(|event| event.id).collect::<Vec<_>>());
        for (event, there) in events.iter().zip(there) {
            assert_eq!(format!("parvandeh.{}", event.stream), &*there.stream);
            assert_eq!((event.revision, &event.data), (there.revision, &there.data));
        }
    }

    pub async fn check(&self) {
        self.store.sync().await.unwrap();
        let positions = log(&*self.store).await.into_iter().map(|event| event.position.0);
        assert!(positions.eq(1..=self.store.head().map_or(0, |head| head.0)));
        self.store.copy().check().unwrap();
    }

    /// Ends the replica and leaves its directory.
    pub async fn end(self) -> TempDir {
        self.store.stop().await;
        self.directory
    }
}

pub async fn connect(
    directory: &Path,
    options: KurrentOptions,
) -> Result<Arc<KurrentStore>, ConnectError> {
    KurrentStore::connect(directory, options, Arc::new(SystemClock)).await
}

/// The whole log.
pub async fn log(store: &dyn EventStore) -> Vec<LoggedEvent> {
    let mut events: Vec<LoggedEvent> = Vec::new();
    loop {
        let after: Option<Position> = events.last().map(|event| event.position);
        let page = store.read_all(after, 10_000).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}
