//! A replay goes event by event: each step is the fold of the log up to it, each follows from the one before, and the last is what is served.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{ManualClock, SystemClock};
use parvandeh::command::handler::CommandHandler;
use parvandeh::principal::Role;
use parvandeh::replay::{Replay, ReplayState, ReplayStep};
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{EventStore, Position, READ_EVENTS_MAX};
use parvandeh::subscription::generation::Entry;
use parvandeh::subscription::projector::entry;
use parvandeh::vault::Keyring;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::calendar::{Calendar, CalendarCommand, PublishCalendar};
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::case::command::{AddNote, OpenCase};
use parvandeh_domain::case::{CaseCommand, CaseKind, Channel, Priority};
use parvandeh_domain::customer::attribute::{CustomerKind, Language};
use parvandeh_domain::customer::command::{ChangeDetails, RegisterCustomer};
use parvandeh_domain::customer::{Customer, CustomerCommand};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::{CaseId, CustomerId, derived};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Pii;
use parvandeh_domain::policy::{Policy, PolicyCommand, PublishPolicy};
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::{case_summary, sla_clocks};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::as_of::{self, Evaluated, Raw};
use crate::harness::System;
use crate::harness::random::Random;
use crate::harness::work::{case_command, metadata, numbered_case, on_case, stream, vault};

type Log = Vec<Recorded<DomainEvent>>;

async fn decoded(store: &dyn EventStore) -> Log {
    let mut log = Log::new();
    let mut after = None;
    loop {
        let page = store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { return log };
        after = Some(last.position);
        log.extend(page.iter().map(|logged| match entry(logged) {
            Entry::Event(event) => *event,
            Entry::Unknown { position } => panic!("the event at {position} is not understood"),
        }));
    }
}

/// What concerns a case, in the order of the log.
fn evidence(log: &Log, case_id: CaseId) -> Log {
    let customer = log.iter().find_map(|event| match &event.event {
        DomainEvent::Case(id, CaseEvent::Opened(opened)) if *id == case_id => opened.customer_id,
        _ => None,
    });
    let concerns = |event: &&Recorded<DomainEvent>| match &event.event {
        DomainEvent::Case(id, _) | DomainEvent::Clock(id, _) => *id == case_id,
        DomainEvent::Customer(id, _) => Some(*id) == customer,
        DomainEvent::Policy(..) | DomainEvent::Calendar(..) => true,
        DomainEvent::Attachment(_, AttachmentEvent::Added(added)) => added.case_id == case_id,
        // Of which case these are, a replay finds out by itself.
        DomainEvent::Redress(..) | DomainEvent::Fee(..) | DomainEvent::Payment(..) => true,
        DomainEvent::Attachment(_, AttachmentEvent::PartStored(_))
        | DomainEvent::Access(..)
        | DomainEvent::Segmentation(..)
        | DomainEvent::Account(..)
        | DomainEvent::Card(..)
        | DomainEvent::SignIn(..)
        | DomainEvent::Unit(..) => false,
    };
    log.iter().filter(concerns).cloned().collect()
}

fn replayed(log: &Log, case_id: CaseId) -> (Vec<ReplayStep>, ReplayState) {
    let mut replay = Replay::new(case_id);
    let steps = evidence(log, case_id).iter().filter_map(|event| replay.step(event)).collect();
    (steps, ReplayState::clone(&replay.state()))
}

fn cases(log: &Log) -> Vec<CaseId> {
    let opened = log.iter().filter_map(|event| match &event.event {
        DomainEvent::Case(id, CaseEvent::Opened(_)) => Some(*id),
        _ => None,
    });
    opened.collect()
}

