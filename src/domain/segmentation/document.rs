//! The language of segmentations: facts, tests of facts, rules, and the matrix.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentationPublished;
use crate::calendar::{Problem, Problems};
use crate::case::attribute::vocabulary;
use crate::customer::CustomerKind;
use crate::id::SegmentationId;
use crate::text;

const RULES_MAX: usize = 100;
const SECONDS_PER_DAY: i64 = 86_400;

/// What is known of a customer's dealings with us. Figures alone, nothing that a person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// In which relation they stand to us.
    pub kind: CustomerKind,
    /// What they are worth to us, in the organisation's own measure; 0 until somebody has said.
    pub value: i64,
    /// How many cases they have had.
    pub cases: u32,
    /// How many of these were complaints.
    pub complaints: u32,
    /// How many messages went between us, in either direction.
    pub contacts: u32,
    /// Since when we know them.
    pub known_since: Timestamp,
    /// When they last wrote, called or came, or a case of theirs was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact_at: Option<Timestamp>,
    /// How many points they ever earned, without what was reversed and what was given for a case.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub points_earned: i64,
}

/// Facts that were recorded before there was this one are written as they were.
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Standing {
    fn known_days(&self, now: Timestamp) -> i64 {
        days(self.known_since, now)
    }

    /// Of somebody who never came, since we know them.
    fn quiet_days(&self, now: Timestamp) -> i64 {
        days(self.last_contact_at.unwrap_or(self.known_since), now)
    }
}

/// Whole days between two moments; none where the second is not later.
fn days(from: Timestamp, to: Timestamp) -> i64 {
    (to.as_second() - from.as_second()).max(0) / SECONDS_PER_DAY
}

/// A test of a customer's facts: what is given must all hold, and what is absent holds of everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactTest {
    /// Of one of these kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Vec<CustomerKind>>,
    /// Worth so much or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_at_least: Option<i64>,
    /// Worth less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_below: Option<i64>,
    /// With so many cases or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases_at_least: Option<u32>,
    /// With so many complaints or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaints_at_least: Option<u32>,
    /// With fewer complaints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complaints_below: Option<u32>,
    /// With so many messages between us or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contacts_at_least: Option<u32>,
    /// Known for so many whole days or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_days_at_least: Option<u32>,
    /// Silent for so many whole days or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_days_at_least: Option<u32>,
    /// Silent for fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_days_below: Option<u32>,
}

impl FactTest {
    /// Whether the facts meet the test at this moment.
    pub fn is_met(&self, of: &Standing, now: Timestamp) -> bool {
        let at_least = |least: Option<u32>, fact: i64| least.is_none_or(|n| fact >= i64::from(n));
        let below = |below: Option<u32>, fact: i64| below.is_none_or(|n| fact < i64::from(n));
        self.kind.as_ref().is_none_or(|kinds| kinds.contains(&of.kind))
            && self.value_at_least.is_none_or(|least| of.value >= least)
            && self.value_below.is_none_or(|below| of.value < below)
            && at_least(self.cases_at_least, of.cases.into())
            && at_least(self.complaints_at_least, of.complaints.into())
            && below(self.complaints_below, of.complaints.into())
            && at_least(self.contacts_at_least, of.contacts.into())
            && at_least(self.known_days_at_least, of.known_days(now))
            && at_least(self.quiet_days_at_least, of.quiet_days(now))
            && below(self.quiet_days_below, of.quiet_days(now))
    }

    fn check(&self, field: &str, problems: &mut Problems) {
        if self.kind.as_ref().is_some_and(Vec::is_empty) {
            problems.add(format!("{field}.kind"), "an empty list is met by nobody; leave it out");
        }
        let mut never = |name: &str, least: Option<i64>, below: Option<i64>| {
            if let (Some(least), Some(below)) = (least, below)
                && least >= below
            {
                let message = format!("nothing is {least} or more and below {below}");
                problems.add(format!("{field}.{name}_below"), message);
            }
        };
        never("value", self.value_at_least, self.value_below);
        let number = |n: Option<u32>| n.map(i64::from);
        never("complaints", number(self.complaints_at_least), number(self.complaints_below));
        never("quiet_days", number(self.quiet_days_at_least), number(self.quiet_days_below));
    }
}

