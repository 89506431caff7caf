//! The timeline of a case: who did what, when, by which channel, and what changed by it.
//!
//! A timeline is ordered by when things happened, so that Friday's letter stands before Saturday's call although it was scanned on
//! Monday. Things that happened at the same moment stand in the order in which they were recorded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use parvandeh_domain::attachment::{AttachmentAdded, AttachmentEvent};
use parvandeh_domain::case::{CaseEvent, Channel, Direction};
use parvandeh_domain::decider::{ActorKind, Recorded};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::fee::FeeEvent;
use parvandeh_domain::id::{AttachmentId, CaseId, CustomerId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::payment::PaymentEvent;
use parvandeh_domain::pii::Envelope;
use parvandeh_domain::redress::{RedressEvent, RedressValue};
use parvandeh_domain::sla::SlaEvent;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::case_money::MoneyOf;
use crate::page::{Conditions, List, Page, PageRequest};
use crate::scope::{CaseScope, Visibility};
use crate::{ReadModel, case_feed, column};

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
    /// Which of the event's personal fields says what was said, or why it was done.
    pub text_field: Option<&'static str>,
    pub changes: Vec<Change>,
    /// The event's personal fields; `None` where it has none or they were erased.
    pub envelope: Option<Envelope>,
}

/// A field of the case that got a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field, in snake_case.
    pub field: String,
    /// Its value from now on; `None` for a personal field of the same name, which stands in the entry's envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl TimelineEntry {
    /// Who did it, for somebody who sees so much of the case: its customer is told of themselves and of whoever acts for them, and not who of
    /// the staff it was.
    pub fn told_actor_id(&self, visibility: Visibility) -> Option<&str> {
        let own = matches!(self.actor_kind, ActorKind::Customer | ActorKind::Representative);
        (own || visibility == Visibility::Internal).then_some(&*self.actor_id)
    }

    /// How an event reads on the timeline.
    pub fn of(case_id: CaseId, event: &CaseEvent, recorded: &Recorded<DomainEvent>) -> Self {
        let mut entry = Self::blank(case_id, event.event_type().name, recorded);
        entry.describe(event);
        entry
    }

    /// How a fact about the case's clocks reads on the timeline; `None` for those that are not shown. What people did is shown to staff;
    /// what follows from it by itself (warnings, verdicts) is told by the clocks and by the feed of facts.
    pub fn of_clock(
        case_id: CaseId,
        fact: &SlaEvent,
        recorded: &Recorded<DomainEvent>,
    ) -> Option<Self> {
        let told = match fact {
            SlaEvent::Extended(_) => true,
            SlaEvent::Waived(_) => false,
            SlaEvent::Warned(_)
            | SlaEvent::WarningWithdrawn(_)
            | SlaEvent::Breached(_)
            | SlaEvent::Met(_)
            | SlaEvent::CompletedLate(_)
            | SlaEvent::Cancelled(_)
            | SlaEvent::Restated(_) => return None,
        };
        let mut entry = Self::blank(case_id, fact.event_type().name, recorded);
        entry.internal = true;
        entry.text_field = Some("reason");
        entry.changed("clock", Some(&fact.subject().clock));
        if told {
            entry.changes.push(Change { field: "told".to_owned(), value: None });
        }
        Some(entry)
    }

    /// How an attachment reads on the timeline of its case.
    pub fn of_attachment(
        id: AttachmentId,
        added: &AttachmentAdded,
        recorded: &Recorded<DomainEvent>,
    ) -> Self {
        let mut entry = Self::blank(added.case_id, recorded.event.event_type().name, recorded);
        entry.internal = added.direction == Direction::Internal;
        entry.direction = Some(added.direction);
        entry.text_field = Some("name");
        entry.changed("attachment", Some(id));
        entry.changed("media_type", Some(&added.media_type));
        entry.changed("size_bytes", Some(added.size_bytes));
        entry
    }

    /// How an event of the case's redress, its fees or their payments reads on the timeline; `None` for every other event.
    pub fn of_money(case_id: CaseId, recorded: &Recorded<DomainEvent>) -> Option<Self> {
        let mut entry = Self::blank(case_id, recorded.event.event_type().name, recorded);
        match &recorded.event {
            DomainEvent::Redress(id, event) => {
                // What is not approved is not offered to the customer, who hears of none that was only thought of.
                entry.internal =
                    matches!(event, RedressEvent::Proposed(_) | RedressEvent::Rejected(_));
                entry.changed("redress", Some(id));
                if let RedressEvent::Proposed(proposed) = event {
                    match proposed.value {
                        RedressValue::Money(money) => entry.changed("money", Some(money)),
                        RedressValue::Points(points) => entry.changed("points", Some(points)),
                    }
                    entry.changed("ground", Some(proposed.ground));
                }
            }
            DomainEvent::Fee(id, event) => {
                entry.changed("fee", Some(id));
                match event {
                    FeeEvent::Assessed(assessed) => {
                        entry.changed("money", Some(assessed.money));
                        entry.changed("tariff", Some(&assessed.tariff));
                    }
                    FeeEvent::Waived(waived) => entry.changed("ground", Some(waived.ground)),
                    FeeEvent::Paid(_) | FeeEvent::Refunded(_) => {}
                }
            }
            DomainEvent::Payment(id, event) => {
                entry.changed("payment", Some(id));
                match event {
                    PaymentEvent::Requested(requested) => {
                        entry.changed("money", Some(requested.money));
                        entry.changed("fee", requested.purpose.fee());
                    }
                    PaymentEvent::Failed(failed) => entry.changed("failure", Some(failed.reason)),
                    PaymentEvent::Confirmed(_)
                    | PaymentEvent::Expired(_)
                    | PaymentEvent::RefundRequested(_)
                    | PaymentEvent::RefundDeclined(_)
                    | PaymentEvent::Refunded(_) => {}
                }
            }
            _ => return None,
        }
        Some(entry)
    }

    fn blank(case_id: CaseId, event_type: &str, recorded: &Recorded<DomainEvent>) -> Self {
        let meta = &recorded.meta;
        Self {
            event_id: recorded.id.0,
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
            text_field: None,
            changes: Vec::new(),
            envelope: recorded.envelope.clone(),
        }
    }

    fn describe(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::Opened(opened) => {
                self.channel = Some(opened.channel);
                self.text_field = Some("subject");
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
                self.text_field = Some("reason");
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
                self.text_field = Some("body");
            }
            CaseEvent::NoteAdded(_) => {
                self.internal = true;
                self.text_field = Some("body");
            }
            CaseEvent::Held(held) => {
                self.internal = held.note.is_some();
                self.text_field = held.note.as_ref().map(|_| "note");
                self.changed("hold_reason", Some(held.reason));
            }
            CaseEvent::Resumed(_) => {}
            CaseEvent::DueDateSet(set) => self.changed("due_at", Some(set.due_at)),
            CaseEvent::Resolved(resolved) => {
                self.text_field = resolved.summary.as_ref().map(|_| "summary");
                self.changed("outcome", Some(resolved.outcome));
            }
            CaseEvent::Reopened(_) => {
                self.text_field = Some("reason");
            }
            CaseEvent::Closed(_) => {}
            CaseEvent::Merged(merged) => {
                // The reason is said among staff, and may tell of the other case, whose customer may be somebody else.
                self.internal = true;
                self.text_field = Some("reason");
                self.changed("merged_into", Some(merged.into.reference()));
            }
            CaseEvent::Unmerged(_) => {
                self.internal = true;
                self.text_field = Some("reason");
            }
            CaseEvent::RaisedByStaff(raised) => {
                self.internal = true;
                self.changed("raised_by", Some(raised.author.as_deref().unwrap_or("anonymous")));
            }
            CaseEvent::AuthorTold(told) => self.changed("became", Some(told.became)),
            CaseEvent::ActivityRecorded(activity) => {
                self.internal = true;
                self.changed("activity", Some(&activity.name));
                self.changed("resource", activity.resource.as_ref());
                self.changed("group", activity.group.as_ref());
                self.changed("transition", activity.transition.as_ref());
            }

            CaseEvent::Acknowledged(acknowledged) => self.channel = Some(acknowledged.channel),
            CaseEvent::Assessed(assessed) => {
                // How it is weighed is for staff; what follows for its priority stands beside it.
                self.internal = true;
                self.text_field = assessed.immediate_action.as_ref().map(|_| "immediate_action");
                self.changed("severity", Some(assessed.severity));
                self.changed("safety", Some(assessed.safety));
                self.changed("complexity", Some(assessed.complexity));
                self.changed("impact", Some(assessed.impact));
            }
            CaseEvent::FindingRecorded(found) => {
                self.internal = true;
                self.text_field = Some("finding");
                if found.evidence.is_some() {
                    self.changes.push(Change { field: "evidence".to_owned(), value: None });
                }
            }
            CaseEvent::Decided(decided) => {
                self.text_field = Some("reasons");
                self.changed("level", Some(decided.level));
                self.changed("outcome", Some(decided.outcome));
                self.changed("appeal_until", decided.appeal_until);
                self.changed("appeal_to", decided.appeal_to.as_ref());
            }
            CaseEvent::Appealed(appealed) => {
                self.text_field = Some("grounds");
                self.changed("level", Some(appealed.level));
            }
            CaseEvent::DecisionAccepted(accepted) => self.channel = Some(accepted.channel),
            CaseEvent::AlternativesOffered(_) => self.text_field = Some("alternatives"),
            CaseEvent::RootCauseRecorded(recorded) => {
                self.internal = true;
                self.text_field = recorded.explanation.as_ref().map(|_| "explanation");
                self.changed("cause", Some(&recorded.cause));
            }
            CaseEvent::CorrectiveActionLinked(linked) => {
                // It may be a case of somebody else.
                self.internal = true;
                self.changed("corrective_action", Some(linked.case_id.reference()));
            }
            CaseEvent::ReferralAccepted(_) => self.internal = true,
            CaseEvent::ReferralReturned(returned) => {
                self.internal = true;
                self.text_field = Some("reason");
                self.changed("from_unit", Some(&returned.from_unit));
                self.changed("unit", returned.unit.as_ref());
            }
            CaseEvent::ReferralEscalated(escalated) => {
                self.internal = true;
                self.changed("unit", Some(&escalated.unit));
                self.changed("due_at", Some(escalated.due_at));
                self.changed("escalated_to", Some(&escalated.to));
            }
            CaseEvent::FollowUpPromised(promised) => {
                self.text_field = Some("what");
                self.changed("follow_up", Some(promised.number));
                self.changed("due_at", Some(promised.due_at));
            }
            CaseEvent::FollowUpKept(kept) => self.changed("follow_up", Some(kept.number)),
            CaseEvent::FollowUpMissed(missed) => {
                self.changed("follow_up", Some(missed.number));
                self.changed("due_at", Some(missed.due_at));
            }
            CaseEvent::FollowUpReminded(reminded) => {
                self.internal = true;
                self.changed("follow_up", Some(reminded.number));
                self.changed("due_at", Some(reminded.due_at));
            }
            CaseEvent::SurveyAsked(_) => {}
            CaseEvent::SurveyAnswered(answered) => {
                self.text_field = answered.comment.is_some().then_some("comment");
                self.changed("score", Some(answered.score));
            }
        }
    }

    fn changed(&mut self, field: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            let value = Some(value.to_string());
            self.changes.push(Change { field: field.to_owned(), value });
        }
    }
}

