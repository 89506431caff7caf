//! The event store port: what the rest of the program may ask of a log, whichever engine keeps it.
//!
//! A *stream* is one aggregate's events in order of *revision* (0, 1, 2 ...). The *log* is all
//! events of all streams in order of *position*. Positions grow; whether they are dense is the
//! engine's affair. Starts are exclusive everywhere: "after revision 3" begins with revision 4, and
//! `None` begins at the beginning.
//!
//! A writer says what it believes of the stream ([`Expect`]). If the belief is out of date but the
//! very same events (by id) already stand where they would have gone, the append succeeds again
//! with the original answer: so a retry after a lost answer is harmless.

pub mod append;
pub mod kurrent;
pub mod memory;
pub mod sqlite;
pub mod subscription;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::watch;
use uuid::Uuid;

/// Most events in one append.
pub const APPEND_EVENTS_MAX: usize = 1_000;
/// Most bytes of metadata, data and envelopes together in one append. Every engine takes so much: a cluster's servers take 1 MiB of
/// what becomes of it on the way, where envelopes are a third longer.
pub const APPEND_SIZE_BYTES_MAX: usize = 768 * 1024;
/// Most events in one page, whatever `limit` asks for.
pub const READ_EVENTS_MAX: usize = 10_000;
/// A page of the log ends with the event that brings its envelopes to so many bytes: attachments are large.
pub const READ_SIZE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A log of events in streams.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// A random id given to this log when it was created: cursors and checkpoints are bound to it.
    fn id(&self) -> Uuid;

    /// Writes all the events or none, and answers once they are durable. The call may be dropped
    /// at any time; the append then happens or not, as if the answer had been lost.
    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError>;

    /// The stream's events after `after`, in order. Fewer than `limit` (of at most
    /// [`READ_EVENTS_MAX`]) means that the stream ends there; so does none at all for a stream
    /// that does not exist.
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError>;

    /// The log's events after `after`, in order: at most `limit` (of at most [`READ_EVENTS_MAX`]), and no more than
    /// [`READ_SIZE_BYTES_MAX`] allows. None means that the log ended there at that moment.
    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError>;

    /// Removes the envelopes of these events for good; the events stay as they are. Events that have none are passed over. Answers how
    /// many were removed, once that is durable.
    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError>;

    /// Position of the last event that can be read here, `None` while there is none.
    fn head(&self) -> Option<Position>;

    /// Waits until whatever anybody was told is written, before this call, can be read here, and whatever this process has asked to be
    /// appended is decided; answers the head as it stands then.
    ///
    /// # Errors
    /// When the engine cannot say how far the log goes, as after an append whose outcome is unknown, or this process does not get there
    /// in time.
    async fn sync(&self) -> Result<Option<Position>, ReadError> {
        Ok(self.head())
    }

    /// Whether other processes append to this log: then what was read of a stream a moment ago may be out of date.
    fn is_shared(&self) -> bool {
        false
    }

    /// A receiver that changes whenever the head does. What it announces can already be read.
    fn head_changes(&self) -> watch::Receiver<Option<Position>>;
}

/// The name of a stream, `<category>-<id>`: for example `case-0198c...`. At most 200 bytes of
/// text without white space and control characters. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Arc<str>);

/// A text that cannot name a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a stream name: it must be `<category>-<id>`, at most 200 bytes without white space"
)]
pub struct InvalidStreamId(String);

impl StreamId {
    /// Checks the text's form. The category is what stands before the first hyphen.
    pub fn new(text: &str) -> Result<Self, InvalidStreamId> {
        let well_formed = text.len() <= 200
            && text.chars().all(|sign| !sign.is_whitespace() && !sign.is_control())
            && text
                .split_once('-')
                .is_some_and(|(left, right)| !left.is_empty() && !right.is_empty());
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(InvalidStreamId(text.chars().take(200).collect()))
        }
    }

    /// The part before the first hyphen.
    pub fn category(&self) -> &str {
        self.0.split_once('-').map_or(&*self.0, |(category, _)| category)
    }

    /// The part after the first hyphen.
    pub fn id(&self) -> &str {
        self.0.split_once('-').map_or("", |(_, id)| id)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A place in the log. Opaque to callers except for its order; store it with the store's id. The
/// embedded engine counts events: 1, 2, 3 ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What the writer believes of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It has no event yet.
    NoStream,
    /// Its last event has this revision.
    At(u64),
    /// Nothing. Only a bounded memory of recent appends protects such a retry from a duplicate.
    Any,
}

