//! The import of a real log: its figures, its repetition, and its interruption.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use parvandeh::app::App;
use parvandeh::command::handler::CommandHandler;
use parvandeh::import::Mapping;
use parvandeh::import::run::{ImportReport, run};
use parvandeh::principal::Role;
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::store::{EventStore, Position};
use parvandeh::subscription::generation::Generation;
use parvandeh::subscription::projector;
use serde_json::{Value, json};

use crate::harness::System;
use crate::harness::random::Random;
use crate::harness::tables::{Tables, assert_same, tables_without};

const CASES: u64 = 1_434;
const ACTIVITIES: u64 = 8_577;
const ENDED: u64 = 1_329;
/// One for each opening, activity, resolution and closing.
const EVENTS: u64 = CASES + ACTIVITIES + 2 * ENDED;

/// The log, which is not part of this repository; `None`, and a line that says so, where it is missing.
fn receipt_log() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/receipt.xes.gz");
    if !path.is_file() {
        println!("SKIPPED: the receipt log is not at {}; see doi 10.4121/12709127", path.display());
        return None;
    }
    Some(path)
}

fn mapping_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mappings/receipt.toml")
}

async fn import(commands: &CommandHandler, source: &Path) -> ImportReport {
    let mapping = Mapping::load(&mapping_path()).unwrap_or_else(|error| panic!("{error}"));
    run(commands, source, &mapping, true, &|_, _| {}).await.unwrap()
}

/// How many cases were met, were late, and are open and overdue.
type Counts = [u64; 3];

/// The counts of the file by one attribute, by a scan of its lines.
fn scan(source: &Path, attribute: &str) -> BTreeMap<String, Counts> {
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(source).unwrap()).read_to_string(&mut text).unwrap();
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for trace in text.split("<trace>").skip(1) {
        // The attributes of the case stand before its first event.
        let head = trace.split("<event>").next().unwrap();
        let value = |key: &str| {
            let after = head.split_once(&format!("key=\"{key}\" value=\""))?.1;
            after.split_once('"').map(|(value, _)| value)
        };
        let time = |key: &str| value(key).map(|text| text.parse::<Timestamp>().unwrap());
        let deadline = time("deadline").unwrap();
        let place = match time("enddate") {
            Some(end) if end <= deadline => 0,
            Some(_) => 1,
            None => 2,
        };
        counts.entry(value(attribute).unwrap().to_owned()).or_default()[place] += 1;
    }
    counts
}

