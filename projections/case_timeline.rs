//! The timeline of a case: who did what, when, by which channel, and what changed by it.
//!
//! A timeline is ordered by when things happened, so that Friday's letter stands before Saturday's call although it was scanned on
//! Monday. Things that happened at the same moment stand in the order in which they were recorded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, Channel, Direction};
use parvandeh_domain::decider::{ActorKind, Metadata, Recorded};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::SlaEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ReadModel;
use crate::column;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::{CaseScope, Visibility};

/// One thing that happened to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct TimelineEntry {
    pub event_id: Uuid,
    pub case_id: Uuid,
    pub position: i64,
    pub revision: i64,
    pub event_type: String,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub actor_kind: ActorKind,
    pub actor_id: String,
    pub internal: bool,
    pub channel: Option<Channel>,
    pub direction: Option<Direction>,
    /// What was said, or why it was done.
    pub text: Option<String>,
    pub changes: Vec<Change>,
}

/// A field of the case that got a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field, in snake_case.
    pub field: String,
    /// Its value from now on.
    pub value: String,
}

impl TimelineEntry {
    /// How an event reads on the timeline.
    pub fn of(case_id: CaseId, event: &CaseEvent, recorded: &EventPlace, meta: &Metadata) -> Self {
        let mut entry = Self::blank(case_id, event.event_type().name, recorded, meta);
        entry.describe(event);
        entry
    }

    /// How a fact about the case's clocks reads on the timeline; `None` for those that are not shown. What people did is shown to staff;
    /// what follows from it by itself (warnings, verdicts) is told by the clocks and by the feed of facts.
    pub fn of_clock(
        case_id: CaseId,
        fact: &SlaEvent,
        recorded: &EventPlace,
        meta: &Metadata,
    ) -> Option<Self> {
        let (reason, told) = match fact {
            SlaEvent::Extended(extended) => (&extended.reason, Some(&extended.told)),
            SlaEvent::Waived(waived) => (&waived.reason, None),
            SlaEvent::Warned(_)
            | SlaEvent::WarningWithdrawn(_)
            | SlaEvent::Breached(_)
            | SlaEvent::Met(_)
            | SlaEvent::CompletedLate(_)
            | SlaEvent::Cancelled(_)
            | SlaEvent::Restated(_) => return None,
        };
        let mut entry = Self::blank(case_id, fact.event_type().name, recorded, meta);
        entry.internal = true;
        entry.text = Some(reason.reveal().clone());
        entry.changed("clock", Some(&fact.subject().clock));
        entry.changed("told", told.map(Pii::reveal));
        Some(entry)
    }

    fn blank(case_id: CaseId, event_type: &str, recorded: &EventPlace, meta: &Metadata) -> Self {
        Self {
            event_id: recorded.event_id,
            case_id: case_id.0,
            position: column::integer(recorded.position),
            revision: column::integer(recorded.revision),
            event_type: event_type.to_owned(),
            occurred_at: meta.occurred_at,
            recorded_at: meta.recorded_at,
            actor_kind: meta.actor.kind,
            actor_id: meta.actor.id.clone(),
            internal: false,
            channel: None,
            direction: None,
            text: None,
            changes: Vec::new(),
        }
    }

