//! After an anonymous case nothing that the program writes or tells holds its author: no file, no log line, no metric, no trace.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use parvandeh::principal::Role;
use parvandeh_domain::id::derived;
use serde_json::{Value, json};

use crate::harness::process::{Process, token, token_of};
use crate::telemetry::collector::Collector;

/// The author, as the identity provider knows them. Nothing else in the test bears these.
const SUBJECT: &str = "provider|employee-70f3a1c9@example.ir";
const NAME: &str = "کارمند آزمایش هفتاد";
/// What the author calls their requests.
const KEY: &str = "my-own-key-5521";
const OPERATION: &str = "FromEmployee70f3a1c9";
/// The trace in which a page sends everything, with a name and without.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Somebody with a token, who says what they read for.
struct Person {
    token: String,
    purpose: &'static str,
}

/// Sends a document; answers the whole answer.
async fn send(process: &Process, person: &Person, document: &str, variables: Value) -> Value {
    let body = json!({ "query": document, "variables": variables });
    let response = reqwest::Client::new()
        .post(process.url("/graphql"))
        .bearer_auth(&person.token)
        .header("content-type", "application/json")
        .header("parvandeh-purpose", person.purpose)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// Sends a document that is answered without errors of any kind; answers the data.
async fn ask(process: &Process, person: &Person, document: &str, variables: Value) -> Value {
    let answer = send(process, person, document, variables).await;
    assert!(answer.get("errors").is_none(), "{document}: {answer:#}");
    let told = answer["data"].to_string();
    assert!(!told.contains("\"userErrors\":[{"), "{document}: {told}");
    answer["data"].clone()
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The forms in which somebody could stand somewhere: their id and name as they are, in hexadecimal digits and in base64, the ids that the
/// program makes of names, and what they called their requests.
fn forms(token: &str) -> Vec<Vec<u8>> {
    // The token says it all, in the middle of its three parts.
    let mut forms: Vec<Vec<u8>> = token.split('.').skip(1).map(|part| part.into()).collect();
    for text in [SUBJECT, NAME, KEY, OPERATION] {
        let bytes = text.as_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.extend([bytes.to_vec(), hex.into_bytes()]);
        forms.extend(
            [STANDARD.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)].map(String::into_bytes),
        );
    }
    // The local part alone, which would be enough.
    forms.push(b"employee-70f3a1c9".to_vec());
    for id in [derived(&["idempotency key", SUBJECT, KEY]), derived(&[SUBJECT])] {
        forms.extend([id.as_bytes().to_vec(), id.to_string().into_bytes()]);
    }
    forms
}

/// Bytes as a text of one character each, which is searched much quicker.
fn characters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The places that hold the author in some form.
fn places_of_author(directory: &Path, token: &str, told: &[(&str, Vec<u8>)]) -> Vec<String> {
    let forms: Vec<String> = forms(token).iter().map(|form| characters(form)).collect();
    let written = files(directory).into_iter().map(|path| {
        let content = std::fs::read(&path).unwrap();
        (path.display().to_string(), content)
    });
    let told = told.iter().map(|(name, content)| ((*name).to_owned(), content.clone()));
    let found = written.chain(told).filter_map(|(name, content)| {
        let content = characters(&content);
        let form = forms.iter().find(|form| content.contains(form.as_str()))?;
        Some(format!("{name} has {form:?}"))
    });
    found.collect()
}

const DRAW: &str = "mutation { drawAnonymousCode { code } }";
const READ: &str = "query FromEmployee70f3a1c9($code: String!) { anonymousCase(code: $code) { \
    reference subject status became messages { fromAuthor body } } }";
const WRITE: &str = "mutation FromEmployee70f3a1c9($input: WriteToAnonymousCaseInput!) { \
    writeToAnonymousCase(input: $input) { staffCase { reference } userErrors { code } } }";
const OPEN: &str = "mutation FromEmployee70f3a1c9($input: OpenAnonymousCaseInput!) { \
    openAnonymousCase(input: $input) { staffCase { reference } userErrors { code } } }";

fn case() -> Value {
    json!({ "kind": "CRITICISM", "subject": "پاسخ‌ها دیر می‌رسد", "description": "هر روز", "unit": "care" })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_anonymous_case_no_file_line_metric_or_trace_holds_its_author() {
    let collector = Collector::start();
    let directory = tempfile::tempdir().unwrap();
    let configuration =
        format!("drain_notice_seconds = 0\n[telemetry]\notlp_endpoint = {:?}", collector.url);
    let environment = [("PARVANDEH_LOG", "trace")];
    let process = Process::serve(directory.path(), &configuration, &environment);
    let author = Person { token: token_of(Role::Agent, SUBJECT, NAME), purpose: SUBJECT };
    let colleague = Person { token: token(Role::Agent), purpose: "case handling" };

    // The author raises it, sends it again as after a lost answer, and writes on.
    let code = ask(&process, &author, DRAW, json!({})).await["drawAnonymousCode"]["code"].take();
    let mut input = case();
    input["code"] = code.clone();
    let opened = ask(&process, &author, OPEN, json!({ "input": input })).await;
    let again = ask(&process, &author, OPEN, json!({ "input": input })).await;
    assert_eq!(opened, again);
    let input = json!({ "code": code, "body": "بیشتر در بخش مالی", "idempotencyKey": KEY });
    for _ in 0..2 {
        ask(&process, &author, WRITE, json!({ "input": input })).await;
    }
    // What goes wrong is not to tell of them either.
    let wrong = json!({ "code": "AAAA", "body": "x", "idempotencyKey": KEY });
    let refused = send(&process, &author, WRITE, json!({ "input": wrong })).await;
    let code_of = &refused["data"]["writeToAnonymousCase"]["userErrors"][0]["code"];
    assert_eq!(code_of, "CASE_NOT_FOUND", "{refused}");
    let mixed = "query FromEmployee70f3a1c9 { anonymousCase(code: \"x\") { subject } cases { nodes { subject } } }";
    let refused = send(&process, &author, mixed, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");

    // A colleague finds it and answers; the author reads the answer.
    let list = "{ cases(first: 1) { nodes { id subject timeline { nodes { actorId text } } } } }";
    let found = ask(&process, &colleague, list, json!({})).await["cases"]["nodes"][0].take();
    let actors: Vec<&Value> = found["timeline"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["actorId"])
        .collect();
    assert_eq!(actors, ["anonymous", "anonymous", "anonymous"]);
    let tell =
        "mutation($input: TellAuthorInput!) { tellAuthor(input: $input) { userErrors { code } } }";
    let input = json!({ "caseId": found["id"], "became": "ADOPTED", "channel": "PORTAL",
        "whatWasDone": "یک نفر به بخش مالی افزوده شد" });
    ask(&process, &colleague, tell, json!({ "input": input })).await;
    let read = ask(&process, &author, READ, json!({ "code": code })).await["anonymousCase"].take();
    assert_eq!(read["became"], "ADOPTED");
    let last = json!({ "fromAuthor": false, "body": "یک نفر به بخش مالی افزوده شد" });
    assert_eq!(read["messages"][1], last, "{read}");
    assert_eq!(read["messages"].as_array().unwrap().len(), 2, "{read}");

    let metrics = reqwest::get(process.url("/metrics")).await.unwrap().text().await.unwrap();
    // The files as they are while it runs, with what is not checkpointed yet, and once more after its end.
    let running = places_of_author(directory.path(), &author.token, &[]);
    assert!(running.is_empty(), "{running:#?}");
    process.terminate();
    let (status, lines) = tokio::task::spawn_blocking(|| process.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let lines = lines.join("\n");
    assert!(lines.contains("raise_by_staff"), "the lines tell of the command");
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.attributes.values().any(|v| v == "openAnonymousCase")));
    // The page's trace tells that requests came, and not what an anonymous one did; nor does anything lead back to it.
    let of_page: Vec<_> = spans.iter().filter(|span| span.trace_id == TRACE).collect();
    assert!(of_page.iter().any(|span| span.attributes.values().any(|v| v == "tell_author")));
    for span in &of_page {
        let tells = |v: &String| v.to_lowercase().contains("anonymous") || v == "raise_by_staff";
        assert!(!span.attributes.values().any(tells), "{span:?}");
    }
    let anonymous: Vec<_> = spans.iter().filter(|span| span.name == "anonymous").collect();
    assert!(!anonymous.is_empty(), "{spans:#?}");
    let commands = spans.iter().filter(|span| span.name == "command");
    for span in commands.filter(|span| anonymous.iter().any(|own| own.trace_id == span.trace_id)) {
        assert!(!span.attributes.contains_key("correlation_id"), "{span:?}");
    }
    for line in lines.lines().filter(|line| line.contains("raise_by_staff")) {
        assert!(!line.contains(TRACE), "{line}");
    }
    let told = [
        ("the log lines", lines.into_bytes()),
        ("the metrics", metrics.into_bytes()),
        ("the traces", format!("{spans:?}").into_bytes()),
    ];
    let found = places_of_author(directory.path(), &author.token, &told);
    assert!(found.is_empty(), "{found:#?}");
    let places = files(directory.path()).len() + told.len();
    assert!(places > 8, "few places were searched: {places}");
    println!("{places} places were searched, the author stands in none of them");

    // The search finds whoever does give their name.
    let process = Process::serve(directory.path(), &configuration, &environment);
    let by_name = "mutation($input: OpenStaffCaseInput!) { openStaffCase(input: $input) { userErrors { code } } }";
    ask(&process, &author, by_name, json!({ "input": case() })).await;
    process.terminate();
    tokio::task::spawn_blocking(|| process.wait()).await.unwrap();
    let found = places_of_author(directory.path(), &author.token, &[]);
    assert!(!found.is_empty(), "who gives their name stands in the log");
}
