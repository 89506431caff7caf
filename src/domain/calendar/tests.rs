//! What holds for whole calendars: daylight saving zone by zone, the calendars among the fixtures, laws over all versions.

mod daylight_saving;
mod fixtures;
mod laws;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{CalendarDocument, CalendarVersions, TimeOfDay, WorkingTime};

fn only(document: &CalendarDocument) -> CalendarVersions {
    let hours = Arc::new(WorkingTime::compile(document).unwrap());
    CalendarVersions::new([(1, Timestamp::UNIX_EPOCH, hours)]).unwrap()
}

/// Open on every date between two local times.
fn every_day(zone: &str, from: &str, to: &str) -> CalendarVersions {
    let day = json!([{ "from": from, "to": to }]);
    let document = json!({
        "name": "test", "time_zone": zone,
        "weekly": {
            "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day,
            "saturday": day, "sunday": day,
        },
    });
    only(&serde_json::from_value(document).unwrap())
}

/// A moment with its offset: `2026-03-29T01:30:00+01`.
fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

fn time(text: &str) -> Option<TimeOfDay> {
    Some(text.to_owned().try_into().unwrap())
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}
