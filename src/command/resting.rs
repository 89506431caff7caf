//! What could not be done is left alone for a while, each time for twice as long, so that it keeps nothing else waiting.
//!
//! None of this is kept: a process that starts tries everything at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that is remembered to have failed. What fails beyond that is tried each time.
const RESTING_MAX: usize = 10_000;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It was not tried yet.
    First,
    /// It failed, and its rest is over.
    Again,
    /// It failed, and rests.
    Later,
}

/// What failed, by its id, and for how long it is left alone.
#[derive(Debug)]
pub struct Resting<K> {
    shortest: Duration,
    longest: Duration,
    rests: Mutex<HashMap<K, Rest>>,
}

#[derive(Clone, Copy, Debug)]
struct Rest {
    length: Duration,
    until: Instant,
}

impl<K: Eq + Hash> Resting<K> {
    /// Rests from `shortest`, after the first failure, to `longest`.
    pub fn between(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest, rests: Mutex::default() }
    }

    /// Whether it is tried now.
    pub fn turn(&self, key: &K) -> Turn {
        match self.rests().get(key) {
            None => Turn::First,
            Some(rest) if rest.until <= Instant::now() => Turn::Again,
            Some(_) => Turn::Later,
        }
    }

    /// It failed.
    pub fn failed(&self, key: K) {
        let (now, mut rests) = (Instant::now(), self.rests());
        let length = match rests.get(&key) {
            Some(rest) => (rest.length * 2).min(self.longest),
            None => self.shortest,
        };
        if rests.len() >= RESTING_MAX {
            // Some of these are done meanwhile, by somebody else; the others begin with a short rest again.
            rests.retain(|_, rest| rest.until > now);
        }
        if rests.len() < RESTING_MAX || rests.contains_key(&key) {
            rests.insert(key, Rest { length, until: now + length });
        }
    }

    /// It is done.
    pub fn done(&self, key: &K) {
        self.rests().remove(key);
    }

    fn rests(&self) -> MutexGuard<'_, HashMap<K, Rest>> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_rests_each_time_for_twice_as_long_up_to_the_longest_until_it_is_done() {
        let minute = Duration::from_secs(60);
        let resting = Resting::between(minute, minute * 3);
        assert_eq!(resting.turn(&1), Turn::First);
        for length in [minute, minute * 2, minute * 3, minute * 3] {
            resting.failed(1);
            assert_eq!(resting.turn(&1), Turn::Later);
            assert_eq!(resting.rests()[&1].length, length);
        }
        assert_eq!(resting.turn(&2), Turn::First);
        resting.done(&1);
        assert_eq!(resting.turn(&1), Turn::First);
        let short = Resting::between(Duration::ZERO, Duration::ZERO);
        short.failed(1);
        assert_eq!(short.turn(&1), Turn::Again);
    }

    #[test]
    fn no_more_is_remembered_than_the_bound() {
        let resting = Resting::between(Duration::from_secs(60), Duration::from_secs(60));
        for key in 0..=RESTING_MAX {
            resting.failed(key);
        }
        assert_eq!((resting.turn(&0), resting.turn(&RESTING_MAX)), (Turn::Later, Turn::First));
    }
}
