//! Which objects somebody sees: those of their units, or their own. What is outside looks as if it were not there.

use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::documents::{
    first_answer, global_id, mutation, mutations_on_cases, open, register, uuid_of,
};
use crate::harness::{Caller, System};

/// Ways to ask for a case and its customer, by `$id` and `$customerId`.
const WAYS: &[&str] = &[
    "query($id: ID!) { case(id: $id) { id subject } }",
    "query($id: ID!) { case(id: $id, asOf: \"2999-01-01T00:00:00Z\") { id subject } }",
    "query($id: ID!) { node(id: $id) { id } }",
    "query($id: ID!) { nodes(ids: [$id, $id]) { id } }",
    "query($customerId: ID!) { customer(id: $customerId) { id name } }",
    "query($customerId: ID!) { node(id: $customerId) { id } }",
    "query($customerId: ID!) { cases(filter: { customerId: $customerId }) { totalCount nodes { id } pageInfo { hasNextPage } } }",
    "subscription($id: ID!) { caseEvents(caseId: $id) { cursor entry { text } } }",
];

/// Asks in every way for this case and customer, and tries every mutation on the case.
async fn everything(
    system: &System,
    caller: &Caller<'_>,
    case: &str,
    customer: &str,
) -> Vec<(String, Value)> {
    let ids = json!({ "id": case, "customerId": customer });
    let mut answers = Vec::new();
    for query in WAYS {
        let answer = first_answer(system, caller, query, ids.clone()).await;
        answers.push(((*query).to_owned(), answer));
    }
    for (name, input) in mutations_on_cases() {
        for extra in [
            json!({}),
            json!({ "expectedRevision": 5 }),
            json!({ "occurredAt": "2999-01-01T00:00:00Z" }),
        ] {
            let mut input = input.clone();
            input["caseId"] = json!(case);
            for (field, value) in extra.as_object().unwrap() {
                input[field] = value.clone();
            }
            let answer = caller.send(&mutation(name), json!({ "input": input })).await;
            answers.push((format!("{name} {extra}"), answer));
        }
    }
    answers
}

/// What is there and not theirs must be answered, word for word, as what is not there.
async fn assert_looks_unknown(system: &System, caller: &Caller<'_>, case: &str, customer: &str) {
    let forbidden = everything(system, caller, case, customer).await;
    let no_case = global_id("Case", Uuid::new_v4());
    let no_customer = global_id("Customer", Uuid::new_v4());
    let unknown = everything(system, caller, &no_case, &no_customer).await;
    for ((asked, forbidden), (_, unknown)) in forbidden.into_iter().zip(unknown) {
        assert_eq!(forbidden, unknown, "{asked}");
        assert!(!forbidden.to_string().contains("آب سرد"), "{asked}: {forbidden}");
    }
}

