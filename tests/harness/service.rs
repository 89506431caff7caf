//! A small service with a clock that the test moves: one policy, and cases that it promises something about.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::System;

/// The name of the policy's only rule: one that a spreadsheet would take for a formula, with all that CSV must quote.
pub const RULE: &str = "=1+1, \"همه\"";

/// A system whose time stands still until the test moves it.
pub struct Service {
    pub system: System,
    pub begin: Timestamp,
    clock: Arc<ManualClock>,
}

impl Service {
    /// Starts a system with a policy: an answer in two hours, a solution in ten with a warning at half and one extension of five.
    pub async fn start() -> Self {
        let begin: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::starting_at(begin));
        let system = System::start_with_clock(clock.clone()).await;
        let targets = json!([
            { "metric": "first_response", "target": "2 elapsed hours" },
            { "metric": "resolution", "target": "10 elapsed hours", "warn_at": ["50 %"],
              "extension": { "amount": "5 elapsed hours", "most": 1 },
              "actions": { "on_warning": ["tell_owner"], "on_breach": ["escalate", "call"] } },
        ]);
        let document =
            json!({ "name": "Service", "rules": [{ "name": RULE, "targets": targets }] });
        let input = json!({ "id": "service", "document": document });
        system.caller(Role::Admin).mutate("publishPolicy", "policy { version }", input).await;
        Self { system, begin, clock }
    }

    /// The moment so many minutes after the beginning.
    pub fn at(&self, minutes: i64) -> Timestamp {
        self.begin + SignedDuration::from_mins(minutes)
    }

    /// Lets it be one second after the moment so many minutes after the beginning.
    pub fn advance_to(&self, minutes: i64) {
        self.clock.set(self.at(minutes) + SignedDuration::from_secs(1));
    }

    /// Opens a case that came so many minutes after the beginning; answers its global id.
    pub async fn open(&self, unit: &str, minutes: i64) -> String {
        let input = json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": unit,
            "occurredAt": self.at(minutes).to_string() });
        let supervisor = self.system.caller_as(Role::Supervisor, None, &[unit]);
        let done = supervisor.mutate("openCase", "case { id }", input).await;
        done["case"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a command on a case of what happened so many minutes after the beginning.
    pub async fn command(&self, name: &str, case: &str, minutes: i64, mut input: Value) {
        input["caseId"] = json!(case);
        input["occurredAt"] = json!(self.at(minutes).to_string());
        self.system.caller(Role::Service).mutate(name, "case { id }", input).await;
    }

    /// Resolves a case.
    pub async fn resolve(&self, case: &str, minutes: i64) {
        self.command("resolveCase", case, minutes, json!({ "outcome": "ANSWERED" })).await;
    }

    /// Waits until the read models show all that is in the log.
    pub async fn settle(&self) {
        let head = self.system.app.store.head().unwrap();
        self.system.app.read_models.wait_for(head).await.unwrap();
    }
}
