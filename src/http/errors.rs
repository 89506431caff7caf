//! What the caller is told when something went wrong.
//!
//! Every answer passes through [`settle`]: it tells a request that was refused from one that was executed,
//! gives every error a code, and replaces what the caller should not read by a trace id.

use actix_web::HttpResponse;
use actix_web::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use async_graphql::{Response, ServerError, Value};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::error::{ErrorCode, RequestError, TraceId};
use crate::graphql::read_after;
use crate::http::authentication::AuthenticationError;
use crate::http::media::MediaType;
use crate::http::status::status;
use crate::metrics::QueryOutcome;
use crate::words::{self, Language};

/// When to try again where nothing better is known.
const RETRY_AFTER_SECONDS: u64 = 5;

/// The end of one request.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Nothing was executed. There is at least one error, and there is no `data`.
    #[serde(serialize_with = "without_data")]
    Refused(Vec<ServerError>),
    /// The request was executed; fields may have failed.
    Executed(Box<Response>),
}

impl Answer {
    /// The code that decides the status of a refusal.
    pub fn refused(&self) -> Option<ErrorCode> {
        match self {
            Answer::Refused(errors) => {
                Some(errors.first().map_or(ErrorCode::InternalServerError, |error| {
                    code_of(error).unwrap_or(ErrorCode::GraphqlValidationFailed)
                }))
            }
            Answer::Executed(_) => None,
        }
    }

    /// How far the read models had come that it was answered from, where it was executed.
    fn position(&self) -> Option<&str> {
        match self {
            Answer::Refused(_) => None,
            Answer::Executed(response) => {
                response.http_headers.get(read_after::HEADER)?.to_str().ok()
            }
        }
    }

    /// What became of the request, for those who count.
    pub fn outcome(&self) -> QueryOutcome {
        let errors = match self {
            Answer::Refused(errors) => errors,
            Answer::Executed(response) => &response.errors,
        };
        let has = |code| errors.iter().any(|error| code_of(error) == Some(code));
        match self {
            _ if has(ErrorCode::Timeout) => QueryOutcome::TimedOut,
            _ if has(ErrorCode::InternalServerError) => QueryOutcome::Failed,
            Answer::Refused(_) => QueryOutcome::Refused,
            Answer::Executed(_) => QueryOutcome::Answered,
        }
    }

    /// The same answer with its errors told in this language.
    pub fn in_language(mut self, language: Language) -> Self {
        if language != Language::English {
            let errors = match &mut self {
                Answer::Refused(errors) => errors,
                Answer::Executed(response) => &mut response.errors,
            };
            for error in errors {
                if let Some(code) = code_of(error) {
                    error.message = words::told(code.as_str(), &error.message, language);
                }
            }
        }
        self
    }

    /// The answer as a GraphQL response in JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|error| {
            let trace_id = TraceId::random();
            tracing::error!(%trace_id, %error, "a response could not be written as JSON");
            Answer::from(RequestError::internal(trace_id)).to_json()
        })
    }
}

fn without_data<S: Serializer>(errors: &[ServerError], serializer: S) -> Result<S::Ok, S::Error> {
    let mut response = serializer.serialize_struct("Response", 1)?;
    response.serialize_field("errors", errors)?;
    response.end()
}

impl From<RequestError> for Answer {
    fn from(error: RequestError) -> Self {
        Answer::Refused(vec![error.into()])
    }
}

impl From<Vec<RequestError>> for Answer {
    fn from(errors: Vec<RequestError>) -> Self {
        Answer::Refused(errors.into_iter().map(Into::into).collect())
    }
}

/// How the executor's messages begin about an argument that could not be read, or was of another type.
const UNREADABLE_ARGUMENT: [&str; 2] = ["Failed to parse \"", "Expected input type \""];

