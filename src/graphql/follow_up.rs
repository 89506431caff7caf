//! Promises to customers, the lists of those that fall due and that were missed, and the feed of reminders.

use std::sync::Arc;

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use jiff::Timestamp;
use parvandeh_projections::follow_ups::{self, FollowUpFilter, FollowUpRow};
use parvandeh_projections::page::{PAGE_SIZE_MAX, PageRequest};
use uuid::Uuid;

use super::as_of;
use super::case::{Case, CodeFilter, DateTimeFilter};
use super::context::{Services, case_scope, failure, query, refused, services};
use super::cursor::{self, Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::loader;
use super::paging::{PageArguments, connection};
use super::personal::Personal;
use super::scalar::DateTime;

/// How a promise stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUpState {
    /// Its time has not passed, and it waits to be kept.
    Waiting,
    /// It was kept in time.
    Kept,
    /// It was kept after its time.
    KeptLate,
    /// Its time has passed, and it was not kept.
    Missed,
}

/// Something that was promised to a customer.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct FollowUp {
    /// The global id of the case.
    pub case_id: ID,
    /// 1 for the case's first promise, then 2, 3 ...
    pub number: u32,
    /// How it stands.
    pub state: FollowUpState,
    /// When it was promised.
    pub promised_at: DateTime,
    /// Who promised it, as the identity provider names them.
    pub promised_by: String,
    /// Until when it is to be kept.
    pub due_at: DateTime,
    /// When it was kept.
    pub kept_at: Option<DateTime>,
    /// When those who are to keep it were reminded.
    pub reminded_at: Option<DateTime>,
    #[graphql(skip)]
    personal: Personal,
    #[graphql(skip)]
    case_uuid: Uuid,
}

#[ComplexObject]
impl FollowUp {
    /// What was promised; null when it was erased.
    async fn what(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "what")
    }

    /// The case.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        Ok(loader::case(ctx, self.case_uuid).await?.map(Case::from))
    }
}

impl FollowUp {
    fn of(row: FollowUpRow, now: Timestamp) -> Self {
        let state = match row.kept_at {
            Some(kept_at) if kept_at <= row.due_at => FollowUpState::Kept,
            Some(_) => FollowUpState::KeptLate,
            None if row.missed_at.is_some() || row.due_at < now => FollowUpState::Missed,
            None => FollowUpState::Waiting,
        };
        Self {
            case_id: global_id::encode(NodeType::Case, row.case_id),
            number: row.number,
            state,
            promised_at: DateTime(row.promised_at),
            promised_by: row.promised_by,
            due_at: DateTime(row.due_at),
            kept_at: row.kept_at.map(DateTime),
            reminded_at: row.reminded_at.map(DateTime),
            personal: Personal::new(row.what),
            case_uuid: row.case_id,
        }
    }
}

/// The promises of a case, the earliest due first, as they are known now or were known at a moment: the first hundred.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<FollowUp>> {
    let rows = match as_of {
        None => {
            let scope = case_scope(ctx);
            let filter = FollowUpFilter { case_id: Some(case_id), ..FollowUpFilter::default() };
            let first = PageRequest::first(PAGE_SIZE_MAX);
            let page = query(ctx, move |db| follow_ups::follow_ups(db, &scope, &filter, first));
            page.await?.rows.into_iter().map(|(_, row)| row).collect()
        }
        Some(moment) => {
            let mut rows = follow_ups::fold(&as_of::case_events(ctx, case_id, moment).await?);
            rows.sort_by_key(|row| (row.due_at, row.number));
            rows.truncate(PAGE_SIZE_MAX);
            rows
        }
    };
    let now = as_of.unwrap_or_else(|| services(ctx).clock.now());
    Ok(rows.into_iter().map(|row| FollowUp::of(row, now)).collect())
}

/// Which missed promises are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct MissedFollowUpFilterInput {
    /// About cases of these units.
    pub unit: Option<CodeFilter>,
    /// Due in this period.
    pub due_at: Option<DateTimeFilter>,
    /// Only those that were not kept to this day.
    pub unkept: Option<bool>,
}

/// What a list of promises has beside its edges.
pub struct FollowUpTotal(FollowUpFilter);

