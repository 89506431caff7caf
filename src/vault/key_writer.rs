//! The one thread that changes keys: it creates them, erases them and wraps them anew, one after the other.
//!
//! So a key cannot come back: an erasure writes its tombstone and deletes the keys with nothing in between, and a creation looks at the
//! tombstones in the transaction that would insert the key. What a replica hears from the log of keys goes through here as well. New
//! keys that are queued meanwhile share one transaction and its fsync.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::VaultError;
use super::key_provider::WrappedKey;
use super::key_store::{KeyStore, StoredKey};
use super::memory::Memory;
use super::tombstones::{Tombstone, TombstoneFile};
use crate::clock::{Clock, SystemClock};

/// Most changes in the queue, and keys in one transaction.
const QUEUE_MAX: usize = 1_024;

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedKeys {
    /// The record that stays; of the first erasure where there was one already.
    pub tombstone: Tombstone,
    /// How many keys were deleted now: none where the subject had none, or was erased before.
    pub deleted: usize,
}

/// What became of a request for a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creation {
    /// The subject has this key: the one that was offered, or one that somebody else created meanwhile.
    Key(Uuid),
    /// The subject was erased.
    Erased,
}

/// A change of wrapping.
pub(super) struct Rewrapping {
    pub(super) id: Uuid,
    pub(super) from: u32,
    pub(super) to: WrappedKey,
}

/// Where an answer goes.
pub(super) type Answer<T> = SyncSender<Result<T, VaultError>>;

pub(super) enum Change {
    Create {
        subject: DataSubject,
        key: StoredKey,
        answer: Answer<Creation>,
    },
    /// What others have made or wrapped anew.
    Learn {
        keys: Vec<StoredKey>,
        answer: Answer<Vec<Creation>>,
    },
    Erase {
        tombstone: Tombstone,
        answer: Answer<ErasedKeys>,
    },
    Rewrap {
        keys: Vec<Rewrapping>,
        answer: Answer<usize>,
    },
    WipeDeleted {
        answer: Answer<()>,
    },
}

/// The thread and its queue.
pub(super) struct KeyWriter {
    queue: Option<SyncSender<Change>>,
    thread: Option<JoinHandle<()>>,
}

