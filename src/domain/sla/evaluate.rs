//! From the history of a case to its clocks.
//!
//! | Metric | Starts | Pauses | Stops | Cycles |
//! |---|---|---|---|---|
//! | first response | at the opening | on hold | at the first response, or when the case is resolved without one: the resolution is then the answer | one |
//! | resolution | at the opening or reopening | on hold | when the case is resolved | each reopening begins the next, with the full target |
//! | due date | at the opening or reopening | never | when the case is resolved or closed | as resolution, but a date that had passed before the reopening does not bind again |
//!
//! Rules that hold for all of them:
//! - A stop at the due moment is in time. Of stop, pause and start in one moment the facts' order decides; a clock that has
//!   stopped does not change any more.
//! - A case that is closed without having been resolved cancels its response and resolution clocks, unless they were late.
//! - Rules are matched again when priority or category change. What has elapsed is kept and measured against the new
//!   target, which may prove to have been used up in the past.
//! - A clock whose metric loses its target is cancelled. A clock that gets one late counts from its start all the same, and
//!   inherits the pauses since then; but a clock that has stopped gets none. One that loses it as it starts never was.
//! - Policies are tried in the order of the bindings; the first with a rule that matches governs all metrics.
//! - What is dated before the opening counts at the opening, in its order, after what the opening itself said.
//! - A target whose policy version or calendar the sources do not know makes no clock.

use jiff::{SignedDuration, Timestamp};

use super::{
    Clock, ClockInterval, ClockKey, ClockState, Fact, FactKind, IntervalCause, Metric, SlaHistory,
};
use crate::{
    calendar::{CalendarVersions, Measure},
    case::attribute::HoldReason,
    id::{CalendarId, PolicyId},
    policy::{MatchedAttributes, PolicyDocument, Rule, Target},
};

/// Gives policy versions by their numbers.
pub trait PolicySource {
    /// This version of the policy; `None` when it is not known.
    fn policy(&self, id: &PolicyId, version: u32) -> Option<&PolicyDocument>;
}

/// Gives calendars.
pub trait CalendarSource {
    /// The known versions of the calendar; `None` when there is none.
    fn calendar(&self, id: &CalendarId) -> Option<&CalendarVersions>;
}

/// The clocks of a case: the same for the same history, whatever the time is. A case that was not opened, or that no rule
/// matches, has none.
pub fn evaluate(
    history: &SlaHistory,
    policies: &impl PolicySource,
    calendars: &impl CalendarSource,
) -> Vec<Clock> {
    let Some(course) = Course::follow(history, policies) else {
        return vec![];
    };
    let mut clocks = vec![];
    for (index, cycle) in course.cycles.iter().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let key = |metric| ClockKey { metric, cycle: number };
        if index == 0 {
            let stop = course.first_response.or(cycle.end);
            clocks.extend(measure(key(Metric::FirstResponse), cycle, stop, calendars));
        }
        clocks.extend(measure(key(Metric::Resolution), cycle, cycle.end, calendars));
        if let Some(due_at) = course.due_date(cycle, index == 0) {
            let stop = cycle.end.map(|end| Stop { done: true, ..end });
            let clock = measure(key(Metric::DueDate), cycle, stop, calendars);
            clocks.extend(clock.map(|clock| clock.with_due_date(due_at)));
        }
    }
    clocks
}

/// What happened to a case, as far as clocks see it.
struct Course<'a> {
    cycles: Vec<Cycle<'a>>,
    /// The first response, when it came within the first cycle.
    first_response: Option<Stop>,
    /// Moments at which a due date was set, with the date, in order.
    due_dates: Vec<(Timestamp, Timestamp)>,
}

/// From the opening or a reopening to the end.
struct Cycle<'a> {
    /// Never empty: the first begins with the cycle. Spans of no length are kept, as they may change the target.
    spans: Vec<Span<'a>>,
    end: Option<Stop>,
}

/// A stretch in which neither the hold nor the classification changed.
#[derive(Clone, Copy)]
struct Span<'a> {
    from: Timestamp,
    cause: IntervalCause,
    hold: Option<HoldReason>,
    agreement: Option<Agreement<'a>>,
}

/// The rule that governs.
#[derive(Clone, Copy)]
struct Agreement<'a> {
    policy_id: &'a PolicyId,
    policy_version: u32,
    rule: &'a Rule,
}

/// What stops a clock.
#[derive(Clone, Copy)]
struct Stop {
    at: Timestamp,
    /// How many spans of the cycle had begun.
    spans: usize,
    /// Whether what was promised is done; otherwise the case was only closed.
    done: bool,
}

