//! The pack for management's review: what it says is what happened, beside the period before, and for those who answer for it.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{open, register, uuid_of, with};
use crate::harness::service::Service;

const FIGURES: &str = "received acknowledged acknowledgedInTime decided outcomes { outcome count } \
    appeals appealsChanged appealsConfirmed appealsOpen appealsEnded rootCauses { cause count } \
    correctiveActionsOpen correctiveActionsDone missedFollowUps unanswered redressPaid \
    redressMoney { minorUnits currency } redressPoints satisfaction { asked answered mean }";

const DAY: i64 = 24 * 60;

async fn review(service: &Service, role: Role, units: &[&str], days: (i64, i64)) -> Value {
    let query = format!(
        "query($from: DateTime!, $to: DateTime!) {{ managementReview(from: $from, to: $to) {{ \
            period {{ {FIGURES} }} before {{ from received missedFollowUps }} }} }}"
    );
    let at = |day: i64| service.at(day * DAY).to_string();
    let variables = json!({ "from": at(days.0), "to": at(days.1) });
    let caller = service.system.caller_as(role, None, units);
    caller.ask(&query, variables).await["managementReview"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn management_sees_what_became_of_the_complaints_of_a_period_beside_the_one_before() {
    let service = Service::start().await;
    let agent = service.system.caller(Role::Agent);
    let customer = register(&agent).await;
    let own = service.system.customer(uuid_of(&customer));
    let complaint = async |unit: &str, day: i64| {
        let at = service.at(day * DAY).to_string();
        let more = json!({ "unit": unit, "customerId": customer, "occurredAt": at });
        let case = open(&service.system.caller(Role::Service), more).await;
        case.as_str().unwrap().to_owned()
    };
    let step = async |name: &str, case: &str, hour: i64, input: Value| {
        service.command(name, case, hour * 60, input).await;
    };
    let assessment =
        json!({ "severity": "MINOR", "safety": false, "complexity": "SIMPLE", "impact": "SINGLE" });
    let decision = |outcome: &str| {
        json!({ "outcome": outcome, "reasons": "x", "channel": "EMAIL",
        "appealUntil": "2999-01-01T00:00:00Z", "appealTo": "کمیته" })
    };

    // The period before: one complaint, and a promise that nobody keeps.
    service.advance_to(DAY);
    let old = complaint("care", 0).await;
    let promise = json!({ "what": "تماس", "dueAt": service.at(2 * DAY).to_string() });
    step("promiseFollowUp", &old, 24, promise).await;

    // Ten days on: one acknowledged in time, decided, appealed and decided otherwise; one acknowledged late; one that is a unit's own.
    service.advance_to(20 * DAY);
    let (upheld, late) = (complaint("care", 10).await, complaint("care", 11).await);
    complaint("technical", 12).await;
    step("acknowledgeCase", &upheld, 241, json!({ "channel": "SMS" })).await;
    step("acknowledgeCase", &late, 300, json!({ "channel": "SMS" })).await;
    step("assessCase", &upheld, 242, assessment).await;
    step("decideCase", &upheld, 250, decision("NOT_UPHELD")).await;
    step("appealCase", &upheld, 255, json!({ "grounds": "x" })).await;
    step("decideCase", &upheld, 260, decision("UPHELD")).await;
    step("acceptDecision", &upheld, 270, json!({ "channel": "PORTAL" })).await;
    step("recordRootCause", &upheld, 270, json!({ "cause": "worn-valve" })).await;
    let (open_action, done_action) =
        (service.open("technical", 0).await, service.open("care", 0).await);
    for action in [&open_action, &done_action] {
        step("linkCorrectiveAction", &upheld, 271, json!({ "correctiveCaseId": action })).await;
    }
    service.resolve(&done_action, 300 * 60).await;
    let proposal = json!({ "caseId": upheld, "ground": "FAULT", "value": { "money": { "minorUnits": 900, "currency": "IRR" } } });
    let proposed = agent.mutate("proposeRedress", "redress { id }", proposal).await;
    let redress = json!({ "redressId": proposed["redress"]["id"] });
    let leader = service.system.caller(Role::Supervisor);
    leader.mutate("approveRedress", "redress { id }", redress.clone()).await;
    own.mutate("acceptRedress", "redress { id }", redress).await;
    step("closeCase", &upheld, 280, json!({})).await;
    step("askSurvey", &upheld, 281, json!({})).await;
    let answer = json!({ "score": 4, "channel": "PHONE" });
    step("answerSurvey", &upheld, 290, answer).await;

    // What is paid is settled by the program, and what was missed is told by it.
    let mut moved = service.system.app.read_models.position_changes();
    let seen = loop {
        moved.borrow_and_update();
        let seen = review(&service, Role::Auditor, &[], (10, 21)).await;
        if seen["period"]["redressPaid"] == 1 && seen["before"]["missedFollowUps"] == 1 {
            break seen;
        }
        let waited =
            tokio::time::timeout(std::time::Duration::from_secs(20), moved.changed()).await;
        assert!(waited.is_ok(), "{seen:#}");
    };
    let expected = json!({
        "received": 3, "acknowledged": 2, "acknowledgedInTime": 1, "decided": 1,
        "outcomes": [{ "outcome": "NOT_UPHELD", "count": 1 }, { "outcome": "UPHELD", "count": 1 }],
        "appeals": 1, "appealsChanged": 1, "appealsConfirmed": 0, "appealsOpen": 0, "appealsEnded": 0,
        "rootCauses": [{ "cause": "worn-valve", "count": 1 }],
        "correctiveActionsOpen": 1, "correctiveActionsDone": 1, "missedFollowUps": 0, "unanswered": 2,
        "redressPaid": 1, "redressMoney": [{ "minorUnits": 900, "currency": "IRR" }], "redressPoints": 0,
        "satisfaction": { "asked": 1, "answered": 1, "mean": 4.0 },
    });
    assert_eq!(seen["period"], expected);
    let before =
        json!({ "from": service.at(-DAY).to_string(), "received": 1, "missedFollowUps": 1 });
    assert_eq!(seen["before"], before);

    // A supervisor sees the figures of their own units, and a worker none.
    let own = review(&service, Role::Supervisor, &["technical"], (10, 21)).await;
    let few = with(own["period"].clone(), json!({}));
    assert_eq!(
        (&few["received"], &few["decided"], &few["redressPaid"]),
        (&json!(1), &json!(0), &json!(0))
    );
    let query = "{ managementReview(from: \"2026-01-01T00:00:00Z\", to: \"2026-02-01T00:00:00Z\") { period { received } } }";
    let refused = agent.send(query, json!({})).await;
    assert_eq!(refused["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let auditor = service.system.caller(Role::Auditor);
    let asked = |from: &str, to: &str| {
        format!(
            "{{ managementReview(from: \"{from}T00:00:00Z\", to: \"{to}T00:00:00Z\") {{ period {{ received }} }} }}"
        )
    };
    for (from, to) in [("2026-02-01", "2026-01-01"), ("2023-12-30", "2026-01-01")] {
        let refused = auditor.send(&asked(from, to), json!({})).await;
        assert_eq!(refused["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{from} {to}");
    }
    // Two years in one, and several at once: they wait for one another.
    let several = "{ one: managementReview(from: \"2024-01-01T00:00:00Z\", to: \"2026-01-01T00:00:00Z\") { period { received } } \
        two: managementReview(from: \"2025-01-01T00:00:00Z\", to: \"2026-01-01T00:00:00Z\") { period { received } } }";
    let answer = auditor.ask(several, json!({})).await;
    assert_eq!(answer["one"]["period"]["received"], answer["two"]["period"]["received"]);
    service.system.stop().await;
}
