//! The event store on a cluster: KurrentDB (EventStoreDB) keeps the log, and every replica of this program keeps a copy of it.
//!
//! The cluster decides appends by the expected revision and acknowledges them. Each replica follows the log and writes it into its data
//! directory, as an ordinary [`SqliteStore`]: the same events at the same positions on every replica, so that cursors, proofs, exports and
//! backups are the same everywhere. The copy can be deleted at any time and comes back.
//!
//! An append is answered once the cluster has it *and* the copy has it; a read of a stream asks the cluster how far the stream goes and
//! waits until the copy is there. So what anybody was told is written, everybody reads.
//!
//! Streams are named `<prefix>.<stream>` on the server. Three kinds of them are not the application's: `log-identity` says which log this
//! is, `vault-...` are the vault's keys, `replicas-heartbeat` says who is alive.

mod arrivals;
mod client_thread;
mod connection;
mod copy;
mod failure;
mod feed;
mod identity;
mod key_log;
mod members;
pub mod migration;
mod nodelay;
mod opening;
mod options;
mod wire;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use tokio::{runtime::Handle, sync::watch};
use uuid::Uuid;

use self::{
    arrivals::Arrivals,
    connection::{Connection, Outgoing, Place},
    copy::Mirror,
    failure::Failure,
    key_log::KurrentKeyLog,
    members::{Heart, Roll},
    opening::Opening,
};
pub use self::{
    copy::{KeyFollower, KeyRecord, Status},
    opening::ConnectError,
    options::{DEFAULT_PREFIX, KurrentOptions, OptionsError},
};
use super::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, ReadError,
    StreamId, sqlite::SqliteStore, validate,
};
use crate::{clock::Clock, recent::Recent, replica::Members, vault::key_log::KeyLog};

/// Most bytes of an append on its way to the server: below its limit of 1 MiB.
const SENT_SIZE_BYTES_MAX: usize = 1_024 * 1_024 - 8_192;
/// Appends that are surely remembered for `Expect::Any`.
const RECENT_APPENDS: usize = 16_384;
/// Appends without expectation that are decided at a time: those to one stream wait for each other.
const LANES: usize = 64;
/// Attempts at an append without expectation while other replicas append to the same stream.
const RACES_MAX: usize = 100;
/// The server counts revisions in signed numbers.
const REVISION_MAX: u64 = i64::MAX as u64 - 1;

/// The store on a cluster.
pub struct KurrentStore {
    id: Uuid,
    options: KurrentOptions,
    connection: Arc<Connection>,
    runtime: Handle,
    copy: Arc<SqliteStore>,
    clock: Arc<dyn Clock>,
    /// Where the copy's last event stands on the server.
    start: Option<Place>,
    arrivals: Arc<Arrivals>,
    roll: Arc<Roll>,
    passed: Arc<watch::Sender<Option<Place>>>,
    status: Arc<watch::Sender<Status>>,
    lanes: Vec<tokio::sync::Mutex<()>>,
    hasher: RandomState,
    /// First event id of recent appends without expectation, with the revision that it was sent for.
    recent: Mutex<Recent<Uuid, (StreamId, u64)>>,
    stop: watch::Sender<bool>,
    /// The thread that keeps the copy, once it follows.
    mirror: Mutex<Option<JoinHandle<()>>>,
}

impl KurrentStore {
    /// Connects to the cluster, finds or creates the log, and opens its copy in a data directory. Nothing is followed yet.
    ///
    /// # Errors
    /// When the cluster cannot be used, or the directory holds anything but a copy of this log.
    pub async fn connect(
        directory: &Path,
        options: KurrentOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, ConnectError> {
        let connection = Arc::new(Connection::new(options.access()?, options.attempt_timeout));
        let opening = Opening { directory, options: &options, connection: &connection };
        let (copy, start) = opening.open().await?;
        let copy = Arc::new(copy);
        let since = clock.now();
        Ok(Arc::new(Self {
            id: copy.id(),
            connection,
            runtime: Handle::current(),
            arrivals: Arc::new(Arrivals::new(copy.clone())),
            roll: Arc::new(Roll::new(options.silence)),
            copy,
            clock,
            start,
            passed: Arc::new(watch::Sender::new(start)),
            status: Arc::new(watch::Sender::new(Status::Behind { since })),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::default()).collect(),
            hasher: RandomState::new(),
            recent: Mutex::new(Recent::new(RECENT_APPENDS)),
            stop: watch::Sender::new(false),
            mirror: Mutex::new(None),
            options,
        }))
    }

