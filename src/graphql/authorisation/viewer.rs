//! Who may select what of the customer's own page and what they wish.

use super::roles::{READERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", READERS, &["viewer"]),
    ("Mutation", WORKERS_AND_CUSTOMERS, &["changePreferences"]),
    ("Viewer", READERS, &["customer", "cases", "preferences"]),
    ("Customer", READERS, &["preferences"]),
    (
        "Preferences",
        READERS,
        &["channels", "wantedNotifications", "unwantedNotifications", "language"],
    ),
    ("ChangePreferencesPayload", WORKERS_AND_CUSTOMERS, &["customer", "userErrors"]),
];
