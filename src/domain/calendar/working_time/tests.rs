use jiff::{
    civil::{DateTime, Time},
    tz::AmbiguousOffset,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{compile::WEEKDAYS, *};
use crate::calendar::{Exception, Interval};

fn compile(zone: &str, weekly: Value, exceptions: Value) -> WorkingTime {
    let document = json!({
        "name": "test", "time_zone": zone, "weekly": weekly, "exceptions": exceptions,
    });
    WorkingTime::compile(&serde_json::from_value(document).unwrap()).unwrap()
}

fn every_day(zone: &str, from: &str, to: &str) -> WorkingTime {
    let day = json!([{ "from": from, "to": to }]);
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    compile(zone, names.map(|name| (name.to_owned(), day.clone())).into_iter().collect(), json!([]))
}

/// Saturday to Wednesday in two shifts, a half day on Thursday, closed on Friday.
fn tehran(exceptions: Value) -> WorkingTime {
    let day = json!([{ "from": "08:00", "to": "12:00" }, { "from": "13:00", "to": "17:00" }]);
    let weekly = json!({
        "saturday": day, "sunday": day, "monday": day, "tuesday": day, "wednesday": day,
        "thursday": [{ "from": "08:00", "to": "12:00" }],
    });
    compile("Asia/Tehran", weekly, exceptions)
}

/// A moment with its offset: `2026-03-29T01:30:00+01`.
fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

const MEASURES: [Measure; 3] = [Measure::Elapsed, Measure::WorkingTime, Measure::WorkingDays];

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[test]
fn an_iranian_week_has_forty_four_hours_and_friday_has_none() {
    let calendar = tehran(json!([]));
    let saturday = at("2026-01-03T00:00:00+03:30");
    assert_eq!(
        calendar.measure(Measure::WorkingTime, saturday, saturday + hours(7 * 24)),
        hours(44)
    );
    let friday = at("2026-01-09T00:00:00+03:30");
    assert_eq!(calendar.measure(Measure::WorkingTime, friday, friday + hours(24)), hours(0));
    assert_eq!(calendar.next_opening(friday), Some(at("2026-01-10T08:00:00+03:30")));
}

#[test]
fn time_runs_on_over_the_break_the_half_day_and_the_weekend() {
    let calendar = tehran(json!([]));
    let wednesday = at("2026-01-07T11:00:00+03:30");
    assert_eq!(
        calendar.reach(Measure::WorkingTime, wednesday, hours(2)),
        Some(at("2026-01-07T14:00:00+03:30"))
    );
    assert_eq!(
        calendar.reach(Measure::WorkingTime, wednesday, hours(9)),
        Some(at("2026-01-08T12:00:00+03:30"))
    );
    assert_eq!(
        calendar.reach(Measure::WorkingTime, wednesday, hours(10)),
        Some(at("2026-01-10T09:00:00+03:30"))
    );
}

#[test]
fn an_amount_that_ends_with_a_shift_is_due_at_the_end_and_not_at_the_next_opening() {
    let calendar = tehran(json!([]));
    let saturday = at("2026-01-03T08:00:00+03:30");
    assert_eq!(
        calendar.reach(Measure::WorkingTime, saturday, hours(4)),
        Some(at("2026-01-03T12:00:00+03:30"))
    );
    assert_eq!(
        calendar.reach(Measure::WorkingTime, saturday, hours(44)),
        Some(at("2026-01-08T12:00:00+03:30"))
    );
}

#[test]
fn exceptions_close_a_day_shorten_it_or_open_it() {
    let calendar = tehran(json!([
        { "date": "2026-03-21", "name": "نوروز", "intervals": [] },
        { "date": "2026-03-22", "intervals": [{ "from": "09:00", "to": "11:30" }] },
        { "date": "2026-03-27", "intervals": [{ "from": "00:00", "to": "24:00" }] },
    ]));
    let day = |date: &str| {
        let start = at(&format!("{date}T00:00:00+03:30"));
        calendar.measure(Measure::WorkingTime, start, start + hours(24))
    };
    assert_eq!(day("2026-03-20"), hours(0));
    assert_eq!(day("2026-03-21"), hours(0));
    assert_eq!(day("2026-03-22"), minutes(150));
    assert_eq!(day("2026-03-23"), hours(8));
    assert_eq!(day("2026-03-27"), hours(24));
    let thursday = at("2026-03-19T11:00:00+03:30");
    assert_eq!(
        calendar.reach(Measure::WorkingTime, thursday, hours(2)),
        Some(at("2026-03-22T10:00:00+03:30"))
    );
}

#[test]
fn open_means_from_the_first_moment_and_not_at_the_last() {
    let calendar = tehran(json!([]));
    for (moment, open) in [
        ("2026-01-03T07:59:59.999999999+03:30", false),
        ("2026-01-03T08:00:00+03:30", true),
        ("2026-01-03T11:59:59.999999999+03:30", true),
        ("2026-01-03T12:00:00+03:30", false),
    ] {
        assert_eq!(calendar.is_open(at(moment)), open, "{moment}");
    }
    let opening = at("2026-01-03T13:00:00+03:30");
    assert_eq!(calendar.next_opening(at("2026-01-03T12:00:00+03:30")), Some(opening));
    assert_eq!(calendar.next_opening(opening), Some(opening));
}

#[test]
fn tehran_changed_its_clocks_at_midnight_until_2022_and_never_since() {
    let calendar = every_day("Asia/Tehran", "00:00", "08:00");
    // On 22 March 2021 the clocks went from 00:00 to 01:00: the night shift lost its first hour.
    let spring = |year| {
        let date = |day: i8| resolve_in("Asia/Tehran", Date::constant(year, 3, day));
        calendar.measure(Measure::WorkingTime, date(22), date(23))
    };
    assert_eq!(spring(2021), hours(7));
    assert_eq!(spring(2022), hours(7));
    assert_eq!(spring(2023), hours(8));
    assert_eq!(calendar.next_opening(at("2021-03-21T12:00:00Z")), Some(at("2021-03-21T20:30:00Z")));
    // On 21 September 2021 the hour from 23:00 came twice: a shift from 23:00 begins with the first.
    let evening = every_day("Asia/Tehran", "23:00", "24:00");
    let first = at("2021-09-21T23:00:00+04:30");
    assert_eq!(evening.next_opening(at("2021-09-21T12:00:00Z")), Some(first));
    assert_eq!(evening.measure(Measure::WorkingTime, first, first + hours(12)), hours(2));
    // Since 2023 the offset is +03:30 in summer too.
    let office = every_day("Asia/Tehran", "08:00", "16:00");
    assert!(
        office.is_open(at("2023-07-01T04:30:00Z")) && !office.is_open(at("2023-07-01T04:29:59Z"))
    );
    assert!(
        office.is_open(at("2021-07-01T03:30:00Z")) && !office.is_open(at("2021-07-01T03:29:59Z"))
    );
}

#[test]
fn berlin_loses_an_hour_in_march_and_repeats_one_in_october() {
    let always = every_day("Europe/Berlin", "00:00", "24:00");
    assert_eq!(
        always.measure(
            Measure::WorkingTime,
            at("2026-03-29T00:00:00+01"),
            at("2026-03-30T00:00:00+02")
        ),
        hours(23)
    );
    assert_eq!(
        always.measure(
            Measure::WorkingTime,
            at("2026-10-25T00:00:00+02"),
            at("2026-10-26T00:00:00+01")
        ),
        hours(25)
    );
    // 02:30 does not exist on 29 March: it means the gap's end, 03:00.
    let early = every_day("Europe/Berlin", "02:30", "04:00");
    let day = at("2026-03-29T00:00:00+01");
    assert_eq!(early.next_opening(day), Some(at("2026-03-29T03:00:00+02")));
    assert_eq!(early.measure(Measure::WorkingTime, day, day + hours(20)), hours(1));
    // 02:30 comes twice on 25 October: the shift begins with the first and lasts an hour longer.
    let day = at("2026-10-25T00:00:00+02");
    assert_eq!(early.next_opening(day), Some(at("2026-10-25T02:30:00+02")));
    assert_eq!(early.measure(Measure::WorkingTime, day, day + hours(20)), minutes(150));
}

#[test]
fn a_shift_within_the_gap_does_not_happen_and_one_within_the_repeated_hour_happens_once() {
    let calendar = every_day("America/New_York", "02:10", "02:50");
    let day = at("2026-03-08T00:00:00-05");
    assert_eq!(calendar.measure(Measure::WorkingTime, day, day + hours(20)), hours(0));
    let calendar = every_day("America/New_York", "01:10", "01:50");
    let day = at("2026-11-01T00:00:00-04");
    assert_eq!(calendar.measure(Measure::WorkingTime, day, day + hours(20)), minutes(40));
    assert_eq!(
        calendar.reach(Measure::WorkingTime, day, minutes(1)),
        Some(at("2026-11-01T01:11:00-04"))
    );
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    let calendar = every_day("Australia/Lord_Howe", "01:00", "03:00");
    // In April 2026 the clocks go from 02:00 back to 01:30, in October from 02:00 to 02:30.
    let day = at("2026-04-05T00:00:00+11");
    assert_eq!(calendar.measure(Measure::WorkingTime, day, day + hours(20)), minutes(150));
    let day = at("2026-10-04T00:00:00+10:30");
    assert_eq!(calendar.measure(Measure::WorkingTime, day, day + hours(20)), minutes(90));
}

#[test]
fn a_date_that_a_zone_skipped_has_no_working_time() {
    // Samoa had no 30 December 2011.
    let calendar = every_day("Pacific/Apia", "09:00", "17:00");
    let (before, after) = (at("2011-12-29T00:00:00-10"), at("2012-01-01T00:00:00+14"));
    assert_eq!(calendar.measure(Measure::WorkingTime, before, after), hours(16));
    assert_eq!(
        calendar.reach(Measure::WorkingTime, at("2011-12-29T16:00:00-10"), hours(2)),
        Some(at("2011-12-31T10:00:00+14"))
    );
}

#[test]
fn time_round_the_clock_is_wall_clock_time_even_over_centuries() {
    let calendar = every_day("America/St_Johns", "00:00", "24:00");
    let (from, to) = (at("1901-01-01T00:00:00Z"), at("2199-12-31T23:59:59.5Z"));
    assert_eq!(calendar.measure(Measure::WorkingTime, from, to), to.duration_since(from));
    let from = at("2011-11-05T12:34:56.789Z");
    assert_eq!(
        calendar.reach(Measure::WorkingTime, from, hours(100_000)),
        Some(from + hours(100_000))
    );
}

#[test]
fn what_does_not_come_within_fifty_years_or_the_counted_years_is_none() {
    let day = json!([{ "from": "08:00", "to": "08:01" }]);
    let calendar = compile("UTC", json!({ "monday": day }), json!([]));
    let from = at("2026-01-01T00:00:00Z");
    assert_eq!(
        calendar
            .reach(Measure::WorkingTime, from, minutes(2600))
            .map(|moment| moment < from + SEARCH_MAX),
        Some(true)
    );
    assert_eq!(calendar.reach(Measure::WorkingTime, from, minutes(2620)), None);
    assert_eq!(calendar.reach(Measure::WorkingTime, at("2200-12-30T00:00:00Z"), minutes(1)), None);
    assert_eq!(calendar.next_opening(Timestamp::MAX), None);
    assert!(!calendar.is_open(Timestamp::MAX) && !calendar.is_open(Timestamp::MIN));
    assert!(calendar.measure(Measure::WorkingTime, Timestamp::MIN, Timestamp::MAX).is_positive());
}

#[test]
fn no_amount_or_a_negative_one_has_passed_at_once() {
    let calendar = tehran(json!([]));
    let friday = at("2026-01-09T00:00:00+03:30");
    assert_eq!(calendar.reach(Measure::WorkingTime, friday, hours(0)), Some(friday));
    assert_eq!(calendar.reach(Measure::WorkingTime, friday, hours(-1)), Some(friday));
}

/// The beginning of a date, found without the code under test.
fn resolve_in(zone: &str, date: Date) -> Timestamp {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).unwrap();
    oracle_moment(&zone, date.to_datetime(Time::midnight()))
}

