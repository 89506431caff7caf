//! All read models built from the beginning of the log, beside two yardsticks in the same run: the same log only read and decoded,
//! and as many bare rows of one table inserted by SQLite.
//!
//! `cargo bench --bench rebuild -- [events, 300000]`

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Position};
use parvandeh::subscription::generation::{Entry, Generation};
use parvandeh::subscription::projector;
use rusqlite::Connection;
use support::measure::{ROUNDS, directory, median};
use support::portfolio;
use tokio::runtime::Runtime;

mod support {
    pub mod measure;
    pub mod portfolio;
}

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(300_000) / portfolio::EVENTS_PER_CASE) as u64;
    let runtime = Runtime::new().expect("a runtime");
    let home = directory();
    let data = home.path().join("data");
    let store = Arc::new(SqliteStore::open(&data).expect("a store"));
    let vault = portfolio::vault(&data);
    let start = Instant::now();
    let events = runtime.block_on(portfolio::fill(&store, &vault, 0..cases));
    println!(
        "{events} events of {cases} cases, written in {:.1} s; medians of {ROUNDS} alternating rounds",
        start.elapsed().as_secs_f64()
    );

    let (mut rebuilt, mut decoded, mut inserted) = (Vec::new(), Vec::new(), Vec::new());
    let mut size_bytes = 0;
    for _ in 0..ROUNDS {
        let directory = directory();
        let rate = |work: &dyn Fn()| {
            let start = Instant::now();
            work();
            events as f64 / start.elapsed().as_secs_f64()
        };
        rebuilt.push(rate(&|| rebuild(&runtime, &store, directory.path(), events)));
        decoded.push(rate(&|| decode(&store, events)));
        inserted.push(rate(&|| insert(&directory.path().join("bare.db"), events)));
        let file = directory.path().join("read-models.1.db");
        size_bytes = std::fs::metadata(file).expect("the read models").len();
    }
    let (rebuilt, decoded, inserted) = (median(rebuilt), median(decoded), median(inserted));
    println!(
        "rebuild of all read models   {rebuilt:>9.0} events/s, {} bytes an event",
        size_bytes / events
    );
    println!(
        "yardstick: decoding only     {decoded:>9.0} events/s, ratio {:.2}",
        rebuilt / decoded
    );
    println!(
        "yardstick: bare insert       {inserted:>9.0} rows/s,   ratio {:.2}",
        rebuilt / inserted
    );
}

fn rebuild(runtime: &Runtime, store: &Arc<SqliteStore>, directory: &Path, events: u64) {
    let generation = Generation::create(directory, store.id()).expect("a new file");
    let port: Arc<dyn EventStore> = store.clone();
    let generation =
        runtime.block_on(projector::catch_up(port, generation, |_| {})).expect("the read models");
    assert_eq!(generation.position(), events);
}

fn decode(store: &SqliteStore, events: u64) {
    let (mut after, mut understood) = (None::<Position>, 0);
    loop {
        let page = store.scan(after, 4_096).expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        let entries = page.iter().map(projector::entry);
        understood += entries.filter(|entry| matches!(entry, Entry::Event(_))).count() as u64;
    }
    assert_eq!(understood, events);
}

fn insert(path: &Path, rows: u64) {
    let mut db = Connection::open(path).expect("a file");
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
         CREATE TABLE bare (position INTEGER PRIMARY KEY, text TEXT NOT NULL)",
    )
    .expect("a table");
    let text = "متن".repeat(50);
    for first in (0..rows).step_by(65_536) {
        let transaction = db.transaction().expect("a transaction");
        let mut statement =
            transaction.prepare("INSERT INTO bare VALUES (?, ?)").expect("a statement");
        for position in first..rows.min(first + 65_536) {
            statement.execute((position as i64, &text)).expect("an insert");
        }
        drop(statement);
        transaction.commit().expect("a commit");
    }
}
