//! GraphQL over server-sent events.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use parvandeh::http::drain::Phase;
use parvandeh::http::transport::Limits;
use parvandeh::principal::Role;
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use super::toy::{Server, server, server_with, token, wait_until};

fn ask(server: &Server, query: &str) -> RequestBuilder {
    reqwest::Client::new()
        .post(format!("{}/graphql", server.url))
        .bearer_auth(token(Role::Agent))
        .header(ACCEPT, "text/event-stream")
        .header(CONTENT_TYPE, "application/json")
        .body(json!({ "query": query }).to_string())
}

/// The stream to its end, without the comments that keep it alive.
async fn whole(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let events = text.split_inclusive("\n\n").filter(|event| *event != ":\n\n");
    events.collect()
}

/// Reads until the text holds `wanted`.
async fn read_until(response: &mut Response, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = response.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

#[actix_web::test]
async fn each_result_is_an_event_whose_id_is_its_cursor() {
    let (server, _) = server();
    let text = whole(ask(&server, "subscription { count(to: 2) { value cursor } }")).await;
    let expected = "event: next\nid: c1\ndata: {\"data\":{\"count\":{\"value\":1,\"cursor\":\"c1\"}}}\n\n\
                    event: next\nid: c2\ndata: {\"data\":{\"count\":{\"value\":2,\"cursor\":\"c2\"}}}\n\n\
                    event: complete\ndata:\n\n";
    assert_eq!(text, expected);
    let text = whole(ask(&server, "subscription { count(to: 1) { value } }")).await;
    assert!(!text.contains("id:"), "{text}");
}

#[actix_web::test]
async fn a_stream_resumes_after_the_last_event_that_arrived() {
    let (server, _) = server();
    let query = "subscription { count(to: 5) { cursor } }";
    let text = whole(ask(&server, query).header("last-event-id", "c3")).await;
    let ids: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    assert_eq!(ids, ["c4", "c5"]);

    let long = "x".repeat(2000);
    for odd in [long.as_str(), "\u{fffd}"] {
        let response = ask(&server, query).header("last-event-id", odd).send().await.unwrap();
        assert_eq!(response.status(), 400);
    }
}

#[actix_web::test]
async fn the_stream_goes_out_at_once_and_is_neither_stored_nor_compressed() {
    let (server, _) = server();
    let request = ask(&server, "subscription { silent { value } }").header("accept-encoding", "br");
    let mut response = request.send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers[CONTENT_TYPE], "text/event-stream; charset=utf-8");
    assert_eq!(headers[CACHE_CONTROL], "private, no-store");
    assert_eq!(headers["content-encoding"], "identity");
    assert_eq!(read_until(&mut response, ":\n\n").await, ":\n\n");
}

#[actix_web::test]
async fn queries_and_mutations_can_be_answered_by_an_event() {
    let (server, _) = server();
    let text = whole(ask(&server, "{ hello }")).await;
    let expected = "event: next\ndata: {\"data\":{\"hello\":\"hello world\"}}\n\n\
                    event: complete\ndata:\n\n";
    assert_eq!(text, expected);
    whole(ask(&server, "mutation { rename(title: \"x\") }")).await;
    assert_eq!(server.counters.renamed.load(Ordering::SeqCst), 1);

    let url = format!("{}/graphql?query=mutation%7Brename(title:%22x%22)%7D", server.url);
    let request = reqwest::Client::new().get(url).bearer_auth(token(Role::Agent));
    let response = request.header(ACCEPT, "text/event-stream").send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(server.counters.renamed.load(Ordering::SeqCst), 1);
}

#[actix_web::test]
async fn refusals_of_the_operation_are_events_and_those_of_the_request_are_statuses() {
    let (server, _) = server();
    for (query, code) in [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { privileged { value } }", "FORBIDDEN"),
        ("subscription { refused { value } }", "FORBIDDEN"),
    ] {
        let text = whole(ask(&server, query)).await;
        let mut events = text.split("\n\n");
        let data = events.next().unwrap().strip_prefix("event: next\ndata: ").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["errors"][0]["extensions"]["code"], code, "{query}");
        assert_eq!(events.next(), Some("event: complete\ndata:"), "{query}");
    }
    let response = ask(&server, "{ hello }").bearer_auth("x").send().await.unwrap();
    assert_eq!(response.status(), 401);
    let response = ask(&server, "{ hello }").body("{").send().await.unwrap();
    assert_eq!(response.status(), 400);
}

#[actix_web::test]
async fn a_reader_that_stops_is_not_produced_for_and_one_that_leaves_frees_its_stream() {
    let (server, _) = server();
    let query = "subscription { endless { value padding } }";
    let mut response = ask(&server, query).send().await.unwrap();
    read_until(&mut response, "event: next").await;
    // Nothing is read any more: production must come to rest once the buffers on the way are full.
    let produced = &server.counters.produced;
    let mut last = 0;
    let mut rests = 0;
    while rests < 5 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = produced.load(Ordering::SeqCst);
        rests = if now == last { rests + 1 } else { 0 };
        last = now;
    }
    drop(response);
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
}

#[actix_web::test]
async fn a_stream_ends_when_its_token_expires() {
    let (server, clock) = server();
    let query = "subscription { silent { value } }";
    let mut response = ask(&server, query).send().await.unwrap();
    read_until(&mut response, ":\n\n").await;
    clock.advance(SignedDuration::from_hours(2));
    let text = read_until(&mut response, "event: complete").await;
    assert!(text.contains("UNAUTHENTICATED"), "{text}");
}

#[actix_web::test]
async fn a_server_that_shuts_down_completes_its_streams() {
    let (server, _) = server();
    let mut response = ask(&server, "subscription { silent { value } }").send().await.unwrap();
    read_until(&mut response, ":\n\n").await;
    server.phase.send(Phase::Closing).unwrap();
    assert!(read_until(&mut response, "complete").await.ends_with("event: complete\ndata:\n\n"));
}

#[actix_web::test]
async fn only_so_many_streams_are_open_at_once() {
    // A caller that left is noticed when something is written to it.
    let ping_interval = Duration::from_millis(20);
    let limits = Limits { connections_max: 1, ping_interval, ..Limits::default() };
    let (server, _) = server_with(limits);
    let query = "subscription { silent { value } }";
    let mut first = ask(&server, query).send().await.unwrap();
    read_until(&mut first, ":\n\n").await;
    let second = ask(&server, query).send().await.unwrap();
    assert_eq!(second.status(), 429);
    drop(first);
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
    while ask(&server, query).send().await.unwrap().status() != 200 {}
}
