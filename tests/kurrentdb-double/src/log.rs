//! The log: every event in one row, and per stream where its events stand in that row.
//!
//! It decides appends as the server does. With an expected revision a repeated batch is recognised by comparing ids at
//! the very revisions; with `Any` only by a bounded memory of recent ids. A soft deletion and retention hide events
//! from reads of their stream, never from reads of the log; a hard deletion closes the stream for ever.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use uuid::Uuid;

use crate::random::Random;

/// The revision of the event that closes a stream for ever.
const TOMBSTONE_REVISION: u64 = i64::MAX as u64;

/// An event as the log holds it. Cloning is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEvent {
    /// The full name of its stream.
    pub stream: Arc<str>,
    /// Its revision there, from 0.
    pub revision: u64,
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub kind: Arc<str>,
    /// Whether its content type is JSON.
    pub is_json: bool,
    /// What it says.
    pub data: Bytes,
    /// The writer's own metadata.
    pub metadata: Bytes,
    /// Its place in the log: both its commit and its prepare position.
    pub position: u64,
    /// When the server wrote it, in ticks of 100 ns since 1970.
    pub created_ticks: u64,
    /// Whether a scavenge has removed it: nobody sees it any more.
    pub(crate) scavenged: bool,
}

/// An event to be appended.
#[derive(Debug, Clone)]
pub(crate) struct Proposed {
    pub id: Uuid,
    pub kind: String,
    pub is_json: bool,
    pub data: Bytes,
    pub metadata: Bytes,
}

/// What a writer expects of a stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Expect {
    Any,
    NoStream,
    StreamExists,
    Revision(u64),
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Outcome {
    Written {
        revision: u64,
        position: u64,
    },
    /// Written before; whether the server still knows where differs.
    Repeated {
        revision: u64,
        position: Option<u64>,
    },
    Conflict {
        current: Option<u64>,
    },
    StreamDeleted,
}

/// How a stream stands to its readers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Visible {
    NotFound,
    Deleted,
    /// The revisions that can be read.
    Revisions(Range<u64>),
}

#[derive(Debug, Default)]
struct Stream {
    /// Where its events stand in the row, by revision.
    rows: Vec<u32>,
    /// Revisions below are hidden; `u64::MAX` says that the stream is softly deleted.
    truncated_before: u64,
    count_max: Option<u64>,
    is_closed: bool,
}

impl Stream {
    fn last(&self) -> Option<u64> {
        (self.rows.len() as u64).checked_sub(1)
    }

    fn is_softly_deleted(&self) -> bool {
        self.truncated_before >= TOMBSTONE_REVISION
    }
}

/// The log.
#[derive(Debug)]
pub(crate) struct Log {
    row: Vec<LogEvent>,
    streams: HashMap<Arc<str>, Stream>,
    kinds: HashSet<Arc<str>>,
    recent: HashMap<Uuid, (Arc<str>, u64)>,
    recent_order: VecDeque<Uuid>,
    recent_max: usize,
    random: Random,
    next_position: u64,
    repeats_tell_position: bool,
    system_event_every: u64,
}

impl Log {
    /// A log that holds what a fresh server writes for itself.
    pub fn new(
        random: Random,
        recent_max: usize,
        repeats_tell_position: bool,
        system_event_every: u64,
    ) -> Self {
        let mut log = Log {
            row: Vec::new(),
            streams: HashMap::new(),
            kinds: HashSet::new(),
            recent: HashMap::new(),
            recent_order: VecDeque::new(),
            recent_max,
            random,
            next_position: 0,
            repeats_tell_position,
            system_event_every,
        };
        for (stream, kind) in [
            ("$user-admin", "$UserCreated"),
            ("$users", "$User"),
            ("$scavenges", "$scavengeIndexInitialized"),
        ] {
            log.append_system(stream, kind, "{}");
        }
        log
    }

    /// Every event in order, scavenged ones too.
    pub fn row(&self) -> &[LogEvent] {
        &self.row
    }

