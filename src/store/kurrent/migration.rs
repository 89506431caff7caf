//! Moving a log that stands in a data directory into a cluster that is empty: the same events in the same order under the same id.
//!
//! Events are written one append after the other, because the server's order is the log's order. So whatever is there is the log's
//! beginning, and an interrupted move finds where to go on by halving: no file says how far it came. In the end both are read from the
//! beginning and must give the same root of the log's Merkle tree (RFC 6962), the cluster's as its server tells it.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    ConnectError, KurrentOptions, SENT_SIZE_BYTES_MAX,
    connection::{Connection, Outgoing, Place, Recorded},
    copy,
    failure::Failure,
    identity,
    key_log::KurrentKeyLog,
    opening::unreachable_error,
    wire,
};
use crate::{
    proof::{leaf::Leaves, merkle::Frontier, merkle::Hash},
    store::{
        APPEND_EVENTS_MAX, EventStore, LoggedEvent, Position, ReadError, StreamId,
        sqlite::SqliteStore,
    },
    vault::key_log::KeyLog,
};

/// Events in one page of either log.
const PAGE_EVENTS: usize = 1_000;

/// Why a log was not moved. What was moved so far stays, and the next attempt goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The cluster cannot be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is another log.
    #[error(
        "the cluster has the log {found} under the prefix `{prefix}`, not {expected}: name a prefix that nothing uses"
    )]
    AnotherLog {
        /// The prefix.
        prefix: String,
        /// The id of the log that is there.
        found: Uuid,
        /// The id of the log that is to be moved there.
        expected: Uuid,
    },
    /// There are other events.
    #[error(
        "the cluster has other events than the log at position {position}, revision {revision} of {stream}: somebody has written there; \
         name a prefix that nothing uses"
    )]
    OtherEvents {
        /// Where the log has the event.
        position: Position,
        /// Its stream.
        stream: StreamId,
        /// Its revision.
        revision: u64,
    },
    /// An event is larger than the server takes.
    #[error(
        "the event at position {position} takes {size_bytes} bytes on its way to the server, which may take less: give the server a larger \
         `MaxAppendSize` and start again"
    )]
    TooLarge {
        /// Where it stands.
        position: Position,
        /// Its size.
        size_bytes: usize,
    },
    /// An append failed.
    #[error("the cluster does not take the event at position {position}: {reason}")]
    NotTaken {
        /// Where it stands.
        position: Position,
        /// Why.
        reason: String,
    },
    /// What the server tells is not the log.
    #[error(
        "the cluster does not give the log's root: {there} instead of {here} over {events} events; do not use it, and look for who else \
         writes under the prefix `{prefix}`"
    )]
    AnotherRoot {
        /// The prefix.
        prefix: String,
        /// The log's root, in hexadecimal.
        here: String,
        /// The root of what the server tells.
        there: String,
        /// How many events there are.
        events: u64,
    },
    /// What the server tells cannot be read.
    #[error("what the cluster has cannot be read: {0}")]
    Unreadable(String),
}

/// A cluster's log that is being filled.
pub struct Migration {
    options: KurrentOptions,
    connection: Arc<Connection>,
    id: Uuid,
}

impl Migration {
    /// Connects to a cluster that has no log under the prefix, or the beginning of the log with this id.
    ///
    /// # Errors
    /// When it cannot be used, or has another log.
    pub async fn into_cluster(options: KurrentOptions, id: Uuid) -> Result<Self, MigrationError> {
        let access = options.access().map_err(ConnectError::from)?;
        let connection = Arc::new(Connection::new(access, options.attempt_timeout));
        let stream = options.name_on_server(identity::STREAM);
        let created = identity::create(&connection, &stream, id, options.connect_timeout).await;
        let found = created.map_err(|failure| unreachable_error(&options, failure))?;
        if found != id {
            let prefix = options.prefix.clone();
            return Err(MigrationError::AnotherLog { prefix, found, expected: id });
        }
        Ok(Self { options, connection, id })
    }

    /// The cluster's log of keys: keys are moved before the events that they open.
    pub fn key_log(&self) -> Arc<dyn KeyLog> {
        Arc::new(KurrentKeyLog {
            connection: self.connection.clone(),
            runtime: tokio::runtime::Handle::current(),
            prefix: self.options.name_on_server(""),
            limit: self.options.append_timeout,
        })
    }

    /// Writes whatever of the log is not there yet. `progress` is told each position reached.
    ///
    /// # Errors
    /// When the cluster has other events, or does not take one.
    pub async fn write(
        &self,
        source: &SqliteStore,
        mut progress: impl FnMut(u64),
    ) -> Result<(), MigrationError> {
        let head = source.head().map_or(0, |head| head.0);
        let mut done = self.present(source, head).await?;
        progress(done);
        while done < head {
            let after = Some(Position(done)).filter(|after| after.0 > 0);
            let page = source.read_all(after, PAGE_EVENTS).await?;
            let Some(last) = page.last().map(|event| event.position) else { break };
            for run in runs(&page) {
                self.append(run).await?;
                progress(run[run.len() - 1].position.0);
            }
            done = last.0;
        }
        Ok(())
    }

