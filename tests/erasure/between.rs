//! What another replica does in the very moment in which an erasure is ordered in several records: between a look and what rests on it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use parvandeh::app::App;
use parvandeh::command::erasure::Eraser;
use parvandeh::command::handler::CommandHandler;
use parvandeh::command::merge::Merges;
use parvandeh::store::{
    AppendError, Appended, EventStore, Expect, LoggedEvent, NewEvent, Position, ReadError, StreamId,
};
use parvandeh_domain::customer::command::{OrderErasure, UnmergeCustomer};
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{Customer, CustomerCommand, ErasureGround};
use parvandeh_domain::id::{CustomerId, DataSubject};
use parvandeh_domain::pii::Pii;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use super::records::{merge, order_alone, order_with};
use super::{customer_with_cases, on_customer, said};
use crate::harness::work::{metadata, stream};

type Doing = Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send>>;

/// The log as one replica has it, of which another is quicker once: before the first append to a stream something else happens.
struct Between {
    inner: Arc<dyn EventStore>,
    before: Mutex<Option<(StreamId, Doing)>>,
}

#[async_trait]
impl EventStore for Between {
    fn id(&self) -> Uuid {
        self.inner.id()
    }
    async fn append(
        &self,
        stream: &StreamId,
        expect: Expect,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let doing = self.before.lock().unwrap().take_if(|(before, _)| *before == *stream);
        if let Some((_, doing)) = doing {
            doing.await?;
        }
        self.inner.append(stream, expect, events).await
    }
    async fn sync(&self) -> Result<Option<Position>, ReadError> {
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
    fn is_shared(&self) -> bool {
        true
    }
    fn head_changes(&self) -> watch::Receiver<Option<Position>> {
        self.inner.head_changes()
    }
}

/// A program, and so many customers of it in the order of their ids.
async fn given(customers: usize) -> (App, Vec<CustomerId>, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..customers {
        ids.push(customer_with_cases(&app, 1).await);
    }
    ids.sort_unstable();
    (app, ids, directory)
}

/// Another replica's command, which must not be refused.
fn other_replica(app: &App, id: CustomerId, command: CustomerCommand) -> Doing {
    let commands = app.commands.clone();
    Box::pin(async move {
        let (stream, batch) = (stream("customer", id), vec![(metadata(None), command)]);
        commands.execute::<Customer>(&stream, batch, None, |_| true).await.unwrap();
        Ok(())
    })
}

/// Asks for an erasure, knowing of these other records, and carries it out as far as it was ordered, as whoever is asked does.
async fn erase_with(
    app: &App,
    id: CustomerId,
    with: &[CustomerId],
    before: Option<(CustomerId, Doing)>,
) -> Vec<CustomerId> {
    let before = before.map(|(customer, doing)| (stream("customer", customer), doing));
    let store = Arc::new(Between { inner: app.store.clone(), before: Mutex::new(before) });
    let clock = app.clock.clone();
    let commands = Arc::new(CommandHandler::new(store.clone(), app.vault.clone(), clock));
    let eraser = Eraser { store: store.clone(), commands: commands.clone(), ..app.eraser() };
    let merges = Merges::new(commands);
    let order = OrderErasure { ground: ErasureGround::Unlawful, with: with.to_vec(), held: None };
    let (turn, orderer) = (merges.turn().await, eraser.clone());
    let ordered = merges.order_erasure(turn, orderer, id, metadata(None), order, None).await;
    let (_, beside) = ordered.unwrap();
    assert!(store.before.lock().unwrap().is_none(), "the moment came");
    for record in beside.iter().chain([&id]) {
        eraser.carry_out(*record).await.unwrap();
    }
    beside
}

async fn assert_erased(app: &App, records: &[CustomerId], erased: bool) {
    for record in records {
        let state = app.commands.state::<Customer>(&stream("customer", record)).await.unwrap();
        let expected = if erased { Erasure::Done } else { Erasure::None };
        assert_eq!(state.erasure, expected, "{record}");
        assert_eq!(app.vault.is_erased(DataSubject::Customer(*record)), erased, "{record}");
    }
}

fn unmerge() -> CustomerCommand {
    CustomerCommand::Unmerge(UnmergeCustomer { reason: Pii::new(said("دو نفرند")) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_another_replica_took_out_since_the_records_were_listed_is_not_erased() {
    let (app, customers, _directory) = given(3).await;
    let [named, other, taken_out] = customers[..] else { panic!() };
    merge(&app, other, named).await;
    merge(&app, taken_out, named).await;
    on_customer(&app, taken_out, unmerge()).await.unwrap();

    erase_with(&app, named, &[other, taken_out], None).await;
    assert_erased(&app, &[named, other], true).await;
    assert_erased(&app, &[taken_out], false).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_another_replica_takes_out_between_the_look_and_the_order_is_not_erased() {
    // It is named by the order in the record of the customer, or found when the erasure is asked for again.
    for again in [false, true] {
        let (app, customers, _directory) = given(2).await;
        let [named, taken_out] = customers[..] else { panic!() };
        if again {
            on_customer(&app, named, order_alone()).await.unwrap();
        }
        merge(&app, taken_out, named).await;
        let before = (taken_out, other_replica(&app, taken_out, unmerge()));
        erase_with(&app, named, &[taken_out], Some(before)).await;
        assert_erased(&app, &[named], true).await;
        assert_erased(&app, &[taken_out], false).await;
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_to_a_record_is_ordered_before_it_so_that_it_leaves_with_what_is_taken_out() {
    let (app, customers, _directory) = given(3).await;
    let [beyond, named, between] = customers[..] else { panic!() };
    merge(&app, between, named).await;
    merge(&app, beyond, between).await;
    let before = (between, other_replica(&app, between, unmerge()));
    erase_with(&app, named, &[beyond, between], Some(before)).await;
    assert_erased(&app, &[named], true).await;
    assert_erased(&app, &[between, beyond], false).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_are_asked_again_at_once_leave_no_record_that_either_knows_of() {
    let (app, customers, _directory) = given(4).await;
    let [first, second, third, named] = customers[..] else { panic!() };
    on_customer(&app, named, order_alone()).await.unwrap();
    for late in [first, second, third] {
        merge(&app, late, named).await;
    }
    // The other is quicker in the first record, and knows of one of the others.
    let before = (first, other_replica(&app, first, order_with(&[second])));
    let beside = erase_with(&app, named, &[first, second, third], Some(before)).await;
    assert_eq!(beside, [first, third], "each with what its order names");
    assert_erased(&app, &customers, true).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_in_a_record_that_the_first_order_names_hides_no_record_that_it_does_not_name() {
    let (app, customers, _directory) = given(3).await;
    let [named, known, late] = customers[..] else { panic!() };
    merge(&app, known, named).await;
    on_customer(&app, named, order_with(&[known])).await.unwrap();
    merge(&app, late, named).await;
    let fails: Doing = Box::pin(async { Err(AppendError::Denied("once".to_owned())) });
    let beside = erase_with(&app, named, &[known, late], Some((known, fails))).await;
    assert_eq!(beside, [late]);
    assert_erased(&app, &customers, true).await;
    app.stop().await;
}
