//! Which clocks a case has, and what is promised in each at every step.

use std::{collections::HashMap, rc::Rc};

use super::course::{Course, Governing, Step};
use crate::{
    id::CalendarId,
    policy::{SixConditions, Target},
};

/// A clock of one case: its agreement, by place and by name, and its name in the rules.
#[derive(Clone, Copy)]
pub(super) struct ClockName<'a> {
    pub(super) agreement_index: usize,
    pub(super) agreement: &'a str,
    pub(super) clock: &'a str,
}

/// What governs a clock from a step on.
#[derive(Clone)]
pub(super) struct Promise<'a> {
    pub(super) governing: Governing<'a>,
    pub(super) target: &'a Target,
    /// The calendar that the target, the unit or the policy names.
    pub(super) calendar: Option<&'a CalendarId>,
    pub(super) conditions: Rc<SixConditions>,
}

impl Promise<'_> {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.target, other.target)
            && self.governing.policy_version == other.governing.policy_version
            && self.governing.policy_id == other.governing.policy_id
            && self.calendar == other.calendar
    }
}

/// A clock, and those whose stops its conditions look at.
pub(super) struct Named<'a> {
    pub(super) name: ClockName<'a>,
    looks_at: Vec<&'a str>,
}

impl Named<'_> {
    pub(super) fn waits_for(&self, other: &Self) -> bool {
        self.name.agreement_index == other.name.agreement_index
            && self.name.clock != other.name.clock
            && self.looks_at.contains(&other.name.clock)
    }
}

/// Every clock that a governing rule names at some step, in the order of the rules.
pub(super) fn named<'a>(course: &Course<'a>) -> Vec<Named<'a>> {
    let mut named: Vec<Named<'a>> = vec![];
    for (agreement_index, agreement) in course.agreements.iter().enumerate() {
        let mut last_rule = None;
        for step in &course.steps {
            let Some(governing) = step.governing(agreement_index) else { continue };
            let rule: *const _ = governing.rule;
            if last_rule.replace(rule) == Some(rule) {
                continue;
            }
            for target in &governing.rule.targets {
                let name = ClockName { agreement_index, agreement, clock: target.clock() };
                let is_known = |known: &Named<'_>| {
                    known.name.agreement_index == agreement_index && known.name.clock == name.clock
                };
                let place = named.iter().position(is_known).unwrap_or_else(|| {
                    named.push(Named { name, looks_at: vec![] });
                    named.len() - 1
                });
                let looks_at = &mut named[place].looks_at;
                for clock in target.stopped_clocks() {
                    if !looks_at.contains(&clock) {
                        looks_at.push(clock);
                    }
                }
            }
        }
    }
    named
}

/// What governs a clock at one step.
#[derive(Clone)]
pub(super) struct Governed<'a> {
    /// The promise in force, or the next that comes; `None` when none comes any more.
    pub(super) promise: Option<Promise<'a>>,
    /// Whether it is in force.
    pub(super) is_in_force: bool,
}

/// What governs a clock at each step.
pub(super) fn promises<'a>(
    course: &'a Course<'a>,
    name: ClockName<'a>,
    conditions: &mut HashMap<*const Target, Rc<SixConditions>>,
) -> Vec<Governed<'a>> {
    let mut governed: Vec<Governed<'a>> = Vec::with_capacity(course.steps.len());
    // From the last step to the first, because each is run under the next promise that comes.
    let mut after: Option<(&Step<'a>, Governed<'a>)> = None;
    for step in course.steps.iter().rev() {
        let this = match &after {
            Some((after, governed)) if after.is_governed_like(step) => governed.clone(),
            _ => {
                let in_force = promise(step, name, conditions);
                let is_in_force = in_force.is_some();
                let next = after.and_then(|(_, governed)| governed.promise);
                Governed { promise: in_force.or(next), is_in_force }
            }
        };
        after = Some((step, this.clone()));
        governed.push(this);
    }
    governed.reverse();
    governed
}

/// The promise that a clock gets from the rule in force after a step.
fn promise<'a>(
    step: &Step<'a>,
    name: ClockName<'a>,
    conditions: &mut HashMap<*const Target, Rc<SixConditions>>,
) -> Option<Promise<'a>> {
    let governing = step.governing(name.agreement_index)?;
    let target = governing.rule.target(name.clock)?;
    let calendar = governing.document.calendar_of(target, step.situation.attributes.unit);
    let conditions = conditions.entry(target).or_insert_with(|| Rc::new(target.conditions()));
    Some(Promise { governing, target, calendar, conditions: Rc::clone(conditions) })
}
