//! Several monitors over one log: no breach twice and none missing, while one of them is killed again and again. And a clock that steps.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock, MonotoneClock, SystemClock};
use parvandeh::command::handler::CommandHandler;
use parvandeh::command::sla_monitor::SlaMonitor;
use parvandeh::command::watch::TAKEOVER_GRACE;
use parvandeh::replica::Members;
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{EventStore, READ_EVENTS_MAX};
use parvandeh::subscription::read_models::ReadModels;
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::SetDueDate;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::harness::random::Random;
use crate::harness::work::{metadata, on_case, open_case, publish_dates, vault};

/// One process over a log that others share: its own read models, commands and monitor.
struct Server {
    commands: Arc<CommandHandler>,
    read_models: Arc<ReadModels>,
    monitor: JoinHandle<()>,
    _stop: watch::Sender<bool>,
    _directory: tempfile::TempDir,
}

impl Server {
    async fn start(store: &Arc<dyn EventStore>, clock: Arc<dyn Clock>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let read_models = ReadModels::new(directory.path(), store.clone());
        read_models.start(|_| {}).await.unwrap();
        let commands = Arc::new(CommandHandler::new(store.clone(), vault(), clock.clone()));
        let (stop, stopped) = watch::channel(false);
        let monitor = SlaMonitor {
            commands: commands.clone(),
            read_models: read_models.clone(),
            store: store.clone(),
            started_at: clock.now(),
            clock,
            members: alone(),
        };
        let monitor = tokio::spawn(monitor.run(stopped));
        Self { commands, read_models, monitor, _stop: stop, _directory: directory }
    }

    /// Ends it in the middle of whatever it does.
    async fn kill(self) {
        self.monitor.abort();
        self.read_models.stop().await;
    }
}

/// As a process sees it that has heard of no other.
fn alone() -> watch::Receiver<Members> {
    watch::channel(Members::alone()).1
}

/// How often each clock stream tells of a breach.
async fn breaches(store: &Arc<dyn EventStore>) -> HashMap<String, usize> {
    let (mut found, mut after) = (HashMap::new(), None);
    loop {
        let page = store.read_all(after, READ_EVENTS_MAX).await.unwrap();
        let Some(last) = page.last() else { return found };
        after = Some(last.position);
        for event in page.iter().filter(|event| &*event.type_name == "SlaBreached") {
            *found.entry(event.stream.to_string()).or_default() += 1;
        }
    }
}

