//! A customer's account from the outside: what a till, a desk and the customer see.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{ManualClock, SystemClock};
use parvandeh::command::handler::CommandHandler;
use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::principal::Role;
use parvandeh::store::EventStore;
use parvandeh::store::memory::MemoryStore;
use parvandeh_domain::account::command::{GrantCredit, SpendCredit};
use parvandeh_domain::account::{Account, AccountCommand};
use parvandeh_domain::id::PostingId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::money::{Currency, Money};
use serde_json::{Value, json};

use super::{refusal, registered};
use crate::harness::System;
use crate::harness::work::{metadata, stream, vault};

const ACCOUNT: &str = "account { points lots { postingId points expiresAt } credit { minorUnits currency text } revision }";

async fn account(system: &System, customer: &str) -> Value {
    let query = format!("query($id: ID!) {{ customer(id: $id) {{ {ACCOUNT} }} }}");
    let mut answer = system.caller(Role::Auditor).ask(&query, json!({ "id": customer })).await;
    answer["customer"]["account"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_earns_redeems_and_spends_and_sees_every_posting() {
    let system = System::start().await;
    let customer = registered(&system).await;
    let nothing = account(&system, &customer).await;
    assert_eq!(nothing, json!({ "points": 0, "lots": [], "credit": [], "revision": -1 }));

    let (leader, till) = (system.caller(Role::Supervisor), system.caller(Role::Service));
    let case = json!({ "kind": "REQUEST", "subject": "باشگاه مشتریان", "channel": "APP" });
    let case = till.mutate("openCase", "case { id }", case).await["case"]["id"].clone();
    let input = json!({ "customerId": customer, "postingId": "receipt-118", "points": 500, "caseId": case });
    leader.mutate("earnPoints", ACCOUNT, input).await;
    let input = json!({ "customerId": customer, "postingId": "centre-7/20931", "points": 120, "centre": "کتاب‌فروشی مرکزی" });
    let done = till.mutate("redeemPoints", ACCOUNT, input).await;
    assert_eq!(done["account"]["points"], 380);
    for (id, units, currency) in [("note-1", 25_000_000_i64, "IRR"), ("note-2", 1250, "EUR")] {
        let money = json!({ "minorUnits": units, "currency": currency });
        let input = json!({ "customerId": customer, "postingId": id, "money": money });
        leader.mutate("grantCredit", ACCOUNT, input).await;
    }
    let money = json!({ "minorUnits": 4_000_000_000_i64, "currency": "IRR" });
    let spend = json!({ "customerId": customer, "postingId": "invoice-9", "money": money });
    let refused = refusal(&system, Role::Service, "spendCredit", spend).await;
    assert_eq!(refused.as_deref(), Some("CREDIT_TOO_LOW"));
    let money = json!({ "minorUnits": 1250, "currency": "EUR" });
    let spend = json!({ "customerId": customer, "postingId": "invoice-9", "money": money });
    till.mutate("spendCredit", ACCOUNT, spend).await;
    let input =
        json!({ "customerId": customer, "postingId": "back-1", "reversed": "centre-7/20931" });
    let done = leader.mutate("reversePosting", ACCOUNT, input).await;
    assert_eq!(done["account"]["points"], 500);

    // The customer sees it too, page by page; another customer sees nothing.
    let id = global_id::decode("id", NodeType::Customer, &customer.as_str().into()).unwrap();
    let query = "query($id: ID!, $after: String) { customer(id: $id) { account { credit { text } \
        postings(first: 4, after: $after) { totalCount pageInfo { endCursor hasNextPage } nodes { \
        postingId kind points money { text } centre reversed caseId } } } } }";
    let own = system.customer(id);
    let first = own.ask(query, json!({ "id": customer })).await;
    let first = &first["customer"]["account"];
    assert_eq!(first["credit"], json!([{ "text": "250000.00 IRR" }]));
    assert_eq!(first["postings"]["totalCount"], 6);
    assert_eq!(first["postings"]["pageInfo"]["hasNextPage"], true);
    let after = &first["postings"]["pageInfo"]["endCursor"];
    let second = own.ask(query, json!({ "id": customer, "after": after })).await;
    let mut seen: Vec<_> = first["postings"]["nodes"].as_array().unwrap().clone();
    let rest = &second["customer"]["account"]["postings"]["nodes"];
    seen.extend(rest.as_array().unwrap().iter().cloned());
    let kinds: Vec<_> = seen.iter().map(|posting| posting["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "REVERSAL",
            "CREDIT_SPENT",
            "CREDIT_GRANTED",
            "CREDIT_GRANTED",
            "POINTS_REDEEMED",
            "POINTS_EARNED"
        ]
    );
    assert_eq!(seen[0]["reversed"], "centre-7/20931");
    assert_eq!(seen[1]["money"]["text"], "-12.50 EUR");
    assert_eq!(seen[4]["points"], -120);
    assert_eq!(seen[4]["centre"], "کتاب‌فروشی مرکزی");
    assert_eq!(seen[5]["caseId"], case);
    let other = registered(&system).await;
    let other = global_id::decode("id", NodeType::Customer, &other.as_str().into()).unwrap();
    let foreign = system.customer(other).ask(query, json!({ "id": customer })).await;
    assert_eq!(foreign, json!({ "customer": null }));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posting_that_is_sent_twice_is_made_once_and_another_with_its_id_is_refused() {
    let system = System::start().await;
    let customer = registered(&system).await;
    let money = |units: i64| json!({ "minorUnits": units, "currency": "IRR" });
    let grant =
        |units| json!({ "customerId": customer, "postingId": "note-1", "money": money(units) });
    for _ in 0..3 {
        assert_eq!(refusal(&system, Role::Supervisor, "grantCredit", grant(700)).await, None);
    }
    let refused = refusal(&system, Role::Supervisor, "grantCredit", grant(701)).await;
    assert_eq!(refused.as_deref(), Some("POSTING_REUSED"));
    let spend = json!({ "customerId": customer, "postingId": "note-1", "money": money(700) });
    let refused = refusal(&system, Role::Supervisor, "spendCredit", spend).await;
    assert_eq!(refused.as_deref(), Some("POSTING_REUSED"));
    let seen = account(&system, &customer).await;
    assert_eq!((&seen["credit"][0]["minorUnits"], &seen["revision"]), (&json!(700), &json!(0)));

    let wrong = [
        ("note-2", json!({ "minorUnits": 5, "currency": "rial" }), "CURRENCY_UNKNOWN"),
        ("note-2", money(0), "AMOUNT_NOT_POSITIVE"),
        ("note:2", money(5), "POSTING_ID_RESERVED"),
        ("note 2", money(5), "CODE_INVALID"),
    ];
    for (id, money, code) in wrong {
        let input = json!({ "customerId": customer, "postingId": id, "money": money });
        let refused = refusal(&system, Role::Supervisor, "grantCredit", input).await;
        assert_eq!(refused.as_deref(), Some(code));
    }
    let nobody = global_id::encode(NodeType::Customer, uuid::Uuid::from_u128(7));
    let input = json!({ "customerId": nobody, "postingId": "note-2", "money": money(5) });
    let refused = refusal(&system, Role::Supervisor, "grantCredit", input).await;
    assert_eq!(refused.as_deref(), Some("CUSTOMER_NOT_FOUND"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_expire_in_their_moment_and_the_log_tells_it_once() {
    let begin: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(begin));
    let system = System::start_with_clock(clock.clone()).await;
    let customer = registered(&system).await;
    let expires_at = begin + SignedDuration::from_hours(24);
    for (id, points, expires_at) in [("short", 100, Some(expires_at)), ("long", 30, None)] {
        let expires_at = expires_at.map(|moment: Timestamp| moment.to_string());
        let input = json!({ "customerId": customer, "postingId": id, "points": points, "expiresAt": expires_at });
        system.caller(Role::Service).mutate("earnPoints", "account { points }", input).await;
    }
    assert_eq!(account(&system, &customer).await["lots"][0]["postingId"], "short");
    clock.set(expires_at);
    // At once, whether it was recorded or not.
    assert_eq!(account(&system, &customer).await["points"], 30);
    // And recorded by itself, once.
    let mut head = system.app.read_models.position_changes();
    while account(&system, &customer).await["revision"] != 2 {
        head.changed().await.unwrap();
    }
    let log = system.app.store.read_all(None, 1_000).await.unwrap();
    let expiries: Vec<_> =
        log.iter().filter(|event| &*event.type_name == "PointsExpired").collect();
    assert_eq!(expiries.len(), 1);
    let (stream, name) = (expiries[0].stream.as_str(), &expiries[0].type_name);
    let event = DomainEvent::decode(stream, name, 1, &expiries[0].data).unwrap();
    let DomainEvent::Account(_, event) = event else { panic!("{event:?}") };
    assert_eq!(event.points().0, -100);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_take_and_only_leaders_give() {
    let system = System::start().await;
    let customer = registered(&system).await;
    let earn = json!({ "customerId": customer, "postingId": "a", "points": 10 });
    let query =
        "mutation($input: EarnPointsInput!) { earnPoints(input: $input) { userErrors { code } } }";
    for role in [Role::Agent, Role::Auditor, Role::Monitor, Role::Admin, Role::PrivacyOfficer] {
        let answer = system.caller(role).send(query, json!({ "input": earn })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN", "{role}");
    }
    let id = global_id::decode("id", NodeType::Customer, &customer.as_str().into()).unwrap();
    let answer = system.customer(id).send(query, json!({ "input": earn })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(refusal(&system, Role::Supervisor, "earnPoints", earn).await, None);
    let redeem =
        json!({ "customerId": customer, "postingId": "b", "points": 10, "centre": "سینما" });
    assert_eq!(refusal(&system, Role::Agent, "redeemPoints", redeem).await, None);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_decided_on_what_the_log_has_now_and_not_on_what_memory_has() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::default());
    // Two that write the same log stand for a state that came into the cache late.
    let [one, other] =
        [(); 2].map(|()| CommandHandler::new(store.clone(), vault(), Arc::new(SystemClock)));
    let account = stream("account", uuid::Uuid::from_u128(1));
    let money = |units| Money::new(units, Currency::new("IRR").unwrap());
    let id = |name: &str| PostingId::new(name).unwrap();
    let send = async |commands: &CommandHandler, command| {
        let batch = vec![(metadata(None), command)];
        commands.execute::<Account>(&account, batch, None, |_| true).await
    };
    let grant = |name, units| {
        let (posting_id, money) = (id(name), money(units));
        AccountCommand::GrantCredit(GrantCredit { posting_id, money, case_id: None })
    };
    send(&one, grant("a", 5)).await.unwrap();
    send(&other, grant("b", 5)).await.unwrap();
    let (posting_id, money) = (id("c"), money(10));
    let spend = AccountCommand::SpendCredit(SpendCredit { posting_id, money });
    assert_eq!(send(&one, spend).await.unwrap().revision, Some(2));
}
