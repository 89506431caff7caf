//! SLA policies and calendars: what is promised, and when the organisation works. Each publication is a version of its own.

use async_graphql::{Context, InputObject, Json, MergedObject, Object, SimpleObject};
use parvandeh_domain::calendar::{Calendar as CalendarAggregate, CalendarCommand, PublishCalendar};
use parvandeh_domain::id::{CalendarId, PolicyId};
use parvandeh_domain::policy::{
    Policy as PolicyAggregate, PolicyCommand, PolicyDocument, PublishPolicy,
};
use parvandeh_projections::sla_reference::{self, PublishedDocument, ReferenceKind};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::{failure, query, services};
use super::payload::{Common, Failed, UserError, claim, code, execute, payload};
use super::scalar::DateTime;
use crate::store::StreamId;

/// A version of an SLA policy.
#[derive(SimpleObject, Clone)]
pub struct SlaPolicyVersion {
    /// The policy's code; its versions share it.
    pub id: String,
    /// 1 for the first, then 2, 3 ...
    pub version: i64,
    /// From when it holds.
    pub effective_from: DateTime,
    /// When it was published.
    pub published_at: DateTime,
    /// The whole policy: see `schema/events/PolicyPublished.v1.json`.
    pub document: Json<Value>,
}

/// A version of a calendar of working time.
#[derive(SimpleObject, Clone)]
pub struct CalendarVersion {
    /// The calendar's code; its versions share it.
    pub id: String,
    /// 1 for the first, then 2, 3 ...
    pub version: i64,
    /// From when it holds.
    pub effective_from: DateTime,
    /// When it was published.
    pub published_at: DateTime,
    /// The whole calendar: see `schema/events/CalendarPublished.v1.json`.
    pub document: Json<Value>,
}

impl From<PublishedDocument> for SlaPolicyVersion {
    fn from(published: PublishedDocument) -> Self {
        Self {
            id: published.id,
            version: published.version,
            effective_from: DateTime(published.effective_from),
            published_at: DateTime(published.published_at),
            document: Json(published.document),
        }
    }
}

impl From<PublishedDocument> for CalendarVersion {
    fn from(published: PublishedDocument) -> Self {
        Self {
            id: published.id,
            version: published.version,
            effective_from: DateTime(published.effective_from),
            published_at: DateTime(published.published_at),
            document: Json(published.document),
        }
    }
}

/// Every version of every policy, in the order of publication.
pub async fn policies(ctx: &Context<'_>) -> async_graphql::Result<Vec<SlaPolicyVersion>> {
    let all = query(ctx, |db| sla_reference::published(db, ReferenceKind::Policy)).await?;
    Ok(all.into_iter().map(Into::into).collect())
}

/// Every version of every calendar, in the order of publication.
pub async fn calendars(ctx: &Context<'_>) -> async_graphql::Result<Vec<CalendarVersion>> {
    let all = query(ctx, |db| sla_reference::published(db, ReferenceKind::Calendar)).await?;
    Ok(all.into_iter().map(Into::into).collect())
}

