//! The document that people write to say what they promise. `docs/sla-policies.md` is its reference.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    amount::{Amount, Goal, Threshold},
    condition::Condition,
    metric::{Metric, SixConditions},
};
use crate::{
    calendar::Measure,
    case::attribute::{CaseKind, Channel, HoldReason, Priority, Severity, vocabulary},
    customer::attribute::CustomerKind,
    id::{CalendarId, CategoryId, UnitId},
};

/// One version of a policy, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// What people call it: "Complaints, standard".
    pub name: String,
    /// The agreement that the policy belongs to: `sla` when absent, or another code such as `ola`. Each agreement attaches to
    /// a case on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// What this version does to cases that are open when it comes into force.
    #[serde(default, skip_serializing_if = "OpenCases::is_keep")]
    pub open_cases: OpenCases,
    /// The calendar of the targets that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// The calendars of units that own cases; they come before the policy's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unit_calendars: BTreeMap<UnitId, CalendarId>,
    /// The rules in order, at most 200: the first that matches a case governs it.
    pub rules: Vec<Rule>,
}

vocabulary!(
    /// What a new version of a policy does to cases that are open when it comes into force.
    #[derive(Default)]
    OpenCases {
        /// They stay with the version in force at their opening.
        #[default]
        Keep = "keep",
        /// They move to the new version; what has elapsed is kept.
        Move = "move",
    }
);

impl OpenCases {
    fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

/// What is promised for the cases that meet some conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it; unique in its policy, because clocks name the rule that governs them.
    pub name: String,
    /// Which cases it matches; without lists it matches all.
    #[serde(default)]
    pub when: Selection,
    /// What is promised, each clock at most once. None at all says that nothing is promised for these cases.
    pub targets: Vec<Target>,
}

/// Lists of allowed values. An absent list matches everything; a list does not match a case without the attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// What the case is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Vec<CaseKind>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Vec<CategoryId>>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Vec<Priority>>,
    /// How bad it is for the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Vec<Severity>>,
    /// How it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Vec<Channel>>,
    /// The unit that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Vec<UnitId>>,
    /// The stage it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Vec<String>>,
    /// The customer's tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Vec<String>>,
    /// In which relation the customer stands to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_kind: Option<Vec<CustomerKind>>,
}

/// What is promised in one clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What is measured.
    pub metric: Metric,
    /// The clock's name: the metric's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// How much time it may take, or by when. Measured without a promise when absent; a due date takes the case's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Goal>,
    /// The calendar that counts. When absent: the owning unit's, the policy's, or the calendar `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// An IANA zone in which the calendar's hours are meant, in place of the calendar's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// For which reasons of a hold the clock pauses: as the metric says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_on: Option<Vec<HoldReason>>,
    /// What answers the customer beside a public answer of staff.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts_as_response: Vec<ResponseKind>,
    /// Whose answers count.
    #[serde(default, skip_serializing_if = "Responders::is_staff")]
    pub responders: Responders,
    /// Begins a cycle, in place of the metric's own condition; so with the five that follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Condition>,
    /// Pauses the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Condition>,
    /// Ends the pause. When absent a pause lasts as long as its condition holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Condition>,
    /// Ends the cycle with a verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Condition>,
    /// Ends the cycle without a verdict, unless it was late already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Condition>,
    /// Ends the cycle without a verdict and begins the next at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Condition>,
    /// Where a clock starts that gets its target late.
    #[serde(default, skip_serializing_if = "LateStart::is_from_the_start")]
    pub late_start: LateStart,
    /// What a later start does: as the metric says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Cycles>,
    /// What begins cycles without a start: as the metric says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// When warnings come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warn_at: Vec<Threshold>,
    /// Added to the target when the clock starts in closed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_hours_bonus: Option<Amount>,
    /// What an extension adds; none may be granted when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionTerms>,
    /// Codes that the clock's facts carry to their subscribers.
    #[serde(default, skip_serializing_if = "Actions::is_empty")]
    pub actions: Actions,
}

vocabulary!(
    /// What can answer a customer beside a public answer of staff.
    ResponseKind {
        /// An outbound message that a machine wrote.
        AutomaticReply = "automatic_reply",
        /// A message among staff.
        InternalNote = "internal_note",
        /// Handing the case to a unit.
        Referral = "referral",
    }
);

