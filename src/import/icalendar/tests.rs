use serde_json::{Value, json};

use super::*;

/// A calendar of events, each given as its lines.
fn calendar(events: &[&[&str]]) -> String {
    let mut lines = vec!["BEGIN:VCALENDAR", "VERSION:2.0"];
    for event in events {
        lines.push("BEGIN:VEVENT");
        lines.extend(*event);
        lines.push("END:VEVENT");
    }
    lines.extend(["END:VCALENDAR", ""]);
    lines.join("\r\n")
}

/// The exceptions as they stand in a calendar document.
fn exceptions(events: &[&[&str]]) -> Value {
    let holidays = holidays(&calendar(events)).unwrap();
    assert_eq!(holidays.left_out, [], "nothing is left out");
    serde_json::to_value(holidays.exceptions).unwrap()
}

fn reason(event: &[&str]) -> &'static str {
    let holidays = holidays(&calendar(&[event])).unwrap();
    assert_eq!(holidays.exceptions, []);
    holidays.left_out[0].reason
}

fn dates(event: &[&str]) -> Vec<String> {
    let exceptions = holidays(&calendar(&[event])).unwrap().exceptions;
    exceptions.iter().filter_map(|exception| exception.date).map(|date| date.to_string()).collect()
}

#[test]
fn an_event_of_a_date_is_a_closed_day_with_the_summary_as_its_name() {
    let event = ["DTSTART;VALUE=DATE:20260427", r"SUMMARY:Koningsdag\, hele\ndag"];
    assert_eq!(
        exceptions(&[&event]),
        json!([{ "date": "2026-04-27", "name": "Koningsdag, hele dag", "intervals": [] }])
    );
}

#[test]
fn the_end_is_excluded_and_a_duration_counts_days() {
    assert_eq!(
        dates(&["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"]),
        ["2026-12-25", "2026-12-26"]
    );
    assert_eq!(
        dates(&["DTSTART;VALUE=DATE:20261231", "DURATION:P2D"]),
        ["2026-12-31", "2027-01-01"]
    );
    assert_eq!(dates(&["DTSTART:20260321", "DURATION:P1W"]).len(), 7);
}

#[test]
fn local_times_that_cover_whole_days_are_days_and_others_are_reported() {
    let day =
        ["DTSTART;TZID=Europe/Berlin:20260501T000000", "DTEND;TZID=Europe/Berlin:20260502T000000"];
    assert_eq!(dates(&day), ["2026-05-01"]);
    for event in [
        &["DTSTART:20261224T120000", "DTEND:20261225T000000"][..],
        &["DTSTART:20261224T000000", "DTEND:20261224T120000"],
        &["DTSTART:20261224T120000"],
        &["DTSTART:20261224T000000", "DURATION:PT12H"],
    ] {
        assert!(reason(event).starts_with("it does not cover whole days"), "{event:?}");
    }
    let utc = ["DTSTART:20261224T000000Z", "DTEND:20261225T000000Z"];
    assert_eq!(reason(&utc), "its beginning (DTSTART) is no local date or time");
}

#[test]
fn the_same_date_of_each_year_is_an_exception_of_every_year() {
    let event = [
        "DTSTART;VALUE=DATE:20201225",
        "DTEND;VALUE=DATE:20201227",
        "SUMMARY:Kerst",
        "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25;INTERVAL=1",
    ];
    assert_eq!(
        exceptions(&[&event]),
        json!([
            { "every": { "gregorian": "12-25" }, "name": "Kerst", "intervals": [] },
            { "every": { "gregorian": "12-26" }, "name": "Kerst", "intervals": [] },
        ])
    );
}

#[test]
fn a_yearly_rule_with_an_end_or_gaps_is_its_dates() {
    let with = |rule: &str| dates(&["DTSTART;VALUE=DATE:20200505", &format!("RRULE:{rule}")]);
    assert_eq!(with("FREQ=YEARLY;COUNT=2"), ["2020-05-05", "2021-05-05"]);
    assert_eq!(with("FREQ=YEARLY;UNTIL=20220505T000000Z").len(), 3);
    assert_eq!(with("FREQ=YEARLY;UNTIL=20220504").len(), 2);
    assert_eq!(
        with("FREQ=YEARLY;INTERVAL=5;UNTIL=20310101"),
        ["2020-05-05", "2025-05-05", "2030-05-05"]
    );
    // Without an end, up to the last year that is counted.
    assert_eq!(with("FREQ=YEARLY;INTERVAL=5").len(), 36);
    let leap = ["DTSTART;VALUE=DATE:20200229", "RRULE:FREQ=YEARLY;COUNT=2"];
    assert_eq!(dates(&leap), ["2020-02-29", "2024-02-29"]);
}

#[test]
fn what_cannot_be_said_as_closed_days_is_left_out_with_its_line_and_the_reason() {
    let rule = |rule: &str| format!("RRULE:{rule}");
    for bad in [
        "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
        "FREQ=MONTHLY",
        "FREQ=YEARLY;COUNT=many",
        "INTERVAL=1",
        "x",
    ] {
        let reason = reason(&["DTSTART;VALUE=DATE:20201126", &rule(bad)]);
        assert!(reason.starts_with("it comes by a rule"), "{bad}");
    }
    let yearly = rule("FREQ=YEARLY");
    for (event, expected) in [
        (&["SUMMARY:x"][..], "it has no beginning"),
        (&["DTSTART:2026-03-21"], "its beginning (DTSTART) is no local date"),
        (&["DTSTART:20260230"], "its beginning (DTSTART) is no local date"),
        (&["DTSTART:20260321", "DTEND:20260321"], "it does not last"),
        (&["DTSTART:20260321", "DTEND:20260601"], "it does not last"),
        (&["DTSTART:20260321", "STATUS:CANCELLED"], "it was cancelled"),
        (&["DTSTART:20260321", "RRULE:FREQ=YEARLY", "EXDATE:20270321"], "single occurrences"),
        (
            &["DTSTART:20260228", "DURATION:P2D", &yearly],
            "it comes every year over the end of February",
        ),
    ] {
        assert!(reason(event).starts_with(expected), "{event:?}");
    }
    let text =
        calendar(&[&["DTSTART:20260101"], &["SUMMARY:Kerstavond", "DTSTART:20261224T120000"]]);
    let left_out = &holidays(&text).unwrap().left_out[0];
    assert_eq!((left_out.line, left_out.name.as_deref()), (6, Some("Kerstavond")));
}

#[test]
fn two_holidays_on_one_date_are_one_exception_with_both_names() {
    let found = exceptions(&[
        &["DTSTART;VALUE=DATE:20260514", "SUMMARY:Hemelvaart"],
        &["DTSTART;VALUE=DATE:20260101"],
        &["DTSTART;VALUE=DATE:20260514", "SUMMARY:Feestdag"],
        &["DTSTART;VALUE=DATE:20260514", "SUMMARY:Hemelvaart"],
    ]);
    assert_eq!(
        found,
        json!([
            { "date": "2026-01-01", "intervals": [] },
            { "date": "2026-05-14", "name": "Hemelvaart, Feestdag", "intervals": [] },
        ])
    );
}

#[test]
fn a_name_is_one_line_of_a_length_that_a_calendar_takes() {
    let long = format!("SUMMARY:{}", "نوروز ".repeat(60));
    let found = exceptions(&[&["DTSTART:20260321", &long], &["DTSTART:20260321", "SUMMARY:a\tb"]]);
    let name = found[0]["name"].as_str().unwrap();
    assert_eq!(name.chars().count(), NAME_CHARACTERS_MAX);
    assert!(name.starts_with("نوروز نوروز"));
}
