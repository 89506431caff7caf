//! Calendars: when the organisation works.
//!
//! A promise such as "an answer within sixteen working hours" means nothing without a calendar. A calendar names a time
//! zone, the open hours of each weekday (as many shifts as needed, or none) and the dates that differ: holidays, half days,
//! extra working days. People write it as a [`CalendarDocument`]; each publication is a new version, an event in the
//! stream `calendar-<id>`, and holds from its effective moment.
//!
//! A document is compiled once to [`WorkingTime`], which answers two questions quickly, over any span: how much lies
//! between two moments as a [`Measure`] counts (every second, open hours, working days), and at which moment a given amount
//! will have passed. [`CalendarVersions`] asks the same of all versions of one calendar, each for the time in which it holds,
//! and knows the moments that people name by a day: "the end of the next working day", "by 16:00 on the third date".
//!
//! Dates are Gregorian or those of Iran's solar calendar ([`jalali`]); an [`Exception`] may come every year by either.
//!
//! Hours are local times of the calendar's zone. A local time that a change of the clocks skips means the moment of the
//! change; one that occurs twice means the first of the two.

mod command;
mod decide;
mod document;
mod error;
mod event;
mod exception;
mod jalali;
mod measure;
mod problem;
mod relative;
mod state;
mod versions;
mod working_time;

pub use command::{CalendarCommand, PublishCalendar};
pub use decide::Calendar;
pub use document::{CalendarDocument, Interval, TimeOfDay, Weekday, is_time_zone, schema};
pub use error::CalendarRefusal;
pub use event::{CalendarEvent, CalendarPublished};
pub use exception::{Exception, Yearly};
pub use jalali::{JalaliDate, MonthDay, jalali};
pub use measure::Measure;
pub use problem::Problem;
pub use state::CalendarState;
pub use versions::CalendarVersions;
pub use working_time::WorkingTime;

pub(crate) use problem::{Problems, joined};

#[cfg(test)]
mod tests;
