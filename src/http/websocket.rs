//! GraphQL over WebSocket, subprotocol `graphql-transport-ws`.
//!
//! One task serves one connection. It takes turns: read a message, or take one result from the operations,
//! then write what follows from it, and only when the socket has taken that does it turn to the next. So a
//! client that reads slowly is also read slowly, its operations are not asked for more than it takes, and
//! nothing queues up for it here; other connections do not notice.
//!
//! The token comes with `connection_init`, as `{"authorization": "Bearer ..."}` in its payload, or with the
//! upgrade request's own `Authorization` header, which browsers cannot set. The language that the caller reads comes by the same two ways:
//! `{"acceptLanguage": "fa"}` in the payload, or the upgrade request's `Accept-Language`. A customer who says nothing of it reads their own.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{HttpRequest, HttpResponse, web};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, ProtocolError, Session};
use async_graphql::Executor;
use async_graphql::parser::types::OperationType;
use futures_util::StreamExt as _;
use futures_util::stream::{self, AbortHandle, BoxStream, SelectAll};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use crate::error::{ErrorCode, RequestError, TraceId};
use crate::graphql::admission::Admitted;
use crate::graphql::parameters::Parameters;
use crate::http::authentication::{bearer, bearer_token};
use crate::http::drain::closing;
use crate::http::errors::{Answer, respond, settle};
use crate::http::media::MediaType;
use crate::http::purpose::of_headers;
use crate::http::trace::trace_id;
use crate::http::transport::Transport;
use crate::http::websocket_message::{Inbound, Outbound, Payload};
use crate::metrics::OpenSubscription;
use crate::principal::Principal;
use crate::telemetry::join;
use crate::words::Language;

const SUBPROTOCOL: &str = "graphql-transport-ws";
const OPERATION_ID_BYTES_MAX: usize = 128;

/// Whether the request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Opens the connection and leaves it to a task of its own.
pub(super) fn open<E: Executor>(
    request: &HttpRequest,
    payload: web::Payload,
    transport: &Transport<E>,
) -> HttpResponse {
    let refuse =
        |code, message: &str| respond(&RequestError::new(code, message).into(), MediaType::Json);
    if !transport.config.origins.admit(request.headers()) {
        return respond(
            &RequestError::new(ErrorCode::Forbidden, "This page's origin may not connect.").into(),
            // The type whose status tells; a handshake has no other way to say it.
            MediaType::GraphqlResponse,
        );
    }
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    if !offered.any(|protocol| protocol.trim() == SUBPROTOCOL) {
        let message = "Offer the WebSocket subprotocol `graphql-transport-ws`.";
        return refuse(ErrorCode::BadUserInput, message);
    }
    let Ok(permit) = transport.connections.clone().try_acquire_owned() else {
        let message = "Too many connections are open. Try again in a few seconds.";
        return refuse(ErrorCode::RateLimited, message);
    };
    let (response, session, messages) =
        match actix_ws::handle_with_protocols(request, payload, &[SUBPROTOCOL]) {
            Ok(opened) => opened,
            Err(_) => return refuse(ErrorCode::BadUserInput, "The handshake is not complete."),
        };
    let size_max = transport.limits().body_bytes_max;
    let messages =
        messages.max_frame_size(size_max).aggregate_continuations().max_continuation_size(size_max);
    let asked = Language::of_headers(request.headers());
    let connection = Connection {
        transport: transport.clone(),
        session,
        headers: request.headers().clone(),
        asked,
        language: asked.unwrap_or_default(),
        address: transport.rate_limits.address(request),
        trace_id: trace_id(request),
        initialised: false,
        principal: None,
        operations: HashMap::new(),
        results: SelectAll::new(),
    };
    actix_web::rt::spawn(async move {
        connection.serve(messages).await;
        drop(permit);
    });
    response
}

/// What an operation says.
enum Said {
    Result { answer: Answer, first: bool },
    Complete,
}

/// What runs on a connection.
struct Operation {
    kind: OperationType,
    handle: AbortHandle,
}

