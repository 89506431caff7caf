//! Rotation: every data key under a new key-encryption key, and not one envelope touched.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use uuid::Uuid;

use super::super::key_provider::{KeyProvider, KeyringProvider, ProviderError, WrappedKey};
use super::super::key_store::{KeyStore, StoredKey};
use super::super::{
    KeyBytes, Rotated, Status, Vault, VaultError, add_key_encryption_key, cipher, context, status,
};
use super::{Place, TEXT, customer, opened, seal};

#[test]
fn after_a_rotation_the_earlier_key_encryption_key_is_needed_no_more() {
    let place = Place::new();
    let vault = place.open();
    let sealed = seal(&vault, customer(1));
    let wrapped = place.stored(customer(1))[0].wrapped.bytes.clone();
    drop(vault);

    assert_eq!(add_key_encryption_key(&place.keyring()).unwrap(), Some(2));
    let vault = place.open();
    let rotated = vault.rotate(|_| {}).unwrap();

    assert_eq!(rotated, Rotated { version: 2, rewrapped: 3, total: 3 });
    assert!(!place.holds(&wrapped), "the earlier wrapping is still in a file");
    let (index, digest) = (vault.blind_index("phone", "1"), vault.digest(&[b"1"]));
    drop(vault);
    let path = place.keyring_file("vault.keys");
    let text = fs::read_to_string(&path).unwrap();
    let (_, second) = text.split_once('\n').unwrap();
    fs::write(&path, second).unwrap();
    let vault = place.open();
    assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    let again = seal(&vault, customer(1)).seal;
    assert_eq!((again.key, again.commitment), (sealed.seal.key, sealed.seal.commitment));
    assert_eq!((index, digest), (vault.blind_index("phone", "1"), vault.digest(&[b"1"])));
}

/// Wraps a number of keys and then cannot be reached, as a key-management service may.
struct Failing {
    provider: KeyringProvider,
    left: AtomicU32,
}

impl KeyProvider for Failing {
    fn current_version(&self) -> u32 {
        self.provider.current_version()
    }

    fn wrap(&self, key: &KeyBytes, context: &[u8]) -> Result<WrappedKey, ProviderError> {
        let left =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| ProviderError::Unavailable("no route".to_owned()))?;
        self.provider.wrap(key, context)
    }

    fn unwrap(&self, wrapped: &WrappedKey, context: &[u8]) -> Result<KeyBytes, ProviderError> {
        self.provider.unwrap(wrapped, context)
    }
}

#[test]
fn an_interrupted_rotation_goes_on_where_it_was() {
    let place = Place::new();
    let sealed = seal(&place.open(), customer(0));
    let provider = KeyringProvider::load(&place.keyring()).unwrap().unwrap();
    let store = KeyStore::open(&place.data()).unwrap();
    let fill = |store: &KeyStore| {
        for number in 1..=597 {
            let (id, subject) = (Uuid::new_v4(), customer(number).to_string());
            let wrapped = provider.wrap(&cipher::random_key(), &context(id, &subject))?;
            store.insert(&StoredKey { id, subject, wrapped }, jiff::Timestamp::UNIX_EPOCH)?;
        }
        Ok(())
    };
    store.transaction(fill).unwrap();
    drop(store);
    add_key_encryption_key(&place.keyring()).unwrap();

    let failing = |keyring: &_| {
        let provider = KeyringProvider::load(keyring)?.unwrap();
        Ok(Arc::new(Failing { provider, left: AtomicU32::new(400) }) as Arc<dyn KeyProvider>)
    };
    let vault = Vault::open_with(&place.data(), place.keyring(), failing).unwrap();
    let mut steps = Vec::new();
    let error = vault.rotate(|rotated| steps.push(rotated.rewrapped)).unwrap_err();
    assert!(matches!(error, VaultError::Provider(ProviderError::Unavailable(_))), "{error}");
    assert_eq!(steps, [256]);
    drop(vault);
    let half = Status {
        current_version: Some(2),
        keys_by_version: vec![(1, 344), (2, 256)],
        tombstones: 0,
    };
    assert_eq!(status(&place.data(), &place.keyring()).unwrap(), half);

    // In between everything can be read, and the subject of a key that is still wrapped otherwise can be erased.
    let vault = place.open();
    assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    vault.erase(customer(597), "2026-03-21T08:00:00Z".parse().unwrap(), Uuid::nil()).unwrap();
    let rotated = vault.rotate(|rotated| steps.push(rotated.rewrapped)).unwrap();
    assert_eq!(rotated, Rotated { version: 2, rewrapped: 343, total: 343 });
    assert_eq!(steps, [256, 256, 343]);
    assert_eq!(vault.rotate(|_| panic!("there is nothing to do")).unwrap().rewrapped, 0);
    let whole = Status { keys_by_version: vec![(2, 599)], tombstones: 1, ..half };
    assert_eq!(status(&place.data(), &place.keyring()).unwrap(), whole);
    assert!(place.stored(customer(597)).is_empty());
}

#[test]
fn a_key_is_added_whole_or_not_at_all_and_only_to_a_file() {
    let place = Place::new();
    drop(place.open());
    let path = place.keyring_file("vault.keys");
    let first = fs::read_to_string(&path).unwrap();
    // What a crash in the middle of an earlier attempt has left.
    fs::write(place.keyring_file("vault.keys.unfinished"), "2 half").unwrap();
    assert_eq!(add_key_encryption_key(&place.keyring()).unwrap(), Some(2));
    let both = fs::read_to_string(&path).unwrap();
    assert!(both.starts_with(&first) && both.lines().count() == 2);
    assert!(!place.keyring_file("vault.keys.unfinished").exists());
    let environment = place.keyring().with_vault_keys(both.clone());
    assert_eq!(add_key_encryption_key(&environment).unwrap(), None);
    assert_eq!(fs::read_to_string(&path).unwrap(), both);
}
