//! The list of cases: one flat row a case, as frontends show it.

use jiff::Timestamp;
use parvandeh_domain::case::state::status_on_hold;
use parvandeh_domain::case::{
    CaseEvent, CaseKind, Channel, Direction, HoldReason, Outcome, Priority, Severity, Status,
};
use parvandeh_domain::decider::{Metadata, Recorded};
use parvandeh_domain::id::{CaseId, CustomerId};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::pii::Envelope;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use uuid::Uuid;

use crate::ReadModel;
use crate::column::{self, stored};
use crate::page::{Conditions, List, Page, PageRequest};
use crate::rows::{Rows, Table};
use crate::scope::CaseScope;

/// One case as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct CaseRow {
    pub id: Uuid,
    pub reference: String,
    pub kind: CaseKind,
    /// The subject and the description, as its opening said them; `None` when they were erased.
    pub opening: Option<Envelope>,
    pub customer_id: Option<Uuid>,
    pub channel: Channel,
    pub category: Option<String>,
    pub priority: Priority,
    pub severity: Option<Severity>,
    pub status: Status,
    pub hold_reason: Option<HoldReason>,
    pub unit: Option<String>,
    pub assignee: Option<String>,
    pub stage: Option<String>,
    pub outcome: Option<Outcome>,
    pub external_reference: Option<String>,
    pub due_at: Option<Timestamp>,
    pub opened_at: Timestamp,
    pub updated_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub interaction_count: i64,
    pub revision: i64,
    pub merged_into: Option<Uuid>,
    pub split_from: Option<Uuid>,
    /// The status to which undoing the merge returns, while the case is merged.
    pub status_before_merge: Option<Status>,
    /// The wait to which undoing the merge returns, while the case is merged.
    pub hold_before_merge: Option<HoldReason>,
}

impl CaseRow {
    /// The row of a case after its first event, `None` when that is not its opening.
    pub fn opened(
        id: CaseId,
        event: &CaseEvent,
        meta: &Metadata,
        envelope: Option<&Envelope>,
    ) -> Option<Self> {
        let CaseEvent::Opened(opened) = event else { return None };
        Some(Self {
            id: id.0,
            reference: id.reference(),
            kind: opened.kind,
            opening: envelope.cloned(),
            customer_id: opened.customer_id.map(|id| id.0),
            channel: opened.channel,
            category: opened.category.as_ref().map(ToString::to_string),
            priority: opened.priority,
            severity: opened.severity,
            status: Status::Open,
            hold_reason: None,
            unit: opened.unit.as_ref().map(ToString::to_string),
            assignee: None,
            stage: None,
            outcome: None,
            external_reference: opened.external_reference.clone(),
            due_at: opened.due_at,
            opened_at: meta.occurred_at,
            updated_at: meta.occurred_at,
            resolved_at: None,
            closed_at: None,
            interaction_count: 0,
            revision: 0,
            merged_into: None,
            split_from: opened.split_from.map(|id| id.0),
            status_before_merge: None,
            hold_before_merge: None,
        })
    }

