//! What a client may conclude from a refusal while nobody knows what became of an earlier attempt: nothing is refused that may stand later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::command::handler::{CommandError, CommandHandler, CommandMetadata};
use parvandeh::store::memory::MemoryStore;
use parvandeh::store::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, ReadError, StreamId,
};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::SetDueDate;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::harness::work::{metadata, numbered_case, on_case, open_case, vault};

const CASE: u8 = 3;

/// A log whose disk takes its time over appends, and may fail in the middle of one.
struct SlowDisk {
    inner: MemoryStore,
    is_slow: AtomicBool,
    arrived: Notify,
    goes_on: Notify,
    /// After an append of which nobody knows whether it stands.
    stopped: AtomicBool,
}

#[async_trait]
impl EventStore for SlowDisk {
    fn id(&self) -> Uuid {
        self.inner.id()
    }
    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(AppendError::Stopped("an outcome is unknown".to_owned()));
        }
        if self.is_slow.load(Ordering::SeqCst) {
            self.arrived.notify_one();
            self.goes_on.notified().await;
            self.is_slow.store(false, Ordering::SeqCst);
        }
        self.inner.append(stream, expect, events).await
    }
    async fn sync(&self) -> Result<Option<Position>, ReadError> {
        if self.stopped.load(Ordering::SeqCst) {
            return Err(ReadError::Unavailable("an outcome is unknown".to_owned()));
        }
        while self.is_slow.load(Ordering::SeqCst) {
            self.goes_on.notify_one();
            tokio::task::yield_now().await;
        }
        self.inner.sync().await
    }
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.inner.read_stream(stream, after, limit).await
    }
    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<LoggedEvent>, ReadError> {
        self.inner.read_all(after, limit).await
    }
    async fn remove_envelopes(&self, events: Vec<Position>) -> Result<usize, AppendError> {
        self.inner.remove_envelopes(events).await
    }
    fn head(&self) -> Option<Position> {
        self.inner.head()
    }
    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.inner.head_changes()
    }
}

/// A case on such a disk, and a date for it that lies an hour ahead.
async fn given() -> (Arc<SlowDisk>, Arc<CommandHandler>, Arc<ManualClock>, CaseCommand) {
    let begin = Timestamp::from_second(1_800_000_000).unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let store = Arc::new(SlowDisk {
        inner: MemoryStore::default(),
        is_slow: AtomicBool::new(false),
        arrived: Notify::new(),
        goes_on: Notify::new(),
        stopped: AtomicBool::new(false),
    });
    let commands = Arc::new(CommandHandler::new(store.clone(), vault(), clock.clone()));
    let id = numbered_case(CASE);
    on_case(&commands, id, metadata(None), open_case(CASE, begin)).await.unwrap();
    let due_at = begin + SignedDuration::from_hours(1);
    (store, commands, clock, CaseCommand::SetDueDate(SetDueDate { due_at }))
}

/// A command under a name of its client's, so that it can be sent again.
fn named() -> CommandMetadata {
    CommandMetadata { digest: Some("d".to_owned()), ..metadata(None) }
}

#[tokio::test]
async fn a_command_is_not_refused_while_its_first_attempt_is_on_its_way() {
    let (store, commands, clock, set_due_date) = given().await;
    let (id, metadata) = (numbered_case(CASE), named());
    store.is_slow.store(true, Ordering::SeqCst);
    let first = tokio::spawn({
        let (commands, metadata, command) =
            (commands.clone(), metadata.clone(), set_due_date.clone());
        async move { on_case(&commands, id, metadata, command).await }
    });
    store.arrived.notified().await;

    // By the time it is sent again, the date has passed.
    clock.advance(SignedDuration::from_hours(2));
    let again = on_case(&commands, id, metadata, set_due_date).await.unwrap();
    assert_eq!(again.event_count, 0, "it was done by the first attempt");
    assert_eq!(first.await.unwrap().unwrap().event_count, 1);
}

#[tokio::test]
async fn a_command_is_not_refused_while_nobody_knows_what_the_disk_has() {
    let (store, commands, clock, set_due_date) = given().await;
    let (id, metadata) = (numbered_case(CASE), named());
    store.stopped.store(true, Ordering::SeqCst);
    let first = on_case(&commands, id, metadata.clone(), set_due_date.clone()).await;
    assert!(matches!(first, Err(CommandError::Append(_))), "{first:?}");

    clock.advance(SignedDuration::from_hours(2));
    let again = on_case(&commands, id, metadata.clone(), set_due_date.clone()).await;
    assert!(matches!(again, Err(CommandError::Read(_))), "{again:?}");

    // The log was opened again, and it is not there: now it can be refused.
    store.stopped.store(false, Ordering::SeqCst);
    let again = on_case(&commands, id, metadata, set_due_date).await;
    assert!(matches!(again, Err(CommandError::Refused(_))), "{again:?}");
}
