use serde_json::json;

use super::*;
use crate::{id::CategoryId, policy::MatchedAttributes};

fn document(json: serde_json::Value) -> PolicyDocument {
    serde_json::from_value(json).unwrap()
}

/// A policy with one rule for all cases and this target.
fn with_target(target: serde_json::Value) -> PolicyDocument {
    document(json!({ "name": "any", "rules": [{ "name": "all", "targets": [target] }] }))
}

fn traps(document: &PolicyDocument) -> Vec<String> {
    let problems = document.validate().err().unwrap_or_default();
    problems.into_iter().filter_map(|problem| problem.code).map(Into::into).collect()
}

fn two_rules() -> PolicyDocument {
    document(json!({
        "name": "رسیدگی به شکایت",
        "rules": [
            {
                "name": "urgent complaints",
                "when": { "kind": ["complaint"], "category": ["billing"], "priority": ["high", "urgent"] },
                "targets": [{
                    "metric": "resolution", "target": "4 working hours", "calendar": "office",
                    "pause_on": ["awaiting_customer"],
                }],
            },
            { "name": "letters", "when": { "channel": ["letter"] }, "targets": [{ "metric": "due_date" }] },
        ],
    }))
}

#[test]
fn a_policy_reads_and_writes_the_same_json() {
    let document = two_rules();
    assert_eq!(document.validate(), Ok(()));
    let json = serde_json::to_value(&document).unwrap();
    assert_eq!(json["rules"][0]["targets"][0]["target"], "4 working hours");
    assert_eq!(serde_json::from_value::<PolicyDocument>(json).unwrap(), document);
}

#[test]
fn the_first_rule_whose_lists_all_match_governs() {
    let (document, billing) = (two_rules(), CategoryId::new("billing").unwrap());
    let name = |attributes| document.first_match(&attributes).map(|rule| rule.name.as_str());
    let complaint = MatchedAttributes {
        kind: Some(CaseKind::Complaint),
        category: Some(&billing),
        priority: Some(Priority::Urgent),
        channel: Some(Channel::Letter),
        ..MatchedAttributes::default()
    };
    assert_eq!(name(complaint), Some("urgent complaints"));
    let normal = MatchedAttributes { priority: Some(Priority::Normal), ..complaint };
    assert_eq!(name(normal), Some("letters"));
    let by_phone = MatchedAttributes { channel: Some(Channel::Phone), ..normal };
    assert_eq!(name(by_phone), None);
}

#[test]
fn an_attribute_that_the_case_lacks_does_not_match_a_list() {
    assert_eq!(two_rules().first_match(&MatchedAttributes::default()), None);
    let all = document(json!({ "name": "all", "rules": [{ "name": "all", "targets": [] }] }));
    assert!(all.first_match(&MatchedAttributes::default()).is_some());
}

#[test]
fn each_problem_names_its_field() {
    let document = document(json!({
        "name": "",
        "agreement": "o-l-a",
        "rules": [
            {
                "name": "all", "when": {},
                "targets": [
                    { "metric": "resolution", "target": "PT0S" },
                    { "metric": "resolution", "target": "PT1H", "clock": "two words" },
                    { "metric": "resolution", "target": "PT1H", "time_zone": "Asia/Shiraz" },
                    { "metric": "due_date", "target": "PT1H" },
                ],
            },
            { "name": "all", "when": { "kind": [] }, "targets": [] },
        ],
    }));
    let problems = document.validate().unwrap_err();
    let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "name",
            "agreement",
            "rules[0].targets[0].target",
            "rules[0].targets[1].clock",
            "rules[0].targets[2].metric",
            "rules[0].targets[2].time_zone",
            "rules[0].targets[3].target",
            "rules[1].name",
            "rules[1]",
            "rules[1].when.kind",
        ]
    );
}

