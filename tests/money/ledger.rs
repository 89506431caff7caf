//! The ledger under load: many clients post to the same few accounts at once, send things twice, and the process is killed under them.
//!
//! They also pay by a provider, whose callbacks come twice and in any order, and have payments given back: see [`super::ledger_payments`].
//! They also pay fees, while these are waived or given back: what an account paid and what became of the fee must agree. At the end three counts must agree to the last unit: what the clients were told, what is in the log, and what the API shows. And
//! at no moment of the log was anything below zero. The load lasts as long as the fault runs do (`PARVANDEH_FAULT_SECONDS`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::principal::Role;
use parvandeh::store::LoggedEvent;
use parvandeh_domain::account::{AccountEvent, Balances};
use parvandeh_domain::fee::{FeeEvent, FeeStatus};
use parvandeh_domain::id::CustomerId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::Money;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::ledger_payments::{LoggedPayments, Payer};
use crate::faults::client::{Api, Signer};
use crate::faults::process::Server;
use crate::faults::{choices, duration, verdict};
use crate::harness::random::Random;

const CLIENTS: u64 = 64;
const ACCOUNTS: usize = 6;
/// What the load provokes; any other refusal is a fault.
const REFUSALS: [&str; 3] = ["CREDIT_TOO_LOW", "POINTS_TOO_FEW", "POSTING_REUSED"];
/// Two currencies, so that one cannot pay for the other.
const CURRENCIES: [&str; 2] = ["IRR", "JPY"];

/// What an accepted posting changed: points, or minor units of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    unit: &'static str,
    amount: i64,
}

/// What the clients were told: accepted postings by account and id.
#[derive(Default)]
struct Told {
    accepted: HashMap<(usize, String), Change>,
    refused: BTreeMap<String, usize>,
    duplicates: usize,
}

struct Client {
    api: Arc<Api>,
    random: Random,
    accounts: Arc<[String]>,
    told: Arc<Mutex<Told>>,
    /// Postings of this client that are not reversed yet.
    own: Vec<(usize, String)>,
    /// A case of each customer.
    cases: Arc<[String]>,
    /// Fees that this client assessed and has done nothing about.
    fees: Vec<String>,
    payer: Arc<Payer>,
    number: u64,
}

