//! The metrics of this process, in Prometheus' text format at `/metrics`.
//!
//! Counters are in [`crate::metrics`]. What can be asked is asked here, at each scrape: some of it is in memory, and some has to be looked
//! up in the log, in the read models or on the disk. What cannot be had in a moment is left out of that scrape, so that a scrape always
//! answers. Every metric is described in `docs/metrics.md`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use parvandeh_domain::decider::Metadata;
use parvandeh_projections::waiting::Waiting;
use parvandeh_projections::{fee, payment, redress, sla_clocks};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use rusqlite::Connection;

use crate::app::App;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::http::replica_metrics;
use crate::proof::service::Proof;
use crate::store::sqlite::SqliteStore;
use crate::store::{EventStore as _, Position};
use crate::subscription::read_models::ReadModels;
use crate::vault::Keyring;

/// How long a scrape waits for what it has to look up.
const LOOK_UP_MAX: Duration = Duration::from_secs(1);
/// The log's files, which grow.
const LOG_FILES: [&str; 2] = ["log.db", "log.db-wal"];

/// All that `/metrics` tells.
pub struct Metrics {
    registry: Registry,
    /// Looks up what a scrape needs; absent where there is nothing but the registry.
    lookup: Option<Lookup>,
    looked_up: Arc<Mutex<LookedUp>>,
}

impl From<Registry> for Metrics {
    /// A registry as it is, with nothing looked up.
    fn from(registry: Registry) -> Self {
        Self { registry, lookup: None, looked_up: Arc::default() }
    }
}

impl Metrics {
    /// Of a running system.
    pub fn of(app: &App) -> Self {
        let looked_up = Arc::new(Mutex::new(LookedUp::default()));
        let mut registry = Registry::with_prefix("parvandeh");
        crate::metrics::register(&mut registry);
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", version);
        let replica = app.replica();
        let kind = if replica.is_some() { "kurrentdb" } else { "sqlite" };
        registry.register("store", "Which engine keeps the log", Info::new([("kind", kind)]));
        registry.register_collector(Box::new(Gauges {
            store: app.log.clone(),
            read_models: app.read_models.clone(),
            proof: app.proof.clone(),
            looked_up: looked_up.clone(),
        }));
        if let Some(replica) = replica {
            replica_metrics::register(&mut registry, replica, app.clock.clone());
        }
        let lookup = Lookup {
            store: app.log.clone(),
            read_models: app.read_models.clone(),
            clock: app.clock.clone(),
            directory: app.directory().to_owned(),
            keyring: app.keyring().clone(),
        };
        Self { registry, lookup: Some(lookup), looked_up }
    }

