//! What may be asked of an attachment.

use serde::Serialize;

use crate::case::Direction;
use crate::id::CaseId;
use crate::pii::Pii;

/// What may be asked of an attachment.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum AttachmentCommand {
    /// Store the next part of its content.
    StorePart(StorePart),
    /// Let it stand with its case.
    Add(AddAttachment),
}

/// Store the next part of the content.
#[derive(Clone, Debug, Serialize)]
pub struct StorePart {
    /// The case that the attachment is to stand with.
    pub case_id: CaseId,
    /// Which part it is: 0, 1, 2 ...
    pub part: u32,
    /// How many bytes it has, from 1 to [`super::PART_SIZE_BYTES_MAX`].
    pub size_bytes: u32,
    /// The bytes, in base64.
    pub content: Pii<String>,
}

/// Let the attachment stand with its case.
#[derive(Clone, Debug, Serialize)]
pub struct AddAttachment {
    /// The case.
    pub case_id: CaseId,
    /// From whom it came to whom.
    pub direction: Direction,
    /// The file's name.
    pub name: Pii<String>,
    /// Its media type.
    pub media_type: String,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: Pii<String>,
}
