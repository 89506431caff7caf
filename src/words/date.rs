//! Dates as people write them: by the solar calendar of Iran in Persian, by the Gregorian one in English.

use jiff::civil::Date;
use parvandeh_domain::calendar::jalali;

use super::Language;

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const PERSIAN_MONTHS: [&str; 12] = [
    "فروردین",
    "اردیبهشت",
    "خرداد",
    "تیر",
    "مرداد",
    "شهریور",
    "مهر",
    "آبان",
    "آذر",
    "دی",
    "بهمن",
    "اسفند",
];

/// The day in words: `۱ آذر ۱۴۰۵`, `22 November 2026`.
pub fn text(date: Date, language: Language) -> String {
    match language {
        Language::English => {
            let month = ENGLISH_MONTHS[usize::from(date.month().unsigned_abs()) - 1];
            format!("{} {month} {}", date.day(), date.year())
        }
        Language::Persian => {
            let date = jalali(date);
            let month = PERSIAN_MONTHS[usize::from(date.month()) - 1];
            with_persian_digits(&format!("{} {month} {}", date.day(), date.year()))
        }
    }
}

/// The text with ASCII digits as Persian ones.
pub fn with_persian_digits(text: &str) -> String {
    let persian = |sign: char| match sign.to_digit(10) {
        Some(digit) => char::from_u32(0x06f0 + digit).unwrap_or(sign),
        None => sign,
    };
    text.chars().map(persian).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_people_of_each_language_write_it() {
        for (date, persian, english) in [
            ("2026-11-22", "۱ آذر ۱۴۰۵", "22 November 2026"),
            ("2026-03-20", "۲۹ اسفند ۱۴۰۴", "20 March 2026"),
            ("2026-03-21", "۱ فروردین ۱۴۰۵", "21 March 2026"),
        ] {
            let date: Date = date.parse().unwrap();
            assert_eq!(text(date, Language::Persian), persian);
            assert_eq!(text(date, Language::English), english);
        }
    }
}
