//! One clock: one measure of one case, in one cycle.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Metric;
use crate::{
    case::attribute::HoldReason,
    id::{CalendarId, PolicyId},
};

/// Identifies a clock within its case, as text `resolution-1`: the metric and the cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockKey {
    /// What is measured.
    pub metric: Metric,
    /// 1 from the opening of the case; each reopening begins the next.
    pub cycle: u32,
}

/// Why a text is no clock key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a clock key is a metric and a cycle from 1, such as resolution-1")]
pub struct InvalidClockKey;

impl fmt::Display for ClockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.metric, self.cycle)
    }
}

impl FromStr for ClockKey {
    type Err = InvalidClockKey;

    fn from_str(text: &str) -> Result<Self, InvalidClockKey> {
        let (metric, cycle) = text.split_once('-').ok_or(InvalidClockKey)?;
        let key = Self {
            metric: metric.parse().map_err(|_| InvalidClockKey)?,
            cycle: cycle.parse().map_err(|_| InvalidClockKey)?,
        };
        // One clock has one text: `resolution-01` and `resolution-+1` would be others.
        if key.cycle >= 1 && key.to_string() == text { Ok(key) } else { Err(InvalidClockKey) }
    }
}

impl TryFrom<String> for ClockKey {
    type Error = InvalidClockKey;

    fn try_from(text: String) -> Result<Self, InvalidClockKey> {
        text.parse()
    }
}

impl From<ClockKey> for String {
    fn from(key: ClockKey) -> String {
        key.to_string()
    }
}

impl JsonSchema for ClockKey {
    fn schema_name() -> Cow<'static, str> {
        "ClockKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The metric and the cycle of a clock: resolution-1.",
            "type": "string",
            "pattern": "^(first_response|resolution|due_date)-[1-9][0-9]*$"
        })
    }
}

/// A clock as its case's history makes it. Durations are working time of the calendar that governed at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// Which clock of the case.
    pub key: ClockKey,
    /// The policy whose rule governs the clock; the last that did, when it has stopped.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// The calendar that the rule counts in; `None` only for a due date that is counted by the wall clock.
    pub calendar_id: Option<CalendarId>,
    /// How much working time it may take; `None` for a due date.
    pub target: Option<SignedDuration>,
    /// When it started.
    pub started_at: Timestamp,
    /// The moment at which the target is used up, or the agreed date. `None` while the clock is paused with time left (also
    /// when it stopped so), when it was cancelled, or when that much working time does not come within fifty years.
    pub due_at: Option<Timestamp>,
    /// Where it stands, without regard to "now": see [`Clock::verdict_at`].
    pub state: ClockState,
    /// When it stopped or was cancelled.
    pub stopped_at: Option<Timestamp>,
    /// Working time in the running intervals that have ended. Add what has passed since the last began while it runs.
    pub elapsed: SignedDuration,
    /// Working time in the paused intervals that have ended.
    pub paused: SignedDuration,
    /// The stretches of running and pausing from the start, each beginning where the one before it ended.
    pub intervals: Vec<ClockInterval>,
}

/// Where a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// It runs.
    Running,
    /// It waits for a hold to end.
    Paused,
    /// It stopped in time: at the due moment or before it.
    Met,
    /// It stopped, or now is, after its due moment.
    Breached,
    /// Nothing is promised any more: no rule gives the metric a target, or the case was closed undone before it was due.
    Cancelled,
}

/// A stretch in which a clock ran or was paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockInterval {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// Whether the clock ran; otherwise it was paused.
    pub running: bool,
    /// What began it.
    pub cause: IntervalCause,
}

/// What began an interval of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalCause {
    /// The case was opened.
    Opened,
    /// The case was reopened.
    Reopened,
    /// The case was put on hold, for this reason.
    Held(HoldReason),
    /// The hold ended.
    Resumed,
    /// Priority or category changed, and another promise governs.
    Reclassified,
}

impl Clock {
    /// The verdict at a moment: a clock that has not stopped is breached once its due moment lies in the past. At the due
    /// moment itself it is not yet.
    pub fn verdict_at(&self, now: Timestamp) -> ClockState {
        match self.state {
            ClockState::Running | ClockState::Paused
                if self.due_at.is_some_and(|due| due < now) =>
            {
                ClockState::Breached
            }
            state => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_key_has_one_text_and_reads_back() {
        let key = ClockKey { metric: Metric::FirstResponse, cycle: 1 };
        assert_eq!(key.to_string(), "first_response-1");
        assert_eq!("first_response-1".parse(), Ok(key));
        assert_eq!(serde_json::to_string(&key).unwrap(), r#""first_response-1""#);
        for text in ["resolution", "resolution-0", "resolution-01", "resolution-+1", "reply-1", ""]
        {
            assert_eq!(text.parse::<ClockKey>(), Err(InvalidClockKey), "{text}");
        }
    }
}
