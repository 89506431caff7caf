//! What may be asked of an account.

use jiff::Timestamp;
use serde::Serialize;

use super::state::Said;
use crate::id::{CaseId, CentreId, PostingId};
use crate::money::{Money, Points};

/// What may be asked of an account.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum AccountCommand {
    /// Give points.
    EarnPoints(EarnPoints),
    /// Take points for something that a contracted centre gives.
    RedeemPoints(RedeemPoints),
    /// Record that what has expired by now is gone.
    ExpirePoints,
    /// Give credit.
    GrantCredit(GrantCredit),
    /// Take credit for something that is paid with it.
    SpendCredit(SpendCredit),
    /// Undo a posting.
    ReversePosting(ReversePosting),
}

/// Give points.
#[derive(Clone, Debug, Serialize)]
pub struct EarnPoints {
    /// The posting.
    pub posting_id: PostingId,
    /// How many.
    pub points: Points,
    /// From when on they are worth nothing.
    pub expires_at: Option<Timestamp>,
    /// The case for which they are given.
    pub case_id: Option<CaseId>,
}

/// Take points.
#[derive(Clone, Debug, Serialize)]
pub struct RedeemPoints {
    /// The posting.
    pub posting_id: PostingId,
    /// How many.
    pub points: Points,
    /// Where.
    pub centre: CentreId,
}

/// Give credit.
#[derive(Clone, Debug, Serialize)]
pub struct GrantCredit {
    /// The posting.
    pub posting_id: PostingId,
    /// How much.
    pub money: Money,
    /// The case for which it is given.
    pub case_id: Option<CaseId>,
}

/// Take credit.
#[derive(Clone, Debug, Serialize)]
pub struct SpendCredit {
    /// The posting.
    pub posting_id: PostingId,
    /// How much.
    pub money: Money,
}

/// Undo a posting, whole.
#[derive(Clone, Debug, Serialize)]
pub struct ReversePosting {
    /// The posting that reverses.
    pub posting_id: PostingId,
    /// The posting that is to be reversed.
    pub reversed: PostingId,
}

impl AccountCommand {
    /// The posting that is asked for, and what it says; `None` for what makes its own postings.
    pub(super) fn posting(&self) -> Option<(&PostingId, Said)> {
        Some(match self {
            Self::EarnPoints(earn) => {
                let (points, expires_at) = (earn.points, earn.expires_at);
                (&earn.posting_id, Said::Earned { points, expires_at, case_id: earn.case_id })
            }
            Self::RedeemPoints(redeem) => {
                let (points, centre) = (redeem.points, redeem.centre.clone());
                (&redeem.posting_id, Said::Redeemed { points, centre })
            }
            Self::GrantCredit(grant) => {
                let (money, case_id) = (grant.money, grant.case_id);
                (&grant.posting_id, Said::Granted { money, case_id })
            }
            Self::SpendCredit(spend) => (&spend.posting_id, Said::Spent { money: spend.money }),
            Self::ReversePosting(reverse) => {
                (&reverse.posting_id, Said::Reversed { posting: reverse.reversed.clone() })
            }
            Self::ExpirePoints => return None,
        })
    }
}
