//! Rotation among replicas: one wraps anew for all, and none needs more than the latest keyring.

use std::fs;

use uuid::Uuid;

use super::super::super::key_log::{KeyLog, Republished};
use super::super::super::{SealError, VaultError, add_key_encryption_key};
use super::super::{Place, TEXT, customer, opened, seal};
use super::Cluster;

#[test]
fn a_rotation_on_one_replica_is_followed_by_the_others() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (cluster.open(&here), cluster.open(&there));
    let sealed = seal(&first, customer(1));
    cluster.follow(&second);
    let wrapped = there.stored(customer(1))[0].wrapped.bytes.clone();
    drop(first);
    add_key_encryption_key(&cluster.keyring()).unwrap();
    let first = cluster.open(&here);

    let rotated = first.rotate(|_| {}).unwrap();

    assert_eq!((rotated.version, rotated.rewrapped), (2, 3));
    assert_eq!(cluster.network.log.events_after(3).len(), 3);
    cluster.follow(&second);
    assert_eq!(there.stored(customer(1))[0].wrapped.version, 2);
    assert!(!there.holds(&wrapped), "the earlier wrapping is still in a file");
    assert_eq!(opened(&second, &sealed).as_deref(), Some(TEXT));
    assert_eq!(second.rotate(|_| {}).unwrap().total, 0);

    // The earlier line is destroyed: replicas that were down or are new need it no more, though the log has the earlier wrappings.
    drop((first, second));
    let path = cluster.secret.keyring_file("vault.keys");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.split_once('\n').unwrap().1).unwrap();
    for place in [&there, &Place::new()] {
        let vault = cluster.open(place);
        cluster.follow(&vault);
        assert_eq!(opened(&vault, &sealed).as_deref(), Some(TEXT));
    }
}

#[test]
fn a_version_that_only_others_have_is_named_until_this_replica_is_given_it() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let second = cluster.open(&there);
    let path = cluster.secret.keyring_file("vault.keys");
    let earlier = fs::read_to_string(&path).unwrap();
    add_key_encryption_key(&cluster.keyring()).unwrap();
    let later = fs::read_to_string(&path).unwrap();
    let first = cluster.open(&here);
    let sealed = seal(&first, customer(1));
    fs::write(&path, &earlier).unwrap();
    let key = cluster.network.log.find(&customer(1).to_string()).unwrap().unwrap();

    let error = second.learn_keys(std::slice::from_ref(&key)).unwrap_err();

    let named = matches!(&error, VaultError::LaterVersion { version: 2, place } if place.ends_with("vault.keys"));
    assert!(named, "{error}");
    let sealing = second.seal(customer(1), Uuid::nil(), b"{}").unwrap_err();
    assert!(matches!(sealing, SealError::Vault(VaultError::LaterVersion { .. })), "{sealing}");
    assert!(there.stored(customer(1)).is_empty());
    fs::write(&path, &later).unwrap();
    second.learn_keys(&[key]).unwrap();
    assert_eq!(opened(&second, &sealed).as_deref(), Some(TEXT));
}

#[test]
fn a_slow_rotation_does_not_undo_a_later_one() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let first = cluster.open(&here);
    let sealed = seal(&first, customer(1));
    drop(first);
    let first_wrapping = cluster.network.log.find(&customer(1).to_string()).unwrap().unwrap();
    add_key_encryption_key(&cluster.keyring()).unwrap();
    let first = cluster.open(&here);
    first.rotate(|_| {}).unwrap();
    let rotated = cluster.network.log.find(&customer(1).to_string()).unwrap();
    assert_eq!(cluster.network.republish(&first_wrapping).unwrap(), Republished::Done);
    assert_eq!(cluster.network.log.find(&customer(1).to_string()).unwrap(), rotated);
    let second = cluster.open(&there);
    second.learn_keys(&[rotated.unwrap()]).unwrap();
    second.learn_keys(&[first_wrapping]).unwrap();
    assert_eq!(there.stored(customer(1))[0].wrapped.version, 2);
    assert_eq!(opened(&second, &sealed).as_deref(), Some(TEXT));
}
