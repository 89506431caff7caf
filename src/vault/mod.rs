//! The vault: personal data are readable for as long as their key lives.
//!
//! An event is for ever, and a person may ask to be forgotten. So personal fields are never in an event. For every *data subject* (a
//! customer, or a case whose customer is not known) there is a random *data key*; what an event says about the subject is encrypted with
//! it into an *envelope*, which the store keeps beside the event. The event itself holds a *seal*: the envelope's hash, the key's id and a
//! *commitment* to the key. Proofs cover the seal, and so outlive what is sealed.
//!
//! Data keys are kept in `keys.db`, wrapped by a *key-encryption key* of the *keyring*, which in production is on another volume.
//! *Erasure* destroys a subject's data keys. First comes a *tombstone* in the keyring, on the disk before anything is deleted: a crash is
//! finished at the next opening, and a `keys.db` from an old backup loses the keys again.
//!
//! In a cluster every replica has a vault of its own, whose keys are a copy too: see [`key_log`] and [`Vault::open_replica`].
//!
//! The vault knows nothing of the log: whoever calls it stores envelopes and events.

mod cipher;
mod error;
mod freshness;
pub mod key_log;
mod key_provider;
mod key_store;
mod key_writer;
mod keyring;
mod memory;
pub mod memory_key_log;
mod replica;
mod rotation;
mod stand_alone;
#[cfg(test)]
mod tests;
mod tombstones;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use parvandeh_domain::id::DataSubject;
use parvandeh_domain::pii::Seal;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use cipher::{ALGORITHM, EnvelopeDamage, KeyBytes, Sealed};
pub use error::{SealError, VaultError};
pub use freshness::STALENESS_MAX;
pub use key_provider::{KeyProvider, KeyringProvider, ProviderError, WrappedKey};
pub use key_store::{KeyStore, backup};
pub use key_writer::ErasedKeys;
pub use keyring::{Keyring, KeyringError};
pub use replica::Migrated;
pub use rotation::Rotated;
pub use stand_alone::stand_alone;
pub use tombstones::Tombstone;

use cipher::{DataKey, Envelope, random_key};
use key_store::StoredKey;
use key_writer::{Change, Creation, KeyWriter, Work};
use memory::Memory;
use replica::Replica;
use tombstones::{TombstoneFile, Tombstones};

use crate::clock::{Clock, SystemClock};

/// The vault's own keys, which stand in `keys.db` like those of subjects.
const BLIND_INDEX: &str = "vault-blind-index";
const DIGEST: &str = "vault-digest";

/// What an envelope holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Opened {
    /// It can be read.
    Known {
        /// Whose data they are.
        subject: DataSubject,
        /// The plaintext, which is wiped when dropped.
        plaintext: Zeroizing<Vec<u8>>,
    },
    /// The subject was erased: nobody can open it any more.
    Erased,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Known { .. } => "Known([redacted])",
            Self::Erased => "Erased",
        })
    }
}

/// What there is, without any secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The version that new data keys are wrapped with; `None` where there is no key-encryption key yet.
    pub current_version: Option<u32>,
    /// How many data keys each version wraps, by rising version. Two of them are the vault's own.
    pub keys_by_version: Vec<(u32, u64)>,
    /// How many subjects were erased.
    pub tombstones: usize,
}

/// Seals, opens and erases personal data. Shared by all threads; calls are quick, and read or write a file only where a key is not in
/// memory.
pub struct Vault {
    store: Mutex<KeyStore>,
    /// Another one when a replica finds that its keyring has grown.
    provider: RwLock<Arc<dyn KeyProvider>>,
    memory: Arc<Memory>,
    blind_index: hmac::Key,
    digest: hmac::Key,
    keyring: Keyring,
    /// Where the tombstones are.
    record: PathBuf,
    /// Absent where the vault is open for reading alone.
    writer: Option<KeyWriter>,
    /// Present where the keys are shared with other replicas.
    replica: Option<Replica>,
}

impl Vault {
    /// Opens the vault of a data directory, and creates it where there is none. Finishes erasures that a crash has interrupted or an
    /// old backup undone. One process at a time.
    pub fn open(data_directory: &Path, keyring: Keyring) -> Result<Self, VaultError> {
        Self::open_with(data_directory, keyring, |keyring| {
            if let Some(provider) = KeyringProvider::load(keyring)? {
                return Ok(Arc::new(provider));
            }
            // Where data keys exist, a new key-encryption key would open none of them.
            if KeyStore::exists(data_directory) {
                let place = keyring.directory().join(key_provider::FILE).display().to_string();
                return Err(KeyringError::NoKeys { place });
            }
            Ok(Arc::new(KeyringProvider::create(keyring)?))
        })
    }

