//! Bad input of every kind, sent to a running server: each kind has its stable code, and none is a fault of ours.
//!
//! The cases stand in tables, one file a subject. A row is a request and what must be answered; the test sends them all and tells
//! every row that was answered otherwise.

mod arguments;
mod commands;
mod documented;
mod documents;
mod idempotency;
mod requests;
mod texts;
mod tokens;
pub mod world;

use std::fmt;
use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::harness::System;
use world::World;

/// Longer than any answer takes.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// What a row must be answered with.
#[derive(Debug)]
enum Expected {
    /// A top-level error with this code.
    Refused(&'static str),
    /// A top-level `BAD_USER_INPUT` whose message names this argument.
    Argument(&'static str),
    /// A user error with this code, about this field.
    User(&'static str, Option<&'static str>),
    /// No error, and this value at this JSON pointer.
    Done(&'static str, Value),
}

/// One request and its answer.
struct Row {
    name: String,
    request: RequestBuilder,
    expected: Expected,
}

impl Row {
    fn new(name: impl Into<String>, request: RequestBuilder, expected: Expected) -> Self {
        Self { name: name.into(), request, expected }
    }
}

/// What came back.
struct Answer {
    status: u16,
    text: String,
    json: Value,
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("the server answers whatever it is sent");
        let status = response.status().as_u16();
        // A subscription that should have been refused goes on for ever, and must fail the test and not hold it up.
        let text = tokio::time::timeout(ANSWER_TIME_MAX, response.text()).await;
        let text = text.map_or_else(|_| "no end".to_owned(), Result::unwrap);
        // An event stream tells a refusal as its first event.
        let event = text.lines().find_map(|line| line.strip_prefix("data: "));
        let json = serde_json::from_str(event.unwrap_or(&text)).unwrap_or_default();
        Self { status, text, json }
    }

    fn error(&self) -> &Value {
        &self.json["errors"][0]
    }

    fn code(&self) -> Option<&str> {
        self.error()["extensions"]["code"].as_str()
    }

    /// The user errors of the only mutation.
    fn user_errors(&self) -> Option<&Vec<Value>> {
        self.json["data"].as_object()?.values().next()?["userErrors"].as_array()
    }

    fn fits(&self, expected: &Expected) -> bool {
        let message = self.error()["message"].as_str().unwrap_or_default();
        match expected {
            Expected::Refused(code) => self.code() == Some(code) && !message.is_empty(),
            Expected::Argument(name) => {
                self.code() == Some("BAD_USER_INPUT") && message.starts_with(name)
            }
            Expected::User(code, field) => self.user_errors().is_some_and(|errors| {
                errors.len() == 1
                    && errors[0]["code"] == *code
                    && errors[0]["field"].as_str() == *field
                    && errors[0]["message"].as_str().is_some_and(|message| !message.is_empty())
            }),
            Expected::Done(pointer, value) => {
                self.json.get("errors").is_none()
                    && self.user_errors().is_none_or(Vec::is_empty)
                    && self.json.pointer(pointer) == Some(value)
            }
        }
    }

    fn is_our_fault(&self) -> bool {
        self.status >= 500 || self.text.contains("INTERNAL_SERVER_ERROR")
    }

    /// Whether the answer tells of the program's insides.
    fn leaks(&self) -> bool {
        let insides =
            ["sqlite", "SELECT ", "panicked", "src/", "jsonwebtoken", "serde", "Uuid", "stream "];
        insides.iter().any(|word| self.text.contains(word))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.text.chars().take(600).collect::<String>())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_of_every_kind_has_its_code_and_is_never_our_fault() {
    let system = System::start().await;
    let world = World::build(&system).await;
    let tables = [
        tokens::rows(&world),
        requests::rows(&world),
        arguments::rows(&world),
        texts::rows(&world),
        documents::rows(&world),
        commands::rows(&world),
    ];
    let (mut failures, mut faults, mut bad_rows) = (Vec::new(), Vec::new(), 0);
    let documented = documented::codes_of_the_document();
    for row in tables.into_iter().flatten() {
        let Row { name, request, expected } = row;
        let head = system.app.store.head();
        let answer = Answer::to(request).await;
        if !answer.fits(&expected) {
            failures.push(format!("{name}: expected {expected:?}, not {answer}"));
        }
        if answer.is_our_fault() || answer.leaks() {
            faults.push(format!("{name}: {answer}"));
        }
        if !matches!(expected, Expected::Done(..)) {
            bad_rows += 1;
            if system.app.store.head() != head {
                failures.push(format!("{name}: was refused and written: {answer}"));
            }
        }
        let user_code = answer.user_errors().and_then(|errors| errors.first()?["code"].as_str());
        for code in answer.code().into_iter().chain(user_code) {
            if !documented.contains(code) {
                failures.push(format!("{name}: docs/errors.md does not know {code}"));
            }
        }
    }
    assert!(faults.is_empty(), "our faults:\n{}", faults.join("\n"));
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
    println!("{bad_rows} rows of bad input");
    assert!(bad_rows >= 75, "{bad_rows} rows of bad input");
    system.stop().await;
}
