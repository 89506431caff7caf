//! What the transports share: the executor, what guards it, and the numbers that bound it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::HeaderMap;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpRequest, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request};
use jiff::Timestamp;
use parvandeh_projections::customer_profile;
use parvandeh_projections::scope::CaseScope;
use tokio::sync::{Semaphore, watch};
use tracing::field::Empty;
use tracing::{Instrument as _, debug_span};

use crate::clock::Clock;
use crate::error::{ErrorCode, RequestError, TraceId};
use crate::graphql::admission::{Admission, Admitted};
use crate::graphql::parameters::Parameters;
use crate::http::authentication::{AuthenticationError, Authenticator, bearer_token};
use crate::http::drain::Phase;
use crate::http::errors::{Answer, settle, unauthenticated};
use crate::http::origin::{Origins, cors};
use crate::http::rate_limit::{REQUEST_COST, RateLimitConfig, RateLimits};
use crate::http::{graphiql, graphql, reports};
use crate::metrics::AUTHENTICATION_FAILURES;
use crate::principal::Principal;
use crate::subscription::read_models::ReadModels;
use crate::words::Language;

/// The numbers that bound the transports.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Size of a request body or a WebSocket message, in bytes.
    pub body_bytes_max: usize,
    /// Time for a body to arrive, and time for a query or mutation to be answered.
    pub request_timeout: Duration,
    /// WebSocket and event-stream connections open at once, for the whole process.
    pub connections_max: usize,
    /// Operations running at once on one WebSocket connection.
    pub operations_per_connection_max: usize,
    /// Time from opening a WebSocket to its `connection_init`.
    pub connection_init_timeout: Duration,
    /// A quiet connection is sent a ping, or a comment, this often. That an event stream's reader has gone
    /// is noticed by writing to it, so within two of these.
    pub ping_interval: Duration,
    /// A connection that says nothing, or takes nothing, for so long is closed.
    pub silence_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1024 * 1024,
            request_timeout: Duration::from_secs(10),
            connections_max: 10_000,
            operations_per_connection_max: 50,
            connection_init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            silence_max: Duration::from_secs(60),
        }
    }
}

/// How the transports are set up.
#[derive(Debug, Clone, Default)]
pub struct TransportConfig {
    /// The numbers.
    pub limits: Limits,
    /// The web pages that may call.
    pub origins: Origins,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// What callers may ask for.
    pub rate_limits: RateLimitConfig,
}

/// Handed to resolvers as request data: events up to and including this cursor are known to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeAfter(pub String);

/// The GraphQL transports over one executor. Clones share everything.
///
/// Resolvers find `Arc<Principal>` and [`TraceId`] among the request data, and [`ResumeAfter`] when an event
/// stream is resumed. A request that takes too long is dropped where it waits, so a resolver must hand work
/// that may not be cut short, such as an append, to a task of its own.
#[derive(Clone)]
pub struct Transport<E> {
    pub(super) executor: E,
    admission: Arc<Admission>,
    authenticator: Arc<Authenticator>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) config: Arc<TransportConfig>,
    pub(super) connections: Arc<Semaphore>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) rate_limits: Arc<RateLimits>,
    /// Know which language customers are written to in.
    customers: Option<Arc<ReadModels>>,
}

