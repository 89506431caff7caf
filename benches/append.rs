//! Durable appends through the port, beside a yardstick in the same run: a bare segment file that
//! grows, fed by the same queue and group commit, with fdatasync and a stream index in memory. The
//! yardstick is a limit, not a candidate.
//!
//! `cargo bench --bench append -- [events stored beforehand, 100000] [appends a round, 60000]
//! [writers, all of 1, 16, 64, 256]`

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    future::Future,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parvandeh::store::{EventStore, Expect, NewEvent, Position, StreamId, sqlite::SqliteStore};
use support::measure::{ROUNDS, Random, directory, median};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use uuid::Uuid;

mod support {
    pub mod measure;
}

const STREAMS: u64 = 200_000;
const WRITERS: [usize; 4] = [1, 16, 64, 256];
static SEEDS: AtomicU64 = AtomicU64::new(1);
const EVENT_SIZE_BYTES: usize = 503;

/// Makes appends.
struct Source(Random);

impl Source {
    /// A tenth of the streams takes half of the appends.
    fn stream(&mut self) -> StreamId {
        let bound = if self.0.below(2) == 0 { STREAMS / 10 } else { STREAMS };
        let number = self.0.below(bound);
        StreamId::new(&format!("case-0198c0de-0000-7000-8000-{number:012}")).expect("well formed")
    }

    fn events(&mut self) -> Vec<NewEvent> {
        (0..=self.0.below(3)).map(|_| self.event()).collect()
    }

    fn event(&mut self) -> NewEvent {
        let metadata = r#"{"actor":"staff-17","command_id":"0198c0de-0000-7000-8000-000000000000","occurred_at":"2026-01-02T03:04:05Z"}"#;
        let around = r#"{"channel":"portal","text":""}"#.len();
        let text = "پ".repeat((EVENT_SIZE_BYTES - metadata.len() - around) / 2);
        NewEvent {
            id: Uuid::from_u64_pair(self.0.below(u64::MAX), self.0.below(u64::MAX)),
            type_name: "interaction-recorded",
            version: 1,
            metadata: metadata.into(),
            data: format!(r#"{{"channel":"portal","text":"{text}"}}"#).into(),
            envelope: None,
        }
    }
}

/// What is measured: something that takes appends and answers when they are durable.
trait Target: Clone + Send + Sync + 'static {
    fn append(&self, stream: StreamId, events: Vec<NewEvent>) -> impl Future<Output = ()> + Send;
}

impl Target for Arc<SqliteStore> {
    async fn append(&self, stream: StreamId, events: Vec<NewEvent>) {
        EventStore::append(&**self, &stream, Expect::Any, events).await.expect("an append");
    }
}

/// The yardstick.
#[derive(Clone)]
struct Segment {
    queue: mpsc::Sender<(StreamId, Vec<NewEvent>, oneshot::Sender<()>)>,
}

impl Segment {
    fn create(path: &Path) -> Self {
        let file = OpenOptions::new().create_new(true).append(true).open(path);
        let mut file: File = file.expect("a new file");
        let (queue, mut requests) =
            mpsc::channel::<(StreamId, Vec<NewEvent>, oneshot::Sender<()>)>(1_024);
        std::thread::spawn(move || {
            let mut index: HashMap<StreamId, Vec<u64>> = HashMap::new();
            let (mut batch, mut buffer) = (Vec::new(), Vec::new());
            let mut offset = 0;
            while requests.blocking_recv_many(&mut batch, 1_024) > 0 {
                buffer.clear();
                for (stream, events, _) in &batch {
                    let start = buffer.len();
                    buffer.extend_from_slice(&[0; 8]);
                    buffer.extend_from_slice(stream.as_str().as_bytes());
                    for event in events {
                        buffer.extend_from_slice(event.id.as_bytes());
                        buffer.extend_from_slice(event.type_name.as_bytes());
                        buffer.extend_from_slice(&event.metadata);
                        buffer.extend_from_slice(&event.data);
                        index.entry(stream.clone()).or_default().push(offset + start as u64);
                    }
                    let checksum = crc32fast::hash(&buffer[start + 8..]).to_le_bytes();
                    let length = ((buffer.len() - start) as u32).to_le_bytes();
                    buffer[start..start + 4].copy_from_slice(&length);
                    buffer[start + 4..start + 8].copy_from_slice(&checksum);
                }
                file.write_all(&buffer).expect("room on the disk");
                file.sync_data().expect("a durable file");
                offset += buffer.len() as u64;
                for (_, _, answer) in batch.drain(..) {
                    let _ = answer.send(());
                }
            }
        });
        Self { queue }
    }
}

