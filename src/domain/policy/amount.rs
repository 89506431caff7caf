//! How much time, and by when: the units in which people promise.
//!
//! A day can be a working day, twenty-four hours or a calendar date. These are three different units here, and no text means
//! two of them: an [`Amount`] says which time it counts, a [`Goal`] may also be a moment on some date.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::calendar::{Measure, TimeOfDay};

/// An amount of time with the measure that it is counted in: `4 working hours`, `3 working days`, `30 elapsed days`.
///
/// `PT4H`, an ISO 8601 duration, is read as working time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount {
    /// What is counted.
    pub measure: Measure,
    /// How much: of working days, 24 hours stand for one.
    pub duration: SignedDuration,
}

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// The unit could mean several things.
    #[error(
        "{0:?} is ambiguous: it could mean several things; write {1} working {2} or {1} elapsed {2}"
    )]
    Ambiguous(String, u32, String),
    /// Another text.
    #[error(
        "{0:?} is no amount of time; write for example 4 working hours, 3 working days or 30 elapsed days"
    )]
    Unreadable(String),
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let unreadable = || InvalidAmount::Unreadable(text.to_owned());
        if text.starts_with('P') {
            let duration = text.parse().map_err(|_| unreadable())?;
            return Ok(Self { measure: Measure::WorkingTime, duration });
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (count, kind, unit) = match words[..] {
            [count, unit] => (count, None, unit),
            [count, kind, unit] => (count, Some(kind), unit),
            _ => return Err(unreadable()),
        };
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 =
            count.parse().ok().filter(|_| digits && count != "0").ok_or_else(unreadable)?;
        let (plural, one) = match unit {
            "minute" | "minutes" => ("minutes", MINUTE),
            "hour" | "hours" => ("hours", HOUR),
            "day" | "days" => ("days", DAY),
            _ => return Err(unreadable()),
        };
        let measure = match (kind, plural) {
            (Some("working"), "days") => Measure::WorkingDays,
            (Some("working"), _) => Measure::WorkingTime,
            (Some("elapsed"), _) => Measure::Elapsed,
            (None, _) => {
                return Err(InvalidAmount::Ambiguous(text.to_owned(), count, plural.to_owned()));
            }
            (Some(_), _) => return Err(unreadable()),
        };
        let duration = i32::try_from(count)
            .ok()
            .and_then(|count| one.checked_mul(count))
            .ok_or_else(unreadable)?;
        Ok(Self { measure, duration })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.duration.as_secs();
        let whole = |unit: SignedDuration| {
            (self.duration.subsec_nanos() == 0 && seconds % unit.as_secs() == 0)
                .then(|| seconds / unit.as_secs())
        };
        let kind = if self.measure == Measure::Elapsed { "elapsed" } else { "working" };
        let units: &[(SignedDuration, &str)] = match self.measure {
            Measure::WorkingDays => &[(DAY, "day")],
            Measure::Elapsed => &[(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")],
            Measure::WorkingTime => &[(HOUR, "hour"), (MINUTE, "minute")],
        };
        match units.iter().find_map(|(unit, name)| Some((whole(*unit)?, name))) {
            Some((1, name)) => write!(f, "1 {kind} {name}"),
            Some((count, name)) => write!(f, "{count} {kind} {name}s"),
            // Only ISO 8601 can say seconds.
            None => self.duration.fmt(f),
        }
    }
}

impl TryFrom<String> for Amount {
    type Error = InvalidAmount;

    fn try_from(text: String) -> Result<Self, InvalidAmount> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> String {
        amount.to_string()
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An amount of time: `4 working hours`, `3 working days`, `30 elapsed days`. `PT4H` is working time.",
            "type": "string",
            "pattern": "^([1-9][0-9]* (working|elapsed) (minute|hour|day)s?|PT[0-9HMS.]+)$"
        })
    }
}

/// What a target asks for: an amount, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, try_from = "WrittenGoal")]
pub enum Goal {
    /// So much time may pass.
    Amount(Amount),
    /// By a local time on a working date.
    WorkingDay(OnWorkingDay),
    /// By a local time on a calendar date.
    Date(OnDate),
    /// By the moment that was agreed for the case.
    Promised(PromisedMoment),
}

/// A goal as it is written: an amount's own error says more than that no form fits.
#[derive(Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a target is an amount such as `4 working hours` or `30 elapsed days`, or {working_day: 1, by: \"16:00\"}, {date: 10} or {promised: due_date}"
)]
enum WrittenGoal {
    #[schemars(with = "Amount")]
    Text(String),
    WorkingDay(OnWorkingDay),
    Date(OnDate),
    Promised(PromisedMoment),
}

impl TryFrom<WrittenGoal> for Goal {
    type Error = InvalidAmount;

    fn try_from(written: WrittenGoal) -> Result<Self, InvalidAmount> {
        Ok(match written {
            WrittenGoal::Text(text) => Self::Amount(text.parse()?),
            WrittenGoal::WorkingDay(day) => Self::WorkingDay(day),
            WrittenGoal::Date(date) => Self::Date(date),
            WrittenGoal::Promised(promised) => Self::Promised(promised),
        })
    }
}

