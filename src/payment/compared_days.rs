//! Which days were compared with the provider's books, and what was found.
//!
//! A day whose books cannot be had stays owed for a week, however many other days were compared since: an outage of the provider hides
//! no difference. A day on which something differed is compared again every hour, so that what was mended is no longer told. Nothing
//! of this is kept: a process that starts owes the whole week, and finds the same.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How many days back it is compared. What is older is asked for by people.
pub const DAYS_MAX: usize = 7;
/// How long after its end the books of a day are closed.
const CLOSED_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How soon a day on which something differed is compared again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// The days of the last week (UTC) that were compared.
#[derive(Debug, Default)]
pub struct ComparedDays {
    found: BTreeMap<Date, Found>,
}

#[derive(Clone, Copy, Debug)]
struct Found {
    differences: usize,
    at: Timestamp,
}

impl ComparedDays {
    /// The days that are to be compared now, the oldest first.
    pub fn due(&self, now: Timestamp) -> Vec<Date> {
        let is_due = |day: &Date| match self.found.get(day) {
            None => true,
            Some(found) => found.differences > 0 && now.duration_since(found.at) >= AGAIN_AFTER,
        };
        closed(now).into_iter().filter(is_due).collect()
    }

    /// A day was compared.
    pub fn compared(&mut self, day: Date, differences: usize, now: Timestamp) {
        self.found.insert(day, Found { differences, at: now });
        while self.found.len() > DAYS_MAX {
            self.found.pop_first();
        }
    }

    /// How many payments and refunds of the week do not agree.
    pub fn differences(&self, now: Timestamp) -> usize {
        let found = closed(now).into_iter().filter_map(|day| self.found.get(&day));
        found.map(|found| found.differences).sum()
    }

    /// How many days of the week were not compared at all.
    pub fn owed(&self, now: Timestamp) -> usize {
        closed(now).iter().filter(|day| !self.found.contains_key(day)).count()
    }
}

/// The last days whose books are closed, the oldest first.
fn closed(now: Timestamp) -> Vec<Date> {
    let moment = now.checked_sub(CLOSED_AFTER).unwrap_or(now);
    let open = TimeZone::UTC.to_datetime(moment).date();
    let before = |day: &Date| day.yesterday().ok();
    let mut days: Vec<_> = std::iter::successors(before(&open), before).take(DAYS_MAX).collect();
    days.reverse();
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    fn day(day: &str) -> Date {
        day.parse().unwrap()
    }

    #[test]
    fn a_process_that_starts_owes_the_week_and_a_day_is_owed_an_hour_after_its_end() {
        let mut days = ComparedDays::default();
        let due = days.due(at("2026-03-21T00:59:59Z"));
        assert_eq!((due[0], due[DAYS_MAX - 1]), (day("2026-03-13"), day("2026-03-19")));
        assert_eq!(due.len(), DAYS_MAX);
        for compared in due {
            days.compared(compared, 0, at("2026-03-21T00:59:59Z"));
        }
        assert!(days.due(at("2026-03-21T00:59:59Z")).is_empty());
        assert_eq!(days.due(at("2026-03-21T01:00:00Z")), [day("2026-03-20")]);
        assert_eq!(days.owed(at("2026-03-21T01:00:00Z")), 1);
    }

    #[test]
    fn a_day_that_could_not_be_compared_is_owed_until_a_week_is_over_whatever_was_compared_since() {
        let mut days = ComparedDays::default();
        let missed = day("2026-03-14");
        for compared in days.due(at("2026-03-21T02:00:00Z")) {
            if compared != missed {
                days.compared(compared, 0, at("2026-03-21T02:00:00Z"));
            }
        }
        assert_eq!(days.due(at("2026-03-21T12:00:00Z")), [missed]);
        let next = at("2026-03-22T02:00:00Z");
        // The day is the eighth before this one.
        assert_eq!((days.due(next), days.owed(next)), (vec![day("2026-03-21")], 1));
    }

    #[test]
    fn what_differed_is_compared_again_every_hour_and_told_until_it_is_mended() {
        let mut days = ComparedDays::default();
        let first = at("2026-03-21T02:00:00Z");
        for compared in days.due(first) {
            days.compared(compared, usize::from(compared == day("2026-03-18")) * 2, first);
        }
        assert_eq!((days.differences(first), days.owed(first)), (2, 0));
        assert!(days.due(at("2026-03-21T02:59:59Z")).is_empty());
        let again = at("2026-03-21T03:00:00Z");
        assert_eq!(days.due(again), [day("2026-03-18")]);
        days.compared(day("2026-03-18"), 0, again);
        assert_eq!((days.differences(again), days.due(again)), (0, vec![]));
    }
}
