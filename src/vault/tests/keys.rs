//! Keys: made once, durable, useless without the keyring, and never made anew by mistake.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use rusqlite::Connection;
use uuid::Uuid;

use super::super::key_provider::{KeyProvider, KeyringProvider, ProviderError, WrappedKey};
use super::super::key_store::{self, KeyStore, StoredKey};
use super::super::key_writer::{Change, Creation, Work};
use super::super::keyring::{Keyring, KeyringError};
use super::super::memory::Memory;
use super::super::tombstones::TombstoneFile;
use super::super::{Vault, VaultError, cipher, context};
use super::{Place, TEXT, case, copy, customer, opened, seal};

#[test]
fn a_subject_keeps_its_key_when_the_vault_is_opened_again() {
    let place = Place::new();
    let first = seal(&place.open(), case(1));
    let vault = place.open();
    let second = seal(&vault, case(1));
    assert_eq!(first.seal.key, second.seal.key);
    assert_eq!(opened(&vault, &first).as_deref(), Some(TEXT));
    assert_ne!(seal(&vault, customer(1)).seal.key, first.seal.key);
}

#[test]
fn the_files_of_the_vault_are_their_owners_alone() {
    let place = Place::new();
    let vault = place.open();
    seal(&vault, customer(1));
    let keys = ["keys.db", "keys.db-wal"].map(|name| place.data().join(name));
    let keyring = ["vault.keys", "erased.jsonl"].map(|name| place.keyring_file(name));
    for path in keys.iter().chain(&keyring) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn new_keys_that_are_queued_together_share_one_transaction() {
    let place = Place::new();
    let keyring = place.keyring();
    let (tombstones, read) = TombstoneFile::open(keyring.directory(), true).unwrap();
    let store = KeyStore::open(&place.data()).unwrap();
    let work = Work { store, tombstones, memory: Arc::new(Memory::new(read)) };
    let (queue, changes) = sync_channel(100);
    let mut answers = Vec::new();
    // 64 subjects, and each of them wanted twice.
    for number in (0..64).chain(0..64) {
        let subject = customer(number);
        let wrapped = WrappedKey { version: 1, bytes: vec![0; 60] };
        let key = StoredKey { id: Uuid::new_v4(), subject: subject.to_string(), wrapped };
        let (answer, answered) = sync_channel(1);
        answers.push(answered);
        if answers.len() <= 100 {
            queue.send(Change::Create { subject, key, answer }).unwrap();
        }
    }
    drop(queue);
    work.run(&changes);
    let created: Vec<Creation> =
        answers.iter().take(100).map(|answered| answered.recv().unwrap().unwrap()).collect();
    assert_eq!(created[..36], created[64..]);
    let keys = Connection::open(place.data().join("keys.db")).unwrap();
    let (count, moments): (u32, u32) = keys
        .query_row("SELECT count(*), count(DISTINCT created_at) FROM data_key", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    // The moment is taken once for each transaction.
    assert_eq!((count, moments), (64, 1));
}

#[test]
fn threads_that_need_the_same_new_key_get_one_key() {
    let place = Place::new();
    let vault = place.open();
    let barrier = std::sync::Barrier::new(8);
    let keys: Vec<Uuid> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    seal(&vault, customer(1)).seal.key
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(place.stored(customer(1)).len(), 1);
}

#[test]
fn a_lost_key_is_not_taken_for_an_erased_one() {
    let place = Place::new();
    let sealed = seal(&place.open(), customer(1));
    let store = KeyStore::open(&place.data()).unwrap();
    store.delete_of(&customer(1).to_string()).unwrap();
    drop(store);
    let error = place.open().open_envelope(&sealed.envelope).unwrap_err();
    assert!(matches!(error, VaultError::KeyMissing(key) if key == sealed.seal.key), "{error}");
}

#[test]
fn whatever_byte_of_a_wrapped_key_is_changed_it_does_not_unwrap() {
    let keyring = Keyring::at("nowhere").with_vault_keys(keys_text(1, 1));
    let provider = KeyringProvider::load(&keyring).unwrap().unwrap();
    let (key, id) = (cipher::random_key(), Uuid::from_u128(1));
    let wrapped = provider.wrap(&key, &context(id, "customer-1")).unwrap();
    assert_eq!(provider.unwrap(&wrapped, &context(id, "customer-1")).unwrap(), key);
    let wrong = ProviderError::WrongKey { version: 1, place: "PARVANDEH_VAULT_KEYS".to_owned() };
    for at in 0..wrapped.bytes.len() {
        let mut changed = wrapped.clone();
        changed.bytes[at] ^= 0x80;
        let error = provider.unwrap(&changed, &context(id, "customer-1")).unwrap_err();
        assert_eq!(error, wrong, "byte {at}");
    }
    // Nor does it pass for another subject's key, or under another id.
    assert!(provider.unwrap(&wrapped, &context(id, "customer-2")).is_err());
    assert!(provider.unwrap(&wrapped, &context(Uuid::from_u128(2), "customer-1")).is_err());
}

#[test]
fn another_key_encryption_key_is_named_and_nothing_is_overwritten() {
    let (place, other) = (Place::new(), Place::new());
    let sealed = seal(&place.open(), customer(1));
    seal(&other.open(), customer(1));
    other.open().erase(customer(1), "2026-03-21T08:00:00Z".parse().unwrap(), Uuid::nil()).unwrap();
    let before = fs::read(place.data().join("keys.db")).unwrap();

    let error = Vault::open(&place.data(), other.keyring()).unwrap_err();

    assert!(error.to_string().contains("version 1 of the key-encryption key in "), "{error}");
    assert!(matches!(error, VaultError::Provider(ProviderError::WrongKey { version: 1, .. })));
    assert_eq!(fs::read(place.data().join("keys.db")).unwrap(), before);
    assert_eq!(opened(&place.open(), &sealed).as_deref(), Some(TEXT));

    let later = place.keyring().with_vault_keys(keys_text(2, 2));
    let error = Vault::open(&place.data(), later).unwrap_err();
    let expected =
        ProviderError::UnknownVersion { version: 1, place: "PARVANDEH_VAULT_KEYS".to_owned() };
    assert!(matches!(&error, VaultError::Provider(unknown) if *unknown == expected), "{error}");
}

#[test]
fn a_lost_keyring_is_not_replaced_by_a_new_one() {
    let place = Place::new();
    seal(&place.open(), customer(1));
    fs::remove_file(place.keyring_file("vault.keys")).unwrap();
    let error = Vault::open(&place.data(), place.keyring()).unwrap_err();
    assert!(matches!(error, VaultError::Keyring(KeyringError::NoKeys { .. })), "{error}");
    assert!(error.to_string().contains("restore the keyring"), "{error}");
    assert!(!place.keyring_file("vault.keys").exists());

    // Keys that come from the environment do not hide that the volume with the record of erasures is not there.
    fs::remove_dir_all(place.keyring().directory()).unwrap();
    let keyring = place.keyring().with_vault_keys(keys_text(1, 1));
    let error = Vault::open(&place.data(), keyring).unwrap_err();
    assert!(matches!(error, VaultError::Keyring(KeyringError::NoTombstones(_))), "{error}");
    assert!(!place.keyring().directory().exists());
}

#[test]
fn a_key_file_that_others_can_read_is_refused_with_what_to_do() {
    let place = Place::new();
    drop(place.open());
    let path = place.keyring_file("vault.keys");
    for (mode, fits) in
        [(0o644, false), (0o604, false), (0o660, false), (0o640, true), (0o400, true)]
    {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        match Vault::open(&place.data(), place.keyring()) {
            Ok(_) => assert!(fits, "{mode:o}"),
            Err(error) => {
                assert!(!fits, "{mode:o}: {error}");
                assert!(error.to_string().contains("run `chmod 600"), "{error}");
            }
        }
    }
}

#[test]
fn a_line_of_keys_that_cannot_be_read_is_named_and_not_repeated() {
    let good = keys_text(1, 1);
    let secret = "c2VjcmV0";
    let wrong = [
        (String::new(), "has no key-encryption key"),
        (format!("{good}{secret}\n"), "line 2"),
        (format!("{good}\n2 {secret}\n"), "line 3"),
        (format!("{good}x {secret}"), "line 2"),
        (format!("{good}{good}"), "line 2"),
        (format!("{}{}", keys_text(2, 1), keys_text(1, 2)), "line 2"),
    ];
    for (text, expected) in wrong {
        let keyring = Keyring::at("nowhere").with_vault_keys(text);
        let error = KeyringProvider::load(&keyring).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(secret) && !error.contains(&good[2..]), "{error}");
    }
}

#[test]
fn keys_from_the_environment_need_no_file() {
    let place = Place::new();
    let keyring = place.keyring().with_vault_keys(keys_text(3, 1));
    let vault = Vault::open(&place.data(), keyring.clone()).unwrap();
    let sealed = seal(&vault, customer(1));
    drop(vault);
    assert!(!place.keyring_file("vault.keys").exists());
    let vault = Vault::open(&place.data(), keyring).unwrap();
    assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    assert_eq!(place.stored(customer(1))[0].wrapped.version, 3);
}

#[test]
fn files_of_other_programs_and_of_later_releases_are_left_alone() {
    let place = Place::new();
    fs::create_dir_all(place.data()).unwrap();
    let path = place.data().join("keys.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE note (text)").unwrap();
    fs::create_dir_all(place.keyring().directory()).unwrap();
    fs::write(place.keyring_file("erased.jsonl"), "").unwrap();
    let keyring = || place.keyring().with_vault_keys(keys_text(1, 1));
    let error = Vault::open(&place.data(), keyring()).unwrap_err();
    assert!(matches!(error, VaultError::NotAKeyStore(_)), "{error}");
    other.execute_batch("DROP TABLE note; PRAGMA user_version = 2").unwrap();
    let error = Vault::open(&place.data(), keyring()).unwrap_err();
    assert!(matches!(error, VaultError::NewerSchema { found: 2, .. }), "{error}");
    drop(other);
    fs::write(&path, "not a database, but long enough to have a header ".repeat(20)).unwrap();
    let error = Vault::open(&place.data(), keyring()).unwrap_err();
    assert!(matches!(error, VaultError::NotAKeyStore(_)), "{error}");
}

#[test]
fn one_process_has_the_vault_and_others_may_read_beside_it() {
    let place = Place::new();
    let vault = place.open();
    let (sealed, to_erase) = (seal(&vault, customer(1)), seal(&vault, customer(2)));
    let error = Vault::open(&place.data(), place.keyring()).unwrap_err();
    assert!(matches!(error, VaultError::InUse(_)), "{error}");

    let reader = Vault::open_read_only(&place.data(), place.keyring()).unwrap();
    assert_eq!(opened(&reader, &sealed).as_deref(), Some(TEXT));
    let refused = reader.seal(customer(3), Uuid::nil(), b"{}").unwrap_err();
    assert!(refused.to_string().contains("reading alone"), "{refused}");
    assert_eq!(reader.digest(&[b"a"]), vault.digest(&[b"a"]));
    vault.erase(customer(2), "2026-03-21T08:00:00Z".parse().unwrap(), Uuid::nil()).unwrap();
    assert_eq!(opened(&reader, &to_erase), None);
}

#[test]
fn a_backup_of_the_keys_is_taken_beside_an_open_vault_and_never_overwrites() {
    let (place, restored) = (Place::new(), Place::new());
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    key_store::backup(&place.data(), &restored.data()).unwrap();
    assert!(matches!(
        key_store::backup(&place.data(), &restored.data()),
        Err(VaultError::File { .. })
    ));
    assert_eq!(fs::read_dir(restored.data()).unwrap().count(), 1);
    let mode = fs::metadata(restored.data().join("keys.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    copy(place.keyring().directory(), restored.keyring().directory());
    assert_eq!(opened(&restored.open(), &sealed).as_deref(), Some(TEXT));
}

#[test]
fn stand_ins_are_the_same_for_ever_and_different_for_every_purpose_and_vault() {
    let (place, other) = (Place::new(), Place::new());
    let vault = place.open();
    let index = vault.blind_index("phone", "09120000000");
    let digest = vault.digest(&[b"ab", b"c"]);
    assert_eq!(digest.len(), 32);
    assert_ne!(index, vault.blind_index("email", "09120000000"));
    assert_ne!(index, vault.blind_index("phone", "09120000001"));
    assert_ne!(vault.blind_index("ab", "c"), vault.blind_index("a", "bc"));
    assert_ne!(digest, vault.digest(&[b"a", b"bc"]));
    assert_ne!(digest, cipher::hex(&vault.blind_index("ab", "c")));
    drop(vault);
    let vault = place.open();
    assert_eq!(index, vault.blind_index("phone", "09120000000"));
    assert_eq!(digest, vault.digest(&[b"ab", b"c"]));
    assert_ne!(index, other.open().blind_index("phone", "09120000000"));
}

/// The text of `vault.keys` with one key.
fn keys_text(version: u32, byte: u8) -> String {
    use base64::Engine as _;
    format!("{version} {}\n", base64::engine::general_purpose::STANDARD.encode([byte; 32]))
}
