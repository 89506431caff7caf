//! What callers may ask for in a time, over each transport.

use parvandeh::http::rate_limit::{REQUEST_COST, RateLimitConfig};
use parvandeh::principal::Role;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::toy::{Server, server_with_rate_limits, token};
use super::websocket::Client;

const QUESTION: &str = "{ hello }";
const ASKED_AT_ONCE: u64 = 3;

/// Enough for three small questions, and hardly anything comes back while a test runs.
fn small_budget() -> RateLimitConfig {
    let cost_burst = (ASKED_AT_ONCE * (REQUEST_COST + 10)) as u32;
    RateLimitConfig { cost_per_second: 1, cost_burst, ..RateLimitConfig::default() }
}

fn ask(server: &Server, token: &str) -> RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/graphql", server.url))
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(json!({ "query": QUESTION }).to_string())
}

async fn refused(response: Response) -> Value {
    assert_eq!(response.status(), 429);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait > 0);
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "RATE_LIMITED");
    assert_eq!(extensions["retryAfterSeconds"], wait);
    assert!(answer.get("data").is_none());
    answer
}

#[actix_web::test]
async fn a_principal_who_asks_for_more_than_their_budget_is_told_when_to_come_back() {
    let server = server_with_rate_limits(small_budget());
    let token = token(Role::Agent);
    for _ in 0..ASKED_AT_ONCE {
        assert_eq!(ask(&server, &token).send().await.unwrap().status(), 200);
    }
    refused(ask(&server, &token).send().await.unwrap()).await;
    // It is the request that is refused, so it has a status also where events are asked for.
    let events = ask(&server, &token).header("accept", "text/event-stream");
    refused(events.send().await.unwrap()).await;
}

#[actix_web::test]
async fn pages_that_are_large_cost_more_than_small_ones() {
    let config = RateLimitConfig { cost_burst: 1_000, ..small_budget() };
    let server = server_with_rate_limits(config);
    let page = |size: u32| {
        let document = format!("{{ items(first: {size}) {{ nodes {{ id title }} }} }}");
        ask(&server, &token(Role::Agent)).body(json!({ "query": document }).to_string())
    };
    assert_eq!(page(2).send().await.unwrap().status(), 200);
    refused(page(1_000).send().await.unwrap()).await;
    assert_eq!(page(2).send().await.unwrap().status(), 200);
}

#[actix_web::test]
async fn over_a_websocket_the_operation_is_refused_and_the_connection_stays() {
    let server = server_with_rate_limits(small_budget());
    let mut client = Client::ready(&server).await;
    for id in 0..ASKED_AT_ONCE {
        client.subscribe(&id.to_string(), QUESTION).await;
        assert_eq!(client.next().await["type"], "next");
        assert_eq!(client.next().await["type"], "complete");
    }
    for id in ["one", "two"] {
        client.subscribe(id, QUESTION).await;
        let message = client.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!(id)));
        assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
        assert!(message["payload"][0]["extensions"]["retryAfterSeconds"].as_u64().unwrap() > 0);
    }
}

#[actix_web::test]
async fn an_address_whose_tokens_are_not_valid_waits_while_a_known_token_is_let_in() {
    let config =
        RateLimitConfig { failed_authentications_per_minute: 3, ..RateLimitConfig::default() };
    let server = server_with_rate_limits(config);
    let known = token(Role::Agent);
    assert_eq!(ask(&server, &known).send().await.unwrap().status(), 200);
    for wrong in ["x.y.z", "no token", "a.b.c"] {
        assert_eq!(ask(&server, wrong).send().await.unwrap().status(), 401);
    }
    let answer = refused(ask(&server, "x.y.z").send().await.unwrap()).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("address"), "{message}");
    // A token that nobody has seen yet is not even looked at.
    refused(ask(&server, &token(Role::Auditor)).send().await.unwrap()).await;
    assert_eq!(ask(&server, &known).send().await.unwrap().status(), 200);
}
