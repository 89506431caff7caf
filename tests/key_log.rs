//! What every log of keys must do, as one suite of scenarios over the trait. Each uses subjects of its own, so the suite can run on a log
//! that is shared and grows.

use std::sync::Barrier;

use jiff::Timestamp;
use parvandeh::vault::Tombstone;
use parvandeh::vault::key_log::{
    DATA_KEY, DATA_KEYS_ERASED, KeyEvent, KeyLog, Published, PublishedKey, Republished,
    SHAPE_VERSION, key_stream,
};
use parvandeh::vault::memory_key_log::MemoryKeyLog;
use parvandeh_domain::id::{CustomerId, DataSubject};
use uuid::Uuid;

macro_rules! contract {
    ($($scenario:ident)*) => {
        mod memory {
            $(#[test]
            fn $scenario() {
                super::$scenario(&super::MemoryKeyLog::default());
            })*
        }

        mod kurrent {
            use crate::store::kurrent::{Replica, double};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let double = double();
                let replica = Replica::of(&double).await;
                let key_log = replica.store.key_log();
                // The calls block, and are not to be made on a thread of an async runtime.
                tokio::task::spawn_blocking(move || super::$scenario(&*key_log)).await.unwrap();
                replica.store.stop().await;
            })*
        }

        mod kurrent_server {
            use crate::store::kurrent::Replica;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let Some(replica) = Replica::of_a_real_server().await else { return };
                let key_log = replica.store.key_log();
                tokio::task::spawn_blocking(move || super::$scenario(&*key_log)).await.unwrap();
                replica.store.stop().await;
            })*
        }
    };
}

contract! {
    the_first_key_is_published_and_found
    a_second_first_key_is_answered_with_the_first
    of_many_who_publish_at_once_one_wins
    a_key_that_is_published_again_stands_once
    a_later_wrapping_is_appended_once_and_an_earlier_one_never
    a_rewrapped_key_begins_a_stream_where_there_is_none
    a_further_key_of_a_subject_is_kept_beside_the_first
    an_erasure_names_all_keys_and_ends_the_stream_for_good
    a_subject_without_keys_can_be_erased_and_gets_none
    an_erasure_that_is_published_again_changes_nothing
    publishing_against_erasing_leaves_no_key_that_no_tombstone_names
    erasures_are_read_in_pages_in_their_order
}

fn subject() -> DataSubject {
    DataSubject::Customer(CustomerId(Uuid::new_v4()))
}

fn key(subject: DataSubject, version: u32) -> PublishedKey {
    let (id, wrapped) = (Uuid::new_v4(), vec![version as u8; 60]);
    PublishedKey { id, subject: subject.to_string(), provider_version: version, wrapped }
}

fn wrapped_anew(key: &PublishedKey, version: u32) -> PublishedKey {
    PublishedKey { provider_version: version, wrapped: vec![version as u8; 60], ..key.clone() }
}

fn tombstone(subject: DataSubject, keys: &[Uuid]) -> Tombstone {
    let erased_at: Timestamp = "2026-03-21T08:00:00Z".parse().unwrap();
    Tombstone { subject, erased_at, erasure_id: Uuid::from_u128(9), keys: keys.to_vec() }
}

fn found(log: &dyn KeyLog, subject: DataSubject) -> Option<PublishedKey> {
    log.find(&subject.to_string()).unwrap()
}

/// The tombstones of a subject, wherever they stand in a log that others use too.
fn erasures(log: &dyn KeyLog, subject: DataSubject) -> Vec<Tombstone> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = log.erasures(after, 7).unwrap();
        assert!(page.len() <= 7);
        let Some((last, _)) = page.last() else { return all };
        after = Some(*last);
        let page = page.into_iter().map(|(_, tombstone)| tombstone);
        all.extend(page.filter(|tombstone| tombstone.subject == subject));
    }
}

fn the_first_key_is_published_and_found(log: &dyn KeyLog) {
    let subject = subject();
    assert_eq!(found(log, subject), None);
    let key = key(subject, 1);
    assert_eq!(log.publish(&key).unwrap(), Published::Published);
    assert_eq!(found(log, subject), Some(key));
}

fn a_second_first_key_is_answered_with_the_first(log: &dyn KeyLog) {
    let subject = subject();
    let (first, second) = (key(subject, 1), key(subject, 1));
    log.publish(&first).unwrap();
    assert_eq!(log.publish(&second).unwrap(), Published::Existing(first.clone()));
    assert_eq!(found(log, subject), Some(first.clone()));
    let rewrapped = wrapped_anew(&first, 2);
    log.republish(&rewrapped).unwrap();
    assert_eq!(log.publish(&second).unwrap(), Published::Existing(rewrapped));
}

