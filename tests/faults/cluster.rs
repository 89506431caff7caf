//! The fault run of a cluster: three replicas over a log that other machines keep, while all of them fail.
//!
//! The replicas are processes, killed and paused. The cluster is a double in this process: its leader changes, its nodes go, connections
//! are cut or freeze, commits are answered wrongly or not at all, and subscriptions end, stall, repeat themselves and lie about how far
//! they are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kurrentdb_double::{Double, Fault, LogEvent, Options};
use parvandeh::store::LoggedEvent;
use serde_json::json;

use super::client::{Api, Signer};
use super::load::{Ledger, Load};
use super::process::Server;
use super::subscribers::Subscriber;
use super::{choices, duration, verdict};
use crate::harness::random::Random;

const REPLICAS: usize = 3;
const NODES: u16 = 3;
const WORKERS: u64 = 24;
const COMMANDS_PER_SECOND: u64 = 150;
/// How long the replicas may take in the end to find each other and all that is written.
const PATIENCE: Duration = Duration::from_secs(120);
/// Everything promised is due within this time, so after so long without an event nothing more comes by itself.
const QUIET: Duration = Duration::from_secs(7);
/// Customers that every replica is asked for in the end.
const CUSTOMERS_ASKED_MAX: usize = 40;

/// What goes wrong all the time with a small probability, at each append, read or event.
const WEATHER: [(Fault, f64); 15] = [
    (Fault::FalseConflict, 0.01),
    (Fault::CommittedButAborted, 0.02),
    (Fault::CommittedButDeadlineExceeded, 0.01),
    (Fault::CommittedButUnavailable, 0.01),
    (Fault::CommittedButNeverAnswered, 0.003),
    (Fault::CommittedButCut, 0.01),
    (Fault::LostAndAborted, 0.02),
    (Fault::NotLeader, 0.005),
    (Fault::Unavailable, 0.005),
    (Fault::ReadNeverAnswered, 0.002),
    (Fault::SlowAnswer, 0.01),
    (Fault::SubscriptionEndsWithOk, 0.001),
    (Fault::SubscriptionEndsWithError, 0.001),
    (Fault::SubscriptionStalls, 0.000_3),
    (Fault::EventRepeats, 0.02),
];
/// What goes wrong with subscriptions more often, because they do these things seldom.
const WEATHER_OF_SUBSCRIPTIONS: [(Fault, f64); 3] = [
    (Fault::SubscriptionRewinds, 0.5),
    (Fault::CheckpointOfMax, 0.05),
    (Fault::CheckpointOfStart, 0.05),
];

/// What happens to processes, nodes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Kill,
    Pause,
    LeaderChange,
    CutConnections,
    FreezeConnections,
    NodeDown,
}

const EVENTS: [Event; 6] = [
    Event::Kill,
    Event::LeaderChange,
    Event::Pause,
    Event::CutConnections,
    Event::FreezeConnections,
    Event::NodeDown,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_lose_nothing_through_kills_pauses_elections_and_broken_connections() {
    let mut random = choices();
    let home = tempfile::tempdir().unwrap();
    let keyring = home.path().join("keyring");
    verdict::run(&["keys", "create", "--keyring", keyring.to_str().unwrap()]);
    let keys = files(&keyring);
    let double = Double::start(Options {
        nodes: NODES,
        seed: random.number(),
        repeats_tell_position: random.below(2) == 0,
        live_marks_tell_position: random.below(2) == 0,
        ..Options::default()
    })
    .unwrap();
    let signer = Signer::new();
    let mut run = Run::start(home.path(), &keyring, double, &signer, random).await;

    let bases = run.replicas.iter().map(|replica| replica.server.base.clone()).collect();
    let api = Arc::new(Api::new(bases, &signer));
    let load = Load::start(&api, &mut run.random, WORKERS, COMMANDS_PER_SECOND).await;
    let mut subscribers = Subscriber::of_every_feed(&api, &load.hot, &mut run.random);

    let start = Instant::now();
    let mut events = Vec::new();
    let mut next = Instant::now();
    while start.elapsed() < duration() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        run.go_on();
        if Instant::now() >= next {
            next += Duration::from_millis(300 + run.random.below(3_000));
            // All kinds at first, then by chance.
            let event = match EVENTS.get(events.len()) {
                Some(event) => *event,
                None => *run.random.one_of(&EVENTS),
            };
            events.push(event);
            run.let_happen(event);
            subscribers.iter().for_each(Subscriber::assert_well);
        }
    }
    let counts = EVENTS.map(|kind| (kind, events.iter().filter(|event| **event == kind).count()));
    println!("{:.0} s: {counts:?}", start.elapsed().as_secs_f64());
    let weather = WEATHER.iter().chain(&WEATHER_OF_SUBSCRIPTIONS);
    let fired: Vec<_> =
        weather.map(|(fault, _)| (*fault, run.double.faults().fired(*fault))).collect();
    println!("{fired:?}");
    run.calm().await;

    let ledger = load.finish().await;
    let first = run.replicas[0].server.data.clone();
    verdict::settle(&first, &ledger, &mut subscribers, PATIENCE).await;
    let seen = verdict::logged(&first).len() as u64;
    // Who reads personal data is written down, so that there is more in the log afterwards.
    for replica in &run.replicas {
        check_personal_data(&replica.server.base, &signer, &ledger, seen).await;
    }
    let written = run.quiet().await;
    let mut all_followed = Vec::new();
    for subscriber in subscribers {
        all_followed.push(subscriber.finish().await);
    }
    join_all(run.replicas.iter_mut().map(|replica| replica.server.stop())).await;

    let log = verdict::logged(&first);
    check_copy(&log, &written);
    verdict::check_log(&ledger, &log);
    let breaches = verdict::check_breaches(&ledger, &log);
    for followed in &all_followed {
        verdict::check_followed(followed, &log);
    }
    let mut hashes = Vec::new();
    for replica in &run.replicas {
        check_same(&verdict::logged(&replica.server.data), &log);
        hashes.push(verdict::check_directory(&replica.server.data).await);
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "the read models differ: {hashes:?}");
    assert_eq!(files(&keyring), keys, "nobody has written to the keyring");
    println!(
        "{} commands acknowledged, refused {:?}, {} attempts without an answer; {} events, {breaches} breaches; read models {}",
        ledger.acknowledged.len(),
        ledger.refused,
        api.failed_attempts.load(Ordering::Relaxed),
        log.len(),
        hashes[0],
    );
}

