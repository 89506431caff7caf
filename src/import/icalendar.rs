//! Holidays from an iCalendar file (RFC 5545), as exceptions of a calendar document.
//!
//! A holiday is an event of whole dates: from `DTSTART` up to `DTEND`, which is excluded, with its summary as the name. One
//! that comes every year on the same date becomes an exception of every year, also of the years before its first; one that
//! comes every few years, or up to some year, becomes its dates. Whatever cannot be said so is left out and reported with its
//! line, never guessed: an event of some hours, a rule such as "the fourth Thursday of November" (publishers of holidays also
//! write files with the dates themselves), a single occurrence that was moved.
//!
//! The text form is read here: the crates for iCalendar bring another library of time with them, and what holidays need of the
//! format is small.

mod content_line;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Span;
use jiff::civil::{Date, Time};
use parvandeh_domain::calendar::{Exception, MonthDay, Yearly};

use content_line::{Event, Property};

/// What the events of a file come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    /// Closed days, single dates first, each day once. Days of the same date have their names joined.
    pub exceptions: Vec<Exception>,
    /// The events that cannot be said as closed days, in the order of the file.
    pub left_out: Vec<LeftOut>,
}

/// An event that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The line of the file at which it begins, from 1.
    pub line: usize,
    /// Its summary.
    pub name: Option<String>,
    /// Why, and what to do.
    pub reason: &'static str,
}

/// Why a file is not taken at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ICalendarError {
    /// Something else than a calendar.
    #[error(
        "this is not an iCalendar file: line {line} does not begin a calendar with BEGIN:VCALENDAR"
    )]
    NotICalendar {
        /// From 1.
        line: usize,
    },
    /// A line that is not a property.
    #[error(
        "line {line} is no property such as SUMMARY:Christmas Day; mend the line or export the file again"
    )]
    NotAProperty {
        /// From 1.
        line: usize,
    },
    /// Components that are not nested.
    #[error("line {line} ends {end}, but {name} began in line {begin}; export the file again")]
    WrongEnd {
        /// From 1.
        line: usize,
        /// What the line ends.
        end: String,
        /// What it should end.
        name: String,
        /// Where that began.
        begin: usize,
    },
    /// Components in components without end.
    #[error("line {line} begins a component within {max} others; no calendar is nested so deep")]
    TooDeep {
        /// From 1.
        line: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The end is missing.
    #[error(
        "the file ends within {name}, which began in line {line}; it was cut off, fetch it again"
    )]
    CutOff {
        /// The component.
        name: String,
        /// From 1.
        line: usize,
    },
    /// Dates of another calendar.
    #[error("line {line}: the dates are those of {scale}; only Gregorian dates are read")]
    OtherScale {
        /// From 1.
        line: usize,
        /// The name of the calendar.
        scale: String,
    },
}

/// A day that is named once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Day {
    Single(Date),
    Every(MonthDay),
}

/// The longest holiday that is believed.
const DAYS_MAX: i32 = 62;
const NAME_CHARACTERS_MAX: usize = 200;
/// The last year that a calendar counts.
const YEAR_MAX: i16 = 2199;

/// Reads the holidays of an iCalendar text.
pub fn holidays(text: &str) -> Result<Holidays, ICalendarError> {
    let mut names: BTreeMap<Day, Vec<String>> = BTreeMap::new();
    let mut left_out = vec![];
    for event in content_line::events(text)? {
        let name = property(&event, "SUMMARY").and_then(|summary| name(&summary.value));
        match days(&event) {
            Ok(days) => {
                for day in days {
                    let names = names.entry(day).or_default();
                    names.extend(name.clone().filter(|name| !names.contains(name)));
                }
            }
            Err(reason) => left_out.push(LeftOut { line: event.line, name, reason }),
        }
    }
    let exceptions = names.into_iter().map(|(day, names)| {
        let mut name = Some(names.join(", ")).filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARACTERS_MAX) {
            name = names.into_iter().next();
        }
        let (date, every) = match day {
            Day::Single(date) => (Some(date), None),
            Day::Every(day) => (None, Some(Yearly::Gregorian(day))),
        };
        Exception { date, jalali: None, every, name, intervals: vec![] }
    });
    Ok(Holidays { exceptions: exceptions.collect(), left_out })
}

fn property<'a>(event: &'a Event, name: &str) -> Option<&'a Property> {
    event.properties.iter().find(|property| property.name == name)
}

/// A text for one line: unescaped, without control characters, of a length that a calendar takes.
fn name(value: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next() {
                Some('n' | 'N') | None => ' ',
                Some(escaped) => escaped,
            },
            other => other,
        };
        text.push(if character.is_control() { ' ' } else { character });
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(NAME_CHARACTERS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// The closed days of an event, or why there are none.
fn days(event: &Event) -> Result<Vec<Day>, &'static str> {
    let has = |name| property(event, name).is_some();
    if property(event, "STATUS").is_some_and(|status| status.value == "CANCELLED") {
        return Err("it was cancelled");
    }
    if has("RECURRENCE-ID") || has("RDATE") || has("EXDATE") {
        return Err(
            "single occurrences of it were moved, added or dropped; write its dates into the calendar",
        );
    }
    let dates = whole_dates(event)?;
    let Some(rule) = property(event, "RRULE") else {
        return Ok(dates.into_iter().map(Day::Single).collect());
    };
    let first = dates[0];
    let rule = YearlyRule::parse(&rule.value, first).ok_or(
        "it comes by a rule that is not the same date of each year; write its dates into the calendar",
    )?;
    if rule.has_end_or_gaps() {
        let length = days_between(first, dates[dates.len() - 1]) + 1;
        let occurrences = rule.dates(first).into_iter();
        return Ok(occurrences
            .flat_map(|begin| following(begin, length))
            .map(Day::Single)
            .collect());
    }
    let is_leap_day = |date: &Date| (date.month(), date.day()) == (2, 29);
    let is_first_of_march = |date: &Date| (date.month(), date.day()) == (3, 1);
    if dates.len() > 1
        && (dates.iter().any(is_leap_day) || dates[1..].iter().any(is_first_of_march))
    {
        return Err(
            "it comes every year over the end of February, which differs; write its dates into the calendar",
        );
    }
    Ok(dates.into_iter().map(|date| Day::Every(date.into())).collect())
}

