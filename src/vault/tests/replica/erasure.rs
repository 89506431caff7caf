//! Erasure among replicas: whatever is lost, late or restored, it holds everywhere.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};

use uuid::Uuid;

use super::super::super::key_log::{KeyEvent, KeyLog};
use super::super::super::{SealError, Tombstone, VaultError, backup};
use super::super::{Place, TEXT, customer, opened, seal};
use super::{Cluster, at, is_refused, learn};

#[test]
fn an_erasure_is_in_force_on_every_replica_when_it_has_learned_of_it() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (cluster.open(&here), cluster.open(&there));
    let (sealed, other) = (seal(&first, customer(1)), seal(&first, customer(2)));
    cluster.follow(&second);
    let wrapped = there.stored(customer(1))[0].wrapped.bytes.clone();
    assert_eq!(opened(&second, &sealed).as_deref(), Some(TEXT));
    assert!(there.holds(&wrapped));

    let erased = first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();

    assert_eq!((erased.deleted, erased.tombstone.keys), (1, vec![sealed.seal.key]));
    assert!(cluster.network.log.is_deleted(&customer(1).to_string()));
    cluster.follow(&second);
    for (vault, place) in [(&first, &here), (&second, &there)] {
        assert_eq!(opened(vault, &sealed), None);
        assert!(is_refused(vault, customer(1)));
        assert!(place.stored(customer(1)).is_empty());
        assert!(!place.holds(&wrapped));
        assert_eq!(opened(vault, &other).as_deref(), Some(TEXT));
    }
    assert_eq!(first.tombstones(), second.tombstones());
}

#[test]
fn a_replica_that_has_not_heard_of_an_erasure_can_make_no_key() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (cluster.open(&here), cluster.open(&there));
    // With a key before, and without.
    seal(&first, customer(1));
    for subject in [customer(1), customer(2)] {
        first.erase(subject, at(), Uuid::from_u128(9)).unwrap();
        assert!(!second.is_erased(subject));
        assert!(is_refused(&second, subject));
    }
}

#[test]
fn an_erasure_between_the_publication_of_a_key_and_its_first_use_wins() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (Arc::new(cluster.open(&here)), cluster.open(&there));
    let erasing = {
        let (first, network) = (first.clone(), cluster.network.clone());
        move || {
            second.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
            network.log.events_after(0).iter().for_each(|event| learn(&first, event).unwrap());
        }
    };
    *cluster.network.after_publish.lock().unwrap() = Some(Box::new(erasing));
    assert!(is_refused(&first, customer(1)));
    assert!(here.stored(customer(1)).is_empty());
    let key = first.tombstones()[0].keys[0];
    assert!(first.memory.key(key).is_none());
}

#[test]
fn a_key_that_is_learned_after_its_erasure_counts_as_erased_and_not_as_lost() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let first = cluster.open(&here);
    let sealed = seal(&first, customer(1));
    let key = cluster.network.log.find(&customer(1).to_string()).unwrap().unwrap();
    let second = cluster.open(&there);
    // As nobody publishes it: without the key in the tombstone.
    let tombstone = Tombstone {
        subject: customer(1),
        erased_at: at(),
        erasure_id: Uuid::from_u128(9),
        keys: Vec::new(),
    };
    second.learn_erasure(&tombstone).unwrap();
    second.learn_keys(&[key]).unwrap();
    assert_eq!(opened(&second, &sealed), None);
    assert!(there.stored(customer(1)).is_empty());
    drop(second);
    assert_eq!(opened(&cluster.open(&there), &sealed), None);
}

#[test]
fn a_replica_that_was_down_during_an_erasure_has_no_key_when_it_is_back() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let first = cluster.open(&here);
    let sealed = seal(&first, customer(1));
    let second = cluster.open(&there);
    cluster.follow(&second);
    let wrapped = there.stored(customer(1))[0].wrapped.bytes.clone();
    drop(second);
    first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();

    let second = cluster.open(&there);

    assert_eq!(opened(&second, &sealed), None);
    assert!(is_refused(&second, customer(1)));
    assert!(!there.holds(&wrapped));
}

#[test]
fn a_new_data_directory_never_takes_a_key_that_was_erased_later_in_the_log() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let first = cluster.open(&here);
    let (sealed, other) = (seal(&first, customer(1)), seal(&first, customer(2)));
    first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    let second = cluster.open(&there);
    for event in cluster.network.log.events_after(0) {
        learn(&second, &event).unwrap();
        assert!(there.stored(customer(1)).is_empty());
        assert_eq!(opened(&second, &sealed), None);
    }
    assert_eq!(opened(&second, &other).as_deref(), Some(TEXT));
}

