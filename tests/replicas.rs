//! Several replicas over one cluster: each has read models of its own, and all show the same.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kurrentdb_double::{Double, Options};
use parvandeh::app::App;
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::store::kurrent::KurrentOptions;
use parvandeh::store::{LoggedEvent, READ_EVENTS_MAX};
use parvandeh::vault::Keyring;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::System;
use crate::metrics::{declared, documented, scrape};

/// A cluster, and the keyring that all replicas share.
struct Cluster {
    double: Double,
    keyring: TempDir,
}

impl Cluster {
    fn start() -> Self {
        let double = Double::start(Options { nodes: 3, ..Options::default() }).unwrap();
        let keyring = tempfile::tempdir().unwrap();
        parvandeh::vault::create_key_encryption_key(&Keyring::at(keyring.path())).unwrap();
        parvandeh::proof::key::create_key(&Keyring::at(keyring.path())).unwrap();
        Self { double, keyring }
    }

    fn options(&self) -> KurrentOptions {
        let mut options = KurrentOptions::parse(&self.double.connection_string()).unwrap();
        options.heartbeat_interval = Duration::from_millis(200);
        options.silence = Duration::from_secs(2);
        options
    }

    async fn app(&self, directory: &Path) -> App {
        let keyring = Keyring::at(self.keyring.path());
        App::open_replica(directory, keyring, self.options(), SystemClock, |_| {}).await.unwrap()
    }

    async fn replica(&self, directory: &Path) -> System {
        System::over(self.app(directory).await).await
    }
}

fn case(subject: &str) -> Value {
    json!({ "kind": "REQUEST", "subject": subject, "channel": "EMAIL", "unit": "care" })
}

async fn open_case(system: &System, subject: &str) -> String {
    let done =
        system.caller(Role::Supervisor).mutate("openCase", "case { id }", case(subject)).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}

async fn log_of(system: &System) -> Vec<LoggedEvent> {
    system.app.store.sync().await.unwrap();
    system.app.store.read_all(None, READ_EVENTS_MAX).await.unwrap()
}

/// Waits until this replica shows all that any replica was told is written.
async fn settle(system: &System) {
    let head = system.app.store.sync().await.unwrap().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_one_replica_writes_the_other_shows_at_the_same_position_and_continues() {
    let cluster = Cluster::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (cluster.replica(here.path()).await, cluster.replica(there.path()).await);
    assert_eq!(one.app.store.id(), two.app.store.id());

    let id = open_case(&one, "یخچال سرد نمی‌کند").await;
    // At once, with no word of a position: a command sees what is written, wherever it was.
    let input = json!({ "caseId": id, "priority": "HIGH" });
    two.caller(Role::Supervisor).mutate("classifyCase", "case { id }", input).await;
    let input = json!({ "caseId": id, "priority": "LOW" });
    one.caller(Role::Supervisor).mutate("classifyCase", "case { id }", input).await;

    settle(&two).await;
    let query = "query($id: ID!) { case(id: $id) { subject priority } }";
    let answer = two.caller(Role::Supervisor).ask(query, json!({ "id": id })).await;
    assert_eq!(answer["case"], json!({ "subject": "یخچال سرد نمی‌کند", "priority": "LOW" }));
    let places = |log: Vec<LoggedEvent>| -> Vec<_> {
        log.into_iter()
            .map(|event| (event.position, event.id, event.metadata, event.data))
            .collect()
    };
    assert_eq!(places(log_of(&one).await), places(log_of(&two).await));
    one.stop().await;
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_erasure_on_one_replica_takes_the_keys_and_the_copies_of_all_others() {
    let cluster = Cluster::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (cluster.replica(here.path()).await, cluster.replica(there.path()).await);
    let input = json!({ "kind": "INDIVIDUAL", "name": "آزمون", "language": "PERSIAN" });
    let done =
        one.caller(Role::Supervisor).mutate("registerCustomer", "customer { id }", input).await;
    let customer = done["customer"]["id"].clone();
    settle(&two).await;
    let query = "query($id: ID!) { customer(id: $id) { name } }";
    let shown = two.caller(Role::Auditor).ask(query, json!({ "id": customer })).await;
    assert_eq!(shown["customer"]["name"], "آزمون");
    assert!(log_of(&two).await.iter().any(|event| event.envelope.is_some()));

    let input = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    one.caller(Role::PrivacyOfficer).mutate("eraseCustomer", "customer { id }", input).await;

    // The other follows: first its keys go, then what is kept in its copy.
    settle(&two).await;
    let shown = two.caller(Role::Auditor).send(query, json!({ "id": customer })).await;
    assert_ne!(shown["data"]["customer"]["name"], "آزمون", "{shown}");
    while log_of(&two).await.iter().any(|event| event.envelope.is_some()) {
        tokio::task::yield_now().await;
    }
    one.stop().await;
    two.stop().await;

    // A replica that begins anew gets neither back.
    let elsewhere = tempfile::tempdir().unwrap();
    let three = cluster.replica(elsewhere.path()).await;
    let shown = three.caller(Role::Auditor).send(query, json!({ "id": customer })).await;
    assert_ne!(shown["data"]["customer"]["name"], "آزمون", "{shown}");
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_falls_due_is_recorded_once_by_whoever_is_there() {
    const CASES: usize = 30;
    let cluster = Cluster::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (cluster.replica(here.path()).await, cluster.replica(there.path()).await);
    for number in 0..CASES {
        let id = open_case(&one, &format!("case {number}")).await;
        let due_at = Timestamp::now() + SignedDuration::from_secs(5);
        let input = json!({ "caseId": id, "dueAt": due_at.to_string() });
        one.caller(Role::Supervisor).mutate("setDueDate", "case { id }", input).await;
    }
    // One of them goes before the moment comes.
    two.stop().await;
    let mut moved = one.app.store.head_changes();
    loop {
        moved.borrow_and_update();
        let mut breaches: HashMap<String, usize> = HashMap::new();
        for event in log_of(&one).await {
            if &*event.type_name == "SlaBreached" {
                *breaches.entry(event.stream.to_string()).or_default() += 1;
            }
        }
        assert!(breaches.values().all(|count| *count == 1), "{breaches:?}");
        if breaches.len() == CASES {
            break;
        }
        moved.changed().await.unwrap();
    }
    one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_tells_how_it_stands_to_its_cluster() {
    let cluster = Cluster::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, two) = (cluster.replica(here.path()).await, cluster.replica(there.path()).await);
    let mut members = one.app.replica().unwrap().members_changes();
    members.wait_for(|members| members.alive.len() == 2).await.unwrap();

    let text = scrape(&one).await;
    let declared = declared(&text);
    for (name, kind) in documented() {
        if name.starts_with("parvandeh_replica_") {
            assert_eq!(declared.get(&name), Some(&kind), "{name}");
        }
    }
    assert!(text.contains("parvandeh_replica_members 2"), "{text}");
    assert!(text.contains("parvandeh_replica_stopped 0"), "{text}");
    assert!(text.contains("parvandeh_replica_personal_data_readable 1"), "{text}");
    assert!(text.contains("parvandeh_store_info{kind=\"kurrentdb\"} 1"), "{text}");
    one.stop().await;
    two.stop().await;
}
