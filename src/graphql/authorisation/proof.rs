//! Who may select what of proofs of the log.

use super::roles::{AUDITORS, PROVERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", PROVERS, &["proofCheckpoint", "consistencyProof"]),
    // A leaf tells of which case an event is, and who acted.
    ("Query", AUDITORS, &["inclusionProof"]),
    ("ProofCheckpoint", PROVERS, &["note", "origin", "size", "root", "verifierKey", "storedAt"]),
    (
        "InclusionProof",
        AUDITORS,
        &["position", "index", "treeSize", "leaf", "leafHash", "hashes", "root", "checkpoint"],
    ),
    ("ConsistencyProof", PROVERS, &["from", "to", "fromRoot", "toRoot", "hashes", "checkpoint"]),
];
