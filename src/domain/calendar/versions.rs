//! The versions of one calendar in time.
//!
//! A version holds from its effective moment until another takes over, so a clock that runs across the change is counted by
//! the old hours before it and by the new ones after it. The version that becomes effective first also holds for all time
//! before, so that imported cases older than the calendar have hours.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Measure, TimeOfDay, WorkingTime, working_time::SEARCH_MAX};

/// All versions of one calendar, compiled, each with the time in which it holds.
#[derive(Clone, Debug)]
pub struct CalendarVersions {
    /// In order of time, never empty. The first also holds before its moment.
    versions: Vec<Version>,
}

#[derive(Clone, Debug)]
struct Version {
    number: u32,
    effective_from: Timestamp,
    hours: Arc<WorkingTime>,
}

impl CalendarVersions {
    /// Takes versions in the order of their numbers, each as its number, its effective moment and its hours. Of two that are
    /// effective from the same moment the later number holds. `None` without any version.
    pub fn new(
        versions: impl IntoIterator<Item = (u32, Timestamp, Arc<WorkingTime>)>,
    ) -> Option<Self> {
        let mut versions: Vec<_> = versions
            .into_iter()
            .map(|(number, effective_from, hours)| Version { number, effective_from, hours })
            .collect();
        // The sort is stable and `dedup` keeps the first of equals: reversed, that is the latest number.
        versions.reverse();
        versions.sort_by_key(|version| version.effective_from);
        versions.dedup_by_key(|version| version.effective_from);
        (!versions.is_empty()).then_some(Self { versions })
    }

    /// What the measure counts from one moment to another; negative when `to` comes first. Parts add up exactly, also across
    /// versions, each of which counts the time in which it holds.
    pub fn measure(&self, measure: Measure, from: Timestamp, to: Timestamp) -> SignedDuration {
        if to < from {
            return -self.measure(measure, to, from);
        }
        let (mut from, mut sum) = (from, SignedDuration::ZERO);
        loop {
            let (hours, until) = self.holding(from);
            match until {
                Some(until) if until < to => {
                    sum += hours.measure(measure, from, until);
                    from = until;
                }
                _ => return sum + hours.measure(measure, from, to),
            }
        }
    }

    /// The earliest moment at which `amount` has passed since `from` as the measure counts; `from` itself when the amount is
    /// not positive. `None` when that much does not pass within fifty years.
    pub fn reach(
        &self,
        measure: Measure,
        from: Timestamp,
        amount: SignedDuration,
    ) -> Option<Timestamp> {
        let (mut begin, mut rest) = (from, amount);
        loop {
            let (hours, until) = self.holding(begin);
            if let Some(until) = until {
                let passes = hours.measure(measure, begin, until);
                if passes < rest {
                    (begin, rest) = (until, rest - passes);
                    continue;
                }
            }
            let moment = hours.reach(measure, begin, rest)?;
            return (moment.duration_since(from) <= SEARCH_MAX).then_some(moment);
        }
    }

