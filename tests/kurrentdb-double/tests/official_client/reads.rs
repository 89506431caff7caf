//! Reads of a stream and of the log.

use kurrentdb::{
    Client, Error, Position, ReadAllOptions, ReadStreamOptions, StreamMetadataBuilder,
    StreamPosition, StreamState, SubscriptionFilter,
};
use kurrentdb_double::Double;

use crate::{append, connect, event_of, events, number, read, read_with, start};

async fn read_all(client: &Client, options: ReadAllOptions) -> Vec<u128> {
    let mut page = client.read_all(&options).await.unwrap();
    let mut numbers = Vec::new();
    while let Some(event) = page.next().await.unwrap() {
        numbers.push(number(&event));
    }
    numbers
}

fn cases() -> SubscriptionFilter {
    SubscriptionFilter::on_stream_name().add_prefix("case-")
}

async fn two_streams() -> (Double, Client) {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..3)).await.unwrap();
    append(&client, "other-1", StreamState::NoStream, events(3..5)).await.unwrap();
    append(&client, "case-2", StreamState::NoStream, vec![event_of("Noted", 5)]).await.unwrap();
    (double, client)
}

#[tokio::test]
async fn a_stream_is_read_both_ways_from_any_revision() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..5)).await.unwrap();
    let options = ReadStreamOptions::default;
    let two = options().position(StreamPosition::Position(1)).max_count(2);
    assert_eq!(read_with(&client, "case-1", two).await.unwrap(), [1, 2]);
    let last = options().backwards().position(StreamPosition::End).max_count(1);
    assert_eq!(read_with(&client, "case-1", last).await.unwrap(), [4]);
    let down = options().backwards().position(StreamPosition::Position(2));
    assert_eq!(read_with(&client, "case-1", down).await.unwrap(), [2, 1, 0]);
    let beyond = options().position(StreamPosition::Position(5));
    assert_eq!(read_with(&client, "case-1", beyond).await.unwrap(), [0u128; 0]);
}

#[tokio::test]
async fn an_unknown_stream_is_not_found() {
    let double = start();
    assert!(matches!(read(&connect(&double), "case-1").await, Err(Error::ResourceNotFound)));
}

#[tokio::test]
async fn the_log_shows_all_streams_and_system_events() {
    let (double, client) = two_streams().await;
    let numbers = read_all(&client, ReadAllOptions::default()).await;
    assert_eq!(numbers.len(), double.events().len());
    assert!(double.events().iter().any(|event| event.stream.starts_with('$')));
    let user = SubscriptionFilter::on_event_type().exclude_system_events();
    assert_eq!(read_all(&client, ReadAllOptions::default().filter(user)).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn the_log_is_filtered_by_stream_and_by_type() {
    let (_double, client) = two_streams().await;
    let by_stream = ReadAllOptions::default().filter(cases());
    assert_eq!(read_all(&client, by_stream).await, [0, 1, 2, 5]);
    let by_type = SubscriptionFilter::on_event_type().add_prefix("Not");
    assert_eq!(read_all(&client, ReadAllOptions::default().filter(by_type)).await, [5]);
    let by_regex = SubscriptionFilter::on_stream_name().regex("^(other|none)-");
    assert_eq!(read_all(&client, ReadAllOptions::default().filter(by_regex)).await, [3, 4]);
    let last = ReadAllOptions::default().backwards().position(StreamPosition::End).filter(cases());
    assert_eq!(read_all(&client, last.max_count(2)).await, [5, 2]);
}

#[tokio::test]
async fn a_page_of_the_log_begins_with_its_start_position() {
    let (double, client) = two_streams().await;
    let second = double.events_of("case-1")[1].position;
    let from = StreamPosition::Position(Position { commit: second, prepare: second });
    let options = ReadAllOptions::default().position(from).filter(cases());
    assert_eq!(read_all(&client, options).await, [1, 2, 5]);
}

#[tokio::test]
async fn positions_increase_with_gaps() {
    let (double, _client) = two_streams().await;
    let positions: Vec<u64> = double.events().iter().map(|event| event.position).collect();
    assert!(positions.windows(2).all(|pair| pair[0] + 1 < pair[1]), "{positions:?}");
}

#[tokio::test]
async fn retention_hides_the_oldest_events_of_a_stream() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..5)).await.unwrap();
    let retention = StreamMetadataBuilder::new().max_count(2).build();
    client.set_stream_metadata("case-1", &Default::default(), &retention).await.unwrap();
    assert_eq!(read(&client, "case-1").await.unwrap(), [3, 4]);
    append(&client, "case-1", StreamState::StreamRevision(4), events(5..6)).await.unwrap();
    assert_eq!(read(&client, "case-1").await.unwrap(), [4, 5]);
    assert_eq!(double.events_of("case-1").len(), 6);
    assert_eq!(double.scavenge(), 4);
    assert_eq!(double.events_of("case-1").len(), 2);
    let said = client.get_stream_metadata("case-1", &Default::default()).await.unwrap();
    assert!(said.is_success());
}
