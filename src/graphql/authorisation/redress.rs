//! Who may select what of redress.

use super::roles::{APPROVERS, READERS, WORKERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Mutation", WORKERS, &["proposeRedress"]),
    // People approve, each within their limit; programs do not.
    ("Mutation", APPROVERS, &["approveRedress", "rejectRedress"]),
    ("Mutation", WORKERS_AND_CUSTOMERS, &["acceptRedress", "declineRedress"]),
    ("Case", READERS, &["redress"]),
    (
        "Redress",
        READERS,
        &["id", "money", "points", "ground", "status", "proposedAt", "updatedAt", "revision"],
    ),
    ("ProposeRedressPayload", WORKERS, &["redress", "userErrors"]),
    ("ApproveRedressPayload", APPROVERS, &["redress", "userErrors"]),
    ("RejectRedressPayload", APPROVERS, &["redress", "userErrors"]),
    ("AcceptRedressPayload", WORKERS_AND_CUSTOMERS, &["redress", "userErrors"]),
    ("DeclineRedressPayload", WORKERS_AND_CUSTOMERS, &["redress", "userErrors"]),
];