    fn describe(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::Opened(opened) => {
                self.channel = Some(opened.channel);
                self.text = Some(opened.subject.reveal().clone());
                self.changed("kind", Some(opened.kind));
                self.changed("category", opened.category.as_ref());
                self.changed("priority", Some(opened.priority));
                self.changed("severity", opened.severity);
                self.changed("unit", opened.unit.as_ref());
                self.changed("due_at", opened.due_at);
                self.changed("split_from", opened.split_from.map(CaseId::reference));
            }
            CaseEvent::Classified(classified) => {
                self.changed("category", classified.category.as_ref());
                self.changed("priority", classified.priority);
                self.changed("severity", classified.severity);
            }
            CaseEvent::Referred(referred) => {
                // The reason is said among units; the customer sees by the unit where the case is.
                self.internal = true;
                self.text = Some(referred.reason.reveal().clone());
                self.changed("unit", Some(&referred.unit));
                self.changed("answer_due_at", referred.answer_due_at);
            }
            CaseEvent::Assigned(assigned) => {
                self.internal = true;
                self.changed("assignee", Some(&assigned.assignee));
            }
            CaseEvent::StageEntered(entered) => self.changed("stage", Some(&entered.stage)),
            CaseEvent::InteractionRecorded(interaction) => {
                self.internal = interaction.direction == Direction::Internal;
                self.channel = Some(interaction.channel);
                self.direction = Some(interaction.direction);
                self.text = Some(interaction.body.reveal().clone());
            }
            CaseEvent::NoteAdded(note) => {
                self.internal = true;
                self.text = Some(note.body.reveal().clone());
            }
            CaseEvent::Held(held) => {
                self.internal = held.note.is_some();
                self.text = held.note.as_ref().map(|note| note.reveal().clone());
                self.changed("hold_reason", Some(held.reason));
            }
            CaseEvent::Resumed(_) => {}
            CaseEvent::DueDateSet(set) => self.changed("due_at", Some(set.due_at)),
            CaseEvent::Resolved(resolved) => {
                self.text = resolved.summary.as_ref().map(|summary| summary.reveal().clone());
                self.changed("outcome", Some(resolved.outcome));
            }
            CaseEvent::Reopened(reopened) => {
                self.text = Some(reopened.reason.reveal().clone());
            }
            CaseEvent::Closed(_) => {}
            CaseEvent::Merged(merged) => {
                // The reason is said among staff, and may tell of the other case, whose customer may be somebody else.
                self.internal = true;
                self.text = Some(merged.reason.reveal().clone());
                self.changed("merged_into", Some(merged.into.reference()));
            }
            CaseEvent::Unmerged(unmerged) => {
                self.internal = true;
                self.text = Some(unmerged.reason.reveal().clone());
            }
            CaseEvent::ActivityRecorded(activity) => {
                self.internal = true;
                self.changed("activity", Some(&activity.name));
                self.changed("resource", activity.resource.as_ref());
                self.changed("group", activity.group.as_ref());
                self.changed("transition", activity.transition.as_ref());
            }
        }
    }

    fn changed(&mut self, field: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.changes.push(Change { field: field.to_owned(), value: value.to_string() });
        }
    }
}

/// Where an event stands, apart from what it says.
#[derive(Clone, Copy, Debug)]
pub struct EventPlace {
    /// The event's id.
    pub event_id: Uuid,
    /// Its place in its stream.
    pub revision: u64,
    /// Its place in the log.
    pub position: u64,
}

impl<E> From<&Recorded<E>> for EventPlace {
    fn from(recorded: &Recorded<E>) -> Self {
        Self { event_id: recorded.id.0, revision: recorded.revision, position: recorded.position }
    }
}

/// The read model.
#[derive(Default)]
pub struct CaseTimeline {
    /// New entries by their place in the table, so that a batch is written in the table's own order.
    entries: BTreeMap<(Uuid, i64, i64), TimelineEntry>,
}

impl ReadModel for CaseTimeline {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_timeline (
            case_id BLOB NOT NULL, occurred_at INTEGER NOT NULL, position INTEGER NOT NULL,
            event_id BLOB NOT NULL, revision INTEGER NOT NULL, event_type TEXT NOT NULL,
            recorded_at INTEGER NOT NULL, actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL,
            internal INTEGER NOT NULL, channel TEXT, direction TEXT, text TEXT, changes TEXT,
            PRIMARY KEY (case_id, occurred_at, position)
        ) WITHOUT ROWID"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("case_timeline", "text")]
    }

    fn indexes(&self) -> &'static str {
        ""
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        let entry = match &event.event {
            DomainEvent::Case(id, case_event) => {
                TimelineEntry::of(*id, case_event, &event.into(), &event.meta)
            }
            DomainEvent::Clock(id, fact) => {
                let entry = TimelineEntry::of_clock(*id, fact, &event.into(), &event.meta);
                let Some(entry) = entry else { return Ok(()) };
                entry
            }
            _ => return Ok(()),
        };
        let key = (entry.case_id, column::microseconds(entry.occurred_at), entry.position);
        self.entries.insert(key, entry);
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO case_timeline (case_id, occurred_at, position, event_id, revision, event_type, \
             recorded_at, actor_kind, actor_id, internal, channel, direction, text, changes) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        for ((case_id, occurred_at, position), entry) in std::mem::take(&mut self.entries) {
            insert.execute(rusqlite::params![
                case_id,
                occurred_at,
                position,
                entry.event_id,
                entry.revision,
                entry.event_type,
                column::microseconds(entry.recorded_at),
                actor_kind_name(entry.actor_kind),
                entry.actor_id,
                entry.internal,
                entry.channel.map(Channel::as_str),
                entry.direction.map(Direction::as_str),
                entry.text,
                (!entry.changes.is_empty()).then(|| changes_json(&entry.changes)),
            ])?;
        }
        Ok(())
    }
}

