//! The dates that differ from their weekday: holidays, half days, extra working days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Interval, JalaliDate, MonthDay, Problems, document::check_intervals, jalali::jalali};

/// A date, or a day of every year, that differs from its weekday. It says its day once: as `date`, as `jalali` or as `every`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The date in the calendar's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// The date as one of Iran's solar calendar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jalali: Option<JalaliDate>,
    /// The day of every year. Where an exception gives the date itself, that one holds; of two that come every year, the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Yearly>,
    /// Why it differs: "Nowruz".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The open hours of this date; none means closed.
    #[serde(default)]
    pub intervals: Vec<Interval>,
}

/// A day of every year. A year that lacks the day is passed over.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Yearly {
    /// By Iran's solar calendar: `01-01` is Nowruz.
    Jalali(MonthDay),
    /// By the Gregorian calendar: `12-25` is Christmas Day.
    Gregorian(MonthDay),
}

/// The years that are counted and that dates of exceptions may have.
const YEARS: std::ops::RangeInclusive<i16> = 1901..=2199;
const EXCEPTIONS_MAX: usize = 2000;
const EVERY_YEAR_MAX: usize = 100;

impl Exception {
    /// The one date; `None` for a day of every year.
    pub fn single_date(&self) -> Option<Date> {
        self.date.or(self.jalali.map(JalaliDate::date))
    }
}

impl Yearly {
    /// The dates of the supported years, in order.
    fn dates(self) -> impl Iterator<Item = Date> {
        let solar_years = |date| jalali(date).year();
        let years = match self {
            Self::Gregorian(_) => YEARS,
            Self::Jalali(_) => {
                solar_years(Date::constant(*YEARS.start(), 1, 1))
                    ..=solar_years(Date::constant(*YEARS.end(), 12, 31))
            }
        };
        years.filter_map(move |year| self.in_year(year)).filter(|date| YEARS.contains(&date.year()))
    }

    /// The date in a year of its own calendar.
    fn in_year(self, year: i16) -> Option<Date> {
        match self {
            Self::Jalali(day) => {
                JalaliDate::new(year, day.month(), day.day()).map(JalaliDate::date)
            }
            Self::Gregorian(day) => Date::new(year, day.month() as i8, day.day() as i8).ok(),
        }
    }
}

/// The open hours of every date that differs.
pub(super) fn by_date(exceptions: &[Exception]) -> BTreeMap<Date, &[Interval]> {
    let mut dates = BTreeMap::new();
    for exception in exceptions {
        for date in exception.every.into_iter().flat_map(Yearly::dates) {
            dates.entry(date).or_insert(&exception.intervals[..]);
        }
    }
    for exception in exceptions {
        if let Some(date) = exception.single_date() {
            dates.insert(date, &exception.intervals);
        }
    }
    dates
}

/// Checks what the types cannot: one day each, days that exist and occur once, valid hours, bounded sizes.
pub(super) fn check(problems: &mut Problems, exceptions: &[Exception]) {
    if exceptions.len() > EXCEPTIONS_MAX {
        let message = format!("at most {EXCEPTIONS_MAX} dates; remove those of years past");
        problems.add("exceptions", message);
    }
    if exceptions.iter().filter(|exception| exception.every.is_some()).count() > EVERY_YEAR_MAX {
        problems.add("exceptions", format!("at most {EVERY_YEAR_MAX} days of every year"));
    }
    let (mut dates, mut days) = (BTreeSet::new(), BTreeSet::new());
    for (index, exception) in exceptions.iter().enumerate() {
        let field = format!("exceptions[{index}]");
        let Exception { date, jalali, every, name, intervals } = exception;
        match (date, jalali, every) {
            (Some(date), None, None) => {
                check_date(problems, format!("{field}.date"), *date, &mut dates);
            }
            (None, Some(solar), None) => {
                check_date(problems, format!("{field}.jalali"), solar.date(), &mut dates);
            }
            (None, None, Some(every)) => {
                check_every(problems, format!("{field}.every"), *every, &mut days);
            }
            _ => {
                let message = "give its day once: as `date`, as `jalali` or as `every`";
                problems.add(&field, message);
            }
        }
        if let Some(name) = name {
            problems.check_name(format!("{field}.name"), name);
        }
        check_intervals(problems, &format!("{field}.intervals"), intervals);
    }
}

fn check_date(problems: &mut Problems, field: String, date: Date, known: &mut BTreeSet<Date>) {
    if !YEARS.contains(&date.year()) {
        let (first, last) = (YEARS.start(), YEARS.end());
        let message = format!(
            "{date} lies outside the years {first} to {last}; a date of Iran's calendar stands in `jalali`"
        );
        problems.add(&field, message);
    }
    if !known.insert(date) {
        problems.add(&field, format!("{date} occurs twice; keep one of them"));
    }
}

