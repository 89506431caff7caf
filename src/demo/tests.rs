//! The promises of the demo, for days of every sort: what an onlooker must find must be there on a Friday night too.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::CalendarPublished;
use parvandeh_domain::case::{
    Case, CaseCommand, CaseEvent, CaseKind, CaseState, Channel, HoldReason, Priority, Status,
};
use parvandeh_domain::customer::{Customer, CustomerKind};
use parvandeh_domain::decider::{Context, Decider, Metadata, fold};
use parvandeh_domain::id::CaseId;
use parvandeh_domain::policy::PolicyPublished;
use parvandeh_domain::sla::{Clock, ClockState, Metric};
use parvandeh_projections::case_clocks::{CaseClocks, CustomerTraits};
use parvandeh_projections::sla_reference::ReferenceData;
use uuid::Uuid;

use super::{Movement, Portfolio, Step, portfolio};

/// Saturday morning, weekday noon and evening, Thursday afternoon, Friday night, the small hours: Tehran time.
const MOMENTS: [&str; 7] = [
    "2026-11-21T08:00:10+03:30",
    "2026-11-22T12:30:00+03:30",
    "2026-11-24T19:45:59+03:30",
    "2026-11-26T13:10:00+03:30",
    "2026-11-27T23:15:00+03:30",
    "2026-11-30T03:00:00+03:30",
    "2027-03-21T10:00:00+03:30",
];

fn moments() -> impl Iterator<Item = Timestamp> {
    MOMENTS.into_iter().map(|moment| moment.parse().unwrap())
}

/// The moment to which the portfolio is told.
fn to_the_minute(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() / 60 * 60).unwrap()
}

/// The events of the steps; panics at a step that is refused or comes to nothing.
fn decided<D: Decider>(steps: &[Step<D::Command>]) -> Vec<(D::Event, Metadata)>
where
    D::Command: Clone + std::fmt::Debug,
{
    let mut state = D::State::default();
    let mut all = vec![];
    for step in steps {
        let Step { occurred_at, recorded_at, actor, command, command_id } = step.clone();
        let context = Context { command_id, occurred_at, recorded_at, actor: actor.clone() };
        let events = match D::decide(&state, command.clone(), &context) {
            Ok(events) => events,
            Err(refusal) => panic!("{command:?} was refused: {refusal}"),
        };
        assert!(!events.is_empty(), "{command:?} came to nothing");
        for event in events {
            let meta = Metadata {
                occurred_at,
                recorded_at,
                actor: actor.clone(),
                causation_id: command_id,
                correlation_id: command_id.0,
                command_digest: None,
                personal: None,
            };
            state = D::evolve(state, &event, &meta);
            all.push((event, meta));
        }
    }
    all
}

fn state_of(events: &[(CaseEvent, Metadata)]) -> CaseState {
    fold::<Case>(events.iter().map(|(event, meta)| (event, meta)))
}

/// The policies and calendars of a portfolio, as if they were published before every case.
fn reference_of(portfolio: &Portfolio) -> ReferenceData {
    let mut reference = ReferenceData::default();
    for (id, document, effective_from) in &portfolio.calendars {
        let (document, effective_from) = (document.clone(), *effective_from);
        let published = CalendarPublished { version: 1, document, effective_from };
        reference.calendar_published(id, &published.into());
    }
    for (id, document, _) in &portfolio.policies {
        let (document, effective_from) = (document.clone(), Timestamp::MIN);
        let published = PolicyPublished { version: 1, document, effective_from };
        reference.policy_published(id, &published.into());
    }
    reference
}

/// The clocks of a case, from its events.
fn clocks(reference: &ReferenceData, events: &[(CaseEvent, Metadata)]) -> Vec<Clock> {
    let mut ground: Option<CaseClocks> = None;
    for (revision, (event, meta)) in (0..).zip(events) {
        match &mut ground {
            None => {
                let nobody = CustomerTraits::default();
                ground = CaseClocks::opened(event, meta, revision, &nobody, reference);
            }
            Some(ground) => drop(ground.apply(event, meta, revision)),
        }
    }
    let rows = ground.expect("opened").clocks(Uuid::nil(), reference);
    rows.into_iter().map(|row| row.clock).collect()
}

