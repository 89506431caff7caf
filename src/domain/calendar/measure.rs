//! How an amount of time is counted: three units that are easily confused and never mixed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an amount of time is counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Every second, open or not.
    Elapsed,
    /// Open hours only.
    WorkingTime,
    /// Working days: 24 hours stand for one, however long its open hours are; a half day is a whole one. Within a day the
    /// share of its open time that has passed counts, to the nanosecond below. A date without open time counts nothing.
    WorkingDays,
}
