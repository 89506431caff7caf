//! Ten thousand subscribers on one process: what each costs in memory, and how soon a fact reaches all of them; then the same beside
//! subscribers that read nothing, which must not slow the others down.
//!
//! The server is a process of its own over a log with history, the clients another, so that memory and processor time are told apart.
//! They follow `slaFacts` by graphql-transport-ws. The delay is from the acknowledgement of a fact's append to its arrival at a
//! subscriber; each fact goes to all. The yardstick in the same run is a process that writes the same bytes to as many bare sockets.
//!
//! `cargo bench --bench subscribers -- [subscribers, 10000] [facts a second, 2] [seconds a round, 12]`

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::clock::{Clock, SystemClock};
use parvandeh::graphql::cursor::{self, ListKey};
use parvandeh::http::authentication::{AuthenticationConfig, Secret, issue_demo_token};
use parvandeh::http::drain::Phase;
use parvandeh::http::rate_limit::RateLimitConfig;
use parvandeh::http::server::{ServerConfig, server};
use parvandeh::principal::{Principal, Role};
use parvandeh::store::sqlite::SqliteStore;
use parvandeh::store::{Expect, StreamId};
use parvandeh_domain::decider::ActorKind;
use parvandeh_domain::id::PolicyId;
use parvandeh_domain::sla::{ClockSubject, Metric, SlaBreached, SlaEvent};
use parvandeh_projections::page::{Anchor, Tie};
use serde_json::json;
use support::measure::{ROUNDS, directory, median};
use support::portfolio::{self, Commands};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::LocalSet;
use uuid::Uuid;

mod support {
    pub mod measure;
    #[allow(dead_code, reason = "a part of it is used here")]
    pub mod portfolio;
}

/// Facts on record before anybody comes: more than sockets and the ring of newest facts can hold for one who does not read.
const HISTORY: u64 = 20_000;
/// Subscribers that read nothing.
const SLOW: usize = 100;
/// Connections being opened at once.
const OPENING_AT_ONCE: usize = 64;
/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(150);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => return serve(),
        Some("fan-out") => return fan_out(&arguments[2]),
        _ => {}
    }
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse::<u64>().ok());
    let count = numbers.next().unwrap_or(10_000) as usize;
    let rate = numbers.next().unwrap_or(2);
    let seconds = numbers.next().unwrap_or(12);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, measure(count, rate, seconds));
}

async fn measure(count: usize, rate: u64, seconds: u64) {
    println!("{count} subscribers, {rate} facts a second for {seconds} s a round");
    let mut process = Process::start(&["serve"]);
    let before = process.memory();
    let clients = Clients::default();
    let start = Instant::now();
    let latest = process.latest_cursor.clone();
    let open = Open::Subscribe { token: process.token.clone(), after: Some(latest) };
    let mut readers = clients.connect(process.address, count, &open).await;
    let opened_s = start.elapsed().as_secs_f64();
    let idle = process.memory();
    println!(
        "opened in {opened_s:.1} s; server before {:.1} MB resident ({:.1} MB proportional), with them {:.1} MB ({:.1} MB): {:.1} kB each",
        before.resident / 1e6,
        before.proportional / 1e6,
        idle.resident / 1e6,
        idle.proportional / 1e6,
        (idle.proportional - before.proportional) / 1e3 / count as f64
    );
    let busy = clients.round(&mut process, readers.len(), rate, seconds).await;
    let after = process.memory();
    busy.print("all of them");
    println!(
        "memory after the round: {:.1} kB each; {} bytes a message",
        (after.proportional - before.proportional) / 1e3 / count as f64,
        clients.message().len()
    );

    // Their places are taken by those who read nothing.
    readers.truncate(count - SLOW);
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        alone.push(clients.round(&mut process, readers.len(), rate, seconds).await);
        let history = Open::Stall { token: process.token.clone() };
        let mut stalled = clients.connect(process.address, SLOW, &history).await;
        process.settle().await;
        beside.push(clients.round(&mut process, readers.len(), rate, seconds).await);
        stalled.clear();
    }
    let (alone, beside) = (Round::median(&alone), Round::median(&beside));
    alone.print("without slow ones");
    beside.print("beside 100 slow ones");
    println!("p99 beside slow ones / without: {:.2}", beside.p99_ms / alone.p99_ms);
    let memory = process.memory();
    let history = Open::Stall { token: process.token.clone() };
    let stalled = clients.connect(process.address, SLOW, &history).await;
    process.settle().await;
    println!(
        "a slow one that has 20,000 facts before it holds {:.1} kB of the server",
        (process.memory().proportional - memory.proportional) / 1e3 / SLOW as f64
    );
    let (start, open_files) = (Instant::now(), process.open_files());
    while process.open_files() > open_files - SLOW {
        assert!(start.elapsed() < PATIENCE, "the server closes connections that take nothing");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!(
        "all slow ones were cut off by the server {:.0} s after they were full",
        start.elapsed().as_secs_f64()
    );
    drop((readers, stalled, process));

    let message = clients.message();
    let mut process = Process::start(&["fan-out", &message]);
    let readers = clients.connect(process.address, count, &Open::Bare).await;
    let yardstick = clients.round(&mut process, readers.len(), rate, seconds).await;
    yardstick.print("yardstick: bare sockets");
    println!("p99 / yardstick: {:.1}", busy.p99_ms / yardstick.p99_ms);
}

