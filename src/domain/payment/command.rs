//! What may be asked of a payment.

use serde::Serialize;

use super::event::{PaymentFailure, PaymentPurpose};
use crate::id::{CustomerId, ProviderId, ProviderReference};
use crate::money::Money;

/// What may be asked of a payment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentCommand {
    /// Request it.
    Request(RequestPayment),
    /// Record that the money came.
    Confirm(ConfirmPayment),
    /// Record that no money came.
    Fail(PaymentFailure),
    /// Give it up where its time is over.
    Expire,
    /// Have it given back.
    Refund,
    /// Record that it cannot be given back, because the credit is spent.
    DeclineRefund,
    /// Record that the provider gave it back, under this reference.
    ConfirmRefund(ProviderReference),
}

/// Request a payment.
#[derive(Clone, Debug, Serialize)]
pub struct RequestPayment {
    /// Who pays.
    pub customer_id: CustomerId,
    /// How much.
    pub money: Money,
    /// What for.
    pub purpose: PaymentPurpose,
    /// By whom it is paid.
    pub provider: ProviderId,
}

/// Record that the money came.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmPayment {
    /// How much came.
    pub money: Money,
    /// By what the provider knows it.
    pub provider_reference: ProviderReference,
}
