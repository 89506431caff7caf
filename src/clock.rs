//! The time of day, as an argument.
//!
//! Nothing in this program asks the operating system for the time except [`SystemClock`]. Everything that
//! depends on time is given a [`Clock`], so that a test can stop it, step it forwards and step it back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// The moment without what is finer than a microsecond: that is what read models keep, so nothing finer comes in.
pub fn to_microsecond(moment: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(moment.as_microsecond()).expect("it came from a timestamp")
}

/// A source of the present moment.
pub trait Clock: Send + Sync + 'static {
    /// The present moment in UTC. It may step backwards, as the clocks of real machines do.
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that never goes back, whatever the clock behind it does: what is recorded later never bears an earlier time.
///
/// It gives microseconds, which is what read models keep.
pub struct MonotoneClock<C> {
    clock: C,
    latest_microsecond: AtomicI64,
}

impl<C: Clock> MonotoneClock<C> {
    /// A clock over another that begins no earlier than `floor`, the latest time on record.
    pub fn new(clock: C, floor: Timestamp) -> Self {
        Self { clock, latest_microsecond: AtomicI64::new(floor.as_microsecond()) }
    }
}

impl<C: Clock> Clock for MonotoneClock<C> {
    fn now(&self) -> Timestamp {
        let now = self.clock.now().as_microsecond();
        let latest = self.latest_microsecond.fetch_max(now, Ordering::AcqRel).max(now);
        Timestamp::from_microsecond(latest).expect("it came from a timestamp")
    }
}

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Timestamp>,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn starting_at(now: Timestamp) -> Self {
        Self { now: Mutex::new(now) }
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the clock by `step`, which may be negative. At the end of representable time it stands still.
    pub fn advance(&self, step: SignedDuration) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(step).unwrap_or(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
