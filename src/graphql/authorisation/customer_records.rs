//! Who may select what of the records of customers that belong together: those of one person, and those of whom somebody acts for.

use super::roles::{READERS, RECORD_KEEPERS, STAFF_READERS, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", STAFF_READERS, &["matchProposals"]),
    (
        "Mutation",
        WORKERS,
        &["mergeCustomer", "unmergeCustomer", "appointRepresentative", "dismissRepresentative"],
    ),
    ("Customer", READERS, &["timeline", "representatives", "represents"]),
    ("Customer", RECORD_KEEPERS, &["mergedInto", "mergedCustomers"]),
    (
        "Representation",
        READERS,
        &[
            "customer",
            "customerId",
            "representative",
            "basis",
            "caseKinds",
            "until",
            "inForce",
            "appointedAt",
            "eventId",
        ],
    ),
    ("TimelineEntry", READERS, &["caseId"]),
    ("MatchProposal", STAFF_READERS, &["customer", "likeness", "reasons"]),
    ("MergeCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("UnmergeCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("AppointRepresentativePayload", WORKERS, &["customer", "userErrors"]),
    ("DismissRepresentativePayload", WORKERS, &["customer", "userErrors"]),
];
