//! The leaf of an event: the text whose hash stands in the tree.
//!
//! It says where the event stands, what it is called, who wrote it when, and the hashes of what is stored: never what it says, so that a
//! leaf can be shown to anybody who may know that the event exists, and outlives the erasure of what it says. The order of the keys is
//! fixed here and there is no white space, so that one event has one leaf. What the metadata does not hold in its usual form stands as
//! `null`; the hash of the metadata is over all of it in any case.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::merkle::{self, Hash};
use crate::store::LoggedEvent;

/// Most bytes of a leaf: its length is published in two bytes.
pub const LEAF_BYTES_MAX: usize = 65_535;
/// Texts of the metadata that are longer stand as `null`: all of them together fit into a leaf.
const TEXT_BYTES_MAX: usize = 4_096;
const PERSONAL_BYTES_MAX: usize = 16_384;

/// What a leaf repeats of an event's metadata, verbatim.
#[derive(Default, Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    recorded_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    actor: Option<&'a RawValue>,
    #[serde(borrow, default)]
    causation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    personal: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct SaidActor<'a> {
    #[serde(borrow, default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// Writes the leaves of one log.
pub struct Leaves {
    store: Uuid,
    text: Vec<u8>,
}

impl Leaves {
    /// For the log with this id.
    pub fn of(store: Uuid) -> Self {
        Self { store, text: Vec::with_capacity(1_024) }
    }

    /// The hash of an event's leaf.
    pub fn hash(&mut self, event: &LoggedEvent) -> Hash {
        merkle::leaf_hash(self.text(event))
    }

    /// An event's leaf. It is longer than [`LEAF_BYTES_MAX`] only for an event that no append could have written.
    pub fn text(&mut self, event: &LoggedEvent) -> &[u8] {
        self.text.clear();
        write(self.store, event, &mut self.text).expect("a vector takes all bytes");
        &self.text
    }
}

fn write(store: Uuid, event: &LoggedEvent, mut out: &mut Vec<u8>) -> std::io::Result<()> {
    let said: Said<'_> = serde_json::from_slice(&event.metadata).unwrap_or_default();
    let actor: SaidActor<'_> =
        said.actor.and_then(|actor| serde_json::from_str(actor.get()).ok()).unwrap_or_default();
    write!(out, "{{\"leaf\":1,\"store\":\"{store}\",\"position\":{},\"stream\":", event.position)?;
    serde_json::to_writer(&mut out, event.stream.as_str())?;
    write!(out, ",\"revision\":{},\"id\":\"{}\",\"type\":", event.revision, event.id)?;
    serde_json::to_writer(&mut out, &*event.type_name)?;
    write!(out, ",\"version\":{},\"recorded_at\":", event.version)?;
    text(out, said.recorded_at);
    out.extend_from_slice(b",\"actor\":{\"kind\":");
    text(out, actor.kind);
    out.extend_from_slice(b",\"id\":");
    text(out, actor.id);
    out.extend_from_slice(b"},\"causation_id\":");
    text(out, said.causation_id);
    out.extend_from_slice(b",\"correlation_id\":");
    text(out, said.correlation_id);
    out.extend_from_slice(b",\"metadata_sha256\":\"");
    hexadecimal(out, &Sha256::digest(&event.metadata).into());
    out.extend_from_slice(b"\",\"data_sha256\":\"");
    hexadecimal(out, &Sha256::digest(&event.data).into());
    out.push(b'"');
    if let Some(personal) = said.personal.filter(|it| it.get().len() <= PERSONAL_BYTES_MAX) {
        out.extend_from_slice(b",\"personal\":");
        out.extend_from_slice(personal.get().as_bytes());
    }
    out.push(b'}');
    Ok(())
}

/// A JSON string as it stands in the metadata.
fn text(out: &mut Vec<u8>, said: Option<&RawValue>) {
    let usual =
        said.map(RawValue::get).filter(|raw| raw.starts_with('"') && raw.len() <= TEXT_BYTES_MAX);
    out.extend_from_slice(usual.unwrap_or("null").as_bytes());
}

/// The hash in lower-case hexadecimal digits.
pub fn hexadecimal(out: &mut Vec<u8>, hash: &Hash) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in hash {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

#[cfg(test)]
mod tests;
