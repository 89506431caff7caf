//! One clock: one measure of one case, in one cycle.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{CalendarSource, Cause, FactSource};
use crate::{
    calendar::Measure,
    case::attribute::{HoldReason, vocabulary},
    id::{CalendarId, PolicyId, StaffId, UnitId},
    policy::{Actions, DEFAULT_AGREEMENT, Goal, Metric},
};

/// Identifies a clock within its case, as text `resolution-1`: the clock's name and its cycle. Clocks of agreements other than
/// `sla` begin with the agreement: `ola.ownership-2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockKey {
    /// The agreement.
    pub agreement: Box<str>,
    /// The clock's name in its rule.
    pub clock: Box<str>,
    /// 1 for the first, then 2, 3 ...
    pub cycle: u32,
}

/// Why a text is no clock key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a clock key is a clock's name and a cycle from 1, such as resolution-1 or ola.ownership-2"
)]
pub struct InvalidClockKey;

/// Whether a text can be the name of a clock or of an agreement: letters of any script, digits and `_`.
pub fn is_clock_name(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl fmt::Display for ClockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.agreement != DEFAULT_AGREEMENT {
            write!(f, "{}.", self.agreement)?;
        }
        write!(f, "{}-{}", self.clock, self.cycle)
    }
}

impl FromStr for ClockKey {
    type Err = InvalidClockKey;

    fn from_str(text: &str) -> Result<Self, InvalidClockKey> {
        let (name, cycle) = text.rsplit_once('-').ok_or(InvalidClockKey)?;
        let (agreement, clock) = name.split_once('.').unwrap_or((DEFAULT_AGREEMENT, name));
        let cycle = cycle.parse().map_err(|_| InvalidClockKey)?;
        let key = Self { agreement: agreement.into(), clock: clock.into(), cycle };
        // One clock has one text: `resolution-01` and `sla.resolution-1` would be others.
        let is_valid = key.cycle >= 1
            && is_clock_name(&key.agreement)
            && is_clock_name(&key.clock)
            && key.to_string() == text;
        if is_valid { Ok(key) } else { Err(InvalidClockKey) }
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
            "description": "A clock's name and its cycle: resolution-1. Agreements other than sla come before: ola.ownership-2.",
            "type": "string",
            "pattern": "^([\\p{L}\\p{N}_]+\\.)?[\\p{L}\\p{N}_]+-[1-9][0-9]*$"
        })
    }
}

/// A clock as its case's history makes it. Durations are counted in the clock's measure; of working days, 24 hours stand for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Which clock of the case.
    pub key: ClockKey,
    /// What it measures.
    pub metric: Metric,
    /// The policy whose rule governs the clock; the last that did, when it has stopped.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// The calendar that the rule counts in; `None` for the wall clock.
    pub calendar_id: Option<CalendarId>,
    /// The zone in which the calendar's hours are meant, when it is not the calendar's own.
    pub time_zone: Option<String>,
    /// What elapsed and paused time are counted in.
    pub measure: Measure,
    /// What the policy asks for; `None` when it only measures.
    pub goal: Option<Goal>,
    /// How much may elapse, with bonus and extensions; `None` when the goal is a moment or there is none.
    pub target: Option<SignedDuration>,
    /// How many extensions were granted.
    pub extensions: u32,
    /// How many extensions its policy allows; none where it names no terms.
    pub extensions_allowed: u32,
    /// When it started; a recurring cycle may start in the future.
    pub started_at: Timestamp,
    /// When the clock got its target: later than the start when a rule brought it late. A breach before this raises no alarm.
    pub attached_at: Timestamp,
    /// The moment at which the target is used up, or the moment agreed. `None` while the clock is paused with time left (also
    /// when it stopped so), when it was cancelled, when nothing is asked for, or when that much time does not come within fifty
    /// years.
    pub due_at: Option<Timestamp>,
    /// When each warning comes, in the order of the policy; `None` like the due moment.
    pub warnings: Vec<Warning>,
    /// Where it stands, without regard to "now": see [`Clock::verdict_at`].
    pub state: ClockState,
    /// When it stopped, was cancelled or merged.
    pub stopped_at: Option<Timestamp>,
    /// Whether its breach was waived.
    pub waived: bool,
    /// What has elapsed in the running stretches that have ended. Add what has passed since the last began while it runs: see
    /// [`Clock::elapsed_at`].
    pub elapsed: SignedDuration,
    /// The paused stretches that have ended.
    pub paused: SignedDuration,
    /// The running stretches that have ended, by the wall clock.
    pub wall_clock: SignedDuration,
    /// The stretches from the start, each beginning where the one before it ended.
    pub intervals: Vec<ClockInterval>,
    /// Codes that the clock's facts carry.
    pub actions: Actions,
}

/// When a warning comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The threshold as the policy writes it: `75 %`.
    pub threshold: String,
    /// The moment, `None` while it cannot be told.
    pub at: Option<Timestamp>,
}

vocabulary!(
    /// Where a clock stands.
    ClockState {
        /// It begins in the future.
        Scheduled = "scheduled",
        /// It runs.
        Running = "running",
        /// It waits for a pause to end.
        Paused = "paused",
        /// It stopped in time: at the due moment or before it.
        Met = "met",
        /// It stopped, or now is, after its due moment.
        Breached = "breached",
        /// It was breached, and that was waived.
        Waived = "waived",
        /// Nothing is promised any more: its condition says so, no rule gives it a target, or it was reset.
        Cancelled = "cancelled",
        /// The case was merged into another before the clock was due.
        Merged = "merged",
        /// It stopped, and nothing was promised.
        Measured = "measured",
    }
);

