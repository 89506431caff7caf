//! Waiting for one thing among many to move: who waits for one is not woken by the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The things that somebody waits for, each with how often it has moved since.
pub(super) struct Watched<K>(Mutex<HashMap<K, watch::Sender<u64>>>);

impl<K> Default for Watched<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Watched<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Sender<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody waits for this.
    pub fn watch(self: &Arc<Self>, key: &K) -> Watcher<K> {
        let moved =
            self.lock().entry(key.clone()).or_insert_with(|| watch::channel(0).0).subscribe();
        Watcher { key: key.clone(), watched: self.clone(), moved: Some(moved) }
    }

    /// Wakes those who wait for this.
    pub fn wake(&self, key: &K) {
        if let Some(waiting) = self.lock().get(key) {
            waiting.send_modify(|moves| *moves += 1);
        }
    }

    /// For how many things somebody waits.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.lock().len()
    }
}

/// One who waits for something to move.
pub struct Watcher<K: Clone + Eq + Hash> {
    key: K,
    watched: Arc<Watched<K>>,
    /// Always there until this is dropped.
    moved: Option<watch::Receiver<u64>>,
}

impl<K: Clone + Eq + Hash> Watcher<K> {
    /// Marks what is there by now as seen: call it before reading, and nothing falls between that and the wait.
    pub fn mark_seen(&mut self) {
        if let Some(moved) = &mut self.moved {
            moved.borrow_and_update();
        }
    }

    /// Waits until it has moved since it was marked; false when it will not any more.
    pub async fn moved(&mut self) -> bool {
        match &mut self.moved {
            Some(moved) => moved.changed().await.is_ok(),
            None => false,
        }
    }

    /// Whether it has moved since it was marked.
    #[cfg(test)]
    pub fn has_moved(&self) -> bool {
        self.moved.as_ref().is_some_and(|moved| moved.has_changed().unwrap_or(true))
    }
}

impl<K: Clone + Eq + Hash> Drop for Watcher<K> {
    fn drop(&mut self) {
        let mut watched = self.watched.lock();
        self.moved = None;
        if watched.get(&self.key).is_some_and(watch::Sender::is_closed) {
            watched.remove(&self.key);
        }
    }
}

/// Ends the wait of everybody when nothing will move any more, however that came about.
pub(super) struct EndOfWaiting<K: Clone + Eq + Hash>(pub Arc<Watched<K>>);

impl<K: Clone + Eq + Hash> Drop for EndOfWaiting<K> {
    fn drop(&mut self) {
        self.0.lock().clear();
    }
}