fn changes_json(changes: &[Change]) -> String {
    serde_json::to_string(changes).expect("two strings always serialise")
}

fn actor_kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Customer => "customer",
        ActorKind::Staff => "staff",
        ActorKind::Service => "service",
        ActorKind::System => "system",
    }
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimelineFilter {
    /// Only these event types.
    pub event_type: Option<Vec<String>>,
    /// Only these channels.
    pub channel: Option<Vec<Channel>>,
    /// Only what was recorded until this moment.
    pub recorded_until: Option<Timestamp>,
}

/// A page of a case's timeline, in the order in which things happened.
pub fn timeline(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    case_id: Uuid,
    filter: &TimelineFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<TimelineEntry>> {
    list(scope, visibility, case_id, filter).page(db, page, read)
}

/// How many entries the filter finds.
pub fn timeline_count(
    db: &Connection,
    scope: &CaseScope,
    visibility: Visibility,
    case_id: Uuid,
    filter: &TimelineFilter,
) -> rusqlite::Result<u64> {
    list(scope, visibility, case_id, filter).count(db)
}

fn list(scope: &CaseScope, visibility: Visibility, case_id: Uuid, filter: &TimelineFilter) -> List {
    let mut conditions = Conditions::default();
    conditions.add("t.case_id = ?", [Value::Blob(case_id.as_bytes().to_vec())]);
    scope.restrict(&mut conditions, "c");
    if visibility == Visibility::Public {
        conditions.add("t.internal = 0", []);
    }
    if let Some(types) = &filter.event_type {
        conditions.add_in("t.event_type", types.iter().cloned().map(Value::Text));
    }
    if let Some(channels) = &filter.channel {
        let names = channels.iter().map(|channel| Value::Text(channel.as_str().to_owned()));
        conditions.add_in("t.channel", names);
    }
    if let Some(until) = filter.recorded_until {
        let until = Value::Integer(column::microseconds(until));
        conditions.add("t.recorded_at <= ?", [until]);
    }
    List {
        columns: "t.case_id, t.event_id, t.revision, t.event_type, t.recorded_at, t.actor_kind, \
                  t.actor_id, t.internal, t.channel, t.direction, t.text, t.changes",
        from: "case_timeline t JOIN case_summary c ON c.id = t.case_id",
        key: "t.occurred_at",
        tie: "t.position",
        descending: false,
        conditions,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<TimelineEntry> {
    let changes: Option<String> = row.get(13)?;
    let changes = changes.map_or(Ok(Vec::new()), |json| serde_json::from_str(&json));
    Ok(TimelineEntry {
        occurred_at: column::time(row, 0)?,
        position: row.get(1)?,
        case_id: row.get(2)?,
        event_id: row.get(3)?,
        revision: row.get(4)?,
        event_type: row.get(5)?,
        recorded_at: column::time(row, 6)?,
        actor_kind: match row.get_ref(7)?.as_str()? {
            "customer" => ActorKind::Customer,
            "staff" => ActorKind::Staff,
            "service" => ActorKind::Service,
            _ => ActorKind::System,
        },
        actor_id: row.get(8)?,
        internal: row.get(9)?,
        channel: column::stored_option(row, 10)?,
        direction: column::stored_option(row, 11)?,
        text: row.get(12)?,
        changes: changes.map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                13,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
    })
}
