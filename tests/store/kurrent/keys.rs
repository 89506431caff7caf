//! The vault's log of keys on the cluster.

use std::sync::Arc;

use jiff::Timestamp;
use parvandeh::{
    store::{EventStore, Expect},
    vault::{
        Tombstone,
        key_log::{KeyEvent, KeyLog, Published, PublishedKey, Republished},
    },
};
use parvandeh_domain::id::{CustomerId, DataSubject};
use uuid::Uuid;

use super::{Replica, double, options};
use crate::store::support::{batch, stream};

fn key(subject: DataSubject, provider_version: u32) -> PublishedKey {
    let (id, subject) = (Uuid::new_v4(), subject.to_string());
    PublishedKey { id, subject, provider_version, wrapped: vec![1, 2, 255] }
}

fn subject() -> DataSubject {
    DataSubject::Customer(CustomerId(Uuid::new_v4()))
}

/// Calls of the log of keys block.
async fn blocking<T: Send + 'static>(
    log: &Arc<dyn KeyLog>,
    call: impl FnOnce(&dyn KeyLog) -> T + Send + 'static,
) -> T {
    let log = log.clone();
    tokio::task::spawn_blocking(move || call(&*log)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_of_a_subject_wins_and_an_erasure_ends_it() {
    let double = double();
    let (left, right) = (Replica::of(&double).await, Replica::of(&double).await);
    let (here, there) = (left.store.key_log(), right.store.key_log());
    let subject = subject();
    let (first, second) = (key(subject, 1), key(subject, 1));
    let name = subject.to_string();

    let (published, found) = blocking(&here, {
        let (first, name) = (first.clone(), name.clone());
        move |log| {
            assert_eq!(log.find(&name), Ok(None));
            assert_eq!(log.publish(&first), Ok(Published::Published));
            (log.publish(&first), log.find(&name))
        }
    })
    .await;
    assert_eq!((published, found), (Ok(Published::Published), Ok(Some(first.clone()))));

    let (lost, rewrapped) = blocking(&there, {
        let (first, second) = (first.clone(), second.clone());
        move |log| {
            let rewrapped = PublishedKey { provider_version: 2, ..first };
            assert_eq!(log.republish(&rewrapped), Ok(Republished::Done));
            assert_eq!(log.republish(&rewrapped), Ok(Republished::Done));
            (log.publish(&second), rewrapped)
        }
    })
    .await;
    assert_eq!(lost, Ok(Published::Existing(rewrapped.clone())));

    let tombstone = Tombstone {
        subject,
        erased_at: Timestamp::UNIX_EPOCH,
        erasure_id: Uuid::new_v4(),
        keys: vec![Uuid::new_v4()],
    };
    let told = blocking(&here, {
        let (tombstone, name, first) = (tombstone.clone(), name.clone(), first.clone());
        move |log| {
            let told = log.publish_erasure(&tombstone).unwrap();
            assert_eq!(log.find(&name), Ok(None));
            assert_eq!(log.publish(&first), Ok(Published::Erased));
            assert_eq!(log.republish(&first), Ok(Republished::Erased));
            log.publish_erasure(&tombstone).unwrap();
            assert_eq!(log.erasures(None, 10).unwrap(), [(0, told.clone())]);
            assert_eq!(log.erasures(Some(0), 10).unwrap(), []);
            told
        }
    })
    .await;
    assert_eq!(told.keys, [tombstone.keys[0], first.id]);

    // Both replicas are told the same, in order, before the events after it.
    left.store.append(&stream("case-1"), Expect::NoStream, batch(1)).await.unwrap();
    right.store.sync().await.unwrap();
    for replica in [&left, &right] {
        let records = replica.keys.0.lock().unwrap().clone();
        let read = records.iter().map(|record| {
            KeyEvent::read(&record.type_name, record.version.into(), &record.data).unwrap()
        });
        let expected = [
            KeyEvent::Key(first.clone()),
            KeyEvent::Key(rewrapped.clone()),
            KeyEvent::Erased(told.clone()),
        ];
        assert_eq!(read.collect::<Vec<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_of_a_subject_without_a_key_keeps_it_from_ever_getting_one() {
    let double = double();
    let replica = Replica::of(&double).await;
    let log = replica.store.key_log();
    let subject = subject();
    let tombstone = Tombstone {
        subject,
        erased_at: Timestamp::UNIX_EPOCH,
        erasure_id: Uuid::new_v4(),
        keys: Vec::new(),
    };
    blocking(&log, move |log| {
        log.publish_erasure(&tombstone).unwrap();
        assert_eq!(log.publish(&key(subject, 1)), Ok(Published::Erased));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_before_the_copys_end_are_not_told_again() {
    let double = double();
    let replica = Replica::of(&double).await;
    let log = replica.store.key_log();
    blocking(&log, |log| log.publish(&key(subject(), 1)).unwrap()).await;
    replica.store.append(&stream("case-1"), Expect::NoStream, batch(1)).await.unwrap();
    assert_eq!(replica.keys.0.lock().unwrap().len(), 1);
    let directory = replica.end().await;

    let replica = Replica::with(directory, options(&double.connection_string())).await.unwrap();
    assert!(replica.keys.0.lock().unwrap().is_empty());
    let log = replica.store.key_log();
    blocking(&log, |log| log.publish(&key(subject(), 1)).unwrap()).await;
    replica.store.sync().await.unwrap();
    assert_eq!(replica.keys.0.lock().unwrap().len(), 1);
}