/// What a local time means, by walking forward minute by minute out of a gap.
fn oracle_moment(zone: &TimeZone, mut local: DateTime) -> Timestamp {
    loop {
        let ambiguous = zone.to_ambiguous_timestamp(local);
        if !matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
            return ambiguous.earlier().unwrap();
        }
        local = local.checked_add(minutes(1)).unwrap();
    }
}

/// Working time by walking over all dates from two days before to two days after.
pub(in crate::calendar) fn oracle_between(
    document: &CalendarDocument,
    from: Timestamp,
    to: Timestamp,
) -> SignedDuration {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(&document.time_zone).unwrap();
    let local = |at: Timestamp| zone.to_datetime(at).date();
    let (mut date, last) = (local(from - hours(48)), local(to + hours(48)));
    let mut sum = SignedDuration::ZERO;
    while date <= last {
        let exception = document.exceptions.iter().find(|exception| exception.date == Some(date));
        let weekday = WEEKDAYS[usize::from(date.weekday().to_monday_zero_offset() as u8)];
        let intervals = match exception {
            Some(exception) => &exception.intervals[..],
            None => document.weekly.get(&weekday).map_or(&[][..], Vec::as_slice),
        };
        for interval in intervals {
            let moment = |minute: u16| {
                let midnight = date.to_datetime(Time::midnight());
                oracle_moment(&zone, midnight.checked_add(minutes(minute.into())).unwrap())
            };
            let begin = moment(interval.from.minutes()).max(from);
            let end = moment(interval.to.minutes()).min(to);
            if begin < end {
                sum += end.duration_since(begin);
            }
        }
        date = date.tomorrow().unwrap();
    }
    sum
}

