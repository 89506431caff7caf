//! From the log to a certificate.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    CERTIFICATE_FORMAT, CERTIFICATE_VERSION, CalendarReference, CalendarUsed, Certificate,
    EventReference, FactOnRecord, Part, PolicyUsed, Sums,
};
use crate::{
    calendar::{CalendarEvent, CalendarVersions},
    decider::Recorded,
    id::{CalendarId, CaseId, PolicyId},
    log::DomainEvent,
    policy::PolicyEvent,
    sla::{
        CalendarSource, Clock, ClockInterval, ClockKey, FactKind, FactSource, IntervalCourse,
        PolicySource, SlaHistory, evaluate,
    },
};

/// How many parts a certificate has at most: a clock that counts days for more than two hundred years has more.
const PARTS_MAX: usize = 100_000;

/// What a certificate rests on. All of it as it was known at one moment.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The case.
    pub case_id: CaseId,
    /// What its clocks follow from.
    pub history: &'a SlaHistory,
    /// The events of the log that concern it: of the case, its customer and its clocks, and the publications of policies and
    /// calendars.
    pub events: &'a [Recorded<DomainEvent>],
}

/// Why no certificate can be issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateRefusal {
    /// The case has no such clock.
    #[error("the case has no clock {key}; it has {}", if known.is_empty() { "none" } else { known })]
    NoSuchClock {
        /// The clock asked for.
        key: ClockKey,
        /// The clocks that there are, joined.
        known: String,
    },
    /// The clock begins later.
    #[error("the clock begins at {0}; there is nothing to account for before")]
    NotStarted(Timestamp),
    /// An event that moved the clock is not in the log that was given.
    #[error("the log does not hold {0}, which moved the clock")]
    MissingEvent(String),
    /// Its time has too many parts.
    #[error("the clock has run too long to be accounted for by days")]
    TooLong,
}

impl<'a> Evidence<'a> {
    /// The event behind a fact. Of a policy's publication the policy must be named.
    pub fn event(
        &self,
        source: FactSource,
        policy: &PolicyId,
    ) -> Option<&'a Recorded<DomainEvent>> {
        self.events.iter().find(|recorded| match (&recorded.event, source) {
            (DomainEvent::Case(..), FactSource::Case(revision))
            | (DomainEvent::Customer(..), FactSource::Customer(revision))
            | (DomainEvent::Clock(..), FactSource::Clock(revision)) => {
                recorded.revision == revision
            }
            (
                DomainEvent::Policy(id, PolicyEvent::Published(published)),
                FactSource::Policy(version),
            ) => id == policy && u64::from(published.version) == version,
            _ => false,
        })
    }

    /// The event that began a stretch of a clock.
    pub fn event_of(&self, interval: &ClockInterval) -> Option<&'a Recorded<DomainEvent>> {
        // Versions of several policies may have one number: the one that began the stretch is named by the history.
        let changed = self.history.facts().iter().filter(|fact| fact.source == interval.source);
        let changed: Vec<&PolicyId> = changed
            .filter_map(|fact| match &fact.kind {
                FactKind::PolicyChanged(binding) if fact.occurred_at == interval.from => {
                    Some(&binding.policy_id)
                }
                _ => None,
            })
            .collect();
        let own = changed.iter().find(|id| ***id == interval.policy_id);
        let policy = own.or(changed.first()).copied().unwrap_or(&interval.policy_id);
        self.event(interval.source, policy)
    }
}

/// The certificate of a clock, without its digest. `as_of` is the moment by which all of the evidence was recorded.
pub fn issue(
    evidence: Evidence<'_>,
    policies: &impl PolicySource,
    calendars: &impl CalendarSource,
    key: &ClockKey,
    as_of: Timestamp,
) -> Result<Certificate, CertificateRefusal> {
    // What is announced for later does not count yet.
    let history = evidence.history.happened_by(as_of);
    let evidence = Evidence { history: &history, ..evidence };
    let clocks = evaluate(&history, policies, calendars);
    let Some(clock) = clocks.iter().find(|clock| clock.key == *key) else {
        let known: Vec<_> = clocks.iter().map(|clock| clock.key.to_string()).collect();
        return Err(CertificateRefusal::NoSuchClock { key: key.clone(), known: known.join(", ") });
    };
    if clock.started_at > as_of {
        return Err(CertificateRefusal::NotStarted(clock.started_at));
    }
    let end = clock.stopped_at.unwrap_or(as_of);
    let mut parts = vec![];
    for interval in clock.intervals.iter().filter(|interval| interval.from < end) {
        cut(&mut parts, evidence, clock, interval, end, calendars)?;
        if parts.len() > PARTS_MAX {
            return Err(CertificateRefusal::TooLong);
        }
    }
    Ok(Certificate {
        format: CERTIFICATE_FORMAT.to_owned(),
        version: CERTIFICATE_VERSION,
        case_id: evidence.case_id,
        case_reference: evidence.case_id.reference(),
        clock: clock.key.clone(),
        metric: clock.metric,
        as_of,
        verdict: clock.verdict_at(as_of),
        policy_id: clock.policy_id.clone(),
        policy_version: clock.policy_version,
        rule: clock.rule.clone(),
        goal: clock.goal,
        promise: promise(clock),
        target: clock.target,
        measure: clock.measure,
        extensions: clock.extensions,
        started_at: clock.started_at,
        attached_at: clock.attached_at,
        due_at: clock.due_at,
        stopped_at: clock.stopped_at,
        sums: Sums::of(&parts),
        facts: facts(evidence, key),
        policies: policies_used(evidence, clock, &parts),
        calendars: calendars_used(evidence, &parts),
        parts,
        facts_left_out: history.left_out(),
        digest: String::new(),
    })
}

