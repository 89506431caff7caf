//! The page's feed: what was not read, then each notification as it comes, gapless over reconnections.

use std::time::Duration;

use parvandeh::principal::Role;
use serde_json::json;

use super::{open, say, start};
use crate::authorisation::documents::{register, uuid_of};
use crate::harness::feed::{EventStream, WebSocketFeed};

const FEED: &str =
    "subscription { notifications { cursor notification { kind text case { id } } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_its_own_alone_and_goes_on_where_it_was_cut_off() {
    let (_directory, system) = start().await;
    let (one, other) = (register(&system).await, register(&system).await);
    let (one, other) = (system.customer(uuid_of(&one)), system.customer(uuid_of(&other)));
    let agent = system.caller(Role::Agent);
    let (case, of_other) = (open(&one, "QUESTION").await, open(&other, "QUESTION").await);
    say(&agent, &case, "پیش از آن").await;

    let mut page = WebSocketFeed::open(&system, &one.token, FEED, json!({})).await;
    // What was not read comes first, then what happens.
    let first = page.next().await;
    assert_eq!(first["notifications"]["notification"]["kind"], "ANSWERED");
    say(&agent, &of_other, "به دیگری").await;
    let stage = json!({ "caseId": case, "stage": "در دست بررسی" });
    agent.mutate("enterStage", "case { id }", stage).await;
    let second = page.next().await["notifications"].take();
    assert_eq!(second["notification"]["kind"], "STAGE_ENTERED");
    assert_eq!(second["notification"]["case"]["id"], case);

    // Cut off; more happens meanwhile; another connection goes on behind the last event.
    drop(page);
    let resolve = json!({ "caseId": case, "outcome": "ANSWERED" });
    agent.mutate("resolveCase", "case { id }", resolve).await;
    let last = second["cursor"].as_str();
    let mut resumed = EventStream::open(&system, &one.token, FEED, last).await;
    let (id, third) = resumed.next().await;
    let third = &third["notifications"];
    assert_eq!(third["notification"]["kind"], "RESOLVED");
    assert_eq!(third["cursor"], json!(id));
    agent.mutate("closeCase", "case { id }", json!({ "caseId": case })).await;
    assert_eq!(resumed.next().await.1["notifications"]["notification"]["kind"], "CLOSED");

    // The other's page has one, which is the other's.
    let mut of_theirs = EventStream::open(&system, &other.token, FEED, None).await;
    let (_, told) = of_theirs.next().await;
    assert_eq!(told["notifications"]["notification"]["case"]["id"], of_other);
    // A place of one customer is none in the feed of another.
    let foreign = format!("subscription {{ notifications(after: \"{id}\") {{ cursor }} }}");
    let mut refused = WebSocketFeed::open(&system, &other.token, &foreign, json!({})).await;
    let answer = tokio::time::timeout(Duration::from_secs(20), refused.try_next()).await;
    assert!(answer.expect("it is answered at once").is_none());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_does_not_wish_to_hear_is_left_out_of_feed_list_and_count() {
    let (_directory, system) = start().await;
    let customer = register(&system).await;
    let own = system.customer(uuid_of(&customer));
    let agent = system.caller(Role::Agent);
    let case = open(&own, "QUESTION").await;
    let wish = |kinds: &[&str]| json!({ "customerId": customer, "unwantedNotifications": kinds });
    own.mutate("changePreferences", "customer { id }", wish(&["STAGE_ENTERED"])).await;
    let mut page = WebSocketFeed::open(&system, &own.token, FEED, json!({})).await;
    let stage = json!({ "caseId": case, "stage": "بررسی" });
    agent.mutate("enterStage", "case { id }", stage).await;
    say(&agent, &case, "پاسخ").await;
    let told = page.next().await;
    assert_eq!(told["notifications"]["notification"]["kind"], "ANSWERED");

    let list = "{ viewer { unreadCount notifications { totalCount nodes { kind } } } }";
    let seen = own.ask(list, json!({})).await["viewer"].take();
    let expected = json!({ "unreadCount": 1,
        "notifications": { "totalCount": 1, "nodes": [{ "kind": "ANSWERED" }] } });
    assert_eq!(seen, expected);
    // The wish taken back, the past is seen by it too.
    own.mutate("changePreferences", "customer { id }", wish(&[])).await;
    let seen = own.ask(list, json!({})).await["viewer"].take();
    assert_eq!(seen["unreadCount"], 2);
    system.stop().await;
}
