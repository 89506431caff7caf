//! The proof over HTTP, for auditors and their tools: `GET /proof/checkpoint`, `/proof/key`, `/proof/tile/...`, by the paths and encodings of
//! C2SP's *tlog-tiles*.
//!
//! A token of an auditor is asked for. An administrator, who answers for the log's running, gets the checkpoint and the hashes, but no
//! leaves: these tell who did what. Only what the checkpoint covers is handed out, so
//! a full tile never changes and may be kept.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Executor;

use crate::error::{ErrorCode, RequestError, TraceId};
use crate::http::errors::{method_not_allowed, respond};
use crate::http::media::MediaType;
use crate::http::trace::trace_id;
use crate::http::transport::Transport;
use crate::principal::{Role, Roles};
use crate::proof::leaf::Leaves;
use crate::proof::service::{Proof, ProofError};
use crate::proof::tiles::{self, TileKind, TilePath};
use crate::proof::tree::TILE_HASHES;

/// Who may fetch the proof.
const READERS: Roles = Roles::of(&[Role::Auditor, Role::Admin]);
/// Refusals have the statuses of GraphQL over HTTP.
const REFUSALS: MediaType = MediaType::GraphqlResponse;
/// What may change with the next event.
const CHANGES: &str = "private, no-store";
/// What never changes.
const STAYS: &str = "private, max-age=604800, immutable";

/// Mounts `/proof/...`.
pub(super) fn configure<E: Executor>(
    app: &mut web::ServiceConfig,
    transport: Transport<E>,
    proof: Arc<Proof>,
) {
    let resource = web::resource("/proof/{path:.*}")
        .app_data(web::Data::new(transport))
        .app_data(web::Data::from(proof))
        .route(web::get().to(get::<E>))
        .default_service(web::to(other_method));
    app.service(resource);
}

async fn other_method() -> HttpResponse {
    method_not_allowed("GET", "Use GET for the proof.", REFUSALS)
}

async fn get<E: Executor>(
    request: HttpRequest,
    path: web::Path<String>,
    transport: web::Data<Transport<E>>,
    proof: web::Data<Proof>,
) -> HttpResponse {
    let trace_id = trace_id(&request);
    let principal = match transport.enter(&request, &trace_id).await {
        Ok(principal) => principal,
        Err(error) => return respond(&error.into(), REFUSALS),
    };
    if !READERS.contains(principal.role) {
        let message = "The proof is for auditors and administrators.";
        return respond(&RequestError::new(ErrorCode::Forbidden, message).into(), REFUSALS);
    }
    if path.starts_with("tile/entries/") && principal.role != Role::Auditor {
        let message = "Leaves tell who did what: they are for auditors.";
        return respond(&RequestError::new(ErrorCode::Forbidden, message).into(), REFUSALS);
    }
    let Ok(_permit) = transport.connections.clone().try_acquire_owned() else {
        let message = "Too many connections are open. Try again in a few seconds.";
        return respond(&RequestError::new(ErrorCode::RateLimited, message).into(), REFUSALS);
    };
    let proof = proof.into_inner();
    // Files and the log are read, which may block.
    let answer = web::block(move || answer(&proof, &path)).await;
    match answer {
        Ok(Ok(Some(Found { content_type, cache_control, body }))) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, content_type))
            .insert_header((CACHE_CONTROL, cache_control))
            .insert_header(("x-content-type-options", "nosniff"))
            .body(body),
        Ok(Ok(None)) => HttpResponse::NotFound().insert_header((CACHE_CONTROL, CHANGES)).finish(),
        Ok(Err(ProofError::NotYet)) => {
            let mut response = HttpResponse::ServiceUnavailable();
            response.insert_header(("retry-after", "2")).body(ProofError::NotYet.to_string())
        }
        Ok(Err(error)) => failed(&error, trace_id),
        Err(error) => failed(&error, trace_id),
    }
}

fn failed(error: &dyn std::error::Error, trace_id: TraceId) -> HttpResponse {
    tracing::error!(%trace_id, %error, "the proof could not be read");
    respond(&RequestError::internal(trace_id).into(), REFUSALS)
}

struct Found {
    content_type: &'static str,
    cache_control: &'static str,
    body: Vec<u8>,
}

/// What stands at a path below `/proof/`; `None` where nothing does. Blocks.
fn answer(proof: &Proof, path: &str) -> Result<Option<Found>, ProofError> {
    let text = |body: String| {
        let content_type = "text/plain; charset=utf-8";
        Ok(Some(Found { content_type, cache_control: CHANGES, body: body.into_bytes() }))
    };
    match path {
        "checkpoint" => text(proof.published()?),
        "key" => text(format!("{}\n", proof.signed().ok_or(ProofError::NotYet)?.key)),
        _ => {
            let Some(Ok(tile)) = path.strip_prefix("tile/").map(str::parse) else {
                return Ok(None);
            };
            Ok(read(proof, tile)?.map(|body| {
                let content_type = "application/octet-stream";
                let full = usize::from(tile.width) == TILE_HASHES;
                Found { content_type, cache_control: if full { STAYS } else { CHANGES }, body }
            }))
        }
    }
}

fn read(proof: &Proof, tile: TilePath) -> Result<Option<Vec<u8>>, ProofError> {
    let size = proof.signed().ok_or(ProofError::NotYet)?.size();
    if !tile.is_in(size) {
        return Ok(None);
    }
    let width = usize::from(tile.width);
    match tile.kind {
        TileKind::Hashes { .. } => {
            let hashes = proof.tree().hashes(tile.level(), tile.first(), width)?;
            Ok(Some(hashes.as_flattened().to_vec()))
        }
        TileKind::Entries => {
            let mut leaves = Leaves::of(proof.store_id());
            let mut body = Vec::with_capacity(width * 800);
            for event in proof.events(tile.first(), width)? {
                if !tiles::add_entry(&mut body, leaves.text(&event)) {
                    return Err(ProofError::Disagrees(event.position.0));
                }
            }
            Ok(Some(body))
        }
    }
}
