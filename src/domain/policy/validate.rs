//! What is wrong with a policy, in words: mistakes, and traps into which a well-formed policy can fall.
//!
//! The traps bear the names of the table in `docs/sla-policies.md`.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    amount::{Amount, Goal, Threshold},
    condition::{Condition, Happening, Test},
    document::{PolicyDocument, Rule, Selection, Target},
    metric::{Metric, SixConditions},
};
use crate::{
    calendar::{Problem, Problems, is_time_zone},
    case::attribute::{CaseKind, Channel, Priority, Severity},
    sla::is_clock_name,
};

const RULES_MAX: usize = 200;
const TARGETS_MAX: usize = 20;
const LIST_MAX: usize = 500;
const CONDITION_PARTS_MAX: usize = 100;
const TARGET_MAX: SignedDuration = SignedDuration::from_hours(50_000);
const DAYS_MAX: u32 = 10_000;

impl PolicyDocument {
    /// Checks what the types cannot: names, reachable rules, sensible targets, and the traps.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        problems.check_name("name", &self.name);
        if self.agreement.as_deref().is_some_and(|agreement| !is_clock_name(agreement)) {
            problems.add(
                "agreement",
                "an agreement's code has letters, digits and _ only, such as ola",
            );
        }
        if self.rules.is_empty() || self.rules.len() > RULES_MAX {
            problems.add("rules", format!("a policy has 1 to {RULES_MAX} rules"));
        }
        let mut names = BTreeMap::new();
        for (index, rule) in self.rules.iter().take(RULES_MAX).enumerate() {
            let field = format!("rules[{index}]");
            problems.check_name(format!("{field}.name"), &rule.name);
            if let Some(first) = names.insert(&rule.name, index) {
                problems.add(
                    format!("{field}.name"),
                    format!("rules[{first}] has this name too; clocks need to tell them apart"),
                );
            }
            let earlier = self.rules[..index].iter().find(|other| other.when.covers(&rule.when));
            if let Some(earlier) = earlier {
                problems.add_trap(
                    "never_reached",
                    &field,
                    format!("never reached: {:?} before it matches all of its cases", earlier.name),
                );
            }
            rule.when.check(&mut problems, &format!("{field}.when"));
            rule.check_targets(&mut problems, &field);
        }
        problems.into_result()
    }

    /// What a valid policy leaves open, perhaps unwillingly: values of an attribute that all rules look at and none names.
    pub fn warnings(&self) -> Vec<Problem> {
        fn left_open<T: PartialEq + std::fmt::Display>(
            problems: &mut Problems,
            rules: &[Rule],
            name: &str,
            all: &[T],
            list: impl Fn(&Selection) -> Option<&Vec<T>>,
        ) {
            let lists: Option<Vec<&Vec<T>>> = rules.iter().map(|rule| list(&rule.when)).collect();
            let Some(lists) = lists else { return };
            for value in all.iter().filter(|value| !lists.iter().any(|list| list.contains(value))) {
                problems.add_trap(
                    "no_target_for",
                    "rules",
                    format!("no rule names the {name} {value}: nothing is promised for such cases"),
                );
            }
        }
        let mut problems = Problems::default();
        left_open(&mut problems, &self.rules, "kind", CaseKind::ALL, |when| when.kind.as_ref());
        left_open(&mut problems, &self.rules, "priority", Priority::ALL, |when| {
            when.priority.as_ref()
        });
        left_open(&mut problems, &self.rules, "severity", Severity::ALL, |when| {
            when.severity.as_ref()
        });
        left_open(&mut problems, &self.rules, "channel", Channel::ALL, |when| {
            when.channel.as_ref()
        });
        problems.into_result().err().unwrap_or_default()
    }
}

impl Rule {
    fn check_targets(&self, problems: &mut Problems, field: &str) {
        if self.targets.len() > TARGETS_MAX {
            problems.add(format!("{field}.targets"), format!("at most {TARGETS_MAX} targets"));
        }
        for (place, target) in self.targets.iter().take(TARGETS_MAX).enumerate() {
            let field = format!("{field}.targets[{place}]");
            if self.targets[..place].iter().any(|other| other.clock() == target.clock()) {
                problems.add(
                    format!("{field}.{}", if target.clock.is_some() { "clock" } else { "metric" }),
                    format!(
                        "{} has a target in this rule already; name one of the clocks",
                        target.clock()
                    ),
                );
            }
            target.check(problems, &field);
            if let Some(problem) = self.unknown_clock(target) {
                problems.add_trap("unknown_clock", &field, problem);
            }
        }
    }

