//! Erasure: final, whatever crashes, races or comes back from a backup.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};

use jiff::Timestamp;
use parvandeh_domain::id::DataSubject;
use uuid::Uuid;

use super::super::cipher::{DataKey, random_key};
use super::super::key_provider::WrappedKey;
use super::super::key_store::{KeyStore, StoredKey};
use super::super::key_writer::{Change, Creation, Work};
use super::super::keyring::KeyringError;
use super::super::memory::Memory;
use super::super::tombstones::TombstoneFile;
use super::super::{SealError, Tombstone, Vault, VaultError};
use super::{Place, TEXT, copy, customer, opened, seal};

fn at() -> Timestamp {
    "2026-03-21T08:00:00Z".parse().unwrap()
}

fn tombstone(subject: DataSubject, keys: &[Uuid]) -> Tombstone {
    let erasure_id = Uuid::from_u128(9);
    Tombstone { subject, erased_at: at(), erasure_id, keys: keys.to_vec() }
}

/// What the vault's thread owns, without the thread.
fn work(place: &Place) -> Work {
    let (tombstones, read) = TombstoneFile::open(place.keyring().directory(), true).unwrap();
    let store = KeyStore::open(&place.data()).unwrap();
    Work { store, tombstones, memory: Arc::new(Memory::new(read)) }
}

fn is_refused(vault: &Vault, subject: DataSubject) -> bool {
    let refused = vault.seal(subject, Uuid::nil(), TEXT.as_bytes());
    matches!(refused, Err(SealError::Erased(refused)) if refused == subject)
}

#[test]
fn an_erased_subject_is_unreadable_for_ever_and_gets_no_new_key() {
    let place = Place::new();
    let vault = place.open();
    let (sealed, other) = (seal(&vault, customer(1)), seal(&vault, customer(2)));
    let wrapped = place.stored(customer(1))[0].wrapped.bytes.clone();
    assert!(place.holds(&wrapped));

    let erased = vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();

    assert_eq!(erased.tombstone, tombstone(customer(1), &[sealed.seal.key]));
    assert_eq!(erased.deleted, 1);
    let gone = |vault: &Vault| {
        assert_eq!(opened(vault, &sealed), None);
        assert!(is_refused(vault, customer(1)));
        assert!(vault.is_erased(customer(1)));
        assert!(place.stored(customer(1)).is_empty());
        assert!(!place.holds(&wrapped), "the wrapped key is still in a file");
        assert!(!place.holds(customer(1).to_string().as_bytes()), "the name of the subject too");
        assert_eq!(Vault::check_envelope(&sealed.envelope, &sealed.seal), Ok(()));
        assert_eq!(opened(vault, &other).as_deref(), Some(TEXT));
    };
    gone(&vault);
    drop(vault);
    let vault = place.open();
    gone(&vault);
    assert_eq!(vault.tombstones(), [tombstone(customer(1), &[sealed.seal.key])]);
}

#[test]
fn erasing_again_changes_nothing_and_answers_with_the_first_erasure() {
    let place = Place::new();
    let vault = place.open();
    seal(&vault, customer(1));
    let first = vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    let file = fs::read(place.keyring_file("erased.jsonl")).unwrap();
    let later = "2027-01-01T00:00:00Z".parse().unwrap();
    let second = vault.erase(customer(1), later, Uuid::from_u128(10)).unwrap();
    assert_eq!(second.tombstone, first.tombstone);
    assert_eq!(second.deleted, 0);
    assert_eq!(fs::read(place.keyring_file("erased.jsonl")).unwrap(), file);
}

#[test]
fn a_subject_without_any_key_can_be_erased_and_then_gets_none() {
    let place = Place::new();
    let vault = place.open();
    let erased = vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    assert_eq!((erased.deleted, erased.tombstone.keys.len()), (0, 0));
    assert!(is_refused(&vault, customer(1)));
}

#[test]
fn a_tombstone_is_one_line_of_json() {
    let place = Place::new();
    let vault = place.open();
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    let line = "{\"subject\":\"customer-00000000-0000-0000-0000-000000000001\",\
                \"erased_at\":\"2026-03-21T08:00:00Z\",\
                \"erasure_id\":\"00000000-0000-0000-0000-000000000009\",\"keys\":[]}\n";
    assert_eq!(fs::read_to_string(place.keyring_file("erased.jsonl")).unwrap(), line);
}

