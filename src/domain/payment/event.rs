//! What may happen to a payment.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;
use crate::event::events;
use crate::id::{CustomerId, FeeId, ProviderId, ProviderReference};
use crate::money::Money;

vocabulary!(
    /// Why no money came, as the provider says it.
    PaymentFailure {
        /// The customer's bank did not allow it.
        Declined = "declined",
        /// The customer gave it up.
        Abandoned = "abandoned",
        /// Something broke between the provider and the bank.
        Technical = "technical",
    }
);

vocabulary!(
    /// How a payment stands.
    PaymentStatus {
        /// The customer is to pay it.
        Requested = "requested",
        /// The money came.
        Confirmed = "confirmed",
        /// No money came.
        Failed = "failed",
        /// Nobody paid it in time.
        Expired = "expired",
        /// It is to be given back.
        RefundRequested = "refund_requested",
        /// It was given back.
        Refunded = "refunded",
    }
);

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentPurpose {
    /// A fee.
    Fee(FeeId),
    /// Credit.
    TopUp,
}

impl PaymentPurpose {
    /// The fee that it is for.
    pub fn fee(self) -> Option<FeeId> {
        match self {
            Self::Fee(id) => Some(id),
            Self::TopUp => None,
        }
    }
}

events! {
    /// What may happen to a payment.
    pub enum PaymentEvent, upcast by &[] => {
        /// It was requested.
        Requested(PaymentRequested) = "PaymentRequested" v 1,
        /// The money came.
        Confirmed(PaymentConfirmed) = "PaymentConfirmed" v 1,
        /// No money came.
        Failed(PaymentFailed) = "PaymentFailed" v 1,
        /// Nobody paid it in time.
        Expired(PaymentExpired) = "PaymentExpired" v 1,
        /// It is to be given back.
        RefundRequested(PaymentRefundRequested) = "PaymentRefundRequested" v 1,
        /// It cannot be given back: the credit is spent.
        RefundDeclined(PaymentRefundDeclined) = "PaymentRefundDeclined" v 1,
        /// It was given back.
        Refunded(PaymentRefunded) = "PaymentRefunded" v 1,
    }
}

/// It was requested: the customer is sent to the provider's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRequested {
    /// Who pays, and whose account gets it.
    pub customer_id: CustomerId,
    /// How much.
    pub money: Money,
    /// What for.
    pub purpose: PaymentPurpose,
    /// By whom it is paid.
    pub provider: ProviderId,
    /// When it is given up, where nothing was heard by then.
    pub expires_at: Timestamp,
}

/// The money came, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentConfirmed {
    /// By what the provider knows it.
    pub provider_reference: ProviderReference,
}

/// No money came, as the provider says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentFailed {
    /// Why.
    pub reason: PaymentFailure,
}

/// Nothing was heard of it in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentExpired {}

/// It is to be given back: first the credit is taken back, then the provider is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefundRequested {}

/// It is not given back, because the customer has spent the credit meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefundDeclined {}

/// It was given back by the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    /// By what the provider knows the refund.
    pub provider_reference: ProviderReference,
}