vocabulary!(
    /// Whose answers count.
    #[derive(Default)]
    Responders {
        /// Those of any member of staff.
        #[default]
        Staff = "staff",
        /// Only those of whom the case is assigned to.
        Assignee = "assignee",
    }
);

impl Responders {
    fn is_staff(&self) -> bool {
        *self == Self::Staff
    }
}

vocabulary!(
    /// Where a clock starts that gets its target late.
    #[derive(Default)]
    LateStart {
        /// Where it would have started, with the pauses since then.
        #[default]
        FromTheStart = "from_the_start",
        /// When it gets the target.
        WhenAttached = "when_attached",
    }
);

impl LateStart {
    fn is_from_the_start(&self) -> bool {
        *self == Self::FromTheStart
    }
}

vocabulary!(
    /// What a start does after the clock has stopped.
    Cycles {
        /// Begins the next cycle with the full target.
        Every = "every",
        /// Nothing: there is one cycle.
        FirstOnly = "first_only",
        /// Continues the stopped cycle with what had elapsed.
        Resume = "resume",
    }
);

vocabulary!(
    /// What begins a cycle without a start condition, while the case is neither resolved nor closed.
    Recurrence {
        /// Nothing.
        None = "none",
        /// The stop of the cycle before.
        Independent = "independent",
        /// The due moment of the cycle before.
        Sequential = "sequential",
    }
);

/// What an extension adds, and how often it may be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtensionTerms {
    /// What one extension adds.
    pub amount: Amount,
    /// How many may be granted for one clock.
    pub most: u32,
}

/// Codes that the facts of a clock carry to their subscribers, who know what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Actions {
    /// With each warning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_warning: Vec<String>,
    /// With a breach that raises an alarm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_breach: Vec<String>,
    /// With a stop in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_met: Vec<String>,
    /// With a stop after the due moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_completed_late: Vec<String>,
    /// With a cancellation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_cancelled: Vec<String>,
}

impl Actions {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn lists(&self) -> [(&'static str, &Vec<String>); 5] {
        [
            ("on_warning", &self.on_warning),
            ("on_breach", &self.on_breach),
            ("on_met", &self.on_met),
            ("on_completed_late", &self.on_completed_late),
            ("on_cancelled", &self.on_cancelled),
        ]
    }
}

/// What rules look at in a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedAttributes<'a> {
    /// What it is.
    pub kind: Option<CaseKind>,
    /// What it is about.
    pub category: Option<&'a CategoryId>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// How bad it is for the customer.
    pub severity: Option<Severity>,
    /// How it came.
    pub channel: Option<Channel>,
    /// The unit that owns it.
    pub unit: Option<&'a UnitId>,
    /// The stage it is in.
    pub stage: Option<&'a str>,
    /// The customer's tier.
    pub tier: Option<&'a str>,
    /// In which relation the customer stands to us.
    pub customer_kind: Option<CustomerKind>,
}

/// The calendar of targets for which neither they, nor the unit, nor the policy name one.
pub const DEFAULT_CALENDAR: &str = "default";

/// The agreement of policies that name none.
pub const DEFAULT_AGREEMENT: &str = "sla";

/// The JSON Schema of the documents that people write, for editors and other programs.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(PolicyDocument)
}

impl PolicyDocument {
    /// The agreement that the policy belongs to.
    pub fn agreement(&self) -> &str {
        self.agreement.as_deref().unwrap_or(DEFAULT_AGREEMENT)
    }

