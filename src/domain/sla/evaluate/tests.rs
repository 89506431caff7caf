//! What holds of the clocks of any case under any policies and calendars. What they are in particular the scenarios say.

mod generate;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{CalendarSource, evaluate};
use crate::{
    calendar::{CalendarVersions, Measure},
    case::attribute::HoldReason,
    decider::{Actor, ActorKind, Context, Decider},
    id::{CaseId, CommandId, StaffId, UnitId, derived},
    sla::{
        Clock, ClockInterval, ClockKey, ClockState, ClockSubject, Fact, FactKind, FactSource,
        IntervalCourse, ObserveClock, Sla, SlaCommand, SlaEvent, SlaHistory, SlaState,
        SubjectOfCase,
    },
};
use generate::{Given, Policies, Sources, at, given, minute};

/// Enough for every build; PROPTEST_CASES=5000 looks longer.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

/// On the Friday on which [`Given::of`] opens its case, at 09:00.
const NOON: i64 = 12 * 60;
const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

fn clocks(given: &Given) -> Vec<Clock> {
    let sources = given.sources();
    evaluate(&given.history(), &sources, &sources)
}

/// What passes in an interval up to a moment, as its own calendar counts it in the clock's measure.
fn passes(
    clock: &Clock,
    interval: &ClockInterval,
    to: Timestamp,
    sources: &Sources,
) -> SignedDuration {
    let to = to.max(interval.from);
    match calendar_of(interval, sources) {
        Some(calendar) => calendar.measure(clock.measure, interval.from, to),
        None => to.duration_since(interval.from),
    }
}

fn calendar_of<'a>(interval: &ClockInterval, sources: &'a Sources) -> Option<&'a CalendarVersions> {
    let id = interval.calendar_id.as_ref()?;
    Some(sources.calendar(id, interval.time_zone.as_deref()).expect("a calendar that counted"))
}

fn is(course: IntervalCourse) -> impl Fn(&&ClockInterval) -> bool {
    move |interval| interval.course == course
}

/// What had elapsed at a moment, were the last stretch to go on.
fn elapsed_until(clock: &Clock, moment: Timestamp, sources: &Sources) -> SignedDuration {
    let last = clock.intervals.last().unwrap();
    let running = clock.intervals.iter().filter(is(IntervalCourse::Running));
    let parts = running.map(|interval| {
        let to = interval.to.filter(|_| interval != last);
        passes(clock, interval, to.map_or(moment, |to| to.min(moment)), sources)
    });
    parts.fold(SignedDuration::ZERO, |sum, part| sum + part)
}

