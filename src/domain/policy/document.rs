//! The document that people write to say what they promise.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    calendar::{Problem, Problems},
    case::attribute::{CaseKind, Channel, HoldReason, Priority},
    id::{CalendarId, CategoryId},
};

/// One version of a policy, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    /// What people call it: "Complaints, standard".
    pub name: String,
    /// The rules in order, at most 200: the first that matches a case governs it.
    pub rules: Vec<Rule>,
}

/// What is promised for the cases that meet some conditions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What people call it; unique in its policy, because clocks name the rule that governs them.
    pub name: String,
    /// Which cases it matches; without conditions it matches all.
    #[serde(default)]
    pub when: Conditions,
    /// What is promised, each metric at most once. None at all says that nothing is promised for these cases.
    pub targets: Vec<Target>,
}

/// Lists of allowed values. An absent list matches everything; a list does not match a case without the attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// What the case is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Vec<CaseKind>>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Vec<CategoryId>>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Vec<Priority>>,
    /// How it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Vec<Channel>>,
}

/// What is promised in one metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What is measured.
    pub metric: Metric,
    /// How much working time it may take, as an ISO 8601 duration in hours and less: `PT4H`, `PT1H30M`. A due date has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<SignedDuration>,
    /// The calendar whose working time counts. A due date may do without: its elapsed time is then wall-clock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarId>,
    /// For which reasons of a hold the clock pauses: all of them when absent. A due date never pauses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_on: Option<Vec<HoldReason>>,
}

/// What a clock measures.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// From the opening to the first public answer of staff.
    FirstResponse,
    /// From the opening, or a reopening, to the resolution.
    Resolution,
    /// To be done by a date that was agreed.
    DueDate,
}

impl Metric {
    const ALL: [Self; 3] = [Self::FirstResponse, Self::Resolution, Self::DueDate];

    /// The stored name: `first_response`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstResponse => "first_response",
            Self::Resolution => "resolution",
            Self::DueDate => "due_date",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no metric.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a metric is one of first_response, resolution and due_date")]
pub struct InvalidMetric;

impl FromStr for Metric {
    type Err = InvalidMetric;

    fn from_str(text: &str) -> Result<Self, InvalidMetric> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text).ok_or(InvalidMetric)
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
    /// How it came.
    pub channel: Option<Channel>,
}

impl PolicyDocument {
    const RULES_MAX: usize = 200;
    const LIST_MAX: usize = 500;
    const TARGET_MAX: SignedDuration = SignedDuration::from_hours(50_000);

    /// The rule that governs a case with these attributes: the first that matches.
    pub fn first_match(&self, attributes: &MatchedAttributes<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.when.matches(attributes))
    }

    /// The calendars that the policy counts in, each once. Whoever publishes the policy makes sure that they exist.
    pub fn calendars(&self) -> BTreeSet<&CalendarId> {
        let targets = self.rules.iter().flat_map(|rule| &rule.targets);
        targets.filter_map(|target| target.calendar.as_ref()).collect()
    }

    /// Checks what the types cannot: unique names, each metric once a rule, a target and a calendar where the metric needs
    /// them, rules that can be reached, bounded sizes.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        problems.check_name("name", &self.name);
        if self.rules.is_empty() || self.rules.len() > Self::RULES_MAX {
            problems.add("rules", format!("a policy has 1 to {} rules", Self::RULES_MAX));
        }
        let mut names = BTreeMap::new();
        let mut matches_all: Option<&Rule> = None;
        for (index, rule) in self.rules.iter().take(Self::RULES_MAX).enumerate() {
            let field = format!("rules[{index}]");
            problems.check_name(format!("{field}.name"), &rule.name);
            if let Some(first) = names.insert(&rule.name, index) {
                problems.add(
                    format!("{field}.name"),
                    format!("rules[{first}] has this name too; clocks need to tell them apart"),
                );
            }
            if let Some(earlier) = matches_all {
                problems.add(
                    &field,
                    format!("never reached: {:?} before it matches every case", earlier.name),
                );
            } else if rule.when == Conditions::default() {
                matches_all = Some(rule);
            }
            rule.when.check(&mut problems, &format!("{field}.when"));
            for (place, target) in rule.targets.iter().take(Metric::ALL.len() + 1).enumerate() {
                let field = format!("{field}.targets[{place}]");
                if rule.targets[..place].iter().any(|other| other.metric == target.metric) {
                    problems.add(
                        format!("{field}.metric"),
                        format!("{} has a target in this rule already", target.metric),
                    );
                }
                target.check(&mut problems, &field);
            }
        }
        problems.into_result()
    }
}

