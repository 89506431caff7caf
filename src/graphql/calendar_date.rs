//! A moment as the day that people write down, in both calendars.

use async_graphql::{ComplexObject, Context, SimpleObject};
use jiff::Timestamp;
use jiff::civil::Date;
use parvandeh_domain::calendar::jalali;

use super::context::{language, services};
use super::scalar::DateTime;
use crate::words;

/// A moment and its day in the organisation's time zone, in both calendars.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct CalendarDate {
    /// The moment itself.
    pub moment: DateTime,
    /// The day in the Gregorian calendar: `2026-11-22`.
    pub gregorian: String,
    /// The day in the solar calendar of Iran: `1405/09/01`.
    pub jalali: String,
    #[graphql(skip)]
    day: Date,
}

#[ComplexObject]
impl CalendarDate {
    /// The day in words, by the calendar of the language that `Accept-Language` asks for: `22 November 2026`, `۱ آذر ۱۴۰۵`.
    async fn text(&self, ctx: &Context<'_>) -> String {
        words::date::text(self.day, language(ctx))
    }
}

/// The day of a moment in the organisation's time zone.
pub fn day(ctx: &Context<'_>, moment: Timestamp) -> Date {
    services(ctx).time_zone.to_datetime(moment).date()
}

/// The moment with its day.
pub fn of(ctx: &Context<'_>, moment: Timestamp) -> CalendarDate {
    let day = day(ctx, moment);
    CalendarDate {
        moment: DateTime(moment),
        gregorian: day.to_string(),
        jalali: jalali(day).to_string(),
        day,
    }
}
