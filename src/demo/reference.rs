//! Reference data of the demo: the hours, the promises, the units and their staff.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::{CalendarDocument, WorkingTime};
use parvandeh_domain::case::{CaseKind, Channel, Priority};
use parvandeh_domain::id::{CalendarId, CategoryId, PolicyId};
use parvandeh_domain::policy::{MatchedAttributes, Metric, PolicyDocument};
use serde_json::{Value, json};

/// The units of the demo's organisation.
pub const UNITS: [&str; 5] =
    ["customer-care", "technical", "finance", "public-relations", "card-services"];

/// How many agents each unit has.
pub const STAFF_PER_UNIT: usize = 3;

/// The category of matters that are not the organisation's: nothing is promised for them.
pub(super) const MISDIRECTED: &str = "misdirected";

/// The agents of a unit: `agent-1` to `agent-3` are of the first unit, and so on. Empty for a unit that the demo lacks.
pub fn staff_of(unit: &str) -> Vec<String> {
    let Some(index) = UNITS.iter().position(|known| *known == unit) else { return vec![] };
    (1..=STAFF_PER_UNIT).map(|place| format!("agent-{}", index * STAFF_PER_UNIT + place)).collect()
}

/// The calendars `tehran` and `always`.
pub(super) fn calendars(now: Timestamp) -> Vec<(CalendarId, CalendarDocument, Timestamp)> {
    let id = |text: &str| CalendarId::new(text).expect("the code is written here and short");
    let from = effective_from(now);
    vec![(id("tehran"), tehran(now), from), (id("always"), always(), from)]
}

/// The policy `default`.
pub(super) fn policies(now: Timestamp) -> Vec<(PolicyId, PolicyDocument, Timestamp)> {
    let id = PolicyId::new("default").expect("the code is written here and short");
    vec![(id, policy(), effective_from(now))]
}

/// A month before the first case.
fn effective_from(now: Timestamp) -> Timestamp {
    now - SignedDuration::from_hours(24 * 90)
}

/// The organisation's time zone.
const TIME_ZONE: &str = "Asia/Tehran";

/// The time zone in which the demo's organisation works.
pub fn time_zone() -> TimeZone {
    TimeZone::get(TIME_ZONE).unwrap_or(TimeZone::UTC)
}

/// Office hours in Tehran. The dates that differ lie at fixed distances from now, so that every demo shows some.
fn tehran(now: Timestamp) -> CalendarDocument {
    let day = json!([{ "from": "08:00", "to": "16:00" }]);
    let half = json!([{ "from": "08:00", "to": "12:30" }]);
    let exception = |days: i64, name: &str, intervals: Value| json!({ "date": date(now, days), "name": name, "intervals": intervals });
    let document = json!({
        "name": "ساعت کاری تهران",
        "time_zone": TIME_ZONE,
        "week_starts_on": "saturday",
        "weekly": {
            "saturday": day, "sunday": day, "monday": day, "tuesday": day, "wednesday": day,
            "thursday": half,
        },
        "exceptions": [
            exception(-45, "تعطیل رسمی", json!([])),
            exception(-31, "نیمهٔ دوم روز: آموزش کارکنان", half),
            exception(-17, "تعطیل رسمی", json!([])),
            exception(-16, "تعطیل رسمی", json!([])),
            exception(12, "تعطیل رسمی", json!([])),
        ],
    });
    serde_json::from_value(document).expect("the calendar is written here and tested")
}

fn always() -> CalendarDocument {
    let day = json!([{ "from": "00:00", "to": "24:00" }]);
    let document = json!({
        "name": "شبانه‌روزی",
        "time_zone": TIME_ZONE,
        "week_starts_on": "saturday",
        "weekly": {
            "saturday": day, "sunday": day, "monday": day, "tuesday": day, "wednesday": day,
            "thursday": day, "friday": day,
        },
    });
    serde_json::from_value(document).expect("the calendar is written here and tested")
}

