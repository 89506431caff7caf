//! Liveness, readiness and metrics.
//!
//! *Live* says that the process answers at all; an orchestrator restarts what is not live, so nothing that a
//! restart would not mend belongs here. *Ready* says that requests may be sent: the reasons against it are
//! asked for at every call and named in the answer.

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use super::metrics::Metrics;
use crate::metrics::READY;

/// Names everything that speaks against sending requests here, for example "the read models are 1,200
/// events behind". Called at every `/health/ready`, so it must be quick.
pub type Readiness = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

struct Health {
    readiness: Readiness,
    metrics: Arc<Metrics>,
}

/// Mounts `/health/live`, `/health/ready` and `/metrics`. They need no token: keep them off the public
/// address.
pub fn configure(app: &mut web::ServiceConfig, readiness: Readiness, metrics: Arc<Metrics>) {
    app.app_data(web::Data::new(Health { readiness, metrics }))
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready))
        .route("/metrics", web::get().to(scrape));
}

async fn live() -> HttpResponse {
    let body = serde_json::json!({ "status": "live" });
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}

async fn ready(health: web::Data<Health>) -> HttpResponse {
    let reasons = (health.readiness)();
    let (mut response, status) = match reasons.is_empty() {
        true => (HttpResponse::Ok(), "ready"),
        false => (HttpResponse::ServiceUnavailable(), "not ready"),
    };
    let body = serde_json::json!({ "status": status, "reasons": reasons });
    response.insert_header((CACHE_CONTROL, "no-store")).json(body)
}

async fn scrape(health: web::Data<Health>) -> HttpResponse {
    READY.set(i64::from((health.readiness)().is_empty()));
    match health.metrics.text().await {
        Ok(text) => HttpResponse::Ok()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(text),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
