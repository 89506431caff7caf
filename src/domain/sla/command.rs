//! What may be asked of the clock stream of a case.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClockKey;
use crate::id::{CaseId, PolicyId};

/// What may be asked of the clock stream of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SlaCommand {
    /// Record that a due moment passed.
    RecordBreach(RecordBreach),
}

/// Records that a clock was still running, or stopped, after its due moment. Does nothing when that is recorded already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordBreach {
    /// The case.
    pub case_id: CaseId,
    /// Which of its clocks; its metric is the event's.
    pub clock: ClockKey,
    /// The policy whose rule governs the clock.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// The moment that passed.
    pub due_at: Timestamp,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it stopped, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The unit that owns the case, for subscribers who watch one unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The case's category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The case's priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// How the case came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}
