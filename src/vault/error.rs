//! Why the vault could not do what it was asked for.

use std::io;
use std::path::PathBuf;

use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::cipher::EnvelopeDamage;
use super::key_log::KeyLogError;
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
    /// The log of keys does not answer, or says what cannot be.
    #[error(transparent)]
    KeyLog(#[from] KeyLogError),
    /// The data directory is a replica's, and was opened as one that stands alone.
    #[error(
        "{} is the data directory of a replica: start it with the cluster's store, or, to go on without the cluster, \
         move its erased.jsonl into the keyring",
        .0.display()
    )]
    ReplicaDirectory(PathBuf),
    /// A replica's data directory has keys and no record of erasures.
    #[error(
        "{} has keys and no erased.jsonl beside them, so it is no whole copy of a cluster's log: \
         name an empty data directory, which is filled from the cluster",
        .0.display()
    )]
    NotAReplica(PathBuf),
    /// The keys of the data directory are not those of the cluster.
    #[error(
        "the keys in {} are not those of the cluster's log: name an empty data directory, which is filled from the cluster",
        .0.display()
    )]
    OtherLog(PathBuf),
    /// Other replicas wrap data keys with a version that this one does not have.
    #[error(
        "data keys of the cluster are wrapped with version {version} of the key-encryption key, which is not in {place}: \
         give this replica the keyring that the others have"
    )]
    LaterVersion {
        /// What is missing.
        version: u32,
        /// Where it was looked for.
        place: String,
    },
    /// The replica does not know whether somebody was erased meanwhile.
    #[error(
        "this replica has been cut off from the cluster for too long to know who was erased, and opens no personal data until it \
         follows the log again; other replicas may"
    )]
    CutOff,
    /// The vault was opened as one that stands alone, and was told of what happens in a cluster: a defect of the program.
    #[error("the vault stands alone and follows no log of keys")]
    StandsAlone,
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
