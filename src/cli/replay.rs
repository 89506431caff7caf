//! `parvandeh replay`: a case step by step, read from the log alone.
//!
//! It opens the log for reading only and takes no lock, so an auditor can replay beside a running server.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{Clock, ClockState};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::case_timeline::{Change, TimelineEntry};
use serde_json::{Value, json};

use super::case_log::CaseLog;
use super::file;
use super::{Exit, Failure, Format};
use crate::config::Config;
use crate::replay;

/// Prints the history of a case.
pub fn replay(
    config: &Config,
    case: &str,
    as_of: Option<Timestamp>,
    format: Format,
) -> Result<Exit, Failure> {
    let found = CaseLog::read(config, case, as_of)?;
    match format {
        Format::Text => file::answer(&text(&found, as_of))?,
        Format::Json => file::answer(&format!("{:#}\n", to_json(&found)))?,
    }
    Ok(Exit::Done)
}

fn timeline(found: &CaseLog) -> impl Iterator<Item = TimelineEntry> {
    found.events.iter().filter_map(|recorded| match &recorded.event {
        DomainEvent::Case(id, event) => Some(TimelineEntry::of(*id, event, recorded)),
        _ => None,
    })
}

/// Adds a line to a text, which cannot fail.
macro_rules! line {
    ($out:ident $(, $($argument:tt)+)?) => {{
        $( $out.push_str(&format!($($argument)+)); )?
        $out.push('\n');
    }};
}

fn text(found: &CaseLog, as_of: Option<Timestamp>) -> String {
    let mut out = String::new();
    let Some(row) = replay::case_row(found.id, &found.events) else { return out };
    line!(out, "Case {} ({})", row.reference, found.id);
    if let Some(moment) = as_of {
        line!(out, "as it was known at {moment}");
    }
    line!(out);
    let mut state = BTreeMap::<String, String>::new();
    for step in timeline(found) {
        line!(out, "{:>4}  {}  {}", step.revision, step.occurred_at, step.event_type);
        if step.recorded_at != step.occurred_at {
            line!(out, "      recorded {}", step.recorded_at);
        }
        line!(out, "      by {}", step.actor_id);
        for Change { field, value } in &step.changes {
            let value = value.as_deref().unwrap_or("(sealed)");
            match state.insert(field.clone(), value.to_owned()) {
                Some(before) if before != value => {
                    line!(out, "      {field}: {before} -> {value}")
                }
                Some(_) => {}
                None => line!(out, "      {field}: {value}"),
            }
        }
        if let Some(field) = step.text_field {
            line!(out, "      | ({field} is sealed)");
        }
    }
    line!(out);
    line!(out, "status {}, {} events", row.status, found.events.len());
    let now = as_of.unwrap_or_else(|| crate::clock::Clock::now(&crate::clock::SystemClock));
    for ClockRow { clock, breach_recorded, .. } in found.clocks.rows() {
        let due =
            clock.due_at.map_or("no due time while it waits".to_owned(), |due| due.to_string());
        let recorded = if breach_recorded { ", breach on record" } else { "" };
        line!(
            out,
            "clock {}: {}, due {due}{recorded} (policy {} version {}, rule \"{}\")",
            clock.key,
            standing(&clock, now),
            clock.policy_id,
            clock.policy_version,
            clock.rule
        );
    }
    out
}

/// How a clock stands, telling what is late and done from what is late and open.
fn standing(clock: &Clock, now: Timestamp) -> &'static str {
    let verdict = clock.verdict_at(now);
    let open = clock.stopped_at.is_none();
    if verdict == ClockState::Breached && open { "open and overdue" } else { verdict.as_str() }
}

fn clock_json(row: ClockRow) -> Value {
    let clock = row.clock;
    let intervals: Vec<_> = clock
        .intervals
        .iter()
        .map(|interval| {
            json!({
                "from": interval.from,
                "to": interval.to,
                "course": interval.course,
                "cause": interval.cause,
            })
        })
        .collect();
    json!({
        "key": clock.key,
        "state": clock.state,
        "policyId": clock.policy_id,
        "policyVersion": clock.policy_version,
        "rule": clock.rule,
        "calendarId": clock.calendar_id,
        "goal": clock.goal.map(|goal| goal.to_string()),
        "target": clock.target,
        "startedAt": clock.started_at,
        "dueAt": clock.due_at,
        "stoppedAt": clock.stopped_at,
        "elapsed": clock.elapsed,
        "paused": clock.paused,
        "breachRecorded": row.breach_recorded,
        "intervals": intervals,
    })
}

fn to_json(found: &CaseLog) -> Value {
    let steps: Vec<_> = timeline(found)
        .map(|step| {
            let changes: BTreeMap<_, _> =
                step.changes.iter().map(|change| (&change.field, &change.value)).collect();
            json!({
                "eventId": step.event_id,
                "position": step.position,
                "revision": step.revision,
                "eventType": step.event_type,
                "occurredAt": step.occurred_at,
                "recordedAt": step.recorded_at,
                "actorKind": step.actor_kind,
                "actorId": step.actor_id,
                "channel": step.channel,
                "direction": step.direction,
                "changes": changes,
            })
        })
        .collect();
    let clocks: Vec<_> = found.clocks.rows().into_iter().map(clock_json).collect();
    let status = replay::case_row(found.id, &found.events).map(|row| row.status);
    json!({
        "id": found.id,
        "reference": found.id.reference(),
        "status": status,
        "events": steps,
        "clocks": clocks,
    })
}
