//! Erasing a customer: nothing personal of them is left in any file, answer, line or copy, and everything else stays.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use parvandeh::app::App;
use parvandeh::clock::SystemClock;
use parvandeh::command::handler::CommandError;
use parvandeh::export::personal::Personal;
use parvandeh::export::{self, Format, Selection};
use parvandeh::principal::Role;
use parvandeh::proof::{self, checkpoint::SignedCheckpoint, verify::Trust};
use parvandeh::store::sqlite::{self, LogReader, SqliteStore};
use parvandeh::store::{EventStore, LoggedEvent};
use parvandeh::vault::{Keyring, Vault, backup as backup_keys};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{AddNote, OpenCase};
use parvandeh_domain::case::{CaseKind, Channel, Priority};
use parvandeh_domain::customer::command::{OrderErasure, RegisterCustomer};
use parvandeh_domain::customer::{
    Customer, CustomerCommand, CustomerKind, ErasureGround, Language,
};
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::id::{CaseId, CustomerId, DataSubject, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::scope::CaseScope;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::System;
use crate::harness::random::Random;
use crate::harness::service::Service;
use crate::harness::tables::{Tables, assert_same, rebuilt, tables, tables_without};
use crate::harness::work::{metadata, on_case, stream};

mod between;
mod records;

/// Stands in every personal text, in two scripts.
const CANARY: &str = "canary7f3a91c4";
const CANARY_PERSIAN: &str = "قناری‌هفت‌سه";

fn said(what: &str) -> String {
    format!("{what} {CANARY} {CANARY_PERSIAN}")
}

fn holds_canary(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains(CANARY) || text.contains(CANARY_PERSIAN)
}

/// Every file below a directory that holds a trace of the bytes.
fn files_with(directory: &Path, is_trace: &impl Fn(&[u8]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, is_trace));
        } else if is_trace(&fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A customer who said something, or of whom something was said, wherever that is possible, and their cases.
struct Told {
    customer: String,
    cases: Vec<String>,
}

async fn tell(service: &Service) -> Told {
    let worker = service.system.caller(Role::Service);
    let input = json!({ "kind": "INDIVIDUAL", "name": said("مهری"), "language": "PERSIAN",
        "idempotencyKey": "register" });
    let done = worker.mutate("registerCustomer", "customer { id }", input).await;
    let customer = done["customer"]["id"].as_str().unwrap().to_owned();
    for (kind, value) in [
        ("EMAIL", format!("{CANARY}@example.com")),
        ("POSTAL_ADDRESS", said("خیابان انقلاب")),
        ("SOCIAL_NETWORK", said("@")),
    ] {
        let input = json!({ "customerId": customer, "kind": kind, "value": value });
        worker.mutate("addContactPoint", "", input).await;
    }
    let input = json!({ "customerId": customer, "name": said("مهری نو") });
    worker.mutate("changeCustomerDetails", "", input).await;
    let input = json!({ "customerId": customer, "purpose": "SURVEY", "channel": "EMAIL" });
    worker.mutate("giveConsent", "", input).await;
    let input = json!({ "kind": "INDIVIDUAL", "name": "دیگری", "language": "PERSIAN" });
    let other = worker.mutate("registerCustomer", "customer { id }", input).await;
    let into = &other["customer"]["id"];
    let input = json!({ "customerId": customer, "into": into, "reason": said("یک نفر") });
    worker.mutate("mergeCustomer", "", input).await;
    let input = json!({ "customerId": customer, "reason": said("دو نفر") });
    worker.mutate("unmergeCustomer", "", input).await;
    // Of the envelopes in the log all are to be the first one's.
    erase(&service.system, into.as_str().unwrap()).await;
    worker.mutate("issueCard", "", json!({ "customerId": customer })).await;

    let mut cases = Vec::new();
    for number in 0..3 {
        let input = json!({
            "kind": "COMPLAINT", "subject": said("نشتی"), "description": said("از دیروز"), "remedySought": said("پوزش"), "channel": "PHONE",
            "unit": "care", "customerId": customer, "priority": "URGENT",
            "idempotencyKey": format!("open {number}"),
        });
        let done = worker.mutate("openCase", "case { id }", input).await;
        cases.push(done["case"]["id"].as_str().unwrap().to_owned());
    }
    let (case, other) = (&cases[0], &cases[1]);
    attach(&service.system, &worker.token, case).await;
    for direction in ["INBOUND", "OUTBOUND", "INTERNAL"] {
        let input = json!({ "direction": direction, "channel": "EMAIL", "body": said(direction) });
        service.command("recordInteraction", case, 0, input).await;
    }
    service.command("addNote", case, 0, json!({ "body": said("یادداشت") })).await;
    let refer = json!({ "unit": "technical", "reason": said("ارجاع") });
    service.command("referCase", case, 0, refer).await;
    let hold = json!({ "reason": "AWAITING_THIRD_PARTY", "note": said("قطعه") });
    service.command("holdCase", case, 0, hold).await;
    service.command("resumeCase", case, 0, json!({})).await;
    let merge = json!({ "into": case, "reason": said("یکی است") });
    service.command("mergeCase", other, 0, merge).await;
    service.command("unmergeCase", other, 0, json!({ "reason": said("دو تاست") })).await;
    complain(service, &cases[2]).await;
    let extend = json!({ "caseId": case, "clock": "resolution-1", "reason": said("دیر"),
        "told": said("با تلفن") });
    service.system.caller(Role::Supervisor).mutate("extendSlaClock", "", extend).await;
    service.advance_to(5 * 60);
    service.settle().await;
    let resolve = json!({ "outcome": "UPHELD", "summary": said("درست شد") });
    service.command("resolveCase", case, 5 * 60, resolve).await;
    service.command("reopenCase", case, 5 * 60, json!({ "reason": said("نشد") })).await;
    // The monitor records it in its own time.
    let mut breached = breached_clocks(service, other).await;
    while breached.is_empty() {
        service.settle().await;
        breached = breached_clocks(service, other).await;
    }
    let waive = json!({ "caseId": other, "clock": breached[0], "reason": said("سامانه") });
    service.system.caller(Role::Supervisor).mutate("waiveSlaBreach", "", waive).await;
    Told { customer, cases }
}

/// Sends a file whose name and content are personal.
async fn attach(system: &System, token: &str, case: &str) {
    let mut url = reqwest::Url::parse(&system.url(&format!("/cases/{case}/attachments"))).unwrap();
    url.query_pairs_mut().append_pair("name", &said("نامه")).append_pair("direction", "inbound");
    let request = reqwest::Client::new().post(url).bearer_auth(token).body(said("متن نامه"));
    assert_eq!(request.send().await.unwrap().status(), 201);
}

/// All that people say in the handling of a complaint.
async fn complain(service: &Service, case: &str) {
    let assessment = json!({ "severity": "MAJOR", "safety": true, "complexity": "SIMPLE", "impact": "SINGLE",
        "immediateAction": said("شیر بسته شود") });
    let decision = json!({ "outcome": "NOT_UPHELD", "reasons": said("سالم بود"),
        "appealUntil": "2999-01-01T00:00:00Z", "appealTo": "کمیته" });
    let last = json!({ "outcome": "UPHELD", "reasons": said("سالم نبود") });
    let promise = json!({ "what": said("تماس"), "dueAt": "2999-01-01T00:00:00Z" });
    for (name, input) in [
        ("referCase", json!({ "unit": "technical", "reason": said("ارجاع") })),
        ("returnReferral", json!({ "reason": said("از ما نیست") })),
        ("assessCase", assessment),
        ("recordFinding", json!({ "finding": said("ترک"), "evidence": said("عکس") })),
        ("promiseFollowUp", promise),
        ("decideCase", decision),
        ("appealCase", json!({ "grounds": said("ببینید") })),
        ("decideCase", last),
        ("offerAlternatives", json!({ "alternatives": said("شورا") })),
        ("recordRootCause", json!({ "cause": "worn", "explanation": said("کهنه") })),
        (
            "recordInteraction",
            json!({ "direction": "OUTBOUND", "channel": "LETTER", "body": said("نامه") }),
        ),
        ("keepFollowUp", json!({ "number": 1 })),
        ("closeCase", json!({})),
        ("askSurvey", json!({})),
        ("answerSurvey", json!({ "score": 2, "comment": said("دیر شد"), "channel": "PHONE" })),
    ] {
        service.command(name, case, 0, input).await;
    }
}

async fn breached_clocks(service: &Service, case: &str) -> Vec<String> {
    let query = "query($id: ID!) { case(id: $id) { slaClocks { key breachRecorded } } }";
    let answer = service.system.caller(Role::Service).ask(query, json!({ "id": case })).await;
    let clocks = answer["case"]["slaClocks"].as_array().unwrap().clone();
    let breached = clocks.iter().filter(|clock| clock["breachRecorded"] == true);
    breached.map(|clock| clock["key"].as_str().unwrap().to_owned()).collect()
}

/// All that can be asked about the customer and their cases, as one text.
async fn everything_asked(system: &System, told: &Told) -> String {
    let timeline =
        "timeline(first: 30) { nodes { eventType actorId text erased changes { field value } } }";
    let case = format!(
        "id reference subject description remedySought erased status outcome followUps {{ what }} {timeline} slaClocks {{ key state }} customer {{ id name }}"
    );
    let customer =
        "id name erased language contactPoints { kind value erased } consents { purpose } revision";
    let auditor = system.caller(Role::Auditor);
    let mut all = String::new();
    let now = system.app.clock.now().to_string();
    for case_id in &told.cases {
        let queries = [
            format!("query($id: ID!) {{ case(id: $id) {{ {case} }} }}"),
            format!("query($id: ID!, $at: DateTime) {{ case(id: $id, asOf: $at) {{ {case} }} }}"),
        ];
        for query in queries {
            let variables = json!({ "id": case_id, "at": now });
            all += &auditor.send(&query, variables).await.to_string();
        }
    }
    let queries = [
        "{ missedFollowUps { nodes { what } } }".to_owned(),
        format!(
            "query($id: ID!) {{ customer(id: $id) {{ {customer} cases(first: 5) {{ nodes {{ {case} }} }} }} }}"
        ),
        "{ customers { nodes { id name erased contactPoints { value } } } }".to_owned(),
        // Rows of plain columns are answered in another way.
        "{ cases { nodes { id subject description erased status } } }".to_owned(),
    ];
    for query in queries {
        all += &auditor.send(&query, json!({ "id": told.customer })).await.to_string();
    }
    let officer = system.caller(Role::PrivacyOfficer);
    let query = "query($id: ID!) { customer(id: $id) { name contactPoints { value } erasure { ground receipt { keyCount } } } }";
    all += &officer.send(query, json!({ "id": told.customer })).await.to_string();
    let get = async |role: Option<Role>, path: &str| {
        let request = reqwest::Client::new().get(system.url(path));
        let request = match role {
            Some(role) => request.bearer_auth(system.caller(role).token),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    for format in ["csv", "xes", "ocel", "bundle"] {
        let path = format!("/exports/{format}?personal=true&purpose=inspection");
        all += &get(Some(Role::Auditor), &path).await;
    }
    for format in ["json", "html"] {
        let path = format!("/subjects/{}/export?format={format}", told.customer);
        all += &get(Some(Role::PrivacyOfficer), &path).await;
    }
    all + &get(None, "/metrics").await
}

pub async fn erase(system: &System, customer: &str) -> Value {
    let input = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    let fields = "customer { name erased contactPoints { kind value erased } consents { purpose } \
                  erasure { ground orderedAt receipt { erasedAt keyCount envelopeCount eventId } } }";
    system.caller(Role::PrivacyOfficer).mutate("eraseCustomer", fields, input).await["customer"]
        .take()
}

/// Figures that an erasure must not change.
async fn figures(system: &System) -> Value {
    let query = "{ slaCompliance { total met breached waived } cases { totalCount } customers { totalCount } \
                  slaFacts(first: 100) { nodes { kind clock } } }";
    system.caller(Role::Auditor).ask(query, json!({})).await
}

async fn log_of(store: &Arc<SqliteStore>) -> Vec<LoggedEvent> {
    store.read_all(None, 10_000).await.unwrap()
}

/// The fields that the published schemas mark as personal.
fn personal_fields() -> BTreeSet<(String, String)> {
    let mut fields = BTreeSet::new();
    for (event_type, schema) in parvandeh_domain::log::schemas() {
        let schema = schema.to_value();
        for (field, rule) in schema["properties"].as_object().into_iter().flatten() {
            if rule.to_string().contains("x-personal") {
                fields.insert((event_type.name.to_owned(), field.clone()));
            }
        }
    }
    fields
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_customer_leaves_no_byte_of_what_they_said_and_every_figure() {
    let service = Service::start().await;
    let told = tell(&service).await;
    let system = &service.system;
    let directory = system.app.directory().to_owned();
    let store = system.app.log.clone();

    // Every personal field that there is was filled.
    let log = log_of(&store).await;
    let sealed: BTreeSet<(String, String)> = log
        .iter()
        .flat_map(|logged| {
            let data: Value = serde_json::from_slice(&logged.data).unwrap();
            let fields = data.as_object().unwrap().clone();
            let sealed = fields.into_iter().filter(|(_, value)| *value == json!({"sealed": true}));
            let name = logged.type_name.to_string();
            sealed.map(move |(field, _)| (name.clone(), field)).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(sealed, personal_fields());
    // It can be read by those who may, and stands in no file.
    assert!(holds_canary(everything_asked(system, &told).await.as_bytes()));
    assert_eq!(files_with(&directory, &holds_canary), [""; 0]);

    // What an auditor keeps: a checkpoint, the proof of an event, a bundle.
    let auditor = system.caller(Role::Auditor);
    system.app.proof.wait_for(store.head().unwrap().0).await.unwrap();
    let checkpoint = auditor.ask("{ proofCheckpoint { note size } }", json!({})).await;
    let checkpoint = &checkpoint["proofCheckpoint"];
    let opened = log.iter().find(|logged| &*logged.type_name == "CaseOpened").unwrap();
    let proof_of_opening = async || {
        let query = "query($id: ID, $size: Int) { inclusionProof(eventId: $id, treeSize: $size) { leaf hashes root } }";
        let variables = json!({ "id": opened.id, "size": checkpoint["size"] });
        auditor.ask(query, variables).await["inclusionProof"].take()
    };
    let proof_before = proof_of_opening().await;
    let bundle = tempfile::tempdir().unwrap().keep().join("kept.bundle");
    let request = reqwest::Client::new().get(system.url("/exports/bundle"));
    let text = request.bearer_auth(&auditor.token).send().await.unwrap().text().await.unwrap();
    fs::write(&bundle, text).unwrap();

    let figures_before = figures(system).await;
    let tables_before = tables_without(&serving(&directory), CHANGED_BY_ERASURE);
    let readable = log.iter().filter(|logged| logged.envelope.is_some());
    let keys: BTreeSet<Uuid> = readable.filter_map(seal_of).map(|seal| seal.key).collect();
    let wrapped: Vec<Vec<u8>> = keys.iter().map(|key| wrapped_key(&directory, *key)).collect();
    let backup = tempfile::tempdir().unwrap();
    sqlite::backup(&directory, backup.path(), |_| {}).unwrap();
    backup_keys(&directory, backup.path()).unwrap();

    let erased = erase(system, &told.customer).await;
    assert_eq!(erased["name"], Value::Null);
    assert_eq!((&erased["erased"], &erased["consents"]), (&json!(true), &json!([])));
    assert_eq!(
        erased["contactPoints"][0],
        json!({ "kind": "EMAIL", "value": null, "erased": true })
    );
    let receipt = &erased["erasure"]["receipt"];
    assert_eq!(receipt["keyCount"], 1);
    assert_eq!(
        receipt["envelopeCount"],
        log.iter().filter(|logged| logged.envelope.is_some()).count()
    );

    // Nothing of it is left: not in answers, not in files, and the keys are gone from these too.
    let asked = everything_asked(system, &told).await;
    assert!(!holds_canary(asked.as_bytes()), "{asked}");
    assert!(asked.contains(r#""subject":null"#) && asked.contains(r#""erased":true"#), "{asked}");
    assert!(!asked.contains("errors"), "{asked}");
    assert_eq!(files_with(&directory, &holds_canary), [""; 0]);
    for key in &wrapped {
        let holds_key = |bytes: &[u8]| bytes.windows(key.len()).any(|window| window == key);
        assert_eq!(files_with(&directory, &holds_key), [""; 0]);
    }
    let after = log_of(&store).await;
    assert!(after.iter().all(|logged| logged.envelope.is_none()));
    // The events that there were are as they were, so all proofs over them hold.
    for (before, after) in log.iter().zip(&after) {
        assert_eq!(
            (before.id, &before.metadata, &before.data),
            (after.id, &after.metadata, &after.data)
        );
    }

    // All proofs from before hold, and the log grows out of what was signed.
    assert_eq!(proof_of_opening().await, proof_before);
    system.app.proof.wait_for(store.head().unwrap().0).await.unwrap();
    let earlier = SignedCheckpoint::parse(checkpoint["note"].as_str().unwrap()).unwrap();
    let trust = Trust { earlier: Some(earlier), ..Trust::default() };
    let report = proof::verify::directory::verify(&directory, &trust, |_, _| {});
    assert!(report.holds(), "{report:#?}");
    let verified =
        Command::new(env!("CARGO_BIN_EXE_parvandeh")).arg("verify").arg(&bundle).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    fs::remove_dir_all(bundle.parent().unwrap()).unwrap();

    // Everything else stays, and is what a rebuild makes of the log.
    assert_eq!(figures(system).await, figures_before);
    let serving_tables = tables(&serving(&directory));
    let port: Arc<dyn EventStore> = store.clone();
    assert_same(&serving_tables, &rebuilt(&port).await, "after the erasure");
    let left = tables_without(&serving(&directory), CHANGED_BY_ERASURE);
    let without_checkpoint = |mut tables: Tables| {
        tables.retain(|name, _| !NOT_COMPARED.contains(&name.as_str()));
        tables
    };
    assert_same(&without_checkpoint(left), &without_checkpoint(tables_before), "what stays");

    // Nothing personal can be added, and the cases go on.
    let refused = |answer: Value, name: &str| answer["data"][name]["userErrors"][0]["code"].clone();
    let worker = system.caller(Role::Service);
    let note = "mutation($case: ID!) { addNote(input: { caseId: $case, body: \"دوباره\" }) { userErrors { code } } }";
    let answer = worker.send(note, json!({ "case": told.cases[0] })).await;
    assert_eq!(refused(answer, "addNote"), "CUSTOMER_ERASED");
    let contact = "mutation($id: ID!) { addContactPoint(input: { customerId: $id, kind: EMAIL, value: \"a@b.ir\" }) \
                   { userErrors { code } } }";
    let answer = worker.send(contact, json!({ "id": told.customer })).await;
    assert_eq!(refused(answer, "addContactPoint"), "CUSTOMER_ERASED");
    service.command("resolveCase", &told.cases[0], 5 * 60, json!({ "outcome": "UPHELD" })).await;
    // Asked for again, it is done already.
    assert_eq!(erase(system, &told.customer).await["erasure"], erased["erasure"]);

    // A backup from before, restored with the keyring as it is now, has forgotten it too.
    let keyring = Keyring::at(directory.join("keyring"));
    let _kept = service.system.stop().await;
    drop(store);
    let restored = System::start_with(backup.path(), keyring, SystemClock).await;
    let asked = everything_asked(&restored, &told).await;
    assert!(!holds_canary(asked.as_bytes()), "{asked}");
    assert!(asked.contains(r#""keyCount""#), "the log tells it again: {asked}");
    assert_eq!(files_with(backup.path(), &holds_canary), [""; 0]);
    let envelopes = log_of(&restored.app.log).await;
    assert!(envelopes.iter().all(|logged| logged.envelope.is_none()));
    restored.stop().await;
}

/// Tables that go on while the erasure is looked at: the checkpoint, what clients sent, who read what.
const NOT_COMPARED: &[&str] = &["generation", "command_receipts", "access_log"];

/// What an erasure may change in the read models: envelopes, and the customer's own record.
const CHANGED_BY_ERASURE: &[&str] = &[
    "opening",
    "envelope",
    "what",
    "blind_index",
    "sound_index",
    "name",
    "number",
    "contact_points",
    "consents",
    "erasure",
    "revision",
    "updated_at",
];

fn seal_of(logged: &LoggedEvent) -> Option<parvandeh_domain::pii::Seal> {
    serde_json::from_slice::<Metadata>(&logged.metadata).unwrap().personal
}

/// The file of read models that serves.
fn serving(directory: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("read-models."))
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    files.sort();
    files.pop().expect("read models")
}

/// A data key as keys.db has it.
fn wrapped_key(directory: &Path, key: Uuid) -> Vec<u8> {
    let db = rusqlite::Connection::open(directory.join("keys.db")).unwrap();
    let query = "SELECT wrapped FROM data_key WHERE id = ?";
    db.query_row(query, [key], |row| row.get(0)).unwrap()
}

/// Not a test of its own: its output is what the next one reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs as the child of no_line_that_is_written_holds_what_was_said"]
async fn an_erasure_with_every_line_written() {
    if std::env::var_os("PARVANDEH_ERASURE_CHILD").is_none() {
        return;
    }
    tracing_subscriber::fmt()
        .with_env_filter("parvandeh=trace,actix=debug,actix_web=trace,info")
        .with_writer(std::io::stderr)
        .init();
    let service = Service::start().await;
    let told = tell(&service).await;
    assert!(everything_asked(&service.system, &told).await.contains(CANARY));
    // What fails writes lines too.
    let worker = service.system.caller(Role::Service);
    let wrong = format!(
        "mutation {{ addNote(input: {{ caseId: \"{}\", body: \"{CANARY}\", wrong: 1 }}) {{ userErrors {{ code }} }} }}",
        told.cases[0]
    );
    worker.send(&wrong, json!({})).await;
    let long = json!({ "input": { "caseId": told.cases[0], "body": CANARY.repeat(10_000) } });
    let document = "mutation($input: AddNoteInput!) { addNote(input: $input) { userErrors { code message } } }";
    worker.send(document, long).await;
    erase(&service.system, &told.customer).await;
    service.system.stop().await;
    println!("the story was told to its end");
}

#[test]
fn no_line_that_is_written_holds_what_was_said() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "erasure::an_erasure_with_every_line_written",
            "--ignored",
            "--nocapture",
        ])
        .env("PARVANDEH_ERASURE_CHILD", "1")
        .output()
        .unwrap();
    let (out, lines) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(out.contains("the story was told to its end"), "{out}\n{lines}");
    assert!(lines.lines().count() > 5, "lines are written: {lines}");
    let said: Vec<_> =
        lines.lines().chain(out.lines()).filter(|line| holds_canary(line.as_bytes())).collect();
    assert!(said.is_empty(), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_legal_hold_keeps_everything_until_it_is_released() {
    let service = Service::start().await;
    let told = tell(&service).await;
    let officer = service.system.caller(Role::PrivacyOfficer);
    let hold = json!({ "customerId": told.customer, "matter": "1405/312" });
    let held = officer.mutate("placeLegalHold", "customer { legalHold }", hold).await;
    assert_eq!(held["customer"]["legalHold"], "1405/312");
    let document = "mutation($id: ID!) { eraseCustomer(input: { customerId: $id, ground: SUBJECT_REQUEST }) \
                    { customer { id } userErrors { code message } } }";
    let refused = officer.send(document, json!({ "id": told.customer })).await;
    assert_eq!(refused["data"]["eraseCustomer"]["userErrors"][0]["code"], "LEGAL_HOLD");
    assert!(everything_asked(&service.system, &told).await.contains(CANARY));
    officer.mutate("releaseLegalHold", "", json!({ "customerId": told.customer })).await;
    assert_eq!(erase(&service.system, &told.customer).await["erased"], true);
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_a_crash_interrupts_is_finished_at_the_next_start() {
    for keys_destroyed in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let app = App::open(directory.path()).await.unwrap();
        app.start_read_models(|_| {}).await.unwrap();
        let customer = customer_with_cases(&app, 3).await;
        let order = CustomerCommand::OrderErasure(OrderErasure {
            ground: ErasureGround::Unlawful,
            with: Vec::new(),
            held: None,
        });
        on_customer(&app, customer, order).await.unwrap();
        if keys_destroyed {
            let (id, now) = (Uuid::new_v4(), Timestamp::now());
            app.vault.erase(DataSubject::Customer(customer), now, id).unwrap();
        }
        // The process ends here, as far as the erasure is concerned.
        app.stop().await;

        let app = App::open(directory.path()).await.unwrap();
        app.start_read_models(|_| {}).await.unwrap();
        let log = log_of(&app.log).await;
        assert!(log.iter().all(|logged| logged.envelope.is_none()));
        let told = log.iter().filter(|logged| &*logged.type_name == "CustomerErased").count();
        assert_eq!(told, 1, "keys destroyed before the crash: {keys_destroyed}");
        assert!(app.vault.is_erased(DataSubject::Customer(customer)));
        app.stop().await;
    }
}

async fn on_customer(
    app: &App,
    id: CustomerId,
    command: CustomerCommand,
) -> Result<(), CommandError<parvandeh_domain::customer::CustomerRefusal>> {
    let stream = stream("customer", id);
    let batch = vec![(metadata(None), command)];
    app.commands.execute::<Customer>(&stream, batch, None, |_| true).await.map(drop)
}

fn open_for(customer_id: CustomerId) -> CaseCommand {
    CaseCommand::Open(OpenCase {
        kind: CaseKind::Request,
        subject: Pii::new(said("نشتی")),
        description: None,
        customer_id: Some(customer_id),
        channel: Channel::Portal,
        category: None,
        priority: Priority::Normal,
        severity: None,
        unit: None,
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: None,
    })
}

async fn customer_with_cases(app: &App, count: u64) -> CustomerId {
    let id = CustomerId(Uuid::new_v4());
    let register = CustomerCommand::Register(RegisterCustomer {
        kind: CustomerKind::Individual,
        name: Pii::new(said("مهری")),
        language: Language::Persian,
        tier: None,
    });
    on_customer(app, id, register).await.unwrap();
    for _ in 0..count {
        on_case(&app.commands, Uuid::new_v4(), metadata(None), open_for(id)).await.unwrap();
    }
    id
}

/// Everything with what is personal in it, as far as it can be read.
fn exported(directory: &Path, vault: &Arc<Vault>) -> String {
    let log = LogReader::open(directory).unwrap();
    let (purpose, vault) = ("inspection".to_owned(), vault.clone());
    let personal = Personal::Included { purpose, vault, accesses: None };
    let (mut out, all) = (Vec::new(), Selection::all(CaseScope::All));
    let mut watch = |_, _| ControlFlow::Continue(());
    export::export(&log, Format::Csv, &all, &personal, &mut out, &mut watch).unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn erasing_while_others_append_rebuild_and_export_leaves_nothing_readable_and_loses_no_event()
{
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let app = Arc::new(App::open(directory.path()).await.unwrap());
    app.start_read_models(|_| {}).await.unwrap();
    let mut customers = Vec::new();
    for _ in 0..8 {
        customers.push(customer_with_cases(&app, 2).await);
    }
    let mut writers = JoinSet::new();
    for writer in 0..8_u64 {
        let (app, customers) = (app.clone(), customers.clone());
        let mut random = Random::of(random.below(u64::MAX));
        writers.spawn(async move {
            let mut written = Vec::new();
            for number in 0..60_u64 {
                let customer = customers[random.below(8) as usize];
                let case = derived(&["race", &writer.to_string(), &number.to_string()]);
                match on_case(&app.commands, case, metadata(None), open_for(customer)).await {
                    Ok(_) => written.push(CaseId(case)),
                    Err(CommandError::Erased) => continue,
                    Err(error) => panic!("{error}"),
                }
                let note = CaseCommand::AddNote(AddNote { body: Pii::new(said("یادداشت")) });
                match on_case(&app.commands, case, metadata(None), note).await {
                    Ok(_) | Err(CommandError::Erased) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            written
        });
    }
    let rebuilding = tokio::spawn({
        let app = app.clone();
        async move {
            for _ in 0..3 {
                app.read_models.rebuild(|_| {}).await.unwrap();
            }
        }
    });
    // As a server exports, and as the command line does beside it.
    let keyring = Keyring::at(directory.path().join("keyring"));
    let beside = Arc::new(Vault::open_read_only(directory.path(), keyring).unwrap());
    let erased = Arc::new(AtomicBool::new(false));
    let exporting = [app.vault.clone(), beside].map(|vault| {
        let (directory, erased) = (directory.path().to_owned(), erased.clone());
        tokio::task::spawn_blocking(move || {
            let mut exports = 0;
            while !erased.load(Ordering::Relaxed) {
                exported(&directory, &vault);
                exports += 1;
            }
            assert!(!exported(&directory, &vault).contains(CANARY), "after the erasure");
            exports
        })
    });
    for customer in &customers {
        let order =
            OrderErasure { ground: ErasureGround::SubjectRequest, with: Vec::new(), held: None };
        on_customer(&app, *customer, CustomerCommand::OrderErasure(order)).await.unwrap();
        app.eraser().carry_out(*customer).await.unwrap();
    }
    let mut opened = Vec::new();
    while let Some(written) = writers.join_next().await {
        opened.extend(written.unwrap());
    }
    rebuilding.await.unwrap();
    erased.store(true, Ordering::Relaxed);
    for exporting in exporting {
        assert!(exporting.await.unwrap() > 0, "there were exports meanwhile");
    }

    let log = log_of(&app.log).await;
    let streams: BTreeSet<String> = log.iter().map(|logged| logged.stream.to_string()).collect();
    assert!(!opened.is_empty());
    for case in &opened {
        assert!(streams.contains(&format!("case-{case}")), "an acknowledged event is there");
    }
    // Also what was sealed before an erasure and appended after it is gone: whoever appended it has taken it away.
    for logged in &log {
        assert!(logged.envelope.is_none(), "{} at {}", logged.type_name, logged.position);
    }
    app.read_models.wait_for(app.store.head().unwrap()).await.unwrap();
    let app = Arc::into_inner(app).unwrap();
    app.stop().await;
    assert_eq!(files_with(directory.path(), &holds_canary), [""; 0]);
}
