//! Keeping the copy: what the feed brings is written into an ordinary log in the data directory, in the same order on every replica.
//!
//! A thread of its own takes whatever has come, and for all of it together: gives keys to the vault, writes events with one fsync, and
//! only then tells those who wait. So whatever is in the copy is complete up to its last event, and following begins again right after
//! that event. Positions count the events of this log alone: 1, 2, 3 ...
//!
//! Every event must continue its stream. One that is there already is passed over if it is the same; anything else means that the server
//! hides events or has another history, and then the copy stops rather than go its own way.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::{
    arrivals::Arrivals,
    connection::{Place, Recorded},
    feed::{Delivered, Item},
    identity,
    members::{self, Roll},
    wire,
};
use crate::{
    clock::Clock,
    recent::Recent,
    store::{EventStore, LoggedEvent, Position, StreamId, sqlite::SqliteStore},
};

/// Most items that are written together.
const BATCH_ITEMS_MAX: usize = 1_024;
/// Streams whose last revision is surely known without asking the copy.
const HEADS: usize = 32_768;
/// How long to wait before keys are offered again, in parts between which the feed's end is looked for.
const LEARN_PAUSE: Duration = Duration::from_millis(100);
const LEARN_PAUSES: u32 = 20;
/// Streams of categories that the application never writes, and the copy never holds.
const RESERVED: [&str; 3] = ["log", "vault", "replicas"];
/// What the types of the server's own events begin with.
const SYSTEM: char = '$';

/// Whether a stream is not the application's to write.
pub(super) fn is_reserved(stream: &str) -> bool {
    stream.split_once('-').is_some_and(|(category, _)| RESERVED.contains(&category))
}

/// Who is told what the cluster knows of the vault's keys.
pub trait KeyFollower: Send + Sync + 'static {
    /// These were written to the vault's streams, in this order. Durable when this returns; the same may come again. Blocks.
    ///
    /// # Errors
    /// With a reason, when they cannot be kept now. They are offered again until they are, and nothing goes on before that.
    fn learn(&self, records: &[KeyRecord]) -> Result<(), String>;

    /// All that the cluster had of keys at that moment has been learnt: something that this replica wrote then has come back.
    fn confirm(&self, as_of: Instant);
}

/// An event of the vault's streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The stream, without the prefix.
    pub stream: String,
    /// Its type.
    pub type_name: String,
    /// Version of the type's shape.
    pub version: u16,
    /// A JSON object.
    pub data: Bytes,
}

/// How the copy stands to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It follows and has caught up.
    Live,
    /// It has not caught up, or does not hear from the cluster.
    Behind {
        /// Since when.
        since: Timestamp,
    },
    /// It follows no more, until the program starts again.
    Stopped {
        /// What happened, and what to do.
        reason: String,
    },
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => formatter.write_str("live"),
            Self::Behind { since } => write!(formatter, "behind since {since}"),
            Self::Stopped { reason } => write!(formatter, "stopped: {reason}"),
        }
    }
}

/// What the thread owns.
pub(super) struct Mirror {
    pub(super) copy: Arc<SqliteStore>,
    /// With its full stop.
    pub(super) prefix: String,
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) roll: Arc<Roll>,
    pub(super) keys: Arc<dyn KeyFollower>,
    /// How far the feed has been followed.
    pub(super) passed: Arc<watch::Sender<Option<Place>>>,
    pub(super) status: Arc<watch::Sender<Status>>,
    pub(super) clock: Arc<dyn Clock>,
}

/// However the thread ends, nobody goes on waiting for it or takes it for alive.
struct End {
    arrivals: Arc<Arrivals>,
    status: Arc<watch::Sender<Status>>,
}

impl Drop for End {
    fn drop(&mut self) {
        let reason = if thread::panicking() {
            "the thread that keeps the copy has failed: see the log before, and start again"
        } else {
            "the program is stopping"
        };
        self.status.send_if_modified(|status| {
            let is_first = !matches!(status, Status::Stopped { .. });
            if is_first {
                *status = Status::Stopped { reason: reason.to_owned() };
            }
            is_first
        });
        self.arrivals.close();
    }
}

/// What a batch comes to.
#[derive(Default)]
struct Batch {
    events: Vec<LoggedEvent>,
    keys: Vec<KeyRecord>,
    passed: Option<Place>,
    /// The last word on whether the copy has caught up.
    live: Option<bool>,
    /// When the last of this replica's own heartbeats was sent.
    confirmed: Option<Instant>,
}