impl Rule {
    /// What the rule promises in this metric.
    pub fn target(&self, metric: Metric) -> Option<&Target> {
        self.targets.iter().find(|target| target.metric == metric)
    }
}

impl Conditions {
    fn matches(&self, attributes: &MatchedAttributes<'_>) -> bool {
        fn allows<T: PartialEq>(list: Option<&Vec<T>>, value: Option<&T>) -> bool {
            list.is_none_or(|list| value.is_some_and(|value| list.contains(value)))
        }
        allows(self.kind.as_ref(), attributes.kind.as_ref())
            && allows(self.category.as_ref(), attributes.category)
            && allows(self.priority.as_ref(), attributes.priority.as_ref())
            && allows(self.channel.as_ref(), attributes.channel.as_ref())
    }

    fn check(&self, problems: &mut Problems, field: &str) {
        let lengths = [
            ("kind", self.kind.as_ref().map(Vec::len)),
            ("category", self.category.as_ref().map(Vec::len)),
            ("priority", self.priority.as_ref().map(Vec::len)),
            ("channel", self.channel.as_ref().map(Vec::len)),
        ];
        for (name, length) in lengths {
            match length {
                Some(0) => problems.add(
                    format!("{field}.{name}"),
                    "an empty list matches no case; leave it out to match every case",
                ),
                Some(length) if length > PolicyDocument::LIST_MAX => problems.add(
                    format!("{field}.{name}"),
                    format!("at most {} values", PolicyDocument::LIST_MAX),
                ),
                _ => {}
            }
        }
    }
}

impl Target {
    /// Whether a hold for this reason pauses the clock.
    pub fn pauses_on(&self, reason: HoldReason) -> bool {
        self.metric != Metric::DueDate
            && self.pause_on.as_ref().is_none_or(|reasons| reasons.contains(&reason))
    }

