//! One document for every query, mutation and subscription, and a system for them to be asked of.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Caller, System};
use crate::panel::far_cursor;

/// The queries, each with the variable `$id` where it needs an id.
pub const QUERIES: &[(&str, &str)] = &[
    ("case", "query($id: ID!) { case(id: $id) { id } }"),
    ("cases", "{ cases { totalCount } }"),
    ("customer", "query($customerId: ID!) { customer(id: $customerId) { id } }"),
    ("customers", "{ customers { totalCount } }"),
    (
        "matchProposals",
        "query($customerId: ID!) { matchProposals(customerId: $customerId) { likeness } }",
    ),
    ("slaCompliance", "{ slaCompliance { total } }"),
    ("slaBreaches", "{ slaBreaches { totalCount } }"),
    ("slaFacts", "{ slaFacts { totalCount } }"),
    ("slaAtRisk", "{ slaAtRisk { hasNextPage } }"),
    ("proofCheckpoint", "{ proofCheckpoint { size } }"),
    ("inclusionProof", "{ inclusionProof(position: 1) { leaf } }"),
    ("consistencyProof", "{ consistencyProof(from: 1) { hashes } }"),
    (
        "slaAttribution",
        "{ slaAttribution(from: \"2026-01-01T00:00:00Z\", to: \"2026-02-01T00:00:00Z\", by: UNIT) { clocks } }",
    ),
    ("slaPolicies", "{ slaPolicies { id } }"),
    ("calendars", "{ calendars { id } }"),
    ("accessLog", "{ accessLog { totalCount } }"),
    ("segmentations", "{ segmentations { id } }"),
    ("draftSegmentation", "{ draftSegmentation(document: {}) { problems } }"),
    ("assetMatrix", "{ assetMatrix { count } }"),
    ("voices", "{ voices { totalCount } }"),
    ("myStaffCases", "{ myStaffCases { reference } }"),
    ("anonymousCase", "{ anonymousCase(code: \"x\") { reference } }"),
    ("reconciliation", "{ reconciliation(day: \"2026-03-21\") { differing } }"),
    ("missedFollowUps", "{ missedFollowUps { totalCount } }"),
    ("followUpsDue", "{ followUpsDue { totalCount } }"),
    (
        "managementReview",
        "{ managementReview(from: \"2026-01-01T00:00:00Z\", to: \"2026-02-01T00:00:00Z\") { before { received } } }",
    ),
    ("satisfaction", "{ satisfaction(by: UNIT) { asked } }"),
    ("unansweredCases", "{ unansweredCases { totalCount } }"),
    ("units", "{ units { code } }"),
    ("node", "query($id: ID!) { node(id: $id) { id } }"),
    ("viewer", "{ viewer { customer { id } } }"),
    ("nodes", "query($id: ID!) { nodes(ids: [$id]) { id } }"),
];

/// The subscriptions.
pub const SUBSCRIPTIONS: &[(&str, &str)] = &[
    ("caseEvents", "subscription($id: ID!) { caseEvents(caseId: $id) { cursor } }"),
    ("slaBreaches", "subscription { slaBreaches { cursor } }"),
    ("slaFacts", "subscription { slaFacts { cursor } }"),
    ("followUpReminders", "subscription { followUpReminders { cursor } }"),
    ("notifications", "subscription { notifications { cursor } }"),
    (
        "simulateSla",
        "subscription { simulateSla(policyId: \"x\", policy: { name: \"x\", rules: [{ name: \"x\", targets: [] }] }) { casesDone } }",
    ),
];

/// The mutations on an existing case, each with the least input beside `caseId`.
pub fn mutations_on_cases() -> Vec<(&'static str, Value)> {
    vec![
        ("classifyCase", json!({ "priority": "LOW" })),
        ("referCase", json!({ "unit": "technical", "reason": "x" })),
        ("assignCase", json!({ "assignee": "somebody" })),
        ("enterStage", json!({ "stage": "x" })),
        ("recordInteraction", json!({ "direction": "INBOUND", "channel": "PHONE", "body": "x" })),
        ("addNote", json!({ "body": "x" })),
        ("holdCase", json!({ "reason": "OTHER" })),
        ("resumeCase", json!({})),
        ("setDueDate", json!({ "dueAt": "2999-01-01T00:00:00Z" })),
        ("resolveCase", json!({ "outcome": "ANSWERED" })),
        ("reopenCase", json!({ "reason": "x" })),
        ("closeCase", json!({})),
        ("mergeCase", json!({ "into": global_id("Case", Uuid::nil()), "reason": "x" })),
        ("unmergeCase", json!({ "reason": "x" })),
        ("recordActivity", json!({ "name": "x" })),
        ("tellAuthor", json!({ "became": "PLANNED", "whatWasDone": "x", "channel": "PORTAL" })),
        ("acknowledgeCase", json!({ "channel": "SMS" })),
        (
            "assessCase",
            json!({ "severity": "MINOR", "safety": false, "complexity": "SIMPLE", "impact": "SINGLE" }),
        ),
        ("recordFinding", json!({ "finding": "x" })),
        ("decideCase", json!({ "outcome": "UPHELD", "reasons": "x" })),
        ("appealCase", json!({ "grounds": "x" })),
        ("acceptDecision", json!({ "channel": "PORTAL" })),
        ("offerAlternatives", json!({ "alternatives": "x" })),
        ("recordRootCause", json!({ "cause": "x" })),
        ("linkCorrectiveAction", json!({ "correctiveCaseId": global_id("Case", Uuid::nil()) })),
        ("acceptReferral", json!({})),
        ("returnReferral", json!({ "reason": "x" })),
        ("promiseFollowUp", json!({ "what": "x", "dueAt": "2999-01-01T00:00:00Z" })),
        ("keepFollowUp", json!({ "number": 1 })),
        ("askSurvey", json!({})),
        ("answerSurvey", json!({ "score": 5, "channel": "PORTAL" })),
    ]
}

