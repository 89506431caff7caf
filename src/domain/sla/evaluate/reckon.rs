//! A cycle becomes a clock: its stretches are counted, and give the due moment, the warnings and the verdict.
//!
//! The promise that governs last decides the measure and the target; each stretch is counted by the calendar that governed it. So what
//! has elapsed is kept when a goal changes, and measured against the new target, which may prove to have been used up in the past.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::{
    CalendarSource,
    course::{Agreed, Course},
    cycle::{Cycle, Ending, Stretch},
    promise::{ClockName, Promise},
};
use crate::{
    calendar::{CalendarVersions, Measure},
    id::CalendarId,
    policy::{Amount, DEFAULT_CALENDAR, Goal, Promised, PromisedMoment, Threshold},
    sla::{Clock, ClockInterval, ClockKey, ClockState, IntervalCourse, Warning},
};

/// `None` when the case names no moment that the goal asks for, or a calendar is not known.
pub(super) fn clock(
    course: &Course<'_>,
    name: &ClockName<'_>,
    cycle: &Cycle<'_>,
    calendars: &impl CalendarSource,
) -> Option<Clock> {
    let key = ClockKey {
        agreement: name.agreement.into(),
        clock: name.clock.into(),
        cycle: cycle.number,
    };
    let promise = &cycle.stretches.last()?.promise;
    let goal = promise.target.goal();
    let governing = calendar_of(promise);
    let calendar = hours_of(governing, calendars)?;
    let measure = match goal {
        Some(Goal::Amount(amount)) => amount.measure,
        _ if calendar.is_some() => Measure::WorkingTime,
        _ => Measure::Elapsed,
    };
    let counted = count(cycle, measure, governing, calendars)?;
    let extensions = course.extensions_of(&key);
    let terms = promise.target.extension.map(|terms| (terms.amount, terms.most.min(extensions)));

    let (mut target, mut due_at) = (None, None);
    match goal {
        None => {}
        Some(Goal::Amount(amount)) => {
            let is_outside = calendar.is_some_and(|calendar| !calendar.is_open(cycle.started_at));
            let bonus = promise.target.outside_hours_bonus.filter(|_| is_outside);
            let extended = terms.map_or(SignedDuration::ZERO, |(one, times)| {
                one.duration.saturating_mul(i32::try_from(times).unwrap_or(i32::MAX))
            });
            let bonus = bonus.map_or(SignedDuration::ZERO, |bonus| bonus.duration);
            let total = amount.duration.saturating_add(bonus).saturating_add(extended);
            target = Some(total);
            due_at = counted.moment_of(total);
        }
        Some(moment) => {
            let first = moment_of(moment, cycle, calendar)?;
            due_at = match terms {
                Some((one, times)) => extend(first, one, times, calendar),
                None => Some(first),
            };
        }
    }
    let warnings = promise.target.warn_at.iter().map(|threshold| Warning {
        threshold: threshold.to_string(),
        at: match target {
            Some(target) => warn_in(target, *threshold, &counted),
            None => due_at.and_then(|due| warn_before(due, *threshold, cycle, calendar)),
        },
    });
    let warnings = warnings.collect();

    let end = cycle.end;
    let is_waived = course.is_waived(&key);
    let late = matches!((due_at, end), (Some(due), Some(end)) if due < end.at);
    let runs = cycle.stretches.last().is_some_and(|last| last.course == IntervalCourse::Running);
    let state = match end {
        Some(_) if late && is_waived => ClockState::Waived,
        Some(_) if late => ClockState::Breached,
        Some(end) => match end.how {
            Ending::Stopped if goal.is_none() => ClockState::Measured,
            Ending::Stopped => ClockState::Met,
            Ending::Cancelled => ClockState::Cancelled,
            Ending::Merged => ClockState::Merged,
        },
        None if runs => ClockState::Running,
        None => ClockState::Paused,
    };
    if matches!(state, ClockState::Cancelled | ClockState::Merged) {
        due_at = None;
    }
    Some(Clock {
        key,
        metric: promise.target.metric,
        policy_id: promise.governing.policy_id.clone(),
        policy_version: promise.governing.policy_version,
        rule: promise.governing.rule.name.clone(),
        calendar_id: governing.map(|(id, _)| id.clone()),
        time_zone: promise.target.time_zone.clone(),
        measure,
        goal,
        target,
        extensions,
        extensions_allowed: promise.target.extension.map_or(0, |terms| terms.most),
        started_at: cycle.started_at,
        attached_at: cycle.attached_at,
        due_at,
        warnings,
        state,
        stopped_at: end.map(|end| end.at),
        waived: is_waived,
        elapsed: counted.elapsed,
        paused: counted.paused,
        wall_clock: counted.wall_clock,
        intervals: intervals(cycle, governing),
        actions: promise.target.actions.clone(),
    })
}

