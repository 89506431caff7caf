//! Subscriptions: they read the log like everyone else and wait at its end.
//!
//! Nothing is pushed into them. A subscription takes a page of the log, hands it over as fast as its client reads, and
//! takes the next; so a slow client costs a page and not its backlog. Being live only means that the end was reached,
//! and falling behind that the end has run away by more than a live buffer holds.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tonic::Status;

use crate::cluster::lock;
use crate::faults::Fault;
use crate::log::{LogEvent, Visible};
use crate::read::{Filter, ROWS_AT_ONCE, Sender, event_content, first_at, is_seen, message};
use crate::server::Shared;
use crate::status;
use crate::wire::{
    Checkpoint, Confirmation, Position, Progress, ReadContent, StartPosition, StartRevision,
    Timestamp,
};

/// The client or a fault has ended the subscription.
struct Ended;

/// One subscription on its way through the log.
struct Subscription {
    shared: Arc<Shared>,
    sender: Sender,
    length: watch::Receiver<usize>,
    is_live: bool,
}

/// Follows the log after a position.
pub(crate) async fn to_all(
    shared: Arc<Shared>,
    filter: Option<Filter>,
    start: StartPosition,
    sender: Sender,
) {
    let mut next = {
        let log = lock(&shared.log);
        match start {
            StartPosition::Start(_) => 0,
            StartPosition::End(_) => log.row().len(),
            StartPosition::Position(position) => {
                let place = first_at(&log, position);
                place
                    + usize::from(
                        log.row().get(place).is_some_and(|event| event.position == position.commit),
                    )
            }
        }
    };
    next -= next.min(rewind(&shared, "") as usize);
    let mut subscription = Subscription::new(shared, sender);
    // Whatever ends it, dropping the sender tells the client.
    let _ = subscription.follow_all(filter, next).await;
}

/// Follows one stream after a revision.
pub(crate) async fn to_stream(
    shared: Arc<Shared>,
    name: String,
    start: StartRevision,
    sender: Sender,
) {
    let next = match start {
        StartRevision::Start(_) => 0,
        StartRevision::Revision(revision) => revision.saturating_add(1),
        StartRevision::End(_) => match lock(&shared.log).visible(&name) {
            Visible::Revisions(revisions) => revisions.end,
            Visible::NotFound | Visible::Deleted => 0,
        },
    };
    let next = next.saturating_sub(rewind(&shared, &name));
    let mut subscription = Subscription::new(shared, sender);
    let _ = subscription.follow_stream(&name, next).await;
}

fn rewind(shared: &Shared, stream: &str) -> u64 {
    match shared.faults.happens(Fault::SubscriptionRewinds, stream) {
        true => 1 + shared.faults.below(16),
        false => 0,
    }
}

impl Subscription {
    fn new(shared: Arc<Shared>, sender: Sender) -> Self {
        let length = shared.length.subscribe();
        Subscription { shared, sender, length, is_live: false }
    }

    async fn follow_all(&mut self, filter: Option<Filter>, mut next: usize) -> Result<(), Ended> {
        self.confirm().await?;
        let mut looked_at = 0;
        loop {
            self.length.mark_unchanged();
            let (rows, length) = {
                let log = lock(&self.shared.log);
                let length = log.row().len();
                let rows = next.min(length)..length.min(next + ROWS_AT_ONCE);
                (log.row()[rows].to_vec(), length)
            };
            let progress = |event: &LogEvent| Progress {
                at: Some(now()),
                revision: None,
                position: Some(Position { commit: event.position, prepare: event.position }),
            };
            if let Some(first) = rows.first() {
                self.tell_falling_behind((length - next) as u64, progress(first)).await?;
            }
            for event in rows {
                next += 1;
                looked_at += 1;
                let position = event.position;
                if is_seen(&event, filter.as_ref()) {
                    self.deliver(event).await?;
                }
                if filter.as_ref().is_some_and(|filter| looked_at >= filter.checkpoint_every) {
                    looked_at = 0;
                    self.checkpoint(position).await?;
                }
            }
            if next >= length {
                let last = lock(&self.shared.log).row().get(next.wrapping_sub(1)).map(progress);
                self.tell_caught_up(last).await?;
                self.wait().await?;
            }
        }
    }

