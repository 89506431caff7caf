//! The event store in memory: for tests and trials. It keeps nothing.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, READ_EVENTS_MAX,
    READ_SIZE_BYTES_MAX, ReadError, Standing, StreamId, answer_retry, validate,
};
use crate::recent::Recent;

/// A store that lives as long as the process.
pub struct MemoryStore {
    id: Uuid,
    log: Mutex<Log>,
    head: watch::Sender<Option<Position>>,
}

struct Log {
    /// The event at position p is `events[p - 1]`.
    events: Vec<LoggedEvent>,
    /// The event at revision r of a stream is `events[streams[stream][r]]`.
    streams: HashMap<StreamId, Vec<usize>>,
    /// First event id of recent appends, with the revision that it got.
    recent: Recent<Uuid, (StreamId, u64)>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let log = Log { events: Vec::new(), streams: HashMap::new(), recent: Recent::new(10_000) };
        Self { id: Uuid::new_v4(), log: Mutex::new(log), head: watch::Sender::new(None) }
    }
}

impl MemoryStore {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn read_stream(&self, stream: &StreamId, start: u64, limit: usize) -> Vec<LoggedEvent> {
        let places = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        places.iter().skip(start).take(limit).map(|&place| self.events[place].clone()).collect()
    }

    fn append(
        &mut self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let actual = self.streams.get(stream).map(|places| places.len() as u64 - 1);
        let standing = match self.recent.get(&events[0].id) {
            Some((known, revision)) if expect == Expect::Any && known == *stream => {
                Standing::Passed { revision }
            }
            _ => expect.against(actual),
        };
        let revision = match standing {
            Standing::Fits { revision } => revision,
            Standing::Passed { revision } => {
                let stored = self.read_stream(stream, revision, events.len());
                return answer_retry(events.iter().map(|event| event.id), &stored, actual);
            }
            Standing::Short => return Err(AppendError::Conflict { actual }),
        };
        self.recent.insert(events[0].id, (stream.clone(), revision));
        let places = self.streams.entry(stream.clone()).or_default();
        for event in events {
            places.push(self.events.len());
            self.events.push(LoggedEvent {
                position: Position(self.events.len() as u64 + 1),
                stream: stream.clone(),
                revision: places.len() as u64 - 1,
                id: event.id,
                type_name: event.type_name.into(),
                version: event.version,
                metadata: event.metadata,
                data: event.data,
                envelope: event.envelope,
            });
        }
        let position = Some(Position(self.events.len() as u64));
        Ok(Appended { revision: places.len() as u64 - 1, position })
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        validate(&events)?;
        let mut log = self.log();
        let appended = log.append(stream, expect, events)?;
        // Under the lock, so that the head never steps back. A retry changes nothing.
        let head = Some(Position(log.events.len() as u64));
        self.head.send_if_modified(|known| std::mem::replace(known, head) != head);
        Ok(appended)
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let start = after.map_or(0, |revision| revision.saturating_add(1));
        Ok(self.log().read_stream(stream, start, limit.min(READ_EVENTS_MAX)))
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        let start = after.map_or(0, |position| usize::try_from(position.0).unwrap_or(usize::MAX));
        let limit = limit.min(READ_EVENTS_MAX);
        let mut size_bytes = 0;
        let fits = |event: &&LoggedEvent| {
            let begins = size_bytes < READ_SIZE_BYTES_MAX;
            size_bytes += event.envelope.as_ref().map_or(0, Bytes::len);
            begins
        };
        Ok(self.log().events.iter().skip(start).take(limit).take_while(fits).cloned().collect())
    }

    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        let mut log = self.log();
        let places = events.iter().filter_map(|position| position.0.checked_sub(1));
        let mut removed = 0;
        for place in places {
            let event = usize::try_from(place).ok().and_then(|place| log.events.get_mut(place));
            removed += usize::from(event.is_some_and(|event| event.envelope.take().is_some()));
        }
        Ok(removed)
    }

    fn head(&self) -> Option<Position> {
        *self.head.borrow()
    }

    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.head.subscribe()
    }
}
