//! A whole system for a test: a data directory, the read models, the monitor, the HTTP server on a free port, and a client.

pub mod feed;
pub mod process;
pub mod random;
pub mod service;
pub mod tables;
pub mod work;

use std::net::SocketAddr;
use std::path::Path;

use actix_web::dev::ServerHandle;
use jiff::{SignedDuration, Timestamp};
use parvandeh::app::App;
use parvandeh::clock::{Clock, SystemClock};
use parvandeh::http::authentication::{AuthenticationConfig, Secret, issue_demo_token};
use parvandeh::http::drain::Phase;
use parvandeh::http::rate_limit::RateLimitConfig;
use parvandeh::http::server::{ServerConfig, server};
use parvandeh::principal::{Principal, Role};
use parvandeh::vault::Keyring;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// What the tokens of the tests are signed with.
pub const SECRET: &str = "a secret of the tests, long enough for HS256";

/// A running system.
pub struct System {
    pub app: App,
    pub address: SocketAddr,
    directory: Option<TempDir>,
    phase: watch::Sender<Phase>,
    handle: ServerHandle,
    http: reqwest::Client,
}

impl System {
    /// Starts on an empty data directory with the machine's clock.
    pub async fn start() -> Self {
        Self::start_with_clock(SystemClock).await
    }

    /// Starts on an empty data directory with another clock.
    pub async fn start_with_clock(clock: impl Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut system = Self::start_in(directory.path(), clock).await;
        system.directory = Some(directory);
        system
    }

    /// Starts on a data directory that the caller keeps.
    pub async fn start_in(directory: &Path, clock: impl Clock) -> Self {
        Self::start_with(directory, Keyring::at(directory.join("keyring")), clock).await
    }

    /// Starts on a data directory whose keyring stands elsewhere.
    pub async fn start_with(directory: &Path, keyring: Keyring, clock: impl Clock) -> Self {
        Self::start_prepared(directory, keyring, clock, |_| {}).await
    }

    /// Starts on a data directory that the caller keeps, with changes to the system before it serves.
    pub async fn start_prepared(
        directory: &Path,
        keyring: Keyring,
        clock: impl Clock,
        prepare: impl FnOnce(&mut App),
    ) -> Self {
        let mut app = App::open_with(directory, keyring, clock).await.unwrap();
        prepare(&mut app);
        Self::over(app).await
    }

    /// Starts everything over an opened data directory, which the caller keeps.
    pub async fn over(mut app: App) -> Self {
        app.start_read_models(|_| {}).await.unwrap();
        app.start_monitor();
        app.start_proof().unwrap();
        let (phase, receiver) = watch::channel(Phase::Serving);
        let config = ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            authentication: AuthenticationConfig::demo(Secret::from(SECRET.to_owned())),
            allowed_origins: Vec::new(),
            graphiql: true,
            introspection: true,
            rate_limits: RateLimitConfig::none(),
            disk_free_bytes_min: 0,
        };
        let (server, address) = server(&app, config, receiver).unwrap();
        let handle = server.handle();
        tokio::spawn(server);
        let http = reqwest::Client::new();
        Self { app, address, directory: None, phase, handle, http }
    }

    /// Ends everything; answers the data directory where the system owned it.
    pub async fn stop(self) -> Option<TempDir> {
        self.phase.send_replace(Phase::Closing);
        self.handle.stop(true).await;
        self.app.stop().await;
        self.directory
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A caller with this role. Agents and supervisors belong to the units `care` and `technical`.
    pub fn caller(&self, role: Role) -> Caller<'_> {
        self.caller_as(role, None, &["care", "technical"])
    }

    /// A caller who is this customer.
    pub fn customer(&self, id: Uuid) -> Caller<'_> {
        self.caller_as(Role::Customer, Some(id), &[])
    }

    /// A caller of any kind.
    pub fn caller_as(&self, role: Role, customer_id: Option<Uuid>, units: &[&str]) -> Caller<'_> {
        Caller::with(self, token(role, customer_id, units))
    }
}

/// Waits until nobody has the log of a data directory open: the server's threads let go of it a moment after its end.
pub async fn released(directory: &Path) {
    let lock = std::fs::File::open(directory.join("LOCK")).unwrap();
    while lock.try_lock().is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A token that the test system accepts.
pub fn token(role: Role, customer_id: Option<Uuid>, units: &[&str]) -> String {
    let now = Timestamp::now();
    let staffed = matches!(role, Role::Agent | Role::Supervisor);
    let principal = Principal {
        subject: format!("test-{role}"),
        role,
        customer_id,
        units: if staffed {
            units.iter().map(|unit| (*unit).to_owned()).collect()
        } else {
            Vec::new()
        },
        expires_at: now + SignedDuration::from_hours(1),
    };
    issue_demo_token(&Secret::from(SECRET.to_owned()), &principal, now)
}

/// Somebody with a token.
pub struct Caller<'a> {
    http: &'a reqwest::Client,
    url: String,
    pub token: String,
}

impl<'a> Caller<'a> {
    /// Somebody with a token that the test has from elsewhere.
    pub fn with(system: &'a System, token: String) -> Self {
        Self::at(&system.http, system.url("/graphql"), token)
    }

    /// Somebody with a token at this address.
    pub fn at(http: &'a reqwest::Client, url: String, token: String) -> Self {
        Self { http, url, token }
    }
}

impl Caller<'_> {
    /// Sends a document with variables and gives the whole answer.
    pub async fn send(&self, query: &str, variables: Value) -> Value {
        let response = self
            .http
            .post(&self.url)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(json!({ "query": query, "variables": variables }).to_string())
            .send()
            .await
            .unwrap();
        let text = response.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Sends a document that must be answered without errors and gives the data.
    #[track_caller]
    pub fn ask(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let mut answer = self.send(query, variables).await;
            assert!(answer.get("errors").is_none(), "{caller}: {answer:#}");
            answer["data"].take()
        }
    }

    /// Runs a mutation `name(input)` selecting `fields` of the payload, which must have no user errors; gives the payload.
    #[track_caller]
    pub fn mutate(&self, name: &str, fields: &str, input: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($input: {input_type}!) {{ {name}(input: $input) {{ {fields} userErrors {{ code field message }} }} }}"
        );
        let name = name.to_owned();
        async move {
            let mut answer = self.send(&query, json!({ "input": input })).await;
            assert!(answer.get("errors").is_none(), "{caller}: {answer:#}");
            let payload = answer["data"][&name].take();
            assert_eq!(payload["userErrors"], json!([]), "{caller}: {payload:#}");
            payload
        }
    }

    /// Runs a mutation that must be refused; gives the code of its first user error.
    #[track_caller]
    pub fn refusal(&self, name: &str, input: Value) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        let input_type = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let query = format!(
            "mutation($input: {input_type}!) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}"
        );
        let name = name.to_owned();
        async move {
            let answer = self.send(&query, json!({ "input": input })).await;
            let code = &answer["data"][&name]["userErrors"][0]["code"];
            code.as_str().unwrap_or_else(|| panic!("{caller}: {answer:#}")).to_owned()
        }
    }
}
