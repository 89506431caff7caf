//! Moments that people name by a day and a time: "by 16:00 on the next working day", "by the end of the third day".
//!
//! Dates are local dates of the zone in force. A change of version may move the zone; the target is then meant in the zone
//! that is in force when it comes.

use jiff::{SignedDuration, Timestamp, civil::Date};

use super::{CalendarVersions, Measure, TimeOfDay, working_time::SEARCH_MAX};

impl CalendarVersions {
    /// The local time `by` on the n-th working date after the date of `from`; 0 is the date itself. Without `by` it is the end
    /// of that date's open hours. A `from` in closed time counts from the next opening. The moment may lie before `from`
    /// (asked at 17:00 for 16:00 of the same date) or in closed time. `None` beyond fifty years.
    pub fn on_working_day(
        &self,
        from: Timestamp,
        days: u32,
        by: Option<TimeOfDay>,
    ) -> Option<Timestamp> {
        let (mut opening, mut left) = (self.next_opening(from)?, days);
        while left > 0 {
            let (next, passed) = match self.leap(opening, left) {
                Some(leap) => leap,
                None => (self.opening_of_next_date(opening)?, 1),
            };
            (opening, left) = (next, left - passed);
            within_bounds(from, opening)?;
        }
        let date = self.date_of(opening);
        let moment = match by {
            Some(time) => self.local(date, time)?,
            None => {
                let end = self.local(date, TimeOfDay::END)?;
                let open = self.measure(Measure::WorkingTime, opening, end);
                self.reach(Measure::WorkingTime, opening, open)?
            }
        };
        within_bounds(from, moment)
    }

    /// The local time `by` on the n-th calendar date after the date of `from`, open or not; 0 is the date itself. Without `by`
    /// it is the end of the date, 24:00. `None` beyond fifty years.
    pub fn on_date(&self, from: Timestamp, days: u32, by: Option<TimeOfDay>) -> Option<Timestamp> {
        let ahead = SignedDuration::from_hours(24 * i64::from(days));
        let date = self.date_of(from).checked_add(ahead).ok()?;
        within_bounds(from, self.local(date, by.unwrap_or(TimeOfDay::END))?)
    }

    /// As many working dates at once as one version knows of, at most so many: an open moment of the last, and their number.
    fn leap(&self, opening: Timestamp, days: u32) -> Option<(Timestamp, u32)> {
        let (hours, until) = self.holding(opening);
        let end = self.local(hours.date_of(opening), TimeOfDay::END)?;
        let mut days = i64::from(days);
        if let Some(until) = until {
            // The date on which another version takes over is left out.
            let whole = hours.measure(Measure::WorkingDays, end, until).as_hours() / 24;
            days = days.min(whole - 1);
        }
        if days < 2 {
            return None;
        }
        let before_the_last = SignedDuration::from_hours(24 * (days - 1));
        let nanosecond = SignedDuration::from_nanos(1);
        let after = hours.reach(Measure::WorkingDays, end, before_the_last + nanosecond)?;
        Some((after.checked_sub(nanosecond).ok()?, u32::try_from(days).ok()?))
    }

    /// The first open moment on a later date than this one's.
    fn opening_of_next_date(&self, opening: Timestamp) -> Option<Timestamp> {
        let date = self.date_of(opening);
        let mut after = self.local(date, TimeOfDay::END)?;
        loop {
            let next = self.next_opening(after)?;
            if self.date_of(next) > date {
                return Some(next);
            }
            // A version that took over in a zone further west finds itself on the same date still.
            after = next.checked_add(SignedDuration::from_hours(1)).ok()?;
        }
    }

    /// The local date of a moment in the zone in force.
    fn date_of(&self, at: Timestamp) -> Date {
        self.holding(at).0.date_of(at)
    }

    /// The moment of a local time, in the zone in force at that moment.
    fn local(&self, date: Date, time: TimeOfDay) -> Option<Timestamp> {
        // Any version leads to within a day of the moment; the one that holds there gives it, unless a change comes between.
        let near = self.holding(Timestamp::UNIX_EPOCH).0.moment(date, time)?;
        let moment = self.holding(near).0.moment(date, time)?;
        self.holding(moment).0.moment(date, time)
    }
}

