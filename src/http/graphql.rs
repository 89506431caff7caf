//! GraphQL over HTTP.
//!
//! POST takes a JSON object; GET takes query parameters and runs queries only. The checks go from cheap to
//! dear: media types, then the token, then the body, then the document.
//!
//! Requests forged by a page of another origin find nothing to use: a token is never sent by the browser on
//! its own, GET changes nothing, and POST takes only JSON, which a page cannot send without a preflight.

use actix_web::http::header::{ACCEPT_ENCODING, ContentEncoding, HeaderMap, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::error::{ErrorCode, RequestError};
use crate::graphql::admission::Admitted;
use crate::graphql::parameters::Parameters;
use crate::http::errors::{Answer, method_not_allowed, respond, respond_in, unauthenticated};
use crate::http::media::{Accepts, MediaType, has_json_body};
use crate::http::trace::trace_id;
use crate::http::transport::{Limits, Transport};
use crate::http::{position, purpose, sse, websocket};
use crate::words::Language;

/// An answer shorter than this is not worth compressing, in bytes.
const COMPRESSED_BYTES_MIN: usize = 1024;

/// `GET /graphql`: a query, an event stream, or a WebSocket.
pub(super) async fn get<E: Executor>(
    request: HttpRequest,
    payload: web::Payload,
    transport: web::Data<Transport<E>>,
) -> HttpResponse {
    if websocket::is_upgrade(request.headers()) {
        return websocket::open(&request, payload, &transport);
    }
    let parameters = async || Parameters::from_query_string(request.query_string());
    run(&request, &transport, true, parameters).await
}

/// `POST /graphql`: any operation.
pub(super) async fn post<E: Executor>(
    request: HttpRequest,
    payload: web::Payload,
    transport: web::Data<Transport<E>>,
) -> HttpResponse {
    if !has_json_body(request.headers()) {
        let message =
            "The body must be `Content-Type: application/json`, in UTF-8 and uncompressed.";
        let error = RequestError::new(ErrorCode::UnsupportedMediaType, message);
        let media_type = Accepts::from_headers(request.headers()).json_or_default();
        return respond(&error.into(), media_type);
    }
    let parameters = async || {
        let body = read_body(request.headers(), payload, transport.limits()).await?;
        Parameters::from_json(&body)
    };
    run(&request, &transport, false, parameters).await
}

/// Every method but GET, POST and a preflight.
pub(super) async fn other_method(request: HttpRequest) -> HttpResponse {
    let media_type = Accepts::from_headers(request.headers()).json_or_default();
    method_not_allowed("GET, POST", "Use POST, or GET for queries.", media_type)
}

async fn run<E: Executor>(
    request: &HttpRequest,
    transport: &Transport<E>,
    queries_only: bool,
    parameters: impl AsyncFnOnce() -> Result<Parameters, RequestError>,
) -> HttpResponse {
    let headers = request.headers();
    let trace_id = trace_id(request);
    let accepts = Accepts::from_headers(headers);
    let media_type = accepts.json_or_default();
    let asked = Language::of_headers(headers);
    let stranger = |answer: Answer| respond_in(answer, asked.unwrap_or_default(), media_type);
    if accepts.json.is_none() && !accepts.events {
        return stranger(not_acceptable());
    }
    let address = transport.rate_limits.address(request);
    let principal = match transport.authenticate(headers, address).await {
        Ok(principal) => principal,
        Err(error) => return stranger(unauthenticated(&error, &trace_id).into()),
    };
    let language = transport.language(asked, &principal);
    let respond = |answer: Answer| respond_in(answer, language, media_type);
    let purpose = match purpose::of_headers(headers) {
        Ok(purpose) => purpose,
        Err(error) => return respond(error.into()),
    };
    let seen = match position::of_headers(headers) {
        Ok(seen) => seen,
        Err(error) => return respond(error.into()),
    };
    let parameters = match parameters().await {
        Ok(parameters) => Parameters { purpose: parameters.purpose.or(purpose), ..parameters },
        Err(error) => return respond(error.into()),
    };
    let admitted = match transport.admit(parameters, &principal, &trace_id) {
        Ok(admitted) => admitted,
        // A caller that takes events alone learns of refusals by an event; see `sse`.
        Err(errors) if accepts.json.is_none() && !is_rate_limited(&errors) => {
            return sse::refuse(&Answer::from(errors).in_language(language));
        }
        Err(errors) => return respond(errors.into()),
    };
    let admitted = Admitted { request: admitted.request.data(language), ..admitted };
    if queries_only && admitted.kind == OperationType::Mutation {
        let message = "A mutation cannot be sent by GET; use POST.";
        return method_not_allowed("POST", message, media_type);
    }
    match (admitted.kind, accepts) {
        (OperationType::Subscription, Accepts { events: true, .. })
        | (_, Accepts { json: None, .. }) => {
            sse::open(request, transport, admitted, principal, trace_id, language)
        }
        (OperationType::Subscription, _) => respond(not_acceptable_subscription()),
        (OperationType::Query | OperationType::Mutation, Accepts { json: Some(_), .. }) => {
            let admitted = match seen {
                Some(seen) => Admitted { request: admitted.request.data(seen), ..admitted },
                None => admitted,
            };
            let answer = transport.execute(admitted, &trace_id).await;
            leave_small_answers_uncompressed(headers, respond(answer))
        }
    }
}

/// Whoever asks for too much learns it by the status, whatever they accept.
fn is_rate_limited(errors: &[RequestError]) -> bool {
    errors.iter().any(|error| error.code == ErrorCode::RateLimited)
}

/// The compression middleware leaves alone what declares an encoding.
fn leave_small_answers_uncompressed(
    headers: &HeaderMap,
    mut response: HttpResponse,
) -> HttpResponse {
    use actix_web::body::{BodySize, MessageBody as _};
    use actix_web::http::header::CONTENT_ENCODING;

    let small = matches!(response.body().size(), BodySize::Sized(size)
        if size < COMPRESSED_BYTES_MIN as u64);
    if small && headers.contains_key(ACCEPT_ENCODING) {
        let identity = HeaderValue::from_static(ContentEncoding::Identity.as_str());
        response.headers_mut().insert(CONTENT_ENCODING, identity);
    }
    response
}

async fn read_body(
    headers: &HeaderMap,
    mut payload: web::Payload,
    limits: &Limits,
) -> Result<Bytes, RequestError> {
    let size_max = limits.body_bytes_max;
    let too_large = || {
        let message = format!("The body is larger than {size_max} bytes.");
        RequestError::new(ErrorCode::PayloadTooLarge, message)
    };
    let bad = |message| RequestError::new(ErrorCode::BadUserInput, message);
    let declared = headers
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or_default();
    if declared > size_max {
        return Err(too_large());
    }
    let read = async {
        let mut body = BytesMut::with_capacity(declared);
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| bad("The body broke off."))?;
            if body.len() + chunk.len() > size_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(limits.request_timeout, read)
        .await
        .unwrap_or_else(|_| Err(bad("The body did not arrive in time.")))
}

fn not_acceptable() -> Answer {
    let message = format!(
        "Accept one of {}, {} or text/event-stream.",
        MediaType::GraphqlResponse.content_type(),
        MediaType::Json.content_type()
    );
    RequestError::new(ErrorCode::NotAcceptable, message).into()
}

fn not_acceptable_subscription() -> Answer {
    let message = "A subscription is a stream: accept text/event-stream, or use a WebSocket.";
    RequestError::new(ErrorCode::NotAcceptable, message).into()
}