/// Up to four intervals that do not overlap, some of them touching, some ending at 24:00.
fn any_intervals() -> impl Strategy<Value = Vec<Interval>> {
    prop::collection::btree_set(
        prop_oneof![4 => 0_u16..=1440, 1 => Just(0_u16), 1 => Just(1440_u16)],
        0..6,
    )
    .prop_map(|minutes| {
        let time =
            |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60).try_into().unwrap();
        let minutes: Vec<u16> = minutes.into_iter().collect();
        let pairs = minutes.windows(2).enumerate();
        pairs
            .filter(|(index, _)| index % 3 != 1)
            .map(|(_, pair)| Interval { from: time(pair[0]), to: time(pair[1]) })
            .collect()
    })
}

pub(in crate::calendar) fn any_document() -> impl Strategy<Value = CalendarDocument> {
    let zone = prop::sample::select(vec![
        "UTC",
        "Asia/Tehran",
        "Europe/Berlin",
        "America/New_York",
        "America/St_Johns",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Africa/Casablanca",
        "America/Sao_Paulo",
        "Antarctica/Troll",
    ]);
    let week = prop::collection::vec(any_intervals(), 7);
    let exceptions = prop::collection::btree_map(0_i64..20_000, any_intervals(), 0..40);
    (zone, week, exceptions)
        .prop_map(|(zone, week, exceptions)| CalendarDocument {
            name: "any".to_owned(),
            time_zone: zone.to_owned(),
            week_starts_on: None,
            weekly: WEEKDAYS.into_iter().zip(week).collect(),
            exceptions: exceptions
                .into_iter()
                .map(|(day, intervals)| Exception {
                    date: Some(Date::constant(1975, 1, 1).checked_add(hours(24 * day)).unwrap()),
                    jalali: None,
                    every: None,
                    name: None,
                    intervals,
                })
                .collect(),
        })
        .prop_filter("a week without working time", |document| document.validate().is_ok())
}

