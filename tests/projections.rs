//! Read models follow from the log alone: however it is cut into batches, delivered again, or read from the beginning while it grows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::clock::ManualClock;
use parvandeh::command::handler::CommandHandler;
use parvandeh::metrics::READ_MODEL_FAILURES;
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{EventStore, LoggedEvent, READ_EVENTS_MAX};
use parvandeh::subscription::generation::{Entry, Generation};
use parvandeh::subscription::projector::entry;
use parvandeh_domain::case::Channel;
use parvandeh_domain::customer::attribute::{
    ContactPointKind, CustomerKind, Language, NotificationKind,
};
use parvandeh_domain::customer::command::{
    AddContactPoint, ChangeDetails, ChangePreferences, ReadNotifications, RegisterCustomer,
};
use parvandeh_domain::customer::{Customer, CustomerCommand};
use parvandeh_domain::id::{CaseId, PolicyId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::{ClockState, ClockSubject, Metric, ObserveClock, Sla, SlaCommand};
use parvandeh_projections::page::PageRequest;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::{case_merges, case_summary};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::random::Random;
use crate::harness::tables::{Tables, assert_same, rebuilt, tables};
use crate::harness::work::{
    KINDS, case_command, metadata, numbered_case, on_case, open_case, publish_calendar,
    publish_policy, stream, vault,
};

/// One thing that is asked: of whom, what, how exactly, how many minutes ago it happened, and how many minutes pass before it.
type Step = (u8, u8, u8, u16, u16);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((0..4_u8, 0..44_u8, any::<u8>(), 0..3_000_u16, 0..300_u16), 1..120)
}

/// Does what the steps say; answers the log that it leaves. What does not fit is refused and leaves nothing.
async fn work(steps: &[Step]) -> Arc<dyn EventStore> {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let clock = Arc::new(ManualClock::starting_at("2026-03-10T08:00:00Z".parse().unwrap()));
    let commands = CommandHandler::new(store.clone(), vault(), clock.clone());
    publish_calendar(&commands, 0, Some(Timestamp::UNIX_EPOCH)).await;
    publish_policy(&commands, "first", 0, Some(Timestamp::UNIX_EPOCH)).await;
    for &(whom, what, argument, ago_minutes, later_minutes) in steps {
        clock.advance(SignedDuration::from_mins(later_minutes.into()));
        let now = parvandeh::clock::Clock::now(&*clock);
        // Half of it is recorded when it happens, half of it late.
        let late = if ago_minutes.is_multiple_of(2) { 0 } else { i64::from(ago_minutes) };
        let at = now - SignedDuration::from_mins(late);
        let case = numbered_case(whom);
        match what {
            0..=31 => {
                let command = case_command(what % KINDS, argument, at);
                let _ = on_case(&commands, case, metadata(Some(at)), command).await;
            }
            32..=36 => {
                let command = open_case(argument, at);
                let _ = on_case(&commands, case, metadata(Some(at)), command).await;
            }
            37..=39 => {
                let command = customer_command(what, argument);
                let customer = stream("customer", derived(&["customer", &whom.to_string()]));
                let batch = vec![(metadata(Some(at)), command)];
                let _ = commands.execute::<Customer>(&customer, batch, None, |_| true).await;
            }
            40 => publish_calendar(&commands, argument, Some(at)).await,
            41 => {
                let policy = if whom.is_multiple_of(2) { "first" } else { "a-later-one" };
                publish_policy(&commands, policy, argument, Some(at)).await;
            }
            // The monitor knows only cases that were opened.
            _ if store.read_stream(&stream("case", case), None, 1).await.unwrap().is_empty() => {}
            _ => record_breach(&commands, case, argument, now).await,
        }
    }
    store
}

fn customer_command(what: u8, argument: u8) -> CustomerCommand {
    let name = Pii::new(format!("مشتری {argument}"));
    let tier = (argument.is_multiple_of(2)).then(|| "gold".to_owned());
    match what {
        37 => CustomerCommand::Register(RegisterCustomer {
            kind: CustomerKind::ALL[argument as usize % CustomerKind::ALL.len()],
            name,
            language: Language::Persian,
            tier,
        }),
        38 if argument.is_multiple_of(3) => CustomerCommand::ChangePreferences(ChangePreferences {
            channels: tier.map(|_| vec![Channel::Sms]),
            unwanted_notifications: Some(vec![
                NotificationKind::ALL[argument as usize % NotificationKind::ALL.len()],
            ]),
            language: None,
        }),
        39 if argument.is_multiple_of(3) => {
            CustomerCommand::ReadNotifications(ReadNotifications { until: argument.into() })
        }
        38 => CustomerCommand::AddContactPoint(AddContactPoint {
            kind: ContactPointKind::Phone,
            value: Pii::new(format!("+98 21 1234 5{argument:03}")),
        }),
        _ => {
            CustomerCommand::ChangeDetails(ChangeDetails { name: Some(name), language: None, tier })
        }
    }
}

