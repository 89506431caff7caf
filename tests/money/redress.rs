//! Redress and fees from the outside: what is proposed, approved, accepted and paid, and what a customer is asked to pay.

use parvandeh::clock::SystemClock;
use parvandeh::config::RedressLimits;
use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use parvandeh_domain::money::Currency;
use parvandeh_domain::redress::ApprovalLimit;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::{refusal, registered};
use crate::harness::{Caller, System};

/// A system where agents approve up to 1,000 rials and 50 points.
async fn start() -> (TempDir, System) {
    let directory = tempfile::tempdir().unwrap();
    let keyring = Keyring::at(directory.path().join("keyring"));
    let money = [(Currency::new("IRR").unwrap(), 1_000)].into();
    let agent = ApprovalLimit { points: 50, money };
    let limits = RedressLimits { agent, supervisor: None };
    let system = System::start_prepared(directory.path(), keyring, SystemClock, |app| {
        app.redress_limits = limits;
    })
    .await;
    (directory, system)
}

async fn case_of(system: &System, customer: &str, kind: &str) -> String {
    let input = json!({ "kind": kind, "subject": "موضوع", "channel": "EMAIL", "unit": "care", "customerId": customer });
    let done = system.caller(Role::Supervisor).mutate("openCase", "case { id }", input).await;
    done["case"]["id"].as_str().unwrap().to_owned()
}

async fn proposed(caller: &Caller<'_>, case: &str, value: Value) -> String {
    let input = json!({ "caseId": case, "value": value, "ground": "DELAY" });
    let done = caller.mutate("proposeRedress", "redress { id status }", input).await;
    assert_eq!(done["redress"]["status"], "PROPOSED");
    done["redress"]["id"].as_str().unwrap().to_owned()
}

fn customer_id(global: &str) -> Uuid {
    global_id::decode("id", NodeType::Customer, &global.into()).unwrap()
}

const SEEN: &str = "query($case: ID!, $customer: ID!) { \
    case(id: $case) { redress { status points money { text } } fees { status money { text } } } \
    customer(id: $customer) { account { points credit { minorUnits } postings { nodes { postingId kind } } } } }";