fn of_many_who_publish_at_once_one_wins(log: &dyn KeyLog) {
    let subject = subject();
    let keys: Vec<_> = (0..6).map(|_| key(subject, 1)).collect();
    let barrier = Barrier::new(keys.len());
    let published: Vec<_> = std::thread::scope(|scope| {
        let publishers = keys.iter().map(|key| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                log.publish(key).unwrap()
            })
        });
        let publishers: Vec<_> = publishers.collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let winner = found(log, subject).unwrap();
    for (key, published) in keys.iter().zip(published) {
        match published {
            Published::Published => assert_eq!(*key, winner),
            other => assert_eq!(other, Published::Existing(winner.clone())),
        }
    }
    assert!(keys.contains(&winner));
}

fn a_key_that_is_published_again_stands_once(log: &dyn KeyLog) {
    let subject = subject();
    let key = key(subject, 1);
    for _ in 0..3 {
        assert_eq!(log.publish(&key).unwrap(), Published::Published);
    }
    assert_eq!(found(log, subject), Some(key.clone()));
    let told = log.publish_erasure(&tombstone(subject, &[])).unwrap();
    assert_eq!(told.keys, [key.id]);
}

fn a_later_wrapping_is_appended_once_and_an_earlier_one_never(log: &dyn KeyLog) {
    let subject = subject();
    let first = key(subject, 1);
    log.publish(&first).unwrap();
    let (second, third) = (wrapped_anew(&first, 2), wrapped_anew(&first, 3));
    for rewrapped in [&third, &third, &second, &first] {
        assert_eq!(log.republish(rewrapped).unwrap(), Republished::Done);
        assert_eq!(found(log, subject).as_ref(), Some(&third));
    }
    // Its publisher asks once more, having heard nothing: the key is there, however it is wrapped by now.
    assert_eq!(log.publish(&first).unwrap(), Published::Published);
    assert_eq!(found(log, subject), Some(third));
}

fn a_rewrapped_key_begins_a_stream_where_there_is_none(log: &dyn KeyLog) {
    let subject = subject();
    let key = key(subject, 2);
    assert_eq!(log.republish(&key).unwrap(), Republished::Done);
    assert_eq!(found(log, subject), Some(key));
}

fn a_further_key_of_a_subject_is_kept_beside_the_first(log: &dyn KeyLog) {
    let subject = subject();
    let (first, second) = (key(subject, 1), key(subject, 1));
    log.publish(&first).unwrap();
    for key in [&second, &first, &second] {
        assert_eq!(log.republish(key).unwrap(), Republished::Done);
        assert_eq!(found(log, subject).as_ref(), Some(&second));
    }
    let told = log.publish_erasure(&tombstone(subject, &[])).unwrap();
    assert_eq!(told.keys, [first.id, second.id]);
}

fn an_erasure_names_all_keys_and_ends_the_stream_for_good(log: &dyn KeyLog) {
    let subject = subject();
    let (published, elsewhere) = (key(subject, 1), Uuid::new_v4());
    log.publish(&published).unwrap();
    log.republish(&wrapped_anew(&published, 2)).unwrap();

    let told = log.publish_erasure(&tombstone(subject, &[elsewhere])).unwrap();

    assert_eq!(told, tombstone(subject, &[elsewhere, published.id]));
    assert_eq!(erasures(log, subject), [told]);
    assert_eq!(found(log, subject), None);
    assert_eq!(log.publish(&published).unwrap(), Published::Erased);
    assert_eq!(log.publish(&key(subject, 1)).unwrap(), Published::Erased);
    assert_eq!(log.republish(&wrapped_anew(&published, 3)).unwrap(), Republished::Erased);
    assert_eq!(found(log, subject), None);
}

fn a_subject_without_keys_can_be_erased_and_gets_none(log: &dyn KeyLog) {
    let subject = subject();
    let told = log.publish_erasure(&tombstone(subject, &[])).unwrap();
    assert_eq!(told, tombstone(subject, &[]));
    assert_eq!(erasures(log, subject), [told]);
    assert_eq!(log.publish(&key(subject, 1)).unwrap(), Published::Erased);
}

fn an_erasure_that_is_published_again_changes_nothing(log: &dyn KeyLog) {
    let subject = subject();
    log.publish(&key(subject, 1)).unwrap();
    let told = log.publish_erasure(&tombstone(subject, &[])).unwrap();
    for again in [&told, &tombstone(subject, &[])] {
        assert_eq!(log.publish_erasure(again).unwrap(), *again);
        assert_eq!(erasures(log, subject), std::slice::from_ref(&told));
    }
}

