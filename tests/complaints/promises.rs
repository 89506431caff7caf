//! Promises to customers and referrals to units: kept, missed, answered, escalated; each once, whoever watches.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock, MonotoneClock};
use parvandeh::command::handler::CommandHandler;
use parvandeh::command::promise_monitor::PromiseMonitor;
use parvandeh::principal::Role;
use parvandeh::replica::Members;
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh::subscription::read_models::ReadModels;
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{FollowUpCommand, KeepFollowUp, PromiseFollowUp, ReferCase};
use parvandeh_domain::id::{StaffId, UnitId};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::unit::{DefineUnit, ParentIs, Unit, UnitCommand};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::{refused, story, with};
use crate::harness::service::Service;
use crate::harness::work::{metadata, on_case, open_case, stream, vault};

/// Asks again until the answer at this JSON pointer is the expected one.
pub async fn until(service: &Service, query: &str, id: &str, pointer: &str, expected: Value) {
    let auditor = service.system.caller(Role::Auditor);
    let mut moved = service.system.app.read_models.position_changes();
    loop {
        moved.borrow_and_update();
        let data = auditor.ask(query, json!({ "id": id })).await;
        if data.pointer(pointer) == Some(&expected) {
            return;
        }
        let waited =
            tokio::time::timeout(std::time::Duration::from_secs(20), moved.changed()).await;
        assert!(waited.is_ok(), "{pointer} did not become {expected}: {data}");
    }
}

const FOLLOW_UPS: &str =
    "query($id: ID!) { case(id: $id) { followUps { number state what dueAt keptAt } } }";
const REFERRAL: &str = "query($id: ID!) { case(id: $id) { unit assignee referral { unit fromUnit acceptedAt returnedAt escalatedTo } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_kept_or_the_log_says_that_it_was_missed() {
    let service = Service::start().await;
    let case = service.open("care", 0).await;
    let promise =
        |what: &str, minutes| json!({ "what": what, "dueAt": service.at(minutes).to_string() });
    service.advance_to(5);
    service.command("promiseFollowUp", &case, 1, promise("تماس می‌گیریم", 60)).await;
    service.command("promiseFollowUp", &case, 1, promise("فرم را می‌فرستیم", 30)).await;
    service.command("keepFollowUp", &case, 4, json!({ "number": 2 })).await;
    until(&service, FOLLOW_UPS, &case, "/case/followUps/0/state", json!("KEPT")).await;
    until(&service, FOLLOW_UPS, &case, "/case/followUps/1/state", json!("WAITING")).await;

    service.advance_to(61);
    let told = "query($id: ID!) { case(id: $id) { timeline(filter: { eventType: [\"FollowUpMissed\"] }) { \
        totalCount nodes { occurredAt actorId } } } }";
    until(&service, told, &case, "/case/timeline/totalCount", json!(1)).await;
    let auditor = service.system.caller(Role::Auditor);
    let data = auditor.ask(told, json!({ "id": case })).await;
    let expected =
        json!({ "occurredAt": service.at(60).to_string(), "actorId": "promise-monitor" });
    assert_eq!(data["case"]["timeline"]["nodes"][0], expected);
    let missed =
        "{ missedFollowUps { totalCount nodes { number state what caseId case { unit } } } }";
    let data = auditor.ask(missed, json!({})).await;
    let node = json!({ "number": 1, "state": "MISSED", "what": "تماس می‌گیریم", "caseId": case, "case": { "unit": "care" } });
    assert_eq!(data["missedFollowUps"], json!({ "totalCount": 1, "nodes": [node] }));

    service.advance_to(90);
    service.command("keepFollowUp", &case, 85, json!({ "number": 1 })).await;
    until(&service, FOLLOW_UPS, &case, "/case/followUps/1/state", json!("KEPT_LATE")).await;
    let unkept = "{ missedFollowUps(filter: { unkept: true }) { totalCount } }";
    assert_eq!(auditor.ask(unkept, json!({})).await["missedFollowUps"]["totalCount"], 0);
    let other_unit = service.system.caller_as(Role::Agent, None, &["legal"]);
    let data = other_unit.ask("{ missedFollowUps { totalCount nodes { what } } }", json!({})).await;
    assert_eq!(data["missedFollowUps"], json!({ "totalCount": 0, "nodes": [] }), "not theirs");
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_unit_is_escalated_to_its_owner_and_an_answer_in_time_is_not() {
    let service = Service::start().await;
    let admin = service.system.caller(Role::Admin);
    for input in [
        json!({ "unit": "operations", "name": "بهره‌برداری", "owner": "maryam" }),
        json!({ "unit": "technical", "name": "فنی", "parent": "operations" }),
    ] {
        admin.mutate("defineUnit", "unit { code }", input).await;
    }
    let (silent, quick) = (service.open("care", 0).await, service.open("care", 0).await);
    service.advance_to(5);
    let due = json!({ "unit": "technical", "reason": "فنی است", "answerDueAt": service.at(60).to_string() });
    for case in [&silent, &quick] {
        service.command("referCase", case, 1, due.clone()).await;
    }
    service.command("acceptReferral", &quick, 3, json!({})).await;
    service.advance_to(61);
    until(&service, REFERRAL, &silent, "/case/referral/escalatedTo", json!("maryam")).await;
    let auditor = service.system.caller(Role::Auditor);
    assert!(story(&auditor, &json!(silent)).await.contains(&"ReferralEscalated".to_owned()));

    let late = json!({ "caseId": silent, "reason": "به ما مربوط نیست" });
    let technical = service.system.caller_as(Role::Agent, None, &["technical"]);
    let back = technical.mutate("returnReferral", "case { unit }", late.clone()).await;
    assert_eq!(back["case"]["unit"], "care");
    let again = service.system.caller(Role::Agent);
    assert_eq!(refused(&again, "returnReferral", late).await.0, "CASE_NOT_REFERRED");
    service.settle().await;
    let told = story(&auditor, &json!(quick)).await;
    assert!(!told.contains(&"ReferralEscalated".to_owned()), "{told:?}");
    let seen = auditor.ask(REFERRAL, json!({ "id": quick })).await;
    assert_eq!(seen["case"]["referral"]["escalatedTo"], Value::Null);
    let input = with(json!({ "caseId": quick }), json!({ "reason": "x" }));
    assert_eq!(refused(&technical, "returnReferral", input).await.0, "REFERRAL_ACCEPTED");
    service.system.stop().await;
}

