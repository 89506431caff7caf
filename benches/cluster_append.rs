//! What the port adds to an append on a cluster: the store (with its copy of the log, which the answer waits for) beside the bare client, on
//! the same double of the cluster's servers, in alternating rounds. The double keeps everything in memory, so this is the cost of the program
//! and not of a cluster; a real one adds its replication and its disks to both sides.
//!
//! `cargo bench --bench cluster_append -- [appends a round, 8000]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kurrentdb::{AppendToStreamOptions, Client, EventData, StreamState};
use kurrentdb_double::{Double, Options};
use parvandeh::clock::SystemClock;
use parvandeh::store::kurrent::{KeyFollower, KeyRecord, KurrentOptions, KurrentStore};
use parvandeh::store::{EventStore, Expect, NewEvent, StreamId};
use support::measure::{ROUNDS, directory, median};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use uuid::Uuid;

mod support {
    pub mod measure;
}

const WRITERS: [usize; 3] = [1, 16, 64];
static STREAMS: AtomicU64 = AtomicU64::new(1);

/// No key is published here.
struct NoKeys;

impl KeyFollower for NoKeys {
    fn learn(&self, _: &[KeyRecord]) -> Result<(), String> {
        Ok(())
    }

    fn confirm(&self, _: Instant) {}
}

/// One event for a stream that nobody used before.
fn event() -> (StreamId, NewEvent) {
    let number = STREAMS.fetch_add(1, Ordering::Relaxed);
    let stream = format!("case-0198c0de-0000-7000-8000-{number:012}");
    let metadata = r#"{"actor":"staff-17","command_id":"0198c0de-0000-7000-8000-000000000000","occurred_at":"2026-01-02T03:04:05Z"}"#;
    let event = NewEvent {
        id: Uuid::new_v4(),
        type_name: "interaction-recorded",
        version: 1,
        metadata: metadata.into(),
        data: format!(r#"{{"channel":"portal","text":"{}"}}"#, "پ".repeat(180)).into(),
        envelope: None,
    };
    (StreamId::new(&stream).expect("well formed"), event)
}

/// What is measured: something that takes appends and answers when they stand.
trait Target: Clone + Send + Sync + 'static {
    fn append(&self, stream: StreamId, event: NewEvent) -> impl Future<Output = ()> + Send;
}

impl Target for Arc<KurrentStore> {
    async fn append(&self, stream: StreamId, event: NewEvent) {
        let appended = EventStore::append(&**self, &stream, Expect::NoStream, vec![event]).await;
        appended.expect("an append");
    }
}

impl Target for Client {
    async fn append(&self, stream: StreamId, event: NewEvent) {
        let metadata =
            format!(r#"{{"version":1,"metadata":{}}}"#, String::from_utf8_lossy(&event.metadata));
        let data =
            EventData::binary(event.type_name, event.data).id(event.id).metadata(metadata.into());
        let options = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
        let appended = self.append_to_stream(format!("bare.{stream}"), &options, data).await;
        appended.expect("an append");
    }
}

/// Appends a second, and the middle and the 99th of a hundred latencies.
#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn measure(runtime: &Runtime, target: &impl Target, writers: usize, appends: usize) -> Measured {
    let start = Instant::now();
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            let target = target.clone();
            tasks.spawn(async move {
                let mut latencies = Vec::with_capacity(appends / writers);
                for _ in 0..appends / writers {
                    let (stream, event) = event();
                    let start = Instant::now();
                    target.append(stream, event).await;
                    latencies.push(start.elapsed());
                }
                latencies
            });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let at = |percent: usize| latencies[latencies.len() * percent / 100].as_secs_f64() * 1e3;
    Measured { rate: latencies.len() as f64 / seconds, p50_ms: at(50), p99_ms: at(99) }
}

fn medians(rounds: &[Measured]) -> Measured {
    let of = |part: fn(&Measured) -> f64| median(rounds.iter().map(part));
    Measured {
        rate: of(|round| round.rate),
        p50_ms: of(|round| round.p50_ms),
        p99_ms: of(|round| round.p99_ms),
    }
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let appends = numbers.next().unwrap_or(8_000);
    let runtime = Runtime::new().expect("a runtime");
    let directory = directory();
    let double = Double::start(Options::default()).expect("a double");
    let address = double.connection_string();
    let settings = address.parse().expect("an address");
    let client = runtime.block_on(async { Client::new(settings) }).expect("a client");
    let alone = measure(&runtime, &client, 1, 100);
    println!("the bare client as it comes, one writer: p50 {:.2} ms", alone.p50_ms);
    // When the store finds its calls slow, it sets TCP_NODELAY on all sockets of the process: from here on the client's are set too.
    let store = runtime.block_on(async {
        let options = KurrentOptions::parse(&address).expect("an address");
        let store = KurrentStore::connect(directory.path(), options, Arc::new(SystemClock));
        let store = store.await.expect("a store");
        store.follow(Arc::new(NoKeys)).expect("a thread");
        store.caught_up(|_| {}).await.expect("the copy");
        store
    });
    measure(&runtime, &store, 16, appends / 4);
    measure(&runtime, &client, 16, appends / 4);

    println!("medians of {ROUNDS} alternating rounds of {appends} appends of one event");
    println!("writers   store/s (p50, p99 ms)   bare client/s (p50, p99 ms)   ratio");
    for writers in WRITERS {
        let appends = if writers == 1 { appends / 4 } else { appends };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure(&runtime, &store, writers, appends));
            theirs.push(measure(&runtime, &client, writers, appends));
        }
        let (ours, theirs) = (medians(&ours), medians(&theirs));
        println!(
            "{writers:>7} {:>9.0} ({:>5.2}, {:>5.2}) {:>15.0} ({:>5.2}, {:>5.2}) {:>7.2}",
            ours.rate,
            ours.p50_ms,
            ours.p99_ms,
            theirs.rate,
            theirs.p50_ms,
            theirs.p99_ms,
            ours.rate / theirs.rate
        );
    }
    runtime.block_on(store.stop());
}
