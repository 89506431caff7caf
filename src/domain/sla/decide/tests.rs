use super::*;
use crate::{
    id::{CaseId, PolicyId, derived},
    pii::Pii,
    policy::{Actions, Metric},
    sla::{Clock, ClockInterval, Warning},
};
use proptest::prelude::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_767_600_000 + minute * 60).unwrap()
}

fn subject() -> ClockSubject {
    ClockSubject {
        case_id: CaseId(derived(&["case"])),
        clock: "resolution-1".parse().unwrap(),
        metric: Metric::Resolution,
        policy_id: PolicyId::new("standard").unwrap(),
        policy_version: 1,
        rule: "all".to_owned(),
        unit: Some("billing".to_owned()),
        category: None,
        priority: Some("high".to_owned()),
        channel: None,
        actions: vec![],
    }
}

/// A clock that started at minute 0 and is due at minute 60, with a warning at minute 45.
fn running() -> ObserveClock {
    ObserveClock {
        subject: subject(),
        started_at: at(0),
        attached_at: at(0),
        due_at: Some(at(60)),
        stopped_at: None,
        state: ClockState::Running,
        warnings: vec![Warning { threshold: "75 %".to_owned(), at: Some(at(45)) }],
        actions: Actions { on_breach: vec!["page-owner".to_owned()], ..Actions::default() },
        cause: None,
    }
}

/// Shows the clocks one after another, each at its minute, and names the facts that follow.
fn facts(observations: &[(i64, ObserveClock)]) -> Vec<String> {
    let (mut state, mut names) = (SlaState::default(), vec![]);
    for (minute, clock) in observations {
        for fact in observe(&state, clock, at(*minute)) {
            names.push(match &fact {
                SlaEvent::Restated(fact) => format!("restated {} to {}", fact.from, fact.to),
                SlaEvent::Breached(fact) if fact.silent => "breached silently".to_owned(),
                other => crate::event::StoredEvent::event_type(other).name.to_owned(),
            });
            state.evolve(&fact);
        }
        assert_eq!(observe(&state, clock, at(*minute)), [], "the same once more is nothing new");
    }
    names
}

#[test]
fn warning_and_breach_are_recorded_when_they_come_and_never_twice() {
    let seen =
        [(44, running()), (45, running()), (60, running()), (61, running()), (90, running())];
    assert_eq!(facts(&seen), ["SlaWarned", "SlaBreached"]);
}

#[test]
fn a_breach_carries_the_actions_of_its_policy_unless_it_is_silent() {
    let late = observe(&SlaState::default(), &running(), at(61));
    let actions: Vec<_> = late.iter().map(|fact| fact.subject().actions.clone()).collect();
    assert_eq!(actions, [vec![], vec!["page-owner".to_owned()]]);
    let attached_late = ObserveClock { attached_at: at(70), ..running() };
    let silent = observe(&SlaState::default(), &attached_late, at(71));
    let [SlaEvent::Breached(breached)] = &silent[..] else { panic!("{silent:?}") };
    assert!(breached.silent && breached.subject.actions.is_empty());
}

#[test]
fn a_clock_that_stops_late_is_breached_and_completed() {
    let stopped =
        ObserveClock { stopped_at: Some(at(80)), state: ClockState::Breached, ..running() };
    assert_eq!(
        facts(&[(61, running()), (81, stopped.clone())]),
        ["SlaWarned", "SlaBreached", "SlaCompletedLate"]
    );
    assert_eq!(facts(&[(500, stopped)]), ["SlaWarned", "SlaBreached", "SlaCompletedLate"]);
}

#[test]
fn a_verdict_that_turns_is_restated_and_the_old_one_stays() {
    let met = ObserveClock { stopped_at: Some(at(50)), state: ClockState::Met, ..running() };
    assert_eq!(
        facts(&[(61, running()), (70, met.clone())]),
        ["SlaWarned", "SlaBreached", "restated breached to met"]
    );
    let late = ObserveClock { stopped_at: Some(at(80)), state: ClockState::Breached, ..running() };
    assert_eq!(
        facts(&[(51, met), (81, late)]),
        ["SlaWarned", "SlaMet", "restated met to breached"]
    );
}

#[test]
fn a_deadline_that_moves_withdraws_the_warning_and_the_breach_and_both_can_come_again() {
    let moved = ObserveClock {
        due_at: Some(at(120)),
        warnings: vec![Warning { threshold: "75 %".to_owned(), at: Some(at(90)) }],
        ..running()
    };
    assert_eq!(
        facts(&[(61, running()), (70, moved.clone()), (91, moved.clone()), (121, moved)]),
        [
            "SlaWarned",
            "SlaBreached",
            "SlaWarningWithdrawn",
            "restated breached to running",
            "SlaWarned",
            "SlaBreached"
        ]
    );
}

