//! Who may select what of what customers are told.

use super::roles::{CUSTOMERS, READERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Subscription", CUSTOMERS, &["notifications"]),
    ("Mutation", CUSTOMERS, &["markNotificationsRead"]),
    ("Viewer", READERS, &["notifications", "unreadCount"]),
    ("NotificationConnection", READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("NotificationEdge", READERS, &["node", "cursor"]),
    ("NotificationEvent", CUSTOMERS, &["cursor", "notification"]),
    (
        "Notification",
        READERS,
        &[
            "kind",
            "eventId",
            "read",
            "stage",
            "points",
            "money",
            "text",
            "at",
            "promisedUntil",
            "case",
        ],
    ),
    ("MarkNotificationsReadPayload", CUSTOMERS, &["viewer", "userErrors"]),
];
