//! Times as sources write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads an ISO 8601 date and time. Without an offset it is wall-clock time in `zone`; an hour that
/// summer time repeats means its first pass, one that it skips is moved on by the gap. A date alone
/// means its midnight.
pub(super) fn parse(text: &str, zone: Option<&TimeZone>) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    let no_time = || format!("`{}` is not a date and time (ISO 8601)", shortened(text));
    let wall_clock: DateTime = text.parse().map_err(|_| no_time())?;
    // The parser for wall-clock times passes over an offset that it finds. Such a text was refused
    // above for a reason, and reading it without its offset would give another moment.
    if has_offset(text) {
        return Err(no_time());
    }
    let zone = zone.ok_or_else(|| {
        format!(
            "`{}` has no offset from UTC: name the source's time zone in `source.time_zone`",
            shortened(text)
        )
    })?;
    zone.to_ambiguous_timestamp(wall_clock).compatible().map_err(|_| no_time())
}

fn has_offset(text: &str) -> bool {
    // After the date (ten characters, or a few more for years beyond 9999) a sign can only begin an
    // offset.
    let after_date = text.get(10..).unwrap_or_default();
    after_date.contains(['Z', 'z', '+', '-', '['])
}

/// The beginning of a value, for a message.
pub(super) fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tehran() -> TimeZone {
        jiff::tz::TimeZoneDatabase::bundled().get("Asia/Tehran").unwrap()
    }

    #[test]
    fn a_time_with_an_offset_needs_no_zone() {
        let expected: Timestamp = "2011-10-11T11:42:22.688Z".parse().unwrap();
        assert_eq!(parse("2011-10-11T13:42:22.688+02:00", None), Ok(expected));
        assert_eq!(parse(" 2011-10-11T11:42:22.688Z ", Some(&tehran())), Ok(expected));
    }

    #[test]
    fn a_time_without_an_offset_is_wall_clock_time_in_the_zone_of_the_source() {
        let expected: Timestamp = "2024-01-10T06:30:00Z".parse().unwrap();
        assert_eq!(parse("2024-01-10T10:00:00", Some(&tehran())), Ok(expected));
        assert_eq!(parse("2024-01-10 10:00", Some(&tehran())), Ok(expected));
        let midnight: Timestamp = "2024-01-09T20:30:00Z".parse().unwrap();
        assert_eq!(parse("2024-01-10", Some(&tehran())), Ok(midnight));
    }

    #[test]
    fn a_time_without_an_offset_and_without_a_zone_asks_for_the_zone() {
        let message = parse("2024-01-10T10:00:00", None).unwrap_err();
        assert!(message.contains("source.time_zone"), "{message}");
    }

    #[test]
    fn an_hour_that_summer_time_repeats_or_skips_still_has_one_meaning() {
        let amsterdam = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Amsterdam").unwrap();
        let repeated: Timestamp = "2024-10-27T00:30:00Z".parse().unwrap();
        assert_eq!(parse("2024-10-27T02:30:00", Some(&amsterdam)), Ok(repeated));
        let skipped: Timestamp = "2024-03-31T01:30:00Z".parse().unwrap();
        assert_eq!(parse("2024-03-31T02:30:00", Some(&amsterdam)), Ok(skipped));
    }

    #[test]
    fn what_is_no_time_is_refused_even_when_a_zone_is_known() {
        for text in [
            "",
            "yesterday",
            "2024-13-01T00:00:00Z",
            "2023-02-29",
            "2024-01-10T25:00:00",
            "2024-01-10+02:00",
            "2024-01-10T10:00:00+99:00",
            "1704877200",
            "۱۴۰۲/۱۰/۲۰",
        ] {
            let message = parse(text, Some(&tehran())).unwrap_err();
            assert!(message.contains("is not a date and time"), "{text}: {message}");
        }
    }
}
