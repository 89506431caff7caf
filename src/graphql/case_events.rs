//! The subscription to what happens to one case.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_feed;
use parvandeh_projections::case_timeline::TimelineEntry as Row;
use parvandeh_projections::page::{Anchor, Tie};
use parvandeh_projections::scope::{CaseScope, Visibility};
use tokio::time::timeout;
use uuid::Uuid;

use super::context::{Services, failure, refused, visibility};
use super::cursor::{self, ListKey};
use super::global_id::{self, NodeType};
use super::timeline::TimelineEntry;
use crate::command::representation;
use crate::error::{ErrorCode, RequestError};
use crate::principal::Principal;
use crate::store::{Position, StreamId};
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

/// Where a subscriber has got to: the last event of the case's own stream, and a place in the log that may be after it.
#[derive(Clone, Copy)]
struct Reached {
    revision: u64,
    position: u64,
}

impl Reached {
    fn cursor(self, list: ListKey) -> String {
        let position = Tie::Position(i64::try_from(self.position).unwrap_or(i64::MAX));
        let key = i64::try_from(self.revision).unwrap_or(i64::MAX);
        cursor::encode(list, Anchor { key, tie: position })
    }
}

impl From<Anchor> for Reached {
    fn from(Anchor { key, tie }: Anchor) -> Self {
        let position = match tie {
            Tie::Position(position) => u64::try_from(position).unwrap_or(0),
            Tie::Id(_) => 0,
        };
        Self { revision: u64::try_from(key).unwrap_or(0), position }
    }
}

/// Everything that happens to a case, in the order in which it is recorded: first what is there after the cursor, then what comes.
///
/// What happens stands in the case's own stream; each file that comes with it, its redress, its fees and their payments have streams of
/// their own, and are read as entries of its timeline. Both are read up to where the log ended before the reading began, and again whenever
/// one of these streams has moved since, so nothing can fall between and all is told in the order of the log.
pub async fn follow<'a>(
    ctx: &Context<'a>,
    case_id: ID,
    after: Option<String>,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<CaseEvent>> + 'a> {
    let id = global_id::decode("caseId", NodeType::Case, &case_id).map_err(refused)?;
    let list = ListKey::of("caseEvents", id);
    let reached = match after {
        None => None,
        Some(after) => Some(Reached::from(cursor::decode("after", list, &after).map_err(refused)?)),
    };
    let services = ctx.data_unchecked::<Arc<Services>>().clone();
    let (caller, visibility) = (ctx.data_unchecked::<Arc<Principal>>().clone(), visibility(ctx));
    let customer_id = check_scope(&services, &caller, id).await?;
    let represents = caller.customer_id.is_some() && caller.customer_id != customer_id;
    let stream = StreamId::new(&format!("case-{id}")).expect("a UUID is a well-formed stream id");
    let mut follower = Follower { services, id, stream, list, caller, visibility, reached };
    Ok(try_stream! {
        let mut watcher = follower.services.stream_watch.watch(&follower.stream);
        loop {
            watcher.mark_seen();
            if let Some(end) = follower.services.store.head() {
                // A case may be referred out of the subscriber's sight while they watch: what they are told is what they may know
                // after the last of these events.
                let known = follower.services.read_models.wait_for(end).await;
                known.map_err(|error| failure(&error))?;
                check_scope(&follower.services, &follower.caller, id).await?;
                loop {
                    let (told, is_last) = follower.page(end).await?;
                    for event in told {
                        yield event;
                    }
                    if is_last {
                        break;
                    }
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
                    check_scope(&follower.services, &follower.caller, id).await?;
                }
            }
        }
    })
}

/// One who follows a case, and how far they have got.
struct Follower {
    services: Arc<Services>,
    id: Uuid,
    stream: StreamId,
    list: ListKey,
    caller: Arc<Principal>,
    visibility: Visibility,
    reached: Option<Reached>,
}

impl Follower {
    /// The next page of what they have not been told of, up to a place in the log, and whether it is the last.
    async fn page(&mut self, end: Position) -> async_graphql::Result<(Vec<CaseEvent>, bool)> {
        let revision = self.reached.map(|reached| reached.revision);
        let own = self.services.store.read_stream(&self.stream, revision, PAGE_SIZE).await;
        let own = own.map_err(|error| failure(&error))?;
        let beside = self.beside(end).await?;

        // What comes after the last of a full page may still be before what the other one holds.
        let own_until = own.last().filter(|_| own.len() == PAGE_SIZE).map(|last| last.position.0);
        let beside_until = beside.last().filter(|_| beside.len() == PAGE_SIZE).map(position);
        let until = own_until.into_iter().chain(beside_until).fold(end.0, u64::min);

        let mut told = Vec::new();
        let mut beside = beside.into_iter().filter(|row| position(row) <= until).peekable();
        for logged in own.iter().take_while(|logged| logged.position.0 <= until) {
            while let Some(row) = beside.next_if(|row| position(row) < logged.position.0) {
                told.extend(self.tell_beside(row));
            }
            self.reached = Some(Reached { revision: logged.revision, position: logged.position.0 });
            if let Entry::Event(event) = entry(logged) {
                told.extend(self.tell_own(&event));
            }
        }
        for row in beside {
            told.extend(self.tell_beside(row));
        }
        Ok((told, until == end.0))
    }

    /// The first entries that do not stand in the case's own stream, that they have not been told of and may see, up to a place in the log.
    async fn beside(&self, end: Position) -> async_graphql::Result<Vec<Row>> {
        let (visibility, id) = (self.visibility, self.id);
        let scope = scope(&self.services, &self.caller);
        let range = (self.reached.map_or(0, |reached| reached.position), end.0);
        self.services
            .read_models
            .query(move |db| case_feed::beside(db, &scope, visibility, id, range, PAGE_SIZE))
            .await
            .map_err(|error| failure(&error))
    }

    /// The event of the case's own stream that they have got to, as they see it; `None` when it is not for them.
    fn tell_own(&self, recorded: &Recorded<DomainEvent>) -> Option<CaseEvent> {
        let DomainEvent::Case(id, event) = &recorded.event else { return None };
        let row = Row::of(*id, event, recorded);
        if row.internal && self.visibility == Visibility::Public {
            return None;
        }
        self.told(row)
    }

    /// Goes on to an entry that does not stand in the case's own stream. None comes before the opening of the case.
    fn tell_beside(&mut self, row: Row) -> Option<CaseEvent> {
        self.reached.as_mut()?.position = position(&row);
        self.told(row)
    }

    fn told(&self, row: Row) -> Option<CaseEvent> {
        let cursor = self.reached?.cursor(self.list);
        Some(CaseEvent { cursor, entry: row.into() })
    }
}

fn position(row: &Row) -> u64 {
    row.position.unsigned_abs()
}

/// The cases that the caller may know of now.
fn scope(services: &Services, caller: &Principal) -> CaseScope {
    representation::case_scope(&services.read_models, services.clock.now(), caller)
}

/// Whose case it is; an error where it is none that the caller may know of now.
async fn check_scope(
    services: &Services,
    caller: &Principal,
    id: Uuid,
) -> async_graphql::Result<Option<Uuid>> {
    let scope = scope(services, caller);
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
