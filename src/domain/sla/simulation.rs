//! What if other policies or calendars had been in force? The clocks of a case are computed twice from the same history: as they are,
//! and under drafts. What differs is counted.
//!
//! - A **draft policy** stands in the place of the policy with its id, for every case that is looked at: as if the document had been in
//!   force at the opening, and no other version of that policy had ever come. All other policies and agreements stay as they are.
//! - A **draft calendar** stands in the place of the calendar with its id, for all time.
//!
//! What people did stays as it was: an extension or a waiver holds for the clock of the same key, if the draft has it and allows it.
//! Clocks are compared by their keys and by their verdicts at one moment. A [`Simulation`] is a sum: simulations of parts of the
//! cases are merged to that of all of them, in any order, so the work can be split.

use std::borrow::Cow;
use std::collections::{BTreeMap, btree_map::Entry};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CalendarSource, Clock, ClockKey, ClockState, PolicySource, SlaHistory, evaluate};
use crate::{
    calendar::{CalendarDocument, Measure, Problem, WorkingTime, joined},
    case::attribute::vocabulary,
    id::{CalendarId, PolicyId},
    policy::PolicyDocument,
};

/// The number of a draft among versions: published ones begin with 1.
pub const DRAFT_VERSION: u32 = 0;

/// The drafts: a policy, a calendar or both, each in the place of what its id names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafts {
    policy: Option<(PolicyId, PolicyDocument)>,
    calendar: Option<(CalendarId, CalendarDocument)>,
}

/// Why drafts cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDrafts {
    /// There is none.
    #[error("policy: give a draft policy, a draft calendar or both")]
    Nothing,
    /// The policy has these problems.
    #[error("policy: mend {}", joined(.0))]
    Policy(Vec<Problem>),
    /// The calendar has these problems.
    #[error("calendar: mend {}", joined(.0))]
    Calendar(Vec<Problem>),
    /// The policy counts in a calendar that is neither published nor drafted.
    #[error("policy: calendar {0} is not known; publish it, or give it as the draft calendar")]
    UnknownCalendar(CalendarId),
}

impl Drafts {
    /// Takes drafts, validated as for publication.
    pub fn new(
        policy: Option<(PolicyId, PolicyDocument)>,
        calendar: Option<(CalendarId, CalendarDocument)>,
    ) -> Result<Self, InvalidDrafts> {
        if policy.is_none() && calendar.is_none() {
            return Err(InvalidDrafts::Nothing);
        }
        if let Some((_, document)) = &policy {
            document.validate().map_err(InvalidDrafts::Policy)?;
        }
        if let Some((_, document)) = &calendar {
            WorkingTime::compile(document).map_err(InvalidDrafts::Calendar)?;
        }
        Ok(Self { policy, calendar })
    }

    /// The draft policy with its id.
    pub fn policy(&self) -> Option<&(PolicyId, PolicyDocument)> {
        self.policy.as_ref()
    }

    /// The draft calendar with its id.
    pub fn calendar(&self) -> Option<&(CalendarId, CalendarDocument)> {
        self.calendar.as_ref()
    }

    /// Checks that every calendar that the draft policy names is among these, which are the known ones with the draft.
    pub fn check(&self, calendars: &impl CalendarSource) -> Result<(), InvalidDrafts> {
        let named = self.policy.iter().flat_map(|(_, document)| document.calendars());
        let unknown = named.into_iter().find(|id| calendars.calendar(id, None).is_none());
        unknown.map_or(Ok(()), |id| Err(InvalidDrafts::UnknownCalendar(id.clone())))
    }

    fn rebind<'a>(&self, history: &'a SlaHistory) -> Cow<'a, SlaHistory> {
        match &self.policy {
            Some((id, _)) => Cow::Owned(history.bound_to(id, DRAFT_VERSION)),
            None => Cow::Borrowed(history),
        }
    }
}

vocabulary!(
    /// By what a simulation is told apart.
    Facet {
        /// The unit that owns the case.
        Unit = "unit",
        /// The case's category.
        Category = "category",
        /// The case's priority.
        Priority = "priority",
        /// The channel by which the case came.
        Channel = "channel",
        /// The customer's tier.
        Tier = "tier",
        /// What the clock measures.
        Metric = "metric",
        /// The rule that governs the clock, after its policy: `standard: urgent`.
        Rule = "rule",
    }
);

/// A case, with the attributes by which simulations are told apart.
#[derive(Clone, Copy, Debug)]
pub struct SimulatedCase<'a> {
    /// The case.
    pub id: Uuid,
    /// The unit that owns it.
    pub unit: Option<&'a str>,
    /// Its category.
    pub category: Option<&'a str>,
    /// Its priority.
    pub priority: &'a str,
    /// The channel by which it came.
    pub channel: &'a str,
    /// The customer's tier.
    pub tier: Option<&'a str>,
}

