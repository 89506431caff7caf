//! What may be asked of a calendar.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CalendarDocument;

/// What may be asked of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CalendarCommand {
    /// Publish a new version.
    Publish(PublishCalendar),
}

/// Publishes the next version of a calendar; the first publication creates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishCalendar {
    /// The whole calendar, not a change of it.
    pub document: CalendarDocument,
    /// From when it holds, also in the past; the command's own time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
}