struct Connection<E> {
    transport: Transport<E>,
    session: Session,
    /// Of the upgrade request.
    headers: HeaderMap,
    /// Where the upgrade request came from.
    address: Option<IpAddr>,
    trace_id: TraceId,
    /// That the caller asks for.
    asked: Option<Language>,
    /// That the caller reads: known for certain once the caller is.
    language: Language,
    initialised: bool,
    principal: Option<Arc<Principal>>,
    /// By the id that the client chose.
    operations: HashMap<String, Operation>,
    results: SelectAll<BoxStream<'static, (String, Said)>>,
}

/// How a connection ends: with this close frame, or without one when the other side is gone.
type End = Option<CloseReason>;
/// Whether to go on.
type Flow = ControlFlow<End>;

impl<E: Executor> Connection<E> {
    async fn serve(mut self, mut messages: actix_ws::AggregatedMessageStream) {
        let limits = self.transport.limits().clone();
        let transport = self.transport.clone();
        let mut phase = transport.phase.clone();
        let closing = closing(&mut phase);
        let opened_at = Instant::now();
        let mut heard_at = opened_at;
        let mut pings = tokio::time::interval(limits.ping_interval);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        // Replaced when the principal is known.
        let mut expired = Box::pin(transport.until(jiff::Timestamp::MAX));
        tokio::pin!(closing);

        let end = loop {
            let authenticated = self.principal.is_some();
            let turn = tokio::select! {
                biased;
                () = &mut closing => break self.finish().await,
                () = &mut expired => break close(4403, "The token has expired"),
                () = tokio::time::sleep_until(opened_at + limits.connection_init_timeout),
                    if !authenticated =>
                {
                    break close(4408, "Connection initialisation timeout");
                }
                () = tokio::time::sleep_until(heard_at + limits.silence_max) => break None,
                _ = pings.tick(), if authenticated => self.ping().await,
                message = messages.recv() => {
                    heard_at = Instant::now();
                    self.hear(message).await
                }
                Some((id, said)) = self.results.next(), if !self.results.is_empty() => {
                    self.say(id, said).await
                }
            };
            if let ControlFlow::Break(end) = turn {
                break end;
            }
            if let Some(principal) = self.principal.as_ref().filter(|_| !authenticated) {
                expired.set(transport.until(principal.expires_at));
            }
        };
        if let Some(reason) = end {
            let _ =
                tokio::time::timeout(limits.silence_max, self.session.close(Some(reason))).await;
        }
    }