    /// How many events of the log, from its beginning, the cluster has.
    async fn present(&self, source: &SqliteStore, head: u64) -> Result<u64, MigrationError> {
        let (mut there, mut missing) = (0, head + 1);
        while missing - there > 1 {
            let middle = there + (missing - there) / 2;
            let after = Some(Position(middle - 1)).filter(|after| after.0 > 0);
            let page = source.read_all(after, 1).await?;
            let Some(event) = page.first() else { break };
            let name = self.options.name_on_server(event.stream.as_str());
            let read =
                self.connection.read_stream(&name, event.revision, 1, self.options.read_timeout);
            let read = read.await.map_err(|failure| unreachable_error(&self.options, failure))?;
            match read.first() {
                Some(found) if found.revision == event.revision && found.id == event.id => {
                    there = middle;
                }
                Some(found) if found.revision == event.revision => {
                    return Err(other_events(event));
                }
                _ => missing = middle,
            }
        }
        Ok(there)
    }

    async fn append(&self, run: &[LoggedEvent]) -> Result<(), MigrationError> {
        let (first, name) = (&run[0], self.options.name_on_server(run[0].stream.as_str()));
        let events: Vec<Outgoing> = run.iter().map(Outgoing::from).collect();
        let size_bytes = events.iter().map(wire::size_bytes).sum();
        let after = first.revision.checked_sub(1);
        let limit = self.options.append_timeout;
        match self.connection.append(&name, after, events, limit).await {
            Ok(_) => Ok(()),
            Err(Failure::Conflict { .. } | Failure::Deleted) => Err(other_events(first)),
            Err(Failure::Refused(_)) if size_bytes > SENT_SIZE_BYTES_MAX => {
                Err(MigrationError::TooLarge { position: first.position, size_bytes })
            }
            Err(failure) => {
                let (position, reason) = (first.position, failure.to_string());
                Err(MigrationError::NotTaken { position, reason })
            }
        }
    }

    /// Reads both from the beginning and compares the roots of their trees; answers it. `progress` is told each position reached.
    ///
    /// # Errors
    /// When they differ.
    pub async fn verify(
        &self,
        source: &SqliteStore,
        mut progress: impl FnMut(u64),
    ) -> Result<Hash, MigrationError> {
        let head = source.head().map_or(0, |head| head.0);
        let here = root_of(source, head).await?;
        let (mut leaves, mut tree) = (Leaves::of(self.id), Frontier::default());
        let prefix = self.options.name_on_server("");
        let mut after: Option<Place> = None;
        while tree.size() < head {
            let limit = self.options.append_timeout;
            let page = self.connection.read_all(&prefix, after, PAGE_EVENTS, limit).await;
            let page = page.map_err(|failure| unreachable_error(&self.options, failure))?;
            let Some(last) = page.last() else { break };
            after = Some(last.place);
            for event in &page {
                if let Some(event) = self.logged(event, tree.size() + 1)?
                    && tree.size() < head
                {
                    tree.push_leaf(leaves.hash(&event));
                }
            }
            progress(tree.size());
        }
        let there = tree.root();
        if tree.size() != head || there != here {
            let hexadecimal = |hash: &Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(MigrationError::AnotherRoot {
                prefix: self.options.prefix.clone(),
                here: hexadecimal(&here),
                there: hexadecimal(&there),
                events: tree.size(),
            });
        }
        Ok(here)
    }

    /// An event of the server as the copy would have it; `None` where the copy would not have it.
    fn logged(
        &self,
        event: &Recorded,
        position: u64,
    ) -> Result<Option<LoggedEvent>, MigrationError> {
        let prefix = self.options.name_on_server("");
        let name = event.stream.strip_prefix(&prefix).unwrap_or_default();
        let Ok(stream) = StreamId::new(name) else { return Ok(None) };
        if copy::is_reserved(name) {
            return Ok(None);
        }
        let decoded = wire::decode(event).map_err(MigrationError::Unreadable)?;
        Ok(Some(decoded.into_logged(event, stream, Position(position))))
    }
}

async fn root_of(source: &SqliteStore, head: u64) -> Result<Hash, ReadError> {
    let (mut leaves, mut tree) = (Leaves::of(source.id()), Frontier::default());
    while tree.size() < head {
        let after = Some(Position(tree.size())).filter(|after| after.0 > 0);
        let left = usize::try_from(head - tree.size()).unwrap_or(PAGE_EVENTS).min(PAGE_EVENTS);
        for event in source.read_all(after, left).await? {
            tree.push_leaf(leaves.hash(&event));
        }
    }
    Ok(tree.root())
}

fn other_events(event: &LoggedEvent) -> MigrationError {
    let LoggedEvent { position, stream, revision, .. } = event;
    MigrationError::OtherEvents { position: *position, stream: stream.clone(), revision: *revision }
}

/// Parts of the log that fit into one append on its way to the server.
fn runs(mut events: &[LoggedEvent]) -> impl Iterator<Item = &[LoggedEvent]> {
    std::iter::from_fn(move || {
        let first = events.first()?;
        let mut size_bytes = 0;
        let length = events.iter().take(APPEND_EVENTS_MAX).take_while(|event| {
            size_bytes += wire::size_bytes(&Outgoing::from(*event));
            event.stream == first.stream && size_bytes <= SENT_SIZE_BYTES_MAX
        });
        let (run, rest) = events.split_at(length.count().max(1));
        events = rest;
        Some(run)
    })
}
