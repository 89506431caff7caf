//! How soon a breach stands in the log and on the feed, with many clocks open, and how the monitor takes many at once.
//!
//! The yardstick in the same run is the disk: as many durable appends of one event, as many side by side as the monitor makes.
//!
//! `cargo bench --bench sla_monitor -- [open clocks, 1000000] [due at one moment, 100000]`

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Expect, READ_EVENTS_MAX, StreamId};
use parvandeh::vault::Vault;
use parvandeh_domain::case::event::{CaseDueDateSet, CaseOpened};
use parvandeh_domain::case::{CaseEvent, CaseKind, Channel, Priority};
use parvandeh_domain::decider::ActorKind;
use parvandeh_domain::id::{CustomerId, DataSubject, derived};
use parvandeh_domain::pii::Pii;
use support::measure::directory;
use support::portfolio::{Commands, case_id, vault};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

mod support {
    pub mod measure;
    #[allow(dead_code, reason = "the portfolio itself is not used here")]
    pub mod portfolio;
}

/// How many fall due a second, and for how long.
const DUE_A_SECOND: u64 = 500;
const SECONDS: u64 = 10;
const WRITERS: u64 = 512;
/// As many side by side as the monitor makes.
const APPENDS_AT_ONCE: u64 = 64;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let open = numbers.next().unwrap_or(1_000_000);
    let at_once = numbers.next().unwrap_or(100_000).min(open / 2);
    let home = directory();
    let data = home.path().join("data");
    Runtime::new().expect("a runtime").block_on(async {
        fill(&data, open).await;
        let start = Instant::now();
        let mut app = open_app(&data).await;
        println!("{open} open clocks, projected in {:.1} s", start.elapsed().as_secs_f64());

        let spread = DUE_A_SECOND * SECONDS;
        let mut delays = fall_due(&app, 0..spread, |number| {
            SignedDuration::from_millis((number * 1_000 / DUE_A_SECOND) as i64)
        })
        .await;
        delays.sort_unstable();
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{DUE_A_SECOND} a second for {SECONDS} s: from the due moment to the feed p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms",
            at(50),
            at(99),
            at(100)
        );

        let delays = fall_due(&app, spread..spread + at_once, |_| SignedDuration::ZERO).await;
        let last = delays.iter().max().expect("delays").as_secs_f64();
        println!("{at_once} at one moment: all on the feed after {last:.1} s");
        println!("resident {:.0} MB", resident_mb());

        app.stop().await;
        let start = Instant::now();
        app = open_app(&data).await;
        println!("restart: ready after {:.2} s", start.elapsed().as_secs_f64());
        app.stop().await;
        yardstick(&home.path().join("yardstick"), at_once).await;
    });
}

async fn open_app(data: &Path) -> App {
    let mut app = App::open(data).await.expect("an app");
    app.start_read_models(|_| {}).await.expect("read models");
    app.start_monitor();
    app
}

/// Appends one event to the stream of each case, from many tasks.
async fn append(
    store: &Arc<dyn EventStore>,
    vault: &Arc<Vault>,
    cases: std::ops::Range<u64>,
    event: impl Fn(u64) -> CaseEvent + Clone + Send + 'static,
) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, event, cases) = (Arc::clone(store), event.clone(), cases.clone());
        let vault = Arc::clone(vault);
        writers.spawn(async move {
            for number in cases.filter(|number| number % WRITERS == writer) {
                let now = Timestamp::now();
                let event = event(number);
                let customer = derived(&["benchmark customer", &(number / 1_000).to_string()]);
                let subject = DataSubject::Customer(CustomerId(customer));
                // A number of its own for each event of a case.
                let command = number * 2 + u64::from(!matches!(&event, CaseEvent::Opened(_)));
                let event =
                    Commands::of(command, Some(subject)).event(&event, now, ActorKind::Service);
                let event = event.seal(&vault).expect("an envelope");
                let stream = StreamId::new(&format!("case-{}", case_id(number)));
                let stream = stream.expect("well formed");
                store.append(&stream, Expect::Any, vec![event]).await.expect("an append");
            }
        });
    }
    writers.join_all().await;
}

