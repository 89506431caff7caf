//! The vault as its callers see it, and as a crash, an old backup or a curious reader finds it.

mod envelopes;
mod erasure;
mod keys;
mod replica;
mod rotation;

use std::fs;
use std::path::{Path, PathBuf};

use parvandeh_domain::id::{CaseId, CustomerId, DataSubject};
use tempfile::TempDir;
use uuid::Uuid;

use super::key_store::{KeyStore, StoredKey};
use super::{Keyring, Opened, Sealed, Vault};

const TEXT: &str = "{\"subject\":\"گم‌شدن کارت\"}";

/// A data directory and a keyring beside it.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().expect("a directory for the test") }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn keyring(&self) -> Keyring {
        Keyring::at(self.directory.path().join("keyring"))
    }

    fn keyring_file(&self, name: &str) -> PathBuf {
        self.keyring().directory().join(name)
    }

    fn open(&self) -> Vault {
        Vault::open(&self.data(), self.keyring()).expect("the vault opens")
    }

    /// What `keys.db` says of a subject, beside a vault that is open.
    fn stored(&self, subject: DataSubject) -> Vec<StoredKey> {
        let store = KeyStore::open_read_only(&self.data()).unwrap();
        let ids = store.ids_of(&subject.to_string()).unwrap();
        ids.into_iter().map(|id| store.by_id(id).unwrap().unwrap()).collect()
    }

    /// Whether any file of the data directory holds these bytes.
    fn holds(&self, bytes: &[u8]) -> bool {
        fs::read_dir(self.data()).unwrap().any(|file| {
            let content = fs::read(file.unwrap().path()).unwrap();
            content.windows(bytes.len()).any(|window| window == bytes)
        })
    }
}

fn customer(number: u128) -> DataSubject {
    DataSubject::Customer(CustomerId(Uuid::from_u128(number)))
}

fn case(number: u128) -> DataSubject {
    DataSubject::Case(CaseId(Uuid::from_u128(number)))
}

fn seal(vault: &Vault, subject: DataSubject) -> Sealed {
    vault.seal(subject, Uuid::from_u128(7), TEXT.as_bytes()).expect("it is sealed")
}

fn text(opened: Opened) -> Option<String> {
    match opened {
        Opened::Known { plaintext, .. } => Some(String::from_utf8(plaintext.to_vec()).unwrap()),
        Opened::Erased => None,
    }
}

fn opened(vault: &Vault, sealed: &Sealed) -> Option<String> {
    text(vault.open_envelope(&sealed.envelope).expect("it can be read"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
