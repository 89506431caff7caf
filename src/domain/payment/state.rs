//! What a decision needs to know of a payment, and how each event changes it.

use jiff::Timestamp;

use super::event::{PaymentEvent, PaymentStatus};
use crate::decider::Metadata;
use crate::id::ProviderReference;
use crate::money::Money;

/// What a decision needs to know of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentState {
    /// How it stands; `None` before it is requested.
    pub status: Option<PaymentStatus>,
    /// How much was asked for.
    pub money: Option<Money>,
    /// When it is given up.
    pub expires_at: Option<Timestamp>,
    /// By what the provider knows it, once it is confirmed.
    pub provider_reference: Option<ProviderReference>,
}

impl PaymentState {
    /// The state after the event.
    pub fn evolve(mut self, event: &PaymentEvent, _meta: &Metadata) -> Self {
        match event {
            PaymentEvent::Requested(requested) => {
                self.money = Some(requested.money);
                self.expires_at = Some(requested.expires_at);
            }
            PaymentEvent::Confirmed(confirmed) => {
                self.provider_reference = Some(confirmed.provider_reference.clone());
            }
            PaymentEvent::Failed(_)
            | PaymentEvent::Expired(_)
            | PaymentEvent::RefundRequested(_)
            | PaymentEvent::RefundDeclined(_)
            | PaymentEvent::Refunded(_) => {}
        }
        self.status = Some(event.status());
        self
    }
}

impl PaymentEvent {
    /// How the payment stands with this event.
    pub fn status(&self) -> PaymentStatus {
        match self {
            Self::Requested(_) => PaymentStatus::Requested,
            Self::Confirmed(_) | Self::RefundDeclined(_) => PaymentStatus::Confirmed,
            Self::Failed(_) => PaymentStatus::Failed,
            Self::Expired(_) => PaymentStatus::Expired,
            Self::RefundRequested(_) => PaymentStatus::RefundRequested,
            Self::Refunded(_) => PaymentStatus::Refunded,
        }
    }
}
