//! Exports over HTTP: who gets what, and what becomes of callers who are slow or leave.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use parvandeh::clock::SystemClock;
use parvandeh::export::Selection;
use parvandeh::principal::Role;
use parvandeh_projections::scope::CaseScope;
use reqwest::Response;
use serde_json::Value;
use tempfile::TempDir;

use super::story::Story;
use super::{EVENT_LOGS, everything, exported, fill, names_of_cases, references};
use crate::harness::{System, token};

pub async fn get(system: &System, path: &str, token: &str) -> Response {
    let request = reqwest::Client::new().get(system.url(path)).bearer_auth(token);
    request.send().await.unwrap()
}

/// The status and the code of a refusal, and its message.
async fn refused(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let error = &answer["errors"][0];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (status, text(&error["extensions"]["code"]), text(&error["message"]))
}

async fn system_over(directory: &Path) -> System {
    System::start_in(directory, SystemClock).await
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_get_all_cases_and_supervisors_those_of_their_units() {
    let directory = tempfile::tempdir().unwrap();
    Story::tell(directory.path()).await;
    let system = system_over(directory.path()).await;
    for format in EVENT_LOGS {
        let path = format!("/exports/{}", format.as_str());
        let response = get(&system, &path, &token(Role::Auditor, None, &[])).await;
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), format.content_type());
        let disposition = format!("attachment; filename=\"parvandeh.{}\"", format.file_extension());
        assert_eq!(header("content-disposition"), disposition);
        assert_eq!(header("cache-control"), "private, no-store");
        let text = response.text().await.unwrap();
        assert_eq!(text, exported(directory.path(), format, &everything()));

        let response = get(&system, &path, &token(Role::Supervisor, None, &["care"])).await;
        let care = Selection::all(CaseScope::Units(vec!["care".to_owned()]));
        assert_eq!(response.text().await.unwrap(), exported(directory.path(), format, &care));
    }
    let path = "/exports/xes?kind=COMPLAINT,question&unit=technical&unit=care&from=2026-03-02T12:40:00%2B03:30";
    let response = get(&system, path, &token(Role::Auditor, None, &[])).await;
    assert_eq!(names_of_cases(&response.text().await.unwrap()), references(&["C"]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_refused_before_the_file_begins() {
    let system = System::start().await;
    for role in Role::ALL {
        let customer = (role == Role::Customer).then(uuid::Uuid::nil);
        let response = get(&system, "/exports/xes", &token(role, customer, &["care"])).await;
        if matches!(role, Role::Auditor | Role::Supervisor) {
            assert_eq!(response.status(), 200, "{role}");
        } else {
            assert_eq!(refused(response).await.1, "FORBIDDEN", "{role}");
        }
    }
    let (status, code, _) = refused(get(&system, "/exports/xes", "nobody").await).await;
    assert_eq!((status, code.as_str()), (401, "UNAUTHENTICATED"));
    for (path, begins) in [
        ("/exports/pdf", "There is no such export; there are xes, ocel, csv, bundle"),
        ("/exports/xes?until=2026-03-01T00:00:00Z", "until is no parameter"),
        ("/exports/xes?from=yesterday", "from must be a moment"),
        ("/exports/xes?to=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", "to is given twice"),
        ("/exports/xes?kind=quarrel", "kind 'quarrel' is none of"),
        ("/exports/xes?unit=a%20%20b", "unit is not usable"),
        ("/exports/xes?personal=yes", "personal must be true or false"),
        ("/exports/xes?personal=true", "purpose is needed"),
        ("/exports/xes?personal=true&purpose=%20", "purpose must have 1 to 200 characters"),
    ] {
        let (status, code, message) =
            refused(get(&system, path, &token(Role::Auditor, None, &[])).await).await;
        assert_eq!((status, code.as_str()), (400, "BAD_USER_INPUT"), "{path}");
        assert!(message.starts_with(begins), "{path}: {message}");
    }
    let client = reqwest::Client::new();
    let request = client.post(system.url("/exports/xes"));
    let response = request.bearer_auth(token(Role::Auditor, None, &[])).send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET");
    assert_eq!(refused(response).await.0, 405);
    system.stop().await;
}

/// Asks for an export and takes no more than the head of the answer.
fn ask_and_wait(system: &System) -> TcpStream {
    let mut stream = TcpStream::connect(system.address).unwrap();
    let token = token(Role::Auditor, None, &[]);
    write!(
        stream,
        "GET /exports/xes HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

async fn large() -> (TempDir, System) {
    let directory = tempfile::tempdir().unwrap();
    // About forty megabytes of XES: more than all buffers between the two ends hold.
    fill(directory.path(), 64, 1_000).await;
    let system = system_over(directory.path()).await;
    (directory, system)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_export_at_once_is_refused_until_a_caller_has_left() {
    let (_directory, system) = large().await;
    let slow = [ask_and_wait(&system), ask_and_wait(&system)];
    let auditor = token(Role::Auditor, None, &[]);
    let response = get(&system, "/exports/csv?to=2000-01-01T00:00:00Z", &auditor).await;
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, code, message) = refused(response).await;
    assert_eq!((status, code.as_str()), (429, "RATE_LIMITED"));
    assert!(message.starts_with("2 exports are being made already"), "{message}");
    drop(slow);
    while get(&system, "/exports/csv?to=2000-01-01T00:00:00Z", &auditor).await.status() != 200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_is_never_taken_for_a_whole_one() {
    let (_directory, system) = large().await;
    let mut slow = ask_and_wait(&system);
    let stopping = tokio::spawn(system.stop());
    let read = tokio::task::spawn_blocking(move || {
        // Until the server has begun to stop, the export waits for this reader.
        std::thread::sleep(Duration::from_millis(300));
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest);
        rest
    });
    let rest = read.await.unwrap();
    stopping.await.unwrap();
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it has the end of a whole answer");
    assert!(!String::from_utf8_lossy(&rest).contains("</log>"));
}
