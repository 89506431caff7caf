//! `POST /cases/{global id}/attachments`: a file that comes with a case; `GET /attachments/{global id}`: the file.
//!
//! The body is the file itself and `Content-Type` its media type; name and direction stand in the address. A file is given out for saving
//! and never for showing: what a stranger has sent must not run in a page of ours.

use std::time::Duration;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderMap,
};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::{Executor, ID};
use async_stream::stream;
use futures_util::{Stream, StreamExt as _};
use parvandeh_domain::attachment::{ATTACHMENT_SIZE_BYTES_MAX, AttachmentRefusal};
use parvandeh_domain::case::Direction;
use parvandeh_domain::decider::Refusal as _;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::access::{Purpose, Reading};
use crate::attachments::{Attachments, DownloadError, Upload, UploadError};
use crate::command::handler::CommandError;
use crate::command::idempotency::KEY_LENGTH_MAX;
use crate::error::{ErrorCode, RequestError, TraceId, chain};
use crate::graphql::context::failure_code;
use crate::graphql::global_id::{self, NodeType};
use crate::graphql::read_after;
use crate::http::errors::{method_not_allowed, respond_in};
use crate::http::media::MediaType;
use crate::http::origin::cors;
use crate::http::purpose;
use crate::http::trace::trace_id;
use crate::http::transport::Transport;
use crate::principal::{Principal, Role, Roles};
use crate::words::Language;

/// Refusals have the statuses of GraphQL over HTTP.
const REFUSALS: MediaType = MediaType::GraphqlResponse;
/// Those who may add files to cases in their scope.
const SENDERS: Roles = Roles::of(&[Role::Customer, Role::Agent, Role::Supervisor, Role::Service]);
/// Those who may read them.
const READERS: Roles = SENDERS.union(Roles::of(&[Role::Auditor]));
/// The longest that a sender may leave us waiting for the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The operation's name in the access log.
const OPERATION: &str = "attachment";

/// Mounts both.
pub fn configure<E: Executor>(
    app: &mut web::ServiceConfig,
    transport: Transport<E>,
    attachments: Attachments,
) {
    let resource = |path: &str| {
        web::resource(path)
            .app_data(web::Data::new(transport.config.origins.clone()))
            .app_data(web::Data::new(transport.clone()))
            .app_data(web::Data::new(attachments.clone()))
            .wrap(from_fn(cors))
    };
    let upload = web::post().to(post::<E>);
    let upload = resource("/cases/{id}/attachments").route(upload);
    app.service(upload.default_service(web::to(|| other_method("POST"))));
    let download = resource("/attachments/{id}").route(web::get().to(get::<E>));
    app.service(download.default_service(web::to(|| other_method("GET"))));
}

async fn other_method(allowed: &'static str) -> HttpResponse {
    method_not_allowed(allowed, &format!("Use {allowed} here."), REFUSALS)
}

#[derive(Deserialize)]
struct Parameters {
    name: String,
    direction: Option<String>,
}

async fn post<E: Executor>(
    request: HttpRequest,
    id: web::Path<String>,
    body: web::Payload,
    transport: web::Data<Transport<E>>,
    attachments: web::Data<Attachments>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let asked = Language::of_headers(request.headers());
    let mut language = asked.unwrap_or_default();
    let received = async {
        let principal = transport.enter(&request, &trace_id).await?;
        language = transport.language(asked, &principal);
        let _permit = admitted(&transport, &principal, SENDERS, "add")?;
        let upload = upload(&request, &id, &principal)?;
        let (name, media_type) = (upload.name.clone(), upload.media_type.clone());
        let received = attachments.receive(&principal, upload, patient(body)).await;
        let id = received.map_err(|error| refused_upload(error, &trace_id))?;
        Ok((global_id::encode(NodeType::Attachment, id.0), name, media_type))
    };
    match received.await {
        Ok((id, name, media_type)) => HttpResponse::Created()
            .insert_header((CACHE_CONTROL, "private, no-store"))
            .insert_header((read_after::HEADER, attachments.read_models.position()))
            .json(json!({ "id": id.0, "name": name, "mediaType": media_type })),
        Err(error) => respond_in(RequestError::into(error), language, REFUSALS),
    }
}

async fn get<E: Executor>(
    request: HttpRequest,
    id: web::Path<String>,
    transport: web::Data<Transport<E>>,
    attachments: web::Data<Attachments>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let asked = Language::of_headers(request.headers());
    let mut language = asked.unwrap_or_default();
    let opened = async {
        let principal = transport.enter(&request, &trace_id).await?;
        language = transport.language(asked, &principal);
        let permit = admitted(&transport, &principal, READERS, "read")?;
        let stated = purpose::of_headers(request.headers())?;
        let purpose = stated.unwrap_or_else(|| Purpose::of_role(principal.role));
        let id = global_id::decode("id", NodeType::Attachment, &ID(id.into_inner()))?;
        let reading = Reading {
            principal: &principal,
            purpose: &purpose,
            operation: OPERATION,
            trace_id: Some(&trace_id),
        };
        let opened = attachments.open(reading, id).await;
        let opened = opened.map_err(|error| refused_download(&error, &trace_id))?;
        let not_found = || RequestError::new(ErrorCode::NotFound, "There is no such attachment.");
        Ok((opened.ok_or_else(not_found)?, permit))
    };
    let ((file, content), permit) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return respond_in(RequestError::into(error), language, REFUSALS),
    };
    let body = stream! {
        let _permit = permit;
        for await part in content {
            // The length was told: a part that fails breaks the connection off before it is reached.
            yield part.map_err(|error| {
                tracing::error!(%trace_id, error = %chain(&error), "an attachment broke off");
                std::io::Error::other("the attachment cannot be read")
            });
        }
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.row.media_type))
        .insert_header((CONTENT_DISPOSITION, for_saving(&file.name)))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("referrer-policy", "no-referrer"))
        .no_chunking(file.row.size_bytes.unsigned_abs())
        .streaming(Box::pin(body))
}

