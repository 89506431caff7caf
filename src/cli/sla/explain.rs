//! `parvandeh sla explain`: each clock of a case as a line of time, and below it what began each stretch and who counted it.

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::calendar::CalendarVersions;
use parvandeh_domain::sla::certificate::Evidence;
use parvandeh_domain::sla::{CalendarSource, Clock, ClockInterval, FactSource, SlaHistory};
use parvandeh_projections::sla_reference::ReferenceData;
use serde_json::{Value, json};

use super::line::{Characters, lines};
use crate::cli::case_log::CaseLog;
use crate::cli::{Exit, Failure, Format, file};
use crate::config::Config;
use crate::local_time::{LocalTimes, amount};

/// Explains the clocks of a case.
pub fn explain(
    config: &Config,
    case: &str,
    as_of: Option<Timestamp>,
    format: Format,
) -> Result<Exit, Failure> {
    let found = CaseLog::read(config, case, as_of)?;
    let now = as_of.unwrap_or_else(super::now);
    let rows = found.clocks.rows();
    let nothing = SlaHistory::default();
    let history = found.clocks.ground.as_ref().map_or(&nothing, |ground| &ground.history);
    let explained = Explained {
        evidence: Evidence { case_id: found.id, history, events: &found.evidence },
        reference: &found.clocks.reference,
        now,
    };
    let clocks = rows.iter().map(|row| &row.clock);
    let text = match format {
        Format::Json => {
            let clocks: Vec<_> = clocks.map(|clock| explained.json(clock)).collect();
            let (id, reference) = (found.id, found.id.reference());
            format!(
                "{:#}\n",
                json!({ "id": id, "reference": reference, "at": now, "clocks": clocks })
            )
        }
        Format::Text => {
            let mut text = format!("Case {} ({})\n", found.id.reference(), found.id);
            let known = if as_of.is_some() { "as it was known at" } else { "now:" };
            text += &format!("{known} {now}\n");
            let characters = Characters::of_locale();
            if rows.is_empty() {
                text += "\nNo policy promises anything for this case.\n";
            } else {
                text += &format!("{}\n", characters.legend());
            }
            clocks.for_each(|clock| explained.text(clock, characters, &mut text));
            text
        }
    };
    file::answer(&text)?;
    Ok(Exit::Done)
}

/// What explanations are made from.
struct Explained<'a> {
    evidence: Evidence<'a>,
    reference: &'a ReferenceData,
    now: Timestamp,
}

