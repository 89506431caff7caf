//! Replicas: each with files of its own and one log of keys between them, whoever is late, cut off or dies on the way.

mod erasure;
mod interleavings;
mod rotation;

use std::fs;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::super::freshness::{Freshness, STALENESS_MAX};
use super::super::key_log::{KeyEvent, KeyLog, KeyLogError, Published, PublishedKey, Republished};
use super::super::key_provider::KeyringProvider;
use super::super::memory_key_log::MemoryKeyLog;
use super::super::{Keyring, Migrated, SealError, Tombstone, Vault, VaultError};
use super::{Place, TEXT, customer, opened, seal};

fn at() -> Timestamp {
    "2026-03-21T08:00:00Z".parse().unwrap()
}

/// The log of keys, and what goes wrong on the way to it.
#[derive(Default)]
struct Network {
    log: MemoryKeyLog,
    /// What becomes of the next call: 0 goes well, 1 is lost before it was done, 2 after, 3 in the middle, as far as it has one.
    fault: AtomicU8,
    /// Done once, after a key was published and before its publisher hears of it.
    after_publish: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Network {
    fn call<T>(
        &self,
        call: impl FnOnce(&MemoryKeyLog) -> Result<T, KeyLogError>,
    ) -> Result<T, KeyLogError> {
        let lost = || KeyLogError::Unavailable("no route".to_owned());
        match self.fault.swap(0, Ordering::SeqCst) {
            1 | 3 => Err(lost()),
            2 => call(&self.log).and_then(|_| Err(lost())),
            _ => call(&self.log),
        }
    }
}

impl KeyLog for Network {
    fn publish(&self, key: &PublishedKey) -> Result<Published, KeyLogError> {
        let published = self.call(|log| log.publish(key));
        let after = self.after_publish.lock().unwrap().take();
        after.into_iter().for_each(|after| after());
        published
    }
    fn find(&self, subject: &str) -> Result<Option<PublishedKey>, KeyLogError> {
        self.call(|log| log.find(subject))
    }
    fn republish(&self, key: &PublishedKey) -> Result<Republished, KeyLogError> {
        self.call(|log| log.republish(key))
    }
    fn publish_erasure(&self, tombstone: &Tombstone) -> Result<Tombstone, KeyLogError> {
        if self.fault.load(Ordering::SeqCst) == 3 {
            self.log.tell_of_erasure(tombstone);
        }
        self.call(|log| log.publish_erasure(tombstone))
    }
    fn erasures(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Tombstone)>, KeyLogError> {
        self.call(|log| log.erasures(after, limit))
    }
}

/// A keyring that all replicas are given, and the log of keys.
struct Cluster {
    secret: Place,
    network: Arc<Network>,
}

impl Cluster {
    fn new() -> Self {
        let secret = Place::new();
        KeyringProvider::create(&secret.keyring()).unwrap();
        Self { secret, network: Arc::default() }
    }

    fn keyring(&self) -> Keyring {
        self.secret.keyring()
    }

    fn try_open(&self, place: &Place) -> Result<Vault, VaultError> {
        Vault::open_replica(&place.data(), self.keyring(), self.network.clone())
    }

    fn open(&self, place: &Place) -> Vault {
        let vault = self.try_open(place).expect("the vault opens");
        vault.confirm_fresh(Instant::now());
        vault
    }

