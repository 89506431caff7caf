//! A complaint by ISO 10002, from its receipt over an appeal to its closing and to what keeps it from happening again.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_complaint_from_its_receipt_over_an_appeal_to_its_closing() {
    let stage = Stage::set();
    let agent = stage.staff(Role::Agent);
    let customer = stage.register("نسترن").await;
    let own = stage.customer(&customer);
    let open = json!({ "kind": "COMPLAINT", "subject": "بوی گاز", "channel": "PORTAL", "remedySought": "تعمیر و پوزش" });
    let case = own.mutate("openCase", "case { id }", open).await["case"]["id"].take();
    let step = async |caller: &crate::harness::Caller<'_>, name: &str, mut input: Value| {
        input["caseId"] = case.clone();
        caller.mutate(name, "case { status priority }", input).await["case"].take()
    };
    step(&agent, "acknowledgeCase", json!({ "channel": "SMS" })).await;
    let assessment = json!({ "severity": "CRITICAL", "safety": true, "complexity": "INVOLVED", "impact": "SEVERAL",
        "immediateAction": "جریان گاز بسته شود" });
    let assessed = step(&agent, "assessCase", assessment).await;
    assert_eq!(assessed["priority"], "URGENT", "safety jumps the queue");
    step(&agent, "recordFinding", json!({ "finding": "شیر نشتی داشت", "evidence": "scan-12" }))
        .await;
    let decision = json!({ "outcome": "PARTLY_UPHELD", "reasons": "از شیر بود", "appealTo": "کمیتهٔ بازنگری",
        "appealUntil": "2999-01-01T00:00:00Z", "channel": "LETTER" });
    assert_eq!(step(&agent, "decideCase", decision).await["status"], "RESOLVED");
    let close = json!({ "caseId": case });
    assert_eq!(agent.refusal("closeCase", close.clone()).await, "DECISION_NOT_ACCEPTED");

    step(&own, "appealCase", json!({ "grounds": "لوله هم از شماست" })).await;
    step(&agent, "decideCase", json!({ "outcome": "UPHELD", "reasons": "لوله هم از ما بود" }))
        .await;
    step(&own, "acceptDecision", json!({ "channel": "PORTAL" })).await;
    assert_eq!(agent.refusal("closeCase", close).await, "ANSWER_MISSING");
    let letter = json!({ "direction": "OUTBOUND", "channel": "LETTER", "body": "حق با شماست" });
    step(&agent, "recordInteraction", letter).await;
    assert_eq!(step(&agent, "closeCase", json!({})).await["status"], "CLOSED");

    let repair =
        json!({ "kind": "INCIDENT", "subject": "شیرهای کهنه", "channel": "PHONE", "unit": "care" });
    let repair = agent.mutate("openCase", "case { id }", repair).await["case"]["id"].take();
    step(&agent, "recordRootCause", json!({ "cause": "worn-valve", "explanation": "ده سال است" }))
        .await;
    step(&agent, "linkCorrectiveAction", json!({ "correctiveCaseId": repair })).await;
    let query = "query($id: ID!) { case(id: $id) { outcome complaint { acknowledgedBy rootCauses decisions { level outcome } \
                 correctiveActions { id } } } }";
    let seen = agent.ask(query, json!({ "id": case })).await["case"].take();
    assert_eq!(seen["outcome"], "UPHELD");
    assert_eq!(
        seen["complaint"],
        json!({ "acknowledgedBy": "SMS", "rootCauses": ["worn-valve"],
            "decisions": [{ "level": 1, "outcome": "PARTLY_UPHELD" }, { "level": 2, "outcome": "UPHELD" }],
            "correctiveActions": [{ "id": repair }] })
    );
    // The customer reads what was decided and why, and not how it was weighed.
    let query = "query($id: ID!) { case(id: $id) { timeline { nodes { eventType text } } } }";
    let read = own.ask(query, json!({ "id": case })).await["case"]["timeline"].to_string();
    assert!(read.contains("لوله هم از ما بود") && !read.contains("شیر نشتی"), "{read}");

    let told = stage.tell_the_log(&["نسترن", "بوی گاز", "پوزش", "شیر نشتی", "حق با شماست"]);
    assert_in_order(
        &told,
        &[
            "CaseOpened",
            "CaseAcknowledged",
            "CaseAssessed",
            "CaseClassified",
            "FindingRecorded",
            "CaseDecided",
            "CaseAppealed",
            "CaseDecided",
            "DecisionAccepted",
            "InteractionRecorded",
            "CaseClosed",
            "RootCauseRecorded",
            "CorrectiveActionLinked",
        ],
    );
}
