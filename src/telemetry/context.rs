//! A request's place in a trace.

use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId as OtelTraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

use crate::error::TraceId;

/// A caller's place in a trace: the header `traceparent` of W3C Trace Context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span in it: 16 hexadecimal digits.
    pub span_id: String,
    /// Whether the caller's part of the trace is collected.
    pub sampled: bool,
}

impl TraceParent {
    /// Reads the header; `None` when it is not of that form, and then the request begins a trace of its own.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, trace_id) = (parts.next()?, parts.next()?);
        let (span_id, flags) = (parts.next()?, parts.next()?);
        let hexadecimal = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let proper = hexadecimal(version, 2)
            && version != "ff"
            && hexadecimal(trace_id, 32)
            && hexadecimal(span_id, 16)
            && hexadecimal(flags, 2)
            // A later version may have more parts.
            && (version != "00" || parts.next().is_none());
        let zero = |id: &str| id.bytes().all(|b| b == b'0');
        if !proper || zero(trace_id) || zero(span_id) {
            return None;
        }
        Some(Self {
            trace_id: TraceId(trace_id.to_owned()),
            span_id: span_id.to_owned(),
            sampled: u8::from_str_radix(flags, 16).ok()? & 1 == 1,
        })
    }

    fn context(&self) -> Option<Context> {
        let (trace_id, span_id) =
            (OtelTraceId::from_hex(&self.trace_id.0).ok()?, SpanId::from_hex(&self.span_id).ok()?);
        let flags = TraceFlags::default().with_sampled(self.sampled);
        let parent = SpanContext::new(trace_id, span_id, flags, true, TraceState::default());
        Some(Context::new().with_remote_span_context(parent))
    }
}

/// What a span got when it joined a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The trace.
    pub trace_id: TraceId,
    /// The span in it: 16 hexadecimal digits.
    pub span_id: String,
    /// Whether it is collected.
    pub sampled: bool,
}

impl Joined {
    /// What the caller is told: the header `traceresponse`, of the same form as `traceparent`.
    pub fn response(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Puts the first span of a request into the caller's trace, or into a new one, and notes the trace's id in its field `trace_id`, which must
/// be declared.
pub fn join(span: &Span, parent: Option<TraceParent>) -> Joined {
    if let Some(context) = parent.as_ref().and_then(TraceParent::context) {
        // It fails where nothing is collected.
        let _ = span.set_parent(context);
    }
    let context = span.context();
    let own = context.span().span_context().clone();
    let joined = if own.is_valid() {
        Joined {
            trace_id: TraceId(own.trace_id().to_string()),
            span_id: own.span_id().to_string(),
            sampled: own.trace_flags().is_sampled(),
        }
    } else {
        let mut span_id = Uuid::new_v4().simple().to_string();
        span_id.truncate(16);
        let trace_id = parent.map_or_else(TraceId::random, |parent| parent.trace_id);
        Joined { trace_id, span_id, sampled: false }
    };
    span.record("trace_id", joined.trace_id.0.as_str());
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_proper_traceparent_is_read() {
        for (header, sampled) in [
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("cc-{TRACE}-{SPAN}-03-what-comes-later"), true),
        ] {
            let parent = TraceParent::parse(&header).unwrap();
            assert_eq!((parent.trace_id.0.as_str(), parent.span_id.as_str()), (TRACE, SPAN));
            assert_eq!(parent.sampled, sampled, "{header}");
        }
    }

    #[test]
    fn anything_else_begins_a_trace_of_its_own() {
        let zeros = "0".repeat(32);
        for header in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{TRACE}x-{SPAN}-01"),
        ] {
            assert_eq!(TraceParent::parse(&header), None, "{header}");
        }
        let joined = join(&Span::none(), None);
        assert_eq!(TraceParent::parse(&joined.response()).unwrap().trace_id, joined.trace_id);
    }
}
