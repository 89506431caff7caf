//! Random cases under random policies and calendars, near the changes of the clocks in spring 2026.
//!
//! What is generated is written down as people would write it, so that a failure prints something that can be read: policies as
//! JSON, calendars as names of hours.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use super::super::{CalendarSource, PolicySource};
use crate::{
    calendar::{CalendarVersions, WorkingTime},
    case::attribute::{CaseKind, Channel, HoldReason, Priority, Severity},
    customer::attribute::CustomerKind,
    id::{CalendarId, CategoryId, PolicyId, StaffId, UnitId},
    policy::PolicyDocument,
    sla::{AnswerKind, ClockKey, Fact, FactKind, FactSource, Opening, PolicyBinding, SlaHistory},
};

/// A case, and what it is measured by.
#[derive(Clone)]
pub(super) struct Given {
    policies: Vec<(&'static str, u32, Value)>,
    /// By name: the minute from which a version holds, and the name of its hours.
    calendars: Vec<(&'static str, Vec<(i64, &'static str)>)>,
    bindings: Vec<(&'static str, u32)>,
    /// In the order in which they were recorded.
    pub(super) facts: Vec<Fact>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, version, document) in &self.policies {
            writeln!(f, "{id} {version}: {document}")?;
        }
        writeln!(f, "calendars {:?}, bindings {:?}", self.calendars, self.bindings)?;
        for Fact { occurred_at, recorded_at, source, kind } in &self.facts {
            writeln!(f, "{occurred_at}, recorded {recorded_at}, {source:?}: {kind:?}")?;
        }
        Ok(())
    }
}

/// What policies may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policies {
    /// Anything that validation lets through.
    Valid,
    /// Anything that validation lets through, as long as a referral to the same unit, an assignment to the same person and a
    /// classification that changes nothing mean nothing to it.
    Steady,
    /// Also what validation refuses.
    Any,
}

#[derive(Default)]
pub(super) struct Sources {
    policies: BTreeMap<(PolicyId, u32), PolicyDocument>,
    calendars: BTreeMap<(CalendarId, Option<String>), CalendarVersions>,
}

impl PolicySource for Sources {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        self.policies.get(&(id.clone(), version))
    }
}

impl CalendarSource for Sources {
    fn calendar(&self, id: &CalendarId, time_zone: Option<&str>) -> Option<&CalendarVersions> {
        self.calendars.get(&(id.clone(), time_zone.map(str::to_owned)))
    }
}

impl Given {
    /// A complaint that was opened on a Friday at 09:00 UTC with one promise, to be resolved within this target in office hours, and
    /// to which these things happened at their minutes.
    pub(super) fn of(target: &str, facts: impl IntoIterator<Item = (i64, FactKind)>) -> Self {
        let target = json!({ "metric": "resolution", "target": target, "calendar": "office" });
        let rules = json!([{ "name": "all", "targets": [target] }]);
        let opened = FactKind::Opened(Opening {
            kind: CaseKind::Complaint,
            channel: None,
            category: None,
            priority: None,
            severity: None,
            unit: None,
            tier: None,
            customer_kind: None,
            due_at: None,
        });
        let facts = (0..).zip([(9 * 60, opened)].into_iter().chain(facts));
        Self {
            policies: vec![("default", 1, json!({ "name": "any", "rules": rules }))],
            calendars: vec![("office", vec![(0, "office")])],
            bindings: vec![("default", 1)],
            facts: facts.map(|(number, (minute, kind))| fact(number, minute, 0, kind)).collect(),
        }
    }

    pub(super) fn sources(&self) -> Sources {
        let policy = |(id, version, document): &(&str, u32, Value)| {
            let document = serde_json::from_value(document.clone()).unwrap();
            ((PolicyId::new(*id).unwrap(), *version), document)
        };
        let mut calendars = BTreeMap::new();
        for (id, versions) in &self.calendars {
            for zone in [None, Some(ZONE)] {
                let versions = (1..).zip(versions).map(|(number, (minute, name))| {
                    let hours = &HOURS[&(*name, zone)];
                    (number, at(*minute), Arc::clone(hours))
                });
                let versions = CalendarVersions::new(versions).unwrap();
                calendars
                    .insert((CalendarId::new(*id).unwrap(), zone.map(str::to_owned)), versions);
            }
        }
        Sources { policies: self.policies.iter().map(policy).collect(), calendars }
    }

