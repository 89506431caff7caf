//! What may happen to a calendar.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CalendarDocument;
use crate::event::events;

events! {
    /// What may happen to a calendar.
    pub enum CalendarEvent, upcast by &[] => {
        /// A version was published.
        Published(CalendarPublished) = "CalendarPublished" v 1,
    }
}

/// A version of the calendar was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalendarPublished {
    /// 1 for the first, then 2, 3 ...
    pub version: u32,
    /// The whole calendar.
    pub document: CalendarDocument,
    /// From when it holds, until another version does.
    pub effective_from: Timestamp,
}
