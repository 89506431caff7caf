//! What may happen in the clock stream of a case.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClockKey, Metric};
use crate::{
    event::events,
    id::{CaseId, PolicyId},
};

events! {
    /// What may happen in the clock stream of a case.
    pub enum SlaEvent, upcast by &[] => {
        /// A clock's due moment passed.
        Breached(SlaBreached) = "SlaBreached" v 1,
    }
}

/// A clock was still running, or stopped, after its due moment. Carries what a subscriber needs to act on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaBreached {
    /// The case.
    pub case_id: CaseId,
    /// Which of its clocks.
    pub clock: ClockKey,
    /// The clock's metric, for subscribers who filter by it.
    pub metric: Metric,
    /// The policy whose rule governed the clock.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// The moment that passed.
    pub due_at: Timestamp,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it stopped, if it had when the breach was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The unit that owned the case.
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
