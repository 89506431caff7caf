//! Load, decide, append: what happens to every command.
//!
//! The aggregate's state is folded from its stream, or taken from a cache of folded states. The decision is appended with the exact
//! revision that it was made on. If somebody else was quicker, the state is loaded anew and the command decided again; if the
//! outcome of an append is unknown, the identical batch is appended again, because event ids follow from the command and the
//! store recognises them. So correctness rests on the store's revisions alone and never on the cache: where other processes write to
//! the log too, what they added since is read before each decision; and an answer that writes nothing, a refusal above all, is given only
//! after the log was asked whether the cached state is the newest.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use parvandeh_domain::decider::{Actor, Context, Decider, Metadata};
use parvandeh_domain::event::{DecodeError, StoredEvent};
use parvandeh_domain::id::{CommandId, DataSubject, EventId};
use tracing::field::{Empty, display};
use tracing::{Instrument as _, debug_span};
use uuid::Uuid;

use super::anonymous;
use crate::clock::Clock;
use crate::metrics::CommandOutcome;
use crate::sealing::{self, Draft};
use crate::store::append::append;
use crate::store::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, ReadError, StreamId,
};
use crate::telemetry::links;
use crate::vault::{SealError, Vault, VaultError};

/// How often a command is decided again after somebody else was quicker.
const CONFLICT_RETRIES_MAX: usize = 16;
/// How many queues there are for streams that several write to at once.
const TURNS: usize = 256;
/// How many folded aggregates are kept.
const CACHED_AGGREGATES_MAX: u64 = 20_000;
/// Events are read in pages of this size.
const READ_PAGE_SIZE: usize = 1_000;
/// How far a client's clock may run ahead of ours before a time of theirs counts as the future.
const CLOCK_SKEW_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(5);

