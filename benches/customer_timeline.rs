//! The first page of a customer's timeline across 200 cases, beside its yardstick in the same run: the first page of the timeline of one
//! case with as many entries as a page has, and more. What a page costs must not grow with the number of cases it is drawn from.
//!
//! `cargo bench --bench customer_timeline -- [other cases, 20000]`

use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Expect, StreamId};
use parvandeh::subscription::generation::Generation;
use parvandeh::subscription::projector;
use parvandeh::vault::Vault;
use parvandeh_domain::case::event::InteractionRecorded;
use parvandeh_domain::case::{CaseEvent, Channel, Direction};
use parvandeh_domain::customer::CustomerEvent;
use parvandeh_domain::customer::event::CustomerMerged;
use parvandeh_domain::decider::ActorKind;
use parvandeh_domain::event::StoredEvent as _;
use parvandeh_domain::id::{CaseId, CustomerId, DataSubject, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::case_timeline::{self, TimelineFilter};
use parvandeh_projections::page::PageRequest;
use parvandeh_projections::scope::{CaseScope, Visibility};
use parvandeh_projections::{customer_merges, customer_timeline};
use rusqlite::Connection;
use support::measure::{ROUNDS, directory, median};
use support::portfolio::{self, Commands, EVENTS_PER_CASE};
use tokio::runtime::Runtime;
use uuid::Uuid;

mod support {
    pub mod measure;
    #[allow(dead_code, reason = "a part of it is used here")]
    pub mod portfolio;
}

const CASES: usize = 200;
const PAGE_SIZE: usize = 50;
const PAGES_PER_ROUND: usize = 2_000;
const BEGINNING: Timestamp = Timestamp::constant(1_704_067_200, 0);
/// Beyond those of the portfolio.
const FIRST_NUMBER: u64 = 1 << 40;

fn main() {
    let others = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let others = others.unwrap_or(20_000);
    let runtime = Runtime::new().expect("a runtime");
    let home = directory();
    let data = home.path().join("data");
    let store = Arc::new(SqliteStore::open(&data).expect("a store"));
    let vault = portfolio::vault(&data);
    let events = runtime.block_on(portfolio::fill(&store, &vault, 0..others));
    let many = runtime.block_on(customer(&store, &vault, 1, CASES, EVENTS_PER_CASE));
    let single = runtime.block_on(customer(&store, &vault, 2, 1, CASES));
    // As many cases under ten records of one person.
    let survivor = runtime.block_on(customer(&store, &vault, 3, CASES / 10, EVENTS_PER_CASE));
    for number in 4..13 {
        let record = customer(&store, &vault, number, CASES / 10, EVENTS_PER_CASE);
        let record = runtime.block_on(record);
        runtime.block_on(merge(&store, &vault, record.id, survivor.id));
    }
    let generation = Generation::create(home.path(), store.id()).expect("a new file");
    let port: Arc<dyn EventStore> = store.clone();
    runtime.block_on(projector::catch_up(port, generation, |_| {})).expect("the read models");
    let db = Connection::open(home.path().join("read-models.1.db")).expect("the read models");
    println!(
        "{events} events of {others} other cases; pages of {PAGE_SIZE}, medians of {ROUNDS} rounds of {PAGES_PER_ROUND}"
    );

    let filter = TimelineFilter::default();
    let request = PageRequest::first(PAGE_SIZE);
    let of_customer = |id: CustomerId, scope: &CaseScope| {
        let records = customer_merges::records(&db, id.0).expect("the records");
        let page = customer_timeline::timeline(
            &db,
            scope,
            Visibility::Internal,
            &records,
            &filter,
            request,
        );
        page.expect("a page").rows.len()
    };
    let of_case = |id: Uuid, scope: &CaseScope| {
        let page = case_timeline::timeline(&db, scope, Visibility::Internal, id, &filter, request);
        page.expect("a page").rows.len()
    };
    let (all, unit) = (CaseScope::All, CaseScope::Units(vec!["care".to_owned()]));
    let own = CaseScope::Customer(many.id.0);
    let rows: [(&str, &dyn Fn() -> usize); 6] = [
        ("yardstick: one case", &|| of_case(single.case, &all)),
        ("200 cases", &|| of_customer(many.id, &all)),
        ("200 cases, the customer's scope", &|| of_customer(many.id, &own)),
        ("200 cases of 10 records", &|| of_customer(survivor.id, &all)),
        ("yardstick: one case, a unit's scope", &|| of_case(single.case, &unit)),
        ("200 cases, a unit's scope", &|| of_customer(many.id, &unit)),
    ];
    let mut times = rows.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, page), times) in rows.iter().zip(&mut times) {
            times.push(microseconds(page));
        }
    }
    let times = times.map(median);
    for (place, ((name, _), time)) in rows.iter().zip(times).enumerate() {
        // Each stands beside the yardstick of its scope.
        let yardstick = times[if place < 4 { 0 } else { 4 }];
        println!("{name:<36} {time:>7.1} us a page, ratio {:.2}", time / yardstick);
    }
}

