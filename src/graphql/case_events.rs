//! The subscription to what happens to one case.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_timeline::TimelineEntry as Row;
use parvandeh_projections::page::{Anchor, Tie};
use parvandeh_projections::scope::Visibility;
use tokio::time::timeout;
use uuid::Uuid;

use super::context::{Services, failure, refused, visibility};
use super::cursor::{self, ListKey};
use super::global_id::{self, NodeType};
use super::timeline::TimelineEntry;
use crate::command::representation;
use crate::error::{ErrorCode, RequestError};
use crate::principal::Principal;
use crate::store::{LoggedEvent, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

const PAGE_SIZE: usize = 500;
/// Whoever follows a quiet case for another customer is asked so often whether they still act for them.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Something that happened to a case, as a subscriber gets it.
#[derive(SimpleObject)]
pub struct CaseEvent {
    /// Where it stands: give it as `after` to go on behind it.
    pub cursor: String,
    /// What happened, as the timeline shows it.
    pub entry: TimelineEntry,
}

/// Everything that happens to a case, in the order in which it is recorded: first what is there after the cursor, then what comes.
///
/// The stream's events are read up to its end, and again whenever it has moved since before that reading, so nothing can fall between.
pub async fn follow<'a>(
    ctx: &Context<'a>,
    case_id: ID,
    after: Option<String>,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<CaseEvent>> + 'a> {
    let id = global_id::decode("caseId", NodeType::Case, &case_id).map_err(refused)?;
    let list = ListKey::of("caseEvents", id);
    let mut reached = match after {
        None => None,
        Some(after) => {
            let anchor = cursor::decode("after", list, &after).map_err(refused)?;
            Some(u64::try_from(anchor.key).unwrap_or(0))
        }
    };
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    let (caller, visibility) = (ctx.data_unchecked::<Arc<Principal>>().clone(), visibility(ctx));
    let customer_id = check_scope(&services, &caller, id).await?;
    let represents = caller.customer_id.is_some() && caller.customer_id != customer_id;
    let stream = StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id");
    Ok(try_stream! {
        let mut watcher = services.stream_watch.watch(&stream);
        loop {
            watcher.mark_seen();
            loop {
                let page = services.store.read_stream(&stream, reached, PAGE_SIZE).await;
                let page = page.map_err(|error| failure(&error))?;
                let is_last = page.len() < PAGE_SIZE;
                if let Some(last) = page.last() {
                    // A case may be referred out of the subscriber's sight while they watch: what they are told is what they may know
                    // after the last of these events.
                    let known = services.read_models.wait_for(last.position).await;
                    known.map_err(|error| failure(&error))?;
                    check_scope(&services, &caller, id).await?;
                }
                for logged in page {
                    reached = Some(logged.revision);
                    if let Some(event) = shown(list, visibility, &logged) {
                        yield event;
                    }
                }
                if is_last {
                    break;
                }
            }
            if !represents {
                if !watcher.moved().await {
                    return;
                }
                continue;
            }
            // Somebody who acts for a customer does so until they are dismissed or their term is over, and no event of the case tells of that.
            match timeout(LOOK_AGAIN_AFTER, watcher.moved()).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => {
                    check_scope(&services, &caller, id).await?;
                }
            }
        }
    })
}

/// Whose case it is; an error where it is none that the caller may know of now.
async fn check_scope(
    services: &Services,
    caller: &Principal,
    id: Uuid,
) -> async_graphql::Result<Option<Uuid>> {
    let scope = representation::case_scope(&services.read_models, services.clock.now(), caller);
    let found = services
        .read_models
        .query(move |db| parvandeh_projections::case_summary::case(db, &scope, id))
        .await
        .map_err(|error| failure(&error))?;
    match found {
        Some(case) => Ok(case.customer_id),
        None => {
            let message = "caseId: there is no such case";
            Err(refused(RequestError::new(ErrorCode::BadUserInput, message)))
        }
    }
}

/// The event as this subscriber sees it; `None` when it is not for them.
fn shown(list: ListKey, visibility: Visibility, logged: &LoggedEvent) -> Option<CaseEvent> {
    let Entry::Event(recorded) = entry(logged) else { return None };
    let DomainEvent::Case(CaseId(id), event) = &recorded.event else { return None };
    let row = Row::of(CaseId(*id), event, &recorded);
    if row.internal && visibility == Visibility::Public {
        return None;
    }
    let anchor = Anchor { key: row.revision, tie: Tie::Position(row.position) };
    Some(CaseEvent { cursor: cursor::encode(list, anchor), entry: row.into() })
}
