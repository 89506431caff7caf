//! What may happen to a redress.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;
use crate::event::events;
use crate::id::{CaseId, CustomerId, PostingId};
use crate::money::{Money, Points};

vocabulary!(
    /// Why redress is given.
    RedressGround {
        /// Something was late.
        Delay = "delay",
        /// Something was done wrongly.
        Fault = "fault",
        /// The customer lost money.
        Loss = "loss",
        /// The customer had trouble.
        Inconvenience = "inconvenience",
        /// Nothing is owed; it is a kindness.
        Goodwill = "goodwill",
    }
);

vocabulary!(
    /// How far a redress has come.
    RedressStatus {
        /// Proposed, and not approved yet.
        Proposed = "proposed",
        /// Approved: the customer may accept it.
        Approved = "approved",
        /// Not approved.
        Rejected = "rejected",
        /// Accepted by the customer, and being paid.
        Accepted = "accepted",
        /// Declined by the customer.
        Declined = "declined",
        /// Paid into the customer's account.
        Paid = "paid",
    }
);

/// What is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedressValue {
    /// Credit.
    Money(Money),
    /// Points, which do not expire.
    Points(Points),
}

events! {
    /// What may happen to a redress.
    pub enum RedressEvent, upcast by &[] => {
        /// It was proposed.
        Proposed(RedressProposed) = "RedressProposed" v 1,
        /// It was approved.
        Approved(RedressApproved) = "RedressApproved" v 1,
        /// It was not approved.
        Rejected(RedressRejected) = "RedressRejected" v 1,
        /// The customer accepted it.
        Accepted(RedressAccepted) = "RedressAccepted" v 1,
        /// The customer declined it.
        Declined(RedressDeclined) = "RedressDeclined" v 1,
        /// It was paid.
        Paid(RedressPaid) = "RedressPaid" v 1,
    }
}

/// It was proposed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressProposed {
    /// The case for which it is given.
    pub case_id: CaseId,
    /// Who is to get it.
    pub customer_id: CustomerId,
    /// What is given.
    pub value: RedressValue,
    /// Why.
    pub ground: RedressGround,
}

/// It was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressApproved {}

/// It was not approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressRejected {}

/// The customer accepted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressAccepted {}

/// The customer declined it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressDeclined {}

/// It was paid into the customer's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RedressPaid {
    /// The posting on the account.
    pub posting_id: PostingId,
}