    /// Whether the policies ask for moments that a case may not name, or for calendars that may not exist: their cycles make no
    /// clock then.
    pub(super) fn may_lack_something(&self) -> bool {
        let documents: Vec<String> =
            self.policies.iter().map(|(.., document)| document.to_string()).collect();
        ["promised", "\"due_date\"", "unheard_of"]
            .iter()
            .any(|word| documents.iter().any(|document| document.contains(word)))
    }

    /// A history without facts.
    pub(super) fn empty(&self) -> SlaHistory {
        SlaHistory::new(self.bindings.iter().map(|(id, version)| binding(id, *version)))
    }

    pub(super) fn history(&self) -> SlaHistory {
        let mut history = self.empty();
        self.facts.iter().for_each(|fact| history.insert(fact.clone()));
        history
    }
}

/// A minute counted from the beginning of Friday, 20 March 2026.
pub(super) fn at(minute: i64) -> Timestamp {
    "2026-03-20T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

fn binding(id: &str, version: u32) -> PolicyBinding {
    PolicyBinding { policy_id: PolicyId::new(id).unwrap(), version }
}

/// The zone that targets may name.
const ZONE: &str = "America/New_York";

/// By name and zone.
type Compiled = BTreeMap<(&'static str, Option<&'static str>), Arc<WorkingTime>>;

/// Compiled once: that is the dearest part.
static HOURS: LazyLock<Compiled> = LazyLock::new(|| {
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let week = |days: &[&str], hours: Value| -> Value {
        days.iter().map(|name| ((*name).to_owned(), hours.clone())).collect()
    };
    let hours = |from: &str, to: &str| json!([{ "from": from, "to": to }]);
    let with_lunch =
        json!([{ "from": "08:30", "to": "12:00" }, { "from": "12:45", "to": "17:15" }]);
    let nowruz = json!([{ "date": "2026-03-21" }, { "date": "2026-03-22" },
        { "date": "2026-03-24", "intervals": hours("10:00", "11:00") }]);
    let documents = [
        ("office", "UTC", week(&days[..5], hours("09:00", "17:00")), json!([])),
        ("always", "UTC", week(&days, hours("00:00", "24:00")), json!([])),
        ("berlin", "Europe/Berlin", week(&days[..5], with_lunch), json!([])),
        ("nights", "Europe/Berlin", week(&days, hours("00:30", "03:15")), json!([])),
        ("tehran", "Asia/Tehran", week(&days[..3], hours("07:30", "14:30")), nowruz),
        ("rare", "Australia/Lord_Howe", week(&days[6..], hours("01:00", "02:30")), json!([])),
    ];
    let compiled = documents.into_iter().flat_map(|(name, zone, weekly, exceptions)| {
        let document =
            json!({ "name": name, "time_zone": zone, "weekly": weekly, "exceptions": exceptions });
        let own = WorkingTime::compile(&serde_json::from_value(document).unwrap()).unwrap();
        let moved = own.in_zone(ZONE).unwrap();
        [((name, None), Arc::new(own)), ((name, Some(ZONE)), Arc::new(moved))]
    });
    compiled.collect()
});

/// Any case, with at most so many facts beside the opening.
pub(super) fn given(policies: Policies, facts_max: usize) -> impl Strategy<Value = Given> {
    let document = move || document(policies);
    let documents = (document(), document(), document(), document());
    let bindings = prop_oneof![
        3 => Just(vec![("complaints", 1), ("default", 1)]),
        2 => Just(vec![("complaints", 1), ("units", 1), ("default", 1)]),
        1 => Just(vec![("units", 1)]),
        1 => Just(vec![("unknown", 1), ("complaints", 2)]),
    ];
    let calendars = (calendar(), calendar(), calendar()).prop_map(|(office, depot, default)| {
        vec![("office", office), ("depot", depot), ("default", default)]
    });
    (documents, bindings, calendars, facts(facts_max)).prop_map(
        |((first, second, units, default), bindings, calendars, facts)| Given {
            policies: vec![
                ("complaints", 1, first),
                ("complaints", 2, second),
                ("units", 1, units),
                ("default", 1, default),
            ],
            calendars,
            bindings,
            facts,
        },
    )
}

fn calendar() -> impl Strategy<Value = Vec<(i64, &'static str)>> {
    let names = select(vec!["office", "always", "berlin", "nights", "tehran", "rare"]);
    let names = prop_oneof![2 => Just("office"), 1 => Just("always"), 4 => names];
    vec((minute(), names), 1..4)
}

/// A minute of the month; many fall together, and on the hour at which an office opens or closes.
pub(super) fn minute() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => (0_i64..14, 0_i64..24).prop_map(|(day, hour)| day * 1440 + hour * 60),
        2 => (0_i64..14, select(vec![540_i64, 1020, 1440])).prop_map(|(day, minute)| day * 1440 + minute),
        1 => 0_i64..30_000,
    ]
}

