//! One-time codes: six digits that somebody is sent and says back, to show that a contact point is theirs.
//!
//! A million possibilities are few. What keeps a code from being guessed is not its length but what stands here: it lives for minutes, a few
//! wrong tries end it and lock the book for a time that doubles, and codes are given out slowly. All of it follows from events, so that it
//! holds after a crash and on every replica. The code itself is nowhere: events keep a hash of it under a key of the vault.

use std::collections::VecDeque;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The digits of a code.
pub const DIGITS: usize = 6;
/// How long a code is good.
pub const LIFE: SignedDuration = SignedDuration::from_mins(5);
/// So many wrong codes in a row, over all codes since the last right one, lock the book.
pub const FAILURES_MAX: u32 = 5;
/// The time of the first lock. Each further one in a row is twice as long.
pub const LOCK_FIRST: SignedDuration = SignedDuration::from_mins(15);
/// The longest lock.
pub const LOCK_MAX: SignedDuration = SignedDuration::from_hours(24);
/// The time from one code to the next.
pub const INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// The time over which codes are counted.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The most codes in a window.
pub const CODES_PER_WINDOW_MAX: usize = 10;

/// A keyed hash of a code and of what it is for: 32 hexadecimal digits. Without the vault's key nobody can try codes against it.
#[derive(Clone, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CodeHash(pub String);

impl PartialEq for CodeHash {
    /// Looks at every byte, whatever the first ones are.
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.0.as_bytes(), other.0.as_bytes());
        let differing = one.iter().zip(other).fold(0, |found, (a, b)| found | (a ^ b));
        one.len() == other.len() && std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash of a code]")
    }
}

/// A code that was given out and may still be said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LiveCode {
    hash: CodeHash,
    expires_at: Timestamp,
}

/// What is known of the codes for one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeBook {
    live: Option<LiveCode>,
    /// When the last codes were given out, the oldest first.
    issued_at: VecDeque<Timestamp>,
    /// Wrong codes since the last right one or the last lock.
    failures: u32,
    /// Locks since the last right code.
    locks: u32,
    locked_until: Option<Timestamp>,
}

/// Why no code is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeProblem {
    /// Too many wrong ones were said.
    Locked,
    /// The last one was given out a moment ago, or too many were.
    TooSoon,
}

/// What a code that was said is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is the right one, in time, for the first time.
    Right,
    /// It is wrong; where it was one too many, nobody may try again until then.
    Wrong {
        /// The end of the lock.
        locked_until: Option<Timestamp>,
    },
    /// There is no code that could be right: none was given out, it was used, it has expired, or the book is locked.
    Void,
}

impl CodeBook {
    /// Whether a code may be given out.
    ///
    /// # Errors
    /// Why it may not.
    pub fn may_issue(&self, now: Timestamp) -> Result<(), CodeProblem> {
        if self.is_locked(now) {
            return Err(CodeProblem::Locked);
        }
        let is_within = |issued_at: &Timestamp, time| now.duration_since(*issued_at) < time;
        let in_window = self.issued_at.iter().filter(|at| is_within(at, WINDOW)).count();
        let too_soon = self.issued_at.back().is_some_and(|last| is_within(last, INTERVAL));
        if too_soon || in_window >= CODES_PER_WINDOW_MAX {
            return Err(CodeProblem::TooSoon);
        }
        Ok(())
    }

    /// What a code is worth that is said now.
    pub fn check(&self, said: &CodeHash, now: Timestamp) -> Checked {
        match &self.live {
            Some(live) if now < live.expires_at && !self.is_locked(now) => {
                if live.hash == *said {
                    return Checked::Right;
                }
                let one_too_many = self.failures + 1 >= FAILURES_MAX;
                Checked::Wrong { locked_until: one_too_many.then(|| self.end_of_lock(now)) }
            }
            _ => Checked::Void,
        }
    }

    fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }

    fn end_of_lock(&self, now: Timestamp) -> Timestamp {
        let doubled = LOCK_FIRST.checked_mul(1_i32.checked_shl(self.locks.min(16)).unwrap_or(1));
        let time = doubled.unwrap_or(LOCK_MAX).min(LOCK_MAX);
        now.saturating_add(time).unwrap_or(Timestamp::MAX)
    }

    /// A code was given out; it takes the place of the one before.
    pub fn issued(&mut self, hash: CodeHash, expires_at: Timestamp, at: Timestamp) {
        self.live = Some(LiveCode { hash, expires_at });
        self.issued_at.push_back(at);
        if self.issued_at.len() > CODES_PER_WINDOW_MAX {
            self.issued_at.pop_front();
        }
    }

    /// A wrong code was said; `locked_until` where it was one too many.
    pub fn failed(&mut self, locked_until: Option<Timestamp>) {
        match locked_until {
            None => self.failures += 1,
            Some(until) => {
                self.live = None;
                self.failures = 0;
                self.locks += 1;
                self.locked_until = Some(until);
            }
        }
    }

    /// The right code was said; it is used up.
    pub fn accepted(&mut self) {
        let issued_at = std::mem::take(&mut self.issued_at);
        *self = Self { issued_at, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> CodeHash {
        CodeHash(format!("{text:0>32}"))
    }

    fn at(minutes: i64) -> Timestamp {
        let begin: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
        begin + SignedDuration::from_mins(minutes)
    }

    fn with_code(minute: i64) -> CodeBook {
        let mut book = CodeBook::default();
        book.issued(hash("1"), at(minute) + LIFE, at(minute));
        book
    }

    /// Says so many wrong codes; answers the end of the lock, if one came.
    fn fail(book: &mut CodeBook, times: u32, now: Timestamp) -> Option<Timestamp> {
        let mut end = None;
        for _ in 0..times {
            let Checked::Wrong { locked_until } = book.check(&hash("2"), now) else {
                panic!("{book:?}")
            };
            book.failed(locked_until);
            end = locked_until;
        }
        end
    }

    #[test]
    fn a_code_is_right_once_and_in_its_time_alone() {
        let mut book = with_code(0);
        assert_eq!(book.check(&hash("1"), at(4)), Checked::Right);
        assert_eq!(book.check(&hash("1"), at(5)), Checked::Void);
        assert_eq!(CodeBook::default().check(&hash("1"), at(0)), Checked::Void);
        book.accepted();
        assert_eq!(book.check(&hash("1"), at(4)), Checked::Void);
    }

    #[test]
    fn a_new_code_takes_the_place_of_the_one_before() {
        let mut book = with_code(0);
        book.issued(hash("3"), at(1) + LIFE, at(1));
        assert_eq!(book.check(&hash("1"), at(1)), Checked::Wrong { locked_until: None });
        assert_eq!(book.check(&hash("3"), at(1)), Checked::Right);
    }

    #[test]
    fn too_many_wrong_codes_lock_even_over_several_codes_and_each_lock_is_twice_as_long() {
        let mut book = with_code(0);
        assert_eq!(fail(&mut book, FAILURES_MAX - 1, at(1)), None);
        book.issued(hash("1"), at(2) + LIFE, at(2));
        let end = fail(&mut book, 1, at(2)).unwrap();
        assert_eq!(end, at(2) + LOCK_FIRST);
        assert_eq!(book.check(&hash("1"), at(3)), Checked::Void);
        assert_eq!(book.may_issue(at(16)), Err(CodeProblem::Locked));
        assert_eq!(book.may_issue(end), Ok(()));
        book.issued(hash("1"), end + LIFE, end);
        assert_eq!(fail(&mut book, FAILURES_MAX, end), Some(end + LOCK_FIRST * 2));
        for _ in 0..40 {
            book.issued(hash("1"), Timestamp::MAX, end);
            book.locked_until = None;
            fail(&mut book, FAILURES_MAX, end);
        }
        assert_eq!(book.locked_until, Some(end + LOCK_MAX));
        book.locked_until = None;
        book.issued(hash("1"), end + LIFE, end);
        book.accepted();
        book.issued(hash("1"), end + LIFE, end);
        assert_eq!(fail(&mut book, FAILURES_MAX, end), Some(end + LOCK_FIRST));
    }

    #[test]
    fn codes_are_given_out_slowly_and_not_many_a_day() {
        let mut book = with_code(0);
        assert_eq!(book.may_issue(at(0)), Err(CodeProblem::TooSoon));
        let mut given = 1;
        for minute in 1..600 {
            if book.may_issue(at(minute)).is_ok() {
                book.issued(hash("1"), at(minute) + LIFE, at(minute));
                given += 1;
            }
        }
        assert_eq!(given, CODES_PER_WINDOW_MAX);
        assert_eq!(book.may_issue(at(24 * 60)), Ok(()));
    }

    #[test]
    fn hashes_are_equal_as_a_whole_and_are_never_printed() {
        assert_eq!(hash("1"), hash("1"));
        assert_ne!(hash("1"), hash("2"));
        assert_ne!(hash("1"), CodeHash(hash("1").0[..31].to_owned()));
        assert!(!format!("{:?}", with_code(0)).contains("0001"));
    }
}
