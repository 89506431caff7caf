//! GraphQL over WebSocket, by hand.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use jiff::SignedDuration;
use parvandeh::http::drain::Phase;
use parvandeh::http::transport::Limits;
use parvandeh::principal::Role;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::toy::{Server, server, server_with, token, wait_until};

pub(super) struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn connect(server: &Server, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let url = format!("{}/graphql", server.url.replace("http", "ws"));
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn open(server: &Server) -> Self {
        let subprotocol = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
        Self::connect(server, &subprotocol).await.unwrap()
    }

    /// Open and acknowledged.
    pub(super) async fn ready(server: &Server) -> Self {
        let mut client = Self::open(server).await;
        client.send(init(&token(Role::Agent))).await;
        assert_eq!(client.next().await, json!({"type": "connection_ack"}));
        client
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    pub(super) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(json!({"type": "subscribe", "id": id, "payload": payload})).await;
    }

    /// The next message that is not a ping.
    pub(super) async fn next(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("the connection is open").unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return message;
                    }
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code of the close frame, skipping what comes before it.
    async fn closed(&mut self) -> u16 {
        loop {
            match self.0.next().await.expect("a close frame comes before the end").unwrap() {
                Message::Close(Some(CloseFrame { code, .. })) => return code.into(),
                Message::Close(None) => return 1005,
                _ => {}
            }
        }
    }
}

fn init(token: &str) -> Value {
    json!({"type": "connection_init", "payload": {"authorization": format!("Bearer {token}")}})
}

#[actix_web::test]
async fn operations_of_every_kind_run_beside_each_other() {
    let (server, _) = server();
    let mut client = Client::ready(&server).await;
    client.subscribe("silent", "subscription { silent { value } }").await;
    client.subscribe("q", "{ whoami }").await;
    assert_eq!(
        client.next().await,
        json!({"type": "next", "id": "q", "payload": {"data": {"whoami": "agent someone"}}})
    );
    assert_eq!(client.next().await, json!({"type": "complete", "id": "q"}));
    client.subscribe("m", "mutation { rename(title: \"x\") }").await;
    assert_eq!(client.next().await["payload"]["data"]["rename"], "x");
    assert_eq!(client.next().await, json!({"type": "complete", "id": "m"}));
    client.subscribe("s", "subscription { count(to: 2) { value } }").await;
    assert_eq!(client.next().await["payload"]["data"]["count"]["value"], 1);
    assert_eq!(client.next().await["payload"]["data"]["count"]["value"], 2);
    assert_eq!(client.next().await, json!({"type": "complete", "id": "s"}));

    assert_eq!(server.counters.streams_open.load(Ordering::SeqCst), 1);
    client.send(json!({"type": "complete", "id": "silent"})).await;
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
    // The id is free again at once.
    client.subscribe("silent", "{ hello }").await;
    assert_eq!(client.next().await["payload"]["data"]["hello"], "hello world");
}

#[actix_web::test]
async fn what_is_refused_is_answered_by_one_error_message() {
    let (server, _) = server();
    let mut client = Client::ready(&server).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ vault { id } }", "FORBIDDEN"),
        ("subscription { privileged { value } }", "FORBIDDEN"),
    ] {
        client.subscribe("1", query).await;
        let message = client.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("1")), "{query}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{query}");
    }
    let payload = json!({"query": "{ hello }", "variables": 1});
    client.send(json!({"type": "subscribe", "id": "1", "payload": payload})).await;
    let message = client.next().await;
    assert_eq!(message["payload"][0]["extensions"]["code"], "BAD_USER_INPUT");

    client.subscribe("1", "{ hello broken }").await;
    let message = client.next().await;
    assert_eq!(message["type"], "next");
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    assert_eq!(client.next().await["type"], "complete");
}

