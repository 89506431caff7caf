//! One number for all read models: the same wherever and however they are built of the same log, and another when one event differs.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use parvandeh::audit::figures::{Figures, figures};
use parvandeh::audit::rebuild::{Extent, rebuild};
use parvandeh::audit::state_hash::{StateHash, state_hash};
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::store::sqlite::{LogReader, SqliteStore, backup};
use parvandeh::store::{EventStore, Expect, LoggedEvent, NewEvent, READ_EVENTS_MAX};
use parvandeh::subscription::generation::Generation;
use parvandeh::vault::backup as backup_keys;
use serde_json::{Value, json};

use crate::as_of::{self, random_work};
use crate::harness::System;
use crate::harness::random::Random;

fn rebuilt(directory: &Path, extent: Extent) -> StateHash {
    let built = rebuild(directory, extent, |_| {}).unwrap();
    state_hash(&built.open().unwrap()).unwrap()
}

fn rebuilt_whole(directory: &Path) -> StateHash {
    rebuilt(directory, Extent::default())
}

/// The hash of the read models in service and their position, once they have come as far as the log is now. The monitor may append at
/// any time, so what is compared with them is built to the same position.
async fn in_service(system: &System, directory: &Path) -> (StateHash, Extent) {
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();
    let (db, position) = Generation::look_at_newest(directory, system.app.store.id()).unwrap();
    assert!(position >= head.0);
    (state_hash(&db).unwrap(), Extent { until: Some(position), ..Extent::default() })
}

/// A data directory in which anything has happened.
async fn filled(random: &mut Random) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    random_work(&system, random).await;
    as_of::nothing_is_due(&system).await;
    system.stop().await;
    directory
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_is_the_same_in_service_and_anew_however_the_log_is_cut_also_after_a_restore() {
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    random_work(&system, &mut random).await;
    as_of::nothing_is_due(&system).await;

    // Event by event in service, and anew beside it while it runs.
    let (expected, extent) = in_service(&system, directory.path()).await;
    assert!(expected.tables.iter().filter(|table| table.rows > 0).count() >= 6, "{expected:#?}");
    assert_eq!(rebuilt(directory.path(), extent), expected);
    for batch_size in [1, 7, 4_096] {
        let extent = Extent { batch_size, ..extent };
        assert_eq!(rebuilt(directory.path(), extent), expected, "by {batch_size}");
    }
    // On two other machines, as it were.
    for _ in 0..2 {
        let copy = tempfile::tempdir().unwrap();
        backup(directory.path(), copy.path(), |_| {}).unwrap();
        backup_keys(directory.path(), copy.path()).unwrap();
        let keyring = copy.path().join("keyring");
        std::fs::create_dir(&keyring).unwrap();
        for file in std::fs::read_dir(directory.path().join("keyring")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), keyring.join(file.file_name())).unwrap();
        }
        assert_eq!(rebuilt(copy.path(), extent), expected);
        let restored = System::start_in(copy.path(), SystemClock).await;
        let (found, own) = in_service(&restored, copy.path()).await;
        assert_eq!(found, rebuilt(copy.path(), own));
        if own.until == extent.until {
            assert_eq!(found, expected);
        }
        restored.stop().await;
    }
    system.stop().await;
    assert_eq!(rebuilt(directory.path(), extent), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_at_a_position_is_the_state_of_a_log_that_ends_there() {
    let mut random = Random::printed();
    let directory = filled(&mut random).await;
    let log = log_of(directory.path());
    let whole = rebuilt_whole(directory.path());
    for _ in 0..3 {
        let until = random.below(log.len() as u64);
        let shorter = written(&log[..until as usize]).await;
        let extent = Extent { until: Some(until), ..Extent::default() };
        let found = rebuilt(directory.path(), extent);
        assert_eq!(found, rebuilt_whole(shorter.path()), "until {until}");
        assert_ne!(found.sha256, whole.sha256, "until {until}");
    }
    let beyond = Extent { until: Some(log.len() as u64 + 1), ..Extent::default() };
    let refused = rebuild(directory.path(), beyond, |_| {}).err().unwrap();
    assert!(refused.to_string().starts_with("the log ends at position"), "{refused}");
}

fn log_of(directory: &Path) -> Vec<LoggedEvent> {
    let reader = LogReader::open(directory).unwrap();
    let mut log: Vec<LoggedEvent> = Vec::new();
    loop {
        let after = log.last().map(|last| last.position);
        let page = reader.read_all(after, READ_EVENTS_MAX).unwrap();
        if page.is_empty() {
            return log;
        }
        log.extend(page);
    }
}

/// A data directory of its own with these events in this order.
async fn written(log: &[LoggedEvent]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(directory.path()).unwrap());
    for logged in log {
        let event = NewEvent {
            id: logged.id,
            type_name: String::leak(logged.type_name.to_string()),
            version: logged.version,
            metadata: logged.metadata.clone(),
            data: logged.data.clone(),
            envelope: logged.envelope.clone(),
        };
        let expect = logged.revision.checked_sub(1).map_or(Expect::NoStream, Expect::At);
        store.append(&logged.stream, expect, vec![event]).await.unwrap();
    }
    directory
}

