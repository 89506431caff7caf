//! The private key of checkpoints, in the keyring.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::note::{KeyKind, NoteError, SignerKey};

/// The environment variable that may hold the key in place of the file.
pub const KEY_VARIABLE: &str = "PARVANDEH_CHECKPOINT_KEY";
const KEY_FILE: &str = "checkpoint.key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key of checkpoints {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
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

/// The key for checkpoints of this origin: the variable's text where there is one, else the file of the keyring directory. Where there is
/// none, a new one is drawn, if it may be.
pub fn signer(
    keyring: &Path,
    variable: Option<&str>,
    origin: &str,
    may_create: bool,
) -> Result<SignerKey, KeyError> {
    let path = keyring.join(KEY_FILE);
    let failed = |source| KeyError::File { path: path.clone(), source };
    let (source, text) = match variable {
        Some(text) => (KEY_VARIABLE.to_owned(), text.to_owned()),
        None => match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound && may_create => {
                create(keyring, &path)?;
                (path.display().to_string(), fs::read_to_string(&path).map_err(failed)?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(KeyError::Missing(path));
            }
            text => (path.display().to_string(), text.map_err(failed)?),
        },
    };
    let seed = BASE64.decode(text.trim()).ok().and_then(|seed| <[u8; 32]>::try_from(seed).ok());
    let seed = seed.ok_or(KeyError::Malformed(source))?;
    Ok(SignerKey::from_seed(origin, KeyKind::Ed25519, &seed)?)
}

/// Draws a key. The file gets its name when it is whole and durable: a crash leaves a key or none.
fn create(keyring: &Path, path: &Path) -> Result<(), KeyError> {
    let mut seed = [0; 32];
    rand::fill(&mut seed).map_err(|_| KeyError::Random)?;
    let new = keyring.join(format!("{KEY_FILE}.new"));
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(keyring)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        writeln!(file, "{}", BASE64.encode(seed))?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(keyring)?.sync_all()
    };
    write().map_err(|source| KeyError::File { path: path.to_owned(), source })
}
