//! The log of keys: where the replicas of a cluster agree on data keys and on erasures.
//!
//! In a cluster `keys.db` is a copy, as the events are. A wrapped data key is published before it seals anything, so that it cannot be
//! lost with one machine, and an erasure is published before it is carried out, so that no replica misses it. Published keys open nothing
//! without a key-encryption key, which is never here.
//!
//! | Stream | Event | Data |
//! |---|---|---|
//! | `vault-key-<subject>`, one for each subject | [`DATA_KEY`] | [`PublishedKey`] |
//! | `vault-erased`, one for all | [`DATA_KEYS_ERASED`] | [`Tombstone`] |
//!
//! The stream of a subject's keys begins once (so there is one winner when two replicas make a key), grows when a key is wrapped anew, and
//! is deleted for good by an erasure. A stream that was deleted for good never begins again: a subject that was erased gets no key, even
//! from a replica that has not heard of it yet. The tombstones' stream only ever grows.
//!
//! Every replica follows these streams together with the events, in the order of the log, and gives what it finds to
//! [`super::Vault::learn_keys`] and [`super::Vault::learn_erasure`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::key_provider::WrappedKey;
use super::key_store::StoredKey;
use super::tombstones::Tombstone;

/// The type of the event that a published key is.
pub const DATA_KEY: &str = "DataKey";
/// The type of the event that tells of an erasure.
pub const DATA_KEYS_ERASED: &str = "DataKeysErased";
/// The version of both shapes.
pub const SHAPE_VERSION: u32 = 1;
/// The stream of all erasures.
pub const ERASURES_STREAM: &str = "vault-erased";
/// What the names of streams of keys begin with.
const KEY_STREAM: &str = "vault-key-";

/// Names of subjects are shorter: a category and a UUID.
const SUBJECT_BYTES_MAX: usize = 100;
/// A data key of 32 bytes, wrapped by whatever provider.
const WRAPPED_BYTES_MAX: usize = 8 * 1_024;

/// The stream of a subject's keys. `subject` is as [`PublishedKey::subject`].
pub fn key_stream(subject: &str) -> String {
    format!("{KEY_STREAM}{subject}")
}

/// A wrapped data key as it stands in the log.
///
/// ```json
/// {"id":"0198…","subject":"customer-0198…","provider_version":1,"wrapped":"<base64>"}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedKey {
    /// The key's id, which envelopes name. Wrapped anew, a key keeps it.
    pub id: Uuid,
    /// Whose key: a data subject (`customer-<id>`, `case-<id>`), or one of the vault's own uses (`vault-blind-index`, `vault-digest`).
    pub subject: String,
    /// The version of the key-encryption key that wrapped it.
    pub provider_version: u32,
    /// The wrapped key, whose form is the provider's own.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub wrapped: Vec<u8>,
}

impl PublishedKey {
    pub(super) fn of(stored: &StoredKey) -> Self {
        let StoredKey { id, subject, wrapped } = stored.clone();
        Self { id, subject, provider_version: wrapped.version, wrapped: wrapped.bytes }
    }

    pub(super) fn into_stored(self) -> StoredKey {
        let wrapped = WrappedKey { version: self.provider_version, bytes: self.wrapped };
        StoredKey { id: self.id, subject: self.subject, wrapped }
    }

    /// Whether this is the other key, wrapped under the same or a later version: then the other tells nothing new.
    pub fn supersedes(&self, other: &Self) -> bool {
        self.id == other.id && self.provider_version >= other.provider_version
    }
}

/// What an event of the log of keys says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyEvent {
    /// There is this key, or it is wrapped like this from now on.
    Key(PublishedKey),
    /// A subject was erased.
    Erased(Tombstone),
}

