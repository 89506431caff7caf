//! What sealing costs: durable appends of messages whose texts go into the vault, beside the same appends in plain text, in the same run.
//!
//! Each append is one message of about 500 bytes, of which the text is the greater part, by one of a thousand customers. Sealing encrypts
//! the text and hashes the envelope in the caller's task, and adds a row to the writer's transaction. Last, the parts of it in memory alone.
//!
//! `cargo bench --bench sealing -- [appends a round, 40000]`

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use parvandeh::sealing::{self, Draft};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, Expect, NewEvent, StreamId};
use parvandeh::vault::{Keyring, Vault};
use parvandeh_domain::case::event::InteractionRecorded;
use parvandeh_domain::case::{CaseEvent, Channel, Direction};
use parvandeh_domain::decider::{Actor, ActorKind, Metadata};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::{CommandId, CustomerId, DataSubject, EventId, derived};
use parvandeh_domain::pii::Pii;
use support::measure::{ROUNDS, Random, directory, median};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

mod support {
    pub mod measure;
}

const CUSTOMERS: u64 = 1_000;
const WRITERS: [u64; 4] = [1, 16, 64, 256];
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// A message that was decided and is not sealed yet.
fn message(random: &mut Random) -> (StreamId, Draft) {
    let customer = random.below(CUSTOMERS).to_string();
    let subject = DataSubject::Customer(CustomerId(derived(&["benchmark customer", &customer])));
    let case = derived(&["benchmark case", &customer]);
    let command_id = CommandId(derived(&[&NUMBERS.fetch_add(1, Ordering::Relaxed).to_string()]));
    let event = CaseEvent::from(InteractionRecorded {
        direction: Direction::Inbound,
        channel: Channel::Portal,
        body: Pii::new("با سلام، درباره درخواست پیشین پرسشی داشتم. ".repeat(3)),
        automatic: false,
    });
    let now = Timestamp::now();
    let draft = Draft {
        id: EventId::of(command_id, 0),
        event_type: event.event_type(),
        meta: Metadata {
            occurred_at: now,
            recorded_at: now,
            actor: Actor { kind: ActorKind::Service, id: "portal".to_owned() },
            causation_id: command_id,
            correlation_id: command_id.0,
            command_digest: None,
            personal: None,
        },
        json: event.to_json(),
        subject: Some(subject),
    };
    (StreamId::new(&format!("case-{case}")).expect("well formed"), draft)
}

/// The event in plain text, as no program of ours writes it.
fn plain(draft: Draft) -> NewEvent {
    NewEvent {
        id: draft.id.0,
        type_name: draft.event_type.name,
        version: draft.event_type.version,
        metadata: Bytes::from(serde_json::to_vec(&draft.meta).expect("plain values")),
        data: Bytes::from(draft.json),
        envelope: None,
    }
}

/// Appends a second; sealed where there is a vault.
fn rate(
    runtime: &Runtime,
    store: &Arc<SqliteStore>,
    vault: Option<&Arc<Vault>>,
    writers: u64,
    appends: u64,
) -> f64 {
    let start = Instant::now();
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..writers {
            let (store, vault) = (store.clone(), vault.cloned());
            let mut random = Random(NUMBERS.fetch_add(1, Ordering::Relaxed) << 32);
            tasks.spawn(async move {
                for _ in 0..appends / writers {
                    let (stream, draft) = message(&mut random);
                    let event = match &vault {
                        Some(vault) => draft.seal(vault).expect("an envelope"),
                        None => plain(draft),
                    };
                    store.append(&stream, Expect::Any, vec![event]).await.expect("an append");
                }
            });
        }
        tasks.join_all().await;
    });
    (appends / writers * writers) as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let appends = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let appends = appends.unwrap_or(40_000);
    let runtime = Runtime::new().expect("a runtime");
    let home = directory();
    let store = Arc::new(SqliteStore::open(&home.path().join("data")).expect("a store"));
    let keyring = Keyring::at(home.path().join("keyring"));
    let vault = Arc::new(Vault::open(&home.path().join("data"), keyring).expect("a vault"));
    // Every customer has a key.
    rate(&runtime, &store, Some(&vault), 16, 20 * CUSTOMERS);

    println!("medians of {ROUNDS} alternating rounds of {appends} appends");
    println!("writers     sealed/s      plain/s   ratio");
    for writers in WRITERS {
        let appends = if writers == 1 { appends / 8 } else { appends };
        let (mut sealed, mut in_plain) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            sealed.push(rate(&runtime, &store, Some(&vault), writers, appends));
            in_plain.push(rate(&runtime, &store, None, writers, appends));
        }
        let (sealed, in_plain) = (median(sealed), median(in_plain));
        println!("{writers:>7} {sealed:>12.0} {in_plain:>12.0} {:>7.2}", sealed / in_plain);
    }

    let mut random = Random(7);
    let drafts: Vec<_> = (0..20_000).map(|_| message(&mut random).1).collect();
    let count = drafts.len() as f64;
    let start = Instant::now();
    let sealed: Vec<_> =
        drafts.into_iter().map(|draft| draft.seal(&vault).expect("an envelope")).collect();
    println!("sealing one event: {:.1} µs", start.elapsed().as_secs_f64() * 1e6 / count);
    let start = Instant::now();
    for event in &sealed {
        let envelope = event.envelope.as_ref().expect("an envelope");
        assert!(sealing::open(&vault, envelope).expect("it opens").is_some());
    }
    println!("opening one event: {:.1} µs", start.elapsed().as_secs_f64() * 1e6 / count);
}
