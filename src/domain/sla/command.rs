//! What may be asked of the clock stream of a case.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Clock, ClockState, ClockSubject, FactSource, Warning};
use crate::{id::CaseId, pii::Pii, policy::Actions};

/// What may be asked of the clock stream of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlaCommand {
    /// Record what is new about a clock.
    Observe(Box<ObserveClock>),
    /// Grant more time.
    Extend(ExtendClock),
    /// Let a breach not count.
    Waive(WaiveBreach),
}

/// Shows a clock as it stands; what is new about it is recorded. Nothing new is no refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObserveClock {
    /// Which clock, without actions.
    pub subject: ClockSubject,
    /// When it started.
    pub started_at: Timestamp,
    /// When it got its target.
    pub attached_at: Timestamp,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// Where it stands, without regard to "now".
    pub state: ClockState,
    /// When its warnings come.
    pub warnings: Vec<Warning>,
    /// The codes of its facts.
    pub actions: Actions,
    /// The event that was recorded last of those that the clock follows from.
    pub cause: Option<FactSource>,
}

/// Grants more time to a clock, as much as its policy's extension says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendClock {
    /// Which clock, without actions.
    pub subject: ClockSubject,
    /// Whether it runs or is paused; one that has ended is not extended.
    pub is_open: bool,
    /// How many extensions its policy allows.
    pub most: u32,
    /// Why.
    pub reason: Pii<String>,
    /// Who was told of it, and how.
    pub told: Pii<String>,
}

/// Lets a recorded breach not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiveBreach {
    /// Which clock, without actions.
    pub subject: ClockSubject,
    /// Why.
    pub reason: Pii<String>,
}

/// What facts tell of a case, beside the clock itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectOfCase {
    /// The unit that owns the case.
    pub unit: Option<String>,
    /// Its category.
    pub category: Option<String>,
    /// Its priority.
    pub priority: Option<String>,
    /// How it came.
    pub channel: Option<String>,
}

impl ClockSubject {
    /// The subject of facts about a clock.
    pub fn of(case_id: CaseId, clock: &Clock, case: SubjectOfCase) -> Self {
        Self {
            case_id,
            clock: clock.key.clone(),
            metric: clock.metric,
            policy_id: clock.policy_id.clone(),
            policy_version: clock.policy_version,
            rule: clock.rule.clone(),
            unit: case.unit,
            category: case.category,
            priority: case.priority,
            channel: case.channel,
            actions: vec![],
        }
    }
}

impl ObserveClock {
    /// A clock as it stands.
    pub fn of(subject: ClockSubject, clock: &Clock, cause: Option<FactSource>) -> Self {
        Self {
            subject,
            started_at: clock.started_at,
            attached_at: clock.attached_at,
            due_at: clock.due_at,
            stopped_at: clock.stopped_at,
            state: clock.state,
            warnings: clock.warnings.clone(),
            actions: clock.actions.clone(),
            cause,
        }
    }

    /// The verdict at a moment, like [`Clock::verdict_at`] for what can be recorded.
    pub(super) fn verdict_at(&self, now: Timestamp) -> ClockState {
        match self.state {
            ClockState::Running | ClockState::Paused
                if self.due_at.is_some_and(|due| due < now) =>
            {
                ClockState::Breached
            }
            // A waiver is a fact of its own, and changes no verdict on record.
            ClockState::Waived => ClockState::Breached,
            state => state,
        }
    }
}