impl Mirror {
    /// Starts the thread, which ends with the feed or when the copy cannot go on.
    pub(super) fn start(
        self,
        mut feed: mpsc::Receiver<Delivered>,
    ) -> std::io::Result<JoinHandle<()>> {
        thread::Builder::new().name("replica-copy".into()).spawn(move || {
            let end = End { arrivals: self.arrivals.clone(), status: self.status.clone() };
            let mut heads = Recent::new(HEADS);
            let mut items = Vec::with_capacity(BATCH_ITEMS_MAX);
            let mut foreign = BTreeSet::new();
            while feed.blocking_recv_many(&mut items, BATCH_ITEMS_MAX) > 0 {
                if let Err(reason) = self.apply(&mut items, &feed, &mut heads, &mut foreign) {
                    tracing::error!(%reason, "the copy of the log stops");
                    end.status.send_replace(Status::Stopped { reason });
                    break;
                }
            }
        })
    }

    fn apply(
        &self,
        items: &mut Vec<Delivered>,
        feed: &mpsc::Receiver<Delivered>,
        heads: &mut Recent<StreamId, u64>,
        foreign: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let mut batch = Batch::default();
        for Delivered { item, .. } in &*items {
            match item {
                Item::Event(event) => self.take(event, &mut batch, heads, foreign)?,
                Item::Live => batch.live = Some(true),
                Item::Behind | Item::Lost => batch.live = Some(false),
            }
        }
        // Before the events: what is in the copy is not delivered again, so its keys must be there.
        if !batch.keys.is_empty() && !self.learn(&batch.keys, feed) {
            return Ok(());
        }
        if let Some(as_of) = batch.confirmed {
            self.keys.confirm(as_of);
        }
        self.write(&batch.events)?;
        // Only now is there room for others.
        items.clear();
        if let Some(place) = batch.passed {
            self.passed.send_if_modified(|passed| {
                let further = *passed < Some(place);
                *passed = (*passed).max(Some(place));
                further
            });
        }
        if let Some(live) = batch.live {
            self.tell(live);
        }
        Ok(())
    }

    /// Sorts an event into the batch.
    fn take(
        &self,
        event: &Recorded,
        batch: &mut Batch,
        heads: &mut Recent<StreamId, u64>,
        foreign: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        let Some(name) = event.stream.strip_prefix(&self.prefix) else {
            self.watch_retention(event);
            return Ok(());
        };
        if event.place.is_known() {
            batch.passed = batch.passed.max(Some(event.place));
        }
        if name == members::STREAM {
            // What this process has written has come round: the log has been followed at least up to then.
            if let Some(sent_at) = self.roll.heard(event.id, &event.data) {
                batch.live = Some(true);
                batch.confirmed = batch.confirmed.max(Some(sent_at));
            }
            return Ok(());
        }
        if name == identity::STREAM {
            return Ok(());
        }
        let stream = match StreamId::new(name) {
            Ok(stream) => stream,
            Err(error) => {
                if foreign.len() < 100 && foreign.insert(name.to_owned()) {
                    tracing::error!(%error, "another program writes under this log's prefix; its events are passed over");
                }
                return Ok(());
            }
        };
        if event.type_name.starts_with(SYSTEM) {
            // The vault deletes the streams of keys; nobody deletes another one.
            return if is_reserved(name) {
                Ok(())
            } else {
                Err(format!(
                    "the server has `{}` in the stream {stream}: somebody has deleted it or linked into it; the log under this prefix is \
                     not whole any more, restore the cluster from a backup, or fill an empty prefix from a replica's backup",
                    event.type_name
                ))
            };
        }
        let decoded = wire::decode(event).map_err(|error| {
            format!(
                "the event {} at revision {} of {stream} has no metadata of this program ({error}): another program has written it, or a \
                 later release of this one; update this replica",
                event.id, event.revision
            )
        })?;
        if stream.category() == "vault" {
            batch.keys.push(KeyRecord {
                stream: name.to_owned(),
                type_name: event.type_name.clone(),
                version: decoded.version,
                data: event.data.clone(),
            });
            return Ok(());
        }
        if is_reserved(name) {
            return Ok(());
        }
        let known = match heads.get(&stream) {
            Some(revision) => Some(revision),
            None => self.copy.last_revision(&stream).map_err(|error| error.to_string())?,
        };
        let next = known.map_or(0, |revision| revision + 1);
        if event.revision < next {
            return self.recognise(&stream, event, batch);
        }
        if event.revision > next {
            return Err(format!(
                "the server delivers revision {} of {stream} after {}: events between them are hidden, because the stream was truncated, \
                 has a retention ($maxCount, $maxAge), or the cluster was restored from an old backup; undo that, or fill an empty \
                 prefix from a replica's backup",
                event.revision,
                known.map_or_else(|| "nothing".to_owned(), |revision| revision.to_string()),
            ));
        }
        heads.insert(stream.clone(), event.revision);
        let before = match batch.events.last() {
            Some(last) => last.position.0,
            None => self.copy.head().map_or(0, |head| head.0),
        };
        batch.events.push(decoded.into_logged(event, stream, Position(before + 1)));
        Ok(())
    }

