//! Every minute of a certificate sums to the clock, over random histories; and what is doctored is named.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    calendar::{CalendarPublished, CalendarVersions, WorkingTime},
    case::{CaseEvent, attribute::CaseKind, event::CaseResumed},
    decider::{Actor, ActorKind, Metadata, Recorded},
    id::{CommandId, derived},
    log::DomainEvent,
    policy::PolicyPublished,
    sla::{
        AnswerKind, CalendarSource, Fact, FactKind, FactSource, Opening, PolicyBinding,
        PolicySource, SlaHistory, evaluate,
    },
};

const NEW_YORK: &str = "America/New_York";
const BEGIN: &str = "2026-03-20T06:00:00Z";

fn at(minute: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minute)
}

/// The policies, calendars and the history of a case, with the events that tell of them.
struct World {
    policies: BTreeMap<PolicyId, Vec<PolicyPublished>>,
    calendars: BTreeMap<(CalendarId, Option<String>), CalendarVersions>,
    history: SlaHistory,
    events: Vec<Recorded<DomainEvent>>,
}

impl PolicySource for World {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        let known = self.policies.get(id)?.iter().find(|known| known.version == version);
        known.map(|known| &known.document)
    }
}

impl CalendarSource for World {
    fn calendar(&self, id: &CalendarId, time_zone: Option<&str>) -> Option<&CalendarVersions> {
        self.calendars.get(&(id.clone(), time_zone.map(str::to_owned)))
    }
}

fn case_id() -> CaseId {
    CaseId(derived(&["certificate"]))
}

fn recorded(event: DomainEvent, revision: u64, at: Timestamp) -> Recorded<DomainEvent> {
    let name = format!("{}{revision}", event.stream_name());
    let command = CommandId(derived(&[&name]));
    let meta = Metadata {
        occurred_at: at,
        recorded_at: at,
        actor: Actor { kind: ActorKind::Staff, id: "staff-1".to_owned() },
        causation_id: command,
        correlation_id: command.0,
        command_digest: None,
        personal: None,
    };
    Recorded {
        id: EventId::of(command, 0),
        revision,
        position: 1,
        meta,
        event,
        envelope: None,
        blind_index: None,
        sound_index: None,
    }
}

fn week(from: &str, to: &str) -> Value {
    let hours = json!([{ "from": from, "to": to }]);
    json!({ "monday": hours, "tuesday": hours, "wednesday": hours, "thursday": hours,
        "saturday": [{ "from": "22:00", "to": "24:00" }] })
}

fn policy(version: u32) -> PolicyPublished {
    let resolution = if version == 1 { "12 working hours" } else { "2 working days" };
    let document = json!({
        "name": "random", "open_cases": if version == 1 { "keep" } else { "move" },
        "unit_calendars": { "field": "depot" },
        "rules": [
            { "name": "urgent", "when": { "priority": ["urgent"] }, "targets": [
                { "metric": "resolution", "target": "3 working days", "pause_on": ["other"] },
                { "metric": "next_response", "target": "4 working hours", "calendar": "depot" },
            ] },
            { "name": "all", "targets": [
                { "metric": "resolution", "target": resolution, "time_zone": NEW_YORK },
                { "metric": "first_response", "target": { "working_day": 1, "by": "16:00" } },
                { "metric": "periodic_update", "target": "24 elapsed hours" },
                { "metric": "ownership", "target": "1 working days" },
                { "metric": "custom", "clock": "waiting", "start": { "hold": [] },
                  "stop": "resumed", "cycles": "resume" },
            ] },
        ],
    });
    let document = serde_json::from_value(document).unwrap();
    let effective_from = if version == 1 { at(-100_000) } else { at(9_000) };
    PolicyPublished { version, document, effective_from }
}

fn calendars() -> Vec<(CalendarId, Vec<CalendarPublished>)> {
    let published = |version, zone: &str, from: &str, effective_from| CalendarPublished {
        version,
        document: serde_json::from_value(json!({
            "name": "random", "time_zone": zone, "weekly": week(from, "17:15"),
            "exceptions": [{ "date": "2026-03-30" }],
        }))
        .unwrap(),
        effective_from,
    };
    let id = |id: &str| CalendarId::new(id).unwrap();
    vec![
        (
            id("default"),
            vec![
                published(1, "Europe/Berlin", "09:00", at(-100_000)),
                published(2, "Europe/Berlin", "07:30", at(6_666)),
            ],
        ),
        (id("depot"), vec![published(1, "Asia/Tehran", "08:00", at(-100_000))]),
    ]
}

