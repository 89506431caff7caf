//! What the program says of itself while it runs: log lines, and traces for those who collect them.
//!
//! A *trace* is everything that happens on behalf of one request; its id stands on every log line of it, in the answer's header
//! `traceresponse`, and in errors that are our fault. A caller's own trace is continued (W3C Trace Context). A *span* is a part of a trace
//! with a beginning and an end: `request`, `query`, `mutation`, `anonymous`, `command`, `append`, `read` and `projection`. Spans are made with the crate
//! `tracing`; whether they are written with log lines is decided by the lines' filter, and whether they are also sent to a collector (OTLP
//! over HTTP) by the configuration.
//!
//! Nothing here waits for a collector: spans go through a bounded queue, and what finds it full is not sent. No span and no line holds
//! personal data or a token.

mod context;
mod export;
pub mod links;

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

pub use context::{Joined, TraceParent, join};

use crate::http::drain::FLUSH_MAX;

/// Which log lines are written where `PARVANDEH_LOG` does not say.
const LINES_DEFAULT: &str = "info,actix_server=warn";

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Where traces go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The collector, such as `http://collector:4318`: `/v1/traces` is added. Nothing is sent where it is absent. The environment's
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` comes before it.
    pub otlp_endpoint: Option<String>,
    /// The part of all traces that is sent, from 0 to 1. Where a caller's trace goes on here, the caller has decided.
    pub sampling_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sampling_ratio: 1.0 }
    }
}

impl TelemetryConfig {
    /// Whether it can be used.
    ///
    /// # Errors
    /// When the sampling ratio is no part of a whole.
    pub fn check(&self) -> Result<(), TelemetryError> {
        if (0.0..=1.0).contains(&self.sampling_ratio) {
            Ok(())
        } else {
            Err(TelemetryError::Ratio(self.sampling_ratio))
        }
    }
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The part of traces is no part.
    #[error("[telemetry] sampling_ratio must be from 0 to 1, not {0}")]
    Ratio(f64),
    /// The exporter could not be made.
    #[error("[telemetry] otlp_endpoint cannot be used")]
    Endpoint(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// What must be ended in order, so that nothing that was noted is lost.
#[must_use]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Log lines from now on go to standard error. Call it once.
pub fn start_lines(format: LogFormat) -> Telemetry {
    start(format, None)
}

/// Log lines from now on go to standard error, and traces to the collector, where one is configured. Call it once, and outside the
/// asynchronous runtime.
///
/// # Errors
/// When the collector's address or the sampling ratio cannot be used.
pub fn start_lines_and_traces(
    format: LogFormat,
    config: &TelemetryConfig,
) -> Result<Telemetry, TelemetryError> {
    Ok(start(format, export::provider(config)?))
}

fn start(format: LogFormat, provider: Option<SdkTracerProvider>) -> Telemetry {
    let filter =
        EnvFilter::try_from_env("PARVANDEH_LOG").unwrap_or_else(|_| EnvFilter::new(LINES_DEFAULT));
    let lines =
        fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };
    let traces = provider.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("parvandeh"))
            // Of the code behind a span nothing is told but its name.
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(is_sent))
    });
    registry().with(lines.with_filter(filter)).with(traces).init();
    Telemetry { provider }
}

/// Our own spans are sent, and with them what was said in them that an operator would read.
fn is_sent(metadata: &Metadata<'_>) -> bool {
    let level_max = if metadata.is_span() { Level::DEBUG } else { Level::INFO };
    metadata.target().starts_with("parvandeh") && *metadata.level() <= level_max
}

impl Telemetry {
    /// Sends what is left, for a short time at most. Call it outside the asynchronous runtime.
    pub fn finish(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown_with_timeout(FLUSH_MAX)
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}
