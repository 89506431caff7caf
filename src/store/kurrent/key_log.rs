//! The vault's log of keys, in streams beside the events.
//!
//! Calls block on the connection; they run on threads that may. Each repeats itself after a conflict, and may be repeated by its caller:
//! the ids of its events follow from what they say.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parvandeh_domain::id::derived;
use tokio::runtime::Handle;

use super::{
    KeyFollower, KeyRecord,
    connection::{Connection, Outgoing, Recorded},
    failure::Failure,
    wire,
};
use crate::{
    error::chain,
    store::READ_EVENTS_MAX,
    vault::{
        Tombstone, Vault,
        key_log::{
            ERASURES_STREAM, KeyEvent, KeyLog, KeyLogError, Published, PublishedKey, Republished,
            SHAPE_VERSION, key_stream,
        },
    },
};

/// Attempts while other replicas write to the same stream.
const RACES_MAX: usize = 16;
/// Events of one subject's keys, which are a few.
const KEYS_MAX: usize = 10_000;

/// See the module.
pub(super) struct KurrentKeyLog {
    pub(super) connection: Arc<Connection>,
    pub(super) runtime: Handle,
    /// With its full stop.
    pub(super) prefix: String,
    pub(super) limit: Duration,
}

impl KurrentKeyLog {
    fn name(&self, stream: &str) -> String {
        format!("{}{stream}", self.prefix)
    }

    /// All keys of a subject with the stream's last revision.
    fn keys(&self, stream: &str) -> Result<(Vec<PublishedKey>, Option<u64>), Failure> {
        let read = self.connection.read_stream(stream, 0, KEYS_MAX, self.limit);
        let events = self.runtime.block_on(read)?;
        let last = events.last().map(|event| event.revision);
        let keys = events.iter().map(|event| match read_event(event) {
            Ok(KeyEvent::Key(key)) => Ok(key),
            Ok(KeyEvent::Erased(_)) => Err(Failure::Refused(format!("{stream} has a tombstone"))),
            Err(error) => Err(Failure::Refused(error.to_string())),
        });
        Ok((keys.collect::<Result<_, _>>()?, last))
    }

    fn append(&self, stream: &str, after: Option<u64>, event: &KeyEvent) -> Result<(), Failure> {
        let append = self.connection.append(stream, after, vec![outgoing(event)], self.limit);
        self.runtime.block_on(append).map(drop)
    }
}

impl KeyLog for KurrentKeyLog {
    fn publish(&self, key: &PublishedKey) -> Result<Published, KeyLogError> {
        let stream = self.name(&key_stream(&key.subject));
        match self.append(&stream, None, &KeyEvent::Key(key.clone())) {
            Ok(()) => return Ok(Published::Published),
            Err(Failure::Conflict { .. }) => {}
            Err(Failure::Deleted) => return Ok(Published::Erased),
            Err(failure) => return Err(error(failure)),
        }
        match self.keys(&stream) {
            Ok((mut keys, _)) => match keys.pop() {
                Some(last) if last.id == key.id => Ok(Published::Published),
                Some(last) => Ok(Published::Existing(last)),
                None => Err(KeyLogError::Unavailable(format!("{stream} was there and is not"))),
            },
            Err(Failure::Deleted) => Ok(Published::Erased),
            Err(failure) => Err(error(failure)),
        }
    }

    fn find(&self, subject: &str) -> Result<Option<PublishedKey>, KeyLogError> {
        match self.keys(&self.name(&key_stream(subject))) {
            Ok((mut keys, _)) => Ok(keys.pop()),
            Err(Failure::Deleted) => Ok(None),
            Err(failure) => Err(error(failure)),
        }
    }

    fn republish(&self, key: &PublishedKey) -> Result<Republished, KeyLogError> {
        let stream = self.name(&key_stream(&key.subject));
        for _ in 0..RACES_MAX {
            let written = self.keys(&stream).and_then(|(keys, last)| {
                if keys.iter().any(|known| known.supersedes(key)) {
                    return Ok(());
                }
                self.append(&stream, last, &KeyEvent::Key(key.clone()))
            });
            match written {
                Ok(()) => return Ok(Republished::Done),
                Err(Failure::Conflict { .. }) => {}
                Err(Failure::Deleted) => return Ok(Republished::Erased),
                Err(failure) => return Err(error(failure)),
            }
        }
        Err(too_many(&stream))
    }

