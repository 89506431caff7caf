//! Mixed load through GraphQL, and the ledger of what was answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_graphql::ID;
use jiff::SignedDuration;
use parvandeh::graphql::global_id::{self, NodeType};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::client::{Answered, Api};
use crate::harness::random::Random;

/// Cases that all workers assign at the same time.
const HOT_CASES: usize = 3;
/// Refusals that the load provokes; any other is a fault.
const REFUSALS: [&str; 3] = ["REVISION_CONFLICT", "DUE_DATE_PASSED", "CASE_RESOLVED"];

/// A command that was acknowledged.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    /// The event that it must have written, once.
    pub event_type: &'static str,
    /// The revision that its event must have, where it named the one before.
    pub revision: Option<u64>,
}

/// What clients were told.
#[derive(Default)]
pub struct Ledger {
    /// By command id.
    pub acknowledged: HashMap<Uuid, Acknowledged>,
    /// How many commands were refused, by code.
    pub refused: HashMap<String, usize>,
    /// Cases that were promised something by a date and never touched in a way that would keep it.
    pub promised: Vec<Uuid>,
    /// Customers: their global ids and names.
    pub customers: Vec<(String, String)>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    /// Global ids of cases that anything may happen to.
    cases: Vec<String>,
    customers: Vec<String>,
}

/// Workers that send commands.
pub struct Load {
    state: Arc<Mutex<State>>,
    /// Global ids of the cases that all workers assign.
    pub hot: Arc<[String]>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Opens the first cases, then lets `workers` send about `commands_per_second` together.
    pub async fn start(
        api: &Arc<Api>,
        random: &mut Random,
        workers: u64,
        commands_per_second: u64,
    ) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let mut first = Worker {
            api: api.clone(),
            state: state.clone(),
            hot: [].into(),
            random: Random::of(random.number()),
        };
        let mut hot = Vec::new();
        for _ in 0..HOT_CASES {
            hot.push(first.open(None).await.expect("a case without a date is not refused"));
        }
        let hot: Arc<[String]> = hot.into();
        let stop = watch::Sender::new(false);
        let mut set = JoinSet::new();
        for _ in 0..workers {
            let worker = Worker {
                api: api.clone(),
                state: state.clone(),
                hot: hot.clone(),
                random: Random::of(random.number()),
            };
            let pause_ms_max = 2_000 * workers / commands_per_second;
            set.spawn(worker.run(stop.subscribe(), pause_ms_max));
        }
        Self { state, hot, stop, workers: set }
    }

    /// How many commands were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.state.lock().unwrap().ledger.acknowledged.len()
    }

    /// Sends nothing new, waits until it is known what became of everything, and gives the ledger. A process must be up.
    pub async fn finish(mut self) -> Ledger {
        self.stop.send_replace(true);
        while let Some(ended) = self.workers.join_next().await {
            ended.expect("a worker ends well");
        }
        std::mem::take(&mut self.state.lock().unwrap().ledger)
    }
}

struct Worker {
    api: Arc<Api>,
    state: Arc<Mutex<State>>,
    hot: Arc<[String]>,
    random: Random,
}

