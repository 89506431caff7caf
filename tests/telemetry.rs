//! What the program says of itself: trace ids on log lines and in answers, and traces at a collector.

pub mod collector;

use std::path::Path;
use std::time::Instant;

use parvandeh::http::drain::DRAIN_MAX;
use parvandeh::principal::Role;
use serde_json::{Value, json};

use self::collector::{Collector, Span};
use crate::harness::process::{Process, token};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const OPEN_CASE: &str = "mutation OpenOne($input: OpenCaseInput!) { openCase(input: $input) { case { id } userErrors { code } } }";
const SUBJECT: &str = "موضوعی که در هیچ سطری نیست";

fn serve(directory: &Path, configuration: &str, environment: &[(&str, &str)]) -> Process {
    let configuration = format!("drain_notice_seconds = 0\n{configuration}");
    Process::serve(directory, &configuration, environment)
}

/// Sends a document as a part of the trace, collected or not; answers the header `traceresponse` and the data.
async fn send(process: &Process, document: &str, sampled: bool) -> (String, Value) {
    let input =
        json!({ "kind": "REQUEST", "subject": SUBJECT, "channel": "EMAIL", "unit": "care" });
    let variables = if document == OPEN_CASE { json!({ "input": input }) } else { json!({}) };
    let response = reqwest::Client::new()
        .post(process.url("/graphql"))
        .bearer_auth(token(Role::Service))
        .header("content-type", "application/json")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-0{}", u8::from(sampled)))
        .body(json!({ "query": document, "variables": variables }).to_string())
        .send()
        .await
        .unwrap();
    let told = response.headers()["traceresponse"].to_str().unwrap().to_owned();
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert!(answer.get("errors").is_none(), "{answer:#}");
    (told, answer["data"].clone())
}

/// Stops the process as an orchestrator does; answers the lines that it wrote.
async fn stop(process: Process) -> Vec<String> {
    process.terminate();
    let told_at = Instant::now();
    let (status, lines) = tokio::task::spawn_blocking(|| process.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert!(told_at.elapsed() < DRAIN_MAX);
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_request_has_the_callers_trace_id_and_nothing_personal() {
    let directory = tempfile::tempdir().unwrap();
    let process = serve(directory.path(), "", &[("PARVANDEH_LOG", "parvandeh=trace,info")]);
    let (told, _) = send(&process, OPEN_CASE, true).await;
    assert!(told.starts_with(&format!("00-{TRACE}-")), "{told}");
    // A request without a trace begins one.
    let ready = reqwest::get(process.url("/health/ready")).await.unwrap();
    let own = ready.headers()["traceresponse"].to_str().unwrap().to_owned();
    assert!(!own.contains(TRACE), "{own}");

    let token = token(Role::Service);
    let lines = stop(process).await;
    let mut said = Vec::new();
    for text in &lines {
        assert!(!text.contains(SUBJECT), "{text}");
        assert!(!text.contains(token.rsplit('.').next().unwrap()), "{text}");
        let line: Value = serde_json::from_str(text).unwrap();
        let spans = line["spans"].as_array().cloned().unwrap_or_default();
        if spans.first().is_some_and(|span| span["name"] == "request") {
            let trace_id = spans[0]["trace_id"].as_str().expect("a request has a trace id");
            assert!(trace_id == TRACE || own.contains(trace_id), "{text}");
            let innermost = spans.last().unwrap();
            said.push((line["message"].as_str().unwrap().to_owned(), innermost.clone()));
        }
    }
    let of = |message: &str| {
        let found = said.iter().find(|(said, _)| said == message);
        found.unwrap_or_else(|| panic!("{message:?} was not said: {lines:#?}")).1.clone()
    };
    assert_eq!(
        of("appended"),
        json!({ "name": "append", "category": "case", "events": 1, "outcome": "written" })
    );
    let command = of("decided");
    assert_eq!((&command["command"], &command["outcome"]), (&json!("open"), &json!("written")));
    assert_eq!(of("executed")["operation"], "OpenOne");
    assert_eq!(of("answered")["status"], 200);
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no span {name:?}: {spans:#?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_through_command_append_and_projection_to_the_collector() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let configuration = format!("[telemetry]\notlp_endpoint = {:?}", collector.url);
    let process = serve(directory.path(), &configuration, &[]);
    let (told, _) = send(&process, OPEN_CASE, true).await;
    send(&process, "query ListThem { cases(first: 1) { nodes { id } } }", true).await;
    // What the caller does not collect is not collected here either.
    send(&process, "query NotThis { cases(first: 1) { nodes { id } } }", false).await;
    stop(process).await;

    let spans = collector.spans();
    let ours: Vec<Span> = spans.iter().filter(|span| span.trace_id == TRACE).cloned().collect();
    let mutation = named(&ours, "mutation");
    let request = ours.iter().find(|span| span.span_id == mutation.parent_id).unwrap();
    assert_eq!((request.name.as_str(), request.parent_id.as_str()), ("request", CALLER));
    assert_eq!(told, format!("00-{TRACE}-{}-01", request.span_id));
    let command = named(&ours, "command");
    assert_eq!(command.parent_id, mutation.span_id);
    assert_eq!(named(&ours, "append").parent_id, command.span_id);
    assert_eq!(named(&ours, "projection").parent_id, command.span_id);
    assert_eq!(mutation.attributes["operation"], "OpenOne");
    assert_eq!(command.attributes["category"], "case");
    assert_eq!(command.attributes["command"], "open");
    let query = named(&ours, "query");
    assert_eq!(query.attributes["operation"], "ListThem");
    let reads = |span: &Span| span.name == "read" && span.parent_id == query.span_id;
    assert!(ours.iter().any(reads), "{ours:#?}");
    let told_of = |text: &str| spans.iter().any(|span| span.attributes.values().any(|v| v == text));
    assert!(!told_of("NotThis"));
    assert!(!spans.iter().any(|span| format!("{span:?}").contains(SUBJECT)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_never_answers_holds_nobody_up() {
    // It takes connections, as the kernel does for whoever listens, and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
    let process = serve(directory.path(), "", &environment);
    for _ in 0..20 {
        send(&process, OPEN_CASE, true).await;
    }
    stop(process).await;
}
