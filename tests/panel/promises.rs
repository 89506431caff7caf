//! What the page says of promises, fees and files, by a clock that the test moves.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{open, page};
use crate::authorisation::documents::{register, uuid_of};
use crate::harness::feed::WebSocketFeed;
use crate::harness::service::Service;

const STEPS: &str = "query($id: ID!, $asOf: DateTime) { case(id: $id, asOf: $asOf) { \
    steps { step state at { moment } promisedUntil { moment } } } }";

/// Each step with how far it is, and the moment when it was done or until which it is promised.
async fn steps(service: &Service, id: &Value, as_of: Option<i64>) -> Vec<String> {
    let as_of = as_of.map(|minutes| service.at(minutes).to_string());
    let auditor = service.system.caller(Role::Auditor);
    let data = auditor.ask(STEPS, json!({ "id": id, "asOf": as_of })).await;
    let minutes = |moment: &Value| match moment["moment"].as_str() {
        Some(text) => (text.parse::<jiff::Timestamp>().unwrap() - service.begin).get_seconds() / 60,
        None => -1,
    };
    let told = |step: &Value| {
        let (name, state) = (step["step"].as_str().unwrap(), step["state"].as_str().unwrap());
        let moment = minutes(&step["at"]).max(minutes(&step["promisedUntil"]));
        format!("{name} {state} {moment}")
    };
    data["case"]["steps"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_say_what_service_levels_promise_and_what_was_known_at_a_moment() {
    let service = Service::start().await;
    let system = &service.system;
    let own = system.customer(uuid_of(&register(system).await));
    service.advance_to(0);
    let case = open(&own, "COMPLAINT").await;
    // An answer in two hours, a solution in ten.
    let expected = [
        "RECEIVED DONE 0",
        "ACKNOWLEDGED CURRENT 120",
        "ASSESSED AHEAD -1",
        "DECIDED AHEAD 600",
        "ANSWERED AHEAD 600",
        "CLOSED AHEAD -1",
    ];
    assert_eq!(steps(&service, &case, None).await, expected);
    let id = case.as_str().unwrap();
    service.advance_to(30);
    service.command("acknowledgeCase", id, 30, json!({ "channel": "SMS" })).await;
    // A date that was agreed comes before what the policy says.
    let due = json!({ "dueAt": service.at(300).to_string() });
    service.command("setDueDate", id, 30, due).await;
    service.advance_to(60);
    // A complaint that was taken back is answered without a decision: what was passed over is no step.
    service.command("resolveCase", id, 60, json!({ "outcome": "WITHDRAWN" })).await;
    let now = steps(&service, &case, None).await;
    assert_eq!(now[2..], ["ANSWERED CURRENT 300", "CLOSED AHEAD -1"], "nobody has answered");
    let answer = json!({ "direction": "OUTBOUND", "channel": "PORTAL", "body": "پس گرفته شد" });
    service.command("recordInteraction", id, 60, answer).await;
    let now = steps(&service, &case, None).await;
    let done = ["RECEIVED DONE 0", "ACKNOWLEDGED DONE 30", "ANSWERED DONE 60", "CLOSED CURRENT -1"];
    assert_eq!(now, done);
    let known = steps(&service, &case, Some(45)).await;
    assert_eq!(known[1..3], ["ACKNOWLEDGED DONE 30", "ASSESSED CURRENT -1"]);
    assert_eq!(known[4], "ANSWERED AHEAD 300");
    assert_eq!(steps(&service, &case, Some(10)).await, expected);
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_was_missed_makes_room_for_the_next_and_stands_where_there_is_none() {
    let service = Service::start().await;
    let own = service.system.customer(uuid_of(&register(&service.system).await));
    service.advance_to(0);
    let case = open(&own, "COMPLAINT").await;
    let id = case.as_str().unwrap();
    service.advance_to(2);
    service.command("acknowledgeCase", id, 1, json!({ "channel": "SMS" })).await;
    // Nothing is promised for the assessment, so what was promised beside stands there.
    for minutes in [30, 90] {
        let promise = json!({ "what": "تماس", "dueAt": service.at(minutes).to_string() });
        service.command("promiseFollowUp", id, 1, promise).await;
    }
    let current = async || steps(&service, &case, None).await[2].clone();
    assert_eq!(current().await, "ASSESSED CURRENT 30");
    service.advance_to(31);
    assert_eq!(current().await, "ASSESSED CURRENT 90", "the first was missed");
    service.advance_to(91);
    assert_eq!(
        current().await,
        "ASSESSED CURRENT 30",
        "both were, and the customer waits for both"
    );
    service.command("keepFollowUp", id, 91, json!({ "number": 1 })).await;
    assert_eq!(current().await, "ASSESSED CURRENT 90");
    service.command("keepFollowUp", id, 91, json!({ "number": 2 })).await;
    assert_eq!(current().await, "ASSESSED CURRENT -1");
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_of_missed_promises_fees_and_files() {
    let service = Service::start().await;
    let system = &service.system;
    let customer = register(system).await;
    let own = system.customer(uuid_of(&customer));
    service.advance_to(0);
    let case = open(&own, "REQUEST").await;
    let feed = "subscription { notifications { notification { kind money { text } promisedUntil { gregorian } } } }";
    let mut feed = WebSocketFeed::open(system, &own.token, feed, json!({})).await;
    let promise = json!({ "what": "تماس", "dueAt": service.at(30).to_string() });
    service.command("promiseFollowUp", case.as_str().unwrap(), 0, promise).await;
    let fee = json!({ "caseId": case, "tariff": "copy", "money": { "minorUnits": 1_500, "currency": "IRR" } });
    let agent = system.caller(Role::Agent);
    agent.mutate("assessFee", "fee { id }", fee).await;
    // A file to the customer is told, one among staff is not.
    for direction in ["internal", "outbound"] {
        let path =
            format!("/cases/{}/attachments?name=x&direction={direction}", case.as_str().unwrap());
        let request = reqwest::Client::new().post(system.url(&path)).bearer_auth(&agent.token);
        let sent = request.header("content-type", "text/plain").body("x").send().await.unwrap();
        assert_eq!(sent.status(), 201);
    }
    service.advance_to(31);
    let told = |kind: &str, money: Value, until: Value| json!({ "notifications": { "notification": { "kind": kind, "money": money, "promisedUntil": until } } });
    let day = json!({ "gregorian": "2026-03-02" });
    for expected in [
        told("PROMISE_MADE", Value::Null, day.clone()),
        told("FEE_ASSESSED", json!({ "text": "15.00 IRR" }), Value::Null),
        told("ATTACHMENT_SENT", Value::Null, Value::Null),
        told("PROMISE_MISSED", Value::Null, day),
    ] {
        assert_eq!(feed.next().await, expected);
    }

    // What was wished dies with the customer's data; what happened stays.
    let wish =
        json!({ "customerId": customer, "channels": ["SMS"], "unwantedNotifications": ["CLOSED"] });
    own.mutate("changePreferences", "customer { id }", wish).await;
    let erase = json!({ "customerId": customer, "ground": "SUBJECT_REQUEST" });
    let officer = system.caller(Role::PrivacyOfficer);
    officer.mutate("eraseCustomer", "customer { id }", erase).await;
    let query = "{ viewer { unreadCount preferences { channels unwantedNotifications } } }";
    let seen = page(system, &own, "fa", query).await;
    let nothing = json!({ "channels": [], "unwantedNotifications": [] });
    assert_eq!(seen, json!({ "unreadCount": 4, "preferences": nothing }));
    service.system.stop().await;
}
