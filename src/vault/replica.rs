//! The vault of a replica: its keys are a copy of the log of keys, as its events are a copy of the log.
//!
//! What is read is read here; what changes is published first. Four rules make it hold, whoever crashes or comes late:
//!
//! - A key is in the log of keys before anything is sealed with it, and its stream has one beginning. So two replicas never seal for one
//!   subject with different keys, and no key is lost with a machine.
//! - An erasure is in the log before anything is deleted, with all keys that were ever published for its subject, and the stream of these
//!   keys never begins again. So whoever has not heard of it can make no new key, and whoever hears of it knows what died.
//! - Keys and erasures may be learned in any order, and again: a tombstone wins over a key that comes after it, and a later wrapping over
//!   an earlier one.
//! - Opening reads all tombstones of the log before anything else. So a replica that was down during an erasure, or whose data directory
//!   is new or from a backup, never has the erased key when it begins to serve. What the log does not know of it is told again: so a
//!   cluster that is restored from an old backup learns from any replica's `erased.jsonl` whom to forget.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use aws_lc_rs::hmac;
use parvandeh_domain::id::DataSubject;

use super::cipher::{DataKey, KeyBytes};
use super::freshness::Freshness;
use super::key_log::{KeyLog, KeyLogError, Published, PublishedKey, Republished};
use super::key_provider::{KeyProvider, KeyringProvider, ProviderError, place};
use super::key_store::{KeyStore, StoredKey};
use super::key_writer::{Change, Creation, KeyWriter, Work};
use super::keyring::{Keyring, KeyringError};
use super::memory::Memory;
use super::tombstones::{self, Tombstone, TombstoneFile};
use super::{BLIND_INDEX, DIGEST, Vault, VaultError, hmac_key, new_key, unwrap};

/// Tombstones that are read from the log at once.
const ERASURES_PAGE_SIZE: usize = 1_000;
/// Keys that are published from one read of `keys.db`.
const KEYS_PAGE_SIZE: usize = 256;

/// What a vault has beside its files where it is one of several.
pub(super) struct Replica {
    pub(super) key_log: Arc<dyn KeyLog>,
    freshness: Freshness,
    /// Versions of the key-encryption key that were seen to open a data key.
    proven: Mutex<BTreeSet<u32>>,
}

/// What was published of a vault that stood alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// Data keys that the log of keys has now. Two of them are the vault's own.
    pub keys: u64,
    /// Erasures that it has now.
    pub erasures: u64,
}

impl Vault {
    /// Opens the vault of a replica, whose data directory may be empty: it is filled from the log of keys. One process at a time.
    ///
    /// Asks the log of keys for all erasures and for the vault's own keys, and makes these where the cluster has none. The keyring is
    /// only read: neither its directory nor a file in it is written or locked, so it may be mounted read-only. It must have a
    /// key-encryption key, the same on all replicas.
    ///
    /// Whoever opens it follows the log and hands over what it says, before it hands the events after it to anybody:
    /// [`Vault::learn_keys`], [`Vault::learn_erasure`]. Until [`Vault::confirm_fresh`] was called, nothing is sealed or opened.
    pub fn open_replica(
        data_directory: &Path,
        keyring: Keyring,
        key_log: Arc<dyn KeyLog>,
    ) -> Result<Self, VaultError> {
        let provider: Arc<dyn KeyProvider> = match KeyringProvider::load(&keyring)? {
            Some(provider) => Arc::new(provider),
            None => return Err(KeyringError::NoKeysForReplica { place: place(&keyring) }.into()),
        };
        let is_new = !KeyStore::exists(data_directory);
        if !is_new && !data_directory.join(tombstones::FILE).exists() {
            return Err(VaultError::NotAReplica(data_directory.to_owned()));
        }
        let (file, known) = TombstoneFile::open(data_directory, is_new)?;
        let store = KeyStore::open(data_directory)?;
        let memory = Arc::new(Memory::new(known));
        let mut work = Work { store, tombstones: file, memory: memory.clone() };
        work.finish_erasures()?;
        let told = learn_all_erasures(&mut work, &*key_log)?;
        let mut own = |name| shared_own_key(&mut work, &*provider, &*key_log, data_directory, name);
        let (blind_index, digest) = (own(BLIND_INDEX)?, own(DIGEST)?);
        // A cluster that was restored from an old backup has forgotten them.
        for tombstone in memory.tombstones().iter().filter(|known| !told.contains(&known.subject)) {
            tracing::warn!(subject = %tombstone.subject, "the log of keys knows nothing of an erasure; it is published again");
            key_log.publish_erasure(tombstone)?;
        }
        let store = Mutex::new(KeyStore::open_read_only(data_directory)?);
        let (freshness, proven) = (Freshness::new(Instant::now()), Mutex::default());
        Ok(Self {
            store,
            provider: RwLock::new(provider),
            memory,
            blind_index,
            digest,
            keyring,
            record: data_directory.to_owned(),
            writer: Some(KeyWriter::start(work)?),
            replica: Some(Replica { key_log, freshness, proven }),
        })
    }