    fn publish_erasure(&self, tombstone: &Tombstone) -> Result<Tombstone, KeyLogError> {
        let stream = self.name(&key_stream(&tombstone.subject.to_string()));
        let mut tombstone = tombstone.clone();
        for _ in 0..RACES_MAX {
            let (keys, last) = match self.keys(&stream) {
                Ok(read) => read,
                Err(Failure::Deleted) => return Ok(tombstone),
                Err(failure) => return Err(error(failure)),
            };
            for key in keys {
                if !tombstone.keys.contains(&key.id) {
                    tombstone.keys.push(key.id);
                }
            }
            let told = vec![outgoing(&KeyEvent::Erased(tombstone.clone()))];
            let erasures = self.name(ERASURES_STREAM);
            // A second copy tells nothing new.
            let told = self.connection.append_anywhere(&erasures, told, self.limit);
            self.runtime.block_on(told).map_err(error)?;
            let deleted = self.connection.delete_for_good(&stream, last, self.limit);
            match self.runtime.block_on(deleted) {
                Ok(()) | Err(Failure::Deleted) => return Ok(tombstone),
                // The server words a conflict of a deletion as a refusal.
                Err(Failure::Conflict { .. } | Failure::Refused(_)) => {}
                Err(failure) => return Err(error(failure)),
            }
        }
        Err(too_many(&stream))
    }

    fn erasures(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Tombstone)>, KeyLogError> {
        let from = after.map_or(0, |after| after + 1);
        let stream = self.name(ERASURES_STREAM);
        let count = limit.min(READ_EVENTS_MAX);
        let read = self.connection.read_stream(&stream, from, count, self.limit);
        let events = self.runtime.block_on(read).map_err(error)?;
        let read = events.iter().map(|event| match read_event(event)? {
            KeyEvent::Erased(tombstone) => Ok((event.revision, tombstone)),
            KeyEvent::Key(_) => Err(KeyLogError::Unknown {
                event_type: event.type_name.clone(),
                problem: format!("it does not belong into {stream}"),
            }),
        });
        read.collect()
    }
}

fn read_event(event: &Recorded) -> Result<KeyEvent, KeyLogError> {
    let version = wire::decode(event).map(|decoded| decoded.version);
    let version = version
        .map_err(|problem| KeyLogError::Unknown { event_type: event.type_name.clone(), problem })?;
    KeyEvent::read(&event.type_name, version.into(), &event.data)
}

fn outgoing(event: &KeyEvent) -> Outgoing {
    let data = event.data();
    let text = String::from_utf8_lossy(&data);
    Outgoing {
        // The same words have the same id, so that a repeated call is recognised.
        id: derived(&["key log", event.event_type(), &text]),
        type_name: event.event_type().to_owned(),
        version: SHAPE_VERSION as u16,
        metadata: "{}".into(),
        data: data.into(),
        envelope: None,
    }
}

fn error(failure: Failure) -> KeyLogError {
    match failure {
        Failure::Denied | Failure::Refused(_) => KeyLogError::Denied(failure.to_string()),
        failure => KeyLogError::Unavailable(failure.to_string()),
    }
}

fn too_many(stream: &str) -> KeyLogError {
    KeyLogError::Unavailable(format!("too many others write to {stream} at the same time"))
}

impl KeyFollower for Vault {
    fn learn(&self, records: &[KeyRecord]) -> Result<(), String> {
        let mut keys = Vec::new();
        for record in records {
            let event = KeyEvent::read(&record.type_name, record.version.into(), &record.data);
            match event.map_err(|error| chain(&error))? {
                KeyEvent::Key(key) => keys.push(key),
                KeyEvent::Erased(tombstone) => {
                    self.learn_keys(&keys).map_err(|error| chain(&error))?;
                    keys.clear();
                    self.learn_erasure(&tombstone).map_err(|error| chain(&error))?;
                }
            }
        }
        self.learn_keys(&keys).map_err(|error| chain(&error))
    }

    fn confirm(&self, as_of: Instant) {
        self.confirm_fresh(as_of);
    }
}
