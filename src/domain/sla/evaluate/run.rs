//! One clock taken through the course of its case.
//!
//! At each step the clock's conditions are asked in this order: stop, cancel, reset, pause or resume, start. What holds of an earlier
//! one leaves the later ones out.
//!
//! A step at which no rule gives the clock a target is run under the next promise that comes, *unattached*: a clock that gets its
//! target late has so counted from its start. Cycles that have ended unattached never were.

use std::{collections::HashMap, rc::Rc};

use jiff::Timestamp;

use super::{
    condition::{Look, holds},
    course::{Course, Governing, Situation, Step},
};
use crate::{
    case::attribute::{HoldReason, Status},
    id::{CalendarId, StaffId, UnitId},
    policy::{Cycles, LateStart, Recurrence, Responders, ResponseKind, SixConditions, Target},
    sla::{AnswerKind, Cause, FactKind, FactSource, IntervalCourse},
};

/// All cycles of one clock.
pub(super) struct Run<'a> {
    pub(super) name: ClockName<'a>,
    pub(super) cycles: Vec<Cycle<'a>>,
}

/// A clock of one case: its agreement, by place and by name, and its name in the rules.
#[derive(Clone, Copy)]
pub(super) struct ClockName<'a> {
    agreement_index: usize,
    pub(super) agreement: &'a str,
    pub(super) clock: &'a str,
}

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
    is_attached: bool,
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

/// What governs a clock from a step on.
#[derive(Clone)]
pub(super) struct Promise<'a> {
    pub(super) governing: Governing<'a>,
    pub(super) target: &'a Target,
    /// The calendar that the target, the unit or the policy names.
    pub(super) calendar: Option<&'a CalendarId>,
    conditions: Rc<SixConditions>,
}

impl Promise<'_> {
    fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.target, other.target)
            && self.governing.policy_version == other.governing.policy_version
            && self.governing.policy_id == other.governing.policy_id
            && self.calendar == other.calendar
    }
}

/// The runs of all clocks that some rule of the course names. A clock that looks at another's stop comes after it.
///
/// `due` reckons the due moment of a cycle: sequential cycles begin there.
pub(super) fn all<'a>(
    course: &'a Course<'a>,
    due: &dyn Fn(&ClockName<'a>, &Cycle<'a>) -> Option<Timestamp>,
) -> Vec<Run<'a>> {
    let mut waiting = names(course);
    let mut conditions = HashMap::new();
    let mut stops: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
    let mut runs: Vec<Run<'a>> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        // Of clocks that wait for each other in a circle, which validation refuses, the first goes ahead.
        let next = waiting
            .iter()
            .position(|name| {
                waiting.iter().all(|other| {
                    other.agreement_index != name.agreement_index
                        || other.clock == name.clock
                        || !looks_at(course, *name, other.clock)
                })
            })
            .unwrap_or(0);
        let name = waiting.remove(next);
        let promises = promises(course, name, &mut conditions);
        let mut runner = Runner::new(name, &course.steps, &promises, &stops, due);
        for index in 0..course.steps.len() {
            runner.step(index);
        }
        let (run, stopped_at) = runner.finish();
        stops.insert((name.agreement_index, name.clock), stopped_at);
        runs.push(run);
    }
    runs
}

/// Every clock that a governing rule names at some step, in the order of the rules.
fn names<'a>(course: &Course<'a>) -> Vec<ClockName<'a>> {
    let mut names: Vec<ClockName<'a>> = vec![];
    for (agreement_index, agreement) in course.agreements.iter().enumerate() {
        let mut last_rule = None;
        for step in &course.steps {
            let Some(governing) = step.governing(agreement_index) else { continue };
            let rule: *const _ = governing.rule;
            if last_rule.replace(rule) == Some(rule) {
                continue;
            }
            for target in &governing.rule.targets {
                let clock = target.clock();
                let is_known = |known: &ClockName<'_>| {
                    known.agreement_index == agreement_index && known.clock == clock
                };
                if !names.iter().any(is_known) {
                    names.push(ClockName { agreement_index, agreement, clock });
                }
            }
        }
    }
    names
}