    /// [`Vault::open`] with key-encryption keys from elsewhere. They are asked for once the keyring is locked.
    pub fn open_with(
        data_directory: &Path,
        keyring: Keyring,
        provider: impl FnOnce(&Keyring) -> Result<Arc<dyn KeyProvider>, KeyringError>,
    ) -> Result<Self, VaultError> {
        let record = record_of_erasures(data_directory, &keyring);
        if record != keyring.directory() {
            return Err(VaultError::ReplicaDirectory(data_directory.to_owned()));
        }
        let (file, tombstones) = TombstoneFile::open(&record, !KeyStore::exists(data_directory))?;
        let provider = provider(&keyring)?;
        let store = KeyStore::open(data_directory)?;
        let memory = Arc::new(Memory::new(tombstones));
        // Before anything is changed: with another keyring, its tombstones would be another's too.
        for stored in store.one_of_each_version()? {
            unwrap(&*provider, &stored)?;
        }
        let mut work = Work { store, tombstones: file, memory: memory.clone() };
        work.finish_erasures()?;
        let blind_index = own_key(&work.store, &*provider, BLIND_INDEX)?;
        let digest = own_key(&work.store, &*provider, DIGEST)?;
        let store = Mutex::new(KeyStore::open_read_only(data_directory)?);
        let (provider, writer) = (RwLock::new(provider), Some(KeyWriter::start(work)?));
        let replica = None;
        Ok(Self { store, provider, memory, blind_index, digest, keyring, record, writer, replica })
    }

    /// Opens the vault for reading alone, beside the process that has it open. Changes nothing; sealing and erasing are refused.
    /// For short work: a key that is in memory here is not wiped by an erasure there.
    pub fn open_read_only(data_directory: &Path, keyring: Keyring) -> Result<Self, VaultError> {
        let record = record_of_erasures(data_directory, &keyring);
        let tombstones = Tombstones::read(&record)?;
        let place = || keyring.directory().join(key_provider::FILE).display().to_string();
        let provider = KeyringProvider::load(&keyring)?;
        let provider = provider.ok_or_else(|| KeyringError::NoKeys { place: place() })?;
        let store = KeyStore::open_read_only(data_directory)?;
        let find = |name| match store.newest_of(name)? {
            Some(stored) => Ok::<_, VaultError>(hmac_key(&unwrap(&provider, &stored)?)),
            None => Err(VaultError::Engine("keys.db was never set up".to_owned())),
        };
        let (blind_index, digest) = (find(BLIND_INDEX)?, find(DIGEST)?);
        let memory = Arc::new(Memory::new(tombstones));
        let provider: Arc<dyn KeyProvider> = Arc::new(provider);
        let (store, provider) = (Mutex::new(store), RwLock::new(provider));
        let (writer, replica) = (None, None);
        Ok(Self { store, provider, memory, blind_index, digest, keyring, record, writer, replica })
    }

    /// Seals an event's personal data, with a new data key where the subject has none. The key is durable when this returns. A replica
    /// asks the cluster where it has no key, so this may wait for the network, unless [`Vault::is_at_hand`].
    pub fn seal(
        &self,
        subject: DataSubject,
        event_id: Uuid,
        plaintext: &[u8],
    ) -> Result<Sealed, SealError> {
        self.check_fresh()?;
        if self.is_erased(subject) {
            return Err(SealError::Erased(subject));
        }
        let key = match self.memory.newest_key(subject) {
            Some(key) => Some(key),
            None => self.find_or_create(subject)?,
        };
        key.and_then(|key| self.still_alive(key))
            .and_then(|key| key.seal(event_id, plaintext))
            .ok_or(SealError::Erased(subject))
    }

    /// Opens an envelope. A changed envelope is [`VaultError::Damaged`]; one whose key is gone though nobody erased it, [`VaultError::KeyMissing`].
    /// A replica that was cut off for too long answers [`VaultError::CutOff`].
    pub fn open_envelope(&self, envelope: &[u8]) -> Result<Opened, VaultError> {
        self.check_fresh()?;
        self.open_to_derive(envelope)
    }

    /// [`Vault::open_envelope`] for what is derived from personal data and shows them to nobody, such as blind indexes: a replica may do that
    /// while it catches up, and what it derives of somebody who was erased goes when it learns of the erasure.
    pub fn open_to_derive(&self, envelope: &[u8]) -> Result<Opened, VaultError> {
        let envelope = Envelope::parse(envelope)?;
        let Some(key) = self.opening_key(envelope.key)? else { return Ok(Opened::Erased) };
        Ok(opened(&key, &envelope)?)
    }

