//! The transparency log: how far it stays behind while appends come as fast as they can, what it costs them, and how long it takes to
//! verify a data directory. Yardsticks in the same run: the same appends without it, and the same log only read and decoded.
//!
//! `cargo bench --bench proof -- [events to verify, 1000000] [appends a round, 60000]`

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parvandeh::proof::service::Proof;
use parvandeh::proof::verify::{Trust, directory as data_directory};
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::store::{EventStore, Expect, NewEvent, StreamId};
use parvandeh::vault::Keyring;
use support::measure::{ROUNDS, directory, median};
use support::portfolio;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

mod support {
    pub mod measure;
    pub mod portfolio;
}

const WRITERS: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let events = numbers.next().unwrap_or(1_000_000);
    let appends = numbers.next().unwrap_or(60_000);
    let runtime = Runtime::new().expect("a runtime");
    building(&runtime, appends);
    verifying(&runtime, (events / portfolio::EVENTS_PER_CASE) as u64);
}

/// A store whose proof is built while `stop` stays false.
struct Built {
    proof: Arc<Proof>,
    thread: std::thread::JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Built {
    fn start(store: &Arc<SqliteStore>, data: &Path) -> Self {
        let proof = Arc::new(Proof::new(store.clone(), data));
        let stop = watch::Sender::new(false);
        let keyring = Keyring::at(data.join("keyring"));
        let thread = proof.start(&keyring, stop.subscribe()).expect("a thread");
        Self { proof, thread, stop }
    }

    /// Waits for a checkpoint over all events; answers the seconds that took.
    fn catch_up(&self, runtime: &Runtime, size: u64) -> f64 {
        let start = Instant::now();
        runtime.block_on(self.proof.wait_for(size)).expect("a checkpoint");
        start.elapsed().as_secs_f64()
    }

    fn end(self) {
        self.stop.send_replace(true);
        self.thread.join().expect("the thread ends well");
    }
}

/// Appends with and without the proof's thread, in alternating rounds.
fn building(runtime: &Runtime, appends: usize) {
    let home = directory();
    let (with, without) = (home.path().join("with"), home.path().join("without"));
    let followed = Arc::new(SqliteStore::open(&with).expect("a store"));
    let alone = Arc::new(SqliteStore::open(&without).expect("a store"));
    let built = Built::start(&followed, &with);
    let (mut ours, mut theirs, mut lags, mut behind) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let appending = AtomicBool::new(true);
        let (rate, lag) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut most = 0;
                while appending.load(Ordering::Relaxed) {
                    let head = followed.head().map_or(0, |head| head.0);
                    most = most.max(head.saturating_sub(built.proof.built()));
                    std::thread::sleep(LOOK_EVERY);
                }
                most
            });
            let rate = append(runtime, &followed, appends);
            appending.store(false, Ordering::Relaxed);
            (rate, watcher.join().expect("the watcher ends well"))
        });
        behind.push(built.catch_up(runtime, followed.head().map_or(0, |head| head.0)));
        ours.push(rate);
        lags.push(lag as f64);
        theirs.push(append(runtime, &alone, appends));
    }
    built.end();
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{WRITERS} writers, {appends} appends of one event a round; medians of {ROUNDS} alternating rounds"
    );
    println!(
        "appends beside the proof     {ours:>9.0} events/s, most events not in the tree {:.0}",
        median(lags)
    );
    println!("yardstick: without it        {theirs:>9.0} events/s, ratio {:.2}", ours / theirs);
    println!("signed over all of them      {:>9.2} s after the last append", median(behind));
}

/// Events a second of one-event appends by many writers.
fn append(runtime: &Runtime, store: &Arc<SqliteStore>, appends: usize) -> f64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let start = Instant::now();
    runtime.block_on(async {
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                for _ in 0..appends / WRITERS {
                    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                    let stream = StreamId::new(&format!("case-{}", number % 50_000));
                    let stream = stream.expect("well formed");
                    store
                        .append(&stream, Expect::Any, vec![event(number)])
                        .await
                        .expect("an append");
                }
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.expect("the writer ends well");
        }
    });
    appends as f64 / start.elapsed().as_secs_f64()
}

fn event(number: u64) -> NewEvent {
    let id = Uuid::from_u64_pair(number.wrapping_mul(0x9E37_79B9_7F4A_7C15), number);
    let metadata = format!(
        r#"{{"occurred_at":"2026-01-02T03:04:05Z","recorded_at":"2026-01-02T03:04:05Z","actor":{{"kind":"staff","id":"staff-17"}},"causation_id":"{id}","correlation_id":"{id}"}}"#
    );
    NewEvent {
        id,
        type_name: "InteractionRecorded",
        version: 2,
        metadata: metadata.into(),
        data: format!(r#"{{"channel":"portal","text":"{}"}}"#, "پ".repeat(130)).into(),
        envelope: None,
    }
}

/// Verifying a data directory of a year's work.
fn verifying(runtime: &Runtime, cases: u64) {
    let home = directory();
    let data = home.path().join("data");
    let store = Arc::new(SqliteStore::open(&data).expect("a store"));
    let vault = portfolio::vault(&data);
    let events = runtime.block_on(portfolio::fill(&store, &vault, 0..cases));
    let built = Built::start(&store, &data);
    let seconds = built.catch_up(runtime, store.head().map_or(0, |head| head.0));
    println!(
        "built and signed anew        {:>9.0} events/s, {events} events in {seconds:.1} s",
        events as f64 / seconds
    );
    built.end();
    drop(store);
    let (mut verified, mut read) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let report = data_directory::verify(&data, &Trust::default(), |_, _| {});
        assert!(report.holds() && report.events == events, "{report:#?}");
        verified.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let log = LogReader::open(&data).expect("a log");
        let mut after = None;
        while let Some(last) = log.read_all(after, 1_000).expect("a page").last() {
            after = Some(last.position);
        }
        read.push(start.elapsed().as_secs_f64());
    }
    let (verified, read) = (median(verified), median(read));
    println!(
        "verified                     {:>9.0} events/s, {verified:.1} s",
        events as f64 / verified
    );
    println!(
        "yardstick: read and decoded  {:>9.0} events/s, {read:.1} s, ratio {:.2}",
        events as f64 / read,
        read / verified
    );
}
