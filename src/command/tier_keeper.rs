//! The keeper of tiers: where the rules of a segmentation say another tier than a customer has, it says so in the log.
//!
//! It goes over all customers when a version comes into force and once a day, because time alone moves people (who was silent too long, who
//! has been known long enough); in between it looks at those of whom something changed. Each change of a tier is a command on the customer's
//! own stream, whose id follows from what was seen: two replicas that see the same ask the same, and the stream ignores what is done.
//! SLA targets that look at tiers move with the event, from then on.
//!
//! Nothing is kept but how far it has come; after a restart it goes over all customers once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use parvandeh_domain::customer::command::ChangeTier;
use parvandeh_domain::customer::{Customer, CustomerCommand, CustomerRefusal};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CommandId, CustomerId, SegmentationId, derived};
use parvandeh_domain::segmentation::{self, SegmentationPublished};
use parvandeh_projections::customer_standing::{self, StandingRow};
use parvandeh_projections::segmentations;
use rusqlite::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::clock::Clock;
use crate::error::chain;
use crate::store::StreamId;
use crate::subscription::read_models::{QueryError, ReadModels};

/// Customers looked at in one query.
pub const PAGE_SIZE: usize = 10_000;
/// Customers whose tiers are changed side by side: the log commits them together.
const CONCURRENT_APPENDS_MAX: usize = 64;
/// How long it rests between two rounds; also after a failure.
const REST: Duration = Duration::from_millis(500);
const SECONDS_PER_DAY: i64 = 86_400;

/// The segmentations in force, in the order in which they are tried.
pub type InForce = Vec<(SegmentationId, SegmentationPublished)>;

/// Keeps customers in the tiers where they belong.
pub struct TierKeeper {
    /// Where changes are recorded.
    pub commands: Arc<CommandHandler>,
    /// Where customers are looked up.
    pub read_models: Arc<ReadModels>,
    /// Tells the day.
    pub clock: Arc<dyn Clock>,
}

/// Why a round failed.
#[derive(Debug, thiserror::Error)]
pub enum TierKeeperError {
    /// Customers could not be looked up.
    #[error("looking up customers")]
    Query(#[from] QueryError),
    /// A change could not be recorded.
    #[error("changing the tier of customer {customer_id}")]
    Record {
        /// The customer.
        customer_id: CustomerId,
        /// Why.
        #[source]
        source: CommandError<CustomerRefusal>,
    },
}

/// How far the keeper has come.
#[derive(Default)]
struct Progress {
    /// The day and the versions by which all customers were looked at.
    swept: Option<(i64, Vec<(SegmentationId, u32)>)>,
    /// What changed up to this position of the log was looked at.
    changed_after: i64,
}

/// A change that is due.
#[derive(Clone, Debug)]
pub struct Move {
    customer_id: CustomerId,
    change: ChangeTier,
    /// Up to where the log was seen when it fell due: the same change may be due again later, where somebody undid it.
    position: i64,
}

impl TierKeeper {
    /// Keeps tiers until `stop` becomes true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut progress = Progress::default();
        while !*stop.borrow() {
            if let Err(error) = self.round(&mut progress, &stop).await {
                tracing::error!(error = %chain(&error), "the keeper of tiers will try again");
            }
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    async fn round(
        &self,
        progress: &mut Progress,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), TierKeeperError> {
        let now = self.clock.now();
        let in_force = self.read_models.query(move |db| segmentations::in_force(db, now)).await?;
        if in_force.is_empty() {
            return Ok(());
        }
        let versions: Vec<_> =
            in_force.iter().map(|(id, published)| (id.clone(), published.version)).collect();
        let key = (now.as_second().div_euclid(SECONDS_PER_DAY), versions);
        let in_force = Arc::new(in_force);
        if progress.swept.as_ref() == Some(&key) {
            return self.look_at_changed(progress, &in_force, now, stop).await;
        }
        // What changes while all are looked at is looked at once more.
        let position = i64::try_from(self.read_models.position()).unwrap_or(i64::MAX);
        if self.look_at_all(&in_force, now, stop).await? {
            *progress = Progress { swept: Some(key), changed_after: position };
        }
        Ok(())
    }

    /// Looks at all customers; false where it was stopped before the end.
    async fn look_at_all(
        &self,
        in_force: &Arc<InForce>,
        now: Timestamp,
        stop: &watch::Receiver<bool>,
    ) -> Result<bool, TierKeeperError> {
        let mut after = None;
        loop {
            let in_force = in_force.clone();
            let page = self.read_models.query(move |db| page_of_all(db, &in_force, after, now));
            let (moves, last) = page.await?;
            self.record(moves).await?;
            let Some(last) = last else { return Ok(true) };
            if *stop.borrow() {
                return Ok(false);
            }
            after = Some(last);
        }
    }

    async fn look_at_changed(
        &self,
        progress: &mut Progress,
        in_force: &Arc<InForce>,
        now: Timestamp,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), TierKeeperError> {
        while !*stop.borrow() {
            let (in_force, after) = (in_force.clone(), progress.changed_after);
            let page = self.read_models.query(move |db| page_of_changed(db, &in_force, after, now));
            let (moves, last) = page.await?;
            self.record(moves).await?;
            let Some(last) = last else { return Ok(()) };
            progress.changed_after = last;
        }
        Ok(())
    }

    async fn record(&self, moves: Vec<Move>) -> Result<(), TierKeeperError> {
        let mut appends = stream::iter(moves)
            .map(|change| self.record_one(change))
            .buffer_unordered(CONCURRENT_APPENDS_MAX);
        while let Some(recorded) = appends.next().await {
            recorded?;
        }
        Ok(())
    }

    async fn record_one(&self, due: Move) -> Result<(), TierKeeperError> {
        let command_id = command_id(&due);
        let Move { customer_id, change, .. } = due;
        let stream = StreamId::new(&format!("customer-{customer_id}"))
            .expect("a UUID is a well-formed stream id");
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "tier-keeper".to_owned() },
            occurred_at: None,
            correlation_id: command_id.0,
            subject: None,
        };
        let batch = vec![(metadata, CustomerCommand::ChangeTier(change))];
        let executed = self.commands.execute::<Customer>(&stream, batch, None, |_| true).await;
        match executed {
            Ok(_) => Ok(()),
            Err(source) => Err(TierKeeperError::Record { customer_id, source }),
        }
    }
}

