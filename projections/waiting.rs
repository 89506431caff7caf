//! What waits to be done, in two numbers for operators.

use jiff::Timestamp;
use rusqlite::Row;

use crate::column;

/// How much waits, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// Since when the one that has waited longest; `None` when nothing waits.
    pub since: Option<Timestamp>,
}

impl Waiting {
    /// From a count and a moment in microseconds.
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { count: row.get(0)?, since: column::time_option(row, 1)? })
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        let since = self.since.into_iter().chain(other.since).min();
        Self { count: self.count + other.count, since }
    }
}
