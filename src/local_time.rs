//! Moments and amounts of time as people read them: local, with the offset, and in Iran with the Jalali date.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::{JalaliDate, Measure, jalali};

/// The zone in which Jalali dates stand beside Gregorian ones.
const IRAN: &str = "Asia/Tehran";

/// The local times of one zone.
#[derive(Clone, Debug)]
pub struct LocalTimes {
    name: String,
    zone: TimeZone,
}

impl LocalTimes {
    /// Those of a zone by its IANA name, or UTC when there is none of the name.
    pub fn new(name: &str) -> Self {
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) => Self { name: name.to_owned(), zone },
            Err(_) => Self { name: "UTC".to_owned(), zone: TimeZone::UTC },
        }
    }

    /// The name of the zone.
    pub fn zone(&self) -> &str {
        &self.name
    }

    /// A moment with its offset, as exact as it is: `2026-01-02 10:00 +03:30`.
    pub fn text(&self, at: Timestamp) -> String {
        let format = if at.subsec_nanosecond() != 0 {
            "%F %T%.f %:z"
        } else if at.as_second() % 60 != 0 {
            "%F %T %:z"
        } else {
            "%F %H:%M %:z"
        };
        at.to_zoned(self.zone.clone()).strftime(format).to_string()
    }

    /// The Jalali date of a moment, where people count by it.
    pub fn jalali(&self, at: Timestamp) -> Option<JalaliDate> {
        (self.name == IRAN).then(|| jalali(self.zone.to_datetime(at).date()))
    }

    /// [`LocalTimes::text`] with the Jalali date after it, where people count by it.
    pub fn full_text(&self, at: Timestamp) -> String {
        match self.jalali(at) {
            Some(date) => format!("{} ({date})", self.text(at)),
            None => self.text(at),
        }
    }
}

/// An amount of time as the measure counts it: `4h 30m`, `2.25 working days`, `1d 2h` of the wall clock.
pub fn amount(duration: SignedDuration, measure: Measure) -> String {
    if measure == Measure::WorkingDays {
        let days = duration.as_secs_f64() / 86_400.0;
        let text = format!("{days:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        let unit = if text == "1" { "working day" } else { "working days" };
        return format!("{text} {unit}");
    }
    let (sign, rest) = if duration.is_negative() { ("-", duration.abs()) } else { ("", duration) };
    let seconds = rest.as_secs();
    let days = if measure == Measure::Elapsed { seconds / 86_400 } else { 0 };
    let hours = (seconds - days * 86_400) / 3_600;
    let minutes = seconds / 60 % 60;
    let fraction = f64::from(rest.subsec_nanos()) / 1e9;
    let rest = (seconds % 60) as f64 + fraction;
    let mut parts = vec![];
    for (count, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
        if count != 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if rest > 0.0 {
        parts.push(format!("{}s", (rest * 1e6).round() / 1e6));
    }
    if parts.is_empty() { "0m".to_owned() } else { format!("{sign}{}", parts.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_in_its_zone_and_in_iran_with_the_jalali_date() {
        let at: Timestamp = "2026-03-20T21:00:00Z".parse().unwrap();
        assert_eq!(
            LocalTimes::new("Asia/Tehran").full_text(at),
            "2026-03-21 00:30 +03:30 (1405/01/01)"
        );
        assert_eq!(LocalTimes::new("Europe/Berlin").full_text(at), "2026-03-20 22:00 +01:00");
        assert_eq!(LocalTimes::new("Nowhere").text(at), "2026-03-20 21:00 +00:00");
        let at: Timestamp = "2026-03-20T21:00:00.5Z".parse().unwrap();
        assert_eq!(LocalTimes::new("UTC").text(at), "2026-03-20 21:00:00.5 +00:00");
    }

    #[test]
    fn an_amount_reads_in_the_units_of_its_measure() {
        let text = |text: &str, measure| amount(text.parse().unwrap(), measure);
        assert_eq!(text("PT28H30M", Measure::WorkingTime), "28h 30m");
        assert_eq!(text("PT28H30M", Measure::Elapsed), "1d 4h 30m");
        assert_eq!(text("PT54H", Measure::WorkingDays), "2.25 working days");
        assert_eq!(text("PT24H", Measure::WorkingDays), "1 working day");
        assert_eq!(text("-PT1.5S", Measure::WorkingTime), "-1.5s");
        assert_eq!(text("PT0S", Measure::Elapsed), "0m");
    }
}
