//! Bundles and the record of personal reads: what auditors take away, and what is kept of it.

use std::process::Command;

use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::store::LoggedEvent;
use parvandeh::store::sqlite::LogReader;
use serde_json::Value;

use super::CANARY;
use super::http::get;
use super::story::{Story, case_id};
use crate::harness::{System, token};

/// The stored events of the access log that tell of personal data.
fn readings(log: &LogReader) -> Vec<LoggedEvent> {
    let mut events = log.read_all(None, 10_000).unwrap();
    events.retain(|event| &*event.type_name == "PersonalDataRead");
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_holds_what_the_caller_may_see_and_is_verified_offline() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let system = System::start_in(directory.path(), SystemClock).await;
    let head = system.app.store.head().unwrap().0;
    system.app.proof.wait_for(head).await.unwrap();
    for (token, letters) in [
        (token(Role::Auditor, None, &[]), vec!["A", "B", "C", "D"]),
        (token(Role::Supervisor, None, &["care"]), vec!["B"]),
    ] {
        let text = get(&system, "/exports/bundle", &token).await.text().await.unwrap();
        assert!(!text.contains(CANARY));
        for letter in ["A", "B", "C", "D"] {
            let stream = format!("\"stream\":\"case-{}\"", case_id(letter));
            assert_eq!(text.contains(&stream), letters.contains(&letter), "{letter}");
        }
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(first["personal"], "left out");
        let file = tempfile::NamedTempFile::new().unwrap();
        let verify = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
            command.arg("verify").arg(file.path()).output().unwrap()
        };
        let output = verify(&text);
        assert!(output.status.success(), "{output:?}");
        assert!(!verify(&text.replacen("CaseMerged", "CaseClosed", 1)).status.success());
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_personal_data_leave_is_in_the_access_log_before_they_do() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let system = System::start_in(directory.path(), SystemClock).await;
    let log = LogReader::open(directory.path()).unwrap();
    let auditor = token(Role::Auditor, None, &[]);
    get(&system, "/exports/csv", &auditor).await.text().await.unwrap();
    assert!(readings(&log).is_empty(), "nothing personal was told");

    let path = "/exports/csv?personal=true&purpose=inspection%207";
    let text = get(&system, path, &auditor).await.text().await.unwrap();
    assert!(text.contains(CANARY));
    let found = readings(&log);
    let told: Vec<Value> =
        found.iter().map(|event| serde_json::from_slice(&event.data).unwrap()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["purpose"], "inspection 7");
    assert_eq!(told[0]["operation"], "export csv");
    // The customer of A, B and C; and D, whose customer nobody knows.
    assert_eq!(told[0]["subjects"].as_array().unwrap().len(), 2);
    system.stop().await;
}
