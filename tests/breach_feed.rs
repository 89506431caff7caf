//! The feeds without loss: subscribers that are cut again and again get everything, in order.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh::principal::Role;
use parvandeh::store::{Position, READ_EVENTS_MAX};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::harness::feed::{EventStream, WebSocketFeed};
use crate::harness::random::Random;
use crate::harness::work::{case_command, metadata, on_case, open_case};
use crate::harness::{System, token};

const CUTS: usize = 20;

/// Where a subscriber is cut, and how it remembers what it has.
struct Subscriber {
    /// After how many events of all it is cut; ascending.
    cuts: Vec<usize>,
    random: Random,
    /// The ids of the events received, without repeats.
    ids: Vec<String>,
    known: HashSet<String>,
    repeats: usize,
    /// The cursor that survives a cut: the last one, or one a little older that was written down.
    cursor: Option<String>,
    received: watch::Sender<usize>,
}

impl Subscriber {
    fn new(seed: u64, events: usize) -> Self {
        let mut random = Random::of(seed);
        let mut cuts = HashSet::new();
        while cuts.len() < CUTS {
            cuts.insert(1 + random.below(events as u64 - 1) as usize);
        }
        let mut cuts: Vec<_> = cuts.into_iter().collect();
        cuts.sort_unstable();
        Self {
            cuts,
            random,
            ids: Vec::new(),
            known: HashSet::new(),
            repeats: 0,
            cursor: None,
            received: watch::Sender::new(0),
        }
    }

    fn receive(&mut self, cursor: &str, id: &str) {
        // Now and then it dies before it has written the cursor down, and is sent an event again.
        if self.cursor.is_none() || self.random.below(4) > 0 {
            self.cursor = Some(cursor.to_owned());
        }
        if self.known.insert(id.to_owned()) {
            self.ids.push(id.to_owned());
            self.received.send_replace(self.ids.len());
        } else {
            self.repeats += 1;
        }
    }

    /// Whether it is to be cut here.
    fn is_cut(&mut self) -> bool {
        let cut = self.cuts.first().is_some_and(|cut| self.ids.len() >= *cut);
        if cut {
            self.cuts.remove(0);
        }
        cut
    }
}

const FIELDS: &str = "cursor breach { eventId caseId clock metric dueAt recordedAt }";

async fn watch_over_websocket(
    system: &System,
    mut subscriber: Subscriber,
    events: usize,
) -> Subscriber {
    let token = token(Role::Monitor, None, &[]);
    let query =
        format!("subscription($after: String) {{ slaBreaches(after: $after) {{ {FIELDS} }} }}");
    while subscriber.ids.len() < events {
        let after = json!({ "after": subscriber.cursor });
        let mut feed = WebSocketFeed::open(system, &token, &query, after).await;
        while subscriber.ids.len() < events && !subscriber.is_cut() {
            let event = &feed.next().await["slaBreaches"];
            let id = event["breach"]["eventId"].as_str().unwrap();
            subscriber.receive(event["cursor"].as_str().unwrap(), id);
        }
    }
    subscriber
}

async fn watch_over_sse(system: &System, mut subscriber: Subscriber, events: usize) -> Subscriber {
    let token = token(Role::Monitor, None, &[]);
    let query = format!("subscription {{ slaBreaches {{ {FIELDS} }} }}");
    while subscriber.ids.len() < events {
        let after = subscriber.cursor.clone();
        let mut feed = EventStream::open(system, &token, &query, after.as_deref()).await;
        while subscriber.ids.len() < events && !subscriber.is_cut() {
            let (cursor, data) = feed.next().await;
            let event = &data["slaBreaches"];
            assert_eq!(event["cursor"], cursor);
            subscriber.receive(&cursor, event["breach"]["eventId"].as_str().unwrap());
        }
    }
    subscriber
}

