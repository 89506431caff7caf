//! The monitor of promises: when the time of a promise to a customer passes, or that of a unit to answer a referral, it says so in the
//! log of the case. A missed promise is on record, and a unit's named owner is told what the unit left lying.
//!
//! It works as the [`super::sla_monitor`] does: it sleeps until the next moment or until the read models move, waits before it decides
//! until they have seen all that was in the log, and leaves to other replicas their share for a grace time. The case decides whether there
//! is anything to say, on the revision that it has; and a command's id follows from the promise or the referral that it is about. So
//! nothing is said twice, whoever watches.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::command::{FollowUpCommand, ReferralCommand};
use parvandeh_domain::case::event::{FollowUpMissed, ReferralEscalated};
use parvandeh_domain::case::{Case, CaseCommand, CaseRefusal};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, UnitId, derived};
use parvandeh_projections::follow_ups::OverdueFollowUp;
use parvandeh_projections::referrals::OverdueReferral;
use parvandeh_projections::unit_tree::UnitTree;
use parvandeh_projections::{follow_ups, referrals, unit_tree};
use tokio::sync::watch;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use super::sla_monitor::TAKEOVER_GRACE;
use crate::clock::Clock;
use crate::error::chain;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// Promises and referrals looked up at once, each. Where others leave more than this lying, it is taken over after the grace time.
const PAGE_SIZE: usize = 1_000;
/// Cases recorded side by side: the log commits them together.
const CONCURRENT_APPENDS_MAX: usize = 64;
/// The longest sleep: also bounds how late a step of the system clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long the monitor rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Watches what was promised.
pub struct PromiseMonitor {
    /// Where it is recorded.
    pub commands: Arc<CommandHandler>,
    /// Where the moments are looked up.
    pub read_models: Arc<ReadModels>,
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
    /// Who else watches.
    pub members: watch::Receiver<Members>,
}

/// Why a round of the monitor failed.
#[derive(Debug, thiserror::Error)]
pub enum PromiseMonitorError {
    /// The moments could not be looked up.
    #[error("looking up what was promised")]
    Query(#[from] QueryError),
    /// It could not be made sure that all that was done in time is known here.
    #[error("looking for what others have written")]
    Sync(#[from] ReadError),
    /// It could not be recorded that a time has passed.
    #[error("recording what was left undone in case {case_id}")]
    Record {
        /// The case.
        case_id: CaseId,
        /// Why.
        #[source]
        source: CommandError<CaseRefusal>,
    },
}

impl PromiseMonitor {
    /// Records what passes until `stop` becomes true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut moved = self.read_models.position_changes();
        while !*stop.borrow() {
            moved.borrow_and_update();
            let sleep = match self.record_overdue().await {
                Ok(next_due) => self.until(next_due),
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the monitor of promises will try again");
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
        // A time has passed one microsecond after it.
        let wait = next_due.duration_since(self.clock.now()) + SignedDuration::from_micros(1);
        Duration::try_from(wait).unwrap_or_default().min(SLEEP_MAX)
    }

    /// Records everything that has passed and is not on record; answers the next moment.
    ///
    /// # Errors
    /// When the read models or the log fail; what was recorded by then stays.
    pub async fn record_overdue(&self) -> Result<Option<Timestamp>, PromiseMonitorError> {
        let mut shown = HashSet::new();
        loop {
            let now = self.clock.now();
            if self.overdue(now).await?.is_empty() {
                return self.next_due(now).await;
            }
            if let Some(head) = self.store.sync().await? {
                self.read_models.wait_for(head).await?;
            }
            let overdue = self.overdue(now).await?;
            let fresh: Vec<_> =
                overdue.into_iter().filter(|due| shown.insert(due.command_id)).collect();
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

    /// What has passed and is this monitor's to record: its own share, and what others have left lying.
    async fn overdue(&self, now: Timestamp) -> Result<Vec<Overdue>, QueryError> {
        let members = self.members.borrow().clone();
        self.read_models
            .query(move |db| {
                let missed = follow_ups::overdue(db, now, PAGE_SIZE)?;
                let tree = unit_tree::tree(db, Timestamp::MAX)?;
                let referrals = unanswered(db, &tree, now)?;
                let escalated =
                    referrals.iter().filter_map(|referral| Overdue::referral(referral, &tree));
                let is_mine = |due: &Overdue| {
                    members.is_mine(due.case_id.0)
                        || now.duration_since(due.passed_at) > TAKEOVER_GRACE
                };
                Ok(missed.iter().map(Overdue::follow_up).chain(escalated).filter(is_mine).collect())
            })
            .await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, PromiseMonitorError> {
        let next = self.read_models.query(move |db| {
            let moments = [follow_ups::next_due(db, now)?, referrals::next_due(db, now)?];
            Ok(moments.into_iter().flatten().min())
        });
        Ok(next.await?)
    }

    async fn record(&self, due: Overdue) -> Result<Option<Position>, PromiseMonitorError> {
        let Overdue { case_id, passed_at, command_id, command } = due;
        let stream =
            StreamId::new(&format!("case-{case_id}")).expect("a UUID is a well-formed stream id");
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "promise-monitor".to_owned() },
            occurred_at: Some(passed_at),
            correlation_id: command_id.0,
            subject: None,
        };
        let executed = self
            .commands
            .execute::<Case>(&stream, vec![(metadata, command)], None, |_| true)
            .await
            .map_err(|source| PromiseMonitorError::Record { case_id, source })?;
        Ok(executed.position.filter(|_| executed.event_count > 0))
    }
}

/// The referrals that an owner is to be told of. What fell due before anybody had defined a unit is left alone: logs from before there
/// were owners say nothing of who accepted what.
fn unanswered(
    db: &rusqlite::Connection,
    tree: &UnitTree,
    now: Timestamp,
) -> rusqlite::Result<Vec<OverdueReferral>> {
    let Some(since) = tree.since else { return Ok(vec![]) };
    let owned = tree.units.keys().filter(|unit| tree.owner(unit).is_some());
    let owned: Vec<_> = owned.map(ToString::to_string).collect();
    referrals::overdue(db, &owned, since, now, PAGE_SIZE)
}

/// A time that has passed.
struct Overdue {
    case_id: CaseId,
    passed_at: Timestamp,
    command_id: CommandId,
    command: CaseCommand,
}

impl Overdue {
    fn follow_up(missed: &OverdueFollowUp) -> Self {
        let OverdueFollowUp { case_id, number, due_at } = *missed;
        let parts = ["follow-up missed", &case_id.to_string(), &number.to_string()];
        Self {
            case_id: CaseId(case_id),
            passed_at: due_at,
            command_id: CommandId(derived(&parts)),
            command: CaseCommand::FollowUp(FollowUpCommand::Miss(FollowUpMissed {
                number,
                due_at,
            })),
        }
    }

    fn referral(overdue: &OverdueReferral, tree: &UnitTree) -> Option<Self> {
        let OverdueReferral { case_id, revision, unit, due_at } = overdue;
        let parts = ["referral escalated", &case_id.to_string(), &revision.to_string()];
        let command_id = CommandId(derived(&parts));
        let unit = UnitId::new(unit.clone()).ok()?;
        let (owner_of, to) = tree.owner(&unit).map(|(of, to)| (of.clone(), to.clone()))?;
        let escalated = ReferralEscalated { unit, due_at: *due_at, to, owner_of };
        Some(Self {
            case_id: CaseId(*case_id),
            passed_at: *due_at,
            command_id,
            command: CaseCommand::Referral(ReferralCommand::Escalate(escalated)),
        })
    }
}