/// The facts of a case, some recorded late, numbered as they were recorded.
fn facts(max: usize) -> impl Strategy<Value = Vec<Fact>> {
    let lateness = || prop_oneof![4 => Just(0_i64), 1 => 0_i64..5_000];
    let opening = (0_i64..4_000, lateness(), opening());
    (opening, vec((minute(), lateness(), kind()), 0..=max)).prop_map(|(opening, others)| {
        let mut facts: Vec<_> = [opening].into_iter().chain(others).collect();
        facts.sort_by_key(|(minute, lateness, _)| minute + lateness);
        let facts = (0..).zip(facts);
        facts.map(|(revision, (minute, late, kind))| fact(revision, minute, late, kind)).collect()
    })
}

fn fact(revision: u64, minute: i64, late: i64, kind: FactKind) -> Fact {
    let source = match &kind {
        FactKind::CustomerChanged { .. } => FactSource::Customer(revision),
        FactKind::PolicyChanged(_) => FactSource::Policy(revision),
        FactKind::Extended { .. } | FactKind::Waived { .. } => FactSource::Clock(revision),
        _ => FactSource::Case(revision),
    };
    Fact { occurred_at: at(minute), source, recorded_at: at(minute + late), kind }
}

const UNITS: &[&str] = &["billing", "depot"];
const STAFF: &[&str] = &["agent-1", "agent-2"];
const STAGES: &[&str] = &["review", "decision"];
const CATEGORIES: &[&str] = &["refund", "delay"];
const TIERS: &[&str] = &["gold", "standard"];

fn unit() -> impl Strategy<Value = UnitId> {
    select(UNITS).prop_map(|unit| UnitId::new(unit).unwrap())
}

fn category() -> impl Strategy<Value = CategoryId> {
    select(CATEGORIES).prop_map(|category| CategoryId::new(category).unwrap())
}

fn opening() -> impl Strategy<Value = FactKind> {
    let attributes = (
        select(&CaseKind::ALL[..2]),
        option::of(select(&Channel::ALL[..2])),
        option::of(category()),
        option::of(select(Priority::ALL)),
        option::of(select(&Severity::ALL[..2])),
        option::of(unit()),
        option::of(select(TIERS)),
        option::of(select(&CustomerKind::ALL[..2])),
        option::weighted(0.3, minute()),
    );
    attributes.prop_map(
        |(kind, channel, category, priority, severity, unit, tier, customer_kind, due)| {
            FactKind::Opened(Opening {
                kind,
                channel,
                category,
                priority,
                severity,
                unit,
                tier: tier.map(str::to_owned),
                customer_kind,
                due_at: due.map(at),
            })
        },
    )
}