    /// What is wrong with the clocks that a target's conditions name, if anything.
    fn unknown_clock(&self, target: &Target) -> Option<String> {
        for named in stopped_clocks(target) {
            if !self.targets.iter().any(|other| other.clock() == named) {
                return Some(format!(
                    "clock_stopped names {named:?}, which this rule does not have"
                ));
            }
        }
        // Followed to the end: whoever waits for itself never starts.
        let (mut reached, mut next) = (vec![], stopped_clocks(target));
        while let Some(named) = next.pop() {
            if named == target.clock() {
                return Some(format!("{named:?} waits for its own stop"));
            }
            if !reached.contains(&named) {
                let others = self.targets.iter().filter(|other| other.clock() == named);
                next.extend(others.flat_map(stopped_clocks));
                reached.push(named);
            }
        }
        None
    }
}

fn stopped_clocks(target: &Target) -> Vec<&str> {
    let mut named = vec![];
    let given =
        [&target.start, &target.pause, &target.resume, &target.stop, &target.cancel, &target.reset];
    for condition in given.into_iter().flatten() {
        named.extend(condition.stopped_clocks());
    }
    named
}

impl Selection {
    /// Whether this selection matches all that the other does.
    fn covers(&self, other: &Self) -> bool {
        fn covers<T: PartialEq>(list: Option<&Vec<T>>, other: Option<&Vec<T>>) -> bool {
            list.is_none_or(|list| {
                other.is_some_and(|other| other.iter().all(|value| list.contains(value)))
            })
        }
        covers(self.kind.as_ref(), other.kind.as_ref())
            && covers(self.category.as_ref(), other.category.as_ref())
            && covers(self.priority.as_ref(), other.priority.as_ref())
            && covers(self.severity.as_ref(), other.severity.as_ref())
            && covers(self.channel.as_ref(), other.channel.as_ref())
            && covers(self.unit.as_ref(), other.unit.as_ref())
            && covers(self.stage.as_ref(), other.stage.as_ref())
            && covers(self.tier.as_ref(), other.tier.as_ref())
            && covers(self.customer_kind.as_ref(), other.customer_kind.as_ref())
    }

    fn check(&self, problems: &mut Problems, field: &str) {
        let lengths = [
            ("kind", self.kind.as_ref().map(Vec::len)),
            ("category", self.category.as_ref().map(Vec::len)),
            ("priority", self.priority.as_ref().map(Vec::len)),
            ("severity", self.severity.as_ref().map(Vec::len)),
            ("channel", self.channel.as_ref().map(Vec::len)),
            ("unit", self.unit.as_ref().map(Vec::len)),
            ("stage", self.stage.as_ref().map(Vec::len)),
            ("tier", self.tier.as_ref().map(Vec::len)),
            ("customer_kind", self.customer_kind.as_ref().map(Vec::len)),
        ];
        for (name, length) in lengths {
            match length {
                Some(0) => problems.add(
                    format!("{field}.{name}"),
                    "an empty list matches no case; leave it out to match every case",
                ),
                Some(length) if length > LIST_MAX => {
                    problems.add(format!("{field}.{name}"), format!("at most {LIST_MAX} values"));
                }
                _ => {}
            }
        }
    }
}

impl Target {
    fn check(&self, problems: &mut Problems, field: &str) {
        if self.clock.as_deref().is_some_and(|clock| !is_clock_name(clock)) {
            problems.add(
                format!("{field}.clock"),
                "a clock's name has letters, digits and _ only, such as stage_one",
            );
        }
        if self.time_zone.as_deref().is_some_and(|zone| !is_time_zone(zone)) {
            problems
                .add(format!("{field}.time_zone"), "not an IANA zone name such as \"Asia/Tehran\"");
        }
        self.check_goal(problems, field);
        self.check_conditions(problems, field);
        self.check_warnings(problems, field);
        for (name, amount) in [
            ("outside_hours_bonus", self.outside_hours_bonus),
            ("extension.amount", self.extension.map(|terms| terms.amount)),
        ] {
            let Some(amount) = amount else { continue };
            let is_bonus = name == "outside_hours_bonus";
            match self.goal().and_then(|goal| goal.amount()) {
                Some(target) if target.measure == amount.measure => {}
                Some(target) => problems.add_trap(
                    "unit_differs",
                    format!("{field}.{name}"),
                    format!("{amount} is counted otherwise than the target, {target}"),
                ),
                None if is_bonus => problems.add_trap(
                    "unit_differs",
                    format!("{field}.{name}"),
                    "a bonus is added to an amount, and the target is none",
                ),
                None => {}
            }
            check_size(problems, &format!("{field}.{name}"), amount);
        }
        for (name, codes) in self.actions.lists() {
            let is_code = |code: &String| {
                (1..=64).contains(&code.chars().count())
                    && code.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
            };
            if codes.len() > 10 || !codes.iter().all(is_code) {
                problems.add(
                    format!("{field}.actions.{name}"),
                    "at most 10 codes of letters, digits, '-', '_' and '.'",
                );
            }
        }
    }