/// Every mutation: its document, and its input.
pub fn mutations(case: &str, customer: &str) -> Vec<(&'static str, String, Value)> {
    let mut inputs = mutations_on_cases();
    for (_, input) in &mut inputs {
        input["caseId"] = json!(case);
    }
    inputs.extend([
        ("openCase", json!({ "kind": "REQUEST", "subject": "x", "channel": "APP" })),
        ("registerCustomer", json!({ "kind": "PARTNER", "name": "x", "language": "ENGLISH" })),
        ("addContactPoint", json!({ "customerId": customer, "kind": "EMAIL", "value": "a@b.ir" })),
        ("changeCustomerDetails", json!({ "customerId": customer, "tier": "gold" })),
        (
            "mergeCustomer",
            json!({ "customerId": customer, "into": global_id("Customer", Uuid::nil()), "reason": "x" }),
        ),
        ("unmergeCustomer", json!({ "customerId": customer, "reason": "x" })),
        (
            "appointRepresentative",
            json!({ "customerId": customer, "representativeId": customer, "basis": "FAMILY" }),
        ),
        (
            "dismissRepresentative",
            json!({ "customerId": customer, "representativeId": global_id("Customer", Uuid::nil()) }),
        ),
        ("giveConsent", json!({ "customerId": customer, "purpose": "SURVEY", "channel": "EMAIL" })),
        (
            "withdrawConsent",
            json!({ "customerId": customer, "purpose": "SURVEY", "channel": "EMAIL" }),
        ),
        ("placeLegalHold", json!({ "customerId": customer, "matter": "1405/312" })),
        ("releaseLegalHold", json!({ "customerId": customer })),
        // Of somebody else: what comes after it is still tried on a whole record.
        (
            "eraseCustomer",
            json!({ "customerId": global_id("Customer", Uuid::nil()), "ground": "UNLAWFUL" }),
        ),
        ("issueCard", json!({ "customerId": customer })),
        ("activateCard", json!({ "cardId": global_id("Card", Uuid::nil()) })),
        ("blockCard", json!({ "cardId": global_id("Card", Uuid::nil()), "reason": "LOST" })),
        ("replaceCard", json!({ "cardId": global_id("Card", Uuid::nil()) })),
        ("expireCard", json!({ "cardId": global_id("Card", Uuid::nil()) })),
        ("requestContactPointVerification", json!({ "customerId": customer, "contactPoint": 1 })),
        (
            "verifyContactPoint",
            json!({ "customerId": customer, "contactPoint": 1, "code": "123456" }),
        ),
        (
            "extendSlaClock",
            json!({ "caseId": case, "clock": "resolution-1", "reason": "x", "told": "x" }),
        ),
        ("waiveSlaBreach", json!({ "caseId": case, "clock": "resolution-1", "reason": "x" })),
        ("openStaffCase", json!({ "kind": "PRAISE", "subject": "x" })),
        ("openAnonymousCase", json!({ "code": "x", "kind": "PRAISE", "subject": "x" })),
        ("writeToStaffCase", json!({ "caseId": case, "body": "x" })),
        ("writeToAnonymousCase", json!({ "code": "x", "body": "x" })),
        ("defineUnit", json!({ "unit": "care", "name": "x" })),
        ("moveUnit", json!({ "unit": "care" })),
        ("appointUnitOwner", json!({ "unit": "care", "owner": "somebody" })),
        ("addUnitStaff", json!({ "unit": "care", "staff": "somebody" })),
        ("removeUnitStaff", json!({ "unit": "care", "staff": "somebody" })),
        ("publishPolicy", json!({ "id": "p", "document": {} })),
        ("publishSegmentation", json!({ "id": "s", "document": {} })),
        ("assessCustomerValue", json!({ "customerId": customer, "value": 1 })),
        ("publishCalendar", json!({ "id": "c", "document": {} })),
        ("changePreferences", json!({ "customerId": customer, "channels": ["SMS"] })),
        ("markNotificationsRead", json!({ "until": far_cursor(uuid_of(customer)) })),
    ]);
    inputs.extend(mutations_on_money(case, customer));
    let with_input = |(name, input)| (name, mutation(name), json!({ "input": input }));
    let mut mutations: Vec<_> = inputs.into_iter().map(with_input).collect();
    let rebuild = "mutation { rebuildReadModels { position } }".to_owned();
    mutations.push(("rebuildReadModels", rebuild, json!({})));
    let draw = "mutation { drawAnonymousCode { code } }".to_owned();
    mutations.push(("drawAnonymousCode", draw, json!({})));
    mutations
}

