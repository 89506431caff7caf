//! What customers are told of on their own page, what of it they wish to be told, and how far they have read.
//!
//! A notification is a row that follows from one event of the customer's cases, redress or fees: which kind of event, of which case, with
//! the few figures that its sentence names. The sentence itself is made when somebody asks, in their language; what people wrote stays in
//! the envelopes of the timeline. Wishes are looked at when notifications are read, so a customer who changes them sees the past by them
//! too.

use std::collections::BTreeSet;

use jiff::Timestamp;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::case::{CaseEvent, Channel, Direction};
use parvandeh_domain::customer::event::PreferencesChanged;
use parvandeh_domain::customer::{CustomerEvent, NotificationKind};
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::fee::FeeEvent;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::redress::{RedressEvent, RedressValue};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::customer_profile;
use crate::page::{Anchor, Conditions, List, Page, PageRequest, Tie};
use crate::scope::CaseScope;

/// Something that a customer was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct NotificationRow {
    pub position: i64,
    pub event_id: Uuid,
    pub kind: NotificationKind,
    pub case_id: Uuid,
    /// The case's reference.
    pub reference: String,
    pub occurred_at: Timestamp,
    pub recorded_at: Timestamp,
    pub stage: Option<String>,
    pub promised_until: Option<Timestamp>,
    /// What is offered, paid or asked for.
    pub value: Option<RedressValue>,
    pub read: bool,
}

/// How a customer wishes to be reached and told of things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreferenceRow {
    /// The channels by which they wish to be reached, the dearest first.
    pub channels: Vec<Channel>,
    /// What they do not wish to be told of.
    pub unwanted: Vec<NotificationKind>,
    /// Up to which position they have read what they were told.
    pub read_until: i64,
}

/// Where it is found whom a notification is for.
enum Source {
    /// The customer of a case.
    Case(Uuid),
    /// Whoever is to get a redress.
    Redress(Uuid),
}

/// A notification in the making.
struct Told {
    source: Source,
    kind: NotificationKind,
    stage: Option<String>,
    promised_until: Option<Timestamp>,
    value: Option<RedressValue>,
}

impl Told {
    fn of_case(id: Uuid, kind: NotificationKind) -> Self {
        let source = Source::Case(id);
        Self { source, kind, stage: None, promised_until: None, value: None }
    }

    /// What an event tells a customer; `None` for all that does not concern them, or that they did themselves.
    fn of(event: &DomainEvent) -> Option<Self> {
        match event {
            DomainEvent::Case(id, event) => Self::of_case_event(id.0, event),
            DomainEvent::Attachment(_, AttachmentEvent::Added(added))
                if added.direction == Direction::Outbound =>
            {
                Some(Self::of_case(added.case_id.0, NotificationKind::AttachmentSent))
            }
            DomainEvent::Fee(_, FeeEvent::Assessed(assessed)) => Some(Self {
                value: Some(RedressValue::Money(assessed.money)),
                ..Self::of_case(assessed.case_id.0, NotificationKind::FeeAssessed)
            }),
            DomainEvent::Redress(id, event) => {
                let kind = match event {
                    RedressEvent::Approved(_) => NotificationKind::RedressOffered,
                    RedressEvent::Paid(_) => NotificationKind::RedressPaid,
                    RedressEvent::Proposed(_)
                    | RedressEvent::Rejected(_)
                    | RedressEvent::Accepted(_)
                    | RedressEvent::Declined(_) => return None,
                };
                Some(Self { source: Source::Redress(id.0), ..Self::of_case(id.0, kind) })
            }
            _ => None,
        }
    }