    fn check(&self, problems: &mut Problems, field: &str) {
        if self.metric == Metric::DueDate {
            if self.target.is_some() {
                problems.add(
                    format!("{field}.target"),
                    "a due date has no target of its own: the case names the date; leave it out",
                );
            }
            if self.pause_on.as_ref().is_some_and(|reasons| !reasons.is_empty()) {
                problems.add(format!("{field}.pause_on"), "a due date never pauses; leave it out");
            }
            return;
        }
        let max = PolicyDocument::TARGET_MAX;
        if !self.target.is_some_and(|target| target.is_positive() && target <= max) {
            problems.add(
                format!("{field}.target"),
                format!(
                    "{} needs working time above zero and at most {} hours, such as PT4H",
                    self.metric,
                    max.as_hours()
                ),
            );
        }
        if self.calendar.is_none() {
            problems.add(
                format!("{field}.calendar"),
                format!("{} needs the calendar in which it is counted", self.metric),
            );
        }
        if self.pause_on.as_ref().is_some_and(|reasons| reasons.len() > 3) {
            problems.add(format!("{field}.pause_on"), "name each reason once");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(json: serde_json::Value) -> PolicyDocument {
        serde_json::from_value(json).unwrap()
    }

    fn two_rules() -> PolicyDocument {
        document(json!({
            "name": "رسیدگی به شکایت",
            "rules": [
                {
                    "name": "urgent complaints",
                    "when": { "kind": ["complaint"], "category": ["billing"], "priority": ["high", "urgent"] },
                    "targets": [{
                        "metric": "resolution", "target": "PT4H", "calendar": "office",
                        "pause_on": ["awaiting_customer"],
                    }],
                },
                { "name": "letters", "when": { "channel": ["letter"] }, "targets": [{ "metric": "due_date" }] },
            ],
        }))
    }

    #[test]
    fn a_policy_reads_and_writes_durations_as_iso_8601() {
        let document = two_rules();
        assert_eq!(document.validate(), Ok(()));
        assert_eq!(document.rules[0].targets[0].target, Some(SignedDuration::from_hours(4)));
        let json = serde_json::to_value(&document).unwrap();
        assert_eq!(json["rules"][0]["targets"][0]["target"], "PT4H");
        assert_eq!(serde_json::from_value::<PolicyDocument>(json).unwrap(), document);
    }

    #[test]
    fn the_first_rule_whose_lists_all_match_governs() {
        let (document, billing) = (two_rules(), CategoryId::new("billing").unwrap());
        let name = |attributes| document.first_match(&attributes).map(|rule| rule.name.as_str());
        let complaint = MatchedAttributes {
            kind: Some(CaseKind::Complaint),
            category: Some(&billing),
            priority: Some(Priority::Urgent),
            channel: Some(Channel::Letter),
        };
        assert_eq!(name(complaint), Some("urgent complaints"));
        let normal = MatchedAttributes { priority: Some(Priority::Normal), ..complaint };
        assert_eq!(name(normal), Some("letters"));
        let by_phone = MatchedAttributes { channel: Some(Channel::Phone), ..normal };
        assert_eq!(name(by_phone), None);
    }

    #[test]
    fn an_attribute_that_the_case_lacks_does_not_match_a_list() {
        assert_eq!(two_rules().first_match(&MatchedAttributes::default()), None);
        let all = document(json!({ "name": "all", "rules": [{ "name": "all", "targets": [] }] }));
        assert!(all.first_match(&MatchedAttributes::default()).is_some());
    }

    #[test]
    fn clocks_pause_for_every_reason_unless_the_target_names_some_and_due_dates_never() {
        let document = two_rules();
        let named = &document.rules[0].targets[0];
        assert!(
            named.pauses_on(HoldReason::AwaitingCustomer) && !named.pauses_on(HoldReason::Other)
        );
        let all = Target { pause_on: None, ..named.clone() };
        assert!(all.pauses_on(HoldReason::Other));
        let due_date = &document.rules[1].targets[0];
        assert!(!due_date.pauses_on(HoldReason::AwaitingCustomer));
    }

    #[test]
    fn each_problem_names_its_field() {
        let document = document(json!({
            "name": "",
            "rules": [
                {
                    "name": "all", "when": {},
                    "targets": [
                        { "metric": "resolution", "target": "-PT1H", "calendar": "office" },
                        { "metric": "resolution", "target": "PT1H" },
                        { "metric": "due_date", "target": "PT1H", "pause_on": ["other"] },
                    ],
                },
                { "name": "all", "when": { "kind": [] }, "targets": [] },
            ],
        }));
        let problems = document.validate().unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "name",
                "rules[0].targets[0].target",
                "rules[0].targets[1].metric",
                "rules[0].targets[1].calendar",
                "rules[0].targets[2].target",
                "rules[0].targets[2].pause_on",
                "rules[1].name",
                "rules[1]",
                "rules[1].when.kind",
            ]
        );
    }

    #[test]
    fn a_policy_lists_the_calendars_it_counts_in() {
        let document = two_rules();
        let calendars: Vec<&str> =
            document.calendars().into_iter().map(CalendarId::as_str).collect();
        assert_eq!(calendars, ["office"]);
    }

    #[test]
    fn metrics_are_read_by_their_stored_names() {
        for metric in Metric::ALL {
            assert_eq!(metric.as_str().parse(), Ok(metric));
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.as_str());
        }
        assert_eq!("Resolution".parse::<Metric>(), Err(InvalidMetric));
    }
}
