//! The ledger's load, payments: a provider tells of them twice, at once and in any order, while the process is killed, and some are given back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use parvandeh::payment::callback::{Callback, CallbackSecrets, Told};
use parvandeh_domain::id::{CustomerId, PaymentId, ProviderReference};
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::{Currency, Money};
use parvandeh_domain::payment::{PaymentEvent, PaymentFailure, PaymentStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::faults::client::Api;
use crate::harness::random::Random;

/// Lets customers pay, and tells of it as their provider.
pub struct Payer {
    /// As somebody who works on cases.
    pub api: Arc<Api>,
    /// As somebody who may give back.
    pub leader: Arc<Api>,
    secrets: CallbackSecrets,
    http: reqwest::Client,
    /// The payments of which it was acknowledged that the money came.
    pub acknowledged: Mutex<HashSet<Uuid>>,
    pub told: Mutex<usize>,
}

impl Payer {
    pub fn new(api: Arc<Api>, leader: Arc<Api>, secret_file: &Path) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(12)).build().unwrap();
        let secrets = CallbackSecrets::read(secret_file).unwrap();
        let acknowledged = Mutex::default();
        Self { api, leader, secrets, http, acknowledged, told: Mutex::new(0) }
    }

    /// Lets somebody pay for this purpose, tells of it, and sometimes gives it back.
    pub async fn pay(&self, random: &mut Random, purpose: Value) {
        let input = json!({ "purpose": purpose });
        let fields = "payment { id money { minorUnits currency } }";
        let requested = self.api.command(random, "requestPayment", fields, input).await;
        // Nobody else pays or waives this fee: a refusal would be of a request that had worked before.
        let payment = requested.outcome.unwrap()["payment"].take();
        let id = PaymentId(payment["id"].as_str().unwrap().parse().unwrap());
        let currency = payment["money"]["currency"].as_str().unwrap();
        let units = payment["money"]["minorUnits"].as_i64().unwrap();
        let money = Money::new(units, Currency::new(currency).unwrap());
        // The reference of the demo, which tells of it too.
        let reference = ProviderReference::new(format!("demo-{id}")).unwrap();
        let paid = Told::Paid { payment_id: id, reference, money };
        let failed = Told::Failed { payment_id: id, reason: PaymentFailure::Declined };
        let mut draws = [(); 4].map(|()| Random::of(random.number()));
        let [one, two, three, four] = &mut draws;
        match one.below(3) {
            // Twice at once.
            0 => {
                tokio::join!(self.tell(two, &paid), self.tell(three, &paid));
            }
            // With a failure that overtakes, or is overtaken.
            1 => {
                tokio::join!(self.tell(two, &failed), self.tell(three, &paid));
                self.tell(four, &paid).await;
            }
            _ => {
                self.tell(two, &paid).await;
                self.tell(three, &failed).await;
            }
        }
        self.acknowledged.lock().unwrap().insert(id.0);
        if random.below(3) == 0 {
            let input = json!({ "paymentId": id.to_string() });
            let done =
                self.leader.command(random, "refundPayment", "payment { status }", input).await;
            let status = done.outcome.unwrap()["payment"]["status"].clone();
            let known = ["REFUND_REQUESTED", "CONFIRMED", "REFUNDED"];
            assert!(known.contains(&status.as_str().unwrap()), "{status}");
        }
    }

    /// Tells it until somebody has heard; what is paid is acknowledged, what failed may come too late.
    async fn tell(&self, random: &mut Random, told: &Told) {
        let callback = Callback { timestamp: Timestamp::now(), told: told.clone() };
        let body = serde_json::to_vec(&callback).unwrap();
        loop {
            let headers = self.secrets.sign("msg-1", Timestamp::now(), &body);
            let url = format!("{}/payments/callback", self.api.base(random));
            let request = self
                .http
                .post(url)
                .header("webhook-id", headers.id)
                .header("webhook-timestamp", headers.timestamp)
                .header("webhook-signature", headers.signature)
                .body(body.clone());
            let status = request.send().await.map(|response| response.status().as_u16());
            match (status, told) {
                (Ok(200), _) | (Ok(409), Told::Failed { .. }) => break,
                (Ok(500..), _) | (Err(_), _) => {
                    tokio::time::sleep(Duration::from_millis(20 + random.below(200))).await;
                }
                (Ok(status), _) => panic!("{status}: {told:?}"),
            }
        }
        *self.told.lock().unwrap() += 1;
    }
}

