//! What stands in an account: lots of points and credit by currency. Decisions and the read model fold the same events with this.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{AccountEvent, LotUse};
use crate::id::PostingId;
use crate::money::{Currency, Points};

/// Points that were earned at once, as far as they are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// The posting by which they were earned.
    pub posting_id: PostingId,
    /// How many are left; never 0.
    pub points: Points,
    /// From when on they are worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl Lot {
    /// Whether the points are worth nothing any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// What stands in an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balances {
    /// The lots with points, those first that are used first: by expiry, then in the order in which they were earned.
    pub lots: Vec<Lot>,
    /// The credit in minor units, by currency.
    pub credit: BTreeMap<Currency, i64>,
}

impl Balances {
    /// The points that can be used at a moment: what is expired does not count, whether its expiry was recorded yet or not.
    pub fn points(&self, now: Timestamp) -> Points {
        let usable = self.lots.iter().filter(|lot| !lot.is_expired(now));
        Points(usable.map(|lot| lot.points.0).sum())
    }

    /// The credit in a currency, in minor units.
    pub fn credit(&self, currency: Currency) -> i64 {
        self.credit.get(&currency).copied().unwrap_or_default()
    }

    /// When the next lot expires, or has expired without it being recorded.
    pub fn next_expiry_at(&self) -> Option<Timestamp> {
        self.lots.iter().filter_map(|lot| lot.expires_at).min()
    }

    /// The lots that so many points come out of, those first that expire first; `None` where there are not so many.
    pub fn cover(&self, points: Points, now: Timestamp) -> Option<Vec<LotUse>> {
        let mut missing = points.0;
        let mut uses = Vec::new();
        for lot in self.lots.iter().filter(|lot| !lot.is_expired(now)) {
            if missing <= 0 {
                break;
            }
            let taken = missing.min(lot.points.0);
            missing -= taken;
            uses.push(LotUse {
                lot: lot.posting_id.clone(),
                points: Points(taken),
                expires_at: lot.expires_at,
            });
        }
        (missing <= 0).then_some(uses)
    }

    /// Takes in an event.
    pub fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::PointsEarned(earned) => {
                self.put(&earned.posting_id, earned.points, earned.expires_at);
            }
            AccountEvent::PointsRedeemed(redeemed) => {
                redeemed.lots.iter().for_each(|used| self.take(&used.lot, used.points));
            }
            AccountEvent::PointsExpired(expired) => self.take(&expired.lot, expired.points),
            AccountEvent::PostingReversed(reversed) => {
                for used in &reversed.lots {
                    if reversed.points.0 < 0 {
                        self.take(&used.lot, used.points);
                    } else {
                        self.put(&used.lot, used.points, used.expires_at);
                    }
                }
            }
            AccountEvent::CreditGranted(_) | AccountEvent::CreditSpent(_) => {}
        }
        if let Some(money) = event.money() {
            let credit = self.credit.entry(money.currency).or_default();
            *credit = credit.saturating_add(money.minor_units);
        }
    }

    fn put(&mut self, id: &PostingId, points: Points, expires_at: Option<Timestamp>) {
        if let Some(lot) = self.lots.iter_mut().find(|lot| lot.posting_id == *id) {
            lot.points.0 = lot.points.0.saturating_add(points.0);
            return;
        }
        // Lots without an expiry come last.
        let order = |expires_at: Option<Timestamp>| (expires_at.is_none(), expires_at);
        let place = self.lots.partition_point(|lot| order(lot.expires_at) <= order(expires_at));
        self.lots.insert(place, Lot { posting_id: id.clone(), points, expires_at });
    }

    fn take(&mut self, id: &PostingId, points: Points) {
        if let Some(lot) = self.lots.iter_mut().find(|lot| lot.posting_id == *id) {
            lot.points.0 = lot.points.0.saturating_sub(points.0);
        }
        self.lots.retain(|lot| lot.points.0 != 0);
    }
}
