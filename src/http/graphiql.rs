//! A page to try queries on, for development.
//!
//! GraphiQL itself comes from a public CDN. Where that cannot be reached, the page says so and offers a plain
//! form that needs nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};

/// Scripts come from our own page and the one CDN; data only from us.
const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src 'self' data:; \
    script-src 'unsafe-inline' data: https://esm.sh; style-src 'unsafe-inline' https://esm.sh; \
    font-src https://esm.sh data:; worker-src blob: https://esm.sh; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'none'";

/// `GET /graphiql`.
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(include_str!("graphiql.html"))
}
