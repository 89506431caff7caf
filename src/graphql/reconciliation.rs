//! The payment provider's books of a day against the ledger.

use async_graphql::{Context, Enum, ID, SimpleObject};
use jiff::civil::Date;

use super::context::{failure, refused, services};
use super::money::Money;
use crate::error::{ErrorCode, RequestError};
use crate::payment::{self, reconciliation};

/// The most lines that are shown.
const LINES_MAX: usize = 1_000;

/// What the comparison of one payment comes to.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "reconciliation::Agreement")]
pub enum PaymentAgreement {
    /// The provider has it, and the ledger does not.
    MissingHere,
    /// The ledger has it, and the provider does not.
    MissingThere,
    /// Both have it, with two amounts.
    AmountDiffers,
    /// Both have the same.
    Agrees,
}

/// Which way money went.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "payment::Direction")]
pub enum PaymentDirection {
    /// It came from the customer.
    Paid,
    /// It went back.
    Refunded,
}

/// A payment or a refund, as the provider and the ledger have it.
#[derive(SimpleObject, Clone)]
pub struct ReconciliationLine {
    /// The id of the payment.
    pub payment_id: ID,
    /// Which way money went.
    pub direction: PaymentDirection,
    /// What the comparison comes to.
    pub agreement: PaymentAgreement,
    /// What the ledger has.
    pub here: Option<Money>,
    /// What the provider has.
    pub there: Option<Money>,
    /// By what the provider knows it.
    pub provider_reference: Option<String>,
}

/// The provider's books of a day against the ledger.
#[derive(SimpleObject, Clone)]
pub struct Reconciliation {
    /// The day (UTC): `2026-03-21`.
    pub day: String,
    /// The provider.
    pub provider: String,
    /// How many payments and refunds agree.
    pub agreeing: usize,
    /// How many do not.
    pub differing: usize,
    /// Every payment and refund, those first that do not agree; at most 1,000.
    pub lines: Vec<ReconciliationLine>,
}

impl From<reconciliation::Line> for ReconciliationLine {
    fn from(line: reconciliation::Line) -> Self {
        Self {
            payment_id: ID(line.payment_id.to_string()),
            direction: line.direction.into(),
            agreement: line.agreement.into(),
            here: line.here.map(Money::from),
            there: line.there.map(Money::from),
            provider_reference: line.reference.map(|reference| reference.to_string()),
        }
    }
}

/// Compares a day; null where there is no provider.
pub async fn of_day(ctx: &Context<'_>, day: &str) -> async_graphql::Result<Option<Reconciliation>> {
    let Some(payments) = &services(ctx).payments.payments else { return Ok(None) };
    let day: Date = day.parse().map_err(|_| {
        refused(RequestError::bad_input(
            "day",
            "must be a day of the Gregorian calendar, as in 2026-03-21",
        ))
    })?;
    let compared = reconciliation::reconcile(&services(ctx).read_models, payments, day).await;
    let compared = compared.map_err(|error| match error {
        reconciliation::ReconciliationError::Provider(error) => {
            tracing::warn!(%error, "the payment provider's books cannot be had");
            let message = "The payment provider does not answer. Try again later.";
            refused(RequestError::new(ErrorCode::Timeout, message))
        }
        error @ reconciliation::ReconciliationError::Query(_) => failure(&error),
    })?;
    let differing = compared.differences();
    Ok(Some(Reconciliation {
        day: compared.day.to_string(),
        provider: compared.provider.to_string(),
        agreeing: compared.lines.len() - differing,
        differing,
        lines: compared.lines.into_iter().take(LINES_MAX).map(Into::into).collect(),
    }))
}
