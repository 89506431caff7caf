//! Cases: the object, its links, and the queries that find it.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::case_answers::{self, UnansweredFilter};
use parvandeh_projections::case_summary::{self, CaseFilter, CaseRow, TimeRange};
use parvandeh_projections::{case_merges, customer_merges};
use rusqlite::Row;
use uuid::Uuid;

use super::as_of;
use super::attachment::{self, Attachment};
use super::calendar_date::{self, CalendarDate};
use super::case_steps::{self, CaseStep};
use super::complaint::{self, Complaint};
use super::context::{case_scope, case_scope_after_write, principal, query, query_now, refused};
use super::cursor::{Cursor, ListKey};
use super::customer::Customer;
use super::fee::{self, Fee};
use super::follow_up::{self, FollowUp};
use super::global_id::{self, NodeType};
use super::loader;
use super::paging::{PageArguments, connection};
use super::personal::Personal;
use super::plain_rows::{PlainColumn, PlainKind, PlainOr, PlainSelection};
use super::redress::{self, Redress};
use super::referral::{self, Referral};
use super::replay::{self, ReplayStepConnection};
use super::scalar::DateTime;
use super::sla_clock::SlaClock;
use super::survey::{self, Survey};
use super::timeline::{self, TimelineConnection, TimelineFilterInput};
use super::vocabulary::{CaseKind, Channel, HoldReason, Outcome, Priority, Severity, Status};
use crate::error::{ErrorCode, RequestError};
use crate::principal::Role;

/// A complaint, request, question or other matter of a customer, from its first word to its closing.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Case {
    /// Global id.
    pub id: ID,
    /// A short form of the id that people can read to each other: `7QF3M-2PK9A`.
    pub reference: String,
    /// What sort of matter it is.
    pub kind: CaseKind,
    /// The channel by which it came.
    pub channel: Channel,
    /// Its subject category.
    pub category: Option<String>,
    /// How soon it must be attended to.
    pub priority: Priority,
    /// How bad it is for the customer.
    pub severity: Option<Severity>,
    /// Where it stands in its life.
    pub status: Status,
    /// Why it waits, while it does.
    pub hold_reason: Option<HoldReason>,
    /// The unit that owns it; null while it waits at intake.
    pub unit: Option<String>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// The stage that the customer sees.
    pub stage: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The key by which another system knows it.
    pub external_reference: Option<String>,
    /// The date promised.
    pub due_at: Option<DateTime>,
    /// When it was opened.
    pub opened_at: DateTime,
    /// When something last happened to it.
    pub updated_at: DateTime,
    /// When it was resolved.
    pub resolved_at: Option<DateTime>,
    /// When it was closed.
    pub closed_at: Option<DateTime>,
    /// How many exchanges with the customer it has had.
    pub interaction_count: i64,
    /// The revision of its stream: give it as `expectedRevision` to change only what you have seen.
    pub revision: i64,
    #[graphql(skip)]
    personal: Personal,
    #[graphql(skip)]
    uuid: Uuid,
    #[graphql(skip)]
    customer_uuid: Option<Uuid>,
    #[graphql(skip)]
    merged_into_uuid: Option<Uuid>,
    #[graphql(skip)]
    split_from_uuid: Option<Uuid>,
    #[graphql(skip)]
    as_of: Option<Timestamp>,
}

impl From<CaseRow> for Case {
    fn from(row: CaseRow) -> Self {
        Self {
            id: global_id::encode(NodeType::Case, row.id),
            reference: row.reference,
            kind: row.kind.into(),
            channel: row.channel.into(),
            category: row.category,
            priority: row.priority.into(),
            severity: row.severity.map(Into::into),
            status: row.status.into(),
            hold_reason: row.hold_reason.map(Into::into),
            unit: row.unit,
            assignee: row.assignee,
            stage: row.stage,
            outcome: row.outcome.map(Into::into),
            external_reference: row.external_reference,
            due_at: row.due_at.map(DateTime),
            opened_at: DateTime(row.opened_at),
            updated_at: DateTime(row.updated_at),
            resolved_at: row.resolved_at.map(DateTime),
            closed_at: row.closed_at.map(DateTime),
            interaction_count: row.interaction_count,
            revision: row.revision,
            personal: Personal::new(row.opening),
            uuid: row.id,
            customer_uuid: row.customer_id,
            merged_into_uuid: row.merged_into,
            split_from_uuid: row.split_from,
            as_of: None,
        }
    }
}

