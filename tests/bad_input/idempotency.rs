//! Idempotency keys: one key, one request.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::world::{mutation, with};
use crate::harness::{Caller, System};

/// The user errors' codes and fields of a mutation that must have no other errors.
async fn refusals(caller: &Caller<'_>, name: &str, input: Value) -> Vec<(String, String)> {
    let answer = caller.send(&mutation(name), json!({ "input": input })).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = answer["data"][name]["userErrors"].as_array().unwrap();
    errors.iter().map(|error| (text(&error["code"]), text(&error["field"]))).collect()
}

fn reused() -> Vec<(String, String)> {
    vec![("IDEMPOTENCY_KEY_REUSED".to_owned(), "idempotencyKey".to_owned())]
}

async fn open(caller: &Caller<'_>, key: Option<&str>) -> String {
    let input = json!({
        "kind": "REQUEST", "subject": "کارت", "channel": "PHONE", "unit": "care", "idempotencyKey": key,
    });
    let done = caller.mutate("openCase", "case { id }", input).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}

async fn events(caller: &Caller<'_>, id: &str) -> Value {
    let query = "query($id: ID!) { case(id: $id) { timeline { totalCount } } }";
    caller.ask(query, json!({ "id": id })).await["case"]["timeline"]["totalCount"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_answered_alike_and_done_once() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let id = open(&agent, Some("call 1")).await;
    assert_eq!(open(&agent, Some("call 1")).await, id);
    let total = agent.ask("{ cases { totalCount } }", json!({})).await;
    assert_eq!(total["cases"]["totalCount"], 1);

    let input = json!({ "caseId": id, "body": "زنگ زد", "idempotencyKey": "call 2", "expectedRevision": 0 });
    let first = agent.mutate("addNote", "case { id revision }", input.clone()).await;
    let second = agent.mutate("addNote", "case { id revision }", input).await;
    assert_eq!(first, second);
    assert_eq!(events(&agent, &id).await, 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_used_is_refused_for_every_other_request_and_nothing_is_written() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (id, other) = (open(&agent, Some("open")).await, open(&agent, None).await);
    let note = json!({ "caseId": id, "body": "الف", "idempotencyKey": "note" });
    agent.mutate("addNote", "case { id }", note.clone()).await;
    let requests = [
        ("addNote", with(note.clone(), json!({ "body": "ب" }))),
        ("addNote", with(note.clone(), json!({ "caseId": other }))),
        ("addNote", with(note.clone(), json!({ "expectedRevision": 1 }))),
        ("addNote", with(note.clone(), json!({ "occurredAt": "2026-01-01T00:00:00Z" }))),
        ("closeCase", json!({ "caseId": id, "idempotencyKey": "note" })),
        ("resumeCase", json!({ "caseId": other, "idempotencyKey": "open" })),
        (
            "openCase",
            json!({ "kind": "REQUEST", "subject": "کارت", "channel": "EMAIL", "idempotencyKey": "open" }),
        ),
        (
            "registerCustomer",
            json!({ "kind": "PARTNER", "name": "x", "language": "ENGLISH", "idempotencyKey": "open" }),
        ),
    ];
    // Twice, because a refusal must not wear the key out.
    for _ in 0..2 {
        for (name, input) in &requests {
            assert_eq!(refusals(&agent, name, input.clone()).await, reused(), "{name} {input}");
        }
    }
    assert_eq!(events(&agent, &id).await, 2);
    assert_eq!(events(&agent, &other).await, 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_use_of_a_key_does_not_take_it_from_its_own_request() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let id = open(&agent, None).await;
    let note = json!({ "caseId": id, "body": "first", "idempotencyKey": "note 1" });
    let foreign = json!({ "caseId": id, "body": "second", "idempotencyKey": "note 1" });
    for _ in 0..2 {
        assert_eq!(refusals(&agent, "addNote", note.clone()).await, []);
        assert_eq!(refusals(&agent, "addNote", note.clone()).await, []);
        assert_eq!(refusals(&agent, "addNote", foreign.clone()).await, reused());
    }
    assert_eq!(refusals(&agent, "addNote", note).await, []);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_request_was_refused_may_be_used_for_the_mended_request() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let id = open(&agent, None).await;
    let note = |changes: Value| {
        with(json!({ "caseId": id, "body": "متن", "idempotencyKey": "k" }), changes)
    };
    assert_eq!(refusals(&agent, "addNote", note(json!({ "body": "" }))).await[0].0, "TEXT_EMPTY");
    let stale = refusals(&agent, "addNote", note(json!({ "expectedRevision": 9 }))).await;
    assert_eq!(stale[0].0, "REVISION_CONFLICT");
    let negative = json!({ "input": note(json!({ "expectedRevision": -9 })) });
    let negative = agent.send(&mutation("addNote"), negative).await;
    assert_eq!(negative["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    agent.mutate("addNote", "case { id }", note(json!({}))).await;
    assert_eq!(events(&agent, &id).await, 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_caller() {
    let system = System::start().await;
    let (agent, supervisor) = (system.caller(Role::Agent), system.caller(Role::Supervisor));
    let one = open(&agent, Some("1")).await;
    let another = open(&supervisor, Some("1")).await;
    assert_ne!(one, another);
    system.stop().await;
}
