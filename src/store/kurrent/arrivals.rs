//! Waiting until the copy has an event that is known to stand on the server.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::recent::Recent;
use crate::store::{EventStore, LoggedEvent, Position, ReadError, StreamId, sqlite::SqliteStore};

/// Streams whose last revision in the copy is surely known without asking it.
const HEADS: usize = 32_768;

/// Who waits for which event. Bounded by the calls that are under way.
pub(super) struct Arrivals {
    copy: Arc<SqliteStore>,
    state: Mutex<State>,
}

struct State {
    heads: Recent<StreamId, u64>,
    waiting: HashMap<StreamId, Vec<Waiting>>,
    next_ticket: u64,
    /// Nothing arrives any more.
    closed: bool,
}

struct Waiting {
    revision: u64,
    ticket: u64,
    arrived: oneshot::Sender<Position>,
}

impl Arrivals {
    pub(super) fn new(copy: Arc<SqliteStore>) -> Self {
        let state = State {
            heads: Recent::new(HEADS),
            waiting: HashMap::new(),
            next_ticket: 0,
            closed: false,
        };
        Self { copy, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to wait for an event. From here on it cannot be missed.
    pub(super) fn expect(&self, stream: &StreamId, revision: u64) -> Arrival<'_> {
        let (sender, arrived) = oneshot::channel();
        let mut state = self.state();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let known = state.heads.get(stream);
        if !state.closed {
            let waiting = Waiting { revision, ticket, arrived: sender };
            state.waiting.entry(stream.clone()).or_default().push(waiting);
        }
        drop(state);
        let may_be_there = known.is_none_or(|head| head >= revision);
        Arrival { arrivals: self, stream: stream.clone(), revision, ticket, arrived, may_be_there }
    }

    /// These events of one stream, one behind the other, are in the copy.
    pub(super) fn arrived(&self, run: &[LoggedEvent]) {
        let Some((first, last)) = run.first().zip(run.last()) else { return };
        let mut state = self.state();
        state.heads.insert(last.stream.clone(), last.revision);
        let Some(mut waiting) = state.waiting.remove(&last.stream) else { return };
        for one in waiting.extract_if(.., |one| one.revision <= last.revision) {
            // Who waits for an earlier one has come too late to hear of it and finds it in the copy.
            if let Some(offset) = one.revision.checked_sub(first.revision) {
                let _ = one.arrived.send(Position(first.position.0 + offset));
            }
        }
        if !waiting.is_empty() {
            state.waiting.insert(last.stream.clone(), waiting);
        }
    }

    /// Nothing will arrive any more: nobody needs to wait.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
    }
}

/// An event that is waited for.
pub(super) struct Arrival<'a> {
    arrivals: &'a Arrivals,
    stream: StreamId,
    revision: u64,
    ticket: u64,
    arrived: oneshot::Receiver<Position>,
    may_be_there: bool,
}

impl Arrival<'_> {
    /// The event's position once the copy has it; `None` when that takes longer than `limit`, or cannot be any more.
    pub(super) async fn wait(mut self, limit: Duration) -> Result<Option<Position>, ReadError> {
        if let Ok(position) = self.arrived.try_recv() {
            return Ok(Some(position));
        }
        if self.may_be_there {
            let after = self.revision.checked_sub(1);
            let found = self.arrivals.copy.read_stream(&self.stream, after, 1).await?;
            if let Some(event) = found.first() {
                // A stream shows its end a moment before the log does.
                let mut head = self.arrivals.copy.head_changes();
                let there = head.wait_for(|head| *head >= Some(event.position));
                return Ok(timeout(limit, there).await.is_ok().then_some(event.position));
            }
        }
        Ok(timeout(limit, &mut self.arrived).await.ok().and_then(Result::ok))
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut state = self.arrivals.state();
        let Some(waiting) = state.waiting.get_mut(&self.stream) else { return };
        waiting.retain(|one| one.ticket != self.ticket);
        if waiting.is_empty() {
            state.waiting.remove(&self.stream);
        }
    }
}
