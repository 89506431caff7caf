//! Payments by a provider.
//!
//! [`PaymentProvider`] is the port: what knows a gateway of cards or a bank. A provider gives a page where the customer pays, tells by signed
//! callbacks what became of it ([`callback`]), gives money back, and has books of its own, with which ours are compared day by day
//! ([`reconciliation`], [`compared_days`]). A real one is a file beside [`demo`] and a line in [`crate::config::PaymentProviderName`]; `docs/payments.md` tells what
//! it must hold to.

pub mod callback;
pub mod compared_days;
pub mod demo;
pub mod reconciliation;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use parvandeh_domain::id::{PaymentId, ProviderId, ProviderReference};
use parvandeh_domain::money::Money;

use callback::CallbackSecrets;

/// How long a provider is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited for while a customer waits: well within the time that a request is given, so that they are told what is amiss.
const PATIENCE_AT_BEGINNING: Duration = Duration::from_secs(5);
/// The most settlements of one day.
pub const SETTLEMENTS_MAX: usize = 100_000;

/// Where the customer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentPage {
    /// The address of the page.
    pub address: String,
}

/// A refund that the provider has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeRefund {
    /// By what the provider knows it.
    pub reference: ProviderReference,
    /// When it was made.
    pub at: Timestamp,
}

/// Which way money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It came from the customer.
    Paid,
    /// It went back.
    Refunded,
}

/// A line of the provider's own books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// For which of our payments.
    pub payment_id: PaymentId,
    /// Which way.
    pub direction: Direction,
    /// By what the provider knows it.
    pub reference: ProviderReference,
    /// How much.
    pub money: Money,
    /// When.
    pub at: Timestamp,
}

/// Why a provider did not do what it was asked. Tells nothing that is secret; it is logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider {0}")]
pub struct ProviderError(pub String);

/// Somebody by whom customers pay. Everything may be asked again, so everything is done once for one payment.
#[async_trait]
pub trait PaymentProvider: Send + Sync + 'static {
    /// Its name, as payments keep it.
    fn id(&self) -> ProviderId;

    /// Prepares a payment and gives the page where the customer pays; asked again, the same.
    ///
    /// # Errors
    /// When it cannot be asked, or does not want to.
    async fn begin(
        &self,
        payment_id: PaymentId,
        money: Money,
    ) -> Result<PaymentPage, ProviderError>;

    /// Gives a payment back, whole and once, however often it is asked.
    ///
    /// # Errors
    /// When it is not known to be done; it is asked again.
    async fn refund(
        &self,
        payment_id: PaymentId,
        money: Money,
        reference: &ProviderReference,
    ) -> Result<MadeRefund, ProviderError>;

    /// What it has in its books about a day (UTC), at most [`SETTLEMENTS_MAX`].
    ///
    /// # Errors
    /// When it cannot be asked.
    async fn settlements(&self, day: Date) -> Result<Vec<Settlement>, ProviderError>;
}

/// The provider, and by what its callbacks are known to be its.
#[derive(Clone)]
pub struct Payments {
    provider: Arc<dyn PaymentProvider>,
    /// By what its callbacks are known.
    pub secrets: CallbackSecrets,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").field("provider", &self.id()).finish_non_exhaustive()
    }
}

impl Payments {
    /// Payments by this provider.
    pub fn by(provider: Arc<dyn PaymentProvider>, secrets: CallbackSecrets) -> Self {
        Self { provider, secrets }
    }

    /// The provider's name.
    pub fn id(&self) -> ProviderId {
        self.provider.id()
    }

    /// See [`PaymentProvider::begin`]; nobody waits for longer than five seconds.
    ///
    /// # Errors
    /// When the provider cannot be asked, does not want to, or takes too long.
    pub async fn begin(&self, id: PaymentId, money: Money) -> Result<PaymentPage, ProviderError> {
        in_time(PATIENCE_AT_BEGINNING, self.provider.begin(id, money)).await
    }

    /// See [`PaymentProvider::refund`]; nobody waits for longer than ten seconds.
    ///
    /// # Errors
    /// When it is not known to be done.
    pub async fn refund(
        &self,
        id: PaymentId,
        money: Money,
        reference: &ProviderReference,
    ) -> Result<MadeRefund, ProviderError> {
        in_time(PATIENCE, self.provider.refund(id, money, reference)).await
    }

    /// See [`PaymentProvider::settlements`]; nobody waits for longer than ten seconds.
    ///
    /// # Errors
    /// When the provider cannot be asked, takes too long, or has too many.
    pub async fn settlements(&self, day: Date) -> Result<Vec<Settlement>, ProviderError> {
        let found = in_time(PATIENCE, self.provider.settlements(day)).await?;
        if found.len() > SETTLEMENTS_MAX {
            let message = format!("has more than {SETTLEMENTS_MAX} settlements on {day}");
            return Err(ProviderError(message));
        }
        Ok(found)
    }
}

async fn in_time<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let late = |_| ProviderError(format!("gave no answer in {} seconds", patience.as_secs()));
    tokio::time::timeout(patience, asked).await.map_err(late)?
}