fn world(facts: &[(i64, FactKind)]) -> World {
    let default = PolicyId::new("default").unwrap();
    let binding = |version| PolicyBinding { policy_id: default.clone(), version };
    let mut world = World {
        policies: BTreeMap::from([(default.clone(), vec![policy(1), policy(2)])]),
        calendars: BTreeMap::new(),
        history: SlaHistory::new([binding(1)]),
        events: vec![],
    };
    for (revision, version) in [(0, 1), (1, 2)] {
        let event = DomainEvent::Policy(default.clone(), policy(version).into());
        world.events.push(recorded(event, revision, at(-100)));
    }
    world.history.insert(Fact {
        occurred_at: policy(2).effective_from,
        source: FactSource::Policy(2),
        recorded_at: at(-100),
        kind: FactKind::PolicyChanged(binding(2)),
    });
    for (id, versions) in calendars() {
        let compiled = versions.iter().map(|version| {
            let hours = WorkingTime::compile(&version.document).unwrap();
            (version.version, version.effective_from, Arc::new(hours))
        });
        let compiled = CalendarVersions::new(compiled).unwrap();
        let new_york = compiled.in_zone(NEW_YORK).unwrap();
        world.calendars.insert((id.clone(), Some(NEW_YORK.to_owned())), new_york);
        world.calendars.insert((id.clone(), None), compiled);
        for (revision, version) in (0..).zip(versions) {
            let event = DomainEvent::Calendar(id.clone(), version.into());
            world.events.push(recorded(event, revision, at(-100)));
        }
    }
    for (revision, (minute, kind)) in (0..).zip(facts) {
        let (source, occurred_at) = (FactSource::Case(revision), at(*minute));
        // What the event says is told by the fact; the certificate only names the event.
        let event: CaseEvent = CaseResumed { by_customer_message: false }.into();
        let event = DomainEvent::Case(case_id(), event);
        world.events.push(recorded(event, revision, occurred_at));
        let kind = kind.clone();
        world.history.insert(Fact { occurred_at, source, recorded_at: occurred_at, kind });
    }
    world
}

fn opened() -> FactKind {
    FactKind::Opened(Opening {
        kind: CaseKind::Complaint,
        channel: None,
        category: None,
        priority: Some(crate::case::attribute::Priority::Normal),
        severity: None,
        unit: None,
        tier: None,
        customer_kind: None,
        due_at: None,
    })
}

fn happening() -> impl Strategy<Value = FactKind> {
    use crate::case::attribute::Priority::{Normal, Urgent};
    let classified = |priority| FactKind::Classified {
        category: None,
        priority: Some(priority),
        severity: None,
    };
    let referred =
        |unit| FactKind::Referred { unit: UnitId::new(unit).unwrap(), answer_due_at: None };
    prop::sample::select(vec![
        FactKind::CustomerMessage,
        FactKind::Answered { kind: AnswerKind::Public, by: "staff-1".to_owned() },
        FactKind::Held { reason: HoldReason::AwaitingCustomer },
        FactKind::Held { reason: HoldReason::Other },
        FactKind::Resumed,
        FactKind::Resolved,
        FactKind::Reopened,
        FactKind::Merged,
        FactKind::Unmerged,
        FactKind::Assigned { assignee: StaffId::new("staff-2").unwrap() },
        classified(Urgent),
        classified(Normal),
        referred("field"),
        referred("desk"),
    ])
}

fn issue_at(
    world: &World,
    key: &ClockKey,
    as_of: Timestamp,
) -> Result<Certificate, CertificateRefusal> {
    let evidence = Evidence { case_id: case_id(), history: &world.history, events: &world.events };
    issue(evidence, world, world, key, as_of)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_minute_of_a_certificate_sums_to_the_clock(
        happenings in prop::collection::vec((0i64..20_000, happening()), 0..14),
        end in 0i64..25_000,
    ) {
        let mut facts = vec![(0, opened())];
        facts.extend(happenings);
        let (world, as_of) = (world(&facts), at(end));
        let clocks = evaluate(&world.history.happened_by(as_of), &world, &world);
        prop_assert!(!clocks.is_empty());
        for clock in clocks {
            let certificate = match issue_at(&world, &clock.key, as_of) {
                Err(CertificateRefusal::NotStarted(moment)) => {
                    prop_assert!(moment > as_of);
                    continue;
                }
                outcome => outcome.unwrap(),
            };
            prop_assert_eq!(certificate.check(), Ok(()), "{}", &clock.key);
            prop_assert_eq!(certificate.sums.elapsed, clock.elapsed_at(as_of, &world));
            prop_assert_eq!(certificate.sums.paused, clock.paused_at(as_of, &world));
            prop_assert_eq!(certificate.sums.running_wall_clock, clock.wall_clock_at(as_of));
            let whole = clock.stopped_at.unwrap_or(as_of).duration_since(clock.started_at);
            prop_assert_eq!(certificate.sums.wall_clock, whole);
            prop_assert_eq!(certificate.verdict, clock.verdict_at(as_of));
            let longest = SignedDuration::from_hours(25);
            prop_assert!(certificate.parts.iter().all(|part| part.wall_clock <= longest));
            let json = serde_json::to_string(&certificate).unwrap();
            let back: Certificate = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(back.first_difference(&certificate), None);
        }
    }
}