#[actix_web::test]
async fn each_breach_of_the_protocol_closes_with_its_own_code() {
    let (server, _) = server();
    let init = init(&token(Role::Agent));
    let subscribe = json!({"type": "subscribe", "id": "1",
        "payload": {"query": "subscription { silent { value } }"}});
    let message = |text: &str| Message::text(text.to_owned());
    let json = |value: &Value| Message::text(value.to_string());
    let cases = [
        ("subscribe before ack", vec![json(&subscribe)], 4401),
        ("not JSON", vec![message("x")], 4400),
        ("not an object", vec![message("[]")], 4400),
        ("no type", vec![message("{}")], 4400),
        ("an unknown type", vec![message(r#"{"type":"start"}"#)], 4400),
        ("binary", vec![Message::binary(b"{}".to_vec())], 4400),
        (
            "subscribe without id",
            vec![json(&init), message(r#"{"type":"subscribe","payload":{}}"#)],
            4400,
        ),
        (
            "an empty id",
            vec![json(&init), message(r#"{"type":"subscribe","id":"","payload":{}}"#)],
            4400,
        ),
        (
            "subscribe without payload",
            vec![json(&init), message(r#"{"type":"subscribe","id":"1"}"#)],
            4400,
        ),
        ("complete without id", vec![json(&init), message(r#"{"type":"complete"}"#)], 4400),
        ("init with a list", vec![message(r#"{"type":"connection_init","payload":[]}"#)], 4400),
        ("init without token", vec![message(r#"{"type":"connection_init"}"#)], 4403),
        ("init with a bad token", vec![json(&self::init("x.y.z"))], 4403),
        ("init twice", vec![json(&init), json(&init)], 4429),
        ("an id twice", vec![json(&init), json(&subscribe), json(&subscribe)], 4409),
        ("a large message", vec![json(&init), message(&"x".repeat(1024 * 1024 + 1))], 1009),
        (
            "a close",
            vec![Message::Close(Some(CloseFrame { code: 4999.into(), reason: "".into() }))],
            4999,
        ),
    ];
    for (name, messages, code) in cases {
        let mut client = Client::open(&server).await;
        for message in messages {
            // The server may have closed before the last part of a large message was written.
            let _ = client.0.send(message).await;
        }
        assert_eq!(client.closed().await, code, "{name}");
    }
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
}

#[actix_web::test]
async fn a_connection_that_is_not_initialised_in_time_is_closed() {
    let limits = Limits { connection_init_timeout: Duration::from_millis(50), ..Limits::default() };
    let (server, _) = server_with(limits);
    let mut client = Client::open(&server).await;
    client.send(json!({"type": "ping"})).await;
    assert_eq!(client.next().await, json!({"type": "pong"}));
    assert_eq!(client.closed().await, 4408);
}

#[actix_web::test]
async fn the_upgrade_is_refused_without_the_subprotocol_or_from_a_strange_page() {
    let (server, _) = server();
    let subprotocol = ("sec-websocket-protocol", "graphql-transport-ws");
    let status =
        async |headers: &[(&'static str, &str)]| match Client::connect(&server, headers).await {
            Ok(_) => 101,
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{other}"),
        };
    assert_eq!(status(&[]).await, 400);
    assert_eq!(status(&[("sec-websocket-protocol", "graphql-ws")]).await, 400);
    assert_eq!(status(&[subprotocol, ("origin", "https://evil.example.org")]).await, 403);
    assert_eq!(status(&[subprotocol, ("origin", "https://desk.example.org")]).await, 101);
    assert_eq!(status(&[subprotocol, ("origin", &server.url)]).await, 101);
    assert_eq!(status(&[subprotocol]).await, 101);
}

#[actix_web::test]
async fn a_token_may_come_with_the_upgrade_request() {
    let (server, _) = server();
    let authorization = format!("Bearer {}", token(Role::Auditor));
    let headers =
        [("sec-websocket-protocol", "graphql-transport-ws"), ("authorization", &authorization)];
    let mut client = Client::connect(&server, &headers).await.unwrap();
    client.send(json!({"type": "connection_init"})).await;
    assert_eq!(client.next().await, json!({"type": "connection_ack"}));
    client.subscribe("1", "{ whoami }").await;
    assert_eq!(client.next().await["payload"]["data"]["whoami"], "auditor someone");
}

#[actix_web::test]
async fn pings_go_both_ways_and_a_silent_connection_is_closed() {
    let limits = Limits {
        ping_interval: Duration::from_millis(20),
        silence_max: Duration::from_millis(300),
        ..Limits::default()
    };
    let (server, _) = server_with(limits);
    let mut client = Client::ready(&server).await;
    client.send(json!({"type": "ping", "payload": {"a": 1}})).await;
    assert_eq!(client.next().await, json!({"type": "pong", "payload": {"a": 1}}));
    let (mut ping, mut frame) = (false, false);
    while !(ping && frame) {
        match client.0.next().await.unwrap().unwrap() {
            Message::Text(text) => ping |= text.contains("\"ping\""),
            Message::Ping(_) => frame = true,
            other => panic!("{other:?}"),
        }
    }
    client.subscribe("1", "subscription { silent { value } }").await;
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 1).await;
    // Nothing is read any more, so no pong is written either, and the server gives up.
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
}

#[actix_web::test]
async fn a_connection_is_closed_when_its_token_expires() {
    let (server, clock) = server();
    let mut client = Client::ready(&server).await;
    client.subscribe("1", "subscription { silent { value } }").await;
    clock.advance(SignedDuration::from_hours(2));
    assert_eq!(client.closed().await, 4403);
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 0).await;
}

#[actix_web::test]
async fn a_server_that_shuts_down_completes_operations_and_goes_away() {
    let (server, _) = server();
    let mut client = Client::ready(&server).await;
    client.subscribe("1", "subscription { silent { value } }").await;
    wait_until(|| server.counters.streams_open.load(Ordering::SeqCst) == 1).await;
    server.phase.send(Phase::Closing).unwrap();
    assert_eq!(client.next().await, json!({"type": "complete", "id": "1"}));
    assert_eq!(client.closed().await, 1001);
}

#[actix_web::test]
async fn operations_and_connections_are_limited() {
    let limits =
        Limits { operations_per_connection_max: 2, connections_max: 1, ..Limits::default() };
    let (server, _) = server_with(limits);
    let mut client = Client::ready(&server).await;
    for id in ["1", "2", "3"] {
        client.subscribe(id, "subscription { silent { value } }").await;
    }
    let message = client.next().await;
    assert_eq!((&message["type"], &message["id"]), (&json!("error"), &json!("3")));
    assert_eq!(message["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    let subprotocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    match Client::connect(&server, &subprotocol).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 429),
        other => panic!("{:?}", other.err()),
    }
}

#[actix_web::test]
async fn a_slow_reader_holds_back_only_itself() {
    let (server, _) = server();
    let mut slow = Client::ready(&server).await;
    slow.subscribe("1", "subscription { endless { value padding } }").await;
    slow.next().await;
    let mut last = 0;
    let mut rests = 0;
    while rests < 5 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = server.counters.produced.load(Ordering::SeqCst);
        rests = if now == last { rests + 1 } else { 0 };
        last = now;
    }
    let mut quick = Client::ready(&server).await;
    quick.subscribe("1", "{ hello }").await;
    assert_eq!(quick.next().await["payload"]["data"]["hello"], "hello world");
    // What was held back comes when it is read, in order and without a gap.
    for value in 1..200 {
        assert_eq!(slow.next().await["payload"]["data"]["endless"]["value"], value);
    }
}
