//! What staff say among themselves stays among them.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::documents::{open, register, uuid_of};
use crate::harness::System;
use crate::harness::feed::WebSocketFeed;

const SECRET: &str = "محرمانه";

/// Every field of a timeline that could carry a word.
const TIMELINE: &str = "query($id: ID!) { case(id: $id) { interactionCount holdReason timeline { totalCount pageInfo { hasNextPage } \
     nodes { eventType internal direction text changes { field value } } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn internal_notes_reach_no_customer_in_timeline_subscription_or_totals() {
    let system = System::start().await;
    let customer_id = register(&system).await;
    let id = open(&system, Some("care"), Some(&customer_id)).await;
    let agent = system.caller(Role::Agent);
    let customer = system.customer(uuid_of(&customer_id));
    let follow = "subscription($id: ID!) { caseEvents(caseId: $id) { cursor entry { eventType internal text \
                  changes { field value } } } }";
    let mut live = WebSocketFeed::open(&system, &customer.token, follow, json!({ "id": id })).await;
    assert_eq!(live.next().await["caseEvents"]["entry"]["eventType"], "CaseOpened");

    let internal =
        json!({ "caseId": id, "direction": "INTERNAL", "channel": "EMAIL", "body": SECRET });
    let public =
        json!({ "caseId": id, "direction": "OUTBOUND", "channel": "EMAIL", "body": "پاسخ" });
    for (name, input) in [
        ("addNote", json!({ "caseId": id, "body": SECRET })),
        ("recordInteraction", internal),
        ("referCase", json!({ "caseId": id, "unit": "technical", "reason": SECRET })),
        ("assignCase", json!({ "caseId": id, "assignee": SECRET })),
        ("holdCase", json!({ "caseId": id, "reason": "OTHER", "note": SECRET })),
        ("resumeCase", json!({ "caseId": id })),
        ("recordInteraction", public),
    ] {
        agent.mutate(name, "case { id }", input).await;
    }

    let expected = ["CaseOpened", "CaseResumed", "InteractionRecorded"];
    let mine = customer.ask(TIMELINE, json!({ "id": id })).await;
    let all = agent.ask(TIMELINE, json!({ "id": id })).await;
    assert_eq!(types(&mine), expected);
    assert_eq!(mine["case"]["timeline"]["totalCount"], expected.len());
    assert_eq!(mine["case"]["interactionCount"], 1);
    assert!(!mine.to_string().contains(SECRET), "{mine}");
    assert_eq!(all["case"]["timeline"]["totalCount"], 8);
    assert!(all.to_string().contains(SECRET));

    for event_type in ["CaseNoteAdded", "CaseReferred", "CaseAssigned", "CaseHeld"] {
        let query = "query($id: ID!, $type: String!) { case(id: $id) { timeline(filter: { eventType: [$type] }) { totalCount } } }";
        let variables = json!({ "id": id, "type": event_type });
        let total = |answer: Value| answer["case"]["timeline"]["totalCount"].clone();
        assert_eq!(total(customer.ask(query, variables.clone()).await), 0, "{event_type}");
        assert_eq!(total(agent.ask(query, variables).await), 1, "{event_type}");
    }
    let as_of = TIMELINE.replace("case(id: $id)", "case(id: $id, asOf: \"2999-01-01T00:00:00Z\")");
    assert_eq!(types(&customer.ask(&as_of, json!({ "id": id })).await), expected);

    // Who followed all along was told the same as who asks afterwards, and so is who begins now.
    let mut late = WebSocketFeed::open(&system, &customer.token, follow, json!({ "id": id })).await;
    assert_eq!(late.next().await["caseEvents"]["entry"]["eventType"], "CaseOpened");
    for feed in [&mut live, &mut late] {
        for event_type in &expected[1..] {
            let event = feed.next().await;
            assert_eq!(event["caseEvents"]["entry"]["eventType"], *event_type);
            assert!(!event.to_string().contains(SECRET), "{event}");
        }
    }
    system.stop().await;
}

fn types(answer: &Value) -> Vec<&str> {
    let nodes = answer["case"]["timeline"]["nodes"].as_array().unwrap();
    nodes.iter().map(|entry| entry["eventType"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_who_loses_a_case_from_sight_is_told_no_more_of_it() {
    let system = System::start().await;
    let id = open(&system, Some("care"), None).await;
    let agent = system.caller_as(Role::Agent, None, &["care"]);
    let follow = "subscription($id: ID!) { caseEvents(caseId: $id) { entry { eventType text } } }";
    let mut response = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(&agent.token)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(json!({ "query": follow, "variables": { "id": id } }).to_string())
        .send()
        .await
        .unwrap();
    let service = system.caller(Role::Service);
    let refer = json!({ "caseId": id, "unit": "legal", "reason": "پرونده حقوقی است" });
    service.mutate("referCase", "case { id }", refer).await;
    service.mutate("addNote", "case { id }", json!({ "caseId": id, "body": SECRET })).await;
    // The stream ends with the refusal, or else with the note.
    let mut text = String::new();
    while !text.contains(SECRET)
        && let Some(chunk) = response.chunk().await.unwrap()
    {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.contains("there is no such case"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    system.stop().await;
}