    /// The row after one more event.
    pub fn apply(&mut self, event: &CaseEvent, meta: &Metadata, revision: u64) {
        self.updated_at = self.updated_at.max(meta.occurred_at);
        self.revision = column::integer(revision);
        match event {
            CaseEvent::Opened(_)
            | CaseEvent::NoteAdded(_)
            | CaseEvent::ActivityRecorded(_)
            | CaseEvent::RaisedByStaff(_)
            | CaseEvent::AuthorTold(_) => {}
            CaseEvent::Acknowledged(_)
            | CaseEvent::Assessed(_)
            | CaseEvent::FindingRecorded(_)
            | CaseEvent::Decided(_)
            | CaseEvent::Appealed(_)
            | CaseEvent::DecisionAccepted(_)
            | CaseEvent::AlternativesOffered(_)
            | CaseEvent::RootCauseRecorded(_)
            | CaseEvent::CorrectiveActionLinked(_)
            | CaseEvent::ReferralAccepted(_)
            | CaseEvent::ReferralEscalated(_)
            | CaseEvent::FollowUpPromised(_)
            | CaseEvent::FollowUpKept(_)
            | CaseEvent::FollowUpMissed(_)
            | CaseEvent::FollowUpReminded(_)
            | CaseEvent::SurveyAsked(_)
            | CaseEvent::SurveyAnswered(_) => {}
            CaseEvent::ReferralReturned(returned) => {
                self.unit = returned.unit.as_ref().map(ToString::to_string);
                self.assignee = None;
            }
            CaseEvent::Classified(classified) => {
                if let Some(category) = &classified.category {
                    self.category = Some(category.to_string());
                }
                self.priority = classified.priority.unwrap_or(self.priority);
                self.severity = classified.severity.or(self.severity);
            }
            CaseEvent::Referred(referred) => {
                self.unit = Some(referred.unit.to_string());
                self.assignee = None;
            }
            CaseEvent::Assigned(assigned) => self.assignee = Some(assigned.assignee.to_string()),
            CaseEvent::StageEntered(entered) => self.stage = Some(entered.stage.clone()),
            CaseEvent::InteractionRecorded(interaction) => {
                // Customers see the count, so it must not tell them of what staff say among themselves.
                if interaction.direction != Direction::Internal {
                    self.interaction_count += 1;
                }
            }
            CaseEvent::Held(held) => {
                self.hold_reason = Some(held.reason);
                self.status = status_on_hold(held.reason);
            }
            CaseEvent::Resumed(_) => {
                self.hold_reason = None;
                self.status = Status::Open;
            }
            CaseEvent::DueDateSet(set) => self.due_at = Some(set.due_at),
            CaseEvent::Resolved(resolved) => {
                self.status = Status::Resolved;
                self.hold_reason = None;
                self.outcome = Some(resolved.outcome);
                self.resolved_at = Some(meta.occurred_at);
            }
            CaseEvent::Reopened(_) => {
                self.status = Status::Open;
                self.outcome = None;
                self.resolved_at = None;
                self.closed_at = None;
            }
            CaseEvent::Closed(_) => {
                self.status = Status::Closed;
                self.closed_at = Some(meta.occurred_at);
            }
            CaseEvent::Merged(merged) => {
                // A second merge without an undoing between them is not decided; it would not change what the first one broke off.
                if self.merged_into.is_none() {
                    self.status_before_merge = Some(self.status);
                    self.hold_before_merge = self.hold_reason.take();
                }
                self.merged_into = Some(merged.into.0);
                self.status = Status::Merged;
            }
            CaseEvent::Unmerged(_) => {
                if let Some(status) = self.status_before_merge.take() {
                    self.status = status;
                    self.hold_reason = self.hold_before_merge.take();
                    self.merged_into = None;
                }
            }
        }
    }

    /// The case as its events tell it, `None` before it was opened. What "as of" views use.
    pub fn fold<'a>(
        id: CaseId,
        events: impl IntoIterator<Item = (&'a CaseEvent, &'a Recorded<DomainEvent>)>,
    ) -> Option<Self> {
        events.into_iter().fold(None, |row, (event, recorded)| match row {
            None => Self::opened(id, event, &recorded.meta, recorded.envelope.as_ref()),
            Some(mut row) => {
                row.apply(event, &recorded.meta, recorded.revision);
                Some(row)
            }
        })
    }
}

/// The columns of a row, in the order in which [`read`] takes them.
pub(crate) const COLUMNS: &str = "id, reference, kind, opening, customer_id, channel, category, \
     priority, severity, status, hold_reason, unit, assignee, stage, outcome, external_reference, \
     due_at, opened_at, updated_at, resolved_at, closed_at, interaction_count, revision, \
     merged_into, split_from, status_before_merge, hold_before_merge";

struct CaseTable;

impl Table for CaseTable {
    type Key = Uuid;
    type Row = CaseRow;

    fn read(db: &Connection, id: Uuid) -> rusqlite::Result<Option<CaseRow>> {
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM case_summary WHERE id = ?"))?
            .query_row([id], |row| read(row, 0))
            .optional()
    }

