//! A toy schema and a server on a free port, for driving the transports by hand.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use async_graphql::{
    Context, Error, ErrorExtensions as _, ID, Interface, Object, Result, Schema, SimpleObject,
    Subscription, Union,
};
use futures_util::{Stream, stream};
use jiff::{SignedDuration, Timestamp};
use parvandeh::clock::{Clock, ManualClock};
use parvandeh::error::TraceId;
use parvandeh::graphql::admission::{Admission, AdmissionLimits};
use parvandeh::graphql::permissions::FieldTable;
use parvandeh::http::authentication::{
    AuthenticationConfig, Authenticator, Secret, issue_demo_token,
};
use parvandeh::http::drain::Phase;
use parvandeh::http::origin::Origins;
use parvandeh::http::rate_limit::RateLimitConfig;
use parvandeh::http::trace::trace;
use parvandeh::http::transport::{Limits, ResumeAfter, Transport, TransportConfig, configure};
use parvandeh::principal::{Principal, Role, Roles};
use tokio::sync::watch;
use uuid::Uuid;

/// What the schema did, for tests to look at.
#[derive(Default, Clone)]
pub struct Counters {
    pub renamed: Arc<AtomicUsize>,
    pub produced: Arc<AtomicUsize>,
    pub streams_open: Arc<AtomicUsize>,
}

pub struct Query;

#[derive(SimpleObject)]
pub struct Item {
    id: ID,
    title: String,
    children: Option<Vec<Item>>,
}

#[derive(SimpleObject)]
pub struct Vault {
    id: ID,
    combination: String,
}

#[derive(Interface)]
#[graphql(field(name = "id", ty = "&ID"))]
#[allow(clippy::large_enum_variant)]
pub enum Node {
    Item(Item),
    Vault(Vault),
}

#[derive(Union)]
#[allow(clippy::large_enum_variant)]
pub enum Found {
    Item(Item),
    Vault(Vault),
}

pub struct Items;

#[Object]
impl Items {
    async fn nodes(&self) -> Vec<Item> {
        vec![item()]
    }
    async fn inner(&self, first: Option<i32>, last: Option<i32>) -> Items {
        let _ = (first, last);
        Items
    }
}

fn item() -> Item {
    Item { id: "item-1".into(), title: "پرونده".to_owned(), children: None }
}

fn vault() -> Vault {
    Vault { id: "vault-1".into(), combination: "1234".to_owned() }
}

#[Object]
impl Query {
    async fn hello(&self, name: Option<String>) -> String {
        format!("hello {}", name.unwrap_or_else(|| "world".to_owned()))
    }
    async fn whoami(&self, context: &Context<'_>) -> Result<String> {
        let principal = context.data::<Arc<Principal>>()?;
        Ok(format!("{} {}", principal.role, principal.subject))
    }
    async fn trace(&self, context: &Context<'_>) -> Result<String> {
        Ok(context.data::<TraceId>()?.to_string())
    }
    async fn items(&self, first: Option<i32>, last: Option<i32>) -> Items {
        let _ = (first, last);
        Items
    }
    async fn node(&self, vault_too: Option<bool>) -> Node {
        if vault_too == Some(true) { Node::Vault(vault()) } else { Node::Item(item()) }
    }
    async fn search(&self) -> Vec<Found> {
        vec![Found::Item(item()), Found::Vault(vault())]
    }
    async fn vault(&self) -> Vault {
        vault()
    }
    async fn slow(&self) -> bool {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        true
    }
    async fn broken(&self) -> Result<bool> {
        Err("the password of the database is hunter2".into())
    }
    async fn conflicting(&self) -> Result<bool> {
        Err(Error::new("changed meanwhile").extend_with(|_, e| e.set("code", "CONFLICT")))
    }
    async fn large(&self) -> String {
        "x".repeat(100_000)
    }
}

pub struct Mutation(Counters);

#[Object]
impl Mutation {
    async fn rename(&self, title: String) -> String {
        self.0.renamed.fetch_add(1, Ordering::SeqCst);
        title
    }
}

pub struct Events(Counters);

#[derive(SimpleObject)]
pub struct Tick {
    value: i32,
    cursor: String,
    padding: String,
}

struct StreamOpen(Arc<AtomicUsize>);

impl StreamOpen {
    fn new(counters: &Counters) -> Self {
        counters.streams_open.fetch_add(1, Ordering::SeqCst);
        Self(counters.streams_open.clone())
    }
}