/// A server in a process of its own. At each line on its input it appends a fact, and says its id and when that was acknowledged.
struct Process {
    child: Child,
    input: ChildStdin,
    address: SocketAddr,
    token: String,
    latest_cursor: String,
    appended: Arc<Mutex<HashMap<Uuid, i64>>>,
}

#[derive(Clone, Copy)]
struct Memory {
    resident: f64,
    proportional: f64,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("it was piped");
        let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let first = lines.next().expect("a line").expect("text");
        let words: Vec<&str> = first.split(' ').collect();
        let [address, token, latest_cursor] = words[..] else { panic!("{first}") };
        let (address, token) = (address.parse().expect("an address"), token.to_owned());
        let latest_cursor = latest_cursor.to_owned();
        let appended = Arc::new(Mutex::new(HashMap::new()));
        let noted = appended.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let (id, at) = line.split_once(' ').expect("an id and a moment");
                let (id, at) = (id.parse().expect("an id"), at.parse().expect("a moment"));
                noted.lock().expect("the lock").insert(id, at);
            }
        });
        Self { child, input, address, token, latest_cursor, appended }
    }

    fn append(&mut self) {
        self.input.write_all(b"append\n").expect("the server lives");
    }

    /// In bytes.
    fn memory(&self) -> Memory {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = std::fs::read_to_string(path).expect("Linux");
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).expect("a known line");
            let kibibytes: f64 =
                line.split_whitespace().nth(1).expect("a value").parse().expect("a number");
            kibibytes * 1024.0
        };
        Memory { resident: value("Rss:"), proportional: value("Pss:") }
    }

    /// Waits until the server has nothing to do: until those who read nothing have been sent all that their sockets hold, which is some
    /// thousands of facts each.
    async fn settle(&self) {
        let start = Instant::now();
        loop {
            let before = self.processor_s();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.processor_s() - before < 0.05 {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "the server comes to rest");
        }
    }

    /// Sockets and files that the process has open.
    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("Linux").count()
    }

    /// Processor time so far, in seconds.
    fn processor_s(&self) -> f64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(path).expect("Linux");
        let fields = text.rsplit_once(')').expect("a name in parentheses").1;
        let ticks: f64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
        // The unit of the kernel's answer on every architecture that Linux has today.
        ticks / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a connection begins.
enum Open {
    /// It subscribes to what comes after a cursor.
    Subscribe { token: String, after: Option<String> },
    /// It subscribes to all that ever was, and reads nothing of it.
    Stall { token: String },
    /// It only reads.
    Bare,
}

