//! Following the log: first what is stored, then what comes.
//!
//! One function over the port. It reads pages after the last position, tells when it has caught up,
//! waits until the head moves, and goes on. It is driven by its consumer: a slow one simply reads
//! later from the store, and nothing is buffered for it beyond one page.

use std::sync::Arc;

use async_stream::stream;
use futures_util::Stream;

use super::{EventStore, LoggedEvent, Position, ReadError};

/// Events in one page of a subscription.
const PAGE_EVENTS: usize = 500;

/// What a subscription delivers.
#[derive(Clone, Debug)]
pub enum SubscriptionItem {
    /// The next event that the filter lets through.
    Event(LoggedEvent),
    /// All that was in the log when this was sent, and that the filter lets through, has been
    /// delivered. Sent whenever the subscription has caught up again, so `at` is also a good
    /// checkpoint where a filter leaves out much.
    Live {
        /// How far the log has been read; `None` while it is empty.
        at: Option<Position>,
    },
}

/// Which events a subscription delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of them.
    All,
    /// Those whose stream's name begins so.
    StreamPrefix(String),
    /// Those whose type's name begins so.
    TypePrefix(String),
}

impl Filter {
    /// Whether the event is let through.
    pub fn admits(&self, event: &LoggedEvent) -> bool {
        match self {
            Self::All => true,
            Self::StreamPrefix(prefix) => event.stream.as_str().starts_with(prefix.as_str()),
            Self::TypePrefix(prefix) => event.type_name.starts_with(prefix.as_str()),
        }
    }
}

/// Follows the log from after `after` for as long as the stream is polled. Ends only after an error.
pub fn subscribe(
    store: Arc<dyn EventStore>,
    after: Option<Position>,
    filter: Filter,
) -> impl Stream<Item = Result<SubscriptionItem, ReadError>> + Send {
    let mut head_changes = store.head_changes();
    stream! {
        let mut reached = after;
        loop {
            // Marked as seen before reading: a move of the head after this line wakes the wait
            // below, so no event can fall between the last page and the wait.
            head_changes.borrow_and_update();
            loop {
                let page = match store.read_all(reached, PAGE_EVENTS).await {
                    Ok(page) => page,
                    Err(error) => {
                        yield Err(error);
                        return;
                    }
                };
                let is_last = page.is_empty();
                for event in page {
                    reached = Some(event.position);
                    if filter.admits(&event) {
                        yield Ok(SubscriptionItem::Event(event));
                    }
                }
                if is_last {
                    break;
                }
            }
            yield Ok(SubscriptionItem::Live { at: reached });
            if head_changes.changed().await.is_err() {
                return;
            }
        }
    }
}
