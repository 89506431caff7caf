//! Replay: a case as it was known at any moment, folded from its events.
//!
//! What was known at a moment is what had been *recorded* by then. The folds are the read models' own, so that a replay up to the last
//! event and the row that the read models serve are the same. A [`Replay`] goes step by step: after each event it says what the case
//! and its clocks are, and what the event has changed.

mod difference;
mod fold;
mod money;
mod step;

use std::sync::Arc;

use jiff::Timestamp;
use parvandeh_domain::case::CaseEvent;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary::CaseRow;

pub use self::difference::{Difference, is_of_money};
pub use self::fold::ClocksFold;
pub use self::money::CaseMoney;
pub use self::step::{Replay, ReplayClock, ReplayState, ReplayStep};
use crate::store::{EventStore, ReadError, StreamId};
use crate::subscription::generation::Entry;
use crate::subscription::projector::entry;

const PAGE_SIZE: usize = 1_000;

/// The events of a stream that had been recorded by `moment`, in their order. Events of unknown types are left out.
pub async fn stream_until(
    store: &Arc<dyn EventStore>,
    stream: &StreamId,
    moment: Timestamp,
) -> Result<Vec<Recorded<DomainEvent>>, ReadError> {
    let mut events = Vec::new();
    let mut after = None;
    loop {
        let page = store.read_stream(stream, after, PAGE_SIZE).await?;
        let is_last = page.len() < PAGE_SIZE;
        for logged in page {
            after = Some(logged.revision);
            if let Entry::Event(event) = entry(&logged)
                && event.meta.recorded_at <= moment
            {
                events.push(*event);
            }
        }
        if is_last {
            return Ok(events);
        }
    }
}

/// The events of a case among `events`.
fn case_events(
    events: &[Recorded<DomainEvent>],
) -> impl Iterator<Item = (&CaseEvent, &Recorded<DomainEvent>)> {
    events.iter().filter_map(|event| match &event.event {
        DomainEvent::Case(_, case_event) => Some((case_event, event)),
        _ => None,
    })
}

/// A case as these events make it; `None` before its opening.
pub fn case_row(id: CaseId, events: &[Recorded<DomainEvent>]) -> Option<CaseRow> {
    CaseRow::fold(id, case_events(events))
}
