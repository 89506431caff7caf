//! What the writer has committed last, in memory: tailing readers are served from here and never
//! touch the file.

use std::{
    collections::VecDeque,
    sync::{PoisonError, RwLock},
};

use tokio::sync::watch;

use crate::store::{LoggedEvent, Position};

/// Most events kept.
pub(super) const EVENTS_MAX: usize = 8_192;
/// Most bytes kept, about.
pub(super) const SIZE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What an event takes beside its JSON, about.
const EVENT_OVERHEAD_BYTES: usize = 256;

/// The head of the log and a bounded ring of the events before it.
pub(super) struct Published {
    ring: RwLock<Ring>,
    pub(super) head: watch::Sender<Option<Position>>,
}

#[derive(Default)]
struct Ring {
    /// Consecutive positions.
    events: VecDeque<LoggedEvent>,
    size_bytes: usize,
}

fn size_bytes(event: &LoggedEvent) -> usize {
    let envelope = event.envelope.as_ref().map_or(0, bytes::Bytes::len);
    event.metadata.len() + event.data.len() + envelope + EVENT_OVERHEAD_BYTES
}

impl Published {
    /// Begins with the last events of the log.
    pub(super) fn new(latest: Vec<LoggedEvent>) -> Self {
        let published = Self { ring: RwLock::default(), head: watch::Sender::new(None) };
        published.publish(latest.into_iter());
        published
    }

    /// Position of the last event that readers may see, 0 for none.
    pub(super) fn head(&self) -> u64 {
        self.head.borrow().map_or(0, |position| position.0)
    }

    /// Makes committed events visible. They follow the ones before without a gap.
    pub(super) fn publish(&self, events: impl Iterator<Item = LoggedEvent>) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            ring.size_bytes += size_bytes(&event);
            ring.events.push_back(event);
            while ring.events.len() > EVENTS_MAX || ring.size_bytes > SIZE_BYTES_MAX {
                let Some(oldest) = ring.events.pop_front() else { break };
                ring.size_bytes -= size_bytes(&oldest);
            }
        }
        let head = ring.events.back().map(|event| event.position);
        drop(ring);
        if head.is_some() {
            self.head.send_replace(head);
        }
    }

    /// Takes the envelopes of these events away.
    pub(super) fn remove_envelopes(&self, events: &[Position]) {
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = ring.events.front().map(|event| event.position.0) else { return };
        for position in events {
            let index = position.0.checked_sub(first).and_then(|index| usize::try_from(index).ok());
            let Some(event) = index.and_then(|index| ring.events.get_mut(index)) else { continue };
            let removed = event.envelope.take().map_or(0, |envelope| envelope.len());
            ring.size_bytes -= removed;
        }
    }

    /// Events after a position, at most `limit`; `None` if the ring does not reach back so far.
    pub(super) fn read(&self, after: u64, limit: usize) -> Option<Vec<LoggedEvent>> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let first = ring.events.front().map_or(1, |event| event.position.0);
        let skipped = after.saturating_add(1).checked_sub(first)?;
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX).min(ring.events.len());
        let end = skipped.saturating_add(limit).min(ring.events.len());
        Some(ring.events.range(skipped..end).cloned().collect())
    }
}