#[Object]
impl FollowUpTotal {
    /// How many promises the list has, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.0.clone());
        query(ctx, move |db| follow_ups::follow_up_count(db, &scope, &filter)).await
    }
}

/// A page of promises.
pub type FollowUpConnection = Connection<Cursor, FollowUp, FollowUpTotal, EmptyFields>;

/// A page of the promises that are on record as missed, the longest overdue first.
pub async fn missed(
    ctx: &Context<'_>,
    filter: MissedFollowUpFilterInput,
    page: PageArguments,
) -> async_graphql::Result<FollowUpConnection> {
    let filter = FollowUpFilter {
        case_id: None,
        missed: true,
        due_soon: false,
        unit: filter.unit.and_then(CodeFilter::values),
        due_at: filter.due_at.unwrap_or_default().into(),
        unkept: filter.unkept.unwrap_or_default(),
    };
    listed(ctx, ListKey::of("missed follow-ups", &filter), filter, page).await
}

/// Which promises that fall due soon are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct FollowUpsDueFilterInput {
    /// About cases of these units.
    pub unit: Option<CodeFilter>,
    /// Due in this period.
    pub due_at: Option<DateTimeFilter>,
}

/// A page of the promises whose keepers were reminded and that still wait to be kept, the earliest due first.
pub async fn due(
    ctx: &Context<'_>,
    filter: FollowUpsDueFilterInput,
    page: PageArguments,
) -> async_graphql::Result<FollowUpConnection> {
    let filter = FollowUpFilter {
        case_id: None,
        missed: false,
        due_soon: true,
        unit: filter.unit.and_then(CodeFilter::values),
        due_at: filter.due_at.unwrap_or_default().into(),
        unkept: true,
    };
    listed(ctx, ListKey::of("follow-ups due", &filter), filter, page).await
}

async fn listed(
    ctx: &Context<'_>,
    key: ListKey,
    filter: FollowUpFilter,
    page: PageArguments,
) -> async_graphql::Result<FollowUpConnection> {
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| follow_ups::follow_ups(db, &scope, &wanted, request)).await?;
    let now = services(ctx).clock.now();
    Ok(connection(key, &request, page, FollowUpTotal(filter), |row| FollowUp::of(row, now)))
}

/// A reminder of a promise, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct FollowUpReminder {
    /// Where it stands in the feed: give it as `after` to go on behind it. The same for every filter.
    pub cursor: String,
    /// The promise, as it stands now.
    pub follow_up: FollowUp,
}

/// Every reminder on record after the cursor, then every reminder that comes. The feed is the read model of promises in the order of
/// their reminders; every page is a query with the subscriber's scope, and nothing is kept for a slow subscriber. A subscriber asks when
/// there is a new reminder, and not when anything else has moved.
pub async fn follow_reminders<'a>(
    ctx: &Context<'a>,
    after: Option<String>,
    unit: Option<CodeFilter>,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<FollowUpReminder>> + 'a> {
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    let scope = case_scope(ctx);
    let units = unit.and_then(CodeFilter::values);
    // A position means something only in the log that it was read from.
    let list = ListKey::of("followUpReminders", services.store.id());
    let mut reached = match after {
        Some(after) => Some(cursor::decode("after", list, &after).map_err(refused)?),
        None => None,
    };
    Ok(try_stream! {
        let Some(mut reminded) = services.reminder_watch.watch() else { return };
        loop {
            reminded.borrow_and_update();
            loop {
                let request =
                    PageRequest { after: reached, ..PageRequest::first(PAGE_SIZE_MAX) };
                let (scope, units) = (scope.clone(), units.clone());
                let page = services
                    .read_models
                    .query(move |db| follow_ups::reminders(db, &scope, units.as_deref(), request))
                    .await
                    .map_err(|error| failure(&error))?;
                for (anchor, row) in page.rows {
                    reached = Some(anchor);
                    let follow_up = FollowUp::of(row, services.clock.now());
                    yield FollowUpReminder { cursor: cursor::encode(list, anchor), follow_up };
                }
                if !page.has_more {
                    break;
                }
            }
            if reminded.changed().await.is_err() {
                return;
            }
        }
    })
}