async fn seen(caller: &Caller<'_>) -> Vec<String> {
    let answer =
        caller.ask("{ cases(sort: OPENED_AT_ASC) { totalCount nodes { id } } }", json!({})).await;
    let nodes = answer["cases"]["nodes"].as_array().unwrap();
    assert_eq!(answer["cases"]["totalCount"], nodes.len());
    nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sees_the_cases_of_their_units_and_the_intake_and_no_others() {
    let system = System::start().await;
    let (ours, theirs) = (register(&system).await, register(&system).await);
    let care = open(&system, Some("care"), Some(&ours)).await;
    let legal = open(&system, Some("legal"), Some(&theirs)).await;
    let intake = open(&system, None, None).await;
    for role in [Role::Agent, Role::Supervisor] {
        let caller = system.caller_as(role, None, &["care"]);
        assert_eq!(seen(&caller).await, [care.clone(), intake.clone()]);
        let nobody = system.caller_as(role, None, &[]);
        assert_eq!(seen(&nobody).await, std::slice::from_ref(&intake));
        let almost = system.caller_as(role, None, &["Care", "care ", "%", "legal2"]);
        assert_eq!(seen(&almost).await, std::slice::from_ref(&intake));
        assert_looks_unknown(&system, &caller, &legal, &theirs).await;
        for filter in
            ["unit: { eq: \"legal\" }", "externalReference: \"legal\"", "unit: { in: [\"legal\"] }"]
        {
            let query =
                format!("{{ cases(filter: {{ {filter} }}) {{ totalCount nodes {{ id }} }} }}");
            let answer = caller.ask(&query, json!({})).await;
            assert_eq!(answer["cases"], json!({ "totalCount": 0, "nodes": [] }), "{filter}");
        }
    }
    for role in [Role::Auditor, Role::Monitor, Role::Service] {
        assert_eq!(seen(&system.caller(role)).await.len(), 3, "{role}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_sees_their_own_cases_and_nobody_elses() {
    let system = System::start().await;
    let (ours, theirs) = (register(&system).await, register(&system).await);
    let own = open(&system, Some("care"), Some(&ours)).await;
    let foreign = open(&system, Some("care"), Some(&theirs)).await;
    open(&system, None, None).await;
    let customer = system.customer(uuid_of(&ours));
    assert_eq!(seen(&customer).await, [own]);
    assert_looks_unknown(&system, &customer, &foreign, &theirs).await;
    let customers = customer.ask("{ customers { totalCount nodes { id } } }", json!({})).await;
    assert_eq!(customers["customers"], json!({ "totalCount": 1, "nodes": [{ "id": ours }] }));
    // Somebody whose record is not here has a valid token and sees nothing.
    assert!(seen(&system.customer(Uuid::new_v4())).await.is_empty());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_somebody_with_more_rights_gives_no_more_to_see() {
    let system = System::start().await;
    let customer = register(&system).await;
    for unit in ["care", "legal", "legal", "care"] {
        open(&system, Some(unit), Some(&customer)).await;
    }
    let page = "query($after: String, $before: String) { cases(sort: OPENED_AT_ASC, after: $after, before: $before) { \
                totalCount edges { cursor node { id unit } } } }";
    let all = system.caller(Role::Auditor).ask(page, json!({})).await;
    let agent = system.caller_as(Role::Agent, None, &["care"]);
    let mut found = 0;
    for edge in all["cases"]["edges"].as_array().unwrap() {
        for argument in ["after", "before"] {
            let answer = agent.ask(page, json!({ argument: edge["cursor"] })).await;
            assert_eq!(answer["cases"]["totalCount"], 2);
            for edge in answer["cases"]["edges"].as_array().unwrap() {
                assert_eq!(edge["node"]["unit"], "care");
                found += 1;
            }
        }
    }
    // Before and after each of the four: two cases, each beside three others.
    assert_eq!(found, 6);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breaches_and_compliance_are_told_to_each_within_their_units() {
    let system = System::start().await;
    for unit in ["care", "legal"] {
        // A promise of long ago is broken from the start.
        let input = json!({
            "kind": "REQUEST", "subject": "x", "channel": "APP", "unit": unit,
            "occurredAt": "2020-01-01T00:00:00Z", "dueAt": "2020-01-02T00:00:00Z",
        });
        system.caller(Role::Service).mutate("openCase", "case { id }", input).await;
    }
    let breaches = "{ slaBreaches { totalCount nodes { unit } } slaCompliance { total } }";
    let monitor = system.caller(Role::Monitor);
    loop {
        let all = monitor.ask(breaches, json!({})).await;
        if all["slaBreaches"]["totalCount"] == 2 {
            assert_eq!(all["slaCompliance"][0]["total"], 2);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let agent = system.caller_as(Role::Agent, None, &["care"]);
    let own = agent.ask(breaches, json!({})).await;
    assert_eq!(own["slaBreaches"], json!({ "totalCount": 1, "nodes": [{ "unit": "care" }] }));
    assert_eq!(own["slaCompliance"][0]["total"], 1);
    system.stop().await;
}
