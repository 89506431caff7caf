//! Calendars: when the organisation works.
//!
//! A promise such as "an answer within sixteen working hours" means nothing without a calendar. A calendar names a time
//! zone, the open hours of each weekday (as many shifts as needed, or none) and the dates that differ: holidays, half days,
//! extra working days. People write it as a [`CalendarDocument`]; each publication is a new version, an event in the
//! stream `calendar-<id>`, and holds from its effective moment.
//!
//! A document is compiled once to [`WorkingTime`], which answers two questions quickly, over any span: how much working
//! time lies between two moments, and at which moment a given amount of it will have passed. [`CalendarVersions`] asks the
//! same of all versions of one calendar, each for the time in which it holds.
//!
//! Hours are local times of the calendar's zone. A local time that a change of the clocks skips means the moment of the
//! change; one that occurs twice means the first of the two.

mod command;
mod decide;
mod document;
mod error;
mod event;
mod problem;
mod state;
mod versions;
mod working_time;

pub use command::{CalendarCommand, PublishCalendar};
pub use decide::Calendar;
pub use document::{CalendarDocument, Exception, Interval, TimeOfDay, Weekday};
pub use error::CalendarRefusal;
pub use event::{CalendarEvent, CalendarPublished};
pub use problem::Problem;
pub use state::CalendarState;
pub use versions::CalendarVersions;
pub use working_time::WorkingTime;

pub(crate) use problem::{Problems, joined};
