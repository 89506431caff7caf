//! Cases as they were known at a moment.

use async_graphql::Context;
use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary::CaseRow;
use parvandeh_projections::{attachments, case_money, sla_reference};
use uuid::Uuid;

use super::context::{case_scope, failure, query, services, visibility};
use crate::attachments::added_event;
use crate::replay::{self, CaseMoney, ClocksFold};
use crate::store::StreamId;

/// A case as the events recorded until a moment make it.
pub async fn case_row(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Option<CaseRow>> {
    let events = events(ctx, "case", id, moment).await?;
    Ok(replay::case_row(CaseId(id), &events))
}

/// The events of a case that were recorded until a moment.
pub async fn case_events(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    events(ctx, "case", id, moment).await
}

/// The clocks of a case as they were known at a moment, and the policies and calendars by which they are counted.
pub async fn clocks(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<ClocksFold> {
    let all = own_evidence(ctx, id, moment).await?;
    let publications = query(ctx, move |db| sla_reference::publications(db, moment)).await?;

    let mut fold = ClocksFold::new(CaseId(id));
    let mut publications = publications.into_iter().peekable();
    for event in &all {
        while let Some(earlier) = publications.next_if(|next| next.position < event.position) {
            fold.publish(&earlier.event, earlier.recorded_at);
        }
        fold.take_in(event);
    }
    for later in publications {
        fold.publish(&later.event, later.recorded_at);
    }
    Ok(fold)
}

/// The redress and the fees of a case, as they were known at a moment.
pub async fn money(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<CaseMoney> {
    let scope = case_scope(ctx);
    let streams = query(ctx, move |db| case_money::streams(db, &scope, id)).await?;
    let mut events = all_events(ctx, streams, moment).await?;
    events.sort_by_key(|event| event.position);
    let mut money = CaseMoney::default();
    for event in &events {
        money.take_in(CaseId(id), event);
    }
    Ok(money)
}

/// All that a case and its clocks follow from, as far as it was recorded by a moment, in the order of the log: its own events, those of
/// its customer and its clocks, the files that the caller may see, what became of its redress, its fees and their payments, and every publication of a policy or a
/// calendar.
pub async fn evidence(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    let mut all = own_evidence(ctx, id, moment).await?;
    let (scope, visibility) = (case_scope(ctx), visibility(ctx));
    let files =
        query(ctx, move |db| attachments::attachments_of_case(db, &scope, visibility, id)).await?;
    for file in files.iter().filter(|file| file.added_at <= moment) {
        let event = added_event(&services(ctx).store, file).await;
        all.extend(event.map_err(|error| failure(&error))?);
    }
    let scope = case_scope(ctx);
    let money = query(ctx, move |db| case_money::streams_with_payments(db, &scope, id)).await?;
    all.extend(all_events(ctx, money, moment).await?);
    let publications = query(ctx, sla_reference::streams).await?;
    all.extend(all_events(ctx, publications, moment).await?);
    all.sort_by_key(|event| event.position);
    Ok(all)
}

/// The events of a case, of its customer and of its clocks, in the order of the log.
async fn own_evidence(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    let mut all = events(ctx, "case", id, moment).await?;
    let customer_id = all.iter().find_map(|event| match &event.event {
        DomainEvent::Case(_, CaseEvent::Opened(opened)) => opened.customer_id,
        _ => None,
    });
    if let Some(customer_id) = customer_id {
        all.extend(events(ctx, "customer", customer_id.0, moment).await?);
    }
    all.extend(events(ctx, "clock", id, moment).await?);
    all.sort_by_key(|event| event.position);
    Ok(all)
}

/// The events of these streams, stream by stream.
async fn all_events(
    ctx: &Context<'_>,
    streams: Vec<String>,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    let mut all = Vec::new();
    for stream in streams {
        let stream = StreamId::new(&stream).map_err(|error| failure(&error))?;
        all.extend(stream_events(ctx, &stream, moment).await?);
    }
    Ok(all)
}

async fn events(
    ctx: &Context<'_>,
    category: &str,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    let stream =
        StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id");
    stream_events(ctx, &stream, moment).await
}

async fn stream_events(
    ctx: &Context<'_>,
    stream: &StreamId,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    replay::stream_until(&services(ctx).store, stream, moment)
        .await
        .map_err(|error| failure(&error))
}