/// A moment of the years 1975 to 2035, to the nanosecond; one in three lies near a change of the clocks in some zone.
pub(in crate::calendar) fn any_moment() -> impl Strategy<Value = Timestamp> {
    let near = prop::sample::select(vec![
        "2021-03-21T20:30:00Z",
        "2021-09-21T19:30:00Z",
        "2026-03-29T01:00:00Z",
        "2026-03-08T07:00:00Z",
        "2010-11-07T02:31:00Z",
        "2011-12-30T10:00:00Z",
        "2026-04-04T15:00:00Z",
    ]);
    prop_oneof![
        2 => (157_766_400_i64..2_051_222_400, 0_i32..1_000_000_000)
            .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap()),
        1 => (near, -200_000_i64..200_000)
            .prop_map(|(moment, second)| at(moment) + SignedDuration::from_secs(second)),
    ]
}

/// Two moments, the second up to 200 days after the first.
pub(in crate::calendar) fn any_span() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (any_moment(), 0_i64..200 * 86_400_000)
        .prop_map(|(from, ms)| (from, from + SignedDuration::from_millis(ms)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_total_agrees_with_a_walk_over_all_dates(
        document in any_document(),
        spans in prop::collection::vec(any_span(), 8),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        for (from, to) in spans {
            prop_assert_eq!(calendar.measure(Measure::WorkingTime, from, to), oracle_between(&document, from, to));
        }
    }

    #[test]
    fn spans_that_follow_each_other_add_up(
        document in any_document(),
        moments in prop::collection::vec((any_moment(), any_moment(), any_moment()), 8),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        for (a, b, c) in moments {
            for unit in MEASURES {
                let parts = calendar.measure(unit, a, b) + calendar.measure(unit, b, c);
                prop_assert_eq!(calendar.measure(unit, a, c), parts, "{:?}", unit);
            }
        }
    }

    #[test]
    fn nothing_is_negative_and_working_time_never_exceeds_wall_clock_time(
        document in any_document(),
        spans in prop::collection::vec(any_span(), 8),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        for (from, to) in spans {
            for unit in MEASURES {
                let passed = calendar.measure(unit, from, to);
                prop_assert!(!passed.is_negative(), "{:?}", unit);
                // The share of a short day passes faster than the clock on the wall.
                prop_assert!(
                    unit == Measure::WorkingDays || passed <= to.duration_since(from),
                    "{:?}", unit
                );
            }
        }
    }

    #[test]
    fn reach_undoes_measure_and_finds_the_earliest_moment(
        document in any_document(),
        spans in prop::collection::vec(any_span(), 8),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        for (from, to) in spans {
            for unit in MEASURES {
                let amount = calendar.measure(unit, from, to);
                let moment = calendar.reach(unit, from, amount).unwrap();
                prop_assert!(from <= moment && moment <= to, "{:?}", unit);
                prop_assert_eq!(calendar.measure(unit, from, moment), amount, "{:?}", unit);
                if amount.is_positive() {
                    let before = moment - SignedDuration::from_nanos(1);
                    prop_assert!(calendar.measure(unit, from, before) < amount, "{:?}", unit);
                }
            }
        }
    }

    #[test]
    fn any_amount_of_working_days_is_reached_to_within_a_nanosecond_of_open_time(
        document in any_document(),
        from in any_moment(),
        minutes in 1_i64..100_000,
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        let amount = SignedDuration::from_mins(minutes);
        let moment = calendar.reach(Measure::WorkingDays, from, amount).unwrap();
        let before = moment - SignedDuration::from_nanos(1);
        prop_assert!(calendar.measure(Measure::WorkingDays, from, moment) >= amount);
        prop_assert!(calendar.measure(Measure::WorkingDays, from, before) < amount);
    }

    #[test]
    fn whole_working_days_are_as_many_as_dates_with_open_time(
        document in any_document(),
        (from, to) in any_span(),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        let (first, last) = (calendar.date_of(from), calendar.date_of(to));
        let moment = |date| calendar.moment(date, "00:00".to_owned().try_into().unwrap()).unwrap();
        let days = std::iter::successors(Some(first), |date| date.tomorrow().ok())
            .take_while(|date| *date < last)
            .filter(|date| {
                let (start, end) = (moment(*date), moment(date.tomorrow().unwrap()));
                oracle_between(&document, start, end).is_positive()
            })
            .count();
        let counted = calendar.measure(Measure::WorkingDays, moment(first), moment(last));
        prop_assert_eq!(counted, hours(24 * days as i64));
    }

    #[test]
    fn the_next_opening_is_open_and_nothing_before_it_is(
        document in any_document(),
        moments in prop::collection::vec(any_moment(), 8),
    ) {
        let calendar = WorkingTime::compile(&document).unwrap();
        for moment in moments {
            let opening = calendar.next_opening(moment).unwrap();
            prop_assert!(opening >= moment && calendar.is_open(opening));
            prop_assert_eq!(calendar.measure(Measure::WorkingTime, moment, opening), SignedDuration::ZERO);
        }
    }
}