/// The read model.
#[derive(Default)]
pub struct CaseTimeline {
    /// New entries by their place in the table, so that a batch is written in the table's own order.
    entries: BTreeMap<(Uuid, i64, i64), TimelineEntry>,
    /// New entries about money, whose case is not asked for yet.
    owed: Vec<(MoneyOf, TimelineEntry)>,
}

impl CaseTimeline {
    fn enter(&mut self, entry: TimelineEntry) {
        let key = (entry.case_id, column::microseconds(entry.occurred_at), entry.position);
        self.entries.insert(key, entry);
    }

    /// Writes the entries whose case is known.
    fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(
            "INSERT OR REPLACE INTO case_timeline (case_id, occurred_at, position, event_id, revision, event_type, \
             recorded_at, actor_kind, actor_id, internal, channel, direction, text_field, changes, \
             envelope) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                entry.text_field,
                (!entry.changes.is_empty()).then(|| changes_json(&entry.changes)),
                column::envelope(entry.envelope.as_ref()),
            ])?;
        }
        Ok(())
    }
}

impl ReadModel for CaseTimeline {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_timeline (
            case_id BLOB NOT NULL, occurred_at INTEGER NOT NULL, position INTEGER NOT NULL,
            event_id BLOB NOT NULL, revision INTEGER NOT NULL, event_type TEXT NOT NULL,
            recorded_at INTEGER NOT NULL, actor_kind TEXT NOT NULL, actor_id TEXT NOT NULL,
            internal INTEGER NOT NULL, channel TEXT, direction TEXT, text_field TEXT, changes TEXT,
            envelope BLOB,
            PRIMARY KEY (case_id, occurred_at, position)
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        case_feed::INDEX
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("case_timeline", "envelope")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            // What is owed says nothing personal, and its case may not be written yet.
            self.write(db)?;
            return erase(db, customer_id);
        }
        let entry = match &event.event {
            DomainEvent::Case(id, case_event) => TimelineEntry::of(*id, case_event, event),
            DomainEvent::Clock(id, fact) => {
                let entry = TimelineEntry::of_clock(*id, fact, event);
                let Some(entry) = entry else { return Ok(()) };
                entry
            }
            DomainEvent::Attachment(id, AttachmentEvent::Added(added)) => {
                TimelineEntry::of_attachment(*id, added, event)
            }
            about => {
                let nobody = CaseId(Uuid::nil());
                if let Some(of) = MoneyOf::event(about)
                    && let Some(entry) = TimelineEntry::of_money(nobody, event)
                {
                    self.owed.push((of, entry));
                }
                return Ok(());
            }
        };
        self.enter(entry);
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for (of, mut entry) in std::mem::take(&mut self.owed) {
            if let Some(case_id) = of.case(db)? {
                entry.case_id = case_id;
                self.enter(entry);
            }
        }
        self.write(db)
    }
}