    fn of_case_event(id: Uuid, event: &CaseEvent) -> Option<Self> {
        let told = |kind| Some(Self::of_case(id, kind));
        match event {
            CaseEvent::InteractionRecorded(said)
                if said.direction == Direction::Outbound && !said.automatic =>
            {
                told(NotificationKind::Answered)
            }
            CaseEvent::Acknowledged(_) => told(NotificationKind::Acknowledged),
            CaseEvent::Decided(_) => told(NotificationKind::Decided),
            CaseEvent::StageEntered(entered) => Some(Self {
                stage: Some(entered.stage.clone()),
                ..Self::of_case(id, NotificationKind::StageEntered)
            }),
            CaseEvent::Resolved(_) => told(NotificationKind::Resolved),
            CaseEvent::Closed(_) => told(NotificationKind::Closed),
            CaseEvent::Merged(_) => told(NotificationKind::Merged),
            CaseEvent::AlternativesOffered(_) => told(NotificationKind::AlternativesOffered),
            CaseEvent::FollowUpPromised(promised) => Some(Self {
                promised_until: Some(promised.due_at),
                ..Self::of_case(id, NotificationKind::PromiseMade)
            }),
            CaseEvent::FollowUpMissed(missed) => Some(Self {
                promised_until: Some(missed.due_at),
                ..Self::of_case(id, NotificationKind::PromiseMissed)
            }),
            CaseEvent::SurveyAsked(_) => told(NotificationKind::SurveyAsked),
            // What was opened, asked or disputed the customer did; what happens among staff is no matter of theirs. That an author was told
            // what became of their suggestion is recorded together with the message that tells it.
            CaseEvent::InteractionRecorded(_)
            | CaseEvent::Opened(_)
            | CaseEvent::Classified(_)
            | CaseEvent::Referred(_)
            | CaseEvent::Assigned(_)
            | CaseEvent::NoteAdded(_)
            | CaseEvent::Held(_)
            | CaseEvent::Resumed(_)
            | CaseEvent::DueDateSet(_)
            | CaseEvent::Reopened(_)
            | CaseEvent::Unmerged(_)
            | CaseEvent::ActivityRecorded(_)
            | CaseEvent::RaisedByStaff(_)
            | CaseEvent::AuthorTold(_)
            | CaseEvent::Assessed(_)
            | CaseEvent::FindingRecorded(_)
            | CaseEvent::Appealed(_)
            | CaseEvent::DecisionAccepted(_)
            | CaseEvent::RootCauseRecorded(_)
            | CaseEvent::CorrectiveActionLinked(_)
            | CaseEvent::ReferralAccepted(_)
            | CaseEvent::ReferralReturned(_)
            | CaseEvent::ReferralEscalated(_)
            | CaseEvent::FollowUpKept(_)
            | CaseEvent::FollowUpReminded(_)
            | CaseEvent::SurveyAnswered(_) => None,
        }
    }
}

/// What an event does to the tables.
enum Step {
    Told { told: Told, position: i64, event_id: Uuid, occurred_at: i64, recorded_at: i64 },
    Wished { customer: Uuid, changed: PreferencesChanged },
    Read { customer: Uuid, until: i64 },
    Erased { customer: Uuid },
}

/// The read model.
#[derive(Default)]
pub struct Notifications {
    steps: Vec<Step>,
}

