//! A request sent twice is done once, and of many writers none overwrites another.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use parvandeh::command::handler::CommandError;
use parvandeh::principal::Role;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh_domain::id::EventId;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::harness::random::Random;
use crate::harness::work::{case_command, metadata, on_case, open_case, stream};
use crate::harness::{Caller, System};

const SENDS: usize = 32;

async fn opened(caller: &Caller<'_>) -> Value {
    let input =
        json!({ "kind": "QUESTION", "subject": "پرسش", "channel": "PHONE", "unit": "care" });
    caller.mutate("openCase", "case { id }", input).await["case"]["id"].clone()
}

/// How many events of this type the log holds.
async fn count(system: &System, type_name: &str) -> usize {
    let log = system.app.store.read_all(None, READ_EVENTS_MAX).await.unwrap();
    log.iter().filter(|event| &*event.type_name == type_name).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mutation_sent_many_times_at_once_writes_once_and_all_get_the_same_case() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let input = json!({ "kind": "COMPLAINT", "subject": "یک بار", "channel": "EMAIL", "unit": "care",
        "idempotencyKey": "form 7" });
    let fields = "case { id reference status revision }";
    let sends = (0..SENDS).map(|_| agent.mutate("openCase", fields, input.clone()));
    let answers = join_all(sends).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(count(&system, "CaseOpened").await, 1);

    let note =
        json!({ "caseId": answers[0]["case"]["id"], "body": "once", "idempotencyKey": "note 7" });
    join_all((0..SENDS).map(|_| agent.mutate("addNote", "case { id }", note.clone()))).await;
    assert_eq!(count(&system, "CaseNoteAdded").await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_for_two_requests_at_once_stands_for_one_of_them() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let cases = [opened(&agent).await, opened(&agent).await];
    for round in 0..10 {
        let query = "mutation($input: AddNoteInput!) { addNote(input: $input) { case { id } userErrors { code } } }";
        let sends = (0..SENDS).map(|index| {
            let key = format!("key {round}");
            let input =
                json!({ "caseId": cases[index % 2], "body": "یک بار", "idempotencyKey": key });
            agent.send(query, json!({ "input": input }))
        });
        let mut done = BTreeSet::new();
        for answer in join_all(sends).await {
            let payload = &answer["data"]["addNote"];
            match payload["userErrors"][0]["code"].as_str() {
                None => drop(done.insert(payload["case"]["id"].as_str().unwrap().to_owned())),
                Some(code) => assert_eq!(code, "IDEMPOTENCY_KEY_REUSED"),
            }
        }
        assert_eq!(done.len(), 1, "round {round}: the key was accepted for two cases");
        assert_eq!(count(&system, "CaseNoteAdded").await, round + 1);
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_lost_answer_does_nothing_twice() {
    let mut random = Random::printed();
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let case = opened(&agent).await;
    for number in 0..20 {
        let input = json!({ "caseId": case, "body": format!("note {number}"),
            "idempotencyKey": format!("note {number}") });
        let query =
            "mutation($input: AddNoteInput!) { addNote(input: $input) { userErrors { code } } }";
        let body = json!({ "query": query, "variables": { "input": input } }).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            agent.token,
            body.len()
        );
        let mut socket = TcpStream::connect(system.address).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        match random.below(3) {
            // Gone before, while or after the command is done.
            0 => {}
            1 => tokio::task::yield_now().await,
            _ => socket.readable().await.unwrap(),
        }
        drop(socket);
        agent.mutate("addNote", "case { id }", input).await;
        let again = agent
            .send(
                query,
                json!({ "input": { "caseId": case, "body": "another",
            "idempotencyKey": format!("note {number}") } }),
            )
            .await;
        assert_eq!(again["data"]["addNote"]["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
    }
    assert_eq!(count(&system, "CaseNoteAdded").await, 20);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_expect_the_same_revision_one_is_served() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let case = opened(&agent).await;
    let query =
        "mutation($input: AssignCaseInput!) { assignCase(input: $input) { userErrors { code } } }";
    let sends = (0..SENDS).map(|index| {
        let input =
            json!({ "caseId": case, "assignee": format!("agent-{index}"), "expectedRevision": 0 });
        agent.send(query, json!({ "input": input }))
    });
    let mut served = 0;
    for answer in join_all(sends).await {
        match answer["data"]["assignCase"]["userErrors"][0]["code"].as_str() {
            None => served += 1,
            Some(code) => assert_eq!(code, "REVISION_CONFLICT"),
        }
    }
    assert_eq!(served, 1);
    assert_eq!(count(&system, "CaseAssigned").await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_on_one_case_get_every_revision_once_and_lose_nothing() {
    const TASKS: u8 = 64;
    const EACH: u8 = 5;
    let system = System::start().await;
    let case = Uuid::new_v4();
    let now = Timestamp::now();
    on_case(&system.app.commands, case, metadata(None), open_case(3, now)).await.unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let commands = system.app.commands.clone();
        tasks.spawn(async move {
            let mut written = Vec::new();
            let mut turned_away = 0;
            for number in 0..EACH {
                // A note is never refused, so every command writes one event.
                let command = case_command(7, task ^ number, now);
                let metadata = metadata(None);
                let id = EventId::of(metadata.command_id, 0);
                let executed = loop {
                    match on_case(&commands, case, metadata.clone(), command.clone()).await {
                        Ok(executed) => break executed,
                        Err(CommandError::Contended) => turned_away += 1,
                        Err(error) => panic!("{error}"),
                    }
                };
                written.push((executed.revision.unwrap(), id.0));
            }
            (written, turned_away)
        });
    }
    let (mut written, mut turned_away) = (Vec::new(), 0);
    for (of_task, turned_away_of_task) in tasks.join_all().await {
        written.extend(of_task);
        turned_away += turned_away_of_task;
    }
    println!("turned away and tried again: {turned_away} times");
    assert_eq!(turned_away, 0, "nobody is turned away who only writes to a busy case");
    written.sort_unstable();
    let port: Arc<dyn EventStore> = system.app.store.clone();
    let stored = port.read_stream(&stream("case", case), Some(0), READ_EVENTS_MAX).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|event| (event.revision, event.id)).collect();
    assert_eq!(written, stored);
    assert_eq!(stored.len(), usize::from(TASKS) * usize::from(EACH));
    system.stop().await;
}