impl Worker {
    async fn run(mut self, stop: watch::Receiver<bool>, pause_ms_max: u64) {
        while !*stop.borrow() {
            self.work().await;
            let pause_ms = self.random.below(pause_ms_max + 1);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    async fn work(&mut self) {
        match self.random.below(100) {
            0..12 => {
                self.open(None).await;
            }
            12..24 => {
                // Most fall due while the run lasts.
                let due_in = SignedDuration::from_millis(300 + self.random.below(6_000) as i64);
                self.open(Some(due_in)).await;
            }
            24..54 => {
                let input = json!({ "caseId": self.any_case(), "direction": "INBOUND", "channel": "EMAIL",
                    "body": format!("با سلام، پیگیری {}", self.random.number()) });
                self.on_case("recordInteraction", "InteractionRecorded", input).await;
            }
            54..74 => self.assign_a_hot_case().await,
            74..82 => {
                let input = json!({ "caseId": self.any_case(), "body": "تماس گرفته شد" });
                self.on_case("addNote", "CaseNoteAdded", input).await;
            }
            82..88 => {
                let due_at = self.api.now()
                    + SignedDuration::from_millis(self.random.below(5_000) as i64 - 300);
                let input = json!({ "caseId": self.loose_case(), "dueAt": due_at.to_string() });
                self.on_case("setDueDate", "CaseDueDateSet", input).await;
            }
            88..92 => {
                let input = json!({ "caseId": self.loose_case(), "outcome": "ANSWERED",
                    "summary": "پاسخ داده شد" });
                self.on_case("resolveCase", "CaseResolved", input).await;
            }
            92..96 => self.register().await,
            _ => self.add_contact_point().await,
        }
    }

    /// Notes what a command was answered; gives the payload where it was acknowledged.
    fn note(
        &self,
        answered: Answered,
        event_type: &'static str,
        revision: Option<u64>,
    ) -> Option<Value> {
        let mut state = self.state.lock().unwrap();
        match answered.outcome {
            Ok(payload) => {
                let acknowledged = Acknowledged { event_type, revision };
                let known = state.ledger.acknowledged.insert(answered.command_id, acknowledged);
                assert!(known.is_none(), "command ids differ");
                Some(payload)
            }
            Err(code) => {
                assert!(REFUSALS.contains(&code.as_str()), "{event_type}: {code}");
                *state.ledger.refused.entry(code).or_default() += 1;
                None
            }
        }
    }

    async fn open(&mut self, due_in: Option<SignedDuration>) -> Option<String> {
        let customer = {
            let state = self.state.lock().unwrap();
            (!state.customers.is_empty()).then(|| self.random.one_of(&state.customers).clone())
        };
        let due_at = due_in.map(|due_in| (self.api.now() + due_in).to_string());
        let input = json!({ "kind": "REQUEST", "subject": "درخواست", "channel": "PORTAL",
            "unit": self.random.one_of(&["care", "technical"]), "customerId": customer, "dueAt": due_at });
        let answered = self.api.command(&mut self.random, "openCase", "case { id }", input).await;
        let payload = self.note(answered, "CaseOpened", None)?;
        let id = payload["case"]["id"].as_str().unwrap().to_owned();
        let mut state = self.state.lock().unwrap();
        if due_in.is_some() {
            let uuid = global_id::decode("id", NodeType::Case, &ID(id.clone())).unwrap();
            state.ledger.promised.push(uuid);
        } else if !self.hot.is_empty() {
            state.cases.push(id.clone());
        }
        Some(id)
    }

    async fn on_case(&mut self, name: &str, event_type: &'static str, input: Value) {
        let answered = self.api.command(&mut self.random, name, "case { id }", input).await;
        self.note(answered, event_type, None);
    }

    /// Decides on what it has just read, as everybody else does on the same case.
    async fn assign_a_hot_case(&mut self) {
        let case = self.random.one_of(&self.hot).clone();
        let query = "query($id: ID!) { case(id: $id) { revision } }";
        let read = self.api.answered(&mut self.random, query, json!({ "id": case })).await;
        let revision = read["case"]["revision"].as_u64().expect("the case is there");
        // Thinking it over gives the others time.
        tokio::time::sleep(Duration::from_millis(self.random.below(60))).await;
        let assignee = format!("staff-{}", self.random.number());
        let mut input = json!({ "caseId": case, "assignee": assignee });
        let decided_on = (self.random.below(4) > 0).then_some(revision);
        if let Some(revision) = decided_on {
            input["expectedRevision"] = json!(revision);
        }
        let answered = self.api.command(&mut self.random, "assignCase", "case { id }", input).await;
        self.note(answered, "CaseAssigned", decided_on.map(|revision| revision + 1));
    }

    async fn register(&mut self) {
        let name = format!("مشترک {}", self.random.below(1_000_000));
        let input = json!({ "kind": "INDIVIDUAL", "language": "PERSIAN", "name": name });
        let answered =
            self.api.command(&mut self.random, "registerCustomer", "customer { id }", input).await;
        if let Some(payload) = self.note(answered, "CustomerRegistered", None) {
            let id = payload["customer"]["id"].as_str().unwrap().to_owned();
            let mut state = self.state.lock().unwrap();
            state.ledger.customers.push((id.clone(), name));
            state.customers.push(id);
        }
    }

    async fn add_contact_point(&mut self) {
        let customer = {
            let state = self.state.lock().unwrap();
            (!state.customers.is_empty()).then(|| self.random.one_of(&state.customers).clone())
        };
        let Some(customer) = customer else { return self.register().await };
        let address = format!("c{}@example.org", self.random.number());
        let input = json!({ "customerId": customer, "kind": "EMAIL", "value": address });
        let answered =
            self.api.command(&mut self.random, "addContactPoint", "customer { id }", input).await;
        self.note(answered, "ContactPointAdded", None);
    }

    /// Any case without a promise, or one of the hot ones.
    fn any_case(&mut self) -> String {
        let state = self.state.lock().unwrap();
        match self.random.below(5) == 0 || state.cases.is_empty() {
            true => self.random.one_of(&self.hot).clone(),
            false => self.random.one_of(&state.cases).clone(),
        }
    }

    /// A case that may get a date or be resolved.
    fn loose_case(&mut self) -> String {
        let state = self.state.lock().unwrap();
        match state.cases.is_empty() {
            true => self.random.one_of(&self.hot).clone(),
            false => self.random.one_of(&state.cases).clone(),
        }
    }
}