/// What a pause and what follows it leave of an amount that was used up just when it began: the moment of resuming.
fn resumes_with_nothing_left(clock: &Clock, due: Timestamp, sources: &Sources) -> bool {
    let before = due - NANOSECOND;
    clock.intervals.iter().any(|interval| {
        interval.course == IntervalCourse::Running
            && interval.from == due
            && Some(elapsed_until(clock, before, sources)) == clock.target
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn facts_that_come_in_any_order_and_more_than_once_give_the_same_clocks(
        given in given(Policies::Valid, 25),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let sources = given.sources();
        let mut history = given.empty();
        let mut seen = vec![];
        for index in order {
            history.insert(given.facts[index.index(given.facts.len())].clone());
            seen = evaluate(&history, &sources, &sources);
        }
        for fact in given.facts.iter().rev() {
            history.insert(fact.clone());
            seen = evaluate(&history, &sources, &sources);
        }
        prop_assert_eq!(history, given.history());
        prop_assert_eq!(seen, clocks(&given));
    }

    #[test]
    fn what_was_known_at_a_moment_is_what_was_recorded_by_then(
        given in given(Policies::Valid, 25),
        minute in minute(),
    ) {
        let sources = given.sources();
        let mut history = given.empty();
        let recorded = given.facts.iter().filter(|fact| fact.recorded_at <= at(minute));
        recorded.for_each(|fact| history.insert(fact.clone()));
        let known = given.history().known_at(at(minute));
        prop_assert_eq!(evaluate(&known, &sources, &sources), evaluate(&history, &sources, &sources));
    }

    #[test]
    fn time_is_conserved_from_the_start_to_the_end(given in given(Policies::Valid, 25)) {
        let sources = given.sources();
        for clock in evaluate(&given.history(), &sources, &sources) {
            let intervals = &clock.intervals;
            prop_assert_eq!(intervals[0].from, clock.started_at);
            prop_assert_eq!(intervals[intervals.len() - 1].to, clock.stopped_at);
            for pair in intervals.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from), "{:#?}", clock);
            }
            let ended = || intervals.iter().filter_map(|interval| Some((interval, interval.to?)));
            for (interval, to) in ended() {
                prop_assert!(interval.from <= to, "{clock:#?}");
            }
            let sum = |course, count: &dyn Fn(&ClockInterval, Timestamp) -> SignedDuration| {
                let ended = ended().filter(|(interval, _)| interval.course == course);
                ended.fold(SignedDuration::ZERO, |sum, (interval, to)| sum + count(interval, to))
            };
            let counted = |interval: &ClockInterval, to| passes(&clock, interval, to, &sources);
            let by_the_wall = |interval: &ClockInterval, to: Timestamp| to.duration_since(interval.from);
            prop_assert_eq!(clock.elapsed, sum(IntervalCourse::Running, &counted), "{:#?}", clock);
            prop_assert_eq!(clock.paused, sum(IntervalCourse::Paused, &counted), "{:#?}", clock);
            prop_assert_eq!(clock.wall_clock, sum(IntervalCourse::Running, &by_the_wall));
            for duration in [clock.elapsed, clock.paused, clock.wall_clock] {
                prop_assert!(!duration.is_negative(), "{clock:#?}");
            }
            // The share of a short working day passes faster than the clock on the wall.
            prop_assert!(clock.measure == Measure::WorkingDays || clock.elapsed <= clock.wall_clock);
        }
    }

    #[test]
    fn the_due_moment_is_that_at_which_the_target_is_used_up(given in given(Policies::Valid, 25)) {
        let sources = given.sources();
        for clock in evaluate(&given.history(), &sources, &sources) {
            let (Some(target), Some(due)) = (clock.target, clock.due_at) else { continue };
            let (at_due, before) =
                (elapsed_until(&clock, due, &sources), elapsed_until(&clock, due - NANOSECOND, &sources));
            if clock.measure == Measure::WorkingDays {
                prop_assert!(at_due >= target, "{at_due:?} of {target:?}: {clock:#?}");
            } else {
                prop_assert_eq!(at_due, target, "{:#?}", clock);
            }
            let is_the_first = before < target || resumes_with_nothing_left(&clock, due, &sources);
            prop_assert!(is_the_first, "{before:?} of {target:?}: {clock:#?}");
        }
    }

    #[test]
    fn a_clock_that_is_not_due_has_not_used_up_its_target(given in given(Policies::Valid, 25)) {
        let sources = given.sources();
        for clock in evaluate(&given.history(), &sources, &sources) {
            let is_open = matches!(clock.state, ClockState::Running | ClockState::Paused);
            let Some(target) = clock.target.filter(|_| is_open && clock.due_at.is_none()) else {
                continue;
            };
            prop_assert!(clock.elapsed <= target, "{clock:#?}");
            // So much time does not come within fifty years, or it waits for a pause to end.
            if clock.state == ClockState::Running {
                let calendar = calendar_of(clock.intervals.last().unwrap(), &sources);
                prop_assert!(target > SignedDuration::from_hours(5_000) && calendar.is_some(), "{clock:#?}");
            }
        }
    }

    #[test]
    fn a_verdict_says_whether_the_clock_stopped_after_its_due_moment(given in given(Policies::Valid, 25)) {
        for clock in clocks(&given) {
            let Some(stopped_at) = clock.stopped_at else {
                prop_assert!(matches!(clock.state, ClockState::Running | ClockState::Paused));
                continue;
            };
            let is_late = clock.due_at.is_some_and(|due| due < stopped_at);
            let says_late = matches!(clock.state, ClockState::Breached | ClockState::Waived);
            prop_assert_eq!(is_late, says_late, "{:#?}", clock);
            prop_assert_eq!(clock.state == ClockState::Waived, is_late && clock.waived);
        }
    }

    #[test]
    fn what_changes_nothing_moves_nothing(
        given in given(Policies::Steady, 25),
        (minute, second) in (minute(), 0_i64..60),
        which in 0..3,
    ) {
        let moment = at(minute) + SignedDuration::from_secs(second);
        let history = given.history();
        let kind = match which {
            0 => unit_at(&history, moment).map(|(unit, answer_due_at)| FactKind::Referred { unit, answer_due_at }),
            1 => assignee_at(&history, moment).map(|assignee| FactKind::Assigned { assignee }),
            _ => Some(FactKind::Classified { category: None, priority: None, severity: None }),
        };
        let is_open = history.opened_at().is_some_and(|opened_at| opened_at <= moment);
        let Some(kind) = kind.filter(|_| is_open) else { return Ok(()) };
        let mut split = history.clone();
        // The last of its moment.
        split.insert(Fact { occurred_at: moment, source: FactSource::Clock(u64::MAX), recorded_at: moment, kind });
        let sources = given.sources();
        let told = |history: &SlaHistory| evaluate(history, &sources, &sources);
        prop_assert_eq!(told(&history), told(&split));
    }

    #[test]
    fn each_clock_has_one_key_and_its_cycles_follow_each_other(given in given(Policies::Valid, 25)) {
        let clocks = clocks(&given);
        let keys: BTreeSet<&ClockKey> = clocks.iter().map(|clock| &clock.key).collect();
        prop_assert_eq!(keys.len(), clocks.len());
        let mut by_name = BTreeMap::<_, Vec<&Clock>>::new();
        for clock in &clocks {
            by_name.entry((&clock.key.agreement, &clock.key.clock)).or_default().push(clock);
        }
        for mut cycles in by_name.into_values() {
            cycles.sort_by_key(|clock| clock.key.cycle);
            if !given.may_lack_something() {
                prop_assert_eq!(cycles[0].key.cycle, 1);
                prop_assert_eq!(cycles[cycles.len() - 1].key.cycle as usize, cycles.len());
            }
            for pair in cycles.windows(2) {
                let [one, next] = pair else { unreachable!() };
                let due = one.due_at.map(|due| due.max(one.started_at));
                let begins_at_due = due == Some(next.started_at);
                let follows = one.stopped_at.is_some_and(|stopped_at| stopped_at <= next.started_at);
                prop_assert!(follows || begins_at_due, "{pair:#?}");
            }
        }
    }

    #[test]
    fn nothing_makes_the_engine_fail_not_even_what_validation_refuses(
        given in given(Policies::Any, 40),
        opening in any::<bool>(),
    ) {
        let sources = given.sources();
        let mut history = given.empty();
        let is_left = |fact: &&Fact| opening || !matches!(fact.kind, FactKind::Opened(_));
        given.facts.iter().filter(is_left).for_each(|fact| history.insert(fact.clone()));
        for clock in evaluate(&history, &sources, &sources) {
            let now = at(20_000);
            clock.verdict_at(now);
            clock.percent_at(now, &sources);
            clock.remaining_at(now, &sources);
            prop_assert!(clock.elapsed <= clock.wall_clock || clock.measure == Measure::WorkingDays);
        }
    }

    #[test]
    fn the_monitor_records_each_breach_once_and_comes_to_rest(given in given(Policies::Valid, 20)) {
        let mut breached = BTreeMap::<ClockKey, Vec<String>>::new();
        for fact in monitor(&given)? {
            let facts = breached.entry(fact.subject().clock.clone()).or_default();
            facts.push(match &fact {
                SlaEvent::Breached(_) => "breached",
                SlaEvent::Restated(_) => "restated",
                _ => continue,
            }.to_owned());
            let is_twice = facts.ends_with(&["breached".to_owned(), "breached".to_owned()]);
            prop_assert!(!is_twice, "{fact:#?}");
        }
    }
}

