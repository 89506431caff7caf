//! Files that come with cases: both ways, whole or not at all, for those alone who may see the case, and gone when their subject is.

use std::process::Command;

use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::store::StreamId;
use parvandeh_domain::attachment::{ATTACHMENT_SIZE_BYTES_MAX, PART_SIZE_BYTES_MAX};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authorisation::documents::uuid_of;
use crate::harness::feed::WebSocketFeed;
use crate::harness::random::Random;
use crate::harness::{Caller, System};

const LETTER: &str = "نامه «شکایت» ۱.pdf";

/// A customer and a case of theirs in the unit `care`: their ids, and the case's global id.
pub async fn given(system: &System) -> (Value, Uuid, String) {
    let agent = system.caller(Role::Agent);
    let input = json!({ "kind": "INDIVIDUAL", "name": "مهری خوانساری", "language": "PERSIAN" });
    let customer = agent.mutate("registerCustomer", "customer { id }", input).await;
    let customer = customer["customer"]["id"].clone();
    let input = json!({ "kind": "COMPLAINT", "subject": "نشتی آب", "channel": "PORTAL", "unit": "care",
        "customerId": customer });
    let case = agent.mutate("openCase", "case { id }", input).await;
    let case = case["case"]["id"].as_str().unwrap().to_owned();
    let customer_id = uuid_of(customer.as_str().unwrap());
    (customer, customer_id, case)
}

struct File<'a> {
    name: &'a str,
    direction: Option<&'a str>,
    key: Option<&'a str>,
    content: Vec<u8>,
}

impl<'a> File<'a> {
    fn new(direction: Option<&'a str>, content: Vec<u8>) -> Self {
        Self { name: LETTER, direction, key: None, content }
    }
}

async fn send(system: &System, caller: &Caller<'_>, case: &str, file: File<'_>) -> Response {
    let mut url = reqwest::Url::parse(&system.url(&format!("/cases/{case}/attachments"))).unwrap();
    url.query_pairs_mut().append_pair("name", file.name);
    if let Some(direction) = file.direction {
        url.query_pairs_mut().append_pair("direction", direction);
    }
    let mut request = reqwest::Client::new().post(url).bearer_auth(&caller.token);
    request = request.header("content-type", "Application/PDF; name=x").body(file.content);
    if let Some(key) = file.key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

async fn fetch(system: &System, caller: &Caller<'_>, path: &str) -> Response {
    let request = reqwest::Client::new().get(system.url(path)).bearer_auth(&caller.token);
    request.send().await.unwrap()
}

async fn sent(system: &System, caller: &Caller<'_>, case: &str, file: File<'_>) -> String {
    let response = send(system, caller, case, file).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned())
}

fn content(size_bytes: usize) -> Vec<u8> {
    let mut random = Random::of(size_bytes as u64);
    (0..size_bytes).map(|_| random.below(256) as u8).collect()
}

