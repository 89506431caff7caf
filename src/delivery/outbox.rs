//! The queue before a delivery.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::{Delivery, DeliveryError, Message};

/// Messages that may wait.
const QUEUED_MAX: usize = 256;
/// Messages that are handed over at once.
const UNDER_WAY_MAX: usize = 8;
/// How long one try may take.
const TRY_TIME_MAX: Duration = Duration::from_secs(5);
/// The pauses between tries: after the last one the message is given up. All of it is over well before a code has expired.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Too many messages wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many messages wait to be sent")]
pub struct OutboxFull;

/// Takes messages without waiting, and has them delivered. Clones share the queue; with the last of them it ends.
#[derive(Clone)]
pub struct Outbox {
    queue: mpsc::Sender<Message>,
}

impl Outbox {
    /// An outbox before this delivery. Must be called where tasks can be spawned.
    pub fn start(delivery: Arc<dyn Delivery>) -> Self {
        let (queue, messages) = mpsc::channel(QUEUED_MAX);
        tokio::spawn(deliver_all(delivery, messages));
        Self { queue }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// When too many wait; the message is gone.
    pub fn send(&self, message: Message) -> Result<(), OutboxFull> {
        self.queue.try_send(message).map_err(|_| OutboxFull)
    }
}

async fn deliver_all(delivery: Arc<dyn Delivery>, mut messages: mpsc::Receiver<Message>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    while let Some(message) = messages.recv().await {
        let Ok(permit) = under_way.clone().acquire_owned().await else { return };
        let delivery = delivery.clone();
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(error) = deliver(&*delivery, &message, PAUSES).await {
                tracing::warn!(%error, kind = %message.kind, purpose = ?message.purpose, "a code could not be sent");
            }
        });
    }
}

async fn deliver(
    delivery: &dyn Delivery,
    message: &Message,
    pauses: [Duration; 2],
) -> Result<(), DeliveryError> {
    let mut pauses = pauses.into_iter();
    loop {
        let tried = tokio::time::timeout(TRY_TIME_MAX, delivery.deliver(message)).await;
        let error = match tried {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => DeliveryError("it took too long".to_owned()),
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use parvandeh_domain::customer::{ContactPointKind, Language};
    use zeroize::Zeroizing;

    use super::*;
    use crate::delivery::CodePurpose;

    fn message() -> Message {
        Message {
            kind: ContactPointKind::Phone,
            address: Zeroizing::new("+982112345678".to_owned()),
            language: Language::Persian,
            purpose: CodePurpose::SignIn,
            code: Zeroizing::new("493817".to_owned()),
        }
    }

    /// Fails so often, then takes everything; or never answers.
    struct Gateway {
        failures: usize,
        hangs: bool,
        tries: AtomicUsize,
    }

    #[async_trait]
    impl Delivery for Gateway {
        async fn deliver(&self, _: &Message) -> Result<(), DeliveryError> {
            let tries = self.tries.fetch_add(1, Ordering::SeqCst);
            if self.hangs {
                std::future::pending::<()>().await;
            }
            if tries < self.failures { Err(DeliveryError("busy".to_owned())) } else { Ok(()) }
        }
    }

    fn gateway(failures: usize, hangs: bool) -> Gateway {
        Gateway { failures, hangs, tries: AtomicUsize::new(0) }
    }

    #[tokio::test]
    async fn a_gateway_that_is_busy_for_a_moment_is_asked_again() {
        assert_eq!(deliver(&gateway(2, false), &message(), [Duration::ZERO; 2]).await, Ok(()));
        let given_up = gateway(9, false);
        assert!(deliver(&given_up, &message(), [Duration::ZERO; 2]).await.is_err());
        assert_eq!(given_up.tries.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_gateway_that_hangs_holds_up_nobody_and_no_memory() {
        let outbox = Outbox::start(Arc::new(gateway(0, true)));
        let sent = (0..QUEUED_MAX + 100).filter(|_| outbox.send(message()).is_ok()).count();
        assert_eq!(sent, QUEUED_MAX);
        assert_eq!(outbox.send(message()), Err(OutboxFull));
    }
}
