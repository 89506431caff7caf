//! The messages of `graphql-transport-ws`, as JSON.

use async_graphql::ServerError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::errors::Answer;

/// A message of a client.
pub(super) enum Inbound<'a> {
    /// The texts of the payload's `authorization` and `acceptLanguage`, if it has them.
    ConnectionInit {
        token: Option<String>,
        accept_language: Option<String>,
    },
    Ping {
        payload: Option<&'a RawValue>,
    },
    Pong,
    Subscribe {
        id: String,
        payload: &'a RawValue,
    },
    Complete {
        id: String,
    },
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct InitPayload {
    #[serde(alias = "Authorization")]
    authorization: Option<String>,
    #[serde(rename = "acceptLanguage", alias = "Accept-Language")]
    accept_language: Option<String>,
}

impl<'a> Inbound<'a> {
    /// # Errors
    /// What is wrong with the message, in words for the close frame.
    pub(super) fn read(text: &'a str) -> Result<Self, String> {
        let envelope: Envelope<'a> = serde_json::from_str(text)
            .map_err(|_| "A message must be a JSON object with a `type`".to_owned())?;
        let Envelope { kind, id, payload } = envelope;
        let payload_object = |payload: Option<&'a RawValue>| match payload {
            Some(payload) if !payload.get().starts_with('{') => {
                Err(format!("The payload of `{kind}` must be an object"))
            }
            payload => Ok(payload),
        };
        let missing = |what: &str| format!("`{kind}` needs `{what}`");
        match kind.as_str() {
            "connection_init" => {
                let payload = payload_object(payload)?.map(|payload| {
                    serde_json::from_str::<InitPayload>(payload.get()).map_err(|_| {
                        "`authorization` and `acceptLanguage` must be strings, once".to_owned()
                    })
                });
                let InitPayload { authorization, accept_language } =
                    payload.transpose()?.unwrap_or_default();
                Ok(Self::ConnectionInit { token: authorization, accept_language })
            }
            "ping" => Ok(Self::Ping { payload: payload_object(payload)? }),
            "pong" => payload_object(payload).map(|_| Self::Pong),
            "subscribe" => Ok(Self::Subscribe {
                id: id.ok_or_else(|| missing("id"))?,
                payload: payload_object(payload)?.ok_or_else(|| missing("payload"))?,
            }),
            "complete" => Ok(Self::Complete { id: id.ok_or_else(|| missing("id"))? }),
            _ => Err("Unknown message type".to_owned()),
        }
    }
}

/// A message to a client.
#[derive(Serialize)]
pub(super) struct Outbound<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Payload<'a> {
    Raw(&'a RawValue),
    Answer(&'a Answer),
    Errors(&'a [ServerError]),
}