    fn write(db: &Connection, _: Uuid, row: &CaseRow) -> rusqlite::Result<()> {
        db.prepare_cached(&format!(
            "INSERT OR REPLACE INTO case_summary ({COLUMNS}, priority_rank) VALUES \
             (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ))?
        .execute(rusqlite::params![
            row.id,
            row.reference,
            row.kind.as_str(),
            column::envelope(row.opening.as_ref()),
            row.customer_id,
            row.channel.as_str(),
            row.category,
            row.priority.as_str(),
            row.severity.map(Severity::as_str),
            row.status.as_str(),
            row.hold_reason.map(HoldReason::as_str),
            row.unit,
            row.assignee,
            row.stage,
            row.outcome.map(Outcome::as_str),
            row.external_reference,
            row.due_at.map(column::microseconds),
            column::microseconds(row.opened_at),
            column::microseconds(row.updated_at),
            row.resolved_at.map(column::microseconds),
            row.closed_at.map(column::microseconds),
            row.interaction_count,
            row.revision,
            row.merged_into,
            row.split_from,
            row.status_before_merge.map(Status::as_str),
            row.hold_before_merge.map(HoldReason::as_str),
            row.priority as i64,
        ])?;
        Ok(())
    }
}

/// Reads a row whose columns begin at an index.
pub(crate) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<CaseRow> {
    Ok(CaseRow {
        id: row.get(first)?,
        reference: row.get(first + 1)?,
        kind: stored(row, first + 2)?,
        opening: column::envelope_read(row, first + 3)?,
        customer_id: row.get(first + 4)?,
        channel: stored(row, first + 5)?,
        category: row.get(first + 6)?,
        priority: stored(row, first + 7)?,
        severity: column::stored_option(row, first + 8)?,
        status: stored(row, first + 9)?,
        hold_reason: column::stored_option(row, first + 10)?,
        unit: row.get(first + 11)?,
        assignee: row.get(first + 12)?,
        stage: row.get(first + 13)?,
        outcome: column::stored_option(row, first + 14)?,
        external_reference: row.get(first + 15)?,
        due_at: column::time_option(row, first + 16)?,
        opened_at: column::time(row, first + 17)?,
        updated_at: column::time(row, first + 18)?,
        resolved_at: column::time_option(row, first + 19)?,
        closed_at: column::time_option(row, first + 20)?,
        interaction_count: row.get(first + 21)?,
        revision: row.get(first + 22)?,
        merged_into: row.get(first + 23)?,
        split_from: row.get(first + 24)?,
        status_before_merge: column::stored_option(row, first + 25)?,
        hold_before_merge: column::stored_option(row, first + 26)?,
    })
}

/// The read model.
#[derive(Default)]
pub struct CaseSummary {
    rows: Rows<CaseTable>,
}

impl ReadModel for CaseSummary {
    fn tables(&self) -> &'static str {
        "CREATE TABLE case_summary (
            id BLOB PRIMARY KEY, reference TEXT NOT NULL, kind TEXT NOT NULL, opening BLOB,
            customer_id BLOB, channel TEXT NOT NULL, category TEXT,
            priority TEXT NOT NULL, severity TEXT, status TEXT NOT NULL, hold_reason TEXT, unit TEXT,
            assignee TEXT, stage TEXT, outcome TEXT, external_reference TEXT, due_at INTEGER,
            opened_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, resolved_at INTEGER,
            closed_at INTEGER, interaction_count INTEGER NOT NULL, revision INTEGER NOT NULL,
            merged_into BLOB, split_from BLOB, status_before_merge TEXT, hold_before_merge TEXT,
            priority_rank INTEGER NOT NULL
        ) WITHOUT ROWID"
    }

