//! The connection to the cluster: one client at a time, with time limits of our own around every call, made anew when it breaks.
//!
//! The client never recovers from a failed discovery, and stays with a leader that is gone. So after every failure that may come from
//! that, its *generation* is retired: calls under way end as they may, and the next call makes a new client. A call that did not reach
//! the server, or whose outcome is unknown, is tried again until its time is up; an append too, because it says exactly what it expects
//! of the stream, and then a second copy of the same batch is answered like the first.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use kurrentdb::{
    AppendToStreamOptions, Client, Credentials, EventData, Position, ReadAllOptions,
    ReadStreamOptions, RecordedEvent, StreamMetadataBuilder, StreamPosition, StreamState,
    SubscriptionFilter, TombstoneStreamOptions,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::store::READ_SIZE_BYTES_MAX;

use super::{
    client_thread::ClientThread,
    failure::{self, Failure},
    nodelay::Nodelay,
    options::Access,
    wire,
};

/// Waits between attempts: the first, and the most.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// A client lives at least so long before another is made.
const GENERATION_MIN: Duration = Duration::from_millis(250);

/// An event on its way to the server, in our form.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) id: Uuid,
    pub(super) type_name: String,
    pub(super) version: u16,
    /// A JSON object.
    pub(super) metadata: Bytes,
    /// A JSON object.
    pub(super) data: Bytes,
    pub(super) envelope: Option<Bytes>,
}

/// An event as it stands on the server.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) stream: String,
    pub(super) revision: u64,
    pub(super) id: Uuid,
    pub(super) type_name: String,
    pub(super) data: Bytes,
    /// Version, metadata and envelope: see [`super::wire`].
    pub(super) custom_metadata: Bytes,
    pub(super) place: Place,
}

/// A place in the server's log. It grows, with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) commit: u64,
    pub(super) prepare: u64,
}

impl Place {
    /// Some servers say that they do not know a place by the largest number there is.
    pub(super) fn is_known(self) -> bool {
        self.commit != u64::MAX && self.prepare != u64::MAX
    }
}

impl From<kurrentdb::Position> for Place {
    fn from(position: kurrentdb::Position) -> Self {
        Self { commit: position.commit, prepare: position.prepare }
    }
}

impl From<&RecordedEvent> for Recorded {
    fn from(event: &RecordedEvent) -> Self {
        Self {
            stream: event.stream_id().to_owned(),
            revision: event.revision,
            id: event.id,
            type_name: event.event_type.clone(),
            data: event.data.clone(),
            custom_metadata: event.custom_metadata.clone(),
            place: event.position.into(),
        }
    }
}

/// See the module.
pub(super) struct Connection {
    access: Access,
    attempt_timeout: Duration,
    current: tokio::sync::Mutex<Current>,
    reachable: Mutex<Reachable>,
    nodelay: Nodelay,
}

/// The present generation.
#[derive(Default)]
struct Current {
    /// `None` before the first call and after a failure.
    client: Option<Arc<ClientThread>>,
    made_at: Option<Instant>,
}

/// What was last said about the cluster in the log, so that each change is said once.
enum Reachable {
    Yes,
    No { since: Instant },
}

