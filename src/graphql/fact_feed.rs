//! The subscriptions to facts about clocks: a feed without loss, resumed by cursor.
//!
//! The feed is the read model of facts, read in the order of the log. That order is also the order of delivery, so a subscriber that
//! gives its last cursor gets exactly what came after it, however long it was away. What is new comes out of the ring of newest facts,
//! which all subscribers share, to each what its scope includes; who is behind the ring reads the table, and every page is a query with
//! the subscriber's scope. A slow subscriber reads later; nothing is kept for it in memory. The feed of breaches is the same feed with a
//! filter.

use std::sync::Arc;

use async_graphql::{Context, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use parvandeh_projections::page::{Anchor, PAGE_SIZE_MAX, PageRequest, Tie};
use parvandeh_projections::sla_facts::{self, FactFilter, FactRow};

use super::context::{Services, case_scope, failure, refused};
use super::cursor::{self, ListKey};
use super::sla_breach::{SlaBreach, SlaBreachFilterInput};
use super::sla_fact::{SlaFact, SlaFactFilterInput};
use crate::subscription::fact_ring::Newer;

/// A breach, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct SlaBreachEvent {
    /// Where it stands in the feed: give it as `after` to go on behind it. The same for every filter.
    pub cursor: String,
    /// The breach.
    pub breach: SlaBreach,
}

/// A fact about a clock, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct SlaFactEvent {
    /// Where it stands in the feed: give it as `after` to go on behind it. The same for every filter.
    pub cursor: String,
    /// The fact.
    pub fact: SlaFact,
}

/// Every breach on record after the cursor, then every breach that comes.
pub async fn breaches<'a>(
    ctx: &Context<'a>,
    after: Option<String>,
    filter: SlaBreachFilterInput,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaBreachEvent>> + 'a> {
    let filter = filter.into_filter().map_err(refused)?;
    follow(ctx, "slaBreachFeed", after, filter, |cursor, row| SlaBreachEvent {
        cursor,
        breach: row.into(),
    })
}

/// Every fact on record after the cursor, then every fact that comes.
pub async fn facts<'a>(
    ctx: &Context<'a>,
    after: Option<String>,
    filter: SlaFactFilterInput,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaFactEvent>> + 'a> {
    let filter = filter.into_filter().map_err(refused)?;
    follow(ctx, "slaFactFeed", after, filter, |cursor, row| SlaFactEvent {
        cursor,
        fact: row.into(),
    })
}

fn follow<'a, Event: 'a>(
    ctx: &Context<'a>,
    feed: &str,
    after: Option<String>,
    filter: FactFilter,
    event: impl Fn(String, FactRow) -> Event + 'a,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<Event>> + 'a> {
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    let scope = case_scope(ctx);
    // A position means something only in the log that it was read from.
    let list = ListKey::of(feed, services.store.id());
    let mut reached = match after {
        Some(after) => cursor::decode("after", list, &after).map_err(refused)?.key,
        None => 0,
    };
    Ok(try_stream! {
        let mut ring = services.fact_ring.subscribe();
        loop {
            let facts = match ring.after(reached) {
                Newer::Facts(facts, seen) => {
                    reached = seen;
                    facts
                }
                Newer::Gone => {
                    // What is shown by now is told by a page that is not full.
                    let shown = services.read_models.position();
                    let request = PageRequest {
                        after: Some(place(reached)),
                        ..PageRequest::first(PAGE_SIZE_MAX)
                    };
                    let (scope, filter) = (scope.clone(), filter.clone());
                    let page = services
                        .read_models
                        .query(move |db| sla_facts::facts(db, &scope, &filter, request))
                        .await
                        .map_err(|error| failure(&error))?;
                    for (_, row) in page.rows {
                        reached = row.position;
                        yield event(cursor::encode(list, place(reached)), row);
                    }
                    if !page.has_more {
                        reached = reached.max(i64::try_from(shown).unwrap_or(i64::MAX));
                    }
                    continue;
                }
            };
            if facts.is_empty() && !ring.changed().await {
                return;
            }
            for fact in facts {
                if fact.is_for(&scope, &filter) {
                    let position = fact.row.position;
                    yield event(cursor::encode(list, place(position)), fact.row.clone());
                }
            }
        }
    })
}

/// The place of a fact in the feed.
fn place(position: i64) -> Anchor {
    Anchor { key: position, tie: Tie::Position(position) }
}
