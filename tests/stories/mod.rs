//! The customer's side told in stories: each goes through the API of a running process alone, and ends with what stands in its log.

mod card;
mod complaint;
mod money;
mod panel;
mod persian;
mod referral;
mod registry;
mod segments;
mod voices;

use std::time::Duration;

use parvandeh::principal::Role;
use parvandeh::store::sqlite::LogReader;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authorisation::documents::uuid_of;
use crate::harness::Caller;
use crate::harness::process::{Process, token_with};

/// A running process, and those who call it.
struct Stage {
    process: Process,
    http: reqwest::Client,
    directory: TempDir,
}

impl Stage {
    /// Starts the built program on an empty data directory.
    fn set() -> Self {
        Self::set_with("")
    }

    /// Starts it with these lines of configuration.
    fn set_with(configuration: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::serve(directory.path(), configuration, &[]);
        Self { process, http: reqwest::Client::new(), directory }
    }

    fn url(&self) -> String {
        self.process.url("/graphql")
    }

    /// Somebody with this token.
    fn with(&self, token: String) -> Caller<'_> {
        Caller::at(&self.http, self.url(), token)
    }

    /// Staff of the unit `care`, by their role.
    fn staff(&self, role: Role) -> Caller<'_> {
        self.staff_of(role, &format!("{role}-1"), "care")
    }

    /// Somebody of the staff of a unit.
    fn staff_of(&self, role: Role, subject: &str, unit: &str) -> Caller<'_> {
        self.with(token_with(json!({ "sub": subject, "role": role, "units": [unit] })))
    }

    /// The customer with this global id.
    fn customer(&self, id: &Value) -> Caller<'_> {
        let id = uuid_of(id.as_str().unwrap());
        let claims = json!({ "sub": id, "role": Role::Customer, "customer_id": id });
        self.with(token_with(claims))
    }

    /// Registers a person; gives their global id.
    async fn register(&self, name: &str) -> Value {
        let input = json!({ "kind": "INDIVIDUAL", "name": name, "language": "PERSIAN" });
        let service = self.staff(Role::Service);
        service.mutate("registerCustomer", "customer { id }", input).await["customer"]["id"].take()
    }

    /// Tells the log, an event a line: its position, its type, its stream and who did it. Nothing that was said in the story in a person's
    /// words stands in it. Gives the types in order.
    fn tell_the_log(&self, personal: &[&str]) -> Vec<String> {
        let log = LogReader::open(&self.directory.path().join("data")).unwrap();
        let mut told = Vec::new();
        for logged in log.read_all(None, 10_000).unwrap() {
            let meta: Value = serde_json::from_slice(&logged.metadata).unwrap();
            let actor = meta["actor"]["id"].as_str().unwrap();
            println!(
                "{:>4}  {:<26} {:<48} {actor}",
                logged.position.0, logged.type_name, logged.stream
            );
            for bytes in [&logged.data, &logged.metadata] {
                let text = String::from_utf8_lossy(bytes);
                let found = personal.iter().find(|said| text.contains(**said));
                assert!(found.is_none(), "{found:?} stands in {}: {text}", logged.type_name);
            }
            told.push(logged.type_name.to_string());
        }
        told
    }
}

/// Asks until the value at this pointer of the answer is the expected one: what follows by itself takes a moment.
async fn until(caller: &Caller<'_>, query: &str, variables: Value, pointer: &str, expected: Value) {
    let mut last = Value::Null;
    for _ in 0..2_000 {
        last = caller.ask(query, variables.clone()).await;
        if last.pointer(pointer) == Some(&expected) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{pointer} never became {expected}: {last:#}");
}

/// Checks that these stand in the log in this order, with others between them or not.
fn assert_in_order(told: &[String], expected: &[&str]) {
    let mut rest = told.iter();
    for name in expected {
        assert!(rest.any(|told| told == name), "{name} does not come where it should: {told:#?}");
    }
}