impl KeyEvent {
    /// Reads an event of the streams of keys by its type, version and data.
    ///
    /// # Errors
    /// When it is none, or of a later release.
    pub fn read(event_type: &str, version: u32, data: &[u8]) -> Result<Self, KeyLogError> {
        let unknown =
            |problem: String| KeyLogError::Unknown { event_type: event_type.into(), problem };
        if version != SHAPE_VERSION {
            return Err(unknown(format!("its version is {version}")));
        }
        let read = match event_type {
            DATA_KEY => serde_json::from_slice(data).map(Self::Key),
            DATA_KEYS_ERASED => serde_json::from_slice(data).map(Self::Erased),
            _ => return Err(unknown("its type is not known".to_owned())),
        };
        let event = read.map_err(|error| unknown(error.to_string()))?;
        if let Self::Key(key) = &event
            && (key.subject.len() > SUBJECT_BYTES_MAX || key.wrapped.len() > WRAPPED_BYTES_MAX)
        {
            return Err(unknown("it is too large for a key".to_owned()));
        }
        Ok(event)
    }

    /// The type that the event is stored under.
    pub fn event_type(&self) -> &'static str {
        match self {
            Self::Key(_) => DATA_KEY,
            Self::Erased(_) => DATA_KEYS_ERASED,
        }
    }

    /// The event's data as JSON. Its version is [`SHAPE_VERSION`].
    pub fn data(&self) -> Vec<u8> {
        let json = match self {
            Self::Key(key) => serde_json::to_vec(key),
            Self::Erased(tombstone) => serde_json::to_vec(tombstone),
        };
        json.expect("keys and tombstones are plain JSON")
    }
}

/// What became of a key that was to be the first of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is the subject's key, now or since an earlier call with the same key.
    Published,
    /// The subject has this key already: the last of its stream.
    Existing(PublishedKey),
    /// The subject was erased; its stream of keys is gone for good.
    Erased,
}

/// What became of a key that was wrapped anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Republished {
    /// The log has this wrapping, or had this key under the same or a later version already.
    Done,
    /// The subject was erased.
    Erased,
}

/// Why the log of keys did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyLogError {
    /// It cannot be reached or was too slow. Whether anything was written is unknown; the same call again is safe.
    #[error("the log of keys cannot be reached: {0}; the call can be tried again")]
    Unavailable(String),
    /// It refuses, and will refuse again.
    #[error("the log of keys refuses: {0}")]
    Denied(String),
    /// An event cannot be understood.
    #[error(
        "an event `{event_type}` of the log of keys cannot be understood: {problem}; a later release may have written it"
    )]
    Unknown {
        /// Its type.
        event_type: String,
        /// What is wrong.
        problem: String,
    },
}

/// What a shared vault publishes to and asks.
///
/// Calls block until the cluster has answered, within a bound of the implementation's own; the vault makes them on threads that may
/// wait, never on those of an async runtime. They do not wait until a follower of the log has seen anything, because the follower waits
/// for the vault. Every call may be repeated with the same arguments, and is, after [`KeyLogError::Unavailable`].
pub trait KeyLog: Send + Sync + 'static {
    /// Publishes the first key of a subject: appended to [`key_stream`] where there is no such stream, durable when this returns. One
    /// replica wins; the others are told the winner's key. A key with the id of the existing one was published by an earlier call.
    fn publish(&self, key: &PublishedKey) -> Result<Published, KeyLogError>;

    /// The last key in a subject's stream; `None` where there is none or it was erased.
    fn find(&self, subject: &str) -> Result<Option<PublishedKey>, KeyLogError>;

    /// Appends a wrapping to a subject's stream, at the revision that was read, unless the stream has the key with this id under the
    /// same or a later version: so a slow rotation does not come after a later one. Begins the stream where there is none.
    fn republish(&self, key: &PublishedKey) -> Result<Republished, KeyLogError>;

    /// Publishes an erasure, in an order that leaves nothing open: read the subject's stream of keys; append the tombstone, with the ids
    /// of all keys in that stream added to its own, to [`ERASURES_STREAM`], durably; then delete the stream for good, expecting the
    /// revision that was read (no stream, where there was none), and begin again where somebody was quicker. So whatever key was ever
    /// published is in a tombstone before its stream is gone. Where the stream is gone already, nothing is written.
    ///
    /// Answers the tombstone with all ids that are known of.
    fn publish_erasure(&self, tombstone: &Tombstone) -> Result<Tombstone, KeyLogError>;

    /// Tombstones in the order of their stream, at most `limit`, those after revision `after`; each with its revision. Empty at the end.
    fn erasures(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Tombstone)>, KeyLogError>;
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}