impl<E: Executor> Transport<E> {
    /// When `phase` becomes [`Phase::Closing`], subscriptions end with `complete` and WebSockets are closed. Requests are
    /// still answered; to stop listening is the server's part.
    pub fn new(
        executor: E,
        admission: Admission,
        authenticator: Authenticator,
        clock: Arc<dyn Clock>,
        config: TransportConfig,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            executor,
            admission: Arc::new(admission),
            authenticator: Arc::new(authenticator),
            clock,
            connections: Arc::new(Semaphore::new(config.limits.connections_max)),
            rate_limits: Arc::new(RateLimits::new(config.rate_limits.clone())),
            config: Arc::new(config),
            phase,
            customers: None,
        }
    }

    /// Customers who ask for no language are answered in their own, which these read models know.
    pub fn with_customers(self, read_models: Arc<ReadModels>) -> Self {
        Self { customers: Some(read_models), ..self }
    }

    /// The language that a caller reads: the one that they ask for; a customer's own, where they ask for none; else English.
    pub(super) fn language(&self, asked: Option<Language>, principal: &Principal) -> Language {
        let own = || {
            let (customers, id) = (self.customers.as_ref()?, principal.customer_id?);
            let scope = CaseScope::Customer(id);
            let found = customers.query_now(|db| customer_profile::customer(db, &scope, id));
            // Without read models the request itself fails, and says why.
            Some(found.ok()??.language.into())
        };
        asked.or_else(own).unwrap_or_default()
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.config.limits
    }

    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthenticationError> {
        let token =
            bearer_token(headers).and_then(|token| token.ok_or(AuthenticationError::MissingToken));
        self.verify(token, address).await
    }

    /// The principal of a token that came from this address. What fails is counted there.
    pub(super) async fn verify(
        &self,
        token: Result<&str, AuthenticationError>,
        address: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthenticationError> {
        let may = || match self.rate_limits.wait_of(address) {
            Some(wait) => Err(AuthenticationError::TooManyFailures { wait }),
            None => Ok(()),
        };
        let verified = match token {
            Ok(token) => self.authenticator.verify_if(token, may).await,
            Err(error) => may().and(Err(error)),
        };
        match &verified {
            Ok(_)
            | Err(
                AuthenticationError::TooManyFailures { .. } | AuthenticationError::KeysUnavailable,
            ) => {}
            Err(_) => {
                AUTHENTICATION_FAILURES.inc();
                self.rate_limits.failed(address);
            }
        }
        verified
    }

    /// Who sends a request that is not GraphQL, having paid for it.
    pub(super) async fn enter(
        &self,
        request: &HttpRequest,
        trace_id: &TraceId,
    ) -> Result<Arc<Principal>, RequestError> {
        let address = self.rate_limits.address(request);
        let principal = self
            .authenticate(request.headers(), address)
            .await
            .map_err(|error| unauthenticated(&error, trace_id))?;
        self.rate_limits.charge(&principal.subject, REQUEST_COST)?;
        Ok(principal)
    }

    /// Decides whether the request may be executed, takes what it costs from the caller's budget, and gives it what resolvers need.
    pub(super) fn admit(
        &self,
        parameters: Parameters,
        principal: &Arc<Principal>,
        trace_id: &TraceId,
    ) -> Result<Admitted, Vec<RequestError>> {
        let admitted = self.admission.admit(parameters, principal.role);
        // Also what is refused was read.
        let complexity = admitted.as_ref().map_or(0, |admitted| admitted.complexity);
        let charged = self.rate_limits.charge(&principal.subject, REQUEST_COST + complexity);
        charged.map_err(|error| vec![error])?;
        let admitted = admitted?;
        let request = admitted.request.data(principal.clone()).data(trace_id.clone());
        Ok(Admitted { request, ..admitted })
    }

    /// Executes a query or mutation within the time allowed.
    pub(super) async fn execute(&self, admitted: Admitted, trace_id: &TraceId) -> Answer {
        let begun_at = Instant::now();
        let (kind, name) = (admitted.kind, admitted.name);
        let span = match kind {
            // A page may send what bears a name in the same trace as what bears none.
            _ if admitted.anonymous => {
                debug_span!(parent: None, "anonymous", operation = &*name.0, outcome = Empty)
            }
            OperationType::Mutation => {
                debug_span!("mutation", operation = &*name.0, outcome = Empty)
            }
            _ => debug_span!("query", operation = &*name.0, outcome = Empty),
        };
        let answer = self.answer(admitted.request, trace_id).instrument(span.clone()).await;
        let outcome = answer.outcome();
        span.record("outcome", outcome.as_str());
        span.in_scope(|| tracing::debug!("executed"));
        outcome.count(kind, begun_at.elapsed());
        answer
    }

    async fn answer(&self, request: Request, trace_id: &TraceId) -> Answer {
        let timeout = self.limits().request_timeout;
        match tokio::time::timeout(timeout, self.executor.execute(request)).await {
            Ok(response) => settle(response, trace_id),
            Err(_) => {
                tracing::warn!(%trace_id, ?timeout, "a request was not answered in time");
                let message = format!(
                    "There was no answer within {} seconds. Ask for less, or try again; a mutation \
                     may have taken effect and should be repeated with the same idempotency key.",
                    timeout.as_secs()
                );
                RequestError::new(ErrorCode::Timeout, message).into()
            }
        }
    }

    /// Waits until the clock reads `moment`. The clock is looked at every second, since it may be stepped.
    pub(super) async fn until(&self, moment: Timestamp) {
        loop {
            let left = moment.duration_since(self.clock.now());
            let Ok(left) = Duration::try_from(left) else { return };
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        }
    }
}

/// Mounts `/graphql` for every transport, the reports as CSV, and `/graphiql` when enabled.
pub fn configure<E: Executor>(app: &mut web::ServiceConfig, transport: Transport<E>) {
    if transport.config.graphiql {
        app.route("/graphiql", web::get().to(graphiql::page));
    }
    let reports = web::resource("/reports/{name}.csv")
        .app_data(web::Data::new(transport.config.origins.clone()))
        .app_data(web::Data::new(transport.clone()))
        .route(web::get().to(reports::get::<E>))
        .default_service(web::to(reports::other_method))
        .wrap(from_fn(cors))
        .wrap(Compress::default());
    app.service(reports);
    let resource = web::resource("/graphql")
        .app_data(web::Data::new(transport.config.origins.clone()))
        .app_data(web::Data::new(transport))
        .route(web::get().to(graphql::get::<E>))
        .route(web::post().to(graphql::post::<E>))
        .default_service(web::to(graphql::other_method))
        .wrap(from_fn(cors))
        .wrap(Compress::default());
    app.service(resource);
}
