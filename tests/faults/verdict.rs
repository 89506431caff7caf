//! What must hold when the processes have stopped: nothing acknowledged lost, nothing doubled, read models as a rebuild would make them,
//! each breach once, each subscriber with everything in order, and a log that its proofs stand for.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::store::{EventStore, LoggedEvent, Position, READ_EVENTS_MAX};
use parvandeh::subscription::generation::Generation;
use parvandeh_domain::decider::{ActorKind, Metadata};
use parvandeh_projections::sla_clocks;
use serde_json::Value;
use uuid::Uuid;

use super::load::Ledger;
use super::process::PROGRAM;
use super::subscribers::{Feed, Followed, Subscriber};

/// The whole log of a data directory, in order. A server may be running on it.
pub fn logged(data: &Path) -> Vec<LoggedEvent> {
    let reader = LogReader::open(data).unwrap();
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let page = reader.read_all_bare(after, READ_EVENTS_MAX).unwrap();
        let Some(last) = page.last() else { return events };
        after = Some(last.position);
        events.extend(page);
    }
}

/// Of a log, what a subscriber to this feed must get.
pub fn expected(feed: &Feed, log: &[LoggedEvent]) -> Vec<String> {
    let wanted = |event: &&LoggedEvent| match feed {
        Feed::Breaches => &*event.type_name == "SlaBreached",
        Feed::Facts => event.stream.category() == "clock",
        Feed::Case(id) => {
            let id = global_id::decode("id", NodeType::Case, &id.into()).unwrap();
            event.stream.as_str() == format!("case-{id}")
        }
    };
    log.iter().filter(wanted).map(|event| event.id.to_string()).collect()
}

/// The promises of the ledger that the log has no breach of yet.
pub fn missing_breaches(ledger: &Ledger, log: &[LoggedEvent]) -> usize {
    let breached: HashSet<&str> = log
        .iter()
        .filter(|event| &*event.type_name == "SlaBreached")
        .map(|event| event.stream.id())
        .collect();
    ledger.promised.iter().filter(|case| !breached.contains(&*case.to_string())).count()
}