#[test]
fn each_trap_is_explained_by_its_name() {
    let custom = |start: &str, pause: serde_json::Value, stop: &str| {
        json!({
            "metric": "custom", "target": "1 working hours", "start": start, "pause": pause, "stop": stop,
        })
    };
    let never: serde_json::Value = json!([]);
    for (target, trap) in [
        (custom("resolved", never.clone(), "resolved"), "never_starts"),
        (custom("closed", never.clone(), "resolved"), "never_starts"),
        (json!({ "metric": "custom", "start": "opened" }), "never_stops"),
        (custom("opened", json!("held"), "resolved"), "pause_without_resume"),
        (
            json!({
                "metric": "custom", "stop": "resolved", "start": { "priority": ["high"] },
                "pause": { "priority": ["high", "urgent"] },
            }),
            "always_paused",
        ),
        (
            json!({ "metric": "resolution", "target": { "date": 1 }, "pause_on": ["other"] }),
            "moment_with_pause",
        ),
        (
            json!({ "metric": "custom", "stop": "resolved", "start": { "clock_stopped": "x" } }),
            "unknown_clock",
        ),
        (
            json!({ "metric": "custom", "stop": "resolved", "start": { "clock_stopped": "custom" } }),
            "unknown_clock",
        ),
        (
            json!({ "metric": "resolution", "target": "1 working hour", "warn_at": ["100 %"] }),
            "warning_never_comes",
        ),
        (
            json!({ "metric": "resolution", "target": "1 working day", "warn_at": ["1 working hour before"] }),
            "unit_differs",
        ),
        (
            json!({
                "metric": "resolution", "target": "1 working day",
                "extension": { "amount": "1 elapsed day", "most": 1 },
            }),
            "unit_differs",
        ),
    ] {
        assert_eq!(traps(&with_target(target.clone())), [trap], "{target}");
    }
}

#[test]
fn every_metric_is_free_of_traps() {
    for metric in Metric::ALL.iter().filter(|metric| **metric != Metric::Custom) {
        let document = with_target(json!({ "metric": metric }));
        assert_eq!(document.validate(), Ok(()), "{metric}");
    }
}

#[test]
fn a_rule_is_never_reached_behind_one_that_matches_more() {
    let rules = |first: serde_json::Value| {
        document(json!({
            "name": "any",
            "rules": [
                { "name": "first", "when": first, "targets": [] },
                { "name": "second", "when": { "priority": ["high"], "kind": ["complaint"] }, "targets": [] },
            ],
        }))
    };
    assert_eq!(traps(&rules(json!({ "priority": ["high", "urgent"] }))), ["never_reached"]);
    assert_eq!(traps(&rules(json!({ "priority": ["urgent"] }))), [] as [&str; 0]);
    assert_eq!(traps(&rules(json!({ "channel": ["email"] }))), [] as [&str; 0]);
}

#[test]
fn a_value_that_no_rule_names_is_warned_of() {
    let document = document(json!({
        "name": "any",
        "rules": [{ "name": "some", "when": { "priority": ["high", "urgent", "normal"] }, "targets": [] }],
    }));
    let warnings = document.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].message.contains("priority low"), "{}", warnings[0].message);
}

#[test]
fn a_policy_lists_the_calendars_it_counts_in() {
    let document = document(json!({
        "name": "any", "calendar": "office", "unit_calendars": { "field": "depot" },
        "rules": [{ "name": "all", "targets": [{ "metric": "resolution", "calendar": "late" }] }],
    }));
    let ids = |document: &PolicyDocument| -> Vec<String> {
        document.calendars().into_iter().map(Into::into).collect()
    };
    assert_eq!(ids(&document), ["depot", "late", "office"]);
    let falls_back = with_target(json!({ "metric": "resolution", "target": "1 working day" }));
    assert_eq!(ids(&falls_back), ["default"]);
    let wall_clock = with_target(json!({ "metric": "resolution", "target": "1 elapsed day" }));
    assert_eq!(ids(&wall_clock), [] as [&str; 0]);
}
