//! A bounded memory of the most recently used keys.
//!
//! Two plain hash maps, young and old. When the young one is full it becomes the old one and the
//! old one is forgotten; a hit in the old one moves to the young one. So at least `capacity` and at
//! most twice as many of the latest keys are known, for the price of a hash map.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// See the module.
pub(super) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    capacity: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// Remembers at least the last `capacity` keys.
    pub(super) fn new(capacity: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), capacity }
    }

    /// Remembers a key, or changes what is remembered of it.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.young.insert(key, value);
        if self.young.len() >= self.capacity {
            let emptied = std::mem::take(&mut self.old);
            self.old = std::mem::replace(&mut self.young, emptied);
            self.young.clear();
        }
    }

    /// What is remembered of a key, if anything is.
    pub(super) fn get<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        V: Clone,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn the_latest_keys_are_known_and_old_ones_are_forgotten() {
        let mut recent = Recent::new(10);
        for key in 0..100 {
            recent.insert(key, key * 2);
        }
        assert!((90..100).all(|key| recent.get(&key) == Some(key * 2)));
        assert_eq!(recent.get(&50), None);
        assert!(recent.young.len() + recent.old.len() <= 20);
    }

    #[test]
    fn a_key_in_use_outlives_idle_ones() {
        let mut recent = Recent::new(10);
        recent.insert(1_000, 7);
        for key in 0..100 {
            recent.insert(key, 0);
            assert_eq!(recent.get(&1_000), Some(7));
        }
    }
}
