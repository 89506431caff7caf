//! Content negotiation.
//!
//! An answer goes out as `application/graphql-response+json`, as plain `application/json` for older clients,
//! or as `text/event-stream`. A caller that accepts both JSON and events gets JSON for queries and mutations
//! and events for subscriptions. Wildcards and a missing `Accept` mean `application/json`; events must be
//! asked for by name.

use actix_web::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

/// A JSON media type of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/json`: refusals of a well-formed request have status 200.
    Json,
    /// `application/graphql-response+json`: the status tells what happened.
    GraphqlResponse,
}

impl MediaType {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            MediaType::Json => "application/json; charset=utf-8",
            MediaType::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }
}

/// What the caller accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepts {
    /// The JSON media type to use, if any.
    pub json: Option<MediaType>,
    /// Whether an event stream is accepted.
    pub events: bool,
}

impl Accepts {
    /// Reads `Accept`.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut ranges = Vec::new();
        for value in headers.get_all(ACCEPT) {
            // A header that is not text accepts nothing that we know.
            ranges
                .extend(value.to_str().unwrap_or("unreadable").split(',').filter_map(Range::read));
        }
        if ranges.is_empty() {
            return Self { json: Some(MediaType::Json), events: false };
        }
        let json = quality(&ranges, "application", "json");
        let graphql = quality(&ranges, "application", "graphql-response+json");
        let events = quality(&ranges, "text", "event-stream");
        let json = match (json.filter(Weight::accepts), graphql.filter(Weight::accepts)) {
            (None, None) => None,
            (Some(_), None) => Some(MediaType::Json),
            (None, Some(_)) => Some(MediaType::GraphqlResponse),
            // Named beats matched by wildcard; the type that says more wins between equals, but only
            // when it was named.
            (Some(json), Some(graphql)) => {
                let graphql =
                    graphql.named && (graphql.thousandths, true) >= (json.thousandths, json.named);
                Some(if graphql { MediaType::GraphqlResponse } else { MediaType::Json })
            }
        };
        Self { json, events: events.is_some_and(|weight| weight.named && weight.accepts()) }
    }

    /// The media type for an answer that has to be JSON whatever was asked for.
    pub fn json_or_default(self) -> MediaType {
        self.json.unwrap_or(MediaType::Json)
    }
}

/// One member of `Accept`.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    thousandths: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let quality = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("q"))
            .and_then(|(_, value)| value.trim().parse::<f32>().ok())
            .unwrap_or(1.0);
        let thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as u16;
        Some(Self { kind: kind.trim(), subtype: subtype.trim(), thousandths })
    }
}

#[derive(Clone, Copy)]
struct Weight {
    thousandths: u16,
    named: bool,
}

impl Weight {
    fn accepts(&self) -> bool {
        self.thousandths > 0
    }
}

/// The weight of the most specific range that covers the type.
fn quality(ranges: &[Range<'_>], kind: &str, subtype: &str) -> Option<Weight> {
    let specificity = |range: &Range<'_>| match (range.kind, range.subtype) {
        ("*", "*") => Some(0),
        (k, "*") if k.eq_ignore_ascii_case(kind) => Some(1),
        (k, s) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => Some(2),
        _ => None,
    };
    ranges
        .iter()
        .filter_map(|range| Some((specificity(range)?, range.thousandths)))
        .max()
        .map(|(specificity, thousandths)| Weight { thousandths, named: specificity == 2 })
}

/// Whether the body is declared as JSON in UTF-8, uncompressed. Every other kind of body is refused: a page
/// of another origin can send only kinds that need no preflight, and JSON is not among them.
pub fn has_json_body(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE);
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf_8 = parts.filter_map(|parameter| parameter.split_once('=')).all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    let plain = headers
        .get_all(CONTENT_ENCODING)
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    json && utf_8 && plain
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_best_accepted_media_type_is_chosen() {
        use MediaType::{GraphqlResponse, Json};
        let cases = [
            ("", Some(Json), false),
            ("*/*", Some(Json), false),
            ("application/*", Some(Json), false),
            ("application/json", Some(Json), false),
            ("APPLICATION/JSON", Some(Json), false),
            ("application/graphql-response+json", Some(GraphqlResponse), false),
            ("application/json, application/graphql-response+json", Some(GraphqlResponse), false),
            ("application/graphql-response+json, */*", Some(GraphqlResponse), false),
            ("application/graphql-response+json;q=0.5, application/json", Some(Json), false),
            ("application/json;q=0, */*", Some(GraphqlResponse), false),
            ("text/event-stream", None, true),
            ("text/event-stream;q=0", None, false),
            ("text/*", None, false),
            ("application/json, text/event-stream", Some(Json), true),
            ("image/png", None, false),
            ("application/json;q=0", None, false),
        ];
        for (accept, json, events) in cases {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Accepts::from_headers(&headers), Accepts { json, events }, "{accept}");
        }
    }

    #[test]
    fn only_plain_json_in_utf_8_is_taken_as_a_body() {
        let cases = [
            ("application/json", true),
            ("application/json; charset=utf-8", true),
            ("application/JSON;charset=\"UTF-8\"", true),
            ("application/json; charset=latin-1", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
            ("application/jsonp", false),
        ];
        for (content_type, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(has_json_body(&headers), expected, "{content_type}");
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            assert!(!has_json_body(&headers));
        }
        assert!(!has_json_body(&HeaderMap::new()));
    }
}
