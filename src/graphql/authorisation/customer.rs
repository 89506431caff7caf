//! Who may select what of customers and their contact points.

use super::roles::{CUSTOMER_READERS, READERS, VERIFIERS, WORKERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", CUSTOMER_READERS, &["customer", "customers"]),
    ("Mutation", WORKERS, &["registerCustomer", "addContactPoint", "changeCustomerDetails"]),
    ("Mutation", VERIFIERS, &["requestContactPointVerification", "verifyContactPoint"]),
    (
        "Customer",
        CUSTOMER_READERS,
        &[
            "id",
            "kind",
            "name",
            "erased",
            "language",
            "tier",
            "contactPoints",
            "registeredAt",
            "updatedAt",
            "revision",
        ],
    ),
    ("Customer", READERS, &["cases"]),
    ("ContactPoint", CUSTOMER_READERS, &["kind", "value", "erased", "number", "verifiedAt"]),
    ("CustomerConnection", CUSTOMER_READERS, &["pageInfo", "edges", "nodes", "totalCount"]),
    ("CustomerEdge", CUSTOMER_READERS, &["node", "cursor"]),
    ("RequestContactPointVerificationPayload", VERIFIERS, &["customer", "userErrors"]),
    ("VerifyContactPointPayload", VERIFIERS, &["customer", "userErrors"]),
    ("RegisterCustomerPayload", WORKERS, &["customer", "userErrors"]),
    ("AddContactPointPayload", WORKERS, &["customer", "userErrors"]),
    ("ChangeCustomerDetailsPayload", WORKERS, &["customer", "userErrors"]),
];
