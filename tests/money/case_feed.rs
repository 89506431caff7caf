//! The feed of a case tells of its money: the same as the timeline, as it happens, in the order of the log and once.

use std::collections::VecDeque;
use std::time::Duration;

use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::principal::Role;
use parvandeh::store::{Expect, NewEvent, StreamId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::payments::{World, assessed_fee, customer_id, payment_id};
use super::registered;
use crate::harness::Caller;
use crate::harness::feed::WebSocketFeed;

macro_rules! entry {
    () => {
        "eventId eventType occurredAt recordedAt actorKind actorId internal revision caseId text changes { field value }"
    };
}

const FOLLOW: &str = concat!(
    "subscription($id: ID!, $after: String) { caseEvents(caseId: $id, after: $after) { cursor entry { ",
    entry!(),
    " } } }"
);

async fn follow(
    world: &World,
    caller: &Caller<'_>,
    case: &str,
    after: Option<&str>,
) -> WebSocketFeed {
    let variables = json!({ "id": case, "after": after });
    WebSocketFeed::open(&world.system, &caller.token, FOLLOW, variables).await
}

/// What a follower is told next: the entry, and its cursor.
async fn told(feed: &mut WebSocketFeed) -> (Value, String) {
    let waited = tokio::time::timeout(Duration::from_secs(60), feed.next()).await;
    let mut event = waited.expect("something is told")["caseEvents"].take();
    let cursor = event["cursor"].as_str().unwrap().to_owned();
    (event["entry"].take(), cursor)
}

/// That a follower is told these types next, and nothing between; gives the entries and their cursors.
async fn assert_told(feed: &mut WebSocketFeed, types: &[&str]) -> Vec<(Value, String)> {
    let mut all = Vec::new();
    for event_type in types {
        let next = told(feed).await;
        assert_eq!(next.0["eventType"], *event_type, "after {:#?}", all.last());
        all.push(next);
    }
    all
}

/// The timeline of a case as a caller sees it, by the ids of its events.
async fn timeline(caller: &Caller<'_>, case: &str) -> Vec<Value> {
    let query = concat!(
        "query($id: ID!) { case(id: $id) { timeline(first: 100) { nodes { ",
        entry!(),
        " } } } }"
    );
    let mut answer = caller.ask(query, json!({ "id": case })).await;
    let Value::Array(nodes) = answer["case"]["timeline"]["nodes"].take() else { panic!() };
    sorted(nodes)
}

fn sorted(mut entries: Vec<Value>) -> Vec<Value> {
    entries.sort_by_key(|entry| entry["eventId"].to_string());
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_a_case_is_told_of_its_redress_and_fees_as_its_timeline_shows_them_and_once()
 {
    let world = World::start().await;
    let system = &world.system;
    let (customer, other) = (registered(system).await, registered(system).await);
    let (case, fee) = assessed_fee(system, &customer, 700).await;
    let (case_of_other, _) = assessed_fee(system, &other, 100).await;
    let own = system.customer(customer_id(&customer));
    let (service, supervisor, agent) =
        (system.caller(Role::Service), system.caller(Role::Supervisor), system.caller(Role::Agent));

    let mut page = follow(&world, &own, &case, None).await;
    let mut heard = assert_told(&mut page, &["CaseOpened", "FeeAssessed"]).await;
    let other = system.customer(customer_id(&other));
    assert!(
        follow(&world, &other, &case, None).await.try_next().await.is_none(),
        "it is not theirs"
    );
    let mut page_of_other = follow(&world, &other, &case_of_other, None).await;
    assert_told(&mut page_of_other, &["CaseOpened", "FeeAssessed"]).await;

    // Each step of money wakes the page by itself; what staff keep among themselves, such as a proposal, is not told.
    let input = json!({ "caseId": case, "value": { "points": 5 }, "ground": "DELAY" });
    let done = service.mutate("proposeRedress", "redress { id }", input).await;
    agent.mutate("addNote", "case { id }", json!({ "caseId": case, "body": "درونی" })).await;
    let step = json!({ "redressId": done["redress"]["id"] });
    supervisor.mutate("approveRedress", "redress { id }", step.clone()).await;
    heard.extend(assert_told(&mut page, &["RedressApproved"]).await);
    own.mutate("acceptRedress", "redress { id }", step).await;
    heard.extend(assert_told(&mut page, &["RedressAccepted", "RedressPaid"]).await);
    let input = json!({ "purpose": { "fee": fee } });
    let payment = payment_id(&own.mutate("requestPayment", "payment { id }", input).await);
    heard.extend(assert_told(&mut page, &["PaymentRequested"]).await);
    // Credit is of no case.
    world.top_up(&customer, 50).await;
    world.paid(payment, 700).await;
    heard.extend(assert_told(&mut page, &["PaymentConfirmed", "FeePaid"]).await);
    let answer =
        json!({ "caseId": case, "direction": "OUTBOUND", "channel": "EMAIL", "body": "پاسخ" });
    agent.mutate("recordInteraction", "case { id }", answer.clone()).await;
    heard.extend(assert_told(&mut page, &["InteractionRecorded"]).await);

    // Another customer was told of nothing of it.
    let mut answer_to_other = answer;
    answer_to_other["caseId"] = json!(case_of_other);
    agent.mutate("recordInteraction", "case { id }", answer_to_other).await;
    assert_told(&mut page_of_other, &["InteractionRecorded"]).await;

    // Staff who come later are told it all, with what is kept among them.
    let all = [
        "CaseOpened",
        "FeeAssessed",
        "RedressProposed",
        "CaseNoteAdded",
        "RedressApproved",
        "RedressAccepted",
        "RedressPaid",
        "PaymentRequested",
        "PaymentConfirmed",
        "FeePaid",
        "InteractionRecorded",
    ];
    let seen = assert_told(&mut follow(&world, &agent, &case, None).await, &all).await;
    for (caller, entries) in [(&own, &heard), (&agent, &seen)] {
        // What the feed says is what the timeline says.
        let heard = entries.iter().map(|(entry, _)| entry.clone()).collect();
        assert_eq!(sorted(heard), timeline(caller, &case).await);
        // From each place on, the rest.
        for (place, (_, cursor)) in entries.iter().enumerate() {
            let mut again = follow(&world, caller, &case, Some(cursor)).await;
            for expected in &entries[place + 1..] {
                assert_eq!(told(&mut again).await, *expected, "after {place}");
            }
        }
    }
    world.system.stop().await;
}

/// Appends so many events of one type to a stream, which say nothing.
async fn appended(world: &World, stream: &StreamId, type_name: &'static str, count: usize) {
    let store = &world.system.app.store;
    let first = store.read_stream(stream, None, 1).await.unwrap().remove(0);
    let event = || NewEvent {
        id: Uuid::new_v4(),
        type_name,
        version: 1,
        metadata: first.metadata.clone(),
        data: "{}".into(),
        envelope: None,
    };
    let events = std::iter::repeat_with(event).take(count).collect();
    store.append(stream, Expect::Any, events).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_of_a_case_and_its_money_is_told_page_by_page_in_the_order_of_the_log() {
    let world = World::start().await;
    let system = &world.system;
    let customer = registered(system).await;
    let (case, fee) = assessed_fee(system, &customer, 700).await;
    let id = global_id::decode("id", NodeType::Case, &case.as_str().into()).unwrap();
    let case_stream = StreamId::new(&format!("case-{id}")).unwrap();
    let fee_stream = StreamId::new(&format!("fee-{fee}")).unwrap();
    // More than a page of the one before the other goes on, and pages that end where those of the other do.
    for (own, beside) in [(3, 700), (700, 5), (1, 1), (498, 498), (1_000, 1_000)] {
        appended(&world, &case_stream, "CaseClosed", own).await;
        appended(&world, &fee_stream, "FeeRefunded", beside).await;
    }
    let log = system.app.store.read_all(None, 10_000).await.unwrap();
    let of_case = log.iter().filter(|event| [&case_stream, &fee_stream].contains(&&event.stream));
    let mut expected: VecDeque<String> = of_case.map(|event| event.id.to_string()).collect();
    assert_eq!(expected.len(), 2 + 2_202 + 2_204);

    let agent = system.caller(Role::Agent);
    let mut after: Option<String> = None;
    // They come again now and then.
    while !expected.is_empty() {
        let mut feed = follow(&world, &agent, &case, after.as_deref()).await;
        for wanted in expected.drain(..expected.len().min(997)) {
            let (entry, cursor) = told(&mut feed).await;
            assert_eq!(entry["eventId"], wanted.as_str(), "{entry:#}");
            after = Some(cursor);
        }
    }
    world.system.stop().await;
}
