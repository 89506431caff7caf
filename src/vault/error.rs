//! Why the vault could not do what it was asked for.

use std::io;
use std::path::PathBuf;

use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::cipher::EnvelopeDamage;
use super::key_provider::ProviderError;
use super::keyring::KeyringError;

/// Why the vault cannot be opened or used. No message holds a key or personal data.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// An event says something personal and nobody said of whom: a defect of the program.
    #[error("{0} has personal fields, and whom they are about is not known")]
    NoSubject(&'static str),
    /// Another process has the keyring open.
    #[error("{} is in use by another process: stop it first", .0.display())]
    InUse(PathBuf),
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A data key cannot be wrapped or unwrapped.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// `keys.db` cannot be created, read or written as a file.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is another program's.
    #[error("{} is not a key store of this program; name another data directory", .0.display())]
    NotAKeyStore(PathBuf),
    /// A later release has written the file.
    #[error(
        "{} has schema version {found}, this release knows {supported}: use the release that wrote it",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version known here.
        supported: i64,
    },
    /// SQLite fails.
    #[error("the key store cannot be used: {0}")]
    Engine(String),
    /// An envelope is not what was sealed.
    #[error(transparent)]
    Damaged(#[from] EnvelopeDamage),
    /// A data key is not there, and no erasure says why.
    #[error(
        "data key {0} is not in keys.db, and was not erased: restore keys.db from a later backup"
    )]
    KeyMissing(Uuid),
    /// The vault was opened for reading alone.
    #[error("the vault is open for reading alone")]
    ReadOnly,
    /// An earlier failure leaves the end of a file unknown, or the vault is being closed.
    #[error("the vault takes no changes after an earlier failure; restart to go on")]
    Stopped,
}

/// Why personal data could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The subject was erased: nothing personal about them is stored again.
    #[error("{0} was erased; nothing personal about them can be stored")]
    Erased(DataSubject),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}