    async fn hear(&mut self, message: Option<Result<AggregatedMessage, ProtocolError>>) -> Flow {
        match message {
            None => Flow::Break(None),
            Some(Ok(AggregatedMessage::Text(text))) => self.message(&text).await,
            Some(Ok(AggregatedMessage::Binary(_))) => {
                Flow::Break(close(4400, "Messages must be text"))
            }
            Some(Ok(AggregatedMessage::Ping(bytes))) => {
                let mut session = self.session.clone();
                self.taken(session.pong(&bytes)).await
            }
            Some(Ok(AggregatedMessage::Pong(_))) => Flow::Continue(()),
            // A close is answered with a close.
            Some(Ok(AggregatedMessage::Close(reason))) => {
                Flow::Break(Some(reason.unwrap_or_else(|| CloseCode::Normal.into())))
            }
            Some(Err(error)) => Flow::Break(Some(match error {
                ProtocolError::Overflow => CloseCode::Size.into(),
                ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    CloseCode::Invalid.into()
                }
                ProtocolError::Io(_) => CloseCode::Size.into(),
                _ => CloseCode::Protocol.into(),
            })),
        }
    }

    async fn message(&mut self, text: &str) -> Flow {
        match Inbound::read(text) {
            Err(reason) => Flow::Break(close(4400, &reason)),
            Ok(Inbound::ConnectionInit { token, accept_language }) => {
                if let Some(ranges) = accept_language.filter(|_| !self.initialised) {
                    self.asked = Language::of_text(&ranges).or(self.asked);
                }
                self.initialise(token).await
            }
            Ok(Inbound::Ping { payload }) => {
                let payload = payload.map(Payload::Raw);
                self.send(&Outbound { kind: "pong", id: None, payload }).await
            }
            Ok(Inbound::Pong) => Flow::Continue(()),
            Ok(Inbound::Subscribe { id, payload }) => self.subscribe(id, payload.get()).await,
            Ok(Inbound::Complete { id }) => {
                if let Some(operation) = self.operations.remove(&id) {
                    operation.handle.abort();
                }
                Flow::Continue(())
            }
        }
    }

    async fn initialise(&mut self, token: Option<String>) -> Flow {
        if std::mem::replace(&mut self.initialised, true) {
            return Flow::Break(close(4429, "Too many initialisation requests"));
        }
        let verified = match &token {
            Some(token) => self.transport.verify(bearer(token), self.address).await,
            None if matches!(bearer_token(&self.headers), Ok(None)) => {
                return Flow::Break(close(
                    4403,
                    "No token: send {\"authorization\": \"Bearer ...\"} with connection_init",
                ));
            }
            None => self.transport.authenticate(&self.headers, self.address).await,
        };
        match verified {
            Ok(principal) => {
                self.language = self.transport.language(self.asked, &principal);
                self.principal = Some(principal);
                self.send(&Outbound { kind: "connection_ack", id: None, payload: None }).await
            }
            Err(error) => {
                let trace_id = &self.trace_id;
                tracing::debug!(%trace_id, reason = %error.reason(), "a connection was rejected");
                Flow::Break(close(4403, &error.public_message()))
            }
        }
    }

    async fn subscribe(&mut self, id: String, payload: &str) -> Flow {
        let Some(principal) = self.principal.clone() else {
            return Flow::Break(close(4401, "Unauthorized"));
        };
        if id.is_empty() || id.len() > OPERATION_ID_BYTES_MAX {
            return Flow::Break(close(4400, "The id must have between 1 and 128 bytes"));
        }
        if self.operations.contains_key(&id) {
            return Flow::Break(close(4409, &format!("Subscriber for {id} already exists")));
        }
        let running_max = self.transport.limits().operations_per_connection_max;
        if self.operations.len() >= running_max {
            let message = format!("At most {running_max} operations may run on one connection.");
            let error = RequestError::new(ErrorCode::RateLimited, message);
            return self.refuse(&id, error.into()).await;
        }
        // Each operation is a trace of its own: a connection lives too long to be one.
        let span = info_span!("operation", otel.kind = "server", trace_id = Empty);
        let trace_id = join(&span, None).trace_id;
        let parameters = Parameters::from_json(payload.as_bytes()).and_then(|parameters| {
            // What the upgrade request says holds for every operation that says nothing of its own.
            let purpose =
                parameters.purpose.map_or_else(|| of_headers(&self.headers), |p| Ok(Some(p)))?;
            Ok(Parameters { purpose, ..parameters })
        });
        let admitted = parameters
            .map_err(|error| vec![error])
            .and_then(|parameters| self.transport.admit(parameters, &principal, &trace_id));
        match admitted {
            Ok(admitted) => {
                let kind = admitted.kind;
                let request = admitted.request.data(self.language);
                let admitted = Admitted { request, ..admitted };
                let results = self.results_of(admitted, trace_id, span);
                let (results, handle) = stream::abortable(results);
                let name = id.clone();
                self.results.push(results.map(move |said| (name.clone(), said)).boxed());
                self.operations.insert(id, Operation { kind, handle });
                Flow::Continue(())
            }
            Err(errors) => self.refuse(&id, errors.into()).await,
        }
    }

    fn results_of(
        &self,
        admitted: Admitted,
        trace_id: TraceId,
        span: Span,
    ) -> BoxStream<'static, Said> {
        let transport = self.transport.clone();
        let answers = match admitted.kind {
            OperationType::Subscription => {
                let open = OpenSubscription::over("websocket");
                transport
                    .executor
                    .execute_stream(admitted.request, None)
                    .map(move |response| {
                        let _open = &open;
                        settle(response, &trace_id)
                    })
                    .boxed()
            }
            OperationType::Query | OperationType::Mutation => {
                let answer = async move { transport.execute(admitted, &trace_id).await };
                stream::once(answer.instrument(span)).boxed()
            }
        };
        answers
            .enumerate()
            .map(|(index, answer)| Said::Result { answer, first: index == 0 })
            .chain(stream::once(async { Said::Complete }))
            .boxed()
    }

    async fn say(&mut self, id: String, said: Said) -> Flow {
        match said {
            // What was refused never ran, so there is no `complete` after it.
            Said::Result { answer: answer @ Answer::Refused(_), first: true } => {
                if let Some(operation) = self.operations.remove(&id) {
                    operation.handle.abort();
                }
                self.refuse(&id, answer).await
            }
            Said::Result { answer, .. } => {
                let answer = answer.in_language(self.language);
                let payload = Some(Payload::Answer(&answer));
                self.send(&Outbound { kind: "next", id: Some(&id), payload }).await
            }
            Said::Complete => {
                self.operations.remove(&id);
                self.send(&Outbound { kind: "complete", id: Some(&id), payload: None }).await
            }
        }
    }

    async fn refuse(&self, id: &str, answer: Answer) -> Flow {
        let Answer::Refused(errors) = &answer.in_language(self.language) else {
            return Flow::Continue(());
        };
        let payload = Some(Payload::Errors(errors));
        self.send(&Outbound { kind: "error", id: Some(id), payload }).await
    }

    /// Both kinds of ping: the protocol's tells that the client's program is alive, the frame is answered
    /// even by clients that do not know the protocol's.
    async fn ping(&self) -> Flow {
        let mut session = self.session.clone();
        match self.send(&Outbound { kind: "ping", id: None, payload: None }).await {
            Flow::Continue(()) => self.taken(session.ping(b"")).await,
            end => end,
        }
    }

    /// The end of a connection to a server that stops: subscriptions are completed, what runs once is answered.
    async fn finish(&mut self) -> End {
        let is_endless = |operation: &Operation| operation.kind == OperationType::Subscription;
        let endless: Vec<_> =
            self.operations.extract_if(|_, operation| is_endless(operation)).collect();
        for (id, operation) in endless {
            operation.handle.abort();
            let complete = Outbound { kind: "complete", id: Some(&id), payload: None };
            if let Flow::Break(end) = self.send(&complete).await {
                return end;
            }
        }
        while !self.operations.is_empty()
            && let Some((id, said)) = self.results.next().await
        {
            // A subscription may have said something just before it was completed.
            if self.operations.contains_key(&id)
                && let Flow::Break(end) = self.say(id, said).await
            {
                return end;
            }
        }
        Some((CloseCode::Away, "The server is shutting down").into())
    }

    async fn send(&self, message: &Outbound<'_>) -> Flow {
        let mut session = self.session.clone();
        match serde_json::to_string(message) {
            Ok(text) => self.taken(session.text(text)).await,
            Err(error) => {
                tracing::error!(trace_id = %self.trace_id, %error, "a message could not be written");
                Flow::Break(Some(CloseCode::Error.into()))
            }
        }
    }

    /// Waits until the socket has taken what is sent, but not for ever.
    async fn taken(&self, sent: impl Future<Output = Result<(), actix_ws::Closed>>) -> Flow {
        match tokio::time::timeout(self.transport.limits().silence_max, sent).await {
            Ok(Ok(())) => Flow::Continue(()),
            Ok(Err(actix_ws::Closed)) => Flow::Break(None),
            Err(_) => {
                tracing::info!(trace_id = %self.trace_id, "a connection took nothing and was dropped");
                Flow::Break(None)
            }
        }
    }
}

fn close(code: u16, description: &str) -> End {
    Some((CloseCode::Other(code), description).into())
}
