//! A portfolio exported in every format, beside a yardstick in the same run: the same log only read and decoded, in its own order.
//!
//! Each export runs in a process of its own, so that its peak memory is its own.
//!
//! `cargo bench --bench export -- [events, 1000000]`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use parvandeh::export::personal::Personal;
use parvandeh::export::{Format, Selection, export};
use parvandeh::store::Position;
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::subscription::generation::Entry;
use parvandeh::subscription::projector;
use parvandeh_projections::scope::CaseScope;
use support::measure::{ROUNDS, directory, median};
use support::portfolio;
use tokio::runtime::Runtime;

mod support {
    pub mod measure;
    pub mod portfolio;
}

/// What tells a process that it is to do one part.
const PART: &str = "PARVANDEH_BENCH_EXPORT";

fn main() {
    if let Some(part) = std::env::var_os(PART) {
        let (seconds, events, size_bytes) = run_part(&part.to_string_lossy());
        println!("{seconds} {events} {size_bytes} {}", peak_kib());
        return;
    }
    let events = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(1_000_000) / portfolio::EVENTS_PER_CASE) as u64;
    let home = directory();
    let data = home.path().join("data");
    let store = Arc::new(SqliteStore::open(&data).expect("a store"));
    let start = Instant::now();
    let vault = portfolio::vault(&data);
    let runtime = Runtime::new().expect("a runtime");
    let events = runtime.block_on(portfolio::fill(&store, &vault, 0..cases));
    drop((store, vault));
    println!(
        "{events} events of {cases} cases, written in {:.1} s; medians of {ROUNDS} alternating rounds",
        start.elapsed().as_secs_f64()
    );
    let parts = ["yardstick", "xes", "ocel", "csv"];
    let mut rates = vec![Vec::new(); parts.len()];
    let mut last = vec![(0, 0); parts.len()];
    for _ in 0..ROUNDS {
        for (place, part) in parts.iter().enumerate() {
            let (seconds, size_bytes, peak_kib) = in_own_process(part, &data);
            rates[place].push(events as f64 / seconds);
            last[place] = (size_bytes, peak_kib);
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    for ((part, rate), (size_bytes, peak_kib)) in parts.iter().zip(&rates).zip(last) {
        println!(
            "{part:<10} {rate:>9.0} events/s, ratio to the yardstick {:.2}, {} MB written, peak {} MB",
            rate / rates[0],
            size_bytes / 1_000_000,
            peak_kib * 1_024 / 1_000_000,
        );
    }
}

/// Seconds, bytes written, and peak memory in KiB.
fn in_own_process(part: &str, data: &Path) -> (f64, u64, u64) {
    let program = std::env::current_exe().expect("a path");
    let output = Command::new(program)
        .env(PART, format!("{part} {}", data.display()))
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut words = text.split_whitespace();
    let mut next = || words.next().unwrap_or_else(|| panic!("{part} failed: {output:?}"));
    let (seconds, _, size_bytes, peak) = (next(), next(), next(), next());
    (
        seconds.parse().expect("seconds"),
        size_bytes.parse().expect("bytes"),
        peak.parse().expect("KiB"),
    )
}

fn run_part(part: &str) -> (f64, u64, u64) {
    let (part, data) = part.split_once(' ').expect("a part and a directory");
    let log = LogReader::open(Path::new(data)).expect("a log");
    let start = Instant::now();
    let Some(format) = Format::from_name(part) else {
        let events = decode(&log);
        return (start.elapsed().as_secs_f64(), events, 0);
    };
    let path = Path::new(data).with_file_name("export");
    let mut out = BufWriter::new(File::create(&path).expect("a file"));
    let selection = Selection::all(CaseScope::All);
    let mut watch = |_, _| ControlFlow::Continue(());
    let summary = export(&log, format, &selection, &Personal::LeftOut, &mut out, &mut watch);
    out.flush().expect("a whole file");
    let size_bytes = std::fs::metadata(&path).expect("a file").len();
    (start.elapsed().as_secs_f64(), summary.expect("an export").events, size_bytes)
}

fn decode(log: &LogReader) -> u64 {
    let (mut after, mut understood) = (None::<Position>, 0);
    loop {
        let page = log.read_all(after, 4_096).expect("a page");
        let Some(last) = page.last() else { return understood };
        after = Some(last.position);
        let entries = page.iter().map(projector::entry);
        understood += entries.filter(|entry| matches!(entry, Entry::Event(_))).count() as u64;
    }
}

/// The most memory that this process has held, in KiB; 0 where the system does not tell.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
