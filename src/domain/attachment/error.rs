//! Why an attachment may be refused.

use super::ATTACHMENT_SIZE_BYTES_MAX;
use crate::decider::Refusal;
use crate::text::TextProblem;

/// Why a command on an attachment was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachmentRefusal {
    /// It stands with its case already, and is never changed.
    #[error("the attachment is complete already")]
    AlreadyAdded,
    /// Its parts come one after the other.
    #[error("part {expected} comes next")]
    PartOutOfOrder {
        /// The part that comes next.
        expected: u32,
    },
    /// It has no content.
    #[error("the file is empty")]
    Empty,
    /// It has too much content.
    #[error("a file has at most {ATTACHMENT_SIZE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not a media type.
    #[error("the media type is not one, such as application/pdf")]
    InvalidMediaType,
    /// The file's name is empty, too long or not a text.
    #[error("name {0}")]
    Name(TextProblem),
}

impl Refusal for AttachmentRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::AlreadyAdded => "ATTACHMENT_COMPLETE",
            Self::PartOutOfOrder { .. } => "ATTACHMENT_PART_OUT_OF_ORDER",
            Self::Empty => "ATTACHMENT_EMPTY",
            Self::TooLarge => "ATTACHMENT_TOO_LARGE",
            Self::InvalidMediaType => "MEDIA_TYPE_INVALID",
            Self::Name(problem) => problem.code(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::InvalidMediaType => Some("media_type"),
            Self::Name(_) => Some("name"),
            _ => None,
        }
    }
}
