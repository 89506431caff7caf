//! GraphQL over server-sent events, in "distinct connections" mode: one operation, one connection.
//!
//! Each result is a `next` event; the end is a `complete` event, with a `data:` line, since browsers drop
//! events without one. A result whose root field selects `cursor` has that as its `id:`, and a browser that
//! reconnects sends the last one back in `Last-Event-ID`; resolvers find it as [`ResumeAfter`].
//!
//! The operation's stream is asked for its next result only when the connection takes more, so a slow reader
//! holds back itself and nobody else. Refusals of the GraphQL request are events too, as the protocol wants;
//! refusals of the HTTP request have their HTTP status.

use std::convert::Infallible;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ContentEncoding, HeaderMap};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Response, Value};
use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::MissedTickBehavior;

use crate::error::{ErrorCode, RequestError, TraceId};
use crate::graphql::admission::Admitted;
use crate::http::drain::closing;
use crate::http::errors::{Answer, respond, settle};
use crate::http::media::MediaType;
use crate::http::transport::{ResumeAfter, Transport};
use crate::metrics::OpenSubscription;
use crate::principal::Principal;
use crate::words::Language;

const COMPLETE: &[u8] = b"event: complete\ndata:\n\n";
/// A cursor longer than this is not ours, in bytes.
const LAST_EVENT_ID_BYTES_MAX: usize = 1024;

/// An event stream of one operation's results.
pub(super) fn open<E: Executor>(
    http_request: &HttpRequest,
    transport: &Transport<E>,
    admitted: Admitted,
    principal: Arc<Principal>,
    trace_id: TraceId,
    language: Language,
) -> HttpResponse {
    let respond = |answer: Answer| respond(&answer.in_language(language), MediaType::Json);
    let Ok(permit) = transport.connections.clone().try_acquire_owned() else {
        let message = "Too many connections are open. Try again in a few seconds.";
        return respond(RequestError::new(ErrorCode::RateLimited, message).into());
    };
    let resume_after = match last_event_id(http_request.headers()) {
        Ok(resume_after) => resume_after,
        Err(error) => return respond(error.into()),
    };
    let kind = admitted.kind;
    let admitted = match resume_after {
        Some(resume_after) => Admitted { request: admitted.request.data(resume_after), ..admitted },
        None => admitted,
    };
    let results = results(transport.clone(), admitted, trace_id);
    let results = results.map(move |answer| answer.in_language(language));
    event_stream(events(transport.clone(), kind, results, principal, permit, language))
}

/// An event stream that says why there is nothing to stream.
pub(super) fn refuse(answer: &Answer) -> HttpResponse {
    let events = [next_event(answer), Bytes::from_static(COMPLETE)];
    event_stream(stream::iter(events))
}

fn event_stream(events: impl Stream<Item = Bytes> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        // A compressor would hold events back until it has enough of them; so would some proxies.
        .insert_header(ContentEncoding::Identity)
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events.map(Ok::<_, Infallible>))
}

fn results<E: Executor>(
    transport: Transport<E>,
    admitted: Admitted,
    trace_id: TraceId,
) -> impl Stream<Item = Answer> {
    match admitted.kind {
        OperationType::Subscription => {
            let open = OpenSubscription::over("sse");
            let responses = transport.executor.execute_stream(admitted.request, None);
            Either::Left(responses.map(move |response| {
                let _open = &open;
                settle(response, &trace_id)
            }))
        }
        OperationType::Query | OperationType::Mutation => {
            Either::Right(stream::once(async move { transport.execute(admitted, &trace_id).await }))
        }
    }
}

fn events<E: Executor>(
    transport: Transport<E>,
    kind: OperationType,
    results: impl Stream<Item = Answer>,
    principal: Arc<Principal>,
    permit: OwnedSemaphorePermit,
    language: Language,
) -> impl Stream<Item = Bytes> {
    async_stream::stream! {
        let _permit = permit;
        let mut phase = transport.phase.clone();
        let closing = closing(&mut phase);
        let expired = transport.until(principal.expires_at);
        let mut pings = tokio::time::interval(transport.limits().ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(closing, expired, results);
        loop {
            tokio::select! {
                biased;
                // What runs once is answered also by a server that stops.
                () = &mut closing, if kind == OperationType::Subscription => break,
                () = &mut expired => {
                    let message = "The token has expired. Sign in again and resume.";
                    let error = RequestError::new(ErrorCode::Unauthenticated, message);
                    yield next_event(&Answer::from(error).in_language(language));
                    break;
                }
                result = results.next() => match result {
                    Some(answer) => {
                        pings.reset();
                        yield next_event(&answer);
                    }
                    None => break,
                },
                // The first tick comes at once and makes the response's head go out.
                _ = pings.tick() => yield Bytes::from_static(b":\n\n"),
            }
        }
        yield Bytes::from_static(COMPLETE);
    }
}

fn next_event(answer: &Answer) -> Bytes {
    let mut event = b"event: next\n".to_vec();
    if let Answer::Executed(response) = answer
        && let Some(cursor) = cursor(response)
    {
        event.extend_from_slice(b"id: ");
        event.extend_from_slice(cursor.as_bytes());
        event.push(b'\n');
    }
    // JSON without indentation has no line breaks, so one `data:` line holds it.
    event.extend_from_slice(b"data: ");
    event.extend_from_slice(&answer.to_json());
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// The `cursor` of the single root field, if it was selected and can stand on a line of its own.
fn cursor(response: &Response) -> Option<&str> {
    let Value::Object(data) = &response.data else { return None };
    let Value::Object(root) = data.values().next()? else { return None };
    let Value::String(cursor) = root.get("cursor")? else { return None };
    let fit = data.len() == 1 && !cursor.is_empty() && !cursor.contains(['\n', '\r', '\0']);
    fit.then_some(cursor)
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<ResumeAfter>, RequestError> {
    let mut values = headers.get_all("last-event-id");
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().ok().filter(|value| value.len() <= LAST_EVENT_ID_BYTES_MAX);
    match (value, values.next()) {
        (Some(""), None) => Ok(None),
        (Some(value), None) => Ok(Some(ResumeAfter(value.to_owned()))),
        _ => {
            let message = "The header `Last-Event-ID` is not a cursor of ours.";
            Err(RequestError::new(ErrorCode::BadUserInput, message))
        }
    }
}