impl<'a> Course<'a> {
    fn follow(history: &'a SlaHistory, policies: &'a impl PolicySource) -> Option<Self> {
        let opened_at = history.opened_at()?;
        let mut attributes = MatchedAttributes {
            kind: Some(history.kind()),
            channel: history.channel(),
            ..MatchedAttributes::default()
        };
        let mut span = Span {
            from: opened_at,
            cause: IntervalCause::Opened,
            hold: None,
            agreement: govern(history, policies, &attributes),
        };
        let mut course = Self {
            cycles: vec![Cycle { spans: vec![span], end: None }],
            first_response: None,
            due_dates: vec![],
        };
        for Fact { occurred_at, kind, .. } in in_order(history) {
            span.from = opened_at.max(*occurred_at);
            match kind {
                FactKind::Opened => {}
                FactKind::Classified { category, priority } => {
                    (attributes.category, attributes.priority) = (category.as_ref(), *priority);
                    span.agreement = govern(history, policies, &attributes);
                    span.cause = IntervalCause::Reclassified;
                    course.go_on(span);
                }
                FactKind::DueDateSet { due_at } => course.due_dates.push((span.from, *due_at)),
                FactKind::Held { reason } => {
                    (span.hold, span.cause) = (Some(*reason), IntervalCause::Held(*reason));
                    course.go_on(span);
                }
                FactKind::Resumed => {
                    (span.hold, span.cause) = (None, IntervalCause::Resumed);
                    course.go_on(span);
                }
                FactKind::Responded => course.respond(span.from),
                FactKind::Resolved => course.end(span.from, true),
                FactKind::Closed => course.end(span.from, false),
                FactKind::Reopened => {
                    (span.hold, span.cause) = (None, IntervalCause::Reopened);
                    course.reopen(span);
                }
            }
        }
        Some(course)
    }

    fn last(&mut self) -> &mut Cycle<'a> {
        self.cycles.last_mut().expect("a course begins with a cycle and none is taken away")
    }

    fn go_on(&mut self, span: Span<'a>) {
        let cycle = self.last();
        if cycle.end.is_none() {
            cycle.spans.push(span);
        }
    }

    fn respond(&mut self, at: Timestamp) {
        if let [Cycle { spans, end: None }] = &self.cycles[..] {
            let response = Stop { at, spans: spans.len(), done: true };
            self.first_response.get_or_insert(response);
        }
    }

    fn end(&mut self, at: Timestamp, done: bool) {
        let cycle = self.last();
        if cycle.end.is_none() {
            cycle.end = Some(Stop { at, spans: cycle.spans.len(), done });
        }
    }

    fn reopen(&mut self, span: Span<'a>) {
        if self.last().end.is_some() {
            self.cycles.push(Cycle { spans: vec![span], end: None });
        }
    }

    /// The date that binds the cycle: the last that was set up to its end.
    fn due_date(&self, cycle: &Cycle<'_>, is_first: bool) -> Option<Timestamp> {
        let started_at = cycle.spans[0].from;
        let until_end =
            |(set_at, _): &&(Timestamp, Timestamp)| cycle.end.is_none_or(|end| *set_at <= end.at);
        let (set_at, due_at) = self.due_dates.iter().rev().find(until_end)?;
        (is_first || *set_at >= started_at || *due_at > started_at).then_some(*due_at)
    }
}

/// The facts in the order in which they count: those of the opening itself come before all that is dated before it.
fn in_order(history: &SlaHistory) -> impl Iterator<Item = &Fact> {
    let opened = history.facts().iter().find(|fact| fact.kind == FactKind::Opened);
    let opening = opened.map(|fact| fact.revision);
    let facts = |of_opening: bool| {
        history.facts().iter().filter(move |fact| (Some(fact.revision) == opening) == of_opening)
    };
    facts(true).chain(facts(false))
}

fn govern<'a>(
    history: &'a SlaHistory,
    policies: &'a impl PolicySource,
    attributes: &MatchedAttributes<'_>,
) -> Option<Agreement<'a>> {
    history.bindings().iter().find_map(|binding| {
        let policy = policies.policy(&binding.policy_id, binding.version)?;
        let rule = policy.first_match(attributes)?;
        Some(Agreement { policy_id: &binding.policy_id, policy_version: binding.version, rule })
    })
}

/// The promise that governs a span, for one metric.
#[derive(Clone, Copy)]
struct Promise<'a> {
    agreement: Agreement<'a>,
    target: &'a Target,
    calendar: Option<&'a CalendarVersions>,
}

impl Promise<'_> {
    fn between(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        match self.calendar {
            Some(calendar) => calendar.measure(Measure::WorkingTime, from, to),
            None => to.duration_since(from),
        }
    }
}

