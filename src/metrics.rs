//! What operators watch, in Prometheus' text format at `/metrics`.
//!
//! Counters belong to the process, as the log's lock does: they are statics that any part may raise without being handed them. What can
//! be asked (positions, lag) is asked at each scrape.

use std::sync::{Arc, LazyLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::store::EventStore;
use crate::subscription::read_models::ReadModels;

/// Entries of the log that no read model of this program understands.
pub static EVENTS_SKIPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Commands by what became of them.
pub static COMMANDS: LazyLock<Family<CommandLabels, Counter>> = LazyLock::new(Family::default);

/// Seconds from a due moment to its breach standing in the log, for clocks that fell due while the program ran.
pub static BREACH_DELAY: LazyLock<Histogram> =
    LazyLock::new(|| Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]));

/// The labels of [`COMMANDS`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CommandLabels {
    /// What became of the command.
    pub outcome: CommandOutcome,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum CommandOutcome {
    /// It wrote events.
    Written,
    /// It had nothing to do, or was done before.
    Unchanged,
    /// It was refused, with a reason for the caller.
    Refused,
    /// It could not be done, for a reason of ours.
    Failed,
}

impl CommandOutcome {
    /// Counts one command.
    pub fn count(self) {
        COMMANDS.get_or_create(&CommandLabels { outcome: self }).inc();
    }
}

/// The registry of this process.
pub fn registry(store: Arc<dyn EventStore>, read_models: Arc<ReadModels>) -> Registry {
    let mut registry = Registry::with_prefix("parvandeh");
    registry.register(
        "events_skipped",
        "Entries of the log that this program does not understand",
        EVENTS_SKIPPED.clone(),
    );
    registry.register("commands", "Commands by what became of them", COMMANDS.clone());
    registry.register_with_unit(
        "sla_breach_delay",
        "Time from a due moment to its breach standing in the log",
        Unit::Seconds,
        BREACH_DELAY.clone(),
    );
    registry.register_collector(Box::new(Positions { store, read_models }));
    registry
}

/// How far the log and the read models have come.
struct Positions {
    store: Arc<dyn EventStore>,
    read_models: Arc<ReadModels>,
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Positions")
    }
}

impl Collector for Positions {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let head = self.store.head().map_or(0, |head| head.0);
        for (name, help, value) in [
            ("log_position", "Position of the last event in the log", head),
            (
                "read_models_position",
                "Position up to which the read models are built",
                self.read_models.position(),
            ),
            (
                "read_models_lag_events",
                "Events that the read models have not seen yet",
                self.read_models.lag(),
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
