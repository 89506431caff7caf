//! Key-encryption keys: what data keys are wrapped with, so that `keys.db` alone opens nothing.
//!
//! A provider has numbered versions of one key-encryption key. New data keys are wrapped under the current version; what an earlier
//! version wrapped stays readable until it is wrapped anew. The one implementation here, [`KeyringProvider`], holds the keys in memory;
//! a key-management service fits the same trait, as it wraps and unwraps at a distance and never gives its key away.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::LessSafeKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::cipher::{self, KeyBytes};
use super::keyring::{Keyring, KeyringError};

/// The file of key-encryption keys in the keyring.
pub(super) const FILE: &str = "vault.keys";
/// The environment variable that holds the same text instead.
pub(super) const VARIABLE: &str = "PARVANDEH_VAULT_KEYS";

/// A data key as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The version of the key-encryption key that wrapped it.
    pub version: u32,
    /// Opaque bytes, whose form is the provider's own.
    pub bytes: Vec<u8>,
}

/// Wraps and unwraps data keys. Calls may block: on a network, where the key is kept elsewhere.
pub trait KeyProvider: Send + Sync + 'static {
    /// The version that [`KeyProvider::wrap`] uses.
    fn current_version(&self) -> u32;
    /// Wraps a key. `context` is public; the same must be given to unwrap it.
    fn wrap(&self, key: &KeyBytes, context: &[u8]) -> Result<WrappedKey, ProviderError>;
    /// Unwraps what [`KeyProvider::wrap`] gave.
    fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<KeyBytes, ProviderError>;
}

/// Why a data key could not be wrapped or unwrapped. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The version is not there.
    #[error(
        "version {version} of the key-encryption key is not in {place}, and data keys are still wrapped with it: \
         put its line back from a backup of the keyring; nothing was changed"
    )]
    UnknownVersion {
        /// What is missing.
        version: u32,
        /// Where it was looked for.
        place: String,
    },
    /// The version is there, and is another key; or the wrapped key is damaged.
    #[error(
        "version {version} of the key-encryption key in {place} does not open a data key that was wrapped with it: \
         either it is another key (is this the keyring of this data directory?) or keys.db is damaged; \
         restore the one that is wrong from a backup; nothing was changed"
    )]
    WrongKey {
        /// Which one.
        version: u32,
        /// Where it stands.
        place: String,
    },
    /// The provider cannot be reached.
    #[error("the key provider cannot be reached: {0}; the call can be tried again")]
    Unavailable(String),
}

/// Key-encryption keys from the keyring's file or from the environment.
pub struct KeyringProvider {
    /// Never empty; the last is current.
    keys: BTreeMap<u32, LessSafeKey>,
    /// Where the keys stand, for messages.
    place: String,
}

impl KeyringProvider {
    /// Reads the keys; `None` where neither the file nor the environment has any.
    pub(super) fn load(keyring: &Keyring) -> Result<Option<Self>, KeyringError> {
        let text = match keyring.vault_keys() {
            Some(text) => Some(Zeroizing::new(text.to_owned())),
            None => keyring.read_secret(FILE)?,
        };
        text.map(|text| Self::parse(&text, place(keyring))).transpose()
    }

    /// Draws the first key and writes the file.
    pub(super) fn create(keyring: &Keyring) -> Result<Self, KeyringError> {
        let text = line(1, &cipher::random_key());
        keyring.write_secret(FILE, &text)?;
        Self::parse(&text, place(keyring))
    }

    /// Draws a further key, which is the current one from then on, and writes the file; answers its version. `None` where the
    /// keys come from the environment, which only its owner can change.
    pub(super) fn add(keyring: &Keyring) -> Result<Option<u32>, KeyringError> {
        if keyring.vault_keys().is_some() {
            return Ok(None);
        }
        let missing = || KeyringError::NoKeys { place: place(keyring) };
        let mut text = keyring.read_secret(FILE)?.ok_or_else(missing)?;
        let known = Self::parse(&text, place(keyring))?;
        let version = known.current_version().checked_add(1).ok_or_else(missing)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line(version, &cipher::random_key()));
        keyring.write_secret(FILE, &text)?;
        Ok(Some(version))
    }

    /// Lines `<version> <base64 of 32 bytes>` with rising versions. A message never repeats what a line holds.
    fn parse(text: &str, place: String) -> Result<Self, KeyringError> {
        let mut keys = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong =
                |problem| KeyringError::Line { place: place.clone(), line: index + 1, problem };
            let (version, key) = line
                .trim()
                .split_once(' ')
                .ok_or_else(|| wrong("has no space after the version"))?;
            let version: u32 =
                version.parse().map_err(|_| wrong("does not begin with a version"))?;
            if keys.last_key_value().is_some_and(|(&last, _)| last >= version) {
                return Err(wrong("has a version that is not above the one before"));
            }
            let key = STANDARD.decode(key.trim()).map(Zeroizing::new).ok();
            let key = key.and_then(|key| <[u8; 32]>::try_from(&key[..]).map(Zeroizing::new).ok());
            let key = key.ok_or_else(|| wrong("has no base64 text of 32 bytes"))?;
            keys.insert(version, cipher::aead(&key));
        }
        if keys.is_empty() {
            return Err(KeyringError::NoKeys { place });
        }
        Ok(Self { keys, place })
    }
}

impl KeyProvider for KeyringProvider {
    fn current_version(&self) -> u32 {
        *self.keys.last_key_value().expect("a provider has a key").0
    }

    fn wrap(&self, key: &KeyBytes, context: &[u8]) -> Result<WrappedKey, ProviderError> {
        let (&version, wrapping) = self.keys.last_key_value().expect("a provider has a key");
        let bytes = cipher::seal(wrapping, cipher::random(), context, &[], &**key);
        Ok(WrappedKey { version, bytes })
    }

    fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<KeyBytes, ProviderError> {
        let (version, place) = (wrapped.version, || self.place.clone());
        let unknown = || ProviderError::UnknownVersion { version, place: place() };
        let wrapping = self.keys.get(&version).ok_or_else(unknown)?;
        let key = cipher::open(wrapping, context, &wrapped.bytes);
        key.and_then(|key| <[u8; 32]>::try_from(&key[..]).map(Zeroizing::new).ok())
            .ok_or_else(|| ProviderError::WrongKey { version, place: place() })
    }
}

impl fmt::Debug for KeyringProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> = self.keys.keys().collect();
        f.debug_struct("KeyringProvider")
            .field("versions", &versions)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedKey").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Where the keys of a keyring stand, for messages.
pub(super) fn place(keyring: &Keyring) -> String {
    match keyring.vault_keys() {
        Some(_) => VARIABLE.to_owned(),
        None => keyring.directory().join(FILE).display().to_string(),
    }
}

fn line(version: u32, key: &KeyBytes) -> Zeroizing<String> {
    // Encoded into a buffer of its full size, so that no half-filled copy is left in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str(&version.to_string());
    text.push(' ');
    STANDARD.encode_string(**key, &mut text);
    text.push('\n');
    text
}
