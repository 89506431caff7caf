//! Who reads whose personal data is on record before they have it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parvandeh::access::{AccessLog, Noted, Purpose, Reading};
use parvandeh::clock::{ManualClock, SystemClock};
use parvandeh::http::authentication::{Secret, issue_demo_token};
use parvandeh::principal::{Principal, Role};
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, ReadError, StreamId,
};
use parvandeh::vault::Keyring;
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::id::{CustomerId, DataSubject};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::authorisation::documents::{codes, global_id, uuid_of};
use crate::harness::feed::{EventStream, WebSocketFeed};
use crate::harness::{SECRET, System};

const NAME: &str = "مهری خوانساری";
const SUBJECT: &str = "آب سرد است";

/// A log whose appends to the access log can be held back or refused.
struct Door {
    inner: Arc<dyn EventStore>,
    refuses: AtomicBool,
    holds: AtomicBool,
    arrived: Notify,
    opened: Notify,
}

#[async_trait]
impl EventStore for Door {
    fn id(&self) -> Uuid {
        self.inner.id()
    }
    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        if self.holds.load(Ordering::SeqCst) {
            self.arrived.notify_one();
            self.opened.notified().await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            return Err(AppendError::NotWritten("the disk is full".to_owned()));
        }
        self.inner.append(stream, expect, events).await
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.inner.read_stream(stream, after, limit).await
    }
    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.inner.read_all(after, limit).await
    }
    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        self.inner.remove_envelopes(events).await
    }
    fn head(&self) -> Option<Position> {
        self.inner.head()
    }
    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.inner.head_changes()
    }
}

/// A system whose access log goes through a door.
async fn behind_a_door() -> (System, Arc<Door>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = None;
    let system = System::start_prepared(
        directory.path(),
        Keyring::at(directory.path().join("keyring")),
        SystemClock,
        |app| {
            let door = Arc::new(Door {
                inner: app.store.clone(),
                refuses: AtomicBool::new(false),
                holds: AtomicBool::new(false),
                arrived: Notify::new(),
                opened: Notify::new(),
            });
            app.access_log = Arc::new(AccessLog::new(door.clone(), app.clock.clone()));
            kept = Some(door);
        },
    )
    .await;
    (system, kept.unwrap(), directory)
}

/// A customer and their case, by global ids. Whoever opened it read nothing.
async fn customer_with_case(system: &System) -> (String, String) {
    let service = system.caller(Role::Service);
    let input = json!({ "kind": "INDIVIDUAL", "name": NAME, "language": "PERSIAN" });
    let done = service.mutate("registerCustomer", "customer { id }", input).await;
    let customer = done["customer"]["id"].as_str().unwrap().to_owned();
    let case = open(system, Some(&customer)).await;
    (customer, case)
}

async fn open(system: &System, customer: Option<&str>) -> String {
    let input = json!({ "kind": "COMPLAINT", "subject": SUBJECT, "channel": "PHONE", "unit": "care",
        "customerId": customer });
    let done = system.caller(Role::Service).mutate("openCase", "case { id }", input).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}

/// One event of the access log.
#[derive(Debug)]
struct Event {
    stream: String,
    type_name: String,
    actor: String,
    data: Value,
}

impl Event {
    fn subjects(&self) -> Vec<&str> {
        self.data["subjects"].as_array().unwrap().iter().map(|who| who.as_str().unwrap()).collect()
    }
}

/// All that stands in the access log.
async fn events(system: &System) -> Vec<Event> {
    let logged = system.app.store.read_all(None, 10_000).await.unwrap();
    let ours = logged.into_iter().filter(|logged| logged.stream.category() == "access");
    ours.map(|logged| {
        let meta: Metadata = serde_json::from_slice(&logged.metadata).unwrap();
        Event {
            stream: logged.stream.to_string(),
            type_name: logged.type_name.to_string(),
            actor: meta.actor.id,
            data: serde_json::from_slice(&logged.data).unwrap(),
        }
    })
    .collect()
}

fn subject_of(customer: &str) -> String {
    format!("customer-{}", uuid_of(customer))
}

/// A token of this person.
fn token_of(subject: &str, role: Role) -> String {
    let now = Timestamp::now();
    let principal = Principal {
        subject: subject.to_owned(),
        role,
        customer_id: None,
        units: vec!["care".to_owned()],
        expires_at: now + SignedDuration::from_hours(1),
    };
    issue_demo_token(&Secret::from(SECRET.to_owned()), &principal, now)
}

