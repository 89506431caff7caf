//! Rules of tiers over a million customers, beside two yardsticks in the same run: the same rows only read, and the same rows counted by
//! SQLite; then what an hour of changes costs.
//!
//! `cargo bench --bench segments -- [customers, 1000000]`

use std::time::Instant;

use jiff::Timestamp;
use parvandeh::command::tier_keeper::{InForce, page_of_all, page_of_changed};
use parvandeh_domain::customer::event::{CustomerRegistered, CustomerValueAssessed};
use parvandeh_domain::customer::{CustomerEvent, CustomerKind, Language};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata, Recorded};
use parvandeh_domain::id::{CommandId, CustomerId, EventId, SegmentationId, derived};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Pii;
use parvandeh_domain::segmentation::SegmentationPublished;
use parvandeh_projections::ReadModel;
use parvandeh_projections::customer_standing::{self, CustomerStanding};
use rusqlite::Connection;
use support::measure::{ROUNDS, directory, median};
use uuid::Uuid;

mod support {
    pub mod measure;
}

/// Customers who change in the incremental part.
const CHANGED: u64 = 1_000;
/// Events between two flushes of the read model.
const BATCH: u64 = 10_000;

fn main() {
    let customers = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let customers = customers.unwrap_or(1_000_000);
    let home = directory();
    let db = Connection::open(home.path().join("standing.db")).expect("a file");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").expect("pragmas");
    let mut model = CustomerStanding::default();
    db.execute_batch(model.tables()).expect("tables");
    let start = Instant::now();
    let mut position = fill(&db, &mut model, customers);
    db.execute_batch(model.indexes()).expect("indexes");
    println!("{customers} customers, filled in {:.1} s", start.elapsed().as_secs_f64());

    let now: Timestamp = "2026-06-01T00:00:00Z".parse().expect("a time");
    let in_force = in_force();
    let (mut ruled, mut read, mut counted) = (Vec::new(), Vec::new(), Vec::new());
    let mut moves = 0;
    for _ in 0..ROUNDS {
        ruled.push(seconds(|| moves = all(&db, &in_force, now)));
        read.push(seconds(|| assert_eq!(read_all(&db), customers)));
        counted.push(seconds(|| assert_eq!(count(&db), customers)));
    }
    let (ruled, read, counted) = (median(ruled), median(read), median(counted));
    println!(
        "all customers by the rules    {ruled:>8.2} s, {moves} are to move; medians of {ROUNDS}"
    );
    println!("yardstick: rows only read     {read:>8.2} s, ratio {:.2}", ruled / read);
    println!("yardstick: counted by SQLite  {counted:>8.2} s, ratio {:.2}", ruled / counted);

    let mut incremental = Vec::new();
    for round in 0..ROUNDS as u64 {
        let after = position;
        for n in 0..CHANGED {
            position += 1;
            let id = customer(n * (customers / CHANGED).max(1));
            let value = CustomerValueAssessed { value: (n + round) as i64 };
            apply(&db, &mut model, id, value.into(), position);
        }
        model.flush(&db).expect("a flush");
        let after = after as i64;
        incremental.push(seconds(|| changed(&db, &in_force, after, now)));
        let seen = customer_standing::page_by_change(&db, after, CHANGED as usize * 2);
        assert_eq!(seen.expect("rows").len() as u64, CHANGED.min(customers));
    }
    println!("{CHANGED} customers who changed    {:>8.4} s", median(incremental));
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn customer(n: u64) -> Uuid {
    derived(&["customer", &n.to_string()])
}

/// Every customer is registered, and two of three are assessed. Answers the last position.
fn fill(db: &Connection, model: &mut CustomerStanding, customers: u64) -> u64 {
    let mut position = 0;
    for n in 0..customers {
        position += 1;
        let registered = CustomerRegistered {
            kind: if n % 9 == 0 { CustomerKind::Organisation } else { CustomerKind::Individual },
            name: Pii::sealed(),
            language: Language::Persian,
            tier: (n % 2 == 0).then(|| "basic".to_owned()),
        };
        apply(db, model, customer(n), registered.into(), position);
        if n % 3 != 0 {
            position += 1;
            let value = CustomerValueAssessed { value: (n % 5_000) as i64 };
            apply(db, model, customer(n), value.into(), position);
        }
        if n % BATCH == BATCH - 1 {
            let transaction = db.unchecked_transaction().expect("a transaction");
            model.flush(db).expect("a flush");
            transaction.commit().expect("a commit");
        }
    }
    let transaction = db.unchecked_transaction().expect("a transaction");
    model.flush(db).expect("a flush");
    transaction.commit().expect("a commit");
    position
}

fn apply(
    db: &Connection,
    model: &mut CustomerStanding,
    id: Uuid,
    event: CustomerEvent,
    position: u64,
) {
    let at = Timestamp::from_second(1_767_225_600 + position as i64).expect("a time");
    let command_id = CommandId(Uuid::from_u128(position.into()));
    let recorded = Recorded {
        id: EventId(command_id.0),
        revision: 0,
        position,
        meta: Metadata {
            occurred_at: at,
            recorded_at: at,
            actor: Actor { kind: ActorKind::System, id: "bench".to_owned() },
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        },
        event: DomainEvent::Customer(CustomerId(id), event),
        envelope: None,
        blind_index: None,
        sound_index: None,
    };
    model.apply(db, &recorded).expect("the read model takes it in");
}

/// Ten rules, as an organisation may have them; most customers are told apart by the last.
fn in_force() -> InForce {
    let mut rules = vec![
        serde_json::json!({ "tier": "asleep", "when": { "quiet_days_at_least": 150 } }),
        serde_json::json!({ "tier": "partner", "when": { "kind": ["partner"], "value_at_least": 4_000 } }),
        serde_json::json!({ "tier": "at_risk", "when": { "complaints_at_least": 3, "quiet_days_below": 30 } }),
    ];
    for (tier, value) in [
        ("diamond", 4_900),
        ("platinum", 4_500),
        ("gold", 4_000),
        ("silver", 3_000),
        ("bronze", 2_000),
    ] {
        rules.push(serde_json::json!({ "tier": tier, "when": { "value_at_least": value, "known_days_at_least": 10 } }));
    }
    rules.push(serde_json::json!({ "tier": "new", "when": { "quiet_days_below": 20 } }));
    rules.push(serde_json::json!({ "tier": "basic" }));
    let document = serde_json::json!({ "name": "Tiers", "rules": rules });
    let document = serde_json::from_value(document).expect("a segmentation");
    let effective_from = Timestamp::UNIX_EPOCH;
    let published = SegmentationPublished { version: 1, document, effective_from };
    published.document.validate().expect("without problems");
    vec![(SegmentationId::new("default").expect("a code"), published)]
}

fn all(db: &Connection, in_force: &InForce, now: Timestamp) -> usize {
    let (mut after, mut moves) = (None, 0);
    loop {
        let (due, last) = page_of_all(db, in_force, after, now).expect("a page");
        moves += due.len();
        let Some(last) = last else { return moves };
        after = Some(last);
    }
}

fn changed(db: &Connection, in_force: &InForce, mut after: i64, now: Timestamp) {
    while let (_, Some(last)) = page_of_changed(db, in_force, after, now).expect("a page") {
        after = last;
    }
}

fn read_all(db: &Connection) -> u64 {
    let mut rows = 0;
    let scope = parvandeh_projections::scope::CaseScope::All;
    customer_standing::for_each(db, &scope, |_| rows += 1).expect("rows");
    rows
}

fn count(db: &Connection) -> u64 {
    db.query_row(
        "SELECT count(tier) + count(*) - count(tier) FROM customer_standing WHERE value >= 0",
        [],
        |row| row.get(0),
    )
    .expect("a count")
}
