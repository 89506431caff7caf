//! Who may select what of complaints and their decisions.

use super::roles::{READERS, STAFF_READERS, WORKERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    // A customer disputes a decision, or is content with it, by themselves.
    ("Mutation", WORKERS_AND_CUSTOMERS, &["appealCase", "acceptDecision"]),
    (
        "Mutation",
        WORKERS,
        &[
            "acknowledgeCase",
            "assessCase",
            "recordFinding",
            "decideCase",
            "offerAlternatives",
            "recordRootCause",
            "linkCorrectiveAction",
        ],
    ),
    ("Case", READERS, &["remedySought", "complaint"]),
    ("Complaint", READERS, &["acknowledgedAt", "acknowledgedBy", "decisions"]),
    // How it is weighed and what brought it about is said among staff.
    (
        "Complaint",
        STAFF_READERS,
        &[
            "assessedAt",
            "safety",
            "complexity",
            "impact",
            "findingCount",
            "rootCauses",
            "correctiveActions",
        ],
    ),
    (
        "Decision",
        READERS,
        &[
            "level",
            "outcome",
            "decidedAt",
            "appealUntil",
            "appealTo",
            "acceptedAt",
            "appealedAt",
            "alternativesOfferedAt",
        ],
    ),
    ("Decision", STAFF_READERS, &["decidedBy"]),
    ("AppealCasePayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("AcceptDecisionPayload", WORKERS_AND_CUSTOMERS, &["case", "userErrors"]),
    ("AcknowledgeCasePayload", WORKERS, &["case", "userErrors"]),
    ("AssessCasePayload", WORKERS, &["case", "userErrors"]),
    ("RecordFindingPayload", WORKERS, &["case", "userErrors"]),
    ("DecideCasePayload", WORKERS, &["case", "userErrors"]),
    ("OfferAlternativesPayload", WORKERS, &["case", "userErrors"]),
    ("RecordRootCausePayload", WORKERS, &["case", "userErrors"]),
    ("LinkCorrectiveActionPayload", WORKERS, &["case", "userErrors"]),
];
