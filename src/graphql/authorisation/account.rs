//! Who may select what of accounts: points and credit.

use super::roles::{LEADERS, READERS, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    // What is given away is given by those who answer for it.
    ("Mutation", LEADERS, &["earnPoints", "grantCredit", "reversePosting"]),
    ("Mutation", WORKERS, &["redeemPoints", "spendCredit"]),
    ("Customer", READERS, &["account"]),
    ("Account", READERS, &["points", "lots", "credit", "postings", "revision"]),
    ("PointsLot", READERS, &["postingId", "points", "expiresAt"]),
    (
        "Posting",
        READERS,
        &[
            "postingId",
            "kind",
            "points",
            "money",
            "centre",
            "reversed",
            "caseId",
            "occurredAt",
            "recordedAt",
            "eventId",
        ],
    ),
    ("PostingConnection", READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("PostingEdge", READERS, &["node", "cursor"]),
    ("EarnPointsPayload", LEADERS, &["account", "userErrors"]),
    ("GrantCreditPayload", LEADERS, &["account", "userErrors"]),
    ("ReversePostingPayload", LEADERS, &["account", "userErrors"]),
    ("RedeemPointsPayload", WORKERS, &["account", "userErrors"]),
    ("SpendCreditPayload", WORKERS, &["account", "userErrors"]),
];
