//! Counting in working time.
//!
//! Everything rests on one function: how much working time lies between the beginning of the supported years and a moment.
//! What lies between two moments is a difference of two such totals, and "after so much working time" is its inverse.
//!
//! The total is cheap because nearly all days are *regular*: open as their weekday says, and without a change of the
//! clocks. Regular days add up by multiplication. The others (exceptions, and days on which the clocks change) are resolved
//! once, when the calendar is compiled, and carry the total up to them; a question finds its neighbours by binary search
//! and never asks the time-zone database.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

use super::{CalendarDocument, Interval, Problem, Weekday};

const DAY_S: i64 = 86_400;
const SECOND_NS: i128 = 1_000_000_000;

/// The days that are counted, as day numbers (days since 1970-01-01): the years 1900 to 2200.
const FIRST_DAY: i64 = -25_567;
const LAST_DAY: i64 = 84_370;

/// How far [`WorkingTime::after`] looks ahead: fifty years.
pub(super) const SEARCH_MAX: SignedDuration = SignedDuration::from_hours(50 * 8_766);

/// A compiled calendar: answers questions about working time, each in well under a microsecond.
///
/// Only the years 1900 to 2200 are counted; a calendar is closed before and after them.
#[derive(Clone, Debug)]
pub struct WorkingTime {
    /// The open hours of each weekday, Monday first, as seconds since the beginning of the day, in order.
    week: [Vec<(i64, i64)>; 7],
    /// The working seconds of the weekdays before each, Monday first; the last is the whole week's.
    week_totals_s: [i64; 8],
    /// The days that are not regular, in order. The first counted day is always one of them.
    special_days: Vec<SpecialDay>,
    /// The end of the last counted day, in Unix seconds.
    end_s: i64,
}

/// A day that weekly arithmetic cannot answer for. Moments are Unix seconds, totals are working seconds since the first day.
#[derive(Clone, Debug)]
struct SpecialDay {
    number: i64,
    start_s: i64,
    end_s: i64,
    open: Box<[(i64, i64)]>,
    total_before_s: i64,
    total_after_s: i64,
    /// The zone's offset at the end of this day, and on all regular days up to the next special one.
    offset_after_s: i64,
}

impl WorkingTime {
    /// Compiles a calendar, about a millisecond's work. Fails with the problems of a document that is not valid.
    pub fn compile(document: &CalendarDocument) -> Result<Self, Vec<Problem>> {
        document.validate()?;
        let zone = document.zone().expect("a valid document names a known zone");
        let week = WEEKDAYS.map(|weekday| {
            document.weekly.get(&weekday).map(|intervals| seconds(intervals)).unwrap_or_default()
        });
        let mut week_totals_s = [0; 8];
        for (index, open) in week.iter().enumerate() {
            week_totals_s[index + 1] = week_totals_s[index] + sum(open);
        }
        let mut working_time = Self { week, week_totals_s, special_days: vec![], end_s: 0 };
        working_time.resolve_special_days(document, &zone);
        Ok(working_time)
    }

