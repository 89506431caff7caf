//! Who may select what of payments by a provider.

use super::roles::{APPROVERS, PLANNERS, READERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", PLANNERS, &["reconciliation"]),
    ("Mutation", WORKERS_AND_CUSTOMERS, &["requestPayment"]),
    // People have money given back; programs do not.
    ("Mutation", APPROVERS, &["refundPayment"]),
    ("Customer", READERS, &["payments"]),
    ("Viewer", READERS, &["payments"]),
    (
        "Payment",
        READERS,
        &[
            "id",
            "money",
            "feeId",
            "provider",
            "providerReference",
            "status",
            "failure",
            "isPosted",
            "requestedAt",
            "expiresAt",
            "confirmedAt",
            "refundedAt",
            "revision",
        ],
    ),
    ("PaymentConnection", READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("PaymentEdge", READERS, &["node", "cursor"]),
    ("Reconciliation", PLANNERS, &["day", "provider", "agreeing", "differing", "lines"]),
    (
        "ReconciliationLine",
        PLANNERS,
        &["paymentId", "direction", "agreement", "here", "there", "providerReference"],
    ),
    ("RequestPaymentPayload", WORKERS_AND_CUSTOMERS, &["payment", "page", "userErrors"]),
    ("RefundPaymentPayload", APPROVERS, &["payment", "userErrors"]),
];
