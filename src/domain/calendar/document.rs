//! The document that people write to say when they work.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Exception, Problem, Problems, exception};

/// One version of a calendar, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarDocument {
    /// What people call it: "Support desk, Tehran".
    pub name: String,
    /// The IANA name of the zone in which all hours are meant: `Asia/Tehran`.
    pub time_zone: String,
    /// The first day of the week in reports and forms. It does not change what is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub week_starts_on: Option<Weekday>,
    /// The open hours of each weekday; a weekday that is not named is closed. A day has at most 16 intervals.
    pub weekly: BTreeMap<Weekday, Vec<Interval>>,
    /// The dates that differ from their weekday, at most 2000, each at most once; at most 100 of them come every year.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<Exception>,
}

/// A day of the week.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl fmt::Display for Weekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Open hours within one day, from one local time up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The first open minute.
    pub from: TimeOfDay,
    /// The minute at which it closes; `24:00` is the end of the day.
    pub to: TimeOfDay,
}

/// A local time to the minute, `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

/// Why a text is not a time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time of day; write HH:MM, from 00:00 to 24:00")]
pub struct InvalidTimeOfDay(String);

impl TimeOfDay {
    /// The end of the day, 24:00.
    pub const END: Self = Self(1440);

    /// Minutes since the beginning of the day, 0 to 1440.
    pub fn minutes(self) -> u16 {
        self.0
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = InvalidTimeOfDay;

    fn try_from(text: String) -> Result<Self, InvalidTimeOfDay> {
        let digits = |part: &[u8]| match part {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Some(u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
            }
            _ => None,
        };
        let minutes = match text.as_bytes() {
            [hours @ .., b':', m, n] => digits(hours).zip(digits(&[*m, *n])),
            _ => None,
        };
        match minutes {
            Some((hours, minutes)) if minutes < 60 && hours * 60 + minutes <= 1440 => {
                Ok(Self(hours * 60 + minutes))
            }
            _ => Err(InvalidTimeOfDay(text)),
        }
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> String {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl JsonSchema for TimeOfDay {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A local time to the minute, 00:00 to 24:00.",
            "type": "string",
            "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
        })
    }
}

/// The JSON Schema of the documents that people write, for editors and other programs.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(CalendarDocument)
}

impl CalendarDocument {
    const INTERVALS_A_DAY_MAX: usize = 16;

    /// Checks what the types cannot: a known zone, intervals that are not empty and do not overlap, exceptions with one day each that occurs once,
    /// a week with working time, bounded sizes.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        problems.check_name("name", &self.name);
        if self.zone().is_none() {
            problems.add(
                "time_zone",
                format!("{:?} is not an IANA zone name such as \"Asia/Tehran\"", self.time_zone),
            );
        }
        for (weekday, intervals) in &self.weekly {
            check_intervals(&mut problems, &format!("weekly.{weekday}"), intervals);
        }
        if self.weekly.values().all(Vec::is_empty) {
            problems.add("weekly", "a week needs some working time: open at least one weekday");
        }
        exception::check(&mut problems, &self.exceptions);
        problems.into_result()
    }

    /// The zone, from the rules that are compiled into the program: the machine's own may differ between replicas.
    pub(super) fn zone(&self) -> Option<TimeZone> {
        zone_named(&self.time_zone)
    }
}

/// The zone with this IANA name; `None` when there is none.
fn zone_named(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (!zone.is_unknown()).then_some(zone)
}

/// Whether this is the IANA name of a time zone, by the rules that are compiled into the program: `Asia/Tehran`.
pub fn is_time_zone(name: &str) -> bool {
    zone_named(name).is_some()
}

