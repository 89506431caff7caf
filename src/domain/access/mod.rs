//! The access log: who read whose personal data, when and what for.
//!
//! It is a log of facts and has no state to decide on: reading is not asked for here, it has happened. All that was read on one day (UTC)
//! stands in one stream, `access-<date>`; who read stands in the events' metadata, as whoever does anything does. Nothing in it is
//! personal data of those whose data were read: they are named by their ids, so an erasure leaves it as it is.

mod event;

use std::fmt;

use jiff::civil::Date;

pub use event::{AccessEvent, AccessLogFilter, AccessLogRead, PersonalDataRead, SUBJECTS_MAX};

/// The day (UTC) on which reading was recorded: it names the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessDay(pub Date);

impl AccessDay {
    /// The day of a text such as `2026-03-21`, and of no other form of it.
    pub fn parse(text: &str) -> Option<Self> {
        let day = Self(text.parse().ok()?);
        (day.to_string() == text).then_some(day)
    }
}

impl fmt::Display for AccessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_form() {
        assert_eq!(
            AccessDay::parse("2026-03-21").map(|day| day.to_string()).unwrap(),
            "2026-03-21"
        );
        for text in ["", "2026-3-21", "20260321", "2026-03-21T00:00", "2026-02-30", "today"] {
            assert_eq!(AccessDay::parse(text), None, "{text}");
        }
    }
}