/// An event on its way into the log. `metadata` and `data` are JSON objects, already encoded,
/// without white space around them.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Identity of the event: a retry must carry the same one.
    pub id: Uuid,
    /// Stored name of the event's type: visible ASCII without quotes or backslashes.
    pub type_name: &'static str,
    /// Version of the type's shape.
    pub version: u16,
    /// Who, why, when: a JSON object.
    pub metadata: Bytes,
    /// What happened: a JSON object.
    pub data: Bytes,
    /// The event's personal fields, encrypted. Kept apart from the event, and so long as nobody removes it.
    pub envelope: Option<Bytes>,
}

/// An event as it stands in the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// Place in the log.
    pub position: Position,
    /// Stream that it belongs to.
    pub stream: StreamId,
    /// Place in the stream, from 0.
    pub revision: u64,
    /// Identity given by the writer.
    pub id: Uuid,
    /// Stored name of the type.
    pub type_name: Arc<str>,
    /// Version of the type's shape.
    pub version: u16,
    /// A JSON object.
    pub metadata: Bytes,
    /// A JSON object.
    pub data: Bytes,
    /// The event's personal fields, encrypted; `None` where it has none or they were removed.
    pub envelope: Option<Bytes>,
}

/// The answer to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Revision of the append's last event.
    pub revision: u64,
    /// Position of the append's last event, where the engine tells.
    pub position: Option<Position>,
}

/// Why an append was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not where the writer believed, and holds other events. Load and decide again.
    #[error("the stream has moved: {}", match .actual {
        Some(revision) => format!("its last revision is {revision}"),
        None => "it does not exist".to_owned(),
    })]
    Conflict {
        /// Last revision of the stream, `None` if it does not exist.
        actual: Option<u64>,
    },
    /// More than one append may hold. Nothing was written.
    #[error(
        "an append of {events} events and {size_bytes} bytes is too large: split it into appends of \
         at most {APPEND_EVENTS_MAX} events and {APPEND_SIZE_BYTES_MAX} bytes"
    )]
    TooLarge {
        /// Events in the append.
        events: usize,
        /// Bytes of metadata, data and envelopes in the append.
        size_bytes: usize,
    },
    /// The caller built the append wrongly. Nothing was written.
    #[error("invalid append: {0}")]
    Invalid(String),
    /// The engine does not let this program write here. Nothing was written.
    #[error("the store denies the append: {0}")]
    Denied(String),
    /// Nothing was written; the same append may be tried again.
    #[error("the append was not written: {0}")]
    NotWritten(String),
    /// It may or may not have been written. Retry the identical batch with the identical
    /// expectation, never another one.
    #[error("the outcome of the append is unknown, retry the identical batch: {0}")]
    OutcomeUnknown(String),
    /// The store takes no appends until it is opened again; reads still work. Nothing was written.
    #[error("the store has stopped taking appends until the program restarts: {0}")]
    Stopped(String),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// What is stored is not what was written.
    #[error("the log is damaged at position {position}: {reason}; stop and restore a backup")]
    Corrupt {
        /// Where the damage was met.
        position: Position,
        /// What is wrong there.
        reason: String,
    },
    /// The engine failed.
    #[error("the store cannot be read: {0}")]
    Unavailable(String),
}

/// What a log keeps of an event, whether it is on its way into the log or comes from another one.
#[derive(Clone, Copy)]
struct Content<'a> {
    id: Uuid,
    type_name: &'a str,
    version: u16,
    metadata: &'a Bytes,
    data: &'a Bytes,
    envelope: Option<&'a Bytes>,
}

