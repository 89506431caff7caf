//! The metrics of this process, in Prometheus' text format at `/metrics`.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::{BREACH_DELAY, COMMANDS, EVENTS_SKIPPED, READ_MODEL_FAILURES};
use crate::proof::service::Proof;
use crate::store::EventStore;
use crate::subscription::read_models::ReadModels;

/// The registry of this process.
pub fn registry(
    store: Arc<dyn EventStore>,
    read_models: Arc<ReadModels>,
    proof: Arc<Proof>,
) -> Registry {
    let mut registry = Registry::with_prefix("parvandeh");
    registry.register(
        "events_skipped",
        "Entries of the log that this program does not understand",
        EVENTS_SKIPPED.clone(),
    );
    registry.register(
        "read_model_failures",
        "How often the read models could not follow the log and had to try again",
        READ_MODEL_FAILURES.clone(),
    );
    registry.register("commands", "Commands by what became of them", COMMANDS.clone());
    registry.register_with_unit(
        "sla_breach_delay",
        "Time from a due moment to its breach standing in the log",
        Unit::Seconds,
        BREACH_DELAY.clone(),
    );
    registry.register_collector(Box::new(Positions { store, read_models, proof }));
    registry
}

/// How far the log, the read models and the proof have come.
struct Positions {
    store: Arc<dyn EventStore>,
    read_models: Arc<ReadModels>,
    proof: Arc<Proof>,
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
            ("proof_lag_events", "Events that no signed checkpoint covers yet", self.proof.lag()),
            (
                "proof_checkpoint_age_seconds",
                "Time since the last checkpoint was signed; it grows while nothing is written, too",
                self.proof.signed().map_or(0, |signed| signed.age_seconds()),
            ),
            (
                "proof_stopped",
                "1 when no more checkpoints are signed, because the log and the stored checkpoint disagree",
                u64::from(self.proof.stopped().is_some()),
            ),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
