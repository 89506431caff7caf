//! Subscribers that are cut by themselves and by faults, and go on after their last cursor, on whichever process answers.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::client::Api;
use crate::harness::random::Random;

const OPENING_TIMEOUT: Duration = Duration::from_secs(5);

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// All breaches.
    Breaches,
    /// All facts about clocks.
    Facts,
    /// What happens to the case with this global id.
    Case(String),
}

/// By which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// graphql-transport-ws.
    WebSocket,
    /// Server-sent events.
    Sse,
}

/// What a subscriber got.
pub struct Followed {
    pub feed: Feed,
    pub transport: Transport,
    /// The ids of the events in the order of their arrival, without repeats.
    pub ids: Vec<String>,
    pub connections: usize,
    pub repeats: usize,
}

/// A subscriber at work.
pub struct Subscriber {
    pub feed: Feed,
    pub transport: Transport,
    /// How many events it has.
    pub received: watch::Receiver<usize>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Followed>,
}

impl Subscriber {
    /// One of each feed over each transport; those of a case follow two cases that are busy.
    pub fn of_every_feed(api: &Arc<Api>, busy: &[String], random: &mut Random) -> Vec<Self> {
        [
            (Feed::Breaches, Transport::WebSocket),
            (Feed::Breaches, Transport::Sse),
            (Feed::Facts, Transport::WebSocket),
            (Feed::Facts, Transport::Sse),
            (Feed::Case(busy[0].clone()), Transport::WebSocket),
            (Feed::Case(busy[1].clone()), Transport::Sse),
        ]
        .map(|(feed, transport)| Self::start(api, feed, transport, Random::of(random.number())))
        .into()
    }

    /// Begins to follow.
    pub fn start(api: &Arc<Api>, feed: Feed, transport: Transport, random: Random) -> Self {
        let (sender, received) = watch::channel(0);
        let stop = watch::Sender::new(false);
        let followed =
            Followed { feed: feed.clone(), transport, ids: vec![], connections: 0, repeats: 0 };
        let task = tokio::spawn(follow(api.clone(), followed, random, sender, stop.subscribe()));
        Self { feed, transport, received, stop, task }
    }

    /// Panics when it has ended with a fault.
    pub fn assert_well(&self) {
        assert!(
            !self.task.is_finished(),
            "{:?} by {:?} was given something wrong",
            self.feed,
            self.transport
        );
    }

    /// Ends it; gives what it got. Panics with what was wrong with it.
    pub async fn finish(self) -> Followed {
        self.stop.send_replace(true);
        self.task.await.expect("the subscriber was given nothing wrong")
    }
}

