//! The keyring: a directory of few, small and precious files, which in production stands on another volume than the data.
//!
//! It holds secrets (`vault.keys`, key-encryption keys) and the tombstones of erased data subjects (`erased.jsonl`, see
//! [`super::tombstones`]). Both have to outlive a restore of the data directory: keys that came back with an old backup would undo an
//! erasure.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::key_provider::{FILE, VARIABLE};

/// A secret file is larger than any that is in order.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// The group may read, as orchestrators mount secrets for it; everything else is its owner's.
const MODE_REFUSED: u32 = 0o037;

/// Why the keyring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file or the directory cannot be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner can read a secret.
    #[error(
        "{} holds a secret and is open to others (mode {mode:03o}): run `chmod 600 {}`, and if others may have read it, \
         run `parvandeh keys rotate`",
        path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A secret is too long or not text.
    #[error("{} is not a file of keys: it is longer than {SECRET_BYTES_MAX} bytes or not text", .0.display())]
    Form(PathBuf),
    /// A line of the key-encryption keys cannot be read.
    #[error(
        "{place}, line {line}: it {problem}; a line is `<version> <base64 of 32 bytes>`, with rising versions"
    )]
    Line {
        /// The file or variable.
        place: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// There is a key already, which a new one must not take the place of.
    #[error("{} has keys already; to draw a further one run `parvandeh keys rotate`", .0.display())]
    Exists(PathBuf),
    /// There is no key-encryption key.
    #[error("{place} has no key-encryption key: restore the keyring from a backup")]
    NoKeys {
        /// Where one should be.
        place: String,
    },
    /// There is no key-encryption key for a replica, which only reads its keyring.
    #[error(
        "{place} has no key-encryption key, and a replica makes none: give every replica of the cluster the same line \
         `1 <output of openssl rand -base64 32>`, or the lines that it had before"
    )]
    NoKeysForReplica {
        /// Where one should be.
        place: String,
    },
    /// There are data keys, and no record of erasures beside them, not even an empty one.
    #[error(
        "{} is missing, and without it an old backup could bring back what was erased: restore the keyring from a backup \
         (is its volume mounted?); if nobody was ever erased, create an empty file",
        .0.display()
    )]
    NoTombstones(PathBuf),
    /// A line of the tombstones cannot be read.
    #[error("{}, line {line} is not a tombstone: restore the file from a backup, so that nothing that was erased comes back", path.display())]
    Tombstone {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
}

/// Where the keyring is, and what the environment says in place of its files. Making one touches no file.
#[derive(Clone)]
pub struct Keyring {
    directory: PathBuf,
    vault_keys: Option<Zeroizing<String>>,
}

impl Keyring {
    /// The keyring in a directory, whatever the environment says.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), vault_keys: None }
    }

    /// The keyring in a directory; key-encryption keys come from `PARVANDEH_VAULT_KEYS` where that is set.
    pub fn from_environment(directory: impl Into<PathBuf>) -> Self {
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
        Self { directory: directory.into(), vault_keys: text.map(Zeroizing::new) }
    }

    /// With the text of `vault.keys` given, in place of the file.
    pub fn with_vault_keys(self, text: String) -> Self {
        Self { vault_keys: Some(Zeroizing::new(text)), ..self }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// When the file of key-encryption keys was written last: a rotation writes it. `None` where it is not there, or the keys come from the
    /// environment.
    pub fn keys_written_at(&self) -> Option<SystemTime> {
        if self.vault_keys.is_some() {
            return None;
        }
        fs::metadata(self.directory.join(FILE)).and_then(|file| file.modified()).ok()
    }

    /// The text of `vault.keys` where it does not come from the file.
    pub(super) fn vault_keys(&self) -> Option<&str> {
        self.vault_keys.as_ref().map(|text| text.as_str())
    }

    /// Reads a secret; `None` where there is no such file. One that others can read is refused.
    pub fn read_secret(&self, name: &str) -> Result<Option<Zeroizing<String>>, KeyringError> {
        let path = self.directory.join(name);
        let failed = |source| KeyringError::File { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().map_err(failed)?;
        let mode = metadata.mode() & 0o777;
        if mode & MODE_REFUSED != 0 {
            return Err(KeyringError::Exposed { path, mode });
        }
        if metadata.len() > SECRET_BYTES_MAX {
            return Err(KeyringError::Form(path));
        }
        // Room for all of it at once: a growing buffer would leave copies behind.
        let length = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        let mut text = Zeroizing::new(String::with_capacity(length + 1));
        match file.take(SECRET_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(KeyringError::Form(path))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a secret for its owner alone: all of it or nothing, durable when this returns.
    pub fn write_secret(&self, name: &str, text: &str) -> Result<(), KeyringError> {
        create_directory(&self.directory)?;
        let (path, unfinished) =
            (self.directory.join(name), self.directory.join(format!("{name}.unfinished")));
        let write = || {
            // What a crash has left may have other permissions.
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        write().map_err(|source| KeyringError::File { path: path.clone(), source })
    }
}

/// Creates a directory where it is missing, for its owner alone.
pub(super) fn create_directory(directory: &Path) -> Result<(), KeyringError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| KeyringError::File { path: directory.to_owned(), source })
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("directory", &self.directory).finish_non_exhaustive()
    }
}
