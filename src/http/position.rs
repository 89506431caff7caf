//! The header `Parvandeh-Position`: what the caller has seen already, on whichever replica.

use actix_web::http::header::HeaderMap;

use crate::error::{ErrorCode, RequestError};
use crate::graphql::read_after::{HEADER, Seen};
use crate::store::Position;

/// The position that the headers state.
///
/// # Errors
/// [`ErrorCode::BadUserInput`] when the header is not a position.
pub(super) fn of_headers(headers: &HeaderMap) -> Result<Option<Seen>, RequestError> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let position = value.to_str().ok().and_then(|text| text.parse().ok());
    position.map(|position| Some(Seen(Position(position)))).ok_or_else(|| {
        let message = "The header `Parvandeh-Position` is not a number that an answer had in it.";
        RequestError::new(ErrorCode::BadUserInput, message)
    })
}
