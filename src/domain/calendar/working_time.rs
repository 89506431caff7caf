//! Counting in working time and in working days.
//!
//! Everything rests on one function: how much lies between the beginning of the supported years and a moment. What lies
//! between two moments is a difference of two such totals, so parts always add up, and "after so much" is its inverse.
//!
//! The total is cheap because nearly all days are *regular*: open as their weekday says, and without a change of the
//! clocks. Regular days add up by multiplication. The others (exceptions, and days on which the clocks change) are resolved
//! once, when the calendar is compiled, and carry the total up to them; a question finds its neighbours by binary search
//! and never asks the time-zone database.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{CalendarDocument, Measure, TimeOfDay};
use compile::{DAY_S, SpecialDay, day_number, resolve, sum};

const SECOND_NS: i128 = 1_000_000_000;
const DAY_NS: i128 = DAY_S as i128 * SECOND_NS;

/// How far [`WorkingTime::reach`] looks ahead: fifty years.
pub(super) const SEARCH_MAX: SignedDuration = SignedDuration::from_hours(50 * 8_766);

/// A compiled calendar: answers questions about working time, each in well under a microsecond.
///
/// Only the years 1900 to 2200 are counted; a calendar is closed before and after them.
#[derive(Clone, Debug)]
pub struct WorkingTime {
    document: Arc<CalendarDocument>,
    zone: TimeZone,
    /// The open hours of each weekday, Monday first, as seconds since the beginning of the day, in order.
    week: [Vec<(i64, i64)>; 7],
    /// What the weekdays before each add up to, Monday first; the last is the whole week's.
    week_totals: [Total; 8],
    /// The days that are not regular, in order. The first counted day is always one of them.
    special_days: Vec<SpecialDay>,
    /// The end of the last counted day, in Unix seconds.
    end_s: i64,
}

/// What whole days add up to.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    open_s: i64,
    /// Days that have open time.
    days: i64,
}

impl Total {
    fn of_day(open: &[(i64, i64)]) -> Self {
        let open_s = sum(open);
        Self { open_s, days: i64::from(open_s > 0) }
    }

    fn plus(self, other: Self) -> Self {
        Self { open_s: self.open_s + other.open_s, days: self.days + other.days }
    }

    fn minus(self, other: Self) -> Self {
        Self { open_s: self.open_s - other.open_s, days: self.days - other.days }
    }

    fn times(self, count: i64) -> Self {
        Self { open_s: self.open_s * count, days: self.days * count }
    }

    fn nanoseconds(self, unit: Unit) -> i128 {
        match unit {
            Unit::Time => i128::from(self.open_s) * SECOND_NS,
            Unit::Days => i128::from(self.days) * DAY_NS,
        }
    }
}

/// What a calendar counts itself; all else is counted by the clock on the wall.
#[derive(Clone, Copy, Debug)]
enum Unit {
    Time,
    Days,
}

impl Unit {
    fn of(measure: Measure) -> Option<Self> {
        match measure {
            Measure::Elapsed => None,
            Measure::WorkingTime => Some(Self::Time),
            Measure::WorkingDays => Some(Self::Days),
        }
    }

    /// What `open_ns` of a day's open time are worth, when the day has `day_open_s` of it.
    fn worth(self, open_ns: i128, day_open_s: i64) -> i128 {
        match self {
            Self::Time => open_ns,
            Self::Days if day_open_s == 0 => 0,
            Self::Days => open_ns * DAY_NS / (i128::from(day_open_s) * SECOND_NS),
        }
    }

    /// The least open time of such a day that is worth this much.
    fn open_ns(self, worth: i128, day_open_s: i64) -> i128 {
        match self {
            Self::Time => worth,
            Self::Days => (worth * i128::from(day_open_s) * SECOND_NS + DAY_NS - 1) / DAY_NS,
        }
    }
}

impl WorkingTime {
    /// What the measure counts from one moment to another; negative when `to` comes first. Parts add up exactly.
    pub fn measure(&self, measure: Measure, from: Timestamp, to: Timestamp) -> SignedDuration {
        match Unit::of(measure) {
            None => to.duration_since(from),
            Some(unit) => {
                SignedDuration::from_nanos_i128(self.total(unit, to) - self.total(unit, from))
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
        if !amount.is_positive() {
            return Some(from);
        }
        // No measure counts more than the wall clock does, but for the shares of the first and the last working day.
        if amount > SEARCH_MAX + SignedDuration::from_hours(48) {
            return None;
        }
        let moment = match Unit::of(measure) {
            None => from.checked_add(amount).ok()?,
            Some(unit) => self.moment_of(unit, self.total(unit, from) + amount.as_nanos())?,
        };
        (moment.duration_since(from) <= SEARCH_MAX).then_some(moment)
    }

    /// Whether the moment lies in working time. Intervals include their beginning and exclude their end.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let after = at.saturating_add(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.measure(Measure::WorkingTime, at, after).is_positive()
    }

    /// The first moment of working time at or after `at`: `at` itself while open. `None` when none comes within fifty years.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let nanosecond = SignedDuration::from_nanos(1);
        self.reach(Measure::WorkingTime, at, nanosecond)?.checked_sub(nanosecond).ok()
    }

