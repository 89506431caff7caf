//! The feed: everything that stands in this log's streams, in the order of the server's log, from a place on and for ever.
//!
//! It is one subscription at a time, on a client thread of its own. A subscription ends when the server says so, with an error or in
//! peace (see [`super::client_thread`]), and when it stalls: this replica's own heartbeat was acknowledged and did not come back, although
//! there was room for it. Then the next one begins after the last event that was delivered. Checkpoints are not trusted with anything,
//! because some servers send wrong ones; a heartbeat comes by every few seconds, so that the last event is never far from the log's end.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kurrentdb::{
    Position, StreamPosition, SubscribeToAllOptions, SubscriptionEvent, SubscriptionFilter,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    client_thread::{ClientThread, Rounds},
    connection::{Place, Recorded},
    options::Access,
};

/// Items that may wait for the copy.
const ITEMS_MAX: usize = 2_048;
/// Bytes of events that may wait for the copy, in units of 1 KiB.
const UNITS_MAX: u32 = 32 * 1_024;
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What the feed delivers.
pub(super) enum Item {
    /// The next event.
    Event(Recorded),
    /// All that stood in the log at some moment since the last `Lost` has been delivered.
    Live,
    /// The server delivers more slowly than events are written.
    Behind,
    /// The subscription has ended; another one is begun.
    Lost,
}

/// An item with the room that it takes.
pub(super) struct Delivered {
    pub(super) item: Item,
    _room: Option<OwnedSemaphorePermit>,
}

/// When this replica's latest heartbeat was acknowledged by the cluster.
pub(super) type Acknowledged = watch::Receiver<Option<Instant>>;

/// Starts the feed, which ends when its receiver is dropped or `stop` says so.
pub(super) fn start(
    access: Access,
    prefix: String,
    after: Option<Place>,
    silence: Duration,
    acknowledged: Acknowledged,
    stop: watch::Receiver<bool>,
) -> mpsc::Receiver<Delivered> {
    let (items, delivered) = mpsc::channel(ITEMS_MAX);
    let shared = Arc::new(Shared {
        items,
        room: Arc::new(Semaphore::new(UNITS_MAX as usize)),
        after: Mutex::new(after),
        progress: Mutex::new(Instant::now()),
        waiting: AtomicBool::new(false),
    });
    let feed = Feed { access, prefix, silence, acknowledged, shared };
    tokio::spawn(feed.run(stop));
    delivered
}

struct Feed {
    access: Access,
    prefix: String,
    silence: Duration,
    acknowledged: Acknowledged,
    shared: Arc<Shared>,
}

/// What the subscription's task and who watches it both know.
struct Shared {
    items: mpsc::Sender<Delivered>,
    room: Arc<Semaphore>,
    /// The last event that was delivered.
    after: Mutex<Option<Place>>,
    /// When something last arrived, or there was room again.
    progress: Mutex<Instant>,
    /// Whether the task waits for room.
    waiting: AtomicBool,
}

impl Feed {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSE_MIN;
        loop {
            let begun = Instant::now();
            let reason = tokio::select! {
                reason = self.subscribe() => reason,
                _ = stop.wait_for(|stop| *stop) => return,
                () = self.shared.items.closed() => return,
            };
            tracing::warn!(%reason, "the subscription to the cluster has ended; beginning another one");
            if self.shared.deliver(Item::Lost, 0).await.is_err() {
                return;
            }
            // One that has lasted for a while begins again at once.
            pause =
                if begun.elapsed() > PAUSE_MAX { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
            sleep(pause).await;
        }
    }

    /// One subscription; answers why it has ended.
    async fn subscribe(&self) -> String {
        let client = match ClientThread::start("kurrentdb-feed", &self.access).await {
            Ok(client) => client,
            Err(error) => return error,
        };
        self.shared.has_progressed();
        let after = *self.shared.after.lock().unwrap_or_else(PoisonError::into_inner);
        let start = match after {
            Some(Place { commit, prepare }) => {
                StreamPosition::Position(Position { commit, prepare })
            }
            None => StreamPosition::Start,
        };
        let filter = SubscriptionFilter::on_stream_name().add_prefix(&self.prefix);
        // Where it is said what the server keeps of these streams.
        let filter = filter.add_prefix(format!("$${}", self.prefix));
        let options = SubscribeToAllOptions::default().position(start).filter(filter);
        let options = options.requires_leader(true);
        let options = match &self.access.credentials {
            Some(credentials) => options.authenticated(credentials.clone()),
            None => options,
        };
        let (shared, rounds) = (self.shared.clone(), client.rounds());
        let mut task = client.spawn(|client| async move {
            let mut subscription = client.subscribe_to_all(&options).await;
            loop {
                let event = match subscription.next_subscription_event().await {
                    Ok(event) => event,
                    Err(error) => return error.to_string().chars().take(300).collect(),
                };
                if shared.take(event, &rounds).await.is_err() {
                    return "nobody follows it".to_owned();
                }
            }
        });
        // The first heartbeat that was acknowledged since something last arrived.
        let mut missing_since = None;
        loop {
            match timeout(self.silence / 8, &mut task).await {
                Ok(Ok(reason)) => return reason,
                Ok(Err(_)) => return "the server has ended it".to_owned(),
                Err(_) => missing_since = self.missing_since(missing_since),
            }
            if missing_since.is_some_and(|since| since.elapsed() > self.silence) {
                task.abort();
                // It may be delivering something still.
                let _ = timeout(self.silence, &mut task).await;
                return "nothing comes any more, not even this replica's own heartbeat".to_owned();
            }
        }
    }

    /// Since when a heartbeat of this replica that was acknowledged has not come back, although there was room for it.
    fn missing_since(&self, known: Option<Instant>) -> Option<Instant> {
        let progress = *self.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |at: &Instant| *at > progress;
        if self.shared.waiting.load(Ordering::Acquire) {
            return None;
        }
        known.filter(missing).or_else(|| (*self.acknowledged.borrow()).filter(missing))
    }
}

/// Nobody takes the items any more.
struct Closed;

impl Shared {
    fn has_progressed(&self) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn take(&self, event: SubscriptionEvent, rounds: &Rounds) -> Result<(), Closed> {
        rounds.begin_anew();
        self.has_progressed();
        match event {
            SubscriptionEvent::EventAppeared(event) => {
                let event = Recorded::from(event.get_original_event());
                let place = event.place;
                let size_bytes = event.data.len() + event.custom_metadata.len();
                self.deliver(Item::Event(event), size_bytes).await?;
                if place.is_known() {
                    *self.after.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
                }
                Ok(())
            }
            SubscriptionEvent::CaughtUp(_) => self.deliver(Item::Live, 0).await,
            SubscriptionEvent::FellBehind(_) => self.deliver(Item::Behind, 0).await,
            _ => Ok(()),
        }
    }

    async fn deliver(&self, item: Item, size_bytes: usize) -> Result<(), Closed> {
        self.waiting.store(true, Ordering::Release);
        let units = u32::try_from(size_bytes.div_ceil(1_024)).unwrap_or(UNITS_MAX).min(UNITS_MAX);
        let room = match units {
            0 => None,
            units => {
                let room = Arc::clone(&self.room).acquire_many_owned(units).await;
                Some(room.map_err(|_| Closed)?)
            }
        };
        let sent = self.items.send(Delivered { item, _room: room }).await;
        self.has_progressed();
        self.waiting.store(false, Ordering::Release);
        sent.map_err(|_| Closed)
    }
}