/// The unit that owns the case at a moment, with the date of its latest referral.
fn unit_at(history: &SlaHistory, moment: Timestamp) -> Option<(UnitId, Option<Timestamp>)> {
    let opened = history.opening().and_then(|(_, opening)| opening.unit.clone());
    let happened = history.facts().iter().take_while(|fact| fact.occurred_at <= moment);
    let referred = happened.filter_map(|fact| match &fact.kind {
        FactKind::Referred { unit, answer_due_at } => Some(Some((unit.clone(), *answer_due_at))),
        FactKind::Returned { unit } => Some(unit.clone().map(|unit| (unit, None))),
        _ => None,
    });
    referred.last().unwrap_or(opened.map(|unit| (unit, None)))
}

fn assignee_at(history: &SlaHistory, moment: Timestamp) -> Option<StaffId> {
    let happened = history.facts().iter().take_while(|fact| fact.occurred_at <= moment);
    let assigned = happened.filter_map(|fact| match &fact.kind {
        FactKind::Assigned { assignee } => Some(assignee.clone()),
        _ => None,
    });
    assigned.last()
}

/// Lives through a case as the monitor does: it looks when something is recorded, and when the record says that something comes.
fn monitor(given: &Given) -> Result<Vec<SlaEvent>, TestCaseError> {
    let sources = given.sources();
    let (mut state, mut recorded) = (SlaState::default(), vec![]);
    let mut now = Timestamp::MIN;
    // Each clock has a few moments of its own, and each fact can move all of them.
    for _ in 0..10_000 {
        let history = given.history().known_at(now);
        let clocks = evaluate(&history, &sources, &sources);
        for clock in &clocks {
            let subject =
                ClockSubject::of(CaseId(derived(&["case"])), clock, SubjectOfCase::default());
            let observed = SlaCommand::Observe(Box::new(ObserveClock::of(subject, clock, None)));
            let facts = Sla::decide(&state, observed.clone(), &context(now)).unwrap();
            for fact in &facts {
                state.evolve(fact);
            }
            let again = Sla::decide(&state, observed, &context(now)).unwrap();
            prop_assert_eq!(&again, &[], "recorded again after {:#?}", facts);
            recorded.extend(facts);
        }
        let news =
            given.facts.iter().map(|fact| fact.recorded_at).filter(|moment| *moment > now).min();
        let due = clocks.iter().filter_map(|clock| state.next_at(clock)).min();
        if let Some(due) = due {
            prop_assert!(
                due >= now,
                "called again for what is past: {due} at {now}, {recorded:#?} {clocks:#?}"
            );
        }
        let Some(next) = [news, due.map(|due| due + NANOSECOND)].into_iter().flatten().min() else {
            return Ok(recorded);
        };
        now = next;
    }
    Err(TestCaseError::fail("the monitor does not come to rest"))
}

