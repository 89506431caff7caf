//! The writer: one thread that turns whatever is queued into one transaction (group commit).
//!
//! It decides each append against the stream's head, inserts the rows of those that fit, commits
//! with one fsync, makes the events visible and only then answers. An append in the same batch as
//! an earlier one sees its effect, and is answered after both are durable. No constraint in the
//! file guards the rules, so any failure of a transaction stops the store.

use std::{sync::Arc, thread::JoinHandle};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use uuid::Uuid;

use super::{
    Health,
    checkpoint::Checkpointer,
    index::{Committed, IndexReader, Indexer},
    log::{self, EncodedAppend, Inserter},
    published::Published,
};
use crate::recent::Recent;
use crate::store::{AppendError, Appended, Expect, LoggedEvent, Position, Standing, StreamId};

/// Most appends in one transaction, and in the queue.
pub(super) const BATCH_APPENDS_MAX: usize = 1_024;
/// Streams whose head is surely in memory.
const HEADS: usize = 131_072;
/// Appends that are surely remembered for `Expect::Any`.
const RECENT_APPENDS: usize = 16_384;

/// What the writer is asked to do.
pub(super) enum Work {
    /// To append.
    Append(Request),
    /// To remove envelopes.
    Remove(Removal),
    /// To say that all that was asked for before is done; dropped where that cannot be said.
    Sync(oneshot::Sender<()>),
}

/// Envelopes to be removed.
pub(super) struct Removal {
    pub(super) events: Vec<Position>,
    pub(super) answer: oneshot::Sender<Result<usize, AppendError>>,
}

/// An append on its way to the writer.
pub(super) struct Request {
    pub(super) stream: StreamId,
    pub(super) expect: Expect,
    /// Where its first event must come to stand; `None` for wherever the log ends. A copy of another log says it, so that nothing takes
    /// the place of an append that failed.
    pub(super) place: Option<Position>,
    pub(super) append: EncodedAppend,
    pub(super) answer: oneshot::Sender<Result<Answer, AppendError>>,
    /// The queue's bytes that this request takes, given back when it is answered; `None` where the caller bounds them.
    pub(super) size: Option<OwnedSemaphorePermit>,
}

/// What the writer tells a caller whose append it could decide.
pub(super) enum Answer {
    /// Written and durable.
    Written(Appended),
    /// The stream has durable events from this revision on: a retry if they are the caller's, which
    /// the caller finds out by reading them.
    Passed { events: Vec<LoggedEvent>, revision: u64, actual: Option<u64> },
}

/// A request's fate within the batch.
enum Fate {
    Write { position: u64, revision: u64 },
    Passed { revision: u64, actual: Option<u64> },
    Refuse(AppendError),
}

/// What the thread owns.
pub(super) struct Writer {
    pub(super) log: Connection,
    pub(super) index: IndexReader,
    pub(super) indexer: Indexer,
    pub(super) checkpointer: Checkpointer,
    pub(super) published: Arc<Published>,
    pub(super) health: Arc<Health>,
    pub(super) memory: Memory,
}

/// What the writer knows without asking a file.
pub(super) struct Memory {
    next_position: u64,
    /// Last revision of streams that are written to.
    heads: Recent<StreamId, u64>,
    /// First event id of recent appends, with the revision that it got.
    appends: Recent<Uuid, (StreamId, u64)>,
}

impl Memory {
    /// Of a log whose last event is at `head`.
    pub(super) fn new(head: u64) -> Self {
        let (heads, appends) = (Recent::new(HEADS), Recent::new(RECENT_APPENDS));
        Self { next_position: head + 1, heads, appends }
    }

    /// Remembers an append by its first event.
    pub(super) fn remember(&mut self, first: &LoggedEvent) {
        self.appends.insert(first.id, (first.stream.clone(), first.revision));
    }
}

/// Starts the thread; it ends when the queue's last sender is gone.
pub(super) fn start(
    mut writer: Writer,
    mut queue: mpsc::Receiver<Work>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("log-writer".into()).spawn(move || {
        let mut work = Vec::with_capacity(BATCH_APPENDS_MAX);
        let mut batch = Vec::with_capacity(BATCH_APPENDS_MAX);
        while queue.blocking_recv_many(&mut work, BATCH_APPENDS_MAX) > 0 {
            let (mut removals, mut syncs) = (Vec::new(), Vec::new());
            for work in work.drain(..) {
                match work {
                    Work::Append(request) => batch.push(request),
                    Work::Remove(removal) => removals.push(removal),
                    Work::Sync(answer) => syncs.push(answer),
                }
            }
            writer.process(&mut batch);
            // After the appends that were asked for before: an envelope that is to go may be among them.
            for removal in removals {
                writer.remove(removal);
            }
            if writer.health.stopped().is_none() {
                for answer in syncs {
                    let _ = answer.send(());
                }
            }
        }
    })
}

