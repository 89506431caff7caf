//! The official client against the double: what holds with a real server holds here, and each fault is seen.

mod appends;
mod faults;
mod reads;
mod subscriptions;

use std::time::Duration;

use kurrentdb::{
    AppendToStreamOptions, Client, EventData, ReadStreamOptions, ResolvedEvent, StreamState,
    WriteResult,
};
use kurrentdb_double::{Double, Options};
use uuid::Uuid;

/// A double of one node without system events of its own, so that positions can be counted.
fn start() -> Double {
    start_with(Options::default())
}

fn start_with(options: Options) -> Double {
    Double::start(Options { system_event_every: 0, ..options }).expect("a free port")
}

fn connect(double: &Double) -> Client {
    // The client waits so long before its very first attempt, too.
    let settings = format!("{}&discoveryInterval=20", double.connection_string());
    let settings = settings.parse().expect("a connection string");
    Client::new(settings).expect("a client")
}

fn event(number: u128) -> EventData {
    event_of("Counted", number)
}

fn event_of(kind: &str, number: u128) -> EventData {
    EventData::json(kind, &serde_json::json!({ "number": number }))
        .expect("serialisable")
        .id(Uuid::from_u128(number))
}

fn events(numbers: std::ops::Range<u128>) -> Vec<EventData> {
    numbers.map(event).collect()
}

async fn append(
    client: &Client,
    stream: &str,
    state: StreamState,
    events: Vec<EventData>,
) -> kurrentdb::Result<WriteResult> {
    client
        .append_to_stream(stream, &AppendToStreamOptions::default().stream_state(state), events)
        .await
}

async fn read(client: &Client, stream: &str) -> kurrentdb::Result<Vec<u128>> {
    read_with(client, stream, ReadStreamOptions::default()).await
}

async fn read_with(
    client: &Client,
    stream: &str,
    options: ReadStreamOptions,
) -> kurrentdb::Result<Vec<u128>> {
    let mut page = client.read_stream(stream, &options).await?;
    let mut numbers = Vec::new();
    while let Some(event) = page.next().await? {
        numbers.push(number(&event));
    }
    Ok(numbers)
}

fn number(event: &ResolvedEvent) -> u128 {
    event.get_original_event().id.as_u128()
}

/// Waits for what must come soon; a test that waits in vain fails instead of hanging.
async fn soon<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), awaited).await.expect("comes within 20 s")
}
