//! Payments by a provider from the outside: what a customer, a desk and the provider see, and what happens when callbacks do not come as they
//! should.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock, SystemClock};
use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::payment::callback::{Callback, CallbackSecrets, Told};
use parvandeh::payment::demo::DemoProvider;
use parvandeh::payment::{
    Direction, MadeRefund, PaymentPage, PaymentProvider, Payments, ProviderError, Settlement,
};
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use parvandeh_domain::id::{PaymentId, ProviderId, ProviderReference};
use parvandeh_domain::money::{Currency, Money};
use parvandeh_domain::payment::PaymentFailure;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use super::{refusal, registered};
use crate::harness::System;

/// A provider that does what the test says, and tells nothing by itself.
#[derive(Default)]
pub struct Scripted {
    pub down: Mutex<bool>,
    pub begun: Mutex<Vec<PaymentId>>,
    pub refunded: Mutex<Vec<PaymentId>>,
    /// What it never gives back.
    pub kept: Mutex<Vec<PaymentId>>,
    /// About what it never answers. The others it gives back only while it is asked for all of these.
    pub silent: Mutex<Vec<PaymentId>>,
    /// For how many of these it is asked now.
    asked: watch::Sender<usize>,
    pub books: Mutex<Vec<Settlement>>,
}

/// Does something when it goes.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Scripted {
    fn answer<T>(&self, answer: T) -> Result<T, ProviderError> {
        if *self.down.lock().unwrap() {
            Err(ProviderError("sleeps".to_owned()))
        } else {
            Ok(answer)
        }
    }
}

#[async_trait]
impl PaymentProvider for Scripted {
    fn id(&self) -> ProviderId {
        ProviderId::new("scripted").unwrap()
    }

    async fn begin(&self, id: PaymentId, _: Money) -> Result<PaymentPage, ProviderError> {
        self.begun.lock().unwrap().push(id);
        self.answer(PaymentPage { address: format!("https://pay.example/{id}") })
    }

    async fn refund(
        &self,
        id: PaymentId,
        _: Money,
        _: &ProviderReference,
    ) -> Result<MadeRefund, ProviderError> {
        if self.kept.lock().unwrap().contains(&id) {
            return Err(ProviderError("does not give this one back".to_owned()));
        }
        let silent = self.silent.lock().unwrap().clone();
        if silent.contains(&id) {
            self.asked.send_modify(|asked| *asked += 1);
            let _no_more = OnDrop(|| self.asked.send_modify(|asked| *asked -= 1));
            std::future::pending::<()>().await;
        }
        let mut asked = self.asked.subscribe();
        asked.wait_for(|asked| *asked == silent.len()).await.unwrap();
        let reference = ProviderReference::new(format!("back-{id}")).unwrap();
        let made = self.answer(MadeRefund { reference, at: Timestamp::now() })?;
        let mut refunded = self.refunded.lock().unwrap();
        if !refunded.contains(&id) {
            refunded.push(id);
        }
        Ok(made)
    }

    async fn settlements(&self, day: Date) -> Result<Vec<Settlement>, ProviderError> {
        let books = self.books.lock().unwrap();
        let of_day = |line: &&Settlement| TimeZone::UTC.to_datetime(line.at).date() == day;
        self.answer(books.iter().filter(of_day).cloned().collect())
    }
}

pub struct World {
    pub directory: TempDir,
    pub system: System,
    pub provider: Arc<Scripted>,
    pub secrets: CallbackSecrets,
}