#[test]
fn all_keys_of_a_subject_die() {
    let place = Place::new();
    let first = seal(&place.open(), customer(1));
    // As if keys.db had been restored from a time before the subject had a key, and later brought back.
    let store = KeyStore::open(&place.data()).unwrap();
    let kept = store.by_id(first.seal.key).unwrap().unwrap();
    store.delete_of(&customer(1).to_string()).unwrap();
    let second = seal(&place.open(), customer(1));
    store.insert(&kept, at()).unwrap();
    drop(store);
    let vault = place.open();
    assert_eq!(opened(&vault, &first).as_deref(), Some(TEXT));
    let erased = vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    assert_eq!(erased.deleted, 2);
    assert_eq!((opened(&vault, &first), opened(&vault, &second)), (None, None));
}

#[test]
fn a_crash_after_the_tombstone_is_finished_at_the_next_opening() {
    let place = Place::new();
    let sealed = seal(&place.open(), customer(1));
    let wrapped = place.stored(customer(1))[0].wrapped.bytes.clone();
    let (mut file, _) = TombstoneFile::open(place.keyring().directory(), true).unwrap();
    file.append(&[tombstone(customer(1), &[sealed.seal.key])]).unwrap();
    drop(file);
    assert!(place.holds(&wrapped));
    let vault = place.open();
    assert_eq!(opened(&vault, &sealed), None);
    assert!(is_refused(&vault, customer(1)));
    assert!(!place.holds(&wrapped));
}

#[test]
fn a_crash_before_the_end_of_the_tombstone_has_erased_nothing() {
    let place = Place::new();
    let vault = place.open();
    let (sealed, other) = (seal(&vault, customer(1)), seal(&vault, customer(2)));
    vault.erase(customer(2), at(), Uuid::from_u128(9)).unwrap();
    drop(vault);
    let path = place.keyring_file("erased.jsonl");
    let whole = fs::read(&path).unwrap();
    let mut line = serde_json::to_vec(&tombstone(customer(1), &[sealed.seal.key])).unwrap();
    // Every length at which the write can have been cut.
    while !line.is_empty() {
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&line).unwrap();
        drop(file);
        let vault = place.open();
        assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
        assert_eq!(opened(&vault, &other), None);
        assert_eq!(vault.tombstones().len(), 1);
        assert_eq!(fs::read(&path).unwrap(), whole);
        line.truncate(line.len().saturating_sub(20));
    }
    // The file goes on as if nothing had been there.
    place.open().erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    assert_eq!(place.open().tombstones().len(), 2);
}

#[test]
fn a_crash_after_the_deletion_leaves_nothing_in_the_files_after_the_next_opening() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    let wrapped = place.stored(customer(1))[0].wrapped.bytes.clone();
    // The connection of the reader keeps the write-ahead log from being emptied when the others close, as a kill would.
    let reader = rusqlite::Connection::open(place.data().join("keys.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM data_key").unwrap();
    drop(vault);
    let mut work = work(&place);
    let line = tombstone(customer(1), &[sealed.seal.key]);
    work.tombstones.append(&[line]).unwrap();
    work.store.delete_of(&customer(1).to_string()).unwrap();
    drop(work);
    assert!(place.holds(&wrapped), "the deletion alone leaves the key in the write-ahead log");
    reader.execute_batch("COMMIT").unwrap();
    let vault = place.open();
    assert_eq!(opened(&vault, &sealed), None);
    assert!(!place.holds(&wrapped));
}

#[test]
fn keys_that_an_old_backup_brings_back_are_deleted_at_opening() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    let other = seal(&vault, customer(2));
    drop(vault);
    let backup = place.directory.path().join("backup");
    copy(&place.data(), &backup);
    let vault = place.open();
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    drop(vault);
    fs::remove_dir_all(place.data()).unwrap();
    copy(&backup, &place.data());
    assert_eq!(place.stored(customer(1)).len(), 1);

    let vault = place.open();

    assert_eq!(opened(&vault, &sealed), None);
    assert!(is_refused(&vault, customer(1)));
    assert!(place.stored(customer(1)).is_empty());
    assert_eq!(opened(&vault, &other).as_deref(), Some(TEXT));
    assert_eq!(vault.tombstones(), [tombstone(customer(1), &[sealed.seal.key])]);
}