    /// The rule that governs a case with these attributes: the first that matches.
    pub fn first_match(&self, attributes: &MatchedAttributes<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.when.matches(attributes))
    }

    /// The calendar that a target counts in, for a case that this unit owns; `None` stands for the calendar `default`.
    pub fn calendar_of<'a>(
        &'a self,
        target: &'a Target,
        unit: Option<&UnitId>,
    ) -> Option<&'a CalendarId> {
        let of_unit = || unit.and_then(|unit| self.unit_calendars.get(unit));
        target.calendar.as_ref().or_else(of_unit).or(self.calendar.as_ref())
    }

    /// The calendars that the policy counts in, each once: those that it names, and the default one when a target that needs a calendar
    /// names none. Whoever publishes the policy makes sure that they exist.
    pub fn calendars(&self) -> BTreeSet<CalendarId> {
        let targets = || self.rules.iter().flat_map(|rule| &rule.targets);
        let named = targets().filter_map(|target| target.calendar.as_ref());
        let named = named.chain(self.unit_calendars.values()).chain(&self.calendar);
        let falls_back = self.calendar.is_none()
            && targets().any(|target| target.calendar.is_none() && target.needs_calendar());
        let default = falls_back.then(|| CalendarId::new(DEFAULT_CALENDAR).expect("it is a code"));
        named.cloned().chain(default).collect()
    }

    /// The zones that its targets name, each once.
    pub fn time_zones(&self) -> BTreeSet<&str> {
        let targets = self.rules.iter().flat_map(|rule| &rule.targets);
        targets.filter_map(|target| target.time_zone.as_deref()).collect()
    }
}

impl Rule {
    /// What the rule promises in this clock.
    pub fn target(&self, clock: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.clock() == clock)
    }
}

impl Selection {
    pub(super) fn matches(&self, attributes: &MatchedAttributes<'_>) -> bool {
        fn allows<T: PartialEq<V>, V: ?Sized>(list: Option<&Vec<T>>, value: Option<&V>) -> bool {
            list.is_none_or(|list| {
                value.is_some_and(|value| list.iter().any(|allowed| allowed == value))
            })
        }
        allows(self.kind.as_ref(), attributes.kind.as_ref())
            && allows(self.category.as_ref(), attributes.category)
            && allows(self.priority.as_ref(), attributes.priority.as_ref())
            && allows(self.severity.as_ref(), attributes.severity.as_ref())
            && allows(self.channel.as_ref(), attributes.channel.as_ref())
            && allows(self.unit.as_ref(), attributes.unit)
            && allows(self.stage.as_ref(), attributes.stage)
            && allows(self.tier.as_ref(), attributes.tier)
            && allows(self.customer_kind.as_ref(), attributes.customer_kind.as_ref())
    }
}

impl Target {
    /// The clock's name.
    pub fn clock(&self) -> &str {
        self.clock.as_deref().unwrap_or(self.metric.as_str())
    }

    /// Whether nothing can be counted without a calendar: the others fall back to the wall clock.
    pub fn needs_calendar(&self) -> bool {
        match self.goal() {
            Some(Goal::Amount(amount)) => amount.measure != Measure::Elapsed,
            Some(Goal::WorkingDay(_) | Goal::Date(_)) => true,
            Some(Goal::Promised(_)) | None => false,
        }
    }

    /// What is asked for; a due date asks for the case's own date.
    pub fn goal(&self) -> Option<Goal> {
        use super::amount::{Promised, PromisedMoment};
        let due_date = Goal::Promised(PromisedMoment { promised: Promised::DueDate });
        self.target.or((self.metric == Metric::DueDate).then_some(due_date))
    }

    /// The conditions in force: the metric's, where the target does not give its own.
    pub fn conditions(&self) -> SixConditions {
        // A moment does not move with pauses, so a clock that runs up to one has none.
        let is_moment = self.goal().is_some_and(|goal| goal.amount().is_none());
        let pause_on = self.pause_on.as_deref().or(is_moment.then_some(&[]));
        let metric = self.metric.conditions(pause_on);
        SixConditions {
            start: self.start.clone().unwrap_or(metric.start),
            pause: self.pause.clone().unwrap_or(metric.pause),
            resume: self.resume.clone().or(metric.resume),
            stop: self.stop.clone().unwrap_or(metric.stop),
            cancel: self.cancel.clone().unwrap_or(metric.cancel),
            reset: self.reset.clone().unwrap_or(metric.reset),
        }
    }

    /// The clocks whose stops its conditions look at.
    pub(crate) fn stopped_clocks(&self) -> Vec<&str> {
        let given = [&self.start, &self.pause, &self.resume, &self.stop, &self.cancel, &self.reset];
        given.into_iter().flatten().flat_map(Condition::stopped_clocks).collect()
    }

    /// What a later start does.
    pub fn cycles(&self) -> Cycles {
        self.cycles.unwrap_or(self.metric.cycles())
    }

    /// What begins cycles without a start.
    pub fn recurrence(&self) -> Recurrence {
        self.recurrence.unwrap_or(self.metric.recurrence())
    }
}
