//! Reading one's own writes: the header `Parvandeh-Position` of answers and requests.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::System;

/// Sends a body with a position in the header; gives the status, the answer's position and the answer.
async fn post(system: &System, body: Value, position: Option<&str>) -> (u16, Option<u64>, Value) {
    let mut request = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(system.caller(Role::Supervisor).token)
        .header("content-type", "application/json")
        .header("accept", "application/graphql-response+json")
        .body(body.to_string());
    if let Some(position) = position {
        request = request.header("parvandeh-position", position);
    }
    let response = request.send().await.unwrap();
    let position = response.headers().get("parvandeh-position");
    let position = position.map(|value| value.to_str().unwrap().parse().unwrap());
    let status = response.status().as_u16();
    (status, position, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

const OPEN: &str =
    "mutation Open($input: OpenCaseInput!) { openCase(input: $input) { case { id } } }";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tells_a_position_that_covers_what_it_wrote() {
    let system = System::start().await;
    let input =
        json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care" });
    let (status, position, answer) =
        post(&system, json!({ "query": OPEN, "variables": { "input": input } }), None).await;
    assert_eq!(status, 200, "{answer}");
    let case = answer["data"]["openCase"]["case"]["id"].as_str().unwrap();
    let log = system.app.store.read_all(None, 1_000).await.unwrap();
    let opened = log.iter().find(|event| &*event.type_name == "CaseOpened").unwrap();
    assert!(position.unwrap() >= opened.position.0, "{position:?}");

    let query = json!({ "query": "query Read($id: ID!) { case(id: $id) { id } }", "variables": { "id": case } });
    let (status, _, answer) = post(&system, query, Some(&position.unwrap().to_string())).await;
    assert_eq!((status, answer["data"]["case"]["id"].as_str()), (200, Some(case)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_until_the_server_shows_what_its_caller_has_seen_elsewhere() {
    let system = System::start().await;
    let next = system.app.store.head().unwrap().0 + 1;
    let query = json!({ "query": "{ __typename }" });
    let text = next.to_string();
    let answer = post(&system, query, Some(&text));
    let mut answer = Box::pin(answer);
    tokio::select! {
        (status, _, answer) = &mut answer => panic!("answered before it was there: {status} {answer}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
    }
    let input =
        json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care" });
    system.caller(Role::Supervisor).mutate("openCase", "case { id }", input).await;
    let (status, position, answer) = answer.await;
    assert_eq!(status, 200, "{answer}");
    assert!(position.unwrap() >= next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_does_not_come_is_refused_with_a_code_and_nothing_is_executed() {
    let system = System::start().await;
    let before = system.app.store.head();
    let input =
        json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care" });
    let body = json!({ "query": OPEN, "variables": { "input": input } });
    let (status, _, answer) = post(&system, body, Some("1000000")).await;
    assert_eq!(
        (status, answer["errors"][0]["extensions"]["code"].as_str()),
        (503, Some("REPLICA_BEHIND"))
    );
    assert_eq!(system.app.store.head(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_no_number_is_refused_by_its_header() {
    let system = System::start().await;
    let (status, _, answer) =
        post(&system, json!({ "query": "{ __typename }" }), Some("soon")).await;
    assert_eq!(status, 400);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Parvandeh-Position"), "{message}");
}