impl Client {
    async fn run(mut self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::Relaxed) {
            self.post().await;
        }
    }

    async fn post(&mut self) {
        let account = self.random.below(ACCOUNTS as u64) as usize;
        let id = Uuid::from_u64_pair(self.random.number(), self.number).to_string();
        let amount = 1 + self.random.below(200) as i64;
        let currency = *self.random.one_of(&CURRENCIES);
        let money = json!({ "minorUnits": amount, "currency": currency });
        let change = |unit, amount| Change { unit, amount };
        // More is taken than given, so that the accounts are empty most of the time and refuse.
        match self.random.below(20) {
            16.. => {
                let customer = self.accounts[account].clone();
                let purpose = match self.random.below(2) {
                    0 => self.fees.pop().map(|fee| json!({ "fee": fee })),
                    _ => None,
                };
                let top_up = json!({ "topUp": { "customerId": customer, "money": money } });
                self.payer.pay(&mut self.random, purpose.unwrap_or(top_up)).await;
            }
            12..14 => {
                let input =
                    json!({ "caseId": self.cases[account], "money": money, "tariff": "copy" });
                let done =
                    self.api.command(&mut self.random, "assessFee", "fee { id }", input).await;
                self.fees.push(done.outcome.unwrap()["fee"]["id"].as_str().unwrap().to_owned());
            }
            14..16 => self.settle_a_fee().await,
            0..2 => {
                let input = json!({ "points": amount });
                self.send(account, &id, "earnPoints", input, change("points", amount)).await;
            }
            2..5 => {
                let input = json!({ "points": amount, "centre": "سینما" });
                self.send(account, &id, "redeemPoints", input, change("points", -amount)).await;
            }
            5..7 => {
                let input = json!({ "money": money });
                self.send(account, &id, "grantCredit", input, change(currency, amount)).await;
            }
            7..10 => {
                let input = json!({ "money": money });
                self.send(account, &id, "spendCredit", input, change(currency, -amount)).await;
            }
            _ => {
                let Some((account, reversed)) = self.own.pop() else { return };
                let undone =
                    self.told.lock().unwrap().accepted[&(account, reversed.clone())].clone();
                let input = json!({ "reversed": reversed });
                let change = change(undone.unit, -undone.amount);
                self.send(account, &id, "reversePosting", input, change).await;
            }
        }
    }

    /// Pays a fee, perhaps while it is being waived, and perhaps gives it back.
    async fn settle_a_fee(&mut self) {
        let Some(fee) = self.fees.pop() else { return };
        let (pay, waive) = (json!({ "feeId": fee }), json!({ "feeId": fee, "ground": "GOODWILL" }));
        let (api, mut random) = (self.api.clone(), Random::of(self.random.number()));
        let payment = api.command(&mut self.random, "payFee", "fee { status }", pay.clone());
        let paid = match random.below(3) {
            0 => {
                let waived = api.command(&mut random, "waiveFee", "fee { status }", waive);
                tokio::join!(payment, waived).0
            }
            _ => payment.await,
        };
        match paid.outcome {
            Ok(payload) if payload["fee"]["status"] == "PAID" && self.random.below(2) == 0 => {
                let done = api.command(&mut self.random, "refundFee", "fee { status }", pay).await;
                assert_eq!(done.outcome.unwrap()["fee"]["status"], "REFUNDED");
            }
            Ok(_) => {}
            Err(code) => assert!(["CREDIT_TOO_LOW", "FEE_NOT_NOW"].contains(&&*code), "{code}"),
        }
    }

    /// Posts until it is known what became of it, sometimes twice, sometimes something else under the same id.
    async fn send(
        &mut self,
        account: usize,
        id: &str,
        name: &'static str,
        mut input: Value,
        change: Change,
    ) {
        input["customerId"] = json!(self.accounts[account]);
        input["postingId"] = json!(id);
        let accepted = self.ask(name, input.clone()).await;
        if accepted.is_ok() {
            let mut told = self.told.lock().unwrap();
            told.accepted.insert((account, id.to_owned()), change);
            if name != "reversePosting" {
                self.own.push((account, id.to_owned()));
            }
        }
        if self.random.below(3) == 0 {
            // A new request with the same posting: its idempotency key is another.
            let again = self.ask(name, input.clone()).await;
            match accepted {
                Ok(()) => assert_eq!(again, Ok(()), "{name} {input}"),
                // What was refused for want of money may be possible by now.
                Err(_) if again.is_ok() => {
                    let mut told = self.told.lock().unwrap();
                    let change = changed_by(name, &input, &told, account);
                    told.accepted.insert((account, id.to_owned()), change);
                }
                Err(_) => {}
            }
            self.told.lock().unwrap().duplicates += 1;
        }
        let was_accepted =
            self.told.lock().unwrap().accepted.contains_key(&(account, id.to_owned()));
        if was_accepted && self.random.below(8) == 0 {
            input = json!({ "customerId": self.accounts[account], "postingId": id,
                "money": { "minorUnits": 7_777_777, "currency": "IRR" } });
            let other = self.ask("grantCredit", input).await;
            assert_eq!(other, Err("POSTING_REUSED".to_owned()));
        }
    }

    async fn ask(&mut self, name: &'static str, input: Value) -> Result<(), String> {
        let fields = "account { points credit { minorUnits } }";
        let answered = self.api.command(&mut self.random, name, fields, input).await;
        match answered.outcome {
            Ok(payload) => {
                let account = &payload["account"];
                assert!(account["points"].as_i64().unwrap() >= 0, "{account}");
                for credit in account["credit"].as_array().unwrap() {
                    assert!(credit["minorUnits"].as_i64().unwrap() >= 0, "{account}");
                }
                Ok(())
            }
            Err(code) => {
                assert!(REFUSALS.contains(&code.as_str()), "{code}: {name}");
                *self.told.lock().unwrap().refused.entry(code.clone()).or_default() += 1;
                Err(code)
            }
        }
    }
}