/// Sorts out what the executor gave back.
///
/// The executor has one shape for everything. A refusal shows in that there is no data and that no error
/// has a path: errors of fields always have one. An error whose `extensions.code` is one of the table's is
/// meant for the caller and passed on; any other is a fault of ours, whatever it says.
pub fn settle(mut response: Response, trace_id: &TraceId) -> Answer {
    let refused = response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty());
    for error in &mut response.errors {
        if code_of(error).is_some() {
            continue;
        }
        if refused {
            set_code(error, ErrorCode::GraphqlValidationFailed);
        } else if error.source.is_none()
            && UNREADABLE_ARGUMENT.iter().any(|words| error.message.starts_with(words))
        {
            // Validation looks neither into scalars nor into all values of variables.
            set_code(error, ErrorCode::BadUserInput);
        } else {
            tracing::error!(%trace_id, path = ?error.path, error = %error.message, "a field failed");
            let internal: ServerError = RequestError::internal(trace_id.clone()).into();
            error.message = internal.message;
            error.extensions = internal.extensions;
        }
    }
    if refused { Answer::Refused(response.errors) } else { Answer::Executed(Box::new(response)) }
}

fn code_of(error: &ServerError) -> Option<ErrorCode> {
    let Some(Value::String(code)) = error.extensions.as_ref()?.get("code") else { return None };
    ErrorCode::ALL.into_iter().find(|known| known.as_str() == code)
}

fn set_code(error: &mut ServerError, code: ErrorCode) {
    error.extensions.get_or_insert_default().set("code", code.as_str());
}

/// The refusal of a caller that is not authenticated. Keys that cannot be had are our fault, not theirs.
pub fn unauthenticated(error: &AuthenticationError, trace_id: &TraceId) -> RequestError {
    if *error == AuthenticationError::KeysUnavailable {
        tracing::error!(%trace_id, "tokens cannot be verified: {error}");
        return RequestError::internal(trace_id.clone());
    }
    tracing::debug!(%trace_id, reason = %error.reason(), "a caller was not authenticated");
    if let AuthenticationError::TooManyFailures { wait } = error {
        return RequestError::rate_limited(error.public_message(), *wait);
    }
    RequestError::new(ErrorCode::Unauthenticated, error.public_message())
}

/// The HTTP response that carries an answer.
pub fn respond(answer: &Answer, media_type: MediaType) -> HttpResponse {
    let refused = answer.refused();
    let mut response = HttpResponse::build(status(refused, media_type));
    response
        .content_type(media_type.content_type())
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .append_header((VARY, "accept"));
    match refused {
        Some(ErrorCode::Unauthenticated) => {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        Some(ErrorCode::RateLimited) => {
            response.insert_header((RETRY_AFTER, retry_after(answer)));
        }
        Some(ErrorCode::ReplicaBehind) => {
            response.insert_header((RETRY_AFTER, "1"));
        }
        _ => {}
    }
    if let Some(shown) = answer.position() {
        response.insert_header((read_after::HEADER, shown));
    }
    response.body(answer.to_json())
}

/// The same with its errors told in this language.
pub fn respond_in(answer: Answer, language: Language, media_type: MediaType) -> HttpResponse {
    in_language(respond(&answer.in_language(language), media_type), language)
}

/// The response, which is in this language because the request's headers prefer it.
pub fn in_language(mut response: HttpResponse, language: Language) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.append(VARY, HeaderValue::from_static("accept-language"));
    response
}

/// When to try again, in seconds: what the refusal says, or soon.
fn retry_after(answer: &Answer) -> u64 {
    let Answer::Refused(errors) = answer else { return RETRY_AFTER_SECONDS };
    let said = errors.first().and_then(|error| error.extensions.as_ref()?.get("retryAfterSeconds"));
    match said {
        Some(Value::Number(seconds)) => seconds.as_u64().unwrap_or(RETRY_AFTER_SECONDS),
        _ => RETRY_AFTER_SECONDS,
    }
}

/// A refusal of the method, with the methods that would do.
pub fn method_not_allowed(
    allow: &'static str,
    message: &str,
    media_type: MediaType,
) -> HttpResponse {
    let error = RequestError::new(ErrorCode::MethodNotAllowed, message);
    let mut response = respond(&error.into(), media_type);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