/// How long a page takes, on average over a round.
fn microseconds(page: &dyn Fn() -> usize) -> f64 {
    let start = Instant::now();
    for _ in 0..PAGES_PER_ROUND {
        assert_eq!(page(), PAGE_SIZE);
    }
    start.elapsed().as_secs_f64() * 1e6 / PAGES_PER_ROUND as f64
}

/// A customer and their last case.
struct Written {
    id: CustomerId,
    case: Uuid,
}

/// Writes a customer's cases, whose lives overlap: an opening, and messages.
async fn customer(
    store: &SqliteStore,
    vault: &Vault,
    number: u64,
    cases: usize,
    entries: usize,
) -> Written {
    let number = FIRST_NUMBER + number;
    let id = CustomerId(derived(&["benchmark customer", &number.to_string()]));
    let registered = br#"{"kind":"individual","name":"x","language":"fa"}"#;
    let registered =
        CustomerEvent::from_json("CustomerRegistered", 1, registered).expect("its shape");
    let subject = Some(DataSubject::Customer(id));
    let draft = Commands::of(number, subject).event(&registered, BEGINNING, ActorKind::Staff);
    append(store, vault, &format!("customer-{id}"), draft).await;
    let opened = format!(
        r#"{{"kind":"complaint","subject":"قطعی","customer_id":"{id}","channel":"phone","priority":"normal"}}"#
    );
    let opened = CaseEvent::from_json("CaseOpened", 1, opened.as_bytes()).expect("its shape");
    let mut case = Uuid::nil();
    for place in 0..cases {
        let case_number = (number << 10) + place as u64;
        case = CaseId(derived(&["benchmark case", &case_number.to_string()])).0;
        let mut commands = Commands::of(case_number, subject);
        for entry in 0..entries {
            let at = BEGINNING + SignedDuration::from_mins((entry * cases + place) as i64);
            let said = InteractionRecorded {
                direction: if entry.is_multiple_of(2) {
                    Direction::Outbound
                } else {
                    Direction::Inbound
                },
                channel: Channel::Phone,
                body: Pii::new("با سلام، درباره درخواست پیشین پرسشی داشتم. ".repeat(2)),
                automatic: false,
            };
            let event = if entry == 0 { opened.clone() } else { said.into() };
            let draft = commands.event(&event, at, ActorKind::Staff);
            append(store, vault, &format!("case-{case}"), draft).await;
        }
    }
    Written { id, case }
}

async fn merge(store: &SqliteStore, vault: &Vault, id: CustomerId, into: CustomerId) {
    let merged = CustomerEvent::from(CustomerMerged { into, reason: Pii::new("x".to_owned()) });
    let number = (id.0.as_u128() >> 70) as u64;
    let mut commands = Commands::of(number, Some(DataSubject::Customer(id)));
    let draft = commands.event(&merged, BEGINNING, ActorKind::Staff);
    append(store, vault, &format!("customer-{id}"), draft).await;
}

async fn append(
    store: &SqliteStore,
    vault: &Vault,
    stream: &str,
    draft: parvandeh::sealing::Draft,
) {
    let event = draft.seal(vault).expect("an envelope");
    let stream = StreamId::new(stream).expect("well formed");
    store.append(&stream, Expect::Any, vec![event]).await.expect("an append");
}
