use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    calendar::WorkingTime,
    case::attribute::{CaseKind, Channel, Priority},
    id::CategoryId,
    sla::PolicyBinding,
};

/// Policies and calendars in memory.
struct Sources {
    policies: BTreeMap<(String, u32), PolicyDocument>,
    calendars: BTreeMap<CalendarId, CalendarVersions>,
}

impl PolicySource for Sources {
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument> {
        self.policies.get(&(id.to_string(), version))
    }
}

impl CalendarSource for Sources {
    fn calendar(&self, id: &CalendarId) -> Option<&CalendarVersions> {
        self.calendars.get(id)
    }
}

/// One policy `standard` with these rules, and two calendars: `office`, Monday to Friday from 08:00 to 16:00 in UTC, and
/// `always`.
fn sources(rules: Value) -> Sources {
    let calendar = |from: &str, to: &str, days: &[&str]| {
        let day = json!([{ "from": from, "to": to }]);
        let weekly: Value = days.iter().map(|name| (name.to_string(), day.clone())).collect();
        let document = json!({ "name": "any", "time_zone": "UTC", "weekly": weekly });
        let hours = WorkingTime::compile(&serde_json::from_value(document).unwrap()).unwrap();
        CalendarVersions::new([(1, Timestamp::UNIX_EPOCH, Arc::new(hours))]).unwrap()
    };
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let policy: PolicyDocument =
        serde_json::from_value(json!({ "name": "standard", "rules": rules })).unwrap();
    assert_eq!(policy.validate(), Ok(()));
    Sources {
        policies: [(("standard".to_owned(), 1), policy)].into(),
        calendars: [
            (CalendarId::new("office").unwrap(), calendar("08:00", "16:00", &days[..5])),
            (CalendarId::new("always").unwrap(), calendar("00:00", "24:00", &days)),
        ]
        .into(),
    }
}

/// High has two hours to be resolved, normal three; each has an hour for the first response; anything can have a due date.
fn standard() -> Sources {
    let targets = |resolution: &str| {
        json!([
            { "metric": "first_response", "target": "PT1H", "calendar": "office", "pause_on": [] },
            { "metric": "resolution", "target": resolution, "calendar": "office" },
            { "metric": "due_date" },
        ])
    };
    sources(json!([
        { "name": "high", "when": { "priority": ["high"] }, "targets": targets("PT2H") },
        { "name": "normal", "when": { "priority": ["normal"] }, "targets": targets("PT3H") },
        { "name": "low", "when": { "priority": ["low"] }, "targets": [] },
    ]))
}