/// A moment on the n-th working date after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnWorkingDay {
    /// How many working dates after the date of the start; 0 is that date itself.
    pub working_day: u32,
    /// The local time; the end of that date's hours when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TimeOfDay>,
}

/// A moment on the n-th calendar date after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnDate {
    /// How many dates after the date of the start; 0 is that date itself.
    pub date: u32,
    /// The local time; the end of the date when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<TimeOfDay>,
}

/// A moment that the case itself names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromisedMoment {
    /// Which of its moments.
    pub promised: Promised,
}

/// The moments that a case can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Promised {
    /// The due date agreed with the customer.
    DueDate,
    /// The date by which the unit that the case was referred to must have answered.
    Referral,
}

impl Goal {
    /// The amount, when the goal is one.
    pub fn amount(&self) -> Option<Amount> {
        match self {
            Self::Amount(amount) => Some(*amount),
            _ => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |f: &mut fmt::Formatter<'_>, by: Option<TimeOfDay>| match by {
            Some(by) => write!(f, " by {by}"),
            None => Ok(()),
        };
        match self {
            Self::Amount(amount) => amount.fmt(f),
            Self::WorkingDay(day) => {
                write!(f, "working day {}", day.working_day)?;
                by(f, day.by)
            }
            Self::Date(date) => {
                write!(f, "date {}", date.date)?;
                by(f, date.by)
            }
            Self::Promised(PromisedMoment { promised: Promised::DueDate }) => {
                f.write_str("the due date")
            }
            Self::Promised(PromisedMoment { promised: Promised::Referral }) => {
                f.write_str("the referral's date")
            }
        }
    }
}

/// When a warning comes: at a share of the target, or some time before it is used up. Text: `75 %`, `2 working hours before`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Threshold {
    /// So many hundredths of the target.
    Percent(u8),
    /// So much before the due moment.
    Before(Amount),
}

/// Why a text is no threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a warning comes at a share such as `75 %`, or `2 working hours before`: {0}")]
pub struct InvalidThreshold(String);

impl FromStr for Threshold {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.trim_end().parse();
            return percent.map(Self::Percent).map_err(|_| InvalidThreshold(text.to_owned()));
        }
        let amount =
            text.strip_suffix(" before").ok_or_else(|| InvalidThreshold(text.to_owned()))?;
        amount
            .parse()
            .map(Self::Before)
            .map_err(|error: InvalidAmount| InvalidThreshold(error.to_string()))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(f, "{percent} %"),
            Self::Before(amount) => write!(f, "{amount} before"),
        }
    }
}

impl TryFrom<String> for Threshold {
    type Error = InvalidThreshold;

    fn try_from(text: String) -> Result<Self, InvalidThreshold> {
        text.parse()
    }
}

impl From<Threshold> for String {
    fn from(threshold: Threshold) -> String {
        threshold.to_string()
    }
}

impl JsonSchema for Threshold {
    fn schema_name() -> Cow<'static, str> {
        "Threshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "When a warning comes: `75 %` of the target, or `2 working hours before` it is used up.",
            "type": "string",
            "pattern": "^([0-9]{1,2} ?%|[1-9][0-9]* (working|elapsed) (minute|hour|day)s? before)$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_says_which_time_it_counts_and_reads_back() {
        for (text, measure, hours) in [
            ("4 working hours", Measure::WorkingTime, 4),
            ("1 working day", Measure::WorkingDays, 24),
            ("30 elapsed days", Measure::Elapsed, 720),
            ("36 elapsed hours", Measure::Elapsed, 36),
        ] {
            let amount: Amount = text.parse().unwrap();
            assert_eq!(amount, Amount { measure, duration: SignedDuration::from_hours(hours) });
            assert_eq!(amount.to_string(), text);
        }
        assert_eq!("PT90M".parse::<Amount>().unwrap().to_string(), "90 working minutes");
        assert_eq!("PT30S".parse::<Amount>().unwrap().to_string(), "PT30S");
    }

    #[test]
    fn a_unit_that_could_mean_several_things_is_refused_with_what_to_write() {
        let error = "3 days".parse::<Amount>().unwrap_err().to_string();
        assert!(error.contains("3 working days or 3 elapsed days"), "{error}");
        for text in ["", "0 working days", "-1 working days", "1.5 working hours", "۳ working days"]
        {
            assert!(matches!(text.parse::<Amount>(), Err(InvalidAmount::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn goals_and_thresholds_read_and_write_the_same_json() {
        for json in [
            serde_json::json!("4 working hours"),
            serde_json::json!({ "working_day": 1, "by": "16:00" }),
            serde_json::json!({ "date": 10 }),
            serde_json::json!({ "promised": "referral" }),
        ] {
            let goal: Goal = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(serde_json::to_value(goal).unwrap(), json);
        }
        for text in ["75 %", "2 working hours before"] {
            assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
        }
        assert_eq!("75%".parse::<Threshold>(), Ok(Threshold::Percent(75)));
        assert!("soon".parse::<Threshold>().is_err());
    }
}
