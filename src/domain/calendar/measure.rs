//! How an amount of time is counted: three units that are easily confused and never mixed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::case::attribute::vocabulary;

vocabulary!(
    /// How an amount of time is counted.
    Measure {
        /// Every second, open or not.
        Elapsed = "elapsed",
        /// Open hours only.
        WorkingTime = "working_time",
        /// Working days: 24 hours stand for one, however long its open hours are; a half day is a whole one. Within a day the
        /// share of its open time that has passed counts, to the nanosecond below. A date without open time counts nothing.
        WorkingDays = "working_days",
    }
);
