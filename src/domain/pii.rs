//! Personal data is typed.
//!
//! A value in [`Pii`] prints as redacted, so that no log line or panic message can carry it. The type marks every field that the
//! personal-data vault has to hold.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Personal data: a name, an address, free text written by or about a person.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Pii<T>(T);

impl<T> Pii<T> {
    /// Marks a value as personal.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Where this is called, personal data leaves its type: keep such places few.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Pii<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_does_not_print() {
        assert_eq!(format!("{:?}", Some(Pii::new("مریم"))), "Some([redacted])");
    }
}
