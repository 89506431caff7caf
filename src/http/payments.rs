//! `POST /payments/callback`: a payment provider tells what became of a payment.
//!
//! There is no token: the signature shows who tells it ([`crate::payment::callback`]). Whoever has not signed learns nothing, not even whether
//! the body can be read. Whoever has is told what became of it: recorded or known already (200), no such payment (404), a
//! contradiction of what is on record (409), not understood (400). Only a failure of ours (500) is worth sending again.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse, web};
use parvandeh_domain::decider::Refusal;
use parvandeh_domain::payment::PaymentRefusal;
use serde_json::json;

use crate::command::handler::CommandError;
use crate::command::payments::PaymentKeeper;
use crate::error::{ErrorCode, RequestError, TraceId, chain};
use crate::http::errors::{method_not_allowed, respond};
use crate::http::media::MediaType;
use crate::metrics::CallbackOutcome;
use crate::payment::callback::{Callback, SignedHeaders};

/// The largest body.
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The one answer to whoever has not signed.
const UNSIGNED: &str = "The callback is not signed as it should be, or was signed too long ago.";

/// Mounts `/payments/callback`, where there is a provider.
pub(super) fn configure(service: &mut web::ServiceConfig, keeper: PaymentKeeper) {
    if keeper.payments.is_none() {
        return;
    }
    service.service(
        web::resource("/payments/callback")
            .app_data(web::Data::new(keeper))
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route(web::post().to(callback))
            .default_service(web::to(other_method)),
    );
}

async fn other_method() -> HttpResponse {
    method_not_allowed("POST", "Use POST to tell of a payment.", MediaType::Json)
}

async fn callback(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    keeper: web::Data<PaymentKeeper>,
) -> HttpResponse {
    let answer = match take_in(&request, body, &keeper).await {
        Ok(is_news) => {
            let outcome = if is_news { CallbackOutcome::Recorded } else { CallbackOutcome::Known };
            outcome.count();
            let result = if is_news { "recorded" } else { "known" };
            return HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, "application/json; charset=utf-8"))
                .insert_header((CACHE_CONTROL, "no-store"))
                .body(json!({ "result": result }).to_string());
        }
        Err(error) => error,
    };
    let outcome = match answer.code {
        ErrorCode::Unauthenticated => CallbackOutcome::Unsigned,
        ErrorCode::InternalServerError => CallbackOutcome::Failed,
        _ => CallbackOutcome::Refused,
    };
    outcome.count();
    respond(&answer.into(), MediaType::Json)
}

/// Whether it was news.
async fn take_in(
    request: &HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    keeper: &PaymentKeeper,
) -> Result<bool, RequestError> {
    let unsigned = || RequestError::new(ErrorCode::Unauthenticated, UNSIGNED);
    let payments = keeper.payments.as_ref().ok_or_else(unsigned)?;
    let body = body.map_err(|_| {
        let message = format!("The body has more than {BODY_BYTES_MAX} bytes, or did not arrive.");
        RequestError::new(ErrorCode::PayloadTooLarge, message)
    })?;
    let headers = signed_headers(request).ok_or_else(unsigned)?;
    if !payments.secrets.vouch_for(&headers, keeper.clock.now(), &body) {
        return Err(unsigned());
    }
    let callback: Callback = serde_json::from_slice(&body).map_err(|error| {
        RequestError::bad_input("The body", &format!("is not understood: {error}"))
    })?;
    let provider = payments.id();
    match keeper.record(provider.as_str(), callback).await {
        Ok(is_news) => Ok(is_news),
        Err(CommandError::Refused(PaymentRefusal::NotFound) | CommandError::NotFound) => {
            Err(RequestError::new(ErrorCode::NotFound, "There is no such payment."))
        }
        Err(CommandError::Refused(refusal)) => {
            tracing::warn!(
                code = refusal.code(),
                webhook_id = headers.id,
                "a callback contradicts what is on record"
            );
            let message = format!("{}: {refusal}. Nothing was recorded.", refusal.code());
            Err(RequestError::new(ErrorCode::Conflict, message))
        }
        Err(error) => {
            let trace_id = TraceId::random();
            tracing::error!(%trace_id, error = %chain(&error), "a callback was not recorded");
            Err(RequestError::internal(trace_id))
        }
    }
}

fn signed_headers(request: &HttpRequest) -> Option<SignedHeaders> {
    let header = |name| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    Some(SignedHeaders {
        id: header("webhook-id")?,
        timestamp: header("webhook-timestamp")?,
        signature: header("webhook-signature")?,
    })
}
