//! Persian first: found however it is typed, told in Persian, with the dates of its calendar.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use super::{Stage, assert_in_order};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_customer_who_writes_persian() {
    let stage = Stage::set();
    let service = stage.staff(Role::Service);
    // Typed on an Arabic keyboard, with Persian digits.
    let customer = stage.register("مهري كاظمي\u{200c}نژاد").await;
    let phone = json!({ "customerId": customer, "kind": "PHONE", "value": "۰۹۱۲ ۳۴۵ ۶۷۸۹" });
    service.mutate("addContactPoint", "customer { id }", phone).await;
    let query =
        "query($filter: CustomerFilterInput) { customers(filter: $filter) { nodes { id } } }";
    for filter in [
        json!({ "name": "مهری کاظمی نژاد" }),
        json!({ "name": "مهرى کاظمی\u{200c}نژاد" }),
        json!({ "contactPoint": "+98 912 345 6789" }),
        json!({ "contactPoint": "٠٩١٢٣٤٥٦٧٨٩" }),
    ] {
        let found =
            service.ask(query, json!({ "filter": filter })).await["customers"]["nodes"].take();
        assert_eq!(found, json!([{ "id": customer }]), "{filter}");
    }
    let none = service.ask(query, json!({ "filter": { "name": "کاظم" } })).await;
    assert_eq!(none["customers"]["nodes"], json!([]));

    // A refusal is told in the language that is asked for; its code stays.
    let add = "mutation($input: AddContactPointInput!) { addContactPoint(input: $input) { userErrors { code message } } }";
    let wrong = json!({ "customerId": customer, "kind": "PHONE", "value": "x" });
    let mut told = Vec::new();
    for language in ["fa-IR,fa;q=0.9,en;q=0.5", "en"] {
        let request = stage.http.post(stage.url()).bearer_auth(&service.token);
        let request =
            request.header("accept-language", language).header("content-type", "application/json");
        let body = json!({ "query": add, "variables": { "input": wrong } }).to_string();
        let text = request.body(body).send().await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let error = answer["data"]["addContactPoint"]["userErrors"][0].clone();
        assert_eq!(error["code"], "PHONE_INVALID");
        told.push(error["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(told[0], "این شمارهٔ تلفن نیست: ۷ تا ۱۵ رقم با کد کشور بنویسید.");
    assert!(told[1].starts_with("value is not a telephone number"), "{}", told[1]);

    // What is kept of them they read from right to left, with dates of their calendar.
    let own = stage.customer(&customer);
    let open = json!({ "kind": "QUESTION", "subject": "ساعت کار شعبه", "channel": "PORTAL",
        "occurredAt": "2026-03-20T20:45:00Z" });
    service
        .mutate("openCase", "case { id }", {
            let mut of = open;
            of["customerId"] = customer.clone();
            of
        })
        .await;
    let id = customer.as_str().unwrap();
    let page = stage.process.url(&format!("/subjects/{id}/export?format=html"));
    let page =
        stage.http.get(page).bearer_auth(&own.token).send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"fa\" dir=\"rtl\">"), "{page}");
    // A quarter past midnight of Nowruz in Tehran, still the day before in London.
    assert!(page.contains("ساعت کار شعبه") && page.contains("1405/01/01"), "{page}");

    let told = stage.tell_the_log(&["مهري", "مهری", "9123456789", "شعبه"]);
    assert_in_order(&told, &["CustomerRegistered", "ContactPointAdded", "CaseOpened"]);
}
