//! Subscribers over real sockets, which can be cut without a goodbye.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::System;

/// A subscription over WebSocket (graphql-transport-ws). Dropping it resets the connection.
pub struct WebSocketFeed(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl WebSocketFeed {
    /// Connects and subscribes.
    pub async fn open(system: &System, token: &str, query: &str, variables: Value) -> Self {
        Self::open_with(&system.url("/graphql"), token, json!({}), query, variables).await
    }

    /// Connects to this address, saying more than the token, and subscribes.
    pub async fn open_with(
        url: &str,
        token: &str,
        mut said: Value,
        query: &str,
        variables: Value,
    ) -> Self {
        let url = url.replace("http", "ws");
        let mut request = url.into_client_request().unwrap();
        let subprotocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        let (socket, _) = connect_async(request).await.unwrap();
        if let MaybeTlsStream::Plain(tcp) = socket.get_ref() {
            // Closing then sends no farewell, not even of TCP: it is how a machine that lost its network looks.
            tcp.set_zero_linger().unwrap();
        }
        let mut feed = Self(socket);
        said["authorization"] = json!(format!("Bearer {token}"));
        feed.send(json!({ "type": "connection_init", "payload": said })).await;
        assert_eq!(feed.message().await["type"], "connection_ack");
        let payload = json!({ "query": query, "variables": variables });
        feed.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        feed
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn message(&mut self) -> Value {
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

    /// What the next message carries.
    pub async fn payload(&mut self) -> Value {
        self.message().await["payload"].take()
    }

    /// The data of the next event; `None` when the answer is an error.
    pub async fn try_next(&mut self) -> Option<Value> {
        let mut message = self.message().await;
        let payload = &mut message["payload"];
        let is_error = message_is_error(payload);
        (!is_error).then(|| payload["data"].take())
    }

    /// The data of the next event.
    pub async fn next(&mut self) -> Value {
        let mut message = self.message().await;
        assert_eq!(message["type"], "next", "{message:#}");
        let payload = &mut message["payload"];
        assert!(payload.get("errors").is_none(), "{payload:#}");
        payload["data"].take()
    }
}

/// Whether a payload is a list of errors, or an answer with errors.
fn message_is_error(payload: &Value) -> bool {
    payload.is_array() || payload.get("errors").is_some()
}

/// A subscription over server-sent events. Dropping it closes the connection.
pub struct EventStream {
    response: reqwest::Response,
    received: Vec<u8>,
}

impl EventStream {
    /// Connects and subscribes, after the event with this id where one is given.
    pub async fn open(
        system: &System,
        token: &str,
        query: &str,
        last_event_id: Option<&str>,
    ) -> Self {
        // A client of its own, so that no connection is used again.
        let mut request = reqwest::Client::new()
            .post(system.url("/graphql"))
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .header("content-type", "application/json")
            .body(json!({ "query": query }).to_string());
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, received: Vec::new() }
    }

    /// The id and the data of the next event.
    pub async fn next(&mut self) -> (String, Value) {
        loop {
            let end = self.received.windows(2).position(|window| window == b"\n\n");
            let Some(end) = end else {
                let chunk = self.response.chunk().await.unwrap();
                self.received.extend_from_slice(&chunk.expect("the stream goes on"));
                continue;
            };
            let event: Vec<u8> = self.received.drain(..end + 2).collect();
            let event = String::from_utf8(event).unwrap();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if field("event: ") != Some("next") {
                assert!(event.starts_with(':'), "{event}");
                continue;
            }
            let answer: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
            assert!(answer.get("errors").is_none(), "{answer:#}");
            return (field("id: ").expect("it has an id").to_owned(), answer["data"].clone());
        }
    }
}