/// As the monitor does it, but whether the clock is overdue or not: read models take what the log says.
async fn record_breach(commands: &CommandHandler, case: Uuid, argument: u8, now: Timestamp) {
    let metric = ["first_response", "resolution", "due_date"][argument as usize % 3];
    let metric: Metric = metric.parse().unwrap();
    let command = SlaCommand::Observe(Box::new(ObserveClock {
        subject: ClockSubject {
            case_id: CaseId(case),
            clock: format!("{metric}-{}", 1 + argument % 2).parse().unwrap(),
            metric,
            policy_id: PolicyId::new("first").unwrap(),
            policy_version: 1,
            rule: "all".to_owned(),
            unit: None,
            category: None,
            priority: None,
            channel: None,
            actions: vec![],
        },
        started_at: now - SignedDuration::from_hours(1),
        attached_at: now - SignedDuration::from_hours(1),
        due_at: Some(now - SignedDuration::from_secs(1)),
        stopped_at: None,
        state: ClockState::Running,
        warnings: vec![],
        actions: Default::default(),
        cause: None,
    }));
    let batch = vec![(metadata(None), command)];
    commands.execute::<Sla>(&stream("clock", case), batch, None, |_| true).await.unwrap();
}

async fn log_of(store: &Arc<dyn EventStore>) -> Vec<LoggedEvent> {
    store.read_all(None, READ_EVENTS_MAX).await.unwrap()
}

fn entries(log: &[LoggedEvent]) -> Vec<Entry> {
    log.iter().map(entry).collect()
}

/// When the file becomes one that serves.
#[derive(Clone, Copy, Debug)]
enum Completed {
    /// Before its first event: every batch is a commit of its own, as in service.
    First,
    /// After its last event, as in a rebuild.
    Last,
}

/// The read models of a log that is applied in batches of this size.
fn built(log: &[LoggedEvent], batch_size: usize, completed: Completed) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let mut generation = Generation::create(directory.path(), Uuid::nil()).unwrap();
    if matches!(completed, Completed::First) {
        generation.complete().unwrap();
    }
    for batch in log.chunks(batch_size) {
        generation.apply(&entries(batch)).unwrap();
    }
    generation.complete().unwrap();
    tables(generation.path())
}

/// The same with a restart after every batch: nothing that matters may live in memory alone.
fn built_with_restarts(log: &[LoggedEvent], batch_size: usize) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let mut generation = Generation::create(directory.path(), Uuid::nil()).unwrap();
    generation.complete().unwrap();
    for batch in log.chunks(batch_size) {
        generation.apply(&entries(batch)).unwrap();
        drop(generation);
        generation = Generation::open_newest(directory.path(), Uuid::nil()).unwrap();
    }
    tables(generation.path())
}

/// The same with every batch delivered twice, and each overlapping the one before.
fn built_with_repeats(log: &[LoggedEvent], batch_size: usize) -> Tables {
    let directory = tempfile::tempdir().unwrap();
    let mut generation = Generation::create(directory.path(), Uuid::nil()).unwrap();
    generation.complete().unwrap();
    for start in (0..log.len()).step_by(batch_size) {
        let end = (start + batch_size).min(log.len());
        let overlapping = &log[start.saturating_sub(batch_size / 2 + 1)..end];
        generation.apply(&entries(overlapping)).unwrap();
        generation.apply(&entries(overlapping)).unwrap();
        generation.apply(&entries(&log[..start])).unwrap();
    }
    tables(generation.path())
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn any_sequence_of_commands_keeps_the_invariants(steps in steps()) {
        let log = run(async { log_of(&work(&steps).await).await });
        let directory = tempfile::tempdir().unwrap();
        let mut generation = Generation::create(directory.path(), Uuid::nil()).unwrap();
        generation.apply(&entries(&log)).unwrap();
        generation.complete().unwrap();
        check_streams(&log);
        check_cases(&log, generation.path());
        check_clocks(&log, generation.path());
    }
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn read_models_are_the_same_however_the_log_is_cut_or_repeated(steps in steps()) {
        let (log, from_zero) = run(async {
            let store = work(&steps).await;
            let mut from_zero = rebuilt(&store).await;
            // Only the name of the log differs between the files of this test.
            from_zero.remove("generation");
            (log_of(&store).await, from_zero)
        });
        let same = |mut found: Tables, what: &str| {
            let checkpoint = found.remove("generation").unwrap();
            assert!(checkpoint[0].contains(&format!(" position={} ", log.len())), "{checkpoint:?}");
            assert_same(&found, &from_zero, what);
        };
        for batch_size in [1, 7, 1_000, log.len()] {
            for completed in [Completed::First, Completed::Last] {
                same(built(&log, batch_size, completed), &format!("by {batch_size}, {completed:?}"));
            }
        }
        same(built_with_restarts(&log, 5), "with restarts");
        for batch_size in [1, 6] {
            same(built_with_repeats(&log, batch_size), "with repeats");
        }
    }
}