/// What arrived at all connections.
#[derive(Clone, Default)]
struct Clients {
    arrivals: Rc<RefCell<Vec<(Uuid, i64)>>>,
    message: Rc<RefCell<String>>,
}

/// An open connection; closed when dropped.
struct Reader(tokio::task::JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Clients {
    async fn connect(&self, address: SocketAddr, count: usize, open: &Open) -> Vec<Reader> {
        let opening = Rc::new(Semaphore::new(OPENING_AT_ONCE));
        let opened = Rc::new(RefCell::new(0));
        let readers = (0..count)
            .map(|_| {
                let (clients, opening, opened) = (self.clone(), opening.clone(), opened.clone());
                let (token, after, stall) = match open {
                    Open::Subscribe { token, after } => (Some(token.clone()), after.clone(), false),
                    Open::Stall { token } => (Some(token.clone()), None, true),
                    Open::Bare => (None, None, false),
                };
                let task = tokio::task::spawn_local(async move {
                    let permit = opening.acquire().await;
                    let mut connection = Connection::open(address, stall).await;
                    if let Some(token) = token {
                        connection.subscribe(&token, after.as_deref()).await;
                    }
                    *opened.borrow_mut() += 1;
                    drop(permit);
                    if stall {
                        // It keeps the connection and takes nothing from it.
                        std::future::pending::<()>().await;
                    } else {
                        connection.read(&clients).await;
                    }
                });
                Reader(task)
            })
            .collect();
        let start = Instant::now();
        while *opened.borrow() < count {
            assert!(start.elapsed() < PATIENCE, "all connections are opened in time");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The last of them have sent their subscription and may not be served yet.
        tokio::time::sleep(Duration::from_secs(2)).await;
        readers
    }

    fn message(&self) -> String {
        self.message.borrow().clone()
    }

    async fn round(&self, process: &mut Process, readers: usize, rate: u64, seconds: u64) -> Round {
        self.arrivals.borrow_mut().clear();
        process.appended.lock().expect("the lock").clear();
        let processor_s = process.processor_s();
        let facts = (rate * seconds) as usize;
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate as u32);
        for _ in 0..facts {
            ticks.tick().await;
            process.append();
        }
        let start = Instant::now();
        while self.arrivals.borrow().len() < facts * readers {
            let arrived = self.arrivals.borrow().len();
            assert!(start.elapsed() < PATIENCE, "{arrived} of {} arrived", facts * readers);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let processor_s = process.processor_s() - processor_s;
        let appended = process.appended.lock().expect("the lock");
        let arrivals = self.arrivals.borrow();
        assert_eq!(arrivals.len(), facts * readers, "everything arrives once");
        let mut delays: Vec<i64> = arrivals.iter().map(|(id, at)| at - appended[id]).collect();
        delays.sort_unstable();
        let at = |percent: usize| delays[(delays.len() - 1) * percent / 100] as f64 / 1e3;
        Round {
            p50_ms: at(50),
            p99_ms: at(99),
            most_ms: at(100),
            processor_us: processor_s * 1e6 / delays.len() as f64,
        }
    }
}

/// What a round told.
#[derive(Clone, Copy)]
struct Round {
    p50_ms: f64,
    p99_ms: f64,
    most_ms: f64,
    /// Of the server, for each delivery.
    processor_us: f64,
}

impl Round {
    fn median(rounds: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| median(rounds.iter().map(value));
        Self {
            p50_ms: of(|round| round.p50_ms),
            p99_ms: of(|round| round.p99_ms),
            most_ms: of(|round| round.most_ms),
            processor_us: of(|round| round.processor_us),
        }
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<26} p50 {:>7.1} ms, p99 {:>7.1} ms, most {:>7.1} ms, processor {:.1} µs a delivery",
            self.p50_ms, self.p99_ms, self.most_ms, self.processor_us
        );
    }
}

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// A connection that speaks as much of the WebSocket protocol as is needed here, with small buffers: there are ten thousand.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, stalls: bool) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if stalls {
            // So that little waits in the kernel.
            socket.set_recv_buffer_size(4_096).expect("an option of the socket");
        }
        let stream = socket.connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("an option of the connection");
        Self { stream, received: Vec::with_capacity(1_024) }
    }

    async fn subscribe(&mut self, token: &str, after: Option<&str>) {
        let upgrade = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                       sec-websocket-protocol: graphql-transport-ws\r\n\r\n";
        self.stream.write_all(upgrade.as_bytes()).await.expect("the server reads");
        let head_end = loop {
            match self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(position) => break position + 4,
                None => assert!(self.more().await, "an answer to the upgrade"),
            }
        };
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let payload = json!({ "authorization": format!("Bearer {token}") });
        self.send(
            TEXT,
            json!({ "type": "connection_init", "payload": payload }).to_string().as_bytes(),
        )
        .await;
        let (_, acknowledged) = self.frame().await.expect("an acknowledgement");
        assert!(
            acknowledged.starts_with(b"{\"type\":\"connection_ack\""),
            "{}",
            String::from_utf8_lossy(&acknowledged)
        );
        let query = "subscription($after: String) { slaFacts(after: $after) { cursor fact { eventId kind caseId clock metric dueAt recordedAt } } }";
        let payload = json!({ "query": query, "variables": { "after": after } });
        self.send(
            TEXT,
            json!({ "type": "subscribe", "id": "1", "payload": payload }).to_string().as_bytes(),
        )
        .await;
    }

    async fn read(&mut self, clients: &Clients) {
        while let Some((kind, text)) = self.frame().await {
            match kind {
                TEXT => {
                    let now = Timestamp::now().as_microsecond();
                    let text = std::str::from_utf8(&text).expect("UTF-8");
                    if let Some((_, rest)) = text.split_once("\"eventId\":\"") {
                        let id = Uuid::try_parse(&rest[..36]).expect("an id");
                        clients.arrivals.borrow_mut().push((id, now));
                        if clients.message.borrow().is_empty() {
                            *clients.message.borrow_mut() = text.to_owned();
                        }
                    } else if text.contains("\"ping\"") {
                        self.send(TEXT, b"{\"type\":\"pong\"}").await;
                    } else {
                        panic!("{text}");
                    }
                }
                PING => self.send(PONG, &text).await,
                CLOSE => return,
                _ => panic!("a frame of kind {kind:x}"),
            }
        }
    }

    /// The next frame, which the server sends in one piece and without a mask.
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((head, length)) = frame_length(&self.received)
                && self.received.len() >= head + length
            {
                let kind = self.received[0];
                let payload = self.received[head..head + length].to_vec();
                self.received.drain(..head + length);
                return Some((kind, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.received).await.is_ok_and(|read| read > 0)
    }

    async fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut frame = vec![kind];
        // Clients must mask; with this mask the bytes stay as they are.
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        let _ = self.stream.write_all(&frame).await;
    }
}

