//! Personal data is typed.
//!
//! A value in [`Pii`] prints as redacted, so that no log line or panic message can carry it. The type marks every field that the
//! personal-data vault has to hold.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::DataSubject;

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

/// What an event's metadata says of its sealed fields, so that proofs cover them and outlive them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seal {
    /// Whom the fields are about.
    pub subject: DataSubject,
    /// The data key.
    pub key: uuid::Uuid,
    /// How they are encrypted.
    pub algorithm: String,
    /// SHA-256 of the envelope, in hexadecimal digits.
    pub sha256: String,
    /// HMAC-SHA256 of a fixed label under the data key, in hexadecimal digits: the envelope can be opened with this key only.
    pub commitment: String,
}

/// The encrypted personal fields of one event, as bytes that only the vault understands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Envelope(pub Box<[u8]>);

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[envelope of {} bytes]", self.0.len())
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
