//! What a case gives and costs is part of its history: it stands on the timeline, in views of the past, and in the replay.

use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::payments::{World, assessed_fee, customer_id, payment_id, started, until_a_fee_is_paid};
use super::registered;
use crate::erasure::erase;
use crate::harness::{Caller, System};

const VIEW: &str = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { \
    timeline(first: 100) { totalCount nodes { eventType changes { field value } } } \
    fees { id status } redress { id status } \
    replay(first: 100) { nodes { eventType stream recordedAt changes { subject field before after } } } } }";

async fn view(system: &System, case: &str, as_of: Option<&Value>) -> Value {
    let variables = json!({ "id": case, "asOf": as_of });
    system.caller(Role::Auditor).ask(VIEW, variables).await["case"].take()
}

fn types(nodes: &Value) -> Vec<&str> {
    nodes.as_array().unwrap().iter().map(|node| node["eventType"].as_str().unwrap()).collect()
}

/// The timeline of a customer as pairs of type and case, the newest first.
async fn of_customer(caller: &Caller<'_>, customer: &str) -> Vec<(String, String)> {
    let query = "query($id: ID!) { customer(id: $id) { timeline(first: 100) { nodes { eventType caseId } } } }";
    let answer = caller.ask(query, json!({ "id": customer })).await;
    let nodes = answer["customer"]["timeline"]["nodes"].as_array().unwrap().iter();
    let text = |node: &Value, field: &str| node[field].as_str().unwrap().to_owned();
    nodes.map(|node| (text(node, "eventType"), text(node, "caseId"))).collect()
}

const HISTORY: [&str; 7] = [
    "CaseOpened",
    "FeeAssessed",
    "RedressProposed",
    "RedressApproved",
    "PaymentRequested",
    "PaymentConfirmed",
    "FeePaid",
];

