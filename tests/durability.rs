//! What was acknowledged survives a kill: the whole system on one data directory, killed under full load and looked at.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::clock::Clock;
use parvandeh::command::handler::CommandHandler;
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Position, READ_EVENTS_MAX};
use parvandeh::subscription::generation::Generation;
use parvandeh::subscription::projector;
use parvandeh_domain::id::{EventId, derived};
use parvandeh_projections::sla_clocks;
use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::random::Random;
use crate::harness::tables::{assert_same, rebuilt, tables};
use crate::harness::work::{
    KINDS, case_command, metadata, on_case, open_case, publish_calendar, publish_policy,
};

const WRITERS: u64 = 64;
/// Cases that all writers work on, so that they meet.
const SHARED_CASES: u64 = 8;

/// Not a test of its own: what the next one kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as the child of everything_acknowledged_survives_kill_9_under_64_writers"]
async fn works_until_it_is_killed() {
    let Some(directory) = std::env::var_os("PARVANDEH_KILL_DIRECTORY") else { return };
    let seed: u64 = std::env::var("PARVANDEH_KILL_SEED").unwrap().parse().unwrap();
    let mut app = App::open(Path::new(&directory)).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    app.start_monitor();
    let long_ago = Some(Timestamp::UNIX_EPOCH);
    publish_calendar(&app.commands, 1, long_ago).await;
    publish_policy(&app.commands, "all", 1, long_ago).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (commands, clock) = (app.commands.clone(), app.clock.clone());
        writers.spawn(write(commands, clock, Random::of(seed.wrapping_add(writer)), writer));
    }
    writers.join_all().await;
}

/// Executes commands for ever and says of each that wrote something where its last event stands.
async fn write(
    commands: Arc<CommandHandler>,
    clock: Arc<dyn Clock>,
    mut random: Random,
    writer: u64,
) {
    for number in 0_u64.. {
        let shared = random.below(10) == 0;
        let case = match shared {
            true => derived(&["shared case", &random.below(SHARED_CASES).to_string()]),
            // A few cases at a time; those of earlier rounds are met again.
            false => derived(&["case", &writer.to_string(), &(number / 10).to_string()]),
        };
        let occurred_at = clock.now() - SignedDuration::from_secs(random.below(200_000) as i64);
        let argument = random.below(256) as u8;
        let command = match number % 10 {
            0 => open_case(argument, occurred_at),
            _ if shared && random.below(10) == 0 => open_case(argument, occurred_at),
            _ => case_command(random.below(u64::from(KINDS)) as u8, argument, occurred_at),
        };
        let metadata = metadata(Some(occurred_at));
        let command_id = metadata.command_id;
        // Many commands do not fit the case and are refused: then there is nothing to acknowledge.
        if let Ok(executed) = on_case(&commands, case, metadata, command).await
            && executed.event_count > 0
        {
            let id = EventId::of(command_id, executed.event_count - 1);
            let revision = executed.revision.unwrap();
            // One write call, so that a line is there in whole or not at all.
            let line = format!("acknowledged case-{case} {revision} {id}\n");
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_survives_kill_9_under_64_writers() {
    let rounds = std::env::var("PARVANDEH_KILL_ROUNDS")
        .map_or(5, |rounds| rounds.parse().expect("PARVANDEH_KILL_ROUNDS is a number"));
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    for round in 1..=rounds {
        let before = acknowledged.len();
        kill_at_work(directory.path(), &mut random, &mut acknowledged);
        let written = check(directory.path(), &acknowledged).await;
        let new = acknowledged.len() - before;
        println!("round {round}: {new} commands acknowledged, {written} events in the log");
    }
    every_breach_is_recorded_in_the_end(directory.path()).await;
}

/// Lets a child work on the directory, kills it at a random moment, and takes down what it acknowledged.
fn kill_at_work(
    directory: &Path,
    random: &mut Random,
    acknowledged: &mut HashMap<(String, u64), Uuid>,
) {
    let name = concat!(module_path!(), "::works_until_it_is_killed");
    let (_crate, name) = name.split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("PARVANDEH_KILL_DIRECTORY", directory)
        .env("PARVANDEH_KILL_SEED", random.number().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines_max = 1 + random.below(2_000);
    let later = Duration::from_micros(random.below(5_000));
    let mut lines = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
        if let (Some(stream), Some(revision), Some(id)) = (words.next(), words.next(), words.next())
        {
            let place = (stream.to_owned(), revision.parse().unwrap());
            let id = id.parse().unwrap();
            assert_eq!(acknowledged.insert(place, id), None, "a revision twice: {line}");
            lines += 1;
        }
        // What it still says after the kill has been acknowledged as well.
        if lines == lines_max {
            std::thread::sleep(later);
            child.kill().unwrap();
            lines += 1;
        }
    }
    child.wait().unwrap();
    assert!(lines > lines_max, "the child ended by itself");
}

/// Opens the directory as the next start would and compares it with what was acknowledged; answers how many events there are.
async fn check(directory: &Path, acknowledged: &HashMap<(String, u64), Uuid>) -> u64 {
    let store = Arc::new(SqliteStore::open(directory).unwrap());
    let checked = store.check().unwrap();
    let port: Arc<dyn EventStore> = store.clone();
    let (mut position, mut found, mut breaches) = (0, 0, HashSet::new());
    loop {
        let after = (position > 0).then_some(Position(position));
        let page = store.scan(after, READ_EVENTS_MAX).unwrap();
        let is_last = page.len() < READ_EVENTS_MAX;
        for event in page {
            position += 1;
            assert_eq!(event.position.0, position, "positions have no gap");
            let place = (event.stream.to_string(), event.revision);
            if let Some(id) = acknowledged.get(&place) {
                assert_eq!(event.id, *id, "{place:?}");
                found += 1;
            }
            if matches!(&*event.type_name, "SlaBreached" | "SlaRestated") {
                let fact: Value = serde_json::from_slice(&event.data).unwrap();
                let clock = (place.0, fact["clock"].as_str().unwrap().to_owned());
                if &*event.type_name == "SlaBreached" {
                    assert!(breaches.insert(clock.clone()), "a breach twice: {clock:?}");
                } else if fact["to"] != "breached" {
                    // What happened earlier and was recorded later took the breach back: there may be another.
                    breaches.remove(&clock);
                } else {
                    breaches.insert(clock);
                }
            }
        }
        if is_last {
            break;
        }
    }
    assert_eq!(found, acknowledged.len(), "every acknowledged event is there");
    assert_eq!(checked.events, position);

    let generation = Generation::open_newest(directory, port.id())
        .expect("the read models that were served are fit to be served again");
    let generation = projector::catch_up(port.clone(), generation, |_| {}).await.unwrap();
    let path = generation.path().to_owned();
    drop(generation);
    assert_same(&tables(&path), &rebuilt(&port).await, "caught up against rebuilt");
    position
}

/// What fell due while the program was dead is recorded at the next start, once.
async fn every_breach_is_recorded_in_the_end(directory: &Path) {
    let mut app = App::open(directory).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    let mut moved = app.read_models.position_changes();
    let began_at = app.clock.now();
    app.start_monitor();
    let due = async || {
        let due =
            app.read_models.query(move |db| sla_clocks::due(db, began_at, 1, |_, _| true)).await;
        due.unwrap().len()
    };
    while due().await > 0 {
        moved.changed().await.unwrap();
    }
    app.stop().await;
    check(directory, &HashMap::new()).await;
}