/// The date in UTC so many days from now: near enough for days that mean nothing.
fn date(now: Timestamp, days: i64) -> Date {
    let moment = now + SignedDuration::from_hours(24 * days);
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn policy() -> PolicyDocument {
    let targets = |calendar: &str, first_response: &str, resolution: &str| {
        json!([
            { "metric": "first_response", "target": first_response, "calendar": calendar },
            { "metric": "resolution", "target": resolution, "calendar": calendar },
            { "metric": "due_date", "calendar": calendar },
        ])
    };
    let document = json!({
        "name": "سطح خدمت · Service levels",
        "rules": [
            { "name": "misdirected", "when": { "category": [MISDIRECTED] }, "targets": [] },
            {
                "name": "media inquiries",
                "when": { "kind": ["media_inquiry"] },
                "targets": targets("always", "PT1H", "PT24H"),
            },
            {
                "name": "urgent incidents",
                "when": { "kind": ["incident"], "priority": ["urgent", "high"] },
                "targets": targets("always", "PT30M", "PT8H"),
            },
            {
                "name": "urgent",
                "when": { "priority": ["urgent"] },
                "targets": targets("tehran", "PT1H", "PT8H"),
            },
            {
                "name": "high",
                "when": { "priority": ["high"] },
                "targets": targets("tehran", "PT2H", "PT16H"),
            },
            {
                "name": "opinions",
                "when": { "kind": ["suggestion", "criticism", "praise"] },
                "targets": targets("tehran", "PT8H", "PT80H"),
            },
            {
                "name": "normal",
                "when": { "priority": ["normal"] },
                "targets": targets("tehran", "PT4H", "PT24H"),
            },
            { "name": "low", "targets": targets("tehran", "PT8H", "PT40H") },
        ],
    });
    serde_json::from_value(document).expect("the policy is written here and tested")
}

/// The hours and promises, ready to be counted with.
pub(super) struct Reference {
    tehran: WorkingTime,
    always: WorkingTime,
    policy: PolicyDocument,
}

/// What is promised for a case, and the hours in which it is counted.
#[derive(Clone, Copy)]
pub(super) struct Promise<'a> {
    pub(super) hours: &'a WorkingTime,
    pub(super) first_response: SignedDuration,
    pub(super) resolution: SignedDuration,
}

impl Reference {
    pub(super) fn new(now: Timestamp) -> Self {
        let compile = |document| WorkingTime::compile(&document).expect("the calendars are tested");
        Self { tehran: compile(tehran(now)), always: compile(always()), policy: policy() }
    }

    /// Office hours in Tehran.
    pub(super) fn office(&self) -> &WorkingTime {
        &self.tehran
    }

    /// All hours: for people on duty.
    pub(super) fn always(&self) -> &WorkingTime {
        &self.always
    }

    /// What the policy promises for a case that was opened so.
    pub(super) fn promise(
        &self,
        kind: CaseKind,
        category: Option<&CategoryId>,
        priority: Priority,
        channel: Channel,
    ) -> Promise<'_> {
        let attributes = MatchedAttributes {
            kind: Some(kind),
            category,
            priority: Some(priority),
            channel: Some(channel),
            ..MatchedAttributes::default()
        };
        let rule = self.policy.first_match(&attributes);
        let target = |metric: Metric| rule.and_then(|rule| rule.target(metric.as_str()));
        let duration = |metric, otherwise_h| {
            let goal = target(metric).and_then(|target| target.goal()?.amount());
            goal.map_or(SignedDuration::from_hours(otherwise_h), |amount| amount.duration)
        };
        let calendar = target(Metric::Resolution).and_then(|target| target.calendar.as_ref());
        Promise {
            hours: match calendar.map(CalendarId::as_str) {
                Some("always") => &self.always,
                _ => &self.tehran,
            },
            first_response: duration(Metric::FirstResponse, 8),
            resolution: duration(Metric::Resolution, 40),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendars_and_the_policy_are_valid_and_know_each_other() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let calendars = calendars(now);
        for (_, document, _) in &calendars {
            assert_eq!(document.validate(), Ok(()));
        }
        for (_, document, _) in policies(now) {
            assert_eq!(document.validate(), Ok(()));
            let known = |id: &CalendarId| calendars.iter().any(|(known, ..)| known == id);
            assert!(document.calendars().iter().all(known));
        }
    }

    #[test]
    fn the_office_is_closed_on_fridays_and_on_thursday_afternoons() {
        let office = Reference::new("2026-11-21T10:00:00Z".parse().unwrap());
        let open = |moment: &str| office.office().is_open(moment.parse().unwrap());
        assert!(open("2026-11-19T12:00:00+03:30"), "a Thursday at noon");
        assert!(!open("2026-11-19T13:00:00+03:30"), "a Thursday afternoon");
        assert!(!open("2026-11-20T10:00:00+03:30"), "a Friday");
        assert!(open("2026-11-21T10:00:00+03:30"), "a Saturday");
    }

    #[test]
    fn no_agent_belongs_to_two_units() {
        let all: Vec<String> = UNITS.iter().flat_map(|unit| staff_of(unit)).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), UNITS.len() * STAFF_PER_UNIT);
        assert!(staff_of("elsewhere").is_empty());
    }
}