/// Cuts a stretch at every midnight of its calendar and at every change of the calendar's version.
fn cut(
    parts: &mut Vec<Part>,
    evidence: Evidence<'_>,
    clock: &Clock,
    interval: &ClockInterval,
    end: Timestamp,
    calendars: &impl CalendarSource,
) -> Result<(), CertificateRefusal> {
    let event = evidence.event_of(interval).map(EventReference::of).ok_or_else(|| {
        CertificateRefusal::MissingEvent(format!("{:?} ({})", interval.source, interval.cause))
    })?;
    let calendar = interval.calendar_id.as_ref().and_then(|id| {
        let versions = calendars.calendar(id, interval.time_zone.as_deref())?;
        Some((id, versions))
    });
    let to = interval.to.map_or(end, |to| to.min(end));
    let mut from = interval.from;
    while from < to && parts.len() <= PARTS_MAX {
        let next = boundary(calendar, from).map_or(to, |next| next.min(to));
        let wall_clock = next.duration_since(from);
        parts.push(Part {
            from,
            to: next,
            course: interval.course,
            wall_clock,
            counted: calendar
                .map_or(wall_clock, |(_, versions)| versions.measure(clock.measure, from, next)),
            cause: interval.cause,
            event: event.clone(),
            hold: interval.hold,
            unit: interval.unit.clone(),
            assignee: interval.assignee.clone(),
            policy_id: interval.policy_id.clone(),
            policy_version: interval.policy_version,
            rule: interval.rule.clone(),
            calendar: calendar.map(|(id, versions)| CalendarReference {
                id: id.clone(),
                version: versions.version_at(from),
                time_zone: versions.time_zone_at(from).to_owned(),
            }),
        });
        from = next;
    }
    Ok(())
}

/// The next moment at which a part ends by itself; without a calendar, the next midnight in UTC.
fn boundary(
    calendar: Option<(&CalendarId, &CalendarVersions)>,
    at: Timestamp,
) -> Option<Timestamp> {
    const DAY_S: i64 = 86_400;
    match calendar {
        Some((_, versions)) => versions.next_boundary(at),
        None => {
            let midnight = (at.as_second().div_euclid(DAY_S) + 1) * DAY_S;
            Timestamp::from_second(midnight).ok().filter(|midnight| *midnight > at)
        }
    }
}

fn promise(clock: &Clock) -> String {
    let Some(goal) = clock.goal else { return "nothing is promised; time is measured".to_owned() };
    match clock.extensions {
        0 => goal.to_string(),
        1 => format!("{goal}, extended once"),
        times => format!("{goal}, extended {times} times"),
    }
}

impl Sums {
    /// What parts add up to.
    pub(super) fn of(parts: &[Part]) -> Self {
        let sum = |course: Option<IntervalCourse>, of: fn(&Part) -> SignedDuration| {
            let chosen =
                parts.iter().filter(|part| course.is_none_or(|course| part.course == course));
            chosen.map(of).fold(SignedDuration::ZERO, SignedDuration::saturating_add)
        };
        Self {
            elapsed: sum(Some(IntervalCourse::Running), |part| part.counted),
            paused: sum(Some(IntervalCourse::Paused), |part| part.counted),
            wall_clock: sum(None, |part| part.wall_clock),
            running_wall_clock: sum(Some(IntervalCourse::Running), |part| part.wall_clock),
        }
    }
}

impl EventReference {
    /// The reference of an event.
    pub fn of(recorded: &Recorded<DomainEvent>) -> Self {
        Self {
            id: recorded.id,
            stream: recorded.event.stream_name(),
            revision: recorded.revision,
            occurred_at: recorded.meta.occurred_at,
            recorded_at: recorded.meta.recorded_at,
        }
    }
}

fn facts(evidence: Evidence<'_>, key: &ClockKey) -> Vec<FactOnRecord> {
    let of_clock = |recorded: &&Recorded<DomainEvent>| matches!(&recorded.event, DomainEvent::Clock(_, fact) if fact.subject().clock == *key);
    let facts = evidence.events.iter().filter(of_clock).map(|recorded| FactOnRecord {
        fact: recorded.event.event_type().name.to_owned(),
        event: EventReference::of(recorded),
    });
    facts.collect()
}

fn policies_used(evidence: Evidence<'_>, clock: &Clock, parts: &[Part]) -> Vec<PolicyUsed> {
    let mut used: BTreeSet<(&PolicyId, u32)> =
        parts.iter().map(|part| (&part.policy_id, part.policy_version)).collect();
    used.insert((&clock.policy_id, clock.policy_version));
    let published = evidence.events.iter().filter_map(|recorded| match &recorded.event {
        DomainEvent::Policy(id, PolicyEvent::Published(published))
            if used.contains(&(id, published.version)) =>
        {
            Some(PolicyUsed {
                id: id.clone(),
                version: published.version,
                effective_from: published.effective_from,
                event: EventReference::of(recorded),
                document: published.document.clone(),
            })
        }
        _ => None,
    });
    published.collect()
}

fn calendars_used(evidence: Evidence<'_>, parts: &[Part]) -> Vec<CalendarUsed> {
    let used = parts.iter().filter_map(|part| part.calendar.as_ref());
    let used: BTreeSet<(&CalendarId, u32)> = used.map(|used| (&used.id, used.version)).collect();
    let published = evidence.events.iter().filter_map(|recorded| match &recorded.event {
        DomainEvent::Calendar(id, CalendarEvent::Published(published))
            if used.contains(&(id, published.version)) =>
        {
            Some(CalendarUsed {
                id: id.clone(),
                version: published.version,
                effective_from: published.effective_from,
                event: EventReference::of(recorded),
                document: published.document.clone(),
            })
        }
        _ => None,
    });
    published.collect()
}