pub(super) fn check_intervals(problems: &mut Problems, field: &str, intervals: &[Interval]) {
    let max = CalendarDocument::INTERVALS_A_DAY_MAX;
    if intervals.len() > max {
        problems.add(field, format!("at most {max} intervals a day"));
        return;
    }
    for (index, interval) in intervals.iter().enumerate() {
        if interval.from >= interval.to {
            problems.add(
                format!("{field}[{index}].to"),
                format!(
                    "{} does not come after {}; split hours that pass midnight between two days",
                    interval.to, interval.from
                ),
            );
        }
        let overlaps = |other: &&Interval| other.from < interval.to && interval.from < other.to;
        if let Some(other) = intervals[..index].iter().find(overlaps) {
            problems.add(
                format!("{field}[{index}]"),
                format!("{}-{} overlaps {}-{}", interval.from, interval.to, other.from, other.to),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: serde_json::Value) -> CalendarDocument {
        serde_json::from_value(json).unwrap()
    }

    fn fields(document: &CalendarDocument) -> Vec<String> {
        let problems = document.validate().err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_calendar_reads_and_writes_the_same_json() {
        let json = serde_json::json!({
            "name": "پشتیبانی",
            "time_zone": "Asia/Tehran",
            "week_starts_on": "saturday",
            "weekly": { "saturday": [{ "from": "08:00", "to": "12:00" }, { "from": "13:00", "to": "24:00" }] },
            "exceptions": [{ "date": "2026-03-21", "name": "نوروز", "intervals": [] }],
        });
        let document = document(json.clone());
        assert_eq!(document.validate(), Ok(()));
        assert_eq!(serde_json::to_value(&document).unwrap(), json);
    }

    #[test]
    fn each_problem_names_its_field() {
        let document = document(serde_json::json!({
            "name": " ",
            "time_zone": "Asia/Shiraz",
            "weekly": {
                "monday": [{ "from": "08:00", "to": "12:00" }, { "from": "11:59", "to": "13:00" }],
                "tuesday": [{ "from": "22:00", "to": "06:00" }],
                "friday": [{ "from": "09:00", "to": "09:00" }],
            },
            "exceptions": [
                { "date": "2026-03-21" },
                { "date": "2026-03-21", "intervals": [{ "from": "24:00", "to": "24:00" }] },
                { "date": "1800-01-01" },
            ],
        }));
        assert_eq!(
            fields(&document),
            [
                "name",
                "time_zone",
                "weekly.monday[1]",
                "weekly.tuesday[0].to",
                "weekly.friday[0].to",
                "exceptions[1].date",
                "exceptions[1].intervals[0].to",
                "exceptions[2].date",
            ]
        );
    }

    #[test]
    fn a_week_without_any_working_time_is_refused() {
        let document = document(serde_json::json!({
            "name": "closed", "time_zone": "UTC", "weekly": { "monday": [] }, "exceptions": [],
        }));
        assert_eq!(fields(&document), ["weekly"]);
    }

    #[test]
    fn sizes_are_bounded_and_so_is_the_list_of_problems() {
        let mut document = document(serde_json::json!({
            "name": "x", "time_zone": "UTC", "weekly": { "monday": [{ "from": "08:00", "to": "09:00" }] },
        }));
        document.weekly.insert(Weekday::Friday, vec![document.weekly[&Weekday::Monday][0]; 17]);
        let holiday = serde_json::from_value(serde_json::json!({ "date": "2026-01-01" }));
        let holiday: Exception = holiday.unwrap();
        document.exceptions = vec![holiday; 2001];
        let problems = fields(&document);
        assert_eq!(problems[..2], ["weekly.friday", "exceptions"]);
        assert_eq!(problems.len(), Problems::MAX);
    }

    #[test]
    fn texts_that_are_no_time_of_day_are_refused_in_words() {
        for text in ["8:00", "08:60", "24:01", "25:00", "-1:00", "08:00:00", "", "۰۸:۰۰"] {
            let error = TimeOfDay::try_from(text.to_owned()).unwrap_err();
            assert!(error.to_string().contains("write HH:MM"), "{text}");
        }
        assert_eq!(TimeOfDay::try_from("24:00".to_owned()).unwrap().minutes(), 1440);
    }

    #[test]
    fn a_mistyped_field_is_refused_not_ignored() {
        let result = serde_json::from_value::<CalendarDocument>(serde_json::json!({
            "name": "x", "time_zone": "UTC", "weekly": {}, "excepti0ns": [],
        }));
        assert!(result.unwrap_err().to_string().contains("excepti0ns"));
    }
}