/// Whether some promise of a clock looks at the stop of another.
fn looks_at(course: &Course<'_>, name: ClockName<'_>, other: &str) -> bool {
    let targets = course
        .steps
        .iter()
        .filter_map(|step| step.governing(name.agreement_index)?.rule.target(name.clock));
    let mut last = None;
    let mut found = false;
    for target in targets {
        let pointer: *const Target = target;
        if last.replace(pointer) == Some(pointer) {
            continue;
        }
        let given = [
            &target.start,
            &target.pause,
            &target.resume,
            &target.stop,
            &target.cancel,
            &target.reset,
        ];
        let mut given = given.into_iter().flatten();
        found |= given.any(|condition| condition.stopped_clocks().contains(&other));
    }
    found
}

/// What governs a clock at one step.
struct Governed<'a> {
    /// The promise in force, or the next that comes; `None` when none comes any more.
    promise: Option<Promise<'a>>,
    /// Whether it is in force.
    is_in_force: bool,
}

fn promises<'a>(
    course: &'a Course<'a>,
    name: ClockName<'a>,
    conditions: &mut HashMap<*const Target, Rc<SixConditions>>,
) -> Vec<Governed<'a>> {
    let mut governed = Vec::with_capacity(course.steps.len());
    let mut next: Option<Promise<'a>> = None;
    for step in course.steps.iter().rev() {
        let governing = step.governing(name.agreement_index);
        let in_force = governing.and_then(|governing| {
            let target = governing.rule.target(name.clock)?;
            let unit = step.situation.attributes.unit;
            let pointer: *const Target = target;
            let conditions = conditions.entry(pointer);
            let conditions = conditions.or_insert_with(|| Rc::new(target.conditions()));
            Some(Promise {
                governing,
                target,
                calendar: governing.document.calendar_of(target, unit),
                conditions: Rc::clone(conditions),
            })
        });
        let is_in_force = in_force.is_some();
        next = in_force.or(next);
        governed.push(Governed { promise: next.clone(), is_in_force });
    }
    governed.reverse();
    governed
}

/// What a step says of pauses.
#[derive(Clone, Copy, Default)]
struct Pausing {
    holds: bool,
    /// Whether the condition that ends pauses holds; `None` without one.
    resumes: Option<bool>,
}

/// Takes one clock through the steps.
struct Runner<'a, 's> {
    name: ClockName<'a>,
    steps: &'a [Step<'a>],
    /// By step.
    governed: &'s [Governed<'a>],
    stops: &'s HashMap<(usize, &'a str), Vec<usize>>,
    due: &'s dyn Fn(&ClockName<'a>, &Cycle<'a>) -> Option<Timestamp>,
    cycles: Vec<Cycle<'a>>,
    /// How many cycles have ended, of those that count.
    ended: u32,
    responded: bool,
    unanswered: bool,
    /// Of the steps so far.
    pausing: Vec<Pausing>,
    /// When a sequential cycle begins that has not begun yet.
    begins_at: Option<Timestamp>,
    /// Since when no rule gives the open cycle a target.
    lost_at: Option<Timestamp>,
    /// The steps at which the clock stopped.
    stopped_at: Vec<usize>,
}

