//! The projector moves a generation of read models along the log.
//!
//! Two stages work side by side: one reads and decodes entries, the other, a thread of its own because SQLite blocks, applies
//! them. Between them stands a short queue, so that neither runs ahead of the other by more than a few batches.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parvandeh_domain::customer::matching::name::sound_key;
use parvandeh_domain::customer::{CustomerEvent, search};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::EventId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::{BlindIndex, Envelope};
use tokio::sync::watch;
use tracing::debug_span;
use tracing::field::Empty;

use super::generation::{Entry, Generation, GenerationError};
use crate::sealing;
use crate::store::{EventStore, LoggedEvent, Position, ReadError};
use crate::telemetry::links;
use crate::vault::Vault;

/// Entries read at once.
const READ_BATCH_SIZE: usize = 4_096;
/// Batches that may wait to be applied.
const QUEUED_BATCHES_MAX: usize = 8;
/// Entries committed at once while a generation is being built: more of them fold into each row.
const BUILD_COMMIT_SIZE: usize = 65_536;

/// What a projector follows: a log, and the vault, where customers are to be found by what is personal.
#[derive(Clone)]
pub struct Source {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Makes blind indexes; without it nobody is found by their name or number.
    pub vault: Option<Arc<Vault>>,
}

impl From<Arc<dyn EventStore>> for Source {
    fn from(store: Arc<dyn EventStore>) -> Self {
        Self { store, vault: None }
    }
}

