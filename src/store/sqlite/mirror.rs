//! Writing a copy of another log: the same events at the same positions and revisions.

use tokio::sync::oneshot;

use super::{
    SqliteStore, log,
    writer::{Answer, Request, Work},
};
use crate::store::{
    APPEND_EVENTS_MAX, APPEND_SIZE_BYTES_MAX, AppendError, Content, Expect, LoggedEvent, ReadError,
    StreamId,
};

impl SqliteStore {
    /// Writes these events of another log at the very positions and revisions that they have there, and answers once they are durable.
    /// They follow this log's head without a gap. Blocks: never call it from a task.
    ///
    /// # Errors
    /// The first thing that failed. What stands before it is written, and nothing after it.
    pub fn mirror(&self, events: &[LoggedEvent]) -> Result<(), AppendError> {
        let Some(queue) = self.queue.as_ref().filter(|_| self.stopped().is_none()) else {
            return Err(self.stopped_error());
        };
        let mut answers = Vec::new();
        let mut outcome = Ok(());
        for run in runs(events) {
            let first = &run[0];
            let append = match log::encode(&first.stream, run, &self.type_names) {
                Ok(append) => append,
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            };
            let (answer, answered) = oneshot::channel();
            let request = Request {
                stream: first.stream.clone(),
                expect: first.revision.checked_sub(1).map_or(Expect::NoStream, Expect::At),
                place: Some(first.position),
                append,
                answer,
                size: None,
            };
            if queue.blocking_send(Work::Append(request)).is_err() {
                outcome = Err(self.stopped_error());
                break;
            }
            answers.push(answered);
        }
        // All are waited for, so that nothing is under way when the caller hears of a failure.
        let answers = answers.into_iter().map(|answered| match answered.blocking_recv() {
            Ok(Ok(Answer::Written(_))) => Ok(()),
            Ok(Ok(Answer::Passed { actual, .. })) => Err(AppendError::Conflict { actual }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(AppendError::OutcomeUnknown("the writer has ended".into())),
        });
        answers.fold(Ok(()), Result::and).and(outcome)
    }
}

/// Parts of the log that fit into one append: events of one stream, one behind the other.
fn runs(mut events: &[LoggedEvent]) -> impl Iterator<Item = &[LoggedEvent]> {
    std::iter::from_fn(move || {
        let first = events.first()?;
        let mut size_bytes = 0;
        let length = events.iter().take(APPEND_EVENTS_MAX).take_while(|event| {
            size_bytes += Content::from(*event).size_bytes();
            event.stream == first.stream && size_bytes <= APPEND_SIZE_BYTES_MAX
        });
        let (run, rest) = events.split_at(length.count().max(1));
        events = rest;
        Some(run)
    })
}

/// What a copy is asked by whoever keeps it, on a thread that may block.
impl SqliteStore {
    /// The stream's last revision, `None` where it does not exist.
    pub(in crate::store) fn last_revision(
        &self,
        stream: &StreamId,
    ) -> Result<Option<u64>, ReadError> {
        self.readers.run_blocking(|reader| reader.index.head(stream))
    }

    /// One event of a stream.
    pub(in crate::store) fn event(
        &self,
        stream: &StreamId,
        revision: u64,
    ) -> Result<Option<LoggedEvent>, ReadError> {
        let found = self.readers.run_blocking(|reader| reader.read_stream(stream, revision, 1))?;
        Ok(found.into_iter().next())
    }
}
