//! From an event back to the trace of its command.
//!
//! An event in the log bears the correlation id of its command, and of traces nothing: what is stored does not depend on who collects what.
//! So for a while the process remembers which trace a correlation id belongs to, and a projection that meets the event says so. Events of
//! other processes, or of long ago, are projected without.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

/// Commands that are remembered at most.
const COMMANDS_MAX: u64 = 10_000;
/// How long a projection may be behind and still be linked.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Traces that one projection is linked with at most.
const LINKS_MAX: usize = 32;

static COMMANDS: LazyLock<Cache<Uuid, SpanContext>> =
    LazyLock::new(|| Cache::builder().max_capacity(COMMANDS_MAX).time_to_live(REMEMBERED).build());

/// Whether anything was ever remembered: nothing is, where no traces are collected.
static ANY: AtomicBool = AtomicBool::new(false);

/// Remembers that what bears this correlation id comes from this span. Nothing is remembered of what is not collected.
pub fn remember(correlation_id: Uuid, span: &Span) {
    let context = span.context().span().span_context().clone();
    if context.is_sampled() {
        COMMANDS.insert(correlation_id, context);
        ANY.store(true, Ordering::Relaxed);
    }
}

/// Links a span with the spans that events of these correlation ids come from. Where all come from one, it becomes a part of that trace.
pub fn link(span: &Span, correlation_ids: impl IntoIterator<Item = Uuid>) {
    if span.is_disabled() || !ANY.load(Ordering::Relaxed) {
        return;
    }
    let distinct: HashSet<Uuid> = correlation_ids.into_iter().collect();
    let alone = distinct.len() == 1;
    let known = distinct.iter().filter_map(|id| COMMANDS.get(id)).take(LINKS_MAX);
    for context in known {
        if alone {
            let _ = span.set_parent(Context::new().with_remote_span_context(context));
        } else {
            span.add_link(context);
        }
    }
}