impl Target for Segment {
    async fn append(&self, stream: StreamId, events: Vec<NewEvent>) {
        let (answer, answered) = oneshot::channel();
        assert!(self.queue.send((stream, events, answer)).await.is_ok(), "the thread has ended");
        answered.await.expect("an answer");
    }
}

/// Appends a second, and the latency that 99 of 100 stay below.
#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    p99_ms: f64,
}

fn measure(runtime: &Runtime, target: &impl Target, writers: usize, appends: usize) -> Measured {
    let start = Instant::now();
    let mut latencies: Vec<Duration> = runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            let target = target.clone();
            // Never the same twice: the store would take the events for retries.
            let seed = SEEDS.fetch_add(1, Ordering::Relaxed) << 32;
            tasks.spawn(async move {
                let mut source = Source(Random(seed));
                let mut latencies = Vec::with_capacity(appends / writers);
                for _ in 0..appends / writers {
                    let (stream, events) = (source.stream(), source.events());
                    let start = Instant::now();
                    target.append(stream, events).await;
                    latencies.push(start.elapsed());
                }
                latencies
            });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let p99 = latencies[latencies.len() * 99 / 100];
    Measured { rate: latencies.len() as f64 / seconds, p99_ms: p99.as_secs_f64() * 1e3 }
}

fn medians(rounds: &[Measured]) -> Measured {
    Measured {
        rate: median(rounds.iter().map(|round| round.rate)),
        p99_ms: median(rounds.iter().map(|round| round.p99_ms)),
    }
}

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let stored = numbers.next().unwrap_or(100_000);
    let appends = numbers.next().unwrap_or(60_000);
    let only = numbers.next();
    let runtime = Runtime::new().expect("a runtime");
    let directory = directory();
    let data = directory.path().join("data");

    let sqlite = Arc::new(SqliteStore::open(&data).expect("a store"));
    let segment = Segment::create(&directory.path().join("segment"));
    measure(&runtime, &sqlite, 256, stored / 2);
    measure(&runtime, &segment, 256, stored / 2);

    println!("{stored} events stored; medians of {ROUNDS} alternating rounds");
    println!("writers   sqlite/s (p99 ms)   yardstick/s (p99 ms)   ratio");
    for writers in WRITERS.into_iter().filter(|&writers| only.is_none_or(|only| only == writers)) {
        // One writer is bound by the disk's latency: fewer appends tell as much.
        let appends = if writers == 1 { appends / 8 } else { appends };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(measure(&runtime, &sqlite, writers, appends));
            theirs.push(measure(&runtime, &segment, writers, appends));
        }
        let (ours, theirs) = (medians(&ours), medians(&theirs));
        println!(
            "{writers:>7} {:>10.0} ({:>5.2}) {:>14.0} ({:>5.2}) {:>10.2}",
            ours.rate,
            ours.p99_ms,
            theirs.rate,
            theirs.p99_ms,
            ours.rate / theirs.rate
        );
    }

    let start = Instant::now();
    let (mut after, mut events, mut bytes) = (None::<Position>, 0_u64, 0_u64);
    loop {
        let page = sqlite.scan(after, 1_000).expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        events += page.len() as u64;
        bytes += page.iter().map(|event| event.data.len() as u64).sum::<u64>();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "full scan: {events} events, {bytes} bytes of data, {:.0} events/s",
        events as f64 / seconds
    );

    // The files of an open store are what a kill leaves behind.
    let crashed = directory.path().join("crashed");
    std::fs::create_dir(&crashed).expect("a directory");
    for name in ["log.db", "log.db-wal", "stream-index.db", "stream-index.db-wal"] {
        std::fs::copy(data.join(name), crashed.join(name)).expect("a copy");
    }
    for case in ["after a kill", "after a clean end", "without an index"] {
        if case == "without an index" {
            std::fs::remove_file(crashed.join("stream-index.db")).expect("an index");
        }
        let start = Instant::now();
        let store = SqliteStore::open(&crashed).expect("a store");
        println!("open {case}: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
        drop(store);
    }
}
