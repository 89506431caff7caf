//! Drafts over a real log: what they would change, beside a calculation that shares nothing with the engine.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::MultiGzDecoder;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::import::Mapping;
use parvandeh::principal::Role;
use parvandeh::store::sqlite::LogReader;
use parvandeh::subscription::read_models::OwnReader;
use parvandeh::what_if::{self, Beside, Question};
use parvandeh_domain::calendar::{Calendar, CalendarCommand, CalendarDocument, PublishCalendar};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::Outcome;
use parvandeh_domain::case::command::ResolveCase;
use parvandeh_domain::id::{CalendarId, PolicyId};
use parvandeh_domain::policy::{Policy, PolicyCommand, PolicyDocument, PublishPolicy};
use parvandeh_domain::sla::{ClockState, Drafts, Facet, Simulation, VerdictChange};
use parvandeh_projections::case_summary::TimeRange;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_clocks::CaseRange;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::harness::feed::WebSocketFeed;
use crate::harness::work::{metadata, on_case, open_case, stream};
use crate::harness::{System, token};

const CASES: u64 = 1_434;
/// All that the receipt log tells of has happened by then, and every deadline in it has passed.
const NOW: &str = "2013-02-01T00:00:00Z";
const AMSTERDAM: &str = include_str!("../fixtures/calendars/amsterdam.json");

/// The log, which is not part of this repository; `None`, and a line that says so, where it is missing.
fn receipt_log() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/receipt.xes.gz");
    if !path.is_file() {
        println!("SKIPPED: the receipt log is not at {}; see doi 10.4121/12709127", path.display());
        return None;
    }
    Some(path)
}

async fn import(app: &App, source: &Path) {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mappings/receipt.toml");
    let mapping = Mapping::load(&mapping).unwrap_or_else(|error| panic!("{error}"));
    let report = parvandeh::import::run::run(&app.commands, source, &mapping, true, &|_, _| {});
    assert_eq!(report.await.unwrap().cases_written, CASES);
}

fn policy(target: &str) -> PolicyDocument {
    serde_json::from_value(json!({
        "name": "Permits",
        "rules": [{ "name": "all", "targets": [
            { "metric": "resolution", "target": target, "calendar": "amsterdam" },
        ]}],
    }))
    .unwrap()
}

/// Thirty days around the clock.
fn elapsed_days() -> PolicyDocument {
    policy("30 elapsed days")
}

/// Twenty working days in Amsterdam.
fn working_days() -> PolicyDocument {
    policy("20 working days")
}

fn question(draft: PolicyDocument) -> Question {
    let calendar: CalendarDocument = serde_json::from_str(AMSTERDAM).unwrap();
    let policy = (PolicyId::new("default").unwrap(), draft);
    let calendar = (CalendarId::new("amsterdam").unwrap(), calendar);
    Question {
        drafts: Drafts::new(Some(policy), Some(calendar)).unwrap(),
        range: CaseRange { scope: CaseScope::All, opened_at: TimeRange::default() },
        now: NOW.parse().unwrap(),
    }
}

fn simulate(directory: &Path, draft: PolicyDocument) -> Simulation {
    simulate_in(directory, draft, TimeRange::default())
}

/// Simulates a draft over the cases opened in a period.
fn simulate_in(directory: &Path, draft: PolicyDocument, opened_at: TimeRange) -> Simulation {
    let log = LogReader::open(directory).unwrap();
    let db = what_if::fold(&log, |_| {}).unwrap();
    let mut question = question(draft);
    question.range.opened_at = opened_at;
    what_if::at_full_speed(&db, &question, |_| {}).unwrap()
}

/// A case of the file, read from its lines.
struct Permit {
    department: String,
    begun: Timestamp,
    ended: Option<Timestamp>,
    deadline: Timestamp,
}

fn permits(source: &Path) -> Vec<Permit> {
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(source).unwrap()).read_to_string(&mut text).unwrap();
    let trace = |trace: &str| {
        // The attributes of the case stand before its first event.
        let head = trace.split("<event>").next().unwrap();
        let value = |key: &str| {
            let after = head.split_once(&format!("key=\"{key}\" value=\""))?.1;
            after.split_once('"').map(|(value, _)| value)
        };
        let time = |key: &str| value(key).map(|text| text.parse::<Timestamp>().unwrap());
        Permit {
            department: value("department").unwrap().to_owned(),
            begun: time("startdate").unwrap(),
            ended: time("enddate"),
            deadline: time("deadline").unwrap(),
        }
    };
    text.split("<trace>").skip(1).map(trace).collect()
}

