//! Stands in for a KurrentDB server in tests and trials.
//!
//! It speaks the server's gRPC protocol well enough for the official client, keeps real streams with real revisions in
//! memory, and can let things go wrong on purpose ([`Faults`]). One process can be a cluster: several nodes on ports of
//! their own share one log, and one of them leads. It keeps nothing on disk and knows no users and no TLS: it is for
//! tests and trials only.
//!
//! ```
//! use kurrentdb_double::{Double, Fault, Options};
//!
//! let double = Double::start(Options { nodes: 3, ..Options::default() })?;
//! double.faults().arm(Fault::CommittedButAborted, 1);
//! println!("{}", double.connection_string());
//! # Ok::<(), std::io::Error>(())
//! ```

// The framework's own error type is large, and its callbacks must return it.
#![allow(clippy::result_large_err)]

mod cluster;
mod faults;
mod log;
mod random;
mod read;
mod server;
mod status;
mod subscription;
mod wire;
mod write;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

pub use crate::faults::{Fault, Faults};
pub use crate::log::LogEvent;

use crate::cluster::{Cluster, Node, lock};
use crate::log::Log;
use crate::random::Random;
use crate::server::Shared;

/// How a double behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many nodes there are; 1 at first.
    pub nodes: u16,
    /// Where the first node listens; the others take the ports after it. Port 0: whatever is free.
    pub listen: SocketAddr,
    /// The seed of everything random; printed at the start.
    pub seed: u64,
    /// The version that it claims.
    pub version: String,
    /// The largest append in bytes; 1 MiB at first.
    pub append_size_bytes_max: usize,
    /// How many ids are remembered for appends with `Any`.
    pub recent_ids_max: usize,
    /// Whether a repeated append is answered with its position.
    pub repeats_tell_position: bool,
    /// Whether `CaughtUp` and `FellBehind` say where, as servers do from 25.0 on.
    pub live_marks_tell_position: bool,
    /// How many events a live subscription may lag before it falls behind.
    pub live_buffer: u64,
    /// A system event is written after one in so many appends; 0 for none.
    pub system_event_every: u64,
}

impl Default for Options {
    fn default() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Options {
            nodes: 1,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: since.as_nanos() as u64,
            version: "25.0.0".to_owned(),
            append_size_bytes_max: 1 << 20,
            recent_ids_max: 1000,
            repeats_tell_position: true,
            live_marks_tell_position: true,
            live_buffer: 1000,
            system_event_every: 50,
        }
    }
}

/// A running double. It has a runtime of its own, so that tests which block cannot block it. Dropping it stops it.
pub struct Double {
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Double {
    /// Starts the nodes. Fails when a port is taken.
    pub fn start(options: Options) -> io::Result<Double> {
        eprintln!("kurrentdb-double: seed {}", options.seed);
        let mut random = Random::new(options.seed);
        let mut nodes = Vec::new();
        let mut listeners = Vec::new();
        for index in 0..options.nodes.max(1) {
            let mut address = options.listen;
            if address.port() != 0 {
                address.set_port(address.port() + index);
            }
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            nodes.push(Node::new(listener.local_addr()?, random.uuid()));
            listeners.push(listener);
        }
        let cluster = Arc::new(Cluster::new(nodes));
        let log = Log::new(
            Random::new(random.bits()),
            options.recent_ids_max,
            options.repeats_tell_position,
            options.system_event_every,
        );
        let shared = Arc::new(Shared {
            length: watch::Sender::new(log.row().len()),
            log: Mutex::new(log),
            faults: Faults::new(random.bits(), cluster.clone()),
            cluster,
            options,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("kurrentdb-double")
            .enable_all()
            .build()?;
        let entered = runtime.enter();
        for (node, listener) in listeners.into_iter().enumerate() {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            runtime.spawn(server::accept(shared.clone(), node, listener));
        }
        drop(entered);
        Ok(Double { shared, runtime: Some(runtime) })
    }

    /// What a client connects to: every node, without TLS.
    pub fn connection_string(&self) -> String {
        let nodes = self.shared.cluster.nodes();
        let hosts: Vec<String> = nodes.iter().map(|node| node.address.to_string()).collect();
        format!("kurrentdb://{}?tls=false", hosts.join(","))
    }

    /// Lets things go wrong.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The seed of this run.
    pub fn seed(&self) -> u64 {
        self.shared.options.seed
    }

    /// What the log truly holds, in its order, system events included.
    pub fn events(&self) -> Vec<LogEvent> {
        let log = lock(&self.shared.log);
        log.row().iter().filter(|event| !event.scavenged).cloned().collect()
    }

    /// What the log truly holds of the streams that begin so, in its order.
    pub fn events_of(&self, stream_prefix: &str) -> Vec<LogEvent> {
        let log = lock(&self.shared.log);
        let events = log.row().iter().filter(|event| !event.scavenged);
        events.filter(|event| event.stream.starts_with(stream_prefix)).cloned().collect()
    }

    /// Removes deleted and expired events from the log itself, as an operator's scavenge does, and tells how many.
    pub fn scavenge(&self) -> usize {
        self.shared.change(Log::scavenge)
    }

    /// Forgets the last events, as a server that was restored from an old backup. Subscriptions are cut.
    pub fn forget_last(&self, count: usize) {
        self.shared.change(|log| log.forget_last(count));
        self.faults().cut_connections();
    }

    /// Stops at once; connections are cut.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.faults().cut_connections();
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: a double may be dropped inside of another runtime.
            runtime.shutdown_background();
        }
    }
}