/// What must hold of the log itself: revisions are dense, time is not turned back, and nothing follows on what it cannot follow on.
fn check_streams(log: &[LoggedEvent]) {
    let mut next: HashMap<&str, u64> = HashMap::new();
    let mut status: HashMap<&str, &str> = HashMap::new();
    let mut before_merge: HashMap<&str, &str> = HashMap::new();
    for (index, event) in log.iter().enumerate() {
        assert_eq!(event.position.0, index as u64 + 1);
        let stream = event.stream.as_str();
        let revision = next.entry(stream).or_default();
        assert_eq!(event.revision, *revision, "{stream}");
        *revision += 1;
        if event.stream.category() != "case" {
            continue;
        }
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        let before = status.get(stream).copied();
        let expected_before: &[&str] = match &*event.type_name {
            "CaseOpened" => {
                assert_eq!(before, None, "{stream} is opened once");
                status.insert(stream, "open");
                continue;
            }
            "CaseReferred" | "CaseAssigned" | "CaseDueDateSet" => &["open", "pending", "on_hold"],
            "CaseClassified" | "CaseStageEntered" => &["open", "pending", "on_hold", "resolved"],
            "CaseHeld" => &["open"],
            "CaseResumed" => &["pending", "on_hold"],
            "CaseResolved" => &["open", "pending", "on_hold"],
            "CaseReopened" => &["resolved", "closed"],
            "CaseClosed" => &["resolved"],
            "CaseMerged" => &["open", "pending", "on_hold", "resolved"],
            "CaseUnmerged" => &["merged"],
            _ => &["open", "pending", "on_hold", "resolved", "closed", "merged"],
        };
        let before = before.unwrap_or_else(|| panic!("{} before the opening", event.type_name));
        assert!(expected_before.contains(&before), "{} when {before}", event.type_name);
        let after = match &*event.type_name {
            "CaseHeld" if data["reason"] == "awaiting_customer" => "pending",
            "CaseHeld" => "on_hold",
            "CaseResumed" | "CaseReopened" => "open",
            "CaseResolved" => "resolved",
            "CaseClosed" => "closed",
            "CaseMerged" => {
                before_merge.insert(stream, before);
                "merged"
            }
            "CaseUnmerged" => before_merge[stream],
            _ => before,
        };
        status.insert(stream, after);
    }
}

