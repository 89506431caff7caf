//! What can go wrong, on purpose.
//!
//! A fault is armed for the next few chances it has, or happens with a probability; both may be narrowed to streams
//! that begin with a prefix. The generator is seeded, so that a run with one client repeats.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cluster::Cluster;
use crate::random::Random;

/// Something that can go wrong with one call or with one message of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// An append whose expectation holds is answered with a conflict; nothing is written.
    FalseConflict,
    /// A write stands, and is answered `Aborted`, as when a commit times out.
    CommittedButAborted,
    /// A write stands, and is answered `DeadlineExceeded`.
    CommittedButDeadlineExceeded,
    /// A write stands, and is answered `Unavailable`.
    CommittedButUnavailable,
    /// A write stands, and is never answered; not even when the call's own deadline has passed.
    CommittedButNeverAnswered,
    /// A write stands, and the connection is cut before the answer.
    CommittedButCut,
    /// A write is answered `Aborted` and does not stand.
    LostAndAborted,
    /// A call is answered `NotLeader`, although it reached the leader.
    NotLeader,
    /// A call is answered `Unavailable` and has done nothing.
    Unavailable,
    /// A read is never answered.
    ReadNeverAnswered,
    /// The answer comes after [`Faults::set_delay`].
    SlowAnswer,
    /// A subscription ends with OK before its next event.
    SubscriptionEndsWithOk,
    /// A subscription ends with an error before its next event.
    SubscriptionEndsWithError,
    /// A subscription stays open before its next event, and says nothing any more.
    SubscriptionStalls,
    /// A new subscription starts up to 16 events before the place it asked for.
    SubscriptionRewinds,
    /// An event is delivered twice.
    EventRepeats,
    /// A checkpoint names `u64::MAX`.
    CheckpointOfMax,
    /// A checkpoint names the beginning of the log.
    CheckpointOfStart,
}

#[derive(Debug, Default)]
struct Rule {
    armed: u64,
    probability: f64,
    stream_prefix: String,
    fired: u64,
}

#[derive(Debug)]
struct Rules {
    random: Random,
    rules: HashMap<Fault, Rule>,
    delay: Duration,
}

/// Switches faults on and off. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Faults {
    rules: Arc<Mutex<Rules>>,
    /// How many rules are on, so that a server without faults asks nobody.
    active: Arc<AtomicU64>,
    cluster: Arc<Cluster>,
}

impl Faults {
    pub(crate) fn new(seed: u64, cluster: Arc<Cluster>) -> Self {
        let rules = Rules {
            random: Random::new(seed),
            rules: HashMap::new(),
            delay: Duration::from_millis(200),
        };
        Faults { rules: Arc::new(Mutex::new(rules)), active: Arc::default(), cluster }
    }

    /// Lets the fault happen at its next `times` chances.
    pub fn arm(&self, fault: Fault, times: u64) {
        self.arm_on(fault, "", times);
    }

    /// Lets the fault happen at its next `times` chances on streams that begin so.
    pub fn arm_on(&self, fault: Fault, stream_prefix: &str, times: u64) {
        self.change(fault, |rule| {
            rule.armed = times;
            rule.stream_prefix = stream_prefix.to_owned();
        });
    }

    /// Lets the fault happen with this probability (0.0 to 1.0) at each chance.
    pub fn set(&self, fault: Fault, probability: f64) {
        self.set_on(fault, "", probability);
    }

    /// Lets the fault happen with this probability at each chance on streams that begin so.
    pub fn set_on(&self, fault: Fault, stream_prefix: &str, probability: f64) {
        self.change(fault, |rule| {
            rule.probability = probability;
            rule.stream_prefix = stream_prefix.to_owned();
        });
    }

    /// How late [`Fault::SlowAnswer`] is; 200 ms at first.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Switches every fault off. The counts of [`Faults::fired`] stay.
    pub fn clear(&self) {
        for rule in self.lock().rules.values_mut() {
            rule.armed = 0;
            rule.probability = 0.0;
        }
        self.active.store(0, Ordering::Release);
    }

    /// How often the fault has happened.
    pub fn fired(&self, fault: Fault) -> u64 {
        self.lock().rules.get(&fault).map_or(0, |rule| rule.fired)
    }

    /// Moves the leader to the next node (nodes are numbered from 0) and tells which it is. The connections to the old
    /// leader are cut, and for `unavailable` every node answers every call with `Unavailable`.
    pub fn change_leader(&self, unavailable: Duration) -> usize {
        self.cluster.change_leader(unavailable)
    }

    /// The node that leads.
    pub fn leader(&self) -> usize {
        self.cluster.leader()
    }

    /// Cuts every connection. New ones are served.
    pub fn cut_connections(&self) {
        self.cluster.nodes().iter().for_each(|node| node.cut_connections());
    }

    /// Freezes every connection there is: it stays open, and nothing is read or written any more. New ones are served.
    pub fn freeze_connections(&self) {
        self.cluster.nodes().iter().for_each(|node| node.freeze_connections());
    }

    /// Freezes a node: its connections as with [`Faults::freeze_connections`], and new ones from their beginning.
    pub fn freeze_node(&self, node: usize) {
        self.cluster.nodes()[node].set_frozen();
    }

    /// Thaws whatever was frozen: it goes on where it stopped.
    pub fn thaw(&self) {
        self.cluster.nodes().iter().for_each(|node| node.thaw());
    }

    /// Takes a node down: its connections are cut, and new ones are closed at once.
    pub fn take_down(&self, node: usize) {
        self.cluster.nodes()[node].set_down(true);
    }

    /// Brings a node up again.
    pub fn bring_up(&self, node: usize) {
        self.cluster.nodes()[node].set_down(false);
    }

    /// Whether the fault happens now, on this stream; asking is a chance.
    pub(crate) fn happens(&self, fault: Fault, stream: &str) -> bool {
        if self.active.load(Ordering::Acquire) == 0 {
            return false;
        }
        let mut rules = self.lock();
        let Rules { random, rules, .. } = &mut *rules;
        let Some(rule) = rules.get_mut(&fault) else { return false };
        if !stream.starts_with(&rule.stream_prefix) {
            return false;
        }
        let happens = if rule.armed > 0 {
            rule.armed -= 1;
            true
        } else {
            rule.probability > 0.0 && random.chance(rule.probability)
        };
        rule.fired += u64::from(happens);
        happens
    }

    pub(crate) fn delay(&self) -> Duration {
        self.lock().delay
    }

    /// A random number below `end`, which must not be 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.lock().random.below(end)
    }

    fn change(&self, fault: Fault, change: impl FnOnce(&mut Rule)) {
        let mut rules = self.lock();
        change(rules.rules.entry(fault).or_default());
        let active = rules.rules.values().filter(|rule| rule.armed > 0 || rule.probability > 0.0);
        self.active.store(active.count() as u64, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
