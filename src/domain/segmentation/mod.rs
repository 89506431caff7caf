//! Segmentations: which tier a customer belongs to, by rules over what is known of their dealings with us.
//!
//! People write a segmentation as a [`SegmentationDocument`]; each publication is a new version, an event in the stream
//! `segmentation-<id>`, and holds from its effective moment. A rule looks at a customer's [`Standing`]: what they are worth, how much we
//! have to do with each other, since when, and how long it has been quiet. The first rule that is met gives the tier; of several
//! segmentations they are tried in the order of their ids, the segmentation `default` last. Time moves customers by whole days.
//!
//! The customer-asset matrix reads the same facts: customers are valuable or less so, and tied to us strongly or weakly.

mod decide;
mod document;
mod event;

pub use decide::{
    PublishSegmentation, Segmentation, SegmentationCommand, SegmentationRefusal, SegmentationState,
};
pub use document::{
    AssetCell, AssetMatrix, FactTest, SegmentRule, SegmentationDocument, Standing, schema, tier,
};
pub use event::{SegmentationEvent, SegmentationPublished};

/// The segmentation that is tried last, and whose matrix is the organisation's.
pub const DEFAULT_SEGMENTATION: &str = "default";
