//! Who may select what of fees.

use super::roles::{LEADERS, READERS, WORKERS, WORKERS_AND_CUSTOMERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Mutation", WORKERS, &["assessFee"]),
    ("Mutation", WORKERS_AND_CUSTOMERS, &["payFee"]),
    ("Mutation", LEADERS, &["waiveFee", "refundFee"]),
    ("Case", READERS, &["fees"]),
    ("Fee", READERS, &["id", "money", "tariff", "status", "assessedAt", "updatedAt", "revision"]),
    ("AssessFeePayload", WORKERS, &["fee", "userErrors"]),
    ("WaiveFeePayload", LEADERS, &["fee", "userErrors"]),
    ("PayFeePayload", WORKERS_AND_CUSTOMERS, &["fee", "userErrors"]),
    ("RefundFeePayload", LEADERS, &["fee", "userErrors"]),
];
