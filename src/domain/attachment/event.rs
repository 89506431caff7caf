//! What may happen to an attachment. The field comments are the published descriptions in `schema/events/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::Direction;
use crate::event::events;
use crate::id::CaseId;
use crate::pii::Pii;

events! {
    /// What may happen to an attachment.
    pub enum AttachmentEvent, upcast by &[] => {
        /// A part of its content was stored.
        PartStored(AttachmentPartStored) = "AttachmentPartStored" v 1,
        /// It is whole, and stands with its case.
        Added(AttachmentAdded) = "AttachmentAdded" v 1,
    }
}

/// A part of an attachment's content was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachmentPartStored {
    /// The case that it is to stand with.
    pub case_id: CaseId,
    /// Which part it is: 0, 1, 2 ...
    pub part: u32,
    /// How many bytes it has.
    pub size_bytes: u32,
    /// The bytes, in base64.
    pub content: Pii<String>,
}

/// An attachment is whole, and stands with its case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachmentAdded {
    /// The case that it stands with.
    pub case_id: CaseId,
    /// From whom it came to whom.
    pub direction: Direction,
    /// The file's name.
    pub name: Pii<String>,
    /// Its media type, as its sender says: `application/pdf`.
    pub media_type: String,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// How many parts they are in.
    pub part_count: u32,
    /// The SHA-256 of its content, in hexadecimal. Sealed, because a short content could be guessed by it.
    pub sha256: Pii<String>,
}