fn check_every(
    problems: &mut Problems,
    field: String,
    every: Yearly,
    known: &mut BTreeSet<Yearly>,
) {
    if every.dates().next().is_none() {
        problems.add(&field, "no year has this day");
    }
    if !known.insert(every) {
        problems.add(&field, "this day of the year occurs twice; keep one of them");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::calendar::CalendarDocument;

    fn document(exceptions: Value) -> CalendarDocument {
        serde_json::from_value(json!({
            "name": "دفتر", "time_zone": "Asia/Tehran",
            "weekly": { "saturday": [{ "from": "08:00", "to": "16:00" }] },
            "exceptions": exceptions,
        }))
        .unwrap()
    }

    fn problems(exceptions: Value) -> Vec<String> {
        let problems = document(exceptions).validate().err().unwrap_or_default();
        problems.iter().map(|problem| problem.to_string()).collect()
    }

    fn dates(exceptions: Value) -> Vec<(String, usize)> {
        let document = document(exceptions);
        let by_date = by_date(&document.exceptions);
        by_date.into_iter().map(|(date, hours)| (date.to_string(), hours.len())).collect()
    }

    #[test]
    fn an_exception_reads_and_writes_the_same_json_whatever_its_day() {
        let json = json!([
            { "date": "2026-01-01", "intervals": [] },
            { "jalali": "1405-01-01", "name": "نوروز", "intervals": [] },
            { "every": { "jalali": "01-02" }, "intervals": [{ "from": "09:00", "to": "10:00" }] },
            { "every": { "gregorian": "12-25" }, "intervals": [] },
        ]);
        let document = document(json.clone());
        assert_eq!(document.validate(), Ok(()));
        assert_eq!(serde_json::to_value(&document.exceptions).unwrap(), json);
    }

    #[test]
    fn a_day_of_every_year_comes_in_each_of_the_supported_years() {
        let nowruz = dates(json!([{ "every": { "jalali": "01-01" } }]));
        assert_eq!(nowruz.len(), 299);
        assert!(nowruz.contains(&("2025-03-21".to_owned(), 0)));
        assert!(nowruz.contains(&("2020-03-20".to_owned(), 0)));
        let christmas = dates(json!([{ "every": { "gregorian": "12-25" } }]));
        assert_eq!(christmas.len(), 299);
        // The first of January lies in Dey; the first and the last year have theirs.
        assert_eq!(dates(json!([{ "every": { "jalali": "10-15" } }])).len(), 299);
    }

    #[test]
    fn a_year_without_the_day_is_passed_over() {
        let leap_days = dates(json!([{ "every": { "gregorian": "02-29" } }]));
        assert_eq!(leap_days[..2], [("1904-02-29".to_owned(), 0), ("1908-02-29".to_owned(), 0)]);
        let last_of_esfand = dates(json!([{ "every": { "jalali": "12-30" } }]));
        assert!(last_of_esfand.contains(&("2025-03-20".to_owned(), 0)));
        assert!(!last_of_esfand.iter().any(|(date, _)| date.starts_with("2026")));
    }

    #[test]
    fn a_dated_exception_wins_over_the_day_of_every_year_wherever_it_stands() {
        let open = json!([{ "from": "09:00", "to": "10:00" }]);
        for exceptions in [
            json!([{ "every": { "jalali": "01-01" } }, { "date": "2026-03-21", "intervals": open }]),
            json!([{ "jalali": "1405-01-01", "intervals": open }, { "every": { "jalali": "01-01" } }]),
        ] {
            let dates = dates(exceptions);
            assert!(dates.contains(&("2026-03-21".to_owned(), 1)));
            assert!(dates.contains(&("2027-03-21".to_owned(), 0)));
        }
    }

    #[test]
    fn of_two_days_of_every_year_on_one_date_the_first_holds() {
        let open = json!([{ "from": "09:00", "to": "10:00" }]);
        let dates = dates(json!([
            { "every": { "gregorian": "03-21" }, "intervals": open },
            { "every": { "jalali": "01-01" } },
        ]));
        assert!(dates.contains(&("2026-03-21".to_owned(), 1)));
        assert!(dates.contains(&("2020-03-20".to_owned(), 0)));
    }

    #[test]
    fn a_day_is_given_once_and_exists() {
        let found = problems(json!([
            {},
            { "date": "2026-03-21", "jalali": "1405-01-01" },
            { "date": "2026-03-22" },
            { "jalali": "1405-01-02" },
            { "every": { "jalali": "07-31" } },
            { "every": { "gregorian": "12-25" } },
            { "every": { "gregorian": "12-25" } },
            { "jalali": "1200-01-01" },
            { "date": "1405-01-01" },
        ]));
        let outside = "lies outside the years 1901 to 2199";
        let expected = [
            "exceptions[0]: give its day once",
            "exceptions[1]: give its day once",
            "exceptions[3].jalali: 2026-03-22 occurs twice",
            "exceptions[4].every: no year has this day",
            "exceptions[6].every: this day of the year occurs twice",
            &format!("exceptions[7].jalali: 1821-03-21 {outside}"),
            &format!(
                "exceptions[8].date: 1405-01-01 {outside}; a date of Iran's calendar stands in `jalali`"
            ),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn days_of_every_year_are_bounded() {
        let days = (1..=101).map(|day| {
            json!({ "every": { "gregorian": format!("{:02}-{:02}", day / 28 + 1, day % 28 + 1) } })
        });
        let found = problems(days.collect());
        assert_eq!(found, ["exceptions: at most 100 days of every year"]);
    }
}
