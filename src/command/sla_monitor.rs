//! The SLA monitor: when a due moment passes, it says so in the log.
//!
//! It sleeps until the next due moment that the index of due times knows, or until the read models move, whichever comes first; then
//! it records every breach that is not on record, the longest overdue first. What fell due while the program was down is found in the
//! same way at the next start.
//!
//! Before it decides it waits until the read models have seen all that was in the log, so that an answer given in time and recorded
//! before the due moment always counts. A breach can be recorded only once: its command id follows from the case and the clock, and the
//! clock's stream refuses nothing but ignores what it knows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use parvandeh_domain::sla::{RecordBreach, Sla, SlaCommand, SlaRefusal};
use parvandeh_projections::sla_clocks::{self, ClockRow};
use tokio::sync::watch;

use super::handler::{CommandError, CommandHandler, Envelope};
use crate::clock::Clock;
use crate::error::chain;
use crate::metrics::BREACH_DELAY;
use crate::store::{EventStore, Position, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// Breaches looked up at once.
const PAGE_SIZE: usize = 1_000;
/// Breaches recorded side by side: the log commits them together.
const CONCURRENT_APPENDS_MAX: usize = 64;
/// The longest sleep: also bounds how late a step of the system clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long the monitor rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Watches due times.
pub struct SlaMonitor {
    /// Where breaches are recorded.
    pub commands: Arc<CommandHandler>,
    /// Where due times are looked up.
    pub read_models: Arc<ReadModels>,
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
    /// Since when the monitor watches: what fell due before was late already.
    pub started_at: Timestamp,
}

/// Why a round of the monitor failed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Due times could not be looked up.
    #[error("looking up due times")]
    Query(#[from] QueryError),
    /// A breach could not be recorded.
    #[error("recording a breach of case {case_id}")]
    Record {
        /// The case.
        case_id: CaseId,
        /// Why.
        #[source]
        source: CommandError<SlaRefusal>,
    },
}

impl SlaMonitor {
    /// Records breaches until `stop` becomes true.
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

    /// Records every breach that is due and not on record; answers the next due moment.
    pub async fn record_due(&self) -> Result<Option<Timestamp>, MonitorError> {
        let mut recorded = HashSet::new();
        loop {
            let now = self.clock.now();
            if let Some(head) = self.store.head() {
                self.read_models.wait_for(head).await?;
            }
            let page =
                self.read_models.query(move |db| sla_clocks::due(db, now, PAGE_SIZE)).await?;
            let fresh: Vec<_> = page
                .into_iter()
                .filter(|row| recorded.insert((row.case_id, row.clock.key)))
                .collect();
            if fresh.is_empty() {
                return Ok(self.read_models.query(move |db| sla_clocks::next_due(db, now)).await?);
            }
            let mut appends = stream::iter(fresh)
                .map(|row| self.record(row))
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

    async fn record(&self, row: ClockRow) -> Result<Option<Position>, MonitorError> {
        let case_id = CaseId(row.case_id);
        let clock = row.clock;
        // The index only holds clocks with a due time.
        let Some(due_at) = clock.due_at else { return Ok(None) };
        let command = SlaCommand::RecordBreach(RecordBreach {
            case_id,
            clock: clock.key,
            policy_id: clock.policy_id,
            policy_version: clock.policy_version,
            rule: clock.rule,
            due_at,
            started_at: clock.started_at,
            stopped_at: clock.stopped_at,
            unit: row.unit,
            category: row.category,
            priority: Some(row.priority.to_string()),
            channel: Some(row.channel.to_string()),
        });
        let parts = [&*case_id.to_string(), &clock.key.to_string()];
        let command_id = CommandId(derived(&["sla breach", parts[0], parts[1]]));
        let envelope = Envelope {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
            occurred_at: Some(due_at),
            correlation_id: command_id.0,
        };
        let stream =
            StreamId::new(&format!("clock-{case_id}")).expect("a UUID is a well-formed stream id");
        let executed = self
            .commands
            .execute::<Sla>(&stream, vec![(envelope, command)], None, |_| true)
            .await
            .map_err(|source| MonitorError::Record { case_id, source })?;
        if executed.event_count == 0 {
            return Ok(None);
        }
        if due_at >= self.started_at && clock.stopped_at.is_none() {
            BREACH_DELAY.observe(self.clock.now().duration_since(due_at).as_secs_f64());
        }
        Ok(executed.position)
    }
}
