//! Who may select what of what the law says of personal data: consents, legal holds, erasures.

use super::roles::{CONSENT_RECORDERS, CUSTOMER_READERS, PRIVACY_OFFICERS, PRIVACY_READERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Mutation", CONSENT_RECORDERS, &["giveConsent", "withdrawConsent"]),
    ("Mutation", PRIVACY_OFFICERS, &["placeLegalHold", "releaseLegalHold", "eraseCustomer"]),
    ("Customer", CUSTOMER_READERS, &["consents"]),
    ("Customer", PRIVACY_READERS, &["legalHold", "erasure"]),
    ("Consent", CUSTOMER_READERS, &["purpose", "channel", "givenAt", "eventId"]),
    ("Erasure", PRIVACY_READERS, &["ground", "orderedAt", "receipt"]),
    ("ErasureReceipt", PRIVACY_READERS, &["erasedAt", "keyCount", "envelopeCount", "eventId"]),
    ("GiveConsentPayload", CONSENT_RECORDERS, &["customer", "userErrors"]),
    ("WithdrawConsentPayload", CONSENT_RECORDERS, &["customer", "userErrors"]),
    ("PlaceLegalHoldPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
    ("ReleaseLegalHoldPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
    ("EraseCustomerPayload", PRIVACY_OFFICERS, &["customer", "userErrors"]),
];
