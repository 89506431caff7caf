//! What may happen to a segmentation.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SegmentationDocument;
use crate::event::events;

events! {
    /// What may happen to a segmentation.
    pub enum SegmentationEvent, upcast by &[] => {
        /// A version was published.
        Published(SegmentationPublished) = "SegmentationPublished" v 1,
    }
}

/// A version of the segmentation was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentationPublished {
    /// 1 for the first, then 2, 3 ...
    pub version: u32,
    /// The whole segmentation.
    pub document: SegmentationDocument,
    /// From when it holds, until another version does.
    pub effective_from: Timestamp,
}

impl SegmentationPublished {
    /// The version in force at a moment: of those already effective, the one that became effective last, and of two that became
    /// effective together the later number.
    pub fn in_force<'a>(
        versions: impl IntoIterator<Item = &'a Self>,
        at: Timestamp,
    ) -> Option<&'a Self> {
        versions
            .into_iter()
            .filter(|version| version.effective_from <= at)
            .max_by_key(|version| (version.effective_from, version.version))
    }
}