async fn follow(
    api: Arc<Api>,
    mut followed: Followed,
    mut random: Random,
    received: watch::Sender<usize>,
    mut stop: watch::Receiver<bool>,
) -> Followed {
    let mut known = HashSet::new();
    // The cursor that was written down, and which of the events it stands for.
    let mut resume: Option<(String, usize)> = None;
    while !*stop.borrow() {
        let base = api.base(&mut random).to_owned();
        let after = resume.as_ref().map(|(cursor, _)| cursor.clone());
        let opening = Connection::open(&api, &base, &followed, after);
        if let Ok(Ok(mut connection)) = tokio::time::timeout(OPENING_TIMEOUT, opening).await {
            followed.connections += 1;
            let mut next = resume.as_ref().map_or(0, |(_, index)| index + 1);
            let cut = tokio::time::sleep(Duration::from_millis(100 + random.below(4_000)));
            tokio::pin!(cut);
            loop {
                let event = tokio::select! {
                    event = connection.next() => event,
                    () = &mut cut => break,
                    _ = stop.wait_for(|stop| *stop) => break,
                };
                let Ok((cursor, id)) = event else { break };
                match followed.ids.get(next) {
                    Some(expected) => {
                        assert_eq!(*expected, id, "{:?} after its cursor, again", followed.feed);
                        followed.repeats += 1;
                    }
                    None => {
                        assert!(known.insert(id.clone()), "{:?}: {id} came before", followed.feed);
                        followed.ids.push(id);
                        received.send_replace(followed.ids.len());
                    }
                }
                // Now and then it is cut before it has written the cursor down.
                if random.below(4) > 0 {
                    resume = Some((cursor, next));
                }
                next += 1;
            }
        }
        let pause = Duration::from_millis(20 + random.below(200));
        let _ = tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await;
    }
    followed
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

enum Connection {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Sse(reqwest::Response, Vec<u8>),
}

impl Connection {
    async fn open(
        api: &Api,
        base: &str,
        followed: &Followed,
        after: Option<String>,
    ) -> Result<Self, Failed> {
        let (token, document, mut variables) = match &followed.feed {
            Feed::Breaches => (
                &api.watcher_token,
                "subscription($after: String) { slaBreaches(after: $after) { cursor breach { eventId } } }",
                json!({}),
            ),
            Feed::Facts => (
                &api.watcher_token,
                "subscription($after: String) { slaFacts(after: $after) { cursor fact { eventId } } }",
                json!({}),
            ),
            Feed::Case(id) => (
                &api.reader_token,
                "subscription($id: ID!, $after: String) { caseEvents(caseId: $id, after: $after) \
                 { cursor entry { eventId } } }",
                json!({ "id": id }),
            ),
        };
        let url = format!("{base}/graphql");
        if followed.transport == Transport::Sse {
            // A client of its own, so that no connection is used again.
            let mut request = reqwest::Client::new()
                .post(url)
                .bearer_auth(token)
                .header("accept", "text/event-stream")
                .header("content-type", "application/json")
                .body(json!({ "query": document, "variables": variables }).to_string());
            if let Some(after) = after {
                request = request.header("last-event-id", after);
            }
            let response = request.send().await?.error_for_status()?;
            return Ok(Self::Sse(response, Vec::new()));
        }
        let mut request = url.replace("http", "ws").into_client_request()?;
        let subprotocol = "graphql-transport-ws".parse()?;
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        let (mut socket, _) = connect_async(request).await?;
        if let MaybeTlsStream::Plain(tcp) = socket.get_ref() {
            // Closing then sends no farewell, not even of TCP.
            tcp.set_zero_linger()?;
        }
        let payload = json!({ "authorization": format!("Bearer {token}") });
        let init = json!({ "type": "connection_init", "payload": payload });
        socket.send(Message::text(init.to_string())).await?;
        variables["after"] = json!(after);
        let payload = json!({ "query": document, "variables": variables });
        // It is read after the acknowledgement of the connection, which `next` passes over.
        let acknowledged = message(&mut socket).await?;
        if acknowledged["type"] != "connection_ack" {
            return Err(acknowledged.to_string().into());
        }
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload });
        socket.send(Message::text(subscribe.to_string())).await?;
        Ok(Self::WebSocket(Box::new(socket)))
    }

    /// The cursor and the id of the next event. An error means that the connection is over.
    async fn next(&mut self) -> Result<(String, String), Failed> {
        let data = match self {
            Self::WebSocket(socket) => {
                let mut message = message(socket).await?;
                if message["type"] != "next" || message["payload"].get("errors").is_some() {
                    return Err(message.to_string().into());
                }
                message["payload"]["data"].take()
            }
            Self::Sse(response, received) => event(response, received).await?,
        };
        let root = data.as_object().and_then(|data| data.values().next()).ok_or("no data")?;
        let root = root.as_object().ok_or("no event")?;
        let cursor = root["cursor"].as_str().ok_or("no cursor")?.to_owned();
        let body = root.iter().find(|(name, _)| *name != "cursor").ok_or("no body")?.1;
        let id = body["eventId"].as_str().ok_or("no id")?.to_owned();
        Ok((cursor, id))
    }
}

async fn message(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<Value, Failed> {
    loop {
        match socket.next().await.ok_or("the connection is closed")?? {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text)?;
                if message["type"] != "ping" {
                    return Ok(message);
                }
            }
            Message::Ping(_) | Message::Pong(_) => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
}

async fn event(response: &mut reqwest::Response, received: &mut Vec<u8>) -> Result<Value, Failed> {
    loop {
        let Some(end) = received.windows(2).position(|window| window == b"\n\n") else {
            received.extend_from_slice(&response.chunk().await?.ok_or("the stream has ended")?);
            continue;
        };
        let event: Vec<u8> = received.drain(..end + 2).collect();
        let event = String::from_utf8(event)?;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
        match field("event: ") {
            Some("next") => {
                let mut answer: Value = serde_json::from_str(field("data: ").ok_or("no data")?)?;
                if answer.get("errors").is_some() {
                    return Err(answer.to_string().into());
                }
                if field("id: ")
                    != answer["data"].as_object().and_then(|data| {
                        data.values().next().and_then(|root| root["cursor"].as_str())
                    })
                {
                    return Err("the id of the event is not its cursor".into());
                }
                return Ok(answer["data"].take());
            }
            Some("complete") => return Err("the stream is complete".into()),
            _ => {}
        }
    }
}