fn kind() -> impl Strategy<Value = FactKind> {
    let classified = (
        option::of(category()),
        option::of(select(Priority::ALL)),
        option::of(select(&Severity::ALL[..2])),
    );
    let customer = (option::of(select(TIERS)), option::of(select(&CustomerKind::ALL[..2])));
    let policy = select(vec![("complaints", 1), ("complaints", 2), ("units", 1), ("unknown", 9)]);
    let by = select(STAFF).prop_map(str::to_owned);
    prop_oneof![
        2 => classified.prop_map(|(category, priority, severity)| FactKind::Classified { category, priority, severity }),
        1 => customer.prop_map(|(tier, kind)| FactKind::CustomerChanged { tier: tier.map(str::to_owned), kind }),
        1 => policy.prop_map(|(id, version)| FactKind::PolicyChanged(binding(id, version))),
        2 => (unit(), option::of(minute())).prop_map(|(unit, due)| FactKind::Referred { unit, answer_due_at: due.map(at) }),
        1 => option::of(unit()).prop_map(|unit| FactKind::Returned { unit }),
        1 => select(STAFF).prop_map(|staff| FactKind::Assigned { assignee: StaffId::new(staff).unwrap() }),
        1 => select(STAGES).prop_map(|stage| FactKind::StageEntered { stage: stage.to_owned() }),
        2 => Just(FactKind::CustomerMessage),
        3 => (select(AnswerKind::ALL), by).prop_map(|(kind, by)| FactKind::Answered { kind, by }),
        1 => Just(FactKind::NoteAdded),
        3 => select(HoldReason::ALL).prop_map(|reason| FactKind::Held { reason }),
        3 => Just(FactKind::Resumed),
        1 => minute().prop_map(|due| FactKind::DueDateSet { due_at: at(due) }),
        2 => Just(FactKind::Resolved),
        1 => Just(FactKind::Closed),
        2 => Just(FactKind::Reopened),
        1 => select(vec![FactKind::Merged, FactKind::Unmerged]),
        1 => Just(FactKind::ActivityRecorded),
        1 => key().prop_map(|clock| FactKind::Extended { clock }),
        1 => key().prop_map(|clock| FactKind::Waived { clock }),
    ]
}

fn key() -> impl Strategy<Value = ClockKey> {
    let names = vec!["resolution-1", "resolution-2", "first_response-1", "one-1", "ola.two-1"];
    select(names).prop_map(|name| name.parse().unwrap())
}

/// A policy as people write it.
fn document(policies: Policies) -> impl Strategy<Value = Value> {
    let agreement = prop_oneof![3 => Just(None), 1 => Just(Some("ola"))];
    let defaults = (option::of(calendar_name()), any::<bool>());
    let rule = |when| (when, vec(target(policies), 1..5));
    let rules = (vec(rule(selection().boxed()), 0..3), rule(Just(json!({})).boxed()));
    let rules = rules.prop_map(|(mut rules, last)| {
        rules.push(last);
        rules
    });
    (agreement, defaults, rules).prop_map(move |(agreement, (calendar, by_unit), rules)| {
        let unit_calendars = if by_unit { json!({ "depot": "depot" }) } else { json!({}) };
        let mut document = json!({ "name": "any", "unit_calendars": unit_calendars, "rules": [] });
        if let Some(agreement) = agreement {
            document["agreement"] = json!(agreement);
        }
        if let Some(calendar) = calendar {
            document["calendar"] = json!(calendar);
        }
        for (number, (when, targets)) in rules.into_iter().enumerate() {
            let mut rule = json!({ "name": format!("rule {number}"), "when": when, "targets": [] });
            for target in targets {
                match policies {
                    Policies::Any => push(&mut rule["targets"], target),
                    Policies::Valid | Policies::Steady => add_target(&mut rule, target),
                }
            }
            push(&mut document["rules"], rule);
            if policies != Policies::Any && !is_valid(&document) {
                document["rules"].as_array_mut().unwrap().pop();
            }
        }
        document
    })
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

fn is_valid(document: &Value) -> bool {
    let read: PolicyDocument = serde_json::from_value(document.clone()).unwrap();
    read.validate().is_ok()
}

/// Adds a target to a rule, without the fields that validation refuses.
fn add_target(rule: &mut Value, mut target: Value) {
    let fields = ["warn_at", "outside_hours_bonus", "extension", "pause_on", "pause", "resume"];
    for field in [""].into_iter().chain(fields).chain(["reset", "start", "cancel", "stop"]) {
        target.as_object_mut().unwrap().remove(field);
        let mut with_target = rule.clone();
        push(&mut with_target["targets"], target.clone());
        if is_valid(&json!({ "name": "any", "rules": [with_target] })) {
            *rule = with_target;
            return;
        }
    }
}

fn selection() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => prop::sample::subsequence(vec!["low", "normal", "high"], 1..3)
            .prop_map(|list| json!({ "priority": list })),
        1 => select(UNITS).prop_map(|unit| json!({ "unit": [unit] })),
        1 => select(STAGES).prop_map(|stage| json!({ "stage": [stage] })),
        1 => select(TIERS).prop_map(|tier| json!({ "tier": [tier] })),
        1 => select(CATEGORIES).prop_map(|category| json!({ "category": [category], "kind": ["complaint"] })),
    ]
}

