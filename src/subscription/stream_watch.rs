//! Tells subscribers of single streams that theirs has moved: one reader of the log for the whole process, however many wait.
//!
//! A subscriber waits for its own stream and reads that from the store when it has moved. What moves other streams does not wake it, but for
//! what belongs to a case and is in a stream of its own: a file that came to stand with it, its redress, its fees and the payments of these
//! wake those who wait for the case.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use parvandeh_domain::attachment::AttachmentEvent;
use parvandeh_domain::fee::FeeEvent;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::payment::PaymentEvent;
use parvandeh_domain::redress::RedressEvent;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::watched::{EndOfWaiting, Watched, Watcher};
use crate::error::chain;
use crate::store::subscription::{Filter, SubscriptionItem, subscribe};
use crate::store::{EventStore, LoggedEvent, Position, ReadError, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

/// How long the reader rests after a failure.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// The streams of a log that somebody watches. It begins to read with the first of them.
pub struct StreamWatch {
    store: Arc<dyn EventStore>,
    reading: OnceLock<Reading>,
}

struct Reading {
    watched: Arc<Watched<StreamId>>,
    task: AbortHandle,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StreamWatch {
    /// Over this log.
    pub fn new(store: Arc<dyn EventStore>) -> Arc<Self> {
        Arc::new(Self { store, reading: OnceLock::new() })
    }

    /// Watches a stream. The first call starts the task that reads the log; so this needs a runtime.
    pub fn watch(&self, stream: &StreamId) -> Watcher<StreamId> {
        let reading = self.reading.get_or_init(|| {
            let watched = Arc::new(Watched::default());
            let task = follow(self.store.clone(), self.store.head(), watched.clone());
            Reading { watched, task: tokio::spawn(task).abort_handle() }
        });
        reading.watched.watch(stream)
    }
}

/// Reads the log for as long as it moves, and wakes those whose streams have moved.
async fn follow(
    store: Arc<dyn EventStore>,
    mut reached: Option<Position>,
    watched: Arc<Watched<StreamId>>,
) {
    let end = EndOfWaiting(watched);
    loop {
        let mut items = pin!(subscribe(store.clone(), reached, Filter::All));
        let failure = loop {
            match items.next().await {
                Some(Ok(SubscriptionItem::Event(event))) => {
                    let case = match case_of(&store, &event).await {
                        Ok(case) => case,
                        // Where its case cannot be found out, the event is read again.
                        Err(error) => break error,
                    };
                    reached = Some(event.position);
                    end.0.wake(&event.stream);
                    if let Some(case) = case {
                        end.0.wake(&case);
                    }
                }
                Some(Ok(SubscriptionItem::Live { .. })) => {}
                Some(Err(error)) => break error,
                None => return,
            }
        };
        tracing::error!(error = %chain(&failure), "the log could not be read for subscribers; trying again");
        tokio::time::sleep(REST_AFTER_FAILURE).await;
    }
}

/// The stream of the case to which an event in another stream belongs.
async fn case_of(
    store: &Arc<dyn EventStore>,
    event: &LoggedEvent,
) -> Result<Option<StreamId>, ReadError> {
    match event.stream.category() {
        "attachment" => Ok(match decoded(event) {
            Some(DomainEvent::Attachment(_, AttachmentEvent::Added(added))) => {
                Some(stream("case", added.case_id.0))
            }
            _ => None,
        }),
        "redress" | "fee" | "payment" => case_of_money(store, &event.stream).await,
        _ => Ok(None),
    }
}

/// Only the first event of a redress or of a fee names its case, and that of a payment its fee.
async fn case_of_money(
    store: &Arc<dyn EventStore>,
    about: &StreamId,
) -> Result<Option<StreamId>, ReadError> {
    let mut first = first_event(store, about).await?;
    if let Some(DomainEvent::Payment(_, PaymentEvent::Requested(requested))) = &first {
        let Some(id) = requested.purpose.fee() else { return Ok(None) };
        first = first_event(store, &stream("fee", id.0)).await?;
    }
    Ok(match first {
        Some(DomainEvent::Redress(_, RedressEvent::Proposed(proposed))) => {
            Some(stream("case", proposed.case_id.0))
        }
        Some(DomainEvent::Fee(_, FeeEvent::Assessed(assessed))) => {
            Some(stream("case", assessed.case_id.0))
        }
        _ => None,
    })
}

async fn first_event(
    store: &Arc<dyn EventStore>,
    stream: &StreamId,
) -> Result<Option<DomainEvent>, ReadError> {
    Ok(store.read_stream(stream, None, 1).await?.first().and_then(decoded))
}

/// An event; `None` where this program does not understand it.
fn decoded(logged: &LoggedEvent) -> Option<DomainEvent> {
    match entry(logged) {
        Entry::Event(recorded) => Some(recorded.event),
        Entry::Unknown { .. } => None,
    }
}

fn stream(category: &str, id: Uuid) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::store::{Expect, NewEvent};

    fn named(name: &str) -> StreamId {
        StreamId::new(name).unwrap()
    }

    async fn append(store: &Arc<dyn EventStore>, name: &str) {
        let json = Bytes::from_static(b"{}");
        let event = NewEvent {
            id: Uuid::new_v4(),
            type_name: "SomethingHappened",
            version: 1,
            metadata: json.clone(),
            data: json,
            envelope: None,
        };
        store.append(&named(name), Expect::Any, vec![event]).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_for_a_stream_is_woken_by_it_and_by_no_other() {
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
        let watch = StreamWatch::new(store.clone());
        let (mut one, mut other) = (watch.watch(&named("case-1")), watch.watch(&named("case-2")));
        one.mark_seen();
        other.mark_seen();
        append(&store, "case-2").await;
        assert!(other.moved().await);
        assert!(!one.has_moved());
        append(&store, "case-1").await;
        assert!(one.moved().await);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_streams_that_nobody_watches_any_more() {
        let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
        let watch = StreamWatch::new(store.clone());
        let (one, same) = (watch.watch(&named("case-1")), watch.watch(&named("case-1")));
        let watched = &watch.reading.get().unwrap().watched;
        drop(one);
        assert_eq!(watched.len(), 1);
        drop(same);
        assert_eq!(watched.len(), 0);
    }
}
