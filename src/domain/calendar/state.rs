//! What a calendar knows of itself.

use super::CalendarPublished;

/// The calendar's state: its latest publication. Earlier versions stay in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarState {
    /// The latest publication; `None` before the first.
    pub latest: Option<CalendarPublished>,
}
