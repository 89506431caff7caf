//! Bounded maps that keep what was used last.
//!
//! Entries are young or old. When the young ones have reached their bound they become the old ones, and the old ones before them are forgotten;
//! an old one that is asked for becomes young again. So the latest entries are always known, for the price of a hash map. [`Recent`] is used
//! by one thread. [`SharedRecent`] is used by many: finding a young entry takes one shared lock and changes nothing, which costs little
//! enough to be done for each row of a list.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

/// A map that knows at least the `known_min` entries that were used last, and at most twice as many.
pub struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    known_min: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    /// An empty map.
    pub fn new(known_min: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), known_min }
    }

    /// Puts a value under a key, whatever stood there.
    pub fn insert(&mut self, key: K, value: V) {
        let forgotten = self.add(key, value);
        drop(forgotten);
    }

    /// What stands under a key.
    pub fn get<Q>(&mut self, key: &Q) -> Option<V>
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

    /// Adds a young entry; answers what is forgotten for it.
    fn add(&mut self, key: K, value: V) -> HashMap<K, V> {
        let mut forgotten = HashMap::new();
        self.old.remove(&key);
        if self.young.len() >= self.known_min && !self.young.contains_key(&key) {
            let young = std::mem::take(&mut self.young);
            forgotten = std::mem::replace(&mut self.old, young);
        }
        self.young.insert(key, value);
        forgotten
    }
}

/// A [`Recent`] map that many threads use. What is forgotten is dropped when the lock is released.
pub struct SharedRecent<K, V>(RwLock<Recent<K, V>>);

impl<K: Hash + Eq, V: Clone> SharedRecent<K, V> {
    /// An empty map of at most so many entries, two at least. The half of them that was used last is always there.
    pub fn new(entries_max: usize) -> Self {
        Self(RwLock::new(Recent::new((entries_max / 2).max(1))))
    }

    /// What stands under a key.
    pub fn get(&self, key: &K) -> Option<V> {
        {
            let recent = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = recent.young.get(key) {
                return Some(value.clone());
            }
            if !recent.old.contains_key(key) {
                return None;
            }
        }
        let mut recent = self.write();
        // Somebody may have come in between.
        let Some((key, value)) = recent.old.remove_entry(key) else {
            return recent.young.get(key).cloned();
        };
        let (found, forgotten) = (value.clone(), recent.add(key, value));
        drop(recent);
        drop(forgotten);
        Some(found)
    }

    /// Puts a value under a key, whatever stood there.
    pub fn insert(&self, key: K, value: V) {
        let mut recent = self.write();
        let forgotten = recent.add(key, value);
        drop(recent);
        drop(forgotten);
    }

    /// What stands under a key; this value from now on where there was none.
    pub fn get_or_insert(&self, key: K, value: V) -> V {
        let mut recent = self.write();
        if let Some(known) = recent.young.get(&key) {
            return known.clone();
        }
        let value = recent.old.remove(&key).unwrap_or(value);
        let forgotten = recent.add(key, value.clone());
        drop(recent);
        drop(forgotten);
        value
    }

    /// Takes out what stands under a key.
    pub fn remove(&self, key: &K) -> Option<V> {
        let mut recent = self.write();
        let young = recent.young.remove(key);
        young.or_else(|| recent.old.remove(key))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Recent<K, V>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_the_bound_is_known_of_the_latest_and_at_most_twice_as_many() {
        let mut recent = Recent::new(10);
        recent.insert(1_000, 7);
        for key in 0..100 {
            recent.insert(key, key * 2);
            assert_eq!(recent.get(&1_000), Some(7), "it is in use");
        }
        assert!((91..100).all(|key| recent.get(&key) == Some(key * 2)));
        assert_eq!(recent.get(&50), None);
        assert!(recent.young.len() + recent.old.len() <= 20);
    }

    #[test]
    fn no_more_is_kept_than_the_bound_and_the_half_that_was_used_last_always_is() {
        let recent = SharedRecent::new(8);
        for number in 0..1_000 {
            recent.insert(number, number * 2);
            for used in (0..=number).rev().take(4) {
                assert_eq!(recent.get(&used), Some(used * 2), "{used} after {number}");
            }
            let kept = (0..=number).filter(|number| holds(&recent, *number)).count();
            assert!(kept <= 8, "{kept} are kept");
        }
        assert_eq!(recent.get(&0), None);
    }

    #[test]
    fn what_is_asked_for_stays_while_others_come_and_go() {
        let recent = SharedRecent::new(8);
        recent.insert(0, "kept");
        for number in 1..1_000 {
            recent.insert(number, "passing");
            assert_eq!(recent.get(&0), Some("kept"), "after {number}");
        }
    }

    #[test]
    fn an_entry_is_changed_kept_or_taken_out_whether_it_is_young_or_old() {
        for others in [0, 4] {
            let filled = || {
                let recent = SharedRecent::new(8);
                recent.insert(0, "first");
                for other in 1..=others {
                    recent.insert(other, "other");
                }
                let ages = recent.0.read().unwrap();
                assert_eq!(ages.old.contains_key(&0), others > 0);
                drop(ages);
                recent
            };
            let recent = filled();
            assert_eq!(recent.get_or_insert(0, "second"), "first");
            let recent = filled();
            recent.insert(0, "second");
            assert_eq!(recent.get(&0), Some("second"));
            let recent = filled();
            assert_eq!(recent.remove(&0), Some("first"));
            assert_eq!((recent.get(&0), recent.remove(&0)), (None, None));
        }
    }

    /// Whether an entry is there, without using it.
    fn holds(recent: &SharedRecent<u32, u32>, key: u32) -> bool {
        let recent = recent.0.read().unwrap();
        recent.young.contains_key(&key) || recent.old.contains_key(&key)
    }
}
