//! The calendars among the fixtures, against the printed calendars of some years.

use super::*;
use crate::calendar::Measure::{Elapsed, WorkingDays, WorkingTime};

fn fixture(name: &str) -> CalendarVersions {
    let path = format!("{}/../../fixtures/calendars/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    only(&serde_json::from_str(&text).unwrap())
}

#[test]
fn an_answer_over_nowruz_waits_for_the_office_to_open() {
    let iran = fixture("iran");
    // 1405 begins on Saturday 21 March 2026; 1 to 4 Farvardin are Saturday to Tuesday. 29 Esfand 1404 is Friday the 20th.
    let thursday = at("2026-03-19T11:00:00+03:30");
    // One hour of Thursday is left, and nothing until Wednesday the 25th.
    assert_eq!(iran.reach(WorkingTime, thursday, hours(2)), Some(at("2026-03-25T09:00:00+03:30")));
    assert_eq!(iran.on_working_day(thursday, 1, None), Some(at("2026-03-25T16:00:00+03:30")));
    // Thursday the 26th is a half day and one working day; 12 Farvardin is Wednesday 1 April, 13 is Thursday 2 April.
    assert_eq!(iran.on_working_day(thursday, 2, None), Some(at("2026-03-26T12:00:00+03:30")));
    let (from, to) = (at("2026-03-28T00:00:00+03:30"), at("2026-04-04T00:00:00+03:30"));
    assert_eq!(iran.measure(WorkingTime, from, to), hours(32));
    assert_eq!(iran.measure(WorkingDays, from, to), hours(4 * 24));
}

#[test]
fn the_days_of_irans_year_move_with_its_leap_years() {
    let iran = fixture("iran");
    // 22 Bahman: 11 February in 2026 (1404), 10 February in 2021 (1399, before the leap day of that year) is 22 Bahman too.
    for holiday in ["2026-02-11", "2021-02-10", "2025-02-10", "2025-03-19", "2025-06-04"] {
        let midnight = at(&format!("{holiday}T00:00:00+03:30"));
        assert_eq!(
            iran.measure(WorkingTime, midnight, midnight + hours(24)),
            hours(0),
            "{holiday}"
        );
    }
    // The days after are open: Thursday 12 February 2026 for half a day, Tuesday 11 February 2025 for a whole one.
    for (open, length) in [("2026-02-12", 4), ("2025-02-11", 8)] {
        let midnight = at(&format!("{open}T00:00:00+03:30"));
        assert_eq!(iran.measure(WorkingTime, midnight, midnight + hours(24)), hours(length));
    }
}

#[test]
fn amsterdam_is_closed_on_its_holidays() {
    let amsterdam = fixture("amsterdam");
    // Easter 2026 is 5 April: Monday the 6th is closed, as are King's Day (Monday 27 April), Ascension (Thursday 14 May) and
    // Whit Monday (25 May). Of the 22 weekdays of April 2026 twenty are open, of the 21 of May nineteen.
    let days = |from: &str, to: &str| {
        let (from, to) = (at(&format!("{from}T00:00:00+02")), at(&format!("{to}T00:00:00+02")));
        amsterdam.measure(WorkingDays, from, to).as_hours() / 24
    };
    assert_eq!(days("2026-04-01", "2026-05-01"), 20);
    assert_eq!(days("2026-05-01", "2026-06-01"), 19);
    // April 2011 had 21 weekdays: Easter Monday was the 25th, and the queen's day a Saturday.
    assert_eq!(days("2011-04-01", "2011-05-01"), 20);
    // From Thursday 24 December to Monday 28 December 2026: two days of Christmas, one of them a Saturday.
    let christmas_eve = at("2026-12-24T16:00:00+01");
    let next = amsterdam.on_working_day(christmas_eve, 1, time("12:00"));
    assert_eq!(next, Some(at("2026-12-28T12:00:00+01")));
}

#[test]
fn two_days_are_three_different_things_as_the_guide_says() {
    let thursday = at("2026-06-11T10:00:00+02");
    let reached = |measure| fixture("amsterdam").reach(measure, thursday, hours(48));
    assert_eq!(reached(Elapsed), Some(at("2026-06-13T10:00:00+02")));
    assert_eq!(reached(WorkingTime), Some(at("2026-06-19T10:00:00+02")));
    assert_eq!(reached(WorkingDays), Some(at("2026-06-15T10:00:00+02")));
}
