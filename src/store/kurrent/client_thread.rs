//! A client of the cluster on a thread and a runtime of its own, so that whatever it does ends with it.
//!
//! The client keeps a task and its connections for as long as its runtime lives, even when nobody uses it any more; and when the server
//! ends a subscription in peace, it spins in a loop that never yields. On a thread of its own the first ends with the runtime, and the
//! second cannot hold up anybody else. The spin itself is ended from within: each of its rounds makes one call, a `warn!` of the
//! `tracing` crate, and on this thread that reaches a subscriber of ours ([`SpinBreaker`]). After many rounds in which nothing has
//! arrived it unwinds out of the loop (`resume_unwind`: no message, no hook). The unwinding stops at the task, where tokio takes it for a
//! panic of that task alone; everything on the way drops in order, as with any panic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use kurrentdb::Client;
use tokio::{runtime, sync::oneshot, task::JoinHandle};
use tracing::{Event, Level, Metadata, Subscriber, level_filters::LevelFilter, span, subscriber};

use super::options::Access;

/// Rounds of the client's loop without anything arriving, until it counts as spinning. A message that the client does not know costs one
/// round and is nothing to worry about.
const ROUNDS_MAX: u32 = 1_000;
/// Where the client's loop of subscriptions is.
const LOOP: &str = "kurrentdb::commands";

/// A client that lives as long as this.
pub(super) struct ClientThread {
    client: Client,
    runtime: runtime::Handle,
    rounds: Rounds,
    /// Dropping it ends the thread.
    _end: oneshot::Sender<()>,
}

/// How many rounds a subscription has made since something arrived.
#[derive(Clone, Default)]
pub(super) struct Rounds(Arc<AtomicU32>);

impl Rounds {
    /// Something has arrived.
    pub(super) fn begin_anew(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl ClientThread {
    /// Makes a client. Nothing is sent until it is used.
    pub(super) async fn start(name: &str, access: &Access) -> Result<Self, String> {
        let (end, ended) = oneshot::channel::<()>();
        let (ready, made) = oneshot::channel();
        let (settings, rounds) = (access.settings.clone(), Rounds::default());
        let breaker = SpinBreaker { rounds: rounds.clone() };
        let run = move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error.to_string()))),
            };
            runtime.block_on(async {
                // Reading the system's certificates takes a moment, which passes here.
                let made = Client::new(settings).map_err(|error| error.to_string());
                let made = made.map(|client| (client, runtime::Handle::current()));
                if ready.send(made).is_ok() {
                    let _ = ended.await;
                }
            });
            // Not waited for: it may be looking for a name that nobody answers for.
            runtime.shutdown_background();
        };
        let thread = thread::Builder::new().name(name.to_owned());
        thread
            .spawn(move || subscriber::with_default(breaker, run))
            .map_err(|error| error.to_string())?;
        let made = made.await.unwrap_or_else(|_| Err("the client cannot be made".to_owned()));
        let (client, runtime) = made?;
        Ok(Self { client, runtime, rounds, _end: end })
    }

    pub(super) fn rounds(&self) -> Rounds {
        self.rounds.clone()
    }

    /// Runs something with the client on its thread. A panic of the client, and a spin that was broken, is an error of the task.
    pub(super) fn spawn<F>(&self, work: impl FnOnce(Client) -> F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(work(self.client.clone()))
    }
}

/// Hears what the client says on its thread. Nothing of it goes on into the program's own log, where each failure is told once, by us,
/// and without what the client would tell of the connection.
struct SpinBreaker {
    rounds: Rounds,
}

impl Subscriber for SpinBreaker {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target() == LOOP && metadata.is_event()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, _event: &Event<'_>) {
        if self.rounds.0.fetch_add(1, Ordering::Relaxed) >= ROUNDS_MAX {
            std::panic::resume_unwind(Box::new("the server has ended the subscription"));
        }
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}
