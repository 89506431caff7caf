//! `parvandeh serve`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App as HttpApp, HttpServer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::progress::bar;
use super::{Exit, Failure, token};
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::demo;
use crate::graphql::admission::{Admission, AdmissionLimits};
use crate::graphql::{authorisation, sdl};
use crate::http::authentication::{AuthenticationConfig, Authenticator, Secret};
use crate::http::origin::Origins;
use crate::http::transport::{Limits, Transport, TransportConfig};
use crate::http::{health, metrics, transport};
use crate::principal::{Role, Roles};
use crate::store::EventStore;

/// How long open requests may take to end after the signal to stop.
const SHUTDOWN_SECONDS: u64 = 10;
/// More events than this between log and read models, and the process is not ready.
const LAG_EVENTS_MAX: u64 = 10_000;

/// Serves until a signal to stop comes.
pub async fn serve(config: Config, demo: bool) -> Result<Exit, Failure> {
    let secret = if demo { Some(prepare_demo(&config).await?) } else { None };
    let authentication = match &secret {
        Some(secret) => AuthenticationConfig::demo(secret.clone()),
        None => config.authentication()?,
    };
    let authenticator = Authenticator::new(authentication, Arc::new(SystemClock))?;

    let mut app = App::open(&config.data_directory).await?;
    let total = app.store.head().map_or(0, |head| head.0);
    let progress = bar("building read models", "events", total);
    let shown = progress.clone();
    app.start_read_models(move |position| shown.set_position(position)).await?;
    progress.finish_and_clear();
    app.start_monitor();

    let (draining, drained) = watch::channel(false);
    let graphiql = demo || config.graphql.graphiql;
    let introspection = if demo || config.graphql.introspection {
        Roles::ALL
    } else {
        Roles::of(&[Role::Admin])
    };
    let admission = Admission::new(
        &sdl(),
        authorisation::FIELDS,
        introspection,
        AdmissionLimits::default(),
    )
    .map_err(|error| Failure::new(Exit::Failed, format!("the schema cannot be read: {error}")))?;
    let transport = Transport::new(
        app.schema(),
        admission,
        authenticator,
        Arc::new(SystemClock),
        TransportConfig {
            limits: Limits::default(),
            origins: Origins(config.graphql.allowed_origins.clone()),
            graphiql,
        },
        drained,
    );
    let registry =
        Arc::new(metrics::registry(app.store.clone(), app.read_models.clone()));
    let readiness = readiness(&app);
    let server = HttpServer::new(move || {
        let (transport, readiness, registry) =
            (transport.clone(), readiness.clone(), registry.clone());
        HttpApp::new().configure(move |service| {
            transport::configure(service, transport);
            health::configure(service, readiness, registry);
        })
    })
    .bind(config.listen)
    .map_err(|error| {
        Failure::new(Exit::Failed, format!("cannot listen on {}: {error}", config.listen))
    })?
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals();
    let address = server.addrs().first().copied().unwrap_or(config.listen);
    let server = server.run();
    let handle = server.handle();
    tracing::info!(%address, events = total, "ready");

    let movement = match &secret {
        Some(secret) => {
            demo::greet(&config.data_directory, address, secret);
            Some(tokio::spawn(demo::move_on(app.commands.clone(), app.clock.clone())))
        }
        None => None,
    };

    tokio::spawn(async move {
        stop_signal().await;
        tracing::info!("stopping");
        // Subscriptions are completed first, so that their clients know to come back elsewhere.
        draining.send_replace(true);
        tokio::time::sleep(Duration::from_millis(200)).await;
        handle.stop(true).await;
    });
    server.await?;
    if let Some(movement) = movement {
        movement.abort();
    }
    app.stop().await;
    Ok(Exit::Done)
}

/// Fills an empty data directory with the demo, or finds the one that is there.
async fn prepare_demo(config: &Config) -> Result<Secret, Failure> {
    let directory = &config.data_directory;
    if let Some(secret) = token::read_key(directory)? {
        return Ok(secret);
    }
    let occupied = std::fs::read_dir(directory)
        .map(|mut entries| entries.next().is_some())
        .unwrap_or(false);
    if occupied {
        let message = format!(
            "{} is not empty and holds no demo; choose another with --data-directory",
            directory.display()
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    demo::fill(directory).await?;
    Ok(token::create_key(directory)?)
}

fn readiness(app: &App) -> health::Readiness {
    let (store, read_models) = (app.store.clone(), app.read_models.clone());
    Arc::new(move || {
        let mut reasons = Vec::new();
        if let Some(reason) = store.stopped() {
            reasons.push(format!("the log takes no appends: {reason}"));
        }
        if !read_models.is_serving() {
            reasons.push("the read models are being built".to_owned());
        }
        let lag = read_models.lag();
        if lag > LAG_EVENTS_MAX {
            reasons.push(format!("the read models are {lag} events behind"));
        }
        reasons
    })
}

/// Resolves when the process is asked to stop.
async fn stop_signal() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be awaited; stop with Ctrl-C");
            let _ = tokio::signal::ctrl_c().await;
            return;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
