//! `parvandeh serve`.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::progress::bar;
use super::{Exit, Failure, token};
use crate::app::App;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::demo;
use crate::http::authentication::{AuthenticationConfig, Secret};
use crate::http::server::{ServerConfig, server};

/// Serves until a signal to stop comes.
pub async fn serve(config: Config, demo: bool) -> Result<Exit, Failure> {
    let secret = if demo { Some(prepare_demo(&config).await?) } else { None };
    let authentication = match &secret {
        Some(secret) => AuthenticationConfig::demo(secret.clone()),
        None => config.authentication()?,
    };

    let mut app = App::open_with(&config.data_directory, config.keyring(), SystemClock).await?;
    let total = app.store.head().map_or(0, |head| head.0);
    let progress = bar("building read models", "events", total);
    let shown = progress.clone();
    app.start_read_models(move |position| shown.set_position(position)).await?;
    progress.finish_and_clear();
    app.start_monitor();
    app.start_proof()?;

    let (draining, drained) = watch::channel(false);
    let settings = ServerConfig {
        listen: config.listen,
        authentication,
        allowed_origins: config.graphql.allowed_origins.clone(),
        graphiql: demo || config.graphql.graphiql,
        introspection: demo || config.graphql.introspection,
    };
    let (server, address) = server(&app, settings, drained)?;
    let handle = server.handle();
    tracing::info!(%address, events = total, "ready");

    let movement = match &secret {
        Some(secret) => {
            demo::greet(address, |visitor| token::issue(secret, visitor));
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
        // Waited for, because it holds the log open; that it was aborted is what was wanted.
        let _ = movement.await;
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
    let occupied =
        std::fs::read_dir(directory).map(|mut entries| entries.next().is_some()).unwrap_or(false);
    if occupied {
        let message = format!(
            "{} is not empty and holds no demo; choose another with --data-directory",
            directory.display()
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    demo::fill(directory, config.keyring()).await?;
    Ok(token::create_key(directory)?)
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