/// The same log but for one field of one event.
fn changed(log: &[LoggedEvent], type_name: &str, field: &str, value: Value) -> Vec<LoggedEvent> {
    let mut log = log.to_vec();
    let of = |event: &LoggedEvent| serde_json::from_slice::<Value>(&event.data).unwrap();
    let differs =
        |event: &&mut LoggedEvent| &*event.type_name == type_name && of(event)[field] != value;
    let event = log.iter_mut().find(differs).unwrap();
    let mut data = of(event);
    data[field] = value.clone();
    event.data = Bytes::from(data.to_string());
    log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_event_is_another_hash_but_what_is_personal_and_which_log_it_is_says_nothing() {
    let mut random = Random::printed();
    let directory = filled(&mut random).await;
    let log = log_of(directory.path());
    let expected = rebuilt_whole(directory.path());

    // A log of another id, written elsewhere.
    assert_eq!(rebuilt_whole(written(&log).await.path()), expected);
    // As if all people in it had been erased.
    let mut erased = log.clone();
    assert!(erased.iter().any(|event| event.envelope.is_some()));
    erased.iter_mut().for_each(|event| event.envelope = None);
    assert_eq!(rebuilt_whole(written(&erased).await.path()), expected);

    for (type_name, field, value, table) in [
        ("CaseAssigned", "assignee", json!("somebody-else"), "case_summary"),
        ("CaseOpened", "channel", json!("fax"), "sla_clock"),
        ("CaseStageEntered", "stage", json!("مرحله‌ای دیگر"), "case_timeline"),
    ] {
        let found = rebuilt_whole(written(&changed(&log, type_name, field, value)).await.path());
        assert_ne!(found.sha256, expected.sha256, "{type_name}");
        let differs: Vec<_> = found
            .tables
            .iter()
            .zip(&expected.tables)
            .filter(|(found, expected)| found != expected)
            .map(|(found, _)| found.name.as_str())
            .collect();
        assert!(differs.contains(&table) || differs.contains(&"case_timeline"), "{differs:?}");
        assert!(!differs.contains(&"sla_reference"), "{differs:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_changes_no_hash_of_what_was_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    let worker = system.caller(Role::Service);
    let register = json!({ "kind": "INDIVIDUAL", "name": "مهری", "language": "PERSIAN" });
    let customer = worker.mutate("registerCustomer", "customer { id }", register).await;
    let customer = &customer["customer"]["id"];
    let contact = json!({ "customerId": customer, "kind": "EMAIL", "value": "m@example.com" });
    worker.mutate("addContactPoint", "", contact).await;
    let open = json!({ "kind": "COMPLAINT", "subject": "نشتی", "channel": "PHONE", "customerId": customer });
    worker.mutate("openCase", "", open).await;
    let (before, extent) = in_service(&system, directory.path()).await;

    let erase = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    let officer = system.caller(Role::PrivacyOfficer);
    let erased = officer.mutate("eraseCustomer", "customer { name erased }", erase).await;
    assert_eq!(erased["customer"], json!({ "name": null, "erased": true }));
    assert_eq!(rebuilt(directory.path(), extent), before);
    let (after, extent) = in_service(&system, directory.path()).await;
    assert_eq!(rebuilt(directory.path(), extent), after);
    assert_ne!(after.sha256, before.sha256);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_portfolio_as_of_a_moment_is_the_sum_of_its_cases_as_of_that_moment() {
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    random_work(&system, &mut random).await;
    as_of::nothing_is_due(&system).await;
    let log = as_of::log_of(&system).await;
    let cases: Vec<_> = log.iter().filter(|event| event.type_name == "CaseOpened").collect();
    let auditor = system.caller(Role::Auditor);
    for part in [1, 3, 5, 7] {
        let moment = log[log.len() * part / 8].meta.recorded_at;
        let extent = Extent { as_of: Some(moment), ..Extent::default() };
        let built = rebuild(directory.path(), extent, |_| {}).unwrap();
        assert!(built.events < log.len() as u64 && built.position == log.len() as u64);
        let found: Figures = figures(&built.open().unwrap(), moment).unwrap();

        let (mut by_status, mut by_state) = (BTreeMap::new(), BTreeMap::new());
        for opened in &cases {
            let uuid = opened.stream.split_once('-').unwrap().1.parse().unwrap();
            let id = parvandeh::graphql::global_id::encode_case(uuid);
            let query = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { status slaClocks { state } } }";
            let answer = auditor.ask(query, json!({ "id": id, "asOf": moment })).await;
            let Some(case) = answer["case"].as_object() else { continue };
            let name = |value: &Value| value.as_str().unwrap().to_lowercase();
            *by_status.entry(name(&case["status"])).or_insert(0) += 1;
            for clock in case["slaClocks"].as_array().unwrap() {
                *by_state.entry(name(&clock["state"])).or_insert(0) += 1;
            }
        }
        assert_eq!((found.cases, found.clocks), (by_status, by_state), "as of {moment}");
        let kept = found.compliance;
        let decided = kept.met + kept.breached + kept.open_overdue;
        assert_eq!(kept.ratio, (decided > 0).then(|| kept.met as f64 / decided as f64));
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_prints_the_same_hash_beside_a_running_server() {
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
        command.arg("audit").args(arguments).arg("--data-directory").arg(directory.path());
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), said)
    };
    let json_of = |arguments: &[&str]| -> Value {
        let (exit, said) = run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(exit, 0, "{said}");
        serde_json::from_str(&said).unwrap()
    };
    let system = System::start_in(directory.path(), SystemClock).await;
    random_work(&system, &mut random).await;
    as_of::nothing_is_due(&system).await;
    let served = json_of(&["hash"]);
    let position = served["position"].to_string();
    let anew = json_of(&["rebuild", "--hash", "--batch-size", "7", "--until", &position]);
    for field in ["sha256", "position", "tables", "logId"] {
        assert_eq!(served[field], anew[field], "{field}");
    }
    assert_eq!(served["fingerprint"], parvandeh_projections::fingerprint());
    assert_eq!((&anew["unknown"], &anew["figures"]), (&json!(0), &Value::Null));

    let (_, text) = run(&["rebuild", "--until", &position]);
    let sha256 = served["sha256"].as_str().unwrap();
    assert!(text.contains(&format!("sha256       {sha256}\n")), "{text}");
    assert!(text.contains("\ncases        ") && text.contains("\ncompliance   "), "{text}");
    let (_, text) = run(&["rebuild", "--as-of", "2020-01-01T00:00:00Z"]);
    assert!(text.contains("\ncases        0: \n") && text.contains("none is decided"), "{text}");
    assert_eq!(run(&["rebuild", "--until", "1", "--as-of", "2020-01-01T00:00:00Z"]).0, 2);
    assert_eq!(run(&["rebuild", "--batch-size", "0"]).0, 2);
    assert_eq!(run(&["rebuild", "--until", "1000000"]).0, 1);
    system.stop().await;
    assert_eq!(json_of(&["hash"])["sha256"], json_of(&["rebuild", "--hash"])["sha256"]);
    std::fs::remove_file(directory.path().join("read-models.1.db")).unwrap();
    assert_eq!(run(&["hash"]).0, 6);
}