fn within_bounds(from: Timestamp, moment: Timestamp) -> Option<Timestamp> {
    (moment.duration_since(from) <= SEARCH_MAX).then_some(moment)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::calendar::WorkingTime;

    fn hours(zone: &str, weekly: Value, exceptions: Value) -> Arc<WorkingTime> {
        let document = json!({
            "name": "test", "time_zone": zone, "weekly": weekly, "exceptions": exceptions,
        });
        Arc::new(WorkingTime::compile(&serde_json::from_value(document).unwrap()).unwrap())
    }

    fn berlin_office() -> Arc<WorkingTime> {
        let day = json!([{ "from": "09:00", "to": "12:00" }, { "from": "13:00", "to": "17:00" }]);
        let weekly = json!({
            "monday": day, "tuesday": day, "wednesday": day, "thursday": day,
            "friday": [{ "from": "09:00", "to": "14:00" }],
        });
        // Whit Monday 2026.
        hours("Europe/Berlin", weekly, json!([{ "date": "2026-05-25" }]))
    }

    fn berlin() -> CalendarVersions {
        CalendarVersions::new([(1, Timestamp::UNIX_EPOCH, berlin_office())]).unwrap()
    }

    fn at(moment: &str) -> Timestamp {
        moment.parse().unwrap()
    }

    fn time(text: &str) -> Option<TimeOfDay> {
        Some(text.to_owned().try_into().unwrap())
    }

    #[test]
    fn the_next_working_day_ends_with_its_own_last_open_minute() {
        let wednesday = at("2026-05-20T10:00:00+02");
        let end = |days| berlin().on_working_day(wednesday, days, None);
        assert_eq!(end(0), Some(at("2026-05-20T17:00:00+02")));
        assert_eq!(end(1), Some(at("2026-05-21T17:00:00+02")));
        assert_eq!(end(2), Some(at("2026-05-22T14:00:00+02")));
        // The weekend and Whit Monday are no working days.
        assert_eq!(end(3), Some(at("2026-05-26T17:00:00+02")));
    }

    #[test]
    fn what_comes_in_closed_time_counts_from_the_next_opening() {
        let sixteen = |from: &str, days| berlin().on_working_day(at(from), days, time("16:00"));
        // In the evening, at the moment of closing, and on a Saturday; the lunch break is the same day.
        assert_eq!(sixteen("2026-05-20T20:00:00+02", 0), Some(at("2026-05-21T16:00:00+02")));
        assert_eq!(sixteen("2026-05-20T17:00:00+02", 1), Some(at("2026-05-22T16:00:00+02")));
        assert_eq!(sixteen("2026-05-23T08:00:00+02", 0), Some(at("2026-05-26T16:00:00+02")));
        assert_eq!(sixteen("2026-05-20T12:30:00+02", 0), Some(at("2026-05-20T16:00:00+02")));
        // Asked for too late on the same day, the moment is past.
        assert_eq!(sixteen("2026-05-20T16:30:00+02", 0), Some(at("2026-05-20T16:00:00+02")));
    }

    #[test]
    fn calendar_dates_count_closed_ones_too_and_end_at_midnight() {
        let friday = at("2026-05-22T20:00:00+02");
        let on = |days, by| berlin().on_date(friday, days, by);
        assert_eq!(on(0, None), Some(at("2026-05-23T00:00:00+02")));
        assert_eq!(on(2, time("16:00")), Some(at("2026-05-24T16:00:00+02")));
        assert_eq!(on(0, time("08:00")), Some(at("2026-05-22T08:00:00+02")));
    }

    #[test]
    fn a_local_time_in_a_gap_is_the_gaps_end_and_one_that_comes_twice_is_the_first() {
        let on = |from: &str| berlin().on_date(at(from), 1, time("02:30"));
        assert_eq!(on("2026-03-28T12:00:00+01"), Some(at("2026-03-29T03:00:00+02")));
        assert_eq!(on("2026-10-24T12:00:00+02"), Some(at("2026-10-25T02:30:00+02")));
    }

    #[test]
    fn a_date_is_that_of_the_zone_in_force() {
        // 23:00 in Berlin is half past one on the next date in Tehran, and 18:00 in New York.
        let from = at("2026-01-07T23:00:00+01");
        let end = |zone: &str| berlin().in_zone(zone).unwrap().on_date(from, 0, None);
        assert_eq!(end("Europe/Berlin"), Some(at("2026-01-08T00:00:00+01")));
        assert_eq!(end("Asia/Tehran"), Some(at("2026-01-09T00:00:00+03:30")));
        assert_eq!(end("America/New_York"), Some(at("2026-01-08T00:00:00-05")));
        assert!(berlin().in_zone("Asia/Shiraz").is_none());
    }

    #[test]
    fn a_target_is_meant_by_the_version_that_holds_when_it_comes() {
        let day = json!([{ "from": "08:00", "to": "10:00" }]);
        let tehran = hours("Asia/Tehran", json!({ "saturday": day, "tuesday": day }), json!([]));
        let versions = CalendarVersions::new([
            (1, at("2026-01-01T00:00:00Z"), berlin_office()),
            (2, at("2026-01-09T00:00:00Z"), tehran),
        ])
        .unwrap();
        let wednesday = at("2026-01-07T10:00:00+01");
        let end = |days| versions.on_working_day(wednesday, days, None);
        assert_eq!(end(1), Some(at("2026-01-08T17:00:00+01")));
        assert_eq!(end(2), Some(at("2026-01-10T10:00:00+03:30")));
        assert_eq!(end(3), Some(at("2026-01-13T10:00:00+03:30")));
        let noon = versions.on_date(wednesday, 3, time("12:00"));
        assert_eq!(noon, Some(at("2026-01-10T12:00:00+03:30")));
    }

    #[test]
    fn a_change_of_version_within_a_date_leaves_it_one_working_date() {
        let versions = CalendarVersions::new([
            (1, at("2026-01-01T00:00:00Z"), berlin_office()),
            (2, at("2026-01-07T15:00:00+01"), berlin_office()),
        ])
        .unwrap();
        let tuesday = at("2026-01-06T10:00:00+01");
        let end = |days| versions.on_working_day(tuesday, days, None);
        assert_eq!(end(1), Some(at("2026-01-07T17:00:00+01")));
        assert_eq!(end(2), Some(at("2026-01-08T17:00:00+01")));
    }

    /// The n-th working date, found by walking from date to date.
    fn oracle(versions: &CalendarVersions, from: Timestamp, days: u32) -> Option<Date> {
        let mut opening = versions.next_opening(from)?;
        for _ in 0..days {
            opening = versions.opening_of_next_date(opening)?;
        }
        Some(versions.date_of(opening))
    }

    #[test]
    fn many_working_days_lead_to_the_same_date_as_one_after_another() {
        let day = json!([{ "from": "08:00", "to": "10:00" }, { "from": "22:00", "to": "24:00" }]);
        let tehran = hours("Asia/Tehran", json!({ "saturday": day, "tuesday": day }), json!([]));
        let honolulu = Arc::new(berlin_office().in_zone("Pacific/Honolulu").unwrap());
        let versions = CalendarVersions::new([
            (1, at("2026-01-01T00:00:00Z"), berlin_office()),
            (2, at("2026-03-10T11:20:00Z"), tehran),
            (3, at("2026-05-12T21:00:00Z"), honolulu),
            (4, at("2026-05-14T03:00:00Z"), berlin_office()),
        ])
        .unwrap();
        for hour in (0..24 * 40).step_by(7) {
            let from = at("2026-02-20T00:00:00Z") + SignedDuration::from_hours(hour);
            for days in 0..90 {
                let end = versions.on_working_day(from, days, time("12:00")).unwrap();
                let expected =
                    versions.local(oracle(&versions, from, days).unwrap(), time("12:00").unwrap());
                assert_eq!(Some(end), expected, "{days} working days after {from}");
            }
        }
    }

    #[test]
    fn what_lies_beyond_fifty_years_is_none() {
        let from = at("2026-01-07T10:00:00Z");
        assert!(berlin().on_working_day(from, 10_000, None).is_some());
        assert_eq!(berlin().on_working_day(from, 20_000, None), None);
        assert!(berlin().on_date(from, 18_000, None).is_some());
        assert_eq!(berlin().on_date(from, u32::MAX, None), None);
        assert_eq!(berlin().on_date(Timestamp::MAX, 1, None), None);
    }
}
