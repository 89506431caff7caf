//! The newest facts about clocks in memory: read once for the whole process, however many subscribe to them.
//!
//! One task follows the read models and puts each new fact into a ring of bounded length. A subscriber that has seen everything up to
//! where the ring begins takes what is newer from there; one that is further behind, because it has just come or reads slowly, reads the
//! table until it is no longer. So a fact costs one query and not one for each subscriber, and nothing is kept for those who lag.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use parvandeh_projections::sla_facts::{OwnedFact, facts_with_owner};
use tokio::sync::watch;

use super::read_models::{QueryError, ReadModels};
use crate::error::chain;

/// Facts in the ring: about half a megabyte.
const FACTS_MAX: usize = 1_024;
/// Facts handed to a subscriber, and read from the table, at once.
const BATCH_SIZE_MAX: usize = 100;
/// How long the task rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The facts behind a position.
#[derive(Debug)]
pub enum Newer {
    /// They are in the ring: here is a part of them, in order, and up to which position it tells everything.
    Facts(Vec<Arc<OwnedFact>>, i64),
    /// The ring begins later: read the table.
    Gone,
}

struct Ring {
    /// Everything after this position, and up to `reached`, is here.
    begins_after: i64,
    reached: i64,
    facts: VecDeque<Arc<OwnedFact>>,
}

impl Ring {
    /// Takes in facts that come after all that are here. They tell everything up to the last of them, and up to `reached`.
    fn push(&mut self, facts: Vec<OwnedFact>, reached: i64) {
        for fact in facts {
            // A page may tell of facts that were recorded since the position was looked at.
            self.reached = self.reached.max(fact.row.position);
            if self.facts.len() == FACTS_MAX
                && let Some(oldest) = self.facts.pop_front()
            {
                self.begins_after = oldest.row.position;
            }
            self.facts.push_back(Arc::new(fact));
        }
        self.reached = self.reached.max(reached);
    }

    fn after(&self, position: i64) -> Newer {
        if position < self.begins_after {
            return Newer::Gone;
        }
        let first = self.facts.partition_point(|fact| fact.row.position <= position);
        let facts: Vec<_> = self.facts.range(first..).take(BATCH_SIZE_MAX).cloned().collect();
        let is_all = first + facts.len() == self.facts.len();
        let last = facts.last().map_or(position, |fact| fact.row.position);
        let reached = if is_all { self.reached } else { last };
        Newer::Facts(facts, reached.max(position))
    }
}

struct Shared {
    ring: RwLock<Ring>,
    /// The position of the newest fact.
    newest: watch::Sender<i64>,
}

/// The ring. It begins to fill with the first subscriber.
pub struct FactRing {
    read_models: Weak<ReadModels>,
    shared: OnceLock<Arc<Shared>>,
}

impl FactRing {
    /// Over these read models.
    pub fn new(read_models: &Arc<ReadModels>) -> Arc<Self> {
        Arc::new(Self { read_models: Arc::downgrade(read_models), shared: OnceLock::new() })
    }

    /// A subscriber's view of the ring. The first one starts the task that fills it; so this needs a runtime.
    pub fn subscribe(&self) -> FactSubscriber {
        let shared = self.shared.get_or_init(|| {
            let Some(read_models) = self.read_models.upgrade() else {
                return Arc::new(Shared::beginning_after(0));
            };
            let moved = read_models.position_changes();
            let shared = Arc::new(Shared::beginning_after(position(*moved.borrow())));
            let task = fill(self.read_models.clone(), moved, Arc::downgrade(&shared));
            tokio::spawn(task);
            shared
        });
        FactSubscriber { shared: shared.clone(), newest: shared.newest.subscribe() }
    }
}

impl Shared {
    fn beginning_after(position: i64) -> Self {
        let ring = Ring { begins_after: position, reached: position, facts: VecDeque::new() };
        Self { ring: RwLock::new(ring), newest: watch::channel(position).0 }
    }

    fn ring(&self) -> std::sync::RwLockReadGuard<'_, Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscriber of the ring.
pub struct FactSubscriber {
    shared: Arc<Shared>,
    newest: watch::Receiver<i64>,
}

impl FactSubscriber {
    /// What is newer than a position.
    pub fn after(&mut self, position: i64) -> Newer {
        // Marked as seen before looking, so that no fact falls between this and the wait.
        self.newest.borrow_and_update();
        self.shared.ring().after(position)
    }

