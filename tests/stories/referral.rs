//! A case goes to a unit that keeps silent, to that unit's owner, and back; a promise to the customer is missed and kept late.

use jiff::{SignedDuration, Timestamp};
use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_referral_that_nobody_answers_and_of_a_promise_that_is_missed() {
    let stage = Stage::set();
    let (admin, agent) = (stage.staff(Role::Admin), stage.staff(Role::Agent));
    for unit in [
        json!({ "unit": "operations", "name": "بهره‌برداری", "owner": "owner-1" }),
        json!({ "unit": "technical", "name": "فنی", "parent": "operations" }),
    ] {
        admin.mutate("defineUnit", "unit { code }", unit).await;
    }
    let customer = stage.register("مهری").await;
    let open = json!({ "kind": "REQUEST", "subject": "انشعاب آب", "channel": "PHONE", "unit": "care", "customerId": customer });
    let case = agent.mutate("openCase", "case { id }", open).await["case"]["id"].take();
    let soon = (Timestamp::now() + SignedDuration::from_secs(1)).to_string();
    let promise = json!({ "caseId": case, "what": "امروز تماس می‌گیریم", "dueAt": soon });
    agent.mutate("promiseFollowUp", "case { id }", promise).await;
    let refer =
        json!({ "caseId": case, "unit": "technical", "reason": "فنی است", "answerDueAt": soon });
    agent.mutate("referCase", "case { id }", refer).await;

    let (auditor, of) = (stage.staff(Role::Auditor), json!({ "id": case }));
    let query = "query($id: ID!) { case(id: $id) { unit referral { unit fromUnit escalatedTo } followUps { state } } }";
    until(&auditor, query, of.clone(), "/case/referral/escalatedTo", json!("owner-1")).await;
    until(&auditor, query, of.clone(), "/case/followUps/0/state", json!("MISSED")).await;
    let missed =
        auditor.ask("{ missedFollowUps { totalCount nodes { caseId } } }", json!({})).await;
    assert_eq!(
        missed["missedFollowUps"],
        json!({ "totalCount": 1, "nodes": [{ "caseId": case }] })
    );

    let technical = stage.staff_of(Role::Agent, "agent-2", "technical");
    let back = json!({ "caseId": case, "reason": "به ما مربوط نیست" });
    let back = technical.mutate("returnReferral", "case { unit }", back).await;
    assert_eq!(back["case"]["unit"], "care");
    let again = json!({ "caseId": case, "unit": "operations", "reason": "پس با شماست" });
    agent.mutate("referCase", "case { id }", again).await;
    let operations = stage.staff_of(Role::Agent, "agent-3", "operations");
    operations.mutate("acceptReferral", "case { id }", json!({ "caseId": case })).await;
    operations.mutate("keepFollowUp", "case { id }", json!({ "caseId": case, "number": 1 })).await;
    let seen = auditor.ask(query, of).await["case"].take();
    assert_eq!(seen["followUps"], json!([{ "state": "KEPT_LATE" }]));
    // It cannot quietly end without an answer.
    let end = json!({ "caseId": case, "outcome": "FULFILLED" });
    operations.mutate("resolveCase", "case { id }", end).await;
    let unanswered = "{ unansweredCases { nodes { id } } }";
    let found = auditor.ask(unanswered, json!({})).await["unansweredCases"]["nodes"].take();
    assert_eq!(found, json!([{ "id": case }]));
    let answer = json!({ "caseId": case, "direction": "OUTBOUND", "channel": "PHONE", "body": "انشعاب وصل است" });
    operations.mutate("recordInteraction", "case { id }", answer).await;
    let found: Value = auditor.ask(unanswered, json!({})).await["unansweredCases"]["nodes"].take();
    assert_eq!(found, json!([]));

    let told = stage.tell_the_log(&["مهری", "انشعاب", "تماس می‌گیریم", "مربوط نیست"]);
    let once =
        |name: &str| assert_eq!(told.iter().filter(|told| *told == name).count(), 1, "{name}");
    once("ReferralEscalated");
    once("FollowUpMissed");
    assert_in_order(
        &told,
        &[
            "UnitDefined",
            "CaseOpened",
            "FollowUpPromised",
            "CaseReferred",
            "ReferralEscalated",
            "ReferralReturned",
            "CaseReferred",
            "ReferralAccepted",
            "FollowUpKept",
            "CaseResolved",
            "InteractionRecorded",
        ],
    );
}
