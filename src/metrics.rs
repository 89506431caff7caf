//! What is counted for operators.
//!
//! Counters belong to the process, as the log's lock does: they are statics that any part may raise without being handed them. What can
//! be asked at any time (positions, lag) is not counted here but asked at each scrape: see [`crate::http::metrics`]. Every metric is
//! described in `docs/metrics.md`.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use async_graphql::parser::types::OperationType;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// 1 while requests may be sent here, as `/health/ready` says it.
pub static READY: LazyLock<Gauge> = LazyLock::new(Gauge::default);

/// Entries of the log that no read model of this program understands.
pub static EVENTS_SKIPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// How often the read models could not follow the log and had to try again.
pub static READ_MODEL_FAILURES: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Commands by what became of them.
pub static COMMANDS: LazyLock<Family<OutcomeLabels, Counter>> = LazyLock::new(Family::default);

/// Seconds that commands took, from loading the aggregate to the durable append.
pub static COMMAND_DURATION: LazyLock<Family<CommandLabels, Histogram, Durations>> =
    LazyLock::new(|| Family::new_with_constructor(Durations));

/// Seconds that appends took, each with its retries.
pub static APPEND_DURATION: LazyLock<Histogram> = LazyLock::new(|| Durations.new_metric());

/// Appends that came too late: somebody else had changed the stream. The command is decided again.
pub static APPEND_CONFLICTS: LazyLock<Counter> = LazyLock::new(Counter::default);

/// How often an identical batch was appended again because the outcome was unknown.
pub static APPEND_RETRIES: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Seconds that queries and mutations took, from admission to the answer.
pub static QUERY_DURATION: LazyLock<Family<QueryLabels, Histogram, Durations>> =
    LazyLock::new(|| Family::new_with_constructor(Durations));

/// Subscriptions that are open.
pub static SUBSCRIPTIONS: LazyLock<Family<TransportLabels, Gauge>> = LazyLock::new(Family::default);

/// Seconds from a due moment to its breach standing in the log, for clocks that fell due while the program ran.
pub static BREACH_DELAY: LazyLock<Histogram> =
    LazyLock::new(|| Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0]));

/// Requests whose token was missing or not valid.
pub static AUTHENTICATION_FAILURES: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Requests that were refused because their caller had asked for too much before.
pub static RATE_LIMITED: LazyLock<Family<RateLimitLabels, Counter>> =
    LazyLock::new(Family::default);

/// Codes that were said to sign in with a card, by what became of it.
pub static SIGN_INS: LazyLock<Family<SignInLabels, Counter>> = LazyLock::new(Family::default);

/// Callbacks of the payment provider, by what became of them.
pub static PAYMENT_CALLBACKS: LazyLock<Family<CallbackLabels, Counter>> =
    LazyLock::new(Family::default);

/// Payments and refunds of the last seven days that are over about which the provider's books and the ledger do not agree.
pub static PAYMENT_DIFFERENCES: LazyLock<Gauge> = LazyLock::new(Gauge::default);

/// Days of the last seven that could not be compared with the provider's books yet.
pub static PAYMENT_DAYS_NOT_COMPARED: LazyLock<Gauge> = LazyLock::new(Gauge::default);