/// The name of a calendar, and the zone in which its hours are meant when that is not its own.
type CalendarName<'a> = (&'a CalendarId, Option<&'a str>);

/// The calendar that a promise counts in. Goals that need one fall back to the default calendar; of the others `None` stands for the
/// wall clock.
fn calendar_of<'a>(promise: &Promise<'a>) -> Option<CalendarName<'a>> {
    static DEFAULT: LazyLock<CalendarId> =
        LazyLock::new(|| CalendarId::new(DEFAULT_CALENDAR).expect("it is a code"));
    let needs_one = promise.target.needs_calendar();
    let id = promise.calendar.or_else(|| needs_one.then(|| &*DEFAULT))?;
    Some((id, promise.target.time_zone.as_deref()))
}

/// The hours of a calendar, none of the wall clock; the outer `None` says that the calendar is not known.
fn hours_of<'c>(
    name: Option<CalendarName<'_>>,
    calendars: &'c impl CalendarSource,
) -> Option<Option<&'c CalendarVersions>> {
    let Some((id, time_zone)) = name else { return Some(None) };
    calendars.calendar(id, time_zone).map(Some)
}

/// The stretches of a cycle, counted.
struct Counted<'c> {
    running: Vec<Running<'c>>,
    /// In the running stretches that have ended.
    elapsed: SignedDuration,
    paused: SignedDuration,
    wall_clock: SignedDuration,
    measure: Measure,
}

/// One running stretch, counted.
struct Running<'c> {
    from: Timestamp,
    to: Option<Timestamp>,
    /// What had elapsed when it began.
    before: SignedDuration,
    /// What passes in it; `None` while it lasts.
    passes: Option<SignedDuration>,
    calendar: Option<&'c CalendarVersions>,
    is_last: bool,
}

fn count<'c>(
    cycle: &Cycle<'_>,
    measure: Measure,
    governing: Option<CalendarName<'_>>,
    calendars: &'c impl CalendarSource,
) -> Option<Counted<'c>> {
    let zero = SignedDuration::ZERO;
    let mut counted =
        Counted { running: vec![], elapsed: zero, paused: zero, wall_clock: zero, measure };
    let count = cycle.stretches.len();
    let (mut name, mut calendar) = (governing, hours_of(governing, calendars)?);
    for (index, stretch) in cycle.stretches.iter().enumerate() {
        let next = cycle.stretches.get(index + 1).map(|next| next.from);
        let to = next.or(cycle.end.map(|end| end.at));
        let own = calendar_of(&stretch.promise).or(governing);
        if own != name {
            (name, calendar) = (own, hours_of(own, calendars)?);
        }
        let passes = to.map(|to| between(calendar, measure, stretch.from, to));
        match stretch.course {
            IntervalCourse::Running => {
                counted.running.push(Running {
                    from: stretch.from,
                    to,
                    before: counted.elapsed,
                    passes,
                    calendar,
                    is_last: index + 1 == count,
                });
                counted.elapsed += passes.unwrap_or_default();
                counted.wall_clock += to.map_or(zero, |to| to.duration_since(stretch.from));
            }
            IntervalCourse::Paused => counted.paused += passes.unwrap_or_default(),
            IntervalCourse::Idle => {}
        }
    }
    Some(counted)
}

impl Counted<'_> {
    /// The moment at which so much has elapsed. In the last stretch it may lie after the end; of the others it must lie within one,
    /// before the end: when a stretch ends just as the amount is used up nothing is late yet, a pause may follow.
    fn moment_of(&self, amount: SignedDuration) -> Option<Timestamp> {
        for stretch in &self.running {
            let left = amount.saturating_sub(stretch.before);
            if !stretch.is_last && stretch.passes.is_none_or(|passes| passes < left) {
                continue;
            }
            let moment = reach(stretch.calendar, self.measure, stretch.from, left);
            let within =
                |moment: &Timestamp| stretch.is_last || stretch.to.is_some_and(|to| *moment < to);
            if let Some(moment) = moment.filter(within) {
                return Some(moment);
            }
        }
        None
    }
}