/// A moment in the first full week of 2026, whose 5th of January is a Monday: `"5 10:00"`.
fn at(moment: &str) -> Timestamp {
    let (day, time) = moment.split_once(' ').unwrap();
    format!("2026-01-{:0>2}T{time}:00Z", day).parse().unwrap()
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn classified(priority: Priority) -> FactKind {
    FactKind::Classified { category: None, priority: Some(priority) }
}

fn held() -> FactKind {
    FactKind::Held { reason: HoldReason::AwaitingCustomer }
}

fn empty_history() -> SlaHistory {
    let binding = PolicyBinding { policy_id: PolicyId::new("standard").unwrap(), version: 1 };
    SlaHistory::new(CaseKind::Complaint, Some(Channel::Email), [binding])
}

/// A case opened on Monday at 10:00 with normal priority, to which these things happened.
fn history(facts: &[(&str, FactKind)]) -> SlaHistory {
    let mut history = empty_history();
    let opening = [("5 10:00", FactKind::Opened), ("5 10:00", classified(Priority::Normal))];
    let revisions = [0].into_iter().chain(0..);
    for (revision, (moment, kind)) in revisions.zip(opening.iter().chain(facts)) {
        let occurred_at = at(moment);
        history.insert(Fact {
            occurred_at,
            recorded_at: occurred_at,
            revision,
            kind: kind.clone(),
        });
    }
    history
}

fn clock_in(sources: &Sources, history: &SlaHistory, key: &str) -> Option<Clock> {
    let key: ClockKey = key.parse().unwrap();
    evaluate(history, sources, sources).into_iter().find(|clock| clock.key == key)
}

fn clock(key: &str, facts: &[(&str, FactKind)]) -> Clock {
    clock_in(&standard(), &history(facts), key).unwrap()
}

fn has_clock(key: &str, facts: &[(&str, FactKind)]) -> bool {
    clock_in(&standard(), &history(facts), key).is_some()
}

/// The intervals of a clock: beginning, whether it runs, cause.
fn intervals(clock: &Clock) -> Vec<(Timestamp, bool, IntervalCause)> {
    clock
        .intervals
        .iter()
        .map(|interval| (interval.from, interval.running, interval.cause))
        .collect()
}

#[test]
fn an_open_case_has_a_response_and_a_resolution_clock_that_run_from_the_opening() {
    let history = history(&[]);
    let clocks = evaluate(&history, &standard(), &standard());
    let keys: Vec<String> = clocks.iter().map(|clock| clock.key.to_string()).collect();
    assert_eq!(keys, ["first_response-1", "resolution-1"]);
    let resolution = &clocks[1];
    assert_eq!((resolution.started_at, resolution.due_at), (at("5 10:00"), Some(at("5 13:00"))));
    assert_eq!((resolution.state, resolution.rule.as_str()), (ClockState::Running, "normal"));
    assert_eq!(intervals(resolution), [(at("5 10:00"), true, IntervalCause::Opened)]);
}

#[test]
fn a_running_clock_is_breached_once_now_is_after_the_due_moment_and_not_at_it() {
    let resolution = clock("resolution-1", &[]);
    assert_eq!(resolution.verdict_at(at("5 13:00")), ClockState::Running);
    assert_eq!(resolution.verdict_at(at("5 13:01")), ClockState::Breached);
}

#[test]
fn resolving_at_the_due_moment_is_in_time_and_after_it_is_a_breach() {
    let resolution = clock("resolution-1", &[("5 13:00", FactKind::Resolved)]);
    assert_eq!((resolution.state, resolution.elapsed), (ClockState::Met, hours(3)));
    let resolution = clock("resolution-1", &[("5 13:01", FactKind::Resolved)]);
    assert_eq!(
        (resolution.state, resolution.stopped_at),
        (ClockState::Breached, Some(at("5 13:01")))
    );
    assert_eq!(resolution.verdict_at(at("9 00:00")), ClockState::Breached);
}

#[test]
fn a_goal_that_changes_keeps_what_has_elapsed() {
    let resolution = clock("resolution-1", &[("5 11:00", classified(Priority::High))]);
    assert_eq!((resolution.due_at, resolution.target), (Some(at("5 12:00")), Some(hours(2))));
    assert_eq!((resolution.rule.as_str(), resolution.elapsed), ("high", hours(1)));
    assert_eq!(
        intervals(&resolution),
        [
            (at("5 10:00"), true, IntervalCause::Opened),
            (at("5 11:00"), true, IntervalCause::Reclassified)
        ]
    );
}

#[test]
fn a_goal_shortened_below_what_has_elapsed_was_due_when_it_was_used_up() {
    let resolution = clock("resolution-1", &[("5 12:30", classified(Priority::High))]);
    assert_eq!(resolution.due_at, Some(at("5 12:00")));
    assert_eq!(resolution.verdict_at(at("5 12:30")), ClockState::Breached);
}

#[test]
fn a_goal_that_is_extended_withdraws_a_breach() {
    let facts =
        [("5 10:00", classified(Priority::High)), ("5 12:30", classified(Priority::Normal))];
    let resolution = clock("resolution-1", &facts);
    assert_eq!(resolution.due_at, Some(at("5 13:00")));
}

#[test]
fn a_reclassification_under_the_same_rule_changes_nothing() {
    let category = Some(CategoryId::new("billing").unwrap());
    let same = FactKind::Classified { category, priority: Some(Priority::Normal) };
    assert_eq!(clock("resolution-1", &[("5 11:00", same)]), clock("resolution-1", &[]));
}

#[test]
fn a_hold_pauses_the_clock_and_is_counted_in_working_time() {
    let resolution = clock("resolution-1", &[("5 12:00", held())]);
    assert_eq!((resolution.state, resolution.due_at), (ClockState::Paused, None));
    let facts = [("5 12:00", held()), ("6 09:00", FactKind::Resumed)];
    let resolution = clock("resolution-1", &facts);
    assert_eq!((resolution.state, resolution.due_at), (ClockState::Running, Some(at("6 10:00"))));
    assert_eq!((resolution.elapsed, resolution.paused), (hours(2), hours(5)));
    assert_eq!(
        intervals(&resolution),
        [
            (at("5 10:00"), true, IntervalCause::Opened),
            (at("5 12:00"), false, IntervalCause::Held(HoldReason::AwaitingCustomer)),
            (at("6 09:00"), true, IntervalCause::Resumed)
        ]
    );
    assert_eq!(resolution.intervals[1].to, Some(at("6 09:00")));
}

#[test]
fn a_hold_for_a_reason_that_the_target_does_not_name_pauses_nothing() {
    let response =
        clock("first_response-1", &[("5 10:30", held()), ("5 10:45", FactKind::Resumed)]);
    assert_eq!((response.due_at, response.intervals.len()), (Some(at("5 11:00")), 1));
}

#[test]
fn a_clock_that_was_late_before_the_hold_stays_late() {
    let resolution = clock("resolution-1", &[("5 14:00", held())]);
    assert_eq!((resolution.state, resolution.due_at), (ClockState::Paused, Some(at("5 13:00"))));
    assert_eq!(resolution.verdict_at(at("5 14:00")), ClockState::Breached);
}

#[test]
fn a_due_moment_at_closing_time_has_passed_when_the_hold_comes_in_the_evening() {
    let facts = [("5 11:00", held()), ("5 14:00", FactKind::Resumed), ("5 18:00", held())];
    let resolution = clock("resolution-1", &facts);
    assert_eq!((resolution.due_at, resolution.elapsed), (Some(at("5 16:00")), hours(3)));
    assert_eq!(resolution.verdict_at(at("5 18:00")), ClockState::Breached);
}

#[test]
fn a_hold_at_the_due_moment_leaves_nothing_but_the_moment_of_resuming() {
    let hold = ("5 13:00", held());
    let resolution = clock("resolution-1", std::slice::from_ref(&hold));
    assert_eq!((resolution.due_at, resolution.elapsed), (None, hours(3)));
    let resolution = clock("resolution-1", &[hold, ("7 09:00", FactKind::Resumed)]);
    assert_eq!(resolution.due_at, Some(at("7 09:00")));
}

#[test]
fn resolving_during_a_hold_with_time_left_is_in_time() {
    let resolution = clock("resolution-1", &[("5 12:00", held()), ("9 15:00", FactKind::Resolved)]);
    assert_eq!((resolution.state, resolution.due_at), (ClockState::Met, None));
    assert_eq!((resolution.elapsed, resolution.paused), (hours(2), hours(4 + 3 * 8 + 7)));
}

#[test]
fn the_first_response_stops_its_clock_and_later_ones_do_not_matter() {
    let facts = [("5 10:20", FactKind::Responded), ("5 12:00", FactKind::Responded)];
    let response = clock("first_response-1", &facts);
    assert_eq!((response.state, response.stopped_at), (ClockState::Met, Some(at("5 10:20"))));
    assert_eq!(clock("resolution-1", &facts).state, ClockState::Running);
    let response = clock("first_response-1", &[("5 11:01", FactKind::Responded)]);
    assert_eq!((response.state, response.elapsed), (ClockState::Breached, minutes(61)));
}

#[test]
fn a_case_resolved_without_a_word_was_answered_by_its_resolution() {
    let facts = [("5 10:30", FactKind::Resolved), ("5 12:00", FactKind::Responded)];
    let response = clock("first_response-1", &facts);
    assert_eq!((response.state, response.stopped_at), (ClockState::Met, Some(at("5 10:30"))));
}

#[test]
fn a_response_clock_that_has_stopped_is_not_reclassified() {
    let facts = [("5 10:20", FactKind::Responded), ("5 10:30", classified(Priority::Low))];
    assert_eq!(clock("first_response-1", &facts).state, ClockState::Met);
    assert_eq!(clock("resolution-1", &facts).state, ClockState::Cancelled);
}

#[test]
fn reopening_begins_a_cycle_with_the_full_target_and_keeps_the_past_one() {
    let facts = [
        ("5 11:00", FactKind::Resolved),
        ("5 12:00", FactKind::Closed),
        ("6 09:00", FactKind::Reopened),
    ];
    let (first, second) = (clock("resolution-1", &facts), clock("resolution-2", &facts));
    assert_eq!((first.state, first.stopped_at), (ClockState::Met, Some(at("5 11:00"))));
    assert_eq!((second.started_at, second.due_at), (at("6 09:00"), Some(at("6 12:00"))));
    assert_eq!(intervals(&second), [(at("6 09:00"), true, IntervalCause::Reopened)]);
    assert!(!has_clock("first_response-2", &facts));
}

#[test]
fn a_hold_does_not_outlive_the_resolution() {
    let facts =
        [("5 11:00", held()), ("5 12:00", FactKind::Resolved), ("6 09:00", FactKind::Reopened)];
    assert_eq!(clock("resolution-2", &facts).state, ClockState::Running);
}

#[test]
fn a_case_closed_unresolved_cancels_its_clocks_unless_they_were_late() {
    let facts = [("5 12:00", FactKind::Closed)];
    let resolution = clock("resolution-1", &facts);
    assert_eq!(
        (resolution.state, resolution.stopped_at),
        (ClockState::Cancelled, Some(at("5 12:00")))
    );
    assert_eq!(clock("first_response-1", &facts).state, ClockState::Breached);
}

#[test]
fn a_due_date_does_not_move_with_pauses_and_is_kept_at_the_moment_itself() {
    let due_at = at("7 12:00");
    let set = ("5 10:30", FactKind::DueDateSet { due_at });
    let facts = [set.clone(), ("5 11:00", held()), ("6 11:00", FactKind::Resumed)];
    let due_date = clock("due_date-1", &facts);
    assert_eq!((due_date.due_at, due_date.state), (Some(due_at), ClockState::Running));
    assert_eq!((due_date.target, due_date.started_at), (None, at("5 10:00")));
    let kept = clock("due_date-1", &[set.clone(), ("7 12:00", FactKind::Resolved)]);
    assert_eq!((kept.state, kept.elapsed), (ClockState::Met, hours(50)));
    let missed = clock("due_date-1", &[set.clone(), ("7 12:01", FactKind::Resolved)]);
    assert_eq!(missed.state, ClockState::Breached);
    let closed = clock("due_date-1", &[set, ("6 12:00", FactKind::Closed)]);
    assert_eq!(closed.state, ClockState::Met);
}

#[test]
fn the_date_last_set_up_to_the_stop_binds() {
    let set = |due: &str| FactKind::DueDateSet { due_at: at(due) };
    let facts = [
        ("5 10:30", set("6 12:00")),
        ("5 11:00", set("8 12:00")),
        ("7 12:00", FactKind::Resolved),
        ("7 13:00", set("6 13:00")),
    ];
    let due_date = clock("due_date-1", &facts);
    assert_eq!((due_date.due_at, due_date.state), (Some(at("8 12:00")), ClockState::Met));
}

#[test]
fn a_case_without_a_due_date_has_no_such_clock() {
    assert!(!has_clock("due_date-1", &[]));
}

#[test]
fn a_date_that_had_passed_before_the_reopening_does_not_bind_again() {
    let set = |due: &str| FactKind::DueDateSet { due_at: at(due) };
    let facts = [
        ("5 10:30", set("6 12:00")),
        ("6 11:00", FactKind::Resolved),
        ("8 09:00", FactKind::Reopened),
    ];
    assert!(!has_clock("due_date-2", &facts));
    let with_new_date = [&facts[..], &[("8 09:30", set("9 12:00"))]].concat();
    assert_eq!(clock("due_date-2", &with_new_date).due_at, Some(at("9 12:00")));
    let with_far_date = [&[("5 10:20", set("9 10:00"))], &facts[1..]].concat();
    assert_eq!(clock("due_date-2", &with_far_date).due_at, Some(at("9 10:00")));
}

#[test]
fn a_case_that_no_rule_matches_has_no_clocks() {
    let history = history(&[("5 10:00", classified(Priority::Urgent))]);
    assert_eq!(evaluate(&history, &standard(), &standard()), []);
    assert_eq!(evaluate(&empty_history(), &standard(), &standard()), []);
}

#[test]
fn a_case_is_bound_to_the_versions_it_was_opened_with() {
    let mut sources = standard();
    let policy = sources.policies[&("standard".to_owned(), 1)].clone();
    sources.policies.insert(("standard".to_owned(), 2), PolicyDocument { rules: vec![], ..policy });
    let resolution = clock_in(&sources, &history(&[]), "resolution-1").unwrap();
    assert_eq!((resolution.policy_id.as_str(), resolution.policy_version), ("standard", 1));
}

#[test]
fn a_calendar_that_is_not_known_makes_no_clock() {
    let mut sources = standard();
    sources.calendars.clear();
    assert_eq!(clock_in(&sources, &history(&[]), "resolution-1"), None);
    assert_eq!(evaluate(&history(&[]), &sources, &sources), []);
}

#[test]
fn a_clock_that_loses_its_target_is_cancelled_and_one_that_regains_it_never_lost_it() {
    let lost = ("5 11:00", classified(Priority::Low));
    let resolution = clock("resolution-1", std::slice::from_ref(&lost));
    assert_eq!(
        (resolution.state, resolution.stopped_at),
        (ClockState::Cancelled, Some(at("5 11:00")))
    );
    assert_eq!((resolution.due_at, resolution.elapsed), (None, hours(1)));
    let resolution = clock("resolution-1", &[lost, ("5 12:00", classified(Priority::Normal))]);
    assert_eq!((resolution.state, resolution.due_at), (ClockState::Running, Some(at("5 13:00"))));
}

#[test]
fn a_case_classified_late_counts_from_its_opening_and_inherits_its_pauses() {
    let mut history = empty_history();
    let facts = [
        ("5 08:00", FactKind::Opened),
        ("5 09:00", held()),
        ("5 10:00", FactKind::Resumed),
        ("5 10:30", classified(Priority::High)),
    ];
    for (revision, (moment, kind)) in (0..).zip(facts) {
        let occurred_at = at(moment);
        history.insert(Fact { occurred_at, recorded_at: occurred_at, revision, kind });
    }
    let resolution = clock_in(&standard(), &history, "resolution-1").unwrap();
    assert_eq!((resolution.started_at, resolution.due_at), (at("5 08:00"), Some(at("5 11:00"))));
    assert_eq!(resolution.paused, hours(1));
}

#[test]
fn what_is_dated_before_the_opening_counts_from_the_opening() {
    let response = clock("first_response-1", &[("5 09:00", FactKind::Responded)]);
    assert_eq!((response.state, response.stopped_at), (ClockState::Met, Some(at("5 10:00"))));
    assert_eq!(response.elapsed, SignedDuration::ZERO);
}

#[test]
fn facts_of_the_same_moment_count_in_the_order_of_their_revisions() {
    let facts = [
        ("5 12:00", FactKind::Resolved),
        ("5 12:00", FactKind::Reopened),
        ("5 12:00", held()),
        ("5 12:00", FactKind::Resumed),
    ];
    let (first, second) = (clock("resolution-1", &facts), clock("resolution-2", &facts));
    assert_eq!(first.state, ClockState::Met);
    assert_eq!((second.state, second.due_at), (ClockState::Running, Some(at("5 15:00"))));
    assert_eq!(intervals(&second), [(at("5 12:00"), true, IntervalCause::Resumed)]);
}

#[test]
fn a_clock_survives_its_storage() {
    let facts = [("5 12:00", held()), ("6 09:00", FactKind::Resumed)];
    let clock = clock("resolution-1", &facts);
    let json = serde_json::to_string(&clock).unwrap();
    assert_eq!(serde_json::from_str::<Clock>(&json).unwrap(), clock);
}

fn any_kind() -> impl Strategy<Value = FactKind> {
    let priority = prop::sample::select(vec![
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Urgent,
    ]);
    let reason = prop::sample::select(vec![
        HoldReason::AwaitingCustomer,
        HoldReason::AwaitingThirdParty,
        HoldReason::Other,
    ]);
    prop_oneof![
        2 => priority.prop_map(classified),
        3 => reason.prop_map(|reason| FactKind::Held { reason }),
        3 => Just(FactKind::Resumed),
        1 => Just(FactKind::Responded),
        1 => Just(FactKind::Resolved),
        1 => Just(FactKind::Closed),
        2 => Just(FactKind::Reopened),
        1 => (0_i64..20_000).prop_map(|minute| FactKind::DueDateSet { due_at: at("5 00:00") + minutes(minute) }),
    ]
}

/// Facts of a fortnight around the opening; half-hours, so that many fall together.
fn any_facts() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec((any_kind(), 0_i64..672), 0..25).prop_map(|facts| {
        let opening = [(FactKind::Opened, 20), (classified(Priority::Normal), 20)];
        let revisions = [0].into_iter().chain(0..);
        let dated = revisions.zip(opening.into_iter().chain(facts));
        dated
            .map(|(revision, (kind, half_hour))| {
                let occurred_at = at("5 00:00") + minutes(30 * half_hour);
                Fact { occurred_at, recorded_at: at("31 00:00"), revision, kind }
            })
            .collect()
    })
}

