//! What the monitors have in common: how they wait for the next moment, and how they share the work among replicas.
//!
//! A monitor ([`Watched`]) says what has come ([`Watched::due`]), when something comes next, and how it is recorded. It is woken at that
//! moment or when the read models move, whichever is first, and what came while the program was down is found in the same way at the next
//! start. Before anything is decided, the read models must have seen all that was in the log: what was done in time and recorded before
//! the moment always counts. What was shown to a stream once is not shown to it again in the same round, whatever came of it.
//!
//! Where several replicas serve a log, each watches its share of the cases. What another should have recorded is taken over after a
//! grace time ([`is_mine`]), whatever is known of the other: it may be dead, paused or cut off. Nothing depends on who records: ids of
//! commands follow from what they are about, so that two replicas that record the same say it once.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Clock;
use crate::error::chain;
use crate::replica::Members;
use crate::store::{EventStore, Position, ReadError};
use crate::subscription::read_models::{QueryError, ReadModels};

/// How much is looked up at once.
const PAGE_SIZE: usize = 1_000;
/// Streams written side by side: the log commits them together.
const CONCURRENT_APPENDS_MAX: usize = 64;
/// The longest sleep: also bounds how late a step of the system clock is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(500);
/// How long what falls due is left to the replica whose share it is.
pub const TAKEOVER_GRACE: SignedDuration = SignedDuration::from_secs(5);
/// How long a monitor rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What a monitor looks at while it waits.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Where the moments are looked up.
    pub read_models: &'a ReadModels,
    /// The log.
    pub store: &'a dyn EventStore,
    /// Tells what "now" is.
    pub clock: &'a dyn Clock,
}

/// A monitor: something that records what time brings.
pub trait Watched: Sync {
    /// Something that has come.
    type Due: Send;
    /// What tells one thing that has come from another.
    type Key: Eq + Hash + Send;
    /// Why a round failed.
    type Error: std::error::Error + From<QueryError> + From<ReadError> + Send + 'static;

    /// What it looks at while it waits.
    fn sources(&self) -> Sources<'_>;

    /// What has come by `now` and is this monitor's to record, at most `limit`; the longest overdue first.
    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Self::Due>, QueryError>> + Send;

    /// The next moment that anybody watches for, not before `now`. What is left to others is looked at again after half a second at the
    /// latest.
    fn next_due(
        &self,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Timestamp>, QueryError>> + Send;

    /// What tells it from all else that has come.
    fn key(due: &Self::Due) -> Self::Key;

    /// Records it; answers where, when anything was new.
    fn record(
        &self,
        due: Self::Due,
    ) -> impl Future<Output = Result<Option<Position>, Self::Error>> + Send;
}

/// Whether this replica is to record what came at a moment: it is its own share, or others have left it lying.
pub fn is_mine(members: &Members, case_id: Uuid, came_at: Timestamp, now: Timestamp) -> bool {
    members.is_mine(case_id) || now.duration_since(came_at) > TAKEOVER_GRACE
}

/// Records what comes until `stop` becomes true. `name` is the monitor's, for those who run the program.
pub async fn run(monitor: &impl Watched, name: &str, mut stop: watch::Receiver<bool>) {
    let Sources { read_models, clock, .. } = monitor.sources();
    let mut moved = read_models.position_changes();
    while !*stop.borrow() {
        moved.borrow_and_update();
        let sleep = match record_due(monitor).await {
            Ok(next_due) => until(next_due, clock.now()),
            Err(error) => {
                tracing::error!(monitor = name, error = %chain(&error), "the monitor will try again");
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

fn until(next_due: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(next_due) = next_due else { return SLEEP_MAX };
    // A moment has passed one microsecond after it.
    let wait = next_due.duration_since(now) + SignedDuration::from_micros(1);
    Duration::try_from(wait).unwrap_or_default().min(SLEEP_MAX)
}

/// Records everything that has come and is not on record; answers the next moment.
///
/// # Errors
/// When the read models or the log fail; what was recorded by then stays.
pub async fn record_due<M: Watched>(monitor: &M) -> Result<Option<Timestamp>, M::Error> {
    let Sources { read_models, store, clock } = monitor.sources();
    let mut shown = HashSet::new();
    loop {
        let now = clock.now();
        if monitor.due(now, 1).await?.is_empty() {
            return Ok(monitor.next_due(now).await?);
        }
        if let Some(head) = store.sync().await? {
            read_models.wait_for(head).await?;
        }
        let due = monitor.due(now, PAGE_SIZE).await?;
        let fresh: Vec<_> = due.into_iter().filter(|due| shown.insert(M::key(due))).collect();
        if fresh.is_empty() {
            return Ok(monitor.next_due(now).await?);
        }
        let mut appends = stream::iter(fresh)
            .map(|due| monitor.record(due))
            .buffer_unordered(CONCURRENT_APPENDS_MAX);
        let mut reached = None;
        while let Some(position) = appends.next().await {
            reached = reached.max(position?);
        }
        if let Some(position) = reached {
            read_models.wait_for(position).await?;
        }
    }
}