fn calendar_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("office"), 4 => Just("depot"), 4 => Just("default"), 1 => Just("unheard_of")]
}

fn metric(policies: Policies) -> impl Strategy<Value = &'static str> {
    let names = vec![
        "resolution",
        "first_response",
        "next_response",
        "periodic_update",
        "requester_wait",
        "responder_work",
        "due_date",
        "custom",
        "ownership",
    ];
    let count = names.len() - usize::from(policies == Policies::Steady);
    select(names[..count].to_vec())
}

fn goal(policies: Policies) -> BoxedStrategy<Value> {
    let amounts = select(vec![
        "30 working minutes",
        "PT4H",
        "20 working hours",
        "1 working day",
        "3 working days",
        "45 elapsed minutes",
        "36 elapsed hours",
        "5 elapsed days",
        "PT0.000000007S",
    ])
    .prop_map(|text| json!(text));
    let moments = select(vec![
        json!({ "working_day": 1, "by": "16:00" }),
        json!({ "working_day": 0 }),
        json!({ "date": 2, "by": "02:30" }),
        json!({ "date": 0 }),
        json!({ "promised": "due_date" }),
    ]);
    let referral = Just(json!({ "promised": "referral" }));
    let wild = select(vec![
        json!("PT2562047788015215H"),
        json!("4294967 working days"),
        json!("PT0S"),
        json!({ "working_day": u32::MAX }),
        json!({ "date": u32::MAX }),
    ]);
    match policies {
        Policies::Steady => prop_oneof![4 => amounts, 1 => moments].boxed(),
        Policies::Valid => prop_oneof![8 => amounts, 2 => moments, 1 => referral].boxed(),
        Policies::Any => prop_oneof![4 => amounts, 2 => moments, 1 => referral, 4 => wild].boxed(),
    }
}