fn between(
    calendar: Option<&CalendarVersions>,
    measure: Measure,
    from: Timestamp,
    to: Timestamp,
) -> SignedDuration {
    match calendar {
        Some(calendar) => calendar.measure(measure, from, to),
        None => to.duration_since(from),
    }
}

fn reach(
    calendar: Option<&CalendarVersions>,
    measure: Measure,
    from: Timestamp,
    amount: SignedDuration,
) -> Option<Timestamp> {
    match calendar {
        Some(calendar) => calendar.reach(measure, from, amount),
        None => from.checked_add(amount.max(SignedDuration::ZERO)).ok(),
    }
}

/// The moment that a goal names; `None` when the case names none.
fn moment_of(
    goal: Goal,
    cycle: &Cycle<'_>,
    calendar: Option<&CalendarVersions>,
) -> Option<Timestamp> {
    // A date that had passed before a reopening does not bind again.
    let binds = |agreed: &Agreed| {
        cycle.number == 1
            || agreed.agreed_at >= cycle.started_at
            || agreed.due_at > cycle.started_at
    };
    match goal {
        Goal::Amount(_) => None,
        Goal::WorkingDay(day) => {
            calendar?.on_working_day(cycle.started_at, day.working_day, day.by)
        }
        Goal::Date(date) => calendar?.on_date(cycle.started_at, date.date, date.by),
        Goal::Promised(PromisedMoment { promised }) => {
            let agreed = match promised {
                Promised::DueDate => cycle.situation.due_date,
                Promised::Referral => cycle.situation.referral_due,
            };
            agreed.filter(binds).map(|agreed| agreed.due_at)
        }
    }
}

fn extend(
    due: Timestamp,
    by: Amount,
    times: u32,
    calendar: Option<&CalendarVersions>,
) -> Option<Timestamp> {
    (0..times).try_fold(due, |due, _| reach(calendar, by.measure, due, by.duration))
}

/// When a warning comes for an amount.
fn warn_in(
    target: SignedDuration,
    threshold: Threshold,
    counted: &Counted<'_>,
) -> Option<Timestamp> {
    let amount = match threshold {
        Threshold::Percent(percent) => share(target, percent),
        Threshold::Before(before) => target.saturating_sub(before.duration),
    };
    counted.moment_of(amount)
}

/// So many hundredths of a duration, at most all of it.
fn share(whole: SignedDuration, percent: u8) -> SignedDuration {
    SignedDuration::from_nanos_i128(whole.as_nanos() * i128::from(percent.min(100)) / 100)
}

/// When a warning comes before a moment: at a share of the open time up to it, or that much before it.
fn warn_before(
    due: Timestamp,
    threshold: Threshold,
    cycle: &Cycle<'_>,
    calendar: Option<&CalendarVersions>,
) -> Option<Timestamp> {
    let started_at = cycle.started_at;
    if due <= started_at {
        return Some(due);
    }
    let (measure, amount) = match threshold {
        Threshold::Percent(percent) => {
            let measure = if calendar.is_some() { Measure::WorkingTime } else { Measure::Elapsed };
            (measure, share(between(calendar, measure, started_at, due), percent))
        }
        Threshold::Before(before) => {
            let whole = between(calendar, before.measure, started_at, due);
            (before.measure, whole.saturating_sub(before.duration))
        }
    };
    reach(calendar, measure, started_at, amount)
}

fn intervals(cycle: &Cycle<'_>, governing: Option<CalendarName<'_>>) -> Vec<ClockInterval> {
    let ends = cycle.stretches.iter().skip(1).map(|next| Some(next.from));
    let ends = ends.chain([cycle.end.map(|end| end.at)]);
    let stretches = cycle.stretches.iter().zip(ends);
    stretches.map(|(stretch, to)| interval(stretch, to, governing)).collect()
}

fn interval(
    stretch: &Stretch<'_>,
    to: Option<Timestamp>,
    governing: Option<CalendarName<'_>>,
) -> ClockInterval {
    let calendar = calendar_of(&stretch.promise).or(governing);
    let governing = &stretch.promise.governing;
    ClockInterval {
        from: stretch.from,
        to,
        course: stretch.course,
        cause: stretch.cause,
        source: stretch.source,
        hold: stretch.hold,
        unit: stretch.unit.cloned(),
        assignee: stretch.assignee.cloned(),
        policy_id: governing.policy_id.clone(),
        policy_version: governing.policy_version,
        rule: governing.rule.name.clone(),
        calendar_id: calendar.map(|(id, _)| id.clone()),
        time_zone: calendar.and_then(|(_, zone)| zone.map(str::to_owned)),
    }
}