impl Writer {
    /// Writes a batch and answers all of it.
    fn process(&mut self, batch: &mut Vec<Request>) {
        if let Some(reason) = self.health.stopped() {
            for request in batch.drain(..) {
                let _ = request.answer.send(Err(AppendError::Stopped(reason.to_owned())));
            }
            return;
        }
        let fates: Vec<Fate> = batch.iter().map(|request| self.decide(request)).collect();
        let size_bytes = match self.write(batch, &fates) {
            Ok(size_bytes) => size_bytes,
            Err(error) => {
                tracing::error!(%error, "the store stops taking appends");
                self.health.stop(&error.to_string());
                for request in batch.drain(..) {
                    let _ = request.answer.send(Err(error.clone()));
                }
                return;
            }
        };
        if size_bytes > 0 {
            self.make_visible(batch, &fates);
        }
        for (request, fate) in batch.drain(..).zip(fates) {
            let answer = match fate {
                Fate::Write { position, revision } => {
                    let beyond_first = request.append.count - 1;
                    let position = Some(Position(position + beyond_first));
                    Ok(Answer::Written(Appended { revision: revision + beyond_first, position }))
                }
                Fate::Passed { revision, actual } => {
                    Ok(Answer::Passed { events: request.append.events, revision, actual })
                }
                Fate::Refuse(error) => Err(error),
            };
            drop(request.size);
            // Nobody waits any more if the caller has gone away; the append stands.
            let _ = request.answer.send(answer);
        }
        if size_bytes > 0
            && let Err(error) = self.checkpointer.committed(&self.log, size_bytes)
        {
            tracing::error!(%error, "the log cannot be checkpointed");
            self.health.stop(&format!("the log cannot be checkpointed: {error}"));
        }
    }

    /// Removes envelopes from the file, and from what is kept in memory for readers at the head.
    fn remove(&mut self, Removal { events, answer }: Removal) {
        let removed = match self.health.stopped() {
            Some(reason) => Err(AppendError::Stopped(reason.to_owned())),
            None => log::remove_envelopes(&self.log, &events)
                .map_err(|error| AppendError::NotWritten(error.to_string())),
        };
        if removed.is_ok() {
            self.published.remove_envelopes(&events);
        }
        let _ = answer.send(removed);
    }

    /// Decides one append as if all before it in the batch were written already.
    fn decide(&mut self, request: &Request) -> Fate {
        let stream = &request.stream;
        if let Some(place) = request.place
            && place.0 != self.memory.next_position
        {
            let next = self.memory.next_position;
            let reason = format!("its place is {place}, but the log goes on with {next}");
            return Fate::Refuse(AppendError::NotWritten(reason));
        }
        let known = self.memory.heads.get(stream);
        let actual = match known.map_or_else(|| self.index.head(stream), |head| Ok(Some(head))) {
            Ok(actual) => actual,
            Err(error) => return Fate::Refuse(AppendError::NotWritten(error.to_string())),
        };
        let first = &request.append.events[0];
        let standing = match self.memory.appends.get(&first.id) {
            Some((written_to, revision))
                if request.expect == Expect::Any && written_to == *stream =>
            {
                Standing::Passed { revision }
            }
            _ => request.expect.against(actual),
        };
        match standing {
            Standing::Fits { revision } => {
                let position = self.memory.next_position;
                let count = request.append.count;
                self.memory.next_position += count;
                self.memory.heads.insert(stream.clone(), revision + count - 1);
                self.memory.appends.insert(first.id, (stream.clone(), revision));
                Fate::Write { position, revision }
            }
            Standing::Passed { revision } => Fate::Passed { revision, actual },
            Standing::Short => Fate::Refuse(AppendError::Conflict { actual }),
        }
    }

    /// One transaction; answers the bytes written. An error says whether the batch may stand.
    fn write(&self, batch: &[Request], fates: &[Fate]) -> Result<u64, AppendError> {
        if !fates.iter().any(|fate| matches!(fate, Fate::Write { .. })) {
            return Ok(0);
        }
        let insert = || {
            let mut size_bytes = 0;
            self.log.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            let mut inserter = Inserter::new(&self.log)?;
            for (Request { stream, append, .. }, fate) in batch.iter().zip(fates) {
                if let Fate::Write { position, revision } = *fate {
                    size_bytes += inserter.insert(position, stream, revision, append)?;
                }
            }
            Ok(size_bytes)
        };
        let size_bytes = insert().map_err(|error: rusqlite::Error| {
            // SQLite may have rolled back by itself; without a commit nothing stands either way.
            let _ = self.log.execute_batch("ROLLBACK");
            AppendError::NotWritten(error.to_string())
        })?;
        self.log.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map_err(
            // The failure may have come after the commit had reached the disk.
            |error| AppendError::OutcomeUnknown(error.to_string()),
        )?;
        Ok(size_bytes)
    }

    /// Shows the batch's events to readers: of streams, of the log, and those who wait.
    fn make_visible(&self, batch: &mut [Request], fates: &[Fate]) {
        let committed = batch.iter().zip(fates).filter_map(|(request, fate)| match *fate {
            Fate::Write { position, revision } => Some(Committed {
                stream: request.stream.clone(),
                position,
                revision_last: revision + request.append.count - 1,
                count: request.append.count,
                checksum: request.append.checksum,
            }),
            _ => None,
        });
        self.indexer.add(committed);
        let placed = batch.iter_mut().zip(fates).filter_map(|(request, fate)| match *fate {
            Fate::Write { position, revision } => {
                let events = std::mem::take(&mut request.append.events);
                Some(events.into_iter().map(move |mut event| {
                    event.position.0 += position;
                    event.revision += revision;
                    event
                }))
            }
            _ => None,
        });
        self.published.publish(placed.flatten());
    }
}