    /// Says it when somebody lets the server forget events of the log: this copy keeps them, a new one would not get them.
    fn watch_retention(&self, event: &Recorded) {
        #[derive(serde::Deserialize)]
        struct Retention {
            #[serde(rename = "$maxCount")]
            count: Option<serde::de::IgnoredAny>,
            #[serde(rename = "$maxAge")]
            age: Option<serde::de::IgnoredAny>,
            #[serde(rename = "$tb")]
            truncated_before: Option<serde::de::IgnoredAny>,
        }
        let owner =
            event.stream.strip_prefix("$$").and_then(|name| name.strip_prefix(&self.prefix));
        let Some(stream) = owner.filter(|stream| !is_reserved(stream)) else { return };
        let Ok(said) = serde_json::from_slice::<Retention>(&event.data) else { return };
        if said.count.is_some() || said.age.is_some() || said.truncated_before.is_some() {
            tracing::error!(
                stream,
                "somebody lets the server forget events of this stream ($maxCount, $maxAge, $tb): no new replica can be made until that \
                 is undone, and what is scavenged before is lost there; back up a replica now"
            );
        }
    }

    /// An event that the copy has already must be the same one.
    fn recognise(&self, stream: &StreamId, event: &Recorded, batch: &Batch) -> Result<(), String> {
        let same =
            |known: &LoggedEvent| known.stream == *stream && known.revision == event.revision;
        let waiting = batch.events.iter().find(|known| same(known)).map(|known| known.id);
        let known = match waiting {
            Some(id) => Some(id),
            None => {
                let stored = self.copy.event(stream, event.revision);
                stored.map_err(|error| error.to_string())?.map(|event| event.id)
            }
        };
        if known == Some(event.id) {
            return Ok(());
        }
        Err(format!(
            "revision {} of {stream} is the event {} on the server and {} in the copy: the cluster was restored from an old backup, or \
             this is another log's copy; if the cluster is right, delete the data directory of this replica and start again",
            event.revision,
            event.id,
            known.map_or_else(|| "none".to_owned(), |id| id.to_string()),
        ))
    }

    /// Offers keys until they are learnt; answers whether they were, before the feed's end.
    fn learn(&self, keys: &[KeyRecord], feed: &mpsc::Receiver<Delivered>) -> bool {
        let mut tried_before = false;
        loop {
            match self.keys.learn(keys) {
                Ok(()) => {
                    if tried_before {
                        tracing::info!("the keys that the cluster tells of are learnt now");
                    }
                    return true;
                }
                Err(reason) if !tried_before => {
                    tracing::error!(%reason, "the keys that the cluster tells of cannot be learnt; the copy waits for them");
                    self.tell(false);
                    tried_before = true;
                }
                Err(_) => {}
            }
            for _ in 0..LEARN_PAUSES {
                if feed.is_closed() {
                    return false;
                }
                thread::sleep(LEARN_PAUSE);
            }
        }
    }

    /// Makes the events durable and tells who waits for them.
    fn write(&self, events: &[LoggedEvent]) -> Result<(), String> {
        if !events.is_empty() {
            let written = self.copy.mirror(events);
            written.map_err(|error| format!("the copy cannot be written: {error}"))?;
        }
        for run in events.chunk_by(|left, right| left.stream == right.stream) {
            self.arrivals.arrived(run);
        }
        Ok(())
    }

    fn tell(&self, live: bool) {
        let now = self.clock.now();
        self.status.send_if_modified(|status| {
            let next = match (&*status, live) {
                (Status::Behind { .. }, true) => Status::Live,
                (Status::Live, false) => Status::Behind { since: now },
                _ => return false,
            };
            tracing::info!(status = %next, "the copy of the log");
            *status = next;
            true
        });
    }
}