/// What the API counts, by group; under an empty name when nothing is grouped.
async fn compliance(system: &System, group_by: &[&str]) -> BTreeMap<String, Counts> {
    let query =
        "query($by: [SlaGroupBy!]!) { slaCompliance(groupBy: $by, filter: { metric: [DUE_DATE] }) {
        group { value } total met breached openOverdue openInTime paused } }";
    let answer = system.caller(Role::Monitor).ask(query, json!({ "by": group_by })).await;
    let rows = answer["slaCompliance"].as_array().unwrap();
    let count = |row: &Value, field: &str| row[field].as_u64().unwrap();
    rows.iter()
        .map(|row| {
            let counts = ["met", "breached", "openOverdue"].map(|field| count(row, field));
            assert_eq!(counts.iter().sum::<u64>(), count(row, "total"), "{row:#}");
            (row["group"][0]["value"].as_str().unwrap_or_default().to_owned(), counts)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receipt_log_gives_its_known_figures_and_a_second_import_adds_nothing() {
    let Some(source) = receipt_log() else { return };
    let system = System::start().await;
    let before = system.app.store.head().unwrap().0;
    let report = import(&system.app.commands, &source).await;
    assert_eq!((report.cases_read, report.cases_written), (CASES, CASES));
    assert_eq!((report.events_written, report.problem_count), (EVENTS, 0));

    // The monitor meanwhile records what became of each promise: kept, broken and open, or broken and then done.
    let mut moved = system.app.read_models.position_changes();
    let everything = before + EVENTS + 952 + 377 + 105 + 377;
    moved.wait_for(|position| *position >= everything).await.unwrap();
    let answer = system
        .caller(Role::Monitor)
        .ask("{ slaBreaches(first: 1) { totalCount } }", json!({}))
        .await;
    assert_eq!(answer["slaBreaches"]["totalCount"], 377 + 105);

    let all = BTreeMap::from([(String::new(), [952, 377, 105])]);
    assert_eq!(compliance(&system, &[]).await, all);
    let by_channel: BTreeMap<_, _> = scan(&source, "channel")
        .into_iter()
        .map(|(name, counts)| {
            let ours = match name.as_str() {
                "Internet" => "website",
                "Desk" => "in_person",
                "Post" => "letter",
                "e-mail" => "email",
                "Intern" => "portal",
                other => panic!("{other}"),
            };
            (ours.to_owned(), counts)
        })
        .collect();
    println!("by channel: {by_channel:?}");
    assert_eq!(compliance(&system, &["CHANNEL"]).await, by_channel);
    let by_department = scan(&source, "department");
    println!("by department: {by_department:?}");
    assert_eq!(compliance(&system, &["UNIT"]).await, by_department);
    for groups in [by_channel, by_department] {
        let sum = |place: usize| groups.values().map(|counts| counts[place]).sum::<u64>();
        assert_eq!([sum(0), sum(1), sum(2)], [952, 377, 105]);
    }

    let head = system.app.store.head();
    let report = import(&system.app.commands, &source).await;
    assert_eq!((report.cases_read, report.cases_written), (CASES, 0));
    assert_eq!((report.events_written, report.problem_count), (0, 0));
    assert_eq!(system.app.store.head(), head);
    system.stop().await;
}

/// The read models of a log without what differs from import to import: when things were recorded, in which order, and how what is
/// personal is encrypted.
async fn end_state(store: Arc<dyn EventStore>) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let generation = Generation::create(directory.path(), store.id()).unwrap();
    let generation = projector::catch_up(store, generation, |_| {}).await.unwrap();
    let mut tables =
        tables_without(generation.path(), &["position", "recorded_at", "opening", "envelope"]);
    tables.remove("generation");
    tables
}

fn import_command(source: &Path, directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command
        .arg("import")
        .arg(source)
        .arg("--mapping")
        .arg(mapping_path())
        .arg("--data-directory")
        .arg(directory)
        .args(["--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// How many events a data directory's log holds, read beside the process that writes it.
fn written(directory: &Path) -> u64 {
    let Ok(reader) = LogReader::open(directory) else { return 0 };
    let mut count = 0;
    while let Ok(page) = reader.read_all((count > 0).then_some(Position(count)), 10_000)
        && let Some(last) = page.last()
    {
        count = last.position.0;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_killed_in_the_middle_and_run_again_ends_as_one_that_was_not() {
    let Some(source) = receipt_log() else { return };
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let mut killed_at = Vec::new();
    for part in 0..2 {
        let threshold = part * EVENTS / 3 + 1 + random.below(EVENTS / 4);
        let mut child = import_command(&source, directory.path()).spawn().unwrap();
        while written(directory.path()) < threshold {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before it was killed");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed_at.push(written(directory.path()));
    }
    println!("killed at {killed_at:?} of {EVENTS} events");
    assert!(killed_at.iter().all(|count| *count < EVENTS));

    let output = import_command(&source, directory.path()).output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["casesRead"], CASES);
    assert!(report["eventsWritten"].as_u64().unwrap() < EVENTS);

    let resumed = SqliteStore::open(directory.path()).unwrap();
    resumed.check().unwrap();
    let other = tempfile::tempdir().unwrap();
    let whole = App::open(other.path()).await.unwrap();
    assert_eq!(import(&whole.commands, &source).await.events_written, EVENTS);
    assert_same(
        &end_state(Arc::new(resumed)).await,
        &end_state(whole.store.clone()).await,
        "resumed against uninterrupted",
    );
    whole.stop().await;
}
