//! What a customer is told of on their own page: the list, the mark of what was read, and the feed.

use std::sync::Arc;

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use parvandeh_domain::customer::command::ReadNotifications;
use parvandeh_domain::customer::{Customer as CustomerAggregate, CustomerCommand};
use parvandeh_domain::redress::RedressValue;
use parvandeh_projections::notifications::{self, NotificationRow};
use parvandeh_projections::page::{Anchor, PAGE_SIZE_MAX, Tie};
use uuid::Uuid;

use super::calendar_date::{self, CalendarDate};
use super::case::Case;
use super::context::{
    Services, case_scope, failure, language, principal, query, refused, services,
};
use super::cursor::{self, Cursor, ListKey};
use super::loader;
use super::money::Money;
use super::paging::{PageArguments, connection};
use super::payload::{Common, Failed, claim, execute, payload};
use super::viewer::{self, Viewer};
use super::vocabulary::NotificationKind;
use crate::error::{ErrorCode, RequestError};
use crate::store::StreamId;
use crate::words::panel::{self, Told};

/// Something that happened in a customer's cases and concerns them.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Notification {
    /// What happened.
    pub kind: NotificationKind,
    /// The event that tells it.
    pub event_id: ID,
    /// Whether it was read, by the last mark before this answer.
    pub read: bool,
    /// The stage that the case entered, in the organisation's words.
    pub stage: Option<String>,
    /// The points that are offered or paid.
    pub points: Option<i64>,
    /// The amount that is offered, paid or asked for.
    pub money: Option<Money>,
    #[graphql(skip)]
    row: NotificationRow,
}

impl From<NotificationRow> for Notification {
    fn from(row: NotificationRow) -> Self {
        let (money, points) = match row.value {
            Some(RedressValue::Money(money)) => (Some(money.into()), None),
            Some(RedressValue::Points(points)) => (None, Some(points.0)),
            None => (None, None),
        };
        Self {
            kind: row.kind.into(),
            event_id: ID(row.event_id.to_string()),
            read: row.read,
            stage: row.stage.clone(),
            points,
            money,
            row,
        }
    }
}

#[ComplexObject]
impl Notification {
    /// It in one sentence, in the language that `Accept-Language` asks for.
    async fn text(&self, ctx: &Context<'_>) -> String {
        let told = Told {
            kind: self.row.kind,
            reference: &self.row.reference,
            stage: self.row.stage.as_deref(),
            promised_until: self.row.promised_until.map(|until| calendar_date::day(ctx, until)),
            value: self.row.value,
        };
        panel::notification(told, language(ctx))
    }

    /// When it happened.
    async fn at(&self, ctx: &Context<'_>) -> CalendarDate {
        calendar_date::of(ctx, self.row.occurred_at)
    }

    /// Until when something was promised.
    async fn promised_until(&self, ctx: &Context<'_>) -> Option<CalendarDate> {
        self.row.promised_until.map(|until| calendar_date::of(ctx, until))
    }

    /// The case.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        Ok(loader::case(ctx, self.row.case_id).await?.map(Case::from))
    }
}

/// What a list of notifications has beside its edges.
pub struct NotificationTotal {
    customer_id: Uuid,
    unread_only: bool,
}

#[Object]
impl NotificationTotal {
    /// How many notifications the list has, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        count(ctx, self.customer_id, self.unread_only).await
    }
}

/// A page of notifications.
pub type NotificationConnection = Connection<Cursor, Notification, NotificationTotal, EmptyFields>;

/// A place in a customer's notifications means the same in every list of them and in the feed: it is a position.
fn list_key(customer_id: Uuid) -> ListKey {
    ListKey::of("notifications", customer_id)
}

/// What a customer was told and wishes to be told, the newest first.
pub async fn of_customer(
    ctx: &Context<'_>,
    customer_id: Uuid,
    unread_only: bool,
    page: PageArguments,
) -> async_graphql::Result<NotificationConnection> {
    let key = list_key(customer_id);
    let request = page.request(key).map_err(refused)?;
    let scope = case_scope(ctx);
    let page = query(ctx, move |db| {
        notifications::notifications(db, &scope, customer_id, unread_only, request)
    });
    let total = NotificationTotal { customer_id, unread_only };
    Ok(connection(key, &request, page.await?, total, Notification::from))
}

