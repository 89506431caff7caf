//! Cases from the outside: what a frontend does, and what it sees.

use parvandeh::principal::Role;
use serde_json::json;

use crate::authorisation::documents::{register, uuid_of};
use crate::harness::System;
use crate::harness::feed::WebSocketFeed;

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_opened_answered_and_resolved_and_its_timeline_tells_it() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);

    let opened = agent
        .mutate(
            "openCase",
            "case { id reference status }",
            json!({ "kind": "COMPLAINT", "subject": "نامه بی‌پاسخ", "channel": "LETTER", "unit": "care" }),
        )
        .await;
    let id = &opened["case"]["id"];
    assert_eq!(opened["case"]["status"], "OPEN");
    for (name, input) in [
        (
            "recordInteraction",
            json!({ "caseId": id, "direction": "OUTBOUND", "channel": "EMAIL", "body": "سلام" }),
        ),
        ("holdCase", json!({ "caseId": id, "reason": "AWAITING_CUSTOMER" })),
        (
            "recordInteraction",
            json!({ "caseId": id, "direction": "INBOUND", "channel": "PHONE", "body": "بله" }),
        ),
        ("resolveCase", json!({ "caseId": id, "outcome": "UPHELD" })),
    ] {
        agent.mutate(name, "case { id }", input).await;
    }

    let seen = agent
        .ask(
            "query($id: ID!) { case(id: $id) { status outcome interactionCount revision timeline { totalCount nodes { eventType } } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(seen["case"]["status"], "RESOLVED");
    assert_eq!(seen["case"]["outcome"], "UPHELD");
    let types: Vec<_> = seen["case"]["timeline"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["eventType"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "CaseOpened",
            "InteractionRecorded",
            "CaseHeld",
            "InteractionRecorded",
            "CaseResumed",
            "CaseResolved"
        ]
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_ids_cost_a_hundred_times_what_one_costs() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Case { timeline(first: 100) { \
                 nodes { eventType text actorId } } } } }";
    let id = "Q2FzZTowMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDA";
    let one = agent.send(query, json!({ "ids": [id] })).await;
    assert_eq!(one, json!({ "data": { "nodes": [null] } }));
    let many = agent.send(query, json!({ "ids": vec![id; 100] })).await;
    assert_eq!(many["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED", "{many}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_does_not_say_when_something_happened() {
    let system = System::start().await;
    let customer = register(&system).await;
    let own = system.customer(uuid_of(&customer));
    let opening = json!({ "kind": "COMPLAINT", "subject": "x", "channel": "APP" });
    let done = own.mutate("openCase", "case { id }", opening.clone()).await;
    let case = &done["case"]["id"];
    for (name, mut input) in [
        ("openCase", opening),
        (
            "recordInteraction",
            json!({ "caseId": case, "direction": "INBOUND", "channel": "APP", "body": "x" }),
        ),
        ("reopenCase", json!({ "caseId": case, "reason": "x" })),
        ("changePreferences", json!({ "customerId": customer, "language": "ENGLISH" })),
    ] {
        input["occurredAt"] = json!("2020-01-01T00:00:00Z");
        assert_eq!(own.refusal(name, input).await, "FIELD_NOT_ALLOWED", "{name}");
    }
    // Staff, who record what came by letter, do.
    let input = json!({ "caseId": case, "direction": "INBOUND", "channel": "LETTER", "body": "x",
        "occurredAt": jiff::Timestamp::now().to_string() });
    system.caller(Role::Agent).mutate("recordInteraction", "case { id }", input).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_not_told_who_of_the_staff_did_something() {
    let system = System::start().await;
    let customer = register(&system).await;
    let own = system.customer(uuid_of(&customer));
    let opening = json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" });
    let case = own.mutate("openCase", "case { id }", opening).await["case"]["id"].take();
    let agent = system.caller(Role::Agent);
    let answer = json!({ "caseId": case, "direction": "OUTBOUND", "channel": "APP", "body": "x" });
    agent.mutate("recordInteraction", "case { id }", answer).await;

    let query = "query($case: ID!, $customer: ID!) { \
        case(id: $case) { timeline { nodes { actorKind actorId } } } \
        customer(id: $customer) { timeline { nodes { actorKind actorId } } } }";
    let ids = json!({ "case": case, "customer": customer });
    let themselves = json!({ "actorKind": "CUSTOMER", "actorId": uuid_of(&customer).to_string() });
    let somebody = json!({ "actorKind": "STAFF", "actorId": null });
    let seen = own.ask(query, ids.clone()).await;
    assert_eq!(seen["case"]["timeline"]["nodes"], json!([themselves, somebody]));
    assert_eq!(seen["customer"]["timeline"]["nodes"], json!([somebody, themselves]));
    let feed =
        "subscription($case: ID!) { caseEvents(caseId: $case) { entry { actorKind actorId } } }";
    let mut feed = WebSocketFeed::open(&system, &own.token, feed, json!({ "case": case })).await;
    for entry in [&themselves, &somebody] {
        assert_eq!(feed.next().await["caseEvents"]["entry"], *entry);
    }
    // Staff know each other.
    let seen = agent.ask(query, ids).await;
    assert_eq!(seen["case"]["timeline"]["nodes"][1]["actorId"], "test-agent");
    system.stop().await;
}
