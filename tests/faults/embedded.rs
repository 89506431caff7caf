//! The fault run of the embedded store: one process on its own log.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::principal::Role;
use parvandeh_domain::decider::Metadata;
use serde_json::json;

use super::client::{Api, Signer};
use super::clock::SteppedClock;
use super::disk::Disk;
use super::load::Load;
use super::process::Server;
use super::subscribers::Subscriber;
use super::{choices, duration, verdict};
use crate::harness::System;
use crate::harness::random::Random;

const WORKERS: u64 = 12;
const COMMANDS_PER_SECOND: u64 = 150;
/// How long a step of the clock lasts at most in the end: everything promised is due by then.
const BEYOND_ALL_PROMISES: SignedDuration = SignedDuration::from_mins(30);

/// What happens to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    FullDisk,
    ClockStep,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_loses_nothing_through_kills_a_full_disk_and_clock_steps() {
    let mut random = choices();
    let home = tempfile::tempdir().unwrap();
    let disk = Disk::make();
    let clock = SteppedClock::find(home.path());
    let signer = Signer::new();
    let environment = clock.as_ref().map(SteppedClock::environment).unwrap_or_default();
    let data = disk.path().join("data");
    let mut server = Server::prepare(home.path(), "server", &data, &signer, "", environment);
    server.start_ready().await;

    let api = Arc::new(Api::new(vec![server.base.clone()], &signer));
    let load = Load::start(&api, &mut random, WORKERS, COMMANDS_PER_SECOND).await;
    let mut subscribers = Subscriber::of_every_feed(&api, &load.hot, &mut random);

    let mut run = Run { random, server, disk, clock, api, ahead: SignedDuration::ZERO };
    let start = Instant::now();
    let mut faults = Vec::new();
    while start.elapsed() < duration() {
        let pause = Duration::from_millis(100 + run.random.below(1_200));
        tokio::time::sleep(pause).await;
        // All kinds at first, then by chance; mostly kills.
        let fault = match (faults.len(), run.random.below(10)) {
            (0, _) | (3.., 0..6) => Fault::Kill,
            (1, _) | (3.., 6..9) => Fault::ClockStep,
            _ => Fault::FullDisk,
        };
        faults.push(fault);
        run.inject(fault, &load).await;
        subscribers.iter().for_each(Subscriber::assert_well);
    }
    let count = |kind| faults.iter().filter(|fault| **fault == kind).count();
    println!(
        "{:.0} s: {} kills, {} full disks, {} clock steps",
        start.elapsed().as_secs_f64(),
        count(Fault::Kill),
        count(Fault::FullDisk),
        if run.clock.is_some() { count(Fault::ClockStep) } else { 0 },
    );

    let ledger = load.finish().await;
    run.step_to(BEYOND_ALL_PROMISES);
    let Run { mut server, api, disk, .. } = run;
    verdict::settle(&data, &ledger, &mut subscribers, Duration::from_secs(60)).await;
    server.stop().await;
    let mut all_followed = Vec::new();
    for subscriber in subscribers {
        all_followed.push(subscriber.finish().await);
    }

    let log = verdict::logged(&data);
    verdict::check_log(&ledger, &log);
    let breaches = verdict::check_breaches(&ledger, &log);
    for followed in &all_followed {
        verdict::check_followed(followed, &log);
    }
    let hash = verdict::check_directory(&data).await;
    println!(
        "{} commands acknowledged, refused {:?}, {} attempts without an answer; {} events, {breaches} breaches; read models {hash}",
        ledger.acknowledged.len(),
        ledger.refused,
        api.failed_attempts.load(std::sync::atomic::Ordering::Relaxed),
        log.len(),
    );
    drop(disk);
}

struct Run {
    random: Random,
    server: Server,
    disk: Disk,
    clock: Option<SteppedClock>,
    api: Arc<Api>,
    /// How far the process's clock is ahead.
    ahead: SignedDuration,
}

