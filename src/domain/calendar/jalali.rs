//! The solar calendar of Iran (Jalali, Solar Hijri), beside the Gregorian one.
//!
//! Its year begins with spring: the first of Farvardin is the 20th, 21st or 22nd of March. Six months have 31 days, five have
//! 30, and Esfand has 29, or 30 in a leap year.

use std::{borrow::Cow, fmt};

use icu_calendar::{Iso, cal::Persian};
use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A date of the solar calendar of Iran. People read it as `1405/01/01`; documents write it as `1405-01-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JalaliDate {
    year: i16,
    month: u8,
    day: u8,
}

/// Why a text is not a Jalali date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a Jalali date; write YYYY-MM-DD with a day that its month has, as in 1405-01-01"
)]
pub struct InvalidJalaliDate(String);

/// The same day in the solar calendar of Iran.
pub fn jalali(date: Date) -> JalaliDate {
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    let persian = icu_calendar::Date::try_new_iso(date.year().into(), month, day)
        .expect("both count the same Gregorian dates")
        .to_calendar(Persian);
    JalaliDate {
        year: i16::try_from(persian.year().extended_year())
            .expect("a Jalali year is 621 or 622 less than the Gregorian, which has four digits"),
        month: persian.month().ordinal,
        day: persian.day_of_month().0,
    }
}

impl JalaliDate {
    /// A date from its year, month (1 for Farvardin) and day of the month; `None` when there is no such day, or the
    /// Gregorian year has more than four digits.
    pub fn new(year: i16, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        date.gregorian().map(|_| date)
    }

    /// The same day in the Gregorian calendar.
    pub fn date(self) -> Date {
        self.gregorian().expect("a date is checked when it is made")
    }

    /// The year, such as 1405.
    pub fn year(self) -> i16 {
        self.year
    }

    /// The month, 1 (Farvardin) to 12 (Esfand).
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }

    fn gregorian(self) -> Option<Date> {
        let persian = icu_calendar::Date::try_new_persian(self.year.into(), self.month, self.day);
        let iso = persian.ok()?.to_calendar(Iso);
        let year = i16::try_from(iso.year().extended_year()).ok()?;
        let (month, day) = (iso.month().ordinal, iso.day_of_month().0);
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }
}

impl fmt::Display for JalaliDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}/{:02}/{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for JalaliDate {
    type Error = InvalidJalaliDate;

    fn try_from(text: String) -> Result<Self, InvalidJalaliDate> {
        let date = || {
            let (year, rest) = text.split_at_checked(4)?;
            let rest = MonthDay::try_from(rest.strip_prefix('-')?.to_owned()).ok()?;
            let is_number = year.bytes().all(|byte| byte.is_ascii_digit());
            let year = is_number.then(|| year.parse().ok()).flatten()?;
            Self::new(year, rest.month, rest.day)
        };
        date().ok_or(InvalidJalaliDate(text))
    }
}

impl From<JalaliDate> for String {
    fn from(date: JalaliDate) -> String {
        format!("{:04}-{:02}-{:02}", date.year, date.month, date.day)
    }
}

impl JsonSchema for JalaliDate {
    fn schema_name() -> Cow<'static, str> {
        "JalaliDate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A date of the solar calendar of Iran: year, month and day.",
            "type": "string",
            "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
        })
    }
}

/// A day of some year, as text `MM-DD`: `01-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MonthDay {
    month: u8,
    day: u8,
}

/// Why a text is not a day of the year.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a day of the year; write MM-DD, from 01-01 to 12-31")]
pub struct InvalidMonthDay(String);

impl MonthDay {
    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }
}

impl From<Date> for MonthDay {
    fn from(date: Date) -> Self {
        Self { month: date.month().unsigned_abs(), day: date.day().unsigned_abs() }
    }
}

impl TryFrom<String> for MonthDay {
    type Error = InvalidMonthDay;