    /// The same hours meant in another zone, given by its IANA name; `None` when there is no such zone.
    pub fn in_zone(&self, time_zone: &str) -> Option<Self> {
        let document =
            CalendarDocument { time_zone: time_zone.to_owned(), ..(*self.document).clone() };
        Self::compile(&document).ok()
    }

    /// The name of the zone in which the hours are meant.
    pub(super) fn time_zone(&self) -> &str {
        &self.document.time_zone
    }

    /// The local date of a moment. A date lasts until the first midnight: when the clocks go back over it, the hour that comes
    /// again is of the next date already.
    pub(super) fn date_of(&self, at: Timestamp) -> Date {
        let date = self.zone.to_datetime(at).date();
        match (self.moment(date, TimeOfDay::END), date.tomorrow()) {
            (Some(end), Ok(tomorrow)) if end <= at => tomorrow,
            _ => date,
        }
    }

    /// The moment that a local time of a date means; `24:00` is the beginning of the next date.
    pub(super) fn moment(&self, date: Date, time: TimeOfDay) -> Option<Timestamp> {
        let local_s = day_number(date)? * DAY_S + i64::from(time.minutes()) * 60;
        Timestamp::from_second(resolve(&self.zone, local_s)?).ok()
    }

    /// The nanoseconds that the unit counts from the first counted day to the moment.
    fn total(&self, unit: Unit, at: Timestamp) -> i128 {
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
            (day.before, &day.open[..], second)
        } else {
            let local = second + day.offset_after_s;
            let number = local.div_euclid(DAY_S);
            let regular = self.regular_total(number).minus(self.regular_total(day.number + 1));
            (day.after.plus(regular), self.regular_day(number), local.rem_euclid(DAY_S))
        };
        let (mut passed_ns, mut day_open_s) = (0, 0);
        for &(from, to) in open {
            day_open_s += to - from;
            if second >= to {
                passed_ns += i128::from(to - from) * SECOND_NS;
            } else if second >= from {
                passed_ns += i128::from(second - from) * SECOND_NS + i128::from(nanosecond);
            }
        }
        before.nanoseconds(unit) + unit.worth(passed_ns, day_open_s)
    }

    /// The earliest moment with at least this total, which must be positive.
    fn moment_of(&self, unit: Unit, total: i128) -> Option<Timestamp> {
        let days_before =
            self.special_days.partition_point(|day| day.before.nanoseconds(unit) < total);
        let day = &self.special_days[days_before.checked_sub(1)?];
        if total <= day.after.nanoseconds(unit) {
            let rest = total - day.before.nanoseconds(unit);
            return moment_within(&day.open, unit.open_ns(rest, sum(&day.open)), 0);
        }
        // Whole weeks first, such that something always remains to be found within the week after them.
        let mut rest = total - day.after.nanoseconds(unit);
        let week = self.week_totals[7].nanoseconds(unit);
        let weeks = i64::try_from((rest - 1) / week).ok()?;
        rest -= i128::from(weeks) * week;
        let mut number = day.number + 1 + weeks * 7;
        loop {
            let open = self.regular_day(number);
            let whole_day = Total::of_day(open);
            let worth = whole_day.nanoseconds(unit);
            if rest <= worth {
                let start_s = number * DAY_S - day.offset_after_s;
                let moment = moment_within(open, unit.open_ns(rest, whole_day.open_s), start_s)?;
                return (moment.as_second() < self.end_s).then_some(moment);
            }
            rest -= worth;
            number += 1;
        }
    }

    fn regular_day(&self, number: i64) -> &[(i64, i64)] {
        &self.week[compile::weekday_index(number)]
    }

    /// What the days before this one add up to if all were regular, counted from some Monday.
    fn regular_total(&self, number: i64) -> Total {
        let weeks = self.week_totals[7].times((number + 3).div_euclid(7));
        weeks.plus(self.week_totals[compile::weekday_index(number)])
    }
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

mod compile;

#[cfg(test)]
pub(super) mod tests;
