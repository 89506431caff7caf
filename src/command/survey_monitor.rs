//! The monitor of surveys: some time after a case was closed it asks the customer how content they are, where the organisation wishes that
//! (`[surveys]` in the configuration). The question stands in the case, for the customer to answer on their own page.
//!
//! It waits, and shares the work with other replicas, as [`super::watch`] tells. The case decides whether there is anything to ask: a case
//! is asked about once, and a command's id follows from the case, so nobody is asked twice, whoever watches.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::command::SurveyCommand;
use parvandeh_domain::case::{Case, CaseCommand, CaseRefusal};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, derived};
use parvandeh_projections::surveys;
use tokio::sync::watch::Receiver;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use super::watch::{self, Sources, Watched};
use crate::clock::Clock;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// Cases looked up at once. Where others leave more than this lying, it is taken over after the grace time.
const PAGE_SIZE: usize = 1_000;
/// How long after its closing a case is asked about at all: whoever begins to ask does not ask about the past of years.
const ASKED_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Asks customers how content they are.
pub struct SurveyMonitor {
    /// Where it is recorded.
    pub commands: Arc<CommandHandler>,
    /// Where the closed cases are looked up.
    pub read_models: Arc<ReadModels>,
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
    /// Who else watches.
    pub members: Receiver<Members>,
    /// How long after the closing of a case its customer is asked.
    pub ask_after: SignedDuration,
}

/// Why a round of the monitor failed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyMonitorError {
    /// The cases could not be looked up.
    #[error("looking up whom to ask")]
    Query(#[from] QueryError),
    /// It could not be made sure that all that others asked is known here.
    #[error("looking for what others have written")]
    Sync(#[from] ReadError),
    /// It could not be recorded that a customer is asked.
    #[error("asking the customer of case {case_id}")]
    Record {
        /// The case.
        case_id: CaseId,
        /// Why.
        #[source]
        source: CommandError<CaseRefusal>,
    },
}

impl SurveyMonitor {
    /// Asks until `stop` becomes true.
    pub async fn run(self, stop: Receiver<bool>) {
        watch::run(&self, "survey-monitor", stop).await;
    }

    /// Asks everybody who is to be asked by now; answers the next moment.
    ///
    /// # Errors
    /// When the read models or the log fail; what was recorded by then stays.
    pub async fn ask_due(&self) -> Result<Option<Timestamp>, SurveyMonitorError> {
        watch::record_due(self).await
    }
}

impl Watched for SurveyMonitor {
    type Due = ToAsk;
    type Key = CaseId;
    type Error = SurveyMonitorError;

    fn sources(&self) -> Sources<'_> {
        Sources { read_models: &self.read_models, store: &*self.store, clock: &*self.clock }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<ToAsk>, QueryError> {
        let members = self.members.borrow().clone();
        let ask_after = self.ask_after;
        let Ok(before) = now.checked_sub(ask_after) else { return Ok(vec![]) };
        let from = before.checked_sub(ASKED_WITHIN).unwrap_or(Timestamp::MIN);
        self.read_models
            .query(move |db| {
                let closed = surveys::to_ask(db, from, before, PAGE_SIZE)?;
                let all = closed.into_iter().filter_map(|(case_id, closed_at)| {
                    let came_at = closed_at.checked_add(ask_after).ok()?;
                    Some(ToAsk { case_id: CaseId(case_id), came_at })
                });
                let is_mine =
                    |due: &ToAsk| watch::is_mine(&members, due.case_id.0, due.came_at, now);
                Ok(all.filter(is_mine).take(limit).collect())
            })
            .await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, QueryError> {
        let ask_after = self.ask_after;
        let Ok(from) = now.checked_sub(ask_after) else { return Ok(None) };
        let closed_at = self.read_models.query(move |db| surveys::next_closed(db, from)).await?;
        Ok(closed_at.and_then(|closed_at| closed_at.checked_add(ask_after).ok()))
    }

    fn key(due: &ToAsk) -> CaseId {
        due.case_id
    }

    async fn record(&self, due: ToAsk) -> Result<Option<Position>, SurveyMonitorError> {
        let case_id = due.case_id;
        let stream =
            StreamId::new(&format!("case-{case_id}")).expect("a UUID is a well-formed stream id");
        let command_id = CommandId(derived(&["survey asked", &case_id.to_string()]));
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "survey-monitor".to_owned() },
            // They are asked now, however long ago their time came: whoever answers, answers this question.
            occurred_at: None,
            correlation_id: command_id.0,
            subject: None,
        };
        let command = CaseCommand::Survey(SurveyCommand::Ask);
        match self
            .commands
            .execute::<Case>(&stream, vec![(metadata, command)], None, |_| true)
            .await
        {
            Ok(executed) => Ok(executed.position.filter(|_| executed.event_count > 0)),
            // It was taken up again in between.
            Err(CommandError::Refused(_)) => Ok(None),
            Err(source) => Err(SurveyMonitorError::Record { case_id, source }),
        }
    }
}

/// A case whose customer is to be asked.
pub struct ToAsk {
    case_id: CaseId,
    /// When the time to ask came.
    came_at: Timestamp,
}
