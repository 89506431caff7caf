//! The commands below `parvandeh sla`, as people run them: the built program, its output and its exit code.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use jiff::Timestamp;
use parvandeh::certificate::digest;
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh_domain::case::command::{HoldCase, OpenCase, ReopenCase, ResolveCase};
use parvandeh_domain::case::{CaseCommand, CaseKind, Channel, HoldReason, Outcome, Priority};
use parvandeh_domain::id::{CaseId, UnitId};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::certificate::Certificate;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::System;
use crate::harness::work::{metadata, numbered_case, on_case, publish_calendar, publish_policy};

const DONE: i32 = 0;
const FAILED: i32 = 1;
const NOT_FOUND: i32 = 6;

fn sla(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
    command.arg("sla").args(arguments).env("LC_ALL", "C.UTF-8").output().unwrap()
}

/// What was printed, after a run that ended so.
#[track_caller]
fn printed(arguments: &[&str], exit: i32) -> String {
    let output = sla(arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}{error}");
    if said.is_empty() { error } else { said }
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn at(moment: &str) -> Timestamp {
    moment.parse().unwrap()
}

/// A data directory with one case: two working hours were promised on a Saturday in Tehran, it waited for the customer from 09:00 to 11:00,
/// and was resolved on the next day. The breach is on record.
async fn late_case() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    let commands = &system.app.commands;
    publish_calendar(commands, 0, Some(at("2026-01-01T00:00:00Z"))).await;
    publish_policy(commands, "default", 0, Some(at("2026-01-01T00:00:00Z"))).await;
    let open = CaseCommand::Open(OpenCase {
        kind: CaseKind::Complaint,
        subject: Pii::new("کارت پول من کار نمی‌کند".to_owned()),
        description: None,
        customer_id: None,
        channel: Channel::Phone,
        category: None,
        priority: Priority::Urgent,
        severity: None,
        unit: Some(UnitId::new("care").unwrap()),
        due_at: None,
        external_reference: Some("L-1".to_owned()),
        split_from: None,
        remedy_sought: None,
    });
    let hold = HoldCase { reason: HoldReason::AwaitingCustomer, note: None };
    let resolve = ResolveCase { outcome: Outcome::ALL[0], summary: None };
    for (moment, command) in [
        ("2026-03-14T08:30:00+03:30", open),
        ("2026-03-14T09:00:00+03:30", CaseCommand::Hold(hold)),
        ("2026-03-14T11:00:00+03:30", CaseCommand::Resume),
        ("2026-03-15T11:00:00+03:30", CaseCommand::Resolve(resolve)),
    ] {
        on_case(commands, numbered_case(1), metadata(Some(at(moment))), command).await.unwrap();
    }
    let recorded = async {
        loop {
            let query = "{ slaBreaches(first: 1) { totalCount } }";
            let answer = system.caller(Role::Monitor).ask(query, json!({})).await;
            if answer["slaBreaches"]["totalCount"].as_u64() >= Some(2) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), recorded).await.unwrap();
    system.stop().await;
    directory
}

