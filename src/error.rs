//! The one table of error codes.
//!
//! A failed GraphQL request answers with `errors`, each with a stable `extensions.code` that a client can
//! act on, and a message for people. What went wrong inside is logged once with a trace id; the caller is
//! told that id and nothing else (law 11). Domain refusals are not here: they are data (`userErrors`).

use std::fmt;
use std::time::Duration;

use async_graphql::{ErrorExtensionValues, PathSegment, Pos, ServerError, Value};

/// The stable code of a top-level error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No valid token.
    Unauthenticated,
    /// The principal may not do this.
    Forbidden,
    /// A parameter or argument is not usable.
    BadUserInput,
    /// The document is not GraphQL.
    GraphqlParseFailed,
    /// The document does not fit the schema or exceeds a limit.
    GraphqlValidationFailed,
    /// A report would have to look at more than it may.
    ReportTooLarge,
    /// Someone else changed the same thing first.
    Conflict,
    /// Too many requests or connections.
    RateLimited,
    /// This replica has not come as far as the caller was elsewhere.
    ReplicaBehind,
    /// This replica has had no word from the cluster for too long to show or take personal data.
    ReplicaCutOff,
    /// The server is simulating service levels for somebody already.
    SimulationRunning,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// The body's media type is not accepted.
    UnsupportedMediaType,
    /// There is nothing of this name that the caller may know of.
    NotFound,
    /// The method cannot do this.
    MethodNotAllowed,
    /// No response media type that the caller accepts can carry the answer.
    NotAcceptable,
    /// No answer in the time allowed.
    Timeout,
    /// A fault of ours; `extensions.traceId` finds it in the log.
    InternalServerError,
}

impl ErrorCode {
    /// Every code, in order of declaration.
    pub const ALL: [ErrorCode; 18] = [
        ErrorCode::Unauthenticated,
        ErrorCode::Forbidden,
        ErrorCode::BadUserInput,
        ErrorCode::GraphqlParseFailed,
        ErrorCode::GraphqlValidationFailed,
        ErrorCode::ReportTooLarge,
        ErrorCode::Conflict,
        ErrorCode::RateLimited,
        ErrorCode::ReplicaBehind,
        ErrorCode::ReplicaCutOff,
        ErrorCode::SimulationRunning,
        ErrorCode::PayloadTooLarge,
        ErrorCode::UnsupportedMediaType,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::NotAcceptable,
        ErrorCode::Timeout,
        ErrorCode::InternalServerError,
    ];

    /// The code as clients see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::Unauthenticated => "UNAUTHENTICATED",
            ErrorCode::Forbidden => "FORBIDDEN",
            ErrorCode::BadUserInput => "BAD_USER_INPUT",
            ErrorCode::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            ErrorCode::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            ErrorCode::ReportTooLarge => "REPORT_TOO_LARGE",
            ErrorCode::Conflict => "CONFLICT",
            ErrorCode::RateLimited => "RATE_LIMITED",
            ErrorCode::ReplicaBehind => "REPLICA_BEHIND",
            ErrorCode::ReplicaCutOff => "REPLICA_CUT_OFF",
            ErrorCode::SimulationRunning => "SIMULATION_RUNNING",
            ErrorCode::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            ErrorCode::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            ErrorCode::NotFound => "NOT_FOUND",
            ErrorCode::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            ErrorCode::NotAcceptable => "NOT_ACCEPTABLE",
            ErrorCode::Timeout => "TIMEOUT",
            ErrorCode::InternalServerError => "INTERNAL_SERVER_ERROR",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a request was refused before it was executed, in words fit for the caller.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RequestError {
    /// The stable code.
    pub code: ErrorCode,
    /// What is wrong and, where it helps, what to do.
    pub message: String,
    /// Response keys down to the field concerned; empty when no field is.
    pub path: Vec<PathSegment>,
    /// Where in the document, if anywhere.
    pub locations: Vec<Pos>,
    /// Set on faults of ours only.
    pub trace_id: Option<TraceId>,
    /// When it makes sense to try again, where that is known.
    pub retry_after_seconds: Option<u64>,
}

impl RequestError {
    /// A refusal that concerns no particular field.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let (path, locations) = (Vec::new(), Vec::new());
        let message = message.into();
        Self { code, message, path, locations, trace_id: None, retry_after_seconds: None }
    }

    /// An argument that cannot be used: `field` is its name, `problem` completes the sentence that begins with it.
    pub fn bad_input(field: &str, problem: &str) -> Self {
        Self::new(ErrorCode::BadUserInput, format!("{field} {problem}"))
    }

    /// A caller who has to wait so long, which is told in whole seconds.
    pub fn rate_limited(message: impl Into<String>, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let error = Self::new(ErrorCode::RateLimited, message);
        Self { retry_after_seconds: Some(seconds.max(1)), ..error }
    }

    /// A fault of ours: the caller learns the trace id and nothing more. The cause is for the caller of
    /// this function to log, once, under the same id.
    pub fn internal(trace_id: TraceId) -> Self {
        let message =
            "Something went wrong on our side. Please quote the trace id when you report it.";
        let error = Self::new(ErrorCode::InternalServerError, message);
        Self { trace_id: Some(trace_id), ..error }
    }
}

impl From<RequestError> for ServerError {
    fn from(error: RequestError) -> Self {
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code.as_str());
        if let Some(trace_id) = error.trace_id {
            extensions.set("traceId", Value::String(trace_id.0));
        }
        if let Some(seconds) = error.retry_after_seconds {
            extensions.set("retryAfterSeconds", seconds);
        }
        let mut server_error = ServerError::new(error.message, None).with_path(error.path);
        server_error.locations = error.locations;
        server_error.extensions = Some(extensions);
        server_error
    }
}

/// Finds one request in the log: 32 hexadecimal digits, as in W3C Trace Context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(pub String);

impl TraceId {
    /// A new id that nothing else has.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An error with all its causes, for a log line: "reading the read models: disk I/O error".
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        // Errors that pass their cause on word for word would say it twice.
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}