    /// The working time from one moment to another; negative when `to` comes first.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        SignedDuration::from_nanos_i128(self.total(to) - self.total(from))
    }

    /// The earliest moment at which `amount` of working time has passed since `from`; `from` itself when the amount is not
    /// positive. `None` when that much does not pass within fifty years.
    pub fn after(&self, from: Timestamp, amount: SignedDuration) -> Option<Timestamp> {
        if !amount.is_positive() {
            return Some(from);
        }
        let moment = self.moment_of(self.total(from) + amount.as_nanos())?;
        (moment.duration_since(from) <= SEARCH_MAX).then_some(moment)
    }

    /// Whether the moment lies in working time. Intervals include their beginning and exclude their end.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let after = at.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.between(at, after).is_positive()
    }

    /// The first moment of working time at or after `at`: `at` itself while open. `None` when none comes within fifty years.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let nanosecond = SignedDuration::from_nanos(1);
        self.after(at, nanosecond)?.checked_sub(nanosecond).ok()
    }

    /// Working nanoseconds from the first counted day to the moment.
    fn total(&self, at: Timestamp) -> i128 {
        let (mut second, mut nanosecond) = (at.as_second(), at.subsec_nanosecond());
        if nanosecond < 0 {
            (second, nanosecond) = (second - 1, nanosecond + 1_000_000_000);
        }
        if second < self.special_days[0].start_s {
            return 0;
        }
        if second >= self.end_s {
            (second, nanosecond) = (self.end_s, 0);
        }
        let day =
            &self.special_days[self.special_days.partition_point(|day| day.start_s <= second) - 1];
        let (before, open, second) = if second < day.end_s {
            (day.total_before_s, &day.open[..], second)
        } else {
            let local = second + day.offset_after_s;
            let number = local.div_euclid(DAY_S);
            let before =
                day.total_after_s + self.regular_total(number) - self.regular_total(day.number + 1);
            (before, self.regular_day(number), local.rem_euclid(DAY_S))
        };
        let mut total = i128::from(before) * SECOND_NS;
        for &(from, to) in open {
            if second >= to {
                total += i128::from(to - from) * SECOND_NS;
            } else if second >= from {
                total += i128::from(second - from) * SECOND_NS + i128::from(nanosecond);
            }
        }
        total
    }

    /// The earliest moment with this total, which must be positive.
    fn moment_of(&self, total: i128) -> Option<Timestamp> {
        let days_before = self
            .special_days
            .partition_point(|day| i128::from(day.total_before_s) * SECOND_NS < total);
        let day = &self.special_days[days_before.checked_sub(1)?];
        if total <= i128::from(day.total_after_s) * SECOND_NS {
            let rest = total - i128::from(day.total_before_s) * SECOND_NS;
            return moment_within(&day.open, rest, 0);
        }
        // Whole weeks first, such that something always remains to be found within the week after them.
        let mut rest = total - i128::from(day.total_after_s) * SECOND_NS;
        let week = i128::from(self.week_totals_s[7]) * SECOND_NS;
        let weeks = i64::try_from((rest - 1) / week).ok()?;
        rest -= i128::from(weeks) * week;
        let mut number = day.number + 1 + weeks * 7;
        loop {
            let open = self.regular_day(number);
            let worked = i128::from(sum(open)) * SECOND_NS;
            if rest <= worked {
                let start_s = number * DAY_S - day.offset_after_s;
                let moment = moment_within(open, rest, start_s)?;
                return (moment.as_second() < self.end_s).then_some(moment);
            }
            rest -= worked;
            number += 1;
        }
    }

    fn regular_day(&self, number: i64) -> &[(i64, i64)] {
        &self.week[weekday_index(number)]
    }

    /// Working seconds of the days before this one if all days were regular, counted from some Monday.
    fn regular_total(&self, number: i64) -> i64 {
        (number + 3).div_euclid(7) * self.week_totals_s[7]
            + self.week_totals_s[weekday_index(number)]
    }

    fn resolve_special_days(&mut self, document: &CalendarDocument, zone: &TimeZone) {
        let exceptions: BTreeMap<i64, Vec<(i64, i64)>> = document
            .exceptions
            .iter()
            .map(|exception| (day_number(exception.date), seconds(&exception.intervals)))
            .collect();
        let mut numbers: BTreeSet<i64> = exceptions.keys().copied().collect();
        numbers.insert(FIRST_DAY);
        numbers.extend(days_of_clock_changes(zone));

        let (mut next_number, mut total_s) = (FIRST_DAY, 0);
        for number in numbers {
            total_s += self.regular_total(number) - self.regular_total(next_number);
            let moment = |second: i64| resolve(zone, number * DAY_S + second);
            let local =
                exceptions.get(&number).map_or_else(|| self.regular_day(number), Vec::as_slice);
            let open: Box<[(i64, i64)]> =
                local.iter().map(|&(from, to)| (moment(from), moment(to))).collect();
            let (start_s, end_s) = (moment(0), moment(DAY_S));
            let total_after_s = total_s + sum(&open);
            self.special_days.push(SpecialDay {
                number,
                start_s,
                end_s,
                open,
                total_before_s: total_s,
                total_after_s,
                offset_after_s: offset_s(zone, end_s),
            });
            (next_number, total_s) = (number + 1, total_after_s);
        }
        self.end_s = resolve(zone, (LAST_DAY + 1) * DAY_S);
    }
}

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// 0 for a Monday. Day 0, 1970-01-01, was a Thursday.
fn weekday_index(number: i64) -> usize {
    (number + 3).rem_euclid(7) as usize
}