    /// Appends, as the server decides it.
    pub fn append(&mut self, name: &str, expect: Expect, events: Vec<Proposed>) -> Outcome {
        if self.is_closed(name) {
            return Outcome::StreamDeleted;
        }
        let stream = self.streams.get(name);
        let current = stream.and_then(Stream::last);
        let is_softly_deleted = stream.is_some_and(Stream::is_softly_deleted);
        match expect {
            Expect::StreamExists if is_softly_deleted || current.is_none() => {
                return Outcome::Conflict { current };
            }
            Expect::Any | Expect::StreamExists => {
                let mut known = None;
                for (index, event) in events.iter().enumerate() {
                    let place = self.recent.get(&event.id).filter(|place| &*place.0 == name);
                    match place {
                        Some(place) => known = Some(place.1),
                        None if index == 0 => break,
                        None => return Outcome::Conflict { current },
                    }
                }
                if let Some(revision) = known {
                    return self.repeated(name, revision);
                }
            }
            Expect::NoStream | Expect::Revision(_) => {
                let first = if let Expect::Revision(revision) = expect { revision + 1 } else { 0 };
                let next = current.map_or(0, |current| current + 1);
                if first > next {
                    return Outcome::Conflict { current };
                }
                if first < next {
                    let rows = stream.map_or(&[][..], |stream| &stream.rows);
                    let matching = events
                        .iter()
                        .zip(rows.iter().skip(first as usize))
                        .take_while(|(event, row)| self.row[**row as usize].id == event.id)
                        .count();
                    if matching == events.len() && matching > 0 {
                        return self.repeated(name, first + matching as u64 - 1);
                    }
                    let starts_again =
                        expect == Expect::NoStream && is_softly_deleted && matching == 0;
                    if !starts_again {
                        return Outcome::Conflict { current };
                    }
                }
            }
        }
        self.write(name, events)
    }

    /// Deletes softly: hides the events of the stream; a later append takes it up again.
    pub fn delete(&mut self, name: &str, expect: Expect) -> Outcome {
        if let Some(refusal) = self.refuse_deletion(name, expect) {
            return refusal;
        }
        let hide = Proposed {
            id: self.random.uuid(),
            kind: "$metadata".to_owned(),
            is_json: true,
            data: Bytes::from(format!("{{\"$tb\":{TOMBSTONE_REVISION}}}")),
            metadata: Bytes::new(),
        };
        self.write(&format!("$${name}"), vec![hide])
    }

    /// Deletes for good: hides the events of the stream and closes it for ever.
    pub fn tombstone(&mut self, name: &str, expect: Expect) -> Outcome {
        if let Some(refusal) = self.refuse_deletion(name, expect) {
            return refusal;
        }
        let name: Arc<str> = Arc::from(name);
        let end = Proposed {
            id: self.random.uuid(),
            kind: "$streamDeleted".to_owned(),
            is_json: false,
            data: Bytes::new(),
            metadata: Bytes::new(),
        };
        let position = self.push(name.clone(), TOMBSTONE_REVISION, end);
        self.streams.entry(name).or_default().is_closed = true;
        Outcome::Written { revision: TOMBSTONE_REVISION, position }
    }

    /// What readers of a stream see of it.
    pub fn visible(&self, name: &str) -> Visible {
        if self.is_closed(name) {
            return Visible::Deleted;
        }
        let Some(stream) = self.streams.get(name) else { return Visible::NotFound };
        let end = stream.rows.len() as u64;
        if end == 0 || stream.is_softly_deleted() {
            return Visible::NotFound;
        }
        let kept = stream.count_max.map_or(0, |count_max| end.saturating_sub(count_max));
        Visible::Revisions(stream.truncated_before.max(kept).min(end)..end)
    }

    /// The event at a revision that [`Log::visible`] named.
    pub fn at(&self, name: &str, revision: u64) -> Option<&LogEvent> {
        let row = *self.streams.get(name)?.rows.get(usize::try_from(revision).ok()?)?;
        self.row.get(row as usize)
    }

    /// Removes what deletion and retention hide from the log itself, as an operator's scavenge does.
    pub fn scavenge(&mut self) -> usize {
        let mut removed = 0;
        for (name, stream) in &self.streams {
            let first_kept = match self.visible(name) {
                Visible::Revisions(revisions) => revisions.start,
                Visible::NotFound | Visible::Deleted => stream.rows.len() as u64,
            };
            for row in &stream.rows[..first_kept as usize] {
                let event = &mut self.row[*row as usize];
                removed += usize::from(!event.scavenged);
                event.scavenged = true;
            }
        }
        removed
    }

    /// Forgets the last events, as a server that was restored from an old backup.
    pub fn forget_last(&mut self, count: usize) {
        for _ in 0..count {
            let Some(event) = self.row.pop() else { return };
            self.recent.remove(&event.id);
            let Some(stream) = self.streams.get_mut(&event.stream) else { continue };
            if event.revision == TOMBSTONE_REVISION {
                stream.is_closed = false;
            } else {
                stream.rows.pop();
            }
        }
    }

