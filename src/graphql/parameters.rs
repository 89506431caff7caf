//! The parameters of one GraphQL request, as every transport carries them.
//!
//! A request is an object with `query`, and optionally `operationName`, `variables` and `extensions`; over
//! GET the same four are query parameters and the last two are JSON text. What does not have that form is
//! refused with a message that names the parameter.

use async_graphql::Variables;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::access::Purpose;
use crate::error::{ErrorCode, RequestError};

/// One GraphQL request, not yet parsed.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    /// The text of the document.
    pub query: String,
    /// Which of the document's operations is meant.
    pub operation_name: Option<String>,
    /// The values of the operation's variables.
    pub variables: Variables,
    /// What personal data are read for, where the caller says so.
    pub purpose: Option<Purpose>,
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    query: Option<&'a RawValue>,
    #[serde(borrow, rename = "operationName")]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow)]
    variables: Option<&'a RawValue>,
    #[serde(borrow)]
    extensions: Option<&'a RawValue>,
}

impl Parameters {
    /// Reads the body of a POST request or the payload of a WebSocket `subscribe` message.
    ///
    /// # Errors
    /// [`ErrorCode::BadUserInput`] when the text is not UTF-8, not JSON, a batch, or of another form.
    pub fn from_json(body: &[u8]) -> Result<Self, RequestError> {
        let text = std::str::from_utf8(body).map_err(|_| bad("The body is not valid UTF-8."))?;
        let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
        match text.as_bytes().first() {
            None => return Err(bad("The body is empty; send a JSON object with `query`.")),
            Some(b'[') => {
                return Err(bad("Batches are not accepted; send one request at a time."));
            }
            Some(_) => {}
        }
        let body: Body<'_> = serde_json::from_str(text).map_err(|error| {
            bad(format!("The body is not a JSON object of parameters: {error}."))
        })?;
        let query = body.query.ok_or_else(missing_query)?;
        let query = serde_json::from_str(query.get())
            .map_err(|_| bad("The parameter `query` must be a string."))?;
        let operation_name = body.operation_name.map(|name| serde_json::from_str(name.get()));
        let operation_name = operation_name
            .transpose()
            .map_err(|_| bad("The parameter `operationName` must be a string."))?;
        let purpose = read_purpose(body.extensions)?;
        let variables = read_variables(body.variables)?;
        Ok(Self { query, operation_name, variables, purpose })
    }

    /// Reads the query string of a GET request. Parameters of other names are ignored.
    ///
    /// # Errors
    /// [`ErrorCode::BadUserInput`] when a parameter is given twice, is not UTF-8, or has another form.
    pub fn from_query_string(query_string: &str) -> Result<Self, RequestError> {
        const NAMES: [&str; 4] = ["query", "operationName", "variables", "extensions"];
        let mut values: [Option<String>; 4] = Default::default();
        for pair in query_string.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(name)
                .ok_or_else(|| bad("A parameter's name is not percent-encoded UTF-8."))?;
            let Some(index) = NAMES.iter().position(|known| *known == name) else { continue };
            let value = percent_decode(value).ok_or_else(|| {
                bad(format!("The parameter `{name}` is not percent-encoded UTF-8."))
            })?;
            if values[index].replace(value).is_some() {
                return Err(bad(format!("The parameter `{name}` is given more than once.")));
            }
        }
        let [query, operation_name, variables, extensions] = values;
        let query = query.ok_or_else(missing_query)?;
        let extensions = raw("extensions", extensions.as_deref())?;
        let purpose = read_purpose(extensions.as_deref())?;
        let variables = raw("variables", variables.as_deref())?;
        let variables = read_variables(variables.as_deref())?;
        Ok(Self { query, operation_name, variables, purpose })
    }
}

/// JSON text of a query parameter; an empty one and `null` count as absent.
fn raw(name: &str, text: Option<&str>) -> Result<Option<Box<RawValue>>, RequestError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    serde_json::from_str(text)
        .map_err(|_| bad(format!("The parameter `{name}` must be a JSON object.")))
}

fn object(name: &str, value: Option<&RawValue>) -> Result<(), RequestError> {
    match value {
        Some(value) if !value.get().starts_with('{') => {
            Err(bad(format!("The parameter `{name}` must be a JSON object.")))
        }
        _ => Ok(()),
    }
}

fn read_variables(value: Option<&RawValue>) -> Result<Variables, RequestError> {
    object("variables", value)?;
    let Some(value) = value else { return Ok(Variables::default()) };
    serde_json::from_str(value.get())
        .map_err(|error| bad(format!("The parameter `variables` cannot be read: {error}.")))
}

/// `extensions.purpose`; other extensions are ignored.
fn read_purpose(extensions: Option<&RawValue>) -> Result<Option<Purpose>, RequestError> {
    #[derive(Deserialize)]
    struct Extensions<'a> {
        #[serde(borrow, default)]
        purpose: Option<&'a RawValue>,
    }
    object("extensions", extensions)?;
    let Some(extensions) = extensions else { return Ok(None) };
    let Extensions { purpose } = serde_json::from_str(extensions.get())
        .map_err(|error| bad(format!("The parameter `extensions` cannot be read: {error}.")))?;
    let Some(purpose) = purpose.filter(|purpose| purpose.get() != "null") else { return Ok(None) };
    let text: String = serde_json::from_str(purpose.get())
        .map_err(|_| bad("The parameter `extensions.purpose` must be a string."))?;
    let purpose = Purpose::new(&text)
        .map_err(|problem| bad(format!("The parameter `extensions.purpose` {problem}.")))?;
    Ok(Some(purpose))
}

fn percent_decode(text: &str) -> Option<String> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn missing_query() -> RequestError {
    bad("The parameter `query` is missing.")
}

fn bad(message: impl Into<String>) -> RequestError {
    RequestError::new(ErrorCode::BadUserInput, message)
}