#[test]
fn the_same_minute_gives_the_same_portfolio() {
    // Personal texts print as redacted, so they are compared as JSON.
    let told = |now: &str| {
        let told = format!("{:?}", portfolio(now.parse().unwrap()));
        told + &serde_json::to_string(&commands(now)).unwrap()
    };
    let ten = told("2026-11-21T10:00:00Z");
    assert!(ten == told("2026-11-21T10:00:00Z"));
    assert!(ten == told("2026-11-21T10:00:59Z"));
    assert!(ten != told("2026-11-21T10:01:00Z"));
}

fn commands(now: &str) -> Vec<CaseCommand> {
    let cases = portfolio(now.parse().unwrap()).cases;
    cases.into_iter().flat_map(|(_, steps)| steps).map(|step| step.command).collect()
}

#[test]
fn every_step_is_accepted_and_lies_in_order_before_now() {
    for now in moments() {
        let portfolio = portfolio(now);
        assert!((115..=125).contains(&portfolio.customers.len()));
        assert!((290..=300).contains(&portfolio.cases.len()), "{}", portfolio.cases.len());
        let mut registered = BTreeMap::new();
        for (id, steps) in &portfolio.customers {
            decided::<Customer>(steps);
            assert!(steps.is_sorted_by_key(|step| step.recorded_at));
            registered.insert(*id, steps[0].recorded_at);
        }
        let effective_from = portfolio.policies[0].2;
        for (_, steps) in &portfolio.cases {
            decided::<Case>(steps);
            assert!(steps.is_sorted_by_key(|step| step.recorded_at));
            assert!(steps.iter().all(|step| step.occurred_at <= step.recorded_at));
            assert!(steps.iter().all(|step| step.recorded_at <= now));
            assert!(effective_from < steps[0].occurred_at);
            let CaseCommand::Open(open) = &steps[0].command else { panic!("not opened") };
            if let Some(customer) = open.customer_id {
                assert!(registered[&customer] < steps[0].occurred_at);
            }
        }
        assert!(portfolio.cases.is_sorted_by_key(|(_, steps)| steps[0].recorded_at));
        let ids = portfolio.cases.iter().flat_map(|(_, steps)| steps).map(|step| step.command_id);
        let (count, distinct) = (ids.clone().count(), ids.collect::<BTreeSet<_>>().len());
        assert_eq!(count, distinct, "a command id occurs twice");
    }
}

#[test]
fn every_kind_has_a_topic() {
    let without = CaseKind::ALL.iter().filter(|kind| super::topics::of_kind(**kind).is_empty());
    let without: Vec<_> = without.map(|kind| kind.as_str()).collect();
    assert!(without.is_empty(), "src/demo/topics says nothing of {without:?}");
}

#[test]
fn every_kind_channel_priority_and_status_is_present() {
    for now in moments() {
        let (mut kinds, mut channels) = (BTreeSet::new(), BTreeSet::new());
        let (mut priorities, mut statuses, mut units) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (_, steps) in portfolio(now).cases {
            let CaseCommand::Open(open) = &steps[0].command else { panic!("not opened") };
            kinds.insert(open.kind);
            channels.insert(open.channel);
            let state = state_of(&decided::<Case>(&steps));
            priorities.extend(state.priority);
            statuses.extend(state.status);
            units.extend(state.unit);
        }
        assert_eq!(kinds, CaseKind::ALL.iter().copied().collect());
        assert_eq!(channels.len(), Channel::ALL.len());
        assert_eq!(priorities.len(), Priority::ALL.len());
        // The demo tells each case by itself, and a merge takes two.
        statuses.insert(Status::Merged);
        assert_eq!(statuses.len(), Status::ALL.len(), "{now}: {statuses:?}");
        assert_eq!(units.len(), super::UNITS.len());
    }
    let portfolio = portfolio(moments().next().unwrap());
    let kinds: BTreeSet<CustomerKind> =
        portfolio.senders().into_iter().map(|sender| sender.kind).collect();
    assert_eq!(kinds.len(), CustomerKind::ALL.len());
}

#[test]
fn some_letters_are_recorded_days_after_they_were_written() {
    for now in moments() {
        let late = |step: &&Step<CaseCommand>| {
            let late_by = step.recorded_at.duration_since(step.occurred_at);
            (SignedDuration::from_hours(18)..SignedDuration::from_hours(72)).contains(&late_by)
        };
        let steps: Vec<_> = portfolio(now).cases.into_iter().flat_map(|(_, steps)| steps).collect();
        let opened =
            steps.iter().filter(late).filter(|s| matches!(s.command, CaseCommand::Open(_)));
        assert!(opened.count() >= 10);
        let at_once = steps.iter().filter(|step| step.occurred_at == step.recorded_at);
        assert!(at_once.count() * 100 > steps.len() * 95);
    }
}