/// How clocks stand at the moment of the simulation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    counts: BTreeMap<ClockState, u64>,
    /// How late the breached clocks are together, by the wall clock: from the due moment to the stop, or to the moment of the simulation.
    pub late: SignedDuration,
    /// The open hours in the same stretches. Clocks that count in no calendar add nothing.
    pub late_working: SignedDuration,
}

impl Verdicts {
    /// How many clocks stand so.
    pub fn count(&self, state: ClockState) -> u64 {
        self.counts.get(&state).copied().unwrap_or(0)
    }

    /// How many clocks there are.
    pub fn clocks(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The share of clocks that were met among those that were met or breached; `None` where there are none.
    pub fn compliance(&self) -> Option<f64> {
        let (met, breached) = (self.count(ClockState::Met), self.count(ClockState::Breached));
        (met + breached > 0).then(|| met as f64 / (met + breached) as f64)
    }

    fn add(&mut self, one: &Judged<'_>) {
        *self.counts.entry(one.verdict).or_default() += 1;
        self.late = self.late.saturating_add(one.late);
        self.late_working = self.late_working.saturating_add(one.late_working);
    }

    fn merge(&mut self, other: Self) {
        for (state, count) in other.counts {
            *self.counts.entry(state).or_default() += count;
        }
        self.late = self.late.saturating_add(other.late);
        self.late_working = self.late_working.saturating_add(other.late_working);
    }
}

/// Clocks before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// As they are.
    pub before: Verdicts,
    /// Under the drafts.
    pub after: Verdicts,
    /// How many have another verdict, or are on one side only.
    pub changed: u64,
}

impl Comparison {
    fn merge(&mut self, other: Self) {
        self.before.merge(other.before);
        self.after.merge(other.after);
        self.changed += other.changed;
    }
}

/// What a clock's verdict was, and what it becomes. `None` where there is no such clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerdictChange {
    /// As it is.
    pub from: Option<ClockState>,
    /// Under the drafts.
    pub to: Option<ClockState>,
}

/// A clock whose verdict changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedClock {
    /// What changes.
    pub change: VerdictChange,
    /// The due moment as it is.
    pub due_before: Option<Timestamp>,
    /// The due moment under the drafts.
    pub due_after: Option<Timestamp>,
}

/// What drafts would change, over the cases that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// How many cases were looked at.
    pub cases: u64,
    /// How many of them have a clock that changes.
    pub cases_changed: u64,
    /// All clocks.
    pub total: Comparison,
    /// How many clocks change, by what becomes of them.
    pub changes: BTreeMap<VerdictChange, u64>,
    /// The clocks that change in some cases, at most [`Simulation::EXAMPLES_MAX`]: those of the lowest case ids.
    pub examples: BTreeMap<(Uuid, ClockKey), ChangedClock>,
    /// How many times a clock was in no group, because there were too many: see [`Simulation::GROUPS_MAX`].
    pub ungrouped: u64,
    groups: BTreeMap<Facet, BTreeMap<Option<String>, Comparison>>,
}

/// One clock, judged at the moment of the simulation.
struct Judged<'a> {
    clock: &'a Clock,
    verdict: ClockState,
    late: SignedDuration,
    late_working: SignedDuration,
}

impl<'a> Judged<'a> {
    fn at(now: Timestamp, clock: &'a Clock, calendars: &impl CalendarSource) -> Self {
        let verdict = clock.verdict_at(now);
        let (mut late, mut late_working) = (SignedDuration::ZERO, SignedDuration::ZERO);
        if let (ClockState::Breached, Some(due)) = (verdict, clock.due_at) {
            let end = clock.stopped_at.unwrap_or(now).max(due);
            late = end.duration_since(due);
            let calendar = clock.calendar_id.as_ref();
            let calendar =
                calendar.and_then(|id| calendars.calendar(id, clock.time_zone.as_deref()));
            if let Some(calendar) = calendar {
                late_working = calendar.measure(Measure::WorkingTime, due, end);
            }
        }
        Self { clock, verdict, late, late_working }
    }

    fn facet(&self, facet: Facet, case: &SimulatedCase<'_>) -> Option<String> {
        let text = |text: &str| text.to_owned();
        match facet {
            Facet::Unit => case.unit.map(text),
            Facet::Category => case.category.map(text),
            Facet::Priority => Some(text(case.priority)),
            Facet::Channel => Some(text(case.channel)),
            Facet::Tier => case.tier.map(text),
            Facet::Metric => Some(text(self.clock.metric.as_str())),
            Facet::Rule => Some(format!("{}: {}", self.clock.policy_id, self.clock.rule)),
        }
    }
}

impl Simulation {
    /// The most examples.
    pub const EXAMPLES_MAX: usize = 100;
    /// The most groups by one facet. A portfolio with more units or categories than these has other worries.
    pub const GROUPS_MAX: usize = 10_000;