    /// Gives a vault all that the log of keys has; again, where it knows it.
    fn follow(&self, vault: &Vault) {
        for event in self.network.log.events_after(0) {
            learn(vault, &event).expect("it is learned");
        }
    }
}

fn learn(vault: &Vault, event: &KeyEvent) -> Result<(), VaultError> {
    match event {
        KeyEvent::Key(key) => vault.learn_keys(std::slice::from_ref(key)),
        KeyEvent::Erased(tombstone) => vault.learn_erasure(tombstone),
    }
}

fn is_refused(vault: &Vault, subject: DataSubject) -> bool {
    matches!(vault.seal(subject, Uuid::nil(), TEXT.as_bytes()), Err(SealError::Erased(_)))
}

#[test]
fn what_one_replica_seals_another_opens_and_their_own_keys_are_the_same() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (cluster.open(&here), cluster.open(&there));
    let sealed = seal(&first, customer(1));
    let unknown = second.open_envelope(&sealed.envelope).unwrap_err();
    assert!(matches!(unknown, VaultError::KeyMissing(_)), "{unknown}");
    cluster.follow(&second);
    assert_eq!(opened(&second, &sealed).as_deref(), Some(TEXT));
    assert_eq!(seal(&second, customer(1)).seal.key, sealed.seal.key);
    assert_eq!(first.blind_index("phone", "1"), second.blind_index("phone", "1"));
    assert_eq!(first.digest(&[b"1"]), second.digest(&[b"1"]));
    // Two own keys and one of a subject: nothing was published twice.
    assert_eq!(cluster.network.log.events_after(0).len(), 3);
}

#[test]
fn replicas_that_need_a_first_key_at_once_use_one_key() {
    const ROUNDS: u128 = 20;
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let vaults = [cluster.open(&here), cluster.open(&there)];
    for round in 0..ROUNDS {
        let barrier = Barrier::new(4);
        let keys: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (barrier, vault) = (&barrier, &vaults[writer % 2]);
                    scope.spawn(move || {
                        barrier.wait();
                        seal(vault, customer(round)).seal.key
                    })
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "round {round}: {keys:?}");
    }
}

#[test]
fn a_key_whose_publication_was_not_answered_is_taken_at_the_next_attempt() {
    for fault in [1, 2] {
        let (cluster, place) = (Cluster::new(), Place::new());
        let vault = cluster.open(&place);
        cluster.network.fault.store(fault, Ordering::SeqCst);
        let lost = vault.seal(customer(1), Uuid::nil(), b"{}").unwrap_err();
        let expected =
            matches!(lost, SealError::Vault(VaultError::KeyLog(KeyLogError::Unavailable(_))));
        assert!(expected, "{lost}");
        assert!(place.stored(customer(1)).is_empty());
        let sealed = seal(&vault, customer(1));
        assert_eq!(cluster.network.log.events_after(0).len(), 3, "one key was published");
        assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    }
}

#[test]
fn a_replica_writes_nothing_into_the_keyring() {
    let (cluster, place) = (Cluster::new(), Place::new());
    let listing = || {
        let files = fs::read_dir(cluster.keyring().directory()).unwrap();
        let of = |file: fs::DirEntry| (file.file_name(), fs::read(file.path()).unwrap());
        files.map(|file| of(file.unwrap())).collect::<Vec<_>>()
    };
    let before = listing();
    let vault = cluster.open(&place);
    seal(&vault, customer(1));
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    assert_eq!(listing(), before);
    assert_eq!(before.len(), 1);
}

#[test]
fn a_data_directory_is_opened_as_what_it_is() {
    let (cluster, place, alone) = (Cluster::new(), Place::new(), Place::new());
    let vault = cluster.open(&place);
    seal(&vault, customer(1));
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    let in_use = cluster.try_open(&place).unwrap_err();
    assert!(matches!(in_use, VaultError::InUse(_)), "{in_use}");
    let reader = Vault::open_read_only(&place.data(), cluster.keyring()).unwrap();
    assert_eq!(reader.tombstones(), vault.tombstones());
    drop(vault);
    let error = Vault::open(&place.data(), cluster.keyring()).unwrap_err();
    assert!(matches!(error, VaultError::ReplicaDirectory(_)), "{error}");

    drop(alone.open());
    let error = cluster.try_open(&alone).unwrap_err();
    assert!(matches!(error, VaultError::NotAReplica(_)), "{error}");

    let another = Cluster::new();
    let error = Vault::open_replica(&place.data(), cluster.keyring(), another.network.clone());
    let error = error.unwrap_err();
    assert!(matches!(error, VaultError::OtherLog(_)), "{error}");
    another.open(&Place::new());
    let error = Vault::open_replica(&place.data(), cluster.keyring(), another.network.clone());
    let error = error.unwrap_err();
    assert!(matches!(error, VaultError::OtherLog(_)), "{error}");

    fs::remove_file(place.data().join("erased.jsonl")).unwrap();
    let error = cluster.try_open(&place).unwrap_err();
    assert!(matches!(error, VaultError::NotAReplica(_)), "{error}");
}