/// A replica, and what is still to be done to it.
struct Replica {
    server: Server,
    restart_at: Option<Instant>,
    resume_at: Option<Instant>,
}

impl Replica {
    fn assert_running(&mut self) {
        let ended = self.server.ended();
        let words = || self.server.last_words();
        assert!(ended.is_none(), "a replica ended by itself: {ended:?}\n{}", words());
    }
}

struct Run {
    random: Random,
    double: Double,
    replicas: Vec<Replica>,
    thaw_at: Option<Instant>,
    /// A node that is down, and until when.
    down: Option<(usize, Instant)>,
}

impl Run {
    /// Starts the replicas; the weather begins when they are ready.
    async fn start(
        home: &Path,
        keyring: &Path,
        double: Double,
        signer: &Signer,
        random: Random,
    ) -> Self {
        let settings = format!(
            "store = {:?}\nkeyring = {keyring:?}\ndrain_notice_seconds = 0\n",
            double.connection_string()
        );
        let replicas = (0..REPLICAS).map(|number| {
            let name = format!("replica-{number}");
            let data = home.join(&name);
            let mut server = Server::prepare(home, &name, &data, signer, &settings, Vec::new());
            server.start();
            Replica { server, restart_at: None, resume_at: None }
        });
        let replicas = replicas.collect();
        let mut run = Self { random, double, replicas, thaw_at: None, down: None };
        run.ready().await;
        for (fault, probability) in WEATHER.iter().chain(&WEATHER_OF_SUBSCRIPTIONS) {
            run.double.faults().set(*fault, *probability);
        }
        run
    }

    fn let_happen(&mut self, event: Event) {
        let now = Instant::now();
        let mut later = |ms_max: u64| now + Duration::from_millis(50 + self.random.below(ms_max));
        let faults = self.double.faults();
        match event {
            Event::Kill | Event::Pause => {
                let at = later(if event == Event::Kill { 1_500 } else { 6_000 });
                let replica = self.random.below(REPLICAS as u64) as usize;
                let replica = &mut self.replicas[replica];
                if event == Event::Kill {
                    replica.server.kill();
                    (replica.restart_at, replica.resume_at) = (Some(at), None);
                } else if replica.restart_at.is_none() && replica.resume_at.is_none() {
                    replica.server.signal("STOP");
                    replica.resume_at = Some(at);
                }
            }
            Event::LeaderChange => {
                faults.change_leader(later(2_000) - now);
            }
            Event::CutConnections => faults.cut_connections(),
            Event::FreezeConnections => {
                faults.freeze_connections();
                self.thaw_at = Some(later(8_000));
            }
            Event::NodeDown if self.down.is_none() => {
                let until = later(3_000);
                let election = later(1_000) - now;
                let node = self.random.below(u64::from(NODES)) as usize;
                faults.take_down(node);
                if faults.leader() == node {
                    faults.change_leader(election);
                }
                self.down = Some((node, until));
            }
            Event::NodeDown => {}
        }
    }