#[test]
fn an_extension_needs_an_open_clock_and_a_policy_that_allows_it() {
    let extend = |state: &SlaState, is_open, most| {
        let (reason, told) = (Pii::new("reason".to_owned()), Pii::new("told".to_owned()));
        super::extend(state, ExtendClock { subject: subject(), is_open, most, reason, told })
    };
    let mut state = SlaState::default();
    let granted = extend(&state, true, 1).unwrap();
    state.evolve(&granted[0]);
    let code = |refused: Result<Vec<SlaEvent>, SlaRefusal>| {
        crate::decider::Refusal::code(&refused.unwrap_err())
    };
    assert_eq!(code(extend(&state, true, 1)), "CLOCK_EXTENSIONS_USED_UP");
    assert_eq!(code(extend(&state, false, 2)), "CLOCK_ENDED");
    assert!(extend(&state, true, 2).is_ok());
}

#[test]
fn only_a_recorded_breach_is_waived_and_only_once() {
    let waive = |state: &SlaState| {
        super::waive(state, WaiveBreach { subject: subject(), reason: Pii::new("x".to_owned()) })
    };
    let mut state = SlaState::default();
    assert!(matches!(waive(&state), Err(SlaRefusal::NotBreached(_))));
    for fact in observe(&state, &running(), at(61)) {
        state.evolve(&fact);
    }
    let waived = waive(&state).unwrap();
    state.evolve(&waived[0]);
    assert_eq!(waive(&state), Ok(vec![]));
}

/// A clock as the engine would give it, with what the observation looks at.
fn clock_of(observed: &ObserveClock) -> Clock {
    Clock {
        key: observed.subject.clock.clone(),
        metric: observed.subject.metric,
        policy_id: observed.subject.policy_id.clone(),
        policy_version: 1,
        rule: String::new(),
        calendar_id: None,
        time_zone: None,
        measure: crate::calendar::Measure::Elapsed,
        goal: None,
        target: None,
        extensions: 0,
        extensions_allowed: 0,
        started_at: observed.started_at,
        attached_at: observed.attached_at,
        due_at: observed.due_at,
        warnings: observed.warnings.clone(),
        state: observed.state,
        stopped_at: observed.stopped_at,
        waived: false,
        elapsed: jiff::SignedDuration::ZERO,
        paused: jiff::SignedDuration::ZERO,
        wall_clock: jiff::SignedDuration::ZERO,
        intervals: Vec::<ClockInterval>::new(),
        actions: Actions::default(),
    }
}

fn observation() -> impl Strategy<Value = ObserveClock> {
    let open = prop_oneof![Just(ClockState::Running), Just(ClockState::Paused)];
    let times =
        (prop::option::of(20..100_i64), 0..100_i64, 0..60_i64, prop::option::of(0..100_i64));
    (open, times, any::<bool>(), any::<bool>()).prop_map(
        |(open, (due, stop, attached, warning), has_stopped, is_cancelled)| {
            let is_late = due.is_some_and(|due| due < stop);
            let state = match (has_stopped, is_late) {
                (false, _) => open,
                (true, true) => ClockState::Breached,
                (true, false) if is_cancelled => ClockState::Cancelled,
                (true, false) => ClockState::Met,
            };
            ObserveClock {
                attached_at: at(attached),
                due_at: due.map(at).filter(|_| state != ClockState::Cancelled),
                stopped_at: has_stopped.then(|| at(stop)),
                state,
                warnings: vec![Warning { threshold: "75 %".to_owned(), at: warning.map(at) }],
                ..running()
            }
        },
    )
}

proptest! {
    /// The monitor looks at a clock after the moment that the record names, and at no other time: nothing may be missed, and
    /// nothing may call it again and again.
    #[test]
    fn the_next_moment_is_the_one_at_which_something_new_comes(
        before in prop::collection::vec(observation(), 0..3),
        clock in observation(),
        now in 100..200_i64,
    ) {
        let mut state = SlaState::default();
        for (minute, observed) in (100..).zip(&before) {
            for fact in observe(&state, observed, at(minute)) {
                state.evolve(&fact);
            }
        }
        // By now everything that the clock names lies in the past.
        let next_at = state.next_at(&clock_of(&clock));
        let facts = observe(&state, &clock, at(now));
        prop_assert_eq!(next_at.is_some_and(|next| next < at(now)), !facts.is_empty(), "{:?}", facts);
        for fact in &facts {
            state.evolve(fact);
        }
        let after = state.next_at(&clock_of(&clock));
        prop_assert!(after.is_none_or(|after| after >= at(now)), "called again: {after:?} {facts:?}");
    }
}
