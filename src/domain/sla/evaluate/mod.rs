//! From the history of a case to its clocks, in four steps that each have a file:
//!
//! 1. [`course`]: the history as a sequence of *steps*. A step is a moment at which something happened, with the situation of the
//!    case after it and the rule of each agreement that governs from then on.
//! 2. [`condition`]: whether a condition holds at a step.
//! 3. [`run`]: one clock taken through the steps. Its conditions begin, pause, resume and end cycles.
//! 4. [`reckon`]: a cycle becomes a [`Clock`]: its stretches are counted by their calendars, and give the due moment, the
//!    warnings and the verdict.
//!
//! The rules are those of `docs/sla-policies.md`. Nothing here knows what time it is.

mod condition;
mod course;
mod reckon;
mod run;

use super::{Clock, SlaHistory};
use crate::{
    calendar::CalendarVersions,
    id::{CalendarId, PolicyId},
    policy::PolicyDocument,
};
use course::Course;

/// Gives policy versions by their numbers.
pub trait PolicySource {
    /// This version of the policy; `None` when it is not known.
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument>;
}

/// Gives calendars.
pub trait CalendarSource {
    /// The known versions of the calendar, its hours meant in this zone or, without one, in its own; `None` when the calendar or the
    /// zone is not known.
    fn calendar(&self, id: &CalendarId, time_zone: Option<&str>) -> Option<&CalendarVersions>;
}

/// The clocks of a case, in the order in which they started: the same for the same history, whatever the time is. A case that was
/// not opened, or that no rule matches, has none. A target whose policy version or calendar the sources do not know makes no clock.
pub fn evaluate(
    history: &SlaHistory,
    policies: &impl PolicySource,
    calendars: &impl CalendarSource,
) -> Vec<Clock> {
    let Some(course) = Course::follow(history, policies) else { return vec![] };
    let due = |name: &_, cycle: &_| reckon::clock(&course, name, cycle, calendars)?.due_at;
    let mut clocks: Vec<Clock> = run::all(&course, &due)
        .iter()
        .flat_map(|run| run.cycles.iter().map(|cycle| (&run.name, cycle)))
        .filter_map(|(name, cycle)| reckon::clock(&course, name, cycle, calendars))
        .collect();
    clocks.sort_by(|one, other| (one.started_at, &one.key).cmp(&(other.started_at, &other.key)));
    clocks
}

#[cfg(test)]
mod tests;
