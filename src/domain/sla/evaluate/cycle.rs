//! One cycle of a clock: the stretches from its start to its end.

use jiff::Timestamp;

use super::{
    course::{Situation, Step},
    promise::Promise,
};
use crate::{
    case::attribute::HoldReason,
    id::{StaffId, UnitId},
    sla::{Cause, FactSource, IntervalCourse},
};

/// From a start to its end.
pub(super) struct Cycle<'a> {
    /// 1 for the first.
    pub(super) number: u32,
    pub(super) started_at: Timestamp,
    pub(super) attached_at: Timestamp,
    /// Never empty.
    pub(super) stretches: Vec<Stretch<'a>>,
    pub(super) end: Option<End>,
    /// The situation at the end, or at the last step.
    pub(super) situation: Situation<'a>,
    /// Whether a rule has given it a target.
    pub(super) is_attached: bool,
}

/// How a cycle ended.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) at: Timestamp,
    pub(super) how: Ending,
}

/// The ways in which a cycle ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Stopped,
    Cancelled,
    Merged,
}

/// A stretch in which nothing changed that the clock is counted or attributed by.
#[derive(Clone)]
pub(super) struct Stretch<'a> {
    pub(super) from: Timestamp,
    pub(super) course: IntervalCourse,
    pub(super) promise: Promise<'a>,
    pub(super) hold: Option<HoldReason>,
    pub(super) unit: Option<&'a UnitId>,
    pub(super) assignee: Option<&'a StaffId>,
    pub(super) cause: Cause,
    pub(super) source: FactSource,
}

impl<'a> Cycle<'a> {
    /// Whether it ever was: a cycle that no rule gave a target was not, nor one that was cancelled as it began.
    pub(super) fn counts(&self) -> bool {
        let is_nothing = |end: End| end.how == Ending::Cancelled && end.at == self.started_at;
        self.is_attached && !self.end.is_some_and(is_nothing)
    }

    /// Goes on after a step, in a new stretch if anything changed that counts.
    pub(super) fn go_on(&mut self, step: &'a Step<'a>, promise: &Promise<'a>, is_paused: bool) {
        let course = if is_paused { IntervalCourse::Paused } else { IntervalCourse::Running };
        self.turn(stretch(step, promise, course));
    }

    pub(super) fn turn(&mut self, mut next: Stretch<'a>) {
        if let Some(last) = self.stretches.last() {
            if last.is_same(&next) {
                return;
            }
            if last.from == next.from {
                // Nothing lasted in between. What only changes who is responsible does not begin a stretch of no length.
                if last.course == next.course {
                    (next.cause, next.source) = (last.cause, last.source);
                }
                self.stretches.pop();
                if self.stretches.last().is_some_and(|last| last.is_same(&next)) {
                    return;
                }
            }
        }
        self.stretches.push(next);
    }
}

impl Stretch<'_> {
    /// Whether it is counted and attributed like another.
    fn is_same(&self, other: &Self) -> bool {
        self.course == other.course
            && self.hold == other.hold
            && self.unit == other.unit
            && self.assignee == other.assignee
            && self.promise.is_same(&other.promise)
    }
}

pub(super) fn stretch<'a>(
    step: &Step<'a>,
    promise: &Promise<'a>,
    course: IntervalCourse,
) -> Stretch<'a> {
    Stretch {
        from: step.at,
        course,
        promise: promise.clone(),
        hold: step.situation.hold,
        unit: step.situation.attributes.unit,
        assignee: step.situation.assignee,
        cause: step.cause(),
        source: step.source,
    }
}