#[test]
fn an_erasure_whose_publication_was_not_answered_is_finished_by_the_next_attempt_of_anybody() {
    for fault in [1, 2, 3] {
        let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
        let (first, second) = (cluster.open(&here), cluster.open(&there));
        let sealed = seal(&first, customer(1));
        cluster.follow(&second);
        cluster.network.fault.store(fault, Ordering::SeqCst);
        let lost = first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap_err();
        assert!(matches!(lost, VaultError::KeyLog(_)), "{lost}");
        drop(first);
        second.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
        assert!(cluster.network.log.is_deleted(&customer(1).to_string()));
        assert_eq!(opened(&second, &sealed), None);
        assert_eq!(opened(&cluster.open(&here), &sealed), None);
    }
}

#[test]
fn a_key_that_is_published_between_the_halves_of_an_erasure_dies_with_it() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let (first, second) = (cluster.open(&here), cluster.open(&there));
    cluster.network.fault.store(3, Ordering::SeqCst);
    first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap_err();
    // It has not heard of the tombstone, and the stream of keys is still open.
    let sealed = seal(&second, customer(1));
    cluster.follow(&second);
    assert_eq!(opened(&second, &sealed), None);
    first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    // What the server has scavenged: of the key, only what the tombstones say is left.
    let third = cluster.open(&Place::new());
    for vault in [&first, &third] {
        cluster.network.log.events_after(0).iter().for_each(|event| {
            if let KeyEvent::Erased(tombstone) = event {
                vault.learn_erasure(tombstone).unwrap();
            }
        });
        assert_eq!(opened(vault, &sealed), None);
    }
}

#[test]
fn a_cluster_that_was_restored_from_an_old_backup_learns_of_erasures_from_a_replica() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let first = cluster.open(&here);
    let (sealed, other) = (seal(&first, customer(1)), seal(&first, customer(2)));
    let backup = Cluster { secret: cluster.secret, network: Arc::default() };
    for event in cluster.network.log.events_after(0) {
        let KeyEvent::Key(key) = event else { panic!("nobody was erased yet") };
        backup.network.log.publish(&key).unwrap();
    }
    first.erase(customer(1), at(), Uuid::from_u128(9)).unwrap();
    drop(first);
    // The copy of the log and its keys are given up; the record of erasures is kept.
    fs::remove_file(here.data().join("keys.db")).unwrap();
    let first = backup.open(&here);
    assert!(backup.network.log.is_deleted(&customer(1).to_string()));
    let second = backup.open(&there);
    for vault in [&first, &second] {
        backup.follow(vault);
        assert_eq!(opened(vault, &sealed), None);
        assert_eq!(opened(vault, &other).as_deref(), Some(TEXT));
    }
}

#[test]
fn sealing_on_all_replicas_against_an_erasure_on_one_leaves_nothing_that_opens() {
    const ROUNDS: u128 = 10;
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let vaults = [cluster.open(&here), cluster.open(&there)];
    for round in 0..ROUNDS {
        let subject = customer(round);
        let (barrier, done) = (Barrier::new(4), AtomicBool::new(false));
        let envelopes: Vec<_> = std::thread::scope(|scope| {
            let writers = vaults.iter().map(|vault| {
                scope.spawn(|| {
                    barrier.wait();
                    let mut envelopes = Vec::new();
                    loop {
                        match vault.seal(subject, Uuid::nil(), TEXT.as_bytes()) {
                            Ok(sealed) => envelopes.push(sealed),
                            Err(SealError::Erased(_)) => break envelopes,
                            Err(error) => panic!("{error}"),
                        }
                    }
                })
            });
            let writers: Vec<_> = writers.collect();
            let follower = scope.spawn(|| {
                barrier.wait();
                while !done.load(Ordering::SeqCst) {
                    vaults.iter().for_each(|vault| cluster.follow(vault));
                }
                vaults.iter().for_each(|vault| cluster.follow(vault));
            });
            barrier.wait();
            vaults[0].erase(subject, at(), Uuid::from_u128(round)).unwrap();
            done.store(true, Ordering::SeqCst);
            follower.join().unwrap();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        for (vault, place) in vaults.iter().zip([&here, &there]) {
            assert!(place.stored(subject).is_empty(), "round {round}: a key came back");
            for sealed in &envelopes {
                assert_eq!(opened(vault, sealed), None, "round {round}: an envelope still opens");
            }
        }
    }
}

#[test]
fn a_backup_of_a_replica_has_its_record_of_erasures_beside_its_keys() {
    let (cluster, here, there) = (Cluster::new(), Place::new(), Place::new());
    let vault = cluster.open(&here);
    let sealed = seal(&vault, customer(1));
    vault.erase(customer(2), at(), Uuid::from_u128(9)).unwrap();
    backup(&here.data(), &there.data()).unwrap();
    let restored = cluster.open(&there);
    assert_eq!(restored.tombstones(), vault.tombstones());
    assert_eq!(opened(&restored, &sealed).as_deref(), Some(TEXT));
}