    /// [`Vault::open_envelope`], with everything checked that the event's seal says: hash, key, algorithm and commitment.
    pub fn open_sealed(&self, envelope: &[u8], seal: &Seal) -> Result<Opened, VaultError> {
        self.check_fresh()?;
        Self::check_envelope(envelope, seal)?;
        let envelope = Envelope::parse(envelope)?;
        let Some(key) = self.opening_key(envelope.key)? else { return Ok(Opened::Erased) };
        key.check_commitment(seal)?;
        Ok(opened(&key, &envelope)?)
    }

    /// Whether an envelope is the one that the event records. Needs no key, so it holds after an erasure too.
    pub fn check_envelope(envelope: &[u8], seal: &Seal) -> Result<(), EnvelopeDamage> {
        cipher::check(envelope, seal)
    }

    /// Whether sealing for a subject is done in memory alone: the key is there, or there is none any more.
    pub fn is_at_hand(&self, subject: DataSubject) -> bool {
        self.memory.newest_key(subject).is_some() || self.is_erased(subject)
    }

    /// Whether the subject was erased.
    pub fn is_erased(&self, subject: DataSubject) -> bool {
        self.memory.is_erased(subject)
    }

    /// Destroys all keys of a subject. When this returns, they are in no file of the data directory and not in memory. Doing it again
    /// changes nothing, and after a failure finishes it. A replica publishes the erasure first, so that every other one does the same when
    /// it learns of it, and no later than it shows personal data again.
    pub fn erase(
        &self,
        subject: DataSubject,
        erased_at: Timestamp,
        erasure_id: Uuid,
    ) -> Result<ErasedKeys, VaultError> {
        let mut tombstone = Tombstone { subject, erased_at, erasure_id, keys: Vec::new() };
        if let Some(replica) = &self.replica {
            // Published again even where it is known here: whoever published it may have ended before the stream of keys was deleted.
            tombstone.keys = self.store().ids_of(&subject.to_string())?;
            tombstone = self.memory.tombstone(subject).unwrap_or(tombstone);
            tombstone = replica.key_log.publish_erasure(&tombstone)?;
        }
        self.writer()?.ask(|answer| Change::Erase { tombstone, answer })
    }

    /// All erasures, in their order.
    pub fn tombstones(&self) -> Vec<Tombstone> {
        self.memory.tombstones()
    }

    /// A stand-in for a personal text that can be searched for: the same text gives the same bytes for one purpose, and without the
    /// vault's key nobody can try texts out. Belongs into read models only, as it outlives no erasure.
    pub fn blind_index(&self, purpose: &str, normalised: &str) -> [u8; 16] {
        keyed_hash(&self.blind_index, &[purpose.as_bytes(), normalised.as_bytes()])
    }

    /// A digest of a client's request, 32 hexadecimal digits, that cannot be guessed back to its text without the vault's key.
    pub fn digest(&self, parts: &[&[u8]]) -> String {
        cipher::hex(&keyed_hash(&self.digest, parts))
    }

    /// The key of an envelope; `None` where it was erased.
    fn opening_key(&self, id: Uuid) -> Result<Option<Arc<DataKey>>, VaultError> {
        if let Some(key) = self.memory.key(id) {
            return Ok(self.still_alive(key));
        }
        if self.memory.is_erased_key(id) {
            return Ok(None);
        }
        let stored = self.store().by_id(id)?;
        if let Some(stored) = stored
            && let Ok(subject) = stored.subject.parse()
        {
            let key = self.unwrapped(&stored, subject)?;
            return Ok(self.still_alive(key));
        }
        if self.writer.is_none() {
            self.memory.replace_tombstones(Tombstones::read(&self.record)?);
        }
        // An erasure may have come in between.
        if self.memory.is_erased_key(id) { Ok(None) } else { Err(VaultError::KeyMissing(id)) }
    }

    /// The key that seals a subject's data; `None` where the subject was erased.
    fn find_or_create(&self, subject: DataSubject) -> Result<Option<Arc<DataKey>>, VaultError> {
        let name = subject.to_string();
        let writer = self.writer()?;
        let stored = self.store().newest_of(&name)?;
        let key = if let Some(stored) = stored {
            self.unwrapped(&stored, subject)?
        } else {
            let (key, bytes) = new_key(&*self.provider(), name)?;
            if let Some(replica) = &self.replica {
                return self.publish_or_take(replica, subject, key, &bytes);
            }
            let id = key.id;
            match writer.ask(|answer| Change::Create { subject, key, answer })? {
                Creation::Erased => return Ok(None),
                Creation::Key(created) if created == id => {
                    self.memory.keep(DataKey::new(id, subject, &bytes))
                }
                Creation::Key(other) => match self.opening_key(other)? {
                    Some(key) => key,
                    None => return Ok(None),
                },
            }
        };
        self.memory.keep_newest(subject, key.id);
        Ok(Some(key))
    }