    /// Takes in a case: its clocks as they are by the `published` policies and calendars, and under the drafts, with which `drafted`
    /// answers. Verdicts are those at `now`.
    pub fn look_at<S: PolicySource + CalendarSource>(
        &mut self,
        case: &SimulatedCase<'_>,
        history: &SlaHistory,
        drafts: &Drafts,
        (published, drafted): (&S, &S),
        now: Timestamp,
    ) {
        let before = evaluate(history, published, published);
        let after = evaluate(&drafts.rebind(history), drafted, drafted);
        self.cases += 1;
        let mut pairs: BTreeMap<&ClockKey, [Option<Judged<'_>>; 2]> = BTreeMap::new();
        for (side, clocks, calendars) in [(0, &before, published), (1, &after, drafted)] {
            for clock in clocks {
                let judged = Judged::at(now, clock, calendars);
                pairs.entry(&clock.key).or_default()[side] = Some(judged);
            }
        }
        let mut is_changed = false;
        for (key, [before, after]) in pairs {
            is_changed |= self.compare(case, key, before.as_ref(), after.as_ref());
        }
        self.cases_changed += u64::from(is_changed);
    }

    fn compare(
        &mut self,
        case: &SimulatedCase<'_>,
        key: &ClockKey,
        before: Option<&Judged<'_>>,
        after: Option<&Judged<'_>>,
    ) -> bool {
        let change =
            VerdictChange { from: before.map(|one| one.verdict), to: after.map(|one| one.verdict) };
        let is_changed = change.from != change.to;
        count(&mut self.total, before, after, is_changed);
        for facet in Facet::ALL.iter().copied() {
            let value = |one: &Judged<'_>| one.facet(facet, case);
            let (old, new) = (before.map(value), after.map(value));
            if old == new || old.is_none() || new.is_none() {
                let value = new.or(old).flatten();
                self.group(facet, value, |group| count(group, before, after, is_changed));
            } else {
                // Another rule or metric governs it now: it leaves one group and joins the other.
                let (old, new) = (old.flatten(), new.flatten());
                self.group(facet, old, |group| count(group, before, None, is_changed));
                self.group(facet, new, |group| count(group, None, after, is_changed));
            }
        }
        if is_changed {
            *self.changes.entry(change).or_default() += 1;
            let due = |one: Option<&Judged<'_>>| one.and_then(|one| one.clock.due_at);
            let (due_before, due_after) = (due(before), due(after));
            let changed = ChangedClock { change, due_before, due_after };
            self.examples.insert((case.id, key.clone()), changed);
            self.examples_within_bounds();
        }
        is_changed
    }

    fn group(&mut self, facet: Facet, value: Option<String>, add: impl FnOnce(&mut Comparison)) {
        let groups = self.groups.entry(facet).or_default();
        let is_full = groups.len() >= Self::GROUPS_MAX;
        match groups.entry(value) {
            Entry::Occupied(group) => add(group.into_mut()),
            Entry::Vacant(group) if !is_full => add(group.insert(Comparison::default())),
            Entry::Vacant(_) => self.ungrouped += 1,
        }
    }

    fn examples_within_bounds(&mut self) {
        while self.examples.len() > Self::EXAMPLES_MAX {
            self.examples.pop_last();
        }
    }

    /// The clocks by a facet, in the order of its values; `None` stands for cases that have none.
    pub fn by(&self, facet: Facet) -> impl Iterator<Item = (Option<&str>, &Comparison)> {
        let groups = self.groups.get(&facet).into_iter().flatten();
        groups.map(|(value, group)| (value.as_deref(), group))
    }

    /// Adds the simulation of other cases under the same drafts at the same moment.
    pub fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        self.cases_changed += other.cases_changed;
        self.total.merge(other.total);
        for (change, count) in other.changes {
            *self.changes.entry(change).or_default() += count;
        }
        self.examples.extend(other.examples);
        self.examples_within_bounds();
        self.ungrouped += other.ungrouped;
        for (facet, groups) in other.groups {
            for (value, group) in groups {
                let clocks = group.before.clocks().max(group.after.clocks());
                let mut is_in = false;
                self.group(facet, value, |into| {
                    into.merge(group);
                    is_in = true;
                });
                if !is_in {
                    // The group counted for one; it has more clocks.
                    self.ungrouped += clocks.saturating_sub(1);
                }
            }
        }
    }
}

fn count(
    into: &mut Comparison,
    before: Option<&Judged<'_>>,
    after: Option<&Judged<'_>>,
    is_changed: bool,
) {
    if let Some(before) = before {
        into.before.add(before);
    }
    if let Some(after) = after {
        into.after.add(after);
    }
    into.changed += u64::from(is_changed);
}

#[cfg(test)]
mod tests;
