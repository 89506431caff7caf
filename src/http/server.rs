//! The HTTP server over a running system.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App as HttpApp, HttpServer, web};
use tokio::sync::watch;

use super::authentication::{AuthenticationConfig, AuthenticationSetupError, Authenticator};
use super::drain::{self, Phase};
use super::metrics::Metrics;
use super::origin::Origins;
use super::rate_limit::RateLimitConfig;
use super::transport::{Limits, Transport, TransportConfig};
use super::{
    attachments, exports, health, listener, payments, proof, sign_in, subject_export, trace,
    transport,
};
use crate::app::App;
use crate::clock::SystemClock;
use crate::delivery::Outbox;
use crate::disk::Disk;
use crate::graphql::admission::{Admission, AdmissionLimits};
use crate::graphql::{authorisation, sdl};
use crate::principal::{Role, Roles};
use crate::sign_in::Desk;
use crate::sign_in::token::{KEY_VARIABLE, TokenKey, TokenKeyError, TokenVerifier};

/// More events than this between log and read models, and the process is not ready.
const LAG_EVENTS_MAX: u64 = 10_000;

/// Bytes in a MiB.
pub const BYTES_PER_MIB: u64 = 1024 * 1024;

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
    /// What callers may ask for.
    pub rate_limits: RateLimitConfig,
    /// With less room than this on the disk of the data directory the process is not ready.
    pub disk_free_bytes_min: u64,
}

/// Why the server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Tokens could not be verified.
    #[error(transparent)]
    Authentication(#[from] AuthenticationSetupError),
    /// Tokens of card holders could not be signed.
    #[error("the key that signs tokens of card holders")]
    TokenKey(#[from] TokenKeyError),
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
    let mut authenticator = Authenticator::new(config.authentication, clock.clone())?;
    let desk = match &app.outbox {
        Some(outbox) => {
            let (desk, verifier) = desk(app, outbox.clone(), clock.clone())?;
            authenticator = authenticator.with_own_tokens(verifier);
            Some(desk)
        }
        None => None,
    };
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
            rate_limits: config.rate_limits,
        },
        phase.clone(),
    )
    .with_customers(app.read_models.clone());
    let metrics = Arc::new(Metrics::of(app));
    let readiness = readiness(app, phase.clone(), config.disk_free_bytes_min);
    let phase = web::Data::new(phase);
    let exports = exports::resource(app, transport.clone());
    let (proof, exporter, files) = (app.proof.clone(), app.subject_exporter(), app.attachments());
    let payment_keeper = app.payment_keeper();
    let sign_in = desk.map(|desk| sign_in::resource(desk, app, transport.clone()));
    let listen_error = |source| ServerError::Listen { address: config.listen, source };
    let listener =
        listener::listen(config.listen, transport.limits().silence_max).map_err(listen_error)?;
    let server = HttpServer::new(move || {
        let (transport, readiness, metrics) =
            (transport.clone(), readiness.clone(), metrics.clone());
        let (proof, exporter, exports) = (proof.clone(), exporter.clone(), exports.clone());
        let files = files.clone();
        let payment_keeper = payment_keeper.clone();
        let sign_in = sign_in.clone();
        HttpApp::new()
            .app_data(phase.clone())
            .wrap(from_fn(drain::ask_to_leave))
            .wrap(from_fn(trace::trace))
            .configure(move |service| {
                proof::configure(service, transport.clone(), proof);
                subject_export::configure(service, transport.clone(), exporter);
                attachments::configure(service, transport.clone(), files);
                payments::configure(service, payment_keeper);
                transport::configure(service, transport);
                exports(service);
                if let Some(sign_in) = sign_in {
                    sign_in(service);
                }
                health::configure(service, readiness, metrics);
            })
    })
    .listen(listener)
    .map_err(listen_error)?
    .shutdown_timeout(drain::ANSWERS_MAX.as_secs())
    .disable_signals();
    let address = server.addrs().first().copied().unwrap_or(config.listen);
    Ok((server.run(), address))
}

/// Where holders of cards sign in, and what verifies the tokens that they get there.
fn desk(
    app: &App,
    outbox: Outbox,
    clock: Arc<SystemClock>,
) -> Result<(Desk, TokenVerifier), TokenKeyError> {
    let variable = std::env::var(KEY_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let may_create = app.replica().is_none();
    let config = app.sign_in.clone();
    let key = TokenKey::of(app.keyring(), variable.as_deref(), &config.issuer, may_create)?;
    let verifier = key.verifier();
    let (commands, store, vault) = (app.commands.clone(), app.store.clone(), app.vault.clone());
    Ok((Desk::new(commands, store, vault, outbox, key, clock, config), verifier))
}

fn readiness(
    app: &App,
    phase: watch::Receiver<Phase>,
    disk_free_bytes_min: u64,
) -> health::Readiness {
    let directory = app.directory().to_owned();
    let (log, read_models, proof) = (app.log.clone(), app.read_models.clone(), app.proof.clone());
    let (replica, clock) = (app.replica(), app.clock.clone());
    Arc::new(move || {
        let mut reasons = Vec::new();
        if *phase.borrow() >= Phase::Leaving {
            reasons.push("draining: the process was told to stop".to_owned());
        }
        if let Ok(disk) = Disk::of(&directory)
            && disk.free_bytes < disk_free_bytes_min
        {
            let left = disk.free_bytes / BYTES_PER_MIB;
            reasons.push(format!(
                "the disk of the data directory is almost full: {left} MiB are left"
            ));
        }
        if let Some(reason) = replica.as_ref().and_then(|replica| replica.unready(clock.now())) {
            reasons.push(reason);
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