/// The lengths of a frame's head and of its payload, once the head is there.
fn frame_length(received: &[u8]) -> Option<(usize, usize)> {
    match received.get(1)? & 0x7F {
        126 => {
            let length = received.get(2..4)?.try_into().expect("two bytes");
            Some((4, u16::from_be_bytes(length).into()))
        }
        127 => {
            let length = received.get(2..10)?.try_into().expect("eight bytes");
            Some((10, u64::from_be_bytes(length) as usize))
        }
        length => Some((2, length.into())),
    }
}

/// The server: the whole program but for the monitor, which would write facts of its own.
fn serve() {
    let home = directory();
    let runtime = Runtime::new().expect("a runtime");
    let secret = Secret::from("a secret of the benchmark, long enough".to_owned());
    let (app, address) = runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(home.path()).expect("a store"));
        let vault = portfolio::vault(home.path());
        portfolio::fill(&store, &vault, 0..HISTORY).await;
        drop((store, vault));
        let mut app = App::open(home.path()).await.expect("the data directory");
        app.start_read_models(|_| {}).await.expect("the read models");
        app.start_proof().expect("the proofs");
        let config = ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            authentication: AuthenticationConfig::demo(secret.clone()),
            allowed_origins: Vec::new(),
            graphiql: false,
            introspection: false,
            rate_limits: RateLimitConfig::none(),
            disk_free_bytes_min: 0,
        };
        let (draining, drained) = watch::channel(Phase::Serving);
        // A sender that is gone would end all streams.
        std::mem::forget(draining);
        let (server, address) = server(&app, config, drained).expect("a server");
        tokio::spawn(server);
        let appends = (0..HISTORY).map(|number| append(&app, number, "resolution-1"));
        futures_util::future::join_all(appends).await;
        append(&app, 0, "first_response-9").await;
        app.read_models.wait_for(app.store.head().expect("an event")).await.expect("read models");
        (app, address)
    });
    let now = SystemClock.now();
    let principal = Principal {
        subject: "benchmark".to_owned(),
        role: Role::Monitor,
        customer_id: None,
        units: Vec::new(),
        expires_at: now + SignedDuration::from_hours(1),
    };
    let token = issue_demo_token(&secret, &principal, now);
    let position = app.store.head().expect("an event").0 as i64;
    let place = Anchor { key: position, tie: Tie::Position(position) };
    let cursor = cursor::encode(ListKey::of("slaFactFeed", app.store.id()), place);
    println!("{address} {token} {cursor}");
    for (line, number) in std::io::stdin().lines().zip(1..) {
        line.expect("text");
        let (id, at) = runtime.block_on(append(&app, number % HISTORY, "first_response-9"));
        println!("{id} {at}");
    }
}

