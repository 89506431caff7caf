//! Subscriptions to the log and to streams.

use kurrentdb::{
    Client, Error, Position, RetryOptions, StreamPosition, StreamState, SubscribeToAllOptions,
    SubscribeToStreamOptions, Subscription, SubscriptionEvent, SubscriptionFilter,
    TombstoneStreamOptions,
};
use kurrentdb_double::{Double, Options};

use crate::{append, connect, events, number, soon, start, start_with};

pub(crate) async fn follow_cases(
    client: &Client,
    position: StreamPosition<Position>,
) -> Subscription {
    let filter = SubscriptionFilter::on_stream_name().add_prefix("case-");
    let options = SubscribeToAllOptions::default().position(position).filter(filter);
    client.subscribe_to_all(&options).await
}

pub(crate) async fn next_numbers(subscription: &mut Subscription, count: usize) -> Vec<u128> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.push(number(&soon(subscription.next()).await.unwrap()));
    }
    numbers
}

fn place_of(double: &Double, index: usize) -> StreamPosition<Position> {
    let position = double.events_of("case-")[index].position;
    StreamPosition::Position(Position { commit: position, prepare: position })
}

#[tokio::test]
async fn a_subscription_gives_what_was_and_what_comes() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..3)).await.unwrap();
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    assert_eq!(next_numbers(&mut subscription, 3).await, [0, 1, 2]);
    let last = double.events().last().unwrap().position;
    loop {
        if let SubscriptionEvent::CaughtUp(said) =
            soon(subscription.next_subscription_event()).await.unwrap()
        {
            assert_eq!(said.unwrap().position.unwrap().commit, last);
            break;
        }
    }
    append(&client, "other-1", StreamState::NoStream, events(3..4)).await.unwrap();
    append(&client, "case-1", StreamState::StreamRevision(2), events(4..6)).await.unwrap();
    assert_eq!(next_numbers(&mut subscription, 2).await, [4, 5]);
}

#[tokio::test]
async fn a_subscription_begins_after_its_start_position() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..4)).await.unwrap();
    let mut subscription = follow_cases(&client, place_of(&double, 1)).await;
    assert_eq!(next_numbers(&mut subscription, 2).await, [2, 3]);
    let mut live = follow_cases(&client, StreamPosition::End).await;
    let confirmed = soon(live.next_subscription_event()).await.unwrap();
    assert!(matches!(confirmed, SubscriptionEvent::Confirmed(_)));
    append(&client, "case-1", StreamState::StreamRevision(3), events(4..5)).await.unwrap();
    assert_eq!(next_numbers(&mut live, 1).await, [4]);
}

#[tokio::test]
async fn checkpoints_come_every_search_window_and_can_be_resumed_from() {
    let double = start();
    let client = connect(&double);
    append(&client, "other-1", StreamState::NoStream, events(0..100)).await.unwrap();
    append(&client, "case-1", StreamState::NoStream, events(100..101)).await.unwrap();
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    let mut checkpoints = Vec::new();
    loop {
        match soon(subscription.next_subscription_event()).await.unwrap() {
            SubscriptionEvent::Checkpoint(position) => checkpoints.push(position),
            SubscriptionEvent::EventAppeared(_) => break,
            _ => {}
        }
    }
    let positions: Vec<u64> = double.events().iter().map(|event| event.position).collect();
    let told: Vec<u64> = checkpoints.iter().map(|position| position.commit).collect();
    assert_eq!(told, [positions[31], positions[63], positions[95]]);
    let mut resumed = follow_cases(&client, StreamPosition::Position(checkpoints[2])).await;
    assert_eq!(next_numbers(&mut resumed, 1).await, [100]);
}

#[tokio::test]
async fn older_servers_do_not_say_where_they_caught_up() {
    let double = start_with(Options { live_marks_tell_position: false, ..Options::default() });
    let client = connect(&double);
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    loop {
        if let SubscriptionEvent::CaughtUp(said) =
            soon(subscription.next_subscription_event()).await.unwrap()
        {
            assert!(said.is_none());
            break;
        }
    }
}

#[tokio::test]
async fn a_slow_consumer_falls_behind_and_misses_nothing() {
    let double = start_with(Options { live_buffer: 10, ..Options::default() });
    let client = connect(&double);
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    while !matches!(
        soon(subscription.next_subscription_event()).await.unwrap(),
        SubscriptionEvent::CaughtUp(_)
    ) {}
    // More than every buffer between holds, while nobody reads.
    for batch in 0..40u128 {
        let stream = format!("case-{batch}");
        append(&client, &stream, StreamState::NoStream, events(batch * 500..batch * 500 + 500))
            .await
            .unwrap();
    }
    let (mut numbers, mut fell_behind, mut caught_up) = (Vec::new(), 0, 0);
    while numbers.len() < 20_000 || caught_up < fell_behind {
        match soon(subscription.next_subscription_event()).await.unwrap() {
            SubscriptionEvent::EventAppeared(event) => numbers.push(number(&event)),
            SubscriptionEvent::FellBehind(_) => fell_behind += 1,
            SubscriptionEvent::CaughtUp(_) => caught_up += 1,
            _ => {}
        }
    }
    assert!(numbers.iter().copied().eq(0..20_000), "in order and without gaps");
    assert!(fell_behind > 0);
}

#[tokio::test]
async fn a_stream_is_followed_even_before_it_exists_until_it_is_deleted() {
    let double = start();
    let client = connect(&double);
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Start);
    let mut subscription = client.subscribe_to_stream("case-1", &options).await;
    let confirmed = soon(subscription.next_subscription_event()).await.unwrap();
    assert!(matches!(confirmed, SubscriptionEvent::Confirmed(_)));
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    append(&client, "case-2", StreamState::NoStream, events(2..3)).await.unwrap();
    append(&client, "case-1", StreamState::StreamRevision(1), events(3..4)).await.unwrap();
    assert_eq!(next_numbers(&mut subscription, 3).await, [0, 1, 3]);
    client.tombstone_stream("case-1", &TombstoneStreamOptions::default()).await.unwrap();
    assert!(matches!(soon(subscription.next()).await, Err(Error::ResourceDeleted)));
}

#[tokio::test]
async fn the_client_resubscribes_after_a_cut() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    let filter = SubscriptionFilter::on_stream_name().add_prefix("case-");
    let options =
        SubscribeToAllOptions::default().filter(filter).retry_options(RetryOptions::default());
    let mut subscription = client.subscribe_to_all(&options).await;
    assert_eq!(next_numbers(&mut subscription, 2).await, [0, 1]);
    double.faults().cut_connections();
    let writer = connect(&double);
    append(&writer, "case-1", StreamState::StreamRevision(1), events(2..4)).await.unwrap();
    assert_eq!(next_numbers(&mut subscription, 2).await, [2, 3]);
}
