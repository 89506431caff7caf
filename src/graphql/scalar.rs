//! Scalars of our own.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use jiff::Timestamp;

use crate::clock::to_microsecond;

/// So many characters of a refused text are shown to its sender.
const SHOWN_LENGTH_MAX: usize = 40;

/// A moment, as RFC 3339 text with an offset: `2026-03-21T08:00:00+03:30`. Answers are in UTC. Kept to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime(pub Timestamp);

#[Scalar(specified_by_url = "https://scalars.graphql.org/andimarek/date-time.html")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::expected_type(value));
        };
        // The text is quoted, because an input may have several moments and the error does not say which one it is about.
        let wrong = || {
            let shown: String = text.chars().take(SHOWN_LENGTH_MAX).collect();
            InputValueError::custom(format!(
                "{shown:?} is not a moment in RFC 3339 with an offset, such as 2026-03-21T08:00:00+03:30"
            ))
        };
        let moment: Timestamp = text.parse().map_err(|_| wrong())?;
        Ok(Self(to_microsecond(moment)))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

impl From<Timestamp> for DateTime {
    fn from(moment: Timestamp) -> Self {
        Self(moment)
    }
}