/// What comes with a command: who asks, when, under which identity.
#[derive(Clone, Debug)]
pub struct CommandMetadata {
    /// The command's identity; a retry has the same.
    pub command_id: CommandId,
    /// A digest of the request, where the client named the identity itself.
    pub digest: Option<String>,
    /// Who asks.
    pub actor: Actor,
    /// When what the command tells of happened; now, where absent.
    pub occurred_at: Option<Timestamp>,
    /// What the command belongs to.
    pub correlation_id: Uuid,
    /// Whom what it says is about, where the aggregate does not know.
    pub subject: Option<DataSubject>,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The last revision of the stream after the command; `None` when the stream is still empty.
    pub revision: Option<u64>,
    /// Where the log stood when the command was done: a read model that has come this far shows it.
    pub position: Option<Position>,
    /// How many events were written now; none for a command that had nothing to do or was done before.
    pub event_count: usize,
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<R: std::fmt::Display + std::fmt::Debug> {
    /// The aggregate refused.
    #[error("{0}")]
    Refused(R),
    /// The caller may not touch this aggregate, or there is none: the two look the same.
    #[error("there is no such object")]
    NotFound,
    /// The caller expected another revision.
    #[error("the object has changed: its revision is {actual:?}")]
    RevisionMismatch {
        /// The revision that it has.
        actual: Option<u64>,
    },
    /// The idempotency key was used for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// What the command tells of has not happened yet.
    #[error("occurred_at lies in the future")]
    OccurredInFuture,
    /// The command says something personal of somebody whose data were erased.
    #[error("the customer's personal data are erased: nothing personal can be added")]
    Erased,
    /// Personal data could not be sealed or opened.
    #[error("the vault of personal data failed")]
    Vault(#[from] VaultError),
    /// Others were quicker each time.
    #[error("the object is being changed by too many at once; try again")]
    Contended,
    /// The store could not tell whether the events were written; the same command may be sent again.
    #[error("the log could not be written")]
    Append(#[source] AppendError),
    /// The stream could not be read.
    #[error("the log could not be read")]
    Read(#[from] ReadError),
    /// The stream holds what this program does not understand.
    #[error("stream {stream} cannot be understood at revision {revision}")]
    Decode {
        /// The stream.
        stream: String,
        /// Where in it.
        revision: u64,
        /// Why.
        #[source]
        source: Undecodable,
    },
}

/// Why a logged event cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// Its own fields.
    #[error(transparent)]
    Event(#[from] DecodeError),
    /// What is recorded beside it.
    #[error("the event's metadata does not have its shape")]
    Metadata(#[from] serde_json::Error),
    /// Its personal fields.
    #[error("the event's personal fields cannot be read")]
    Personal(#[from] VaultError),
}

/// An aggregate folded up to a revision.
struct Folded<D: Decider> {
    state: D::State,
    revision: Option<u64>,
    /// When the last event was recorded.
    recorded_at: Option<Timestamp>,
    /// The commands that wrote the stream, with the digest of those that a client named.
    commands: HashMap<CommandId, Option<String>>,
}

impl<D: Decider> Default for Folded<D> {
    fn default() -> Self {
        Self {
            state: D::State::default(),
            revision: None,
            recorded_at: None,
            commands: HashMap::new(),
        }
    }
}

impl<D: Decider> Clone for Folded<D> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            revision: self.revision,
            recorded_at: self.recorded_at,
            commands: self.commands.clone(),
        }
    }
}

impl<D: Decider> Folded<D> {
    fn evolve(&mut self, event: &D::Event, meta: &Metadata) {
        self.state = D::evolve(std::mem::take(&mut self.state), event, meta);
        self.revision = Some(self.revision.map_or(0, |revision| revision + 1));
        self.recorded_at = self.recorded_at.max(Some(meta.recorded_at));
        self.commands.insert(meta.causation_id, meta.command_digest.clone());
    }
}

/// Executes commands on any aggregate.
pub struct CommandHandler {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    folded: moka::sync::Cache<StreamId, Arc<dyn Any + Send + Sync>>,
    /// Whoever was too late once waits here for the others of its stream who were: else, of many who write to one stream at once,
    /// each attempt serves one and sends all others round again. Streams share a queue by chance, which costs them a moment.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

type Failure<D> = CommandError<<D as Decider>::Refusal>;

impl CommandHandler {
    /// A handler over this log.
    pub fn new(store: Arc<dyn EventStore>, vault: Arc<Vault>, clock: Arc<dyn Clock>) -> Self {
        let folded = moka::sync::Cache::new(CACHED_AGGREGATES_MAX);
        Self { store, vault, clock, folded, turns: std::array::from_fn(|_| Default::default()) }
    }

    /// Decides commands on one aggregate, each on the state that the one before leaves, and appends all their events at once.
    ///
    /// Commands that the stream has already are passed over. `permit` sees the state and says whether the caller may touch this
    /// aggregate at all. `expected` is the revision that the caller has seen, where they care.
    pub async fn execute<D>(
        &self,
        stream: &StreamId,
        commands: Vec<(CommandMetadata, D::Command)>,
        expected: Option<u64>,
        permit: impl Fn(&D::State) -> bool,
    ) -> Result<Executed, Failure<D>>
    where
        D: Decider + 'static,
        D::Command: Clone,
        D::Event: StoredEvent,
        D::State: Send + Sync,
    {
        let begun_at = Instant::now();
        let span = debug_span!(
            "command",
            category = D::CATEGORY,
            command = Empty,
            correlation_id = Empty,
            outcome = Empty
        );
        // Several are given at once only where they are alike.
        if let Some((envelope, command)) = commands.first() {
            span.record("command", D::name(command));
            if envelope.actor != anonymous::actor() {
                span.record("correlation_id", display(envelope.correlation_id));
            }
        }
        // From what an anonymous author wrote nothing leads to the trace in which they sent it.
        for (envelope, _) in commands.iter().filter(|(e, _)| e.actor != anonymous::actor()) {
            links::remember(envelope.correlation_id, &span);
        }
        let attempt = self.attempt::<D>(stream, commands, expected, permit);
        let executed = attempt.instrument(span.clone()).await;
        let outcome = outcome(&executed);
        outcome.count(D::CATEGORY, begun_at.elapsed());
        span.record("outcome", outcome.as_str());
        span.in_scope(|| tracing::debug!("decided"));
        executed
    }

    async fn attempt<D>(
        &self,
        stream: &StreamId,
        commands: Vec<(CommandMetadata, D::Command)>,
        expected: Option<u64>,
        permit: impl Fn(&D::State) -> bool,
    ) -> Result<Executed, Failure<D>>
    where
        D: Decider + 'static,
        D::Command: Clone,
        D::Event: StoredEvent,
        D::State: Send + Sync,
    {
        let mut turn = None;
        let mut newest = false;
        for _ in 0..=CONFLICT_RETRIES_MAX {
            let folded = self.load::<D>(stream, newest).await?;
            let decided = self.decide_all(stream, &folded, &commands, expected, &permit);
            let written = decided.as_ref().is_ok_and(|(_, batch)| !batch.is_empty());
            // An append is checked against the stream's revision. An answer that writes nothing is not, and what memory has may be older than
            // what its caller was told a moment ago: so it is given on what the log has now. An earlier attempt may be on its way still, or its
            // outcome unknown: that is settled first, for what was refused must not stand in the log later.
            if !written && !newest {
                self.store.sync().await?;
                newest = true;
                continue;
            }
            let (after, batch) = decided?;
            if batch.is_empty() {
                return Ok(Executed {
                    revision: folded.revision,
                    position: self.store.head(),
                    event_count: 0,
                });
            }
            let expect = folded.revision.map_or(Expect::NoStream, Expect::At);
            let event_count = batch.len();
            let subjects: BTreeSet<_> = batch.iter().filter_map(|draft| draft.subject).collect();
            let batch = self.seal(batch).await?;
            match append(&*self.store, stream, expect, batch).await {
                Ok(Appended { position, .. }) => {
                    if subjects.iter().any(|subject| self.vault.is_erased(*subject)) {
                        self.remove_envelopes(stream, &after, event_count).await;
                    }
                    let revision = after.revision;
                    self.folded.insert(stream.clone(), Arc::new(after));
                    let position = match position {
                        Some(position) => Some(position),
                        // The append stands. Where even this fails, the caller asks again and is told that the command is done.
                        None => self.store.sync().await?,
                    };
                    return Ok(Executed { revision, position, event_count });
                }
                Err(AppendError::Conflict { .. }) => {
                    if turn.is_none() {
                        turn = Some(self.turn(stream).lock().await);
                    }
                    self.folded.invalidate(stream);
                }
                Err(error) => {
                    self.folded.invalidate(stream);
                    return Err(CommandError::Append(error));
                }
            }
        }
        Err(CommandError::Contended)
    }

    /// Decides the commands that the stream does not have yet, one after the other; answers the state after them, and their events.
    fn decide_all<D>(
        &self,
        stream: &StreamId,
        folded: &Folded<D>,
        commands: &[(CommandMetadata, D::Command)],
        expected: Option<u64>,
        permit: impl Fn(&D::State) -> bool,
    ) -> Result<(Folded<D>, Vec<Draft>), Failure<D>>
    where
        D: Decider,
        D::Command: Clone,
        D::Event: StoredEvent,
    {
        if !permit(&folded.state) {
            return Err(CommandError::NotFound);
        }
        // Another replica's clock may run ahead of ours: what is recorded later in a stream never bears an earlier time.
        let recorded_at =
            folded.recorded_at.map_or(self.clock.now(), |at| at.max(self.clock.now()));
        let mut after = folded.clone();
        let mut batch = Vec::new();
        for (metadata, command) in commands {
            if let Some(digest) = folded.commands.get(&metadata.command_id) {
                if digest.is_some() && metadata.digest.is_some() && *digest != metadata.digest {
                    return Err(CommandError::KeyReused);
                }
                continue;
            }
            if expected.is_some() && expected != folded.revision {
                return Err(CommandError::RevisionMismatch { actual: folded.revision });
            }
            let subject = metadata.subject;
            let first = batch.len();
            decide::<D>(&mut after, metadata, command.clone(), recorded_at, &mut batch)?;
            // An opening decides whose case it is: so the state after the command is asked.
            let subject = subject
                .or_else(|| D::data_subject(&after.state, Uuid::try_parse(stream.id()).ok()?));
            batch[first..].iter_mut().for_each(|draft| draft.subject = subject);
        }
        Ok((after, batch))
    }

    /// Seals a batch. Where a key has to be fetched or made, that is done on a thread that may wait for a disk.
    async fn seal<R: std::fmt::Display + std::fmt::Debug>(
        &self,
        batch: Vec<Draft>,
    ) -> Result<Vec<NewEvent>, CommandError<R>> {
        let at_hand = |draft: &Draft| draft.subject.is_none_or(|who| self.vault.is_at_hand(who));
        let seal = |vault: &Vault, batch: Vec<Draft>| {
            batch.into_iter().map(|draft| draft.seal(vault)).collect::<Result<Vec<_>, _>>()
        };
        let sealed = if batch.iter().all(at_hand) {
            seal(&self.vault, batch)
        } else {
            let vault = self.vault.clone();
            tokio::task::spawn_blocking(move || seal(&vault, batch))
                .await
                .expect("sealing does not panic")
        };
        sealed.map_err(|error| match error {
            SealError::Erased(_) => CommandError::Erased,
            SealError::Vault(error) => CommandError::Vault(error),
        })
    }

    /// Removes the envelopes of the last events of a stream. They were sealed a moment before their subject was erased and appended after
    /// the erasure had gone over the stream: nobody can read them, and they are not to lie about either.
    async fn remove_envelopes<D: Decider>(
        &self,
        stream: &StreamId,
        after: &Folded<D>,
        event_count: usize,
    ) {
        let first = after.revision.map(|last| last + 1 - event_count as u64);
        let before = first.and_then(|first| first.checked_sub(1));
        let removed = match self.store.read_stream(stream, before, event_count).await {
            Ok(events) => {
                let positions = events.iter().map(|logged| logged.position).collect();
                self.store.remove_envelopes(positions).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = removed {
            tracing::warn!(%stream, error, "envelopes of an erased subject are left; nobody can open them");
        }
    }

    /// Forgets what is kept of an aggregate in memory, because personal data in it were erased.
    pub fn forget(&self, stream: &StreamId) {
        self.folded.invalidate(stream);
    }

    /// The state of an aggregate as the log has it now, past any cache.
    ///
    /// # Errors
    /// When the stream cannot be read or understood.
    pub async fn state<D>(&self, stream: &StreamId) -> Result<D::State, Failure<D>>
    where
        D: Decider + 'static,
        D::Event: StoredEvent,
    {
        Ok(self.fold::<D>(stream, Folded::default()).await?.state)
    }

    fn turn(&self, stream: &StreamId) -> &tokio::sync::Mutex<()> {
        let mut hasher = DefaultHasher::new();
        stream.hash(&mut hasher);
        &self.turns[hasher.finish() as usize % TURNS]
    }

    /// The aggregate as memory has it, or, where `newest` is asked for, as the log has it now.
    async fn load<D>(&self, stream: &StreamId, newest: bool) -> Result<Arc<Folded<D>>, Failure<D>>
    where
        D: Decider + 'static,
        D::Event: StoredEvent,
        D::State: Send + Sync,
    {
        let cached = self.folded.get(stream).and_then(|cached| cached.downcast::<Folded<D>>().ok());
        let known = match cached {
            Some(folded) if !self.store.is_shared() && !newest => return Ok(folded),
            Some(folded) => (*folded).clone(),
            None => Folded::default(),
        };
        let folded = Arc::new(self.fold::<D>(stream, known).await?);
        if folded.revision.is_some() {
            self.folded.insert(stream.clone(), folded.clone());
        }
        Ok(folded)
    }

    /// Takes in what the stream has beyond what is folded already.
    async fn fold<D>(
        &self,
        stream: &StreamId,
        mut folded: Folded<D>,
    ) -> Result<Folded<D>, Failure<D>>
    where
        D: Decider + 'static,
        D::Event: StoredEvent,
    {
        loop {
            let page = self.store.read_stream(stream, folded.revision, READ_PAGE_SIZE).await?;
            let is_last = page.len() < READ_PAGE_SIZE;
            for logged in page {
                let (event, meta) =
                    decode::<D>(&self.vault, &logged).map_err(|source| CommandError::Decode {
                        stream: stream.to_string(),
                        revision: logged.revision,
                        source,
                    })?;
                folded.evolve(&event, &meta);
            }
            if is_last {
                return Ok(folded);
            }
        }
    }
}

fn outcome<R: std::fmt::Display + std::fmt::Debug>(
    executed: &Result<Executed, CommandError<R>>,
) -> CommandOutcome {
    match executed {
        Ok(executed) if executed.event_count > 0 => CommandOutcome::Written,
        Ok(_) => CommandOutcome::Unchanged,
        Err(
            CommandError::Refused(_)
            | CommandError::NotFound
            | CommandError::RevisionMismatch { .. }
            | CommandError::KeyReused
            | CommandError::OccurredInFuture
            | CommandError::Erased,
        ) => CommandOutcome::Refused,
        Err(
            CommandError::Contended
            | CommandError::Append(_)
            | CommandError::Read(_)
            | CommandError::Vault(_)
            | CommandError::Decode { .. },
        ) => CommandOutcome::Failed,
    }
}

/// Decides one command and adds its events to the batch and to the state.
fn decide<D>(
    after: &mut Folded<D>,
    metadata: &CommandMetadata,
    command: D::Command,
    recorded_at: Timestamp,
    batch: &mut Vec<Draft>,
) -> Result<(), Failure<D>>
where
    D: Decider,
    D::Event: StoredEvent,
{
    let occurred_at = metadata.occurred_at.unwrap_or(recorded_at);
    if occurred_at > recorded_at.saturating_add(CLOCK_SKEW_MAX).unwrap_or(Timestamp::MAX) {
        return Err(CommandError::OccurredInFuture);
    }
    let context = Context {
        command_id: metadata.command_id,
        occurred_at,
        recorded_at,
        actor: metadata.actor.clone(),
    };
    let meta = Metadata {
        occurred_at,
        recorded_at,
        actor: metadata.actor.clone(),
        causation_id: metadata.command_id,
        correlation_id: metadata.correlation_id,
        command_digest: metadata.digest.clone(),
        personal: None,
    };
    let events = D::decide(&after.state, command, &context).map_err(CommandError::Refused)?;
    for (index, event) in events.iter().enumerate() {
        batch.push(Draft {
            id: EventId::of(metadata.command_id, index),
            event_type: event.event_type(),
            meta: meta.clone(),
            json: event.to_json(),
            subject: None,
        });
        after.evolve(event, &meta);
    }
    Ok(())
}

fn decode<D>(vault: &Vault, logged: &LoggedEvent) -> Result<(D::Event, Metadata), Undecodable>
where
    D: Decider,
    D::Event: StoredEvent,
{
    let opened = D::READS_PERSONAL_DATA.then(|| sealing::opened_data(vault, logged)).transpose()?;
    let data = opened.as_ref().unwrap_or(&logged.data);
    let event = D::Event::from_json(&logged.type_name, logged.version, data)?;
    Ok((event, serde_json::from_slice(&logged.metadata)?))
}
