use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::{
    calendar::CalendarVersions,
    case::attribute::CaseKind,
    sla::{Fact, FactKind, FactSource, Opening, PolicyBinding},
};

/// Policies by their versions, and no calendar.
#[derive(Default)]
struct Known(BTreeMap<(PolicyId, u32), PolicyDocument>);

impl Known {
    fn with(mut self, id: &str, version: u32, document: PolicyDocument) -> Self {
        self.0.insert((policy_id(id), version), document);
        self
    }
}

impl PolicySource for Known {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        self.0.get(&(id.clone(), version))
    }
}

impl CalendarSource for Known {
    fn calendar(&self, _: &CalendarId, _: Option<&str>) -> Option<&CalendarVersions> {
        None
    }
}

fn policy_id(id: &str) -> PolicyId {
    PolicyId::new(id).unwrap()
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3600).unwrap()
}

/// A policy with one target.
fn policy(agreement: &str, target: &str) -> PolicyDocument {
    serde_json::from_value(json!({
        "name": "any", "agreement": agreement,
        "rules": [{ "name": target, "targets": [{ "metric": "resolution", "target": target }] }],
    }))
    .unwrap()
}

/// A case that was opened at midnight under the first versions of these policies.
fn history(policies: &[&str]) -> SlaHistory {
    let bindings = policies.iter().map(|id| binding(id, 1));
    let mut history = SlaHistory::new(bindings);
    let opening = Opening {
        kind: CaseKind::Request,
        channel: None,
        category: None,
        priority: None,
        severity: None,
        unit: None,
        tier: None,
        customer_kind: None,
        due_at: None,
    };
    history.insert(fact(0, FactSource::Case(0), FactKind::Opened(opening)));
    history
}

fn binding(id: &str, version: u32) -> PolicyBinding {
    PolicyBinding { policy_id: policy_id(id), version }
}

fn fact(hour: i64, source: FactSource, kind: FactKind) -> Fact {
    Fact { occurred_at: at(hour), source, recorded_at: at(hour), kind }
}

fn resolved_at(mut history: SlaHistory, hour: i64) -> SlaHistory {
    history.insert(fact(hour, FactSource::Case(1), FactKind::Resolved));
    history
}

fn case(number: u128) -> SimulatedCase<'static> {
    SimulatedCase {
        id: Uuid::from_u128(number),
        unit: if number.is_multiple_of(2) { Some("care") } else { None },
        category: None,
        priority: "normal",
        channel: "email",
        tier: None,
    }
}

/// What a draft in the place of this policy changes for one case.
fn simulate(id: &str, draft: PolicyDocument, published: Known, history: &SlaHistory) -> Simulation {
    let drafted = Known(published.0.clone()).with(id, DRAFT_VERSION, draft.clone());
    let drafts = Drafts::new(Some((policy_id(id), draft)), None).unwrap();
    let mut simulation = Simulation::default();
    simulation.look_at(&case(2), history, &drafts, (&published, &drafted), at(1_000));
    simulation
}

fn change(from: Option<ClockState>, to: Option<ClockState>) -> VerdictChange {
    VerdictChange { from, to }
}

const MET: Option<ClockState> = Some(ClockState::Met);
const BREACHED: Option<ClockState> = Some(ClockState::Breached);

#[test]
fn a_draft_stands_in_the_place_of_every_version_of_its_policy() {
    let published = Known::default().with("standard", 1, policy("sla", "30 elapsed hours")).with(
        "standard",
        2,
        policy("sla", "4 elapsed hours"),
    );
    let mut history = resolved_at(history(&["standard"]), 20);
    let moved = FactKind::PolicyChanged(binding("standard", 2));
    history.insert(fact(1, FactSource::Policy(2), moved));
    let draft = policy("sla", "24 elapsed hours");
    let simulation = simulate("standard", draft, published, &history);
    assert_eq!(simulation.changes, BTreeMap::from([(change(BREACHED, MET), 1)]));
    assert_eq!(simulation.total.before.late, SignedDuration::from_hours(16));
    assert_eq!(simulation.total.after.late, SignedDuration::ZERO);
    let example = &simulation.examples[&(case(2).id, "resolution-1".parse().unwrap())];
    assert_eq!((example.due_before, example.due_after), (Some(at(4)), Some(at(24))));
}

#[test]
fn other_policies_and_agreements_stay_as_they_are() {
    let published = Known::default().with("inner", 1, policy("ola", "2 elapsed hours")).with(
        "standard",
        1,
        policy("sla", "30 elapsed hours"),
    );
    let history = resolved_at(history(&["inner", "standard"]), 20);
    let draft = policy("sla", "10 elapsed hours");
    let simulation = simulate("standard", draft, published, &history);
    assert_eq!(simulation.changes, BTreeMap::from([(change(MET, BREACHED), 1)]));
    let Comparison { before, after, changed } = &simulation.total;
    assert_eq!((before.clocks(), after.clocks(), *changed), (2, 2, 1));
    assert_eq!(after.count(ClockState::Breached), 2);
}

