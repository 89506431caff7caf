//! How fresh a replica's copy is, and so whether it may show personal data.
//!
//! A replica that does not hear of erasures would go on showing somebody who was erased everywhere else. So what it may show is on
//! lease: whoever follows the log says up to which moment the copy is whole, and some time after that the vault opens and seals nothing
//! until it hears again. Nobody has to notice that the replica is cut off: a follower that hangs, or a whole process that was stopped and
//! goes on later, does not renew the lease either.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How old the copy may be while personal data are shown: an erasure anywhere is in force everywhere after this time.
pub const STALENESS_MAX: Duration = Duration::from_secs(60);

/// The latest moment of which the copy is known to be whole. Clocks of the process alone are asked, never times of others.
pub(super) struct Freshness {
    opened: Instant,
    /// Nanoseconds since `opened`, and one; 0 where the copy was never whole yet.
    whole_nanos: AtomicU64,
}

impl Freshness {
    pub(super) fn new(opened: Instant) -> Self {
        Self { opened, whole_nanos: AtomicU64::new(0) }
    }

    /// The copy has all that the log had at this moment. An earlier moment than the one that is known changes nothing.
    pub(super) fn confirm(&self, as_of: Instant) {
        // What was whole before the vault was opened says nothing of the vault.
        let Some(since) = as_of.checked_duration_since(self.opened) else { return };
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX - 1);
        self.whole_nanos.fetch_max(nanos + 1, Ordering::Relaxed);
    }

    pub(super) fn holds_at(&self, now: Instant) -> bool {
        match self.whole_nanos.load(Ordering::Relaxed) {
            0 => false,
            nanos => {
                let whole = Duration::from_nanos(nanos - 1);
                now.saturating_duration_since(self.opened).saturating_sub(whole) <= STALENESS_MAX
            }
        }
    }
}
