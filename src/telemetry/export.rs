//! Sending traces to a collector.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData,
    SpanExporter as Exporter,
};
use uuid::Uuid;

use super::{TelemetryConfig, TelemetryError};
use crate::metrics::{TRACE_EXPORT_FAILURES, TRACE_SPANS_EXPORTED};

/// Spans that wait to be sent; further ones are left out.
const QUEUE_SPANS_MAX: usize = 4_096;
/// Spans that are sent at once.
const BATCH_SPANS_MAX: usize = 512;
/// A batch that is not full is sent after this time.
const BATCH_DELAY: Duration = Duration::from_secs(2);
/// How long a collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the environment says that all signals go.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where it says that traces go; nothing is added to this one.
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// What the environment calls the service.
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// What sends spans; `None` where no collector is configured. Its threads are its own.
pub(super) fn provider(
    config: &TelemetryConfig,
) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    config.check()?;
    let Some(endpoint) = endpoint(config, |name| std::env::var(name).ok()) else { return Ok(None) };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_SPANS_MAX)
        .with_max_export_batch_size(BATCH_SPANS_MAX)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let exporter = Watched { exporter, failing: AtomicBool::new(false) };
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
    let sampler = Sampler::TraceIdRatioBased(config.sampling_ratio);
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
    ]);
    if std::env::var_os(SERVICE_NAME).is_none() {
        resource = resource.with_service_name("parvandeh");
    }
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource.build())
        .build();
    Ok(Some(provider))
}

/// The address that traces are sent to: the environment comes before the file.
fn endpoint(
    config: &TelemetryConfig,
    environment: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let set = |name| environment(name).filter(|text| !text.is_empty());
    set(TRACES_ENDPOINT).or_else(|| {
        let base = set(ENDPOINT).or_else(|| config.otlp_endpoint.clone())?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    })
}

/// An exporter that is counted, and that says once when it begins to fail, and once when it works again.
#[derive(Debug)]
struct Watched {
    exporter: SpanExporter,
    failing: AtomicBool,
}

impl Exporter for Watched {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let exported = self.exporter.export(batch).await;
        let failed_before = self.failing.swap(exported.is_err(), Ordering::Relaxed);
        match &exported {
            Ok(()) => {
                TRACE_SPANS_EXPORTED.inc_by(count);
                if failed_before {
                    tracing::info!("traces are sent again");
                }
            }
            Err(error) => {
                TRACE_EXPORT_FAILURES.inc();
                if !failed_before {
                    tracing::warn!(%error, "traces cannot be sent and are lost until they can");
                }
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where_traces_go_before_the_file_does() {
        let of = |file: Option<&str>, set: &[(&str, &str)]| {
            let config = TelemetryConfig {
                otlp_endpoint: file.map(str::to_owned),
                ..TelemetryConfig::default()
            };
            let find = |name: &str| set.iter().find(|(known, _)| *known == name);
            endpoint(&config, |name| find(name).map(|(_, text)| (*text).to_owned()))
        };
        let file = Some("http://file:4318/");
        assert_eq!(of(None, &[]), None);
        assert_eq!(of(None, &[(ENDPOINT, "")]), None);
        assert_eq!(of(file, &[]).unwrap(), "http://file:4318/v1/traces");
        let general = (ENDPOINT, "https://all:4318");
        assert_eq!(of(file, &[general]).unwrap(), "https://all:4318/v1/traces");
        let own = (TRACES_ENDPOINT, "https://traces/exactly");
        assert_eq!(of(file, &[general, own]).unwrap(), "https://traces/exactly");
    }

    #[test]
    fn a_ratio_that_is_no_part_is_refused() {
        for sampling_ratio in [-0.1, 1.1, f64::NAN] {
            let config = TelemetryConfig { otlp_endpoint: None, sampling_ratio };
            assert!(matches!(provider(&config), Err(TelemetryError::Ratio(_))));
        }
    }
}
