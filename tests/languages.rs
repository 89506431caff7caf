//! Refusals are told in the language that the caller reads.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::harness::System;

/// Sends a document with this `Accept-Language`; answers the language of the answer and the answer.
async fn ask(
    system: &System,
    language: Option<&str>,
    query: &str,
    variables: Value,
) -> (String, Value) {
    let mut request = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(system.caller(Role::Agent).token)
        .header("content-type", "application/json")
        .body(json!({ "query": query, "variables": variables }).to_string());
    if let Some(language) = language {
        request = request.header("accept-language", language);
    }
    let response = request.send().await.unwrap();
    let told = response.headers()["content-language"].to_str().unwrap().to_owned();
    (told, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_in_persian_to_whoever_asks_for_it_and_its_code_stays() {
    let system = System::start().await;
    let agent = system.caller(Role::Agent);
    let input = json!({ "kind": "INDIVIDUAL", "name": "نسترن", "language": "PERSIAN" });
    let done = agent.mutate("registerCustomer", "customer { id }", input).await;
    let wrong =
        json!({ "input": { "customerId": done["customer"]["id"], "kind": "PHONE", "value": "x" } });
    let add = "mutation($input: AddContactPointInput!) { addContactPoint(input: $input) { \
               userErrors { code field message } } }";
    let persian = "این شمارهٔ تلفن نیست: ۷ تا ۱۵ رقم با کد کشور بنویسید.";
    for (header, language, begins) in [
        (None, "en", "value is not a telephone number"),
        (Some("fa-IR,fa;q=0.9,en;q=0.5"), "fa", persian),
        (Some("en-GB,fa;q=0.9"), "en", "value is not a telephone number"),
        (Some("de"), "en", "value is not a telephone number"),
    ] {
        let (told, answer) = ask(&system, header, add, wrong.clone()).await;
        let error = &answer["data"]["addContactPoint"]["userErrors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!("PHONE_INVALID"), &json!("value")));
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(begins), "{header:?}: {message}");
        assert_eq!(told, language, "{header:?}");
    }
    // A document that is refused before it runs, and one of whose fields is.
    let (_, refused) = ask(&system, Some("fa"), "{ accessLog { totalCount } }", json!({})).await;
    let error = &refused["errors"][0];
    assert_eq!(error["extensions"]["code"], "FORBIDDEN");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("نقش شما اجازهٔ این کار را نمی‌دهد.\n\u{2066}"), "{message}");
    let (_, refused) =
        ask(&system, Some("fa"), "{ customers(first: 1000) { totalCount } }", json!({})).await;
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with('\u{6cc}') || message.starts_with('د'), "{message}");
    system.stop().await;
}