fn context(now: Timestamp) -> Context {
    Context {
        command_id: CommandId(derived(&["observe"])),
        occurred_at: now,
        recorded_at: now,
        actor: Actor { kind: ActorKind::System, id: "sla-monitor".to_owned() },
    }
}

#[test]
fn facts_of_the_same_moment_count_in_their_order_and_leave_no_stretches_of_no_length() {
    let hold = FactKind::Held { reason: HoldReason::Other };
    let facts = [FactKind::Resolved, FactKind::Reopened, hold, FactKind::Resumed];
    let given = Given::of("4 working hours", facts.map(|kind| (NOON, kind)));
    let [first, second] = &clocks(&given)[..] else { panic!("two cycles") };
    assert_eq!((first.state, first.stopped_at), (ClockState::Met, Some(at(NOON))));
    assert_eq!((second.state, second.due_at), (ClockState::Running, Some(at(NOON + 240))));
    assert_eq!(second.intervals.len(), 1);
}

#[test]
fn what_is_dated_before_the_opening_counts_from_the_opening() {
    let given = Given::of("4 working hours", [(NOON - 600, FactKind::Resolved)]);
    let [clock] = &clocks(&given)[..] else { panic!("one cycle") };
    assert_eq!((clock.state, clock.stopped_at), (ClockState::Met, Some(clock.started_at)));
    assert_eq!(clock.elapsed, SignedDuration::ZERO);
}

#[test]
fn a_hold_at_the_due_moment_leaves_nothing_but_the_moment_of_resuming() {
    let hold = (NOON + 60, FactKind::Held { reason: HoldReason::Other });
    let given = Given::of("4 working hours", [hold.clone()]);
    assert_eq!(clocks(&given)[0].due_at, None);
    let given = Given::of("4 working hours", [hold, (NOON + 90, FactKind::Resumed)]);
    assert_eq!(clocks(&given)[0].due_at, Some(at(NOON + 90)));
}

#[test]
fn what_the_sources_do_not_know_makes_no_clock() {
    let given = Given::of("4 working hours", []);
    let (sources, nothing) = (given.sources(), Sources::default());
    let history = given.history();
    assert_eq!(evaluate(&history, &sources, &sources).len(), 1);
    assert_eq!(evaluate(&history, &nothing, &sources), []);
    assert_eq!(evaluate(&history, &sources, &nothing), []);
    assert_eq!(evaluate(&given.empty(), &sources, &sources), []);
}

#[test]
fn a_clock_survives_its_storage() {
    let hold = FactKind::Held { reason: HoldReason::AwaitingCustomer };
    let given = Given::of("3 working days", [(NOON, hold), (NOON + 30, FactKind::Resumed)]);
    let clock = clocks(&given).remove(0);
    let json = serde_json::to_string(&clock).unwrap();
    assert_eq!(serde_json::from_str::<Clock>(&json).unwrap(), clock);
}