impl<'a> From<&'a NewEvent> for Content<'a> {
    fn from(event: &'a NewEvent) -> Self {
        let NewEvent { id, type_name, version, metadata, data, envelope } = event;
        Self { id: *id, type_name, version: *version, metadata, data, envelope: envelope.as_ref() }
    }
}

impl<'a> From<&'a LoggedEvent> for Content<'a> {
    fn from(event: &'a LoggedEvent) -> Self {
        let LoggedEvent { id, type_name, version, metadata, data, envelope, .. } = event;
        Self { id: *id, type_name, version: *version, metadata, data, envelope: envelope.as_ref() }
    }
}

impl Content<'_> {
    fn size_bytes(&self) -> usize {
        self.metadata.len() + self.data.len() + self.envelope.map_or(0, Bytes::len)
    }
}

/// Refuses what no store may accept, so that every store refuses the same. Answers the bytes of
/// metadata and data.
fn validate<'a, E>(events: &'a [E]) -> Result<usize, AppendError>
where
    Content<'a>: From<&'a E>,
{
    if events.is_empty() {
        return Err(AppendError::Invalid("it holds no event".into()));
    }
    let contents = || events.iter().map(Content::from);
    let size_bytes = contents().map(|event| event.size_bytes()).sum();
    if events.len() > APPEND_EVENTS_MAX || size_bytes > APPEND_SIZE_BYTES_MAX {
        return Err(AppendError::TooLarge { events: events.len(), size_bytes });
    }
    for (index, event) in contents().enumerate() {
        let type_name = event.type_name;
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if type_name.is_empty() || type_name.len() > 100 || !type_name.bytes().all(plain) {
            let problem = format!("event {index}: {type_name:?} cannot be the name of a type");
            return Err(AppendError::Invalid(problem));
        }
        for (field, json) in [("metadata", event.metadata), ("data", event.data)] {
            if !is_json_object(json) {
                let problem = format!(
                    "event {index} ({type_name}): {field} must be a JSON object without white space around it"
                );
                return Err(AppendError::Invalid(problem));
            }
        }
    }
    let mut ids: Vec<Uuid> = contents().map(|event| event.id).collect();
    ids.sort_unstable();
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(AppendError::Invalid(format!("event id {} stands in it twice", pair[0])));
    }
    Ok(size_bytes)
}

fn is_json_object(json: &[u8]) -> bool {
    json.first() == Some(&b'{')
        && json.last() == Some(&b'}')
        && serde_json::from_slice::<&RawValue>(json).is_ok()
}

/// Where a batch stands against the stream that it is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// The writer's belief holds: the batch begins at this revision.
    Fits { revision: u64 },
    /// The stream already has events from this revision on: the batch is a retry if they are the
    /// same, a conflict otherwise.
    Passed { revision: u64 },
    /// The stream does not reach as far as the writer believes.
    Short,
}

impl Expect {
    /// Compares the belief with the stream's last revision.
    fn against(self, actual: Option<u64>) -> Standing {
        let next = actual.map_or(0, |revision| revision + 1);
        let expected_next = match self {
            Self::NoStream => 0,
            // No stream can be at the last number there is: no event could follow it.
            Self::At(u64::MAX) => return Standing::Short,
            Self::At(revision) => revision + 1,
            Self::Any => next,
        };
        match expected_next.cmp(&next) {
            std::cmp::Ordering::Equal => Standing::Fits { revision: next },
            std::cmp::Ordering::Less => Standing::Passed { revision: expected_next },
            std::cmp::Ordering::Greater => Standing::Short,
        }
    }
}

/// Answers a retried append: `stored` are the stream's events from where the batch would have
/// begun, `ids` those of the batch.
fn answer_retry(
    ids: impl ExactSizeIterator<Item = Uuid>,
    stored: &[LoggedEvent],
    actual: Option<u64>,
) -> Result<Appended, AppendError> {
    let count = ids.len();
    match stored.get(count - 1) {
        Some(last) if ids.eq(stored[..count].iter().map(|event| event.id)) => {
            Ok(Appended { revision: last.revision, position: Some(last.position) })
        }
        _ => Err(AppendError::Conflict { actual }),
    }
}