    fn check_goal(&self, problems: &mut Problems, field: &str) {
        match self.target {
            Some(_) if self.metric == Metric::DueDate => problems.add(
                format!("{field}.target"),
                "a due date has no target of its own: the case names the date; leave it out",
            ),
            Some(Goal::Amount(amount)) => check_size(problems, &format!("{field}.target"), amount),
            Some(Goal::WorkingDay(day)) if day.working_day > DAYS_MAX => problems
                .add(format!("{field}.target.working_day"), format!("at most {DAYS_MAX} days")),
            Some(Goal::Date(date)) if date.date > DAYS_MAX => {
                problems.add(format!("{field}.target.date"), format!("at most {DAYS_MAX} dates"));
            }
            _ => {}
        }
    }

    fn check_conditions(&self, problems: &mut Problems, field: &str) {
        let given = [
            ("start", &self.start),
            ("pause", &self.pause),
            ("resume", &self.resume),
            ("stop", &self.stop),
            ("cancel", &self.cancel),
            ("reset", &self.reset),
        ];
        for (name, condition) in given {
            let mut parts = 0;
            if let Some(condition) = condition {
                condition.visit(&mut |_| parts += 1);
            }
            if parts > CONDITION_PARTS_MAX {
                problems.add(
                    format!("{field}.{name}"),
                    format!("a condition has at most {CONDITION_PARTS_MAX} parts"),
                );
                return;
            }
        }
        let SixConditions { start, pause, resume, stop, cancel, .. } = self.conditions();
        let stop_or_cancel = Condition::AnyOf(vec![stop.clone(), cancel]);
        if start.implies(&stop_or_cancel) {
            problems.add_trap(
                "never_starts",
                format!("{field}.start"),
                "this can only hold when stop or cancel does, which come first: the clock never starts",
            );
        }
        if stop.implies(&Condition::any_happened(&[])) {
            problems.add_trap(
                "never_stops",
                format!("{field}.stop"),
                "no condition stops the clock; say which fact does",
            );
        }
        let pauses = !pause.implies(&Condition::any_happened(&[]));
        let is_moment = self.goal().is_some_and(|goal| goal.amount().is_none());
        if pauses && is_moment {
            problems.add_trap(
                "moment_with_pause",
                format!("{field}.{}", if self.pause.is_some() { "pause" } else { "pause_on" }),
                "a moment does not move with pauses; leave the pause out, or write the target as an amount",
            );
        } else if pauses && resume.is_none() && pause.may_be_momentary() {
            problems.add_trap(
                "pause_without_resume",
                format!("{field}.pause"),
                "facts are over at once, so this pause ends at the next fact; say in resume what ends it",
            );
        } else if pauses
            && start.implies(&pause)
            && resume.is_none_or(|resume| resume.implies(&pause))
        {
            problems.add_trap(
                "always_paused",
                format!("{field}.pause"),
                "this holds whenever the clock starts: the clock is paused from its start",
            );
        }
        if self.pause_on.as_ref().is_some_and(|reasons| reasons.len() > 3) {
            problems.add(format!("{field}.pause_on"), "name each reason once");
        }
    }

    fn check_warnings(&self, problems: &mut Problems, field: &str) {
        if self.warn_at.len() > 10 {
            problems.add(format!("{field}.warn_at"), "at most 10 warnings");
        }
        let goal = self.goal();
        for (place, threshold) in self.warn_at.iter().enumerate() {
            let field = format!("{field}.warn_at[{place}]");
            let amount = goal.and_then(|goal| goal.amount());
            match (threshold, amount) {
                _ if goal.is_none() => problems.add_trap(
                    "warning_never_comes",
                    field,
                    "nothing is promised, so nothing can be warned of",
                ),
                (Threshold::Percent(percent), _) if !(1..100).contains(percent) => problems
                    .add_trap("warning_never_comes", field, "a share lies between 1 % and 99 %"),
                (Threshold::Before(before), Some(target)) if before.measure != target.measure => {
                    problems.add_trap(
                        "unit_differs",
                        field,
                        format!("{before} is counted otherwise than the target, {target}"),
                    );
                }
                (Threshold::Before(before), Some(target)) if before.duration >= target.duration => {
                    problems.add_trap(
                        "warning_never_comes",
                        field,
                        format!("{before} before is not after the start of {target}"),
                    );
                }
                _ => {}
            }
        }
    }
}