    /// Brings back what has been away for long enough.
    fn go_on(&mut self) {
        let now = Instant::now();
        let is_due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        for replica in &mut self.replicas {
            if is_due(&mut replica.resume_at) {
                replica.server.signal("CONT");
            }
            if is_due(&mut replica.restart_at) {
                replica.server.start();
            }
            if replica.restart_at.is_none() {
                replica.assert_running();
            }
        }
        if is_due(&mut self.thaw_at) {
            self.double.faults().thaw();
        }
        if let Some((node, _)) = self.down.take_if(|(_, until)| *until <= now) {
            self.double.faults().bring_up(node);
        }
    }

    /// Ends every fault and waits until all replicas serve.
    async fn calm(&mut self) {
        let faults = self.double.faults();
        faults.clear();
        faults.thaw();
        for replica in &mut self.replicas {
            for at in [&mut replica.restart_at, &mut replica.resume_at] {
                *at = at.map(|_| Instant::now());
            }
        }
        self.down = self.down.map(|(node, _)| (node, Instant::now()));
        self.go_on();
        self.ready().await;
    }

    async fn ready(&mut self) {
        let start = Instant::now();
        for replica in &mut self.replicas {
            while !replica.server.is_ready().await {
                replica.assert_running();
                let late = start.elapsed() > PATIENCE;
                assert!(!late, "not ready after {PATIENCE:?}\n{}", replica.server.last_words());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until nothing more comes and every replica has all there is; answers what there is.
    async fn quiet(&self) -> Vec<LogEvent> {
        let start = Instant::now();
        let (mut count, mut since) = (0, Instant::now());
        loop {
            let written = self.written();
            if written.len() != count {
                (count, since) = (written.len(), Instant::now());
            }
            let copies = self.replicas.iter();
            let copies: Vec<_> =
                copies.map(|replica| verdict::logged(&replica.server.data).len()).collect();
            if since.elapsed() >= QUIET && copies.iter().all(|copy| *copy == count) {
                return written;
            }
            assert!(start.elapsed() < PATIENCE, "copies of {count} events: {copies:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What the cluster holds of the application's events.
    fn written(&self) -> Vec<LogEvent> {
        let mut written = self.double.events_of("parvandeh.");
        let reserved = ["parvandeh.log-", "parvandeh.vault-", "parvandeh.replicas-"];
        written.retain(|event| !reserved.iter().any(|prefix| event.stream.starts_with(prefix)));
        written
    }
}

/// Checks that a replica's log is what the cluster holds, in its order.
fn check_copy(log: &[LoggedEvent], written: &[LogEvent]) {
    for (copied, written) in log.iter().zip(written) {
        let place = (copied.stream.as_str(), copied.revision, copied.id);
        let stream = written.stream.trim_start_matches("parvandeh.");
        assert_eq!(place, (stream, written.revision, written.id), "the order of the cluster");
        assert_eq!(*copied.data, *written.data, "{place:?}");
    }
    assert_eq!(log.len(), written.len(), "everything the cluster holds");
}

/// Checks that two replicas have the same log, at the same positions.
fn check_same(one: &[LoggedEvent], other: &[LoggedEvent]) {
    let place = |event: &LoggedEvent| {
        let LoggedEvent { position, stream, revision, id, version, metadata, data, .. } = event;
        let what = (event.type_name.clone(), *version, metadata.clone(), data.clone());
        (*position, stream.clone(), *revision, *id, what)
    };
    for (one, other) in one.iter().zip(other) {
        assert_eq!(place(one), place(other), "the copies are the same");
    }
    assert_eq!(one.len(), other.len(), "the copies are equally long");
}

/// Checks that a replica can read the personal data that any replica has sealed. All of them stand before `seen`, which a replica on a
/// busy machine may come to a moment later.
async fn check_personal_data(base: &str, signer: &Signer, ledger: &Ledger, seen: u64) {
    let api = Api::new(vec![base.to_owned()], signer);
    api.has_seen(seen);
    let mut random = Random::of(0);
    let query = "query($id: ID!) { customer(id: $id) { name } }";
    for (id, name) in ledger.customers.iter().rev().take(CUSTOMERS_ASKED_MAX) {
        let answer = api.answered(&mut random, query, json!({ "id": id })).await;
        assert_eq!(answer["customer"]["name"], **name, "{base} shows {id}");
    }
}

/// The files of a directory and what is in them.
fn files(directory: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut files: Vec<_> =
        entries.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect();
    files.sort();
    files
}
