//! Refusals are told in the language that the caller reads.

use parvandeh::principal::Role;
use serde_json::{Value, json};

use crate::authorisation::documents::{global_id, uuid_of};
use crate::harness::System;
use crate::harness::feed::WebSocketFeed;

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

/// The first event of a document that is asked for as an event stream in this language.
async fn first_event(system: &System, language: &str, query: &str) -> Value {
    let response = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(system.caller(Role::Agent).token)
        .header("accept", "text/event-stream")
        .header("accept-language", language)
        .header("content-type", "application/json")
        .body(json!({ "query": query }).to_string())
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(data).unwrap()
}

/// Refused before it runs, refused as it begins, and one whose field is refused.
const REFUSED: [(&str, &str); 3] = [
    ("{ accessLog { totalCount } }", "نقش شما اجازهٔ این کار را نمی‌دهد."),
    (
        "subscription { slaFacts(after: \"x\") { cursor } }",
        "یکی از مقدارهای درخواست پذیرفتنی نیست؛ آن را درست کنید.",
    ),
    (
        "{ customers(first: 1000) { totalCount } }",
        "یکی از مقدارهای درخواست پذیرفتنی نیست؛ آن را درست کنید.",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_over_event_streams_are_refused_in_the_language_that_the_caller_reads() {
    let system = System::start().await;
    for (query, persian) in REFUSED {
        let answer = first_event(&system, "fa", query).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.starts_with(persian), "{query}: {message}");
        assert_eq!(message.matches(persian).count(), 1, "{message}");
        let answer = first_event(&system, "en", query).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.is_ascii(), "{query}: {message}");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_over_web_sockets_are_refused_in_the_language_that_the_connection_names() {
    let system = System::start().await;
    let token = system.caller(Role::Agent).token;
    for (query, persian) in REFUSED {
        for (named, is_persian) in
            [(json!({ "acceptLanguage": "fa-IR,en;q=0.5" }), true), (json!({}), false)]
        {
            let mut feed =
                WebSocketFeed::open_with(&system.url("/graphql"), &token, named, query, json!({}))
                    .await;
            let payload = feed.payload().await;
            let error = if payload.is_array() { &payload[0] } else { &payload["errors"][0] };
            let message = error["message"].as_str().unwrap();
            assert_eq!(message.starts_with(persian), is_persian, "{query}: {message}");
            assert_eq!(message.is_ascii(), !is_persian, "{query}: {message}");
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_a_mutation_over_a_web_socket_is_told_in_its_language() {
    let system = System::start().await;
    let token = system.caller(Role::Agent).token;
    let named = json!({ "acceptLanguage": "fa" });
    let nobody = json!({ "input": { "customerId": global_id("Customer", uuid::Uuid::nil()), "language": "PERSIAN" } });
    let change = "mutation($input: ChangePreferencesInput!) { changePreferences(input: $input) { \
                  userErrors { code message } } }";
    let mut feed =
        WebSocketFeed::open_with(&system.url("/graphql"), &token, named, change, nobody).await;
    let error = feed.next().await["changePreferences"]["userErrors"][0].take();
    assert_eq!(error["code"], "CUSTOMER_NOT_FOUND");
    let message = error["message"].as_str().unwrap();
    assert!(!message.contains(|sign: char| sign.is_ascii_alphabetic()), "{message}");
    system.stop().await;
}

/// A customer who is written to in this language, by their own token.
async fn customer(system: &System, language: &str) -> (String, String) {
    let input = json!({ "kind": "INDIVIDUAL", "name": "نسترن", "language": language });
    let agent = system.caller(Role::Agent);
    let done = agent.mutate("registerCustomer", "customer { id }", input).await;
    let id = done["customer"]["id"].as_str().unwrap().to_owned();
    let token = system.customer(uuid_of(&id)).token;
    (id, token)
}

const WISH: &str = "mutation($input: ChangePreferencesInput!) { changePreferences(input: $input) { \
                    userErrors { code message } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_who_names_no_language_is_answered_in_their_own() {
    let system = System::start().await;
    let (id, token) = customer(&system, "PERSIAN").await;
    let nothing = json!({ "input": { "customerId": id } });
    let answered = async |header: Option<&str>| {
        let mut request = reqwest::Client::new()
            .post(system.url("/graphql"))
            .bearer_auth(&token)
            .header("content-type", "application/json")
            .body(json!({ "query": WISH, "variables": nothing }).to_string());
        if let Some(header) = header {
            request = request.header("accept-language", header);
        }
        let response = request.send().await.unwrap();
        let told = response.headers()["content-language"].to_str().unwrap().to_owned();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let error = &answer["data"]["changePreferences"]["userErrors"][0];
        assert_eq!(error["code"], "PREFERENCES_MISSING", "{answer}");
        let is_english = error["message"].as_str().unwrap().is_ascii();
        assert_eq!(is_english, told == "en", "{header:?}: {answer}");
        told
    };
    for (header, language) in [
        (None, "fa"),
        (Some("*"), "fa"),
        (Some("de"), "fa"),
        (Some("en-GB,fa;q=0.9"), "en"),
        (Some("fa"), "fa"),
    ] {
        assert_eq!(answered(header).await, language, "{header:?}");
    }
    let english = json!({ "customerId": id, "language": "ENGLISH" });
    let own = system.customer(uuid_of(&id));
    own.mutate("changePreferences", "customer { id }", english).await;
    assert_eq!(answered(None).await, "en", "as they wish it by now");
    assert_eq!(answered(Some("fa")).await, "fa");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_a_customer_who_names_no_language_are_in_their_own() {
    let system = System::start().await;
    let (id, token) = customer(&system, "PERSIAN").await;
    let nothing = json!({ "input": { "customerId": id } });
    for (named, is_persian) in [
        (json!({}), true),
        (json!({ "acceptLanguage": "de" }), true),
        (json!({ "acceptLanguage": "en" }), false),
    ] {
        let url = system.url("/graphql");
        let mut feed = WebSocketFeed::open_with(&url, &token, named, WISH, nothing.clone()).await;
        let error = feed.next().await["changePreferences"]["userErrors"][0].take();
        assert_eq!(error["message"].as_str().unwrap().is_ascii(), !is_persian, "{error}");
    }
    let response = reqwest::Client::new()
        .post(system.url("/graphql"))
        .bearer_auth(&token)
        .header("accept", "text/event-stream")
        .header("content-type", "application/json")
        .body(json!({ "query": "{ accessLog { totalCount } }" }).to_string())
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let answer: Value = serde_json::from_str(data).unwrap();
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("نقش شما اجازهٔ این کار را نمی‌دهد."), "{message}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_exports_are_refused_in_the_language_that_the_caller_reads() {
    let system = System::start().await;
    let (_, token) = customer(&system, "PERSIAN").await;
    let (nobody, file) = (global_id("Customer", uuid::Uuid::new_v4()), "/attachments/x".to_owned());
    for path in [file, format!("/subjects/{nobody}/export")] {
        for (token, header, language) in [
            (&*token, None, "fa"),
            (&*token, Some("en"), "en"),
            (&*system.caller(Role::Agent).token, Some("fa"), "fa"),
            (&*system.caller(Role::Agent).token, None, "en"),
            ("no token", Some("fa"), "fa"),
        ] {
            let mut request = reqwest::Client::new().get(system.url(&path)).bearer_auth(token);
            if let Some(header) = header {
                request = request.header("accept-language", header);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["content-language"], language, "{path} {header:?}");
            let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert_eq!(message.is_ascii(), language == "en", "{path} {header:?}: {answer}");
        }
    }
    system.stop().await;
}
