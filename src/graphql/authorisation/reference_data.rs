//! Who may select what of policies and calendars.

use super::roles::{ADMINS, REFERENCE_READERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", REFERENCE_READERS, &["slaPolicies", "calendars"]),
    ("Mutation", ADMINS, &["publishPolicy", "publishCalendar"]),
    (
        "SlaPolicyVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    (
        "CalendarVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    ("PublishPolicyPayload", ADMINS, &["policy", "userErrors"]),
    ("PublishCalendarPayload", ADMINS, &["calendar", "userErrors"]),
];
