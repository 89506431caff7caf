//! A person who has several records, because they were merged: one order erases them all, whatever comes between.

use std::collections::BTreeSet;

use parvandeh::app::App;
use parvandeh::command::handler::CommandError;
use parvandeh::principal::Role;
use parvandeh_domain::customer::command::{
    MergeCustomer, OrderErasure, PlaceLegalHold, Survivor, UnmergeCustomer,
};
use parvandeh_domain::customer::{CustomerCommand, ErasureGround};
use parvandeh_domain::id::{CustomerId, DataSubject};
use parvandeh_domain::pii::Pii;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{CANARY, customer_with_cases, erase, log_of, on_customer, said};
use crate::authorisation::documents::{global_id, uuid_of};
use crate::harness::System;

/// Merges one record into another as a program does that does not know of what this one is about.
pub(super) async fn merge(app: &App, given_up: CustomerId, into: CustomerId) {
    let reason = Pii::new(said("یک شخص است"));
    let merge = MergeCustomer { into, reason, survivor: Survivor::Standing };
    on_customer(app, given_up, CustomerCommand::Merge(merge)).await.unwrap();
}

/// An order that names no other record.
pub(super) fn order_alone() -> CustomerCommand {
    order_with(&[])
}

pub(super) fn order_with(others: &[CustomerId]) -> CustomerCommand {
    let (ground, with) = (ErasureGround::Unlawful, others.to_vec());
    CustomerCommand::OrderErasure(OrderErasure { ground, with, held: None })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_erases_all_records_of_a_person_and_a_hold_on_one_of_them_refuses_it_for_all() {
    let system = System::start().await;
    let (agent, officer) = (system.caller(Role::Agent), system.caller(Role::PrivacyOfficer));
    let mut records = Vec::new();
    for _ in 0..4 {
        let input = json!({ "kind": "INDIVIDUAL", "name": said("name"), "language": "PERSIAN" });
        let mut done = agent.mutate("registerCustomer", "customer { id }", input).await;
        let customer = done["customer"]["id"].take();
        let input = json!({ "kind": "COMPLAINT", "subject": said("subject"), "channel": "PHONE",
            "unit": "care", "customerId": customer });
        let mut done = agent.mutate("openCase", "case { id }", input).await;
        records.push((customer, done["case"]["id"].take()));
    }
    let asked =
        "query($id: ID!, $case: ID!) { customer(id: $id) { name } case(id: $case) { subject } }";
    let agent = &agent;
    let tells = async |(customer, case): &(Value, Value)| {
        let told = agent.ask(asked, json!({ "id": customer, "case": case })).await;
        let said = |text: &Value| text.as_str().is_some_and(|text| text.contains(CANARY));
        (said(&told["customer"]["name"]), said(&told["case"]["subject"]))
    };
    let id = |record: usize| records[record].0.clone();
    // A chain of three; the fourth is somebody else.
    for (given_up, into) in [(2, 1), (1, 0)] {
        let input =
            json!({ "customerId": id(given_up), "into": id(into), "reason": said("merged") });
        agent.mutate("mergeCustomer", "customer { id }", input).await;
    }
    let hold = json!({ "customerId": id(2), "matter": "1405/312" });
    officer.mutate("placeLegalHold", "customer { id }", hold).await;
    let document = "mutation($id: ID!) { eraseCustomer(input: { customerId: $id, ground: SUBJECT_REQUEST }) \
                    { customer { id } userErrors { code message } } }";
    let held = uuid_of(id(2).as_str().unwrap()).to_string();
    for named in [0, 1] {
        let refused = officer.send(document, json!({ "id": id(named) })).await;
        let error = &refused["data"]["eraseCustomer"]["userErrors"][0];
        assert_eq!(error["code"], "LEGAL_HOLD");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&held) && message.contains("1405/312"), "{message}");
    }
    for record in &records {
        assert_eq!(tells(record).await, (true, true), "nothing was erased");
    }
    officer.mutate("releaseLegalHold", "", json!({ "customerId": id(2) })).await;

    // Whichever record is named: here the one in the middle.
    assert_eq!(erase(&system, id(1).as_str().unwrap()).await["erased"], true);
    // Already the order itself names the others: so it is gone on with, even where nothing else was written after it.
    let uuids = [0, 1, 2].map(|record| uuid_of(id(record).as_str().unwrap()));
    let log = log_of(&system.app.log).await;
    let ordered = log.iter().find(|logged| &*logged.type_name == "CustomerErasureOrdered").unwrap();
    assert_eq!(ordered.stream.to_string(), format!("customer-{}", uuids[1]));
    let order: Value = serde_json::from_slice(&ordered.data).unwrap();
    let named: BTreeSet<Uuid> = serde_json::from_value(order["with"].clone()).unwrap();
    assert_eq!(named, BTreeSet::from([uuids[0], uuids[2]]));
    let query = "query($id: ID!) { customer(id: $id) { erased erasure { receipt { eventId } } } }";
    for record in &records[..3] {
        let seen = officer.ask(query, json!({ "id": record.0 })).await;
        assert_eq!(seen["customer"]["erased"], true, "{seen}");
        assert!(seen["customer"]["erasure"]["receipt"]["eventId"].is_string(), "{seen}");
        assert_eq!(tells(record).await, (false, false));
    }
    assert_eq!(tells(&records[3]).await, (true, true), "somebody else");
    let hold = json!({ "customerId": id(2), "matter": "1405/313" });
    let document = "mutation($input: PlaceLegalHoldInput!) { placeLegalHold(input: $input) { userErrors { code } } }";
    let refused = officer.send(document, json!({ "input": hold })).await;
    let codes = &refused["data"]["placeLegalHold"]["userErrors"];
    assert_eq!(codes, &json!([{ "code": "CUSTOMER_ERASED" }]));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_of_several_records_is_finished_wherever_a_crash_interrupts_it() {
    // The process ends after the order itself, after the orders in so many of the other records, and after so many of these are done.
    for (orders, done) in [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2)] {
        let directory = tempfile::tempdir().unwrap();
        let app = App::open(directory.path()).await.unwrap();
        app.start_read_models(|_| {}).await.unwrap();
        let mut customers = Vec::new();
        for _ in 0..3 {
            customers.push(customer_with_cases(&app, 1).await);
        }
        for other in &customers[1..] {
            merge(&app, *other, customers[0]).await;
        }
        on_customer(&app, customers[0], order_with(&customers[1..])).await.unwrap();
        for other in &customers[1..][..orders] {
            on_customer(&app, *other, order_alone()).await.unwrap();
        }
        for other in &customers[1..][..done] {
            app.eraser().carry_out(*other).await.unwrap();
        }
        app.stop().await;

        let app = App::open(directory.path()).await.unwrap();
        app.start_read_models(|_| {}).await.unwrap();
        let log = log_of(&app.log).await;
        assert!(log.iter().all(|logged| logged.envelope.is_none()), "{orders} {done}");
        for told in ["CustomerErasureOrdered", "CustomerErased"] {
            let count = log.iter().filter(|logged| &*logged.type_name == told).count();
            assert_eq!(count, 3, "{told}: {orders} {done}");
        }
        for customer in &customers {
            assert!(app.vault.is_erased(DataSubject::Customer(*customer)));
        }
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_comes_between_keeps_its_record_and_the_erasure_waits_for_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    let (named, held) = (customer_with_cases(&app, 1).await, customer_with_cases(&app, 1).await);
    merge(&app, held, named).await;
    // Another program placed the hold after this one had looked.
    let hold = PlaceLegalHold { matter: "1405/312".to_owned() };
    on_customer(&app, held, CustomerCommand::PlaceLegalHold(hold)).await.unwrap();
    on_customer(&app, named, order_with(&[held])).await.unwrap();
    app.stop().await;

    let mut app = App::open(directory.path()).await.unwrap();
    for (released, erased) in [(false, 0), (true, 2)] {
        if released {
            on_customer(&app, held, CustomerCommand::ReleaseLegalHold).await.unwrap();
            app.stop().await;
            app = App::open(directory.path()).await.unwrap();
        }
        app.start_read_models(|_| {}).await.unwrap();
        assert!(app.vault.is_erased(DataSubject::Customer(named)));
        assert_eq!(app.vault.is_erased(DataSubject::Customer(held)), released);
        let log = log_of(&app.log).await;
        let count = log.iter().filter(|logged| &*logged.type_name == "CustomerErased").count();
        assert_eq!(count, erased, "released: {released}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_asked_for_once_more_erases_the_records_that_the_first_order_does_not_name() {
    let system = System::start().await;
    let (app, officer) = (&system.app, system.caller(Role::PrivacyOfficer));
    for done in [false, true] {
        let named = customer_with_cases(app, 1).await;
        let (left, further) =
            (customer_with_cases(app, 1).await, customer_with_cases(app, 1).await);
        on_customer(app, named, order_alone()).await.unwrap();
        if done {
            app.eraser().carry_out(named).await.unwrap();
        }
        // Another program merged them just then.
        merge(app, left, named).await;
        merge(app, further, left).await;

        let input = json!({ "customerId": global_id("Customer", named.0), "ground": "UNLAWFUL" });
        let hold = CustomerCommand::PlaceLegalHold(PlaceLegalHold { matter: "1405/312".into() });
        on_customer(app, further, hold).await.unwrap();
        assert_eq!(officer.refusal("eraseCustomer", input.clone()).await, "LEGAL_HOLD");
        for kept in [left, further] {
            assert!(!app.vault.is_erased(DataSubject::Customer(kept)), "nothing more is erased");
        }
        on_customer(app, further, CustomerCommand::ReleaseLegalHold).await.unwrap();

        officer.mutate("eraseCustomer", "customer { erased }", input).await;
        let query =
            "query($id: ID!) { customer(id: $id) { erasure { receipt { eventId } } name } }";
        for record in [named, left, further] {
            let id = global_id("Customer", record.0);
            let seen = officer.ask(query, json!({ "id": id })).await;
            assert!(seen["customer"]["erasure"]["receipt"]["eventId"].is_string(), "{seen}");
            assert_eq!(seen["customer"]["name"], Value::Null);
        }
    }
    let log = log_of(&app.log).await;
    assert!(log.iter().all(|logged| logged.envelope.is_none()));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_came_between_is_an_answer_to_whoever_asks_for_the_erasure_again() {
    let system = System::start().await;
    let (app, officer) = (&system.app, system.caller(Role::PrivacyOfficer));
    let (named, held) = (customer_with_cases(app, 1).await, customer_with_cases(app, 1).await);
    merge(app, held, named).await;
    on_customer(app, named, order_with(&[held])).await.unwrap();
    let hold = CustomerCommand::PlaceLegalHold(PlaceLegalHold { matter: "1405/312".into() });
    on_customer(app, held, hold).await.unwrap();

    let document = "mutation($id: ID!) { eraseCustomer(input: { customerId: $id, ground: UNLAWFUL }) \
                    { customer { id } userErrors { code message } } }";
    let id = global_id("Customer", named.0);
    let answer = officer.send(document, json!({ "id": id })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let error = &answer["data"]["eraseCustomer"]["userErrors"][0];
    assert_eq!(error["code"], "ERASURE_WAITS_FOR_HOLD", "the order stands");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&held.to_string()) && message.contains("1405/312"), "{message}");

    on_customer(app, held, CustomerCommand::ReleaseLegalHold).await.unwrap();
    let input = json!({ "customerId": id, "ground": "UNLAWFUL" });
    officer.mutate("eraseCustomer", "customer { erased }", input).await;
    assert!(app.vault.is_erased(DataSubject::Customer(held)));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_leaves_a_merge_before_its_erasure_is_ordered_is_kept_with_all_that_came_with_it()
 {
    let directory = tempfile::tempdir().unwrap();
    let app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    let mut customers = Vec::new();
    for _ in 0..5 {
        customers.push(customer_with_cases(&app, 1).await);
    }
    let [survivor, named, kept, came_with_it, late] = customers[..] else { panic!() };
    merge(&app, named, survivor).await;
    merge(&app, kept, survivor).await;
    merge(&app, came_with_it, kept).await;
    merge(&app, late, survivor).await;
    on_customer(&app, named, order_with(&[survivor, kept, came_with_it, late])).await.unwrap();
    // The process ends after the order in one more record.
    on_customer(&app, late, order_alone()).await.unwrap();
    let reason = Pii::new(said("دو نفرند"));
    let undo = CustomerCommand::Unmerge(UnmergeCustomer { reason });
    on_customer(&app, kept, undo.clone()).await.unwrap();
    assert!(matches!(on_customer(&app, late, undo).await, Err(CommandError::Refused(_))));
    app.stop().await;

    let app = App::open(directory.path()).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    for (customer, is_erased) in
        [(survivor, true), (named, true), (kept, false), (came_with_it, false), (late, true)]
    {
        assert_eq!(app.vault.is_erased(DataSubject::Customer(customer)), is_erased);
    }
    let log = log_of(&app.log).await;
    let erased = log.iter().filter(|logged| &*logged.type_name == "CustomerErased").count();
    assert_eq!(erased, 3);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_merge_is_undone_while_its_person_is_erased_is_taken_out_or_erased_never_both()
 {
    let system = System::start().await;
    let (agent, officer) = (system.caller(Role::Agent), system.caller(Role::PrivacyOfficer));
    for _ in 0..10 {
        let (named, other) =
            (customer_with_cases(&system.app, 1).await, customer_with_cases(&system.app, 1).await);
        merge(&system.app, other, named).await;
        let order = json!({ "input": { "customerId": global_id("Customer", named.0), "ground": "UNLAWFUL" } });
        let undo =
            json!({ "input": { "customerId": global_id("Customer", other.0), "reason": "x" } });
        let (erased, undone) = tokio::join!(
            officer.send(
                "mutation($input: EraseCustomerInput!) { eraseCustomer(input: $input) { userErrors { code } } }",
                order
            ),
            agent.send(
                "mutation($input: UnmergeCustomerInput!) { unmergeCustomer(input: $input) { userErrors { code } } }",
                undo
            ),
        );
        assert_eq!(erased["data"]["eraseCustomer"]["userErrors"], json!([]), "{erased}");
        let undone = undone["data"]["unmergeCustomer"]["userErrors"] == json!([]);
        let is_erased = system.app.vault.is_erased(DataSubject::Customer(other));
        assert_ne!(undone, is_erased);
    }
    system.stop().await;
}
