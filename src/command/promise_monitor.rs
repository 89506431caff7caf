//! The monitor of promises: when the time of a promise to a customer passes, or that of a unit to answer a referral, it says so in the
//! log of the case. A missed promise is on record, and a unit's named owner is told what the unit left lying. Some time before a promise
//! falls due, it reminds those who are to keep it.
//!
//! It waits, and shares the work with other replicas, as [`super::watch`] tells. The case decides whether there is anything to say, on the
//! revision that it has; and a command's id follows from the promise or the referral that it is about. So nothing is said twice, whoever
//! watches.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::command::{FollowUpCommand, ReferralCommand};
use parvandeh_domain::case::event::{FollowUpMissed, FollowUpReminded, ReferralEscalated};
use parvandeh_domain::case::{Case, CaseCommand, CaseRefusal};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CommandId, UnitId, derived};
use parvandeh_projections::follow_ups::WaitingFollowUp;
use parvandeh_projections::referrals::OverdueReferral;
use parvandeh_projections::unit_tree::UnitTree;
use parvandeh_projections::{follow_ups, referrals, unit_tree};
use tokio::sync::watch::Receiver;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use super::watch::{self, Sources, Watched};
use crate::clock::Clock;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError, StreamId};
use crate::subscription::read_models::{QueryError, ReadModels};

/// Promises and referrals looked up at once, each. Where others leave more than this lying, it is taken over after the grace time.
const PAGE_SIZE: usize = 1_000;

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
    pub members: Receiver<Members>,
    /// How long before a promise falls due those who are to keep it are reminded; zero where nobody is to be.
    pub remind_before: SignedDuration,
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
    pub async fn run(self, stop: Receiver<bool>) {
        watch::run(&self, "promise-monitor", stop).await;
    }

    /// Records everything that has passed and is not on record; answers the next moment.
    ///
    /// # Errors
    /// When the read models or the log fail; what was recorded by then stays.
    pub async fn record_overdue(&self) -> Result<Option<Timestamp>, PromiseMonitorError> {
        watch::record_due(self).await
    }
}

impl Watched for PromiseMonitor {
    type Due = Overdue;
    type Key = CommandId;
    type Error = PromiseMonitorError;

    fn sources(&self) -> Sources<'_> {
        Sources { read_models: &self.read_models, store: &*self.store, clock: &*self.clock }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Overdue>, QueryError> {
        let members = self.members.borrow().clone();
        let remind_before = self.remind_before;
        self.read_models
            .query(move |db| {
                let missed = follow_ups::overdue(db, now, PAGE_SIZE)?;
                let soon = reminded_until(now, remind_before)
                    .map_or(Ok(vec![]), |until| follow_ups::due_soon(db, now, until, PAGE_SIZE))?;
                let tree = unit_tree::tree(db, Timestamp::MAX)?;
                let referrals = unanswered(db, &tree, now)?;
                let escalated =
                    referrals.iter().filter_map(|referral| Overdue::referral(referral, &tree));
                let missed = missed.iter().map(Overdue::follow_up);
                let soon = soon.iter().map(|waiting| Overdue::reminder(waiting, remind_before));
                let all = missed.chain(escalated).chain(soon);
                let is_mine =
                    |due: &Overdue| watch::is_mine(&members, due.case_id.0, due.passed_at, now);
                Ok(all.filter(is_mine).take(limit).collect())
            })
            .await
    }

    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, QueryError> {
        let remind_before = self.remind_before;
        let next = self.read_models.query(move |db| {
            let reminder = match reminded_until(now, remind_before) {
                Some(until) => follow_ups::next_unreminded(db, until)?,
                None => None,
            };
            let moments = [
                follow_ups::next_due(db, now)?,
                referrals::next_due(db, now)?,
                reminder.and_then(|due_at| due_at.checked_sub(remind_before).ok()),
            ];
            Ok(moments.into_iter().flatten().min())
        });
        next.await
    }

    fn key(due: &Overdue) -> CommandId {
        due.command_id
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

/// Until when a promise must fall due for its keepers to be reminded now; `None` where nobody is to be reminded.
fn reminded_until(now: Timestamp, remind_before: SignedDuration) -> Option<Timestamp> {
    if remind_before.is_zero() { None } else { now.checked_add(remind_before).ok() }
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
pub struct Overdue {
    case_id: CaseId,
    passed_at: Timestamp,
    command_id: CommandId,
    command: CaseCommand,
}

impl Overdue {
    fn follow_up(missed: &WaitingFollowUp) -> Self {
        let WaitingFollowUp { case_id, number, due_at, .. } = *missed;
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

    fn reminder(waiting: &WaitingFollowUp, remind_before: SignedDuration) -> Self {
        let WaitingFollowUp { case_id, number, promised_at, due_at } = *waiting;
        let parts = ["follow-up reminded", &case_id.to_string(), &number.to_string()];
        // What was promised for sooner than that is a reminder from the start.
        let came_at = due_at.checked_sub(remind_before).unwrap_or(promised_at).max(promised_at);
        let reminded = FollowUpReminded { number, due_at };
        Self {
            case_id: CaseId(case_id),
            passed_at: came_at,
            command_id: CommandId(derived(&parts)),
            command: CaseCommand::FollowUp(FollowUpCommand::Remind(reminded)),
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
