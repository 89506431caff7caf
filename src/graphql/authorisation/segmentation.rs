//! Who may select what of segments: how customers are placed, and how many are where.

use super::roles::{ADMINS, LEADERS, PLANNERS, REFERENCE_READERS};
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Query", REFERENCE_READERS, &["segmentations"]),
    ("Query", PLANNERS, &["draftSegmentation", "assetMatrix"]),
    ("Mutation", ADMINS, &["publishSegmentation"]),
    ("Mutation", LEADERS, &["assessCustomerValue"]),
    (
        "SegmentationVersion",
        REFERENCE_READERS,
        &["id", "version", "effectiveFrom", "publishedAt", "document"],
    ),
    ("SegmentationDraft", PLANNERS, &["problems", "customers", "tiers", "moves"]),
    ("TierCount", PLANNERS, &["tier", "customers"]),
    ("TierMoveCount", PLANNERS, &["from", "to", "customers"]),
    ("AssetMatrixCell", PLANNERS, &["cell", "count", "value", "customers"]),
    ("PublishSegmentationPayload", ADMINS, &["segmentation", "userErrors"]),
    ("AssessCustomerValuePayload", LEADERS, &["customer", "userErrors"]),
];