/// The clock of one metric over one cycle; `None` when nothing was promised. A due date is put in afterwards.
fn measure<'a>(
    key: ClockKey,
    cycle: &Cycle<'a>,
    stop: Option<Stop>,
    calendars: &'a impl CalendarSource,
) -> Option<Clock> {
    let mut spans = &cycle.spans[..stop.map_or(cycle.spans.len(), |stop| stop.spans)];
    let promised =
        |span: &Span<'a>| span.agreement.and_then(|agreement| agreement.rule.target(key.metric));

    // Spans at the end without a promise: the clock was cancelled when they began.
    let kept = spans.iter().rposition(|span| promised(span).is_some())? + 1;
    let cancelled_at = spans.get(kept).map(|span| span.from);
    if cancelled_at == Some(spans[0].from) {
        return None;
    }
    spans = &spans[..kept];
    let ended_at = cancelled_at.or(stop.map(|stop| stop.at));

    // A span without a promise is measured by the next that comes.
    let mut promises = Vec::with_capacity(spans.len());
    let mut next = None;
    for span in spans.iter().rev() {
        if let (Some(agreement), Some(target)) = (span.agreement, promised(span)) {
            let calendar = match &target.calendar {
                Some(id) => Some(calendars.calendar(id)?),
                None if key.metric == Metric::DueDate => None,
                None => return None,
            };
            next = Some(Promise { agreement, target, calendar });
        }
        promises.push(next?);
    }
    promises.reverse();
    let governing = *promises.last()?;

    let mut clock = Clock {
        key,
        policy_id: governing.agreement.policy_id.clone(),
        policy_version: governing.agreement.policy_version,
        rule: governing.agreement.rule.name.clone(),
        calendar_id: governing.target.calendar.clone(),
        target: governing.target.target,
        started_at: spans[0].from,
        due_at: None,
        state: ClockState::Running,
        stopped_at: ended_at,
        elapsed: SignedDuration::ZERO,
        paused: SignedDuration::ZERO,
        intervals: vec![],
    };
    let mut until_last_interval = (clock.elapsed, clock.paused);
    for (index, (span, promise)) in spans.iter().zip(&promises).enumerate() {
        let to = spans.get(index + 1).map(|next| next.from).or(ended_at);
        let is_last = index + 1 == spans.len();
        let running = !span.hold.is_some_and(|reason| promise.target.pauses_on(reason));
        let same_promise = index > 0 && same(&promises[index - 1], promise);
        if clock.begin_interval(span, running, same_promise) {
            until_last_interval = (clock.elapsed, clock.paused);
        }
        let worked = to.map(|to| promise.between(span.from, to));
        if !running {
            clock.paused += worked.unwrap_or_default();
            continue;
        }
        if let (None, Some(target), Some(calendar)) = (clock.due_at, clock.target, promise.calendar)
        {
            let left = target - clock.elapsed;
            if is_last || worked.is_some_and(|worked| worked >= left) {
                // When the span ends just as the target is used up, nothing is late yet: a pause may follow.
                clock.due_at = calendar
                    .reach(Measure::WorkingTime, span.from, left)
                    .filter(|due_at| is_last || to.is_some_and(|to| *due_at < to));
            }
        }
        clock.elapsed += worked.unwrap_or_default();
    }
    if ended_at.is_none() {
        (clock.elapsed, clock.paused) = until_last_interval;
    }
    clock.end_intervals(ended_at);
    clock.settle(stop.is_some_and(|stop| stop.done), cancelled_at.is_some());
    Some(clock)
}

/// Whether two promises are one to whoever looks at the clock.
fn same(one: &Promise<'_>, other: &Promise<'_>) -> bool {
    std::ptr::eq(one.target, other.target)
        && one.agreement.policy_version == other.agreement.policy_version
        && one.agreement.policy_id == other.agreement.policy_id
}

impl Clock {
    /// Begins an interval, unless the span only continues the last one.
    fn begin_interval(&mut self, span: &Span<'_>, running: bool, same_promise: bool) -> bool {
        let mut cause = span.cause;
        if let Some(last) = self.intervals.last() {
            let tells_why = !running && cause != IntervalCause::Reclassified;
            if same_promise && last.running == running && !tells_why {
                return false;
            }
            if last.from == span.from {
                // Nothing lasted in between. What is classified at the opening is opened so.
                if cause == IntervalCause::Reclassified {
                    cause = last.cause;
                }
                self.intervals.pop();
            }
        }
        self.intervals.push(ClockInterval { from: span.from, to: None, running, cause });
        true
    }

    fn end_intervals(&mut self, ended_at: Option<Timestamp>) {
        let mut to = ended_at;
        for interval in self.intervals.iter_mut().rev() {
            interval.to = to;
            to = Some(interval.from);
        }
    }

    /// Gives the verdict that the intervals and the due moment make.
    fn settle(&mut self, done: bool, cancelled: bool) {
        let late = matches!((self.due_at, self.stopped_at), (Some(due), Some(stop)) if due < stop);
        let runs = self.intervals.last().is_some_and(|interval| interval.running);
        self.state = match self.stopped_at {
            Some(_) if cancelled => ClockState::Cancelled,
            Some(_) if late => ClockState::Breached,
            Some(_) if done => ClockState::Met,
            Some(_) => ClockState::Cancelled,
            None if runs => ClockState::Running,
            None => ClockState::Paused,
        };
        if self.state == ClockState::Cancelled {
            self.due_at = None;
        }
    }

    fn with_due_date(mut self, due_at: Timestamp) -> Self {
        if self.state != ClockState::Cancelled {
            self.due_at = Some(due_at);
            self.settle(true, false);
        }
        self
    }
}

#[cfg(test)]
mod tests;
