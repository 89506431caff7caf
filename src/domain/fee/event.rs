//! What may happen to a fee.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;
use crate::event::events;
use crate::id::{CaseId, CustomerId, PostingId, TariffId};
use crate::money::Money;

vocabulary!(
    /// Why a fee is waived.
    WaiverGround {
        /// It should not have been assessed.
        Error = "error",
        /// The customer cannot pay it.
        Hardship = "hardship",
        /// As a kindness.
        Goodwill = "goodwill",
    }
);

vocabulary!(
    /// How a fee stands.
    FeeStatus {
        /// To be paid.
        Assessed = "assessed",
        /// Need not be paid.
        Waived = "waived",
        /// Paid.
        Paid = "paid",
        /// Paid, and given back.
        Refunded = "refunded",
    }
);

events! {
    /// What may happen to a fee.
    pub enum FeeEvent, upcast by &[] => {
        /// It was assessed.
        Assessed(FeeAssessed) = "FeeAssessed" v 1,
        /// It was waived.
        Waived(FeeWaived) = "FeeWaived" v 1,
        /// It was paid.
        Paid(FeePaid) = "FeePaid" v 1,
        /// It is given back.
        Refunded(FeeRefunded) = "FeeRefunded" v 1,
    }
}

/// It was assessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeAssessed {
    /// The case whose handling it is for.
    pub case_id: CaseId,
    /// Who is to pay it.
    pub customer_id: CustomerId,
    /// How much.
    pub money: Money,
    /// The item of the tariff that says so.
    pub tariff: TariffId,
}

/// It was waived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeWaived {
    /// Why.
    pub ground: WaiverGround,
}

/// It was paid out of the customer's credit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeePaid {
    /// The posting on the account.
    pub posting_id: PostingId,
}

/// It is given back: the posting that paid it is reversed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FeeRefunded {}
