//! What a log takes on the disk, file by file, and what processor time its making took: for a portfolio of cases of about eleven events,
//! and for the demo. The yardstick in the same run is the plain content of the events: their data, their metadata and their envelopes.
//!
//! `cargo bench --bench footprint -- [events, 1000000]`

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parvandeh::app::App;
use parvandeh::demo;
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh::vault::Keyring;
use support::measure::directory;
use support::portfolio;
use tokio::runtime::Runtime;

mod support {
    pub mod measure;
    pub mod portfolio;
}

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(1_000_000) / portfolio::EVENTS_PER_CASE) as u64;
    let home = directory();
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let data = home.path().join("portfolio");
        let start = processor_s();
        let store = Arc::new(SqliteStore::open(&data).expect("a store"));
        let events = portfolio::fill(&store, &portfolio::vault(&data), 0..cases).await;
        drop(store);
        let appended = processor_s();
        let each = |seconds: f64| seconds * 1e6 / events as f64;
        println!(
            "portfolio: appending and sealing took {:.1} µs of processor time an event",
            each(appended - start)
        );
        let (projected, proved) = build(&data).await;
        println!(
            "portfolio: read models {:.1} µs an event, the proofs {:.1} µs",
            each(projected - appended),
            each(proved - projected)
        );
        report("portfolio", &data).await;

        let data = home.path().join("demo");
        demo::fill(&data, Keyring::at(data.join("keyring"))).await.expect("the demo");
        build(&data).await;
        report("demo", &data).await;
    });
}

/// Builds the read models and the proofs; answers the processor time after each.
async fn build(data: &Path) -> (f64, f64) {
    let mut app = App::open(data).await.expect("the data directory");
    app.start_read_models(|_| {}).await.expect("the read models");
    let projected = processor_s();
    app.start_proof().expect("the proofs");
    let head = app.store.head().expect("an event").0;
    while app.proof.signed().is_none_or(|signed| signed.size() < head) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let proved = processor_s();
    app.stop().await;
    (projected, proved)
}

/// Prints what lies in a data directory that nobody has open.
async fn report(name: &str, data: &Path) {
    let (mut events, mut plain, mut cases) = (0_u64, 0_u64, 0_u64);
    {
        let store = SqliteStore::open(data).expect("a store");
        let mut after = None;
        loop {
            let page = store.read_all(after, READ_EVENTS_MAX).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = Some(last.position);
            for event in &page {
                let envelope = event.envelope.as_ref().map_or(0, |envelope| envelope.len());
                plain += (event.data.len() + event.metadata.len() + envelope) as u64;
                cases += u64::from(&*event.type_name == "CaseOpened");
            }
            events += page.len() as u64;
        }
    }
    let mut sizes = BTreeMap::new();
    for entry in std::fs::read_dir(data).expect("a directory") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        sizes.insert(file, size(&path));
    }
    println!("{name}: {events} events of {cases} cases");
    println!("{:<40}{:>14}{:>12}{:>12}", "", "bytes", "an event", "a case");
    let line = |what: &str, bytes: u64| {
        let each = |count: u64| bytes as f64 / count as f64;
        println!("{what:<40}{bytes:>14}{:>12.0}{:>12.0}", each(events), each(cases));
    };
    for (file, bytes) in &sizes {
        line(file, *bytes);
    }
    line("together", sizes.values().sum());
    line("yardstick: plain content", plain);
}

fn size(path: &Path) -> u64 {
    let metadata = std::fs::metadata(path).expect("a file");
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = std::fs::read_dir(path).expect("a directory");
    entries.map(|entry| size(&entry.expect("an entry").path())).sum()
}

/// Processor time of this process so far, in seconds.
fn processor_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = text.rsplit_once(')').expect("a name in parentheses").1;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    // The unit of the kernel's answer on every architecture that Linux has today.
    ticks / 100.0
}
