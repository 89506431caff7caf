//! Who may select what of the pack for management's review.

use super::roles::PLANNERS;
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", PLANNERS, &["managementReview"]),
    ("ManagementReview", PLANNERS, &["period", "before"]),
    (
        "ComplaintFigures",
        PLANNERS,
        &[
            "from",
            "to",
            "received",
            "acknowledged",
            "acknowledgedInTime",
            "decided",
            "outcomes",
            "appeals",
            "appealsChanged",
            "appealsConfirmed",
            "appealsOpen",
            "appealsEnded",
            "rootCauses",
            "correctiveActionsOpen",
            "correctiveActionsDone",
            "missedFollowUps",
            "unanswered",
            "redressPaid",
            "redressMoney",
            "redressPoints",
            "satisfaction",
        ],
    ),
    ("OutcomeCount", PLANNERS, &["outcome", "count"]),
    ("RootCauseCount", PLANNERS, &["cause", "count"]),
];