/// The calendar of the fixture, read as what it is: eight hours from nine on Mondays to Fridays, and closed days.
struct Office {
    zone: TimeZone,
    closed: Vec<Date>,
    closed_yearly: Vec<(i8, i8)>,
}

impl Office {
    fn read() -> Self {
        let document: Value = serde_json::from_str(AMSTERDAM).unwrap();
        for day in ["monday", "tuesday", "wednesday", "thursday", "friday"] {
            let hours = json!([{ "from": "09:00", "to": "17:00" }]);
            assert_eq!(document["weekly"][day], hours, "{day}");
        }
        assert_eq!(document["weekly"].as_object().unwrap().len(), 5);
        let (mut closed, mut closed_yearly) = (Vec::new(), Vec::new());
        for exception in document["exceptions"].as_array().unwrap() {
            assert_eq!(exception["intervals"], json!([]));
            match exception["date"].as_str() {
                Some(date) => closed.push(date.parse().unwrap()),
                None => {
                    let (month, day) =
                        exception["every"]["gregorian"].as_str().unwrap().split_once('-').unwrap();
                    closed_yearly.push((month.parse().unwrap(), day.parse().unwrap()));
                }
            }
        }
        Self { zone: TimeZone::get("Europe/Amsterdam").unwrap(), closed, closed_yearly }
    }

    /// The open hours of a date, as moments.
    fn hours(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let is_closed = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
            || self.closed.contains(&date)
            || self.closed_yearly.contains(&(date.month(), date.day()));
        let at = |hour| {
            let local = date.to_datetime(Time::constant(hour, 0, 0, 0));
            self.zone.to_zoned(local).unwrap().timestamp()
        };
        (!is_closed).then(|| (at(9), at(17)))
    }

    fn date(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The moment at which twenty working days have passed: day by day, each as much of a day as is left of its eight hours.
    fn twenty_days_after(&self, begun: Timestamp) -> Timestamp {
        let mut left = SignedDuration::from_hours(20 * 8);
        let mut date = self.date(begun);
        loop {
            if let Some((opens, closes)) = self.hours(date) {
                let from = begun.clamp(opens, closes);
                let open = closes.duration_since(from);
                if left <= open {
                    return from + left;
                }
                left -= open;
            }
            date = date.tomorrow().unwrap();
        }
    }

    /// The open time between two moments.
    fn open_between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        let mut sum = SignedDuration::ZERO;
        let (mut date, last) = (self.date(from), self.date(to));
        while date <= last {
            if let Some((opens, closes)) = self.hours(date) {
                sum += to.clamp(opens, closes).duration_since(from.clamp(opens, closes));
            }
            date = date.tomorrow().unwrap();
        }
        sum
    }
}

/// What the day-by-day walk counts.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counted {
    met: u64,
    breached: u64,
    late: SignedDuration,
    late_working: SignedDuration,
}

/// How the cases stand when each is due as `due` says.
fn counted<'a>(
    permits: impl IntoIterator<Item = &'a Permit>,
    office: &Office,
    due: impl Fn(&Permit) -> Timestamp,
) -> Counted {
    let mut counted = Counted::default();
    for permit in permits {
        let (due, end) = (due(permit), permit.ended.unwrap_or(NOW.parse().unwrap()));
        if permit.ended.is_some() && end <= due {
            counted.met += 1;
        } else {
            assert!(due < end, "a case that is open is late by then");
            counted.breached += 1;
            counted.late += end.duration_since(due);
            counted.late_working += office.open_between(due, end);
        }
    }
    counted
}

fn simulated(verdicts: &parvandeh_domain::sla::Verdicts) -> Counted {
    let counted = Counted {
        met: verdicts.count(ClockState::Met),
        breached: verdicts.count(ClockState::Breached),
        late: verdicts.late,
        late_working: verdicts.late_working,
    };
    assert_eq!(counted.met + counted.breached, verdicts.clocks(), "{verdicts:?}");
    counted
}

