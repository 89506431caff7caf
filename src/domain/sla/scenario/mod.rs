//! Scenarios: a promise told as a story, with the clocks that it must give.
//!
//! A scenario is data: policies, calendars, what happened to one case, and how the clocks must stand at given instants, all in local
//! times and words that a service manager reads. `fixtures/sla/README.md` describes the format. [`Scenario::check`] lives through the
//! story as the program does (what is recorded late is known late, and the monitor records its facts) and answers every difference
//! between what is expected and what is found.
//!
//! - `event` and `story`: the texts become policies, calendars and facts, and what of them is known at a moment.
//! - `expectation`: a clock's fields against what a scenario expects of them.
//! - `monitor`: which facts are on record by a moment.

mod event;
mod expectation;
mod monitor;
mod story;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{calendar::Problem, policy::PolicyDocument};
use story::Story;

/// A scenario as people write it. What is misspelt is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub title: String,
    /// Which subject it belongs to; free for its author.
    #[serde(default)]
    pub covers: String,
    /// The sum, worked out by hand.
    #[serde(default)]
    pub why: String,
    /// The zone of every local time in it, UTC when absent.
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    calendars: BTreeMap<String, Value>,
    #[serde(default)]
    policies: BTreeMap<String, Value>,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    expect: Vec<Instant>,
    /// The codes of the traps for which the policy must be refused, in place of events.
    #[serde(default)]
    problems: Option<Vec<String>>,
    /// The codes of the warnings that the policy must give, in place of events.
    #[serde(default)]
    warnings_of_policy: Option<Vec<String>>,
}

/// How the clocks must stand at an instant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instant {
    at: String,
    clocks: BTreeMap<String, Value>,
    #[serde(default)]
    facts: BTreeMap<String, Vec<String>>,
}

/// Why a scenario cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ScenarioError {
    /// Where in the scenario: `events[2].held`.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

impl ScenarioError {
    fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { field: field.into(), message: message.to_string() }
    }
}

/// Something that a scenario expects and that is otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The instant, as the scenario writes it; `None` for what is asked of the policy.
    pub at: Option<String>,
    /// What is compared: `clocks`, `resolution-1 due`, `problems`.
    pub subject: String,
    /// What was found.
    pub found: Value,
    /// What is expected.
    pub expected: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at} ")?;
        }
        write!(f, "{}: found {}, expected {}", self.subject, self.found, self.expected)
    }
}

/// Reads the policy that a scenario names by a path instead of writing it out; the error is a sentence.
pub type ReadPolicy<'a> = &'a dyn Fn(&str) -> Result<PolicyDocument, String>;

impl Scenario {
    /// Runs the scenario and answers what is otherwise than expected: nothing when it stands.
    pub fn check(&self, read_policy: ReadPolicy<'_>) -> Result<Vec<Difference>, ScenarioError> {
        if let Some(expected) = &self.problems {
            return self.check_policy("problems", expected, read_policy);
        }
        if let Some(expected) = &self.warnings_of_policy {
            return self.check_policy("warnings_of_policy", expected, read_policy);
        }
        if self.expect.is_empty() {
            return Err(ScenarioError::new("expect", "nothing is expected; name an instant"));
        }
        let story = Story::understand(self, read_policy)?;
        let mut differences = vec![];
        for (index, instant) in self.expect.iter().enumerate() {
            story.check(instant, &format!("expect[{index}]"), &mut differences)?;
        }
        Ok(differences)
    }

    /// Compares the codes of what validation says of the first policy.
    fn check_policy(
        &self,
        subject: &str,
        expected: &[String],
        read_policy: ReadPolicy<'_>,
    ) -> Result<Vec<Difference>, ScenarioError> {
        let Some((id, written)) = self.policies.iter().next() else {
            return Err(ScenarioError::new("policies", "a policy is needed"));
        };
        let field = format!("policies.{id}");
        let mut found = match policy_document(written, read_policy) {
            // The amount's own error comes out of reading, before there is a document to validate.
            Err(message) if message.contains("ambiguous") => vec!["ambiguous_unit".to_owned()],
            Err(message) => return Err(ScenarioError::new(field, message)),
            Ok(document) => match (document.validate(), self.problems.is_some()) {
                (Err(problems), true) => codes(problems),
                (Err(problems), false) => {
                    return Err(ScenarioError::new(field, crate::calendar::joined(&problems)));
                }
                (Ok(()), true) => vec![],
                (Ok(()), false) => codes(document.warnings()),
            },
        };
        let mut expected = expected.to_vec();
        found.sort();
        found.dedup();
        expected.sort();
        if found == expected {
            return Ok(vec![]);
        }
        let (found, expected) = (json!(found), json!(expected));
        Ok(vec![Difference { at: None, subject: subject.to_owned(), found, expected }])
    }
}

/// The traps' names; a plain mistake is told by its field.
fn codes(problems: Vec<Problem>) -> Vec<String> {
    let code = |problem: Problem| match &problem.code {
        Some(code) => code.to_string(),
        None => problem.to_string(),
    };
    problems.into_iter().map(code).collect()
}

/// A policy document as scenarios write it: a name is not needed, and a text is the path of a file.
fn policy_document(written: &Value, read_policy: ReadPolicy<'_>) -> Result<PolicyDocument, String> {
    match written.as_str() {
        Some(path) => read_policy(path),
        None => named(written),
    }
}

fn named<T: DeserializeOwned>(written: &Value) -> Result<T, String> {
    let mut written = written.clone();
    if let Some(fields) = written.as_object_mut() {
        fields.entry("name").or_insert_with(|| json!("scenario"));
    }
    serde_json::from_value(written).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
