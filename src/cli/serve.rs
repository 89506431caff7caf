//! `parvandeh serve`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{self as signal, SignalKind};
use tokio::sync::watch;

use super::progress::bar;
use super::{Exit, Failure, token};
use crate::app::App;
use crate::config::Config;
use crate::delivery::{ConsoleDelivery, Outbox};
use crate::demo;
use crate::http::authentication::{AuthenticationConfig, Secret};
use crate::http::drain::{self, Phase, STOP_MAX};
use crate::http::server::{BYTES_PER_MIB, ServerConfig, server};
use crate::payment::Payments;
use crate::payment::callback::CallbackSecrets;
use crate::payment::demo::DemoProvider;

/// Serves until a signal to stop comes.
pub async fn serve(config: Config, demo: bool) -> Result<Exit, Failure> {
    if demo && config.cluster()?.is_some() {
        let message = "the demo has a log of its own: leave out --demo, or --store and `store`";
        return Err(Failure::new(Exit::Config, message));
    }
    let secret = if demo { Some(prepare_demo(&config).await?) } else { None };
    let authentication = match &secret {
        Some(secret) => AuthenticationConfig::demo(secret.clone()),
        None => config.authentication()?,
    };

    let following = bar("following the cluster's log", "events", 0);
    let shown = following.clone();
    let mut app =
        App::open_configured(&config, move |position| shown.set_position(position)).await?;
    following.finish_and_clear();
    app.issuer_prefix = config.issuer_prefix()?;
    app.sign_in = config.sign_in()?;
    app.time_zone = config.time_zone()?;
    if demo && config.time_zone.is_none() {
        app.time_zone = demo::time_zone();
    }
    app.outbox = match config.delivery()? {
        Some(gateway) => Some(Outbox::start(Arc::new(gateway))),
        None if demo => Some(Outbox::start(Arc::new(ConsoleDelivery))),
        None => None,
    };
    let demo_provider = payments(&config, demo, &app)?;
    app.payments = demo_provider.as_ref().map(|(_, payments)| payments.clone());
    let total = app.store.head().map_or(0, |head| head.0);
    let progress = bar("building read models", "events", total);
    let shown = progress.clone();
    app.start_read_models(move |position| shown.set_position(position)).await?;
    progress.finish_and_clear();
    app.start_monitor();
    app.start_proof()?;

    let (phase, phases) = watch::channel(Phase::Serving);
    let settings = ServerConfig {
        listen: config.listen,
        authentication,
        allowed_origins: config.graphql.allowed_origins.clone(),
        graphiql: demo || config.graphql.graphiql,
        introspection: demo || config.graphql.introspection,
        rate_limits: config.limits.clone(),
        disk_free_bytes_min: config.disk_free_mib_min.saturating_mul(BYTES_PER_MIB),
    };
    // Before it says that it is ready: whoever hears that may ask it to stop.
    let mut signals = Signals::listen()?;
    let (server, address) = server(&app, settings, phases)?;
    let handle = server.handle();
    tracing::info!(%address, events = total, "ready");
    if let Some((provider, _)) = demo_provider {
        provider.send_to(demo_callback_address(address));
    }

    let movement = match &secret {
        Some(secret) => {
            demo::greet(address, |visitor| token::issue(secret, visitor));
            Some(tokio::spawn(demo::move_on(app.commands.clone(), app.clock.clone())))
        }
        None => None,
    };

    let notice = Duration::from_secs(config.drain_notice_seconds.into());
    tokio::spawn(async move {
        // Somebody at the keyboard has no balancer that would have to notice.
        let notice = match signals.next().await {
            Signal::Terminate => notice,
            Signal::Interrupt => Duration::ZERO,
        };
        tracing::info!(?notice, "draining");
        // Asked twice, it goes at once.
        let again = async {
            signals.next().await;
        };
        drain::drain(&phase, &handle, notice, again).await;
    });
    server.await?;
    if let Some(movement) = movement {
        movement.abort();
        // Waited for, because it holds the log open; that it was aborted is what was wanted.
        let _ = movement.await;
    }
    // A task of its own: what hangs is left behind, where dropping it would mean to wait for it.
    let stopped = tokio::time::timeout(STOP_MAX, tokio::spawn(app.stop())).await;
    if !matches!(stopped, Ok(Ok(()))) {
        let message = "the program did not come to rest in time and was ended; what was acknowledged is on the disk";
        return Err(Failure::new(Exit::Failed, message));
    }
    tracing::info!("stopped");
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

/// How soon customers of the demo's payment provider pay.
const DEMO_PAYS_AFTER: Duration = Duration::from_millis(500);
/// The books of the demo's payment provider, in the data directory.
const DEMO_BOOKS: &str = "demo-payments.jsonl";

/// The payment provider that is configured, or the demo's own.
fn payments(
    config: &Config,
    demo: bool,
    app: &App,
) -> Result<Option<(DemoProvider, Payments)>, Failure> {
    let secrets = match config.callback_secrets()? {
        Some(secrets) => secrets,
        None if demo => CallbackSecrets::random()
            .map_err(|_| Failure::new(Exit::Failed, "the system gives no random bytes"))?,
        None => return Ok(None),
    };
    let books = config.data_directory.join(DEMO_BOOKS);
    let clock = app.clock.clone();
    let provider = DemoProvider::open(Some(&books), DEMO_PAYS_AFTER, secrets.clone(), clock)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", books.display())))?;
    let payments = Payments::by(Arc::new(provider.clone()), secrets);
    Ok(Some((provider, payments)))
}

/// Where the demo's payment provider sends its callbacks: to this process.
fn demo_callback_address(listening: SocketAddr) -> String {
    let host = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/payments/callback", SocketAddr::new(host, listening.port()))
}

/// Why the process is to stop.
enum Signal {
    /// An orchestrator asks: SIGTERM.
    Terminate,
    /// Somebody at the keyboard asks: SIGINT.
    Interrupt,
}

/// What asks the process to stop.
struct Signals {
    terminate: signal::Signal,
    interrupt: signal::Signal,
}

impl Signals {
    /// From now on the signals are delivered here and nowhere else.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal::signal(SignalKind::terminate())?,
            interrupt: signal::signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}
