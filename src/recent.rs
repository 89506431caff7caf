//! A bounded map that keeps what was used last.
//!
//! Entries are young or old. When half of the places are taken by young ones, these become the old ones, and the old ones before them
//! are forgotten; an old one that is asked for becomes young again. So finding a young entry takes one shared lock and changes nothing:
//! it costs little enough to be done for each row of a list.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

/// A map that forgets what was not used for longest.
pub struct Recent<K, V> {
    young_max: usize,
    ages: RwLock<Ages<K, V>>,
}

struct Ages<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Recent<K, V> {
    /// An empty map of at most so many entries, two at least. The half of them that was used last is always there.
    pub fn new(entries_max: usize) -> Self {
        let ages = Ages { young: HashMap::new(), old: HashMap::new() };
        Self { young_max: (entries_max / 2).max(1), ages: RwLock::new(ages) }
    }

    /// What stands under a key.
    pub fn get(&self, key: &K) -> Option<V> {
        {
            let ages = self.ages.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = ages.young.get(key) {
                return Some(value.clone());
            }
            if !ages.old.contains_key(key) {
                return None;
            }
        }
        let mut ages = self.write();
        // Somebody may have come in between.
        let Some((key, value)) = ages.old.remove_entry(key) else {
            return ages.young.get(key).cloned();
        };
        let (found, forgotten) = (value.clone(), ages.add(self.young_max, key, value));
        drop(ages);
        drop(forgotten);
        Some(found)
    }

    /// Puts a value under a key, whatever stood there.
    pub fn insert(&self, key: K, value: V) {
        let mut ages = self.write();
        ages.old.remove(&key);
        let forgotten = ages.add(self.young_max, key, value);
        drop(ages);
        drop(forgotten);
    }

    /// What stands under a key; this value from now on where there was none.
    pub fn get_or_insert(&self, key: K, value: V) -> V {
        let mut ages = self.write();
        if let Some(known) = ages.young.get(&key) {
            return known.clone();
        }
        let value = ages.old.remove(&key).unwrap_or(value);
        let forgotten = ages.add(self.young_max, key, value.clone());
        drop(ages);
        drop(forgotten);
        value
    }

    /// Takes out what stands under a key.
    pub fn remove(&self, key: &K) -> Option<V> {
        let mut ages = self.write();
        let young = ages.young.remove(key);
        young.or_else(|| ages.old.remove(key))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ages<K, V>> {
        self.ages.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Ages<K, V> {
    /// Adds a young entry; answers what is forgotten for it, which the caller drops when the lock is released.
    fn add(&mut self, young_max: usize, key: K, value: V) -> HashMap<K, V> {
        let mut forgotten = HashMap::new();
        if self.young.len() >= young_max && !self.young.contains_key(&key) {
            let young = std::mem::take(&mut self.young);
            forgotten = std::mem::replace(&mut self.old, young);
        }
        self.young.insert(key, value);
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_bound_and_the_half_that_was_used_last_always_is() {
        let recent = Recent::new(8);
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
        let recent = Recent::new(8);
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
                let recent = Recent::new(8);
                recent.insert(0, "first");
                for other in 1..=others {
                    recent.insert(other, "other");
                }
                let ages = recent.ages.read().unwrap();
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
    fn holds(recent: &Recent<u32, u32>, key: u32) -> bool {
        let ages = recent.ages.read().unwrap();
        ages.young.contains_key(&key) || ages.old.contains_key(&key)
    }
}