type Fields = BTreeMap<(String, &'static str), String>;

fn fields(state: &ReplayState) -> Fields {
    let fields = state.fields().into_iter();
    fields.map(|field| ((field.subject, field.field), field.after.unwrap())).collect()
}

/// Every step says what lies between its two states, and nothing was lost between two steps.
fn check_steps(steps: &[ReplayStep], log: &Log, case_id: CaseId) {
    let mut before = Fields::new();
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step.number, index as u64 + 1);
        if index > 0 {
            assert_eq!(fields(&step.before), before, "{case_id} before step {}", step.number);
        } else {
            before = fields(&step.before);
        }
        for difference in step.differences.iter().filter(|difference| difference.field != "text") {
            let place = (difference.subject.clone(), difference.field);
            assert_ne!(difference.before, difference.after, "{difference:?}");
            assert_eq!(before.get(&place), difference.before.as_ref(), "{difference:?}");
            match &difference.after {
                Some(after) => before.insert(place, after.clone()),
                None => before.remove(&place),
            };
        }
        assert_eq!(before, fields(&step.after), "{case_id} after step {}", step.number);
    }
    let of_steps: BTreeSet<_> = steps.iter().map(|step| step.event.position).collect();
    for event in log {
        if let DomainEvent::Case(id, _) | DomainEvent::Clock(id, _) = &event.event
            && *id == case_id
        {
            assert!(of_steps.contains(&event.position), "{case_id}: {}", event.position);
        }
    }
}

/// Checks the steps of all cases, and the state after the last against the rows that are served.
async fn check_all(system: &System) -> usize {
    as_of::nothing_is_due(system).await;
    let log = decoded(&*system.app.store).await;
    system.app.read_models.wait_for(Position(log.len() as u64)).await.unwrap();
    let mut count = 0;
    for case_id in cases(&log) {
        let (steps, last) = replayed(&log, case_id);
        check_steps(&steps, &log, case_id);
        count += steps.len();
        let reference = Arc::clone(&system.app.read_models.reference);
        let served = system.app.read_models.query(move |db| {
            let row = case_summary::case(db, &CaseScope::All, case_id.0)?;
            let reference = reference.get(db)?;
            Ok((row, sla_clocks::clocks(db, &CaseScope::All, case_id.0, &reference)?))
        });
        let (row, clocks) = served.await.unwrap();
        assert_eq!(last.case, row);
        let rows: Vec<_> = last.clocks.into_iter().map(|clock| clock.row).collect();
        assert_eq!(rows, clocks, "{case_id}");
        assert_eq!(steps.last().unwrap().after.case, row);
        let last_step = steps.last().unwrap().after.clocks.iter();
        assert_eq!(last_step.map(|clock| clock.row.clone()).collect::<Vec<_>>(), clocks);
    }
    count
}

const PAGE: &str = "query($id: ID!, $after: String) { case(id: $id) { replay(first: 7, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { number stream position revision eventId eventType changes { subject field }
        after { status unit assignee priority category holdReason outcome stage dueAt interactionCount revision
            clocks { key state startedAt dueAt stoppedAt policyId policyVersion rule calendarId calendarVersion
                breachRecorded } } } } } }";

