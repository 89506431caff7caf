//! Accounts that can hold no more: what cannot be posted to them waits, is counted, and keeps nothing else waiting.

use std::time::Duration;

use parvandeh::principal::Role;
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CaseId, CustomerId, ProviderId, ProviderReference};
use parvandeh_domain::money::MINOR_UNITS_MAX;
use parvandeh_domain::payment::command::{ConfirmPayment, RequestPayment};
use parvandeh_domain::payment::{Payment, PaymentCommand, PaymentPurpose};
use parvandeh_domain::redress::command::{ApproveRedress, ProposeRedress};
use parvandeh_domain::redress::{Redress, RedressCommand, RedressGround, RedressValue};
use serde_json::json;
use uuid::Uuid;

use super::payments::{credit, customer_id, rials, seen};
use super::registered;
use crate::harness::System;
use crate::harness::work::{metadata, stream};
use crate::metrics::{scrape, value};

/// More than one page of what is looked up at once.
const STUCK: usize = 201;

async fn redress_is_accepted(system: &System, customer: Uuid, units: i64) {
    let propose = RedressCommand::Propose(ProposeRedress {
        case_id: CaseId(Uuid::now_v7()),
        customer_id: CustomerId(customer),
        value: RedressValue::Money(rials(units)),
        ground: RedressGround::Delay,
    });
    let approve = RedressCommand::Approve(ApproveRedress { limit: None });
    let mut approver = metadata(None);
    approver.actor = Actor { kind: ActorKind::Staff, id: "another".to_owned() };
    let batch = vec![
        (metadata(None), propose),
        (approver, approve),
        (metadata(None), RedressCommand::Accept),
    ];
    let stream = stream("redress", Uuid::now_v7());
    system.app.commands.execute::<Redress>(&stream, batch, None, |_| true).await.unwrap();
}

async fn payment_has_come(system: &System, customer: Uuid, units: i64) {
    let id = Uuid::now_v7();
    let request = PaymentCommand::Request(RequestPayment {
        customer_id: CustomerId(customer),
        money: rials(units),
        purpose: PaymentPurpose::TopUp,
        provider: ProviderId::new("scripted").unwrap(),
    });
    let provider_reference = ProviderReference::new(format!("ref-{id}")).unwrap();
    let confirm =
        PaymentCommand::Confirm(ConfirmPayment { money: rials(units), provider_reference });
    let batch = vec![(metadata(None), request), (metadata(None), confirm)];
    let stream = stream("payment", id);
    system.app.commands.execute::<Payment>(&stream, batch, None, |_| true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_posted_waits_and_is_counted_and_what_came_later_is_posted() {
    let system = System::start().await;
    let (full, other) = (registered(&system).await, registered(&system).await);
    let money = json!({ "minorUnits": MINOR_UNITS_MAX, "currency": "IRR" });
    let grant = json!({ "customerId": full, "postingId": "note-1", "money": money });
    system.caller(Role::Supervisor).mutate("grantCredit", "account { points }", grant).await;
    for _ in 0..STUCK {
        redress_is_accepted(&system, customer_id(&full), 1).await;
        payment_has_come(&system, customer_id(&full), 1).await;
    }
    redress_is_accepted(&system, customer_id(&other), 500).await;
    payment_has_come(&system, customer_id(&other), 700).await;
    seen(&system, &other, |seen| credit(seen) == 1_200).await;

    // It is counted, from when it was accepted or paid, and nothing else is left.
    let mut moved = system.app.read_models.position_changes();
    let text = loop {
        let text = scrape(&system).await;
        if value(&text, "parvandeh_settlements_waiting") == (2 * STUCK) as f64 {
            break text;
        }
        let waited = tokio::time::timeout(Duration::from_secs(60), moved.changed()).await;
        waited.unwrap_or_else(|_| panic!("it stays so: {text}")).unwrap();
    };
    assert!(value(&text, "parvandeh_settlement_age_seconds") > 0.0);

    // Where there is room, it is posted by itself.
    let money = json!({ "minorUnits": MINOR_UNITS_MAX, "currency": "IRR" });
    let spend = json!({ "customerId": full, "postingId": "note-2", "money": money });
    system.caller(Role::Supervisor).mutate("spendCredit", "account { points }", spend).await;
    seen(&system, &full, |seen| credit(seen) == 2 * STUCK as i64).await;
    system.stop().await;
}