/// Appends a fact about the clock of a case; answers its id, and the moment of the acknowledgement.
async fn append(app: &App, number: u64, clock: &str) -> (Uuid, i64) {
    let now = Timestamp::now();
    let case_id = portfolio::case_id(number);
    let breached = SlaEvent::from(SlaBreached {
        subject: ClockSubject {
            case_id,
            clock: clock.parse().expect("a key"),
            metric: Metric::Resolution,
            policy_id: PolicyId::new("standard").expect("a code"),
            policy_version: 1,
            rule: "any".to_owned(),
            unit: Some("care".to_owned()),
            category: None,
            priority: None,
            channel: None,
            actions: vec![],
        },
        due_at: now,
        started_at: now,
        stopped_at: None,
        silent: false,
    });
    // Numbers that no case has.
    let unique = Uuid::now_v7().as_u64_pair();
    let draft = Commands::of(unique.0 ^ unique.1, None).event(&breached, now, ActorKind::System);
    let event = draft.seal(&app.vault).expect("it says nothing personal");
    let id = event.id;
    let stream = StreamId::new(&format!("clock-{case_id}")).expect("well formed");
    app.store.append(&stream, Expect::Any, vec![event]).await.expect("an append");
    (id, Timestamp::now().as_microsecond())
}

/// The yardstick: writes the same bytes, with another id each time, to all connections.
fn fan_out(message: &str) {
    let (before, after) = {
        let place = message.find("\"eventId\":\"").expect("an event") + "\"eventId\":\"".len();
        (message[..place].to_owned(), message[place + 36..].to_owned())
    };
    let runtime = Runtime::new().expect("a runtime");
    let (sender, _) = broadcast::channel::<Arc<[u8]>>(1_024);
    let subscribe = sender.clone();
    let address = runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("an option of the connection");
                let mut messages = subscribe.subscribe();
                tokio::spawn(async move {
                    while let Ok(message) = messages.recv().await {
                        if stream.write_all(&message).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    });
    println!("{address} - -");
    for line in std::io::stdin().lines() {
        line.expect("text");
        let id = Uuid::new_v4();
        let text = format!("{before}{id}{after}");
        let mut frame = vec![TEXT, 126];
        frame.extend_from_slice(&(text.len() as u16).to_be_bytes());
        frame.extend_from_slice(text.as_bytes());
        println!("{id} {}", Timestamp::now().as_microsecond());
        let _ = sender.send(frame.into());
    }
}