#[test]
fn a_draft_with_a_new_id_is_tried_in_the_order_of_ids_and_the_default_last() {
    let known = || {
        Known::default().with("default", 1, policy("sla", "9 elapsed hours")).with(
            "middle",
            1,
            policy("sla", "8 elapsed hours"),
        )
    };
    let history = resolved_at(history(&["middle", "default"]), 20);
    let rule = |id| {
        let simulation = simulate(id, policy("sla", "1 elapsed hours"), known(), &history);
        let groups = simulation.by(Facet::Rule);
        let governing = groups.filter(|(_, group)| group.after.clocks() > 0);
        governing.map(|(name, _)| name.unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rule("early"), ["early: 1 elapsed hours"]);
    assert_eq!(rule("other"), ["middle: 8 elapsed hours"]);
    assert_eq!(rule("default"), ["middle: 8 elapsed hours"]);
    assert_eq!(rule("middle"), ["middle: 1 elapsed hours"]);
}

#[test]
fn a_clock_on_one_side_only_changes_from_or_to_nothing() {
    let nothing: PolicyDocument = serde_json::from_value(json!({
        "name": "none", "rules": [{ "name": "nothing is promised", "targets": [] }],
    }))
    .unwrap();
    let published = Known::default().with("standard", 1, policy("sla", "30 elapsed hours"));
    let history = resolved_at(history(&["standard"]), 20);
    let lost = simulate("standard", nothing.clone(), published, &history);
    assert_eq!(lost.changes, BTreeMap::from([(change(MET, None), 1)]));
    assert_eq!((lost.cases_changed, lost.total.after.clocks()), (1, 0));
    let published = Known::default().with("standard", 1, nothing);
    let won = simulate("standard", policy("sla", "10 elapsed hours"), published, &history);
    assert_eq!(won.changes, BTreeMap::from([(change(None, BREACHED), 1)]));
    assert_eq!(won.total.after.compliance(), Some(0.0));
    assert_eq!(won.total.before.compliance(), None);
}

#[test]
fn parts_merged_in_any_order_are_the_whole_and_examples_stay_bounded() {
    let published = Known::default().with("standard", 1, policy("sla", "30 elapsed hours"));
    let draft = policy("sla", "10 elapsed hours");
    let drafted = Known(published.0.clone()).with("standard", DRAFT_VERSION, draft.clone());
    let drafts = Drafts::new(Some((policy_id("standard"), draft)), None).unwrap();
    let mut parts: [Simulation; 3] = Default::default();
    let mut whole = Simulation::default();
    for number in 0..400_u32 {
        let history = resolved_at(history(&["standard"]), i64::from(number % 40));
        for into in [&mut whole, &mut parts[number as usize % 3]] {
            let sides = (&published, &drafted);
            into.look_at(&case(number.into()), &history, &drafts, sides, at(1_000));
        }
    }
    let [first, second, third] = parts;
    let mut merged = Simulation::default();
    for part in [third, first, second] {
        merged.merge(part);
    }
    assert_eq!(merged, whole);
    assert_eq!(whole.examples.len(), Simulation::EXAMPLES_MAX);
    // Resolved at the eleventh hour up to the thirtieth: half of all.
    assert_eq!((whole.cases, whole.cases_changed), (400, 200));
    let by_unit: Vec<_> =
        whole.by(Facet::Unit).map(|(unit, group)| (unit, group.changed)).collect();
    assert_eq!(by_unit, [(None, 100), (Some("care"), 100)]);
}

#[test]
fn drafts_that_could_not_be_published_are_refused() {
    assert_eq!(Drafts::new(None, None), Err(InvalidDrafts::Nothing));
    let faulty = Drafts::new(Some((policy_id("a"), policy("sla", "PT0S"))), None);
    let message = faulty.unwrap_err().to_string();
    assert!(message.starts_with("policy: mend rules[0].targets[0].target"), "{message}");
    let calendar = json!({ "name": "x", "time_zone": "Europe/Nowhere", "weekly": {} });
    let calendar = (CalendarId::new("c").unwrap(), serde_json::from_value(calendar).unwrap());
    let message = Drafts::new(None, Some(calendar)).unwrap_err().to_string();
    assert!(message.starts_with("calendar: mend time_zone"), "{message}");
    let mut document = policy("sla", "4 working hours");
    document.calendar = Some(CalendarId::new("office").unwrap());
    let drafts = Drafts::new(Some((policy_id("a"), document)), None).unwrap();
    let unknown = drafts.check(&Known::default()).unwrap_err().to_string();
    assert!(unknown.starts_with("policy: calendar office is not known"), "{unknown}");
}