/// A rule: whoever meets it belongs to the tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentRule {
    /// The tier.
    pub tier: String,
    /// Who belongs to it.
    #[serde(default)]
    pub when: FactTest,
}

/// Where the lines of the customer-asset matrix run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetMatrix {
    /// A customer is valuable when they are worth so much or more.
    pub valuable_from: i64,
    /// The relationship is strong when this is met.
    pub strong_when: FactTest,
}

vocabulary!(
    /// A cell of the customer-asset matrix: how sure we can be of a customer, and how much there is to lose.
    AssetCell {
        /// Valuable, and strongly tied to us.
        Secure = "secure",
        /// Less valuable, and strongly tied to us.
        Good = "good",
        /// Valuable, and weakly tied to us: there is most to lose.
        Vulnerable = "vulnerable",
        /// Less valuable, and weakly tied to us.
        Fragile = "fragile",
    }
);

impl AssetMatrix {
    /// The cell of a customer at this moment, by the facts as the segmentation looks at them: see [`SegmentationDocument::seen`].
    pub fn cell(&self, of: &Standing, now: Timestamp) -> AssetCell {
        match (of.value >= self.valuable_from, self.strong_when.is_met(of, now)) {
            (true, true) => AssetCell::Secure,
            (false, true) => AssetCell::Good,
            (true, false) => AssetCell::Vulnerable,
            (false, false) => AssetCell::Fragile,
        }
    }
}

/// A segmentation, as people write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentationDocument {
    /// Its name.
    pub name: String,
    /// The rules; the first that is met gives the tier. Whoever meets none keeps the tier that they have.
    pub rules: Vec<SegmentRule>,
    /// Tiers that are given by hand: whoever has one keeps it, whatever the rules say.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub by_hand: BTreeSet<String>,
    /// The lines of the customer-asset matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset_matrix: Option<AssetMatrix>,
    /// What each point that a customer has earned adds to their value; nothing, where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_per_point: Option<u32>,
}

impl SegmentationDocument {
    /// Checks the document.
    ///
    /// # Errors
    /// Every problem found, each with its place.
    pub fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Problems::default();
        problems.check_name("name", &self.name);
        if self.rules.len() > RULES_MAX {
            problems.add("rules", format!("at most {RULES_MAX} rules"));
        }
        for (number, rule) in self.rules.iter().enumerate() {
            if let Err(problem) = text::check_line(&rule.tier) {
                problems.add(format!("rules[{number}].tier"), problem.to_string());
            }
            rule.when.check(&format!("rules[{number}].when"), &mut problems);
            let takes_all = rule.when == FactTest::default();
            if takes_all && number + 1 < self.rules.len() {
                let message = "a rule without conditions takes everybody: it stands last";
                problems.add(format!("rules[{number}].when"), message);
            }
        }
        if let Some(matrix) = &self.asset_matrix {
            matrix.strong_when.check("asset_matrix.strong_when", &mut problems);
        }
        problems.into_result()
    }

    /// The facts as this segmentation looks at them: with what points count for in the value.
    pub fn seen(&self, of: &Standing) -> Standing {
        let per_point = i64::from(self.value_per_point.unwrap_or(0));
        let value = of.value.saturating_add(of.points_earned.saturating_mul(per_point));
        Standing { value, ..*of }
    }

    /// The tier that the first rule gives; `None` where none is met.
    fn tier(&self, of: &Standing, now: Timestamp) -> Option<&str> {
        let of = self.seen(of);
        self.rules.iter().find(|rule| rule.when.is_met(&of, now)).map(|rule| rule.tier.as_str())
    }
}

