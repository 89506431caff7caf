//! A card is issued, its holder signs in with a code that is sent to them, loses it and gets another.

use std::time::Duration;

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};
use crate::sign_in::process::{code_of, gateway, post};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_card_from_its_issue_over_a_sign_in_to_its_replacement() {
    let (url, messages) = gateway();
    let message = || messages.recv_timeout(Duration::from_secs(30)).unwrap().1;
    let stage = Stage::set_with(&format!(
        "[sign_in]\nanswer_milliseconds = 20\n[delivery]\nurl = {url:?}\n"
    ));
    let desk = stage.staff(Role::Service);
    let customer = stage.register("مهری خوانساری").await;
    let point = json!({ "customerId": customer, "kind": "PHONE", "value": "+98 912 345 6789" });
    desk.mutate("addContactPoint", "customer { id }", point).await;
    let point = json!({ "customerId": customer, "contactPoint": 1 });
    desk.mutate("requestContactPointVerification", "customer { id }", point).await;
    let said = json!({ "customerId": customer, "contactPoint": 1, "code": code_of(&message()) });
    desk.mutate("verifyContactPoint", "customer { id }", said).await;
    let fields = "card { id maskedNumber } number";
    let issued = desk.mutate("issueCard", fields, json!({ "customerId": customer })).await;
    let (card, number) =
        (issued["card"]["id"].clone(), issued["number"].as_str().unwrap().to_owned());
    assert_eq!(issued["card"]["maskedNumber"], format!("•••• •••• •••• {}", &number[12..]));
    desk.mutate("activateCard", "card { status }", json!({ "cardId": card })).await;

    let asked = post(&stage.process, "/sign-in/code", json!({ "card": number })).await;
    assert_eq!(asked.0, 202);
    let entered = json!({ "card": number, "code": code_of(&message()) });
    let (status, answer) = post(&stage.process, "/sign-in", entered.clone()).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let holder = stage.with(answer["token"].as_str().unwrap().to_owned());
    let page = "{ viewer { customer { id name } cards { id status } } }";
    let own = holder.ask(page, json!({})).await["viewer"].take();
    assert_eq!(own["customer"], json!({ "id": customer, "name": "مهری خوانساری" }));
    assert_eq!(own["cards"], json!([{ "id": card, "status": "ACTIVE" }]));
    assert_eq!(post(&stage.process, "/sign-in", entered).await.0, 401, "a code is good once");

    holder
        .mutate("blockCard", "card { status }", json!({ "cardId": card, "reason": "LOST" }))
        .await;
    let replaced = desk.mutate("replaceCard", fields, json!({ "cardId": card })).await;
    let new = json!({ "cardId": replaced["card"]["id"] });
    desk.mutate("activateCard", "card { status }", new).await;
    let number_new = replaced["number"].as_str().unwrap();
    assert_eq!(post(&stage.process, "/sign-in/code", json!({ "card": number })).await.0, 202);
    assert_eq!(post(&stage.process, "/sign-in/code", json!({ "card": number_new })).await.0, 202);
    // The lost card and the new one are answered alike, and one message goes out.
    let entered = json!({ "card": number_new, "code": code_of(&message()) });
    assert_eq!(post(&stage.process, "/sign-in", entered).await.0, 200);

    let told = stage.tell_the_log(&["مهری", &number, number_new, "9123456789"]);
    assert_in_order(
        &told,
        &[
            "ContactPointAdded",
            "CardIssued",
            "CardActivated",
            "CardBlocked",
            "CardIssued",
            "CardReplaced",
            "CardActivated",
        ],
    );
}
