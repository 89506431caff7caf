//! One request, one trace: see [`crate::telemetry`].

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::error::TraceId;
use crate::telemetry::{TraceParent, join};

const TRACEPARENT: &str = "traceparent";
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// Runs a request in a span of its own, and tells the caller the trace.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody + 'static>, Error> {
    let begun_at = Instant::now();
    // The path is left out: it may name somebody. The route does not.
    let span = info_span!(
        "request",
        otel.kind = "server",
        trace_id = Empty,
        method = %request.method(),
        route = Empty,
        status = Empty
    );
    let joined = join(&span, parent(request.headers()));
    request.extensions_mut().insert(joined.trace_id.clone());
    let mut response = next.call(request).instrument(span.clone()).await?;
    if let Ok(told) = HeaderValue::from_str(&joined.response()) {
        response.headers_mut().insert(TRACERESPONSE, told);
    }
    if let Some(route) = response.request().match_pattern() {
        span.record("route", route);
    }
    span.record("status", i64::from(response.status().as_u16()));
    let duration_ms = begun_at.elapsed().as_secs_f64() * 1_000.0;
    span.in_scope(|| tracing::debug!(duration_ms, "answered"));
    Ok(response)
}

fn parent(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT);
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.to_str().ok()?),
        _ => None,
    }
}

/// The trace of a request.
pub(super) fn trace_id(request: &HttpRequest) -> TraceId {
    request.extensions().get::<TraceId>().cloned().unwrap_or_else(TraceId::random)
}
