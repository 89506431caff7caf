//! Cases as they were known at a moment.

use async_graphql::Context;
use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary::CaseRow;
use parvandeh_projections::sla_reference;
use uuid::Uuid;

use super::context::{failure, query, services};
use crate::replay::{self, ClocksFold};
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

/// The clocks of a case as they were known at a moment, and the policies and calendars by which they are counted.
pub async fn clocks(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<ClocksFold> {
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

async fn events(
    ctx: &Context<'_>,
    category: &str,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<Recorded<DomainEvent>>> {
    let stream =
        StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id");
    replay::stream_until(&services(ctx).store, &stream, moment)
        .await
        .map_err(|error| failure(&error))
}
