//! The HTTP server over a running system.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as HttpApp, HttpServer, web};
use tokio::sync::watch;

use super::authentication::{AuthenticationConfig, AuthenticationSetupError, Authenticator};
use super::drain::{self, Phase};
use super::origin::Origins;
use super::transport::{Limits, Transport, TransportConfig};
use super::{exports, health, metrics, proof, subject_export, trace, transport};
use crate::app::App;
use crate::clock::SystemClock;
use crate::graphql::admission::{Admission, AdmissionLimits};
use crate::graphql::{authorisation, sdl};
use crate::principal::{Role, Roles};

/// More events than this between log and read models, and the process is not ready.
const LAG_EVENTS_MAX: u64 = 10_000;

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may call.
    pub authentication: AuthenticationConfig,
    /// Web pages that may call from another origin.
    pub allowed_origins: Vec<String>,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// Whether any role may ask for the schema; else only admins.
    pub introspection: bool,
}

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Tokens could not be verified.
    #[error(transparent)]
    Authentication(#[from] AuthenticationSetupError),
    /// The address could not be taken.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Binds the address and answers the server, to be awaited, with the address that it got. As `phase` goes on, the server is
/// not ready any more and subscriptions are completed; the server itself is stopped through its handle: see [`drain::drain`].
pub fn server(
    app: &App,
    config: ServerConfig,
    phase: watch::Receiver<Phase>,
) -> Result<(Server, SocketAddr), ServerError> {
    let clock = Arc::new(SystemClock);
    let authenticator = Authenticator::new(config.authentication, clock.clone())?;
    let introspection = if config.introspection { Roles::ALL } else { Roles::of(&[Role::Admin]) };
    let limits = AdmissionLimits::default();
    let admission = Admission::new(&sdl(), authorisation::FIELDS, introspection, limits)
        .expect("the schema's own text is a schema");
    let transport = Transport::new(
        app.schema(),
        admission,
        authenticator,
        clock,
        TransportConfig {
            limits: Limits::default(),
            origins: Origins(config.allowed_origins),
            graphiql: config.graphiql,
        },
        phase.clone(),
    );
    let registry =
        Arc::new(metrics::registry(app.store.clone(), app.read_models.clone(), app.proof.clone()));
    let readiness = readiness(app, phase.clone());
    let phase = web::Data::new(phase);
    let exports = exports::resource(app, transport.clone());
    let (proof, exporter) = (app.proof.clone(), app.subject_exporter());
    let server = HttpServer::new(move || {
        let (transport, readiness, registry) =
            (transport.clone(), readiness.clone(), registry.clone());
        let (proof, exporter, exports) = (proof.clone(), exporter.clone(), exports.clone());
        HttpApp::new()
            .app_data(phase.clone())
            .wrap(from_fn(drain::ask_to_leave))
            .wrap(from_fn(trace::trace))
            .configure(move |service| {
                proof::configure(service, transport.clone(), proof);
                subject_export::configure(service, transport.clone(), exporter);
                transport::configure(service, transport);
                exports(service);
                health::configure(service, readiness, registry);
            })
    })
    .bind(config.listen)
    .map_err(|source| ServerError::Listen { address: config.listen, source })?
    .shutdown_timeout(drain::ANSWERS_MAX.as_secs())
    .disable_signals();
    let address = server.addrs().first().copied().unwrap_or(config.listen);
    Ok((server.run(), address))
}

fn readiness(app: &App, phase: watch::Receiver<Phase>) -> health::Readiness {
    let (log, read_models, proof) = (app.log.clone(), app.read_models.clone(), app.proof.clone());
    Arc::new(move || {
        let mut reasons = Vec::new();
        if *phase.borrow() >= Phase::Leaving {
            reasons.push("draining: the process was told to stop".to_owned());
        }
        if let Some(reason) = log.stopped() {
            reasons.push(format!("the log takes no appends: {reason}"));
        }
        if !read_models.is_serving() {
            reasons.push("the read models are being built".to_owned());
        }
        let lag = read_models.lag();
        if lag > LAG_EVENTS_MAX {
            reasons.push(format!("the read models are {lag} events behind"));
        }
        if let Some(reason) = proof.stopped() {
            reasons.push(format!("no checkpoints are signed any more: {reason}"));
        }
        reasons
    })
}