fn history_of(facts: &[Fact]) -> SlaHistory {
    let mut history = empty_history();
    facts.iter().for_each(|fact| history.insert(fact.clone()));
    history
}

proptest! {
    #[test]
    fn facts_recorded_in_any_order_give_the_same_clocks(
        (facts, shuffled) in any_facts()
            .prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle()))
    ) {
        let sources = standard();
        prop_assert_eq!(
            evaluate(&history_of(&facts), &sources, &sources),
            evaluate(&history_of(&shuffled), &sources, &sources)
        );
    }

    #[test]
    fn running_and_pausing_add_up_to_the_working_time_from_start_to_stop(facts in any_facts()) {
        let sources = standard();
        let office = &sources.calendars[&CalendarId::new("office").unwrap()];
        for clock in evaluate(&history_of(&facts), &sources, &sources) {
            let intervals = &clock.intervals;
            prop_assert_eq!(intervals[0].from, clock.started_at);
            prop_assert_eq!(intervals[intervals.len() - 1].to, clock.stopped_at);
            for pair in intervals.windows(2) {
                prop_assert_eq!(pair[0].to, Some(pair[1].from));
            }
            let lasted = |running: bool| -> SignedDuration {
                let ended = intervals.iter().filter(|interval| interval.running == running);
                ended.filter_map(|interval| Some(match clock.calendar_id {
                    Some(_) => office.measure(Measure::WorkingTime, interval.from, interval.to?),
                    None => interval.to?.duration_since(interval.from),
                })).fold(SignedDuration::ZERO, |sum, length| sum + length)
            };
            prop_assert_eq!((clock.elapsed, clock.paused), (lasted(true), lasted(false)));
        }
    }

    #[test]
    fn a_due_moment_is_where_the_running_time_reaches_the_target(facts in any_facts()) {
        let sources = standard();
        let office = &sources.calendars[&CalendarId::new("office").unwrap()];
        for clock in evaluate(&history_of(&facts), &sources, &sources) {
            let (Some(target), Some(due_at)) = (clock.target, clock.due_at) else { continue };
            let running = clock.intervals.iter().filter(|interval| interval.running);
            let until_due = running.fold(SignedDuration::ZERO, |sum, interval| {
                let is_last = Some(interval) == clock.intervals.last();
                let to = interval.to.filter(|_| !is_last).map_or(due_at, |to| to.min(due_at));
                sum + office.measure(Measure::WorkingTime, interval.from, to).max(SignedDuration::ZERO)
            });
            prop_assert_eq!(until_due, target);
            if clock.stopped_at.is_some() {
                let late = clock.elapsed > target || clock.stopped_at > Some(due_at);
                prop_assert_eq!(clock.state == ClockState::Breached, late);
            }
        }
    }

    #[test]
    fn a_hold_conserves_time(from in 0_i64..2000, length in 0_i64..5000, target in 1_i64..3000) {
        let rule = json!([{ "name": "all", "targets": [{
            "metric": "resolution", "target": format!("PT{target}M"), "calendar": "office",
        }] }]);
        let sources = sources(rule);
        let office = &sources.calendars[&CalendarId::new("office").unwrap()];
        let opened = at("5 10:00");
        let (hold, resume) = (opened + minutes(from), opened + minutes(from + length));
        let facts = [(opened, FactKind::Opened), (hold, held()), (resume, FactKind::Resumed)];
        let mut history = empty_history();
        for (revision, (occurred_at, kind)) in (0..).zip(facts) {
            history.insert(Fact { occurred_at, recorded_at: occurred_at, revision, kind });
        }
        let clock = clock_in(&sources, &history, "resolution-1").unwrap();
        let due_at = clock.due_at.unwrap();
        let without = office.reach(Measure::WorkingTime, opened, minutes(target)).unwrap();
        if without < hold {
            prop_assert_eq!(due_at, without);
        } else {
            let worked = office.measure(Measure::WorkingTime, opened, hold) + office.measure(Measure::WorkingTime, resume, due_at);
            prop_assert_eq!(worked, minutes(target));
            prop_assert_eq!(office.measure(Measure::WorkingTime, without, due_at), office.measure(Measure::WorkingTime, hold, resume));
        }
    }
}