/// Resolution of a case that was held for a while and is late, across both changes of version.
fn late() -> (World, Certificate) {
    let facts = [
        (0, opened()),
        (3_000, FactKind::Held { reason: HoldReason::AwaitingCustomer }),
        (7_000, FactKind::Resumed),
        (20_000, FactKind::Resolved),
    ];
    let world = world(&facts);
    let certificate = issue_at(&world, &"resolution-1".parse().unwrap(), at(24_000)).unwrap();
    (world, certificate)
}

#[test]
fn a_certificate_names_the_event_the_rule_and_the_versions_behind_each_part() {
    let (world, certificate) = late();
    assert_eq!(certificate.verdict, ClockState::Breached);
    let causes: Vec<_> = certificate.parts.iter().map(|part| part.cause).collect();
    for cause in [Cause::Opened, Cause::Held, Cause::Resumed, Cause::PolicyChanged] {
        assert!(causes.contains(&cause), "{cause}");
    }
    let versions: Vec<_> =
        certificate.parts.iter().map(|part| part.calendar.as_ref().unwrap().version).collect();
    assert!(versions.is_sorted() && versions.contains(&1) && versions.contains(&2));
    assert_eq!((certificate.policies.len(), certificate.calendars.len()), (2, 2));
    let resumed = certificate.parts.iter().find(|part| part.cause == Cause::Resumed).unwrap();
    let event = world.events.iter().find(|event| event.meta.occurred_at == at(7_000)).unwrap();
    assert_eq!((resumed.event.id, resumed.from), (event.id, at(7_000)));
    assert_eq!(resumed.event.stream, format!("case-{}", case_id()));
    // Each midnight of New York, in which the policy means the calendar, begins a part.
    let new_york = jiff::tz::TimeZoneDatabase::bundled().get(NEW_YORK).unwrap();
    let dates: Vec<_> =
        certificate.parts.iter().map(|part| new_york.to_datetime(part.from).date()).collect();
    let whole = dates[0].until(dates[dates.len() - 1]).unwrap().get_days();
    assert!(dates.len() > usize::try_from(whole).unwrap());
}

#[test]
fn what_is_doctored_is_named_by_the_sums_or_by_the_log() {
    let (_, honest) = late();
    type Doctor = fn(&mut Certificate);
    let by_the_sums: [(&str, Doctor); 10] = [
        ("format", |it| it.format = "other".to_owned()),
        ("parts[3].counted", |it| it.parts[3].counted += SignedDuration::from_mins(1)),
        ("parts[4].from", |it| drop(it.parts.remove(4))),
        ("parts", |it| drop(it.parts.pop())),
        ("parts[0].wall_clock", |it| it.parts[0].wall_clock = SignedDuration::ZERO),
        ("sums.elapsed", |it| it.sums.elapsed = SignedDuration::ZERO),
        ("sums.paused", |it| {
            let counts = |part: &&mut Part| {
                part.course == IntervalCourse::Paused && part.counted.is_positive()
            };
            it.parts.iter_mut().find(counts).unwrap().course = IntervalCourse::Idle;
        }),
        ("verdict", |it| it.verdict = ClockState::Met),
        ("due_at", |it| it.due_at = Some(it.started_at)),
        ("parts[0].calendar", |it| it.calendars.clear()),
    ];
    assert_eq!(honest.check(), Ok(()));
    for (field, doctor) in by_the_sums {
        let mut doctored = honest.clone();
        doctor(&mut doctored);
        assert_eq!(doctored.check().map_err(|found| found.field), Err(field.to_owned()));
        assert!(doctored.first_difference(&honest).is_some(), "{field}");
    }
    // What agrees with itself is still not what the log says.
    let by_the_log: [(&str, Doctor); 4] = [
        ("parts[0].unit", |it| it.parts[0].unit = Some(UnitId::new("desk").unwrap())),
        ("rule", |it| it.rule = "urgent".to_owned()),
        ("parts[2].event.revision", |it| it.parts[2].event.revision = 7),
        ("calendars", |it| it.calendars.push(it.calendars[0].clone())),
    ];
    for (field, doctor) in by_the_log {
        let mut doctored = honest.clone();
        doctor(&mut doctored);
        assert_eq!(doctored.check(), Ok(()), "{field}");
        assert_eq!(doctored.first_difference(&honest).unwrap().field, field);
    }
}

#[test]
fn a_clock_that_is_not_there_or_has_not_begun_has_no_certificate() {
    let (world, _) = late();
    let refusal = issue_at(&world, &"visit-1".parse().unwrap(), at(24_000)).unwrap_err();
    assert!(refusal.to_string().contains("resolution-1"), "{refusal}");
    let refusal = issue_at(&world, &"resolution-1".parse().unwrap(), at(-1)).unwrap_err();
    assert_eq!(refusal.to_string(), "the case has no clock resolution-1; it has none");
}