/// The dates that an event covers whole; never none.
fn whole_dates(event: &Event) -> Result<Vec<Date>, &'static str> {
    const PART: &str = "it does not cover whole days; when the office opens for the rest, write its hours into the calendar";
    let start = property(event, "DTSTART").ok_or("it has no beginning (DTSTART)")?;
    let (first, starts_at) =
        local(&start.value).ok_or("its beginning (DTSTART) is no local date or time")?;
    let length = if let Some(end) = property(event, "DTEND") {
        let (end, ends_at) = local(&end.value).ok_or("its end (DTEND) is no local date or time")?;
        if starts_at != Time::midnight() || ends_at != Time::midnight() {
            return Err(PART);
        }
        days_between(first, end)
    } else if let Some(duration) = property(event, "DURATION") {
        let span: Span = duration.value.trim().parse().map_err(|_| "its DURATION is none")?;
        let days = span.get_weeks() * 7 + span.get_days();
        if starts_at != Time::midnight()
            || span.fieldwise() != Span::new().weeks(span.get_weeks()).days(span.get_days())
        {
            return Err(PART);
        }
        days
    } else if start.value.trim().len() == DATE_LENGTH {
        1
    } else {
        return Err(PART);
    };
    if !(1..=DAYS_MAX).contains(&length) {
        return Err(
            "it does not last from one day to two months; write its dates into the calendar",
        );
    }
    Ok(following(first, length).collect())
}

/// As many dates as there are days, from the first on.
fn following(first: Date, days: i32) -> impl Iterator<Item = Date> {
    (0..days).filter_map(move |days| first.checked_add(Span::new().days(days)).ok())
}

fn days_between(first: Date, end: Date) -> i32 {
    first.until(end).map_or(0, |span| span.get_days())
}

/// How long `20260321` is.
const DATE_LENGTH: usize = 8;

/// A date, which begins at midnight, or a local time: `20260321`, `20260321T080000`. A moment of UTC (`...Z`) is neither.
fn local(value: &str) -> Option<(Date, Time)> {
    let value = value.trim();
    let number = |range: Range<usize>| value.get(range)?.parse::<i8>().ok();
    if !value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T') {
        return None;
    }
    let date = Date::new(value.get(..4)?.parse().ok()?, number(4..6)?, number(6..8)?).ok()?;
    match value.get(DATE_LENGTH..)? {
        "" => Some((date, Time::midnight())),
        time if time.len() == 7 && time.starts_with('T') => {
            let time = Time::new(number(9..11)?, number(11..13)?, number(13..15)?, 0).ok()?;
            Some((date, time))
        }
        _ => None,
    }
}

/// A rule of recurrence that gives the same date in every year, or every few years.
struct YearlyRule {
    every_years: i16,
    count: Option<usize>,
    until: Option<Date>,
}

impl YearlyRule {
    /// `None` when the rule says anything else.
    fn parse(text: &str, first: Date) -> Option<Self> {
        let mut rule = Self { every_years: 1, count: None, until: None };
        let mut is_yearly = false;
        for part in text.trim().split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            match name.to_ascii_uppercase().as_str() {
                "FREQ" if value.eq_ignore_ascii_case("YEARLY") => is_yearly = true,
                "INTERVAL" => rule.every_years = value.parse().ok().filter(|years| *years >= 1)?,
                "COUNT" => rule.count = Some(value.parse().ok()?),
                // The end may be a moment of UTC; its date is meant.
                "UNTIL" => rule.until = Some(local(value.get(..DATE_LENGTH)?)?.0),
                "BYMONTH" if value.parse() == Ok(first.month()) => {}
                "BYMONTHDAY" if value.parse() == Ok(first.day()) => {}
                "WKST" => {}
                _ => return None,
            }
        }
        is_yearly.then_some(rule)
    }

    fn has_end_or_gaps(&self) -> bool {
        self.every_years != 1 || self.count.is_some() || self.until.is_some()
    }

    /// The first dates of all occurrences, in order; a year without the date has none.
    fn dates(&self, first: Date) -> Vec<Date> {
        (first.year()..=YEAR_MAX)
            .step_by(usize::from(self.every_years.unsigned_abs()))
            .filter_map(|year| Date::new(year, first.month(), first.day()).ok())
            .take_while(|date| self.until.is_none_or(|until| *date <= until))
            .take(self.count.unwrap_or(usize::MAX))
            .collect()
    }
}

#[cfg(test)]
mod tests;
