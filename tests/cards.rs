//! Cards through GraphQL: issued once, shown masked, replaced and ended.

use parvandeh::app::App;
use parvandeh::clock::SystemClock;
use parvandeh::principal::Role;
use parvandeh::vault::Keyring;
use parvandeh_domain::card::{Card, CardNumber, CardStatus};
use parvandeh_domain::id::{CardId, CommandId, CustomerId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::authorisation::documents::{open, register, uuid_of};
use crate::harness::System;

/// The code of the only user error of a mutation.
async fn refused(system: &System, name: &str, input: Value) -> String {
    let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let query = format!(
        "mutation($input: {input_type}!) {{ {name}(input: $input) {{ card {{ id }} userErrors {{ code }} }} }}"
    );
    let answer = system.caller(Role::Service).send(&query, json!({ "input": input })).await;
    let payload = &answer["data"][name];
    assert_eq!(payload["card"], Value::Null, "{answer}");
    payload["userErrors"][0]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn card(system: &System, id: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Card { maskedNumber erased status blockReason replaces replacedBy revision \
                 customer { id } } } }";
    system.caller(Role::Service).ask(query, json!({ "id": id })).await["node"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_issued_with_a_number_that_is_told_once_and_shown_masked() {
    let system = System::start().await;
    let customer = register(&system).await;
    let service = system.caller(Role::Service);
    let input = json!({ "customerId": customer, "idempotencyKey": "card 1" });
    let issued = service.mutate("issueCard", "card { id } number", input.clone()).await;
    let number = issued["number"].as_str().unwrap();
    assert!(CardNumber::parse(number).is_some() && number.starts_with("936400"), "{number}");
    // The same request is the same card, and another request another one.
    assert_eq!(service.mutate("issueCard", "card { id } number", input).await, issued);
    let other = json!({ "customerId": customer });
    let other = service.mutate("issueCard", "card { id } number", other).await;
    assert_ne!(other["number"], issued["number"]);

    let shown = card(&system, &issued["card"]["id"]).await;
    assert_eq!(shown["maskedNumber"], format!("•••• •••• •••• {}", &number[12..]));
    assert_eq!((&shown["status"], &shown["customer"]["id"]), (&json!("ISSUED"), &json!(customer)));
    let all = "query($id: ID!) { customer(id: $id) { cards { id } } }";
    let cards = service.ask(all, json!({ "id": customer })).await;
    assert_eq!(cards["customer"]["cards"].as_array().unwrap().len(), 2);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_printed_already_is_taken_once_and_must_be_one_of_ours() {
    let system = System::start().await;
    let customer = register(&system).await;
    let service = system.caller(Role::Service);
    let number = CardNumber::of(&system.app.issuer_prefix, 123_456_789).digits().to_owned();
    let spaced = format!("{} {}", &number[..4], &number[4..]);
    let input = json!({ "customerId": customer, "number": spaced });
    let issued = service.mutate("issueCard", "number card { id }", input).await;
    assert_eq!(issued["number"], number);
    let again = json!({ "customerId": customer, "number": number });
    assert_eq!(refused(&system, "issueCard", again).await, "CARD_NUMBER_TAKEN");
    for wrong in ["4242424242424242", "936400", "9364001234567890", ""] {
        let input = json!({ "customerId": customer, "number": wrong });
        assert_eq!(refused(&system, "issueCard", input).await, "CARD_NUMBER_INVALID", "{wrong}");
    }
    let nobody = crate::authorisation::documents::global_id("Customer", Uuid::from_u128(7));
    let input = json!({ "customerId": nobody });
    assert_eq!(refused(&system, "issueCard", input).await, "CUSTOMER_NOT_FOUND");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_lost_is_blocked_by_its_holder_and_replaced_by_staff() {
    let system = System::start().await;
    let customer = register(&system).await;
    open(&system, Some("care"), Some(&customer)).await;
    let agent = system.caller(Role::Agent);
    let input = json!({ "customerId": customer });
    let old = agent.mutate("issueCard", "card { id }", input).await["card"]["id"].clone();
    agent.mutate("activateCard", "card { status }", json!({ "cardId": old })).await;
    let holder = system.customer(uuid_of(&customer));
    let lost = json!({ "cardId": old, "reason": "LOST" });
    holder.mutate("blockCard", "card { status }", lost).await;
    let activate = json!({ "cardId": old });
    assert_eq!(refused(&system, "activateCard", activate).await, "CARD_BLOCKED");

    let replace = json!({ "cardId": old, "idempotencyKey": "replace 1" });
    let done = agent.mutate("replaceCard", "card { id } number", replace.clone()).await;
    assert_eq!(agent.mutate("replaceCard", "card { id } number", replace).await, done);
    let (given_up, new) = (card(&system, &old).await, card(&system, &done["card"]["id"]).await);
    assert_eq!(given_up["status"], "REPLACED");
    assert_eq!(given_up["blockReason"], "LOST");
    assert_eq!(given_up["replacedBy"], done["card"]["id"]);
    assert_eq!((&new["status"], &new["replaces"]), (&json!("ISSUED"), &old));
    let again = json!({ "cardId": old });
    assert_eq!(refused(&system, "replaceCard", again).await, "CARD_REPLACED");
    let all = "query($id: ID!) { customer(id: $id) { cards { id } } }";
    let cards = agent.ask(all, json!({ "id": customer })).await;
    assert_eq!(cards["customer"]["cards"].as_array().unwrap().len(), 2, "nothing is left over");
    let expire = json!({ "cardId": done["card"]["id"] });
    agent.mutate("expireCard", "card { id }", expire.clone()).await;
    assert_eq!(refused(&system, "replaceCard", expire).await, "CARD_EXPIRED");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_of_another_unit_know_nothing_of_a_card() {
    let system = System::start().await;
    let customer = register(&system).await;
    open(&system, Some("legal"), Some(&customer)).await;
    let service = system.caller(Role::Service);
    let input = json!({ "customerId": customer });
    let id = service.mutate("issueCard", "card { id }", input.clone()).await["card"]["id"].clone();
    let agent = system.caller(Role::Agent);
    let found = agent.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
    assert_eq!(found, json!({ "node": null }));
    let activate = "mutation($input: ActivateCardInput!) { activateCard(input: $input) { userErrors { code } } }";
    let answer = agent.ask(activate, json!({ "input": { "cardId": id } })).await;
    assert_eq!(answer["activateCard"]["userErrors"][0]["code"], "CARD_NOT_FOUND");
    let issue =
        "mutation($input: IssueCardInput!) { issueCard(input: $input) { userErrors { code } } }";
    let answer = agent.ask(issue, json!({ "input": input })).await;
    assert_eq!(answer["issueCard"]["userErrors"][0]["code"], "CUSTOMER_NOT_FOUND");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_takes_the_number_and_leaves_that_there_was_a_card() {
    let system = System::start().await;
    let customer = register(&system).await;
    let service = system.caller(Role::Service);
    let input = json!({ "customerId": customer });
    let issued = service.mutate("issueCard", "card { id } number", input.clone()).await;
    crate::erasure::erase(&system, &customer).await;
    let shown = card(&system, &issued["card"]["id"]).await;
    assert_eq!((&shown["maskedNumber"], &shown["erased"]), (&Value::Null, &json!(true)));
    assert_eq!(refused(&system, "issueCard", input).await, "CUSTOMER_ERASED");
    let logged = system.app.store.read_all(None, 10_000).await.unwrap();
    let of_cards = logged.iter().filter(|event| event.stream.category() == "card");
    assert!(of_cards.clone().count() > 0);
    assert!(of_cards.into_iter().all(|event| event.envelope.is_none()), "an envelope is left");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_a_crash_cut_in_two_is_finished_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let keyring = || Keyring::at(directory.path().join("keyring"));
    let holder = CustomerId(Uuid::from_u128(1));
    let metadata = |number| parvandeh::command::handler::CommandMetadata {
        command_id: CommandId(Uuid::from_u128(number)),
        digest: None,
        actor: parvandeh_domain::decider::Actor {
            kind: parvandeh_domain::decider::ActorKind::Service,
            id: "test".to_owned(),
        },
        occurred_at: None,
        correlation_id: Uuid::nil(),
        subject: None,
    };
    let app = App::open_with(directory.path(), keyring(), SystemClock).await.unwrap();
    let old = app.cards().issue(holder, None, None, metadata(1)).await.unwrap().id;
    // The new card is issued, and then the process ends.
    let new = app.cards().issue(holder, None, Some(old), metadata(2)).await.unwrap().id;
    app.stop().await;
    let app = App::open_with(directory.path(), keyring(), SystemClock).await.unwrap();
    app.start_read_models(|_| {}).await.unwrap();
    let state = async |id: CardId| {
        let stream = parvandeh::store::StreamId::new(&format!("card-{id}")).unwrap();
        app.commands.state::<Card>(&stream).await.unwrap()
    };
    assert_eq!(state(old).await.replaced_by, Some(new));
    assert_eq!(state(new).await.status, Some(CardStatus::Issued));
    app.stop().await;
}