/// Spans that the collector of traces has taken.
pub static TRACE_SPANS_EXPORTED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Batches of spans that the collector of traces has not taken; they are lost.
pub static TRACE_EXPORT_FAILURES: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Registers everything that is counted here.
pub fn register(registry: &mut Registry) {
    registry.register(
        "ready",
        "1 while requests may be sent here; /health/ready says why not",
        READY.clone(),
    );
    registry.register(
        "events_skipped",
        "Entries of the log that this program does not understand",
        EVENTS_SKIPPED.clone(),
    );
    registry.register(
        "read_model_failures",
        "How often the read models could not follow the log and had to try again",
        READ_MODEL_FAILURES.clone(),
    );
    registry.register("commands", "Commands by what became of them", COMMANDS.clone());
    registry.register_with_unit(
        "command_duration",
        "Time that commands took, from loading the aggregate to the durable append",
        Unit::Seconds,
        COMMAND_DURATION.clone(),
    );
    registry.register_with_unit(
        "append_duration",
        "Time that appends to the log took, each with its retries",
        Unit::Seconds,
        APPEND_DURATION.clone(),
    );
    registry.register(
        "append_conflicts",
        "Appends that came too late because somebody else had changed the stream",
        APPEND_CONFLICTS.clone(),
    );
    registry.register(
        "append_retries",
        "How often an identical batch was appended again because the outcome was unknown",
        APPEND_RETRIES.clone(),
    );
    registry.register_with_unit(
        "query_duration",
        "Time that queries and mutations took, from admission to the answer",
        Unit::Seconds,
        QUERY_DURATION.clone(),
    );
    registry.register("subscriptions", "Subscriptions that are open", SUBSCRIPTIONS.clone());
    registry.register_with_unit(
        "sla_breach_delay",
        "Time from a due moment to its breach standing in the log",
        Unit::Seconds,
        BREACH_DELAY.clone(),
    );
    registry.register(
        "authentication_failures",
        "Requests whose token was missing or not valid",
        AUTHENTICATION_FAILURES.clone(),
    );
    registry.register(
        "rate_limited",
        "Requests that were refused because their caller had asked for too much before",
        RATE_LIMITED.clone(),
    );
    for outcome in SignInOutcome::ALL {
        // An outcome is there before it happens first: so its first time is a rise, and is seen.
        SIGN_INS.get_or_create(&SignInLabels { outcome }).inc_by(0);
    }
    registry.register(
        "sign_ins",
        "Codes that were said to sign in with a card, by what became of it",
        SIGN_INS.clone(),
    );
    // From the start, so that the first one that is not signed is a rise that an alert sees.
    for outcome in CallbackOutcome::ALL {
        PAYMENT_CALLBACKS.get_or_create(&CallbackLabels { outcome }).inc_by(0);
    }
    registry.register(
        "payment_callbacks",
        "Callbacks of the payment provider, by what became of them",
        PAYMENT_CALLBACKS.clone(),
    );
    registry.register(
        "payment_differences",
        "Payments and refunds of seven days about which the provider and the ledger do not agree",
        PAYMENT_DIFFERENCES.clone(),
    );
    registry.register(
        "payment_days_not_compared",
        "Days of the last seven that could not be compared with the provider's books yet",
        PAYMENT_DAYS_NOT_COMPARED.clone(),
    );
    registry.register(
        "trace_spans_exported",
        "Spans that the collector of traces has taken",
        TRACE_SPANS_EXPORTED.clone(),
    );
    registry.register(
        "trace_export_failures",
        "Batches of spans that the collector of traces has not taken",
        TRACE_EXPORT_FAILURES.clone(),
    );
}

/// Makes histograms of durations in seconds: from half a millisecond to the ten seconds that a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new([
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ])
    }
}

/// The label of [`COMMANDS`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// What became of the command.
    pub outcome: CommandOutcome,
}

/// The labels of [`COMMAND_DURATION`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CommandLabels {
    /// The category of the stream.
    pub category: &'static str,
    /// What became of the command.
    pub outcome: CommandOutcome,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandOutcome {
    /// It wrote events.
    Written,
    /// It had nothing to do, or was done before.
    Unchanged,
    /// It was refused, with a reason for the caller.
    Refused,
    /// It could not be done, for a reason of ours.
    Failed,
}

impl CommandOutcome {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Counts one command on a stream of this category.
    pub fn count(self, category: &'static str, took: Duration) {
        COMMANDS.get_or_create(&OutcomeLabels { outcome: self }).inc();
        let labels = CommandLabels { category, outcome: self };
        COMMAND_DURATION.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

impl EncodeLabelValue for CommandOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// The label of [`PAYMENT_CALLBACKS`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallbackLabels {
    /// What became of the callback.
    pub outcome: CallbackOutcome,
}

/// What became of a callback of the payment provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackOutcome {
    /// It was news, and is on record.
    Recorded,
    /// It was on record already.
    Known,
    /// It was about no payment, contradicted what is on record, or was not understood.
    Refused,
    /// It was not signed as it should be.
    Unsigned,
    /// It could not be recorded, for a reason of ours.
    Failed,
}