/// A policy to be published.
#[derive(InputObject)]
pub struct PublishPolicyInput {
    /// The policy's code. A code that is not known yet begins a new policy.
    pub id: String,
    /// The whole policy: see `schema/events/PolicyPublished.v1.json`.
    pub document: Json<Value>,
    /// From when it holds, also in the past; from now on, where absent. Cases keep the version they were opened under.
    pub effective_from: Option<DateTime>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A calendar to be published.
#[derive(InputObject)]
pub struct PublishCalendarInput {
    /// The calendar's code. A code that is not known yet begins a new calendar.
    pub id: String,
    /// The whole calendar: see `schema/events/CalendarPublished.v1.json`.
    pub document: Json<Value>,
    /// From when it holds, also in the past; from now on, where absent.
    pub effective_from: Option<DateTime>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(PublishPolicyPayload, policy: SlaPolicyVersion);
payload!(PublishCalendarPayload, calendar: CalendarVersion);

/// Mutations on policies.
#[derive(Default)]
pub struct PolicyMutation;

#[Object]
impl PolicyMutation {
    /// Publishes the next version of an SLA policy.
    async fn publish_policy(
        &self,
        ctx: &Context<'_>,
        input: PublishPolicyInput,
    ) -> async_graphql::Result<PublishPolicyPayload> {
        PublishPolicyPayload::answer(publish_policy(ctx, input).await)
    }
}

/// Mutations on calendars.
#[derive(Default)]
pub struct CalendarMutation;

#[Object]
impl CalendarMutation {
    /// Publishes the next version of a calendar of working time.
    async fn publish_calendar(
        &self,
        ctx: &Context<'_>,
        input: PublishCalendarInput,
    ) -> async_graphql::Result<PublishCalendarPayload> {
        PublishCalendarPayload::answer(publish_calendar(ctx, input).await)
    }
}

/// Mutations on reference data.
#[derive(MergedObject, Default)]
pub struct ReferenceDataMutation(PolicyMutation, CalendarMutation);

async fn publish_policy(
    ctx: &Context<'_>,
    input: PublishPolicyInput,
) -> Result<Option<SlaPolicyVersion>, Failed> {
    let id: PolicyId = code("id", input.id)?;
    let document: PolicyDocument = document("POLICY_INVALID", input.document.0)?;
    let known = query(ctx, |db| sla_reference::published(db, ReferenceKind::Calendar)).await;
    let known = known.map_err(Failed::Failure)?;
    if let Some(unknown) = document
        .calendars()
        .into_iter()
        .find(|calendar| known.iter().all(|published| published.id != calendar.as_str()))
    {
        let message = format!("calendar {unknown} is not known; publish it first");
        return Err(UserError::new("CALENDAR_UNKNOWN", Some("document"), message).into());
    }
    let command = PolicyCommand::Publish(PublishPolicy {
        document,
        effective_from: input.effective_from.map(|moment| moment.0),
    });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &(&id, &command), &common).await?;
    let stream = stream("policy", id.as_str())?;
    let executed =
        execute::<PolicyAggregate>(ctx, &stream, identity, &common, command, |_| true).await?;
    latest(ctx, ReferenceKind::Policy, id.to_string(), executed.position).await
}

async fn publish_calendar(
    ctx: &Context<'_>,
    input: PublishCalendarInput,
) -> Result<Option<CalendarVersion>, Failed> {
    let id: CalendarId = code("id", input.id)?;
    let command = CalendarCommand::Publish(PublishCalendar {
        document: document("CALENDAR_INVALID", input.document.0)?,
        effective_from: input.effective_from.map(|moment| moment.0),
    });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &(&id, &command), &common).await?;
    let stream = stream("calendar", id.as_str())?;
    let executed =
        execute::<CalendarAggregate>(ctx, &stream, identity, &common, command, |_| true).await?;
    latest(ctx, ReferenceKind::Calendar, id.to_string(), executed.position).await
}

fn document<T: DeserializeOwned>(code: &str, value: Value) -> Result<T, UserError> {
    serde_json::from_value(value).map_err(|error| {
        UserError::new(
            code,
            Some("document"),
            format!("the document does not have its shape: {error}"),
        )
    })
}

fn stream(category: &str, id: &str) -> Result<StreamId, UserError> {
    StreamId::new(&format!("{category}-{id}"))
        .map_err(|error| UserError::new("CODE_INVALID", Some("id"), error.to_string()))
}

/// The version just published, read after the read models show it.
async fn latest<T: From<PublishedDocument>>(
    ctx: &Context<'_>,
    kind: ReferenceKind,
    id: String,
    position: Option<crate::store::Position>,
) -> Result<Option<T>, Failed> {
    if let Some(position) = position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    let all = query(ctx, move |db| sla_reference::published(db, kind)).await;
    let all = all.map_err(Failed::Failure)?;
    Ok(all.into_iter().rev().find(|published| published.id == id).map(Into::into))
}
