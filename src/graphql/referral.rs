//! The last referral of a case: whether the unit took it on, sent it back, or let its time pass.

use async_graphql::{Context, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::referrals::{self, ReferralRow};
use uuid::Uuid;

use super::as_of;
use super::context::{case_scope, query};
use super::scalar::DateTime;

/// The last referral of a case.
#[derive(SimpleObject)]
pub struct Referral {
    /// The unit to which the case was handed.
    pub unit: String,
    /// The unit that owned it before; null when it came from the intake.
    pub from_unit: Option<String>,
    /// When it was handed over.
    pub referred_at: DateTime,
    /// When the unit must have answered.
    pub answer_due_at: Option<DateTime>,
    /// When the unit took it on.
    pub accepted_at: Option<DateTime>,
    /// When the unit sent it back.
    pub returned_at: Option<DateTime>,
    /// When the unit's time passed without an answer; null also where no owner is named.
    pub escalated_at: Option<DateTime>,
    /// The owner who was told: that of the unit, or of the nearest unit above it which has one.
    pub escalated_to: Option<String>,
}

impl From<ReferralRow> for Referral {
    fn from(row: ReferralRow) -> Self {
        Self {
            unit: row.unit,
            from_unit: row.from_unit,
            referred_at: DateTime(row.referred_at),
            answer_due_at: row.answer_due_at.map(DateTime),
            accepted_at: row.accepted_at.map(DateTime),
            returned_at: row.returned_at.map(DateTime),
            escalated_at: row.escalated_at.map(DateTime),
            escalated_to: row.escalated_to,
        }
    }
}

/// The last referral of a case, as it is known now or was known at a moment; `None` when it was never referred.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Option<Referral>> {
    let row = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| referrals::referral(db, &scope, case_id)).await?
        }
        Some(moment) => ReferralRow::fold(&as_of::case_events(ctx, case_id, moment).await?),
    };
    Ok(row.map(Into::into))
}
