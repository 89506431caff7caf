//! Reminders before promises fall due: at their moment, once, whoever watches and whoever is killed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock, MonotoneClock};
use parvandeh::command::promise_monitor::PromiseMonitor;
use parvandeh::principal::Role;
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh::subscription::reminder_watch::ReminderWatch;
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{FollowUpCommand, KeepFollowUp, PromiseFollowUp};
use parvandeh_domain::pii::Pii;
use serde_json::{Value, json};
use uuid::Uuid;

use super::promises::{Watcher, until};
use crate::harness::feed::EventStream;
use crate::harness::service::Service;
use crate::harness::token;
use crate::harness::work::{metadata, on_case, open_case};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

const REMINDED: &str = "query($id: ID!) { case(id: $id) { \
    timeline(filter: { eventType: [\"FollowUpReminded\"] }) { totalCount nodes { occurredAt actorId } } \
    followUps { number remindedAt state } } }";

async fn due(service: &Service, units: &[&str]) -> Value {
    let query = "{ followUpsDue { totalCount nodes { caseId number state what } } }";
    let caller = service.system.caller_as(Role::Agent, None, units);
    caller.ask(query, json!({})).await["followUpsDue"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_before_a_promise_falls_due_its_keepers_are_reminded_once() {
    let service = Service::start().await;
    let case = service.open("care", 0).await;
    let promise = async |what: &str, minutes: i64| {
        let input = json!({ "what": what, "dueAt": service.at(minutes).to_string() });
        service.command("promiseFollowUp", &case, 1, input).await;
    };
    service.advance_to(5);
    promise("تماس می‌گیریم", 3 * DAY).await;
    promise("فرم را می‌فرستیم", 10 * DAY).await;
    service.advance_to(2 * DAY - 10);
    service.settle().await;
    assert_eq!(due(&service, &["care"]).await, json!({ "totalCount": 0, "nodes": [] }));

    let query = "subscription { followUpReminders { cursor followUp { caseId number what } } }";
    let agent = token(Role::Agent, None, &["care"]);
    let mut feed = EventStream::open(&service.system, &agent, query, None).await;
    service.advance_to(2 * DAY);
    let (cursor, event) = feed.next().await;
    let told = json!({ "caseId": case, "number": 1, "what": "تماس می‌گیریم" });
    assert_eq!(event["followUpReminders"]["followUp"], told);
    until(&service, REMINDED, &case, "/case/timeline/totalCount", json!(1)).await;
    let auditor = service.system.caller(Role::Auditor);
    let seen = auditor.ask(REMINDED, json!({ "id": case })).await["case"].take();
    let entry =
        json!({ "occurredAt": service.at(2 * DAY).to_string(), "actorId": "promise-monitor" });
    assert_eq!(seen["timeline"]["nodes"], json!([entry]));
    let first =
        json!({ "number": 1, "remindedAt": service.at(2 * DAY).to_string(), "state": "WAITING" });
    assert_eq!(seen["followUps"][0], first);
    assert_eq!(seen["followUps"][1]["remindedAt"], Value::Null);

    // It stands in the list of those whose case it is until it is kept; others know nothing of it.
    let node = json!({ "caseId": case, "number": 1, "state": "WAITING", "what": "تماس می‌گیریم" });
    assert_eq!(due(&service, &["care"]).await, json!({ "totalCount": 1, "nodes": [node] }));
    assert_eq!(due(&service, &["legal"]).await["totalCount"], 0, "not theirs");
    service.command("keepFollowUp", &case, 2 * DAY, json!({ "number": 1 })).await;
    assert_eq!(due(&service, &["care"]).await["totalCount"], 0);

    // Who comes back with their cursor is told what came since, and nothing twice.
    drop(feed);
    service.advance_to(9 * DAY);
    let mut feed = EventStream::open(&service.system, &agent, query, Some(&cursor)).await;
    let (_, event) = feed.next().await;
    assert_eq!(event["followUpReminders"]["followUp"]["number"], 2);
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_for_soon_is_a_reminder_from_the_start_and_customers_do_not_see_it() {
    let service = Service::start().await;
    let case = service.open("care", 0).await;
    service.advance_to(5);
    let input = json!({ "what": "خبر می‌دهیم", "dueAt": service.at(2 * HOUR).to_string() });
    service.command("promiseFollowUp", &case, 3, input).await;
    until(&service, REMINDED, &case, "/case/timeline/totalCount", json!(1)).await;
    let seen =
        service.system.caller(Role::Auditor).ask(REMINDED, json!({ "id": case })).await["case"]
            .take();
    assert_eq!(seen["followUps"][0]["remindedAt"], service.at(3).to_string());
    let customer = service.system.customer(Uuid::nil());
    let answer = customer.send("{ followUpsDue { totalCount } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    service.system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_monitors_none_reminds_twice_and_one_that_comes_too_late_not_at_all() {
    const CASES: u8 = 40;
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let machine = Arc::new(ManualClock::starting_at(begin));
    let clock: Arc<dyn Clock> =
        Arc::new(MonotoneClock::new(machine.clone(), Timestamp::UNIX_EPOCH));
    let before = SignedDuration::from_hours(1);
    let watchers = [
        Watcher::start(&store, &clock, before).await,
        Watcher::start(&store, &clock, before).await,
    ];
    let commands = watchers[0].monitor.commands.clone();
    let due_at = begin + SignedDuration::from_hours(10);
    for number in 0..CASES {
        let case = Uuid::from_u128(u128::from(number));
        let send = async |command| {
            on_case(&commands, case, metadata(None), command).await.unwrap();
        };
        send(open_case(0, begin)).await;
        // Every fourth falls due a minute after the opening, while nobody watches.
        let minute = begin + SignedDuration::from_mins(1);
        let due_at = if number % 4 == 1 { minute } else { due_at };
        let what = Pii::new("x".to_owned());
        let promise = PromiseFollowUp { what, due_at };
        send(CaseCommand::FollowUp(FollowUpCommand::Promise(promise))).await;
        if number.is_multiple_of(4) {
            send(CaseCommand::FollowUp(FollowUpCommand::Keep(KeepFollowUp { number: 1 }))).await;
        }
    }
    machine.set(due_at - before + SignedDuration::from_secs(1));
    for watcher in &watchers {
        watcher.monitor.read_models.wait_for(store.head().unwrap()).await.unwrap();
    }
    // Both at once, then each once more, then one that comes after a kill and knows nothing but the log.
    let [one, other] = &watchers;
    let (first, second) =
        tokio::join!(one.monitor.record_overdue(), other.monitor.record_overdue());
    assert_eq!((first.unwrap(), second.unwrap()), (Some(due_at), Some(due_at)));
    for watcher in &watchers {
        watcher.monitor.record_overdue().await.unwrap();
    }
    Watcher::start(&store, &clock, before).await.monitor.record_overdue().await.unwrap();

    let mut streams = Vec::new();
    let mut missed = 0;
    let mut after = None;
    loop {
        let page = store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        for event in page {
            match &*event.type_name {
                "FollowUpReminded" => streams.push(event.stream.to_string()),
                "FollowUpMissed" => missed += 1,
                _ => {}
            }
        }
    }
    let count = streams.len();
    streams.sort_unstable();
    streams.dedup();
    assert_eq!((count, streams.len()), (usize::from(CASES) / 2, usize::from(CASES) / 2));
    assert_eq!(missed, usize::from(CASES) / 4, "of these it was too late to remind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_reminders_is_woken_by_a_reminder_and_by_nothing_else() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let machine = Arc::new(ManualClock::starting_at(begin));
    let clock: Arc<dyn Clock> =
        Arc::new(MonotoneClock::new(machine.clone(), Timestamp::UNIX_EPOCH));
    let watcher = Watcher::start(&store, &clock, SignedDuration::from_hours(1)).await;
    let PromiseMonitor { commands, read_models, .. } = &watcher.monitor;
    let reminders = ReminderWatch::new(read_models);
    let mut newest = reminders.watch().unwrap();
    newest.borrow_and_update();
    let case = Uuid::from_u128(1);
    // Does it, and waits until the read models show it.
    let send = async |command| {
        let executed = on_case(commands, case, metadata(None), command).await.unwrap();
        read_models.wait_for(executed.position.unwrap()).await.unwrap();
    };
    let due_at = begin + SignedDuration::from_hours(10);
    send(open_case(0, begin)).await;
    let promise = PromiseFollowUp { what: Pii::new("x".to_owned()), due_at };
    send(CaseCommand::FollowUp(FollowUpCommand::Promise(promise))).await;
    assert!(!newest.has_changed().unwrap(), "nobody was reminded yet");

    machine.set(due_at - SignedDuration::from_mins(59));
    watcher.monitor.record_overdue().await.unwrap();
    let woken = tokio::time::timeout(std::time::Duration::from_secs(20), newest.changed()).await;
    woken.expect("a reminder wakes them").unwrap();
    let reminder = i64::try_from(store.head().unwrap().0).unwrap();
    assert_eq!(*newest.borrow_and_update(), reminder, "the first wake is the reminder's");
    send(CaseCommand::FollowUp(FollowUpCommand::Keep(KeepFollowUp { number: 1 }))).await;
    assert!(!newest.has_changed().unwrap(), "there is nothing new");
}
