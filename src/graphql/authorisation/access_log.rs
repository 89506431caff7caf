//! Who may select what of the log of who read whose personal data.

use super::roles::{ACCESS_LOG_READERS, ACCESS_LOG_READERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", ACCESS_LOG_READERS, &["accessLog"]),
    ("Customer", ACCESS_LOG_READERS_AND_CUSTOMERS, &["accessLog"]),
    (
        "AccessRecordConnection",
        ACCESS_LOG_READERS_AND_CUSTOMERS,
        &["pageInfo", "edges", "nodes", "totalCount"],
    ),
    ("AccessRecordEdge", ACCESS_LOG_READERS_AND_CUSTOMERS, &["node", "cursor"]),
    (
        "AccessRecord",
        ACCESS_LOG_READERS_AND_CUSTOMERS,
        &["at", "data", "readerRole", "purpose", "operation", "subject", "eventId"],
    ),
    // Customers learn in which role somebody read, not who it was.
    ("AccessRecord", ACCESS_LOG_READERS, &["reader"]),
    ("AccessSubject", ACCESS_LOG_READERS_AND_CUSTOMERS, &["customerId", "caseId"]),
];
