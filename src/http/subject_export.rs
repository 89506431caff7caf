//! `GET /subjects/{global id}/export`: everything about one customer, as a JSON document or as a page.
//!
//! Privacy officers may have it of every customer, and customers of themselves. It is streamed: memory holds a page of rows. A failure in
//! the middle breaks the connection off, so that a part is never taken for the whole.

use std::pin::pin;
use std::sync::Arc;

use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::{Executor, ID};
use async_stream::try_stream;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use parvandeh_domain::id::CustomerId;
use serde::Deserialize;

use crate::access::Purpose;
use crate::error::{ErrorCode, RequestError, TraceId, chain};
use crate::graphql::global_id::{self, NodeType};
use crate::http::errors::{method_not_allowed, respond_in};
use crate::http::media::MediaType;
use crate::http::origin::cors;
use crate::http::purpose;
use crate::http::trace::trace_id;
use crate::http::transport::Transport;
use crate::principal::{Principal, Role};
use crate::subject_export::{
    ExportError, ExportRequest, JsonDocument, Page, Part, Rendering, SubjectExporter,
};
use crate::words::Language;

/// Refusals have the statuses of GraphQL over HTTP.
const REFUSALS: MediaType = MediaType::GraphqlResponse;
/// Parts are sent together once they come to so much text, in bytes.
const CHUNK_BYTES_MIN: usize = 16 * 1024;

/// Mounts the export.
pub fn configure<E: Executor>(
    app: &mut web::ServiceConfig,
    transport: Transport<E>,
    exporter: SubjectExporter,
) {
    let resource = web::resource("/subjects/{id}/export")
        .app_data(web::Data::new(transport.config.origins.clone()))
        .app_data(web::Data::new(transport))
        .app_data(web::Data::new(exporter))
        .route(web::get().to(get::<E>))
        .default_service(web::to(other_method))
        .wrap(from_fn(cors))
        .wrap(Compress::default());
    app.service(resource);
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Html,
}

#[derive(Deserialize)]
struct Parameters {
    format: Option<Format>,
}

async fn get<E: Executor>(
    request: HttpRequest,
    id: web::Path<String>,
    transport: web::Data<Transport<E>>,
    exporter: web::Data<SubjectExporter>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let asked = Language::of_headers(request.headers());
    let principal = match transport.enter(&request, &trace_id).await {
        Ok(principal) => principal,
        Err(error) => return respond_in(error.into(), asked.unwrap_or_default(), REFUSALS),
    };
    let language = transport.language(asked, &principal);
    let refuse = |error: RequestError| respond_in(error.into(), language, REFUSALS);
    let Ok(permit) = transport.connections.clone().try_acquire_owned() else {
        let message = "Too many connections are open. Try again in a few seconds.";
        return refuse(RequestError::new(ErrorCode::RateLimited, message));
    };
    let read = read(&request, &id, principal, &trace_id);
    let (export, format) = match read {
        Ok(read) => read,
        Err(error) => return refuse(error),
    };
    let principal = export.principal.clone();
    let parts = match exporter.begin(export).await {
        Ok(Some(parts)) => parts,
        Ok(None) => return refuse(not_found()),
        Err(error) => return refuse(failed(&error, &trace_id)),
    };
    let (rendering, content_type, disposition): (Box<dyn Rendering>, _, _) = match format {
        Format::Json => (
            Box::new(JsonDocument::default()),
            "application/json; charset=utf-8",
            "attachment; filename=\"subject-export.json\"",
        ),
        Format::Html => (Box::new(Page::default()), "text/html; charset=utf-8", "inline"),
    };
    let chunks = chunks(parts, rendering);
    let transport = (**transport).clone();
    let body = try_stream! {
        let _permit = permit;
        for await chunk in chunks {
            if transport.clock.now() >= principal.expires_at {
                Err(std::io::Error::other("the token expired while the export was read"))?;
            }
            yield chunk.map_err(|error| {
                tracing::error!(%trace_id, error = %chain(&error), "an export broke off");
                std::io::Error::other("the export failed")
            })?;
        }
    };
    let body = Box::pin(body) as std::pin::Pin<Box<dyn Stream<Item = std::io::Result<Bytes>>>>;
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("referrer-policy", "no-referrer"))
        .streaming(body)
}

async fn other_method() -> HttpResponse {
    method_not_allowed("GET", "Use GET for an export.", REFUSALS)
}

/// What is asked for, if this caller may ask for it.
fn read(
    request: &HttpRequest,
    id: &str,
    principal: Arc<Principal>,
    trace_id: &TraceId,
) -> Result<(ExportRequest, Format), RequestError> {
    if !matches!(principal.role, Role::PrivacyOfficer | Role::Customer) {
        let message = format!("The role `{}` may not export anybody's data.", principal.role);
        return Err(RequestError::new(ErrorCode::Forbidden, message));
    }
    let parameters = web::Query::<Parameters>::from_query(request.query_string());
    let Ok(web::Query(Parameters { format })) = parameters else {
        return Err(RequestError::bad_input("format", "must be json or html"));
    };
    let purpose =
        purpose::of_headers(request.headers())?.unwrap_or_else(|| Purpose::of_role(principal.role));
    let customer_id = global_id::decode("id", NodeType::Customer, &ID(id.to_owned()))?;
    let format = format.unwrap_or_else(|| accepted(request.headers()));
    let (customer_id, trace_id) = (CustomerId(customer_id), Some(trace_id.clone()));
    let export = ExportRequest { principal, customer_id, purpose, trace_id };
    // A customer who asks for another is told what they would be told of one who is not there.
    export.recipient().is_some().then_some((export, format)).ok_or_else(not_found)
}

/// A page where the caller takes pages and not JSON, as browsers do.
fn accepted(headers: &HeaderMap) -> Format {
    let accept = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let mut types = accept
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match types.find(|range| range == "text/html" || range == "application/json") {
        Some(range) if range == "text/html" => Format::Html,
        _ => Format::Json,
    }
}

fn not_found() -> RequestError {
    RequestError::new(ErrorCode::NotFound, "There is no such customer.")
}

fn failed(error: &ExportError, trace_id: &TraceId) -> RequestError {
    tracing::error!(%trace_id, error = %chain(error), "an export failed");
    RequestError::internal(trace_id.clone())
}

/// The text of the parts, in pieces that are worth sending.
fn chunks(
    parts: impl Stream<Item = Result<Part, ExportError>>,
    mut rendering: Box<dyn Rendering>,
) -> impl Stream<Item = Result<Bytes, ExportError>> {
    try_stream! {
        let mut parts = pin!(parts);
        let mut text = String::new();
        while let Some(part) = parts.next().await {
            rendering.add(&part?, &mut text);
            if text.len() >= CHUNK_BYTES_MIN {
                yield Bytes::from(std::mem::take(&mut text));
            }
        }
        yield Bytes::from(text);
    }
}
