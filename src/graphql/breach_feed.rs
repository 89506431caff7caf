//! The subscription to breaches: a feed without loss, resumed by cursor.
//!
//! The feed is the read model of breaches, read in the order of the log. That order is also the order of delivery, so a subscriber that
//! gives its last cursor gets exactly what came after it, however long it was away; and every page is a query with the subscriber's scope.
//! A slow subscriber reads later; nothing is kept for it in memory.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use parvandeh_projections::page::{Anchor, PAGE_SIZE_MAX, PageRequest};
use parvandeh_projections::sla_breaches;

use super::context::{Services, case_scope, failure, refused};
use super::cursor::{self, ListKey};
use super::sla::{SlaBreach, SlaBreachFilterInput};

/// A breach, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct SlaBreachEvent {
    /// Where it stands in the feed: give it as `after` to go on behind it. The same for every filter.
    pub cursor: String,
    /// The breach.
    pub breach: SlaBreach,
}

/// Every breach on record after the cursor, then every breach that comes.
pub async fn follow<'a>(
    ctx: &Context<'a>,
    after: Option<String>,
    filter: SlaBreachFilterInput,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaBreachEvent>> + 'a> {
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    let scope = case_scope(ctx);
    let filter = filter.into_filter().map_err(refused)?;
    // A position means something only in the log that it was read from.
    let list = ListKey::of("slaBreachFeed", services.store.id());
    let mut reached: Option<Anchor> =
        after.map(|after| cursor::decode("after", list, &after)).transpose().map_err(refused)?;
    Ok(try_stream! {
        let mut moved = services.read_models.position_changes();
        loop {
            // Marked as seen before reading, so that no breach falls between the page and the wait.
            moved.borrow_and_update();
            loop {
                let request =
                    PageRequest { after: reached, ..PageRequest::first(PAGE_SIZE_MAX) };
                let (scope, filter) = (scope.clone(), filter.clone());
                let page = services
                    .read_models
                    .query(move |db| sla_breaches::breaches(db, &scope, &filter, request))
                    .await
                    .map_err(|error| failure(&error))?;
                for (anchor, row) in page.rows {
                    reached = Some(anchor);
                    let cursor = cursor::encode(list, anchor);
                    yield SlaBreachEvent { cursor, breach: row.into() };
                }
                if !page.has_more {
                    break;
                }
            }
            if moved.changed().await.is_err() {
                return;
            }
        }
    })
}