    /// Waits until there are facts that [`FactSubscriber::after`] has not looked at; false when there will be none.
    pub async fn changed(&mut self) -> bool {
        self.newest.changed().await.is_ok()
    }
}

fn position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

/// Follows the read models for as long as there are any.
async fn fill(
    read_models: Weak<ReadModels>,
    mut moved: watch::Receiver<u64>,
    shared: Weak<Shared>,
) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let shown = position(*moved.borrow_and_update());
        let reached = shared.ring().reached;
        if shown > reached {
            let Some(models) = read_models.upgrade() else { return };
            let read = models.query(move |db| facts_with_owner(db, reached, BATCH_SIZE_MAX)).await;
            drop(models);
            match read {
                Ok(facts) => {
                    let last = facts.last().map(|fact| fact.row.position);
                    let is_full = facts.len() == BATCH_SIZE_MAX;
                    // A page that is not full tells of everything that was shown before it was read.
                    let reached = if is_full { reached } else { shown };
                    shared
                        .ring
                        .write()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(facts, reached);
                    if let Some(last) = last {
                        shared.newest.send_replace(last);
                    }
                    if is_full {
                        continue;
                    }
                }
                Err(QueryError::Stopping) => return,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "the newest facts could not be read; trying again");
                    tokio::time::sleep(REST_AFTER_FAILURE).await;
                    continue;
                }
            }
        }
        drop(shared);
        if moved.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parvandeh_domain::case::CaseKind;
    use parvandeh_domain::sla::SlaFactKind;
    use parvandeh_projections::sla_facts::FactRow;
    use uuid::Uuid;

    fn fact(position: i64) -> OwnedFact {
        let row = FactRow {
            event_id: Uuid::nil(),
            position,
            case_id: Uuid::nil(),
            kind: SlaFactKind::Breached,
            clock: String::new(),
            metric: String::new(),
            policy_id: String::new(),
            policy_version: 1,
            rule: String::new(),
            threshold: None,
            reached_at: None,
            started_at: None,
            due_at: None,
            stopped_at: None,
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
            from: None,
            to: None,
            silent: false,
            merged: false,
            actions: Vec::new(),
            cause: None,
            unit: None,
            category: None,
            priority: None,
            channel: None,
        };
        OwnedFact { row, unit: None, customer_id: None, case_kind: CaseKind::Complaint }
    }

    fn ring(begins_after: i64) -> Ring {
        Ring { begins_after, reached: begins_after, facts: VecDeque::new() }
    }

    /// Everything newer than a position, batch by batch; `None` where the table must be read.
    fn newer(ring: &Ring, mut position: i64) -> Option<Vec<i64>> {
        let mut all = Vec::new();
        loop {
            match ring.after(position) {
                Newer::Gone => return None,
                Newer::Facts(facts, reached) => {
                    all.extend(facts.iter().map(|fact| fact.row.position));
                    if facts.is_empty() {
                        return Some(all);
                    }
                    position = reached;
                }
            }
        }
    }

    #[test]
    fn who_is_at_the_beginning_of_the_ring_gets_everything_and_who_is_before_it_must_read() {
        let mut ring = ring(10);
        let even =
            |range: std::ops::RangeInclusive<i64>| range.filter(|position| position % 2 == 0);
        ring.push(even(11..=400).map(fact).collect(), 401);
        assert_eq!(newer(&ring, 9), None);
        assert_eq!(newer(&ring, 10), Some(even(11..=400).collect()));
        assert_eq!(newer(&ring, 200), Some(even(201..=400).collect()));
        assert_eq!(newer(&ring, 500), Some(vec![]));
        assert!(matches!(ring.after(400), Newer::Facts(facts, 401) if facts.is_empty()));
    }

    #[test]
    fn facts_recorded_since_the_position_was_looked_at_are_not_read_again() {
        let mut ring = ring(0);
        ring.push([3, 5].map(fact).into(), 4);
        assert_eq!(ring.reached, 5);
        ring.push(vec![], 4);
        assert_eq!(ring.reached, 5);
        ring.push(vec![], 9);
        assert_eq!(ring.reached, 9);
    }

    #[test]
    fn a_full_ring_lets_go_of_the_oldest_and_of_those_who_wanted_them() {
        let mut ring = ring(0);
        let count = FACTS_MAX as i64 + 7;
        ring.push((1..=count).map(fact).collect(), count);
        assert_eq!(ring.facts.len(), FACTS_MAX);
        assert_eq!(newer(&ring, 6), None);
        assert_eq!(newer(&ring, 7), Some((8..=count).collect()));
    }
}
