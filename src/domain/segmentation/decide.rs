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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decider::{Actor, ActorKind};
    use crate::id::{CommandId, derived};

    const NOW: &str = "2026-06-01T00:00:00Z";

    fn publish(
        state: &SegmentationState,
        name: &str,
        effective_from: Option<&str>,
    ) -> Result<Vec<SegmentationEvent>, SegmentationRefusal> {
        let now = NOW.parse().unwrap();
        let context = Context {
            command_id: CommandId(derived(&["test"])),
            occurred_at: now,
            recorded_at: now,
            actor: Actor { kind: ActorKind::Staff, id: "admin".to_owned() },
        };
        let json = serde_json::json!({ "name": name, "rules": [{ "tier": "basic" }] });
        let document = serde_json::from_value(json).unwrap();
        let effective_from = effective_from.map(|moment| moment.parse().unwrap());
        let publish = PublishSegmentation { document, effective_from };
        Segmentation::decide(state, SegmentationCommand::Publish(publish), &context)
    }

    /// The state with this version as the latest.
    fn published(version: u32, name: &str, effective_from: &str) -> SegmentationState {
        let events = publish(&SegmentationState::default(), name, Some(effective_from)).unwrap();
        let [SegmentationEvent::Published(first)] = &events[..] else { panic!("{events:?}") };
        SegmentationState { latest: Some(SegmentationPublished { version, ..first.clone() }) }
    }

    /// The number of the version that follows, and from when it holds.
    fn next(events: Result<Vec<SegmentationEvent>, SegmentationRefusal>) -> (u32, String) {
        let events = events.unwrap();
        let [SegmentationEvent::Published(next)] = &events[..] else { panic!("{events:?}") };
        (next.version, next.effective_from.to_string())
    }

    #[test]
    fn each_publication_is_the_next_version_and_holds_from_now_where_nothing_else_is_said() {
        let later = "2026-07-01T00:00:00Z";
        let first = publish(&SegmentationState::default(), "tiers", None);
        assert_eq!(next(first), (1, NOW.to_owned()));
        let state = published(4, "tiers", NOW);
        assert_eq!(next(publish(&state, "other tiers", None)), (5, NOW.to_owned()));
        assert_eq!(next(publish(&state, "tiers", Some(later))), (5, later.to_owned()));
    }

    #[test]
    fn what_holds_already_is_not_published_again() {
        let state = published(4, "tiers", NOW);
        assert_eq!(publish(&state, "tiers", None), Ok(vec![]));
        assert_eq!(publish(&state, "tiers", Some(NOW)), Ok(vec![]));
        // The same document that is to hold only later does not hold yet.
        let later = "2026-07-01T00:00:00Z";
        let state = published(4, "tiers", later);
        assert_eq!(next(publish(&state, "tiers", None)), (5, NOW.to_owned()));
        assert_eq!(publish(&state, "tiers", Some(later)), Ok(vec![]));
    }

    #[test]
    fn a_document_that_is_not_well_formed_is_not_published() {
        let refused = publish(&SegmentationState::default(), "", None);
        assert!(matches!(refused, Err(SegmentationRefusal::InvalidDocument(_))), "{refused:?}");
    }
}
