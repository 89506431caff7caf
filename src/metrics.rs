//! What is counted for operators.
//!
//! Counters belong to the process, as the log's lock does: they are statics that any part may raise without being handed them. What can
//! be asked at any time (positions, lag) is not counted here but asked at each scrape: see [`crate::http::metrics`].

use std::fmt::Write;
use std::sync::LazyLock;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// Entries of the log that no read model of this program understands.
pub static EVENTS_SKIPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// How often the read models could not follow the log and had to try again.
pub static READ_MODEL_FAILURES: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Commands by what became of them.
pub static COMMANDS: LazyLock<Family<CommandLabels, Counter>> = LazyLock::new(Family::default);

/// Seconds from a due moment to its breach standing in the log, for clocks that fell due while the program ran.
pub static BREACH_DELAY: LazyLock<Histogram> =
    LazyLock::new(|| Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]));

/// The labels of [`COMMANDS`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CommandLabels {
    /// What became of the command.
    pub outcome: CommandOutcome,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandOutcome {
    /// It wrote events.
    Written,
    /// It had nothing to do, or was done before.
    Unchanged,
    /// It was refused, with a reason for the caller.
    Refused,
    /// It could not be done, for a reason of ours.
    Failed,
}

impl EncodeLabelValue for CommandOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
        })
    }
}

impl CommandOutcome {
    /// Counts one command.
    pub fn count(self) {
        COMMANDS.get_or_create(&CommandLabels { outcome: self }).inc();
    }
}
