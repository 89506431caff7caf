//! Small things that the store's tests share.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use parvandeh::store::{EventStore, LoggedEvent, NewEvent, StreamId, sqlite::SqliteOptions};
use uuid::Uuid;

/// A WAL so small that tests make it wrap.
pub fn small() -> SqliteOptions {
    SqliteOptions { wal_size_bytes: 1024 * 1024, log_size_bytes_max: None }
}

pub fn stream(name: &str) -> StreamId {
    StreamId::new(name).unwrap()
}

pub fn event() -> NewEvent {
    let id = Uuid::new_v4();
    NewEvent {
        id,
        type_name: "interaction-recorded",
        version: 1,
        metadata: r#"{"actor":"staff-7"}"#.into(),
        data: format!(r#"{{"text":"{id}"}}"#).into(),
        envelope: None,
    }
}

pub fn batch(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

pub fn ids(events: &[LoggedEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

pub async fn log_of(store: &Arc<dyn EventStore>) -> Vec<LoggedEvent> {
    store.read_all(None, 10_000).await.unwrap()
}

pub async fn stream_of(store: &Arc<dyn EventStore>, name: &str) -> Vec<LoggedEvent> {
    store.read_stream(&stream(name), None, 10_000).await.unwrap()
}