    /// The text of one scrape.
    pub async fn text(&self) -> Result<String, std::fmt::Error> {
        if let Some(lookup) = &self.lookup {
            let looked_up = lookup.look_up().await;
            *self.looked_up.lock().unwrap_or_else(PoisonError::into_inner) = looked_up;
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Where a scrape looks.
struct Lookup {
    store: Arc<SqliteStore>,
    read_models: Arc<ReadModels>,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
    keyring: Keyring,
}

/// What a scrape has found; absent what could not be had.
#[derive(Clone, Copy, Debug, Default)]
struct LookedUp {
    read_models_lag_seconds: Option<f64>,
    sla_monitor_lag_seconds: Option<f64>,
    settlements: Option<Waits>,
    refunds: Option<Waits>,
    log_size_bytes: Option<f64>,
    disk: Option<Disk>,
    vault_keys_age_seconds: Option<f64>,
}

/// What waits to be done.
#[derive(Clone, Copy, Debug)]
struct Waits {
    count: f64,
    age_seconds: f64,
}

impl Lookup {
    async fn look_up(&self) -> LookedUp {
        let (read_models_lag_seconds, sla_monitor_lag_seconds, settlements, refunds) = tokio::join!(
            in_time(self.read_models_lag()),
            in_time(self.sla_monitor_lag()),
            in_time(self.waits(|db| {
                Ok(redress::waiting(db)?.and(fee::waiting(db)?).and(payment::posts_waiting(db)?))
            })),
            in_time(self.waits(payment::refunds_waiting))
        );
        let sizes = LOG_FILES.map(|name| std::fs::metadata(self.directory.join(name)));
        let written_at = self.keyring.keys_written_at();
        LookedUp {
            read_models_lag_seconds,
            sla_monitor_lag_seconds,
            settlements,
            refunds,
            log_size_bytes: Some(sizes.into_iter().flatten().map(|file| file.len() as f64).sum()),
            disk: Disk::of(&self.directory).ok(),
            vault_keys_age_seconds: written_at
                .map(|at| at.elapsed().unwrap_or_default().as_secs_f64()),
        }
    }

    /// How long ago the oldest event was recorded that the read models have not seen.
    async fn read_models_lag(&self) -> Option<f64> {
        if self.read_models.lag() == 0 {
            return Some(0.0);
        }
        let seen = self.read_models.position();
        let next = self.store.read_all((seen > 0).then_some(Position(seen)), 1).await.ok()?;
        let Some(next) = next.first() else { return Some(0.0) };
        let metadata: Metadata = serde_json::from_slice(&next.metadata).ok()?;
        Some(self.seconds_since(metadata.recorded_at))
    }

    /// For how long something about a clock was to be recorded that is not recorded yet.
    async fn sla_monitor_lag(&self) -> Option<f64> {
        let now = self.clock.now();
        let overdue = self.read_models.query(move |db| sla_clocks::overdue_since(db, now)).await;
        Some(overdue.ok()?.map_or(0.0, |since| self.seconds_since(since)))
    }

    /// What waits to be done, and for how long.
    async fn waits(
        &self,
        waiting: impl FnOnce(&Connection) -> rusqlite::Result<Waiting> + Send + 'static,
    ) -> Option<Waits> {
        let found = self.read_models.query(waiting).await.ok()?;
        let age_seconds = found.since.map_or(0.0, |since| self.seconds_since(since));
        Some(Waits { count: found.count as f64, age_seconds })
    }

    fn seconds_since(&self, moment: Timestamp) -> f64 {
        self.clock.now().duration_since(moment).as_secs_f64().max(0.0)
    }
}

/// What is found within the time that a scrape has.
async fn in_time<T>(found: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(LOOK_UP_MAX, found).await.ok().flatten()
}

/// What stands at this moment.
struct Gauges {
    store: Arc<SqliteStore>,
    read_models: Arc<ReadModels>,
    proof: Arc<Proof>,
    looked_up: Arc<Mutex<LookedUp>>,
}

impl std::fmt::Debug for Gauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let found = *self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        let number = |number: u64| Some(number as f64);
        let flag = |is_so: bool| Some(f64::from(u8::from(is_so)));
        for (name, help, value) in [
            (
                "log_position",
                "Position of the last event in the log",
                number(self.store.head().map_or(0, |head| head.0)),
            ),
            ("log_size_bytes", "Size of the log's files", found.log_size_bytes),
            (
                "store_stopped",
                "1 when the log takes no more appends until the program is started anew",
                flag(self.store.stopped().is_some()),
            ),
            (
                "read_models_position",
                "Position up to which the read models are built",
                number(self.read_models.position()),
            ),
            (
                "read_models_lag_events",
                "Events that the read models have not seen yet",
                number(self.read_models.lag()),
            ),
            (
                "read_models_lag_seconds",
                "Age of the oldest event that the read models have not seen yet",
                found.read_models_lag_seconds,
            ),
            (
                "sla_monitor_lag_seconds",
                "For how long a breach, a warning or a verdict was to be recorded that is not recorded yet",
                found.sla_monitor_lag_seconds,
            ),
            (
                "settlements_waiting",
                "Redress, fees and payments that are to be brought to accounts and are not yet",
                found.settlements.map(|settlements| settlements.count),
            ),
            (
                "settlement_age_seconds",
                "Time for which the oldest of the settlements has waited",
                found.settlements.map(|settlements| settlements.age_seconds),
            ),
            (
                "payment_refunds_waiting",
                "Refunds of payments that were asked for and that no provider has made yet",
                found.refunds.map(|refunds| refunds.count),
            ),
            (
                "payment_refund_age_seconds",
                "Time since the oldest refund was asked for that no provider has made yet",
                found.refunds.map(|refunds| refunds.age_seconds),
            ),
            (
                "proof_lag_events",
                "Events that no signed checkpoint covers yet",
                number(self.proof.lag()),
            ),
            (
                "proof_checkpoint_age_seconds",
                "Time since the last checkpoint was signed; it grows while nothing is written, too",
                number(self.proof.signed().map_or(0, |signed| signed.age_seconds())),
            ),
            (
                "proof_stopped",
                "1 when no more checkpoints are signed, because the log and the stored checkpoint disagree",
                flag(self.proof.stopped().is_some()),
            ),
            (
                "disk_size_bytes",
                "Size of the file system of the data directory",
                found.disk.and_then(|disk| number(disk.size_bytes)),
            ),
            (
                "disk_free_bytes",
                "What can still be written to the file system of the data directory",
                found.disk.and_then(|disk| number(disk.free_bytes)),
            ),
            (
                "vault_keys_age_seconds",
                "Time since the file of key-encryption keys was written, as a rotation does",
                found.vault_keys_age_seconds,
            ),
        ] {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