    /// Takes keys as the log of keys has them: new ones, and known ones that were wrapped anew. They are durable when this returns; again,
    /// or in another order, it changes nothing more. Many at once cost one fsync.
    ///
    /// # Errors
    /// [`VaultError::LaterVersion`] where a key is wrapped with a version of the key-encryption key that the keyring does not have, not
    /// even when it is read again; after it was given to this replica, the same call succeeds. A version that is *earlier* than the
    /// current one may be missing: it was rotated away, and the later wrapping follows in the log.
    pub fn learn_keys(&self, keys: &[PublishedKey]) -> Result<(), VaultError> {
        let replica = self.replica()?;
        let keys: Vec<_> = keys.iter().cloned().map(PublishedKey::into_stored).collect();
        for key in &keys {
            self.prove(replica, key)?;
        }
        self.writer()?.ask(|answer| Change::Learn { keys, answer })?;
        Ok(())
    }

    /// Takes an erasure as the log of keys has it. When this returns, the subject's keys are in no file of the data directory and not in
    /// memory, and will not be again. What else is kept of the subject, [`crate::command::erasure::Eraser::forget`] removes.
    pub fn learn_erasure(&self, tombstone: &Tombstone) -> Result<(), VaultError> {
        self.replica()?;
        let tombstone = tombstone.clone();
        self.writer()?.ask(|answer| Change::Erase { tombstone, answer })?;
        Ok(())
    }

    /// Says that this replica had all that the log had at this moment, as far as keys and erasures go. For
    /// [`super::STALENESS_MAX`] from then on personal data are sealed and opened; after that, [`VaultError::CutOff`].
    ///
    /// The composition root calls it whenever it has proof, some times a minute: when a mark that this replica wrote to the log (its
    /// heartbeat) comes back through the same subscription, with the moment at which it was *sent*; and never because time has passed.
    pub fn confirm_fresh(&self, as_of: Instant) {
        if let Some(replica) = &self.replica {
            replica.freshness.confirm(as_of);
        }
    }

    /// Whether personal data can be sealed and opened here now. Always so for a vault that stands alone.
    pub fn is_fresh(&self) -> bool {
        self.replica.as_ref().is_none_or(|replica| replica.freshness.holds_at(Instant::now()))
    }

    pub(super) fn check_fresh(&self) -> Result<(), VaultError> {
        if self.is_fresh() { Ok(()) } else { Err(VaultError::CutOff) }
    }

    /// Publishes all keys and erasures of this vault, which stands alone, so that replicas can be opened over the log of keys. Again, it
    /// goes on where it was; `progress` hears of every page.
    ///
    /// # Errors
    /// [`VaultError::OtherLog`] where the log has the keys of another vault.
    pub fn publish_all(
        &self,
        data_directory: &Path,
        key_log: &dyn KeyLog,
        mut progress: impl FnMut(Migrated),
    ) -> Result<Migrated, VaultError> {
        let mut migrated = Migrated::default();
        for name in [BLIND_INDEX, DIGEST] {
            let own = self.store().newest_of(name)?;
            let published = key_log.find(name)?;
            if published.is_some_and(|key| own.is_none_or(|own| own.id != key.id)) {
                return Err(VaultError::OtherLog(data_directory.to_owned()));
            }
        }
        for tombstone in self.tombstones() {
            key_log.publish_erasure(&tombstone)?;
            migrated.erasures += 1;
        }
        let mut after = 0;
        loop {
            let page = self.store().page(after, KEYS_PAGE_SIZE)?;
            let Some((last, _)) = page.last() else { return Ok(migrated) };
            after = *last;
            for (_, key) in &page {
                // A subject that the cluster has erased stays erased.
                if key_log.republish(&PublishedKey::of(key))? == Republished::Done {
                    migrated.keys += 1;
                }
            }
            progress(migrated);
        }
    }

