//! Opening: which log the cluster has, and whether the copy in the data directory is of it.
//!
//! The copy's last event must stand on the server, at the same place of its stream: from there the log is followed. Anything else means
//! another log or another history, and is refused before anything is written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::connection::{Connection, Place};
use super::failure::Failure;
use super::identity;
use super::options::{KurrentOptions, OptionsError};
use crate::store::sqlite::{OpenError, SqliteStore};
use crate::store::{EventStore, Position, ReadError, StreamId};

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The cluster does not answer.
    #[error(
        "the cluster at {hosts} cannot be reached: {reason}; see that it runs, and that address, TLS and network are right"
    )]
    Unavailable {
        /// Where it was looked for.
        hosts: String,
        /// What happened.
        reason: String,
    },
    /// The cluster does not let this program in.
    #[error(
        "the cluster does not let this user read `$all`, or read and write the streams under `{prefix}.`: check `user_file` and \
         `password_file`, and the rights of the user"
    )]
    Denied {
        /// The prefix.
        prefix: String,
    },
    /// What stands under the prefix is not this program's.
    #[error("the cluster cannot be used: {0}")]
    Refused(String),
    /// There is a log here and none there.
    #[error(
        "{} has a log, and the cluster has none under the prefix `{prefix}`: to move the log there run `parvandeh migrate-store`; \
         for an empty cluster name an empty data directory", directory.display()
    )]
    NoLogThere {
        /// The data directory.
        directory: PathBuf,
        /// The prefix.
        prefix: String,
    },
    /// The copy has what the cluster has not.
    #[error(
        "the copy in {} is not of what the cluster has under `{prefix}`: revision {revision} of {stream}, its last event, is {found} there. \
         The cluster was restored from an older backup, or this is another cluster's copy. If the cluster is right, delete the data \
         directory and start again: it comes back from the cluster. If the copy is right, move it away and fill an empty prefix from it \
         with `parvandeh migrate-store`", directory.display()
    )]
    Diverged {
        /// The data directory.
        directory: PathBuf,
        /// The prefix.
        prefix: String,
        /// The stream of the copy's last event.
        stream: StreamId,
        /// The event's revision.
        revision: u64,
        /// What the cluster has in its place.
        found: &'static str,
    },
    /// The copy cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What opening takes.
pub(super) struct Opening<'a> {
    pub(super) directory: &'a Path,
    pub(super) options: &'a KurrentOptions,
    pub(super) connection: &'a Connection,
}

impl Opening<'_> {
    /// The copy, and where its last event stands on the server.
    pub(super) async fn open(&self) -> Result<(SqliteStore, Option<Place>), ConnectError> {
        let (begun, limit) = (Instant::now(), self.options.connect_timeout);
        let left = || limit.saturating_sub(begun.elapsed());
        let stream = self.options.name_on_server(identity::STREAM);
        let found = identity::find(self.connection, &stream, left()).await;
        let id = match found.map_err(|failure| self.error(failure))? {
            Some(id) => id,
            None if self.directory.join("log.db").exists() => {
                let (directory, prefix) = (self.directory.to_owned(), self.options.prefix.clone());
                return Err(ConnectError::NoLogThere { directory, prefix });
            }
            None => {
                let created =
                    identity::create(self.connection, &stream, Uuid::new_v4(), left()).await;
                created.map_err(|failure| self.error(failure))?
            }
        };
        let (directory, sizes) = (self.directory.to_owned(), self.options.copy.clone());
        let open = move || SqliteStore::open_copy(&directory, &sizes, id);
        let copy = tokio::task::spawn_blocking(open).await.expect("opening does not panic")?;
        // Whether `$all` may be read shows now and not when somebody waits for the feed.
        let prefix = self.options.name_on_server("");
        let last = self.connection.last_of_prefix(&prefix, left()).await;
        last.map_err(|failure| self.error(failure))?;
        let start = self.place_of_last(&copy, left()).await?;
        Ok((copy, start))
    }

    /// Finds the copy's last event on the server.
    async fn place_of_last(
        &self,
        copy: &SqliteStore,
        limit: Duration,
    ) -> Result<Option<Place>, ConnectError> {
        let Some(head) = copy.head() else { return Ok(None) };
        let last = copy.read_all(Some(Position(head.0 - 1)).filter(|after| after.0 > 0), 1).await?;
        let Some(last) = last.into_iter().next() else { return Ok(None) };
        let stream = self.options.name_on_server(last.stream.as_str());
        let found = self.connection.read_stream(&stream, last.revision, 1, limit).await;
        let found = match found {
            Ok(found) => found.into_iter().next(),
            Err(Failure::Deleted) => None,
            Err(failure) => return Err(self.error(failure)),
        };
        let diverged = |found| ConnectError::Diverged {
            directory: self.directory.to_owned(),
            prefix: self.options.prefix.clone(),
            stream: last.stream.clone(),
            revision: last.revision,
            found,
        };
        match found {
            None => Err(diverged("missing")),
            Some(event) if event.revision != last.revision => Err(diverged("missing")),
            Some(event) if event.id != last.id => Err(diverged("another event")),
            // A server that does not tell: everything is followed from the beginning and recognised.
            Some(event) => {
                Ok(Some(event.place).filter(|place| place.is_known() && place.commit > 0))
            }
        }
    }

    fn error(&self, failure: Failure) -> ConnectError {
        unreachable_error(self.options, failure)
    }
}

/// What a failure means for whoever opens the store.
pub(super) fn unreachable_error(options: &KurrentOptions, failure: Failure) -> ConnectError {
    match failure {
        Failure::Denied => ConnectError::Denied { prefix: options.prefix.clone() },
        Failure::Unsent(reason) | Failure::Unknown(reason) => {
            ConnectError::Unavailable { hosts: options.hosts(), reason }
        }
        failure => ConnectError::Refused(failure.to_string()),
    }
}