fn day_number(date: Date) -> i64 {
    let midnight = date.to_datetime(jiff::civil::Time::midnight());
    let midnight = Offset::UTC.to_timestamp(midnight).expect("years of exceptions are checked");
    midnight.as_second().div_euclid(DAY_S)
}

/// Intervals as seconds of the day, in order.
fn seconds(intervals: &[Interval]) -> Vec<(i64, i64)> {
    let mut open: Vec<(i64, i64)> = intervals
        .iter()
        .map(|interval| {
            (i64::from(interval.from.minutes()) * 60, i64::from(interval.to.minutes()) * 60)
        })
        .collect();
    open.sort_unstable();
    open
}

fn sum(open: &[(i64, i64)]) -> i64 {
    open.iter().map(|(from, to)| to - from).sum()
}

/// The moment at which `rest` nanoseconds (above 0) of the open intervals have passed, in seconds from `start_s`.
fn moment_within(open: &[(i64, i64)], mut rest: i128, start_s: i64) -> Option<Timestamp> {
    for &(from, to) in open {
        let length = i128::from(to - from) * SECOND_NS;
        if rest <= length {
            let nanosecond = i128::from(start_s + from) * SECOND_NS + rest;
            return Timestamp::from_nanosecond(nanosecond).ok();
        }
        rest -= length;
    }
    None
}

/// The local dates that a change of the clocks touches, as day numbers within the counted years.
fn days_of_clock_changes(zone: &TimeZone) -> BTreeSet<i64> {
    let mut numbers = BTreeSet::new();
    let mut before_s = offset_s(zone, FIRST_DAY * DAY_S);
    for change in zone.following(timestamp(FIRST_DAY * DAY_S)) {
        let at_s = change.timestamp().as_second();
        if at_s > LAST_DAY * DAY_S {
            break;
        }
        let after_s = i64::from(change.offset().seconds());
        if after_s != before_s {
            // Both dates matter: clocks may go back over a midnight, or skip a whole date.
            let first = (at_s + before_s.min(after_s)).div_euclid(DAY_S);
            let last = (at_s + before_s.max(after_s)).div_euclid(DAY_S);
            numbers.extend((first..=last).filter(|number| *number > FIRST_DAY));
        }
        before_s = after_s;
    }
    numbers
}

/// The moment that a local time means, both in seconds. The clocks skip some local times: they mean the moment of the change.
/// Some occur twice: they mean the first.
fn resolve(zone: &TimeZone, local_s: i64) -> i64 {
    let local: DateTime = Offset::UTC.to_datetime(timestamp(local_s));
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => local_s - i64::from(offset.seconds()),
        AmbiguousOffset::Fold { before, .. } => local_s - i64::from(before.seconds()),
        AmbiguousOffset::Gap { before, after } => {
            let earliest_s = local_s - i64::from(before.seconds().max(after.seconds()));
            let change = zone
                .following(timestamp(earliest_s))
                .find(|change| change.offset() == after)
                .expect("a gap is made by a change of the clocks to the offset after it");
            change.timestamp().as_second()
        }
    }
}

fn offset_s(zone: &TimeZone, at_s: i64) -> i64 {
    i64::from(zone.to_offset(timestamp(at_s)).seconds())
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second)
        .expect("the counted years are far inside the range of timestamps")
}

#[cfg(test)]
mod tests;