    fn unwrapped(
        &self,
        stored: &StoredKey,
        subject: DataSubject,
    ) -> Result<Arc<DataKey>, VaultError> {
        let bytes = unwrap(&*self.provider(), stored)?;
        Ok(self.memory.keep(DataKey::new(stored.id, subject, &bytes)))
    }

    /// The key unless its subject was erased meanwhile; then what was just put into memory is taken out again.
    fn still_alive(&self, key: Arc<DataKey>) -> Option<Arc<DataKey>> {
        if !self.is_erased(key.subject) {
            return Some(key);
        }
        key.forget();
        self.memory.forget(key.subject, &[key.id]);
        None
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn provider(&self) -> Arc<dyn KeyProvider> {
        self.provider.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn writer(&self) -> Result<&KeyWriter, VaultError> {
        self.writer.as_ref().ok_or(VaultError::ReadOnly)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

/// Looks at the keys of a data directory without opening any, beside a running server.
pub fn status(data_directory: &Path, keyring: &Keyring) -> Result<Status, VaultError> {
    let keys_by_version = match KeyStore::exists(data_directory) {
        true => KeyStore::open_read_only(data_directory)?.count_by_version()?,
        false => Vec::new(),
    };
    let current_version = KeyringProvider::load(keyring)?.map(|keys| keys.current_version());
    Ok(Status {
        current_version,
        keys_by_version,
        tombstones: Tombstones::read(&record_of_erasures(data_directory, keyring))?.all().len(),
    })
}

/// Draws the first key-encryption key of a keyring that is to be shared by replicas, which only read it.
///
/// # Errors
/// [`KeyringError::Exists`] where the keyring has one already.
pub fn create_key_encryption_key(keyring: &Keyring) -> Result<(), VaultError> {
    if KeyringProvider::load(keyring)?.is_some() {
        return Err(KeyringError::Exists(keyring.directory().to_owned()).into());
    }
    KeyringProvider::create(keyring)?;
    Ok(())
}

/// Draws a further key-encryption key, which wraps new data keys from the next opening on; answers its version. `None` where the keys
/// come from the environment, which only its owner can change.
pub fn add_key_encryption_key(keyring: &Keyring) -> Result<Option<u32>, VaultError> {
    Ok(KeyringProvider::add(keyring)?)
}

/// The directory of the tombstones: the keyring, but for a replica, which has a copy of its own in its data directory.
fn record_of_erasures(data_directory: &Path, keyring: &Keyring) -> PathBuf {
    match data_directory.join(tombstones::FILE).exists() {
        true => data_directory.to_owned(),
        false => keyring.directory().to_owned(),
    }
}

fn opened(key: &DataKey, envelope: &Envelope<'_>) -> Result<Opened, EnvelopeDamage> {
    let subject = key.subject;
    Ok(key.open(envelope)?.map_or(Opened::Erased, |plaintext| Opened::Known { subject, plaintext }))
}

/// What a wrapped key is bound to.
fn context(id: Uuid, subject: &str) -> Vec<u8> {
    format!("parvandeh data key\n{id}\n{subject}").into_bytes()
}

fn unwrap(provider: &dyn KeyProvider, stored: &StoredKey) -> Result<KeyBytes, VaultError> {
    Ok(provider.unwrap(&stored.wrapped, &context(stored.id, &stored.subject))?)
}

/// One of the vault's own keys, drawn at the first opening.
fn own_key(
    store: &KeyStore,
    provider: &dyn KeyProvider,
    name: &str,
) -> Result<hmac::Key, VaultError> {
    if let Some(stored) = store.newest_of(name)? {
        return Ok(hmac_key(&unwrap(provider, &stored)?));
    }
    let (key, bytes) = new_key(provider, name.to_owned())?;
    store.insert(&key, SystemClock.now())?;
    Ok(hmac_key(&bytes))
}

/// A key that is drawn and wrapped, and stored nowhere yet.
fn new_key(
    provider: &dyn KeyProvider,
    subject: String,
) -> Result<(StoredKey, KeyBytes), VaultError> {
    let (id, bytes) = (Uuid::new_v4(), random_key());
    let wrapped = provider.wrap(&bytes, &context(id, &subject))?;
    Ok((StoredKey { id, subject, wrapped }, bytes))
}

fn hmac_key(bytes: &KeyBytes) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &**bytes)
}

/// The first half of an HMAC over parts, each after its length, so that no two lists of parts look alike.
fn keyed_hash(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 16] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&context.sign().as_ref()[..16]);
    half
}
