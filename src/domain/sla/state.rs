//! What the clock stream of a case knows.

use std::collections::BTreeSet;

use super::ClockKey;

/// The clocks of one case whose breach is recorded: at most three for each cycle of the case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlaState {
    /// Their keys.
    pub breached: BTreeSet<ClockKey>,
}
