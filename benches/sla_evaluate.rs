//! All clocks of a case from its history, beside a yardstick in the same run: the working time of one of these clocks, counted by
//! walking over its stretches day by day, as one would write it first.
//!
//! `cargo bench --bench sla_evaluate`

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Instant};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Weekday, time},
    tz::{TimeZone, TimeZoneDatabase},
};
use parvandeh_domain::{
    calendar::{CalendarVersions, WorkingTime},
    case::attribute::{CaseKind, Channel, HoldReason, Priority},
    id::{CalendarId, PolicyId, StaffId, UnitId},
    policy::PolicyDocument,
    sla::{
        AnswerKind, CalendarSource, Clock, Fact, FactKind, FactSource, IntervalCourse, Opening,
        PolicyBinding, PolicySource, SlaHistory, evaluate,
    },
};
use serde_json::json;
use support::measure::{ROUNDS, median};

mod support {
    pub mod measure;
}

const ZONE: &str = "Europe/Berlin";

struct Sources {
    policies: HashMap<PolicyId, PolicyDocument>,
    office: CalendarVersions,
}

impl PolicySource for Sources {
    fn policy(&self, id: &PolicyId, _: u32) -> Option<&PolicyDocument> {
        self.policies.get(id)
    }
}

impl CalendarSource for Sources {
    fn calendar(&self, _: &CalendarId, _: Option<&str>) -> Option<&CalendarVersions> {
        Some(&self.office)
    }
}

/// Five promises to the customer, by priority, and one between units.
fn sources() -> Sources {
    let targets = |response: &str, resolution: &str| {
        json!([
            { "metric": "first_response", "target": response, "warn_at": ["75 %"] },
            { "metric": "next_response", "target": response, "warn_at": ["75 %"] },
            { "metric": "periodic_update", "target": "5 working days" },
            { "metric": "resolution", "target": resolution, "pause_on": ["awaiting_customer"],
              "warn_at": ["50 %", "90 %"], "extension": { "amount": "8 working hours", "most": 1 } },
            { "metric": "due_date" },
        ])
    };
    let promise = json!({ "name": "promise", "calendar": "office", "rules": [
        { "name": "pressing", "when": { "priority": ["high", "urgent"] },
          "targets": targets("2 working hours", "24 working hours") },
        { "name": "all others", "targets": targets("8 working hours", "80 working hours") },
    ]});
    let between_units = json!({ "name": "between units", "agreement": "ola", "calendar": "office",
        "rules": [{ "name": "all", "targets": [{ "metric": "ownership", "target": "2 working days" }] }] });
    let policies = [("between_units", between_units), ("default", promise)];
    let hours = json!([{ "from": "09:00", "to": "17:00" }]);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday"];
    let weekly: HashMap<_, _> = days.iter().map(|day| (*day, &hours)).collect();
    let office = json!({ "name": "office", "time_zone": ZONE, "weekly": weekly });
    let office = serde_json::from_value(office).expect("a calendar");
    let office = Arc::new(WorkingTime::compile(&office).expect("a valid calendar"));
    let policy = |document| {
        let document: PolicyDocument = serde_json::from_value(document).expect("a policy");
        document.validate().expect("a valid policy");
        document
    };
    Sources {
        policies: policies.map(|(id, document)| (policy_id(id), policy(document))).into(),
        office: CalendarVersions::new([(1, Timestamp::UNIX_EPOCH, office)]).expect("a version"),
    }
}

fn policy_id(id: &str) -> PolicyId {
    PolicyId::new(id).expect("a code")
}

/// An opening and what usually follows, something every five hours of the wall clock.
fn history(facts: usize) -> SlaHistory {
    let opening = FactKind::Opened(Opening {
        kind: CaseKind::Complaint,
        channel: Some(Channel::Email),
        category: None,
        priority: Some(Priority::Normal),
        severity: None,
        unit: Some(UnitId::new("front-desk").expect("a code")),
        tier: None,
        customer_kind: None,
        due_at: None,
    });
    let unit = |unit| UnitId::new(unit).expect("a code");
    let referred = |name| FactKind::Referred { unit: unit(name), answer_due_at: None };
    let answered = || FactKind::Answered { kind: AnswerKind::Public, by: "agent-1".to_owned() };
    let usual = [
        FactKind::Assigned { assignee: StaffId::new("agent-1").expect("a code") },
        answered(),
        FactKind::NoteAdded,
        referred("billing"),
        FactKind::Held { reason: HoldReason::AwaitingCustomer },
        FactKind::CustomerMessage,
        FactKind::Resumed,
        FactKind::NoteAdded,
        answered(),
        FactKind::StageEntered { stage: "review".to_owned() },
        referred("front-desk"),
        FactKind::CustomerMessage,
    ];
    let binding = |id| PolicyBinding { policy_id: policy_id(id), version: 1 };
    let mut history = SlaHistory::new([binding("between_units"), binding("default")]);
    let kinds = [opening].into_iter().chain(usual.into_iter().cycle());
    let opened_at: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a moment");
    for (number, kind) in (0_u32..).zip(kinds.take(facts)) {
        let occurred_at = opened_at + SignedDuration::from_hours(5 * i64::from(number));
        let source = FactSource::Case(number.into());
        history.insert(Fact { occurred_at, source, recorded_at: occurred_at, kind });
    }
    history
}

/// The yardstick: what has elapsed in the stretches of a clock, by a walk over their dates.
fn walk(clock: &Clock, zone: &TimeZone) -> SignedDuration {
    let mut sum = SignedDuration::ZERO;
    for interval in clock.intervals.iter().filter(|it| it.course == IntervalCourse::Running) {
        let Some(to) = interval.to else { continue };
        let (mut date, last) =
            (zone.to_datetime(interval.from).date(), zone.to_datetime(to).date());
        while date <= last {
            if !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
                let moment = |hour| {
                    let local = date.to_datetime(time(hour, 0, 0, 0));
                    zone.to_timestamp(local).expect("a moment of this century")
                };
                let (opens, closes) = (moment(9).max(interval.from), moment(17).min(to));
                sum += closes.duration_since(opens).max(SignedDuration::ZERO);
            }
            date = date.tomorrow().expect("a date of this century");
        }
    }
    sum
}

/// How long one turn takes, in microseconds.
fn time_us<T>(turns: u32, mut turn: impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..turns {
        black_box(turn());
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(turns)
}

fn main() {
    let (sources, zone) = (sources(), TimeZoneDatabase::bundled().get(ZONE).expect("a zone"));
    println!("medians of {ROUNDS} alternating rounds");
    println!("facts   clocks   all clocks us   walk of one clock us   ratio");
    for facts in [30, 300, 1000] {
        let history = history(facts);
        let clocks = evaluate(&history, &sources, &sources);
        let resolution = clocks.iter().find(|clock| &*clock.key.clock == "resolution");
        let resolution = resolution.expect("a clock of every complaint");
        assert_eq!(walk(resolution, &zone), resolution.elapsed, "both count the same");
        let turns = 300_000 / facts as u32;
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            ours.push(time_us(turns, || evaluate(black_box(&history), &sources, &sources)));
            theirs.push(time_us(turns, || walk(black_box(resolution), &zone)));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "{facts:>5} {:>8} {ours:>15.1} {theirs:>22.1} {:>7.2}",
            clocks.len(),
            ours / theirs
        );
    }
}