/// Why a projector stopped.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The log could not be read.
    #[error("following the log")]
    Read(#[from] ReadError),
    /// The read models could not be written.
    #[error(transparent)]
    Write(#[from] GenerationError),
}

/// Brings a generation up to the log's head and completes it. `progress` is told each position reached.
pub async fn catch_up(
    source: impl Into<Source>,
    generation: Generation,
    progress: impl Fn(u64) + Send + 'static,
) -> Result<Generation, ProjectorError> {
    let source = source.into();
    let commit_size = if generation.is_complete() { READ_BATCH_SIZE } else { BUILD_COMMIT_SIZE };
    let target = source.store.head().map_or(0, |head| head.0);
    let (sender, receiver) = sync_channel(QUEUED_BATCHES_MAX);
    let after = generation.position();
    let applier = tokio::task::spawn_blocking(move || {
        apply_all(generation, receiver, commit_size, &progress)
    });
    let read = read_until(source, after, target, sender).await;
    let mut generation = applier.await.expect("the applying thread does not panic")?;
    read?;
    tokio::task::spawn_blocking(move || {
        generation.complete()?;
        Ok(generation)
    })
    .await
    .expect("completing does not panic")
}

/// Follows the log for as long as the program runs, or until `stop` becomes true; answers the generation as it then stands.
/// `progress` is told each position reached.
pub async fn follow(
    source: Source,
    generation: Generation,
    mut stop: watch::Receiver<bool>,
    progress: impl Fn(u64) + Send + 'static,
) -> Result<Generation, ProjectorError> {
    let (sender, receiver) = sync_channel(QUEUED_BATCHES_MAX);
    let mut after = generation.position();
    let mut applier = tokio::task::spawn_blocking(move || {
        apply_all(generation, receiver, READ_BATCH_SIZE, &progress)
    });
    let mut head = source.store.head_changes();
    let outcome: Result<(), ProjectorError> = loop {
        head.borrow_and_update();
        let page = match source.store.read_all(position_option(after), READ_BATCH_SIZE).await {
            Ok(page) => page,
            Err(error) => break Err(error.into()),
        };
        let Some(last) = page.last() else {
            tokio::select! {
                changed = head.changed() => if changed.is_err() { break Ok(()) },
                _ = stop.wait_for(|stop| *stop) => break Ok(()),
                // It ends before its queue does only when it has failed, which must not wait for the next event to be noticed.
                applied = &mut applier => {
                    return Ok(applied.expect("the applying thread does not panic")?);
                }
            }
            continue;
        };
        after = last.position.0;
        if !hand_over(&sender, &source.vault, page).await || *stop.borrow() {
            break Ok(());
        }
    };
    drop(sender);
    let generation = applier.await.expect("the applying thread does not panic")?;
    outcome.map(|()| generation)
}

async fn read_until(
    source: Source,
    mut after: u64,
    target: u64,
    sender: SyncSender<Vec<Entry>>,
) -> Result<(), ReadError> {
    while after < target {
        let page = source.store.read_all(position_option(after), READ_BATCH_SIZE).await?;
        let Some(last) = page.last() else { break };
        after = last.position.0;
        if !hand_over(&sender, &source.vault, page).await {
            break;
        }
    }
    Ok(())
}

fn position_option(after: u64) -> Option<Position> {
    (after > 0).then_some(Position(after))
}

/// Decodes a page and queues it; false when the applier has stopped. The queue may block, so this runs on a blocking thread.
async fn hand_over(
    sender: &SyncSender<Vec<Entry>>,
    vault: &Option<Arc<Vault>>,
    page: Vec<LoggedEvent>,
) -> bool {
    let (sender, vault) = (sender.clone(), vault.clone());
    tokio::task::spawn_blocking(move || {
        let entries = page.into_iter().map(|logged| {
            let mut entry = entry(&logged);
            if let (Some(vault), Entry::Event(event)) = (&vault, &mut entry) {
                (event.blind_index, event.sound_index) = blind_indexes(vault, event);
            }
            entry
        });
        let batch = entries.collect();
        sender.send(batch).is_ok()
    })
    .await
    .unwrap_or(false)
}

/// By what a customer is found whom an event names, and by the sound of which name they are looked up. What cannot be opened finds nobody;
/// whoever reads it is told why.
fn blind_indexes(
    vault: &Vault,
    event: &Recorded<DomainEvent>,
) -> (Option<BlindIndex>, Option<BlindIndex>) {
    let DomainEvent::Customer(_, customer_event) = &event.event else { return (None, None) };
    let text = |field| {
        let fields = sealing::open_to_derive(vault, &event.envelope.as_ref()?.0).ok()??;
        fields.text(field)
    };
    match customer_event {
        CustomerEvent::ContactPointAdded(added) => {
            let form = text("value").map(|value| search::contact_point_form(added.kind, &value));
            (form.map(|form| BlindIndex(vault.blind_index(CONTACT_POINT, &form))), None)
        }
        CustomerEvent::Registered(_) | CustomerEvent::DetailsChanged(_) => {
            let Some(name) = text("name") else { return (None, None) };
            let sound = Some(sound_key(&name)).filter(|key| !key.is_empty());
            (
                Some(BlindIndex(vault.blind_index(NAME, &search::name_form(&name)))),
                sound.map(|key| BlindIndex(vault.blind_index(SOUND, &key))),
            )
        }
        _ => (None, None),
    }
}

/// What a blind index of a contact point is for.
pub const CONTACT_POINT: &str = "contact point";
/// What a blind index of a name is for.
pub const NAME: &str = "name";
/// What a blind index of the sound of a name is for.
pub const SOUND: &str = "sound of name";

/// Decodes an entry of the log. What cannot be understood is reported, counted and skipped: a read model rejects nothing.
pub fn entry(logged: &LoggedEvent) -> Entry {
    let decoded = DomainEvent::decode(
        logged.stream.as_str(),
        &logged.type_name,
        logged.version,
        &logged.data,
    );
    let meta = serde_json::from_slice(&logged.metadata);
    match (decoded, meta) {
        (Ok(event), Ok(meta)) => Entry::Event(Box::new(Recorded {
            id: EventId(logged.id),
            revision: logged.revision,
            position: logged.position.0,
            meta,
            event,
            envelope: logged.envelope.as_ref().map(|bytes| Envelope(bytes[..].into())),
            blind_index: None,
            sound_index: None,
        })),
        (decoded, meta) => {
            let error = decoded.err().map(|error| error.to_string());
            let meta_error = meta.err().map(|error| error.to_string());
            tracing::warn!(
                position = logged.position.0,
                stream = %logged.stream,
                event_type = %logged.type_name,
                error = error.or(meta_error),
                "skipping an event that this program does not understand"
            );
            crate::metrics::EVENTS_SKIPPED.inc();
            Entry::Unknown { position: logged.position.0 }
        }
    }
}

/// Applies what comes through the queue, in commits of at least one batch and at most about `commit_size` entries.
fn apply_all(
    mut generation: Generation,
    receiver: Receiver<Vec<Entry>>,
    commit_size: usize,
    progress: &impl Fn(u64),
) -> Result<Generation, GenerationError> {
    let building = !generation.is_complete();
    while let Ok(batch) = receiver.recv() {
        let mut taken = batch.len();
        let span = debug_span!("projection", events = Empty, position = Empty);
        if !building {
            links::link(&span, batch.iter().filter_map(Entry::correlation_id));
        }
        let _entered = span.enter();
        generation.fold(&batch)?;
        // A generation under construction waits for a full commit; one that serves commits what is there.
        while taken < commit_size {
            let more = if building { receiver.recv().ok() } else { receiver.try_recv().ok() };
            let Some(more) = more else { break };
            taken += more.len();
            generation.fold(&more)?;
        }
        generation.commit()?;
        span.record("events", taken);
        span.record("position", generation.position());
        tracing::debug!("projected");
        progress(generation.position());
    }
    Ok(generation)
}
