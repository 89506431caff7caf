//! A system with holders of cards, a delivery that the test reads, and a clock that it moves.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::ManualClock;
use parvandeh::delivery::{MemoryDelivery, Outbox};
use parvandeh::principal::Role;
use parvandeh::sign_in::SignInConfig;
use parvandeh::vault::Keyring;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::System;

/// Longer than any message takes.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(20);

/// What came back, without what differs between any two answers: the date and the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().iter();
        let mut headers: Vec<_> = headers
            .filter(|(name, _)| !["date", "traceresponse"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        headers.sort();
        Self { status, headers, body: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A customer with an active card and a verified telephone.
pub struct Holder {
    pub customer: String,
    pub card: String,
    pub number: String,
}

pub struct Bank {
    pub system: System,
    pub delivery: Arc<MemoryDelivery>,
    pub clock: Arc<ManualClock>,
    pub directory: Arc<TempDir>,
    pub http: reqwest::Client,
}

impl Bank {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut SignInConfig)) -> Self {
        let clock = Arc::new(ManualClock::starting_at(Timestamp::now()));
        let directory = Arc::new(tempfile::tempdir().unwrap());
        Self::start_in(directory, clock, change).await
    }

    async fn start_in(
        directory: Arc<TempDir>,
        clock: Arc<ManualClock>,
        change: impl FnOnce(&mut SignInConfig),
    ) -> Self {
        let delivery = Arc::new(MemoryDelivery::default());
        let keyring = Keyring::at(directory.path().join("keyring"));
        let outbox = Outbox::start(delivery.clone());
        let system = System::start_prepared(directory.path(), keyring, clock.clone(), move |app| {
            app.outbox = Some(outbox);
            app.sign_in.answer_milliseconds = 20;
            app.sign_in.requests_per_address_per_minute = 0;
            change(&mut app.sign_in);
        })
        .await;
        Self { system, delivery, clock, directory, http: reqwest::Client::new() }
    }

    /// Ends the system and starts another one on the same data.
    pub async fn restart(self) -> Self {
        let Self { system, clock, directory, .. } = self;
        system.stop().await;
        crate::harness::released(directory.path()).await;
        Self::start_in(directory, clock, |_| {}).await
    }

    pub async fn stop(self) {
        self.system.stop().await;
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// A customer with this telephone, which nobody has verified.
    pub async fn customer(&self, phone: &str) -> String {
        let service = self.system.caller(Role::Service);
        let input = json!({ "kind": "INDIVIDUAL", "name": "مهری", "language": "PERSIAN" });
        let done = service.mutate("registerCustomer", "customer { id }", input).await;
        let customer = done["customer"]["id"].as_str().unwrap().to_owned();
        let point = json!({ "customerId": customer, "kind": "PHONE", "value": phone });
        service.mutate("addContactPoint", "customer { id }", point).await;
        customer
    }

    /// Verifies the only contact point of a customer; answers the code.
    pub async fn verify(&self, customer: &str) -> String {
        let service = self.system.caller(Role::Service);
        let point = json!({ "customerId": customer, "contactPoint": 1 });
        service.mutate("requestContactPointVerification", "customer { id }", point).await;
        let (_, code) = self.delivered().await;
        let said = json!({ "customerId": customer, "contactPoint": 1, "code": code });
        service.mutate("verifyContactPoint", "customer { id }", said).await;
        code
    }

    /// Issues a card to a customer; answers its id and its number.
    pub async fn issue(&self, customer: &str) -> (String, String) {
        let service = self.system.caller(Role::Service);
        let input = json!({ "customerId": customer });
        let done = service.mutate("issueCard", "card { id } number", input).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&done["card"]["id"]), text(&done["number"]))
    }

    /// Sends a command on a card.
    pub async fn command(&self, name: &str, card: &str, mut input: Value) {
        input["cardId"] = json!(card);
        self.system.caller(Role::Service).mutate(name, "card { id }", input).await;
    }

    /// A customer with an active card and this telephone, verified.
    pub async fn holder(&self, phone: &str) -> Holder {
        let customer = self.customer(phone).await;
        self.verify(&customer).await;
        let (card, number) = self.issue(&customer).await;
        self.command("activateCard", &card, json!({})).await;
        Holder { customer, card, number }
    }

    pub async fn open_case(&self, customer: &str) -> String {
        let input = json!({ "kind": "COMPLAINT", "subject": "آب سرد", "channel": "PHONE", "unit": "care",
            "customerId": customer });
        let service = self.system.caller(Role::Service);
        let done = service.mutate("openCase", "case { id }", input).await;
        done["case"]["id"].as_str().unwrap().to_owned()
    }

    /// The next message: its address and its code.
    pub async fn delivered(&self) -> (String, String) {
        let next = tokio::time::timeout(MESSAGE_TIME_MAX, self.delivery.next()).await;
        next.expect("a message comes")
    }

    /// Asks for a code, and gives the one that is sent.
    pub async fn code(&self, number: &str) -> String {
        let asked = self.post("/sign-in/code", json!({ "card": number })).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        self.delivered().await.1
    }

    pub async fn enter(&self, number: &str, code: &str) -> Answer {
        self.post("/sign-in", json!({ "card": number, "code": code })).await
    }

    /// A token.
    pub async fn sign_in(&self, holder: &Holder) -> String {
        let code = self.code(&holder.number).await;
        let entered = self.enter(&holder.number, &code).await;
        assert_eq!(entered.status, 200, "{entered:?}");
        entered.json()["token"].as_str().unwrap().to_owned()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, "application/json", &body.to_string()).await
    }

    pub async fn post_text(&self, path: &str, media_type: &str, body: &str) -> Answer {
        let request = self.http.post(self.system.url(path)).header("content-type", media_type);
        Answer::of(request.body(body.to_owned()).send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.http.get(self.system.url(path)).send().await.unwrap()).await
    }

    /// What somebody with this token is answered.
    pub async fn ask(&self, token: &str, query: &str, variables: Value) -> Answer {
        let request = self.http.post(self.system.url("/graphql")).bearer_auth(token);
        let request = request
            .header("content-type", "application/json")
            .body(json!({ "query": query, "variables": variables }).to_string());
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn send(&self, token: &str, query: &str, variables: Value) -> Value {
        self.ask(token, query, variables).await.json()
    }
}

/// Another code than this one.
pub fn wrong(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}