/// Sends a body with a purpose in the header; gives the status and the answer.
async fn post(system: &System, token: &str, body: Value, purpose: Option<&str>) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(token)
        .header("content-type", "application/json")
        .header("accept", "application/graphql-response+json")
        .body(body.to_string());
    if let Some(purpose) = purpose {
        let value = reqwest::header::HeaderValue::from_bytes(purpose.as_bytes()).unwrap();
        request = request.header("parvandeh-purpose", value);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

const NAME_OF: &str = "query NameOf($id: ID!) { customer(id: $id) { name } }";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_leaves_only_when_it_is_on_record_whose_data_it_holds() {
    let (system, door, _directory) = behind_a_door().await;
    let (customer, _) = customer_with_case(&system).await;
    door.holds.store(true, Ordering::SeqCst);
    let token = system.caller(Role::Auditor).token;
    let body = json!({ "query": NAME_OF, "variables": { "id": customer } });
    let answer = post(&system, &token, body, None);
    let mut answer = Box::pin(answer);
    tokio::select! {
        _ = &mut answer => panic!("the answer came before the record"),
        () = door.arrived.notified() => {}
    }
    // The record is on its way and not there yet; nor is the answer.
    assert!(events(&system).await.is_empty());
    door.holds.store(false, Ordering::SeqCst);
    door.opened.notify_one();
    let (status, answer) = answer.await;
    assert_eq!((status, &answer["data"]["customer"]["name"]), (200, &json!(NAME)));
    let events = events(&system).await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].type_name, "PersonalDataRead");
    assert_eq!(events[0].actor, "test-auditor");
    assert_eq!(events[0].subjects(), [subject_of(&customer)]);
    assert_eq!(events[0].data["reader_role"], "auditor");
    assert_eq!(events[0].data["purpose"], "audit");
    assert_eq!(events[0].data["operation"], "NameOf");
    assert_eq!(events[0].data["trace_id"].as_str().unwrap().len(), 32);
    assert!(events[0].stream.starts_with("access-20"), "{events:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_withheld_and_everything_else_is_answered() {
    let (system, door, _directory) = behind_a_door().await;
    let (customer, case) = customer_with_case(&system).await;
    door.refuses.store(true, Ordering::SeqCst);
    let agent = system.caller(Role::Agent);
    let body = json!({ "query": NAME_OF, "variables": { "id": customer } });
    let (status, answer) = post(&system, &agent.token, body.clone(), None).await;
    assert_eq!((status, codes(&answer)), (500, vec!["INTERNAL_SERVER_ERROR"]), "{answer}");
    assert!(answer.get("data").is_none(), "{answer}");
    assert!(answer["errors"][0]["extensions"]["traceId"].is_string(), "{answer}");
    assert!(!answer.to_string().contains("disk"), "{answer}");
    // Lists that are answered in one pass open envelopes as well.
    let list = json!({ "query": "{ cases { nodes { subject } } }" });
    let (status, answer) = post(&system, &agent.token, list, None).await;
    assert_eq!(status, 500, "{answer}");
    // Nothing personal is in this.
    let stands = "query($id: ID!) { case(id: $id) { status erased customer { kind erased } } }";
    let stands = agent.ask(stands, json!({ "id": case })).await;
    assert_eq!(stands["case"]["customer"]["erased"], false);
    // A mutation has taken effect, as after any answer that was lost.
    let input = json!({ "caseId": case, "priority": "URGENT" });
    let query =
        "mutation($input: ClassifyCaseInput!) { classifyCase(input: $input) { case { subject } } }";
    let answer = agent.send(query, json!({ "input": input })).await;
    assert_eq!(codes(&answer), ["INTERNAL_SERVER_ERROR"], "{answer}");
    let priority = "query($id: ID!) { case(id: $id) { priority } }";
    let priority = agent.ask(priority, json!({ "id": case })).await;
    assert_eq!(priority["case"]["priority"], "URGENT");
    assert!(events(&system).await.is_empty());
    // What failed was not remembered as recorded.
    door.refuses.store(false, Ordering::SeqCst);
    let (status, answer) = post(&system, &agent.token, body, None).await;
    assert_eq!((status, &answer["data"]["customer"]["name"]), (200, &json!(NAME)));
    assert_eq!(events(&system).await.len(), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_again_within_ten_minutes_is_one_record_for_the_same_person_subject_and_purpose() {
    let begin: Timestamp = "2026-03-20T23:50:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let system = System::start_with_clock(clock.clone()).await;
    let (customer, case) = customer_with_case(&system).await;
    let (one, other) = (token_of("one", Role::Agent), token_of("other", Role::Agent));
    let name = json!({ "query": NAME_OF, "variables": { "id": customer } });
    let subject = json!({ "query": "query($id: ID!) { case(id: $id) { subject } }", "variables": { "id": case } });
    let read = async |token: &str, body: &Value, purpose| {
        let (status, answer) = post(&system, token, body.clone(), purpose).await;
        assert_eq!(status, 200, "{answer}");
        events(&system).await.len()
    };
    assert_eq!(read(&one, &name, None).await, 1);
    assert_eq!(read(&one, &name, None).await, 1);
    // What is written in a case belongs to its customer: it is the same subject.
    assert_eq!(read(&one, &subject, None).await, 1);
    assert_eq!(read(&one, &name, Some("fraud")).await, 2);
    assert_eq!(read(&other, &name, None).await, 3);
    clock.set(begin + SignedDuration::from_secs(599));
    assert_eq!(read(&one, &name, None).await, 3);
    clock.set(begin + SignedDuration::from_secs(600));
    assert_eq!(read(&one, &name, None).await, 4);
    let streams: Vec<_> = events(&system).await.into_iter().map(|event| event.stream).collect();
    let before = "access-2026-03-20".to_owned();
    assert_eq!(streams, [before.clone(), before.clone(), before, "access-2026-03-21".to_owned()]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_comes_by_the_header_or_the_request_and_else_from_the_role() {
    let system = System::start().await;
    let (customer, _) = customer_with_case(&system).await;
    let variables = json!({ "id": customer });
    let agent = system.caller(Role::Agent).token;
    let read = async |token: &str, extensions: Value, header| {
        let body = json!({ "query": NAME_OF, "variables": variables, "extensions": extensions });
        post(&system, token, body, header).await
    };
    for (role, purpose) in [
        (Role::Agent, "case handling"),
        (Role::Supervisor, "case handling"),
        (Role::Service, "case handling"),
        (Role::Auditor, "audit"),
        (Role::PrivacyOfficer, "privacy"),
    ] {
        let (status, _) = read(&system.caller(role).token, json!({}), None).await;
        assert_eq!(status, 200);
        let last = events(&system).await.pop().unwrap();
        assert_eq!(
            (last.data["purpose"].as_str(), last.data["reader_role"].as_str()),
            (Some(purpose), Some(role.as_str()))
        );
    }
    for (extensions, header, expected) in [
        (json!({}), Some("رسیدگی به شکایت"), "رسیدگی به شکایت"),
        (json!({ "purpose": "تماس با مشتری" }), None, "تماس با مشتری"),
        (
            json!({ "purpose": "of the request", "other": 1 }),
            Some("of the header"),
            "of the request",
        ),
        (json!({ "purpose": null }), Some(" with spaces "), "with spaces"),
    ] {
        let (status, answer) = read(&agent, extensions, header).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(events(&system).await.pop().unwrap().data["purpose"], expected);
    }
    let known = events(&system).await.len();
    let long = "x".repeat(201);
    for (extensions, header) in [
        (json!({ "purpose": "" }), None),
        (json!({ "purpose": long }), None),
        (json!({ "purpose": "two\nlines" }), None),
        (json!({ "purpose": 7 }), None),
        (json!({}), Some(long.as_str())),
        (json!({}), Some(" ")),
    ] {
        let (status, answer) = read(&agent, extensions.clone(), header).await;
        assert_eq!(
            (status, codes(&answer)),
            (400, vec!["BAD_USER_INPUT"]),
            "{extensions} {answer}"
        );
        assert!(
            answer["errors"][0]["message"].as_str().unwrap().to_lowercase().contains("purpose")
        );
    }
    assert_eq!(events(&system).await.len(), known);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_ways_of_reading_are_recorded_and_reading_nothing_personal_is_not() {
    let system = System::start().await;
    let (customer, case) = customer_with_case(&system).await;
    let lonely = open(&system, None).await;
    let both: BTreeSet<String> =
        [subject_of(&customer), format!("case-{}", uuid_of(&lonely))].into();
    let agent = system.caller(Role::Agent).token;
    let documents = [
        ("a plain list", "{ cases { nodes { subject } } }", "cases"),
        (
            "objects",
            "query List { cases { edges { node { subject customer { kind } } } } }",
            "List",
        ),
        (
            "a text of both",
            "query A { a: cases { nodes { description } } b: cases { totalCount } }",
            "A",
        ),
        (
            "two roots",
            "{ customers { nodes { name } } cases { nodes { subject } } }",
            "customers, cases",
        ),
        ("the timeline", "{ cases { nodes { timeline { nodes { text } } } } }", "cases"),
    ];
    for (purpose, query, operation) in documents {
        let body = json!({ "query": query });
        let (status, answer) = post(&system, &agent, body, Some(purpose)).await;
        assert_eq!(status, 200, "{answer}");
        let last = events(&system).await.pop().unwrap();
        assert_eq!(last.data["purpose"], purpose);
        assert_eq!(last.data["operation"], operation);
        let found: BTreeSet<String> = last.subjects().into_iter().map(str::to_owned).collect();
        assert_eq!(found, both, "{purpose}");
    }
    let known = events(&system).await.len();
    let silent = [
        "{ cases { nodes { id status erased unit } totalCount } }",
        "{ customers { nodes { kind erased tier contactPoints { kind } } } }",
        "{ cases { nodes { timeline { nodes { eventType erased changes { field } } } } } }",
        "{ slaCompliance { total } }",
    ];
    for query in silent {
        let (status, answer) = post(&system, &agent, json!({ "query": query }), Some("else")).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(events(&system).await.len(), known);
    // The answer to one's own command tells what was said, too.
    let note = json!({ "caseId": case, "body": "x" });
    system.caller(Role::Agent).mutate("addNote", "case { subject }", note).await;
    assert_eq!(events(&system).await.pop().unwrap().data["operation"], "addNote");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_a_subscription_is_on_record_before_it_is_sent() {
    let (system, door, _directory) = behind_a_door().await;
    let (customer, case) = customer_with_case(&system).await;
    let query = "subscription Follow($id: ID!) { caseEvents(caseId: $id) { cursor entry { eventType text } } }";
    let token = system.caller(Role::Agent).token;
    let mut feed = WebSocketFeed::open(&system, &token, query, json!({ "id": case })).await;
    assert_eq!(feed.next().await["caseEvents"]["entry"]["eventType"], "CaseOpened");
    let recorded = events(&system).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].subjects(), [subject_of(&customer)]);
    assert_eq!(recorded[0].data["operation"], "Follow");

    let query =
        format!("subscription {{ caseEvents(caseId: \"{case}\") {{ cursor entry {{ text }} }} }}");
    let supervisor = system.caller(Role::Supervisor).token;
    let mut stream = EventStream::open(&system, &supervisor, &query, None).await;
    stream.next().await;
    let recorded = events(&system).await;
    assert_eq!((recorded.len(), &recorded[1].data["operation"]), (2, &json!("caseEvents")));
    assert_eq!(recorded[1].actor, "test-supervisor");
    drop(stream);

    // Another reader, so that the record is new; it cannot be written, and the subscription ends without the event.
    door.refuses.store(true, Ordering::SeqCst);
    let auditor = system.caller(Role::Auditor).token;
    let query = "subscription Follow($id: ID!) { caseEvents(caseId: $id) { entry { text } } }";
    let mut feed = WebSocketFeed::open(&system, &auditor, query, json!({ "id": case })).await;
    assert_eq!(feed.try_next().await, None);
    assert_eq!(events(&system).await.len(), 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_who_read_their_own_data_are_not_recorded_and_see_in_which_role_others_did() {
    let system = System::start().await;
    let (customer, _) = customer_with_case(&system).await;
    let own = system.customer(uuid_of(&customer));
    let everything = "query($id: ID!) { customer(id: $id) { name cases { nodes { subject } } accessLog { totalCount nodes { at } } } }";
    let answer = own.ask(everything, json!({ "id": customer })).await;
    assert_eq!(answer["customer"]["name"], NAME);
    assert_eq!(answer["customer"]["accessLog"]["totalCount"], 0);
    assert!(events(&system).await.is_empty());

    system.caller(Role::Agent).ask(NAME_OF, json!({ "id": customer })).await;
    settle(&system).await;
    let who = "query($id: ID!) { customer(id: $id) { accessLog(first: 10) { totalCount nodes { data readerRole purpose operation subject { customerId caseId } } } } }";
    let answer = own.ask(who, json!({ "id": customer })).await;
    let expected = json!({ "totalCount": 1, "nodes": [{ "data": "PERSONAL_DATA", "readerRole": "agent",
        "purpose": "case handling", "operation": "NameOf",
        "subject": { "customerId": customer, "caseId": null } }] });
    assert_eq!(answer["customer"]["accessLog"], expected);
    let reader = "query($id: ID!) { customer(id: $id) { accessLog { nodes { reader } } } }";
    let answer = own.send(reader, json!({ "id": customer })).await;
    assert_eq!(codes(&answer), ["FORBIDDEN"], "{answer}");
    assert_eq!(events(&system).await.len(), 1);
    system.stop().await;
}

/// Waits until the read models show all that is in the log.
async fn settle(system: &System) {
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();
}

const LOG: &str = "query Log($filter: AccessLogFilterInput, $first: Int, $after: String) {
    accessLog(filter: $filter, first: $first, after: $after) {
        totalCount pageInfo { hasNextPage endCursor }
        nodes { at data reader readerRole purpose operation subject { customerId caseId } eventId } } }";

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_can_be_asked_by_subject_reader_purpose_and_time_and_that_is_recorded() {
    let begin: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let system = System::start_with_clock(clock.clone()).await;
    let (customer, _) = customer_with_case(&system).await;
    let lonely = open(&system, None).await;
    let subjects = json!({ "query": "{ cases { nodes { subject } } }" });
    for (minute, token, purpose) in [
        (1, token_of("one", Role::Agent), "a"),
        (2, token_of("one", Role::Agent), "b"),
        (3, token_of("other", Role::Agent), "a"),
    ] {
        clock.set(begin + SignedDuration::from_mins(minute));
        post(&system, &token, subjects.clone(), Some(purpose)).await;
    }
    settle(&system).await;
    clock.set(begin + SignedDuration::from_mins(20));
    let officer = system.caller(Role::PrivacyOfficer);
    let at = |minute| (begin + SignedDuration::from_mins(minute)).to_string();
    let customer_uuid = uuid_of(&customer);
    for (filter, count) in [
        (json!({ "subject": customer }), 3),
        (json!({ "subject": lonely, "reader": "one" }), 2),
        (json!({ "reader": "other" }), 2),
        (json!({ "purpose": "b" }), 2),
        (json!({ "reader": "one", "purpose": "b", "subject": customer }), 1),
        (json!({ "reader": "one", "from": at(2) }), 2),
        (json!({ "reader": "one", "to": at(2) }), 2),
        (json!({ "subject": global_id("Customer", Uuid::nil()) }), 0),
    ] {
        let answer = officer.ask(LOG, json!({ "filter": filter })).await;
        let log = &answer["accessLog"];
        assert_eq!(log["totalCount"], count, "{filter}");
        assert_eq!(log["nodes"].as_array().unwrap().len(), count, "{filter}");
    }
    let of_log = |events: Vec<Event>| -> Vec<Event> {
        events.into_iter().filter(|event| event.type_name == "AccessLogRead").collect()
    };
    let read = of_log(events(&system).await);
    assert_eq!(read.len(), 8, "one for each part of it");
    assert_eq!(read[0].data["filter"], json!({ "subject": format!("customer-{customer_uuid}") }));
    assert_eq!(
        (read[0].actor.as_str(), read[0].data["purpose"].as_str()),
        ("test-privacy_officer", Some("privacy"))
    );
    // The next page is of the same part, and asking again within ten minutes is the same reading.
    let filter = json!({ "filter": { "subject": customer }, "first": 2 });
    let page = officer.ask(LOG, filter.clone()).await;
    let newest = &page["accessLog"]["nodes"][0];
    assert_eq!((&newest["data"], &newest["at"]), (&json!("ACCESS_LOG"), &json!(at(20))));
    let cursor = page["accessLog"]["pageInfo"]["endCursor"].clone();
    let next = json!({ "filter": { "subject": customer }, "first": 1, "after": cursor });
    let page = officer.ask(LOG, next).await;
    let record = &page["accessLog"]["nodes"][0];
    assert_eq!((&record["reader"], &record["at"]), (&json!("other"), &json!(at(3))));
    assert_eq!(of_log(events(&system).await).len(), 8);
    clock.set(begin + SignedDuration::from_mins(30));
    officer.ask(LOG, filter).await;
    assert_eq!(of_log(events(&system).await).len(), 9);
    // By the customer's record it is the same part.
    let auditor = system.caller(Role::Auditor);
    let by_record = "query($id: ID!) { customer(id: $id) { accessLog { nodes { reader } } } }";
    auditor.ask(by_record, json!({ "id": customer })).await;
    let last = events(&system).await.pop().unwrap();
    assert_eq!((last.type_name.as_str(), last.actor.as_str()), ("AccessLogRead", "test-auditor"));
    assert_eq!(last.data["filter"], json!({ "subject": format!("customer-{customer_uuid}") }));
    // What the log tells of itself is in the list.
    settle(&system).await;
    let answer = auditor.ask(LOG, json!({ "filter": { "reader": "test-auditor" } })).await;
    assert_eq!(answer["accessLog"]["nodes"][0]["data"], "ACCESS_LOG");
    for (filter, field) in [
        (json!({ "subject": "nonsense" }), "subject"),
        (json!({ "reader": "x".repeat(201) }), "reader"),
        (json!({ "purpose": "a\u{7}" }), "purpose"),
    ] {
        let answer = auditor.send(LOG, json!({ "filter": filter })).await;
        assert_eq!(codes(&answer), ["BAD_USER_INPUT"], "{field} {answer}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_about_an_erased_customer_stay_and_hold_nothing_of_theirs() {
    let system = System::start().await;
    let (customer, case) = customer_with_case(&system).await;
    let agent = system.caller(Role::Agent);
    let both =
        "query($id: ID!, $case: ID!) { customer(id: $id) { name } case(id: $case) { subject } }";
    let ids = json!({ "id": customer, "case": case });
    agent.ask(both, ids.clone()).await;
    let officer = system.caller(Role::PrivacyOfficer);
    let input = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    officer.mutate("eraseCustomer", "customer { erased }", input).await;
    settle(&system).await;
    let log = officer.ask(LOG, json!({ "filter": { "subject": customer } })).await;
    assert_eq!(log["accessLog"]["nodes"][0]["reader"], "test-agent");
    assert_eq!(log["accessLog"]["nodes"][0]["subject"]["customerId"], customer);
    for logged in system.app.store.read_all(None, 10_000).await.unwrap() {
        if logged.stream.category() == "access" {
            assert!(logged.envelope.is_none());
            let text =
                String::from_utf8([&logged.metadata[..], &logged.data[..]].concat()).unwrap();
            assert!(
                !text.contains(NAME) && !text.contains(SUBJECT) && !text.contains("sealed"),
                "{text}"
            );
        }
    }
    // There is nothing left to be read, so nothing is recorded.
    let known = events(&system).await.len();
    let other = token_of("other", Role::Agent);
    let (_, answer) = post(&system, &other, json!({ "query": both, "variables": ids }), None).await;
    assert_eq!(
        answer["data"],
        json!({ "customer": { "name": null }, "case": { "subject": null } })
    );
    assert_eq!(events(&system).await.len(), known);
    system.stop().await;
}

#[tokio::test]
async fn many_subjects_are_several_events_and_several_appends() {
    let store = Arc::new(MemoryStore::default());
    let now: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let access_log = AccessLog::new(store.clone(), Arc::new(ManualClock::starting_at(now)));
    let principal = Principal {
        subject: "somebody".to_owned(),
        role: Role::Service,
        customer_id: None,
        units: Vec::new(),
        expires_at: Timestamp::MAX,
    };
    let purpose = Purpose::new("x").unwrap();
    let operation = "y".repeat(500);
    let reading =
        Reading { principal: &principal, purpose: &purpose, operation: &operation, trace_id: None };
    let subjects: BTreeSet<_> =
        (0..20_500).map(|id| DataSubject::Customer(CustomerId(Uuid::from_u128(id)))).collect();
    let noted = || Noted { subjects: subjects.clone(), ..Noted::default() };
    access_log.record(reading, noted()).await.unwrap();
    access_log.record(reading, noted()).await.unwrap();
    let logged = store.read_all(None, 10_000).await.unwrap();
    assert_eq!(logged.len(), 21);
    let mut found = BTreeSet::new();
    for event in &logged {
        assert_eq!(event.stream.as_str(), "access-2026-03-21");
        let data: Value = serde_json::from_slice(&event.data).unwrap();
        assert_eq!(data["operation"].as_str().unwrap().len(), 200);
        let subjects = data["subjects"].as_array().unwrap();
        assert!(subjects.len() <= 1_000);
        found.extend(
            subjects.iter().map(|who| who.as_str().unwrap().parse::<DataSubject>().unwrap()),
        );
    }
    assert_eq!(found, subjects);
}
