//! The metrics that only a replica of a cluster has.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::app::ReplicaWatch;
use crate::clock::Clock;

/// Adds them.
pub fn register(registry: &mut Registry, replica: ReplicaWatch, clock: Arc<dyn Clock>) {
    registry.register_collector(Box::new(Replica { replica, clock }));
}

struct Replica {
    replica: ReplicaWatch,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Replica")
    }
}

impl Collector for Replica {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let replica = &self.replica;
        for (name, help, value) in [
            (
                "replica_behind_seconds",
                "For how long the copy of the cluster's log has not had all that the cluster has",
                replica.behind(self.clock.now()).as_secs_f64(),
            ),
            (
                "replica_stopped",
                "1 when the copy of the cluster's log is not continued until the program starts again",
                f64::from(u8::from(replica.stopped().is_some())),
            ),
            (
                "replica_members",
                "Replicas that are alive, as this one sees it, itself included",
                replica.member_count() as f64,
            ),
            (
                "replica_personal_data_readable",
                "1 while this replica would have heard of an erasure, and so may show personal data",
                f64::from(u8::from(replica.is_fresh())),
            ),
        ] {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}