impl CallbackOutcome {
    /// Every value.
    const ALL: [Self; 5] =
        [Self::Recorded, Self::Known, Self::Refused, Self::Unsigned, Self::Failed];

    /// Counts one callback.
    pub fn count(self) {
        PAYMENT_CALLBACKS.get_or_create(&CallbackLabels { outcome: self }).inc();
    }
}

impl EncodeLabelValue for CallbackOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(match self {
            Self::Recorded => "recorded",
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Unsigned => "unsigned",
            Self::Failed => "failed",
        })
    }
}

/// The labels of [`QUERY_DURATION`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabels {
    /// `query` or `mutation`.
    pub operation: &'static str,
    /// What became of it.
    pub outcome: QueryOutcome,
}

/// What became of a query or a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueryOutcome {
    /// It was executed, and no field failed for a reason of ours.
    Answered,
    /// It was refused, with a reason for the caller.
    Refused,
    /// There was no answer in the time allowed.
    TimedOut,
    /// It could not be answered in whole, for a reason of ours.
    Failed,
}

impl QueryOutcome {
    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
        }
    }

    /// Counts one query or mutation.
    pub fn count(self, kind: OperationType, took: Duration) {
        let operation = match kind {
            OperationType::Mutation => "mutation",
            OperationType::Query | OperationType::Subscription => "query",
        };
        let labels = QueryLabels { operation, outcome: self };
        QUERY_DURATION.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

impl EncodeLabelValue for QueryOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(self.as_str())
    }
}

/// The labels of [`RATE_LIMITED`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RateLimitLabels {
    /// Whose budget was spent.
    pub scope: RateLimitScope,
}

/// Whose budget it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RateLimitScope {
    /// That of a principal.
    Principal,
    /// That of an address from which too many tokens were not valid.
    Address,
}

impl RateLimitScope {
    /// Counts one refusal.
    pub fn count(self) {
        RATE_LIMITED.get_or_create(&RateLimitLabels { scope: self }).inc();
    }
}

impl EncodeLabelValue for RateLimitScope {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(match self {
            Self::Principal => "principal",
            Self::Address => "address",
        })
    }
}

/// The labels of [`SIGN_INS`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SignInLabels {
    /// What became of it.
    pub outcome: SignInOutcome,
}

/// What became of somebody who wished to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInOutcome {
    /// They were given a token.
    SignedIn,
    /// The code was not the one that was sent.
    WrongCode,
    /// No code would have done: there is no such card, it is not in use, it is locked, or no code is good at the moment.
    Refused,
    /// Nobody looked: too many asked at once.
    Busy,
    /// It could not be looked up or recorded.
    Failed,
}

impl SignInOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::SignedIn, Self::WrongCode, Self::Refused, Self::Busy, Self::Failed];

    /// Counts one.
    pub fn count(self) {
        SIGN_INS.get_or_create(&SignInLabels { outcome: self }).inc();
    }
}

impl EncodeLabelValue for SignInOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(match self {
            Self::SignedIn => "signed_in",
            Self::WrongCode => "wrong_code",
            Self::Refused => "refused",
            Self::Busy => "busy",
            Self::Failed => "failed",
        })
    }
}

/// The label of what is counted by transport.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransportLabels {
    /// `websocket` or `sse`.
    pub transport: &'static str,
}

/// Counts a subscription for as long as it lives.
#[derive(Debug)]
pub struct OpenSubscription(TransportLabels);

impl OpenSubscription {
    /// A subscription begins.
    pub fn over(transport: &'static str) -> Self {
        let labels = TransportLabels { transport };
        SUBSCRIPTIONS.get_or_create(&labels).inc();
        Self(labels)
    }
}

impl Drop for OpenSubscription {
    fn drop(&mut self) {
        SUBSCRIPTIONS.get_or_create(&self.0).dec();
    }
}