/// One process over a log that others share, which says what was missed when it is asked to.
pub struct Watcher {
    pub monitor: PromiseMonitor,
    _directory: tempfile::TempDir,
}

impl Watcher {
    pub async fn start(
        store: &Arc<dyn EventStore>,
        clock: &Arc<dyn Clock>,
        remind_before: SignedDuration,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let read_models = ReadModels::new(directory.path(), store.clone());
        read_models.start(|_| {}).await.unwrap();
        let monitor = PromiseMonitor {
            commands: Arc::new(CommandHandler::new(store.clone(), vault(), clock.clone())),
            read_models,
            store: store.clone(),
            clock: clock.clone(),
            members: watch::channel(Members::alone()).1,
            remind_before,
        };
        Self { monitor, _directory: directory }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_monitors_on_one_log_each_misses_nothing_and_none_says_it_twice() {
    const CASES: u8 = 40;
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let machine = Arc::new(ManualClock::starting_at(begin));
    let clock: Arc<dyn Clock> =
        Arc::new(MonotoneClock::new(machine.clone(), Timestamp::UNIX_EPOCH));
    let never = SignedDuration::ZERO;
    let watchers =
        [Watcher::start(&store, &clock, never).await, Watcher::start(&store, &clock, never).await];
    let commands = watchers[0].monitor.commands.clone();
    let due_at = begin + SignedDuration::from_mins(10);
    let define = UnitCommand::Define(DefineUnit {
        name: "حقوقی".to_owned(),
        parent: None,
        owner: Some(StaffId::new("maryam").unwrap()),
        parent_is: ParentIs::Fine,
    });
    let batch = vec![(metadata(None), define)];
    commands.execute::<Unit>(&stream("unit", "legal"), batch, None, |_| true).await.unwrap();
    for number in 0..CASES {
        let case = Uuid::from_u128(u128::from(number));
        let send = async |command| {
            on_case(&commands, case, metadata(None), command).await.unwrap();
        };
        send(open_case(0, begin)).await;
        let what = Pii::new("x".to_owned());
        send(CaseCommand::FollowUp(FollowUpCommand::Promise(PromiseFollowUp { what, due_at })))
            .await;
        let (unit, reason) = (UnitId::new("legal").unwrap(), Pii::new("x".to_owned()));
        send(CaseCommand::Refer(ReferCase { unit, reason, answer_due_at: Some(due_at) })).await;
        if number.is_multiple_of(4) {
            send(CaseCommand::FollowUp(FollowUpCommand::Keep(KeepFollowUp { number: 1 }))).await;
        }
    }
    machine.set(due_at + SignedDuration::from_secs(1));
    // Both at once, then each once more, then one that comes late and knows nothing but the log.
    let [one, other] = &watchers;
    let (first, second) =
        tokio::join!(one.monitor.record_overdue(), other.monitor.record_overdue());
    assert_eq!((first.unwrap(), second.unwrap()), (None, None));
    for watcher in &watchers {
        watcher.monitor.record_overdue().await.unwrap();
    }
    Watcher::start(&store, &clock, never).await.monitor.record_overdue().await.unwrap();

    let mut told: HashMap<(String, String), usize> = HashMap::new();
    let mut after = None;
    loop {
        let page = store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        for event in page {
            let name = event.type_name.to_string();
            if ["FollowUpMissed", "ReferralEscalated"].contains(&&*name) {
                *told.entry((name, event.stream.to_string())).or_default() += 1;
            }
        }
    }
    assert!(told.values().all(|count| *count == 1), "{told:?}");
    let count = |wanted: &str| told.keys().filter(|(name, _)| name == wanted).count();
    assert_eq!(count("FollowUpMissed"), usize::from(CASES) * 3 / 4, "none of those that were kept");
    assert_eq!(count("ReferralEscalated"), usize::from(CASES));
}
