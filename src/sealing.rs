//! Sealing events on their way into the log, and opening them on their way out.
//!
//! What is personal in an event stands in its envelope (see [`parvandeh_domain::pii`]); the vault has the keys. Between the two,
//! everything that is stored or derived holds events with sealed fields. They are opened where somebody who may read them is
//! answered, and where a decision looks at them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::event::EventType;
use parvandeh_domain::id::{DataSubject, EventId};
use parvandeh_domain::pii::{self, Seal};
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::store::{LoggedEvent, NewEvent};
use crate::vault::{Opened, SealError, Vault, VaultError};

/// The personal fields of an event, as the JSON object that was sealed. It is wiped when dropped, and read as far as it is asked.
#[derive(Clone)]
pub struct PersonalFields(Zeroizing<Vec<u8>>);

impl PersonalFields {
    /// The text of a field; `None` when the event has no such field.
    pub fn text(&self, field: &str) -> Option<String> {
        // What was sealed was JSON; the cipher has made sure that it still is.
        let json = str::from_utf8(&self.0).ok()?;
        let mut reader = serde_json::Deserializer::from_str(json);
        TextOf(field).deserialize(&mut reader).ok()?
    }

    /// All fields by their names.
    pub fn all(&self) -> Map<String, Value> {
        serde_json::from_slice(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for PersonalFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A field's name, borrowed where it is written without escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Takes the text of one field out of a JSON object, and passes over the others without keeping them.
struct TextOf<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for TextOf<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TextOf<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut text = None;
        while let Some(Name(name)) = fields.next_key()? {
            if name == self.0 {
                text = fields.next_value()?;
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        Ok(text)
    }
}

/// An event that was decided and is not sealed yet.
pub struct Draft {
    /// Its id.
    pub id: EventId,
    /// The type that it is stored under.
    pub event_type: EventType,
    /// What is recorded beside it.
    pub meta: Metadata,
    /// Its own fields, as JSON.
    pub json: Vec<u8>,
    /// Whom its personal fields are about; needed where it has any.
    pub subject: Option<DataSubject>,
}

impl Draft {
    /// The event as it goes into the log. Waits for a disk when the subject has no key yet, or one that was not used of late.
    ///
    /// # Errors
    /// When the subject's data were erased, or the key cannot be had.
    pub fn seal(self, vault: &Vault) -> Result<NewEvent, SealError> {
        let Self { id, event_type, mut meta, json, subject } = self;
        let parted =
            pii::part(event_type.name, &json).expect("an event's fields are a JSON object");
        let (data, envelope) = match parted {
            Some(parted) => {
                let subject = subject.ok_or(VaultError::NoSubject(event_type.name))?;
                let sealed = vault.seal(subject, id.0, parted.personal.as_bytes())?;
                meta.personal = Some(sealed.seal);
                (parted.public.into_bytes(), Some(sealed.envelope))
            }
            None => (json, None),
        };
        let metadata =
            serde_json::to_vec(&meta).expect("metadata has string keys and plain values");
        let (name, version) = (event_type.name, event_type.version);
        let (metadata, data) = (Bytes::from(metadata), Bytes::from(data));
        Ok(NewEvent { id: id.0, type_name: name, version, metadata, data, envelope })
    }
}

/// The personal fields in an envelope; `None` when they were erased.
///
/// # Errors
/// When the key cannot be had or the envelope is damaged.
pub fn open(
    vault: &Vault,
    envelope: &[u8],
) -> Result<Option<(DataSubject, PersonalFields)>, VaultError> {
    Ok(fields(vault.open_envelope(envelope)?))
}

/// [`open`] for what is derived and shows nobody what it opens; a replica that is still catching up may do it too.
///
/// # Errors
/// When the key cannot be had or the envelope is damaged.
pub fn open_to_derive(
    vault: &Vault,
    envelope: &[u8],
) -> Result<Option<PersonalFields>, VaultError> {
    Ok(fields(vault.open_to_derive(envelope)?).map(|(_, fields)| fields))
}

/// [`open`], with everything checked that the event's seal says.
///
/// # Errors
/// As [`open`], and when the envelope is not the one that the event records.
pub fn open_sealed(
    vault: &Vault,
    envelope: &[u8],
    seal: &Seal,
) -> Result<Option<(DataSubject, PersonalFields)>, VaultError> {
    Ok(fields(vault.open_sealed(envelope, seal)?))
}

fn fields(opened: Opened) -> Option<(DataSubject, PersonalFields)> {
    match opened {
        Opened::Known { subject, plaintext } => Some((subject, PersonalFields(plaintext))),
        Opened::Erased => None,
    }
}

/// An event's own fields as JSON, the personal ones put back as far as they can still be read.
///
/// # Errors
/// When the key cannot be had or the envelope is damaged.
pub fn opened_data(vault: &Vault, logged: &LoggedEvent) -> Result<Bytes, VaultError> {
    let meta = serde_json::from_slice::<Metadata>(&logged.metadata).ok();
    let seal = meta.and_then(|meta| meta.personal);
    let Some((envelope, seal)) = logged.envelope.as_ref().zip(seal) else {
        return Ok(logged.data.clone());
    };
    Ok(match vault.open_sealed(envelope, &seal)? {
        Opened::Known { plaintext, .. } => {
            pii::join(&logged.data, &plaintext).map_or_else(|_| logged.data.clone(), Bytes::from)
        }
        Opened::Erased => logged.data.clone(),
    })
}
