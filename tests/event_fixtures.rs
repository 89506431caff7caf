//! Every shape in which an event was ever stored can be read, and what is written today keeps the published schema.

use std::path::{Path, PathBuf};

use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::log::{DomainEvent, schemas};
use parvandeh_domain::{
    access, account, attachment, calendar, card, case, customer, fee, payment, policy, redress,
    segmentation, sign_in, sla, unit,
};
use serde_json::Value;

const ID: &str = "0198c1f0-5d7e-7c3a-9b1e-2f4a6c8e0d12";

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn json(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A stream in which an event of this type may stand.
fn stream_of(name: &str) -> String {
    let has = |types: &[parvandeh_domain::event::EventType]| types.iter().any(|t| t.name == name);
    let category = match name {
        _ if has(case::CaseEvent::TYPES) => "case",
        _ if has(customer::CustomerEvent::TYPES) => "customer",
        _ if has(attachment::AttachmentEvent::TYPES) => "attachment",
        _ if has(sla::SlaEvent::TYPES) => "clock",
        _ if has(account::AccountEvent::TYPES) => "account",
        _ if has(redress::RedressEvent::TYPES) => "redress",
        _ if has(fee::FeeEvent::TYPES) => "fee",
        _ if has(payment::PaymentEvent::TYPES) => "payment",
        _ if has(policy::PolicyEvent::TYPES) => return "policy-standard".to_owned(),
        _ if has(access::AccessEvent::TYPES) => return "access-2026-03-21".to_owned(),
        _ if has(calendar::CalendarEvent::TYPES) => return "calendar-office".to_owned(),
        _ if has(segmentation::SegmentationEvent::TYPES) => {
            return "segmentation-default".to_owned();
        }
        _ if has(card::CardEvent::TYPES) => "card",
        _ if has(sign_in::SignInEvent::TYPES) => "signin",
        _ if has(unit::UnitEvent::TYPES) => return "unit-Customer+contact".to_owned(),
        _ => panic!("{name} belongs to no aggregate"),
    };
    format!("{category}-{ID}")
}

fn encoded(event: &DomainEvent) -> Value {
    let json = match event {
        DomainEvent::Case(_, event) => event.to_json(),
        DomainEvent::Customer(_, event) => event.to_json(),
        DomainEvent::Clock(_, event) => event.to_json(),
        DomainEvent::Policy(_, event) => event.to_json(),
        DomainEvent::Segmentation(_, event) => event.to_json(),
        DomainEvent::Calendar(_, event) => event.to_json(),
        DomainEvent::Attachment(_, event) => event.to_json(),
        DomainEvent::Access(_, event) => event.to_json(),
        DomainEvent::Account(_, event) => event.to_json(),
        DomainEvent::Redress(_, event) => event.to_json(),
        DomainEvent::Fee(_, event) => event.to_json(),
        DomainEvent::Payment(_, event) => event.to_json(),
        DomainEvent::Card(_, event) => event.to_json(),
        DomainEvent::SignIn(_, event) => event.to_json(),
        DomainEvent::Unit(_, event) => event.to_json(),
    };
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn every_version_of_every_event_has_a_fixture_that_reads_and_keeps_the_schema_when_written() {
    let mut checked = 0;
    for (latest, _) in schemas() {
        let file = format!("schema/events/{}.v{}.json", latest.name, latest.version);
        let schema = json(&path(&file));
        for version in 1..=latest.version {
            let file = path(&format!("fixtures/events/{}/v{version}.json", latest.name));
            let fixture = json(&file);
            let stored = serde_json::to_vec(&fixture).unwrap();
            let event = DomainEvent::decode(&stream_of(latest.name), latest.name, version, &stored)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert_eq!(event.event_type(), latest);
            let written = encoded(&event);
            check(&written, &schema, &schema, latest.name);
            if version == latest.version {
                check(&fixture, &schema, &schema, latest.name);
                assert_eq!(written, fixture, "{}: something was lost", file.display());
            }
            checked += 1;
        }
    }
    println!("{checked} fixtures");
    let files = std::fs::read_dir(path("fixtures/events")).unwrap().flatten();
    let found: usize = files.map(|type_| std::fs::read_dir(type_.path()).unwrap().count()).sum();
    assert_eq!(found, checked, "a fixture belongs to no event");
}

#[test]
fn what_breaks_the_schema_is_found() {
    let schema = json(&path("schema/events/CaseOpened.v1.json"));
    let whole = json(&path("fixtures/events/CaseOpened/v1.json"));
    let breaks = |change: &dyn Fn(&mut Value)| {
        let mut broken = whole.clone();
        change(&mut broken);
        std::panic::catch_unwind(|| check(&broken, &schema, &schema, "CaseOpened")).is_err()
    };
    assert!(!breaks(&|_| {}));
    assert!(breaks(&|event| drop(event.as_object_mut().unwrap().remove("kind"))));
    assert!(breaks(&|event| event["kind"] = "parcel".into()));
    assert!(breaks(&|event| event["subject"] = 7.into()));
    assert!(breaks(&|event| event["due_at"] = "tomorrow".into()));
}

/// Checks a value against the part of JSON Schema that the published schemas use; a keyword that it does not know fails, so that
/// nothing passes unread.
fn check(value: &Value, schema: &Value, root: &Value, place: &str) {
    problem(value, schema, root, place).unwrap_or_else(|problem| panic!("{problem}"));
}

fn problem(value: &Value, schema: &Value, root: &Value, place: &str) -> Result<(), String> {
    let ensure =
        |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{place}: {what}")) };
    let Some(keywords) = schema.as_object() else {
        return ensure(schema == &Value::Bool(true), "nothing is allowed here");
    };
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => {}
            // Says what happens to the value, not how it looks.
            "x-personal" => {}
            "$ref" => {
                let definition = rule.as_str().unwrap().strip_prefix('#').unwrap();
                problem(value, root.pointer(definition).expect("the definition"), root, place)?;
            }
            "type" => {
                let found = type_of(value);
                let fits = |name: &Value| name == found || (name == "number" && found == "integer");
                let fits =
                    rule.as_array().map_or_else(|| fits(rule), |names| names.iter().any(fits));
                ensure(fits, &format!("{value} is not {rule}"))?;
            }
            "const" => ensure(value == rule, &format!("{value} is not {rule}"))?,
            "enum" => ensure(rule.as_array().unwrap().contains(value), &value.to_string())?,
            "minimum" => {
                let least = rule.as_f64().unwrap();
                ensure(value.as_f64().is_none_or(|number| number >= least), "too little")?;
            }
            "maximum" => {
                let most = rule.as_f64().unwrap();
                ensure(value.as_f64().is_none_or(|number| number <= most), "too much")?;
            }
            "minLength" => {
                let length = value.as_str().map(|text| text.chars().count() as u64);
                let least = rule.as_u64().unwrap();
                ensure(length.is_none_or(|length| length >= least), "too short")?;
            }
            "maxLength" => {
                let length = value.as_str().map(|text| text.chars().count() as u64);
                let most = rule.as_u64().unwrap();
                ensure(length.is_none_or(|length| length <= most), "too long")?;
            }
            "anyOf" | "oneOf" => {
                let rules = rule.as_array().unwrap();
                let tried = rules.iter().map(|rule| problem(value, rule, root, place));
                let misfits: Vec<String> = tried.filter_map(Result::err).collect();
                let fits = rules.len() - misfits.len();
                let enough = fits == 1 || (fits > 1 && keyword == "anyOf");
                ensure(enough, &format!("{value} fits {fits} of {}: {misfits:?}", rules.len()))?;
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        problem(value, rule, root, &format!("{place}.{name}"))?;
                    }
                }
            }
            "required" if value.is_object() => {
                for name in rule.as_array().unwrap() {
                    let is_there = value.get(name.as_str().unwrap()).is_some();
                    ensure(is_there, &format!("no {name}"))?;
                }
            }
            "required" => {}
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_none_or(|known| !known.contains_key(name)) {
                        problem(value, rule, root, &format!("{place}.{name}"))?;
                    }
                }
            }
            "uniqueItems" => {
                let items: Vec<&Value> = value.as_array().into_iter().flatten().collect();
                let twice = |(n, item): (usize, &&Value)| items[..n].contains(item);
                ensure(!items.iter().enumerate().any(twice), "an item stands twice")?;
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    problem(value, rule, root, &format!("{place}[{index}]"))?;
                }
            }
            "format" => {
                if let Some(text) = value.as_str() {
                    let is_well_formed = match rule.as_str().unwrap() {
                        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
                        "date" => text.parse::<jiff::civil::Date>().is_ok(),
                        "duration" => text.parse::<jiff::SignedDuration>().is_ok(),
                        "uuid" => text.parse::<uuid::Uuid>().is_ok(),
                        other => panic!("{place}: the check does not know the format {other}"),
                    };
                    ensure(is_well_formed, &format!("{text} is no {rule}"))?;
                } else if let Some(number) = value.as_u64() {
                    let fits = match rule.as_str().unwrap() {
                        "uint64" => true,
                        "int64" => i64::try_from(number).is_ok(),
                        "uint32" => u32::try_from(number).is_ok(),
                        "uint8" => u8::try_from(number).is_ok(),
                        other => panic!("{place}: the check does not know the format {other}"),
                    };
                    ensure(fits, &format!("{number} is no {rule}"))?;
                }
            }
            "pattern" => {
                // The only patterns are those of small texts, whose own types check them when they are read.
                let is_known =
                    ["Amount", "ClockKey", "JalaliDate", "MonthDay", "Threshold", "TimeOfDay"]
                        .iter()
                        .any(|name| root["$defs"][name]["pattern"] == *rule);
                let is_currency = rule == "^[A-Z]{3}$";
                let is_subject = rule == "^(customer|case)-[0-9a-f-]{36}$";
                assert!(
                    is_known || is_subject || is_currency,
                    "{place}: the check does not know the pattern {rule}"
                );
            }
            other => panic!("{place}: the check does not know the keyword {other}"),
        }
    }
    Ok(())
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
