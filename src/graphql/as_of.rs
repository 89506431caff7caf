//! Cases as they were known at a moment.

use async_graphql::Context;
use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary::CaseRow;
use parvandeh_projections::sla_clocks::ClockRow;
use parvandeh_projections::sla_reference::{self, Known};
use uuid::Uuid;

use super::context::{failure, query, services};
use crate::replay;
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

/// The clocks of a case as they were known at a moment.
pub async fn clock_rows(
    ctx: &Context<'_>,
    id: Uuid,
    moment: Timestamp,
) -> async_graphql::Result<Vec<ClockRow>> {
    let case = events(ctx, "case", id, moment).await?;
    let clock = events(ctx, "clock", id, moment).await?;
    let Some(opening) = case.first().map(|event| event.position) else { return Ok(Vec::new()) };
    let (opened_with, known) = query(ctx, move |db| {
        let opened_with = sla_reference::reference_data(db, Known::BeforePosition(opening))?;
        Ok((opened_with, sla_reference::reference_data(db, Known::Until(moment))?))
    })
    .await?;
    // A binding names a policy version, and versions do not change: those bound at the opening are among those known at the moment.
    Ok(replay::clock_rows(id, &case, &clock, &opened_with, &known))
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