/// How many notifications a customer has, or has not read.
pub async fn count(
    ctx: &Context<'_>,
    customer_id: Uuid,
    unread_only: bool,
) -> async_graphql::Result<u64> {
    let scope = case_scope(ctx);
    query(ctx, move |db| notifications::notification_count(db, &scope, customer_id, unread_only))
        .await
}

/// How far you have read.
#[derive(InputObject)]
pub struct MarkNotificationsReadInput {
    /// The cursor of the newest notification that you have read, from the list or from the feed: all before it count as read too.
    pub until: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(MarkNotificationsReadPayload, viewer: Viewer);

/// Mutations on notifications.
#[derive(Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks your notifications as read, up to one of them. What was read stays read.
    async fn mark_notifications_read(
        &self,
        ctx: &Context<'_>,
        input: MarkNotificationsReadInput,
    ) -> async_graphql::Result<MarkNotificationsReadPayload> {
        MarkNotificationsReadPayload::answer(mark_read(ctx, input).await)
    }
}

async fn mark_read(
    ctx: &Context<'_>,
    input: MarkNotificationsReadInput,
) -> Result<Option<Viewer>, Failed> {
    let id = own_id(ctx)?;
    let said = cursor::decode("until", list_key(id), &input.until)?.key;
    let scope = case_scope(ctx);
    // The position of a notification, so that nothing is marked that is still to come.
    let last = query(ctx, move |db| notifications::last_until(db, &scope, id, said)).await;
    let last = last.map_err(Failed::Failure)?.and_then(|last| u64::try_from(last).ok());
    let Some(until) = last else { return Ok(viewer::of(ctx)) };
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let command = CustomerCommand::ReadNotifications(ReadNotifications { until });
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let stream =
        StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id");
    let executed =
        execute::<CustomerAggregate>(ctx, &stream, identity, &common, command, |state| {
            state.name.is_some()
        })
        .await?;
    if let Some(position) = executed.position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    Ok(viewer::of(ctx))
}

/// The customer who asks.
fn own_id(ctx: &Context<'_>) -> Result<Uuid, RequestError> {
    principal(ctx).customer_id.ok_or_else(|| {
        RequestError::new(ErrorCode::Forbidden, "Notifications are a customer's own.")
    })
}

/// A notification, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct NotificationEvent {
    /// Where it stands: give it as `after` to go on behind it, and as `until` to mark what was read.
    pub cursor: String,
    /// What happened.
    pub notification: Notification,
}

/// The asker's notifications, the oldest first: those after the cursor, or without one those that are unread, then each as it comes.
pub async fn follow<'a>(
    ctx: &Context<'a>,
    after: Option<String>,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<NotificationEvent>> + 'a> {
    let id = own_id(ctx).map_err(refused)?;
    let list = list_key(id);
    let scope = case_scope(ctx);
    let mut reached = match after {
        Some(after) => cursor::decode("after", list, &after).map_err(refused)?.key,
        None => {
            let scope = scope.clone();
            query(ctx, move |db| notifications::preferences(db, &scope, id)).await?.read_until
        }
    };
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    Ok(try_stream! {
        let Some(mut watcher) = services.notification_watch.watch(id) else { return };
        loop {
            watcher.mark_seen();
            loop {
                let scope = scope.clone();
                let read = services
                    .read_models
                    .query(move |db| notifications::after(db, &scope, id, reached, PAGE_SIZE_MAX));
                let rows = read.await.map_err(|error| failure(&error))?;
                let is_last = rows.len() < PAGE_SIZE_MAX;
                for row in rows {
                    reached = row.position;
                    let anchor = Anchor { key: reached, tie: Tie::Position(reached) };
                    let cursor = cursor::encode(list, anchor);
                    yield NotificationEvent { cursor, notification: row.into() };
                }
                if is_last {
                    break;
                }
            }
            if !watcher.moved().await {
                return;
            }
        }
    })
}