/// A stretch in which nothing changed that clocks are counted or attributed by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockInterval {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// What the clock did.
    pub course: IntervalCourse,
    /// What began it.
    pub cause: Cause,
    /// The event that began it.
    pub source: FactSource,
    /// The reason of the hold in which it lay.
    pub hold: Option<HoldReason>,
    /// The unit that owned the case.
    pub unit: Option<UnitId>,
    /// Whom it was assigned to.
    pub assignee: Option<StaffId>,
    /// The policy version and rule that counted it.
    pub policy_id: PolicyId,
    /// The version of that policy.
    pub policy_version: u32,
    /// The name of the rule.
    pub rule: String,
    /// The calendar that counted it.
    pub calendar_id: Option<CalendarId>,
    /// The zone in which the calendar's hours were meant, when it was not the calendar's own.
    pub time_zone: Option<String>,
}

vocabulary!(
    /// What a clock did in an interval.
    IntervalCourse {
        /// It ran.
        Running = "running",
        /// It was paused.
        Paused = "paused",
        /// It had stopped, and was started again later.
        Idle = "idle",
    }
);

impl Clock {
    /// The verdict at a moment: a clock that has not stopped is breached once its due moment lies in the past. At the due moment
    /// itself it is not yet.
    pub fn verdict_at(&self, now: Timestamp) -> ClockState {
        match self.state {
            ClockState::Running | ClockState::Paused => {
                if self.due_at.is_some_and(|due| due < now) {
                    if self.waived { ClockState::Waived } else { ClockState::Breached }
                } else if now < self.started_at {
                    ClockState::Scheduled
                } else {
                    self.state
                }
            }
            state => state,
        }
    }

    /// What has elapsed at a moment, in the clock's measure.
    pub fn elapsed_at(&self, now: Timestamp, calendars: &impl CalendarSource) -> SignedDuration {
        self.elapsed + self.going_on(IntervalCourse::Running, now, calendars, self.measure)
    }

    /// How long it was paused at a moment, in the clock's measure.
    pub fn paused_at(&self, now: Timestamp, calendars: &impl CalendarSource) -> SignedDuration {
        self.paused + self.going_on(IntervalCourse::Paused, now, calendars, self.measure)
    }

    /// How long it had run at a moment, by the wall clock.
    pub fn wall_clock_at(&self, now: Timestamp) -> SignedDuration {
        let going_on = self.intervals.last().filter(|last| last.to.is_none());
        let going_on = going_on.filter(|last| last.course == IntervalCourse::Running);
        self.wall_clock
            + going_on.map_or(SignedDuration::ZERO, |last| {
                now.duration_since(last.from).max(SignedDuration::ZERO)
            })
    }

    /// What is left of the target at a moment; negative when it is exceeded, `None` when no amount is asked for.
    pub fn remaining_at(
        &self,
        now: Timestamp,
        calendars: &impl CalendarSource,
    ) -> Option<SignedDuration> {
        self.target.map(|target| target - self.elapsed_at(now, calendars))
    }

    /// How many hundredths of the target have elapsed at a moment, rounded down; of a moment as goal, how many of the time up to
    /// it. `None` when nothing is asked for.
    pub fn percent_at(&self, now: Timestamp, calendars: &impl CalendarSource) -> Option<u32> {
        let elapsed = self.elapsed_at(now, calendars);
        let whole = match (self.target, self.due_at) {
            (Some(target), _) => target,
            (None, Some(due)) => self.count(calendars, self.measure, self.started_at, due),
            (None, None) => return None,
        };
        if !whole.is_positive() {
            return Some(100);
        }
        let percent = elapsed.as_nanos().max(0) * 100 / whole.as_nanos();
        Some(u32::try_from(percent).unwrap_or(u32::MAX))
    }

    /// Whether the due moment lay in the past already when a rule brought the clock late: its breach is recorded and raises no alarm.
    pub fn is_silent(&self) -> bool {
        let is_late = self.attached_at > self.started_at;
        is_late && self.due_at.is_some_and(|due| due < self.attached_at)
    }

    fn going_on(
        &self,
        course: IntervalCourse,
        now: Timestamp,
        calendars: &impl CalendarSource,
        measure: Measure,
    ) -> SignedDuration {
        match self.intervals.last() {
            Some(last) if last.to.is_none() && last.course == course && last.from < now => {
                self.count(calendars, measure, last.from, now)
            }
            _ => SignedDuration::ZERO,
        }
    }

    fn count(
        &self,
        calendars: &impl CalendarSource,
        measure: Measure,
        from: Timestamp,
        to: Timestamp,
    ) -> SignedDuration {
        let calendar = self
            .calendar_id
            .as_ref()
            .and_then(|id| calendars.calendar(id, self.time_zone.as_deref()));
        match calendar {
            Some(calendar) => calendar.measure(measure, from, to),
            None => to.duration_since(from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_key_has_one_text_and_reads_back() {
        for (text, agreement, clock, cycle) in [
            ("first_response-1", "sla", "first_response", 1),
            ("ola.ownership-12", "ola", "ownership", 12),
            ("پاسخ_اول-2", "sla", "پاسخ_اول", 2),
        ] {
            let key = ClockKey { agreement: agreement.into(), clock: clock.into(), cycle };
            assert_eq!(key.to_string(), text);
            assert_eq!(text.parse(), Ok(key.clone()));
            assert_eq!(serde_json::to_value(&key).unwrap(), text);
        }
        for text in [
            "resolution",
            "resolution-0",
            "resolution-01",
            "resolution-+1",
            "sla.resolution-1",
            "a b-1",
            "a.b.c-1",
            "-1",
            "",
        ] {
            assert_eq!(text.parse::<ClockKey>(), Err(InvalidClockKey), "{text}");
        }
    }
}
