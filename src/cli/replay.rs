//! `parvandeh replay`: a case step by step, read from the log alone.
//!
//! It opens the log for reading only and takes no lock, so an auditor can replay beside a running server. Steps are written as they come,
//! so that a long history takes no more memory than its events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::sla::{Clock, ClockState};
use parvandeh_projections::case_timeline::{Change, TimelineEntry};
use serde_json::{Value, json};

use super::case_log::CaseLog;
use super::file;
use super::{Exit, Failure, Format};
use crate::config::Config;
use crate::replay::{Difference, Replay, ReplayClock, ReplayState, ReplayStep, is_of_money};

/// Prints the history of a case, or one step of it.
pub fn replay(
    config: &Config,
    case: &str,
    as_of: Option<Timestamp>,
    step: Option<u64>,
    format: Format,
) -> Result<Exit, Failure> {
    let found = CaseLog::read(config, case, as_of)?;
    let mut replay = Replay::new(found.id);
    let mut steps = found.evidence.iter().filter_map(|event| replay.step(event));
    if let Some(number) = step {
        let Some(step) = steps.find(|step| step.number == number) else {
            let message = format!("case {case} has no step {number}; steps are counted from 1");
            return Err(Failure::new(Exit::NotFound, message));
        };
        match format {
            Format::Text => file::answer(&(step_text(&step) + &state_text(&step.after)))?,
            Format::Json => file::answer(&format!("{:#}\n", step_json(&step)))?,
        }
        return Ok(Exit::Done);
    }
    match format {
        Format::Text => {
            file::answer(&heading(&found, as_of))?;
            for step in steps {
                file::answer(&step_text(&step))?;
            }
            file::answer(&ending(&mut replay, as_of))?;
        }
        Format::Json => {
            let steps: Vec<_> = steps.map(|step| step_json(&step)).collect();
            let state = state_json(&replay.state());
            let answer = json!({
                "id": found.id,
                "reference": found.id.reference(),
                "asOf": as_of,
                "steps": steps,
                "state": state,
            });
            file::answer(&format!("{answer:#}\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// How the event reads on the case's timeline.
fn entry(step: &ReplayStep) -> Option<TimelineEntry> {
    let event = &step.event;
    match &event.event {
        DomainEvent::Case(id, said) => Some(TimelineEntry::of(*id, said, event)),
        DomainEvent::Clock(id, fact) => TimelineEntry::of_clock(*id, fact, event),
        DomainEvent::Attachment(id, AttachmentEvent::Added(added)) => {
            Some(TimelineEntry::of_attachment(*id, added, event))
        }
        DomainEvent::Redress(..) | DomainEvent::Fee(..) | DomainEvent::Payment(..) => {
            TimelineEntry::of_money(CaseId(step.after.case.as_ref()?.id), event)
        }
        DomainEvent::Customer(..)
        | DomainEvent::Policy(..)
        | DomainEvent::Segmentation(..)
        | DomainEvent::Calendar(..)
        | DomainEvent::Attachment(_, AttachmentEvent::PartStored(_))
        | DomainEvent::Access(..)
        | DomainEvent::Account(..)
        | DomainEvent::Card(..)
        | DomainEvent::SignIn(..)
        | DomainEvent::Unit(..) => None,
    }
}

/// Which field says what was said at a step, or why it was done. Here it stays sealed: whoever may read it is answered by the API, which
/// records that they did.
fn sealed_field(step: &ReplayStep) -> Option<&'static str> {
    entry(step)?.text_field
}

/// What events say beside the fields of the case.
const DETAILS: &[&str] = &[
    "answer_due_at",
    "activity",
    "resource",
    "group",
    "transition",
    "safety",
    "complexity",
    "impact",
    "level",
    "appeal_until",
    "appeal_to",
    "cause",
    "corrective_action",
    "from_unit",
    "escalated_to",
    "follow_up",
    "media_type",
    "size_bytes",
];

fn details(entry: &TimelineEntry) -> impl Iterator<Item = &Change> {
    entry.changes.iter().filter(|change| DETAILS.contains(&change.field.as_str()))
}

fn heading(found: &CaseLog, as_of: Option<Timestamp>) -> String {
    let mut out = String::new();
    line!(out, "Case {} ({})", found.id.reference(), found.id);
    if let Some(moment) = as_of {
        line!(out, "as it was known at {moment}");
    }
    line!(out);
    out
}

/// Where the event stands: in which stream, and its number there.
fn place(step: &ReplayStep) -> String {
    let revision = step.event.revision;
    match &step.event.event {
        DomainEvent::Case(..) => format!("case event {revision}"),
        DomainEvent::Customer(..) => format!("customer event {revision}"),
        DomainEvent::Clock(_, fact) => format!("clock event {revision}: {}", fact.subject().clock),
        DomainEvent::Policy(id, _) => format!("policy {id} version {}", revision + 1),
        DomainEvent::Segmentation(id, _) => format!("segmentation {id} version {}", revision + 1),
        DomainEvent::Calendar(id, _) => format!("calendar {id} version {}", revision + 1),
        DomainEvent::Attachment(id, _) => format!("attachment {id}, event {revision}"),
        DomainEvent::Access(day, _) => format!("access log of {day}, event {revision}"),
        DomainEvent::Account(..) => format!("account event {revision}"),
        DomainEvent::Redress(..) => format!("redress event {revision}"),
        DomainEvent::Fee(..) => format!("fee event {revision}"),
        DomainEvent::Payment(..) => format!("payment event {revision}"),
        DomainEvent::Card(..) => format!("card event {revision}"),
        DomainEvent::SignIn(..) => format!("sign-in event {revision}"),
        DomainEvent::Unit(id, _) => format!("unit {id} event {revision}"),
    }
}

fn step_text(step: &ReplayStep) -> String {
    let mut out = String::new();
    let meta = &step.event.meta;
    let event_type = step.event.event.event_type().name;
    line!(out, "{:>4}  {}  {event_type} ({})", step.number, meta.occurred_at, place(step));
    if meta.recorded_at != meta.occurred_at {
        line!(out, "      recorded {}", meta.recorded_at);
    }
    line!(out, "      by {}", meta.actor.id);
    if let Some(entry) = entry(step) {
        match (entry.direction, entry.channel) {
            (Some(direction), Some(channel)) => line!(out, "      {direction} by {channel}"),
            (Some(direction), None) => line!(out, "      {direction}"),
            (None, _) => {}
        }
        for Change { field, value } in details(&entry) {
            line!(out, "      {field}: {}", value.as_deref().unwrap_or("sealed"));
        }
    }
    let mut opened = None;
    for difference in &step.differences {
        if opened == Some(&difference.subject) || !is_shown(difference) {
            continue;
        }
        let clock = |state: &ReplayState| {
            state
                .clocks
                .iter()
                .find(|one| one.row.clock.key.to_string() == difference.subject)
                .cloned()
        };
        match (clock(&step.before), clock(&step.after)) {
            // One line says it all of a clock that was not there before.
            (None, Some(clock)) => {
                opened = Some(&difference.subject);
                line!(out, "      clock {}: {}", difference.subject, clock_text(&clock));
            }
            (Some(_), None) => {
                opened = Some(&difference.subject);
                line!(out, "      clock {}: no longer promised", difference.subject);
            }
            _ => line!(out, "      {}", difference_text(difference)),
        }
    }
    if let Some(field) = sealed_field(step) {
        line!(out, "      | the {field} is sealed");
    }
    line!(out, "      = {}", standing_text(&step.after));
    out
}

/// The text leaves out what a step's first lines say already, and sums that follow from the rest.
fn is_shown(difference: &Difference) -> bool {
    let hidden = [
        "text",
        "revision",
        "updated_at",
        "opened_at",
        "interaction_count",
        "customer_id",
        "elapsed",
        "paused",
        "wall_clock",
        "intervals",
        "attached_at",
    ];
    !hidden.contains(&difference.field)
}

fn difference_text(difference: &Difference) -> String {
    let Difference { subject, field, before, after } = difference;
    let of = match subject.as_str() {
        "case" => String::new(),
        "customer" => "customer ".to_owned(),
        money if is_of_money(money) => format!("{money} "),
        clock => format!("clock {clock} "),
    };
    match (before, after) {
        (None, Some(after)) => format!("{of}{field}: {after}"),
        (Some(before), Some(after)) => format!("{of}{field}: {before} -> {after}"),
        (Some(before), None) => format!("{of}{field}: {before} -> none"),
        (None, None) => format!("{of}{field}"),
    }
}

/// How a clock stands, telling what is late and done from what is late and open.
fn standing(clock: &Clock, verdict: ClockState) -> &'static str {
    let open = clock.stopped_at.is_none();
    if verdict == ClockState::Breached && open { "open and overdue" } else { verdict.as_str() }
}

/// A clock in one line: how it stands, and the policy, rule and calendar that say so.
fn clock_text(found: &ReplayClock) -> String {
    let clock = &found.row.clock;
    let due = match (clock.due_at, clock.stopped_at) {
        (Some(due), _) => format!(", due {due}"),
        (None, _) if clock.goal.is_none() => String::new(),
        (None, Some(_)) => ", stopped while it waited".to_owned(),
        (None, None) => ", no due time while it waits".to_owned(),
    };
    let recorded = if found.row.breach_recorded { ", breach on record" } else { "" };
    let calendar = match (&clock.calendar_id, found.calendar_version) {
        (Some(id), Some(version)) => format!(", calendar {id} version {version}"),
        (Some(id), None) => format!(", calendar {id}"),
        (None, _) => String::new(),
    };
    format!(
        "{}{due}{recorded} (policy {} version {}, rule \"{}\"{calendar})",
        standing(clock, found.verdict),
        clock.policy_id,
        clock.policy_version,
        clock.rule
    )
}

/// A state in one line, as it stood when the event was recorded.
fn standing_text(state: &ReplayState) -> String {
    let Some(case) = &state.case else { return "not opened".to_owned() };
    let mut parts = vec![case.status.to_string()];
    parts.push(case.unit.as_ref().map_or("no unit".to_owned(), |unit| format!("unit {unit}")));
    parts.extend(case.assignee.as_ref().map(|assignee| format!("assignee {assignee}")));
    parts.extend(state.clocks.iter().map(|found| {
        format!("{} {}", found.row.clock.key, standing(&found.row.clock, found.verdict))
    }));
    parts.join(", ")
}

/// A state in full.
fn state_text(state: &ReplayState) -> String {
    let mut out = String::new();
    line!(out);
    line!(out, "The state after it:");
    for Difference { subject, field, after, .. } in state.fields() {
        if let Some(value) = after {
            line!(out, "  {subject:<18} {field:<24} {value}");
        }
    }
    line!(out);
    for found in &state.clocks {
        line!(out, "clock {}: {}", found.row.clock.key, clock_text(found));
    }
    out
}

/// How all of it stands, at the moment of the view or now.
fn ending(replay: &mut Replay, as_of: Option<Timestamp>) -> String {
    let mut out = String::new();
    line!(out);
    let state = replay
        .state_at(as_of.unwrap_or_else(|| crate::clock::Clock::now(&crate::clock::SystemClock)));
    if let Some(case) = &state.case {
        line!(out, "status {}, {} events", case.status, case.revision + 1);
    }
    for found in &state.clocks {
        line!(out, "clock {}: {}", found.row.clock.key, clock_text(found));
    }
    out
}

fn step_json(step: &ReplayStep) -> Value {
    let (event, meta) = (&step.event, &step.event.meta);
    let differences: Vec<_> = step
        .differences
        .iter()
        .map(|Difference { subject, field, before, after }| {
            json!({ "subject": subject, "field": field, "before": before, "after": after })
        })
        .collect();
    let entry = entry(step);
    let details: BTreeMap<_, _> =
        entry.iter().flat_map(details).map(|change| (&change.field, &change.value)).collect();
    json!({
        "number": step.number,
        "eventId": event.id,
        "eventType": event.event.event_type().name,
        "stream": event.event.stream_name(),
        "revision": event.revision,
        "position": event.position,
        "occurredAt": meta.occurred_at,
        "recordedAt": meta.recorded_at,
        "actorKind": meta.actor.kind,
        "actorId": meta.actor.id,
        "channel": entry.as_ref().and_then(|entry| entry.channel),
        "direction": entry.as_ref().and_then(|entry| entry.direction),
        "details": details,
        "sealed": sealed_field(step),
        "changes": differences,
        "after": state_json(&step.after),
    })
}

fn state_json(state: &ReplayState) -> Value {
    let mut json = serde_json::Map::new();
    for Difference { subject, field, after, .. } in state.fields() {
        let of_subject = json.entry(subject).or_insert_with(|| json!({}));
        of_subject[field] = json!(after);
    }
    let clocks = state.clocks.iter().map(|found| {
        let key = found.row.clock.key.to_string();
        let mut clock = json.remove(&key).unwrap_or_default();
        clock["key"] = json!(key);
        clock["verdict"] = json!(found.verdict);
        clock["calendar_version"] = json!(found.calendar_version);
        clock
    });
    let clocks: Vec<_> = clocks.collect();
    json.insert("clocks".to_owned(), json!(clocks));
    Value::Object(json)
}