impl ReadModel for Notifications {
    fn tables(&self) -> &'static str {
        "CREATE TABLE notification (
            customer_id BLOB NOT NULL, position INTEGER NOT NULL, event_id BLOB NOT NULL,
            kind TEXT NOT NULL, case_id BLOB NOT NULL, occurred_at INTEGER NOT NULL,
            recorded_at INTEGER NOT NULL, stage TEXT, promised_until INTEGER, value TEXT,
            PRIMARY KEY (customer_id, position)
        ) WITHOUT ROWID;
        CREATE TABLE customer_preference (
            customer_id BLOB PRIMARY KEY, channels TEXT, unwanted TEXT, read_until INTEGER
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX notification_position ON notification (position)"
    }

    fn apply(&mut self, _: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let DomainEvent::Customer(id, customer_event) = &event.event {
            let customer = id.0;
            self.steps.push(match customer_event {
                CustomerEvent::PreferencesChanged(changed) => {
                    Step::Wished { customer, changed: changed.clone() }
                }
                CustomerEvent::NotificationsRead(read) => {
                    Step::Read { customer, until: column::integer(read.until) }
                }
                CustomerEvent::Erased(_) => Step::Erased { customer },
                _ => return Ok(()),
            });
        } else if let Some(told) = Told::of(&event.event) {
            self.steps.push(Step::Told {
                told,
                position: column::integer(event.position),
                event_id: event.id.0,
                occurred_at: column::microseconds(event.meta.occurred_at),
                recorded_at: column::microseconds(event.meta.recorded_at),
            });
        }
        Ok(())
    }

    /// The customer of a case and of a redress is asked of their tables, which are written before, and never changes.
    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        const INTO: &str = "INSERT OR REPLACE INTO notification (customer_id, case_id, value, position, event_id, kind, \
             occurred_at, recorded_at, stage, promised_until)";
        let mut of_case = db.prepare_cached(&format!(
            "{INTO} SELECT customer_id, id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM case_summary \
             WHERE id = ?1 AND customer_id IS NOT NULL"
        ))?;
        let mut of_redress = db.prepare_cached(&format!(
            "{INTO} SELECT customer_id, case_id, coalesce(?2, value), ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM redress \
             WHERE id = ?1"
        ))?;
        let mut wish = db.prepare_cached(
            "INSERT INTO customer_preference (customer_id, channels, unwanted) VALUES (?1, ?2, ?3) \
             ON CONFLICT (customer_id) DO UPDATE SET channels = coalesce(?2, channels), unwanted = coalesce(?3, unwanted)",
        )?;
        let mut read = db.prepare_cached(
            "INSERT INTO customer_preference (customer_id, read_until) VALUES (?1, ?2) \
             ON CONFLICT (customer_id) DO UPDATE SET read_until = max(coalesce(read_until, 0), ?2)",
        )?;
        let mut erase = db.prepare_cached(
            "UPDATE customer_preference SET channels = NULL, unwanted = NULL WHERE customer_id = ?",
        )?;
        for step in std::mem::take(&mut self.steps) {
            match step {
                Step::Told { told, position, event_id, occurred_at, recorded_at } => {
                    let (id, insert) = match told.source {
                        Source::Case(id) => (id, &mut of_case),
                        Source::Redress(id) => (id, &mut of_redress),
                    };
                    insert.execute((
                        id,
                        told.value.as_ref().map(json),
                        position,
                        event_id,
                        told.kind.as_str(),
                        occurred_at,
                        recorded_at,
                        told.stage,
                        told.promised_until.map(column::microseconds),
                    ))?;
                }
                Step::Wished { customer, changed } => {
                    let unwanted = changed.unwanted_notifications.as_ref().map(json);
                    wish.execute((customer, changed.channels.as_ref().map(json), unwanted))?;
                }
                Step::Read { customer, until } => drop(read.execute((customer, until))?),
                Step::Erased { customer } => drop(erase.execute([customer])?),
            }
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain values always serialise")
}

fn json_option<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>> {
    match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        _ => column::json(row, index).map(Some),
    }
}

