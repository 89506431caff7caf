//! Every scenario of `fixtures/sla` stands, and every row of its README has one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// Every row of the README; each must be covered.
const ROWS: &str = "selection targets-by-attribute first-response next-response periodic-update \
    wait-and-work ownership keep-in-loop responder six-conditions condition-traps resume-default \
    retroactive relative-due days cycles recurrence calendar-choice calendar-hours \
    two-elapsed-times goal-change hold-arithmetic pending-variants fixed-due-date \
    outside-hours-bonus warnings actions chained-clocks extensions merge-and-move attribution \
    policy-change detection reports daylight-saving calendar-versions late-recorded preset-lgsco \
    preset-scottish preset-nhs preset-banking";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            into.push(path);
        }
    }
}

fn read_policy(path: &str) -> Result<PolicyDocument, String> {
    let text = fs::read_to_string(fixtures().join("..").join(path))
        .map_err(|error| format!("{path}: {error}"))?;
    serde_saphyr::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

fn outcome(scenario: &Scenario) -> Result<(), String> {
    if scenario.why.trim().is_empty() {
        return Err("it shows no sum".to_owned());
    }
    let differences = scenario.check(&read_policy).map_err(|error| error.to_string())?;
    let lines: Vec<_> = differences.iter().map(ToString::to_string).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n    ")) }
}

#[test]
fn every_scenario_stands_and_every_row_has_one() {
    let folder = fixtures().join("sla");
    let mut paths = vec![];
    files(&folder, &mut paths);
    // One scenario alone: SLA_SCENARIO=goal-change cargo test scenario
    let only = std::env::var("SLA_SCENARIO").unwrap_or_default();
    let (mut covered, mut failures) = (BTreeMap::<String, usize>::new(), vec![]);
    for path in &paths {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        if !name.contains(&only) {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        let outcome = serde_saphyr::from_str::<Scenario>(&text)
            .map_err(|error| error.to_string())
            .and_then(|scenario| {
                *covered.entry(scenario.covers.clone()).or_default() += 1;
                outcome(&scenario).map_err(|error| format!("{}\n    {error}", scenario.title))
            });
        if let Err(error) = outcome {
            failures.push(format!("{name}: {error}"));
        }
    }
    println!("{} scenarios: {covered:?}", paths.len());
    let rows: BTreeSet<&str> = ROWS.split_whitespace().collect();
    let unknown = covered.keys().filter(|row| !rows.contains(row.as_str()));
    failures.extend(unknown.map(|row| format!("{row} is no row of the README")));
    if only.is_empty() {
        let missing = rows.iter().filter(|row| !covered.contains_key(**row));
        failures.extend(missing.map(|row| format!("no scenario covers the row {row}")));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A scenario whose single clock is expected to be due at this time, with one line put in place of another.
fn scenario(replaced: &str, by: &str) -> Scenario {
    let text = r#"
title: Four hours on a Friday
policies:
  default:
    calendar: office
    rules: [{name: all, targets: [{metric: resolution, target: 4 working hours}]}]
events:
  - {at: 2026-01-02 10:00, opened: {priority: normal}}
  - {at: 2026-01-02 15:00, resolved: }
expect:
  - at: 2026-01-02 16:00
    clocks:
      resolution-1: {state: breached, due: 2026-01-02 14:00, elapsed: 5h}
    facts:
      resolution-1: [breached, completed_late]
"#;
    assert!(text.contains(replaced), "{replaced}");
    serde_saphyr::from_str(&text.replace(replaced, by)).unwrap()
}

#[test]
fn what_is_otherwise_than_expected_is_told_as_the_scenario_writes_it() {
    let differences = |replaced, by| {
        let found = scenario(replaced, by).check(&read_policy).unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(differences("office", "office"), Vec::<String>::new());
    for (replaced, by, expected) in [
        (
            "due: 2026-01-02 14:00",
            "due: 2026-01-02 13:00",
            r#"2026-01-02 16:00 resolution-1 due: found "2026-01-02 14:00", expected "2026-01-02 13:00""#,
        ),
        (
            "elapsed: 5h",
            "elapsed: 4h 30m",
            r#"2026-01-02 16:00 resolution-1 elapsed: found "5h", expected "4h 30m""#,
        ),
        (
            "resolution-1: {",
            "resolution-2: {",
            r#"2026-01-02 16:00 clocks: found ["resolution-1"], expected ["resolution-2"]"#,
        ),
        (
            "[breached, completed_late]",
            "[met]",
            r#"2026-01-02 16:00 resolution-1 facts: found ["breached","completed_late"], expected ["met"]"#,
        ),
    ] {
        assert_eq!(differences(replaced, by), [expected]);
    }
}

#[test]
fn what_cannot_be_understood_is_named_by_its_field() {
    let error = |replaced, by| scenario(replaced, by).check(&read_policy).unwrap_err().to_string();
    for (replaced, by, expected) in [
        ("resolved: }", "solved: }", "events[1].solved: no event has this name"),
        ("resolved: }", "held: lunch}", "events[1].held: unknown variant `lunch`"),
        ("at: 2026-01-02 15:00, ", "", "events[1]: `at` is missing"),
        ("2026-01-02 15:00", "Friday", "events[1].at: \"Friday\" is no time"),
        ("opened: {priority: normal}", "response: ", "events: a case begins with `opened`"),
        ("{priority: normal}", "{priority: 7}", "events[0].opened.priority: "),
        ("elapsed: 5h", "elapsed: 5", "expect[0].clocks.resolution-1.elapsed: 5 is no duration"),
        ("elapsed: 5h", "age: 5h", "expect[0].clocks.resolution-1.age: no field of a clock"),
        ("4 working hours", "4 hours", "policies.default: \"4 hours\" is ambiguous"),
        ("name: all", "name: ''", "policies.default: rules[0].name: "),
        ("title: ", "time_zone: Europe/Rotterdam\ntitle: ", "time_zone: "),
        (
            "title: ",
            "calendars: {my/desk: {time_zone: UTC, weekly: {}}}\ntitle: ",
            "calendars.my/desk: ",
        ),
    ] {
        let found = error(replaced, by);
        assert!(found.starts_with(expected), "{found}");
    }
}
