//! Points that expire: when a lot has come to its end, the log says so.
//!
//! Balances do not wait for it: what has expired counts for nothing from its moment on, whoever asks. The event is for the
//! customer, who is to see where the points went, and for the books. Where several replicas see the same, each asks the account, and the
//! account records an expiry once: after the first there is nothing left to expire.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parvandeh_domain::account::{Account, AccountCommand, AccountRefusal};
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CommandId, CustomerId, derived};
use parvandeh_projections::account;
use tokio::sync::watch;

use super::handler::{CommandError, CommandHandler, CommandMetadata};
use crate::clock::Clock;
use crate::error::chain;
use crate::store::StreamId;
use crate::subscription::read_models::{QueryError, ReadModels};

/// Accounts looked up at once.
const PAGE_SIZE: usize = 1_000;
/// How often expired points are looked for. The balance is right without it, so nothing hurries.
const INTERVAL: Duration = Duration::from_secs(2);

/// Records what has expired.
pub struct PointsExpiry {
    /// Where it is recorded.
    pub commands: Arc<CommandHandler>,
    /// Where it is looked up.
    pub read_models: Arc<ReadModels>,
    /// Tells what "now" is.
    pub clock: Arc<dyn Clock>,
}

/// Why expired points could not be recorded. They are looked for again.
#[derive(Debug, thiserror::Error)]
pub enum PointsExpiryError {
    /// The accounts could not be looked up.
    #[error("looking up expired points")]
    Query(#[from] QueryError),
    /// An account could not be written.
    #[error("recording the expired points of customer {customer_id}")]
    Record {
        /// Whose account.
        customer_id: CustomerId,
        /// Why.
        #[source]
        source: CommandError<AccountRefusal>,
    },
}

impl PointsExpiry {
    /// Records what expires until `stop` becomes true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.record_expired().await {
                tracing::error!(error = %chain(&error), "expired points will be looked for again");
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }

    /// Records everything that has expired by now.
    ///
    /// # Errors
    /// When an account cannot be read or written; the others are left for the next time.
    pub async fn record_expired(&self) -> Result<(), PointsExpiryError> {
        loop {
            let now = self.clock.now();
            let due =
                self.read_models.query(move |db| account::expired(db, now, PAGE_SIZE)).await?;
            let mut reached = None;
            for customer_id in &due {
                reached = reached.max(self.record(*customer_id, now).await?);
            }
            match reached {
                Some(position) if due.len() == PAGE_SIZE => {
                    self.read_models.wait_for(position).await?;
                }
                _ => return Ok(()),
            }
        }
    }

    async fn record(
        &self,
        customer_id: CustomerId,
        now: Timestamp,
    ) -> Result<Option<crate::store::Position>, PointsExpiryError> {
        let moment = now.to_string();
        let command_id = CommandId(derived(&["points expiry", &customer_id.to_string(), &moment]));
        let metadata = CommandMetadata {
            command_id,
            digest: None,
            actor: Actor { kind: ActorKind::System, id: "points-expiry".to_owned() },
            occurred_at: None,
            correlation_id: command_id.0,
            subject: None,
        };
        let batch = vec![(metadata, AccountCommand::ExpirePoints)];
        let executed = self
            .commands
            .execute::<Account>(&stream(customer_id), batch, None, |_| true)
            .await
            .map_err(|source| PointsExpiryError::Record { customer_id, source })?;
        Ok(executed.position)
    }
}

/// The stream of a customer's account.
pub fn stream(customer_id: CustomerId) -> StreamId {
    StreamId::new(&format!("account-{customer_id}")).expect("a UUID is a well-formed stream id")
}
