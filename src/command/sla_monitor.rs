//! The SLA monitor: when a clock comes to a moment that matters, it says so in the log.
//!
//! The read models keep an index of the moments after which something about a clock is to be recorded: a warning, a breach, a verdict, or
//! a verdict that turned out otherwise. The monitor sleeps until the next of them, or until the read models move, whichever comes first;
//! then it shows the clock streams what came, the longest overdue first, and they decide which facts are new. What came while the program
//! was down is found in the same way at the next start.
//!
//! Before it decides it waits until the read models have seen all that was in the log, so that an answer given in time and recorded
//! before the due moment always counts. Nothing is recorded twice: a command id follows from what is on record of the clock and from how it
//! stands, and the clock's stream ignores what it knows.
//!
//! Where several replicas serve a log, each watches its share of the cases ([`Members::is_mine`]). What another should have recorded is
//! taken over after a grace time, whatever is known of the other: it may be dead, paused or cut off.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use parvandeh_domain::sla::{ClockRecord, ObserveClock, Sla, SlaCommand, SlaRefusal};
use parvandeh_projections::case_clocks::CaseClocks;
use parvandeh_projections::sla_clocks;
use parvandeh_projections::sla_reference::ReferenceData;
use tokio::sync::watch;
use uuid::Uuid;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::clock::Clock;
use crate::error::chain;
use crate::metrics::BREACH_DELAY;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// Clocks looked up at once.
const PAGE_SIZE: usize = 1_000;
/// Cases recorded side by side: the log commits them together.
const CONCURRENT_APPENDS_MAX: usize = 64;
/// The longest sleep: also bounds how late a step of the system clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long what falls due is left to the replica whose share it is.
pub const TAKEOVER_GRACE: SignedDuration = SignedDuration::from_secs(5);
/// How long the monitor rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Watches due times.
pub struct SlaMonitor {
    /// Where facts are recorded.
    pub commands: Arc<CommandHandler>,
    /// Where the moments are looked up.
    pub read_models: Arc<ReadModels>,
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
    /// Who else watches.
    pub members: watch::Receiver<Members>,
    /// Since when the monitor watches: what fell due before was late already.
    pub started_at: Timestamp,
}