/// Two keepers that see the same of a customer, under the same version, ask the same command.
fn command_id(due: &Move) -> CommandId {
    let change = serde_json::to_string(&due.change).expect("these are plain values");
    let (customer, position) = (due.customer_id.to_string(), due.position.to_string());
    CommandId(derived(&["tier", &customer, &position, &change]))
}

/// The changes that are due among the next customers behind this id, and the last of these; `None` at the end.
pub fn page_of_all(
    db: &Connection,
    in_force: &InForce,
    after: Option<Uuid>,
    now: Timestamp,
) -> rusqlite::Result<(Vec<Move>, Option<Uuid>)> {
    let page = customer_standing::page_by_id(db, after, PAGE_SIZE)?;
    let last = page.last().map(|row| row.id);
    Ok((moves(db, page, in_force, now)?, last))
}

/// The changes that are due among the next customers who changed behind this position, and the last of these positions; `None` at the end.
pub fn page_of_changed(
    db: &Connection,
    in_force: &InForce,
    after: i64,
    now: Timestamp,
) -> rusqlite::Result<(Vec<Move>, Option<i64>)> {
    let page = customer_standing::page_by_change(db, after, PAGE_SIZE)?;
    let last = page.last().map(|row| row.position);
    Ok((moves(db, page, in_force, now)?, last))
}

/// What is known of a person is looked at, whatever records they have; and each of these gets the tier, because cases stand under each.
fn moves(
    db: &Connection,
    page: Vec<StandingRow>,
    in_force: &InForce,
    now: Timestamp,
) -> rusqlite::Result<Vec<Move>> {
    let mut due = Vec::new();
    for row in page {
        for record in customer_standing::records_of_person(db, row)? {
            let tier = segmentation::tier(in_force, record.tier.as_deref(), &record.standing, now);
            let Some((id, version, to)) = tier else { continue };
            let (segmentation, to) = (id.clone(), to.to_owned());
            let (from, facts) = (record.tier, record.standing);
            let change = ChangeTier { from, to, segmentation, version, facts };
            let customer_id = CustomerId(record.id);
            due.push(Move { customer_id, change, position: record.position });
        }
    }
    Ok(due)
}