    async fn follow_stream(&mut self, name: &str, mut next: u64) -> Result<(), Ended> {
        self.confirm().await?;
        loop {
            self.length.mark_unchanged();
            let visible = lock(&self.shared.log).visible(name);
            let (from, end) = match visible {
                Visible::Deleted => {
                    let _ = self.sender.send(Err(status::stream_deleted(name))).await;
                    return Err(Ended);
                }
                Visible::NotFound => (next, next),
                Visible::Revisions(revisions) => (next.max(revisions.start), revisions.end),
            };
            let events: Vec<LogEvent> = {
                let log = lock(&self.shared.log);
                let to = end.min(from.saturating_add(ROWS_AT_ONCE as u64));
                (from..to).filter_map(|revision| log.at(name, revision).cloned()).collect()
            };
            let progress = |revision: u64| Progress {
                at: Some(now()),
                revision: Some(revision.cast_signed()),
                position: None,
            };
            if !events.is_empty() {
                self.tell_falling_behind(end - from, progress(from)).await?;
            }
            for event in events {
                next = event.revision + 1;
                if !event.scavenged {
                    self.deliver(event).await?;
                }
            }
            if next >= end {
                self.tell_caught_up(next.checked_sub(1).map(progress)).await?;
                self.wait().await?;
            }
        }
    }

    async fn confirm(&mut self) -> Result<(), Ended> {
        let id = self.shared.faults.below(u64::MAX);
        let subscription_id = uuid::Uuid::from_u64_pair(id, id).to_string();
        self.send(ReadContent::Confirmation(Confirmation { subscription_id })).await
    }

    async fn deliver(&mut self, event: LogEvent) -> Result<(), Ended> {
        let faults = &self.shared.faults;
        if faults.happens(Fault::SubscriptionStalls, &event.stream) {
            self.sender.closed().await;
            return Err(Ended);
        }
        if faults.happens(Fault::SubscriptionEndsWithOk, &event.stream) {
            return Err(Ended);
        }
        if faults.happens(Fault::SubscriptionEndsWithError, &event.stream) {
            let error = Status::unavailable("the subscription was dropped by the server");
            let _ = self.sender.send(Err(error)).await;
            return Err(Ended);
        }
        if faults.happens(Fault::EventRepeats, &event.stream) {
            self.send(event_content(event.clone())).await?;
        }
        self.send(event_content(event)).await
    }

    async fn checkpoint(&mut self, position: u64) -> Result<(), Ended> {
        let faults = &self.shared.faults;
        let position = if faults.happens(Fault::CheckpointOfMax, "") {
            u64::MAX
        } else if faults.happens(Fault::CheckpointOfStart, "") {
            0
        } else {
            position
        };
        let checkpoint = Checkpoint { commit: position, prepare: position, at: Some(now()) };
        self.send(ReadContent::Checkpoint(checkpoint)).await
    }

    async fn tell_caught_up(&mut self, progress: Option<Progress>) -> Result<(), Ended> {
        if self.is_live {
            return Ok(());
        }
        self.is_live = true;
        let progress =
            progress.unwrap_or(Progress { at: Some(now()), revision: None, position: None });
        self.send(ReadContent::CaughtUp(self.told(progress))).await
    }

    async fn tell_falling_behind(&mut self, backlog: u64, progress: Progress) -> Result<(), Ended> {
        if !self.is_live || backlog <= self.shared.options.live_buffer {
            return Ok(());
        }
        self.is_live = false;
        self.send(ReadContent::FellBehind(self.told(progress))).await
    }

    /// Servers before 25.0 said only that, not where.
    fn told(&self, progress: Progress) -> Progress {
        if self.shared.options.live_marks_tell_position { progress } else { Progress::default() }
    }

    async fn send(&mut self, content: ReadContent) -> Result<(), Ended> {
        self.sender.send(message(content)).await.map_err(|_| Ended)
    }

    /// Waits until the log changes.
    async fn wait(&mut self) -> Result<(), Ended> {
        tokio::select! {
            changed = self.length.changed() => changed.map_err(|_| Ended),
            () = self.sender.closed() => Err(Ended),
        }
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp { seconds: since.as_secs().cast_signed(), nanos: since.subsec_nanos().cast_signed() }
}
