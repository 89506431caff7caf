//! GraphQL over HTTP: the whole server (authentication, admission, read models on disk) beside a static stock schema of the same shapes,
//! whose rows stand in memory, behind a plain server in the same process. Both answer the same requests with the same bytes.
//!
//! `cargo bench --bench graphql_http -- [cases, 20000]`

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App as HttpApp, HttpResponse, HttpServer, web};
use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Schema, SimpleObject};
use jiff::SignedDuration;
use parvandeh::app::App;
use parvandeh::clock::{Clock, SystemClock};
use parvandeh::graphql::global_id;
use parvandeh::http::authentication::{AuthenticationConfig, Secret, issue_demo_token};
use parvandeh::http::drain::Phase;
use parvandeh::http::rate_limit::RateLimitConfig;
use parvandeh::http::server::{ServerConfig, server};
use parvandeh::principal::{Principal, Role};
use parvandeh::store::sqlite::SqliteStore;
use serde::Deserialize;
use serde_json::json;
use support::load::{self, CONNECTIONS};
use support::measure::{ROUNDS, directory, median};
use support::portfolio::{self, EVENTS_PER_CASE};
use tokio::runtime::Runtime;
use tokio::sync::watch;

mod support {
    pub mod load;
    pub mod measure;
    pub mod portfolio;
}

const FIELDS: &str = "id reference kind subject channel priority status unit openedAt updatedAt";
const ROUND: Duration = Duration::from_secs(4);
/// Cases that are asked for by id.
const CASES_ASKED: u64 = 1_000;

fn main() {
    let cases = std::env::args().find_map(|argument| argument.parse::<u64>().ok());
    let cases = cases.unwrap_or(20_000);
    let home = directory();
    let runtime = Runtime::new().expect("a runtime");
    let secret = Secret::from("a secret of the benchmark, long enough".to_owned());
    let (app, ours) = runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(home.path()).expect("a store"));
        portfolio::fill(&store, &portfolio::vault(home.path()), 0..cases).await;
        drop(store);
        let mut app = App::open(home.path()).await.expect("the data directory");
        app.start_read_models(|_| {}).await.expect("the read models");
        app.start_monitor();
        let config = ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            authentication: AuthenticationConfig::demo(secret.clone()),
            allowed_origins: Vec::new(),
            graphiql: false,
            introspection: false,
            rate_limits: RateLimitConfig::none(),
            disk_free_bytes_min: 0,
        };
        // A sender that is gone would end all streams; there are none.
        let (server, address) =
            server(&app, config, watch::channel(Phase::Serving).1).expect("a server");
        tokio::spawn(server);
        (app, address)
    });

    let token = token(&secret);
    let ask = |query: String, variables: serde_json::Value| {
        load::post(&token, &json!({ "query": query, "variables": variables }).to_string())
    };
    let one = |number: u64| {
        let id = global_id::encode_case(portfolio::case_id(number).0);
        ask(format!("query Case($id: ID!) {{ case(id: $id) {{ {FIELDS} }} }}"), json!({ "id": id }))
    };
    let list = ask(format!("query {{ cases(first: 50) {{ nodes {{ {FIELDS} }} }} }}"), json!({}));

    let stock = Stock::with_the_rows_of(&load::body(ours, &one(0)), &load::body(ours, &list));
    let stock = runtime.block_on(async { stock.serve() });
    for request in [&one(0), &list] {
        assert_eq!(
            load::body(ours, request),
            load::body(stock, request),
            "the answers are the same"
        );
    }

    println!(
        "{cases} cases of about {EVENTS_PER_CASE} events, {CONNECTIONS} connections; medians of {ROUNDS} alternating rounds of {} s",
        ROUND.as_secs()
    );
    println!("{:<18}{:>14}{:>20}{:>9}", "ten fields of", "requests/s", "static stock/s", "ratio");
    let ids = (0..CASES_ASKED.min(cases)).map(|number| number * cases / CASES_ASKED.min(cases));
    let requests: [(&str, Arc<[Vec<u8>]>); 2] =
        [("one case by id", ids.map(one).collect()), ("a list of 50", [list].into())];
    for (shape, requests) in requests {
        let (mut measured, mut yardstick) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            measured.push(load::requests_a_second(ours, &requests, ROUND));
            yardstick.push(load::requests_a_second(stock, &requests, ROUND));
        }
        let (measured, yardstick) = (median(measured), median(yardstick));
        println!("{shape:<18}{measured:>14.0}{yardstick:>20.0}{:>9.2}", measured / yardstick);
    }
    runtime.block_on(app.stop());
}

/// An auditor's token: all cases are inside the scope.
fn token(secret: &Secret) -> String {
    let now = SystemClock.now();
    let principal = Principal {
        subject: "benchmark".to_owned(),
        role: Role::Auditor,
        customer_id: None,
        units: Vec::new(),
        expires_at: now + SignedDuration::from_hours(1),
    };
    issue_demo_token(secret, &principal, now)
}

#[derive(Clone, Deserialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    reference: String,
    kind: String,
    subject: String,
    channel: String,
    priority: String,
    status: String,
    unit: Option<String>,
    opened_at: String,
    updated_at: String,
}

#[derive(Clone, Deserialize, SimpleObject)]
struct Cases {
    nodes: Vec<Case>,
}

/// The yardstick: what the library does with rows that are already there.
struct Stock {
    one: Case,
    list: Cases,
}

#[Object]
impl Stock {
    async fn case(&self, #[graphql(name = "id")] _id: ID) -> Option<&Case> {
        Some(&self.one)
    }

    async fn cases(&self, #[graphql(name = "first")] _first: i32) -> &Cases {
        &self.list
    }
}

impl Stock {
    /// Takes its rows from two answers of the server that it is compared with.
    fn with_the_rows_of(one: &str, list: &str) -> Self {
        #[derive(Deserialize)]
        struct Answer<T> {
            data: T,
        }
        #[derive(Deserialize)]
        struct One {
            case: Case,
        }
        #[derive(Deserialize)]
        struct List {
            cases: Cases,
        }
        let one: Answer<One> = serde_json::from_str(one).expect("a case");
        let list: Answer<List> = serde_json::from_str(list).expect("a list");
        assert_eq!(list.data.cases.nodes.len(), 50);
        Self { one: one.data.case, list: list.data.cases }
    }

    fn serve(self) -> SocketAddr {
        type Static = Schema<Stock, EmptyMutation, EmptySubscription>;
        async fn answer(
            schema: web::Data<Static>,
            request: web::Json<async_graphql::Request>,
        ) -> HttpResponse {
            HttpResponse::Ok().json(schema.execute(request.into_inner()).await)
        }
        let schema = web::Data::new(Schema::new(self, EmptyMutation, EmptySubscription));
        let server = HttpServer::new(move || {
            HttpApp::new().app_data(schema.clone()).route("/graphql", web::post().to(answer))
        });
        let server = server.bind(("127.0.0.1", 0)).expect("a free port");
        let address = server.addrs()[0];
        tokio::spawn(server.disable_signals().run());
        address
    }
}
