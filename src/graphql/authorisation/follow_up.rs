//! Who may select what of promises to customers.

use super::roles::{READERS, STAFF_READERS, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", STAFF_READERS, &["missedFollowUps", "followUpsDue"]),
    ("Subscription", STAFF_READERS, &["followUpReminders"]),
    ("Mutation", WORKERS, &["promiseFollowUp", "keepFollowUp"]),
    ("Case", READERS, &["followUps"]),
    (
        "FollowUp",
        READERS,
        &["caseId", "number", "state", "what", "promisedAt", "dueAt", "keptAt", "case"],
    ),
    ("FollowUp", STAFF_READERS, &["promisedBy", "remindedAt"]),
    ("FollowUpConnection", STAFF_READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("FollowUpEdge", STAFF_READERS, &["node", "cursor"]),
    ("FollowUpReminder", STAFF_READERS, &["cursor", "followUp"]),
    ("PromiseFollowUpPayload", WORKERS, &["case", "userErrors"]),
    ("KeepFollowUpPayload", WORKERS, &["case", "userErrors"]),
];
