//! SIGTERM under load: whoever was accepted is answered, subscribers are sent away properly, and the process is gone in time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use parvandeh::http::drain::DRAIN_MAX;
use parvandeh::principal::Role;
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{EventStore as _, Position, READ_EVENTS_MAX};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::process::{Process, token};

const OPEN_CASE: &str = "mutation($input: OpenCaseInput!) { openCase(input: $input) { case { id } userErrors { code } } }";
const SUBSCRIPTION: &str = "subscription { slaFacts { cursor } }";

/// What became of the cases that clients asked to open, by their external reference.
#[derive(Default)]
struct Books {
    acknowledged: Mutex<HashSet<String>>,
    /// Asked for, and the connection broke before there was an answer.
    unanswered: Mutex<HashSet<String>>,
    /// Acknowledged when the server had said that it is draining.
    while_draining: AtomicUsize,
    /// Set when readiness says that nobody should come any more.
    draining: AtomicBool,
}

impl Books {
    fn acknowledge(&self, reference: String) {
        if self.draining.load(Ordering::SeqCst) {
            self.while_draining.fetch_add(1, Ordering::SeqCst);
        }
        self.acknowledged.lock().unwrap().insert(reference);
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

fn opening(reference: &str) -> Value {
    json!({ "query": OPEN_CASE, "variables": { "input": {
        "kind": "REQUEST", "subject": "درخواست", "channel": "EMAIL", "unit": "care", "externalReference": reference } } })
}

fn post(client: &reqwest::Client, url: &str, body: &Value) -> reqwest::RequestBuilder {
    client
        .post(url)
        .bearer_auth(token(Role::Service))
        .header("content-type", "application/json")
        .body(body.to_string())
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Value> {
    let text = request.send().await?.text().await?;
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Opens cases over HTTP. A client that heeds the balancer stops when the server is not ready; one that does not goes on until nobody
/// listens.
async fn open_cases(name: String, url: String, heeds: bool, books: Arc<Books>) {
    let client = reqwest::Client::new();
    for number in 0.. {
        if heeds && books.draining.load(Ordering::SeqCst) {
            break;
        }
        let reference = format!("{name}-{number}");
        match answer(post(&client, &url, &opening(&reference))).await {
            Ok(answer) => {
                assert!(answer["data"]["openCase"]["case"]["id"].is_string(), "{answer:#}");
                books.acknowledge(reference);
            }
            Err(error) => {
                assert!(!heeds, "{reference}: {error:?}");
                books.unanswered.lock().unwrap().insert(reference);
                break;
            }
        }
    }
}

/// Asks over HTTP until the server is not ready.
async fn ask(url: String, books: Arc<Books>) {
    let client = reqwest::Client::new();
    let question = json!({ "query": "{ cases(first: 20) { nodes { id } } }" });
    while !books.draining.load(Ordering::SeqCst) {
        let answer = answer(post(&client, &url, &question)).await.unwrap();
        assert!(answer["data"]["cases"]["nodes"].is_array(), "{answer:#}");
    }
}

struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl WebSocket {
    async fn connect(url: &str) -> Self {
        let mut request = url.replace("http", "ws").into_client_request().unwrap();
        let subprotocol = "graphql-transport-ws".parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", subprotocol);
        let mut socket = Self(connect_async(request).await.unwrap().0);
        let payload = json!({ "authorization": format!("Bearer {}", token(Role::Service)) });
        assert!(socket.send(json!({ "type": "connection_init", "payload": payload })).await);
        assert_eq!(socket.next().await.unwrap()["type"], "connection_ack");
        socket
    }

    /// Whether the connection took the message.
    async fn send(&mut self, message: Value) -> bool {
        self.0.send(Message::text(message.to_string())).await.is_ok()
    }

    /// The next message, or the code that the connection was closed with.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match self.0.next().await.expect("a close frame comes first").unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return Ok(message);
                    }
                }
                Message::Close(frame) => return Err(frame.expect("with a code").code.into()),
                _ => {}
            }
        }
    }
}

/// Subscribes over WebSocket and is sent away: the subscription is completed, then the connection is closed.
async fn follow_by_websocket(url: String, subscribed: Arc<AtomicUsize>) {
    let mut socket = WebSocket::connect(&url).await;
    let payload = json!({ "query": SUBSCRIPTION });
    socket.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
    subscribed.fetch_add(1, Ordering::SeqCst);
    assert_eq!(socket.next().await, Ok(json!({ "type": "complete", "id": "1" })));
    assert_eq!(socket.next().await, Err(1001));
}