/// What a posting changed, from what it asked.
fn changed_by(name: &str, input: &Value, told: &Told, account: usize) -> Change {
    let points = input["points"].as_i64().unwrap_or_default();
    let money = input["money"]["minorUnits"].as_i64().unwrap_or_default();
    let unit = CURRENCIES.into_iter().find(|code| input["money"]["currency"] == *code);
    match name {
        "earnPoints" => Change { unit: "points", amount: points },
        "redeemPoints" => Change { unit: "points", amount: -points },
        "grantCredit" => Change { unit: unit.unwrap(), amount: money },
        "spendCredit" => Change { unit: unit.unwrap(), amount: -money },
        _ => {
            let reversed = input["reversed"].as_str().unwrap().to_owned();
            let undone = &told.accepted[&(account, reversed)];
            Change { unit: undone.unit, amount: -undone.amount }
        }
    }
}

/// The fees of a log, and what the accounts paid for them.
#[derive(Default)]
struct Fees {
    fees: HashMap<Uuid, (CustomerId, Money, FeeStatus)>,
    taken: HashMap<Uuid, (CustomerId, Money)>,
    returned: HashMap<Uuid, (CustomerId, Money)>,
}

impl Fees {
    fn take_in(&mut self, event: &DomainEvent) {
        match event {
            DomainEvent::Fee(id, FeeEvent::Assessed(assessed)) => {
                let fee = (assessed.customer_id, assessed.money, FeeStatus::Assessed);
                assert!(self.fees.insert(id.0, fee).is_none());
            }
            DomainEvent::Fee(id, event) => self.fees.get_mut(&id.0).unwrap().2 = event.status(),
            DomainEvent::Account(id, posted) => {
                let (name, money) = (posted.posting_id(), posted.money());
                if let Some(fee) = name.of_kind("fee") {
                    assert!(self.taken.insert(fee, (*id, money.unwrap())).is_none());
                } else if let Some(fee) = name.of_kind("fee-return") {
                    assert!(self.returned.insert(fee, (*id, money.unwrap())).is_none());
                }
            }
            _ => {}
        }
    }

    /// What is paid was taken and is not given back; all else was not taken, or is given back. Answers what each account paid in all.
    fn check(&self) -> HashMap<CustomerId, BTreeMap<&'static str, i64>> {
        let mut paid = HashMap::<_, BTreeMap<_, i64>>::new();
        for (id, (customer, money, status)) in &self.fees {
            let taken = self.taken.get(id).copied();
            let returned = self.returned.get(id).copied();
            if let Some(taken) = taken {
                assert_eq!(taken, (*customer, money.negated()));
            }
            if let Some(returned) = returned {
                assert_eq!(returned, (*customer, *money));
            }
            match status {
                FeeStatus::Paid => {
                    assert!(taken.is_some() && returned.is_none(), "{id}");
                    let of_customer = paid.entry(*customer).or_default();
                    *of_customer.entry(money.currency.code()).or_default() -= money.minor_units;
                }
                FeeStatus::Refunded => assert!(taken.is_some() && returned.is_some(), "{id}"),
                FeeStatus::Waived => assert_eq!(taken.is_some(), returned.is_some(), "{id}"),
                FeeStatus::Assessed => assert!(taken.is_none() && returned.is_none(), "{id}"),
            }
        }
        assert!(self.taken.keys().all(|id| self.fees.contains_key(id)));
        let count = |status| self.fees.values().filter(|fee| fee.2 == status).count();
        println!(
            "{} fees: {} paid, {} refunded, {} waived ({} of them after they were paid)",
            self.fees.len(),
            count(FeeStatus::Paid),
            count(FeeStatus::Refunded),
            count(FeeStatus::Waived),
            self.returned.len() - count(FeeStatus::Refunded),
        );
        paid
    }
}