struct Known {
    customer: CustomerId,
    money: Money,
    status: PaymentStatus,
    confirmed: bool,
}

/// The payments of a log, and what stands of them on accounts.
#[derive(Default)]
pub struct LoggedPayments {
    payments: HashMap<Uuid, Known>,
    posted: HashMap<Uuid, (CustomerId, Money)>,
    returned: HashMap<Uuid, (CustomerId, Money)>,
    declined: usize,
}

impl LoggedPayments {
    pub fn take_in(&mut self, event: &DomainEvent) {
        match event {
            DomainEvent::Payment(id, PaymentEvent::Requested(requested)) => {
                let (customer, money) = (requested.customer_id, requested.money);
                let status = PaymentStatus::Requested;
                let known = Known { customer, money, status, confirmed: false };
                assert!(self.payments.insert(id.0, known).is_none());
            }
            DomainEvent::Payment(id, event) => {
                let known = self.payments.get_mut(&id.0).unwrap();
                known.status = event.status();
                match event {
                    PaymentEvent::Confirmed(_) => {
                        assert!(!known.confirmed, "{id} is confirmed twice");
                        known.confirmed = true;
                    }
                    PaymentEvent::RefundDeclined(_) => self.declined += 1,
                    _ => {}
                }
            }
            DomainEvent::Account(customer, posted) => {
                let (name, money) = (posted.posting_id(), posted.money());
                if let Some(id) = name.of_kind("payment") {
                    let before = self.posted.insert(id, (*customer, money.unwrap()));
                    assert!(before.is_none(), "{id} is posted twice");
                } else if let Some(id) = name.of_kind("payment-return") {
                    let before = self.returned.insert(id, (*customer, money.unwrap().negated()));
                    assert!(before.is_none(), "{id} is taken back twice");
                }
            }
            _ => {}
        }
    }

    /// Whether nothing is to be done any more about a payment that was confirmed.
    pub fn is_settled(&self) -> bool {
        self.payments.iter().filter(|(_, known)| known.confirmed).all(|(id, known)| {
            let returned = self.returned.contains_key(id);
            let is_at_rest = match known.status {
                PaymentStatus::Refunded => returned,
                status => status == PaymentStatus::Confirmed && !returned,
            };
            is_at_rest && self.posted.contains_key(id)
        })
    }

    /// What came is on its account once, what went back was taken from it once. Answers what each account got in all.
    pub fn check(
        &self,
        acknowledged: &HashSet<Uuid>,
    ) -> HashMap<CustomerId, BTreeMap<&'static str, i64>> {
        let mut got = HashMap::<_, BTreeMap<_, i64>>::new();
        for (id, known) in &self.payments {
            let due = known.confirmed.then_some((known.customer, known.money));
            assert_eq!(self.posted.get(id).copied(), due, "{id}");
            let back =
                (known.status == PaymentStatus::Refunded).then_some((known.customer, known.money));
            assert_eq!(self.returned.get(id).copied(), back, "{id}");
            if due.is_some() && back.is_none() {
                let of_customer = got.entry(known.customer).or_default();
                *of_customer.entry(known.money.currency.code()).or_default() +=
                    known.money.minor_units;
            }
        }
        let strays = self.payments.keys().filter(|id| !acknowledged.contains(id)).count();
        assert_eq!(strays, 0, "payments stand in the log of which nobody was told");
        for id in acknowledged {
            assert!(self.payments[id].confirmed, "{id}: an acknowledged payment is lost");
        }
        let ids = self.posted.keys().chain(self.returned.keys());
        assert!(ids.into_iter().all(|id| self.payments.contains_key(id)));
        println!(
            "{} payments: {} came, {} went back, {} refunds were declined",
            self.payments.len(),
            self.posted.len(),
            self.returned.len(),
            self.declined,
        );
        got
    }
}
