//! Who may select what of referrals of cases to units.

use super::roles::{STAFF, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Mutation", WORKERS, &["referCase", "acceptReferral", "returnReferral"]),
    ("Case", STAFF, &["referral"]),
    (
        "Referral",
        STAFF,
        &[
            "unit",
            "fromUnit",
            "referredAt",
            "answerDueAt",
            "acceptedAt",
            "returnedAt",
            "escalatedAt",
            "escalatedTo",
        ],
    ),
    ("AcceptReferralPayload", WORKERS, &["case", "userErrors"]),
    ("ReturnReferralPayload", WORKERS, &["case", "userErrors"]),
    ("ReferCasePayload", WORKERS, &["case", "userErrors"]),
];