fn publishing_against_erasing_leaves_no_key_that_no_tombstone_names(log: &dyn KeyLog) {
    for _ in 0..10 {
        let subject = subject();
        let first = key(subject, 1);
        log.publish(&first).unwrap();
        let further: Vec<_> = (0..3).map(|_| key(subject, 1)).collect();
        let barrier = Barrier::new(further.len() + 2);
        let published: Vec<_> = std::thread::scope(|scope| {
            let barrier = &barrier;
            let publish = |key| {
                scope.spawn(move || {
                    barrier.wait();
                    // Where it is not answered in time because of the others, nothing was said of it.
                    log.republish(key) == Ok(Republished::Done)
                })
            };
            let publishers: Vec<_> = further.iter().map(publish).collect();
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    let _ = log.publish_erasure(&tombstone(subject, &[]));
                });
            }
            publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
        });
        // Whoever had no answer asks again.
        log.publish_erasure(&tombstone(subject, &[])).unwrap();
        let named: Vec<_> = erasures(log, subject).into_iter().flat_map(|told| told.keys).collect();
        assert!(named.contains(&first.id));
        for (key, published) in further.iter().zip(published) {
            assert!(!published || named.contains(&key.id), "no tombstone names {}", key.id);
            assert_eq!(log.republish(key).unwrap(), Republished::Erased);
        }
    }
}

fn erasures_are_read_in_pages_in_their_order(log: &dyn KeyLog) {
    let subjects: Vec<_> = (0..20).map(|_| subject()).collect();
    for subject in &subjects {
        log.publish_erasure(&tombstone(*subject, &[])).unwrap();
    }
    let (mut after, mut seen, mut revisions) = (None, Vec::new(), Vec::new());
    loop {
        let page = log.erasures(after, 3).unwrap();
        assert!(page.len() <= 3);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        revisions.extend(page.iter().map(|(revision, _)| *revision));
        seen.extend(page.into_iter().map(|(_, told)| told.subject));
    }
    assert!(revisions.is_sorted_by(|one, next| one < next));
    seen.retain(|subject| subjects.contains(subject));
    assert_eq!(seen, subjects);
}

#[test]
fn keys_and_tombstones_have_the_shape_that_the_log_keeps_for_ever() {
    let subject = DataSubject::Customer(CustomerId(Uuid::from_u128(1)));
    let id = Uuid::from_u128(7);
    let key = PublishedKey {
        id,
        subject: subject.to_string(),
        provider_version: 3,
        wrapped: vec![0, 1, 255],
    };
    let shapes = [
        (
            KeyEvent::Key(key),
            DATA_KEY,
            "{\"id\":\"00000000-0000-0000-0000-000000000007\",\
             \"subject\":\"customer-00000000-0000-0000-0000-000000000001\",\
             \"provider_version\":3,\"wrapped\":\"AAH/\"}",
        ),
        (
            KeyEvent::Erased(tombstone(subject, &[id])),
            DATA_KEYS_ERASED,
            "{\"subject\":\"customer-00000000-0000-0000-0000-000000000001\",\
             \"erased_at\":\"2026-03-21T08:00:00Z\",\
             \"erasure_id\":\"00000000-0000-0000-0000-000000000009\",\
             \"keys\":[\"00000000-0000-0000-0000-000000000007\"]}",
        ),
    ];
    for (event, event_type, json) in shapes {
        assert_eq!(
            (event.event_type(), &*String::from_utf8(event.data()).unwrap()),
            (event_type, json)
        );
        assert_eq!(KeyEvent::read(event_type, SHAPE_VERSION, json.as_bytes()).unwrap(), event);
        let later = json.replacen('{', "{\"further\":1,", 1);
        for (event_type, version, data) in
            [(event_type, 2, json), ("CaseOpened", 1, json), (event_type, 1, &later)]
        {
            assert!(KeyEvent::read(event_type, version, data.as_bytes()).is_err());
        }
    }
    assert_eq!(
        key_stream(&subject.to_string()),
        "vault-key-customer-00000000-0000-0000-0000-000000000001"
    );
}

#[test]
fn a_key_that_is_too_large_to_be_one_is_refused() {
    let subject = DataSubject::Customer(CustomerId(Uuid::from_u128(1)));
    let large = PublishedKey { wrapped: vec![0; 8 * 1_024 + 1], ..key(subject, 1) };
    let data = KeyEvent::Key(large).data();
    assert!(KeyEvent::read(DATA_KEY, SHAPE_VERSION, &data).is_err());
}