    /// Publishes a subject's first key, or takes the one that the cluster has; `None` where the subject was erased.
    pub(super) fn publish_or_take(
        &self,
        replica: &Replica,
        subject: DataSubject,
        key: StoredKey,
        bytes: &KeyBytes,
    ) -> Result<Option<Arc<DataKey>>, VaultError> {
        let (stored, drawn) = match replica.key_log.publish(&PublishedKey::of(&key))? {
            Published::Published => (key, Some(bytes)),
            Published::Existing(existing) => (existing.into_stored(), None),
            Published::Erased => return Ok(None),
        };
        let data_key = match drawn {
            Some(bytes) => DataKey::new(stored.id, subject, bytes),
            None => {
                self.prove(replica, &stored)?;
                let bytes = unwrap(&*self.provider(), &stored)?;
                DataKey::new(stored.id, subject, &bytes)
            }
        };
        // An erasure may have been learned of in between; then the key is dead, and is listed as such.
        let keys = vec![stored];
        let learned = self.writer()?.ask(|answer| Change::Learn { keys, answer })?;
        if learned.contains(&Creation::Erased) {
            return Ok(None);
        }
        let data_key = self.memory.keep(data_key);
        self.memory.keep_newest(subject, data_key.id);
        Ok(Some(data_key))
    }

    /// Makes sure that the keyring fits: the first key of each version is unwrapped once, and a version that is not there is looked for.
    fn prove(&self, replica: &Replica, key: &StoredKey) -> Result<(), VaultError> {
        let version = key.wrapped.version;
        let proven = || replica.proven.lock().unwrap_or_else(PoisonError::into_inner);
        if proven().contains(&version) {
            return Ok(());
        }
        if version > self.provider().current_version() {
            self.reload_provider(version)?;
        }
        match unwrap(&*self.provider(), key) {
            Ok(_) => {
                proven().insert(version);
                Ok(())
            }
            Err(VaultError::Provider(ProviderError::UnknownVersion { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Reads the keyring again, which was given a new line while this replica ran, as orchestrators do with what they mount.
    fn reload_provider(&self, version: u32) -> Result<(), VaultError> {
        let loaded = KeyringProvider::load(&self.keyring)?;
        let Some(later) = loaded.filter(|later| later.current_version() >= version) else {
            return Err(VaultError::LaterVersion { version, place: place(&self.keyring) });
        };
        tracing::info!(
            version = later.current_version(),
            "the keyring has a new key-encryption key"
        );
        *self.provider.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(later);
        Ok(())
    }

    fn replica(&self) -> Result<&Replica, VaultError> {
        self.replica.as_ref().ok_or(VaultError::StandsAlone)
    }
}

/// Applies all erasures that the log of keys tells of; answers whose they are.
fn learn_all_erasures(
    work: &mut Work,
    key_log: &dyn KeyLog,
) -> Result<HashSet<DataSubject>, VaultError> {
    let (mut after, mut told) = (None, HashSet::new());
    loop {
        let page = key_log.erasures(after, ERASURES_PAGE_SIZE)?;
        let Some((last, _)) = page.last() else { return Ok(told) };
        after = Some(*last);
        told.extend(page.iter().map(|(_, tombstone)| tombstone.subject));
        work.erase_all(page.into_iter().map(|(_, tombstone)| tombstone).collect())?;
    }
}

/// One of the vault's own keys: the cluster's, which the first replica makes.
fn shared_own_key(
    work: &mut Work,
    provider: &dyn KeyProvider,
    key_log: &dyn KeyLog,
    data_directory: &Path,
    name: &str,
) -> Result<hmac::Key, VaultError> {
    let known = work.store.newest_of(name)?;
    let other_log = || VaultError::OtherLog(data_directory.to_owned());
    let shared = match key_log.find(name)? {
        Some(shared) => shared.into_stored(),
        // The cluster would not forget a key that it once had.
        None if known.is_some() => return Err(other_log()),
        None => {
            let (key, _) = new_key(provider, name.to_owned())?;
            match key_log.publish(&PublishedKey::of(&key))? {
                Published::Published => key,
                Published::Existing(existing) => existing.into_stored(),
                Published::Erased => {
                    let problem = format!("the stream of {name} was deleted");
                    return Err(KeyLogError::Denied(problem).into());
                }
            }
        }
    };
    if known.is_some_and(|known| known.id != shared.id) {
        return Err(other_log());
    }
    let bytes = unwrap(provider, &shared)?;
    work.learn(&[shared])?;
    Ok(hmac_key(&bytes))
}
