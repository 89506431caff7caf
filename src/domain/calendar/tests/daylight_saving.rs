//! Daylight saving, zone by zone. Every expected value is worked out by hand in the comment beside it.

use super::*;
use crate::calendar::Measure::{Elapsed, WorkingDays, WorkingTime};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[test]
fn tehran_before_2022_skipped_the_first_hour_of_a_date_in_spring() {
    // On 22 March 2021 the clocks went from 00:00 (+03:30) to 01:00 (+04:30), at 20:30 UTC of the 21st.
    let night = every_day("Asia/Tehran", "00:00", "08:00");
    let change = at("2021-03-21T20:30:00Z");
    // 24:00 of the 21st, 00:00 and 00:30 of the 22nd all mean that moment.
    let noon = at("2021-03-21T12:00:00+03:30");
    assert_eq!(night.on_date(noon, 0, None), Some(change));
    assert_eq!(night.on_date(noon, 1, time("00:30")), Some(change));
    assert_eq!(night.next_opening(noon), Some(change));
    // The shift ends at 08:00 (+04:30) = 03:30 UTC: 7 hours.
    let end = at("2021-03-22T03:30:00Z");
    assert_eq!(night.on_working_day(noon, 0, None), Some(end));
    assert_eq!(night.measure(WorkingTime, noon, end), hours(7));
    // They are one working day all the same, and half of it has passed after three and a half hours.
    assert_eq!(night.measure(WorkingDays, noon, end), DAY);
    assert_eq!(night.reach(WorkingDays, change, hours(12)), Some(change + minutes(210)));
    // On 21 September 2021 the hour from 23:00 came twice: the date has 25 hours, 23:30 is the first (+04:30).
    let day = every_day("Asia/Tehran", "00:00", "24:00");
    let (from, to) = (at("2021-09-21T00:00:00+04:30"), at("2021-09-22T00:00:00+03:30"));
    assert_eq!(day.measure(WorkingTime, from, to), hours(25));
    assert_eq!(day.on_date(from, 0, time("23:30")), Some(at("2021-09-21T19:00:00Z")));
}

#[test]
fn tehran_after_2022_has_one_offset_all_year() {
    let night = every_day("Asia/Tehran", "00:00", "08:00");
    // 21, 22 and 23 March 2023: each shift from 20:30 UTC of the day before to 04:30 UTC, 8 hours.
    for day in ["2023-03-21", "2023-03-22", "2023-03-23", "2023-09-22"] {
        let opening = at(&format!("{day}T00:00:00+03:30"));
        assert_eq!(night.next_opening(opening), Some(opening));
        assert_eq!(night.measure(WorkingTime, opening, opening + DAY), hours(8), "{day}");
        assert_eq!(night.reach(WorkingDays, opening, hours(12)), Some(opening + hours(4)));
    }
}

#[test]
fn in_berlin_a_day_is_three_different_things_when_the_clocks_change() {
    let always = every_day("Europe/Berlin", "00:00", "24:00");
    // Saturday 28 March 2026 at noon (+01) is 11:00 UTC. On Sunday the clocks go from 02:00 to 03:00.
    let saturday = at("2026-03-28T12:00:00+01");
    // 24 hours later it is 11:00 UTC, 13:00 on the wall.
    assert_eq!(always.reach(Elapsed, saturday, DAY), Some(at("2026-03-29T13:00:00+02")));
    assert_eq!(always.reach(WorkingTime, saturday, DAY), Some(at("2026-03-29T13:00:00+02")));
    // Half of Saturday has passed; half of Sunday's 23 hours is 11:30 after 23:00 UTC, 10:30 UTC.
    assert_eq!(always.reach(WorkingDays, saturday, DAY), Some(at("2026-03-29T12:30:00+02")));
    // The next date at 12:00 is 10:00 UTC.
    assert_eq!(always.on_date(saturday, 1, time("12:00")), Some(at("2026-03-29T10:00:00Z")));
    // Sunday 25 October 2026 has 25 hours from 22:00 UTC of Saturday; half of them is 12:30, 10:30 UTC.
    let saturday = at("2026-10-24T12:00:00+02");
    assert_eq!(always.reach(WorkingDays, saturday, DAY), Some(at("2026-10-25T11:30:00+01")));
    assert_eq!(always.reach(Elapsed, saturday, DAY), Some(at("2026-10-25T11:00:00+01")));
}

#[test]
fn new_york_skips_two_oclock_in_march_and_repeats_one_oclock_in_november() {
    let early = every_day("America/New_York", "01:00", "05:00");
    // 8 March 2026: from 01:00 (-05) = 06:00 UTC to 05:00 (-04) = 09:00 UTC, 3 hours.
    let saturday = at("2026-03-07T12:00:00-05");
    assert_eq!(early.measure(WorkingTime, saturday, saturday + DAY), hours(3));
    // 02:30 does not exist: the gap ends at 03:00 (-04) = 07:00 UTC.
    assert_eq!(early.on_date(saturday, 1, time("02:30")), Some(at("2026-03-08T07:00:00Z")));
    // 1 November 2026: from the first 01:00 (-04) = 05:00 UTC to 05:00 (-05) = 10:00 UTC, 5 hours.
    let saturday = at("2026-10-31T12:00:00-04");
    assert_eq!(early.measure(WorkingTime, saturday, saturday + DAY), hours(5));
    // 01:30 comes twice; the first is 05:30 UTC.
    assert_eq!(early.on_date(saturday, 1, time("01:30")), Some(at("2026-11-01T05:30:00Z")));
}