/// The mutations on accounts, redress and fees.
fn mutations_on_money(case: &str, customer: &str) -> Vec<(&'static str, Value)> {
    let money = json!({ "minorUnits": 1, "currency": "IRR" });
    let (redress, fee) = (json!({ "redressId": Uuid::nil() }), json!({ "feeId": Uuid::nil() }));
    vec![
        ("earnPoints", json!({ "customerId": customer, "postingId": "a", "points": 2 })),
        (
            "redeemPoints",
            json!({ "customerId": customer, "postingId": "b", "points": 1, "centre": "x" }),
        ),
        ("grantCredit", json!({ "customerId": customer, "postingId": "c", "money": money })),
        ("spendCredit", json!({ "customerId": customer, "postingId": "d", "money": money })),
        ("reversePosting", json!({ "customerId": customer, "postingId": "e", "reversed": "a" })),
        ("proposeRedress", json!({ "caseId": case, "value": { "points": 1 }, "ground": "DELAY" })),
        ("approveRedress", redress.clone()),
        ("rejectRedress", redress.clone()),
        ("acceptRedress", redress.clone()),
        ("declineRedress", redress),
        ("assessFee", json!({ "caseId": case, "money": money, "tariff": "x" })),
        ("waiveFee", json!({ "feeId": Uuid::nil(), "ground": "GOODWILL" })),
        ("payFee", fee.clone()),
        ("refundFee", fee),
        (
            "requestPayment",
            json!({ "purpose": { "topUp": { "customerId": customer, "money": money } } }),
        ),
        ("refundPayment", json!({ "paymentId": Uuid::nil() })),
    ]
}

/// The document of a mutation with an input that selects its user errors.
pub fn mutation(name: &str) -> String {
    let input = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    format!(
        "mutation($input: {input}!) {{ {name}(input: $input) {{ userErrors {{ code field message }} }} }}"
    )
}

/// The codes of an answer's top-level errors.
pub fn codes(answer: &Value) -> Vec<&str> {
    let errors = answer["errors"].as_array();
    errors.into_iter().flatten().filter_map(|error| error["extensions"]["code"].as_str()).collect()
}

/// Whether a request was refused because of this very field; nothing is executed then. A refusal of something below it is not enough: what
/// a mutation gives back has rows of its own, so a mutation that is open to the wrong role would seem to be refused.
pub fn is_refused(answer: &Value, type_name: &str, field: &str) -> bool {
    let named = format!("may not select `{type_name}.{field}`.");
    let errors = answer["errors"].as_array().into_iter().flatten();
    let refused = errors.into_iter().any(|error| {
        error["extensions"]["code"] == "FORBIDDEN"
            && error["message"].as_str().unwrap().contains(&named)
    });
    assert!(!refused || answer.get("data").is_none(), "{answer}");
    refused
}

/// The first answer to a document, a subscription or not.
pub async fn first_answer(
    system: &System,
    caller: &Caller<'_>,
    query: &str,
    variables: Value,
) -> Value {
    if !query.starts_with("subscription") {
        return caller.send(query, variables).await;
    }
    let mut response = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(&caller.token)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(json!({ "query": query, "variables": variables }).to_string())
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    loop {
        if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: "))
            && let Ok(answer) = serde_json::from_str(data)
        {
            return answer;
        }
        // A stream that is open and silent begins with a comment: nothing was refused, and nothing has happened yet.
        let silent = ["sla", "Reminders", "notifications"];
        let may_be_silent = silent.iter().any(|name| query.contains(name));
        if text.starts_with(":\n\n") && may_be_silent {
            return json!({});
        }
        let chunk = response.chunk().await.unwrap().expect("the stream tells something");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
}

/// The UUID inside a global id.
pub fn uuid_of(global_id: &str) -> Uuid {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(global_id).unwrap()).unwrap();
    text.split_once(':').unwrap().1.parse().unwrap()
}

/// A global id of this type for this UUID.
pub fn global_id(node_type: &str, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(format!("{node_type}:{id}"))
}

/// Registers a customer and gives the global id.
pub async fn register(system: &System) -> String {
    let input = json!({ "kind": "INDIVIDUAL", "name": "مهری", "language": "PERSIAN" });
    let service = system.caller(Role::Service);
    let done = service.mutate("registerCustomer", "customer { id }", input).await;
    done["customer"]["id"].as_str().unwrap().to_owned()
}

/// Opens a case and gives the global id.
pub async fn open(system: &System, unit: Option<&str>, customer: Option<&str>) -> String {
    let input = json!({
        "kind": "COMPLAINT", "subject": "آب سرد", "channel": "PHONE", "unit": unit, "customerId": customer,
        "externalReference": unit,
    });
    let done = system.caller(Role::Service).mutate("openCase", "case { id }", input).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}