/// Why a round of the monitor failed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The moments could not be looked up.
    #[error("looking up due moments")]
    Query(#[from] QueryError),
    /// It could not be made sure that all that was answered in time is known here.
    #[error("looking for what others have written")]
    Sync(#[from] ReadError),
    /// A fact could not be recorded.
    #[error("recording what came of the clocks of case {case_id}")]
    Record {
        /// The case.
        case_id: CaseId,
        /// Why.
        #[source]
        source: CommandError<SlaRefusal>,
    },
}

impl SlaMonitor {
    /// Records what comes until `stop` becomes true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut moved = self.read_models.position_changes();
        while !*stop.borrow() {
            moved.borrow_and_update();
            let sleep = match self.record_due().await {
                Ok(next_due) => self.until(next_due),
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the SLA monitor will try again");
                    REST_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                _ = moved.changed() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    fn until(&self, next_due: Option<Timestamp>) -> Duration {
        let Some(next_due) = next_due else { return SLEEP_MAX };
        // A clock is breached once its due moment lies in the past: one microsecond after it.
        let wait = next_due.duration_since(self.clock.now()) + SignedDuration::from_micros(1);
        Duration::try_from(wait).unwrap_or_default().min(SLEEP_MAX)
    }

    /// Records everything that has come and is not on record; answers the next moment.
    pub async fn record_due(&self) -> Result<Option<Timestamp>, MonitorError> {
        let mut shown = HashSet::new();
        loop {
            let now = self.clock.now();
            if self.due(now, 1).await?.is_empty() {
                return self.next_due(now).await;
            }
            if let Some(head) = self.store.sync().await? {
                self.read_models.wait_for(head).await?;
            }
            let due = self.due(now, PAGE_SIZE).await?;
            let fresh: Vec<_> =
                due.into_iter().filter(|due| shown.insert(due.command_ids())).collect();
            if fresh.is_empty() {
                return self.next_due(now).await;
            }
            let mut appends = stream::iter(fresh)
                .map(|due| self.record(due))
                .buffer_unordered(CONCURRENT_APPENDS_MAX);
            let mut reached = None;
            while let Some(position) = appends.next().await {
                reached = reached.max(position?);
            }
            if let Some(position) = reached {
                self.read_models.wait_for(position).await?;
            }
        }
    }

    /// What has come and is this monitor's to record: its own share, and what others have left lying.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>, QueryError> {
        let reference = Arc::clone(&self.read_models.reference);
        let members = self.members.borrow().clone();
        let wanted = move |case_id, next_at| {
            members.is_mine(case_id) || now.duration_since(next_at) > TAKEOVER_GRACE
        };
        self.read_models
            .query(move |db| {
                let reference = reference.get(db)?;
                let cases = sla_clocks::due(db, now, limit, wanted)?;
                let due = cases
                    .into_iter()
                    .map(|(case_id, ground)| Due::of(case_id, &ground, &reference, now));
                Ok(due.collect())
            })
            .await
    }

    /// The next moment that anybody watches for. What is left to others is looked at again after [`SLEEP_MAX`] at the latest.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, MonitorError> {
        Ok(self.read_models.query(move |db| sla_clocks::next_due(db, now)).await?)
    }

    async fn record(&self, due: Due) -> Result<Option<Position>, MonitorError> {
        let case_id = due.case_id;
        let stream =
            StreamId::new(&format!("clock-{case_id}")).expect("a UUID is a well-formed stream id");
        let executed = self
            .commands
            .execute::<Sla>(&stream, due.observations, None, |_| true)
            .await
            .map_err(|source| MonitorError::Record { case_id, source })?;
        if executed.event_count == 0 {
            return Ok(None);
        }
        if let Some(due_at) = due.breached_at.filter(|due_at| *due_at >= self.started_at) {
            BREACH_DELAY.observe(self.clock.now().duration_since(due_at).as_secs_f64());
        }
        Ok(executed.position)
    }
}

/// The clocks of one case that came to a moment that matters.
struct Due {
    case_id: CaseId,
    observations: Vec<(CommandMetadata, SlaCommand)>,
    /// The due moment of an open clock that now is breached.
    breached_at: Option<Timestamp>,
}

impl Due {
    fn of(case_id: Uuid, ground: &CaseClocks, reference: &ReferenceData, now: Timestamp) -> Self {
        let mut due = Self { case_id: CaseId(case_id), observations: vec![], breached_at: None };
        for row in ground.clocks(case_id, reference) {
            let Some(next_at) = row.next_at.filter(|next_at| *next_at < now) else { continue };
            let clock = &row.clock;
            let observed = ObserveClock::of(row.subject(), clock, ground.last_recorded());
            if clock.stopped_at.is_none() && clock.due_at == Some(next_at) {
                due.breached_at = Some(next_at);
            }
            // What came while the clock was open came at its moment; a verdict came with the stop.
            let came_at = if next_at > clock.started_at { Some(next_at) } else { clock.stopped_at };
            let command_id = command_id(ground.record.clocks.get(&clock.key), &observed);
            let metadata = CommandMetadata {
                command_id,
                digest: None,
                actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
                occurred_at: came_at,
                correlation_id: command_id.0,
                subject: None,
            };
            due.observations.push((metadata, SlaCommand::Observe(Box::new(observed))));
        }
        due
    }

    fn command_ids(&self) -> Vec<CommandId> {
        self.observations.iter().map(|(metadata, _)| metadata.command_id).collect()
    }
}

/// Two monitors that see the same clock over the same record ask the same command.
fn command_id(record: Option<&ClockRecord>, observed: &ObserveClock) -> CommandId {
    let text = |value: serde_json::Result<String>| value.expect("these are plain values");
    let (record, observed) =
        (text(serde_json::to_string(&record)), text(serde_json::to_string(observed)));
    CommandId(derived(&["sla observation", &record, &observed]))
}