#[test]
fn the_life_of_cases_shows_everything_that_can_happen_to_one() {
    for now in moments() {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut see = |what| *seen.entry(what).or_default() += 1;
        for (_, steps) in portfolio(now).cases {
            let events = decided::<Case>(&steps);
            let status = state_of(&events).status;
            for (event, _) in events {
                match event {
                    CaseEvent::Referred(_) => see("referred"),
                    CaseEvent::Assigned(_) => see("assigned"),
                    CaseEvent::Classified(_) => see("classified"),
                    CaseEvent::StageEntered(_) => see("stage"),
                    CaseEvent::NoteAdded(_) => see("note"),
                    CaseEvent::InteractionRecorded(said) if said.automatic => see("automatic"),
                    CaseEvent::InteractionRecorded(said) => see(said.direction.as_str()),
                    CaseEvent::Held(held) => see(held.reason.as_str()),
                    CaseEvent::Resumed(resumed) if resumed.by_customer_message => see("sent"),
                    CaseEvent::Resumed(_) => see("resumed"),
                    CaseEvent::Reopened(_) if status == Some(Status::Closed) => see("reopened"),
                    CaseEvent::Reopened(_) => see("reopened and unfinished"),
                    CaseEvent::Resolved(resolved) => see(resolved.outcome.as_str()),
                    _ => {}
                }
            }
        }
        for what in [
            "referred",
            "assigned",
            "classified",
            "stage",
            "note",
            "automatic",
            "inbound",
            "outbound",
            "internal",
            "sent",
            "resumed",
            "reopened",
            "upheld",
            "partly_upheld",
            "not_upheld",
            "answered",
            "fulfilled",
            "declined",
            "withdrawn",
        ]
        .into_iter()
        .chain(HoldReason::ALL.iter().map(|reason| reason.as_str()))
        {
            assert!(seen.get(what).is_some_and(|count| *count > 1), "{now}: {what} of {seen:?}");
        }
    }
}

#[test]
fn every_metric_shows_every_verdict() {
    for now in moments() {
        let portfolio = portfolio(now);
        let now = to_the_minute(now);
        let reference = reference_of(&portfolio);
        let mut seen: BTreeMap<(Metric, String), usize> = BTreeMap::new();
        for (_, steps) in &portfolio.cases {
            for clock in clocks(&reference, &decided::<Case>(steps)) {
                let verdict = match (clock.verdict_at(now), clock.stopped_at) {
                    (ClockState::Breached, None) => "overdue".to_owned(),
                    (verdict, _) => format!("{verdict:?}"),
                };
                *seen.entry((clock.metric, verdict)).or_default() += 1;
            }
        }
        for metric in [Metric::FirstResponse, Metric::Resolution, Metric::DueDate] {
            for verdict in ["Met", "Breached", "Running", "overdue", "Paused", "Cancelled"] {
                // A due date never pauses, and here it is not given to what is cancelled.
                let possible =
                    metric != Metric::DueDate || !["Paused", "Cancelled"].contains(&verdict);
                let count = seen.get(&(metric, verdict.to_owned())).copied().unwrap_or(0);
                assert!(!possible || count > 0, "{now}: no {metric} {verdict}");
            }
            let count = |verdict: &str| seen.get(&(metric, verdict.to_owned())).copied();
            assert!(count("Met") > count("Breached"), "most promises of {metric} are kept");
        }
    }
}

#[test]
fn clocks_fall_due_one_after_the_other_from_the_first_minutes_on() {
    for now in moments() {
        let portfolio = portfolio(now);
        let now = to_the_minute(now);
        let reference = reference_of(&portfolio);
        let all = portfolio.cases.iter();
        let all = all.flat_map(|(_, steps)| clocks(&reference, &decided::<Case>(steps)));
        let mut due: Vec<i64> = all
            .filter(|clock| clock.verdict_at(now) == ClockState::Running)
            .filter_map(|clock| clock.due_at)
            .map(|due_at| due_at.duration_since(now).as_secs())
            .collect();
        due.sort_unstable();
        let soon: Vec<i64> = due.iter().copied().filter(|due_s| *due_s <= 600).collect();
        assert!(soon.len() >= 10, "{now}: {soon:?}");
        assert!(soon.windows(2).all(|pair| pair[1] - pair[0] <= 90), "{now}: {soon:?}");
        let later = due.iter().filter(|due_s| (600..6 * 3600).contains(*due_s));
        assert!(later.count() >= 8, "{now}");
    }
}

