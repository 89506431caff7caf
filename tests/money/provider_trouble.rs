//! Payments where something is wrong with the provider, and what is asked again: nothing waits for what cannot be done, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock, SystemClock};
use parvandeh::graphql::global_id::{self, NodeType};
use parvandeh::payment::callback::CallbackSecrets;
use parvandeh::payment::compared_days::{ComparedDays, DAYS_MAX};
use parvandeh::payment::demo::DemoProvider;
use parvandeh::payment::{Direction, Payments, Settlement};
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use parvandeh_domain::id::{PaymentId, ProviderReference};
use parvandeh_domain::payment::{Payment, PaymentCommand};
use parvandeh_projections::case_money;
use parvandeh_projections::scope::CaseScope;
use serde_json::json;
use uuid::Uuid;

use super::payments::{
    Scripted, World, assessed_fee, credit, customer_id, money, payment_id, rials, seen, started,
    status, until_a_fee_is_paid,
};
use super::{refusal, registered};
use crate::harness::System;
use crate::harness::work::{metadata, stream};
use crate::metrics::{scrape, value};

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_provider_never_makes_keeps_no_other_waiting_and_is_counted() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let older = world.top_up(&customer, 700).await;
    let newer = world.top_up(&customer, 300).await;
    world.paid(older, 700).await;
    world.paid(newer, 300).await;
    seen(&world.system, &customer, |seen| credit(seen) == 1_000).await;
    world.provider.kept.lock().unwrap().push(older);
    for id in [older, newer] {
        let step = json!({ "paymentId": id.to_string() });
        assert_eq!(refusal(&world.system, Role::Supervisor, "refundPayment", step).await, None);
    }
    // The newest stands first.
    let found = seen(&world.system, &customer, |seen| status(seen) == "REFUNDED").await;
    assert_eq!(found["payments"]["nodes"][1]["status"], "REFUND_REQUESTED");
    assert_eq!(*world.provider.refunded.lock().unwrap(), [newer]);
    let text = scrape(&world.system).await;
    assert_eq!(value(&text, "parvandeh_payment_refunds_waiting"), 1.0);
    assert!(value(&text, "parvandeh_payment_refund_age_seconds") > 0.0);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_about_which_the_provider_never_answers_keep_no_other_waiting() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let mut ids = Vec::new();
    for units in [100, 200, 300, 400] {
        let id = world.top_up(&customer, units).await;
        world.paid(id, units).await;
        ids.push(id);
    }
    seen(&world.system, &customer, |seen| credit(seen) == 1_000).await;
    *world.provider.down.lock().unwrap() = true;
    for id in &ids {
        let step = json!({ "paymentId": id.to_string() });
        assert_eq!(refusal(&world.system, Role::Supervisor, "refundPayment", step).await, None);
    }
    seen(&world.system, &customer, |seen| credit(seen) == 0).await;
    let World { directory, system, provider, secrets } = world;
    system.stop().await;
    crate::harness::released(directory.path()).await;
    *provider.down.lock().unwrap() = false;
    let newest = ids.pop().unwrap();
    *provider.silent.lock().unwrap() = ids;
    let system = started(&directory, &provider, &secrets, SystemClock).await;
    seen(&system, &customer, |seen| status(seen) == "REFUNDED").await;
    assert_eq!(*provider.refunded.lock().unwrap(), [newest]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_by_a_provider_that_is_gone_is_not_refunded_and_stays_as_credit() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let id = world.top_up(&customer, 700).await;
    world.paid(id, 700).await;
    seen(&world.system, &customer, |seen| credit(seen) == 700).await;
    let World { directory, system, provider, secrets } = world;
    system.stop().await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let demo = DemoProvider::open(None, Duration::ZERO, secrets.clone(), clock).unwrap();
    let another = Payments::by(Arc::new(demo), secrets.clone());
    let step = json!({ "paymentId": id.to_string() });
    for payments in [None, Some(another)] {
        crate::harness::released(directory.path()).await;
        let keyring = Keyring::at(directory.path().join("keyring"));
        let system = System::start_prepared(directory.path(), keyring, SystemClock, |app| {
            app.payments = payments;
        })
        .await;
        let refused = refusal(&system, Role::Supervisor, "refundPayment", step.clone()).await;
        assert_eq!(refused.as_deref(), Some("PAYMENTS_NOT_CONFIGURED"));
        let found = seen(&system, &customer, |_| true).await;
        assert_eq!((status(&found), credit(&found)), ("CONFIRMED", 700));
        system.stop().await;
    }
    // It is as before when the provider is there again.
    crate::harness::released(directory.path()).await;
    let system = started(&directory, &provider, &secrets, SystemClock).await;
    assert_eq!(refusal(&system, Role::Supervisor, "refundPayment", step).await, None);
    let found = seen(&system, &customer, |seen| status(seen) == "REFUNDED").await;
    assert_eq!(credit(&found), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_was_cut_off_leaves_the_credit_until_the_provider_of_the_payment_is_there() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let id = world.top_up(&customer, 700).await;
    world.paid(id, 700).await;
    seen(&world.system, &customer, |seen| credit(seen) == 700).await;
    let World { directory, system, provider, secrets } = world;
    system.stop().await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let demo = DemoProvider::open(None, Duration::ZERO, secrets.clone(), clock).unwrap();
    let another = Payments::by(Arc::new(demo), secrets.clone());
    for payments in [None, Some(another)] {
        crate::harness::released(directory.path()).await;
        let keyring = Keyring::at(directory.path().join("keyring"));
        let system = System::start_prepared(directory.path(), keyring, SystemClock, |app| {
            app.payments = payments;
        })
        .await;
        // As a process leaves it that is killed when it has written this.
        let (stream, refund) = (stream("payment", id), PaymentCommand::Refund);
        let batch = vec![(metadata(None), refund)];
        system.app.commands.execute::<Payment>(&stream, batch, None, |_| true).await.unwrap();
        system.app.read_models.wait_for(system.app.store.head().unwrap()).await.unwrap();
        system.app.payment_keeper().settle().await.unwrap();
        let found = seen(&system, &customer, |_| true).await;
        assert_eq!((status(&found), credit(&found)), ("REFUND_REQUESTED", 700));
        let text = scrape(&system).await;
        assert_eq!(value(&text, "parvandeh_payment_refunds_waiting"), 1.0);
        system.stop().await;
    }
    crate::harness::released(directory.path()).await;
    let system = started(&directory, &provider, &secrets, SystemClock).await;
    let found = seen(&system, &customer, |seen| status(seen) == "REFUNDED").await;
    assert_eq!(credit(&found), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_requested_again_after_it_was_paid_is_the_same_and_has_no_page_any_more()
{
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let (_, fee) = assessed_fee(&world.system, &customer, 700).await;
    let own = world.system.customer(customer_id(&customer));
    let input = json!({ "purpose": { "fee": fee }, "idempotencyKey": "one" });
    let first = own.mutate("requestPayment", "payment { id } page", input.clone()).await;
    world.paid(payment_id(&first), 700).await;
    until_a_fee_is_paid(&world.system).await;
    let again = own.mutate("requestPayment", "payment { id status } page", input).await;
    let paid = json!({ "id": first["payment"]["id"], "status": "CONFIRMED" });
    assert_eq!((&again["payment"], &again["page"]), (&paid, &json!(null)));
    assert_eq!(*world.provider.begun.lock().unwrap(), [payment_id(&first)]);
    // A request of its own is refused, and its key is free for another.
    let query = "mutation($input: RequestPaymentInput!) { requestPayment(input: $input) { page userErrors { code } } }";
    let input = json!({ "purpose": { "fee": fee }, "idempotencyKey": "two" });
    let answer = own.ask(query, json!({ "input": input })).await;
    assert_eq!(answer["requestPayment"]["userErrors"][0]["code"], "FEE_NOT_NOW");
    let input = json!({ "purpose": { "topUp": { "money": money(5) } }, "idempotencyKey": "two" });
    let answer = own.ask(query, json!({ "input": input })).await;
    assert_eq!(answer["requestPayment"]["userErrors"], json!([]));
    let found = seen(&world.system, &customer, |_| true).await;
    assert_eq!(found["payments"]["totalCount"], 2);
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_is_requested_to_be_paid_twenty_times_and_views_of_the_past_read_none_of_these() {
    let world = World::start().await;
    let customer = registered(&world.system).await;
    let (case, fee) = assessed_fee(&world.system, &customer, 700).await;
    let own = world.system.customer(customer_id(&customer));
    let input =
        |number| json!({ "purpose": { "fee": fee }, "idempotencyKey": format!("pay-{number}") });
    for number in 1..=20 {
        own.mutate("requestPayment", "page", input(number)).await;
    }
    let query = "mutation($input: RequestPaymentInput!) { requestPayment(input: $input) { page userErrors { code } } }";
    let answer = own.ask(query, json!({ "input": input(21) })).await;
    assert_eq!(answer["requestPayment"]["userErrors"][0]["code"], "FEE_PAYMENTS_TOO_MANY");
    // What was requested before is answered as before.
    own.mutate("requestPayment", "page", input(20)).await;
    let id = global_id::decode("id", NodeType::Case, &case.as_str().into()).unwrap();
    let streams = world.system.app.read_models.query(move |db| {
        let all = CaseScope::All;
        let with_payments = case_money::streams_with_payments(db, &all, id)?;
        Ok((case_money::streams(db, &all, id)?, with_payments.len()))
    });
    assert_eq!(streams.await.unwrap(), (vec![format!("fee-{fee}")], 21));
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_around_midnight_is_compared_with_the_books_of_the_day_that_has_it() {
    let now: Timestamp = "2026-03-20T23:59:59Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(now));
    let directory = tempfile::tempdir().unwrap();
    let (provider, secrets) = (Arc::<Scripted>::default(), CallbackSecrets::random().unwrap());
    let system = started(&directory, &provider, &secrets, clock.clone()).await;
    let world = World { directory, system, provider, secrets };
    let customer = registered(&world.system).await;
    let (later, earlier, missing) = (
        world.top_up(&customer, 500).await,
        world.top_up(&customer, 300).await,
        world.top_up(&customer, 200).await,
    );
    // The provider's clock is two seconds ahead.
    world.paid(later, 500).await;
    clock.set(now + SignedDuration::from_secs(1));
    // Here it is told on the day after it was booked, and of another payment nothing is booked.
    world.paid(earlier, 300).await;
    world.paid(missing, 200).await;
    seen(&world.system, &customer, |seen| credit(seen) == 1_000).await;
    let line = |id: PaymentId, units, at: Timestamp| Settlement {
        payment_id: id,
        direction: Direction::Paid,
        reference: ProviderReference::new(format!("ref-{id}")).unwrap(),
        money: rials(units),
        at,
    };
    *world.provider.books.lock().unwrap() =
        vec![line(earlier, 300, now), line(later, 500, now + SignedDuration::from_secs(2))];
    let query =
        "query($day: String!) { reconciliation(day: $day) { lines { paymentId agreement } } }";
    let supervisor = world.system.caller(Role::Supervisor);
    let agreements = async |day: &str| {
        let mut answer = supervisor.ask(query, json!({ "day": day })).await;
        answer["reconciliation"]["lines"].take()
    };
    let line =
        |id: PaymentId, agreement| json!({ "paymentId": id.to_string(), "agreement": agreement });
    assert_eq!(agreements("2026-03-20").await, json!([line(earlier, "AGREES")]));
    assert_eq!(
        agreements("2026-03-21").await,
        json!([line(missing, "MISSING_THERE"), line(later, "AGREES")])
    );
    world.system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_passed_while_the_provider_slept_are_compared_when_it_wakes() {
    let now: Timestamp = "2026-03-21T12:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::starting_at(now));
    let directory = tempfile::tempdir().unwrap();
    let (provider, secrets) = (Arc::<Scripted>::default(), CallbackSecrets::random().unwrap());
    let system = started(&directory, &provider, &secrets, clock.clone()).await;
    let three_days_ago = now - SignedDuration::from_hours(72);
    provider.books.lock().unwrap().push(Settlement {
        payment_id: PaymentId(Uuid::from_u128(7)),
        direction: Direction::Paid,
        reference: ProviderReference::new("ref-7").unwrap(),
        money: rials(900),
        at: three_days_ago,
    });
    let keeper = system.app.payment_keeper();
    let mut days = ComparedDays::default();
    *provider.down.lock().unwrap() = true;
    keeper.compare_due(&mut days).await;
    assert_eq!((days.owed(now), days.differences(now)), (DAYS_MAX, 0));
    *provider.down.lock().unwrap() = false;
    keeper.compare_due(&mut days).await;
    assert_eq!((days.owed(now), days.differences(now)), (0, 1));
    // What was mended is not told for ever.
    provider.books.lock().unwrap().clear();
    clock.set(now + SignedDuration::from_hours(1));
    let differing = TimeZone::UTC.to_datetime(three_days_ago).date();
    assert_eq!(days.due(clock.now()), [differing]);
    keeper.compare_due(&mut days).await;
    assert_eq!(days.differences(clock.now()), 0);
    system.stop().await;
}