impl<'a, 's> Runner<'a, 's> {
    fn new(
        name: ClockName<'a>,
        steps: &'a [Step<'a>],
        governed: &'s [Governed<'a>],
        stops: &'s HashMap<(usize, &'a str), Vec<usize>>,
        due: &'s dyn Fn(&ClockName<'a>, &Cycle<'a>) -> Option<Timestamp>,
    ) -> Self {
        Self {
            name,
            steps,
            governed,
            stops,
            due,
            cycles: vec![],
            ended: 0,
            responded: false,
            unanswered: false,
            pausing: Vec::with_capacity(steps.len()),
            begins_at: None,
            lost_at: None,
            stopped_at: vec![],
        }
    }

    fn open(&mut self) -> Option<&mut Cycle<'a>> {
        self.cycles.last_mut().filter(|cycle| cycle.end.is_none())
    }

    fn step(&mut self, index: usize) {
        let (step, governed) = (&self.steps[index], &self.governed[index]);
        let before = index.checked_sub(1).map(|before| &self.steps[before]);
        if let Some(at) = self.begins_at.take_if(|at| *at <= step.at) {
            self.begin(at, index - 1, Cause::Recurred);
        }
        let Some(promise) = &governed.promise else {
            self.end(index, step.at, Ending::Cancelled);
            self.begins_at = None;
            self.pausing.push(Pausing::default());
            return;
        };
        let look_before =
            before.map(|before| Look::at_rest(before, self.responded, self.unanswered));
        let held_before = |condition| look_before.is_some_and(|look| holds(condition, look));
        let is_response = counts_as_response(step, promise.target);
        let is_message = *step.fact == FactKind::CustomerMessage;
        self.attach(step, promise, governed.is_in_force);

        let (stops, name) = (self.stops, self.name);
        let stopped = |clock: &str| {
            stops
                .get(&(name.agreement_index, clock))
                .is_some_and(|steps| steps.binary_search(&index).is_ok())
        };
        let look = |runner: &Self| Look {
            happened: step.fact.happening(),
            is_response,
            situation: &step.situation,
            responded: runner.responded,
            unanswered: runner.unanswered,
            stopped: &stopped,
        };
        self.responded |= is_response;
        self.unanswered = (self.unanswered || is_message) && !is_response;
        let now = look(self);
        let conditions = Rc::clone(&promise.conditions);
        let recurs = promise.target.recurrence() != Recurrence::None;
        // A state that lasts does not end cycle after cycle.
        let stop = holds(&conditions.stop, now) && !(recurs && held_before(&conditions.stop));
        let cancel = holds(&conditions.cancel, now);
        let merged = *step.fact == FactKind::Merged;
        self.pausing.push(Pausing {
            holds: holds(&conditions.pause, now),
            resumes: conditions.resume.as_ref().map(|resume| holds(resume, now)),
        });
        let reset = holds(&conditions.reset, now) && !held_before(&conditions.reset);
        let starts = holds(&conditions.start, now) && !held_before(&conditions.start);

        let has_begun = self.open().is_some_and(|cycle| cycle.started_at <= step.at);
        if has_begun {
            if merged {
                self.end(index, step.at, Ending::Merged);
            } else if stop {
                self.end(index, step.at, Ending::Stopped);
                self.recur(index, promise);
            } else if cancel {
                self.end(index, step.at, Ending::Cancelled);
            } else if reset {
                self.end(index, step.at, Ending::Cancelled);
                self.begin_next(index);
            } else {
                self.pause_or_resume(index);
            }
        } else if cancel || is_done(step.situation.status) {
            // A cycle that was to begin does not begin in a case that is over.
            self.begins_at = None;
            if starts && !stop && !cancel && step.situation.status != Status::Merged {
                self.begin_at_step(index, promise);
            }
        } else if starts && (recurs || !stop) && self.begins_at.is_none() {
            self.begin_at_step(index, promise);
        }
        if self.lost_at.is_none()
            && let Some(cycle) = self.open()
        {
            cycle.situation = step.situation;
        }
    }

    /// What becomes of the open cycle when its target comes into force or is lost.
    fn attach(&mut self, step: &'a Step<'a>, promise: &Promise<'a>, is_in_force: bool) {
        let was_lost = self.lost_at;
        let Some(cycle) = self.open() else { return };
        if !is_in_force {
            let lost_at = was_lost.or(cycle.is_attached.then_some(step.at));
            self.lost_at = lost_at;
            return;
        }
        if !cycle.is_attached {
            cycle.is_attached = true;
            cycle.attached_at = step.at;
            if promise.target.late_start == LateStart::WhenAttached {
                cycle.started_at = step.at;
                let last = cycle.stretches.pop();
                cycle.stretches = last
                    .map(|last| Stretch {
                        from: step.at,
                        cause: step.cause(),
                        source: step.source,
                        ..last
                    })
                    .into_iter()
                    .collect();
            }
        }
        self.lost_at = None;
    }

    /// Takes the open cycle through a step that did not end it.
    fn pause_or_resume(&mut self, index: usize) {
        let (step, pausing) = (&self.steps[index], self.pausing[index]);
        let Some(promise) = &self.governed[index].promise else { return };
        let Some(cycle) = self.open() else { return };
        let last = cycle.stretches.last();
        let was_paused = last.is_some_and(|last| last.course == IntervalCourse::Paused);
        let is_paused = match pausing.resumes {
            Some(resumes) if was_paused => pausing.holds || !resumes,
            _ => pausing.holds,
        };
        cycle.go_on(step, promise, is_paused);
    }

    /// Begins a cycle, or continues the one before, as the target says.
    fn begin_at_step(&mut self, index: usize, promise: &Promise<'a>) {
        let (step, is_paused) = (&self.steps[index], self.pausing[index].holds);
        let is_recurring = promise.target.recurrence() != Recurrence::None;
        let ended = self.cycles.last_mut().filter(|cycle| cycle.end.is_some());
        match (promise.target.cycles(), ended) {
            (Cycles::FirstOnly, Some(_)) if !is_recurring => return,
            (Cycles::Resume, Some(cycle)) => {
                self.ended -= u32::from(cycle.counts());
                let end = cycle.end.take();
                if let (Some(end), Some(last)) = (end, cycle.stretches.last().cloned()) {
                    cycle.turn(Stretch { from: end.at, course: IntervalCourse::Idle, ..last });
                }
                cycle.go_on(step, promise, is_paused);
                return;
            }
            _ => {}
        }
        self.begin_next(index);
    }

    /// Begins the next cycle at a step.
    fn begin_next(&mut self, index: usize) {
        let step = &self.steps[index];
        self.begin(step.at, index, step.cause());
        if self.pausing[index].holds
            && let Some(cycle) = self.open()
        {
            cycle.stretches[0].course = IntervalCourse::Paused;
        }
    }

    /// Begins a cycle in the situation after a step; whether it is paused at first is asked of the situation alone.
    fn begin(&mut self, at: Timestamp, index: usize, cause: Cause) {
        let (step, governed) = (&self.steps[index], &self.governed[index]);
        let Some(promise) = &governed.promise else { return };
        let look = Look::at_rest(step, self.responded, self.unanswered);
        let paused = holds(&promise.conditions.pause, look);
        let course = if paused { IntervalCourse::Paused } else { IntervalCourse::Running };
        self.lost_at = None;
        let stretch = Stretch { from: at, cause, ..stretch(step, promise, course) };
        self.cycles.push(Cycle {
            number: self.ended + 1,
            started_at: at,
            attached_at: at,
            stretches: vec![stretch],
            end: None,
            situation: step.situation,
            is_attached: governed.is_in_force,
        });
    }

    /// Begins the next cycle of a recurring clock, as long as the case is open.
    fn recur(&mut self, index: usize, promise: &Promise<'a>) {
        let step = &self.steps[index];
        if is_done(step.situation.status) {
            return;
        }
        match promise.target.recurrence() {
            Recurrence::None => {}
            Recurrence::Independent => self.begin_next(index),
            Recurrence::Sequential => {
                let ended = self.cycles.last();
                // A moment as goal may lie before the start.
                let due = ended
                    .and_then(|ended| Some((self.due)(&self.name, ended)?.max(ended.started_at)));
                match due {
                    Some(due) if due > step.at => self.begins_at = Some(due),
                    Some(due) => self.begin_in_the_past(due, index),
                    None => self.begin_next(index),
                }
            }
        }
    }

    /// Begins a cycle at a moment before a step, with the pauses since then.
    fn begin_in_the_past(&mut self, at: Timestamp, index: usize) {
        let since = self.steps[..=index].partition_point(|step| step.at <= at);
        self.begin(at, since.saturating_sub(1), Cause::Recurred);
        (since..=index).for_each(|index| self.pause_or_resume(index));
    }

    fn end(&mut self, index: usize, at: Timestamp, how: Ending) {
        let step = &self.steps[index];
        let lost_at = self.lost_at.take();
        let Some(cycle) = self.open() else { return };
        if let Some(at) = lost_at {
            // The target was not regained: what was run since under the next one never was.
            while cycle.stretches.len() > 1
                && cycle.stretches.last().is_some_and(|last| last.from >= at)
            {
                cycle.stretches.pop();
            }
            cycle.end = Some(End { at, how: Ending::Cancelled });
        } else {
            cycle.situation = step.situation;
            cycle.end = Some(End { at, how });
        }
        let has_stopped = cycle.is_attached && lost_at.is_none() && how == Ending::Stopped;
        let counts = cycle.counts();
        self.ended += u32::from(counts);
        if has_stopped {
            self.stopped_at.push(index);
        }
    }

    fn finish(mut self) -> (Run<'a>, Vec<usize>) {
        if let (Some(at), Some(last)) = (self.begins_at, self.steps.len().checked_sub(1)) {
            self.begin(at, last, Cause::Recurred);
        }
        self.cycles.retain(Cycle::counts);
        (Run { name: self.name, cycles: self.cycles }, self.stopped_at)
    }
}

