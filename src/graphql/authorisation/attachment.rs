//! Who may select what of files.

use super::roles::READERS;
use crate::graphql::permissions::FieldTable;

/// The rows.
pub(super) const FIELDS: FieldTable = &[
    ("Case", READERS, &["attachments"]),
    (
        "Attachment",
        READERS,
        &[
            "id",
            "name",
            "direction",
            "mediaType",
            "sizeBytes",
            "addedAt",
            "path",
            "sha256",
            "erased",
        ],
    ),
];