/// Takes the envelopes of a customer's cases away. The cases are found by their rows in `case_summary`, which is written before.
fn erase(db: &Connection, customer_id: CustomerId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE case_timeline SET envelope = NULL WHERE case_id IN
         (SELECT id FROM case_summary WHERE customer_id = ?)",
    )?
    .execute([customer_id.0])
    .map(drop)
}

fn changes_json(changes: &[Change]) -> String {
    serde_json::to_string(changes).expect("two strings always serialise")
}

fn actor_kind_name(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::Customer => "customer",
        ActorKind::Representative => "representative",
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
    restrict(&mut conditions, scope, "c", visibility, filter);
    List {
        columns: COLUMNS,
        from: "case_timeline t JOIN case_summary c ON c.id = t.case_id",
        key: "t.occurred_at",
        tie: "t.position",
        descending: false,
        conditions,
    }
}

/// The columns of an entry `t`, for [`read`].
pub(crate) const COLUMNS: &str = "t.case_id, t.event_id, t.revision, t.event_type, t.recorded_at, \
     t.actor_kind, t.actor_id, t.internal, t.channel, t.direction, t.text_field, t.changes, t.envelope";

/// Which entries `t` are wanted and may be seen; `owner` is the table that tells whose their case is.
pub(crate) fn restrict(
    conditions: &mut Conditions,
    scope: &CaseScope,
    owner: &str,
    visibility: Visibility,
    filter: &TimelineFilter,
) {
    scope.restrict(conditions, owner);
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
}

/// Reads an entry, its moment and position before the columns.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<TimelineEntry> {
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
            "representative" => ActorKind::Representative,
            "staff" => ActorKind::Staff,
            "service" => ActorKind::Service,
            _ => ActorKind::System,
        },
        actor_id: row.get(8)?,
        internal: row.get(9)?,
        channel: column::stored_option(row, 10)?,
        direction: column::stored_option(row, 11)?,
        text_field: row.get_ref(12)?.as_str_or_null()?.and_then(text_field),
        changes: changes.map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                13,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
        envelope: column::envelope_read(row, 14)?,
    })
}

/// The personal fields that an entry can show as its text.
const TEXT_FIELDS: &[&str] = &[
    "name",
    "subject",
    "reason",
    "body",
    "note",
    "summary",
    "immediate_action",
    "finding",
    "reasons",
    "grounds",
    "alternatives",
    "explanation",
    "what",
    "comment",
];

/// A field's name as it stands in the code.
fn text_field(stored: &str) -> Option<&'static str> {
    TEXT_FIELDS.iter().copied().find(|name| *name == stored)
}