/// Waits until everything promised is breached on record in this log and each subscriber has all of it.
pub async fn settle(
    data: &Path,
    ledger: &Ledger,
    subscribers: &mut [Subscriber],
    patience: Duration,
) {
    let start = Instant::now();
    loop {
        let log = logged(data);
        let missing = missing_breaches(ledger, &log);
        let mut behind = Vec::new();
        for subscriber in subscribers.iter() {
            let (has, wanted) =
                (*subscriber.received.borrow(), expected(&subscriber.feed, &log).len());
            if has < wanted {
                behind.push((subscriber.feed.clone(), subscriber.transport, has, wanted));
            }
        }
        if missing == 0 && behind.is_empty() {
            return;
        }
        assert!(
            start.elapsed() < patience,
            "after {patience:?} {missing} breaches are missing and subscribers are behind: {behind:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Checks a log against what clients were told.
pub fn check_log(ledger: &Ledger, log: &[LoggedEvent]) {
    let mut ids = HashSet::new();
    let mut revisions: HashMap<&str, u64> = HashMap::new();
    // What the load's commands wrote.
    let mut written: HashMap<Uuid, Vec<&LoggedEvent>> = HashMap::new();
    for (event, position) in log.iter().zip(1..) {
        assert_eq!(event.position, Position(position), "positions have no gap");
        assert!(ids.insert(event.id), "the event {} stands twice in the log", event.id);
        let next = revisions.entry(event.stream.as_str()).or_default();
        assert_eq!(event.revision, *next, "{} has no gap", event.stream);
        *next += 1;
        let meta: Metadata = serde_json::from_slice(&event.metadata).unwrap();
        let of_the_load = meta.actor.kind == ActorKind::Service;
        if of_the_load && ["case", "customer"].contains(&event.stream.category()) {
            written.entry(meta.causation_id.0).or_default().push(event);
        }
    }
    for (command, acknowledged) in &ledger.acknowledged {
        let events = written.get(command).unwrap_or_else(|| {
            panic!("{command} was acknowledged and is not in the log: {acknowledged:?}")
        });
        let of_type =
            events.iter().filter(|event| *event.type_name == *acknowledged.event_type).count();
        assert_eq!(of_type, 1, "{command} wrote {acknowledged:?} once");
        if let Some(revision) = acknowledged.revision {
            assert_eq!(events[0].revision, revision, "{command} came after what it was decided on");
        }
    }
    for (command, events) in &written {
        let known = ledger.acknowledged.contains_key(command);
        assert!(known, "{command} was not acknowledged and is in the log: {events:?}");
    }
}

/// Checks that each breach is on record once, and every one that must be.
pub fn check_breaches(ledger: &Ledger, log: &[LoggedEvent]) -> usize {
    let mut breaches = HashSet::new();
    let mut count = 0;
    for event in log {
        if !matches!(&*event.type_name, "SlaBreached" | "SlaRestated") {
            continue;
        }
        let fact: Value = serde_json::from_slice(&event.data).unwrap();
        let clock = (event.stream.clone(), fact["clock"].as_str().unwrap().to_owned());
        if &*event.type_name == "SlaBreached" {
            count += 1;
            assert!(breaches.insert(clock), "a breach twice: {event:?}");
        } else if fact["to"] == "breached" {
            breaches.insert(clock);
        } else {
            // What became known later took the breach back: there may be another.
            breaches.remove(&clock);
        }
    }
    assert_eq!(missing_breaches(ledger, log), 0, "every promise that was not kept is breached");
    count
}

/// Checks what a subscriber got.
pub fn check_followed(followed: &Followed, log: &[LoggedEvent]) {
    let Followed { feed, transport, ids, connections, repeats } = followed;
    println!(
        "{feed:?} by {transport:?}: {} events over {connections} connections, {repeats} repeats",
        ids.len()
    );
    let expected = expected(feed, log);
    let differs = ids.iter().zip(&expected).position(|(one, other)| one != other);
    assert_eq!(differs, None, "{feed:?} by {transport:?}: the first event out of order");
    assert_eq!(ids.len(), expected.len(), "{feed:?} by {transport:?} has everything");
}

/// Checks a data directory that no process has open: the log's structure, the read models against a rebuild, nothing due that is not on
/// record, and the proofs. Answers the hash of the read models.
pub async fn check_directory(data: &Path) -> String {
    let store = {
        let data = data.to_owned();
        tokio::task::spawn_blocking(move || SqliteStore::open(&data).unwrap()).await.unwrap()
    };
    let checked = store.check().unwrap();
    assert_eq!(Some(Position(checked.events)), store.head());
    let store: Arc<dyn EventStore> = Arc::new(store);
    let generation = Generation::open_newest(data, store.id()).expect("there are read models");
    assert_eq!(Some(Position(generation.position())), store.head(), "they show all of the log");
    let db = rusqlite::Connection::open(generation.path()).unwrap();
    let last = store.read_all(Some(Position(checked.events - 1)), 1).await.unwrap();
    let meta: Metadata = serde_json::from_slice(&last[0].metadata).unwrap();
    let due = sla_clocks::due(&db, meta.recorded_at, 10, |_, _| true).unwrap();
    assert!(due.is_empty(), "due and not on record: {:?}", due.first().map(|(case, _)| case));
    drop((db, generation, store));

    let served = hash(data, &["audit", "hash"]);
    let rebuilt = hash(data, &["audit", "rebuild", "--hash"]);
    assert_eq!(served, rebuilt, "the read models are what the log says");
    let verified = program(data, &["verify"]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    served
}

fn hash(data: &Path, arguments: &[&str]) -> String {
    let output = program(data, &[arguments, &["--format", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["position"], answer["head"], "{answer:#}");
    answer["sha256"].as_str().unwrap().to_owned()
}

/// Runs the program, which must succeed.
pub fn run(arguments: &[&str]) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn program(data: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).arg("--data-directory").arg(data).output().unwrap()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use parvandeh::store::StreamId;
    use serde_json::json;

    use super::*;
    use crate::faults::load::Acknowledged;

    const COMMAND: Uuid = Uuid::from_u128(7);

    fn event(
        position: u64,
        stream: &str,
        revision: u64,
        type_name: &str,
        data: Value,
    ) -> LoggedEvent {
        let now = "2026-03-02T08:00:00Z";
        let metadata = json!({ "occurred_at": now, "recorded_at": now,
            "actor": { "kind": "service", "id": "load" }, "causation_id": COMMAND, "correlation_id": COMMAND });
        LoggedEvent {
            position: Position(position),
            stream: StreamId::new(stream).unwrap(),
            revision,
            id: Uuid::from_u128(position.into()),
            type_name: type_name.into(),
            version: 1,
            metadata: Bytes::from(metadata.to_string()),
            data: Bytes::from(data.to_string()),
            envelope: None,
        }
    }

    fn note(position: u64) -> LoggedEvent {
        event(position, "case-1", position - 1, "CaseNoteAdded", json!({}))
    }

    fn breach(position: u64) -> LoggedEvent {
        event(position, "clock-1", position - 1, "SlaBreached", json!({ "clock": "due_date-1" }))
    }

    fn ledger() -> Ledger {
        let acknowledged = Acknowledged { event_type: "CaseNoteAdded", revision: None };
        Ledger { acknowledged: HashMap::from([(COMMAND, acknowledged)]), ..Ledger::default() }
    }

    #[test]
    fn a_log_that_holds_what_was_acknowledged_stands() {
        check_log(&ledger(), &[note(1)]);
        assert_eq!(check_breaches(&ledger(), &[breach(1)]), 1);
    }

    #[test]
    #[should_panic(expected = "was acknowledged and is not in the log")]
    fn a_lost_command_is_found() {
        check_log(&ledger(), &[]);
    }

    #[test]
    #[should_panic(expected = "once")]
    fn a_command_that_wrote_twice_is_found() {
        check_log(&ledger(), &[note(1), note(2)]);
    }

    #[test]
    #[should_panic(expected = "was not acknowledged and is in the log")]
    fn a_refused_command_that_wrote_is_found() {
        check_log(&Ledger::default(), &[note(1)]);
    }

    #[test]
    #[should_panic(expected = "positions have no gap")]
    fn a_gap_in_the_log_is_found() {
        check_log(&ledger(), &[note(2)]);
    }

    #[test]
    #[should_panic(expected = "a breach twice")]
    fn a_second_breach_of_a_clock_is_found() {
        check_breaches(&ledger(), &[breach(1), breach(2)]);
    }

    #[test]
    #[should_panic(expected = "every promise that was not kept is breached")]
    fn a_missing_breach_is_found() {
        let promised = vec![Uuid::from_u128(1)];
        check_breaches(&Ledger { promised, ..ledger() }, &[]);
    }

    #[test]
    #[should_panic(expected = "the first event out of order")]
    fn a_subscriber_that_missed_an_event_is_found() {
        let followed = Followed {
            feed: Feed::Breaches,
            transport: crate::faults::subscribers::Transport::Sse,
            ids: vec![Uuid::from_u128(2).to_string()],
            connections: 1,
            repeats: 0,
        };
        check_followed(&followed, &[breach(1), breach(2)]);
    }
}