/// All steps of a case, asked for page by page.
async fn asked(system: &System, case: Uuid) -> Vec<Value> {
    let auditor = system.caller(Role::Auditor);
    let id = parvandeh::graphql::global_id::encode_case(case);
    let (mut steps, mut after) = (Vec::new(), Value::Null);
    loop {
        let mut answer = auditor.ask(PAGE, json!({ "id": id, "after": after })).await;
        let page = answer["case"]["replay"].take();
        steps.extend(page["nodes"].as_array().unwrap().iter().cloned());
        if page["pageInfo"]["hasNextPage"] == false {
            let numbers = steps.iter().map(|step| step["number"].as_u64().unwrap());
            assert!(numbers.eq(1..=steps.len() as u64), "{steps:#?}");
            let position = |step: &Value| step["position"].as_u64().unwrap();
            assert!(steps.is_sorted_by(|one, next| position(one) < position(next)), "{steps:#?}");
            return steps;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// What the API must say of the clocks after an event, from the log up to it.
fn clocks_after(log: &[Raw], own: &[&Raw], case: Uuid, recorded_at: Timestamp) -> Vec<Value> {
    let found = as_of::evaluated(log, own, &format!("clock-{case}"), Timestamp::MAX);
    let Evaluated { clocks, breached, known } = found.unwrap();
    let clocks = clocks.into_iter().map(|clock| {
        let calendar = clock.calendar_id.as_ref().and_then(|id| known.calendars.get(id));
        let counted_at = clock.stopped_at.unwrap_or(recorded_at);
        json!({
            "key": clock.key.to_string(),
            "state": clock.verdict_at(recorded_at).to_string().to_uppercase(),
            "startedAt": clock.started_at, "dueAt": clock.due_at, "stoppedAt": clock.stopped_at,
            "policyId": clock.policy_id, "policyVersion": clock.policy_version, "rule": clock.rule,
            "calendarId": clock.calendar_id,
            "calendarVersion": calendar.map(|calendar| calendar.version_at(counted_at)),
            "breachRecorded": breached.contains(&clock.key.to_string()),
        })
    });
    clocks.collect()
}

/// Compares every step of some cases with a fold by hand of the log up to it; answers how many steps that were.
async fn compare(system: &System, random: &mut Random, cases_max: usize) -> usize {
    as_of::nothing_is_due(system).await;
    let mut log = as_of::log_of(system).await;
    let all: Vec<Uuid> = log
        .iter()
        .filter(|event| event.type_name == "CaseOpened")
        .map(|event| event.stream.split_once('-').unwrap().1.parse().unwrap())
        .collect();
    let mut count = 0;
    for _ in 0..cases_max.min(all.len()) {
        let case = *random.one_of(&all);
        let mut steps = asked(system, case).await;
        count += steps.len();
        // From the last to the first, so that the log can be cut shorter and shorter.
        let mut cut = Vec::new();
        while let Some(step) = steps.pop() {
            let position = step["position"].as_u64().unwrap();
            cut.extend(log.drain(position as usize..).rev());
            let event = log.last().unwrap();
            assert_eq!(step["eventId"], event.id.to_string());
            assert_eq!(step["stream"], event.stream);
            let recorded_at = event.meta.recorded_at;
            let own: Vec<_> =
                log.iter().filter(|one| one.stream == format!("case-{case}")).collect();
            let mut expected = as_of::folded(&own);
            expected.as_object_mut().unwrap().remove("timeline");
            expected["clocks"] = json!(clocks_after(&log, &own, case, recorded_at));
            assert_eq!(step["after"], expected, "case {case} after position {position}");
        }
        log.extend(cut.into_iter().rev());
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_is_the_fold_of_the_log_up_to_it_and_the_last_is_what_is_served() {
    let mut random = Random::printed();
    let system = System::start().await;
    as_of::random_work(&system, &mut random).await;
    println!("{} steps checked", check_all(&system).await);
    let steps = compare(&system, &mut random, 20).await;
    println!("{steps} steps compared");
    assert!(steps > 100);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_it_is_with_the_cases_of_the_demo() {
    let mut random = Random::printed();
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::at(directory.path().join("keyring"));
    parvandeh::demo::fill(directory.path(), keyring).await.unwrap();
    // The demo's clocks run on the machine's time: none is to fall due between two looks.
    let clock = ManualClock::starting_at(Timestamp::now());
    let system = System::start_in(directory.path(), clock).await;
    println!("{} steps checked", check_all(&system).await);
    println!("{} steps compared", compare(&system, &mut random, 20).await);
    system.stop().await;
}

/// A small organisation whose rules look at the customer's tier.
struct Small {
    store: Arc<dyn EventStore>,
    commands: CommandHandler,
    clock: Arc<ManualClock>,
}

const CUSTOMER: &str = "customer";

impl Small {
    fn new() -> Self {
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
        let clock = Arc::new(ManualClock::starting_at("2026-03-10T08:00:00Z".parse().unwrap()));
        let commands = CommandHandler::new(store.clone(), vault(), clock.clone());
        Self { store, commands, clock }
    }

    fn later(&self) {
        self.clock.advance(SignedDuration::from_mins(10));
    }

    async fn policy(&self, id: &str, hours: u8, open_cases: &str) {
        self.later();
        let targets = |hours: u8| json!([{ "metric": "resolution", "target": format!("{hours} working hours"), "calendar": "office" }]);
        let document = json!({ "name": id, "open_cases": open_cases, "rules": [
            { "name": "gold", "when": { "tier": ["gold"] }, "targets": targets(1) },
            { "name": "all", "targets": targets(hours) },
        ] });
        let document = serde_json::from_value(document).unwrap();
        let command = PolicyCommand::Publish(PublishPolicy { document, effective_from: None });
        let batch = vec![(metadata(None), command)];
        let stream = stream("policy", id);
        self.commands.execute::<Policy>(&stream, batch, None, |_| true).await.unwrap();
    }

    async fn calendar(&self, id: &str, until: &str) {
        self.later();
        let day = json!([{ "from": "08:00", "to": until }]);
        let document = json!({ "name": id, "time_zone": "UTC", "weekly": { "tuesday": day, "wednesday": day } });
        let document = serde_json::from_value(document).unwrap();
        let command = CalendarCommand::Publish(PublishCalendar { document, effective_from: None });
        let batch = vec![(metadata(None), command)];
        let stream = stream("calendar", id);
        self.commands.execute::<Calendar>(&stream, batch, None, |_| true).await.unwrap();
    }

    async fn customer(&self, id: &str, command: CustomerCommand) {
        self.later();
        let stream = stream("customer", derived(&["customer", id]));
        let batch = vec![(metadata(None), command)];
        self.commands.execute::<Customer>(&stream, batch, None, |_| true).await.unwrap();
    }

    async fn tier(&self, id: &str, name: Option<&str>, tier: Option<&str>) {
        let (name, tier) = (name.map(|name| Pii::new(name.to_owned())), tier.map(str::to_owned));
        let change = ChangeDetails { name, language: None, tier };
        self.customer(id, CustomerCommand::ChangeDetails(change)).await;
    }

    async fn case(&self, command: CaseCommand) {
        self.later();
        on_case(&self.commands, numbered_case(1), metadata(None), command).await.unwrap();
    }
}

async fn small() -> Small {
    let small = Small::new();
    small.calendar("office", "12:00").await;
    small.policy("default", 4, "keep").await;
    for id in [CUSTOMER, "another"] {
        let register = RegisterCustomer {
            kind: CustomerKind::ALL[0],
            name: Pii::new("نام محرمانه".to_owned()),
            language: Language::Persian,
            tier: Some("silver".to_owned()),
        };
        small.customer(id, CustomerCommand::Register(register)).await;
    }
    let open = OpenCase {
        kind: CaseKind::Complaint,
        subject: Pii::new("موضوع محرمانه".to_owned()),
        description: None,
        customer_id: Some(CustomerId(derived(&["customer", CUSTOMER]))),
        channel: Channel::Phone,
        category: None,
        priority: Priority::Normal,
        severity: None,
        unit: None,
        due_at: None,
        external_reference: None,
        split_from: None,
        remedy_sought: None,
    };
    small.case(CaseCommand::Open(open)).await;
    small
}

fn shown(step: &ReplayStep, subject: &str, field: &str) -> (Option<String>, Option<String>) {
    let found = step.differences.iter().find(|one| one.subject == subject && one.field == field);
    let found = found.unwrap_or_else(|| panic!("no {subject} {field} in {:#?}", step.differences));
    (found.before.clone(), found.after.clone())
}

#[tokio::test]
async fn what_changes_the_promise_is_a_step_at_its_place_and_what_does_not_is_none() {
    let small = small().await;
    // None of these reaches the case.
    small.tier("another", None, Some("gold")).await;
    small.tier(CUSTOMER, Some("نام دیگر"), None).await;
    small.calendar("elsewhere", "10:00").await;
    small.policy("default", 3, "keep").await;
    // Each of these does.
    small.calendar("office", "16:00").await;
    small.tier(CUSTOMER, None, Some("gold")).await;
    small.policy("default", 2, "move").await;
    small
        .case(CaseCommand::AddNote(AddNote {
            body: Pii::new("یادداشت محرمانه".to_owned())
        }))
        .await;

    let log = decoded(&*small.store).await;
    let case_id = CaseId(numbered_case(1));
    let (steps, _) = replayed(&log, case_id);
    check_steps(&steps, &log, case_id);
    let types: Vec<_> = steps.iter().map(|step| step.event.event.event_type().name).collect();
    let expected = [
        "CaseOpened",
        "CalendarPublished",
        "CustomerDetailsChanged",
        "PolicyPublished",
        "CaseNoteAdded",
    ];
    assert_eq!(types, expected);

    let some = |text: &str| Some(text.to_owned());
    let clock = "resolution-1";
    assert_eq!(shown(&steps[0], clock, "policy_version"), (None, some("1")));
    assert_eq!(steps[0].after.clocks[0].calendar_version, Some(1));
    // Opened at 08:50 with four hours: until 12:00 on this day and 08:50 on the next, then, with the longer day, 12:50.
    let (before, after) = (some("2026-03-11T08:50:00Z"), some("2026-03-10T12:50:00Z"));
    assert_eq!(shown(&steps[1], clock, "due_at"), (before, after));
    assert_eq!(steps[1].after.clocks[0].calendar_version, Some(2));
    assert_eq!(shown(&steps[2], "customer", "tier"), (some("silver"), some("gold")));
    assert_eq!(shown(&steps[2], clock, "rule"), (some("all"), some("gold")));
    assert_eq!(shown(&steps[3], clock, "policy_version"), (some("1"), some("3")));
    assert_eq!(shown(&steps[4], "case", "text"), (None, some("recorded")));
    let differences: Vec<_> = steps.iter().flat_map(|step| &step.differences).collect();
    assert!(!format!("{differences:?}").contains("محرمانه"), "{differences:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_handed_on_to_another_unit_is_not_replayed_for_the_supervisor_who_did_it() {
    let system = System::start().await;
    let supervisor = system.caller_as(Role::Supervisor, None, &["care"]);
    let fields = "case { id unit replay { nodes { number } pageInfo { hasNextPage } } }";
    let open =
        json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care" });
    let opened = supervisor.mutate("openCase", fields, open).await;
    assert_eq!(opened["case"]["replay"]["nodes"], json!([{ "number": 1 }]));
    let refer = json!({ "caseId": opened["case"]["id"], "unit": "technical", "reason": "فنی است" });
    let referred = supervisor.mutate("referCase", fields, refer).await;
    assert_eq!(referred["case"]["unit"], "technical");
    let nothing = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(referred["case"]["replay"], nothing);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_the_same_steps_and_one_of_them_in_full() {
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), SystemClock).await;
    let commands = &system.app.commands;
    crate::harness::work::publish_calendar(commands, 0, Some(Timestamp::UNIX_EPOCH)).await;
    crate::harness::work::publish_policy(commands, "default", 0, Some(Timestamp::UNIX_EPOCH)).await;
    let case = numbered_case(2);
    let at = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
    let open = crate::harness::work::open_case(7, at);
    on_case(commands, case, metadata(None), open).await.unwrap();
    let first_recorded = Timestamp::now();
    for (kind, argument) in [(0, 2), (1, 4), (2, 1), (5, 1), (7, 1), (15, 1), (11, 0)] {
        on_case(commands, case, metadata(None), case_command(kind, argument, at)).await.unwrap();
    }
    as_of::nothing_is_due(&system).await;

    let run = |arguments: &[&str]| {
        let reference = CaseId(case).reference();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parvandeh"));
        command.arg("replay").arg(reference).args(arguments);
        let output = command.arg("--data-directory").arg(directory.path()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    // Beside the running server.
    let json_of = |arguments: &[&str]| -> Value {
        let (exit, text) = run(&[arguments, &["--format", "json"]].concat());
        assert_eq!(exit, 0);
        serde_json::from_str(&text).unwrap()
    };
    let told = json_of(&[]);
    let asked = asked(&system, case).await;
    let told_steps = told["steps"].as_array().unwrap();
    assert_eq!(told_steps.len(), asked.len());
    for (told, asked) in told_steps.iter().zip(&asked) {
        for field in ["number", "stream", "position", "revision", "eventId", "eventType"] {
            assert_eq!(told[field], asked[field], "{field}");
        }
        let named = |step: &Value| -> Vec<String> {
            let changes = step["changes"].as_array().unwrap().iter();
            changes.map(|change| format!("{} {}", change["subject"], change["field"])).collect()
        };
        assert_eq!(named(told), named(asked));
    }
    assert_eq!(json_of(&["--step", "3"]), told_steps[2]);
    assert_eq!(
        json_of(&["--as-of", &first_recorded.to_string()])["steps"].as_array().unwrap().len(),
        1
    );
    assert_eq!((run(&["--step", "0"]).0, run(&["--step", "999"]).0), (6, 6));

    let (_, text) = run(&[]);
    assert!(text.contains("   3  ") && text.contains("CaseReferred (case event 2)"), "{text}");
    assert!(text.contains("      status: open -> resolved\n"), "{text}");
    assert!(
        text.contains("      activity: check\n") && text.contains("      outbound by "),
        "{text}"
    );
    let (_, text) = run(&["--step", "3"]);
    assert!(text.contains("The state after it:\n  case               status"), "{text}");
    assert!(text.contains("rule \"") && text.contains("calendar office version 1"), "{text}");
    system.stop().await;
}