/// Waits until a running server has told every fee that was paid, and given back what is to be given back.
async fn until_settled(data: &Path) {
    let start = Instant::now();
    loop {
        let (mut fees, mut payments) = (Fees::default(), LoggedPayments::default());
        verdict::logged(data).iter().filter_map(decoded).for_each(|event| {
            fees.take_in(&event);
            payments.take_in(&event);
        });
        let is_due =
            |id: &&Uuid| !fees.returned.contains_key(*id) && fees.fees[*id].2 != FeeStatus::Paid;
        if !fees.taken.keys().any(|id| is_due(&id)) && payments.is_settled() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "something is never settled");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An event about money.
fn decoded(event: &LoggedEvent) -> Option<DomainEvent> {
    if !matches!(event.stream.category(), "account" | "fee" | "payment") {
        return None;
    }
    let (stream, name) = (event.stream.as_str(), &event.type_name);
    Some(DomainEvent::decode(stream, name, event.version, &event.data).unwrap())
}

type Sums = BTreeMap<&'static str, i64>;

fn sums<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Sums {
    let mut sums = Sums::from([("points", 0), ("IRR", 0), ("JPY", 0)]);
    for change in changes {
        *sums.get_mut(change.unit).unwrap() += change.amount;
    }
    sums
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_and_a_server_that_is_killed_leave_every_posting_once_and_nothing_below_zero()
 {
    let mut random = choices();
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let signer = Signer::new();
    let secret_file = home.path().join("callback-secret");
    std::fs::write(&secret_file, format!("{:032x}", random.number())).unwrap();
    let settings = format!(
        "[limits]\ncost_per_second = 0\n[payments]\nprovider = \"demo\"\ncallback_secret_file = {secret_file:?}"
    );
    let mut server = Server::prepare(home.path(), "server", &data, &signer, &settings, Vec::new());
    server.start_ready().await;
    let api = Arc::new(Api::new(vec![server.base.clone()], &signer));
    let leader = Api::acting_as(vec![server.base.clone()], &signer, Role::Supervisor);
    let payer = Arc::new(Payer::new(api.clone(), Arc::new(leader), &secret_file));

    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        let input = json!({ "kind": "INDIVIDUAL", "name": "مشتری نمونه", "language": "PERSIAN" });
        let done = api.command(&mut random, "registerCustomer", "customer { id }", input).await;
        let id = done.outcome.unwrap()["customer"]["id"].as_str().unwrap().to_owned();
        accounts.push(id);
    }
    let mut cases = Vec::new();
    for customer in &accounts {
        let input = json!({ "kind": "REQUEST", "subject": "رونوشت", "channel": "EMAIL", "customerId": customer });
        let done = api.command(&mut random, "openCase", "case { id }", input).await;
        cases.push(done.outcome.unwrap()["case"]["id"].as_str().unwrap().to_owned());
    }
    let (accounts, cases): (Arc<[String]>, Arc<[String]>) = (accounts.into(), cases.into());
    let told = Arc::new(Mutex::new(Told::default()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let client = Client {
            api: api.clone(),
            random: Random::of(random.number()),
            accounts: accounts.clone(),
            told: told.clone(),
            own: Vec::new(),
            cases: cases.clone(),
            fees: Vec::new(),
            payer: payer.clone(),
            number,
        };
        clients.spawn(client.run(stop.clone()));
    }
    let (start, mut kills) = (Instant::now(), 0);
    while start.elapsed() < duration() {
        tokio::time::sleep(Duration::from_millis(500 + random.below(2_500))).await;
        server.kill();
        kills += 1;
        server.start_ready().await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();

    // Nothing is owed any more by one stream to another.
    until_settled(&data).await;
    // What the API shows.
    let mut shown = Vec::new();
    for id in &*accounts {
        let query = "query($id: ID!) { customer(id: $id) { account { points \
            credit { minorUnits currency } postings(first: 1) { totalCount } } } }";
        let mut answer = api.answered(&mut random, query, json!({ "id": id })).await;
        shown.push(answer["customer"]["account"].take());
    }
    server.stop().await;

    // What the log has: decoded and summed up by itself.
    let log = verdict::logged(&data);
    let (mut ids, mut states) = (HashSet::new(), BTreeMap::<CustomerId, Balances>::new());
    let mut logged: BTreeMap<(CustomerId, &str), i64> = BTreeMap::new();
    let (mut fees, mut payments) = (Fees::default(), LoggedPayments::default());
    for event in &log {
        let Some(decoded) = decoded(event) else { continue };
        fees.take_in(&decoded);
        payments.take_in(&decoded);
        let DomainEvent::Account(id, posted) = decoded else { continue };
        assert!(ids.insert((id, posted.posting_id().clone())), "posted twice: {posted:?}");
        let mut add = |unit, amount| {
            let sum = logged.entry((id, unit)).or_default();
            *sum += amount;
            assert!(*sum >= 0, "below zero at {}: {posted:?}", event.position);
        };
        add("points", posted.points().0);
        if let Some(money) = posted.money() {
            add(money.currency.code(), money.minor_units);
        }
        states.entry(id).or_default().apply(&posted);
        assert!(!matches!(posted, AccountEvent::PointsExpired(_)), "nothing expires here");
    }
    let by_clients = ids.iter().filter(|(_, id)| !id.is_of_system()).count();
    assert_eq!(by_clients, told.accepted.len(), "acknowledged is written, and nothing else");
    let of_fees = fees.check();
    let of_payments = payments.check(&payer.acknowledged.lock().unwrap());
    for (number, account) in accounts.iter().enumerate() {
        let id = global_id::decode("id", NodeType::Customer, &account.as_str().into()).unwrap();
        let id = CustomerId(id);
        let own = told.accepted.iter().filter(|((owner, _), _)| *owner == number);
        let own: Vec<_> = own.map(|((_, posting), change)| (posting, change)).collect();
        for (posting, _) in &own {
            let posting = parvandeh_domain::id::PostingId::new(posting.as_str()).unwrap();
            assert!(ids.contains(&(id, posting)), "an acknowledged posting is lost");
        }
        let mut expected = sums(own.iter().map(|(_, change)| *change));
        let own = [of_fees.get(&id), of_payments.get(&id)].into_iter().flatten().flatten();
        for (unit, amount) in own {
            *expected.get_mut(unit).unwrap() += amount;
        }
        for (unit, sum) in &expected {
            assert_eq!(logged.get(&(id, unit)).copied().unwrap_or_default(), *sum, "{unit}");
        }
        let state = &states[&id];
        assert_eq!(state.lots.iter().map(|lot| lot.points.0).sum::<i64>(), expected["points"]);
        let seen = &shown[number];
        assert_eq!(seen["points"], expected["points"]);
        let posted = ids.iter().filter(|(owner, _)| *owner == id).count();
        assert_eq!(seen["postings"]["totalCount"], posted);
        for code in CURRENCIES {
            let mut credit = seen["credit"].as_array().unwrap().iter();
            let credit = credit.find(|credit| credit["currency"] == code);
            let units = credit.map_or(0, |credit| credit["minorUnits"].as_i64().unwrap());
            assert_eq!(units, expected[code], "{code}");
        }
    }
    let hash = verdict::check_directory(&data).await;
    println!(
        "{:.0} s, {CLIENTS} clients, {ACCOUNTS} accounts, {kills} kills: {} postings, {} sent again, {} callbacks heard, refused {:?}, {} attempts without an answer; read models {hash}",
        start.elapsed().as_secs_f64(),
        told.accepted.len(),
        told.duplicates,
        payer.told.lock().unwrap(),
        told.refused,
        api.failed_attempts.load(Ordering::Relaxed),
    );
}
