//! Complaints by ISO 10002, referrals, promises and units, told through GraphQL on a running server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::service::Service;
use crate::harness::{Caller, System};

mod promises;
mod reminders;
mod review;
mod satisfaction;
mod units;

fn uuid_of(global_id: &Value) -> Uuid {
    let text = URL_SAFE_NO_PAD.decode(global_id.as_str().unwrap()).unwrap();
    String::from_utf8(text).unwrap().split_once(':').unwrap().1.parse().unwrap()
}

async fn register(agent: &Caller<'_>) -> Value {
    let input = json!({ "kind": "INDIVIDUAL", "name": "نسترن", "language": "PERSIAN" });
    agent.mutate("registerCustomer", "customer { id }", input).await["customer"]["id"].take()
}

async fn open(caller: &Caller<'_>, more: Value) -> Value {
    let input = json!({ "kind": "COMPLAINT", "subject": "بوی گاز", "channel": "PHONE" });
    let input = with(input, more);
    caller.mutate("openCase", "case { id }", input).await["case"]["id"].take()
}

fn with(mut input: Value, more: Value) -> Value {
    for (field, value) in more.as_object().unwrap() {
        input[field] = value.clone();
    }
    input
}

/// The code and the field of the only user error of a mutation.
async fn refused(caller: &Caller<'_>, name: &str, input: Value) -> (String, Value) {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code field }} }} }}"
    );
    let data = caller.ask(&query, json!({ "input": input })).await;
    let error = &data[name]["userErrors"][0];
    let code = error["code"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned();
    (code, error["field"].clone())
}

/// What happened to a case, in the order in which it is told.
async fn story(caller: &Caller<'_>, id: &Value) -> Vec<String> {
    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType } } } }";
    let data = caller.ask(query, json!({ "id": id })).await;
    let nodes = data["case"]["timeline"]["nodes"].as_array().unwrap();
    nodes.iter().map(|entry| entry["eventType"].as_str().unwrap().to_owned()).collect()
}

const ASSESSMENT: &str = r#"{ "severity": "CRITICAL", "safety": true, "complexity": "INVOLVED",
    "impact": "SEVERAL", "immediateAction": "جریان گاز بسته شود" }"#;