impl Drop for StreamOpen {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn tick(value: i32, padding: usize) -> Tick {
    Tick { value, cursor: format!("c{value}"), padding: "x".repeat(padding) }
}

#[Subscription]
impl Events {
    /// Counts to `to`, from after the resumed cursor.
    async fn count(&self, context: &Context<'_>, to: i32) -> impl Stream<Item = Tick> + use<> {
        let after = context.data_opt::<ResumeAfter>();
        let after = after.and_then(|after| after.0.strip_prefix('c')?.parse().ok()).unwrap_or(0);
        stream::iter((after + 1..=to).map(|value| tick(value, 0)))
    }
    /// As many large events as are asked for.
    async fn endless(&self) -> impl Stream<Item = Tick> + use<> {
        let (produced, open) = (self.0.produced.clone(), StreamOpen::new(&self.0));
        stream::unfold((produced, open), |(produced, open)| async move {
            let value = produced.fetch_add(1, Ordering::SeqCst);
            Some((tick(value as i32, 10_000), (produced, open)))
        })
    }
    /// Says nothing, for ever.
    async fn silent(&self) -> impl Stream<Item = Tick> + use<> {
        let open = StreamOpen::new(&self.0);
        stream::unfold(open, |open| async move {
            std::future::pending::<()>().await;
            Some((tick(0, 0), open))
        })
    }
    async fn refused(&self) -> Result<Pin<Box<dyn Stream<Item = Tick> + Send>>> {
        Err(Error::new("not for you").extend_with(|_, e| e.set("code", "FORBIDDEN")))
    }
    async fn privileged(&self) -> impl Stream<Item = Tick> + use<> {
        stream::iter([tick(1, 0)])
    }
}

pub const TABLE: FieldTable = &[
    (
        "Query",
        Roles::ALL,
        &[
            "hello",
            "whoami",
            "trace",
            "items",
            "node",
            "search",
            "slow",
            "broken",
            "conflicting",
            "large",
        ],
    ),
    ("Query", Roles::of(&[Role::Admin]), &["vault"]),
    ("Mutation", Roles::of(&[Role::Agent, Role::Admin]), &["rename"]),
    ("Events", Roles::ALL, &["count", "endless", "silent", "refused"]),
    ("Events", Roles::of(&[Role::Admin]), &["privileged"]),
    ("Items", Roles::ALL, &["nodes", "inner"]),
    ("Item", Roles::ALL, &["id", "title", "children"]),
    ("Node", Roles::ALL, &["id"]),
    ("Vault", Roles::of(&[Role::Admin]), &["id", "combination"]),
    ("Tick", Roles::ALL, &["value", "cursor", "padding"]),
];

pub type ToySchema = Schema<Query, Mutation, Events>;

pub fn schema(counters: Counters) -> ToySchema {
    Schema::build(Query, Mutation(counters.clone()), Events(counters)).finish()
}

pub fn secret() -> Secret {
    "a secret for tests, longer than 32 bytes".to_owned().into()
}

pub fn start_of_tests() -> Timestamp {
    "2026-03-21T09:00:00Z".parse().expect("a timestamp")
}

/// What a server is started with.
pub struct Setup {
    pub limits: Limits,
    pub introspection: Roles,
    pub clock: Arc<dyn Clock>,
    pub port: u16,
    pub rate_limits: RateLimitConfig,
}

/// A server and the handles that a test needs.
#[allow(dead_code)]
pub struct Server {
    pub url: String,
    pub counters: Counters,
    pub phase: watch::Sender<Phase>,
}

/// Starts a server on the loopback interface; it ends with the runtime.
pub fn serve(setup: Setup) -> Server {
    let counters = Counters::default();
    let schema = schema(counters.clone());
    let admission =
        Admission::new(&schema.sdl(), TABLE, setup.introspection, AdmissionLimits::default())
            .expect("the SDL of a schema can be read");
    let config = AuthenticationConfig::demo(secret());
    let authenticator =
        Authenticator::new(config, setup.clock.clone()).expect("the demo configuration is sound");
    let (phase, receiver) = watch::channel(Phase::Serving);
    let origins = Origins(vec!["https://desk.example.org".to_owned()]);
    let config = TransportConfig {
        limits: setup.limits,
        origins,
        graphiql: true,
        rate_limits: setup.rate_limits,
    };
    let transport = Transport::new(schema, admission, authenticator, setup.clock, config, receiver);
    let server = HttpServer::new(move || {
        let transport = transport.clone();
        App::new().wrap(from_fn(trace)).configure(|app| configure(app, transport))
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", setup.port))
    .expect("a port on the loopback interface");
    let url = format!("http://{}", server.addrs()[0]);
    actix_web::rt::spawn(server.run());
    Server { url, counters, phase }
}

/// The server that most tests want: a clock that stands still, introspection for all.
#[allow(dead_code)]
pub fn server() -> (Server, Arc<ManualClock>) {
    server_with(Limits::default())
}

#[allow(dead_code)]
pub fn server_with(limits: Limits) -> (Server, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::starting_at(start_of_tests()));
    let rate_limits = RateLimitConfig::none();
    let setup =
        Setup { limits, introspection: Roles::ALL, clock: clock.clone(), port: 0, rate_limits };
    (serve(setup), clock)
}

/// A server whose callers may ask for no more than this.
#[allow(dead_code)]
pub fn server_with_rate_limits(rate_limits: RateLimitConfig) -> Server {
    let clock = Arc::new(ManualClock::starting_at(start_of_tests()));
    let limits = Limits::default();
    serve(Setup { limits, introspection: Roles::ALL, clock, port: 0, rate_limits })
}

pub fn principal(role: Role, now: Timestamp) -> Principal {
    Principal {
        subject: "someone".to_owned(),
        role,
        customer_id: (role == Role::Customer).then(|| Uuid::from_u128(7)),
        units: Vec::new(),
        expires_at: now + SignedDuration::from_hours(1),
    }
}

/// A token of this role, good for an hour from the start of the tests.
#[allow(dead_code)]
pub fn token(role: Role) -> String {
    issue_demo_token(&secret(), &principal(role, start_of_tests()), start_of_tests())
}

/// Waits until the condition holds; a test that waits in vain fails by the harness's own limit.
#[allow(dead_code)]
pub async fn wait_until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
