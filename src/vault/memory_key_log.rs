//! The log of keys in memory, shared by vaults of one process: for tests and trials. It keeps nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key_log::{KeyEvent, KeyLog, KeyLogError, Published, PublishedKey, Republished};
use super::tombstones::Tombstone;

/// A log of keys that lives as long as the process.
#[derive(Default)]
pub struct MemoryKeyLog {
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// The keys of each subject; `None` where they were deleted for good.
    streams: HashMap<String, Option<Vec<PublishedKey>>>,
    erasures: Vec<Tombstone>,
    /// All that was ever appended, in order. As on a server, what was deleted stays until it is scavenged.
    events: Vec<KeyEvent>,
}

impl MemoryKeyLog {
    /// What was appended after the first `count` events, in order: what a follower of the log is given.
    pub fn events_after(&self, count: usize) -> Vec<KeyEvent> {
        self.log().events.get(count..).unwrap_or_default().to_vec()
    }

    /// The first half of [`KeyLog::publish_erasure`], as when somebody dies in the middle: the tombstone is there, and the stream of keys too.
    pub fn tell_of_erasure(&self, tombstone: &Tombstone) {
        self.log().tell(tombstone);
    }

    /// Whether the stream of a subject's keys is gone for good.
    pub fn is_deleted(&self, subject: &str) -> bool {
        matches!(self.log().streams.get(subject), Some(None))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLog for MemoryKeyLog {
    fn publish(&self, key: &PublishedKey) -> Result<Published, KeyLogError> {
        let mut log = self.log();
        match log.streams.get(&key.subject) {
            None => {
                log.append(key);
                Ok(Published::Published)
            }
            Some(None) => Ok(Published::Erased),
            Some(Some(keys)) => Ok(match keys.last() {
                Some(existing) if existing.id != key.id => Published::Existing(existing.clone()),
                _ => Published::Published,
            }),
        }
    }

    fn find(&self, subject: &str) -> Result<Option<PublishedKey>, KeyLogError> {
        Ok(self
            .log()
            .streams
            .get(subject)
            .and_then(Option::as_ref)
            .and_then(|keys| keys.last().cloned()))
    }

    fn republish(&self, key: &PublishedKey) -> Result<Republished, KeyLogError> {
        let mut log = self.log();
        match log.streams.get(&key.subject) {
            Some(None) => return Ok(Republished::Erased),
            Some(Some(keys)) if keys.iter().any(|known| known.supersedes(key)) => {}
            _ => log.append(key),
        }
        Ok(Republished::Done)
    }

    fn publish_erasure(&self, tombstone: &Tombstone) -> Result<Tombstone, KeyLogError> {
        let mut log = self.log();
        let tombstone = log.tell(tombstone);
        log.streams.insert(tombstone.subject.to_string(), None);
        Ok(tombstone)
    }

    fn erasures(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Tombstone)>, KeyLogError> {
        let first = after.map_or(0, |after| after + 1);
        let log = self.log();
        let erasures =
            log.erasures.iter().enumerate().map(|(at, tombstone)| (at as u64, tombstone));
        let page = erasures.filter(|(revision, _)| *revision >= first).take(limit);
        Ok(page.map(|(revision, tombstone)| (revision, tombstone.clone())).collect())
    }
}

impl Log {
    /// Appends a tombstone with all keys that were published, unless these are gone already.
    fn tell(&mut self, tombstone: &Tombstone) -> Tombstone {
        let (mut tombstone, subject) = (tombstone.clone(), tombstone.subject.to_string());
        if let Some(None) = self.streams.get(&subject) {
            return tombstone;
        }
        for key in self.streams.get(&subject).into_iter().flatten().flatten() {
            if !tombstone.keys.contains(&key.id) {
                tombstone.keys.push(key.id);
            }
        }
        self.erasures.push(tombstone.clone());
        self.events.push(KeyEvent::Erased(tombstone.clone()));
        tombstone
    }

    fn append(&mut self, key: &PublishedKey) {
        let stream = self.streams.entry(key.subject.clone()).or_insert_with(|| Some(Vec::new()));
        stream.get_or_insert_default().push(key.clone());
        self.events.push(KeyEvent::Key(key.clone()));
    }
}