impl World {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (provider, secrets) = (Arc::<Scripted>::default(), CallbackSecrets::random().unwrap());
        let system = started(&directory, &provider, &secrets, SystemClock).await;
        Self { directory, system, provider, secrets }
    }

    /// Asks for a payment of so many rials as the customer; gives its id.
    pub async fn top_up(&self, customer: &str, units: i64) -> PaymentId {
        let done = self.requested(customer, units).await;
        assert_eq!(done["payment"]["status"], "REQUESTED");
        payment_id(&done)
    }

    async fn requested(&self, customer: &str, units: i64) -> Value {
        let own = self.system.customer(customer_id(customer));
        let input = json!({ "purpose": { "topUp": { "money": money(units) } } });
        own.mutate("requestPayment", "payment { id status } page", input).await
    }

    /// Tells that a payment was paid, under the reference that belongs to it.
    pub async fn paid(&self, id: PaymentId, units: i64) -> (StatusCode, Value) {
        let reference = ProviderReference::new(format!("ref-{id}")).unwrap();
        self.told(Told::Paid { payment_id: id, reference, money: rials(units) }).await
    }

    async fn told(&self, told: Told) -> (StatusCode, Value) {
        let now = self.system.app.clock.now();
        let body = serde_json::to_vec(&Callback { timestamp: now, told }).unwrap();
        self.send(&self.secrets, now, body).await
    }

    async fn send(
        &self,
        secrets: &CallbackSecrets,
        signed_at: Timestamp,
        body: Vec<u8>,
    ) -> (StatusCode, Value) {
        let headers = secrets.sign("msg-1", signed_at, &body);
        let response = reqwest::Client::new()
            .post(self.system.url("/payments/callback"))
            .header("webhook-id", headers.id)
            .header("webhook-timestamp", headers.timestamp)
            .header("webhook-signature", headers.signature)
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    fn head(&self) -> Option<u64> {
        self.system.app.store.head().map(|head| head.0)
    }
}

pub async fn started(
    directory: &TempDir,
    provider: &Arc<Scripted>,
    secrets: &CallbackSecrets,
    clock: impl Clock,
) -> System {
    let keyring = Keyring::at(directory.path().join("keyring"));
    let payments = Payments::by(provider.clone(), secrets.clone());
    System::start_prepared(directory.path(), keyring, clock, |app| app.payments = Some(payments))
        .await
}

pub fn rials(units: i64) -> Money {
    Money::new(units, Currency::new("IRR").unwrap())
}

pub fn money(units: i64) -> Value {
    json!({ "minorUnits": units, "currency": "IRR" })
}

pub fn customer_id(global: &str) -> Uuid {
    global_id::decode("id", NodeType::Customer, &global.into()).unwrap()
}

pub fn payment_id(payload: &Value) -> PaymentId {
    PaymentId(payload["payment"]["id"].as_str().unwrap().parse().unwrap())
}

const SEEN: &str = "query($id: ID!) { customer(id: $id) { \
    payments { totalCount nodes { id status failure isPosted providerReference refundedAt money { text } } } \
    account { credit { minorUnits } postings { totalCount nodes { postingId kind } } } } }";

/// What an auditor sees of a customer, once it is as it should be.
pub async fn seen(system: &System, customer: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut moved = system.app.read_models.position_changes();
    loop {
        let mut answer = system.caller(Role::Auditor).ask(SEEN, json!({ "id": customer })).await;
        let seen = answer["customer"].take();
        if wanted(&seen) {
            return seen;
        }
        let waited = tokio::time::timeout(Duration::from_secs(60), moved.changed()).await;
        waited.unwrap_or_else(|_| panic!("it stays so: {seen:#}")).unwrap();
    }
}

pub fn credit(seen: &Value) -> i64 {
    seen["account"]["credit"][0]["minorUnits"].as_i64().unwrap_or_default()
}

pub fn status(seen: &Value) -> &str {
    seen["payments"]["nodes"][0]["status"].as_str().unwrap()
}

pub async fn assessed_fee(system: &System, customer: &str, units: i64) -> (String, String) {
    let input = json!({ "kind": "REQUEST", "subject": "رونوشت", "channel": "EMAIL", "unit": "care", "customerId": customer });
    let done = system.caller(Role::Supervisor).mutate("openCase", "case { id }", input).await;
    let case = done["case"]["id"].as_str().unwrap().to_owned();
    let input = json!({ "caseId": case, "money": money(units), "tariff": "copy" });
    let done = system.caller(Role::Agent).mutate("assessFee", "fee { id }", input).await;
    (case, done["fee"]["id"].as_str().unwrap().to_owned())
}