/// Lets cases fall due, in portions, each when both subscribers have nearly all of what was before: so they are cut while breaches
/// happen and not only while old ones are read.
async fn let_cases_fall_due(
    system: &System,
    events: usize,
    followers: [watch::Receiver<usize>; 2],
) {
    const PORTION: usize = 50;
    for portion in 0..events / PORTION {
        for mut follower in followers.clone() {
            let nearly_all = (portion * PORTION).saturating_sub(PORTION / 2);
            follower.wait_for(|received| *received >= nearly_all).await.unwrap();
        }
        stream::iter(0..PORTION)
            .for_each_concurrent(16, |_| async {
                let opened_at = Timestamp::now() - SignedDuration::from_hours(200);
                // An argument that gives a due date, at most sixty hours after the opening.
                on_case(
                    &system.app.commands,
                    Uuid::new_v4(),
                    metadata(Some(opened_at)),
                    open_case(5, opened_at),
                )
                .await
                .unwrap();
            })
            .await;
    }
}

/// The ids of all events of this type, in the order of the log.
async fn logged(system: &System, type_name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after: Option<Position> = None;
    loop {
        let page = system.app.store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { return ids };
        after = Some(last.position);
        let wanted =
            page.iter().filter(|event| type_name.is_empty() || &*event.type_name == type_name);
        ids.extend(wanted.map(|event| event.id.to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_cut_and_resumed_twenty_times_get_each_of_a_thousand_breaches_in_order() {
    const BREACHES: usize = 1_000;
    let mut random = Random::printed();
    let system = System::start().await;
    let [one, other] = [0; 2].map(|_| Subscriber::new(random.number(), BREACHES));
    let followers = [one.received.subscribe(), other.received.subscribe()];
    let (one, other, ()) = tokio::join!(
        watch_over_websocket(&system, one, BREACHES),
        watch_over_sse(&system, other, BREACHES),
        let_cases_fall_due(&system, BREACHES, followers),
    );
    let logged = logged(&system, "SlaBreached").await;
    assert_eq!(logged.len(), BREACHES);
    for (name, subscriber) in [("WebSocket", one), ("SSE", other)] {
        println!("{name}: cut {CUTS} times, {} repeats discarded", subscriber.repeats);
        assert!(subscriber.cuts.is_empty(), "{name}");
        assert!(subscriber.ids == logged, "{name}: the feed is not the log");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_followed_without_loss_through_twenty_cuts() {
    const EVENTS: usize = 300;
    let mut random = Random::printed();
    let system = System::start().await;
    let case = Uuid::new_v4();
    let now = Timestamp::now();
    on_case(&system.app.commands, case, metadata(None), open_case(3, now)).await.unwrap();
    let head = system.app.store.head().unwrap();
    system.app.read_models.wait_for(head).await.unwrap();
    let id = parvandeh::graphql::global_id::encode_case(case);

    let mut subscriber = Subscriber::new(random.number(), EVENTS);
    let mut received = subscriber.received.subscribe();
    let follow = async {
        let token = token(Role::Auditor, None, &[]);
        let query = "subscription($id: ID!, $after: String) { caseEvents(caseId: $id, after: $after) \
                     { cursor entry { eventId eventType revision } } }";
        let mut revisions: Vec<Value> = Vec::new();
        while subscriber.ids.len() < EVENTS {
            let variables = json!({ "id": id, "after": subscriber.cursor });
            let mut feed = WebSocketFeed::open(&system, &token, query, variables).await;
            while subscriber.ids.len() < EVENTS && !subscriber.is_cut() {
                let event = &feed.next().await["caseEvents"];
                let event_id = event["entry"]["eventId"].as_str().unwrap();
                if !subscriber.known.contains(event_id) {
                    revisions.push(event["entry"]["revision"].clone());
                }
                subscriber.receive(event["cursor"].as_str().unwrap(), event_id);
            }
        }
        assert_eq!(revisions, (0..EVENTS).map(|revision| json!(revision)).collect::<Vec<_>>());
        (subscriber.ids, subscriber.repeats)
    };
    let write = async {
        for number in 1..EVENTS {
            received.wait_for(|received| *received + 15 >= number).await.unwrap();
            // A note is never refused.
            on_case(&system.app.commands, case, metadata(None), case_command(7, number as u8, now))
                .await
                .unwrap();
        }
    };
    let ((ids, repeats), ()) = tokio::join!(follow, write);
    println!("cut {CUTS} times, {repeats} repeats discarded");
    let stream = crate::harness::work::stream("case", case);
    let stored = system.app.store.read_stream(&stream, None, READ_EVENTS_MAX).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|event| event.id.to_string()).collect();
    assert!(ids == stored, "the feed is not the stream");
    system.stop().await;
}