impl<'a> Cycle<'a> {
    /// Whether it ever was: a cycle that no rule gave a target was not, nor one that was cancelled as it began.
    fn counts(&self) -> bool {
        let is_nothing = |end: End| end.how == Ending::Cancelled && end.at == self.started_at;
        self.is_attached && !self.end.is_some_and(is_nothing)
    }

    /// Goes on after a step, in a new stretch if anything changed that counts.
    fn go_on(&mut self, step: &'a Step<'a>, promise: &Promise<'a>, is_paused: bool) {
        let course = if is_paused { IntervalCourse::Paused } else { IntervalCourse::Running };
        self.turn(stretch(step, promise, course));
    }

    fn turn(&mut self, mut next: Stretch<'a>) {
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

fn stretch<'a>(step: &Step<'a>, promise: &Promise<'a>, course: IntervalCourse) -> Stretch<'a> {
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

/// Whether a case is over, so that no cycle begins by itself.
fn is_done(status: Status) -> bool {
    matches!(status, Status::Resolved | Status::Closed | Status::Merged)
}

/// Whether what happened answers the customer, as a target counts it.
fn counts_as_response(step: &Step<'_>, target: &Target) -> bool {
    let counts = |kind| target.counts_as_response.contains(&kind);
    match step.fact {
        FactKind::Answered { kind, by } => {
            let counts_at_all = match kind {
                AnswerKind::Public => true,
                AnswerKind::Automatic => counts(ResponseKind::AutomaticReply),
                AnswerKind::Internal => counts(ResponseKind::InternalNote),
            };
            let is_responder = target.responders == Responders::Staff
                || *kind == AnswerKind::Automatic
                || step.situation.assignee.is_some_and(|assignee| assignee.as_str() == by);
            counts_at_all && is_responder
        }
        FactKind::NoteAdded => counts(ResponseKind::InternalNote),
        FactKind::Referred { .. } => counts(ResponseKind::Referral),
        _ => false,
    }
}