    /// Begins to follow the log. Keys are told to `keys` before the events that may need them are in the copy. A second call does
    /// nothing. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn follow(&self, keys: Arc<dyn KeyFollower>) -> std::io::Result<()> {
        let mut mirror = self.mirror.lock().unwrap_or_else(PoisonError::into_inner);
        if mirror.is_some() || *self.stop.borrow() {
            return Ok(());
        }
        let heart = Heart {
            connection: self.connection.clone(),
            copy: self.copy.clone(),
            roll: self.roll.clone(),
            stream: self.options.name_on_server(members::STREAM),
            interval: self.options.heartbeat_interval,
        };
        let acknowledged = heart.start(self.stop.subscribe());
        let prefix = self.options.name_on_server("");
        let feed = feed::start(
            self.connection.access().clone(),
            prefix.clone(),
            self.start,
            self.options.silence,
            acknowledged,
            self.stop.subscribe(),
        );
        let keeper = Mirror {
            copy: self.copy.clone(),
            prefix,
            arrivals: self.arrivals.clone(),
            roll: self.roll.clone(),
            keys,
            passed: self.passed.clone(),
            status: self.status.clone(),
            clock: self.clock.clone(),
        };
        *mirror = Some(keeper.start(feed)?);
        Ok(())
    }

    /// Waits until the copy has caught up for the first time. `progress` is told each position reached on the way.
    ///
    /// # Errors
    /// When the copy stops before that.
    pub async fn caught_up(&self, mut progress: impl FnMut(u64)) -> Result<(), ReadError> {
        let (mut status, mut head) = (self.status.subscribe(), self.copy.head_changes());
        loop {
            match &*status.borrow_and_update() {
                Status::Live => return Ok(()),
                Status::Stopped { reason } => return Err(ReadError::Unavailable(reason.clone())),
                Status::Behind { .. } => {}
            }
            if let Some(head) = *head.borrow_and_update() {
                progress(head.0);
            }
            tokio::select! {
                _ = status.changed() => {}
                _ = head.changed() => {}
            }
        }
    }

    /// The vault's log of keys, on the same connection. It needs nothing to be followed.
    pub fn key_log(&self) -> Arc<dyn KeyLog> {
        Arc::new(KurrentKeyLog {
            connection: self.connection.clone(),
            runtime: self.runtime.clone(),
            prefix: self.options.name_on_server(""),
            limit: self.options.append_timeout,
        })
    }

    /// The copy: what reads from the log's beginning to its end should read it directly.
    pub fn copy(&self) -> &Arc<SqliteStore> {
        &self.copy
    }

    /// Who is alive, and which of them is this process.
    pub fn members(&self) -> watch::Receiver<Members> {
        self.roll.members()
    }

    /// How the copy stands to the cluster.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// A receiver that changes with [`Self::status`].
    pub fn status_changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Follows no more and waits until the copy's thread has ended.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let mirror = self.mirror.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mirror) = mirror
            && !matches!(tokio::task::spawn_blocking(|| mirror.join()).await, Ok(Ok(())))
        {
            tracing::error!("the thread that keeps the copy of the log ended badly");
        }
    }

    fn stopped(&self) -> Option<String> {
        match &*self.status.borrow() {
            Status::Stopped { reason } => Some(reason.clone()),
            _ => None,
        }
    }

    fn follows(&self) -> bool {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn recent(&self, id: &Uuid) -> Option<(StreamId, u64)> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(id)
    }

    fn remember(&self, id: Uuid, stream: &StreamId, revision: u64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.insert(id, (stream.clone(), revision));
    }

    /// Appends after an exact revision and waits until the copy has it.
    async fn append_after(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        events: Vec<Outgoing>,
    ) -> Result<Appended, AppendError> {
        let revision = after.map_or(0, |after| after + 1) + events.len() as u64 - 1;
        let arrival = self.arrivals.expect(stream, revision);
        let (name, limit) =
            (self.options.name_on_server(stream.as_str()), self.options.append_timeout);
        let said =
            self.connection.append(&name, after, events, limit).await.map_err(append_error)?;
        if said != revision {
            // The server passes over events that were deleted, and goes on behind them.
            tracing::error!(%stream, said, revision, "the server has written elsewhere than it was told");
            return Err(AppendError::OutcomeUnknown(format!(
                "the server says that it wrote revision {said} of {stream}, which was to be {revision}: somebody has deleted the stream"
            )));
        }
        let position = if self.follows() {
            let arrived = arrival.wait(self.options.read_timeout).await;
            // It stands, whether or not that can be seen here.
            arrived.ok().flatten()
        } else {
            None
        };
        Ok(Appended { revision, position })
    }

    /// Appends to wherever the stream ends, unless it was done before.
    async fn append_anywhere(
        &self,
        stream: &StreamId,
        events: Vec<Outgoing>,
    ) -> Result<Appended, AppendError> {
        let first = events[0].id;
        let lane = self.hasher.hash_one(stream) as usize % LANES;
        let _turn = self.lanes[lane].lock().await;
        if let Some((_, revision)) = self.recent(&first).filter(|(known, _)| known == stream) {
            match self.append_after(stream, revision.checked_sub(1), events.clone()).await {
                Err(AppendError::Conflict { actual }) => {
                    let stands = self.first_at(stream, revision).await? == Some(first);
                    if stands {
                        return Err(AppendError::Conflict { actual });
                    }
                    // The first attempt has never been written: somebody else's events stand there.
                }
                outcome => return outcome,
            }
        }
        let name = self.options.name_on_server(stream.as_str());
        for _ in 0..RACES_MAX {
            let last = self.connection.last(&name, self.options.read_timeout).await;
            let last = last.map_err(|failure| match failure {
                Failure::Denied => AppendError::Denied(failure.to_string()),
                failure => AppendError::NotWritten(failure.to_string()),
            })?;
            let after = last.map(|event| event.revision);
            self.remember(first, stream, after.map_or(0, |after| after + 1));
            match self.append_after(stream, after, events.clone()).await {
                Err(AppendError::Conflict { .. }) => {}
                outcome => return outcome,
            }
        }
        Err(AppendError::NotWritten(format!("too many others append to {stream} at the same time")))
    }

    /// Which event stands at a revision, on the server.
    async fn first_at(
        &self,
        stream: &StreamId,
        revision: u64,
    ) -> Result<Option<Uuid>, AppendError> {
        let name = self.options.name_on_server(stream.as_str());
        let found =
            self.connection.read_stream(&name, revision, 1, self.options.read_timeout).await;
        match found {
            Ok(events) => Ok(events.first().map(|event| event.id)),
            Err(failure) => Err(AppendError::OutcomeUnknown(format!(
                "its first attempt cannot be looked for: {failure}"
            ))),
        }
    }
}

