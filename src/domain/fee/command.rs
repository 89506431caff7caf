//! What may be asked of a fee.

use serde::Serialize;

use super::event::WaiverGround;
use crate::case::CaseKind;
use crate::id::{CaseId, CustomerId, PostingId, TariffId};
use crate::money::Money;

/// What may be asked of a fee.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeCommand {
    /// Assess it.
    Assess(AssessFee),
    /// Waive it.
    Waive(WaiverGround),
    /// Record that it was paid by this posting.
    ConfirmPaid(PostingId),
    /// Give it back.
    Refund,
}

/// Assess a fee.
#[derive(Clone, Debug, Serialize)]
pub struct AssessFee {
    /// The case whose handling it is for.
    pub case_id: CaseId,
    /// What sort of matter that is, which no later event changes.
    pub case_kind: CaseKind,
    /// Who is to pay it.
    pub customer_id: CustomerId,
    /// How much.
    pub money: Money,
    /// The item of the tariff that says so.
    pub tariff: TariffId,
}
