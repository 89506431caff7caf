//! What the vault holds in memory: the tombstones, and the data keys that were used lately.
//!
//! Who takes a key from here asks for a tombstone *after* taking it. An erasure puts the tombstone in first and takes the keys out after
//! that. So however the two meet, either the user sees the tombstone, or the erasure finds and wipes the key that the user has put in.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::cipher::DataKey;
use super::tombstones::{Tombstone, Tombstones};
use crate::recent::SharedRecent;

/// Keys in memory, at about one kilobyte each.
const KEYS_MAX: usize = 16_384;

pub(super) struct Memory {
    tombstones: RwLock<Tombstones>,
    by_id: SharedRecent<Uuid, Arc<DataKey>>,
    /// The key that a subject's data are sealed with.
    newest: SharedRecent<DataSubject, Uuid>,
}

impl Memory {
    pub(super) fn new(tombstones: Tombstones) -> Self {
        let (by_id, newest) = (SharedRecent::new(KEYS_MAX), SharedRecent::new(KEYS_MAX));
        Self { tombstones: RwLock::new(tombstones), by_id, newest }
    }

    fn read(&self) -> RwLockReadGuard<'_, Tombstones> {
        self.tombstones.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_erased(&self, subject: DataSubject) -> bool {
        self.read().of(subject).is_some()
    }

    pub(super) fn is_erased_key(&self, key: Uuid) -> bool {
        self.read().has_key(key)
    }

    pub(super) fn tombstone(&self, subject: DataSubject) -> Option<Tombstone> {
        self.read().of(subject).cloned()
    }

    pub(super) fn tombstones(&self) -> Vec<Tombstone> {
        self.read().all().to_vec()
    }

    /// Those of the keys that no tombstone lists.
    pub(super) fn without_tombstone(&self, keys: &[Uuid]) -> Vec<Uuid> {
        let tombstones = self.read();
        keys.iter().copied().filter(|&key| !tombstones.has_key(key)).collect()
    }

    pub(super) fn add_tombstone(&self, tombstone: Tombstone) {
        self.tombstones.write().unwrap_or_else(PoisonError::into_inner).add(tombstone);
    }

    /// Takes what another process has written since.
    pub(super) fn replace_tombstones(&self, tombstones: Tombstones) {
        *self.tombstones.write().unwrap_or_else(PoisonError::into_inner) = tombstones;
    }

    pub(super) fn key(&self, id: Uuid) -> Option<Arc<DataKey>> {
        self.by_id.get(&id)
    }

    pub(super) fn newest_key(&self, subject: DataSubject) -> Option<Arc<DataKey>> {
        self.newest.get(&subject).and_then(|id| self.key(id))
    }

    /// Keeps a key; answers the one that is kept where there was one already, so that there is one copy of each.
    pub(super) fn keep(&self, key: DataKey) -> Arc<DataKey> {
        self.by_id.get_or_insert(key.id, Arc::new(key))
    }

    pub(super) fn keep_newest(&self, subject: DataSubject, key: Uuid) {
        self.newest.insert(subject, key);
    }

    /// Wipes keys of a subject, whoever is using them.
    pub(super) fn forget(&self, subject: DataSubject, keys: &[Uuid]) {
        self.newest.remove(&subject);
        for id in keys {
            if let Some(key) = self.by_id.remove(id) {
                key.forget();
            }
        }
    }
}
