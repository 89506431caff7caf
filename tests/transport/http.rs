//! GraphQL over HTTP.

use std::sync::atomic::Ordering;
use std::time::Duration;

use parvandeh::http::transport::Limits;
use parvandeh::principal::Role;
use reqwest::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use super::toy::{Server, server, server_with, token};

const JSON: &str = "application/json";
const GRAPHQL: &str = "application/graphql-response+json";

fn post(server: &Server, accept: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
    request(server, Method::POST).header(ACCEPT, accept).header(CONTENT_TYPE, JSON).body(body)
}

fn request(server: &Server, method: Method) -> RequestBuilder {
    reqwest::Client::new()
        .request(method, format!("{}/graphql", server.url))
        .bearer_auth(token(Role::Agent))
}

fn get(server: &Server, parameters: &str) -> RequestBuilder {
    reqwest::Client::new()
        .get(format!("{}/graphql?{parameters}", server.url))
        .bearer_auth(token(Role::Agent))
}

async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    (status, body(response).await)
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default()
}

fn code(body: &Value) -> &str {
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or("no code")
}

#[actix_web::test]
async fn a_query_is_answered_in_the_media_type_that_was_asked_for() {
    let (server, _) = server();
    for media_type in [JSON, GRAPHQL] {
        let response = post(&server, media_type, r#"{"query":"{ whoami }"}"#).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers[CONTENT_TYPE], format!("{media_type}; charset=utf-8"));
        assert_eq!(headers[CACHE_CONTROL], "private, no-store");
        assert_eq!(body(response).await, json!({"data": {"whoami": "agent someone"}}));
    }
}

#[actix_web::test]
async fn every_refusal_has_its_status_and_code_in_either_media_type() {
    let (server, _) = server();
    let long = format!(r#"{{"query":"{{ hello }} #{}"}}"#, "x".repeat(100_000));
    let huge = "x".repeat(1024 * 1024 + 1);
    // body, status in graphql-response+json, status in json, code
    let cases: &[(&str, u16, u16, &str)] = &[
        ("", 400, 400, "BAD_USER_INPUT"),
        ("{", 400, 400, "BAD_USER_INPUT"),
        ("null", 400, 400, "BAD_USER_INPUT"),
        ("[]", 400, 400, "BAD_USER_INPUT"),
        (r#"[{"query":"{ hello }"}]"#, 400, 400, "BAD_USER_INPUT"),
        ("{}", 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":1}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{ hello }","query":"{ hello }"}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{ hello }","operationName":1}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{ hello }","variables":[]}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{ hello }","variables":"{}"}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{ hello }","extensions":3}"#, 400, 400, "BAD_USER_INPUT"),
        (r#"{"query":"{"}"#, 400, 200, "GRAPHQL_PARSE_FAILED"),
        (r#"{"query":""}"#, 400, 200, "GRAPHQL_PARSE_FAILED"),
        (r#"{"query":"{ nothing }"}"#, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"{ hello }","operationName":"x"}"#, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"query A {hello} query B {hello}"}"#, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
        (
            r#"{"query":"query($n: Int!) { items(first: $n) { nodes { id } } }"}"#,
            400,
            200,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (&long, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"{ vault { id } }"}"#, 403, 200, "FORBIDDEN"),
        (r#"{"query":"subscription { count(to: 1) { value } }"}"#, 406, 406, "NOT_ACCEPTABLE"),
        (&huge, 413, 413, "PAYLOAD_TOO_LARGE"),
    ];
    for (body, graphql_status, json_status, expected) in cases {
        for (accept, status) in [(GRAPHQL, graphql_status), (JSON, json_status)] {
            let shown = &body[..body.len().min(80)];
            let (found, answer) = send(post(&server, accept, (*body).to_owned())).await;
            assert_eq!((found.as_u16(), code(&answer)), (*status, *expected), "{accept} {shown}");
            assert!(answer.get("data").is_none(), "{accept} {shown}");
        }
    }
}

#[actix_web::test]
async fn a_body_that_is_not_utf_8_is_refused() {
    let (server, _) = server();
    let (status, answer) = send(post(&server, JSON, b"{\"query\":\"{ \xff }\"}".to_vec())).await;
    assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_USER_INPUT"));
}

#[actix_web::test]
async fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let limits = Limits { body_bytes_max: 64, ..Limits::default() };
    let (server, _) = server_with(limits);
    let body = format!(r#"{{"query":"{{ hello }}","extensions":{{"x":"{}"}}}}"#, "x".repeat(64));
    let chunked = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
        token(Role::Agent),
        body.len()
    );
    let answer = raw_exchange(&server, chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
}

/// Sends bytes as they are and reads the head and body of the answer.
async fn raw_exchange(server: &Server, request: String) -> String {
    use std::io::{Read as _, Write as _};
    let address = server.url.trim_start_matches("http://").to_owned();
    actix_web::rt::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
            }
            if answer.ends_with(b"}]}") {
                break;
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn only_json_bodies_are_taken_so_that_no_page_can_forge_a_request() {
    let (server, _) = server();
    let body = r#"{"query":"mutation { rename(title: \"x\") }"}"#;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/json; charset=utf-16",
        "application/graphql",
    ] {
        let request = request(&server, Method::POST).header(CONTENT_TYPE, content_type).body(body);
        let (status, answer) = send(request).await;
        assert_eq!((status.as_u16(), code(&answer)), (415, "UNSUPPORTED_MEDIA_TYPE"));
    }
    let (status, _) = send(request(&server, Method::POST).body(body)).await;
    assert_eq!(status, 415);
    assert_eq!(server.counters.renamed.load(Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn get_runs_queries_and_nothing_else() {
    let (server, _) = server();
    let (status, answer) = send(get(&server, "query=%7B%20hello%20%7D")).await;
    assert_eq!((status.as_u16(), &answer["data"]["hello"]), (200, &json!("hello world")));

    let query = "query=query+Q($n:String)%7Bhello(name:$n)%7D&operationName=Q&other=1";
    let parameters = format!("{query}&variables=%7B%22n%22:%22%D8%B3%D9%84%D8%A7%D9%85%22%7D");
    let (status, answer) = send(get(&server, &parameters)).await;
    assert_eq!((status.as_u16(), &answer["data"]["hello"]), (200, &json!("hello سلام")));

    for mutation in [
        "mutation{rename(title:%22x%22)}",
        "mutation+M{rename(title:%22x%22)}",
        "query+Q{hello}mutation+M{rename(title:%22x%22)}&operationName=M",
        "{hello}mutation+M{rename(title:%22x%22)}",
    ] {
        let response = get(&server, &format!("query={mutation}")).send().await.unwrap();
        if mutation.starts_with('{') {
            // An anonymous operation beside another is no document at all.
            assert_eq!(response.status(), 200);
            assert_eq!(code(&body(response).await), "GRAPHQL_PARSE_FAILED");
            continue;
        }
        assert_eq!(response.status(), 405, "{mutation}");
        assert_eq!(response.headers()[ALLOW], "POST");
        assert_eq!(code(&body(response).await), "METHOD_NOT_ALLOWED");
    }
    assert_eq!(server.counters.renamed.load(Ordering::SeqCst), 0);
}

#[actix_web::test]
async fn odd_query_strings_are_refused_by_name() {
    let (server, _) = server();
    for (parameters, named) in [
        ("", "query"),
        ("variables=%7B%7D", "query"),
        ("query=%7Bhello%7D&query=%7Bhello%7D", "query"),
        ("query=%7Bhello%7D&variables=%5B%5D", "variables"),
        ("query=%7Bhello%7D&variables=x", "variables"),
        ("query=%7Bhello%7D&extensions=1", "extensions"),
        ("query=%7Bhello%7D&variables=%7B%7D&variables=%7B%7D", "variables"),
        ("query=%FF", "query"),
        ("query=%7", "query"),
    ] {
        let (status, answer) = send(get(&server, parameters)).await;
        assert_eq!((status.as_u16(), code(&answer)), (400, "BAD_USER_INPUT"), "{parameters}");
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(&format!("`{named}`")), "{parameters}: {message}");
    }
}

#[actix_web::test]
async fn other_methods_are_refused_with_the_methods_that_would_do() {
    let (server, _) = server();
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::HEAD] {
        let response = request(&server, method.clone()).send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()[ALLOW], "GET, POST");
    }
}

#[actix_web::test]
async fn an_accept_header_that_nothing_satisfies_is_refused() {
    let (server, _) = server();
    let (status, answer) = send(post(&server, "image/png", r#"{"query":"{ hello }"}"#)).await;
    assert_eq!((status.as_u16(), code(&answer)), (406, "NOT_ACCEPTABLE"));
}

#[actix_web::test]
async fn a_caller_without_a_valid_token_learns_only_that() {
    let (server, clock) = server();
    let client = reqwest::Client::new();
    let url = format!("{}/graphql", server.url);
    let ask = || client.post(&url).header(CONTENT_TYPE, JSON).body(r#"{"query":"{ nothing }"}"#);
    let valid = token(Role::Agent);
    for request in [
        ask(),
        ask().bearer_auth("x.y.z"),
        ask().header("authorization", "Basic eDp5"),
        ask().bearer_auth(&valid).bearer_auth(&valid),
        ask().bearer_auth(format!("{valid}x")),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(code(&body(response).await), "UNAUTHENTICATED");
    }
    assert_eq!(ask().bearer_auth(&valid).send().await.unwrap().status(), 200);
    clock.advance(jiff::SignedDuration::from_hours(2));
    assert_eq!(ask().bearer_auth(&valid).send().await.unwrap().status(), 401);
}

#[actix_web::test]
async fn a_failed_field_tells_nothing_internal_and_gives_a_trace_id() {
    let (server, _) = server();
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = post(&server, GRAPHQL, r#"{"query":"{ hello broken }"}"#)
        .header("traceparent", format!("00-{trace_id}-00f067aa0ba902b7-01"));
    let (status, answer) = send(request).await;
    assert_eq!(status, 200);
    assert_eq!(answer["data"]["hello"], "hello world");
    assert_eq!(code(&answer), "INTERNAL_SERVER_ERROR");
    assert_eq!(answer["errors"][0]["extensions"]["traceId"], trace_id);
    assert_eq!(answer["errors"][0]["path"], json!(["broken"]));
    assert!(!answer.to_string().contains("hunter2"));

    let (_, answer) = send(post(&server, GRAPHQL, r#"{"query":"{ conflicting }"}"#)).await;
    assert_eq!(code(&answer), "CONFLICT");
    assert_eq!(answer["errors"][0]["message"], "changed meanwhile");
}

#[actix_web::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let limits = Limits { request_timeout: Duration::from_millis(50), ..Limits::default() };
    let (server, _) = server_with(limits);
    let (status, answer) = send(post(&server, JSON, r#"{"query":"{ slow }"}"#)).await;
    assert_eq!((status.as_u16(), code(&answer)), (504, "TIMEOUT"));
}

#[actix_web::test]
async fn large_answers_are_compressed_when_the_caller_takes_that() {
    let (server, _) = server();
    for (query, encoding) in [("{ large }", "gzip"), ("{ hello }", "identity")] {
        let body = json!({ "query": query }).to_string();
        let request = post(&server, JSON, body).header("accept-encoding", "gzip");
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()[CONTENT_ENCODING], encoding, "{query}");
    }
    let response = post(&server, JSON, r#"{"query":"{ large }"}"#).send().await.unwrap();
    assert!(response.headers().get(CONTENT_ENCODING).is_none());
}

#[actix_web::test]
async fn pages_of_allowed_origins_may_read_answers_and_others_may_not() {
    let (server, _) = server();
    let own = server.url.clone();
    for (origin, allowed) in [
        ("https://desk.example.org", true),
        (own.as_str(), true),
        ("https://evil.example.org", false),
        ("https://desk.example.org.evil.example.org", false),
        ("null", false),
    ] {
        let expected = allowed.then_some(origin);
        let allow_origin = |response: &Response| {
            let header = response.headers().get("access-control-allow-origin");
            header.map(|origin| origin.to_str().unwrap().to_owned())
        };
        let request = post(&server, JSON, r#"{"query":"{ hello }"}"#).header(ORIGIN, origin);
        let response = request.send().await.unwrap();
        assert_eq!(allow_origin(&response).as_deref(), expected, "{origin}");

        let preflight = request_without_token(&server, Method::OPTIONS)
            .header(ORIGIN, origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type");
        let response = preflight.send().await.unwrap();
        assert_eq!(response.status(), if allowed { 204 } else { 403 }, "{origin}");
        assert_eq!(allow_origin(&response).as_deref(), expected, "{origin}");
    }
}

fn request_without_token(server: &Server, method: Method) -> RequestBuilder {
    reqwest::Client::new().request(method, format!("{}/graphql", server.url))
}

#[actix_web::test]
async fn the_page_to_try_queries_on_is_served_when_enabled() {
    let (server, _) = server();
    let response = reqwest::get(format!("{}/graphiql", server.url)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()[CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
}