impl Drop for KurrentStore {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl fmt::Debug for KurrentStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KurrentStore").field("id", &self.id).finish_non_exhaustive()
    }
}

impl KurrentOptions {
    /// A stream's name on the server.
    fn name_on_server(&self, stream: &str) -> String {
        format!("{}.{stream}", self.prefix)
    }
}

fn append_error(failure: Failure) -> AppendError {
    match failure {
        Failure::Conflict { actual } => AppendError::Conflict { actual },
        Failure::Denied => AppendError::Denied(failure.to_string()),
        Failure::Unknown(_) => AppendError::OutcomeUnknown(failure.to_string()),
        Failure::Unsent(_) | Failure::Refused(_) | Failure::NotFound | Failure::Deleted => {
            AppendError::NotWritten(failure.to_string())
        }
    }
}

fn read_error(failure: Failure) -> ReadError {
    ReadError::Unavailable(failure.to_string())
}

#[async_trait]
impl EventStore for KurrentStore {
    fn id(&self) -> Uuid {
        self.id
    }

    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        if let Some(reason) = self.stopped() {
            return Err(AppendError::Stopped(reason));
        }
        let size_bytes = validate(&events)?;
        if copy::is_reserved(stream.as_str()) {
            let problem = format!("{stream} belongs to a category that the store keeps for itself");
            return Err(AppendError::Invalid(problem));
        }
        let outgoing: Vec<Outgoing> = events.into_iter().map(Outgoing::from).collect();
        if outgoing.iter().map(wire::size_bytes).sum::<usize>() > SENT_SIZE_BYTES_MAX {
            return Err(AppendError::TooLarge { events: outgoing.len(), size_bytes });
        }
        match expect {
            Expect::NoStream => self.append_after(stream, None, outgoing).await,
            Expect::At(revision) if revision > REVISION_MAX => {
                let name = self.options.name_on_server(stream.as_str());
                let last = self.connection.last(&name, self.options.read_timeout).await;
                let last = last.map_err(append_error)?;
                Err(AppendError::Conflict { actual: last.map(|event| event.revision) })
            }
            Expect::At(revision) => self.append_after(stream, Some(revision), outgoing).await,
            Expect::Any => self.append_anywhere(stream, outgoing).await,
        }
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        if let Some(reason) = self.stopped() {
            return Err(ReadError::Unavailable(reason));
        }
        let name = self.options.name_on_server(stream.as_str());
        let last = self.connection.last(&name, self.options.read_timeout).await;
        if let Some(last) = last.map_err(read_error)? {
            let arrival = self.arrivals.expect(stream, last.revision);
            if arrival.wait(self.options.read_timeout).await?.is_none() {
                return Err(behind());
            }
        }
        self.copy.read_stream(stream, after, limit).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.copy.read_all(after, limit).await
    }

    /// Removes them from this replica's copy. What the cluster has of them stays, and cannot be read once its key is gone.
    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        self.copy.remove_envelopes(events).await
    }

    fn head(&self) -> Option<Position> {
        self.copy.head()
    }

    async fn sync(&self) -> Result<Option<Position>, ReadError> {
        if let Some(reason) = self.stopped() {
            return Err(ReadError::Unavailable(reason));
        }
        let prefix = self.options.name_on_server("");
        let last = self.connection.last_of_prefix(&prefix, self.options.read_timeout).await;
        let last = last.map_err(read_error)?.filter(|place| place.is_known());
        let mut passed = self.passed.subscribe();
        let there = passed.wait_for(|passed| *passed >= last);
        match tokio::time::timeout(self.options.read_timeout, there).await {
            Ok(Ok(_)) => Ok(self.copy.head()),
            _ => Err(behind()),
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.copy.head_changes()
    }
}

fn behind() -> ReadError {
    ReadError::Unavailable("this replica's copy of the log is behind the cluster; try again".into())
}

impl From<&LoggedEvent> for Outgoing {
    fn from(event: &LoggedEvent) -> Self {
        Self {
            id: event.id,
            type_name: event.type_name.to_string(),
            version: event.version,
            metadata: event.metadata.clone(),
            data: event.data.clone(),
            envelope: event.envelope.clone(),
        }
    }
}

impl From<NewEvent> for Outgoing {
    fn from(event: NewEvent) -> Self {
        let NewEvent { id, type_name, version, metadata, data, envelope } = event;
        Self { id, type_name: type_name.to_owned(), version, metadata, data, envelope }
    }
}
