//! `parvandeh migrate-store` of the demo and of a portfolio into a double of a cluster and back, killed (SIGKILL) and started again on the
//! way. The roots must be the same in the end. The yardstick in the same run is reading and hashing the same log, as `verify` does.
//!
//! `cargo bench --bench migrate_store -- [events, 1000000]`

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurrentdb_double::{Double, Options};
use parvandeh::demo;
use parvandeh::proof::{leaf::Leaves, merkle::Frontier};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh::vault::Keyring;
use support::measure::{Random, directory};
use support::portfolio;
use tokio::runtime::Runtime;

mod support {
    pub mod measure;
    pub mod portfolio;
}

/// How often each direction is killed.
const KILLS: u32 = 5;

fn main() {
    let events = std::env::args().find_map(|argument| argument.parse::<usize>().ok());
    let cases = (events.unwrap_or(1_000_000) / portfolio::EVENTS_PER_CASE) as u64;
    let home = directory();
    let runtime = Runtime::new().expect("a runtime");
    let seed = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
    println!("seed {seed}");
    let mut random = Random(seed);

    let data = home.path().join("demo");
    let filled = demo::fill(&data, Keyring::at(data.join("keyring")));
    runtime.block_on(filled).expect("the demo");
    there_and_back(&runtime, "demo", &data, &mut random);

    let data = home.path().join("portfolio");
    let store = Arc::new(SqliteStore::open(&data).expect("a store"));
    runtime.block_on(portfolio::fill(&store, &portfolio::vault(&data), 0..cases));
    drop(store);
    there_and_back(&runtime, "portfolio", &data, &mut random);
}

fn there_and_back(runtime: &Runtime, name: &str, data: &Path, random: &mut Random) {
    let double = Double::start(Options::default()).expect("a double");
    let address = double.connection_string();
    let (events, read_s) = runtime.block_on(read(data));
    let back = data.with_extension("back");
    std::fs::create_dir_all(back.join("keyring")).expect("a directory");
    let keys = |directory: &Path| directory.join("keyring").join("vault.keys");
    std::fs::copy(keys(data), keys(&back)).expect("the keys that open keys");

    // A twentieth of what a move may take at the least: kills fall into keys, events and the comparison.
    let pause_ms_max = (events / 100).max(40);
    let (there, into_s) = moved(data, ["--to", &address], pause_ms_max, random);
    let (here, from_s) = moved(&back, ["--from", &address], pause_ms_max / 4, random);
    assert_eq!(there, here, "the roots");
    let rate = |seconds: f64| events as f64 / seconds;
    println!(
        "{name}: {events} events; into the cluster {into_s:.1} s ({:.0}/s), out of it {from_s:.1} s ({:.0}/s), each killed {KILLS} times; \
         both give the root {there}; reading and hashing the log {read_s:.2} s ({:.0}/s)",
        rate(into_s),
        rate(from_s),
        rate(read_s),
    );
}

/// Moves a log with kills on the way; answers the root that it prints and the seconds it took in all.
fn moved(
    data: &Path,
    arguments: [&str; 2],
    pause_ms_max: u64,
    random: &mut Random,
) -> (String, f64) {
    let start = Instant::now();
    for _ in 0..KILLS {
        let mut program = program(data, arguments);
        std::thread::sleep(Duration::from_millis(20 + random.below(pause_ms_max)));
        if program.try_wait().expect("a process").is_some() {
            println!("ended before it was killed");
        }
        // SIGKILL.
        program.kill().and_then(|()| program.wait()).expect("a process");
    }
    let output = program(data, arguments).wait_with_output().expect("a process");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    assert!(output.status.success(), "{said}");
    let line = said.lines().find(|line| line.contains("same root")).expect(&said);
    let root = line.trim_end_matches('.').rsplit(' ').next().expect(&said);
    (root.to_owned(), start.elapsed().as_secs_f64())
}

fn program(data: &Path, arguments: [&str; 2]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_parvandeh"))
        .arg("migrate-store")
        .args(arguments)
        .arg("--data-directory")
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program")
}

/// Reads the log and hashes it into its tree; answers how many events there are and the seconds it took.
async fn read(data: &Path) -> (u64, f64) {
    let store = SqliteStore::open(data).expect("a store");
    let start = Instant::now();
    let (mut leaves, mut tree, mut after) = (Leaves::of(store.id()), Frontier::default(), None);
    loop {
        let page = store.read_all(after, READ_EVENTS_MAX).await.expect("the log");
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        page.iter().for_each(|event| tree.push_leaf(leaves.hash(event)));
    }
    (tree.size(), start.elapsed().as_secs_f64())
}
