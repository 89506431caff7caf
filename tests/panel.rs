//! The customer's own page: what they wish, what they are told, the way of their cases.

mod feed;
mod promises;
mod story;

use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authorisation::documents::{mutation, register, uuid_of};
use crate::harness::{Caller, System};

/// A system of an organisation in Tehran.
async fn start() -> (TempDir, System) {
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::at(directory.path().join("keyring"));
    let system = System::start_prepared(directory.path(), keyring, SystemClock, |app| {
        app.time_zone = jiff::tz::TimeZone::get("Asia/Tehran").unwrap();
    })
    .await;
    (directory, system)
}

/// Asks for a page in this language.
async fn page(system: &System, caller: &Caller<'_>, language: &str, query: &str) -> Value {
    let request = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(&caller.token)
        .header("accept-language", language)
        .header("content-type", "application/json")
        .body(json!({ "query": query }).to_string());
    let text = request.send().await.unwrap().text().await.unwrap();
    let mut answer: Value = serde_json::from_str(&text).unwrap();
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"]["viewer"].take()
}

/// The code of the only user error of a mutation.
async fn refused(caller: &Caller<'_>, name: &str, input: Value) -> String {
    let answer = caller.send(&mutation(name), json!({ "input": input })).await;
    let code = answer["data"][name]["userErrors"][0]["code"].as_str();
    code.or_else(|| answer["errors"][0]["extensions"]["code"].as_str())
        .unwrap_or_else(|| panic!("{answer:#}"))
        .to_owned()
}

async fn open(caller: &Caller<'_>, kind: &str) -> Value {
    let input = json!({ "kind": kind, "subject": "قبض آب", "channel": "PORTAL" });
    caller.mutate("openCase", "case { id }", input).await["case"]["id"].take()
}

