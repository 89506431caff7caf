//! Replicas: processes that serve the same log, each from read models of its own.
//!
//! Work that one of them is enough for is divided without an election. Every replica knows who is alive and computes the same owner for
//! the same case; where they disagree for a moment, two do the same work, and the log keeps one result, because the commands are the same.

use std::collections::BTreeSet;

use parvandeh_domain::id::derived;
use uuid::Uuid;

/// The replicas that are alive, as one of them sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// The one that looks.
    pub me: Uuid,
    /// All of them, the one that looks included.
    pub alive: BTreeSet<Uuid>,
}

impl Members {
    /// A process that has the log to itself.
    pub fn alone() -> Self {
        let me = Uuid::nil();
        Self { me, alive: BTreeSet::from([me]) }
    }

    /// Whether this replica is the one that watches a case. When a replica comes or goes, only its own share changes hands (rendezvous
    /// hashing).
    pub fn is_mine(&self, case_id: Uuid) -> bool {
        let mine = weight(self.me, case_id);
        self.alive.iter().all(|&other| other == self.me || weight(other, case_id) < mine)
    }
}

/// Nobody's weight equals another's, as it is a hash of both names.
fn weight(replica: Uuid, case_id: Uuid) -> Uuid {
    derived(&["watches", &replica.to_string(), &case_id.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(me: u128, alive: impl IntoIterator<Item = u128>) -> Members {
        Members { me: Uuid::from_u128(me), alive: alive.into_iter().map(Uuid::from_u128).collect() }
    }

    #[test]
    fn every_case_has_exactly_one_owner_and_the_shares_are_about_equal() {
        let mut shares = [0; 3];
        for case in 0..3_000 {
            let case = Uuid::from_u128(case);
            let owners: Vec<usize> =
                (0..3).filter(|&me| members(me as u128, 0..3).is_mine(case)).collect();
            assert_eq!(owners.len(), 1, "case {case}");
            shares[owners[0]] += 1;
        }
        assert!(shares.iter().all(|share| (850..1_150).contains(share)), "{shares:?}");
    }

    #[test]
    fn when_a_replica_goes_only_its_share_changes_hands() {
        for case in 0..1_000 {
            let case = Uuid::from_u128(case);
            if members(0, 0..3).is_mine(case) {
                assert!(members(0, 0..2).is_mine(case), "case {case}");
            }
        }
    }

    #[test]
    fn who_is_alone_owns_everything() {
        assert!((0..100).all(|case| Members::alone().is_mine(Uuid::from_u128(case))));
    }
}