    fn try_from(text: String) -> Result<Self, InvalidMonthDay> {
        let digits = |tens: u8, ones: u8| {
            let are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            are_digits.then(|| (tens - b'0') * 10 + (ones - b'0'))
        };
        let parts = match *text.as_bytes() {
            [a, b, b'-', c, d] => digits(a, b).zip(digits(c, d)),
            _ => None,
        };
        match parts {
            Some((month @ 1..=12, day @ 1..=31)) => Ok(Self { month, day }),
            _ => Err(InvalidMonthDay(text)),
        }
    }
}

impl From<MonthDay> for String {
    fn from(day: MonthDay) -> String {
        day.to_string()
    }
}

impl fmt::Display for MonthDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

impl JsonSchema for MonthDay {
    fn schema_name() -> Cow<'static, str> {
        "MonthDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A day of the year: month and day.",
            "type": "string",
            "pattern": "^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<JalaliDate, InvalidJalaliDate> {
        JalaliDate::try_from(text.to_owned())
    }

    #[test]
    fn days_that_people_know_agree_with_the_printed_calendar() {
        for (text, gregorian) in [
            // The first day of the years around the leap years 1399 and 1403.
            ("1399/01/01", "2020-03-20"),
            ("1399/12/30", "2021-03-20"),
            ("1400/01/01", "2021-03-21"),
            ("1403/12/30", "2025-03-20"),
            ("1404/01/01", "2025-03-21"),
            ("1405/01/01", "2026-03-21"),
            // Of the revolution, 22 Bahman 1357; of the law that made this the country's calendar, 11 Farvardin 1304.
            ("1357/11/22", "1979-02-11"),
            ("1304/01/11", "1925-03-31"),
            ("1348/10/11", "1970-01-01"),
        ] {
            let date: Date = gregorian.parse().unwrap();
            assert_eq!(jalali(date).to_string(), text);
            assert_eq!(parsed(&text.replace('/', "-")).unwrap().date(), date);
        }
    }

    #[test]
    fn both_ways_agree_for_every_day_of_the_supported_years() {
        let mut date = Date::constant(1901, 1, 1);
        let mut yesterday = jalali(date.yesterday().unwrap());
        while date.year() < 2200 {
            let solar = jalali(date);
            assert_eq!(solar.date(), date);
            assert_eq!(JalaliDate::new(solar.year, solar.month, solar.day), Some(solar));
            assert!(solar > yesterday, "{yesterday} comes before {solar}");
            let next = solar.day == yesterday.day + 1 || solar.day == 1;
            assert!(next, "{solar} follows {yesterday}");
            (yesterday, date) = (solar, date.tomorrow().unwrap());
        }
    }

    #[test]
    fn years_of_366_days_come_every_four_or_five_years() {
        let leap: Vec<i16> =
            (1370..=1410).filter(|year| JalaliDate::new(*year, 12, 30).is_some()).collect();
        assert_eq!(leap, [1370, 1375, 1379, 1383, 1387, 1391, 1395, 1399, 1403, 1408]);
    }

    #[test]
    fn texts_that_are_no_date_are_refused_in_words() {
        for text in
            ["1405/01/01", "1405-1-1", "1405-07-31", "1404-12-30", "+405-01-01", "۱۴۰۵-۰۱-۰۱", ""]
        {
            let error = parsed(text).unwrap_err();
            assert!(error.to_string().contains("write YYYY-MM-DD"), "{text}");
        }
        for text in ["1-1", "00-01", "13-01", "01-32", "01-00", "01/01", "-1-01"] {
            let error = MonthDay::try_from(text.to_owned()).unwrap_err();
            assert!(error.to_string().contains("write MM-DD"), "{text}");
        }
    }

    #[test]
    fn every_date_that_can_be_written_has_a_jalali_one() {
        assert_eq!(jalali(Date::MIN).year(), -10621);
        assert_eq!(jalali(Date::MAX).date(), Date::MAX);
    }
}