fn in_thirty_days(permit: &Permit) -> Timestamp {
    permit.begun + SignedDuration::from_hours(30 * 24)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_drafts_over_the_receipt_log_give_what_a_walk_over_its_days_gives() {
    let Some(source) = receipt_log() else { return };
    let directory = tempfile::tempdir().unwrap();
    let app = App::open(directory.path()).await.unwrap();
    import(&app, &source).await;
    let (permits, office) = (permits(&source), Office::read());
    let in_twenty_working_days = |permit: &Permit| office.twenty_days_after(permit.begun);

    let elapsed = simulate(directory.path(), elapsed_days());
    let working = simulate(directory.path(), working_days());
    let elapsed_counted = counted(&permits, &office, in_thirty_days);
    let working_counted = counted(&permits, &office, in_twenty_working_days);
    println!("30 elapsed days: {elapsed_counted:?}");
    println!("20 working days: {working_counted:?}");
    assert_eq!((elapsed_counted.met, elapsed_counted.breached), (244, 1_190));
    assert_eq!((working_counted.met, working_counted.breached), (216, 1_218));
    assert_eq!(simulated(&elapsed.total.after), elapsed_counted);
    assert_eq!(simulated(&working.total.after), working_counted);

    // Before, there are the deadlines of the cases; no clock of the drafts has their key.
    let deadlines = counted(&permits, &office, |permit| permit.deadline);
    // They count in no calendar, so there are no open hours to be late.
    let deadlines = Counted { late_working: SignedDuration::ZERO, ..deadlines };
    for simulation in [&elapsed, &working] {
        assert_eq!((simulation.cases, simulation.cases_changed), (CASES, CASES));
        assert_eq!(simulated(&simulation.total.before), deadlines);
        assert_eq!(simulation.total.changed, 2 * CASES);
        assert_eq!(simulation.examples.len(), Simulation::EXAMPLES_MAX);
    }
    let mut by_department: BTreeMap<&str, Vec<&Permit>> = BTreeMap::new();
    for permit in &permits {
        by_department.entry(&permit.department).or_default().push(permit);
    }
    let units: Vec<_> = working.by(Facet::Unit).collect();
    assert_eq!(units.len(), by_department.len());
    for (unit, group) in units {
        let own = by_department[unit.unwrap()].iter().copied();
        let own = counted(own, &office, in_twenty_working_days);
        println!("{}: {own:?}", unit.unwrap());
        assert_eq!(simulated(&group.after), own);
    }

    // Two periods side by side are the whole.
    let middle = Some("2011-03-01T00:00:00Z".parse().unwrap());
    let period = |gte, lt| simulate_in(directory.path(), working_days(), TimeRange { gte, lt });
    let (mut first, second) = (period(None, middle), period(middle, None));
    assert!(first.cases > 100 && second.cases > 100, "{} and {}", first.cases, second.cases);
    first.merge(second);
    assert_eq!(first, working);

    // The first draft is published, for all time: the second is then compared with it, clock by clock.
    let calendar = CalendarCommand::Publish(PublishCalendar {
        document: serde_json::from_str(AMSTERDAM).unwrap(),
        effective_from: None,
    });
    let batch = vec![(metadata(None), calendar)];
    let calendar = stream("calendar", "amsterdam");
    app.commands.execute::<Calendar>(&calendar, batch, None, |_| true).await.unwrap();
    let published = PolicyCommand::Publish(PublishPolicy {
        document: elapsed_days(),
        effective_from: Some("1900-01-01T00:00:00Z".parse().unwrap()),
    });
    let batch = vec![(metadata(None), published)];
    let policy = stream("policy", "default");
    app.commands.execute::<Policy>(&policy, batch, None, |_| true).await.unwrap();
    let nothing = simulate(directory.path(), elapsed_days());
    assert_eq!((nothing.cases, nothing.total.changed, nothing.cases_changed), (CASES, 0, 0));
    assert_eq!(nothing.total.before, nothing.total.after);
    let difference = simulate(directory.path(), working_days());
    assert_eq!(simulated(&difference.total.before), elapsed_counted);
    assert_eq!(simulated(&difference.total.after), working_counted);
    let mut changes: BTreeMap<VerdictChange, u64> = BTreeMap::new();
    for permit in &permits {
        let state = |due: Timestamp| match permit.ended {
            Some(end) if end <= due => Some(ClockState::Met),
            _ => Some(ClockState::Breached),
        };
        let from = state(in_thirty_days(permit));
        let to = state(in_twenty_working_days(permit));
        if from != to {
            *changes.entry(VerdictChange { from, to }).or_default() += 1;
        }
    }
    println!("the difference between them: {changes:?}");
    let lost = VerdictChange { from: Some(ClockState::Met), to: Some(ClockState::Breached) };
    assert_eq!(changes, BTreeMap::from([(lost, 28)]));
    assert_eq!(difference.changes, changes);
    assert_eq!(difference.total.changed, changes.values().sum::<u64>());
    app.stop().await;

    let report = run_command(directory.path());
    assert_eq!(report["cases"], CASES);
    assert_eq!(report["before"]["met"], elapsed_counted.met);
    assert_eq!(report["after"]["met"], working_counted.met);
    assert_eq!(report["after"]["breached"], working_counted.breached);
}

/// `parvandeh sla simulate` with the second draft.
fn run_command(directory: &Path) -> Value {
    let files = tempfile::tempdir().unwrap();
    let draft = files.path().join("default.yaml");
    let text = "name: Permits\ncalendar: amsterdam\nrules:\n  - name: all\n    targets:\n      - {metric: resolution, target: 20 working days}\n";
    std::fs::write(&draft, text).unwrap();
    let calendar = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/calendars/amsterdam.json");
    let run = |format: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_parvandeh"))
            .args(["sla", "simulate", "--policy"])
            .arg(&draft)
            .arg("--calendar")
            .arg(&calendar)
            .arg("--data-directory")
            .arg(directory)
            .args(format)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    println!("{}", run(&[]));
    serde_json::from_str(&run(&["--format", "json"])).unwrap()
}

const SIMULATE: &str = "subscription($policy: JSON, $policyId: String) {
    simulateSla(policyId: $policyId, policy: $policy) { casesDone casesTotal report {
        cases casesChanged clocksChanged
        before { clocks met breached complianceRatio } after { clocks met breached late }
        changes { from to clocks } groups { by value changed } examples { caseId clock from to } } } }";