    fn indexes(&self) -> &'static str {
        "CREATE INDEX case_summary_opened ON case_summary (opened_at, id);
         CREATE INDEX case_summary_updated ON case_summary (updated_at, id);
         CREATE INDEX case_summary_due ON case_summary (coalesce(due_at, 9223372036854775807), id);
         CREATE INDEX case_summary_unit ON case_summary (unit, opened_at, id);
         CREATE INDEX case_summary_status ON case_summary (status, opened_at, id);
         CREATE INDEX case_summary_customer ON case_summary (customer_id, opened_at, id)
            WHERE customer_id IS NOT NULL;
         CREATE INDEX case_summary_reference ON case_summary (reference);
         CREATE INDEX case_summary_external ON case_summary (external_reference)
            WHERE external_reference IS NOT NULL"
    }

    fn personal_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("case_summary", "opening")]
    }

    fn apply(&mut self, db: &Connection, event: &Recorded<DomainEvent>) -> rusqlite::Result<()> {
        if let Some(customer_id) = event.event.erased_customer() {
            self.rows.give_up(db)?;
            return db
                .prepare_cached("UPDATE case_summary SET opening = NULL WHERE customer_id = ?")?
                .execute([customer_id.0])
                .map(drop);
        }
        let DomainEvent::Case(id, case_event) = &event.event else { return Ok(()) };
        let opened = CaseRow::opened(*id, case_event, &event.meta, event.envelope.as_ref());
        if let Some(row) = opened {
            self.rows.put(id.0, row);
        } else if let Some(row) = self.rows.change(db, id.0)? {
            row.apply(case_event, &event.meta, event.revision);
        }
        Ok(())
    }

    fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.rows.flush(db)
    }
}

/// Which cases are wanted. All conditions hold together; an absent one does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct CaseFilter {
    pub kind: Option<Vec<CaseKind>>,
    pub status: Option<Vec<Status>>,
    pub priority: Option<Vec<Priority>>,
    pub severity: Option<Vec<Severity>>,
    pub channel: Option<Vec<Channel>>,
    pub category: Option<Vec<String>>,
    pub unit: Option<Vec<String>>,
    pub assignee: Option<Vec<String>>,
    pub customer_id: Option<Uuid>,
    /// Other records of the same customer, beside `customer_id`.
    pub merged_records: Vec<Uuid>,
    pub reference: Option<String>,
    pub external_reference: Option<String>,
    pub opened_at: TimeRange,
    pub due_at: TimeRange,
}

/// From the first moment to before the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first moment inside.
    pub gte: Option<Timestamp>,
    /// The first moment outside.
    pub lt: Option<Timestamp>,
}

impl TimeRange {
    /// Whether a moment is inside. No moment is inside no range but the one without bounds.
    pub fn includes(self, moment: Option<Timestamp>) -> bool {
        let after = |bound| moment.is_some_and(|moment| moment >= bound);
        let before = |bound| moment.is_some_and(|moment| moment < bound);
        self.gte.is_none_or(after) && self.lt.is_none_or(before)
    }

    /// Adds the range to a query's conditions.
    pub fn restrict(self, conditions: &mut Conditions, column: &str) {
        for (bound, comparison) in [(self.gte, ">="), (self.lt, "<")] {
            if let Some(bound) = bound {
                let value = Value::Integer(column::microseconds(bound));
                conditions.add(&format!("{column} {comparison} ?"), [value]);
            }
        }
    }
}

/// The order of a list of cases. Rows that tie are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaseSort {
    /// By the moment of opening.
    OpenedAt,
    /// By the last thing that happened.
    UpdatedAt,
    /// By the promised date; cases without one come last.
    DueAt,
    /// By priority, lowest first.
    Priority,
}

