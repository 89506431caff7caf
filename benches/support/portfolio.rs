//! A log as a year of work would leave it: cases of about ten events whose lives overlap, customers, a policy and a weekly calendar.
//!
//! One case in ten waits for its customer for ever, one in twenty is resolved late and has its breach on record, and three in ten of
//! the others have a date of their own, which is kept. The SLA monitor finds the breaches on record, and records the other verdicts.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use parvandeh::sealing::Draft;
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Expect, StreamId};
use parvandeh::vault::{Keyring, Vault};
use parvandeh_domain::calendar::{CalendarEvent, CalendarPublished};
use parvandeh_domain::case::event::{
    CaseAssigned, CaseClassified, CaseClosed, CaseHeld, CaseOpened, CaseReferred, CaseResolved,
    CaseResumed, InteractionRecorded,
};
use parvandeh_domain::case::{
    CaseEvent, CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity,
};
use parvandeh_domain::customer::event::CustomerRegistered;
use parvandeh_domain::customer::{CustomerEvent, CustomerKind, Language};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{
    CaseId, CategoryId, CommandId, CustomerId, DataSubject, EventId, PolicyId, StaffId, UnitId,
    derived,
};
use parvandeh_domain::pii::Pii;
use parvandeh_domain::policy::{PolicyEvent, PolicyPublished};
use parvandeh_domain::sla::{ClockSubject, Metric, SlaBreached, SlaEvent};
use serde_json::json;
use tokio::task::JoinSet;

use super::measure::Random;

/// Cases whose lives overlap.
const OPEN_AT_ONCE: u64 = 512;
/// 1 January 2024 in Unix seconds; everything has happened within the year after it.
const BEGINNING: Timestamp = Timestamp::constant(1_704_067_200, 0);
const OPENING_EVERY: SignedDuration = SignedDuration::from_mins(4);
const OPENINGS_MAX: u64 = 100_000;
const CASES_PER_CUSTOMER: u64 = 10;

/// Events a case has on average.
pub const EVENTS_PER_CASE: usize = 11;