/// The fields of [`Case`] that are columns of its row.
const PLAIN_COLUMNS: &[PlainColumn] = &[
    column("id", "id", PlainKind::Id(NodeType::Case)),
    column("reference", "reference", PlainKind::Text),
    column("kind", "kind", PlainKind::Published),
    column("subject", "opening", PlainKind::Personal("subject")),
    column("description", "opening", PlainKind::Personal("description")),
    column("erased", "opening", PlainKind::Erased),
    column("channel", "channel", PlainKind::Published),
    column("category", "category", PlainKind::Text),
    column("priority", "priority", PlainKind::Published),
    column("severity", "severity", PlainKind::Published),
    column("status", "status", PlainKind::Published),
    column("holdReason", "hold_reason", PlainKind::Published),
    column("unit", "unit", PlainKind::Text),
    column("assignee", "assignee", PlainKind::Text),
    column("stage", "stage", PlainKind::Text),
    column("outcome", "outcome", PlainKind::Published),
    column("externalReference", "external_reference", PlainKind::Text),
    column("dueAt", "due_at", PlainKind::Time),
    column("openedAt", "opened_at", PlainKind::Time),
    column("updatedAt", "updated_at", PlainKind::Time),
    column("resolvedAt", "resolved_at", PlainKind::Time),
    column("closedAt", "closed_at", PlainKind::Time),
    column("interactionCount", "interaction_count", PlainKind::Integer),
    column("revision", "revision", PlainKind::Integer),
];

const fn column(field: &'static str, column: &'static str, kind: PlainKind) -> PlainColumn {
    PlainColumn { field, column, kind }
}

#[ComplexObject]
impl Case {
    /// What its customer is given to put something right, in the order of proposal; at most 100.
    async fn redress(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Redress>> {
        redress::of_case(ctx, self.uuid, self.as_of).await
    }

    /// What its customer is asked to pay for its handling, in the order of assessment; at most 100.
    async fn fees(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Fee>> {
        fee::of_case(ctx, self.uuid, self.as_of).await
    }

    /// The matter in one line; null when it was erased.
    async fn subject(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "subject")
    }

    /// The matter in full; null when nothing more was said, or when it was erased.
    async fn description(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "description")
    }

