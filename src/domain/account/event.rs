//! What may happen to an account. Amounts of events are above zero, but for the changes of a reversal, which say their direction.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;
use crate::event::events;
use crate::id::{CaseId, CentreId, PostingId};
use crate::money::{Money, Points};

vocabulary!(
    /// What sort of posting.
    PostingKind {
        /// Points were earned.
        PointsEarned = "points_earned",
        /// Points were redeemed at a contracted centre.
        PointsRedeemed = "points_redeemed",
        /// Points expired.
        PointsExpired = "points_expired",
        /// Credit was granted.
        CreditGranted = "credit_granted",
        /// Credit was spent.
        CreditSpent = "credit_spent",
        /// Another posting was reversed.
        Reversal = "reversal",
    }
);

events! {
    /// What may happen to an account.
    pub enum AccountEvent, upcast by &[] => {
        /// Points were earned.
        PointsEarned(PointsEarned) = "PointsEarned" v 1,
        /// Points were redeemed.
        PointsRedeemed(PointsRedeemed) = "PointsRedeemed" v 1,
        /// Points expired.
        PointsExpired(PointsExpired) = "PointsExpired" v 1,
        /// Credit was granted.
        CreditGranted(CreditGranted) = "CreditGranted" v 1,
        /// Credit was spent.
        CreditSpent(CreditSpent) = "CreditSpent" v 1,
        /// A posting was reversed.
        PostingReversed(PostingReversed) = "PostingReversed" v 1,
    }
}

/// Points were earned: a new lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointsEarned {
    /// The posting, and the lot.
    pub posting_id: PostingId,
    /// How many.
    pub points: Points,
    /// From when on they are worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The case for which they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
}

/// So many points of a lot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LotUse {
    /// The posting by which the lot was earned.
    pub lot: PostingId,
    /// How many of its points.
    pub points: Points,
    /// When the lot expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Points were redeemed at a contracted centre.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointsRedeemed {
    /// The posting.
    pub posting_id: PostingId,
    /// How many.
    pub points: Points,
    /// Where.
    pub centre: CentreId,
    /// Out of which lots they came.
    pub lots: Vec<LotUse>,
}

/// What was left of a lot expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PointsExpired {
    /// The posting.
    pub posting_id: PostingId,
    /// The lot.
    pub lot: PostingId,
    /// How many points were left in it.
    pub points: Points,
}

/// Credit was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditGranted {
    /// The posting.
    pub posting_id: PostingId,
    /// How much.
    pub money: Money,
    /// The case for which it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
}

/// Credit was spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CreditSpent {
    /// The posting.
    pub posting_id: PostingId,
    /// How much.
    pub money: Money,
}

/// A posting was reversed: what it had given was taken back, what it had taken was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PostingReversed {
    /// The posting that reverses.
    pub posting_id: PostingId,
    /// The posting that was reversed.
    pub reversed: PostingId,
    /// By how many points the balance changed: below zero where points were taken back.
    pub points: Points,
    /// Into which lots points went back, or out of which they were taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<LotUse>,
    /// By how much the credit changed: below zero where credit was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

impl AccountEvent {
    /// The posting that the event is.
    pub fn posting_id(&self) -> &PostingId {
        match self {
            Self::PointsEarned(event) => &event.posting_id,
            Self::PointsRedeemed(event) => &event.posting_id,
            Self::PointsExpired(event) => &event.posting_id,
            Self::CreditGranted(event) => &event.posting_id,
            Self::CreditSpent(event) => &event.posting_id,
            Self::PostingReversed(event) => &event.posting_id,
        }
    }

    /// What sort of posting it is.
    pub fn kind(&self) -> PostingKind {
        match self {
            Self::PointsEarned(_) => PostingKind::PointsEarned,
            Self::PointsRedeemed(_) => PostingKind::PointsRedeemed,
            Self::PointsExpired(_) => PostingKind::PointsExpired,
            Self::CreditGranted(_) => PostingKind::CreditGranted,
            Self::CreditSpent(_) => PostingKind::CreditSpent,
            Self::PostingReversed(_) => PostingKind::Reversal,
        }
    }

    /// By how many points the event changes the balance.
    pub fn points(&self) -> Points {
        match self {
            Self::PointsEarned(event) => event.points,
            Self::PointsRedeemed(event) => Points(event.points.0.saturating_neg()),
            Self::PointsExpired(event) => Points(event.points.0.saturating_neg()),
            Self::PostingReversed(event) => event.points,
            Self::CreditGranted(_) | Self::CreditSpent(_) => Points(0),
        }
    }

    /// By how much the event changes the credit.
    pub fn money(&self) -> Option<Money> {
        match self {
            Self::CreditGranted(event) => Some(event.money),
            Self::CreditSpent(event) => Some(event.money.negated()),
            Self::PostingReversed(event) => event.money,
            Self::PointsEarned(_) | Self::PointsRedeemed(_) | Self::PointsExpired(_) => None,
        }
    }
}
