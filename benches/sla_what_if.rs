//! What-if over a whole portfolio: every history replayed under a draft policy, beside a yardstick in the same run: the same grounds
//! only read and decoded.
//!
//! `cargo bench --bench sla_what_if -- [events, 1000000]`

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use parvandeh::store::EventStore;
use parvandeh::store::sqlite::{LogReader, SqliteStore};
use parvandeh::subscription::read_models::{OwnReader, ReadModels};
use parvandeh::what_if::{self, Beside, Question};
use parvandeh_domain::id::PolicyId;
use parvandeh_domain::sla::{ClockState, Drafts, Simulation};
use parvandeh_projections::case_summary::TimeRange;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_clocks::{self, CaseRange};
use rusqlite::Connection;
use serde_json::json;
use support::measure::{ROUNDS, directory, median};
use support::portfolio;
use tokio::runtime::Runtime;
use tokio::sync::watch;

mod support {
    pub mod measure;
    pub mod portfolio;
}

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(1_000_000) / portfolio::EVENTS_PER_CASE) as u64;
    let runtime = Runtime::new().expect("a runtime");
    let home = directory();
    let path = home.path().join("data");
    let store = Arc::new(SqliteStore::open(&path).expect("a store"));
    let start = Instant::now();
    let events = runtime.block_on(portfolio::fill(&store, &portfolio::vault(&path), 0..cases));
    println!(
        "{events} events of {cases} cases, written in {:.1} s; medians of {ROUNDS} alternating rounds",
        start.elapsed().as_secs_f64()
    );

    let question = question();
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut answers = Vec::new();
    for _ in 0..ROUNDS {
        let log = LogReader::open(&path).expect("the log");
        let begun = Instant::now();
        let db = what_if::fold(&log, |_| {}).expect("the grounds");
        times[0].push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        decode(&db, &question, cases);
        times[1].push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        answers.push(what_if::at_full_speed(&db, &question, |_| {}).expect("an answer"));
        times[2].push(begun.elapsed().as_secs_f64());
    }
    let [folded, decoded, replayed] = times.map(median);
    println!("grounds folded from the log            {folded:>7.2} s");
    println!(
        "what-if, whole machine                 {replayed:>7.2} s, both {:.2} s",
        folded + replayed
    );
    println!(
        "yardstick: reading and decoding only   {decoded:>7.2} s (one thread), ratio {:.2}",
        replayed / decoded
    );

    let begun = Instant::now();
    let beside = runtime.block_on(beside(home.path(), store, &question));
    println!("what-if beside a server, half the time {:>7.2} s (one thread, once)", beside.1);
    println!(
        "         of which the read models took {:>7.2} s before",
        begun.elapsed().as_secs_f64() - beside.1
    );
    assert!(answers.iter().all(|answer| *answer == beside.0), "one answer, however it is computed");
    let Simulation { cases_changed, total, .. } = &beside.0;
    println!(
        "{cases_changed} cases change; breached before {}, after {}",
        total.before.count(ClockState::Breached),
        total.after.count(ClockState::Breached)
    );
}

/// An answer within the hour, and everything resolved in half the time.
fn question() -> Question {
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
            { "name": "urgent", "when": { "priority": ["urgent"] }, "targets": targets("PT30M", "PT10H") },
            { "name": "any", "targets": targets("PT1H", "PT20H") },
        ],
    });
    let id = PolicyId::new("standard").expect("a code");
    let policy = serde_json::from_value(policy).expect("a policy");
    Question {
        drafts: Drafts::new(Some((id, policy)), None).expect("a draft"),
        range: CaseRange { scope: CaseScope::All, opened_at: TimeRange::default() },
        now: Timestamp::constant(1_767_225_600, 0),
    }
}

fn decode(db: &Connection, question: &Question, cases: u64) {
    let (mut reached, mut decoded) = (None, 0);
    loop {
        let grounds = sla_clocks::grounds(db, &question.range, reached, 100).expect("the grounds");
        let Some(last) = grounds.last() else { break };
        reached = Some(last.place());
        for stored in &grounds {
            decoded += u64::from(stored.decode().expect("a ground").opened_at > Timestamp::MIN);
        }
    }
    assert_eq!(decoded, cases);
}

async fn beside(
    directory: &std::path::Path,
    store: Arc<SqliteStore>,
    question: &Question,
) -> (Simulation, f64) {
    let models = ReadModels::new(directory, store as Arc<dyn EventStore>);
    models.start(|_| {}).await.expect("the read models");
    let begun = Instant::now();
    let work = Beside::new(OwnReader::new(models.clone()), question.clone());
    let answer = work.run(watch::Sender::default()).await.expect("an answer");
    let seconds = begun.elapsed().as_secs_f64();
    models.stop().await;
    (answer, seconds)
}