/// A target as people write it.
fn target(policies: Policies) -> impl Strategy<Value = Value> {
    let custom = || option::weighted(0.2, condition(policies));
    let value = |list: &[&'static str]| option::weighted(0.25, select(list.to_vec()));
    let what = (
        metric(policies),
        value(&["one", "two", "three"]),
        option::weighted(0.8, goal(policies)),
        option::of(calendar_name()),
        option::weighted(0.2, Just(ZONE)),
    );
    let answers = (
        option::weighted(0.3, prop::sample::subsequence(HoldReason::ALL, 0..3)),
        prop::sample::subsequence(vec!["automatic_reply", "internal_note", "referral"], 0..3),
        value(&["assignee"]),
    );
    // A state that ends a pause which a fact began ends it at the next fact, whatever that is.
    let resume = match policies {
        Policies::Steady => {
            select(vec!["resumed", "response"]).prop_map(|fact| json!(fact)).boxed()
        }
        Policies::Valid | Policies::Any => condition(policies),
    };
    let resume = option::weighted(0.2, resume);
    let conditions = (custom(), custom(), resume, custom(), custom(), custom());
    let cycles = (
        value(&["when_attached"]),
        value(&["every", "first_only", "resume"]),
        option::weighted(0.5, select(vec!["none", "independent", "sequential", "sequential"])),
    );
    let before = [
        "50 %",
        "90 %",
        "255 %",
        "10 working minutes before",
        "1 working hour before",
        "1 elapsed hour before",
        "1 working day before",
        "PT2562047788015215H before",
    ];
    let amounts = ["1 working hour", "2 working days", "3 elapsed hours"];
    let more = (vec(select(before.to_vec()), 0..3), value(&amounts), value(&amounts), 0_u32..3);
    (what, answers, conditions, cycles, more).prop_map(
        move |(what, answers, conditions, cycles, more)| {
            let mut target = Map::new();
            let mut put = |name: &str, value: Option<Value>| {
                value.map(|value| target.insert(name.to_owned(), value));
            };
            let (metric, clock, goal, calendar, zone) = what;
            put("metric", Some(json!(metric)));
            put("clock", clock.map(|clock| json!(clock)));
            put("target", goal.filter(|_| metric != "due_date"));
            put("calendar", calendar.map(|calendar| json!(calendar)));
            put("time_zone", zone.map(|zone| json!(zone)));
            let (pause_on, mut counts, responders) = answers;
            counts.retain(|kind| policies != Policies::Steady || *kind != "referral");
            put("pause_on", pause_on.map(|reasons| json!(reasons)));
            put("counts_as_response", Some(json!(counts)));
            put("responders", responders.map(|who| json!(who)));
            let (start, pause, resume, stop, cancel, reset) = conditions;
            let own = |fact: &str| (metric == "custom").then(|| json!(fact));
            put("start", start.or_else(|| own("opened")));
            put("pause", pause);
            put("resume", resume);
            put("stop", stop.or_else(|| own("resolved")));
            put("cancel", cancel);
            put("reset", reset);
            let (late_start, cycles, recurrence) = cycles;
            put("late_start", late_start.map(|it| json!(it)));
            put("cycles", cycles.map(|it| json!(it)));
            put("recurrence", recurrence.map(|it| json!(it)));
            let (warn_at, bonus, extension, most) = more;
            put("warn_at", Some(json!(warn_at)));
            put("outside_hours_bonus", bonus.map(|amount| json!(amount)));
            put("extension", extension.map(|amount| json!({ "amount": amount, "most": most })));
            Value::Object(target)
        },
    )
}

/// A condition as people write it.
fn condition(policies: Policies) -> BoxedStrategy<Value> {
    let mut facts = vec![
        "opened",
        "reopened",
        "stage_entered",
        "customer_message",
        "response",
        "note_added",
        "held",
        "resumed",
        "due_date_set",
        "resolved",
        "closed",
        "activity_recorded",
    ];
    if policies != Policies::Steady {
        facts.extend(["classified", "referred", "assigned"]);
    }
    let fact = || select(facts.clone()).prop_map(|fact| json!(fact));
    let stopped = select(vec!["one", "two", "resolution"]);
    let stopped = stopped.prop_map(|clock| json!({ "clock_stopped": clock }));
    let state = || {
        select(vec![
            json!({ "status": ["open"] }),
            json!({ "status": ["pending", "on_hold"] }),
            json!({ "status": ["resolved", "closed"] }),
            json!({ "hold": [] }),
            json!({ "hold": ["awaiting_customer"] }),
            json!({ "unit": ["depot"] }),
            json!({ "unit": [] }),
            json!({ "stage": ["review"] }),
            json!({ "assignee": [] }),
            json!({ "assignee": ["agent-1"] }),
            json!({ "kind": ["complaint"] }),
            json!({ "category": ["refund"] }),
            json!({ "priority": ["high", "urgent"] }),
            json!({ "severity": ["minor"] }),
            json!({ "channel": ["email"] }),
            json!({ "tier": ["gold"] }),
            json!({ "customer_kind": ["individual"] }),
            json!({ "responded": true }),
            json!({ "unanswered": true }),
            json!({ "unanswered": false }),
        ])
    };
    let simple = prop_oneof![
        6 => fact(),
        4 => state(),
        1 => stopped,
        1 => state().prop_map(|state| json!({ "not": state })),
    ];
    let steady = policies == Policies::Steady;
    simple
        .prop_recursive(2, 6, 3, move |inner| {
            let list = || vec(inner.clone(), 1..3);
            let not = inner.clone().prop_map(|inner| json!({ "not": inner }));
            prop_oneof![
                2 => list().prop_map(Value::Array),
                1 => list().prop_map(|list| json!({ "any": list })),
                2 => list().prop_map(|list| json!({ "all": list })),
                // "Not this fact" holds at all others.
                1 => if steady { list().prop_map(Value::Array).boxed() } else { not.boxed() },
            ]
        })
        .boxed()
}
