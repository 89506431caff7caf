//! What has passed validation is not validated again; what has not, or may not, must be refused as if it were the first of its kind.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::{Caller, System};

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_has_passed_is_refused_with_bad_variables_as_before() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let input = json!({ "kind": "QUESTION", "subject": "When do you open?", "channel": "WEBSITE" });
    let opened = agent.mutate("openCase", "case { id }", input).await;
    let id = &opened["case"]["id"];
    for (query, good, bad) in [
        (
            "query ($id: ID!) { case(id: $id) { subject } }",
            json!({ "id": id }),
            vec![
                json!({}),
                json!({ "id": null }),
                json!({ "id": true }),
                json!({ "id": [id] }),
                json!({ "id": { "id": id } }),
                json!({ "id": "Case" }),
            ],
        ),
        (
            "query ($first: Int, $after: String) { cases(first: $first, after: $after) { nodes { id } } }",
            json!({ "first": 1, "after": null }),
            vec![
                json!({ "first": "1" }),
                json!({ "first": 1.5, "after": null }),
                json!({ "first": 1, "after": 1 }),
                json!({ "first": 1, "after": "nowhere" }),
            ],
        ),
        (
            "query ($first: Int) { cases(first: $first) { nodes { id } } }",
            json!({ "first": 1 }),
            vec![json!({ "first": "1" }), json!({ "first": [1] }), json!({ "first": 1.5 })],
        ),
        (
            "query ($sort: CaseSort!) { cases(sort: $sort) { nodes { id } } }",
            json!({ "sort": "OPENED_AT_ASC" }),
            vec![json!({ "sort": "UNKNOWN" }), json!({ "sort": 1 })],
        ),
        (
            "query ($filter: CaseFilterInput) { cases(filter: $filter) { nodes { id } } }",
            json!({ "filter": { "kind": ["QUESTION"] } }),
            vec![
                json!({ "filter": { "kind": ["UNKNOWN"] } }),
                json!({ "filter": { "unknown": 1 } }),
                json!({ "filter": "kind" }),
            ],
        ),
    ] {
        let before = refusals(&agent, query, &bad).await;
        for _ in 0..3 {
            let answer = agent.send(query, good.clone()).await;
            assert!(answer["errors"].is_null(), "{query}: {answer}");
        }
        assert_eq!(refusals(&agent, query, &bad).await, before, "{query}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_refused_is_refused_each_time() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    for query in [
        "{ cases { nodes { unknown } } }",
        "{ cases(unknown: 1) { nodes { id } } }",
        "{ cases(sort: UNKNOWN) { nodes { id } } }",
        "{ cases { nodes { ...Unknown } } }",
        "query ($unused: ID) { cases { nodes { id } } }",
        "{ cases { nodes { a: id a: subject } } }",
    ] {
        for _ in 0..3 {
            let answer = agent.send(query, json!({})).await;
            let code = &answer["errors"][0]["extensions"]["code"];
            assert_eq!(code, "GRAPHQL_VALIDATION_FAILED", "{query}: {answer}");
        }
    }
    system.stop().await;
}

/// What the caller is told about these variables, each of which must be refused.
async fn refusals(caller: &Caller<'_>, query: &str, variables: &[Value]) -> Vec<Value> {
    let mut refusals = Vec::new();
    for variables in variables {
        let answer = caller.send(query, variables.clone()).await;
        assert!(answer["errors"][0].is_object(), "{query} with {variables}: {answer}");
        refusals.push(answer);
    }
    refusals
}
