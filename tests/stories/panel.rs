//! A customer's own page: a case with its stage, messages and files both ways, what is owed and what is held, told live.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};
use crate::harness::feed::WebSocketFeed;

const FOLLOW: &str =
    "subscription($id: ID!) { caseEvents(caseId: $id) { entry { eventType text } } }";
const PAGE: &str = "{ viewer { customer { account { points } } cases { nodes { id stage status followUps { what state }
    attachments { name direction } timeline { nodes { eventType text } } } } } }";

/// What is told next of a case.
async fn next(feed: &mut WebSocketFeed) -> (String, Value) {
    let mut entry = feed.next().await["caseEvents"]["entry"].take();
    (entry["eventType"].as_str().unwrap().to_owned(), entry["text"].take())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_customers_own_page() {
    let stage = Stage::set();
    let agent = stage.staff(Role::Agent);
    let (customer, other) = (stage.register("مهری").await, stage.register("کامران").await);
    let own = stage.customer(&customer);
    let open = json!({ "kind": "REQUEST", "subject": "کارت تازه", "channel": "PORTAL" });
    let case = own.mutate("openCase", "case { id }", open).await["case"]["id"].take();
    let watch = json!({ "id": case });
    let mut feed =
        WebSocketFeed::open_with(&stage.url(), &own.token, json!({}), FOLLOW, watch).await;
    assert_eq!(next(&mut feed).await, ("CaseOpened".to_owned(), json!("کارت تازه")));

    let refer = json!({ "caseId": case, "unit": "care", "reason": "نزد ما" });
    stage.staff(Role::Service).mutate("referCase", "case { id }", refer).await;
    let stages = json!({ "caseId": case, "stage": "در دست بررسی" });
    agent.mutate("enterStage", "case { id }", stages).await;
    let promise =
        json!({ "caseId": case, "what": "فردا خبر می‌دهیم", "dueAt": "2999-01-01T00:00:00Z" });
    agent.mutate("promiseFollowUp", "case { id }", promise).await;
    let note = json!({ "caseId": case, "body": "میان خودمان" });
    agent.mutate("addNote", "case { id }", note).await;
    let write = json!({ "caseId": case, "direction": "INBOUND", "channel": "PORTAL", "body": "عکس را فرستادم" });
    own.mutate("recordInteraction", "case { id }", write).await;
    let id = case.as_str().unwrap();
    let file = stage.process.url(&format!("/cases/{id}/attachments?name=photo.png"));
    let file = stage.http.post(file).bearer_auth(&own.token).header("content-type", "image/png");
    assert_eq!(file.body("png").send().await.unwrap().status(), 201);
    let answer =
        json!({ "caseId": case, "direction": "OUTBOUND", "channel": "PORTAL", "body": "رسید" });
    agent.mutate("recordInteraction", "case { id }", answer).await;
    for (event_type, text) in [
        ("CaseStageEntered", Value::Null),
        ("FollowUpPromised", json!("فردا خبر می‌دهیم")),
        ("InteractionRecorded", json!("عکس را فرستادم")),
        ("AttachmentAdded", json!("photo.png")),
        ("InteractionRecorded", json!("رسید")),
    ] {
        assert_eq!(next(&mut feed).await, (event_type.to_owned(), text));
    }
    let earn = json!({ "customerId": customer, "postingId": "welcome", "points": 50 });
    stage.staff(Role::Service).mutate("earnPoints", "account { points }", earn).await;

    let page = own.ask(PAGE, json!({})).await["viewer"].take();
    assert_eq!(page["customer"]["account"]["points"], 50);
    let seen = &page["cases"]["nodes"][0];
    assert_eq!((&seen["stage"], &seen["status"]), (&json!("در دست بررسی"), &json!("OPEN")));
    assert_eq!(seen["followUps"], json!([{ "what": "فردا خبر می‌دهیم", "state": "WAITING" }]));
    assert_eq!(seen["attachments"], json!([{ "name": "photo.png", "direction": "INBOUND" }]));
    let told = seen["timeline"].to_string();
    assert!(told.contains("رسید") && !told.contains("میان خودمان"), "{told}");
    // Another customer has a page of their own, and nothing of this one is on it.
    let strange = stage.customer(&other);
    assert_eq!(strange.ask(PAGE, json!({})).await["viewer"]["cases"]["nodes"], json!([]));
    let by_id =
        strange.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": case })).await;
    assert_eq!(by_id["node"], Value::Null);

    let told = stage.tell_the_log(&["مهری", "کامران", "photo.png", "عکس را", "میان خودمان"]);
    assert_in_order(
        &told,
        &[
            "CaseOpened",
            "CaseStageEntered",
            "FollowUpPromised",
            "CaseNoteAdded",
            "InteractionRecorded",
            "AttachmentPartStored",
            "AttachmentAdded",
            "InteractionRecorded",
            "PointsEarned",
        ],
    );
}