#[test]
fn lord_howe_moves_by_half_an_hour() {
    let early = every_day("Australia/Lord_Howe", "01:00", "03:00");
    // 5 April 2026: at 02:00 (+11) back to 01:30 (+10:30). From 14:00 UTC to 16:30 UTC of the 4th, 2:30 hours.
    let saturday = at("2026-04-04T12:00:00+11");
    assert_eq!(early.measure(WorkingTime, saturday, saturday + DAY), minutes(150));
    // 01:45 comes twice; the first is (+11) 14:45 UTC.
    assert_eq!(early.on_date(saturday, 1, time("01:45")), Some(at("2026-04-04T14:45:00Z")));
    // 4 October 2026: at 02:00 (+10:30) on to 02:30 (+11). From 14:30 UTC to 16:00 UTC of the 3rd, 1:30 hours.
    let saturday = at("2026-10-03T12:00:00+10:30");
    assert_eq!(early.measure(WorkingTime, saturday, saturday + DAY), minutes(90));
    // 02:15 does not exist: the change is at 15:30 UTC.
    assert_eq!(early.on_date(saturday, 1, time("02:15")), Some(at("2026-10-03T15:30:00Z")));
}

#[test]
fn sao_paulo_lost_and_repeated_the_hour_at_midnight_until_2019() {
    let night = every_day("America/Sao_Paulo", "00:00", "08:00");
    // 4 November 2018: at 00:00 (-03) = 03:00 UTC on to 01:00 (-02). The shift ends at 10:00 UTC: 7 hours.
    let saturday = at("2018-11-03T12:00:00-03");
    let change = at("2018-11-04T03:00:00Z");
    assert_eq!(night.on_date(saturday, 0, None), Some(change));
    assert_eq!(night.on_date(saturday, 1, time("00:15")), Some(change));
    assert_eq!(night.next_opening(saturday), Some(change));
    assert_eq!(night.measure(WorkingTime, saturday, saturday + DAY), hours(7));
    // 17 February 2018 ended twice: at 24:00 (-02) = 02:00 UTC back to 23:00 (-03). The date has 25 hours, from 02:00 UTC to
    // 03:00 UTC of the 18th; 23:30 is first 01:30 UTC.
    let always = every_day("America/Sao_Paulo", "00:00", "24:00");
    let start = at("2018-02-17T02:00:00Z");
    assert_eq!(always.on_date(start, 0, None), Some(at("2018-02-18T03:00:00Z")));
    assert_eq!(always.on_date(start, 0, time("23:30")), Some(at("2018-02-18T01:30:00Z")));
    assert_eq!(always.measure(WorkingDays, start, at("2018-02-18T03:00:00Z")), DAY);
    // No change in November 2019: 8 hours from 03:00 UTC.
    let opening = at("2019-11-03T03:00:00Z");
    assert_eq!(night.measure(WorkingTime, opening, opening + DAY), hours(8));
}

#[test]
fn kathmandu_moved_by_a_quarter_of_an_hour_once_and_has_kept_it() {
    let night = every_day("Asia/Kathmandu", "00:00", "08:00");
    // 1 January 1986: at 00:00 (+05:30) = 18:30 UTC on to 00:15 (+05:45). The shift ends at 02:15 UTC: 7:45 hours.
    let before = at("1985-12-31T12:00:00Z");
    assert_eq!(night.next_opening(before), Some(at("1985-12-31T18:30:00Z")));
    assert_eq!(night.on_date(before, 1, time("00:10")), Some(at("1985-12-31T18:30:00Z")));
    assert_eq!(night.on_working_day(before, 0, None), Some(at("1986-01-01T02:15:00Z")));
    assert_eq!(night.measure(WorkingTime, before, before + DAY), minutes(465));
    // Summer and winter alike since: 09:00 is 03:15 UTC.
    let office = every_day("Asia/Kathmandu", "09:00", "17:00");
    for day in ["2026-01-15", "2026-07-15"] {
        let midnight = at(&format!("{day}T00:00:00Z"));
        assert_eq!(office.next_opening(midnight), Some(midnight + minutes(195)));
    }
}

#[test]
fn in_st_johns_the_last_hour_of_a_date_came_again_after_the_next_had_begun() {
    // 7 November 2010: at 00:01 (-02:30) = 02:31 UTC back to 23:01 (-03:30) of the 6th. The 6th ended at the first midnight,
    // 02:30 UTC; at 03:00 UTC the clocks show 23:30 of the 6th, but it is the 7th that goes on, until 03:30 UTC of the 8th.
    let always = every_day("America/St_Johns", "00:00", "24:00");
    assert_eq!(
        always.on_date(at("2010-11-07T02:29:59Z"), 0, None),
        Some(at("2010-11-07T02:30:00Z"))
    );
    let again = at("2010-11-07T03:00:00Z");
    assert_eq!(always.on_date(again, 0, None), Some(at("2010-11-08T03:30:00Z")));
    assert_eq!(always.on_working_day(again, 0, None), Some(at("2010-11-08T03:30:00Z")));
}