/// The case of a customer, from its opening to the first decision; answers the customer's and the case's global ids.
async fn decided(system: &System) -> (Value, Value) {
    let agent = system.caller(Role::Agent);
    let customer = register(&agent).await;
    let own = system.customer(uuid_of(&customer));
    let remedy = json!({ "channel": "PORTAL", "remedySought": "تعمیر و پوزش" });
    let case = open(&own, remedy).await;
    let step = async |name: &str, input: Value| {
        agent.mutate(name, "case { id }", with(input, json!({ "caseId": case }))).await
    };
    step("acknowledgeCase", json!({ "channel": "SMS" })).await;
    step("assessCase", serde_json::from_str(ASSESSMENT).unwrap()).await;
    step("recordFinding", json!({ "finding": "شیر نشتی داشت", "evidence": "scan-12" })).await;
    let decision = json!({ "outcome": "PARTLY_UPHELD", "reasons": "نشتی از شیر بود, نه از لوله",
        "appealUntil": "2999-01-01T00:00:00Z", "appealTo": "کمیتهٔ بازنگری", "channel": "LETTER" });
    step("decideCase", decision).await;
    (customer, case)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_goes_from_receipt_over_an_appeal_to_its_closing() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (customer, case) = decided(&system).await;
    let own = system.customer(uuid_of(&customer));

    let query = "query($id: ID!) { case(id: $id) { status priority severity outcome remedySought complaint { \
        acknowledgedBy safety complexity impact findingCount decisions { level outcome appealTo acceptedAt } } } }";
    let seen = agent.ask(query, json!({ "id": case })).await["case"].take();
    assert_eq!(
        seen,
        json!({ "status": "RESOLVED", "priority": "URGENT", "severity": "CRITICAL",
            "outcome": "PARTLY_UPHELD", "remedySought": "تعمیر و پوزش", "complaint": {
            "acknowledgedBy": "SMS", "safety": true, "complexity": "INVOLVED", "impact": "SEVERAL",
            "findingCount": 1, "decisions": [{ "level": 1, "outcome": "PARTLY_UPHELD",
                "appealTo": "کمیتهٔ بازنگری", "acceptedAt": null }] } })
    );
    let close = json!({ "caseId": case });
    assert_eq!(refused(&agent, "closeCase", close.clone()).await.0, "DECISION_NOT_ACCEPTED");

    // The customer appeals, and is heard at the next level.
    let grounds = json!({ "caseId": case, "grounds": "لوله هم از شماست" });
    let appealed = own.mutate("appealCase", "case { status }", grounds).await;
    assert_eq!(appealed["case"]["status"], "OPEN");
    let other = json!({ "caseId": case, "outcome": "ANSWERED" });
    assert_eq!(refused(&agent, "resolveCase", other).await.0, "DECISION_MISSING");
    let last = json!({ "caseId": case, "outcome": "UPHELD", "reasons": "لوله هم از ما بود" });
    let fields = "case { status complaint { decisions { level } } }";
    let done = agent.mutate("decideCase", fields, last).await;
    assert_eq!(done["case"]["complaint"]["decisions"], json!([{ "level": 1 }, { "level": 2 }]));
    let again = json!({ "caseId": case, "grounds": "x" });
    assert_eq!(refused(&own, "appealCase", again).await.0, "DECISION_FINAL");

    // They accept it, but nobody has told them yet: the decision was written down and not sent.
    let accept = json!({ "caseId": case, "channel": "PORTAL" });
    own.mutate("acceptDecision", "case { id }", accept).await;
    assert_eq!(refused(&agent, "closeCase", close.clone()).await.0, "ANSWER_MISSING");
    let told = json!({ "caseId": case, "direction": "OUTBOUND", "channel": "LETTER", "body": "حق با شماست" });
    agent.mutate("recordInteraction", "case { id }", told).await;
    agent.mutate("closeCase", "case { id }", close).await;

    // What brought it about is found and removed in a case of its own.
    let corrective = open(&agent, json!({ "kind": "INCIDENT", "unit": "technical" })).await;
    let cause = json!({ "caseId": case, "cause": "worn-valve", "explanation": "ده سال است" });
    agent.mutate("recordRootCause", "case { id }", cause).await;
    let link = |to: &Value| json!({ "caseId": case, "correctiveCaseId": to });
    let (code, field) = refused(&agent, "linkCorrectiveAction", link(&case)).await;
    assert_eq!((&*code, field), ("CORRECTIVE_ACTION_ITSELF", json!("correctiveCaseId")));
    let fields = "case { complaint { rootCauses correctiveActions { id } } }";
    let linked = agent.mutate("linkCorrectiveAction", fields, link(&corrective)).await;
    let expected =
        json!({ "rootCauses": ["worn-valve"], "correctiveActions": [{ "id": corrective }] });
    assert_eq!(linked["case"]["complaint"], expected);

    let told = story(&agent, &case).await;
    println!("{}", told.join("\n"));
    assert_eq!(
        told,
        [
            "CaseOpened",
            "CaseAcknowledged",
            "CaseAssessed",
            "CaseClassified",
            "FindingRecorded",
            "CaseDecided",
            "InteractionRecorded",
            "CaseResolved",
            "CaseAppealed",
            "CaseReopened",
            "CaseDecided",
            "CaseResolved",
            "DecisionAccepted",
            "InteractionRecorded",
            "CaseClosed",
            "RootCauseRecorded",
            "CorrectiveActionLinked",
        ]
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_reads_the_decision_and_its_reasons_and_not_how_it_was_weighed() {
    let system = System::start().await;
    let (customer, case) = decided(&system).await;
    let own = system.customer(uuid_of(&customer));
    let query = "query($id: ID!) { case(id: $id) { complaint { acknowledgedAt decisions { outcome appealUntil } } \
        timeline { nodes { eventType text changes { field value } } } } }";
    let seen = own.ask(query, json!({ "id": case })).await;
    let text = seen.to_string();
    assert!(text.contains("نشتی از شیر بود"), "{text}");
    for internal in
        ["جریان گاز", "شیر نشتی داشت", "scan-12", "INVOLVED", "involved", "FindingRecorded"]
    {
        assert!(!text.contains(internal), "{internal}: {text}");
    }
    let reasons: Vec<_> = seen["case"]["timeline"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["eventType"] == "CaseDecided")
        .collect();
    assert_eq!(reasons.len(), 1);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_of_a_past_moment_shows_how_far_the_complaint_was_then() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (_, case) = decided(&system).await;
    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType recordedAt } } } }";
    let told = agent.ask(query, json!({ "id": case })).await;
    let entries = told["case"]["timeline"]["nodes"].as_array().unwrap();
    let moment = |event: &str| {
        let entry = entries.iter().find(|entry| entry["eventType"] == event).unwrap();
        entry["recordedAt"].clone()
    };
    let query = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { complaint { \
        acknowledgedAt assessedAt findingCount decisions { level } } } }";
    let seen = async |event| {
        let variables = json!({ "id": case, "asOf": moment(event) });
        agent.ask(query, variables).await["case"]["complaint"].take()
    };
    assert_eq!(seen("CaseOpened").await, Value::Null);
    let acknowledged = seen("CaseAcknowledged").await;
    assert_eq!(
        (&acknowledged["assessedAt"], &acknowledged["findingCount"]),
        (&Value::Null, &json!(0))
    );
    let now = agent.ask(query, json!({ "id": case })).await["case"]["complaint"].take();
    assert_eq!(seen("CaseDecided").await, now, "nothing came after the decision");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_whose_customers_wait_for_an_answer_are_listed_also_when_they_ended_so() {
    let service = Service::start().await;
    let agent = service.system.caller(Role::Agent);
    service.advance_to(30);
    let (silent, answered) = (service.open("care", 0).await, service.open("care", 5).await);
    let says = |direction: &str, automatic: bool| json!({ "direction": direction, "channel": "EMAIL", "body": "x", "automatic": automatic });
    service.command("recordInteraction", &answered, 6, says("OUTBOUND", false)).await;
    service.command("recordInteraction", &silent, 6, says("OUTBOUND", true)).await;
    service.resolve(&silent, 10).await;
    let list = async |filter: &str| {
        let query = format!("{{ unansweredCases{filter} {{ totalCount nodes {{ id }} }} }}");
        let found = agent.ask(&query, json!({})).await["unansweredCases"].take();
        let ids: Vec<_> =
            found["nodes"].as_array().unwrap().iter().map(|case| case["id"].clone()).collect();
        assert_eq!(found["totalCount"], ids.len());
        ids
    };
    assert_eq!(list("").await, [json!(silent)], "an automatic reply is no answer");
    assert_eq!(list("(filter: { ended: true })").await, [json!(silent)]);
    assert_eq!(list("(filter: { ended: false })").await, Vec::<Value>::new());
    assert_eq!(list("(filter: { unit: { eq: \"legal\" } })").await, Vec::<Value>::new());

    // The customer asks again; a letter from before that question does not answer it.
    service.command("recordInteraction", &answered, 20, says("INBOUND", false)).await;
    service.command("recordInteraction", &answered, 15, says("OUTBOUND", false)).await;
    assert_eq!(list("").await, [json!(silent), json!(answered)], "the longest waiting first");
    service.command("recordInteraction", &answered, 25, says("OUTBOUND", false)).await;
    assert_eq!(list("").await, [json!(silent)]);
    service.system.stop().await;
}