impl Connection {
    pub(super) fn new(access: Access, attempt_timeout: Duration) -> Self {
        let (current, reachable) = (tokio::sync::Mutex::default(), Mutex::new(Reachable::Yes));
        Self { access, attempt_timeout, current, reachable, nodelay: Nodelay::default() }
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// The client of the present generation.
    async fn generation(&self) -> Result<Arc<ClientThread>, Failure> {
        let mut current = self.current.lock().await;
        if let Some(known) = &current.client {
            return Ok(known.clone());
        }
        if let Some(made_at) = current.made_at {
            // Whoever else needs a client waits here too.
            sleep(GENERATION_MIN.saturating_sub(made_at.elapsed())).await;
        }
        let made = ClientThread::start("kurrentdb-client", &self.access).await;
        let made = Arc::new(made.map_err(|error| Failure::Unsent(failure::cut(&error)))?);
        *current = Current { client: Some(made.clone()), made_at: Some(Instant::now()) };
        Ok(made)
    }

    /// Lets the next call make a new client, unless somebody has made one already.
    async fn retire(&self, broken: &Arc<ClientThread>) {
        let mut current = self.current.lock().await;
        if current.client.as_ref().is_some_and(|known| Arc::ptr_eq(known, broken)) {
            current.client = None;
        }
    }

    /// One attempt.
    async fn attempt<T, F>(
        &self,
        limit: Duration,
        call: impl FnOnce(Client) -> F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = kurrentdb::Result<T>> + Send + 'static,
    {
        let client = self.generation().await?;
        let begun = Instant::now();
        let mut task = AbortOnDrop(client.spawn(call));
        let outcome = match timeout(limit.min(self.attempt_timeout), &mut task.0).await {
            Ok(Ok(Ok(answer))) => {
                self.nodelay.answered_after(begun.elapsed());
                Ok(answer)
            }
            Ok(Ok(Err(error))) => {
                if failure::breaks_client(&error) {
                    self.retire(&client).await;
                }
                Err(Failure::of(error))
            }
            Ok(Err(_)) => {
                self.retire(&client).await;
                Err(Failure::Unknown("the client has failed".to_owned()))
            }
            Err(_) => {
                self.retire(&client).await;
                Err(Failure::Unknown("the server does not answer in time".to_owned()))
            }
        };
        self.tell(&outcome);
        outcome
    }

    /// Attempts until one is answered or the time is up.
    async fn call<T, F>(
        &self,
        limit: Duration,
        mut call: impl FnMut(Client) -> F,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = kurrentdb::Result<T>> + Send + 'static,
    {
        let (begun, mut pause, mut may_stand) = (Instant::now(), PAUSE_MIN, false);
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            let failure = match self.attempt(left, &mut call).await {
                Err(failure @ (Failure::Unsent(_) | Failure::Unknown(_))) => failure,
                outcome => return outcome,
            };
            may_stand |= matches!(failure, Failure::Unknown(_));
            if begun.elapsed() + pause >= limit {
                return Err(match failure {
                    Failure::Unsent(reason) if may_stand => Failure::Unknown(reason),
                    failure => failure,
                });
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Says in the log when the cluster is lost and when it is back, once each.
    fn tell<T>(&self, outcome: &Result<T, Failure>) {
        let mut reachable = self.reachable.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*reachable, outcome) {
            (Reachable::Yes, Err(Failure::Unsent(reason) | Failure::Unknown(reason))) => {
                tracing::warn!(%reason, "the cluster does not answer; trying again");
                *reachable = Reachable::No { since: Instant::now() };
            }
            (_, Err(Failure::Unsent(_) | Failure::Unknown(_))) => {}
            (Reachable::No { since }, _) => {
                let seconds = since.elapsed().as_secs();
                tracing::info!(seconds, "the cluster answers again");
                *reachable = Reachable::Yes;
            }
            (Reachable::Yes, _) => {}
        }
    }

    /// Appends all the events or none, where `after` is the revision that the stream is expected to be at, `None` for a stream that
    /// does not exist. Answers the last revision, as the server says it.
    pub(super) async fn append(
        &self,
        stream: &str,
        after: Option<u64>,
        events: Vec<Outgoing>,
        limit: Duration,
    ) -> Result<u64, Failure> {
        let state = after.map_or(StreamState::NoStream, StreamState::StreamRevision);
        let (begun, mut pause) = (Instant::now(), PAUSE_MIN);
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            match self.append_expecting(stream, state, &events, left).await {
                // A conflict with exactly what was expected is none. Taken for one, a batch that an earlier attempt has written would be
                // decided again and stand twice.
                Err(Failure::Conflict { actual }) if actual == after => {
                    if begun.elapsed() + pause >= limit {
                        let reason = "the server tells of a conflict with what was expected";
                        return Err(Failure::Unknown(reason.to_owned()));
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                outcome => return outcome,
            }
        }
    }

    /// Appends to wherever the stream ends. An attempt whose outcome is unknown may stand and be repeated: for events that are
    /// harmless twice.
    pub(super) async fn append_anywhere(
        &self,
        stream: &str,
        events: Vec<Outgoing>,
        limit: Duration,
    ) -> Result<u64, Failure> {
        self.append_expecting(stream, StreamState::Any, &events, limit).await
    }

    async fn append_expecting(
        &self,
        stream: &str,
        state: StreamState,
        events: &[Outgoing],
        limit: Duration,
    ) -> Result<u64, Failure> {
        let events: Vec<EventData> =
            events.iter().map(wire::encode).collect::<Result<_, _>>().map_err(Failure::Refused)?;
        let options = AppendToStreamOptions::default().requires_leader(true).stream_state(state);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        self.call(limit, |client| {
            let (stream, options, events) = (stream.to_owned(), options.clone(), events.clone());
            async move {
                let written = client.append_to_stream(stream, &options, events).await?;
                Ok(written.next_expected_version)
            }
        })
        .await
    }

    /// The stream's last event, `None` where it does not exist.
    pub(super) async fn last(
        &self,
        stream: &str,
        limit: Duration,
    ) -> Result<Option<Recorded>, Failure> {
        let options = ReadStreamOptions::default().position(StreamPosition::End).backwards();
        Ok(self.read(stream, options.max_count(1), limit).await?.into_iter().next())
    }

    /// Events of a stream from a revision on, at most `count`; none where the stream does not exist or is shorter.
    pub(super) async fn read_stream(
        &self,
        stream: &str,
        from: u64,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Recorded>, Failure> {
        let options = ReadStreamOptions::default().position(StreamPosition::Position(from));
        self.read(stream, options.forwards().max_count(count), limit).await
    }

    async fn read(
        &self,
        stream: &str,
        options: ReadStreamOptions,
        limit: Duration,
    ) -> Result<Vec<Recorded>, Failure> {
        let options = options.requires_leader(true);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        let read = self.call(limit, |client| {
            let (stream, options) = (stream.to_owned(), options.clone());
            async move {
                let mut events = Vec::new();
                let mut read = client.read_stream(stream, &options).await?;
                while let Some(event) = read.next().await? {
                    events.push(Recorded::from(event.get_original_event()));
                }
                Ok(events)
            }
        });
        match read.await {
            Err(Failure::NotFound) => Ok(Vec::new()),
            read => read,
        }
    }

    /// Where the last event stands whose stream begins so.
    pub(super) async fn last_of_prefix(
        &self,
        prefix: &str,
        limit: Duration,
    ) -> Result<Option<Place>, Failure> {
        let filter = SubscriptionFilter::on_stream_name().add_prefix(prefix);
        let options = ReadAllOptions::default().position(StreamPosition::End).backwards();
        let options = options.filter(filter).max_count(1).requires_leader(true);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        self.call(limit, |client| {
            let options = options.clone();
            async move {
                let mut read = client.read_all(&options).await?;
                let last = read.next().await?;
                Ok(last.map(|event| event.get_original_event().position.into()))
            }
        })
        .await
    }

    /// Events of the streams that begin so, after a place, at most `count`, and fewer where they are large; none at the end.
    pub(super) async fn read_all(
        &self,
        prefix: &str,
        after: Option<Place>,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Recorded>, Failure> {
        let start = match after {
            Some(Place { commit, prepare }) => {
                StreamPosition::Position(Position { commit, prepare })
            }
            None => StreamPosition::Start,
        };
        let filter = SubscriptionFilter::on_stream_name().add_prefix(prefix);
        let options = ReadAllOptions::default().position(start).forwards().filter(filter);
        // A page begins with the event at its start.
        let options = options.max_count(count.saturating_add(1)).requires_leader(true);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        self.call(limit, |client| {
            let options = options.clone();
            async move {
                let mut events = Vec::new();
                let mut read = client.read_all(&options).await?;
                let mut size_bytes = 0;
                while size_bytes < READ_SIZE_BYTES_MAX
                    && let Some(event) = read.next().await?
                {
                    let event = Recorded::from(event.get_original_event());
                    if after.is_none_or(|after| event.place > after) {
                        size_bytes += event.custom_metadata.len();
                        events.push(event);
                    }
                }
                Ok(events)
            }
        })
        .await
    }

    /// Deletes a stream for good, where its last event has this revision (`None` where there is no stream): no stream of this name can
    /// ever begin again.
    pub(super) async fn delete_for_good(
        &self,
        stream: &str,
        after: Option<u64>,
        limit: Duration,
    ) -> Result<(), Failure> {
        let state = after.map_or(StreamState::NoStream, StreamState::StreamRevision);
        let options = TombstoneStreamOptions::default().requires_leader(true).stream_state(state);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        self.call(limit, |client| {
            let (stream, options) = (stream.to_owned(), options.clone());
            async move { client.tombstone_stream(stream, &options).await.map(drop) }
        })
        .await
    }

    /// Lets the server keep only so many of a stream's latest events, unless somebody has said already what it should keep.
    pub(super) async fn limit_count(
        &self,
        stream: &str,
        count: u64,
        limit: Duration,
    ) -> Result<(), Failure> {
        if self.last(&format!("$${stream}"), limit).await?.is_some() {
            return Ok(());
        }
        let options = AppendToStreamOptions::default().requires_leader(true);
        let options = options.stream_state(StreamState::NoStream);
        let options = match self.credentials() {
            Some(credentials) => options.authenticated(credentials),
            None => options,
        };
        let set = self.call(limit, |client| {
            let (stream, options) = (stream.to_owned(), options.clone());
            async move {
                let metadata = StreamMetadataBuilder::new().max_count(count).build();
                client.set_stream_metadata(stream, &options, &metadata).await.map(drop)
            }
        });
        match set.await {
            // Another replica was quicker.
            Err(Failure::Conflict { .. }) => Ok(()),
            set => set,
        }
    }

    fn credentials(&self) -> Option<Credentials> {
        self.access.credentials.clone()
    }
}

/// Ends a task whose result nobody waits for any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