/// What must hold of every row of the list of cases.
fn check_cases(log: &[LoggedEvent], path: &Path) {
    let db = Connection::open(path).unwrap();
    for number in 0..4 {
        let id = numbered_case(number);
        let name = format!("case-{id}");
        let events: Vec<_> = log.iter().filter(|event| event.stream.as_str() == name).collect();
        let row = case_summary::case(&db, &CaseScope::All, id).unwrap();
        assert_eq!(row.is_some(), !events.is_empty());
        let Some(row) = row else { continue };
        assert_eq!(row.revision, events.len() as i64 - 1);
        assert_eq!(row.merged_into.is_some(), row.status.as_str() == "merged");
        assert_eq!(row.status_before_merge.is_some(), row.merged_into.is_some());
        assert_eq!(merged_into_each(&db, id), row.merged_into.into_iter().collect::<Vec<_>>());
        let status = row.status_before_merge.unwrap_or(row.status).as_str();
        let is_finished = ["resolved", "closed"].contains(&status);
        let waits = ["pending", "on_hold"].contains(&status);
        assert_eq!(row.hold_reason.is_some(), waits && row.merged_into.is_none());
        assert_eq!(row.hold_before_merge.is_some(), waits && row.merged_into.is_some());
        assert_eq!(row.outcome.is_some(), is_finished, "{status}");
        assert_eq!(row.resolved_at.is_some(), is_finished, "{status}");
        assert_eq!(row.closed_at.is_some(), status == "closed");
        let with_customer = |event: &&&LoggedEvent| {
            let data: Value = serde_json::from_slice(&event.data).unwrap();
            &*event.type_name == "InteractionRecorded" && data["direction"] != "internal"
        };
        let interactions = events.iter().filter(with_customer).count();
        assert_eq!(row.interaction_count, interactions as i64);
        let entries: i64 = db
            .query_row("SELECT count(*) FROM case_timeline WHERE case_id = ?", [id], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(entries, events.len() as i64);
        assert!(row.updated_at >= row.opened_at);
    }
}

/// The cases among whose merged cases this one stands.
fn merged_into_each(db: &Connection, id: Uuid) -> Vec<Uuid> {
    let takes_in = |survivor: &Uuid| {
        let (scope, page) = (CaseScope::All, PageRequest::first(100));
        let merged = case_merges::merged_cases(db, &scope, *survivor, None, page).unwrap();
        let count = case_merges::merged_case_count(db, &scope, *survivor, None).unwrap();
        assert_eq!(count, merged.rows.len() as u64);
        merged.rows.iter().any(|(_, row)| row.id == id)
    };
    (0..4).map(numbered_case).filter(takes_in).collect()
}

/// A case's row knows the breaches that the log tells of and has not taken back, and no others.
fn check_breaches(log: &[LoggedEvent], db: &Connection) {
    let mut breached = BTreeSet::new();
    for event in log {
        let is_restated = match &*event.type_name {
            "SlaBreached" => false,
            "SlaRestated" => true,
            _ => continue,
        };
        let fact: Value = serde_json::from_slice(&event.data).unwrap();
        let text = |field: &str| fact[field].as_str().unwrap().to_owned();
        let clock = (text("case_id"), text("clock"));
        if is_restated && fact["to"] != "breached" {
            breached.remove(&clock);
        } else {
            breached.insert(clock);
        }
    }
    let mut statement = db.prepare("SELECT case_id, ground FROM sla_case").unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (case, ground): (Uuid, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let ground: Value = serde_json::from_str(&ground).unwrap();
        let clocks = ground["record"]["clocks"].as_object().unwrap();
        let on_record = clocks.iter().filter(|(_, record)| !record["breach_due_at"].is_null());
        let recorded: BTreeSet<&str> = on_record.map(|(key, _)| key.as_str()).collect();
        let case = case.to_string();
        let told = breached.iter().filter(|(of, _)| *of == case).map(|(_, key)| key.as_str());
        assert_eq!(recorded, told.collect::<BTreeSet<_>>(), "the breaches of {case}");
    }
}

/// What must hold of every clock.
fn check_clocks(log: &[LoggedEvent], path: &Path) {
    let db = Connection::open(path).unwrap();
    check_breaches(log, &db);
    let mut statement = db
        .prepare(
            "SELECT case_id, clock, state, started_at, due_at, stopped_at, elapsed, wall_clock FROM sla_clock",
        )
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut cycles: BTreeMap<(Uuid, String), Vec<u32>> = BTreeMap::new();
    while let Some(row) = rows.next().unwrap() {
        let (case, key): (Uuid, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let state: String = row.get(2).unwrap();
        let started_at: i64 = row.get(3).unwrap();
        let (due_at, stopped_at): (Option<i64>, Option<i64>) =
            (row.get(4).unwrap(), row.get(5).unwrap());
        assert_eq!(stopped_at.is_some(), !["running", "paused"].contains(&state.as_str()));
        match state.as_str() {
            "met" => assert!(due_at.is_none_or(|due_at| stopped_at.unwrap() <= due_at)),
            "breached" => assert!(stopped_at > due_at && due_at.is_some()),
            "cancelled" | "merged" => assert_eq!(due_at, None),
            _ => {}
        }
        assert!(stopped_at.is_none_or(|stopped_at| stopped_at >= started_at), "{key} {state}");
        let (elapsed, wall_clock): (i64, i64) = (row.get(6).unwrap(), row.get(7).unwrap());
        assert!((0..=wall_clock).contains(&elapsed), "{key}: {elapsed} of {wall_clock}");
        let (metric, cycle) = key.split_once('-').unwrap();
        cycles.entry((case, metric.to_owned())).or_default().push(cycle.parse().unwrap());
    }
    for ((_, metric), cycles) in cycles {
        let distinct: BTreeSet<_> = cycles.iter().collect();
        assert_eq!(distinct.len(), cycles.len(), "one {metric} clock a cycle");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_beside_the_serving_models_leaves_no_gap_and_never_goes_back() {
    const WRITERS: u64 = 8;
    const REBUILDS: usize = 12;
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let mut app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    app.start_monitor();
    publish_calendar(&app.commands, 1, Some(Timestamp::UNIX_EPOCH)).await;
    publish_policy(&app.commands, "all", 1, Some(Timestamp::UNIX_EPOCH)).await;

    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let (commands, read_models) = (app.commands.clone(), app.read_models.clone());
        let (done, mut random) = (done.clone(), Random::of(random.number()));
        tasks.spawn(async move {
            for number in 0_u64.. {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                let case = derived(&[&writer.to_string(), &(number / 20).to_string()]);
                let at = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap()
                    - SignedDuration::from_secs(random.below(300_000) as i64);
                let argument = random.below(256) as u8;
                let command = match number % 20 {
                    0 => open_case(argument, at),
                    _ => case_command(random.below(u64::from(KINDS)) as u8, argument, at),
                };
                let Ok(executed) = on_case(&commands, case, metadata(Some(at)), command).await
                else {
                    continue;
                };
                // Whoever has written reads their own write, whichever generation answers.
                read_models.wait_for(executed.position.unwrap()).await.unwrap();
                let row = read_models
                    .query(move |db| case_summary::case(db, &CaseScope::All, case))
                    .await
                    .unwrap();
                // The monitor may have said more of the case by then.
                assert!(row.unwrap().revision as u64 >= executed.revision.unwrap());
            }
        });
    }
    for _ in 0..4 {
        let read_models = app.read_models.clone();
        let (done, answered) = (done.clone(), answered.clone());
        tasks.spawn(async move {
            let mut reached = (0, 0);
            while !done.load(Ordering::SeqCst) {
                let announced = read_models.position();
                let seen: (i64, i64) = read_models
                    .query(|db| {
                        db.query_row(
                            "SELECT position, (SELECT count(*) FROM case_timeline) FROM generation",
                            [],
                            |row| Ok((row.get(0)?, row.get(1)?)),
                        )
                    })
                    .await
                    .expect("a rebuild leaves no gap");
                assert!(seen.0 as u64 >= announced, "announced {announced}, but served {}", seen.0);
                assert!(seen >= reached, "time went back from {reached:?} to {seen:?}");
                reached = seen;
                answered.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for _ in 0..REBUILDS {
        app.read_models.rebuild(|_| {}).await.unwrap();
        // Some work between one rebuild and the next.
        let goal = app.read_models.position() + 100;
        let mut moved = app.read_models.position_changes();
        tokio::select! {
            reached = moved.wait_for(|reached| *reached >= goal) => drop(reached.unwrap()),
            ended = tasks.join_next() => panic!("a task ended early: {ended:?}"),
        }
    }
    done.store(true, Ordering::SeqCst);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let answered = answered.load(Ordering::SeqCst);
    let head = app.store.head().unwrap();
    println!("{REBUILDS} rebuilds, {answered} queries answered, {head} events");

    let store: Arc<dyn EventStore> = app.store.clone();
    app.stop().await;
    let generation = Generation::open_newest(directory.path(), store.id()).unwrap();
    let generation =
        parvandeh::subscription::projector::catch_up(store.clone(), generation, |_| {})
            .await
            .unwrap();
    let files = std::fs::read_dir(directory.path()).unwrap().flatten().filter(|file| {
        let name = file.file_name().into_string().unwrap();
        name.starts_with("read-models.") && name.ends_with(".db")
    });
    assert_eq!(files.count(), 1, "retired generations are deleted");
    assert_same(&tables(generation.path()), &rebuilt(&store).await, "served against rebuilt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_that_could_not_be_written_go_on_when_they_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();

    // Another program holds the file, as a full disk would: it can be read and not written.
    let intruder = Connection::open(directory.path().join("read-models.1.db")).unwrap();
    intruder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let case = numbered_case(1);
    let executed =
        on_case(&app.commands, case, metadata(None), open_case(1, Timestamp::now())).await.unwrap();
    let served = |db: &Connection| case_summary::case(db, &CaseScope::All, numbered_case(1));
    // Only this test makes read models fail, so the count is its own.
    let failed = async {
        while READ_MODEL_FAILURES.get() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failed).await.expect("they fail in time");
    assert_eq!(app.read_models.query(served).await.unwrap(), None);

    intruder.execute_batch("ROLLBACK").unwrap();
    app.read_models.wait_for(executed.position.unwrap()).await.unwrap();
    assert!(app.read_models.query(served).await.unwrap().is_some());
    app.stop().await;
}