impl Explained<'_> {
    fn text(&self, clock: &Clock, characters: Characters, text: &mut String) {
        let times = self.local_times(clock);
        let moment = |at: Timestamp| times.full_text(at);
        let state = clock.verdict_at(self.now);
        let open = if clock.stopped_at.is_none() { "open" } else { "ended" };
        *text += &format!("\n{}  {state} ({open})\n", clock.key);
        let due = clock.due_at.map_or("not due while it stands so".to_owned(), moment);
        *text += &format!("  due      {due}\n");
        *text += &format!("  elapsed  {}\n", self.elapsed(clock));
        let paused = clock.paused_at(self.now, self.reference);
        if !paused.is_zero() {
            *text += &format!("  paused   {}\n", amount(paused, clock.measure));
        }
        *text += &format!("  times    in {}\n", times.zone());
        for line in lines(clock, self.now, characters) {
            *text += &format!("  {line}\n");
        }
        for interval in &clock.intervals {
            self.row(clock, interval, &times, text);
        }
    }

    fn elapsed(&self, clock: &Clock) -> String {
        let elapsed = amount(clock.elapsed_at(self.now, self.reference), clock.measure);
        let percent = clock.percent_at(self.now, self.reference);
        let percent = percent.map(|percent| format!(" ({percent} %)")).unwrap_or_default();
        match (clock.target, clock.goal) {
            (Some(target), _) => format!("{elapsed} of {}{percent}", amount(target, clock.measure)),
            (None, Some(goal)) => format!("{elapsed}, promised by {goal}{percent}"),
            (None, None) => format!("{elapsed}, nothing is promised"),
        }
    }

    /// An interval in two lines: when, how much and why; and who and what counted it.
    fn row(&self, clock: &Clock, interval: &ClockInterval, times: &LocalTimes, text: &mut String) {
        let to = interval.to.map_or("still lasts".to_owned(), |to| times.text(to));
        let counted = amount(self.counted(clock, interval), clock.measure);
        *text += &format!(
            "  {:<26} to {to:<26} {:<8} {counted:<11} {}\n",
            times.text(interval.from),
            interval.course.as_str(),
            interval.cause
        );
        let mut parts = vec![self.event(interval)];
        if let Some(from) = times.jalali(interval.from) {
            let to = interval.to.and_then(|to| times.jalali(to));
            let days = match to {
                Some(to) if to != from => format!("{from} to {to}"),
                _ => from.to_string(),
            };
            parts.insert(0, days);
        }
        parts.extend(interval.unit.as_ref().map(|unit| format!("unit {unit}")));
        parts.extend(interval.assignee.as_ref().map(|assignee| format!("assigned to {assignee}")));
        parts.extend(interval.hold.map(|hold| format!("on hold: {hold}")));
        let (policy, version) = (&interval.policy_id, interval.policy_version);
        parts.push(format!("rule \"{}\" of {policy} version {version}", interval.rule));
        parts.extend(
            self.calendar(interval)
                .map(|(id, versions)| format!("calendar {id} version {versions}")),
        );
        wrap(&parts, text);
    }

    /// The stream and the revision, the stream without the case's own id.
    fn event(&self, interval: &ClockInterval) -> String {
        match interval.source {
            FactSource::Case(revision) => format!("case event {revision}"),
            FactSource::Customer(revision) => format!("customer event {revision}"),
            FactSource::Clock(revision) => format!("clock event {revision}"),
            FactSource::Policy(version) => match self.evidence.event_of(interval) {
                Some(event) => format!("{} event {}", event.event.stream_name(), event.revision),
                None => format!("policy version {version}"),
            },
        }
    }

    fn counted(&self, clock: &Clock, interval: &ClockInterval) -> SignedDuration {
        let to = interval.to.unwrap_or(self.now).max(interval.from);
        match self.versions(interval) {
            Some(versions) => versions.measure(clock.measure, interval.from, to),
            None => to.duration_since(interval.from),
        }
    }

    fn versions(&self, interval: &ClockInterval) -> Option<&CalendarVersions> {
        let id = interval.calendar_id.as_ref()?;
        self.reference.calendar(id, interval.time_zone.as_deref())
    }

    /// The calendar of an interval and the versions that held in it: `2`, `1 to 2`.
    fn calendar(&self, interval: &ClockInterval) -> Option<(String, String)> {
        let versions = self.versions(interval)?;
        let first = versions.version_at(interval.from);
        let last = versions.version_at(interval.to.unwrap_or(self.now).max(interval.from));
        let numbers = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Some((interval.calendar_id.as_ref()?.to_string(), numbers))
    }

    /// The local times of the calendar that counts at the end; UTC without one.
    fn local_times(&self, clock: &Clock) -> LocalTimes {
        let versions = clock.intervals.last().and_then(|last| self.versions(last));
        LocalTimes::new(versions.map_or("UTC", |versions| versions.time_zone_at(self.now)))
    }

    fn json(&self, clock: &Clock) -> Value {
        let times = self.local_times(clock);
        let local = |at: Timestamp| times.text(at);
        let intervals: Vec<Value> = clock
            .intervals
            .iter()
            .map(|interval| {
                let event = self.evidence.event_of(interval);
                json!({
                    "from": interval.from,
                    "to": interval.to,
                    "localFrom": local(interval.from),
                    "localTo": interval.to.map(local),
                    "course": interval.course,
                    "counted": self.counted(clock, interval),
                    "cause": interval.cause,
                    "event": event.map(|event| json!({
                        "id": event.id,
                        "stream": event.event.stream_name(),
                        "revision": event.revision,
                        "occurredAt": event.meta.occurred_at,
                        "recordedAt": event.meta.recorded_at,
                    })),
                    "unit": interval.unit,
                    "assignee": interval.assignee,
                    "hold": interval.hold,
                    "policyId": interval.policy_id,
                    "policyVersion": interval.policy_version,
                    "rule": interval.rule,
                    "calendarId": interval.calendar_id,
                    "calendarVersions": self.calendar(interval).map(|(_, versions)| versions),
                })
            })
            .collect();
        let (now, reference) = (self.now, self.reference);
        json!({
            "key": clock.key,
            "metric": clock.metric,
            "state": clock.verdict_at(now),
            "timeZone": times.zone(),
            "startedAt": clock.started_at,
            "dueAt": clock.due_at,
            "localDueAt": clock.due_at.map(local),
            "stoppedAt": clock.stopped_at,
            "measure": clock.measure,
            "goal": clock.goal.map(|goal| goal.to_string()),
            "target": clock.target,
            "elapsed": clock.elapsed_at(now, reference),
            "paused": clock.paused_at(now, reference),
            "wallClock": clock.wall_clock_at(now),
            "remaining": clock.remaining_at(now, reference),
            "percent": clock.percent_at(now, reference),
            "policyId": clock.policy_id,
            "policyVersion": clock.policy_version,
            "rule": clock.rule,
            "intervals": intervals,
        })
    }
}

/// Writes parts in lines of at most a hundred columns, as far as they can be broken between parts.
fn wrap(parts: &[String], text: &mut String) {
    const INDENT: &str = "      ";
    let mut line = String::new();
    for part in parts {
        if !line.is_empty() && INDENT.len() + line.chars().count() + part.chars().count() + 3 > 100
        {
            *text += &format!("{INDENT}{line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line += " | ";
        }
        line += part;
    }
    *text += &format!("{INDENT}{line}\n");
}
