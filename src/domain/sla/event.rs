//! What may happen in the clock stream of a case.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClockKey, ClockState, FactSource, Metric};
use crate::{
    case::attribute::vocabulary,
    event::events,
    id::{CaseId, PolicyId},
    pii::Pii,
};

events! {
    /// What may happen in the clock stream of a case.
    pub enum SlaEvent, upcast by &[] => {
        /// A clock's warning came.
        Warned(SlaWarned) = "SlaWarned" v 1,
        /// The deadline moved so far into the future that a warning no longer holds.
        WarningWithdrawn(SlaWarningWithdrawn) = "SlaWarningWithdrawn" v 1,
        /// A clock's due moment passed.
        Breached(SlaBreached) = "SlaBreached" v 1,
        /// A clock stopped in time.
        Met(SlaMet) = "SlaMet" v 1,
        /// A clock stopped after its due moment.
        CompletedLate(SlaCompletedLate) = "SlaCompletedLate" v 1,
        /// A clock ended without a verdict.
        Cancelled(SlaCancelled) = "SlaCancelled" v 1,
        /// A verdict on record turned out otherwise.
        Restated(SlaRestated) = "SlaRestated" v 1,
        /// More time was granted.
        Extended(SlaExtended) = "SlaExtended" v 1,
        /// A breach does not count.
        Waived(SlaWaived) = "SlaWaived" v 1,
    }
}

vocabulary!(
    /// What sort of fact about a clock it is.
    SlaFactKind {
        /// A clock's warning came.
        Warned = "warned",
        /// A warning no longer holds.
        WarningWithdrawn = "warning_withdrawn",
        /// A clock's due moment passed.
        Breached = "breached",
        /// A clock stopped in time.
        Met = "met",
        /// A clock stopped after its due moment.
        CompletedLate = "completed_late",
        /// A clock ended without a verdict.
        Cancelled = "cancelled",
        /// A verdict on record turned out otherwise.
        Restated = "restated",
        /// More time was granted.
        Extended = "extended",
        /// A breach does not count.
        Waived = "waived",
    }
);

/// Which clock a fact is about, with what a subscriber needs to choose it and to act on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockSubject {
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
    /// The codes that the policy attaches to facts of this kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// A clock's warning came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaWarned {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The threshold as the policy writes it: `75 %`.
    pub threshold: String,
    /// The moment at which it was reached.
    pub reached_at: Timestamp,
    /// The due moment, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// The deadline moved so far into the future that a warning no longer holds. It can come again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaWarningWithdrawn {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The threshold as the policy writes it: `75 %`.
    pub threshold: String,
    /// The due moment now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

/// A clock was still running, or stopped, after its due moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaBreached {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The moment that passed.
    pub due_at: Timestamp,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it stopped, if it had when the breach was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// Whether the clock was overdue already when a rule brought it: such a breach raises no alarm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

/// A clock stopped in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaMet {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The due moment; absent when it stopped while paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Timestamp,
}

/// A clock stopped after its due moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaCompletedLate {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The due moment.
    pub due_at: Timestamp,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it stopped.
    pub stopped_at: Timestamp,
}

/// A clock ended without a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaCancelled {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// When the clock started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// Whether it ended because the case was merged into another.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
}

/// A verdict on record turned out otherwise: a fact was recorded late, or what was promised changed. The old one stays on the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaRestated {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// The verdict on record before.
    pub from: ClockState,
    /// The verdict from now on.
    pub to: ClockState,
    /// The due moment now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When the clock stopped, as it is known now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The event of the case that was recorded last before the verdict turned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<FactSource>,
}

/// More time was granted to a clock, as much as its policy's extension says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaExtended {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// Why.
    pub reason: Pii<String>,
    /// Who was told of it, and how.
    pub told: Pii<String>,
}

/// A breach does not count. It stays on the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlaWaived {
    /// Which clock.
    #[serde(flatten)]
    pub subject: ClockSubject,
    /// Why.
    pub reason: Pii<String>,
}

impl SlaEvent {
    /// Which clock the fact is about.
    pub fn subject(&self) -> &ClockSubject {
        match self {
            Self::Warned(fact) => &fact.subject,
            Self::WarningWithdrawn(fact) => &fact.subject,
            Self::Breached(fact) => &fact.subject,
            Self::Met(fact) => &fact.subject,
            Self::CompletedLate(fact) => &fact.subject,
            Self::Cancelled(fact) => &fact.subject,
            Self::Restated(fact) => &fact.subject,
            Self::Extended(fact) => &fact.subject,
            Self::Waived(fact) => &fact.subject,
        }
    }
    /// What sort of fact it is.
    pub fn kind(&self) -> SlaFactKind {
        match self {
            Self::Warned(_) => SlaFactKind::Warned,
            Self::WarningWithdrawn(_) => SlaFactKind::WarningWithdrawn,
            Self::Breached(_) => SlaFactKind::Breached,
            Self::Met(_) => SlaFactKind::Met,
            Self::CompletedLate(_) => SlaFactKind::CompletedLate,
            Self::Cancelled(_) => SlaFactKind::Cancelled,
            Self::Restated(_) => SlaFactKind::Restated,
            Self::Extended(_) => SlaFactKind::Extended,
            Self::Waived(_) => SlaFactKind::Waived,
        }
    }
}