async fn say(agent: &Caller<'_>, case: &Value, body: &str) {
    let input =
        json!({ "caseId": case, "direction": "OUTBOUND", "channel": "PORTAL", "body": body });
    agent.mutate("recordInteraction", "case { id }", input).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_say_themselves_how_they_wish_to_be_reached_and_nobody_says_it_for_a_stranger() {
    let (_directory, system) = start().await;
    let (customer, stranger) = (register(&system).await, register(&system).await);
    let own = system.customer(uuid_of(&customer));
    let wished = "preferences { channels unwantedNotifications language }";
    let before = page(&system, &own, "fa", &format!("{{ viewer {{ {wished} }} }}")).await;
    let nothing = json!({ "channels": [], "unwantedNotifications": [], "language": "PERSIAN" });
    assert_eq!(before["preferences"], nothing);

    let change = |customer: &str| {
        json!({ "customerId": customer, "channels": ["SMS", "EMAIL", "SMS"], "language": "ENGLISH",
            "unwantedNotifications": ["STAGE_ENTERED"], "idempotencyKey": "1" })
    };
    let fields = format!("customer {{ {wished} language }}");
    let changed = own.mutate("changePreferences", &fields, change(&customer)).await;
    assert_eq!(changed, own.mutate("changePreferences", &fields, change(&customer)).await);
    let expected = json!({ "channels": ["SMS", "EMAIL"],
        "unwantedNotifications": ["STAGE_ENTERED"], "language": "ENGLISH" });
    assert_eq!(changed["customer"], json!({ "preferences": expected, "language": "ENGLISH" }));

    // What is not named stays; an empty list takes a wish back.
    let agent = system.caller(Role::Service);
    let again = json!({ "customerId": customer, "channels": [] });
    let changed = agent.mutate("changePreferences", &fields, again).await;
    let expected = json!({ "channels": [],
        "unwantedNotifications": ["STAGE_ENTERED"], "language": "ENGLISH" });
    assert_eq!(changed["customer"]["preferences"], expected);

    assert_eq!(refused(&own, "changePreferences", change(&stranger)).await, "CUSTOMER_NOT_FOUND");
    let nothing = json!({ "customerId": customer });
    assert_eq!(refused(&own, "changePreferences", nothing).await, "PREFERENCES_MISSING");
    // An agent knows the customers of their units' cases alone.
    let agent = system.caller(Role::Agent);
    assert_eq!(refused(&agent, "changePreferences", change(&stranger)).await, "CUSTOMER_NOT_FOUND");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_as_read_stays_read_and_nobody_marks_what_is_to_come_or_another_s() {
    let (_directory, system) = start().await;
    let (one, other) = (register(&system).await, register(&system).await);
    let (one, other) = (system.customer(uuid_of(&one)), system.customer(uuid_of(&other)));
    let agent = system.caller(Role::Agent);
    let case = open(&one, "QUESTION").await;
    for answer in ["یک", "دو", "سه"] {
        say(&agent, &case, answer).await;
    }
    let list = "{ viewer { unreadCount notifications(first: 10) { totalCount edges { cursor node { read } } } \
                unread: notifications(unreadOnly: true) { totalCount nodes { kind } } } }";
    let seen = page(&system, &one, "fa", list).await;
    assert_eq!((&seen["unreadCount"], &seen["unread"]["totalCount"]), (&json!(3), &json!(3)));
    let cursor =
        |seen: &Value, index: usize| seen["notifications"]["edges"][index]["cursor"].clone();
    let second = json!({ "until": cursor(&seen, 1) });
    let marked =
        one.mutate("markNotificationsRead", "viewer { unreadCount }", second.clone()).await;
    assert_eq!(marked["viewer"]["unreadCount"], 1);
    // An earlier mark takes nothing back, and writes nothing.
    let before = system.app.store.head();
    let third = json!({ "until": cursor(&seen, 2) });
    for mark in [third, second.clone()] {
        let marked = one.mutate("markNotificationsRead", "viewer { unreadCount }", mark).await;
        assert_eq!(marked["viewer"]["unreadCount"], 1);
    }
    assert_eq!(system.app.store.head(), before);
    let seen = page(&system, &one, "fa", list).await;
    let edges = seen["notifications"]["edges"].as_array().unwrap();
    let read: Vec<_> = edges.iter().map(|edge| &edge["node"]["read"]).collect();
    assert_eq!(read, [false, true, true]);

    // Another customer's place is no place of one's own, and they see nothing of it.
    assert_eq!(refused(&other, "markNotificationsRead", second).await, "BAD_USER_INPUT");
    let of_other = page(&system, &other, "fa", list).await;
    assert_eq!(of_other["notifications"]["totalCount"], 0);
    // A place far ahead, made by hand: what comes later is still unread.
    let id = uuid_of_viewer(&one).await;
    let far = far_cursor(id);
    let marked = one
        .mutate("markNotificationsRead", "viewer { unreadCount }", json!({ "until": far }))
        .await;
    assert_eq!(marked["viewer"]["unreadCount"], 0);
    say(&agent, &case, "چهار").await;
    assert_eq!(page(&system, &one, "fa", list).await["unreadCount"], 1);
    // Staff have no page of their own, and no mark.
    let nobody = agent.ask(list, json!({})).await;
    assert_eq!(nobody["viewer"], Value::Null);
    assert_eq!(
        refused(&agent, "markNotificationsRead", json!({ "until": "x" })).await,
        "FORBIDDEN"
    );
    system.stop().await;
}

async fn uuid_of_viewer(caller: &Caller<'_>) -> uuid::Uuid {
    let viewer = caller.ask("{ viewer { customer { id } } }", json!({})).await;
    uuid_of(viewer["viewer"]["customer"]["id"].as_str().unwrap())
}

/// A cursor of a customer's notifications that lies far ahead.
pub fn far_cursor(customer: uuid::Uuid) -> String {
    use parvandeh::graphql::cursor::{ListKey, encode};
    use parvandeh_projections::page::{Anchor, Tie};
    let position = i64::MAX;
    let anchor = Anchor { key: position, tie: Tie::Position(position) };
    encode(ListKey::of("notifications", customer), anchor)
}