async fn reopen(directory: &Path) {
    let system = System::start_in(directory, SystemClock).await;
    let reason = Pii::new("باز هم".to_owned());
    let command = CaseCommand::Reopen(ReopenCase { reason });
    on_case(&system.app.commands, numbered_case(1), metadata(None), command).await.unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_is_a_line_of_time_with_what_began_each_stretch() {
    let directory = late_case().await;
    let data = directory.path().to_str().unwrap();
    let text = printed(&["explain", "L-1", "--data-directory", data], DONE);
    for line in [
        "resolution-1  breached (ended)",
        "  due      2026-03-14 13:30 +03:30 (1404/12/23)",
        "  elapsed  7h of 2h (350 %)",
        "  paused   2h",
        "  2026-03-14 09:00 +03:30    to 2026-03-14 11:00 +03:30    paused   2h          held",
        "1404/12/23 | case event 1 | unit care | on hold: awaiting_customer",
        "1404/12/23 to 1404/12/24 | case event 2 | unit care",
        "calendar office version 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let bar = text.lines().rfind(|line| line.contains('░')).unwrap();
    assert!(bar.starts_with("  █") && bar.ends_with('█'), "{bar}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");

    let arguments = ["explain", "L-1", "--data-directory", data, "--format", "json"];
    let answer: Value = serde_json::from_str(&printed(&arguments, DONE)).unwrap();
    let clocks = answer["clocks"].as_array().unwrap();
    let clock = clocks.iter().find(|clock| clock["key"] == "resolution-1").unwrap();
    assert_eq!(clock["dueAt"], "2026-03-14T10:00:00Z");
    let event = &clock["intervals"][1]["event"];
    let stream = format!("case-{}", numbered_case(1));
    assert_eq!((&event["stream"], &event["revision"]), (&json!(stream), &json!(1)));

    printed(&["explain", "L-2", "--data-directory", data], NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_holds_against_the_log_until_somebody_changes_it() {
    let directory = late_case().await;
    let data = ["--data-directory", directory.path().to_str().unwrap()];
    let issue = ["certificate", "L-1", "resolution-1"];
    let json = printed(&[&issue[..], &data].concat(), DONE);
    let certificate: Certificate = serde_json::from_str(&json).unwrap();
    assert_eq!(certificate.sums.elapsed, "PT7H".parse().unwrap());
    assert_eq!(certificate.sums.paused, "PT2H".parse().unwrap());
    assert_eq!(certificate.due_at, Some(at("2026-03-14T10:00:00Z")));
    let facts: Vec<_> = certificate.facts.iter().map(|fact| fact.fact.as_str()).collect();
    assert!(facts.contains(&"SlaBreached"), "{facts:?}");

    let checked = |text: &str, exit: i32| {
        let file = write(directory.path(), "certificate.json", text);
        printed(&[&["certificate", "--check", &file][..], &data].concat(), exit)
    };
    assert!(checked(&json, DONE).starts_with("It holds: resolution-1 of case"));
    // What is recorded later changes nothing of what was known then.
    reopen(directory.path()).await;
    assert!(checked(&json, DONE).starts_with("It holds"));

    let doctored = json.replacen("\"counted\": \"PT2H\"", "\"counted\": \"PT3H\"", 1);
    assert_ne!(doctored, json);
    let said = checked(&doctored, FAILED);
    assert!(said.contains("contradicts itself.\n  parts[1].counted: "), "{said}");
    let mut other = certificate.clone();
    other.parts[0].unit = Some(UnitId::new("technical").unwrap());
    let said = checked(&serde_json::to_string(&other).unwrap(), FAILED);
    assert!(said.contains("  digest: "), "{said}");
    other.digest = digest(&other);
    let said = checked(&serde_json::to_string(&other).unwrap(), FAILED);
    assert!(said.contains("the log says otherwise.\n  parts[0].unit: "), "{said}");
    checked("{}", FAILED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_also_a_page_of_its_own_and_only_of_what_was_known() {
    let directory = late_case().await;
    let data = ["--data-directory", directory.path().to_str().unwrap()];
    let page = directory.path().join("page.html").display().to_string();
    let issue = ["certificate", "L-1", "resolution-1", "--page", "--output", &page];
    let said = printed(&[&issue[..], &data].concat(), DONE);
    assert_eq!(said, format!("resolution-1: breached; written to {page}\n"));
    let html = std::fs::read_to_string(&page).unwrap();
    let reference = CaseId(numbered_case(1)).reference();
    for part in
        [&*reference, "<bdi dir=\"auto\">", "1404/12/23", "size: A4", "نوروز", "2 working hours"]
    {
        assert!(html.contains(part), "{part}");
    }
    for foreign in ["<script", "<link", "src=", "http://", "https://"] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    for (arguments, exit) in [
        (["certificate", "L-1", "resolution-9"].as_slice(), NOT_FOUND),
        (&["certificate", "L-1", "resolution-1", "--as-of", "2026-03-15T00:00:00Z"], NOT_FOUND),
        (&["certificate", "L-1", "resolution-1", "--as-of", "2126-03-15T00:00:00Z"], FAILED),
    ] {
        printed(&[arguments, &data].concat(), exit);
    }
}

const SCENARIO: &str = "
title: Four hours on a Friday
policies: {default: {calendar: office, rules: [{name: all, targets: [{metric: resolution, target: 4 working hours}]}]}}
events: [{at: 2026-01-02 10:00, opened: {priority: normal}}]
expect: [{at: 2026-01-02 16:00, clocks: {resolution-1: {state: breached, due: 2026-01-02 14:00}}}]
";

#[test]
fn scenarios_of_a_folder_stand_or_say_what_was_found() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().to_str().unwrap();
    printed(&["test", folder], NOT_FOUND);
    let good = write(directory.path(), "good.yaml", SCENARIO);
    write(directory.path(), "notes.txt", "not a scenario");
    let text = printed(&["test", folder], DONE);
    let expected =
        format!("stands  {good}  Four hours on a Friday\nscenarios: 1; stand: 1; fail: 0\n");
    assert_eq!(text, expected);

    write(directory.path(), "late.yaml", &SCENARIO.replace("14:00", "15:00"));
    write(directory.path(), "misspelt.yaml", &SCENARIO.replace("opened", "openend"));
    let policy =
        "name: all\nrules: [{name: all, targets: [{metric: resolution, target: 4 working hours}]}]";
    write(directory.path(), "policy.txt", policy);
    std::fs::create_dir(directory.path().join("deeper")).unwrap();
    let by_path = SCENARIO.lines().map(|line| match line.starts_with("policies") {
        true => "policies: {default: policy.txt}\ncalendars: {default: {time_zone: UTC, weekly: {friday: [{from: \"09:00\", to: \"17:00\"}]}}}",
        false => line,
    });
    write(directory.path(), "deeper/by-path.yaml", &by_path.collect::<Vec<_>>().join("\n"));
    let text = printed(&["test", folder], FAILED);
    let found = r#"2026-01-02 16:00 resolution-1 due: found "2026-01-02 14:00", expected "2026-01-02 15:00""#;
    assert!(text.contains(found), "{text}");
    assert!(text.contains("events[0].openend: no event has this name"), "{text}");
    assert!(text.ends_with("scenarios: 4; stand: 2; fail: 2\n"), "{text}");

    let json: Value =
        serde_json::from_str(&printed(&["test", folder, "--format", "json"], FAILED)).unwrap();
    assert_eq!((&json["stand"], &json["fail"]), (&json!(2), &json!(2)));
    let late = &json["scenarios"][2]["differences"][0];
    assert_eq!(late["subject"], "resolution-1 due", "{json:#}");
    printed(&["test", &format!("{folder}/nowhere.yaml")], NOT_FOUND);
}

#[test]
fn a_policy_is_read_back_in_words_or_its_problems_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let policy = "
name: شکایات
calendar: office
rules:
  - name: urgent
    when: {kind: [complaint], priority: [urgent]}
    targets: [{metric: resolution, target: 3 working days, pause_on: [awaiting_customer], warn_at: [75 %]}]
  - {name: the rest, targets: []}
";
    let file = write(directory.path(), "policy.yaml", policy);
    let text = printed(&["check", &file], DONE);
    assert_eq!(
        text,
        "شکایات (agreement sla) is valid.\n\n\
         1. urgent: for kind complaint, priority urgent\n   \
         resolution: 3 working days, calendar office, warns at 75 %\n      \
         starts when opened or reopened; pauses while on hold for awaiting_customer; \
         stops when resolved; is cancelled when closed\n\n\
         2. the rest: otherwise, for all cases\n   nothing is promised\n"
    );
    let calendar = r#"{"name": "o", "time_zone": "Europe/Rotterdam", "weekly": {}}"#;
    let calendar = format!("office={}", write(directory.path(), "office.json", calendar));
    let text = printed(&["check", &file, "--calendar", &calendar], FAILED);
    assert!(text.contains("calendar office") && text.contains("  time_zone: "), "{text}");

    let trap = policy.replace("warn_at: [75 %]", "stop: []");
    let text = printed(&["check", &write(directory.path(), "trap.yaml", &trap)], FAILED);
    assert!(text.contains("  rules[0].targets[0].stop [never_stops]: "), "{text}");
    let unclear = policy.replace("3 working days", "3 days");
    let text = printed(&["check", &write(directory.path(), "unclear.yaml", &unclear)], FAILED);
    assert!(text.contains("is ambiguous"), "{text}");
    let open = policy.replace("  - {name: the rest, targets: []}\n", "");
    let text = printed(&["check", &write(directory.path(), "open.yaml", &open)], DONE);
    assert!(text.contains("  rules [no_target_for]: no rule names the priority low"), "{text}");
    printed(&["check", "nowhere.yaml"], NOT_FOUND);
}