/// How a customer inside the scope wishes to be reached and told of things; nothing in particular where they have not said.
pub fn preferences(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
) -> rusqlite::Result<PreferenceRow> {
    let mut conditions = Conditions::default();
    conditions.add("customer_profile.id = ?", [Value::Blob(customer_id.as_bytes().to_vec())]);
    customer_profile::restrict(scope, &mut conditions);
    let found = db
        .prepare_cached(&format!(
            "SELECT p.channels, p.unwanted, p.read_until FROM customer_profile \
             JOIN customer_preference p ON p.customer_id = customer_profile.id WHERE {}",
            conditions.sql()
        ))?
        .query_row(params_from_iter(conditions.values()), |row| {
            Ok(PreferenceRow {
                channels: json_option(row, 0)?.unwrap_or_default(),
                unwanted: json_option(row, 1)?.unwrap_or_default(),
                read_until: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

const FROM: &str = "notification n CROSS JOIN case_summary c ON c.id = n.case_id \
     LEFT JOIN customer_preference p ON p.customer_id = n.customer_id";

const IS_UNREAD: &str = "n.position > coalesce(p.read_until, 0)";

/// What one customer was told of cases inside the scope and wishes to be told.
fn conditions(scope: &CaseScope, customer_id: Uuid) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("n.customer_id = ?", [Value::Blob(customer_id.as_bytes().to_vec())]);
    let is_wished = "NOT EXISTS (SELECT 1 FROM json_each(p.unwanted) w WHERE w.value = n.kind)";
    conditions.add(is_wished, []);
    scope.restrict(&mut conditions, "c");
    conditions
}

fn list(scope: &CaseScope, customer_id: Uuid, unread_only: bool, descending: bool) -> List {
    let mut conditions = conditions(scope, customer_id);
    if unread_only {
        conditions.add(IS_UNREAD, []);
    }
    List {
        columns: "n.event_id, n.kind, n.case_id, c.reference, n.occurred_at, n.recorded_at, n.stage, \
                  n.promised_until, n.value, n.position <= coalesce(p.read_until, 0)",
        from: FROM,
        key: "n.position",
        tie: "n.position",
        descending,
        conditions,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<NotificationRow> {
    Ok(NotificationRow {
        position: row.get(0)?,
        event_id: row.get(2)?,
        kind: stored(row, 3)?,
        case_id: row.get(4)?,
        reference: row.get(5)?,
        occurred_at: column::time(row, 6)?,
        recorded_at: column::time(row, 7)?,
        stage: row.get(8)?,
        promised_until: column::time_option(row, 9)?,
        value: json_option(row, 10)?,
        read: row.get(11)?,
    })
}

/// A page of what a customer was told, the newest first.
pub fn notifications(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    unread_only: bool,
    page: PageRequest,
) -> rusqlite::Result<Page<NotificationRow>> {
    list(scope, customer_id, unread_only, true).page(db, page, read)
}

/// What a customer was told after a position, the oldest first; at most `limit`.
pub fn after(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    position: i64,
    limit: usize,
) -> rusqlite::Result<Vec<NotificationRow>> {
    let anchor = Anchor { key: position, tie: Tie::Position(position) };
    let page = PageRequest { after: Some(anchor), ..PageRequest::first(limit) };
    let page = list(scope, customer_id, false, false).page(db, page, read)?;
    Ok(page.rows.into_iter().map(|(_, row)| row).collect())
}

/// How many notifications a customer has, or has not read.
pub fn notification_count(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    unread_only: bool,
) -> rusqlite::Result<u64> {
    list(scope, customer_id, unread_only, true).count(db)
}

/// The last notification of a customer that is not after this position, by its own position.
pub fn last_until(
    db: &Connection,
    scope: &CaseScope,
    customer_id: Uuid,
    position: i64,
) -> rusqlite::Result<Option<i64>> {
    let mut conditions = conditions(scope, customer_id);
    conditions.add("n.position <= ?", [Value::Integer(position)]);
    db.prepare_cached(&format!("SELECT max(n.position) FROM {FROM} WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), |row| row.get(0))
}

/// For whoever wakes subscribers, unscoped: which customers were told something after a position, and up to which position that is all of
/// it; of many the first `limit` rows.
pub fn told_after(
    db: &Connection,
    position: i64,
    limit: usize,
) -> rusqlite::Result<(BTreeSet<Uuid>, Option<i64>)> {
    let mut statement = db.prepare_cached(
        "SELECT customer_id, position FROM notification WHERE position > ? ORDER BY position LIMIT ?",
    )?;
    let mut customers = BTreeSet::new();
    let mut last = None;
    let mut count = 0;
    let mut rows = statement.query((position, limit))?;
    while let Some(row) = rows.next()? {
        customers.insert(row.get(0)?);
        last = row.get(1)?;
        count += 1;
    }
    Ok((customers, last.filter(|_| count == limit)))
}