    /// Whether the moment lies in open hours. They include their beginning and exclude their end.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.holding(at).0.is_open(at)
    }

    /// The first open moment at or after `at`: `at` itself while open. `None` when none comes within fifty years.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let nanosecond = SignedDuration::from_nanos(1);
        self.reach(Measure::WorkingTime, at, nanosecond)?.checked_sub(nanosecond).ok()
    }

    /// The number of the version that holds at a moment.
    pub fn version_at(&self, at: Timestamp) -> u32 {
        self.versions[self.index_at(at)].number
    }

    /// The name of the zone in which the version that holds at a moment means its hours.
    pub fn time_zone_at(&self, at: Timestamp) -> &str {
        self.holding(at).0.time_zone()
    }

    /// The first moment after `at` at which another version takes over or a local date ends, whichever comes first.
    pub fn next_boundary(&self, at: Timestamp) -> Option<Timestamp> {
        let (hours, until) = self.holding(at);
        let midnight = hours.moment(hours.date_of(at), TimeOfDay::END);
        [until, midnight].into_iter().flatten().filter(|moment| *moment > at).min()
    }

    /// The same hours meant in another zone (the customer's or the unit's), given by its IANA name; `None` when there is no
    /// such zone. Compiles every version again, about a millisecond each: keep the answer.
    pub fn in_zone(&self, time_zone: &str) -> Option<Self> {
        let moved = |version: &Version| {
            let hours = if version.hours.time_zone() == time_zone {
                version.hours.clone()
            } else {
                Arc::new(version.hours.in_zone(time_zone)?)
            };
            Some(Version { hours, ..version.clone() })
        };
        let versions = self.versions.iter().map(moved).collect::<Option<_>>()?;
        Some(Self { versions })
    }

    /// The hours that hold at a moment, and the moment at which others take over.
    pub(super) fn holding(&self, at: Timestamp) -> (&WorkingTime, Option<Timestamp>) {
        let index = self.index_at(at);
        let next = self.versions.get(index + 1);
        (&self.versions[index].hours, next.map(|next| next.effective_from))
    }

    fn index_at(&self, at: Timestamp) -> usize {
        let begun = self.versions.partition_point(|version| version.effective_from <= at);
        begun.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::calendar::working_time::tests::{any_document, any_moment, oracle_between};

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
            (1, at("2026-01-01T00:00:00Z"), hours("08:00", "16:00")),
            (2, at("2026-01-07T00:00:00Z"), hours("08:00", "12:00")),
        ])
        .unwrap()
    }

    #[test]
    fn each_version_counts_the_time_in_which_it_holds() {
        let (monday, friday) = (at("2026-01-05T00:00:00Z"), at("2026-01-10T00:00:00Z"));
        assert_eq!(
            versions().measure(Measure::WorkingTime, monday, friday),
            SignedDuration::from_hours(2 * 8 + 3 * 4)
        );
        assert_eq!(
            versions().measure(Measure::WorkingTime, friday, monday),
            SignedDuration::from_hours(-28)
        );
    }

    #[test]
    fn an_amount_runs_on_across_the_change() {
        let monday = at("2026-01-05T08:00:00Z");
        let after = |hours| {
            versions()
                .reach(Measure::WorkingTime, monday, SignedDuration::from_hours(hours))
                .unwrap()
        };
        assert_eq!(after(16), at("2026-01-06T16:00:00Z"));
        assert_eq!(after(17), at("2026-01-07T09:00:00Z"));
        assert_eq!(after(0), monday);
    }

    #[test]
    fn the_first_version_also_holds_before_its_effective_moment() {
        let (from, to) = (at("2020-01-06T00:00:00Z"), at("2020-01-07T00:00:00Z"));
        assert_eq!(
            versions().measure(Measure::WorkingTime, from, to),
            SignedDuration::from_hours(8)
        );
    }

    #[test]
    fn a_later_version_with_the_same_effective_moment_replaces_the_earlier() {
        let from = at("2026-01-01T00:00:00Z");
        let versions = CalendarVersions::new([
            (1, from, hours("08:00", "16:00")),
            (2, from, hours("08:00", "09:00")),
        ]);
        let day = versions.unwrap().measure(Measure::WorkingTime, from, at("2026-01-02T00:00:00Z"));
        assert_eq!(day, SignedDuration::from_hours(1));
        assert!(CalendarVersions::new([]).is_none());
    }

    #[test]
    fn the_number_is_that_of_the_version_that_holds() {
        let versions = versions();
        let number = |moment| versions.version_at(at(moment));
        assert_eq!(number("2020-01-01T00:00:00Z"), 1);
        assert_eq!(number("2026-01-06T23:59:59.999999999Z"), 1);
        assert_eq!(number("2026-01-07T00:00:00Z"), 2);
    }

    #[test]
    fn open_hours_are_those_of_the_version_that_holds() {
        let versions = versions();
        assert!(versions.is_open(at("2026-01-06T15:00:00Z")));
        assert!(!versions.is_open(at("2026-01-07T15:00:00Z")));
        // Closed for the day under the first version; the second opens the next morning.
        let opening = versions.next_opening(at("2026-01-06T16:00:00Z"));
        assert_eq!(opening, Some(at("2026-01-07T08:00:00Z")));
        let open = at("2026-01-07T09:30:00Z");
        assert_eq!(versions.next_opening(open), Some(open));
    }

    #[test]
    fn a_working_day_is_one_however_long_its_hours_are() {
        let versions = versions();
        // Tuesday has eight hours and Wednesday four; both are one day.
        let (tuesday, thursday) = (at("2026-01-06T00:00:00Z"), at("2026-01-08T00:00:00Z"));
        let days = |from, to| versions.measure(Measure::WorkingDays, from, to);
        assert_eq!(days(tuesday, thursday), SignedDuration::from_hours(48));
        // From a quarter of Tuesday to a quarter of Wednesday.
        let from = at("2026-01-06T10:00:00Z");
        let reached = versions.reach(Measure::WorkingDays, from, SignedDuration::from_hours(24));
        assert_eq!(reached, Some(at("2026-01-07T09:00:00Z")));
    }

    #[test]
    fn the_parts_of_a_day_that_changes_its_hours_are_shares_of_each() {
        // Half of the day of eight hours had passed at noon; the day of four hours was then over.
        let versions = CalendarVersions::new([
            (1, at("2026-01-01T00:00:00Z"), hours("08:00", "16:00")),
            (2, at("2026-01-07T12:00:00Z"), hours("08:00", "12:00")),
        ])
        .unwrap();
        let (from, to) = (at("2026-01-07T00:00:00Z"), at("2026-01-08T00:00:00Z"));
        let passed = versions.measure(Measure::WorkingDays, from, to);
        assert_eq!(passed, SignedDuration::from_hours(12));
    }

    #[test]
    fn the_same_hours_in_another_zone_are_other_moments() {
        let tokyo = versions().in_zone("Asia/Tokyo").unwrap();
        let opening = tokyo.next_opening(at("2026-01-05T00:00:00+09"));
        assert_eq!(opening, Some(at("2026-01-05T08:00:00+09")));
        assert_eq!(tokyo.version_at(at("2026-01-07T00:00:00Z")), 2);
        assert!(versions().in_zone("Elsewhere").is_none());
    }

    #[test]
    fn a_boundary_is_a_midnight_of_the_zone_or_a_change_of_versions() {
        let boundary = |versions: &CalendarVersions, moment| versions.next_boundary(at(moment));
        let midnight = Some(at("2026-01-06T00:00:00Z"));
        assert_eq!(boundary(&versions(), "2026-01-05T00:00:00Z"), midnight);
        assert_eq!(boundary(&versions(), "2026-01-05T23:59:59.999999999Z"), midnight);
        let tokyo = versions().in_zone("Asia/Tokyo").unwrap();
        assert_eq!(tokyo.time_zone_at(at("2026-01-05T00:00:00Z")), "Asia/Tokyo");
        let change = Some(at("2026-01-07T00:00:00Z"));
        assert_eq!(boundary(&tokyo, "2026-01-06T15:00:00Z"), change);
        assert_eq!(boundary(&tokyo, "2026-01-07T00:00:00Z"), Some(at("2026-01-08T00:00:00+09")));
    }

    #[test]
    fn elapsed_time_asks_no_calendar() {
        let (saturday, sunday) = (at("2026-01-03T12:00:00Z"), at("2026-01-04T12:00:00Z"));
        let day = SignedDuration::from_hours(24);
        assert_eq!(versions().measure(Measure::Elapsed, saturday, sunday), day);
        assert_eq!(versions().reach(Measure::Elapsed, saturday, day), Some(sunday));
        assert_eq!(versions().reach(Measure::Elapsed, saturday, SignedDuration::MAX), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn versions_count_what_a_walk_over_the_dates_of_each_finds(
            documents in prop::collection::vec((any_moment(), any_document()), 1..4),
            moments in prop::collection::vec((any_moment(), 0_i64..200 * 86_400_000), 4),
        ) {
            let compiled = |document| Arc::new(WorkingTime::compile(document).unwrap());
            let versions = (1..).zip(&documents);
            let versions = versions.map(|(number, (from, document))| (number, *from, compiled(document)));
            let versions = CalendarVersions::new(versions).unwrap();
            let mut ordered: Vec<_> = documents.iter().collect();
            ordered.sort_by_key(|(effective_from, _)| *effective_from);
            // Near a change of version, and anywhere.
            let changes = documents.iter().map(|(moment, _)| *moment - SignedDuration::from_hours(100));
            let near = changes.map(|moment| (moment, 200 * 3_600_000));
            for (from, length_ms) in moments.iter().copied().chain(near) {
                let to = from + SignedDuration::from_millis(length_ms);
                let mut expected = SignedDuration::ZERO;
                for (index, (begins, document)) in ordered.iter().enumerate() {
                    let begins = if index == 0 { from } else { from.max(*begins) };
                    let ends = ordered.get(index + 1).map_or(to, |(next, _)| to.min(*next));
                    if begins < ends {
                        expected += oracle_between(document, begins, ends);
                    }
                }
                prop_assert_eq!(versions.measure(Measure::WorkingTime, from, to), expected);
                let reached = versions.reach(Measure::WorkingTime, from, expected).unwrap();
                prop_assert!(reached <= to);
                prop_assert_eq!(versions.measure(Measure::WorkingTime, from, reached), expected);
            }
        }
    }
}
