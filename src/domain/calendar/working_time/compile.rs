//! Compiling a calendar: the days that weekly arithmetic cannot answer for are resolved once, with the zone's rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};

use super::{Total, WorkingTime};
use crate::calendar::{CalendarDocument, Interval, Problem, Weekday, exception};

pub(super) const DAY_S: i64 = 86_400;

/// The days that are counted, as day numbers (days since 1970-01-01): the years 1900 to 2200.
const FIRST_DAY: i64 = -25_567;
const LAST_DAY: i64 = 84_370;

/// A day that weekly arithmetic cannot answer for. Moments are Unix seconds, totals are those since the first day.
#[derive(Clone, Debug)]
pub(super) struct SpecialDay {
    pub(super) number: i64,
    pub(super) start_s: i64,
    pub(super) end_s: i64,
    pub(super) open: Box<[(i64, i64)]>,
    pub(super) before: Total,
    pub(super) after: Total,
    /// The zone's offset at the end of this day, and on all regular days up to the next special one.
    pub(super) offset_after_s: i64,
}

impl WorkingTime {
    /// Compiles a calendar, about a millisecond's work. Fails with the problems of a document that is not valid.
    pub fn compile(document: &CalendarDocument) -> Result<Self, Vec<Problem>> {
        document.validate()?;
        let zone = document.zone().expect("a valid document names a known zone");
        let week = WEEKDAYS.map(|weekday| {
            document.weekly.get(&weekday).map(|intervals| seconds(intervals)).unwrap_or_default()
        });
        let mut week_totals = [Total::default(); 8];
        for (index, open) in week.iter().enumerate() {
            week_totals[index + 1] = week_totals[index].plus(Total::of_day(open));
        }
        let mut working_time = Self {
            document: Arc::new(document.clone()),
            zone,
            week,
            week_totals,
            special_days: vec![],
            end_s: 0,
        };
        working_time.resolve_special_days();
        Ok(working_time)
    }

    fn resolve_special_days(&mut self) {
        let exceptions: BTreeMap<i64, Vec<(i64, i64)>> =
            exception::by_date(&self.document.exceptions)
                .into_iter()
                .filter_map(|(date, intervals)| Some((day_number(date)?, seconds(intervals))))
                .collect();
        let mut numbers: BTreeSet<i64> = exceptions.keys().copied().collect();
        numbers.insert(FIRST_DAY);
        numbers.extend(days_of_clock_changes(&self.zone));

        let (mut next_number, mut total) = (FIRST_DAY, Total::default());
        for number in numbers {
            total = total.plus(self.regular_total(number).minus(self.regular_total(next_number)));
            let moment = |second: i64| resolve_counted(&self.zone, number * DAY_S + second);
            let local =
                exceptions.get(&number).map_or_else(|| self.regular_day(number), Vec::as_slice);
            let open: Box<[(i64, i64)]> =
                local.iter().map(|&(from, to)| (moment(from), moment(to))).collect();
            let (start_s, end_s) = (moment(0), moment(DAY_S));
            let after = total.plus(Total::of_day(&open));
            let offset_after_s = offset_s(&self.zone, end_s);
            self.special_days.push(SpecialDay {
                number,
                start_s,
                end_s,
                open,
                before: total,
                after,
                offset_after_s,
            });
            (next_number, total) = (number + 1, after);
        }
        self.end_s = resolve_counted(&self.zone, (LAST_DAY + 1) * DAY_S);
    }
}

pub(super) const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// 0 for a Monday. Day 0, 1970-01-01, was a Thursday.
pub(super) fn weekday_index(number: i64) -> usize {
    (number + 3).rem_euclid(7) as usize
}

/// Days since 1970-01-01; `None` at the ends of what a timestamp can hold.
pub(super) fn day_number(date: Date) -> Option<i64> {
    let midnight = date.to_datetime(jiff::civil::Time::midnight());
    Some(Offset::UTC.to_timestamp(midnight).ok()?.as_second().div_euclid(DAY_S))
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

pub(super) fn sum(open: &[(i64, i64)]) -> i64 {
    open.iter().map(|(from, to)| to - from).sum()
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
/// Some occur twice: they mean the first. `None` at the ends of what a timestamp can hold.
pub(super) fn resolve(zone: &TimeZone, local_s: i64) -> Option<i64> {
    let local: DateTime = Offset::UTC.to_datetime(Timestamp::from_second(local_s).ok()?);
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => Some(local_s - i64::from(offset.seconds())),
        AmbiguousOffset::Fold { before, .. } => Some(local_s - i64::from(before.seconds())),
        AmbiguousOffset::Gap { before, after } => {
            let earliest_s = local_s - i64::from(before.seconds().max(after.seconds()));
            let change = zone
                .following(Timestamp::from_second(earliest_s).ok()?)
                .find(|change| change.offset() == after)
                .expect("a gap is made by a change of the clocks to the offset after it");
            Some(change.timestamp().as_second())
        }
    }
}

fn resolve_counted(zone: &TimeZone, local_s: i64) -> i64 {
    resolve(zone, local_s).expect("the counted years are far inside the range of timestamps")
}

fn offset_s(zone: &TimeZone, at_s: i64) -> i64 {
    i64::from(zone.to_offset(timestamp(at_s)).seconds())
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second)
        .expect("the counted years are far inside the range of timestamps")
}