    /// Whether the personal data in it were erased: what people said in it is null everywhere, and all else stays.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.personal.is_erased(ctx)
    }

    /// Whose case it is; null when the customer is not known.
    async fn customer(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        match self.customer_uuid {
            Some(id) => Ok(loader::customer(ctx, id).await?.map(Customer::from)),
            None => Ok(None),
        }
    }

    /// Who did what, when and why, in the order in which things happened.
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        filter: Option<TimelineFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<TimelineConnection> {
        let page = PageArguments { first, after, last, before };
        timeline::of_case(ctx, self.uuid, self.as_of, filter.unwrap_or_default(), page).await
    }

    /// The files that stand with it, in the order in which they came; at most 100.
    async fn attachments(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Attachment>> {
        attachment::of_case(ctx, self.uuid, self.as_of).await
    }

    /// The case step by step: what it and its clocks were after each event, and what the event has changed.
    async fn replay(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> async_graphql::Result<ReplayStepConnection> {
        let page = PageArguments { first, after, ..PageArguments::default() };
        replay::of_case(ctx, self.uuid, self.as_of, page).await
    }

    /// The clocks of the promises made to the customer about this case.
    async fn sla_clocks(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<SlaClock>> {
        super::sla_clock::clocks_of_case(ctx, self.uuid, self.as_of).await
    }

    /// The case into which it is merged; null when it is not, or when you may not know of that case.
    async fn merged_into(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        linked(ctx, self.merged_into_uuid, self.as_of).await
    }

    /// The cases that are merged into it and that you may know of, in the order in which they were merged.
    async fn merged_cases(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CaseConnection> {
        let page = PageArguments { first, after, last, before };
        merged_into(ctx, self.uuid, self.as_of, page).await
    }

    /// The case of which it was a part; null when it was not split off, or when you may not know of that case.
    async fn split_from(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        linked(ctx, self.split_from_uuid, self.as_of).await
    }

    /// What the customer asks for, to be content; null when nothing was said, or when it was erased.
    async fn remedy_sought(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "remedy_sought")
    }

    /// How far it has come in its handling as a complaint; null when nobody has begun it.
    async fn complaint(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Complaint>> {
        complaint::of_case(ctx, self.uuid, self.as_of).await
    }

    /// Its last referral; null when it was never handed to a unit.
    async fn referral(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Referral>> {
        referral::of_case(ctx, self.uuid, self.as_of).await
    }

    /// Its way as the customer sees it: what is done, what is next, and until when that is promised.
    async fn steps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<CaseStep>> {
        case_steps::of_case(ctx, self, self.uuid, self.as_of).await
    }

    /// The day on which it was opened.
    async fn opened_on(&self, ctx: &Context<'_>) -> CalendarDate {
        calendar_date::of(ctx, self.opened_at.0)
    }

    /// What was promised to the customer, the earliest due first; at most the first hundred promises.
    async fn follow_ups(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<FollowUp>> {
        follow_up::of_case(ctx, self.uuid, self.as_of).await
    }

    /// How content the customer is with its handling; null when nobody asked them.
    async fn survey(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Survey>> {
        survey::of_case(ctx, self.uuid, self.as_of).await
    }
}

/// A case that another links to, as it stands or as it was known at a moment.
pub async fn linked(
    ctx: &Context<'_>,
    id: Option<Uuid>,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Option<Case>> {
    match (id, as_of) {
        (None, _) => Ok(None),
        (Some(id), None) => Ok(loader::case(ctx, id).await?.map(Case::from)),
        (Some(id), Some(moment)) => find_as_of(ctx, id, moment).await,
    }
}

/// A condition on a code: equal to one, or one of several.
#[derive(InputObject, Clone, Default)]
pub struct CodeFilter {
    /// Equal to this.
    pub eq: Option<String>,
    /// One of these; at most 100.
    #[graphql(name = "in", validator(max_items = 100))]
    pub one_of: Option<Vec<String>>,
}

impl CodeFilter {
    /// The values that are wanted.
    pub fn values(self) -> Option<Vec<String>> {
        match (self.eq, self.one_of) {
            (None, None) => None,
            (Some(eq), None) => Some(vec![eq]),
            (None, Some(one_of)) => Some(one_of),
            // Both conditions hold together.
            (Some(eq), Some(one_of)) => Some(one_of.into_iter().filter(|v| *v == eq).collect()),
        }
    }
}

/// A condition on a moment: from one moment to before another.
#[derive(InputObject, Clone, Copy, Default)]
pub struct DateTimeFilter {
    /// At or after this moment.
    pub gte: Option<DateTime>,
    /// Before this moment.
    pub lt: Option<DateTime>,
}

impl From<DateTimeFilter> for TimeRange {
    fn from(filter: DateTimeFilter) -> Self {
        Self { gte: filter.gte.map(|time| time.0), lt: filter.lt.map(|time| time.0) }
    }
}

/// Which cases are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct CaseFilterInput {
    /// One of these kinds.
    pub kind: Option<Vec<CaseKind>>,
    /// In one of these statuses.
    pub status: Option<Vec<Status>>,
    /// Of one of these priorities.
    pub priority: Option<Vec<Priority>>,
    /// Of one of these severities.
    pub severity: Option<Vec<Severity>>,
    /// Come by one of these channels.
    pub channel: Option<Vec<Channel>>,
    /// In these categories.
    pub category: Option<CodeFilter>,
    /// Owned by these units.
    pub unit: Option<CodeFilter>,
    /// Given to these members of staff.
    pub assignee: Option<CodeFilter>,
    /// Of this customer (a global id), and of the records that were merged into theirs.
    pub customer_id: Option<ID>,
    /// With this short reference.
    pub reference: Option<String>,
    /// With this key in another system.
    pub external_reference: Option<String>,
    /// Opened in this period.
    pub opened_at: Option<DateTimeFilter>,
    /// Due in this period.
    pub due_at: Option<DateTimeFilter>,
}

fn into_all<A, B: From<A>>(values: Option<Vec<A>>) -> Option<Vec<B>> {
    values.map(|values| values.into_iter().map(Into::into).collect())
}

impl CaseFilterInput {
    fn into_filter(self) -> Result<CaseFilter, RequestError> {
        let customer_id = self
            .customer_id
            .map(|id| global_id::decode("customerId", NodeType::Customer, &id))
            .transpose()?;
        Ok(CaseFilter {
            kind: into_all(self.kind),
            status: into_all(self.status),
            priority: into_all(self.priority),
            severity: into_all(self.severity),
            channel: into_all(self.channel),
            category: self.category.and_then(CodeFilter::values),
            unit: self.unit.and_then(CodeFilter::values),
            assignee: self.assignee.and_then(CodeFilter::values),
            customer_id,
            merged_records: Vec::new(),
            reference: self.reference,
            external_reference: self.external_reference,
            opened_at: self.opened_at.unwrap_or_default().into(),
            due_at: self.due_at.unwrap_or_default().into(),
        })
    }
}

/// The order of a list of cases. Cases that tie are ordered by id.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CaseSort {
    /// The newest first.
    #[default]
    OpenedAtDesc,
    /// The oldest first.
    OpenedAtAsc,
    /// What moved last comes first.
    UpdatedAtDesc,
    /// What moved last comes last.
    UpdatedAtAsc,
    /// The earliest promise first; cases without one come last.
    DueAtAsc,
    /// The latest promise first; cases without one come first.
    DueAtDesc,
    /// The most urgent first.
    PriorityDesc,
    /// The least urgent first.
    PriorityAsc,
}

impl CaseSort {
    fn parts(self) -> (case_summary::CaseSort, bool) {
        use case_summary::CaseSort as By;
        match self {
            Self::OpenedAtDesc => (By::OpenedAt, true),
            Self::OpenedAtAsc => (By::OpenedAt, false),
            Self::UpdatedAtDesc => (By::UpdatedAt, true),
            Self::UpdatedAtAsc => (By::UpdatedAt, false),
            Self::DueAtAsc => (By::DueAt, false),
            Self::DueAtDesc => (By::DueAt, true),
            Self::PriorityDesc => (By::Priority, true),
            Self::PriorityAsc => (By::Priority, false),
        }
    }
}

/// What a connection of cases has beside its edges, by the list that it is of.
pub enum CaseTotal {
    /// The cases that a filter finds.
    Filtered(Box<CaseFilter>),
    /// The cases that are merged into one, or were known to be at a moment.
    MergedInto(Uuid, Option<Timestamp>),
    /// Those whose customer waits for an answer.
    Unanswered(UnansweredFilter),
}

#[Object]
impl CaseTotal {
    /// How many cases the list has, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let scope = case_scope(ctx);
        match self {
            Self::Filtered(filter) => {
                let filter = filter.clone();
                query(ctx, move |db| case_summary::case_count(db, &scope, &filter)).await
            }
            Self::MergedInto(survivor, as_of) => {
                let (survivor, as_of) = (*survivor, *as_of);
                query(ctx, move |db| case_merges::merged_case_count(db, &scope, survivor, as_of))
                    .await
            }
            Self::Unanswered(filter) => {
                let filter = filter.clone();
                query(ctx, move |db| case_answers::unanswered_count(db, &scope, &filter)).await
            }
        }
    }
}

/// A page of cases.
pub type CaseConnection = Connection<Cursor, PlainOr<Case>, CaseTotal, EmptyFields>;

/// A filter tells of the field that it filters by: whoever may not select the one may not use the other.
fn check_filter(filter: &CaseFilterInput, role: Role) -> Result<(), RequestError> {
    let refused_field = match role {
        Role::Customer if filter.assignee.is_some() => "assignee",
        Role::Monitor if filter.customer_id.is_some() => "customerId",
        _ => return Ok(()),
    };
    let message = format!("The role `{role}` may not filter cases by `{refused_field}`.");
    Err(RequestError::new(ErrorCode::Forbidden, message))
}

/// A page of the cases that the caller may know of.
pub async fn list(
    ctx: &Context<'_>,
    filter: CaseFilterInput,
    sort: CaseSort,
    page: PageArguments,
) -> async_graphql::Result<CaseConnection> {
    check_filter(&filter, principal(ctx).role).map_err(refused)?;
    let mut filter = filter.into_filter().map_err(refused)?;
    let key = ListKey::of("cases", (sort, &filter));
    let request = page.request(key).map_err(refused)?;
    if let Some(id) = filter.customer_id {
        let records = query(ctx, move |db| customer_merges::records(db, id)).await?;
        filter.merged_records = records.into_iter().filter(|record| *record != id).collect();
    }
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let (by, descending) = sort.parts();
    let plain = PlainSelection::of::<Case>(ctx, PLAIN_COLUMNS);
    let in_order = case_summary::is_read_in_order(&scope, &filter, by);
    let read = move |db: &rusqlite::Connection| match plain {
        Some(plain) => {
            let (columns, read) = (plain.sql(), |row: &Row<'_>| plain.read(row, 2));
            let (scope, wanted) = (&scope, &wanted);
            case_summary::case_columns(db, scope, wanted, by, descending, request, &columns, read)
                .map(|page| page.map(PlainOr::Plain))
        }
        None => case_summary::cases(db, &scope, &wanted, by, descending, request)
            .map(|page| page.map(|row| PlainOr::Object(Box::new(Case::from(row))))),
    };
    let page = if in_order { query_now(ctx, read)? } else { query(ctx, read).await? };
    Ok(connection(key, &request, page, CaseTotal::Filtered(Box::new(filter)), |node| node))
}

/// A page of the cases that are merged into one and that the caller may know of.
async fn merged_into(
    ctx: &Context<'_>,
    survivor: Uuid,
    moment: Option<Timestamp>,
    page: PageArguments,
) -> async_graphql::Result<CaseConnection> {
    let key = ListKey::of("merged", (survivor, moment));
    let request = page.request(key).map_err(refused)?;
    let scope = case_scope(ctx);
    let mut page =
        query(ctx, move |db| case_merges::merged_cases(db, &scope, survivor, moment, request))
            .await?;
    if let Some(moment) = moment {
        for (_, row) in &mut page.rows {
            // Merged by then, so opened by then: there is a row.
            if let Some(known) = as_of::case_row(ctx, row.id, moment).await? {
                *row = known;
            }
        }
    }
    let node = |row| PlainOr::Object(Box::new(Case { as_of: moment, ..Case::from(row) }));
    Ok(connection(key, &request, page, CaseTotal::MergedInto(survivor, moment), node))
}

/// Which unanswered cases are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct UnansweredCaseFilterInput {
    /// Owned by these units.
    pub unit: Option<CodeFilter>,
    /// True: those that are resolved or closed without an answer; false: those that are still worked on.
    pub ended: Option<bool>,
    /// Asked before this moment.
    pub asked_before: Option<DateTime>,
}

/// A page of the cases whose customer waits for an answer, the longest waiting first.
pub async fn unanswered(
    ctx: &Context<'_>,
    filter: UnansweredCaseFilterInput,
    page: PageArguments,
) -> async_graphql::Result<CaseConnection> {
    let filter = UnansweredFilter {
        unit: filter.unit.and_then(CodeFilter::values),
        ended: filter.ended,
        asked_before: filter.asked_before.map(|moment| moment.0),
    };
    let key = ListKey::of("unanswered", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| case_answers::unanswered(db, &scope, &wanted, request)).await?;
    let node = |row| PlainOr::Object(Box::new(Case::from(row)));
    Ok(connection(key, &request, page, CaseTotal::Unanswered(filter), node))
}

/// One case, as it stands.
pub async fn find(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Case>> {
    let scope = case_scope(ctx);
    let row = query_now(ctx, |db| case_summary::case(db, &scope, id))?;
    Ok(row.map(Case::from))
}

/// One case, as it was known at a moment.
pub async fn find_as_of(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Option<Case>> {
    // Whether the caller may know of the case is decided by the case of today: access follows today's ownership.
    if find(ctx, id).await?.is_none() {
        return Ok(None);
    }
    let row = as_of::case_row(ctx, id, moment).await?;
    Ok(row.map(|row| Case { as_of: Some(moment), ..Case::from(row) }))
}

/// The newest cases of a customer.
pub async fn of_customer(
    ctx: &Context<'_>,
    customer_id: Uuid,
    page: PageArguments,
) -> async_graphql::Result<CaseConnection> {
    let filter = CaseFilterInput {
        customer_id: Some(global_id::encode(NodeType::Customer, customer_id)),
        ..CaseFilterInput::default()
    };
    list(ctx, filter, CaseSort::default(), page).await
}

/// A case that a mutation has just changed: read after the read models show the change.
pub async fn after_write(
    ctx: &Context<'_>,
    id: Uuid,
    position: Option<crate::store::Position>,
) -> async_graphql::Result<Option<Case>> {
    if let Some(position) = position {
        let caught_up = super::context::services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| super::context::failure(&error))?;
    }
    // The writer may lose sight of a case by referring it to another unit; its own answer still shows what it wrote.
    let scope = case_scope_after_write(ctx);
    let row = query(ctx, move |db| case_summary::case(db, &scope, id)).await?;
    Ok(row.map(Case::from))
}
