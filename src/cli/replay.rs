//! `parvandeh replay`: a case step by step, read from the log alone.
//!
//! It opens the log for reading only and takes no lock, so an auditor can replay beside a running server.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{Clock, ClockState};
use parvandeh_projections::case_timeline::{Change, TimelineEntry};
use parvandeh_projections::sla_clocks::{ClockRow, state_name};
use parvandeh_projections::sla_reference::ReferenceData;
use serde_json::{Value, json};

use super::{Exit, Failure, Format};
use crate::config::Config;
use crate::replay;
use crate::store::Position;
use crate::store::sqlite::LogReader;
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

const PAGE_SIZE: usize = 10_000;

/// What a replay needs of the log.
struct Found {
    id: CaseId,
    case: Vec<Recorded<DomainEvent>>,
    clock: Vec<Recorded<DomainEvent>>,
    opened_with: ReferenceData,
    reference: ReferenceData,
}

/// Prints the history of a case.
pub fn replay(
    config: &Config,
    case: &str,
    as_of: Option<Timestamp>,
    format: Format,
) -> Result<Exit, Failure> {
    let moment = as_of.unwrap_or(Timestamp::MAX);
    let log = LogReader::open(&config.data_directory)?;
    let Some(id) = find(&log, case)? else {
        return Err(Failure::new(Exit::NotFound, format!("there is no case {case} in the log")));
    };
    let found = collect(&log, id, moment)?;
    if found.case.is_empty() {
        let message = format!("case {case} was not known at {moment}");
        return Err(Failure::new(Exit::NotFound, message));
    }
    match format {
        Format::Text => print_text(&found, as_of),
        Format::Json => println!("{:#}", to_json(&found)),
    }
    Ok(Exit::Done)
}

/// The case that the text names: by its id, its global id, its reference or its key in the system it came from.
fn find(log: &LogReader, text: &str) -> Result<Option<CaseId>, Failure> {
    let mut found = None;
    for_each(log, |event| {
        if let DomainEvent::Case(id, CaseEvent::Opened(opened)) = &event.event
            && (id.to_string() == text
                || id.reference() == text
                || opened.external_reference.as_deref() == Some(text)
                || crate::graphql::global_id::encode_case(id.0) == text)
        {
            found = Some(*id);
        }
        found.is_none()
    })?;
    Ok(found)
}

fn collect(log: &LogReader, id: CaseId, moment: Timestamp) -> Result<Found, Failure> {
    let mut found = Found {
        id,
        case: Vec::new(),
        clock: Vec::new(),
        opened_with: ReferenceData::default(),
        reference: ReferenceData::default(),
    };
    for_each(log, |event| {
        if event.meta.recorded_at > moment {
            return true;
        }
        match &event.event {
            DomainEvent::Case(case_id, _) if *case_id == id => {
                if found.case.is_empty() {
                    found.opened_with = found.reference.clone();
                }
                found.case.push(event);
            }
            DomainEvent::Clock(case_id, _) if *case_id == id => found.clock.push(event),
            DomainEvent::Policy(policy_id, published) => {
                found.reference.policy_published(policy_id, published);
            }
            DomainEvent::Calendar(calendar_id, published) => {
                found.reference.calendar_published(calendar_id, published);
            }
            DomainEvent::Case(..) | DomainEvent::Clock(..) | DomainEvent::Customer(..) => {}
        }
        true
    })?;
    Ok(found)
}

/// Reads the log from its beginning for as long as `visit` says so.
fn for_each(
    log: &LogReader,
    mut visit: impl FnMut(Recorded<DomainEvent>) -> bool,
) -> Result<(), Failure> {
    let mut after: Option<Position> = None;
    loop {
        let page = log.read_all(after, PAGE_SIZE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.position);
        for logged in &page {
            if let Entry::Event(event) = entry(logged)
                && !visit(*event)
            {
                return Ok(());
            }
        }
    }
}

fn timeline(found: &Found) -> impl Iterator<Item = TimelineEntry> {
    found.case.iter().filter_map(|recorded| match &recorded.event {
        DomainEvent::Case(id, event) => {
            Some(TimelineEntry::of(*id, event, &recorded.into(), &recorded.meta))
        }
        _ => None,
    })
}

fn clocks(found: &Found) -> Vec<ClockRow> {
    replay::clock_rows(found.id.0, &found.case, &found.clock, &found.opened_with, &found.reference)
}

fn print_text(found: &Found, as_of: Option<Timestamp>) {
    let Some(row) = replay::case_row(found.id, &found.case) else { return };
    println!("Case {} ({})", row.reference, found.id);
    println!("{}", row.subject);
    if let Some(moment) = as_of {
        println!("as it was known at {moment}");
    }
    println!();
    let mut state = BTreeMap::<String, String>::new();
    for step in timeline(found) {
        println!("{:>4}  {}  {}", step.revision, step.occurred_at, step.event_type);
        if step.recorded_at != step.occurred_at {
            println!("      recorded {}", step.recorded_at);
        }
        println!("      by {}", step.actor_id);
        for Change { field, value } in &step.changes {
            match state.insert(field.clone(), value.clone()) {
                Some(before) if before != *value => println!("      {field}: {before} -> {value}"),
                Some(_) => {}
                None => println!("      {field}: {value}"),
            }
        }
        if let Some(text) = &step.text {
            for line in text.lines() {
                println!("      | {line}");
            }
        }
    }
    println!();
    println!("status {}, {} events", row.status, found.case.len());
    let now = as_of.unwrap_or_else(|| crate::clock::Clock::now(&crate::clock::SystemClock));
    for ClockRow { clock, breach_recorded, .. } in clocks(found) {
        let due =
            clock.due_at.map_or("no due time while it waits".to_owned(), |due| due.to_string());
        let recorded = if breach_recorded { ", breach on record" } else { "" };
        println!(
            "clock {}: {}, due {due}{recorded} (policy {} version {}, rule \"{}\")",
            clock.key,
            standing(&clock, now),
            clock.policy_id,
            clock.policy_version,
            clock.rule
        );
    }
}

/// How a clock stands, telling what is late and done from what is late and open.
fn standing(clock: &Clock, now: Timestamp) -> &'static str {
    let verdict = clock.verdict_at(now);
    let open = clock.stopped_at.is_none();
    if verdict == ClockState::Breached && open { "open and overdue" } else { state_name(verdict) }
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
                "running": interval.running,
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

fn to_json(found: &Found) -> Value {
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
                "text": step.text,
                "changes": changes,
            })
        })
        .collect();
    let clocks: Vec<_> = clocks(found).into_iter().map(clock_json).collect();
    let status = replay::case_row(found.id, &found.case).map(|row| row.status);
    json!({
        "id": found.id,
        "reference": found.id.reference(),
        "status": status,
        "events": steps,
        "clocks": clocks,
    })
}