/// Writes the cases with these numbers, before the first of all the policy and the calendar; answers how many events that made.
pub async fn fill(store: &Arc<SqliteStore>, vault: &Arc<Vault>, cases: Range<u64>) -> u64 {
    let mut events = if cases.start == 0 { publish(store, vault).await } else { 0 };
    // Keys are made beforehand: who waits for one would let others pass, and the log would be another.
    for customer in cases.start / CASES_PER_CUSTOMER..cases.end.div_ceil(CASES_PER_CUSTOMER) {
        let id = CustomerId(derived(&["benchmark customer", &customer.to_string()]));
        let sealed = vault.seal(DataSubject::Customer(id), id.0, b"{}");
        sealed.expect("a key");
    }
    let next = Arc::new(AtomicU64::new(cases.start));
    let mut writers = JoinSet::new();
    for _ in 0..OPEN_AT_ONCE {
        let (store, vault) = (store.clone(), vault.clone());
        let (next, end) = (next.clone(), cases.end);
        writers.spawn(async move {
            let mut events = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return events;
                }
                for (stream, event) in life(number) {
                    append(&store, &vault, &stream, event).await;
                    events += 1;
                }
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        events += written.expect("the writer ends well");
    }
    events
}

/// The vault of a data directory, as a server would have it.
pub fn vault(directory: &Path) -> Arc<Vault> {
    let keyring = Keyring::at(directory.join("keyring"));
    Arc::new(Vault::open(directory, keyring).expect("a vault"))
}

/// The id of a case.
pub fn case_id(number: u64) -> CaseId {
    CaseId(derived(&["benchmark case", &number.to_string()]))
}

async fn append(store: &SqliteStore, vault: &Vault, stream: &str, event: Draft) {
    let event = event.seal(vault).expect("an envelope");
    let stream = StreamId::new(stream).expect("well formed");
    store.append(&stream, Expect::Any, vec![event]).await.expect("an append");
}

async fn publish(store: &SqliteStore, vault: &Vault) -> u64 {
    let day = json!([{ "from": "08:00", "to": "12:00" }, { "from": "12:30", "to": "16:30" }]);
    let calendar = json!({
        "name": "میز خدمت تهران", "time_zone": "Asia/Tehran",
        "weekly": { "saturday": day, "sunday": day, "monday": day, "tuesday": day, "wednesday": day },
    });
    let targets = |response: &str, resolution: &str| {
        json!([
            { "metric": "first_response", "target": response, "calendar": "desk" },
            { "metric": "resolution", "target": resolution, "calendar": "desk" },
            { "metric": "due_date" },
        ])
    };
    let policy = json!({
        "name": "Standard",
        "rules": [
            { "name": "urgent", "when": { "priority": ["urgent"] }, "targets": targets("PT4H", "PT20H") },
            { "name": "any", "targets": targets("PT8H", "PT40H") },
        ],
    });
    let calendar = CalendarEvent::from(CalendarPublished {
        version: 1,
        document: serde_json::from_value(calendar).expect("a calendar"),
        effective_from: BEGINNING,
    });
    let policy = PolicyEvent::from(PolicyPublished {
        version: 1,
        document: serde_json::from_value(policy).expect("a policy"),
        effective_from: BEGINNING,
    });
    let mut commands = Commands::of(u64::MAX, None);
    append(store, vault, "calendar-desk", commands.event(&calendar, BEGINNING, ActorKind::Staff))
        .await;
    append(store, vault, "policy-standard", commands.event(&policy, BEGINNING, ActorKind::Staff))
        .await;
    2
}

/// Gives the events of one case their ids and metadata: one command each.
pub struct Commands {
    number: String,
    subject: Option<DataSubject>,
    given: usize,
}

impl Commands {
    /// For a case, or another aggregate, by its number, and whom its texts are about.
    pub fn of(number: u64, subject: Option<DataSubject>) -> Self {
        Self { number: number.to_string(), subject, given: 0 }
    }

    /// The next event.
    pub fn event<E: StoredEvent>(&mut self, event: &E, at: Timestamp, kind: ActorKind) -> Draft {
        self.given += 1;
        let command_id =
            CommandId(derived(&["benchmark command", &self.number, &self.given.to_string()]));
        let digest = command_id.0.simple().to_string();
        let meta = Metadata {
            occurred_at: at,
            recorded_at: at,
            actor: Actor { kind, id: format!("staff-{}", self.given) },
            causation_id: command_id,
            correlation_id: command_id.0,
            // Every third client names its requests.
            command_digest: self.given.is_multiple_of(3).then_some(digest),
            personal: None,
        };
        Draft {
            id: EventId::of(command_id, 0),
            event_type: event.event_type(),
            meta,
            json: event.to_json(),
            subject: self.subject,
        }
    }
}

fn pick<T: Copy>(random: &mut Random, values: &[T]) -> T {
    values[random.below(values.len() as u64) as usize]
}

/// The events of one case, each with its stream, and before the first case of a customer their registration.
fn life(number: u64) -> Vec<(String, Draft)> {
    let mut random = Random(number << 20);
    let waits = number % 10 == 3;
    let late = number % 20 == 7;
    let dated = !waits && !late && random.below(10) < 3;
    let opened_at = BEGINNING + OPENING_EVERY * (number % OPENINGS_MAX) as i32;
    let at = |minutes: i64| opened_at + SignedDuration::from_mins(minutes);
    let id = case_id(number);
    let customer = number / CASES_PER_CUSTOMER;
    let customer_id = CustomerId(derived(&["benchmark customer", &customer.to_string()]));
    let mut commands = Commands::of(number, Some(DataSubject::Customer(customer_id)));
    let category = CategoryId::new(pick(&mut random, &["billing", "delivery", "outage", "خدمات"]))
        .expect("a code");
    let unit = UnitId::new(pick(&mut random, &["care", "technical", "finance"])).expect("a code");
    let channel = pick(&mut random, Channel::ALL);
    let priority = pick(&mut random, Priority::ALL);

    let mut events: Vec<(String, Draft)> = Vec::with_capacity(14);
    if number.is_multiple_of(CASES_PER_CUSTOMER) {
        let registered = CustomerEvent::from(CustomerRegistered {
            kind: CustomerKind::Individual,
            name: Pii::new(format!("مشترک شماره {customer}")),
            language: Language::Persian,
            tier: None,
        });
        let event = commands.event(&registered, at(0), ActorKind::Staff);
        events.push((format!("customer-{customer_id}"), event));
    }
    let mut happened = |kind: ActorKind, minutes: i64, event: CaseEvent| {
        events.push((format!("case-{id}"), commands.event(&event, at(minutes), kind)));
    };
    let said = |direction, length| InteractionRecorded {
        direction,
        channel,
        body: Pii::new("با سلام، درباره درخواست پیشین پرسشی داشتم. ".repeat(length)),
        automatic: false,
    };
    happened(
        ActorKind::Customer,
        0,
        CaseOpened {
            kind: pick(&mut random, CaseKind::ALL),
            subject: Pii::new(format!("قطعی سرویس و صورت‌حساب نادرست {number}")),
            description: Some(Pii::new(
                "از دیروز سرویس قطع است و صورت‌حساب هم درست نیست. لطفاً رسیدگی کنید.".to_owned(),
            )),
            customer_id: Some(customer_id),
            channel,
            category: None,
            priority: Priority::Normal,
            severity: None,
            unit: None,
            due_at: dated.then(|| at(5 * 24 * 60)),
            external_reference: None,
            split_from: None,
            remedy_sought: None,
        }
        .into(),
    );
    happened(
        ActorKind::Staff,
        10,
        CaseClassified {
            category: Some(category.clone()),
            priority: Some(priority),
            severity: Some(pick(&mut random, Severity::ALL)),
        }
        .into(),
    );
    happened(
        ActorKind::Staff,
        20,
        CaseReferred {
            unit: unit.clone(),
            from_unit: None,
            reason: Pii::new("در حوزه این واحد است".to_owned()),
            answer_due_at: None,
        }
        .into(),
    );
    happened(
        ActorKind::Staff,
        30,
        CaseAssigned {
            assignee: StaffId::new(format!("staff-{}", random.below(200))).expect("a name"),
        }
        .into(),
    );
    happened(ActorKind::Customer, 60, said(Direction::Inbound, 2).into());
    happened(ActorKind::Staff, 120, said(Direction::Outbound, 3).into());
    happened(
        ActorKind::Staff,
        180,
        CaseHeld { reason: HoldReason::AwaitingCustomer, note: None }.into(),
    );
    if waits {
        return events;
    }
    let resolved = if late { 60 * 24 * 60 } else { 28 * 60 };
    happened(ActorKind::Customer, 26 * 60, said(Direction::Inbound, 1).into());
    happened(ActorKind::System, 26 * 60, CaseResumed { by_customer_message: true }.into());
    happened(
        ActorKind::Staff,
        resolved,
        CaseResolved { outcome: pick(&mut random, Outcome::ALL), summary: None }.into(),
    );
    happened(ActorKind::Staff, resolved + 24 * 60, CaseClosed {}.into());
    if late {
        let breached = SlaEvent::from(SlaBreached {
            subject: ClockSubject {
                case_id: id,
                clock: "resolution-1".parse().expect("a key"),
                metric: Metric::Resolution,
                policy_id: PolicyId::new("standard").expect("a code"),
                policy_version: 1,
                rule: "any".to_owned(),
                unit: Some(unit.to_string()),
                category: Some(category.to_string()),
                priority: Some(priority.to_string()),
                channel: Some(channel.to_string()),
                actions: vec![],
            },
            due_at: at(10 * 24 * 60),
            started_at: opened_at,
            stopped_at: None,
            silent: false,
        });
        let event = commands.event(&breached, at(10 * 24 * 60), ActorKind::System);
        events.insert(events.len() - 2, (format!("clock-{id}"), event));
    }
    events
}
