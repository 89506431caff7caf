//! What may be asked of a redress.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{RedressGround, RedressValue};
use crate::id::{CaseId, CustomerId, PostingId};
use crate::money::Currency;

/// What may be asked of a redress.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RedressCommand {
    /// Propose it.
    Propose(ProposeRedress),
    /// Approve it.
    Approve(ApproveRedress),
    /// Say that it is not approved.
    Reject,
    /// Say that the customer accepts it.
    Accept,
    /// Say that the customer declines it.
    Decline,
    /// Record that it was paid by this posting.
    ConfirmPaid(PostingId),
}

/// Propose a redress.
#[derive(Clone, Debug, Serialize)]
pub struct ProposeRedress {
    /// The case for which it is given.
    pub case_id: CaseId,
    /// Who is to get it.
    pub customer_id: CustomerId,
    /// What is given.
    pub value: RedressValue,
    /// Why.
    pub ground: RedressGround,
}

/// Approve a redress.
#[derive(Clone, Debug, Serialize)]
pub struct ApproveRedress {
    /// Up to what the approver's role may approve; `None` for a role without a limit. Not part of what was asked.
    #[serde(skip)]
    pub limit: Option<ApprovalLimit>,
}

/// Up to what somebody may approve. What is not named is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalLimit {
    /// Points of one redress.
    pub points: i64,
    /// Minor units of one redress, by currency.
    pub money: BTreeMap<Currency, i64>,
}

impl ApprovalLimit {
    /// Whether a redress lies within the limit.
    pub fn allows(&self, value: RedressValue) -> bool {
        match value {
            RedressValue::Points(points) => points.0 <= self.points,
            RedressValue::Money(money) => {
                self.money.get(&money.currency).is_some_and(|most| money.minor_units <= *most)
            }
        }
    }
}
