//! Which web pages may call.
//!
//! A browser names the page's origin in `Origin`. Pages of our own origin may call, and those of an
//! allow-list; other programs send no `Origin` and are not concerned. For requests the browser enforces the
//! answer (CORS); for WebSockets it does not, so the server must.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, web};

/// The origins whose pages may call, for example `https://desk.example.org`. There is no wildcard.
#[derive(Debug, Clone, Default)]
pub struct Origins(pub Vec<String>);

impl Origins {
    /// Whether a page of this origin may call the server that these headers were sent to.
    fn allow(&self, origin: &HeaderValue, headers: &HeaderMap) -> bool {
        let Ok(origin) = origin.to_str() else { return false };
        self.0.iter().any(|allowed| allowed == origin) || is_own(origin, headers)
    }

    /// Whether the request comes from no page, our own, or an allowed one.
    pub(super) fn admit(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).all(|origin| self.allow(origin, headers))
    }
}

fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority.as_bytes());
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    authority.is_some() && authority == host
}

/// Answers preflights, and marks the responses that a page of another origin may read. No credentials are
/// allowed: a token is sent by the page itself, never by the browser.
pub(super) async fn cors(
    origins: web::Data<Origins>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let headers = request.headers();
    let origin = headers.get(ORIGIN).filter(|origin| origins.allow(origin, headers)).cloned();
    let preflight = request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        let status = if origin.is_some() { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        let mut response = HttpResponse::new(status);
        if origin.is_some() {
            let headers = response.headers_mut();
            let text = HeaderValue::from_static;
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, text("GET, POST"));
            headers.insert(
                ACCESS_CONTROL_ALLOW_HEADERS,
                text("accept, authorization, content-type, last-event-id, parvandeh-position, parvandeh-purpose, traceparent"),
            );
            headers.insert(ACCESS_CONTROL_MAX_AGE, text("600"));
        }
        request.into_response(response)
    } else {
        next.call(request).await?.map_into_boxed_body()
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let told = HeaderValue::from_static("parvandeh-position, retry-after, traceresponse");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, told);
    }
    Ok(response)
}