#[test]
fn persian_is_written_with_persian_letters_and_joined_where_due() {
    let sources = [
        include_str!("text.rs"),
        include_str!("customers.rs"),
        include_str!("reference.rs"),
        include_str!("topics/needs.rs"),
        include_str!("topics/opinions.rs"),
    ];
    let source = sources.concat();
    let arabic = |c: &char| matches!(c, 'ي' | 'ك' | 'ى' | 'ة' | '٠'..='٩');
    assert_eq!(source.chars().find(arabic), None);
    let is_persian = |c: char| ('\u{0600}'..='\u{06ff}').contains(&c) || c == '\u{200c}';
    let words = source.split(|c| !is_persian(c));
    for word in words.filter(|word| !word.is_empty()) {
        let apart = ["می", "نمی", "ها", "های", "هایی", "تر", "ترین", "اند", "ایم"];
        assert!(!apart.contains(&word), "{word} stands apart; join it to its word");
        let verb = word.starts_with("می") && !["میان", "میانگین"].contains(&word);
        assert!(!verb || word.contains('\u{200c}'), "{word} lacks its zero-width non-joiner");
    }
    assert!(source.matches('\u{200c}').count() > 100);
}

#[test]
fn texts_have_no_place_left_to_fill_and_digits_of_their_language() {
    for command in commands("2026-11-21T10:00:00Z") {
        let json = serde_json::to_string(&command).unwrap();
        assert!(!json.contains("{n}"), "{json}");
        let CaseCommand::RecordInteraction(said) = &command else { continue };
        let body = said.body.reveal().unwrap();
        let persian = body.contains('ا');
        assert!(!persian || !body.contains(|c: char| c.is_ascii_digit()), "{body}");
    }
}

#[test]
fn no_step_of_the_movement_is_refused_or_empty_and_it_shows_all_sorts() {
    let now: Timestamp = MOMENTS[0].parse().unwrap();
    let mut movement = Movement::new(&portfolio(now));
    let mut cases: BTreeMap<CaseId, Vec<Step<CaseCommand>>> = BTreeMap::new();
    let mut due_in_minutes = 0;
    for second in 0..4000 {
        let at = now + SignedDuration::from_secs(second);
        let (case_id, step) = movement.next(at);
        assert_eq!((step.occurred_at, step.recorded_at), (at, at));
        if let CaseCommand::SetDueDate(set) = &step.command {
            assert_eq!(set.due_at.duration_since(at), SignedDuration::from_mins(3));
            due_in_minutes += 1;
        }
        cases.entry(case_id).or_default().push(step);
    }
    let mut names = BTreeSet::new();
    let mut unfinished = 0;
    for steps in cases.values() {
        let events = decided::<Case>(steps);
        names.extend(
            events.iter().map(|(event, _)| std::mem::discriminant(event)).map(|d| format!("{d:?}")),
        );
        unfinished += usize::from(state_of(&events).status != Some(Status::Closed));
    }
    assert!(names.len() >= 12, "{names:?}");
    assert!(due_in_minutes > 20);
    assert!((10..cases.len() / 2).contains(&unfinished), "{unfinished} of {}", cases.len());
}

#[test]
fn the_movement_is_the_same_at_every_run_and_does_not_repeat_the_ids_of_an_earlier_start() {
    let now: Timestamp = MOMENTS[1].parse().unwrap();
    let portfolio = portfolio(now);
    let run = |start: Timestamp| {
        let mut movement = Movement::new(&portfolio);
        let steps = (0..500).map(|second| movement.next(start + SignedDuration::from_secs(second)));
        steps.collect::<Vec<_>>()
    };
    let told = |start| format!("{:?}", run(start));
    assert_eq!(told(now), told(now));
    let (first, second) = (run(now), run(now + SignedDuration::from_hours(1)));
    let ids: BTreeSet<CaseId> = first.iter().map(|(case_id, _)| *case_id).collect();
    assert!(second.iter().all(|(case_id, _)| !ids.contains(case_id)));
    let kind = |step: &Step<CaseCommand>| std::mem::discriminant(&step.command);
    let same = first.iter().zip(&second).all(|(one, other)| kind(&one.1) == kind(&other.1));
    assert!(same, "the order does not depend on the time");
}
