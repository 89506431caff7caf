//! Signing in with a card: `POST /sign-in/code` with a card's number has a code sent, `POST /sign-in` with number and code gives a token.
//!
//! Neither tells whether there is such a card. The first answers before anybody has looked. The second gives everybody who is not let in the
//! same refusal after the same time, whatever the reason. Both are rationed by address and by the number that it names, whether or not it
//! is a card's; that number is in no log line.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Executor;
use parvandeh_domain::id::CardId;
use parvandeh_domain::one_time_code::LIFE;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::error::{ErrorCode, RequestError};
use crate::http::errors::{Answer, in_language, method_not_allowed, respond, respond_in};
use crate::http::media::MediaType;
use crate::http::origin::cors;
use crate::http::rate_limit::{Buckets, network_of};
use crate::http::transport::Transport;
use crate::metrics::RateLimitScope;
use crate::sign_in::{Desk, codes};
use crate::words::{self, Language};

/// The largest body. The longest honest one has a hundred bytes.
const BODY_BYTES_MAX: usize = 1_024;
/// How often one number may be named in a minute, and at once, by one address. From all addresses together the log counts: see
/// [`parvandeh_domain::one_time_code`].
const REQUESTS_PER_CARD_PER_MINUTE: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// The one refusal.
const REFUSED: &str = "The card or the code is not right, or the code is used or has expired. Ask for another code; after several wrong ones, wait a \
                       while.";

/// Who asks how often.
struct Rations {
    addresses: Option<Buckets<IpAddr>>,
    /// By who names which number: were they counted from everywhere, anybody could keep a holder out.
    cards: Buckets<(IpAddr, CardId)>,
}

/// What a caller says. It never prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    card: String,
    #[serde(default)]
    code: Option<String>,
}

/// What mounts `/sign-in/code` and `/sign-in`.
pub(super) fn resource<E: Executor>(
    desk: Desk,
    app: &App,
    transport: Transport<E>,
) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    let per_minute = app.sign_in.requests_per_address_per_minute;
    let rations = Arc::new(Rations {
        addresses: (per_minute > 0).then(|| Buckets::new(MINUTE, per_minute, per_minute)),
        cards: Buckets::new(MINUTE, REQUESTS_PER_CARD_PER_MINUTE, REQUESTS_PER_CARD_PER_MINUTE),
    });
    move |service| {
        let resource = |path| {
            web::resource(path)
                .app_data(web::Data::new(transport.config.origins.clone()))
                .app_data(web::Data::new(transport.clone()))
                .app_data(web::Data::new(desk.clone()))
                .app_data(web::Data::from(rations.clone()))
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        };
        let other = || web::to(other_method);
        service.service(
            resource("/sign-in/code")
                .route(web::post().to(ask_for_code::<E>))
                .default_service(other())
                .wrap(from_fn(cors)),
        );
        service.service(
            resource("/sign-in")
                .route(web::post().to(enter::<E>))
                .default_service(other())
                .wrap(from_fn(cors)),
        );
    }
}

async fn other_method() -> HttpResponse {
    method_not_allowed("POST", "Use POST to sign in.", MediaType::Json)
}

async fn ask_for_code<E: Executor>(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    transport: web::Data<Transport<E>>,
    desk: web::Data<Desk>,
    rations: web::Data<Rations>,
) -> HttpResponse {
    let asked = read(&request, body, &transport, &rations, &desk).and_then(|(said, card_id)| {
        if said.code.is_some() {
            return Err(RequestError::bad_input("code", "is not asked for here"));
        }
        desk.ask_for_code(card_id).map_err(|_| busy())
    });
    match asked {
        Ok(()) => private(HttpResponse::Accepted())
            .body(json!({ "codeGoodForSeconds": LIFE.as_secs() }).to_string()),
        Err(error) => respond_in(error.into(), language(&request), MediaType::Json),
    }
}

async fn enter<E: Executor>(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    transport: web::Data<Transport<E>>,
    desk: web::Data<Desk>,
    rations: web::Data<Rations>,
) -> HttpResponse {
    let asked = read(&request, body, &transport, &rations, &desk).and_then(|(said, card_id)| {
        let code = said.code.ok_or_else(|| RequestError::bad_input("code", "is missing"))?;
        Ok((card_id, codes::said(&code)))
    });
    let entered = match asked {
        Ok((card_id, code)) => desk.enter(card_id, code).await.map_err(|_| busy()),
        Err(error) => Err(error),
    };
    match entered {
        Ok(Some(token)) => private(HttpResponse::Ok()).body(
            json!({ "token": token.text.as_str(), "expiresAt": token.expires_at.to_string() })
                .to_string(),
        ),
        Ok(None) => refused(language(&request)),
        Err(error) => respond_in(error.into(), language(&request), MediaType::Json),
    }
}

/// Nobody is known yet, so the headers alone say which language it is.
fn language(request: &HttpRequest) -> Language {
    Language::of_headers(request.headers()).unwrap_or_default()
}

/// The one refusal. The words of its code in other languages tell of a token; these tell of a card.
fn refused(language: Language) -> HttpResponse {
    let told = words::told("SIGN_IN_REFUSED", REFUSED, language);
    let answer = Answer::from(RequestError::new(ErrorCode::Unauthenticated, told));
    in_language(respond(&answer, MediaType::Json), language)
}

fn private(mut response: actix_web::HttpResponseBuilder) -> actix_web::HttpResponseBuilder {
    response.insert_header((CONTENT_TYPE, "application/json; charset=utf-8"));
    response.insert_header((CACHE_CONTROL, "private, no-store"));
    response.insert_header(("x-content-type-options", "nosniff"));
    response
}

/// What is said and the id of the card that is named, where the caller may ask at all. Nothing here depends on whether there is such a card.
fn read<E: Executor>(
    request: &HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    transport: &Transport<E>,
    rations: &Rations,
    desk: &Desk,
) -> Result<(Said, CardId), RequestError> {
    // A page of somebody else's cannot make a browser say JSON without asking first.
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        let message = "Send the header `Content-Type: application/json`.";
        return Err(RequestError::new(ErrorCode::UnsupportedMediaType, message));
    }
    let address = transport.rate_limits.address(request);
    let address = network_of(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    if let Some(addresses) = &rations.addresses {
        addresses.take(&address, 1).map_err(|wait| rationed(RateLimitScope::Address, wait))?;
    }
    let body = body.map_err(|_| {
        let message = format!("The body has more than {BODY_BYTES_MAX} bytes, or did not arrive.");
        RequestError::new(ErrorCode::PayloadTooLarge, message)
    })?;
    // What the decoder would say of it may repeat what is secret.
    let said: Said = serde_json::from_slice(&body).map_err(|_| {
        RequestError::bad_input(
            "The body",
            "must be an object with the text `card`, and to sign in `code`",
        )
    })?;
    let card_id = desk.card_id(&said.card);
    let taken = rations.cards.take(&(address, card_id), 1);
    taken.map_err(|wait| rationed(RateLimitScope::Principal, wait))?;
    Ok((said, card_id))
}

fn rationed(scope: RateLimitScope, wait: Duration) -> RequestError {
    scope.count();
    RequestError::rate_limited("You have tried too often for the moment. Wait a little.", wait)
}

fn busy() -> RequestError {
    let message = "Too many sign in at the moment. Try again in a few seconds.";
    RequestError::new(ErrorCode::RateLimited, message)
}