#[test]
fn a_damaged_record_of_erasures_is_refused_with_its_line() {
    let place = Place::new();
    let vault = place.open();
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    vault.erase(customer(2), at(), Uuid::from_u128(9)).unwrap();
    drop(vault);
    let path = place.keyring_file("erased.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("subject", "sabject", 1)).unwrap();
    let error = Vault::open(&place.data(), place.keyring()).unwrap_err();
    let expected = matches!(error, VaultError::Keyring(KeyringError::Tombstone { line: 1, .. }));
    assert!(expected, "{error}");
}

#[test]
fn without_a_durable_tombstone_no_key_is_deleted() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    drop(vault);
    let mut work = work(&place);
    work.tombstones.fail();
    let error = work.erase(tombstone(customer(1), &[])).unwrap_err();
    assert!(matches!(error, VaultError::Stopped), "{error}");
    assert!(!work.memory.is_erased(customer(1)));
    drop(work);
    assert_eq!(opened(&place.open(), &sealed).as_deref(), Some(TEXT));
}

#[test]
fn a_new_key_that_is_queued_behind_an_erasure_is_refused_and_one_before_it_dies() {
    let place = Place::new();
    let work = work(&place);
    let memory = work.memory.clone();
    let (queue, changes) = sync_channel(8);
    let create = || {
        let wrapped = WrappedKey { version: 1, bytes: vec![0; 60] };
        let subject = customer(1);
        let key = StoredKey { id: Uuid::new_v4(), subject: subject.to_string(), wrapped };
        let (answer, answered) = sync_channel(1);
        (Change::Create { subject, key, answer }, answered)
    };
    let ((before, created), (after, refused)) = (create(), create());
    let (answer, erased) = sync_channel(1);
    let erase = Change::Erase { tombstone: tombstone(customer(1), &[]), answer };
    for change in [before, erase, after] {
        queue.send(change).unwrap();
    }
    drop(queue);
    work.run(&changes);
    let Creation::Key(key) = created.recv().unwrap().unwrap() else { panic!("it was not erased") };
    assert_eq!(erased.recv().unwrap().unwrap().tombstone.keys, [key]);
    assert_eq!(refused.recv().unwrap().unwrap(), Creation::Erased);
    assert!(place.stored(customer(1)).is_empty());
    assert!(memory.is_erased_key(key));
}

#[test]
fn a_key_that_was_on_its_way_into_memory_during_an_erasure_is_taken_out_and_wiped() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    let held = vault.memory.key(sealed.seal.key).unwrap();
    vault.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    assert!(held.seal(Uuid::nil(), b"{}").is_none(), "who holds it holds nothing");
    // Somebody read the row before it was deleted, and puts the key into memory only now.
    vault.memory.keep(DataKey::new(sealed.seal.key, customer(1), &random_key()));
    assert_eq!(opened(&vault, &sealed), None);
    assert!(vault.memory.key(sealed.seal.key).is_none());
}

#[test]
fn sealing_against_erasing_never_brings_a_key_back() {
    const WRITERS: usize = 3;
    const ROUNDS: u128 = 40;
    let place = Place::new();
    let vault = place.open();
    for round in 0..ROUNDS {
        let subject = customer(round);
        // Odd rounds race for the creation of the key as well.
        if round % 2 == 0 {
            seal(&vault, subject);
        }
        let (barrier, erased) = (Barrier::new(WRITERS + 1), AtomicBool::new(false));
        let envelopes: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        let mut envelopes = Vec::new();
                        loop {
                            let after = erased.load(Ordering::SeqCst);
                            match vault.seal(subject, Uuid::nil(), TEXT.as_bytes()) {
                                Ok(sealed) => {
                                    assert!(!after, "sealed after the erasure had returned");
                                    envelopes.push(sealed);
                                }
                                Err(SealError::Erased(_)) => break envelopes,
                                Err(error) => panic!("{error}"),
                            }
                        }
                    })
                })
                .collect();
            barrier.wait();
            vault.erase(subject, at(), Uuid::from_u128(round)).unwrap();
            erased.store(true, Ordering::SeqCst);
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        assert!(place.stored(subject).is_empty(), "round {round}: a key came back");
        for sealed in &envelopes {
            assert_eq!(opened(&vault, sealed), None, "round {round}: an envelope still opens");
        }
    }
}