impl Run {
    async fn inject(&mut self, fault: Fault, load: &Load) {
        match fault {
            Fault::Kill => {
                self.server.kill();
                // Sometimes it is killed again while it starts.
                if self.random.below(3) == 0 {
                    self.server.start();
                    tokio::time::sleep(Duration::from_millis(self.random.below(300))).await;
                    self.server.kill();
                }
                self.server.start_ready().await;
            }
            Fault::ClockStep => {
                let step = SignedDuration::from_millis(self.random.below(16_000) as i64 - 8_000);
                self.step_to(self.ahead + step);
            }
            Fault::FullDisk => self.fill_the_disk(load).await,
        }
    }

    fn step_to(&mut self, ahead: SignedDuration) {
        if let Some(clock) = &self.clock {
            clock.step_to(ahead);
            self.ahead = ahead;
            self.api.step_clock(ahead);
        }
    }

    /// Lets the process run into a full disk, and gives the room back after a while; what does not recover by itself is restarted.
    async fn fill_the_disk(&mut self, load: &Load) {
        let left_bytes = self.random.below(256 * 1024);
        match &self.disk {
            Disk::Mounted(mounted) => mounted.fill(left_bytes),
            Disk::Limited(_) => {
                self.server.kill();
                // The write-ahead files are as large from the beginning as they ever get; the others show how much has been written.
                let entries = std::fs::read_dir(&self.server.data).unwrap().map(Result::unwrap);
                let sizes = entries
                    .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-wal"))
                    .map(|entry| entry.metadata().unwrap().len());
                self.server.file_size_bytes_max = Some(sizes.max().unwrap_or(0) + left_bytes);
                self.server.start();
            }
        }
        // Until it has no more room, or for a while.
        let start = Instant::now();
        let (mut before, mut quiet_since) = (load.acknowledged(), Instant::now());
        while start.elapsed() < Duration::from_secs(10)
            && quiet_since.elapsed() < Duration::from_millis(500)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if load.acknowledged() > before {
                (before, quiet_since) = (load.acknowledged(), Instant::now());
            }
        }
        // Sometimes it is killed in this state and tries to start in it.
        if self.random.below(2) == 0 {
            self.server.kill();
            self.server.start();
            tokio::time::sleep(Duration::from_millis(self.random.below(500))).await;
        }
        self.server.file_size_bytes_max = None;
        if let Disk::Mounted(mounted) = &self.disk {
            mounted.free();
            for _ in 0..20 {
                if self.server.is_ready().await {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        if matches!(self.disk, Disk::Limited(_)) || !self.server.is_ready().await {
            self.server.kill();
            self.server.start_ready().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_steps_to_and_fro_breaches_each_promise_once_and_never_goes_back_in_the_log() {
    const CASES: usize = 60;
    let mut random = choices();
    let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let directory = tempfile::tempdir().unwrap();
    let system = System::start_in(directory.path(), clock.clone()).await;
    let caller = system.caller(Role::Service);
    let mut latest = begin;
    for _ in 0..CASES {
        // A little forward, or far back: what was promised before then stays in the future for long.
        let step = SignedDuration::from_secs(random.below(4_000) as i64 - 1_500);
        clock.advance(step);
        latest = latest.max(parvandeh::clock::Clock::now(&clock));
        let due_at = latest + SignedDuration::from_secs(1 + random.below(3_000) as i64);
        let input = json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care",
            "dueAt": due_at.to_string() });
        caller.mutate("openCase", "case { id }", input).await;
    }
    clock.set(latest + SignedDuration::from_hours(2));
    let breaches = async || {
        let log = verdict::logged(directory.path());
        log.iter().filter(|event| &*event.type_name == "SlaBreached").count()
    };
    while breaches().await < CASES {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    clock.set(begin);
    clock.set(latest + SignedDuration::from_hours(4));
    system.stop().await;
    crate::harness::released(directory.path()).await;
    let log = verdict::logged(directory.path());
    let ledger = super::load::Ledger::default();
    assert_eq!(verdict::check_breaches(&ledger, &log), CASES);
    let mut latest = HashMap::new();
    for event in &log {
        let meta: Metadata = serde_json::from_slice(&event.metadata).unwrap();
        let before = latest.insert(event.stream.as_str(), meta.recorded_at);
        assert!(before <= Some(meta.recorded_at), "time went back in {}", event.stream);
    }
    verdict::check_directory(directory.path()).await;
}
