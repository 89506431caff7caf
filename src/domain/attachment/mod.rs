//! Attachments: files that come with a case, from the customer or to them.
//!
//! A file's content is in the log like everything that was exchanged, in parts, each a personal field of its event. So it is sealed, goes
//! to every replica and into every backup, is covered by the proofs, and dies with its subject's key. The parts come first; the event that
//! names the file is the last of its stream, and only then is there an attachment. What an interrupted upload leaves is never shown.

mod command;
mod decide;
mod error;
mod event;
mod state;

pub use command::{AddAttachment, AttachmentCommand, StorePart};
pub use decide::Attachment;
pub use error::AttachmentRefusal;
pub use event::{AttachmentAdded, AttachmentEvent, AttachmentPartStored};
pub use state::AttachmentState;

/// The most bytes of a part's content. As text in an envelope, and as text again on the way to a cluster, it fits into one append.
pub const PART_SIZE_BYTES_MAX: usize = 256 * 1024;
/// The most bytes of a file: 10 MiB.
pub const ATTACHMENT_SIZE_BYTES_MAX: u64 = 10 * 1024 * 1024;
