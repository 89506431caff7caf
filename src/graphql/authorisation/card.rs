//! Who may select what of cards.

use super::roles::{READERS, WORKERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Mutation", WORKERS, &["issueCard", "activateCard", "replaceCard", "expireCard"]),
    // Whoever has lost their card blocks it at once.
    ("Mutation", WORKERS_AND_CUSTOMERS, &["blockCard"]),
    ("Viewer", READERS, &["cards"]),
    ("Customer", READERS, &["cards"]),
    (
        "Card",
        READERS,
        &[
            "id",
            "maskedNumber",
            "erased",
            "status",
            "blockReason",
            "replaces",
            "replacedBy",
            "issuedAt",
            "activatedAt",
            "blockedAt",
            "endedAt",
            "customer",
            "revision",
        ],
    ),
    ("IssueCardPayload", WORKERS, &["card", "number", "userErrors"]),
    ("ReplaceCardPayload", WORKERS, &["card", "number", "userErrors"]),
    ("ActivateCardPayload", WORKERS, &["card", "userErrors"]),
    ("ExpireCardPayload", WORKERS, &["card", "userErrors"]),
    ("BlockCardPayload", WORKERS_AND_CUSTOMERS, &["card", "userErrors"]),
];
