//! How content customers are: asked once after the end, answered once, reported without anybody's name.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::config::SurveysConfig;
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use serde_json::{Value, json};

use super::{open, refused, register, story, uuid_of, with};
use crate::harness::{Caller, System};

async fn answer(agent: &Caller<'_>, case: &Value) {
    let said =
        json!({ "caseId": case, "direction": "OUTBOUND", "channel": "PHONE", "body": "انجام شد" });
    agent.mutate("recordInteraction", "case { id }", said).await;
}

/// A case of a customer that is closed.
async fn closed(system: &System, customer: &Value, more: Value) -> Value {
    let agent = system.caller(Role::Agent);
    let more = with(json!({ "kind": "REQUEST", "customerId": customer }), more);
    let case = open(&agent, more).await;
    answer(&agent, &case).await;
    let resolve = json!({ "caseId": case, "outcome": "ANSWERED" });
    agent.mutate("resolveCase", "case { id }", resolve).await;
    agent.mutate("closeCase", "case { id }", json!({ "caseId": case })).await;
    case
}

async fn satisfaction(system: &System, by: &str) -> Value {
    let query =
        format!("{{ satisfaction(by: {by}) {{ group asked answered responseRate mean scores }} }}");
    system.caller(Role::Auditor).ask(&query, json!({})).await["satisfaction"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_asked_once_and_answers_once_on_their_own_page() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let (customer, stranger) = (register(&agent).await, register(&agent).await);
    let (own, other) = (system.customer(uuid_of(&customer)), system.customer(uuid_of(&stranger)));
    let running = open(&agent, json!({ "kind": "REQUEST", "customerId": customer })).await;
    let ask = |case: &Value| json!({ "caseId": case });
    assert_eq!(refused(&agent, "askSurvey", ask(&running)).await.0, "CASE_NOT_CLOSED");
    let case = closed(&system, &customer, json!({ "unit": "care", "channel": "PHONE" })).await;
    let answer = |score: i32| json!({ "caseId": case, "score": score, "channel": "PORTAL", "comment": "زود پاسخ دادید" });
    assert_eq!(refused(&own, "answerSurvey", answer(4)).await.0, "SURVEY_NOT_ASKED");
    for _ in 0..2 {
        agent.mutate("askSurvey", "case { id }", ask(&case)).await;
    }
    let mine = "{ viewer { cases { nodes { id survey { answeredAt score } } } } }";
    let seen = own.ask(mine, json!({})).await["viewer"]["cases"]["nodes"].take();
    assert_eq!(seen[0], json!({ "id": case, "survey": { "answeredAt": null, "score": null } }));
    assert_eq!(seen[1]["survey"], Value::Null, "of this one nobody was asked");
    let told = "{ viewer { notifications { nodes { kind } } } }";
    let told = own.ask(told, json!({})).await["viewer"]["notifications"]["nodes"].take();
    let kinds = told.as_array().unwrap().iter();
    assert_eq!(kinds.filter(|told| told["kind"] == "SURVEY_ASKED").count(), 1, "{told}");

    assert_eq!(refused(&other, "answerSurvey", answer(1)).await.0, "CASE_NOT_FOUND");
    let (code, field) = refused(&own, "answerSurvey", answer(6)).await;
    assert_eq!((&*code, field), ("SCORE_OUT_OF_RANGE", json!("score")));
    let done = own.mutate("answerSurvey", "case { survey { score } }", answer(4)).await;
    assert_eq!(done["case"]["survey"]["score"], 4);
    assert_eq!(refused(&own, "answerSurvey", answer(5)).await.0, "SURVEY_ANSWERED");
    assert_eq!(refused(&agent, "answerSurvey", answer(5)).await.0, "SURVEY_ANSWERED");
    let told = story(&agent, &case).await;
    let expected = [
        "CaseOpened",
        "InteractionRecorded",
        "CaseResolved",
        "CaseClosed",
        "SurveyAsked",
        "SurveyAnswered",
    ];
    assert_eq!(told, expected);
    let query = "query($id: ID!, $at: DateTime) { case(id: $id, asOf: $at) { survey { askedAt score } \
        timeline(filter: { eventType: [\"SurveyAnswered\"] }) { nodes { text changes { field value } } } } }";
    let now = json!({ "id": case, "at": system.app.clock.now().to_string() });
    let found = agent.ask(query, now).await["case"].take();
    assert_eq!(found["survey"]["score"], 4, "as it is known now");
    let entry =
        json!({ "text": "زود پاسخ دادید", "changes": [{ "field": "score", "value": "4" }] });
    assert_eq!(found["timeline"]["nodes"], json!([entry]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_counts_who_was_asked_and_an_erasure_leaves_its_figures() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let mut customers = Vec::new();
    for (unit, score) in
        [("care", Some(5)), ("care", Some(2)), ("care", None), ("technical", Some(3))]
    {
        let customer = register(&agent).await;
        let more = json!({ "unit": unit, "channel": "PHONE", "category": "billing" });
        let case = closed(&system, &customer, more).await;
        agent.mutate("askSurvey", "case { id }", json!({ "caseId": case })).await;
        if let Some(score) = score {
            let answer = json!({ "caseId": case, "score": score, "channel": "PHONE", "comment": "شکوفه گفت" });
            agent.mutate("answerSurvey", "case { id }", answer).await;
        }
        customers.push(customer);
    }
    let units = json!([
        { "group": "care", "asked": 3, "answered": 2, "responseRate": 2.0 / 3.0, "mean": 3.5,
          "scores": [0, 1, 0, 0, 1] },
        { "group": "technical", "asked": 1, "answered": 1, "responseRate": 1.0, "mean": 3.0,
          "scores": [0, 0, 1, 0, 0] },
    ]);
    assert_eq!(satisfaction(&system, "UNIT").await, units);
    let all = |group: Value| {
        json!([{ "group": group, "asked": 4, "answered": 3, "responseRate": 0.75, "mean": 10.0 / 3.0,
            "scores": [0, 1, 1, 0, 1] }])
    };
    assert_eq!(satisfaction(&system, "CHANNEL").await, all(json!("phone")));
    assert_eq!(satisfaction(&system, "CATEGORY").await, all(json!("billing")));
    assert_eq!(satisfaction(&system, "TIER").await, all(Value::Null));
    let query = "{ satisfaction(by: UNIT, to: \"2020-01-01T00:00:00Z\") { asked } }";
    let auditor = system.caller(Role::Auditor);
    assert_eq!(auditor.ask(query, json!({})).await["satisfaction"], json!([]), "nobody by then");
    let leader = system.caller_as(Role::Supervisor, None, &["technical"]);
    let own = leader.ask("{ satisfaction(by: UNIT) { group } }", json!({})).await;
    assert_eq!(own["satisfaction"], json!([{ "group": "technical" }]), "each their own");
    let worker = agent.send("{ satisfaction(by: UNIT) { group } }", json!({})).await;
    assert_eq!(worker["errors"][0]["extensions"]["code"], "FORBIDDEN");

    let erase = json!({ "customerId": customers[0], "ground": "SUBJECT_REQUEST" });
    system.caller(Role::PrivacyOfficer).mutate("eraseCustomer", "customer { erased }", erase).await;
    assert_eq!(satisfaction(&system, "UNIT").await, units, "figures are nobody's");
    let query = "query($id: ID!) { customer(id: $id) { cases { nodes { survey { score } \
        timeline { nodes { text } } } } } }";
    let found = auditor.ask(query, json!({ "id": customers[0] })).await.to_string();
    assert!(found.contains("\"score\":5") && !found.contains("شکوفه"), "{found}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_organisation_wishes_it_customers_are_asked_some_time_after_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let keyring = Keyring::at(directory.path().join("keyring"));
    let system = System::start_prepared(directory.path(), keyring, clock.clone(), |app| {
        app.surveys = SurveysConfig { ask_minutes_after: Some(60) };
    })
    .await;
    let agent = system.caller(Role::Agent);
    let customer = register(&agent).await;
    let (case, reopened, unknown) = (
        closed(&system, &customer, json!({})).await,
        closed(&system, &customer, json!({})).await,
        closed(&system, &Value::Null, json!({})).await,
    );
    let again = json!({ "caseId": reopened, "reason": "هنوز کار نمی‌کند" });
    agent.mutate("reopenCase", "case { id }", again).await;
    clock.set(begin + SignedDuration::from_mins(59));
    let query = "query($id: ID!) { case(id: $id) { survey { askedAt } } }";
    let seen =
        async |case: &Value| agent.ask(query, json!({ "id": case })).await["case"]["survey"].take();
    assert_eq!(seen(&case).await, Value::Null);
    clock.set(begin + SignedDuration::from_mins(61));
    let mut moved = system.app.read_models.position_changes();
    while seen(&case).await.is_null() {
        let waited =
            tokio::time::timeout(std::time::Duration::from_secs(20), moved.changed()).await;
        assert!(waited.is_ok(), "nobody was asked");
        moved.borrow_and_update();
    }
    let told = story(&agent, &case).await;
    assert_eq!(told.last().unwrap(), "SurveyAsked");
    let asked_at: Timestamp = seen(&case).await["askedAt"].as_str().unwrap().parse().unwrap();
    assert!(asked_at >= begin + SignedDuration::from_mins(60), "not before its time: {asked_at}");
    assert_eq!(seen(&reopened).await, Value::Null, "it is not over");
    assert_eq!(seen(&unknown).await, Value::Null, "there is nobody to ask");
    // Closed again it is asked about; what was asked about is not asked about again.
    answer(&agent, &reopened).await;
    let resolve = json!({ "caseId": reopened, "outcome": "ANSWERED" });
    agent.mutate("resolveCase", "case { id }", resolve).await;
    agent.mutate("closeCase", "case { id }", json!({ "caseId": reopened })).await;
    clock.set(begin + SignedDuration::from_hours(5));
    while seen(&reopened).await.is_null() {
        let waited =
            tokio::time::timeout(std::time::Duration::from_secs(20), moved.changed()).await;
        assert!(waited.is_ok(), "nobody was asked");
        moved.borrow_and_update();
    }
    // Its time came an hour after it was closed again, and they were asked when the clock had been moved: that is when it happened.
    let asked_at: Timestamp = seen(&reopened).await["askedAt"].as_str().unwrap().parse().unwrap();
    assert!(asked_at >= begin + SignedDuration::from_hours(5), "dated back: {asked_at}");
    let asked = story(&agent, &case).await.into_iter().filter(|name| name == "SurveyAsked");
    assert_eq!(asked.count(), 1);
    system.stop().await;
}