impl KeyWriter {
    pub(super) fn start(work: Work) -> Result<Self, VaultError> {
        let (queue, changes) = sync_channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("vault-writer".into())
            .spawn(move || work.run(&changes))
            .map_err(|error| VaultError::Engine(format!("no thread for keys: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Asks for a change and waits until it is durable.
    pub(super) fn ask<T>(&self, change: impl FnOnce(Answer<T>) -> Change) -> Result<T, VaultError> {
        let (answer, answered) = sync_channel(1);
        let queue = self.queue.as_ref().ok_or(VaultError::Stopped)?;
        queue.send(change(answer)).map_err(|_| VaultError::Stopped)?;
        answered.recv().map_err(|_| VaultError::Stopped)?
    }
}

impl Drop for KeyWriter {
    fn drop(&mut self) {
        // The thread ends when the queue does; only then are the files closed and unlocked.
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread owns.
pub(super) struct Work {
    pub(super) store: KeyStore,
    pub(super) tombstones: TombstoneFile,
    pub(super) memory: Arc<Memory>,
}

impl Work {
    pub(super) fn run(mut self, changes: &Receiver<Change>) {
        let mut next = changes.recv().ok();
        while let Some(change) = next.take() {
            match change {
                Change::Create { subject, key, answer } => {
                    let mut wanted = vec![(subject, key, answer)];
                    while wanted.len() < QUEUE_MAX {
                        match changes.try_recv() {
                            Ok(Change::Create { subject, key, answer }) => {
                                wanted.push((subject, key, answer));
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.create(wanted);
                }
                // Nobody waits any more if the caller has gone away; the change stands.
                Change::Learn { keys, answer } => drop(answer.send(self.learn(&keys))),
                Change::Erase { tombstone, answer } => drop(answer.send(self.erase(tombstone))),
                Change::Rewrap { keys, answer } => drop(answer.send(self.rewrap(&keys))),
                Change::WipeDeleted { answer } => drop(answer.send(self.store.wipe_deleted())),
            }
            next = next.or_else(|| changes.recv().ok());
        }
    }

    /// Creates keys in one transaction, and answers when all are durable.
    fn create(&self, wanted: Vec<(DataSubject, StoredKey, Answer<Creation>)>) {
        let now = SystemClock.now();
        let creations = self.store.transaction(|store| {
            let create = |(subject, key, _): &(DataSubject, StoredKey, _)| {
                if self.memory.is_erased(*subject) {
                    return Ok(Creation::Erased);
                }
                if let Some(existing) = store.newest_of(&key.subject)? {
                    return Ok(Creation::Key(existing.id));
                }
                store.insert(key, now)?;
                Ok(Creation::Key(key.id))
            };
            wanted.iter().map(create).collect::<Result<Vec<_>, VaultError>>()
        });
        match creations {
            Ok(creations) => {
                for ((_, _, answer), creation) in wanted.into_iter().zip(creations) {
                    let _ = answer.send(Ok(creation));
                }
            }
            Err(error) => {
                tracing::error!(%error, "no data keys can be created");
                for (_, _, answer) in wanted {
                    let _ = answer.send(Err(VaultError::Engine(error.to_string())));
                }
            }
        }
    }

    /// Stores keys as the log of keys has them. A key that is here already takes a later wrapping and ignores an earlier one; one whose
    /// subject was erased is only added to the tombstone, so that what it sealed counts as erased and not as lost.
    pub(super) fn learn(&mut self, keys: &[StoredKey]) -> Result<Vec<Creation>, VaultError> {
        let tombstone = |key: &StoredKey| self.memory.tombstone(key.subject.parse().ok()?);
        let mut dead = Vec::new();
        for key in keys {
            if let Some(tombstone) = tombstone(key)
                && !tombstone.keys.contains(&key.id)
            {
                dead.push(Tombstone { keys: vec![key.id], ..tombstone });
            }
        }
        self.tombstones.append(&dead)?;
        dead.into_iter().for_each(|tombstone| self.memory.add_tombstone(tombstone));

        let (now, mut rewrapped) = (SystemClock.now(), false);
        let learned = self.store.transaction(|store| {
            let learn = |key: &StoredKey| {
                let subject = key.subject.parse();
                if subject.is_ok_and(|subject| self.memory.is_erased(subject)) {
                    return Ok(Creation::Erased);
                }
                match store.by_id(key.id)? {
                    None => store.insert(key, now)?,
                    Some(known) if known.subject != key.subject => {
                        tracing::error!(key = %key.id, "the log of keys gives a key to a second subject; that is ignored");
                    }
                    Some(known) if known.wrapped.version < key.wrapped.version => {
                        rewrapped |= store.rewrap(key.id, known.wrapped.version, &key.wrapped)?;
                    }
                    Some(_) => {}
                }
                Ok(Creation::Key(key.id))
            };
            keys.iter().map(learn).collect::<Result<Vec<_>, VaultError>>()
        })?;
        if rewrapped && let Err(error) = self.store.wipe_deleted() {
            tracing::warn!(%error, "earlier wrappings of data keys stay in the write-ahead log of keys.db for now");
        }
        Ok(learned)
    }

    pub(super) fn erase(&mut self, tombstone: Tombstone) -> Result<ErasedKeys, VaultError> {
        let subject = tombstone.subject;
        let deleted = self.erase_all(vec![tombstone])?;
        let tombstone = self.memory.tombstone(subject).ok_or(VaultError::Stopped)?;
        Ok(ErasedKeys { tombstone, deleted })
    }

    /// Tombstones, memory, keys, files; answers how many keys were deleted. Whatever fails, the same call again goes on where this one
    /// stopped.
    pub(super) fn erase_all(&mut self, tombstones: Vec<Tombstone>) -> Result<usize, VaultError> {
        let (mut lines, mut dying) = (Vec::new(), Vec::with_capacity(tombstones.len()));
        for mut tombstone in tombstones {
            let subject = tombstone.subject;
            for key in self.store.ids_of(&subject.to_string())? {
                if !tombstone.keys.contains(&key) {
                    tombstone.keys.push(key);
                }
            }
            dying.push((subject, tombstone.keys.clone()));
            let unlisted = self.memory.without_tombstone(&tombstone.keys);
            if !unlisted.is_empty() || !self.memory.is_erased(subject) {
                lines.push(Tombstone { keys: unlisted, ..tombstone });
            }
        }
        self.tombstones.append(&lines)?;
        lines.into_iter().for_each(|tombstone| self.memory.add_tombstone(tombstone));
        // From here on nothing is sealed or opened for these subjects, whatever becomes of the files.
        dying.iter().for_each(|(subject, keys)| self.memory.forget(*subject, keys));
        let deleted = self.store.transaction(|store| {
            let mut deleted = 0;
            for (subject, _) in &dying {
                deleted += store.delete_of(&subject.to_string())?;
            }
            Ok(deleted)
        })?;
        self.store.wipe_deleted()?;
        Ok(deleted)
    }

    /// Deletes the keys of everyone who has a tombstone: what a crash has left, and what an old backup brought back.
    pub(super) fn finish_erasures(&mut self) -> Result<(), VaultError> {
        for tombstone in self.memory.tombstones() {
            if self.store.ids_of(&tombstone.subject.to_string())?.is_empty() {
                continue;
            }
            let subject = tombstone.subject;
            let erased = self.erase(tombstone)?;
            tracing::warn!(%subject, keys = erased.deleted, "keys of an erased subject were there again; they are deleted");
        }
        // A crash may have come between a deletion and this.
        self.store.wipe_deleted()
    }

    fn rewrap(&self, keys: &[Rewrapping]) -> Result<usize, VaultError> {
        self.store.transaction(|store| {
            let mut rewrapped = 0;
            for key in keys {
                rewrapped += usize::from(store.rewrap(key.id, key.from, &key.to)?);
            }
            Ok(rewrapped)
        })
    }
}
