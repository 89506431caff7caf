//! The story of a customer's own page, told through GraphQL on a running server.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{open, page, say, start};
use crate::authorisation::documents::{register, uuid_of};
use crate::harness::System;

const PAGE: &str = "{ viewer { unreadCount customer { account { points } } \
    cases { nodes { reference stage openedOn { gregorian jalali text } \
        steps { step state at { gregorian } promisedUntil { gregorian jalali text } text } } } \
    notifications(first: 50) { nodes { kind text read stage points money { text } at { text } promisedUntil { jalali } } } } }";

/// The signs by which pieces of other directions are kept together.
fn is_isolate(sign: char) -> bool {
    matches!(sign, '\u{2066}'..='\u{2069}')
}

/// Each step with how far it is, of the page's only case.
fn steps(page: &Value) -> Vec<String> {
    let steps = page["cases"]["nodes"][0]["steps"].as_array().unwrap();
    let words = |step: &Value| {
        let (name, state) = (step["step"].as_str().unwrap(), step["state"].as_str().unwrap());
        format!("{name} {state}")
    };
    steps.iter().map(words).collect()
}

/// What stands in the log, one line an event: position, type, stream's category, and who acted.
async fn print_log(system: &System) {
    for logged in system.app.store.read_all(None, 1_000).await.unwrap() {
        let meta: Value = serde_json::from_slice(&logged.metadata).unwrap();
        let (position, category) = (logged.position.0, logged.stream.category());
        println!("{position} {} {category} by {}", logged.type_name, meta["actor"]["kind"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_page_shows_what_is_done_what_is_next_and_what_they_were_told() {
    let (_directory, system) = start().await;
    let customer = register(&system).await;
    let own = system.customer(uuid_of(&customer));
    let (agent, lead) = (system.caller(Role::Agent), system.caller(Role::Supervisor));
    let case = open(&own, "COMPLAINT").await;

    // Received: the rest lies ahead, and nothing was told yet, because it was the customer who acted.
    let seen = page(&system, &own, "fa", PAGE).await;
    let expected = [
        "RECEIVED DONE",
        "ACKNOWLEDGED CURRENT",
        "ASSESSED AHEAD",
        "DECIDED AHEAD",
        "ANSWERED AHEAD",
        "CLOSED AHEAD",
    ];
    assert_eq!(steps(&seen), expected);
    assert_eq!(seen["unreadCount"], 0);
    let reference = seen["cases"]["nodes"][0]["reference"].as_str().unwrap().to_owned();

    // The organisation acknowledges, promises a call, and weighs it among itself.
    let on = |mut input: Value| {
        input["caseId"] = case.clone();
        input
    };
    agent.mutate("acknowledgeCase", "case { id }", on(json!({ "channel": "SMS" }))).await;
    // One minute after midnight in Tehran is the day before in UTC.
    let promise = json!({ "what": "تماس", "dueAt": "2999-11-21T20:31:00Z" });
    agent.mutate("promiseFollowUp", "case { id }", on(promise)).await;
    let seen = page(&system, &own, "fa", PAGE).await;
    assert_eq!(steps(&seen)[1..3], ["ACKNOWLEDGED DONE", "ASSESSED CURRENT"]);
    let assessed = &seen["cases"]["nodes"][0]["steps"][2];
    assert_eq!(assessed["promisedUntil"]["gregorian"], "2999-11-22");
    assert_eq!(assessed["promisedUntil"]["jalali"], "2378/09/01");
    assert_eq!(assessed["text"], "گام کنونی، تا ۱ آذر ۲۳۷۸: ارزیابی.");
    let english = page(&system, &own, "en", PAGE).await;
    let assessed = &english["cases"]["nodes"][0]["steps"][2];
    assert_eq!(assessed["text"], "Next, by 22 November 2999: assessment.");

    let weight =
        json!({ "severity": "MINOR", "safety": false, "complexity": "SIMPLE", "impact": "SINGLE" });
    agent.mutate("assessCase", "case { id }", on(weight)).await;
    agent.mutate("addNote", "case { id }", on(json!({ "body": "میان خودمان" }))).await;
    agent.mutate("enterStage", "case { id }", on(json!({ "stage": "Field visit" }))).await;
    let decision = json!({ "outcome": "UPHELD", "reasons": "کنتور خراب بود" });
    agent.mutate("decideCase", "case { id }", on(decision)).await;
    let seen = page(&system, &own, "fa", PAGE).await;
    assert!(steps(&seen).contains(&"ANSWERED CURRENT".to_owned()), "it was written down only");
    let other_ways = json!({ "alternatives": "شورای حل اختلاف" });
    agent.mutate("offerAlternatives", "case { id }", on(other_ways)).await;
    // Redress: proposed among staff, offered once it is approved, paid once it is accepted.
    let proposal = json!({ "value": { "points": 40 }, "ground": "FAULT" });
    let fields = "redress { id }";
    let redress =
        agent.mutate("proposeRedress", fields, on(proposal)).await["redress"]["id"].take();
    let redress = json!({ "redressId": redress });
    lead.mutate("approveRedress", fields, redress.clone()).await;
    own.mutate("acceptRedress", fields, redress).await;
    let mut moved = system.app.read_models.position_changes();
    while page(&system, &own, "fa", PAGE).await["notifications"]["nodes"][0]["kind"]
        != "REDRESS_PAID"
    {
        moved.changed().await.unwrap();
    }
    own.mutate("acceptDecision", "case { id }", on(json!({ "channel": "PORTAL" }))).await;
    say(&agent, &case, "کنتور عوض شد").await;
    agent.mutate("keepFollowUp", "case { id }", on(json!({ "number": 1 }))).await;
    agent.mutate("closeCase", "case { id }", on(json!({}))).await;

    // The whole page in the end, the newest first: what the customer did and what staff said among themselves is not on it.
    let seen = page(&system, &own, "fa-IR,en;q=0.5", PAGE).await;
    assert!(steps(&seen).iter().all(|step| step.ends_with("DONE")), "{:?}", steps(&seen));
    assert_eq!(seen["customer"]["account"]["points"], 40);
    let told = seen["notifications"]["nodes"].as_array().unwrap();
    let kinds: Vec<_> = told.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    let expected = [
        "CLOSED",
        "ANSWERED",
        "REDRESS_PAID",
        "REDRESS_OFFERED",
        "ALTERNATIVES_OFFERED",
        // A decision answers the case as well.
        "RESOLVED",
        "DECIDED",
        "STAGE_ENTERED",
        "PROMISE_MADE",
        "ACKNOWLEDGED",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(seen["unreadCount"], 10);
    assert_eq!(told[2]["points"], 40);
    assert_eq!(told[8]["promisedUntil"]["jalali"], "2378/09/01");
    // Latin pieces in Persian sentences stand in isolates.
    let stage =
        format!("پروندهٔ \u{2066}{reference}\u{2069} به مرحلهٔ \u{2068}Field visit\u{2069} رسید.");
    assert_eq!(told[7]["text"], stage);
    for one in told {
        let text = one["text"].as_str().unwrap();
        let outside: String = text.split(is_isolate).step_by(2).collect();
        assert!(!outside.contains(|sign: char| sign.is_ascii_alphanumeric()), "{text:?}");
    }
    let english = page(&system, &own, "en", PAGE).await;
    let sentence = english["notifications"]["nodes"][3]["text"].as_str().unwrap();
    assert_eq!(
        sentence,
        format!("You are offered 40 points for case \u{2066}{reference}\u{2069}.")
    );

    // Built anew from the log, the page is the same.
    let admin = system.caller(Role::Admin);
    admin.ask("mutation { rebuildReadModels { position } }", json!({})).await;
    assert_eq!(page(&system, &own, "fa-IR,en;q=0.5", PAGE).await, seen);
    print_log(&system).await;
    system.stop().await;
}