/// Cases whose dates lie far ahead.
async fn fill(data: &Path, open: u64) {
    // The first opening publishes the policy that watches dates.
    App::open(data).await.expect("an app").stop().await;
    let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(data).expect("a store"));
    let due_at = Timestamp::now() + SignedDuration::from_hours(24 * 365);
    append(&store, &vault(data), 0..open, move |_| {
        CaseEvent::Opened(CaseOpened {
            kind: CaseKind::Request,
            subject: Pii::new("درخواست".to_owned()),
            description: None,
            customer_id: None,
            channel: Channel::Portal,
            category: None,
            priority: Priority::Normal,
            severity: None,
            unit: None,
            due_at: Some(due_at),
            external_reference: None,
            split_from: None,
            remedy_sought: None,
        })
    })
    .await;
}

/// Gives cases dates that come soon, and waits for their breaches; answers how long after its due moment each was on the feed.
async fn fall_due(
    app: &App,
    cases: std::ops::Range<u64>,
    after: impl Fn(u64) -> SignedDuration + Clone + Send + 'static,
) -> Vec<SignedDuration> {
    let store: Arc<dyn EventStore> = app.store.clone();
    let count = (cases.end - cases.start) as usize;
    // Time enough to write the dates and to project them.
    let ahead = SignedDuration::from_secs(5 + count as i64 / 3_000);
    let begin = Timestamp::now() + ahead;
    let first = cases.start;
    append(&store, &app.vault, cases, move |number| {
        CaseEvent::DueDateSet(CaseDueDateSet { due_at: begin + after(number - first) })
    })
    .await;
    let head = store.head().expect("events");
    // Whoever waits for a write of their own gives up after ten seconds; here there are many.
    while app.read_models.wait_for(head).await.is_err() {}
    assert!(Timestamp::now() < begin, "the dates came before they were projected");

    let mut moved = store.head_changes();
    let (mut position, mut delays, mut seen) = (head, Vec::with_capacity(count), HashSet::new());
    while delays.len() < count {
        let page = store.read_all(Some(position), READ_EVENTS_MAX).await.expect("a page");
        let now = Timestamp::now();
        for event in &page {
            position = event.position;
            if &*event.type_name == "SlaBreached" {
                assert!(seen.insert(event.stream.clone()), "a breach twice");
                let data: serde_json::Value =
                    serde_json::from_slice(&event.data).expect("a breach");
                let due_at: Timestamp =
                    data["due_at"].as_str().expect("a date").parse().expect("a date");
                delays.push(now.duration_since(due_at));
            }
        }
        if page.is_empty() {
            moved.changed().await.expect("the store is open");
        }
    }
    delays
}

async fn yardstick(data: &Path, appends: u64) {
    let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(data).expect("a store"));
    let vault = vault(data);
    let start = Instant::now();
    let mut writers = JoinSet::new();
    for writer in 0..APPENDS_AT_ONCE {
        let (store, vault) = (Arc::clone(&store), Arc::clone(&vault));
        writers.spawn(async move {
            for number in (0..appends).filter(|number| number % APPENDS_AT_ONCE == writer) {
                let event = CaseEvent::DueDateSet(CaseDueDateSet { due_at: Timestamp::now() });
                let now = Timestamp::now();
                let event = Commands::of(number, None).event(&event, now, ActorKind::System);
                let event = event.seal(&vault).expect("nothing to seal");
                let stream = StreamId::new(&format!("clock-{}", case_id(number)));
                let stream = stream.expect("well formed");
                store.append(&stream, Expect::NoStream, vec![event]).await.expect("an append");
            }
        });
    }
    writers.join_all().await;
    let seconds = start.elapsed().as_secs_f64();
    println!("yardstick: {appends} durable appends, {APPENDS_AT_ONCE} at once, in {seconds:.1} s");
}

fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}