/// A place among the connections for whoever asks, if they may do that at all.
fn admitted<E: Executor>(
    transport: &Transport<E>,
    principal: &Principal,
    allowed: Roles,
    verb: &str,
) -> Result<OwnedSemaphorePermit, RequestError> {
    if !allowed.contains(principal.role) {
        let message = format!("The role `{}` may not {verb} attachments.", principal.role);
        return Err(RequestError::new(ErrorCode::Forbidden, message));
    }
    transport.connections.clone().try_acquire_owned().map_err(|_| {
        let message = "Too many connections are open. Try again in a few seconds.";
        RequestError::new(ErrorCode::RateLimited, message)
    })
}

fn upload(
    request: &HttpRequest,
    case_id: &str,
    principal: &Principal,
) -> Result<Upload, RequestError> {
    let parameters = web::Query::<Parameters>::from_query(request.query_string());
    let Ok(web::Query(Parameters { name, direction })) = parameters else {
        return Err(RequestError::bad_input("name", "is needed: the name of the file"));
    };
    let direction = match (principal.role, direction.as_deref()) {
        (Role::Customer, None | Some("inbound")) => Direction::Inbound,
        (Role::Customer, Some(_)) => {
            return Err(RequestError::bad_input(
                "direction",
                "of what a customer sends is inbound",
            ));
        }
        (_, Some(direction)) => direction
            .parse()
            .map_err(|problem: String| RequestError::bad_input("direction", &problem))?,
        (_, None) => {
            let problem = "is needed: inbound, outbound, or internal";
            return Err(RequestError::bad_input("direction", problem));
        }
    };
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > ATTACHMENT_SIZE_BYTES_MAX) {
        return Err(too_large());
    }
    Ok(Upload {
        case_id: global_id::decode("caseId", NodeType::Case, &ID(case_id.to_owned()))?,
        direction,
        name,
        media_type: media_type(headers)?,
        idempotency_key: idempotency_key(headers)?,
    })
}

/// What the file is, without parameters such as a character set.
fn media_type(headers: &HeaderMap) -> Result<String, RequestError> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok("application/octet-stream".to_owned());
    };
    let text = value.to_str().map_err(|_| {
        RequestError::new(ErrorCode::UnsupportedMediaType, "The header `Content-Type` is not text.")
    })?;
    Ok(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, RequestError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_LENGTH_MAX {
        let message = format!("The header `Idempotency-Key` has 1 to {KEY_LENGTH_MAX} characters.");
        return Err(RequestError::new(ErrorCode::BadUserInput, message));
    }
    Ok(Some(key.to_owned()))
}

/// The body, for as long as its sender goes on.
fn patient(body: web::Payload) -> impl Stream<Item = Result<bytes::Bytes, ()>> {
    stream! {
        let mut body = std::pin::pin!(body);
        loop {
            match tokio::time::timeout(PATIENCE, body.next()).await {
                Ok(None) => return,
                Ok(Some(Ok(chunk))) => yield Ok(chunk),
                Ok(Some(Err(_))) | Err(_) => {
                    yield Err(());
                    return;
                }
            }
        }
    }
}

fn too_large() -> RequestError {
    let message = AttachmentRefusal::TooLarge.to_string();
    RequestError::new(ErrorCode::PayloadTooLarge, format!("{message}."))
}

fn refused_upload(error: UploadError, trace_id: &TraceId) -> RequestError {
    match error {
        UploadError::NoCase => RequestError::new(ErrorCode::NotFound, "There is no such case."),
        UploadError::TooMany => RequestError::new(ErrorCode::BadUserInput, format!("{error}.")),
        UploadError::KeyReused | UploadError::Broken => {
            RequestError::new(ErrorCode::BadUserInput, error.to_string())
        }
        UploadError::Command(CommandError::Refused(AttachmentRefusal::TooLarge)) => too_large(),
        UploadError::Command(CommandError::Refused(refusal)) => {
            let message = format!("{}: {refusal}", refusal.code());
            RequestError::new(ErrorCode::BadUserInput, message)
        }
        UploadError::Command(error @ CommandError::Erased) => {
            RequestError::new(ErrorCode::BadUserInput, error.to_string())
        }
        UploadError::Command(error @ CommandError::Contended) => {
            RequestError::new(ErrorCode::Conflict, error.to_string())
        }
        error => failed(&error, trace_id),
    }
}

fn refused_download(error: &DownloadError, trace_id: &TraceId) -> RequestError {
    failed(error, trace_id)
}

fn failed(error: &(dyn std::error::Error + 'static), trace_id: &TraceId) -> RequestError {
    if let Some(refused) = failure_code(error) {
        return refused;
    }
    tracing::error!(%trace_id, error = %chain(error), "an attachment could not be read or written");
    RequestError::internal(trace_id.clone())
}

/// RFC 6266 with the name in UTF-8 (RFC 8187), whatever characters it has.
fn for_saving(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename*=UTF-8''{encoded}")
}
