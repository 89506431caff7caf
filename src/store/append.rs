//! Appending, as everything in this program does it: again while the outcome is unknown, measured, and as a span of the trace.

use std::time::{Duration, Instant};

use tracing::field::Empty;
use tracing::{Instrument as _, debug_span};

use super::{AppendError, Appended, EventStore, Expect, NewEvent, StreamId};
use crate::metrics::{APPEND_CONFLICTS, APPEND_DURATION, APPEND_RETRIES};

/// How often a batch is appended again when its outcome is unknown.
const RETRIES_MAX: u32 = 3;

/// Appends a batch, and the identical batch again while its outcome is unknown.
///
/// # Errors
/// Those of [`EventStore::append`]; an unknown outcome only when it stays so.
pub async fn append(
    store: &dyn EventStore,
    stream: &StreamId,
    expect: Expect,
    batch: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    let begun_at = Instant::now();
    let span =
        debug_span!("append", category = stream.category(), events = batch.len(), outcome = Empty);
    let appended = attempt(store, stream, expect, batch).instrument(span.clone()).await;
    APPEND_DURATION.observe(begun_at.elapsed().as_secs_f64());
    span.record(
        "outcome",
        match &appended {
            Ok(_) => "written",
            Err(AppendError::Conflict { .. }) => {
                APPEND_CONFLICTS.inc();
                "conflict"
            }
            Err(_) => "failed",
        },
    );
    span.in_scope(|| tracing::debug!("appended"));
    appended
}

async fn attempt(
    store: &dyn EventStore,
    stream: &StreamId,
    expect: Expect,
    batch: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    let mut retries = 0;
    loop {
        match store.append(stream, expect, batch.clone()).await {
            Err(AppendError::OutcomeUnknown(_)) if retries < RETRIES_MAX => {
                retries += 1;
                APPEND_RETRIES.inc();
                tokio::time::sleep(Duration::from_millis(50 << retries)).await;
            }
            decided => return decided,
        }
    }
}