/// Waits until it is known that a fee was paid.
pub async fn until_a_fee_is_paid(system: &System) {
    let paid = async || {
        let log = system.app.store.read_all(None, 10_000).await.unwrap();
        log.iter().any(|event| &*event.type_name == "FeePaid")
    };
    let mut moved = system.app.read_models.position_changes();
    while !paid().await {
        moved.changed().await.unwrap();
    }
    system.app.read_models.wait_for(system.app.store.head().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_pays_a_fee_by_the_provider_that_tells_it_twice_and_it_is_paid_once() {
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::at(directory.path().join("keyring"));
    let secrets = CallbackSecrets::random().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let demo = DemoProvider::open(None, Duration::ZERO, secrets.clone(), clock).unwrap();
    let payments = Payments::by(Arc::new(demo.clone()), secrets);
    let system = System::start_prepared(directory.path(), keyring, SystemClock, |app| {
        app.payments = Some(payments);
    })
    .await;
    demo.send_to(system.url("/payments/callback"));

    let customer = registered(&system).await;
    let own = system.customer(customer_id(&customer));
    let fields = "payment { id status money { text } feeId } page";
    let mut fees = Vec::new();
    // Of so many payments some are told twice.
    for number in 1..=8 {
        let (case, fee) = assessed_fee(&system, &customer, 700).await;
        let input = json!({ "purpose": { "fee": fee }, "idempotencyKey": format!("pay-{number}") });
        let done = own.mutate("requestPayment", fields, input.clone()).await;
        let id = done["payment"]["id"].as_str().unwrap();
        assert_eq!(done["page"], format!("https://payments.example/{id}"));
        assert_eq!(done["payment"]["money"]["text"], "7.00 IRR");
        fees.push((case, fee));
    }
    let all_settled = |seen: &Value| {
        let nodes = seen["payments"]["nodes"].as_array().unwrap();
        nodes.len() == 8 && nodes.iter().all(|node| node["isPosted"] == true)
    };
    let found = seen(&system, &customer, all_settled).await;
    // Each payment came as credit and went for its fee: two postings each, and nothing is left.
    assert_eq!(found["account"]["postings"]["totalCount"], 16);
    assert_eq!(credit(&found), 0);
    for (case, fee) in &fees {
        let query = "query($id: ID!) { case(id: $id) { fees { id status } } }";
        let mut moved = system.app.read_models.position_changes();
        loop {
            let answer = own.ask(query, json!({ "id": case })).await;
            assert_eq!(answer["case"]["fees"][0]["id"], *fee);
            if answer["case"]["fees"][0]["status"] == "PAID" {
                break;
            }
            moved.changed().await.unwrap();
        }
    }
    let log = system.app.store.read_all(None, 10_000).await.unwrap();
    let count = |name: &str| log.iter().filter(|event| &*event.type_name == name).count();
    assert_eq!((count("PaymentRequested"), count("PaymentConfirmed")), (8, 8));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_recorded_once_and_whatever_is_wrong_with_it_is_said_without_a_trace() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let id = world.top_up(&customer, 700).await;
    let before = world.head();
    let paid = |reference: &str, units| Told::Paid {
        payment_id: id,
        reference: ProviderReference::new(reference).unwrap(),
        money: rials(units),
    };
    let body = |told| serde_json::to_vec(&Callback { timestamp: Timestamp::now(), told }).unwrap();
    // Not signed by the provider, or too long ago: nothing is told, whatever the body is.
    let stranger = CallbackSecrets::random().unwrap();
    let mut told = Vec::new();
    for (secrets, signed_at, body) in [
        (&stranger, Timestamp::now(), body(paid("r-1", 700))),
        (&stranger, Timestamp::now(), b"nonsense".to_vec()),
        (&world.secrets, Timestamp::now() - SignedDuration::from_secs(301), body(paid("r-1", 700))),
        (&world.secrets, Timestamp::now() + SignedDuration::from_secs(330), body(paid("r-1", 700))),
    ] {
        let (status, answer) = world.send(secrets, signed_at, body).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
        told.push(answer);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "one answer for all: {told:#?}");
    // Signed, and wrong.
    let unknown = Told::Paid {
        payment_id: PaymentId(Uuid::from_u128(7)),
        reference: ProviderReference::new("r-1").unwrap(),
        money: rials(700),
    };
    for (body, expected) in [
        (b"nonsense".to_vec(), StatusCode::BAD_REQUEST),
        (vec![b' '; 20_000], StatusCode::PAYLOAD_TOO_LARGE),
        (body(unknown), StatusCode::NOT_FOUND),
        (body(paid("r-1", 699)), StatusCode::CONFLICT),
    ] {
        let (status, answer) = world.send(&world.secrets, Timestamp::now(), body).await;
        assert_eq!(status, expected, "{answer}");
    }
    assert_eq!(world.head(), before, "nothing was written");
    // Right, and then again, and then otherwise.
    let (status, answer) = world.told(paid("r-1", 700)).await;
    assert_eq!((status, &answer), (StatusCode::OK, &json!({ "result": "recorded" })));
    let posted = |seen: &Value| seen["payments"]["nodes"][0]["isPosted"] == true;
    let found = seen(&world.system, &customer, posted).await;
    assert_eq!(credit(&found), 700);
    let settled = world.head();
    let (status, answer) = world.told(paid("r-1", 700)).await;
    assert_eq!((status, &answer), (StatusCode::OK, &json!({ "result": "known" })));
    let failed = Told::Failed { payment_id: id, reason: PaymentFailure::Declined };
    for (contradiction, code) in [
        (failed, "PAYMENT_NOT_NOW"),
        (paid("r-2", 700), "PAYMENT_REFERENCE_DIFFERS"),
        (paid("r-1", 701), "PAYMENT_AMOUNT_DIFFERS"),
    ] {
        let (status, answer) = world.told(contradiction).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(answer.to_string().contains(code), "{answer}");
    }
    assert_eq!(world.head(), settled, "nothing was written");
    world.system.stop().await;
    // Where there is no provider, there is no such path.
    let system = System::start().await;
    let client = reqwest::Client::new();
    let answer = client.post(system.url("/payments/callback")).body("{}").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let own = system.customer(customer_id(&registered(&system).await));
    let query = "mutation($input: RequestPaymentInput!) { requestPayment(input: $input) { page userErrors { code } } }";
    let input = json!({ "input": { "purpose": { "topUp": { "money": money(5) } } } });
    let answer = own.ask(query, input).await;
    assert_eq!(answer["requestPayment"]["userErrors"][0]["code"], "PAYMENTS_NOT_CONFIGURED");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_failed_or_was_given_up_still_counts_when_the_money_comes() {
    let begin = Timestamp::now();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let directory = tempfile::tempdir().unwrap();
    let (provider, secrets) = (Arc::<Scripted>::default(), CallbackSecrets::random().unwrap());
    let system = started(&directory, &provider, &secrets, clock.clone()).await;
    let world = World { directory, system, provider, secrets };
    let customer = registered(&world.system).await;
    let first = world.top_up(&customer, 500).await;
    clock.set(begin + SignedDuration::from_mins(30));
    let found = seen(&world.system, &customer, |seen| status(seen) == "EXPIRED").await;
    assert_eq!(credit(&found), 0);
    clock.set(begin);
    let (answered, _) = world.paid(first, 500).await;
    assert_eq!(answered, StatusCode::OK);
    let found = seen(&world.system, &customer, |seen| credit(seen) == 500).await;
    assert_eq!(status(&found), "CONFIRMED");
    let second = world.top_up(&customer, 300).await;
    let failed = Told::Failed { payment_id: second, reason: PaymentFailure::Declined };
    assert_eq!(world.told(failed).await.0, StatusCode::OK);
    let found = seen(&world.system, &customer, |seen| status(seen) == "FAILED").await;
    assert_eq!(found["payments"]["nodes"][0]["failure"], "DECLINED");
    assert_eq!(world.paid(second, 300).await.0, StatusCode::OK);
    let found = seen(&world.system, &customer, |seen| credit(seen) == 800).await;
    assert_eq!(found["payments"]["nodes"][0]["failure"], Value::Null);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_takes_the_credit_first_and_goes_on_after_a_restart_until_the_provider_has_paid() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let id = world.top_up(&customer, 700).await;
    let step = json!({ "paymentId": id.to_string() });
    let refused = refusal(&world.system, Role::Supervisor, "refundPayment", step.clone()).await;
    assert_eq!(refused.as_deref(), Some("PAYMENT_NOT_NOW"));
    world.paid(id, 700).await;
    seen(&world.system, &customer, |seen| credit(seen) == 700).await;
    *world.provider.down.lock().unwrap() = true;
    for _ in 0..2 {
        let agent = world.system.caller(Role::Agent);
        let done = agent.mutate("refundPayment", "payment { status }", step.clone()).await;
        assert_eq!(done["payment"]["status"], "REFUND_REQUESTED");
    }
    // The credit is gone at once, the money is not back yet.
    let found = seen(&world.system, &customer, |seen| credit(seen) == 0).await;
    assert_eq!(status(&found), "REFUND_REQUESTED");
    assert!(world.provider.refunded.lock().unwrap().is_empty());
    // Another process finds what is left to do.
    let World { directory, system, provider, secrets } = world;
    system.stop().await;
    crate::harness::released(directory.path()).await;
    *provider.down.lock().unwrap() = false;
    let system = started(&directory, &provider, &secrets, SystemClock).await;
    let found = seen(&system, &customer, |seen| status(seen) == "REFUNDED").await;
    let node = &found["payments"]["nodes"][0];
    assert_eq!((node["isPosted"].clone(), node["refundedAt"].is_string()), (json!(false), true));
    assert_eq!(found["account"]["postings"]["totalCount"], 2);
    assert_eq!(*provider.refunded.lock().unwrap(), [id]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fee_has_cost_is_refunded_after_the_fee_and_not_before() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let (_, fee) = assessed_fee(&world.system, &customer, 700).await;
    let agent = world.system.caller(Role::Agent);
    let input = json!({ "purpose": { "fee": fee } });
    let done = agent.mutate("requestPayment", "payment { id }", input.clone()).await;
    let id = payment_id(&done);
    world.paid(id, 700).await;
    let posted = |seen: &Value| seen["payments"]["nodes"][0]["isPosted"] == true;
    seen(&world.system, &customer, posted).await;
    // It is paid: nobody is asked to pay it again.
    until_a_fee_is_paid(&world.system).await;
    let refused = refusal(&world.system, Role::Agent, "requestPayment", input).await;
    assert_eq!(refused.as_deref(), Some("FEE_NOT_NOW"));
    let step = json!({ "paymentId": id.to_string() });
    // The credit went for the fee, so the refund is declined, as often as it is asked for.
    for declined in 1..=2 {
        assert_eq!(refusal(&world.system, Role::Agent, "refundPayment", step.clone()).await, None);
        let mut moved = world.system.app.read_models.position_changes();
        loop {
            let log = world.system.app.store.read_all(None, 10_000).await.unwrap();
            let names = log.iter().map(|event| &*event.type_name);
            if names.filter(|name| *name == "PaymentRefundDeclined").count() == declined {
                break;
            }
            moved.changed().await.unwrap();
        }
        seen(&world.system, &customer, |seen| status(seen) == "CONFIRMED").await;
    }
    assert!(world.provider.refunded.lock().unwrap().is_empty());
    let refund_fee = json!({ "feeId": fee });
    assert_eq!(refusal(&world.system, Role::Supervisor, "refundFee", refund_fee).await, None);
    seen(&world.system, &customer, |seen| credit(seen) == 700).await;
    assert_eq!(refusal(&world.system, Role::Agent, "refundPayment", step).await, None);
    let found = seen(&world.system, &customer, |seen| status(seen) == "REFUNDED").await;
    assert_eq!(credit(&found), 0);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_is_asked_again_for_the_same_payment() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let own = world.system.customer(customer_id(&customer));
    let input = json!({ "purpose": { "topUp": { "money": money(500) } }, "idempotencyKey": "one" });
    let query = "mutation($input: RequestPaymentInput!) { requestPayment(input: $input) { page userErrors { code } } }";
    *world.provider.down.lock().unwrap() = true;
    let answer = own.ask(query, json!({ "input": input })).await;
    let code = &answer["requestPayment"]["userErrors"][0]["code"];
    assert_eq!(code, "PAYMENT_PROVIDER_UNAVAILABLE");
    *world.provider.down.lock().unwrap() = false;
    let done = own.mutate("requestPayment", "payment { id } page", input).await;
    let id = payment_id(&done);
    assert_eq!(*world.provider.begun.lock().unwrap(), [id, id]);
    let found = seen(&world.system, &customer, |_| true).await;
    assert_eq!(found["payments"]["totalCount"], 1);
    for (units, code) in [(0, "PAYMENT_AMOUNT_INVALID"), (-5, "PAYMENT_AMOUNT_INVALID")] {
        let input = json!({ "purpose": { "topUp": { "money": money(units) } } });
        let answer = own.ask(query, json!({ "input": input })).await;
        assert_eq!(answer["requestPayment"]["userErrors"][0]["code"], code);
    }
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_pay_and_see_their_own_and_people_with_a_limit_give_back() {
    let world = World::start().await;
    let (customer, other) = (registered(&world.system).await, registered(&world.system).await);
    let id = world.top_up(&customer, 700).await;
    world.paid(id, 700).await;
    seen(&world.system, &customer, |seen| credit(seen) == 700).await;
    let (own, foreign) =
        (world.system.customer(customer_id(&customer)), world.system.customer(customer_id(&other)));
    let page = "{ viewer { payments(first: 1) { totalCount nodes { id } } } }";
    let mine = own.ask(page, json!({})).await;
    assert_eq!(mine["viewer"]["payments"]["nodes"], json!([{ "id": id.to_string() }]));
    let theirs = foreign.ask(page, json!({})).await;
    assert_eq!(theirs["viewer"]["payments"], json!({ "totalCount": 0, "nodes": [] }));
    assert_eq!(foreign.ask(SEEN, json!({ "id": customer })).await, json!({ "customer": null }));
    // Neither for somebody else nor for somebody else's fee.
    let query = "mutation($input: RequestPaymentInput!) { requestPayment(input: $input) { userErrors { code } } }";
    let (_, fee) = assessed_fee(&world.system, &customer, 100).await;
    for (purpose, code) in [
        (json!({ "topUp": { "customerId": customer, "money": money(5) } }), "CUSTOMER_NOT_FOUND"),
        (json!({ "fee": fee }), "FEE_NOT_FOUND"),
    ] {
        let answer = foreign.ask(query, json!({ "input": { "purpose": purpose } })).await;
        assert_eq!(answer["requestPayment"]["userErrors"][0]["code"], code);
    }
    let for_customer =
        json!({ "purpose": { "topUp": { "customerId": customer, "money": money(5) } } });
    assert_eq!(refusal(&world.system, Role::Agent, "requestPayment", for_customer).await, None);
    let refund = json!({ "input": { "paymentId": id.to_string() } });
    let query = "mutation($input: RefundPaymentInput!) { refundPayment(input: $input) { userErrors { code } } }";
    for caller in [&own, &foreign, &world.system.caller(Role::Service)] {
        let answer = caller.send(query, refund.clone()).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciliation_finds_what_is_missing_on_either_side_and_what_differs() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let line = |id: PaymentId, direction, units, reference: String| Settlement {
        payment_id: id,
        direction,
        reference: ProviderReference::new(reference).unwrap(),
        money: rials(units),
        at: Timestamp::now(),
    };
    let mut ids = Vec::new();
    for units in [100, 200, 300, 400] {
        ids.push(world.top_up(&customer, units).await);
    }
    // Told and agreeing; told, and the provider's books say less; told and not in the books; in the books and never told.
    for (id, units) in ids.iter().zip([100, 200, 300]) {
        assert_eq!(world.paid(*id, units).await.0, StatusCode::OK);
    }
    seen(&world.system, &customer, |seen| credit(seen) == 600).await;
    let step = json!({ "paymentId": ids[0].to_string() });
    assert_eq!(refusal(&world.system, Role::Supervisor, "refundPayment", step).await, None);
    let refunded = |seen: &Value| seen["payments"]["nodes"][3]["status"] == "REFUNDED";
    seen(&world.system, &customer, refunded).await;
    let stranger = PaymentId(Uuid::from_u128(7));
    *world.provider.books.lock().unwrap() = vec![
        line(ids[0], Direction::Paid, 100, format!("ref-{}", ids[0])),
        line(ids[0], Direction::Refunded, 100, format!("back-{}", ids[0])),
        line(ids[1], Direction::Paid, 150, format!("ref-{}", ids[1])),
        line(ids[3], Direction::Paid, 400, format!("ref-{}", ids[3])),
        line(stranger, Direction::Paid, 900, "ref-7".to_owned()),
        // The same payment a second time: the customer paid twice.
        line(ids[0], Direction::Paid, 100, "twice".to_owned()),
    ];
    let query = "query($day: String!) { reconciliation(day: $day) { day provider agreeing differing \
        lines { paymentId direction agreement here { minorUnits } there { minorUnits } } } }";
    let day = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let supervisor = world.system.caller(Role::Supervisor);
    let answer = supervisor.ask(query, json!({ "day": day.to_string() })).await;
    let report = &answer["reconciliation"];
    assert_eq!((&report["agreeing"], &report["differing"]), (&json!(2), &json!(5)), "{report:#}");
    let found = |id: PaymentId, agreement: &str| {
        let lines = report["lines"].as_array().unwrap();
        let is_it =
            |line: &&Value| line["paymentId"] == id.to_string() && line["agreement"] == agreement;
        let units = |side: &Value| side["minorUnits"].as_i64();
        let line = lines.iter().find(is_it).unwrap_or_else(|| panic!("{report:#}"));
        (units(&line["here"]), units(&line["there"]))
    };
    assert_eq!(found(ids[0], "AGREES"), (Some(100), Some(100)));
    assert_eq!(found(ids[0], "MISSING_HERE"), (None, Some(100)));
    assert_eq!(found(ids[1], "AMOUNT_DIFFERS"), (Some(200), Some(150)));
    assert_eq!(found(ids[2], "MISSING_THERE"), (Some(300), None));
    assert_eq!(found(ids[3], "MISSING_HERE"), (None, Some(400)));
    assert_eq!(found(stranger, "MISSING_HERE"), (None, Some(900)));
    // The day before had nothing; a word is no day; a provider that sleeps has no books.
    let empty = supervisor.ask(query, json!({ "day": day.yesterday().unwrap().to_string() })).await;
    assert_eq!(empty["reconciliation"]["lines"], json!([]));
    let answer = supervisor.send(query, json!({ "day": "yesterday" })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    *world.provider.down.lock().unwrap() = true;
    let answer = supervisor.send(query, json!({ "day": day.to_string() })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TIMEOUT");
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_lost_callback_is_found_by_reconciliation_and_told_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let books = directory.path().join("books.jsonl");
    let secrets = CallbackSecrets::random().unwrap();
    let open = || {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        DemoProvider::open(Some(&books), Duration::ZERO, secrets.clone(), clock).unwrap()
    };
    let demo = open();
    let payments = Payments::by(Arc::new(demo.clone()), secrets.clone());
    let data = directory.path().join("data");
    let keyring = Keyring::at(directory.path().join("keyring"));
    let system = System::start_prepared(&data, keyring, SystemClock, |app| {
        app.payments = Some(payments);
    })
    .await;
    demo.send_to(system.url("/payments/callback"));
    demo.lose_next(1);
    let customer = registered(&system).await;
    let own = system.customer(customer_id(&customer));
    let input = json!({ "purpose": { "topUp": { "money": money(500) } } });
    own.mutate("requestPayment", "page", input).await;
    let query = "query($day: String!) { reconciliation(day: $day) { differing lines { agreement there { text } } } }";
    let day = TimeZone::UTC.to_datetime(Timestamp::now()).date();
    let auditor = system.caller(Role::Auditor);
    let start = std::time::Instant::now();
    let lines = loop {
        let answer = auditor.ask(query, json!({ "day": day.to_string() })).await;
        if answer["reconciliation"]["differing"] == 1 {
            break answer["reconciliation"]["lines"].clone();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the demo never pays");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(lines, json!([{ "agreement": "MISSING_HERE", "there": { "text": "5.00 IRR" } }]));
    assert_eq!(status(&seen(&system, &customer, |_| true).await), "REQUESTED");
    // Started anew on its books it tells what it has.
    open().send_to(system.url("/payments/callback"));
    seen(&system, &customer, |seen| credit(seen) == 500).await;
    let answer = auditor.ask(query, json!({ "day": day.to_string() })).await;
    assert_eq!(answer["reconciliation"]["differing"], 0);
    system.stop().await;
}
