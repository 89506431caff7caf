//! The private key of checkpoints, in the keyring.

use std::path::PathBuf;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use super::note::{KeyKind, NoteError, SignerKey};
use crate::vault::{Keyring, KeyringError};

/// The environment variable that may hold the key in place of the file.
pub const KEY_VARIABLE: &str = "PARVANDEH_CHECKPOINT_KEY";
const KEY_FILE: &str = "checkpoint.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written, or must not be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What should be the key is none.
    #[error("{0} must be the base64 of 32 bytes")]
    Malformed(String),
    /// The key cannot sign.
    #[error(transparent)]
    Unusable(#[from] NoteError),
    /// There is none, and a new one must not be made.
    #[error(
        "{} is missing, and this log has checkpoints that were signed before: bring the key back from its backup", .0.display()
    )]
    Missing(PathBuf),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
}

/// The key for checkpoints of this origin: the variable's text where there is one, else the file of the keyring. Where there is none, a new
/// one is drawn, if it may be.
pub fn signer(
    keyring: &Keyring,
    variable: Option<&str>,
    origin: &str,
    may_create: bool,
) -> Result<SignerKey, KeyError> {
    let path = keyring.directory().join(KEY_FILE);
    let (source, text) = match variable {
        Some(text) => (KEY_VARIABLE.to_owned(), Zeroizing::new(text.to_owned())),
        None => match keyring.read_secret(KEY_FILE)? {
            Some(text) => (path.display().to_string(), text),
            None if may_create => (path.display().to_string(), create(keyring)?),
            None => return Err(KeyError::Missing(path)),
        },
    };
    let mut seed = Zeroizing::new([0; 32]);
    match BASE64.decode_slice(text.trim(), &mut *seed) {
        Ok(32) => Ok(SignerKey::from_seed(origin, KeyKind::Ed25519, &seed)?),
        _ => Err(KeyError::Malformed(source)),
    }
}

/// Draws the key of a keyring that is to be shared by replicas, which only read it. One that is there stays.
pub fn create_key(keyring: &Keyring) -> Result<(), KeyError> {
    if keyring.read_secret(KEY_FILE)?.is_none() {
        create(keyring)?;
    }
    Ok(())
}

/// Draws a key and writes it durably; answers its text.
fn create(keyring: &Keyring) -> Result<Zeroizing<String>, KeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::fill(&mut *seed).map_err(|_| KeyError::Random)?;
    let text = Zeroizing::new(format!("{}\n", BASE64.encode(seed.as_slice())));
    keyring.write_secret(KEY_FILE, &text)?;
    Ok(text)
}
