//! The one mapping from what happened to the HTTP status.
//!
//! The draft of GraphQL over HTTP is still moving (422 and 294 have been proposed), so no status is chosen
//! anywhere else. Two groups of refusals differ: those of the HTTP request, which have their own status in
//! either media type, and those of the GraphQL request inside it, which `application/json` hides behind 200.

use actix_web::http::StatusCode;

use crate::error::ErrorCode;
use crate::http::media::MediaType;

/// The status of an answer. `refused` is the code of the first error when nothing was executed; an executed
/// request is a success whatever its fields say.
pub fn status(refused: Option<ErrorCode>, media_type: MediaType) -> StatusCode {
    let Some(code) = refused else { return StatusCode::OK };
    let of_the_document = |status| match media_type {
        MediaType::GraphqlResponse => status,
        MediaType::Json => StatusCode::OK,
    };
    match code {
        ErrorCode::GraphqlParseFailed | ErrorCode::GraphqlValidationFailed => {
            of_the_document(StatusCode::BAD_REQUEST)
        }
        ErrorCode::Forbidden => of_the_document(StatusCode::FORBIDDEN),
        ErrorCode::BadUserInput | ErrorCode::ReportTooLarge => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::RateLimited | ErrorCode::SimulationRunning => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::ReplicaBehind | ErrorCode::ReplicaCutOff => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
    }
}