fn check_size(problems: &mut Problems, field: &str, amount: Amount) {
    if !amount.duration.is_positive() || amount.duration > TARGET_MAX {
        problems.add(
            field,
            format!("an amount is above zero and at most {} hours", TARGET_MAX.as_hours()),
        );
    }
}

impl Condition {
    /// Whether this can only hold when the other does, as far as the form of both tells. What never holds implies everything.
    fn implies(&self, other: &Self) -> bool {
        if self == other || self.contradicts_itself() {
            return true;
        }
        if let Some(parts) = self.any_parts() {
            return parts.iter().all(|part| part.implies(other));
        }
        if let Self::Test(test) = self
            && let Test::All(parts) = &**test
            && parts.iter().any(|part| part.implies(other))
        {
            return true;
        }
        if let Some(parts) = other.any_parts() {
            return parts.iter().any(|part| self.implies(part));
        }
        match (self, other) {
            (Self::Test(one), Self::Test(other)) => match (&**one, &**other) {
                (_, Test::All(parts)) => parts.iter().all(|part| self.implies(part)),
                (Test::Status(one), Test::Status(other)) => is_within(one, other),
                (Test::Hold(one), Test::Hold(other)) => is_within(one, other),
                (Test::Priority(one), Test::Priority(other)) => is_within(one, other),
                (Test::Severity(one), Test::Severity(other)) => is_within(one, other),
                (Test::Kind(one), Test::Kind(other)) => is_within(one, other),
                (Test::Channel(one), Test::Channel(other)) => is_within(one, other),
                (Test::Unit(one), Test::Unit(other))
                | (Test::Stage(one), Test::Stage(other))
                | (Test::Assignee(one), Test::Assignee(other))
                | (Test::Category(one), Test::Category(other))
                | (Test::Tier(one), Test::Tier(other)) => is_within(one, other),
                (Test::CustomerKind(one), Test::CustomerKind(other)) => is_within(one, other),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether it asks for things that exclude each other.
    fn contradicts_itself(&self) -> bool {
        let Self::Test(test) = self else { return false };
        let Test::All(parts) = &**test else { return false };
        parts.iter().enumerate().any(|(index, part)| {
            part.contradicts_itself() || parts[..index].iter().any(|other| part.excludes(other))
        })
    }

    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            // One thing happens at a time; some of them count as a response too.
            (Self::Happened(one), Self::Happened(other)) => {
                one != other && ![one, other].contains(&&Happening::Response)
            }
            (Self::Test(one), Self::Test(other)) => match (&**one, &**other) {
                (Test::Not(not), _) if not == &Self::Test(other.clone()) => true,
                (_, Test::Not(not)) if not == &Self::Test(one.clone()) => true,
                (Test::Status(one), Test::Status(other)) => is_apart(one, other),
                (Test::Hold(one), Test::Hold(other)) => is_apart(one, other),
                (Test::Priority(one), Test::Priority(other)) => is_apart(one, other),
                (Test::Severity(one), Test::Severity(other)) => is_apart(one, other),
                (Test::Kind(one), Test::Kind(other)) => is_apart(one, other),
                (Test::Channel(one), Test::Channel(other)) => is_apart(one, other),
                (Test::Unit(one), Test::Unit(other))
                | (Test::Stage(one), Test::Stage(other))
                | (Test::Assignee(one), Test::Assignee(other))
                | (Test::Category(one), Test::Category(other))
                | (Test::Tier(one), Test::Tier(other)) => is_apart(one, other),
                (Test::CustomerKind(one), Test::CustomerKind(other)) => is_apart(one, other),
                (Test::Responded(one), Test::Responded(other))
                | (Test::Unanswered(one), Test::Unanswered(other)) => one != other,
                _ => false,
            },
            (Self::Test(test), happened) | (happened, Self::Test(test)) => {
                matches!(&**test, Test::Not(not) if not == happened)
            }
            _ => false,
        }
    }

    fn any_parts(&self) -> Option<&[Self]> {
        match self {
            Self::AnyOf(parts) => Some(parts),
            Self::Test(test) => match &**test {
                Test::Any(parts) => Some(parts),
                _ => None,
            },
            Self::Happened(_) => None,
        }
    }
}

/// Whether every value that the one list allows is allowed by the other; an empty list allows all.
fn is_within<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    other.is_empty() || (!one.is_empty() && one.iter().all(|value| other.contains(value)))
}

/// Whether no value is allowed by both lists.
fn is_apart<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    !one.is_empty() && !other.is_empty() && !one.iter().any(|value| other.contains(value))
}

#[cfg(test)]
mod tests;