async fn names(caller: &Caller<'_>, case: &str) -> Vec<Value> {
    let query = "query($id: ID!) { case(id: $id) { attachments { id name direction mediaType sizeBytes path erased } } }";
    let mut answer = caller.ask(query, json!({ "id": case })).await;
    answer["case"]["attachments"].as_array_mut().unwrap().drain(..).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_and_staff_send_each_other_files_and_see_them_on_the_timeline() {
    let system = System::start().await;
    let (_, customer_id, case) = given(&system).await;
    let (customer, agent) = (system.customer(customer_id), system.caller(Role::Agent));

    // Three parts, the last of them short.
    let letter = content(2 * PART_SIZE_BYTES_MAX + 77);
    let id = sent(&system, &customer, &case, File::new(None, letter.clone())).await;
    sent(&system, &agent, &case, File::new(Some("outbound"), content(1))).await;
    sent(&system, &agent, &case, File::new(Some("internal"), content(5))).await;

    let seen = names(&customer, &case).await;
    let path = format!("/attachments/{id}");
    assert_eq!(
        seen[0],
        json!({ "id": id, "name": LETTER, "direction": "INBOUND", "mediaType": "application/pdf",
            "sizeBytes": letter.len(), "path": path, "erased": false })
    );
    assert_eq!(seen.len(), 2, "what staff keep among themselves is not shown: {seen:#?}");
    assert_eq!(names(&agent, &case).await.len(), 3);

    let response = fetch(&system, &agent, &path).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), letter.len().to_string());
    assert_eq!(header("x-content-type-options"), "nosniff");
    let disposition = header("content-disposition");
    assert!(disposition.starts_with("attachment; filename*=UTF-8''%D9%86"), "{disposition}");
    assert!(response.bytes().await.unwrap() == letter, "what was sent");

    let query = "query($id: ID!) { case(id: $id) { timeline(first: 20, filter: { eventType: [\"AttachmentAdded\"] }) {
        nodes { text direction internal changes { field value } } } }
        node(id: $attachment) { ... on Attachment { name } } }";
    let query = query.replace("query($id: ID!)", "query($id: ID!, $attachment: ID!)");
    let answer = customer.ask(&query, json!({ "id": case, "attachment": id })).await;
    let entries = answer["case"]["timeline"]["nodes"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{answer:#}");
    assert_eq!(
        (&entries[0]["text"], &entries[0]["direction"]),
        (&json!(LETTER), &json!("INBOUND"))
    );
    assert_eq!(answer["node"]["name"], LETTER);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_can_add_or_read_a_file_or_learn_that_it_is_there() {
    let system = System::start().await;
    let (_, customer_id, case) = given(&system).await;
    let customer = system.customer(customer_id);
    let id = sent(&system, &customer, &case, File::new(None, content(10))).await;
    let internal = File::new(Some("internal"), content(10));
    let internal = sent(&system, &system.caller(Role::Agent), &case, internal).await;
    let path = format!("/attachments/{id}");

    let stranger = system.customer(Uuid::from_u128(7));
    let elsewhere = system.caller_as(Role::Agent, None, &["finance"]);
    for outsider in [&stranger, &elsewhere] {
        assert_eq!(code(fetch(&system, outsider, &path).await).await, (404, "NOT_FOUND".into()));
        let file = File::new(Some("inbound"), content(10));
        let refused = code(send(&system, outsider, &case, file).await).await;
        assert_eq!(refused, (404, "NOT_FOUND".into()));
        let answer = outsider.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id }));
        assert_eq!(answer.await["node"], Value::Null);
    }
    let path = format!("/attachments/{internal}");
    assert_eq!(code(fetch(&system, &customer, &path).await).await, (404, "NOT_FOUND".into()));
    for role in [Role::Monitor, Role::Admin, Role::PrivacyOfficer] {
        let caller = system.caller(role);
        assert_eq!(code(fetch(&system, &caller, &path).await).await.1, "FORBIDDEN", "{role}");
    }
    let mut nobody = system.caller(Role::Agent);
    nobody.token = "nobody".to_owned();
    assert_eq!(code(fetch(&system, &nobody, &path).await).await.1, "UNAUTHENTICATED");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_refused_and_nothing_of_it_is_shown() {
    let system = System::start().await;
    let (_, customer_id, case) = given(&system).await;
    let (customer, agent) = (system.customer(customer_id), system.caller(Role::Agent));
    let too_large = content(ATTACHMENT_SIZE_BYTES_MAX as usize + 1);
    let refused = [
        (&customer, File::new(None, too_large), (413, "PAYLOAD_TOO_LARGE")),
        (&customer, File::new(None, Vec::new()), (400, "BAD_USER_INPUT")),
        (&customer, File::new(Some("outbound"), content(1)), (400, "BAD_USER_INPUT")),
        (&agent, File::new(None, content(1)), (400, "BAD_USER_INPUT")),
        (
            &agent,
            File { name: " ", ..File::new(Some("outbound"), content(1)) },
            (400, "BAD_USER_INPUT"),
        ),
    ];
    for (caller, file, (status, expected)) in refused {
        let answer = code(send(&system, caller, &case, file).await).await;
        assert_eq!(answer, (status, expected.to_owned()));
    }
    assert!(names(&agent, &case).await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_sent_again_under_its_key_is_there_once_and_another_one_is_refused() {
    let system = System::start().await;
    let (_, customer_id, case) = given(&system).await;
    let customer = system.customer(customer_id);
    let file = |content| File { key: Some("form 9"), ..File::new(None, content) };
    let first = sent(&system, &customer, &case, file(content(PART_SIZE_BYTES_MAX + 3))).await;
    let again = sent(&system, &customer, &case, file(content(PART_SIZE_BYTES_MAX + 3))).await;
    assert_eq!(first, again);
    let other = code(send(&system, &customer, &case, file(content(9))).await).await;
    assert_eq!(other, (400, "BAD_USER_INPUT".into()));
    assert_eq!(names(&customer, &case).await.len(), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_read_a_file_is_on_record_and_an_erasure_takes_it() {
    let system = System::start().await;
    let (customer, customer_id, case) = given(&system).await;
    let id = sent(&system, &system.customer(customer_id), &case, File::new(None, content(9))).await;
    let path = format!("/attachments/{id}");
    let auditor = system.caller(Role::Auditor);
    assert_eq!(fetch(&system, &auditor, &path).await.status(), StatusCode::OK);
    let recorded = system.app.store.head().unwrap();
    system.app.read_models.wait_for(recorded).await.unwrap();
    let query = "query($filter: AccessLogFilterInput) { accessLog(first: 5, filter: $filter) { nodes { operation } } }";
    let filter = json!({ "filter": { "reader": "test-auditor", "subject": customer } });
    let answer = auditor.ask(query, filter).await;
    assert_eq!(answer["accessLog"]["nodes"][0]["operation"], "attachment", "{answer:#}");

    let input = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    let officer = system.caller(Role::PrivacyOfficer);
    officer.mutate("eraseCustomer", "customer { id }", input).await;
    assert_eq!(code(fetch(&system, &auditor, &path).await).await, (404, "NOT_FOUND".into()));
    let left = names(&auditor, &case).await;
    assert_eq!((&left[0]["name"], &left[0]["erased"]), (&Value::Null, &json!(true)));
    let stream = StreamId::new(&format!("attachment-{}", uuid_of(&id))).unwrap();
    let events = system.app.store.read_stream(&stream, None, 10).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.envelope.is_none()), "no envelope is left");
    system.stop().await;
}

const FOLLOW: &str = "subscription($id: ID!, $after: String) { caseEvents(caseId: $id, after: $after) { \
    cursor entry { eventType text direction } } }";

/// What a follower is told next: its type, and its cursor.
async fn told(feed: &mut WebSocketFeed) -> (String, String) {
    let mut event = feed.next().await["caseEvents"].take();
    let is_file = event["entry"]["eventType"] == "AttachmentAdded";
    assert!(!is_file || event["entry"]["text"] == LETTER, "{event:#}");
    let text = |value: Value| value.as_str().unwrap().to_owned();
    (text(event["entry"]["eventType"].take()), text(event["cursor"].take()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_a_case_is_told_of_its_files_in_the_order_of_the_log_and_once() {
    let system = System::start().await;
    let (_, customer_id, case) = given(&system).await;
    let (customer, agent) = (system.customer(customer_id), system.caller(Role::Agent));
    let follow = async |caller: &Caller<'_>, after: Option<&str>| {
        let variables = json!({ "id": case, "after": after });
        WebSocketFeed::open(&system, &caller.token, FOLLOW, variables).await
    };
    let mut live = follow(&customer, None).await;
    assert_eq!(told(&mut live).await.0, "CaseOpened");
    sent(&system, &customer, &case, File::new(None, content(PART_SIZE_BYTES_MAX + 1))).await;
    assert_eq!(told(&mut live).await.0, "AttachmentAdded", "by itself it wakes them");
    sent(&system, &agent, &case, File::new(Some("internal"), content(3))).await;
    agent.mutate("addNote", "case { id }", json!({ "caseId": case, "body": "درونی" })).await;
    sent(&system, &agent, &case, File::new(Some("outbound"), content(4))).await;
    let answer =
        json!({ "caseId": case, "direction": "OUTBOUND", "channel": "EMAIL", "body": "پاسخ" });
    agent.mutate("recordInteraction", "case { id }", answer).await;
    assert_eq!(told(&mut live).await.0, "AttachmentAdded");
    assert_eq!(told(&mut live).await.0, "InteractionRecorded", "what staff keep is not told");

    // Whoever comes later is told the same; and from each place on, the rest.
    let all = [
        "CaseOpened",
        "AttachmentAdded",
        "AttachmentAdded",
        "CaseNoteAdded",
        "AttachmentAdded",
        "InteractionRecorded",
    ];
    let mut late = follow(&agent, None).await;
    let mut cursors = Vec::new();
    for expected in all {
        let (event_type, cursor) = told(&mut late).await;
        assert_eq!(event_type, expected);
        cursors.push(cursor);
    }
    for (place, cursor) in cursors.iter().enumerate() {
        let mut again = follow(&agent, Some(cursor)).await;
        for expected in &cursors[place + 1..] {
            assert_eq!(told(&mut again).await.1, *expected, "after {}", all[place]);
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_a_step_of_its_cases_replay_in_the_api_and_on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    let (_, customer_id, case) = given(&system).await;
    let (customer, agent) = (system.customer(customer_id), system.caller(Role::Agent));
    let id = sent(&system, &customer, &case, File::new(None, content(9))).await;
    agent.mutate("addNote", "case { id }", json!({ "caseId": case, "body": "درونی" })).await;

    let query = "query($id: ID!, $after: String) { case(id: $id) { replay(first: 2, after: $after) { \
        pageInfo { endCursor } nodes { number eventType stream changes { subject field before after } \
        after { attachmentCount } } } } }";
    let auditor = system.caller(Role::Auditor);
    let first = auditor.ask(query, json!({ "id": case })).await;
    let first = &first["case"]["replay"];
    let step = &first["nodes"][1];
    let change = |field: &str, before: Option<&str>, after: &str| json!({ "subject": "case", "field": field, "before": before, "after": after });
    assert_eq!(
        *step,
        json!({ "number": 2, "eventType": "AttachmentAdded", "stream": format!("attachment-{}", uuid_of(&id)),
            "changes": [change("attachment_count", Some("0"), "1"), change("text", None, "recorded")],
            "after": { "attachmentCount": 1 } })
    );
    let after = &first["pageInfo"]["endCursor"];
    let rest = auditor.ask(query, json!({ "id": case, "after": after })).await;
    let rest = rest["case"]["replay"]["nodes"].as_array().unwrap();
    assert_eq!(rest[0]["eventType"], "CaseNoteAdded");
    assert_eq!((&rest[0]["number"], &rest[0]["after"]["attachmentCount"]), (&json!(3), &json!(1)));

    let replay = |format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
        command.args(["replay", &case, "--format", format, "--data-directory"]);
        let output = command.arg(directory.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&replay("json")).unwrap();
    let step = &json["steps"][1];
    assert_eq!((&step["eventType"], &step["sealed"]), (&json!("AttachmentAdded"), &json!("name")));
    let details = json!({ "media_type": "application/pdf", "size_bytes": "9" });
    assert_eq!((&step["direction"], &step["details"]), (&json!("inbound"), &details));
    let text = replay("text");
    for line in
        ["      inbound\n", "attachment_count: 0 -> 1", "size_bytes: 9", "the name is sealed"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    system.stop().await;
}
