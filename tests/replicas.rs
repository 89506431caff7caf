//! Several replicas over one cluster: each has read models of its own, and all show the same.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kurrentdb_double::{Double, Options};
use parvandeh::app::App;
use parvandeh::clock::{ManualClock, SystemClock};
use parvandeh::delivery::{MemoryDelivery, Outbox};
use parvandeh::principal::Role;
use parvandeh::store::kurrent::KurrentOptions;
use parvandeh::store::{LoggedEvent, READ_EVENTS_MAX};
use parvandeh::vault::Keyring;
use parvandeh_domain::one_time_code::{FAILURES_MAX, LOCK_FIRST};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::System;
use crate::metrics::{declared, documented, scrape};
use crate::sign_in::bank::wrong;

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
        parvandeh::sign_in::token::create_key(&Keyring::at(keyring.path())).unwrap();
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

/// Has a code sent for a card by this replica, and gives it.
async fn sign_in_code(system: &System, delivery: &MemoryDelivery, number: &str) -> String {
    assert_eq!(post(system, "/sign-in/code", json!({ "card": number })).await.0, 202);
    delivered(delivery).await
}

async fn delivered(delivery: &MemoryDelivery) -> String {
    let message = tokio::time::timeout(Duration::from_secs(20), delivery.next()).await;
    message.expect("a message comes").1
}

async fn post(system: &System, path: &str, body: Value) -> (u16, String) {
    let request = reqwest::Client::new().post(system.url(path));
    let request = request.header("content-type", "application/json").body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wrong_codes_at_one_replica_lock_the_card_at_every_other() {
    let cluster = Cluster::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let delivery = Arc::new(MemoryDelivery::default());
    let clock = Arc::new(ManualClock::starting_at(Timestamp::now()));
    let mut replicas = Vec::new();
    for directory in [&here, &there] {
        let keyring = Keyring::at(cluster.keyring.path());
        let app =
            App::open_replica(directory.path(), keyring, cluster.options(), clock.clone(), |_| {});
        let mut app = app.await.unwrap();
        app.outbox = Some(Outbox::start(delivery.clone()));
        app.sign_in.answer_milliseconds = 20;
        app.sign_in.requests_per_address_per_minute = 0;
        replicas.push(System::over(app).await);
    }
    let (one, two) = (&replicas[0], &replicas[1]);
    let staff = one.caller(Role::Service);
    let input = json!({ "kind": "INDIVIDUAL", "name": "آزمون", "language": "PERSIAN" });
    let done = staff.mutate("registerCustomer", "customer { id }", input).await;
    let customer = &done["customer"]["id"];
    let point = json!({ "customerId": customer, "kind": "PHONE", "value": "+989120000001" });
    staff.mutate("addContactPoint", "customer { id }", point).await;
    let point = json!({ "customerId": customer, "contactPoint": 1 });
    staff.mutate("requestContactPointVerification", "customer { id }", point).await;
    let code = delivered(&delivery).await;
    let said = json!({ "customerId": customer, "contactPoint": 1, "code": code });
    staff.mutate("verifyContactPoint", "customer { id }", said).await;
    let issued = staff.mutate("issueCard", "card { id } number", json!({ "customerId": customer }));
    let issued = issued.await;
    let activate = json!({ "cardId": issued["card"]["id"] });
    staff.mutate("activateCard", "card { id }", activate).await;
    let number = issued["number"].as_str().unwrap();
    let enter = async |system: &System, code: &str| {
        post(system, "/sign-in", json!({ "card": number, "code": code })).await.0
    };

    // A code that one replica sent is good at the other, once.
    let code = sign_in_code(one, &delivery, number).await;
    assert_eq!(enter(two, &code).await, 200);
    assert_eq!(enter(one, &code).await, 401);

    clock.advance(SignedDuration::from_secs(60));
    let code = sign_in_code(two, &delivery, number).await;
    for _ in 0..FAILURES_MAX {
        assert_eq!(enter(one, &wrong(&code)).await, 401);
    }
    for system in [two, one] {
        assert_eq!(
            enter(system, &code).await,
            401,
            "it is locked, and the right code does no more"
        );
    }
    let log = log_of(two).await;
    let count = |name: &str| log.iter().filter(|event| &*event.type_name == name).count();
    assert_eq!((count("SignInFailed"), count("SignedIn")), (FAILURES_MAX as usize, 1));
    let text = scrape(one).await;
    for outcome in ["signed_in", "wrong_code", "refused", "busy", "failed"] {
        let sample = format!("parvandeh_sign_ins_total{{outcome=\"{outcome}\"}}");
        assert!(text.contains(&sample), "{text}");
    }

    // The lock ends in its time, wherever somebody asks.
    clock.advance(LOCK_FIRST);
    let code = sign_in_code(two, &delivery, number).await;
    assert_eq!(enter(one, &code).await, 200);
    for system in replicas {
        system.stop().await;
    }
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
