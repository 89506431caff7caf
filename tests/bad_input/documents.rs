//! Policies and calendars: the documents that administrators write.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::world::{World, with};
use super::{Expected, Row};

pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut rows = calendars(world);
    rows.extend(policies(world));
    rows
}

fn calendars(world: &World) -> Vec<Row> {
    let good = json!({
        "name": "پشتیبانی", "time_zone": "Asia/Tehran",
        "weekly": { "saturday": [{ "from": "08:00", "to": "16:00" }] },
    });
    let row = |name: String, document: Value, expected| {
        let input = json!({ "id": "office", "document": document });
        Row::new(name, world.mutate_as(Role::Admin, "publishCalendar", input), expected)
    };
    let day = |intervals: Value| json!({ "weekly": { "saturday": intervals } });
    let bad = [
        ("no zone of ours", json!({ "time_zone": "Asia/Shiraz" })),
        ("an empty zone", json!({ "time_zone": "" })),
        ("a zone that is a path", json!({ "time_zone": "../../etc/passwd" })),
        ("an empty name", json!({ "name": " " })),
        ("a name of NUL", json!({ "name": "\u{0}" })),
        ("an unknown key", json!({ "holidays": [] })),
        ("an unknown weekday", json!({ "weekly": { "saturnday": [] } })),
        ("no working time", json!({ "weekly": {} })),
        (
            "hours that overlap",
            day(json!([{ "from": "08:00", "to": "12:00" }, { "from": "11:00", "to": "13:00" }])),
        ),
        ("hours backwards", day(json!([{ "from": "22:00", "to": "06:00" }]))),
        ("hours of no length", day(json!([{ "from": "08:00", "to": "08:00" }]))),
        ("Persian digits", day(json!([{ "from": "۰۸:۰۰", "to": "۱۶:۰۰" }]))),
        ("a time of 25 o'clock", day(json!([{ "from": "08:00", "to": "25:00" }]))),
        (
            "an unknown key in an interval",
            day(json!([{ "from": "08:00", "to": "09:00", "lunch": true }])),
        ),
        ("hours that are a number", day(json!(8))),
        ("too many intervals", day(json!(vec![json!({ "from": "08:00", "to": "09:00" }); 17]))),
        (
            "a date twice",
            json!({ "exceptions": [{ "date": "2026-03-21" }, { "date": "2026-03-21" }] }),
        ),
        ("a 30 February", json!({ "exceptions": [{ "date": "2026-02-30" }] })),
        ("a year of long ago", json!({ "exceptions": [{ "date": "1405-01-01" }] })),
        ("an exception without a day", json!({ "exceptions": [{ "name": "x" }] })),
        ("a 31 Mehr", json!({ "exceptions": [{ "jalali": "1405-07-31" }] })),
        (
            "a day of every Julian year",
            json!({ "exceptions": [{ "every": { "julian": "12-25" } }] }),
        ),
        (
            "a day that no year has",
            json!({ "exceptions": [{ "every": { "gregorian": "02-30" } }] }),
        ),
        ("a null for a list", json!({ "weekly": null })),
    ];
    let refused = Expected::User("CALENDAR_INVALID", Some("document"));
    let mut rows: Vec<Row> = bad
        .into_iter()
        .map(|(name, changes)| {
            let expected = Expected::User("CALENDAR_INVALID", Some("document"));
            row(format!("a calendar with {name}"), with(good.clone(), changes), expected)
        })
        .collect();
    rows.extend([json!([]), json!("x"), json!(null), json!({})].map(|document| {
        let expected = match document {
            Value::Null => Expected::Refused("GRAPHQL_VALIDATION_FAILED"),
            _ => Expected::User("CALENDAR_INVALID", Some("document")),
        };
        row(format!("a calendar of {document}"), document, expected)
    }));
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    rows.push(row("a calendar of forty lists".to_owned(), deep, refused));
    rows.push(row(
        "a good calendar".to_owned(),
        good,
        Expected::Done("/data/publishCalendar/userErrors", json!([])),
    ));
    rows
}