/// What is seen of a case and the account of its customer, once nothing is left to be settled.
async fn seen(
    system: &System,
    case: &str,
    customer: &str,
    settled: impl Fn(&Value) -> bool,
) -> Value {
    let mut moved = system.app.read_models.position_changes();
    loop {
        let variables = json!({ "case": case, "customer": customer });
        let seen = system.caller(Role::Auditor).ask(SEEN, variables).await;
        if settled(&seen) {
            return seen;
        }
        moved.changed().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redress_is_proposed_approved_by_another_accepted_by_the_customer_and_paid_once() {
    let (_directory, system) = start().await;
    let customer = registered(&system).await;
    let case = case_of(&system, &customer, "COMPLAINT").await;
    let (service, agent) = (system.caller(Role::Service), system.caller(Role::Agent));
    let rials = |units: i64| json!({ "money": { "minorUnits": units, "currency": "IRR" } });

    let redress = proposed(&service, &case, rials(1_000)).await;
    let own = system.customer(customer_id(&customer));
    let step = json!({ "redressId": redress });
    // Nothing is accepted before it is approved, and no customer approves.
    assert_eq!(
        refusal(&system, Role::Service, "acceptRedress", step.clone()).await.as_deref(),
        Some("REDRESS_NOT_NOW")
    );
    let query = "mutation($input: ApproveRedressInput!) { approveRedress(input: $input) { userErrors { code } } }";
    let answer = own.send(query, json!({ "input": step })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    agent.mutate("approveRedress", "redress { status }", step.clone()).await;
    for _ in 0..2 {
        own.mutate("acceptRedress", "redress { id }", step.clone()).await;
    }
    let paid = |seen: &Value| seen["case"]["redress"][0]["status"] == "PAID";
    let found = seen(&system, &case, &customer, paid).await;
    assert_eq!(found["customer"]["account"]["credit"], json!([{ "minorUnits": 1_000 }]));
    let postings = found["customer"]["account"]["postings"]["nodes"].as_array().unwrap();
    assert_eq!(
        postings,
        &[json!({ "postingId": format!("redress:{redress}"), "kind": "CREDIT_GRANTED" })]
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn above_the_limit_of_their_role_nobody_approves_and_nobody_their_own_proposal() {
    let (_directory, system) = start().await;
    let customer = registered(&system).await;
    let case = case_of(&system, &customer, "REQUEST").await;
    let service = system.caller(Role::Service);
    for (value, allowed) in [
        (json!({ "points": 50 }), true),
        (json!({ "points": 51 }), false),
        (json!({ "money": { "minorUnits": 1_001, "currency": "IRR" } }), false),
        (json!({ "money": { "minorUnits": 1, "currency": "EUR" } }), false),
    ] {
        let step = json!({ "redressId": proposed(&service, &case, value.clone()).await });
        let refused = refusal(&system, Role::Agent, "approveRedress", step.clone()).await;
        assert_eq!(refused.is_none(), allowed, "{value}");
        if !allowed {
            assert_eq!(refused.as_deref(), Some("REDRESS_ABOVE_LIMIT"));
            assert_eq!(refusal(&system, Role::Supervisor, "approveRedress", step).await, None);
        }
    }
    let own = proposed(&system.caller(Role::Supervisor), &case, json!({ "points": 1 })).await;
    let refused =
        refusal(&system, Role::Supervisor, "approveRedress", json!({ "redressId": own })).await;
    assert_eq!(refused.as_deref(), Some("REDRESS_OWN_PROPOSAL"));
    // Another customer knows nothing of it.
    let other = registered(&system).await;
    let input = json!({ "input": { "redressId": own } });
    let query = "mutation($input: AcceptRedressInput!) { acceptRedress(input: $input) { userErrors { code } } }";
    let answer = system.customer(customer_id(&other)).ask(query, input).await;
    assert_eq!(answer["acceptRedress"]["userErrors"][0]["code"], "REDRESS_NOT_FOUND");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_paid_out_of_credit_once_and_refunded_once_and_never_asked_for_a_complaint() {
    let (_directory, system) = start().await;
    let customer = registered(&system).await;
    let money = json!({ "minorUnits": 700, "currency": "IRR" });
    let complaint = case_of(&system, &customer, "COMPLAINT").await;
    let assess =
        |case: &str| json!({ "caseId": case, "money": money, "tariff": "card-replacement" });
    let refused = refusal(&system, Role::Agent, "assessFee", assess(&complaint)).await;
    assert_eq!(refused.as_deref(), Some("FEE_ON_COMPLAINT"));
    let case = case_of(&system, &customer, "REQUEST").await;
    let done =
        system.caller(Role::Agent).mutate("assessFee", "fee { id status }", assess(&case)).await;
    let step = json!({ "feeId": done["fee"]["id"] });

    let own = system.customer(customer_id(&customer));
    let query = "mutation($input: PayFeeInput!) { payFee(input: $input) { fee { status } userErrors { code } } }";
    let answer = own.ask(query, json!({ "input": step })).await;
    assert_eq!(answer["payFee"]["userErrors"][0]["code"], "CREDIT_TOO_LOW");
    let grant = json!({ "customerId": customer, "postingId": "note-1", "money": { "minorUnits": 1_500, "currency": "IRR" } });
    system.caller(Role::Supervisor).mutate("grantCredit", "account { points }", grant).await;
    let mut keyed = step.clone();
    keyed["idempotencyKey"] = json!("the payment");
    for payment in [&keyed, &step] {
        let done = own.mutate("payFee", "fee { status }", payment.clone()).await;
        assert_eq!(done["fee"]["status"], "PAID");
    }
    let credit = |seen: &Value| seen["customer"]["account"]["credit"][0]["minorUnits"].clone();
    let found = seen(&system, &case, &customer, |_| true).await;
    assert_eq!(credit(&found), 800);
    // The payment is undone by a refund, not behind the fee's back.
    let fee = step["feeId"].as_str().unwrap();
    let behind =
        json!({ "customerId": customer, "postingId": "back", "reversed": format!("fee:{fee}") });
    let refused = refusal(&system, Role::Supervisor, "reversePosting", behind).await;
    assert_eq!(refused.as_deref(), Some("POSTING_ID_RESERVED"));
    assert_eq!(
        refusal(
            &system,
            Role::Supervisor,
            "waiveFee",
            json!({ "feeId": fee, "ground": "GOODWILL" })
        )
        .await
        .as_deref(),
        Some("FEE_NOT_NOW")
    );
    for _ in 0..2 {
        assert_eq!(refusal(&system, Role::Supervisor, "refundFee", step.clone()).await, None);
    }
    let found = seen(&system, &case, &customer, |seen| credit(seen) == 1_500).await;
    assert_eq!(found["case"]["fees"][0]["status"], "REFUNDED");
    let refused = refusal(&system, Role::Service, "payFee", step).await;
    assert_eq!(refused.as_deref(), Some("FEE_NOT_NOW"));
    // Whoever did not hear the answer hears now that it was paid with this key, and what became of the fee.
    let done = own.mutate("payFee", "fee { status }", keyed).await;
    assert_eq!(done["fee"]["status"], "REFUNDED");
    system.stop().await;
}