/// The tier that a customer is to have at this moment, and the version that says so; `None` where nothing is to change. `in_force` are the
/// segmentations in the order in which they are tried: see [`super`].
pub fn tier<'a>(
    in_force: &'a [(SegmentationId, SegmentationPublished)],
    current: Option<&str>,
    of: &Standing,
    now: Timestamp,
) -> Option<(&'a SegmentationId, u32, &'a str)> {
    let by_hand = |version: &SegmentationPublished| {
        current.is_some_and(|tier| version.document.by_hand.contains(tier))
    };
    if in_force.iter().any(|(_, version)| by_hand(version)) {
        return None;
    }
    let (id, version, tier) = in_force.iter().find_map(|(id, published)| {
        Some((id, published.version, published.document.tier(of, now)?))
    })?;
    (current != Some(tier)).then_some((id, version, tier))
}

/// The JSON Schema of a segmentation document.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(SegmentationDocument)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-06-01T00:00:00Z";

    fn standing(value: i64, contacts: u32, last_contact: &str) -> Standing {
        Standing {
            kind: CustomerKind::Individual,
            value,
            cases: 1,
            complaints: 0,
            contacts,
            known_since: "2026-01-01T00:00:00Z".parse().unwrap(),
            last_contact_at: Some(last_contact.parse().unwrap()),
            points_earned: 0,
        }
    }

    fn document(json: serde_json::Value) -> SegmentationDocument {
        serde_json::from_value(json).unwrap()
    }

    fn golden() -> SegmentationDocument {
        document(serde_json::json!({
            "name": "tiers",
            "rules": [
                { "tier": "asleep", "when": { "quiet_days_at_least": 90 } },
                { "tier": "gold", "when": { "value_at_least": 1000, "complaints_below": 3 } },
                { "tier": "basic" },
            ],
            "by_hand": ["friend"],
            "asset_matrix": { "valuable_from": 1000, "strong_when": { "contacts_at_least": 5 } },
        }))
    }

    fn in_force() -> Vec<(SegmentationId, SegmentationPublished)> {
        let published = SegmentationPublished {
            version: 3,
            document: golden(),
            effective_from: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        vec![(SegmentationId::new("default").unwrap(), published)]
    }

    fn tier_of(current: Option<&str>, of: Standing) -> Option<String> {
        let now = NOW.parse().unwrap();
        tier(&in_force(), current, &of, now).map(|(_, _, tier)| tier.to_owned())
    }

    #[test]
    fn the_first_rule_that_is_met_gives_the_tier() {
        let recent = "2026-05-30T00:00:00Z";
        assert_eq!(tier_of(None, standing(1000, 1, recent)).as_deref(), Some("gold"));
        assert_eq!(tier_of(None, standing(999, 1, recent)).as_deref(), Some("basic"));
        let asleep = standing(5000, 1, "2026-03-03T00:00:00Z");
        assert_eq!(tier_of(Some("gold"), asleep).as_deref(), Some("asleep"));
        let almost = standing(5000, 1, "2026-03-03T00:00:01Z");
        assert_eq!(tier_of(Some("gold"), almost), None);
    }

    #[test]
    fn whoever_is_where_they_belong_is_left_there_and_so_is_a_tier_given_by_hand() {
        let recent = "2026-05-30T00:00:00Z";
        assert_eq!(tier_of(Some("gold"), standing(1000, 1, recent)), None);
        assert_eq!(tier_of(Some("friend"), standing(1000, 1, recent)), None);
    }

    #[test]
    fn points_that_were_earned_count_for_so_much_of_the_value_as_the_document_says() {
        let of = Standing { points_earned: 300, ..standing(400, 5, "2026-05-30T00:00:00Z") };
        let mut versions = in_force();
        let now = NOW.parse().unwrap();
        let tier_of = |versions: &[_]| tier(versions, None, &of, now).unwrap().2.to_owned();
        assert_eq!(tier_of(&versions), "basic", "they count for nothing where it does not say");
        versions[0].1.document.value_per_point = Some(1);
        assert_eq!(tier_of(&versions), "basic");
        versions[0].1.document.value_per_point = Some(2);
        assert_eq!(tier_of(&versions), "gold");
        let seen = versions[0].1.document.seen(&of);
        assert_eq!((seen.value, seen.points_earned), (1_000, 300));
        assert_eq!(golden().asset_matrix.unwrap().cell(&seen, now), AssetCell::Secure);
        let most = Standing { points_earned: i64::MAX, ..of };
        assert_eq!(versions[0].1.document.seen(&most).value, i64::MAX);
    }

    #[test]
    fn from_a_bound_on_it_is_at_least_and_before_it_below() {
        // The customer is known for 151 days, and it has been quiet for two.
        let of = Standing { complaints: 3, cases: 4, ..standing(1_000, 5, "2026-05-30T00:00:00Z") };
        for (fact, value) in [
            ("value", 1_000),
            ("cases", 4),
            ("complaints", 3),
            ("contacts", 5),
            ("known_days", 151),
            ("quiet_days", 2),
        ] {
            let is_met = |name: &str, bound: i64| {
                let test: Result<FactTest, _> =
                    serde_json::from_value(serde_json::json!({ format!("{fact}_{name}"): bound }));
                test.ok().map(|test| test.is_met(&of, NOW.parse().unwrap()))
            };
            assert_eq!(is_met("at_least", value), Some(true), "{fact}");
            assert_eq!(is_met("at_least", value + 1), Some(false), "{fact}");
            if ["value", "complaints", "quiet_days"].contains(&fact) {
                assert_eq!(is_met("below", value), Some(false), "{fact}");
                assert_eq!(is_met("below", value + 1), Some(true), "{fact}");
            }
        }
        let of_kind = |kind| FactTest { kind: Some(vec![kind]), ..FactTest::default() };
        let now = NOW.parse().unwrap();
        assert!(of_kind(CustomerKind::Individual).is_met(&of, now));
        assert!(!of_kind(CustomerKind::Media).is_met(&of, now));
    }

    #[test]
    fn facts_without_points_are_written_as_they_were_before_there_were_any() {
        let before = serde_json::to_value(standing(1, 1, "2026-05-30T00:00:00Z")).unwrap();
        assert_eq!(before.get("points_earned"), None);
        assert_eq!(serde_json::from_value::<Standing>(before).unwrap().points_earned, 0);
    }

    #[test]
    fn whoever_meets_no_rule_keeps_their_tier() {
        let mut versions = in_force();
        versions[0].1.document.rules.truncate(2);
        let of = standing(1, 1, "2026-05-30T00:00:00Z");
        assert_eq!(tier(&versions, Some("silver"), &of, NOW.parse().unwrap()), None);
    }

    #[test]
    fn the_matrix_tells_four_sorts_of_customers_apart() {
        let matrix = golden().asset_matrix.unwrap();
        let cell = |value, contacts| {
            matrix.cell(&standing(value, contacts, "2026-05-30T00:00:00Z"), NOW.parse().unwrap())
        };
        assert_eq!(cell(1000, 5), AssetCell::Secure);
        assert_eq!(cell(999, 5), AssetCell::Good);
        assert_eq!(cell(1000, 4), AssetCell::Vulnerable);
        assert_eq!(cell(999, 4), AssetCell::Fragile);
    }

    #[test]
    fn a_document_that_can_never_mean_what_it_says_is_refused_with_its_place() {
        let faulty = document(serde_json::json!({
            "name": "",
            "rules": [
                { "tier": "all" },
                { "tier": "", "when": { "value_at_least": 5, "value_below": 5, "kind": [] } },
            ],
        }));
        let problems = faulty.validate().unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        let expected = [
            "name",
            "rules[0].when",
            "rules[1].tier",
            "rules[1].when.kind",
            "rules[1].when.value_below",
        ];
        assert_eq!(places, expected);
        assert_eq!(golden().validate(), Ok(()));
    }
}
