//! The header `Parvandeh-Purpose`: what personal data are read for.

use actix_web::http::header::HeaderMap;

use crate::access::Purpose;
use crate::error::{ErrorCode, RequestError};

const HEADER: &str = "parvandeh-purpose";

/// The purpose that the headers state, in UTF-8.
///
/// # Errors
/// [`ErrorCode::BadUserInput`] when the header is not a purpose, or stands there twice.
pub(super) fn of_headers(headers: &HeaderMap) -> Result<Option<Purpose>, RequestError> {
    let bad = |problem: &str| {
        let message = format!("The header `Parvandeh-Purpose` {problem}.");
        RequestError::new(ErrorCode::BadUserInput, message)
    };
    let mut values = headers.get_all(HEADER);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad("is given more than once"));
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| bad("is not UTF-8"))?;
    Purpose::new(text).map(Some).map_err(|problem| bad(&problem.to_string()))
}
