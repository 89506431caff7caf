//! What an event looks like on the server.
//!
//! Id, type and data are the server's own fields. The rest stands in the event's custom metadata:
//! `{"version":1,"metadata":{...},"envelope":"<base64>"}`, the last only where there is one. Data and metadata are kept byte for byte.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use kurrentdb::EventData;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::connection::{Outgoing, Recorded};
use crate::store::{LoggedEvent, Position, StreamId};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CustomMetadata<'a> {
    version: u16,
    #[serde(borrow)]
    metadata: &'a RawValue,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envelope: Option<String>,
}

/// What of an event stands in its custom metadata.
pub(super) struct Decoded {
    pub(super) version: u16,
    pub(super) metadata: Bytes,
    pub(super) envelope: Option<Bytes>,
}

impl Decoded {
    /// The event as it stands in the copy.
    pub(super) fn into_logged(
        self,
        event: &Recorded,
        stream: StreamId,
        position: Position,
    ) -> LoggedEvent {
        LoggedEvent {
            position,
            stream,
            revision: event.revision,
            id: event.id,
            type_name: event.type_name.as_str().into(),
            version: self.version,
            metadata: self.metadata,
            data: event.data.clone(),
            envelope: self.envelope,
        }
    }
}

/// The event as the client takes it.
pub(super) fn encode(event: &Outgoing) -> Result<EventData, String> {
    let problem = |error: serde_json::Error| error.to_string();
    let data: &RawValue = serde_json::from_slice(&event.data).map_err(problem)?;
    let custom = CustomMetadata {
        version: event.version,
        metadata: serde_json::from_slice(&event.metadata).map_err(problem)?,
        envelope: event.envelope.as_ref().map(|envelope| STANDARD.encode(envelope)),
    };
    let custom = serde_json::to_vec(&custom).map_err(problem)?;
    let encoded = EventData::json(&event.type_name, &data).map_err(problem)?;
    Ok(encoded.id(event.id).metadata(custom.into()))
}

/// About how many bytes of the server's limit for an append the event takes.
pub(super) fn size_bytes(event: &Outgoing) -> usize {
    let envelope =
        event.envelope.as_ref().map_or(0, |envelope| envelope.len().div_ceil(3) * 4 + 14);
    event.data.len() + event.metadata.len() + envelope + 2 * event.type_name.len() + 64
}

/// What stands in the custom metadata of an event that came from the server.
pub(super) fn decode(event: &Recorded) -> Result<Decoded, String> {
    let custom: CustomMetadata<'_> =
        serde_json::from_slice(&event.custom_metadata).map_err(|error| error.to_string())?;
    let envelope = custom.envelope.map(|text| STANDARD.decode(text)).transpose();
    Ok(Decoded {
        version: custom.version,
        metadata: event.custom_metadata.slice_ref(custom.metadata.get().as_bytes()),
        envelope: envelope.map_err(|error| error.to_string())?.map(Bytes::from),
    })
}