    fn refuse_deletion(&self, name: &str, expect: Expect) -> Option<Outcome> {
        if self.is_closed(name) {
            return Some(Outcome::StreamDeleted);
        }
        let current = self.streams.get(name).and_then(Stream::last);
        let holds = match expect {
            Expect::Any => true,
            Expect::NoStream => current.is_none(),
            Expect::StreamExists => current.is_some(),
            Expect::Revision(revision) => current == Some(revision),
        };
        (!holds).then_some(Outcome::Conflict { current })
    }

    fn is_closed(&self, name: &str) -> bool {
        let owner = name.strip_prefix("$$").unwrap_or(name);
        self.streams.get(owner).is_some_and(|stream| stream.is_closed)
    }

    fn repeated(&self, name: &str, revision: u64) -> Outcome {
        let position = self.at(name, revision).map(|event| event.position);
        Outcome::Repeated { revision, position: position.filter(|_| self.repeats_tell_position) }
    }

    fn write(&mut self, name: &str, events: Vec<Proposed>) -> Outcome {
        let name = match self.streams.get_key_value(name) {
            Some((name, _)) => name.clone(),
            None => Arc::from(name),
        };
        let stream = self.streams.entry(name.clone()).or_default();
        if stream.is_softly_deleted() {
            stream.truncated_before = stream.rows.len() as u64;
        }
        let first = stream.rows.len() as u64;
        let mut written = Outcome::Conflict { current: first.checked_sub(1) };
        for (revision, event) in (first..).zip(events) {
            self.remember(event.id, &name, revision);
            self.streams.entry(name.clone()).or_default().rows.push(self.row.len() as u32);
            let retention =
                name.strip_prefix("$$").map(|owner| (owner.to_owned(), event.data.clone()));
            let position = self.push(name.clone(), revision, event);
            if let Some((owner, data)) = retention {
                self.set_retention(&owner, &data);
            }
            written = Outcome::Written { revision, position };
        }
        if self.system_event_every > 0 && self.random.below(self.system_event_every) == 0 {
            self.append_system("$stats-127.0.0.1:2113", "$statsCollected", "{}");
        }
        written
    }

    fn set_retention(&mut self, owner: &str, data: &[u8]) {
        let said: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
        let stream = self.streams.entry(Arc::from(owner)).or_default();
        stream.truncated_before = said["$tb"].as_u64().unwrap_or(0);
        stream.count_max = said["$maxCount"].as_u64();
    }

    fn append_system(&mut self, stream: &str, kind: &str, data: &str) {
        let event = Proposed {
            id: self.random.uuid(),
            kind: kind.to_owned(),
            is_json: true,
            data: Bytes::copy_from_slice(data.as_bytes()),
            metadata: Bytes::new(),
        };
        let name: Arc<str> = Arc::from(stream);
        let stream = self.streams.entry(name.clone()).or_default();
        let revision = stream.rows.len() as u64;
        stream.rows.push(self.row.len() as u32);
        self.push(name, revision, event);
    }

    /// Puts an event at the end of the row. Positions grow by the event's size and a gap.
    fn push(&mut self, stream: Arc<str>, revision: u64, event: Proposed) -> u64 {
        let position = self.next_position;
        let size = event.data.len() + event.metadata.len() + event.kind.len() + stream.len();
        self.next_position += 64 + size as u64 + self.random.below(200);
        let kind = match self.kinds.get(event.kind.as_str()) {
            Some(kind) => kind.clone(),
            None => {
                let kind: Arc<str> = Arc::from(event.kind);
                self.kinds.insert(kind.clone());
                kind
            }
        };
        self.row.push(LogEvent {
            stream,
            revision,
            id: event.id,
            kind,
            is_json: event.is_json,
            data: event.data,
            metadata: event.metadata,
            position,
            created_ticks: now_ticks(),
            scavenged: false,
        });
        position
    }

    fn remember(&mut self, id: Uuid, stream: &Arc<str>, revision: u64) {
        if self.recent.insert(id, (stream.clone(), revision)).is_none() {
            self.recent_order.push_back(id);
        }
        while self.recent_order.len() > self.recent_max {
            if let Some(oldest) = self.recent_order.pop_front() {
                self.recent.remove(&oldest);
            }
        }
    }
}

/// The time in ticks of 100 ns since 1970.
pub(crate) fn now_ticks() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() / 100) as u64
}