fn list(scope: &CaseScope, filter: &CaseFilter, sort: CaseSort, descending: bool) -> List {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "case_summary");
    let mut one_of = |column: &str, names: Option<Vec<&'static str>>| {
        if let Some(names) = names {
            conditions.add_in(column, names.into_iter().map(|name| Value::Text(name.to_owned())));
        }
    };
    one_of("kind", names(&filter.kind, |kind| kind.as_str()));
    one_of("status", names(&filter.status, |status| status.as_str()));
    one_of("priority", names(&filter.priority, |priority| priority.as_str()));
    one_of("severity", names(&filter.severity, |severity| severity.as_str()));
    one_of("channel", names(&filter.channel, |channel| channel.as_str()));
    for (column, codes) in
        [("category", &filter.category), ("unit", &filter.unit), ("assignee", &filter.assignee)]
    {
        if let Some(codes) = codes {
            conditions.add_in(column, codes.iter().cloned().map(Value::Text));
        }
    }
    if let Some(id) = filter.customer_id {
        let records = std::iter::once(id).chain(filter.merged_records.iter().copied());
        conditions.add_in("customer_id", records.map(|id| Value::Blob(id.as_bytes().to_vec())));
    }
    for (column, text) in
        [("reference", &filter.reference), ("external_reference", &filter.external_reference)]
    {
        if let Some(text) = text {
            conditions.add(&format!("{column} = ?"), [Value::Text(text.clone())]);
        }
    }
    filter.opened_at.restrict(&mut conditions, "opened_at");
    filter.due_at.restrict(&mut conditions, "due_at");
    List {
        columns: COLUMNS,
        from: "case_summary",
        key: match sort {
            CaseSort::OpenedAt => "opened_at",
            CaseSort::UpdatedAt => "updated_at",
            CaseSort::DueAt => "coalesce(due_at, 9223372036854775807)",
            CaseSort::Priority => "priority_rank",
        },
        tie: "id",
        descending,
        conditions,
    }
}

fn names<T: Copy>(
    values: &Option<Vec<T>>,
    name: impl Fn(T) -> &'static str,
) -> Option<Vec<&'static str>> {
    values.as_ref().map(|values| values.iter().map(|value| name(*value)).collect())
}

/// A page of the cases inside the scope.
pub fn cases(
    db: &Connection,
    scope: &CaseScope,
    filter: &CaseFilter,
    sort: CaseSort,
    descending: bool,
    page: PageRequest,
) -> rusqlite::Result<Page<CaseRow>> {
    list(scope, filter, sort, descending).page(db, page, |row| read(row, 2))
}

/// Whether a page of this list is read from an index row by row, without a look at rows that are not wanted.
pub fn is_read_in_order(scope: &CaseScope, filter: &CaseFilter, sort: CaseSort) -> bool {
    let indexed = match scope {
        CaseScope::All => sort != CaseSort::Priority,
        CaseScope::Customer(_) => sort == CaseSort::OpenedAt,
        CaseScope::Units(_) | CaseScope::Representative { .. } | CaseScope::Nothing => false,
    };
    indexed && *filter == CaseFilter::default()
}

/// Some columns of a page of the cases inside the scope. `read` gets each row with these columns beginning at index 2.
#[allow(clippy::too_many_arguments, reason = "a list's arguments and what is read of it")]
pub fn case_columns<T>(
    db: &Connection,
    scope: &CaseScope,
    filter: &CaseFilter,
    sort: CaseSort,
    descending: bool,
    page: PageRequest,
    columns: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Page<T>> {
    list(scope, filter, sort, descending).page_of(db, page, columns, read)
}

/// How many cases inside the scope the filter finds.
pub fn case_count(
    db: &Connection,
    scope: &CaseScope,
    filter: &CaseFilter,
) -> rusqlite::Result<u64> {
    list(scope, filter, CaseSort::OpenedAt, false).count(db)
}

/// One case, `None` when there is none inside the scope.
pub fn case(db: &Connection, scope: &CaseScope, id: Uuid) -> rusqlite::Result<Option<CaseRow>> {
    let mut conditions = Conditions::default();
    conditions.add("id = ?", [Value::Blob(id.as_bytes().to_vec())]);
    scope.restrict(&mut conditions, "case_summary");
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM case_summary WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), |row| read(row, 0))
        .optional()
}

/// All cases of a customer. Not scoped: an erasure concerns every one of them.
pub fn cases_of_customer(db: &Connection, id: CustomerId) -> rusqlite::Result<Vec<CaseId>> {
    db.prepare("SELECT id FROM case_summary WHERE customer_id = ? ORDER BY id")?
        .query_map([id.0], |row| row.get(0).map(CaseId))?
        .collect()
}
