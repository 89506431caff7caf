//! What is wrong with a document that people wrote: each problem names its field and says what to do.

use std::{borrow::Cow, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing to mend in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Where in the document, such as `weekly.monday[1].to`.
    pub field: String,
    /// What is wrong and what would be right, in words.
    pub message: String,
    /// A stable name for problems that are traps rather than mistakes: `never_starts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'static, str>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Joins problems into one sentence for people.
pub(crate) fn joined(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// Collects problems, up to a bound: whoever has mended fifty asks again.
#[derive(Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) const MAX: usize = 50;

    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.push(Problem { field: field.into(), message: message.into(), code: None });
    }

    /// Adds a trap by its name.
    pub(crate) fn add_trap(
        &mut self,
        code: &'static str,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        let code = Some(Cow::Borrowed(code));
        self.push(Problem { field: field.into(), message: message.into(), code });
    }

    fn push(&mut self, problem: Problem) {
        if self.0.len() < Self::MAX {
            self.0.push(problem);
        }
    }

    /// Checks that a name says something and is not a text.
    pub(crate) fn check_name(&mut self, field: impl Into<String>, name: &str) {
        const CHARACTERS_MAX: usize = 200;
        if name.trim().is_empty()
            || name.chars().count() > CHARACTERS_MAX
            || name.chars().any(char::is_control)
        {
            let message =
                format!("a name has 1 to {CHARACTERS_MAX} characters, none a control character");
            self.add(field, message);
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Vec<Problem>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}
