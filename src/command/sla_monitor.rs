//! The SLA monitor: when a clock comes to a moment that matters, it says so in the log.
//!
//! The read models keep an index of the moments after which something about a clock is to be recorded: a warning, a breach, a verdict, or
//! a verdict that turned out otherwise. The monitor waits for the next of them as [`super::watch`] tells; then it shows the clock streams
//! what came, the longest overdue first, and they decide which facts are new.
//!
//! Nothing is recorded twice: a command id follows from what is on record of the clock and from how it stands, and the clock's stream
//! ignores what it knows.

use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use parvandeh_domain::sla::{ClockRecord, ObserveClock, Sla, SlaCommand, SlaRefusal};
use parvandeh_projections::case_clocks::CaseClocks;
use parvandeh_projections::sla_clocks;
use parvandeh_projections::sla_reference::ReferenceData;
use tokio::sync::watch::Receiver;
use uuid::Uuid;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use super::watch::{self, Sources, Watched};
use crate::clock::Clock;
use crate::metrics::BREACH_DELAY;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

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
    pub members: Receiver<Members>,
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
    pub async fn run(self, stop: Receiver<bool>) {
        watch::run(&self, "sla-monitor", stop).await;
    }

    /// Records everything that has come and is not on record; answers the next moment.
    ///
    /// # Errors
    /// When the read models or the log fail; what was recorded by then stays.
    pub async fn record_due(&self) -> Result<Option<Timestamp>, MonitorError> {
        watch::record_due(self).await
    }
}

impl Watched for SlaMonitor {
    type Due = Due;
    type Key = Vec<CommandId>;
    type Error = MonitorError;

    fn sources(&self) -> Sources<'_> {
        Sources { read_models: &self.read_models, store: &*self.store, clock: &*self.clock }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Due>, QueryError> {
        let reference = Arc::clone(&self.read_models.reference);
        let members = self.members.borrow().clone();
        let wanted = move |case_id, next_at| watch::is_mine(&members, case_id, next_at, now);
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

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, QueryError> {
        self.read_models.query(move |db| sla_clocks::next_due(db, now)).await
    }

    fn key(due: &Due) -> Vec<CommandId> {
        due.observations.iter().map(|(metadata, _)| metadata.command_id).collect()
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
pub struct Due {
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
}

/// Two monitors that see the same clock over the same record ask the same command.
fn command_id(record: Option<&ClockRecord>, observed: &ObserveClock) -> CommandId {
    let text = |value: serde_json::Result<String>| value.expect("these are plain values");
    let (record, observed) =
        (text(serde_json::to_string(&record)), text(serde_json::to_string(observed)));
    CommandId(derived(&["sla observation", &record, &observed]))
}
