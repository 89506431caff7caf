//! What a decision needs to know of an account, and how each event changes it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::balances::Balances;
use super::event::{AccountEvent, LotUse};
use crate::decider::Metadata;
use crate::id::{CaseId, CentreId, PostingId};
use crate::money::{Money, Points};

/// What a decision needs to know of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// What stands in it.
    pub balances: Balances,
    /// Every posting that was ever made. Shared, because a state is copied for every decision.
    pub postings: HashMap<PostingId, Arc<Posting>>,
}

/// A posting that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posting {
    /// What it says.
    pub said: Said,
    /// The lots that its points came out of.
    pub lots: Vec<LotUse>,
    /// How many of the points that it gave have expired.
    pub expired: Points,
    /// By which posting it was reversed.
    pub reversed_by: Option<PostingId>,
}

/// What a posting says: the same id with anything else is another posting, and refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant repeats the fields of its event")]
pub enum Said {
    Earned { points: Points, expires_at: Option<Timestamp>, case_id: Option<CaseId> },
    Redeemed { points: Points, centre: CentreId },
    Expired { lot: PostingId },
    Granted { money: Money, case_id: Option<CaseId> },
    Spent { money: Money },
    Reversed { posting: PostingId },
}

impl AccountState {
    /// The state after the event.
    pub fn evolve(mut self, event: &AccountEvent, _meta: &Metadata) -> Self {
        self.balances.apply(event);
        let (said, lots) = match event {
            AccountEvent::PointsEarned(earned) => {
                let (points, expires_at) = (earned.points, earned.expires_at);
                (Said::Earned { points, expires_at, case_id: earned.case_id }, Vec::new())
            }
            AccountEvent::PointsRedeemed(redeemed) => {
                let (points, centre) = (redeemed.points, redeemed.centre.clone());
                (Said::Redeemed { points, centre }, redeemed.lots.clone())
            }
            AccountEvent::PointsExpired(expired) => {
                if let Some(posting) = self.postings.get_mut(&expired.lot) {
                    let sum = posting.expired.0.saturating_add(expired.points.0);
                    *posting =
                        Arc::new(Posting { expired: Points(sum), ..Posting::clone(posting) });
                }
                (Said::Expired { lot: expired.lot.clone() }, Vec::new())
            }
            AccountEvent::CreditGranted(granted) => {
                let (money, case_id) = (granted.money, granted.case_id);
                (Said::Granted { money, case_id }, Vec::new())
            }
            AccountEvent::CreditSpent(spent) => (Said::Spent { money: spent.money }, Vec::new()),
            AccountEvent::PostingReversed(reversed) => {
                if let Some(posting) = self.postings.get_mut(&reversed.reversed) {
                    let reversed_by = Some(reversed.posting_id.clone());
                    *posting = Arc::new(Posting { reversed_by, ..Posting::clone(posting) });
                }
                (Said::Reversed { posting: reversed.reversed.clone() }, Vec::new())
            }
        };
        let posting = Posting { said, lots, expired: Points(0), reversed_by: None };
        self.postings.insert(event.posting_id().clone(), Arc::new(posting));
        self
    }
}