async fn until_breached(store: &Arc<dyn EventStore>, count: usize) -> HashMap<String, usize> {
    let mut moved = store.head_changes();
    loop {
        moved.borrow_and_update();
        let found = breaches(store).await;
        if found.len() >= count {
            return found;
        }
        moved.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_on_one_log_record_each_breach_once_though_one_is_killed_at_random() {
    const CASES: usize = 400;
    let mut random = Random::printed();
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let clock: Arc<dyn Clock> = Arc::new(MonotoneClock::new(SystemClock, Timestamp::UNIX_EPOCH));
    let steady = Server::start(&store, clock.clone()).await;
    publish_dates(&steady.commands).await;
    let mut other = Server::start(&store, clock.clone()).await;

    let cases: Vec<Uuid> = (0..CASES).map(|_| Uuid::new_v4()).collect();
    for (number, case) in cases.iter().enumerate() {
        on_case(&steady.commands, *case, metadata(None), open_case(0, clock.now())).await.unwrap();
        let due_at = clock.now() + SignedDuration::from_millis(20 + random.below(1_500) as i64);
        let date = CaseCommand::SetDueDate(SetDueDate { due_at });
        on_case(&other.commands, *case, metadata(None), date).await.unwrap();
        if number % 40 == random.below(40) as usize {
            other.kill().await;
            other = Server::start(&store, clock.clone()).await;
        }
    }
    let found = until_breached(&store, CASES).await;
    assert_eq!(found.len(), CASES, "none is missing");

    // One that comes late finds nothing to do.
    let directory = tempfile::tempdir().unwrap();
    let read_models = ReadModels::new(directory.path(), store.clone());
    read_models.start(|_| {}).await.unwrap();
    let late = SlaMonitor {
        commands: Arc::new(CommandHandler::new(store.clone(), vault(), clock.clone())),
        read_models,
        store: store.clone(),
        started_at: clock.now(),
        clock,
        members: alone(),
    };
    assert_eq!(late.record_due().await.unwrap(), None);
    let found = breaches(&store).await;
    assert!(found.values().all(|count| *count == 1), "none is there twice: {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_the_system_clock_forward_is_noticed_and_one_back_records_nothing_twice() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let begin = Timestamp::now();
    let machine = Arc::new(ManualClock::starting_at(begin));
    let clock: Arc<dyn Clock> =
        Arc::new(MonotoneClock::new(machine.clone(), Timestamp::UNIX_EPOCH));
    let server = Server::start(&store, clock.clone()).await;
    publish_dates(&server.commands).await;
    let case = |hours: i64| {
        let (commands, clock) = (server.commands.clone(), clock.clone());
        async move {
            let id = Uuid::new_v4();
            let now = clock.now();
            on_case(&commands, id, metadata(None), open_case(0, now)).await.unwrap();
            let due_at = now + SignedDuration::from_hours(hours);
            let date = CaseCommand::SetDueDate(SetDueDate { due_at });
            on_case(&commands, id, metadata(None), date).await.unwrap();
        }
    };
    case(5).await;
    case(20).await;

    // Given a step of ten hours forward, the first is due; after a step back nothing is undone, and nothing is recorded again.
    machine.set(begin + SignedDuration::from_hours(10));
    assert_eq!(until_breached(&store, 1).await.len(), 1);
    machine.set(begin);
    case(1).await;
    machine.set(begin + SignedDuration::from_hours(48));
    let found = until_breached(&store, 3).await;
    assert!(found.values().all(|count| *count == 1), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_two_replicas_records_its_share_and_what_the_other_leaves_lying_for_too_long() {
    const CASES: usize = 40;
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    let machine = Arc::new(ManualClock::starting_at(Timestamp::now()));
    let clock: Arc<dyn Clock> =
        Arc::new(MonotoneClock::new(machine.clone(), Timestamp::UNIX_EPOCH));
    let directory = tempfile::tempdir().unwrap();
    let read_models = ReadModels::new(directory.path(), store.clone());
    read_models.start(|_| {}).await.unwrap();
    let commands = Arc::new(CommandHandler::new(store.clone(), vault(), clock.clone()));
    let me = Uuid::new_v4();
    let members = Members { me, alive: [me, Uuid::new_v4()].into() };
    let monitor = SlaMonitor {
        commands: commands.clone(),
        read_models,
        store: store.clone(),
        started_at: clock.now(),
        clock: clock.clone(),
        members: watch::channel(members.clone()).1,
    };
    publish_dates(&commands).await;
    let mut mine = 0;
    for _ in 0..CASES {
        let case = Uuid::new_v4();
        mine += usize::from(members.is_mine(case));
        let due_at = clock.now() + SignedDuration::from_mins(1);
        on_case(&commands, case, metadata(None), open_case(0, clock.now())).await.unwrap();
        let date = CaseCommand::SetDueDate(SetDueDate { due_at });
        on_case(&commands, case, metadata(None), date).await.unwrap();
    }

    machine.advance(SignedDuration::from_secs(61));
    monitor.record_due().await.unwrap();
    assert_eq!(breaches(&store).await.len(), mine, "its own share");

    // The other replica never shows itself.
    machine.advance(TAKEOVER_GRACE);
    monitor.record_due().await.unwrap();
    let found = breaches(&store).await;
    assert_eq!(found.len(), CASES, "all are taken over");
    assert!(found.values().all(|count| *count == 1), "none is there twice: {found:?}");
}