#[tokio::test(flavor = "multi_thread")]
async fn redress_fees_and_payments_stand_on_the_timeline_in_the_past_and_in_the_replay_of_their_case()
 {
    let world = World::start().await;
    let system = &world.system;
    let customer = registered(system).await;
    let (case, fee) = assessed_fee(system, &customer, 700).await;
    let (other, _) = assessed_fee(system, &customer, 100).await;
    let input = json!({ "caseId": case, "value": { "points": 5 }, "ground": "DELAY" });
    let service = system.caller(Role::Service);
    let done = service.mutate("proposeRedress", "redress { id }", input).await;
    let redress = done["redress"]["id"].as_str().unwrap().to_owned();
    let step = json!({ "redressId": redress });
    system.caller(Role::Supervisor).mutate("approveRedress", "redress { id }", step).await;
    let agent = system.caller(Role::Agent);
    let input = json!({ "purpose": { "fee": fee } });
    let payment = payment_id(&agent.mutate("requestPayment", "payment { id }", input).await);
    // Credit is of no case.
    world.top_up(&customer, 50).await;
    world.paid(payment, 700).await;
    until_a_fee_is_paid(system).await;

    // On the timeline, each with what it is about; the customer sees it, too, but for what is only proposed.
    let found = view(system, &case, None).await;
    let nodes = &found["timeline"]["nodes"];
    assert_eq!(types(nodes), HISTORY);
    let change = |field: &str, value: &str| json!({ "field": field, "value": value });
    let changes = [change("fee", &fee), change("money", "7.00 IRR"), change("tariff", "copy")];
    assert_eq!(nodes[1]["changes"], json!(changes));
    let changes = [change("redress", &redress), change("points", "5"), change("ground", "delay")];
    assert_eq!(nodes[2]["changes"], json!(changes));
    assert_eq!(nodes[5]["changes"], json!([change("payment", &payment.to_string())]));
    let own = system.customer(customer_id(&customer));
    let query =
        "query($id: ID!) { case(id: $id) { timeline(first: 100) { nodes { eventType } } } }";
    let answer = own.ask(query, json!({ "id": case })).await;
    let seen: Vec<_> = HISTORY.into_iter().filter(|name| *name != "RedressProposed").collect();
    assert_eq!(types(&answer["case"]["timeline"]["nodes"]), seen);
    let of_other = view(system, &other, None).await;
    assert_eq!(types(&of_other["timeline"]["nodes"]), ["CaseOpened", "FeeAssessed"]);
    let all = of_customer(&own, &customer).await;
    assert_eq!(all.len(), seen.len() + 2, "{all:?}");
    assert!(all.contains(&("FeePaid".to_owned(), case.clone())), "{all:?}");

    // Step by step, with what each step has changed.
    let steps = &found["replay"]["nodes"];
    assert_eq!(types(steps), HISTORY);
    let subject = format!("fee-{fee}");
    assert_eq!(steps[6]["stream"], subject.as_str());
    let paid =
        json!({ "subject": subject, "field": "status", "before": "assessed", "after": "paid" });
    assert!(steps[6]["changes"].as_array().unwrap().contains(&paid), "{steps:#}");

    // And as it was known when the payment was requested.
    let before = view(system, &case, Some(&steps[4]["recordedAt"])).await;
    assert_eq!(types(&before["timeline"]["nodes"]), HISTORY[..5]);
    assert_eq!(types(&before["replay"]["nodes"]), HISTORY[..5]);
    assert_eq!(before["fees"], json!([{ "id": fee, "status": "ASSESSED" }]));
    assert_eq!(before["redress"], json!([{ "id": redress, "status": "APPROVED" }]));
    let before = view(system, &case, Some(&steps[0]["recordedAt"])).await;
    assert_eq!((&before["fees"], &before["redress"]), (&json!([]), &json!([])));
    assert_eq!(found["fees"], json!([{ "id": fee, "status": "PAID" }]));

    // Read models that are built anew, where a person was erased in between, say the same.
    erase(system, &customer).await;
    let (erased, list) = (
        view(system, &case, None).await,
        of_customer(&system.caller(Role::Auditor), &customer).await,
    );
    assert_eq!(types(&erased["timeline"]["nodes"]), HISTORY);
    let World { directory, system, provider, secrets } = world;
    system.stop().await;
    crate::harness::released(directory.path()).await;
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with("read-models.") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let system = started(&directory, &provider, &secrets, SystemClock).await;
    assert_eq!(view(&system, &case, None).await, erased);
    assert_eq!(of_customer(&system.caller(Role::Auditor), &customer).await, list);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redress_that_is_only_proposed_or_not_approved_is_hidden_from_the_customer() {
    const OWN: &str = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { \
        redress { id status } timeline(first: 100) { totalCount nodes { eventType } } } }";
    let World { directory: _directory, system, .. } = World::start().await;
    let customer = registered(&system).await;
    let (case, _) = assessed_fee(&system, &customer, 100).await;
    let (service, supervisor) = (system.caller(Role::Service), system.caller(Role::Supervisor));
    let own = system.customer(customer_id(&customer));
    let propose = async || {
        let input = json!({ "caseId": case, "value": { "points": 5 }, "ground": "DELAY" });
        let done = service.mutate("proposeRedress", "redress { id status }", input).await;
        assert_eq!(done["redress"]["status"], "PROPOSED");
        done["redress"]["id"].as_str().unwrap().to_owned()
    };
    let seen = async |as_of: Option<&Value>| {
        let answer = own.ask(OWN, json!({ "id": case, "asOf": as_of })).await["case"].take();
        let types = types(&answer["timeline"]["nodes"]).join(" ");
        assert_eq!(answer["timeline"]["totalCount"], types.split(' ').count());
        (answer["redress"].clone(), types)
    };
    let nothing = (json!([]), "CaseOpened FeeAssessed".to_owned());

    // Given one that is proposed, and one that a supervisor has rejected, the customer knows of neither.
    let (offered, rejected) = (propose().await, propose().await);
    let step = json!({ "redressId": rejected });
    supervisor.mutate("rejectRedress", "redress { status }", step.clone()).await;
    assert_eq!(seen(None).await, nothing);
    let all = of_customer(&own, &customer).await;
    assert!(!all.iter().any(|(name, _)| name.starts_with("Redress")), "{all:?}");
    // They cannot answer it either: it is to them as if it were not there.
    let decline = "mutation($input: DeclineRedressInput!) { declineRedress(input: $input) { userErrors { code } } }";
    for redress in [&offered, &rejected] {
        let input = json!({ "input": { "redressId": redress } });
        let answer = own.ask(decline, input).await;
        assert_eq!(answer["declineRedress"]["userErrors"][0]["code"], "REDRESS_NOT_FOUND");
    }
    // Staff know of both.
    let staff = view(&system, &case, None).await;
    assert_eq!(staff["redress"].as_array().unwrap().len(), 2, "{staff}");
    let recorded =
        staff["replay"]["nodes"].as_array().unwrap().last().unwrap()["recordedAt"].clone();

    // When one is approved they know of that one, and in the view of the past still of none.
    let step = json!({ "redressId": offered });
    supervisor.mutate("approveRedress", "redress { status }", step).await;
    let approved = json!([{ "id": offered, "status": "APPROVED" }]);
    assert_eq!(seen(None).await, (approved, format!("{} RedressApproved", nothing.1)));
    assert_eq!(seen(Some(&recorded)).await, nothing);
    system.stop().await;
}