/// Follows a simulation to its report.
async fn report(system: &System, token: &str, target: &str) -> Value {
    let document = json!({ "name": "Draft", "rules": [{ "name": "all", "targets": [
        { "metric": "resolution", "target": target },
    ]}]});
    let variables = json!({ "policyId": "default", "policy": document });
    let mut feed = WebSocketFeed::open(system, token, SIMULATE, variables).await;
    loop {
        let update = feed.next().await["simulateSla"].take();
        if !update["report"].is_null() {
            assert_eq!(update["casesDone"], update["casesTotal"]);
            return update["report"].clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulation_over_the_api_reports_the_cases_in_its_callers_sight() {
    let system = System::start().await;
    // Two cases of `care` and one of `technical`, each resolved after ten hours.
    for argument in [1, 4, 2] {
        let opened_at = Timestamp::now() - SignedDuration::from_hours(100);
        let id = Uuid::new_v4();
        let commands = &system.app.commands;
        let opening = open_case(argument, opened_at);
        on_case(commands, id, metadata(Some(opened_at)), opening).await.unwrap();
        let resolved_at = Some(opened_at + SignedDuration::from_hours(10));
        let resolve = CaseCommand::Resolve(ResolveCase { outcome: Outcome::ALL[0], summary: None });
        let done = on_case(commands, id, metadata(resolved_at), resolve).await.unwrap();
        system.app.read_models.wait_for(done.position.unwrap()).await.unwrap();
    }
    let auditor = token(Role::Auditor, None, &[]);
    let generous = report(&system, &auditor, "10 elapsed hours").await;
    assert_eq!((&generous["cases"], &generous["after"]["met"]), (&json!(3), &json!(3)));
    let strict = report(&system, &auditor, "9 elapsed hours").await;
    assert_eq!((&strict["cases"], &strict["after"]["breached"]), (&json!(3), &json!(3)));
    assert_eq!(strict["after"]["late"], "PT3H");

    let supervisor = token(Role::Supervisor, None, &["technical"]);
    let own = report(&system, &supervisor, "9 elapsed hours").await;
    assert_eq!((&own["cases"], &own["after"]["breached"]), (&json!(1), &json!(1)));
    assert_eq!(own["groups"][0]["value"], "technical");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_drafts_and_roles_that_plan_nothing_are_refused() {
    let system = System::start().await;
    let auditor = token(Role::Auditor, None, &[]);
    let draft = json!({ "name": "Draft", "rules": [] });
    let elsewhere = json!({ "name": "Draft", "calendar": "nowhere", "rules": [
        { "name": "all", "targets": [{ "metric": "resolution", "target": "1 working days" }] },
    ]});
    for (token, variables, code, begins) in [
        (&auditor, json!({}), "BAD_USER_INPUT", "policy"),
        (&auditor, json!({ "policy": draft }), "BAD_USER_INPUT", "policyId"),
        (&auditor, json!({ "policyId": "a" }), "BAD_USER_INPUT", "policy"),
        (&auditor, json!({ "policyId": "a b", "policy": draft }), "BAD_USER_INPUT", "policyId"),
        (
            &auditor,
            json!({ "policyId": "a", "policy": { "name": "x" } }),
            "BAD_USER_INPUT",
            "policy",
        ),
        (&auditor, json!({ "policyId": "a", "policy": elsewhere }), "BAD_USER_INPUT", "policy"),
        (&token(Role::Agent, None, &["care"]), json!({}), "FORBIDDEN", ""),
        (&token(Role::Admin, None, &[]), json!({}), "FORBIDDEN", ""),
        (&token(Role::Customer, Some(Uuid::new_v4()), &[]), json!({}), "FORBIDDEN", ""),
    ] {
        let errors = refusal(&system, token, &variables).await;
        let (message, found) = (&errors[0]["message"], &errors[0]["extensions"]["code"]);
        assert_eq!(*found, code, "{variables}: {errors:#}");
        assert!(message.as_str().unwrap().starts_with(begins), "{variables}: {message}");
    }
    system.stop().await;
}

/// The errors with which a simulation is refused.
async fn refusal(system: &System, token: &str, variables: &Value) -> Value {
    let response = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(token)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(json!({ "query": SIMULATE, "variables": variables }).to_string())
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let event = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let mut answer: Value = serde_json::from_str(event).unwrap();
    answer["errors"].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_simulation_runs_at_a_time_and_one_whose_subscriber_is_gone_ends() {
    let Some(source) = receipt_log() else { return };
    let system = System::start().await;
    import(&system.app, &source).await;
    let head = parvandeh::store::EventStore::head(&*system.app.store).unwrap();
    system.app.read_models.wait_for(head).await.unwrap();

    let reader = OwnReader::new(system.app.read_models.clone());
    let beside = Beside::new(reader, question(working_days())).run(watch::Sender::default()).await;
    let alone = simulate(system.app.directory(), working_days());
    assert_eq!(beside.unwrap(), alone, "one answer, beside the work of a server and from the log");

    let auditor = token(Role::Auditor, None, &[]);
    let draft = json!({ "policyId": "default", "policy": elapsed_days() });
    let draft = json!({ "calendarId": "amsterdam", "calendar": serde_json::from_str::<Value>(AMSTERDAM).unwrap(),
        "policyId": draft["policyId"], "policy": draft["policy"] });
    let query = SIMULATE
        .replace("$policyId: String", "$policyId: String, $calendarId: String, $calendar: JSON")
        .replace(
            "policy: $policy",
            "policy: $policy, calendarId: $calendarId, calendar: $calendar",
        );
    let mut first = WebSocketFeed::open(&system, &auditor, &query, draft.clone()).await;
    let begun = first.next().await["simulateSla"].take();
    assert!(begun["casesDone"].as_u64().unwrap() < CASES, "{begun}");
    let small = json!({ "policyId": "other", "policy": working_days() });
    let errors = refusal(&system, &auditor, &small).await;
    assert_eq!(errors[0]["extensions"]["code"], "SIMULATION_RUNNING", "{errors:#}");

    // Its subscriber goes; the place is free long before it would have come to its end.
    drop(first);
    loop {
        let mut feed = WebSocketFeed::open(&system, &auditor, &query, draft.clone()).await;
        if let Some(update) = feed.try_next().await {
            assert_eq!(update["simulateSla"]["casesTotal"], CASES);
            break;
        }
    }
    system.stop().await;
}