/// After the good calendar of the rows before.
fn policies(world: &World) -> Vec<Row> {
    let target = json!({ "metric": "resolution", "target": "PT8H", "calendar": "office" });
    let rule = json!({ "name": "all", "targets": [target] });
    let good = json!({ "name": "رسیدگی", "rules": [rule] });
    let row = |name: String, document: Value, code| {
        let input = json!({ "id": "standard", "document": document });
        let expected = Expected::User(code, Some("document"));
        Row::new(name, world.mutate_as(Role::Admin, "publishPolicy", input), expected)
    };
    let with_target = |changes: Value| json!({ "rules": [with(rule.clone(), json!({ "targets": [with(target.clone(), changes)] }))] });
    let with_rule = |changes: Value| json!({ "rules": [with(rule.clone(), changes)] });
    let bad = [
        ("no rules", json!({ "rules": [] })),
        ("an empty name", json!({ "name": "" })),
        ("an unknown key", json!({ "owner": "x" })),
        ("an unknown key in a rule", with_rule(json!({ "colour": 1 }))),
        ("an unknown condition", with_rule(json!({ "when": { "weather": ["rain"] } }))),
        ("an unknown kind", with_rule(json!({ "when": { "kind": ["rant"] } }))),
        ("an empty condition", with_rule(json!({ "when": { "kind": [] } }))),
        ("a category that is no code", with_rule(json!({ "when": { "category": [""] } }))),
        ("a metric twice", with_rule(json!({ "targets": [target, target] }))),
        ("a rule twice", json!({ "rules": [rule, rule] })),
        ("too many rules", json!({ "rules": vec![rule.clone(); 201] })),
        ("an unknown metric", with_target(json!({ "metric": "happiness" }))),
        ("an amount in days of no sort", with_target(json!({ "target": "3 days" }))),
        (
            "a moment that pauses",
            with_target(json!({ "target": { "date": 1 }, "pause_on": ["other"] })),
        ),
        ("a clock that never starts", with_target(json!({ "start": "resolved" }))),
        ("a pause that nothing ends", with_target(json!({ "pause": "held" }))),
        ("a warning that never comes", with_target(json!({ "warn_at": ["120 %"] }))),
        ("a target of nothing", with_target(json!({ "target": "PT0S" }))),
        ("a target backwards", with_target(json!({ "target": "-PT8H" }))),
        ("a target of ages", with_target(json!({ "target": "PT99999999H" }))),
        ("a target in words", with_target(json!({ "target": "eight hours" }))),
        ("a target in days", with_target(json!({ "target": "P1M" }))),
        ("a target in Persian digits", with_target(json!({ "target": "PT۸H" }))),
        ("a target that is a number", with_target(json!({ "target": 8 }))),
        ("a due date with a target", with_target(json!({ "metric": "due_date" }))),
        ("an unknown reason to pause", with_target(json!({ "pause_on": ["rain"] }))),
        (
            "reasons to pause four times",
            with_target(json!({ "pause_on": ["other", "other", "other", "other"] })),
        ),
    ];
    let mut rows: Vec<Row> = bad
        .into_iter()
        .map(|(name, changes)| {
            row(format!("a policy with {name}"), with(good.clone(), changes), "POLICY_INVALID")
        })
        .collect();
    for (name, calendar) in [
        ("a policy with an unknown calendar", json!("moon")),
        ("a policy with no calendar, and no default one", Value::Null),
    ] {
        let changes = with_target(json!({ "calendar": calendar }));
        rows.push(row(name.to_owned(), with(good.clone(), changes), "CALENDAR_UNKNOWN"));
    }
    rows.push(row("a policy of a list".to_owned(), json!([]), "POLICY_INVALID"));
    rows
}