/// Subscribes by server-sent events and is sent away with `complete`.
async fn follow_by_events(url: String, subscribed: Arc<AtomicUsize>) {
    let request = post(&reqwest::Client::new(), &url, &json!({ "query": SUBSCRIPTION }));
    let mut response = request.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(response.status(), 200);
    subscribed.fetch_add(1, Ordering::SeqCst);
    let mut text = String::new();
    while let Some(chunk) = response.chunk().await.expect("the stream does not break off") {
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(text.ends_with("event: complete\ndata:\n\n"), "{text}");
}

/// Opens cases over one WebSocket until it is closed.
async fn open_cases_by_websocket(name: String, url: String, books: Arc<Books>) {
    let mut socket = WebSocket::connect(&url).await;
    for number in 0.. {
        let reference = format!("{name}-{number}");
        let subscribe =
            json!({ "type": "subscribe", "id": reference, "payload": opening(&reference) });
        if !socket.send(subscribe).await {
            break;
        }
        match socket.next().await {
            Ok(message) => {
                assert_eq!(message["type"], "next", "{message:#}");
                let opened = &message["payload"]["data"]["openCase"]["case"]["id"];
                assert!(opened.is_string(), "{message:#}");
                books.acknowledge(reference);
            }
            Err(code) => {
                assert_eq!(code, 1001);
                books.unanswered.lock().unwrap().insert(reference);
                break;
            }
        }
        assert_eq!(socket.next().await.unwrap()["type"], "complete", "after an answer");
    }
}

/// Asks whether the server is ready until it is not, as a balancer does; answers why.
async fn watch_readiness(url: String, books: Arc<Books>) -> Value {
    let client = reqwest::Client::new();
    loop {
        let response = client.get(&url).send().await.expect("it is said before nobody listens");
        let status = response.status();
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        if status == 503 {
            books.draining.store(true, Ordering::SeqCst);
            return body;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The external references of all cases in a log.
fn references(store: &SqliteStore) -> HashSet<String> {
    let (mut found, mut after) = (HashSet::new(), None);
    loop {
        let page = store.scan(after, READ_EVENTS_MAX).unwrap();
        let Some(last) = page.last() else { return found };
        after = Some(Position(last.position.0));
        for event in page.iter().filter(|event| &*event.type_name == "CaseOpened") {
            let data: Value = serde_json::from_slice(&event.data).unwrap();
            let reference = data["external_reference"].as_str().unwrap().to_owned();
            assert!(found.insert(reference), "a case twice: {data:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_told_to_stop_under_load_fails_nobody_and_is_gone_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let process = Process::serve(directory.path(), "drain_notice_seconds = 1", &[]);
    let (url, books) = (process.url("/graphql"), Arc::new(Books::default()));

    let subscribed = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..5 {
        clients.spawn(follow_by_websocket(url.clone(), subscribed.clone()));
        clients.spawn(follow_by_events(url.clone(), subscribed.clone()));
    }
    until(|| subscribed.load(Ordering::SeqCst) == 10).await;
    for number in 0..4 {
        let heeds = number < 2;
        let name = format!("http-{number}");
        clients.spawn(open_cases(name, url.clone(), heeds, books.clone()));
        clients.spawn(ask(url.clone(), books.clone()));
        let name = format!("websocket-{number}");
        clients.spawn(open_cases_by_websocket(name, url.clone(), books.clone()));
    }
    let readiness = tokio::spawn(watch_readiness(process.url("/health/ready"), books.clone()));
    until(|| books.acknowledged() > 200).await;

    process.terminate();
    let told_at = Instant::now();
    let readiness = readiness.await.unwrap();
    assert_eq!(readiness["reasons"], json!(["draining: the process was told to stop"]));
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let (status, lines) = tokio::task::spawn_blocking(|| process.wait()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    assert!(told_at.elapsed() < DRAIN_MAX, "{:?}", told_at.elapsed());
    assert!(books.while_draining.load(Ordering::SeqCst) > 0, "it answers while it drains");

    let store = SqliteStore::open(&directory.path().join("data")).unwrap();
    let (written, acknowledged) = (references(&store), books.acknowledged.lock().unwrap());
    let unanswered = books.unanswered.lock().unwrap();
    println!(
        "{} cases, {} unanswered, {:?}",
        acknowledged.len(),
        unanswered.len(),
        told_at.elapsed()
    );
    assert_eq!(written, *acknowledged, "what was done was answered: {unanswered:?}");
    let checkpoint = parvandeh::proof::checkpoint::Folder::of(&directory.path().join("data"));
    let covered = checkpoint.checkpoint().unwrap().expect("a checkpoint").checkpoint.size;
    assert_eq!(covered, store.head().unwrap().0, "the last checkpoint covers everything");
}