#[test]
fn a_replica_makes_no_key_encryption_key() {
    let (cluster, place) = (Cluster::new(), Place::new());
    let error = Vault::open_replica(&place.data(), place.keyring(), cluster.network.clone());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("vault.keys") && error.contains("openssl rand"), "{error}");
    assert!(!place.keyring().directory().exists());
}

#[test]
fn a_replica_shows_and_takes_nothing_until_it_is_known_to_be_fresh() {
    let (cluster, place) = (Cluster::new(), Place::new());
    let sealed = seal(&cluster.open(&place), customer(1));
    let vault = cluster.try_open(&place).unwrap();
    let is_cut_off = |vault: &Vault| {
        let results = [
            vault.open_envelope(&sealed.envelope).map(drop),
            vault.open_sealed(&sealed.envelope, &sealed.seal).map(drop),
        ];
        let sealing = vault.seal(customer(1), Uuid::nil(), b"{}");
        results.iter().all(|result| matches!(result, Err(VaultError::CutOff)))
            && matches!(sealing, Err(SealError::Vault(VaultError::CutOff)))
            && !vault.is_fresh()
    };
    assert!(is_cut_off(&vault));
    // What was known before the vault was opened says nothing.
    vault.confirm_fresh(Instant::now().checked_sub(Duration::from_secs(1)).unwrap());
    assert!(is_cut_off(&vault));
    assert!(vault.open_to_derive(&sealed.envelope).is_ok());
    vault.confirm_fresh(Instant::now());
    assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
}

#[test]
fn freshness_ends_by_itself_and_is_never_taken_back_by_older_news() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let freshness = Freshness::new(start);
    assert!(!freshness.holds_at(start));
    freshness.confirm(start);
    assert!(freshness.holds_at(start) && freshness.holds_at(start + STALENESS_MAX));
    assert!(!freshness.holds_at(start + STALENESS_MAX + Duration::from_nanos(1)));
    freshness.confirm(after(100));
    freshness.confirm(after(90));
    assert!(freshness.holds_at(after(100) + STALENESS_MAX));
    assert!(!freshness.holds_at(after(101) + STALENESS_MAX));
}

#[test]
fn a_vault_that_stood_alone_goes_on_in_a_cluster() {
    let (cluster, alone, there) = (Cluster::new(), Place::new(), Place::new());
    let vault =
        Vault::open(&alone.data(), cluster.keyring()).expect("the cluster has the same keyring");
    let (sealed, erased) = (seal(&vault, customer(1)), seal(&vault, customer(2)));
    vault.erase(customer(2), at(), Uuid::from_u128(9)).unwrap();
    let publish = || vault.publish_all(&alone.data(), &*cluster.network, |_| {});
    cluster.network.fault.store(2, Ordering::SeqCst);
    assert!(publish().is_err());
    assert_eq!(publish().unwrap(), Migrated { keys: 3, erasures: 1 });
    assert_eq!(publish().unwrap(), Migrated { keys: 3, erasures: 1 });
    assert_eq!(cluster.network.log.events_after(0).len(), 4, "all was published once");

    let replica = cluster.open(&there);
    cluster.follow(&replica);
    assert_eq!(opened(&replica, &sealed).as_deref(), Some(TEXT));
    assert_eq!(opened(&replica, &erased), None);
    assert!(is_refused(&replica, customer(2)));
    assert_eq!(replica.digest(&[b"1"]), vault.digest(&[b"1"]));

    let another = Place::new();
    let vault = Vault::open(&another.data(), another.keyring()).unwrap();
    let error = vault.publish_all(&another.data(), &*cluster.network, |_| {}).unwrap_err();
    assert!(matches!(error, VaultError::OtherLog(_)), "{error}");
}
