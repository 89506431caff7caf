//! What may be asked of a segmentation, and what follows.

use jiff::Timestamp;
use serde::Serialize;

use super::{SegmentationDocument, SegmentationEvent, SegmentationPublished};
use crate::calendar::{Problem, joined};
use crate::decider::{Context, Decider, Metadata, Refusal};

/// The aggregate of one segmentation: its publications.
#[derive(Clone, Copy, Debug)]
pub struct Segmentation;

/// What may be asked of a segmentation.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum SegmentationCommand {
    /// Publish a new version.
    Publish(PublishSegmentation),
}

/// Publishes the next version of a segmentation; the first publication creates it.
#[derive(Clone, Debug, Serialize)]
pub struct PublishSegmentation {
    /// The whole segmentation, not a change of it.
    pub document: SegmentationDocument,
    /// From when it holds; the command's own time when absent. What tiers were before is not decided anew.
    pub effective_from: Option<Timestamp>,
}

/// The segmentation's state: its latest publication.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentationState {
    /// The latest publication; `None` before the first.
    pub latest: Option<SegmentationPublished>,
}

/// Why a command to a segmentation was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentationRefusal {
    /// The document has these problems.
    #[error("the segmentation was not published; mend {}", joined(.0))]
    InvalidDocument(Vec<Problem>),
}

impl Refusal for SegmentationRefusal {
    fn code(&self) -> &'static str {
        "SEGMENTATION_INVALID"
    }

    fn field(&self) -> Option<&'static str> {
        Some("document")
    }
}

impl Decider for Segmentation {
    type Command = SegmentationCommand;
    type Event = SegmentationEvent;
    type State = SegmentationState;
    type Refusal = SegmentationRefusal;

    const CATEGORY: &'static str = "segmentation";

    fn name(command: &SegmentationCommand) -> &'static str {
        match command {
            SegmentationCommand::Publish(_) => "publish",
        }
    }

    fn decide(
        state: &SegmentationState,
        SegmentationCommand::Publish(publish): SegmentationCommand,
        context: &Context,
    ) -> Result<Vec<SegmentationEvent>, SegmentationRefusal> {
        publish.document.validate().map_err(SegmentationRefusal::InvalidDocument)?;
        let mut version = 1;
        if let Some(latest) = &state.latest {
            let holds_already = match publish.effective_from {
                Some(moment) => moment == latest.effective_from,
                None => latest.effective_from <= context.occurred_at,
            };
            if holds_already && latest.document == publish.document {
                return Ok(vec![]);
            }
            version = latest.version.saturating_add(1);
        }
        let effective_from = publish.effective_from.unwrap_or(context.occurred_at);
        let document = publish.document;
        Ok(vec![SegmentationPublished { version, document, effective_from }.into()])
    }

    fn evolve(_: SegmentationState, event: &SegmentationEvent, _: &Metadata) -> SegmentationState {
        let SegmentationEvent::Published(published) = event;
        SegmentationState { latest: Some(published.clone()) }
    }
}
