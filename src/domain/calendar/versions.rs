//! The versions of one calendar in time.
//!
//! A version holds from its effective moment until another takes over, so a clock that runs across the change is counted by
//! the old hours before it and by the new ones after it. The version that becomes effective first also holds for all time
//! before, so that imported cases older than the calendar have hours.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{WorkingTime, working_time::SEARCH_MAX};

/// All versions of one calendar, compiled, each with the time in which it holds.
#[derive(Clone, Debug)]
pub struct CalendarVersions {
    /// The hours that hold at first.
    first: Arc<WorkingTime>,
    /// Each later change of the hours, in order of time, with its moment.
    changes: Vec<(Timestamp, Arc<WorkingTime>)>,
}

impl CalendarVersions {
    /// Takes versions in the order of their numbers, each with its effective moment. Of two that are effective from the same
    /// moment the later number holds. `None` without any version.
    pub fn new(versions: impl IntoIterator<Item = (Timestamp, Arc<WorkingTime>)>) -> Option<Self> {
        let mut changes: Vec<_> = versions.into_iter().collect();
        // The sort is stable and `dedup` keeps the first of equals: reversed, that is the latest number.
        changes.reverse();
        changes.sort_by_key(|(effective_from, _)| *effective_from);
        changes.dedup_by_key(|(effective_from, _)| *effective_from);
        (!changes.is_empty()).then(|| {
            let (_, first) = changes.remove(0);
            Self { first, changes }
        })
    }

    /// The hours that hold at a moment, and the moment at which others take over.
    fn holding(&self, at: Timestamp) -> (&WorkingTime, Option<Timestamp>) {
        let taken_over = self.changes.partition_point(|(from, _)| *from <= at);
        let hours = match taken_over.checked_sub(1) {
            Some(index) => &self.changes[index].1,
            None => &self.first,
        };
        (hours, self.changes.get(taken_over).map(|(from, _)| *from))
    }

    /// The working time from one moment to another; negative when `to` comes first.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        if to < from {
            return -self.between(to, from);
        }
        let (mut from, mut sum) = (from, SignedDuration::ZERO);
        loop {
            let (hours, until) = self.holding(from);
            match until {
                Some(until) if until < to => {
                    sum += hours.between(from, until);
                    from = until;
                }
                _ => return sum + hours.between(from, to),
            }
        }
    }

    /// The earliest moment at which `amount` of working time has passed since `from`; `from` itself when the amount is not
    /// positive. `None` when that much does not pass within fifty years.
    pub fn after(&self, from: Timestamp, amount: SignedDuration) -> Option<Timestamp> {
        let (mut begin, mut rest) = (from, amount);
        loop {
            let (hours, until) = self.holding(begin);
            if let Some(until) = until {
                let passes = hours.between(begin, until);
                if passes < rest {
                    (begin, rest) = (until, rest - passes);
                    continue;
                }
            }
            let moment = hours.after(begin, rest)?;
            return (moment.duration_since(from) <= SEARCH_MAX).then_some(moment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(from: &str, to: &str) -> Arc<WorkingTime> {
        let day = serde_json::json!([{ "from": from, "to": to }]);
        let document = serde_json::from_value(serde_json::json!({
            "name": "office", "time_zone": "UTC",
            "weekly": { "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day },
        }))
        .unwrap();
        Arc::new(WorkingTime::compile(&document).unwrap())
    }

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    /// Eight hours a day at first, four from Wednesday the 7th of January 2026.
    fn versions() -> CalendarVersions {
        CalendarVersions::new([
            (at("2026-01-01T00:00:00Z"), hours("08:00", "16:00")),
            (at("2026-01-07T00:00:00Z"), hours("08:00", "12:00")),
        ])
        .unwrap()
    }

    #[test]
    fn each_version_counts_the_time_in_which_it_holds() {
        let (monday, friday) = (at("2026-01-05T00:00:00Z"), at("2026-01-10T00:00:00Z"));
        assert_eq!(versions().between(monday, friday), SignedDuration::from_hours(2 * 8 + 3 * 4));
        assert_eq!(versions().between(friday, monday), SignedDuration::from_hours(-28));
    }

    #[test]
    fn an_amount_runs_on_across_the_change() {
        let monday = at("2026-01-05T08:00:00Z");
        let after = |hours| versions().after(monday, SignedDuration::from_hours(hours)).unwrap();
        assert_eq!(after(16), at("2026-01-06T16:00:00Z"));
        assert_eq!(after(17), at("2026-01-07T09:00:00Z"));
        assert_eq!(after(0), monday);
    }

    #[test]
    fn the_first_version_also_holds_before_its_effective_moment() {
        let (from, to) = (at("2020-01-06T00:00:00Z"), at("2020-01-07T00:00:00Z"));
        assert_eq!(versions().between(from, to), SignedDuration::from_hours(8));
    }

    #[test]
    fn a_later_version_with_the_same_effective_moment_replaces_the_earlier() {
        let from = at("2026-01-01T00:00:00Z");
        let versions = CalendarVersions::new([
            (from, hours("08:00", "16:00")),
            (from, hours("08:00", "09:00")),
        ]);
        let day = versions.unwrap().between(from, at("2026-01-02T00:00:00Z"));
        assert_eq!(day, SignedDuration::from_hours(1));
        assert!(CalendarVersions::new([]).is_none());
    }
}
