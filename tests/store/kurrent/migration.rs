//! Moving a log from a data directory into a cluster.

use std::{collections::BTreeSet, time::Duration};

use kurrentdb_double::Double;
use parvandeh::store::{
    EventStore, Expect, NewEvent,
    kurrent::{
        KurrentOptions,
        migration::{Migration, MigrationError},
    },
    sqlite::SqliteStore,
};
use tempfile::TempDir;

use super::{Replica, double, log, options};
use crate::store::support::{batch, event, small, stream};

/// A log of its own, with so many appends to ten streams.
async fn embedded(appends: usize) -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(directory.path(), &small()).unwrap();
    for number in 0..appends {
        let sealed = NewEvent { envelope: Some(vec![number as u8; 99].into()), ..event() };
        let events = vec![sealed, event()];
        store.append(&stream(&format!("case-{}", number % 10)), Expect::Any, events).await.unwrap();
    }
    (store, directory)
}

async fn into(double: &Double, source: &SqliteStore) -> Result<Migration, MigrationError> {
    Migration::into_cluster(options(&double.connection_string()), source.id()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_moves_into_a_cluster_is_the_same_on_every_replica() {
    let double = double();
    let (source, _directory) = embedded(60).await;
    // As large as an append may be: it becomes several.
    source.append(&stream("case-long"), Expect::NoStream, batch(1_000)).await.unwrap();
    source.append(&stream("case-long"), Expect::At(999), batch(1_000)).await.unwrap();
    let migration = into(&double, &source).await.unwrap();
    let mut told = Vec::new();
    migration.write(&source, |position| told.push(position)).await.unwrap();
    assert_eq!((told.first(), told.last()), (Some(&0), Some(&2_120)));
    assert!(told.is_sorted());
    migration.verify(&source, |_| {}).await.unwrap();

    let replica = Replica::of(&double).await;
    assert_eq!(replica.store.id(), source.id());
    let stored = |events: &[_]| format!("{events:?}");
    assert_eq!(stored(&log(&*replica.store).await), stored(&log(&source).await));
    replica.check_against(&double).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_move_goes_on_where_it_was() {
    let double = double();
    let (source, _directory) = embedded(100).await;
    let (mut moved, mut interruptions) = (0, 0);
    while moved < 200 {
        let mut hasty: KurrentOptions = options(&double.connection_string());
        hasty.append_timeout = Duration::from_millis(300);
        let migration = Migration::into_cluster(hasty, source.id()).await.unwrap();
        let (mut steps, faults) = (0, double.faults().clone());
        let outcome = migration
            .write(&source, |position| {
                assert!(position >= moved, "{position} after {moved}");
                (moved, steps) = (position, steps + 1);
                // The server goes away in the middle of it.
                if steps == 20 {
                    faults.take_down(0);
                }
            })
            .await;
        interruptions += usize::from(outcome.is_err());
        double.faults().bring_up(0);
    }
    assert!(interruptions >= 3, "{interruptions}");
    let migration = into(&double, &source).await.unwrap();
    migration.write(&source, |_| {}).await.unwrap();
    migration.verify(&source, |_| {}).await.unwrap();
    let there: Vec<_> = double.events_of("parvandeh.case-").iter().map(|event| event.id).collect();
    assert_eq!(there.len(), 200);
    assert_eq!(there.iter().collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_with_another_log_or_other_events_is_refused() {
    let double = double();
    let (source, _directory) = embedded(10).await;
    let replica = Replica::of(&double).await;
    let error = into(&double, &source).await.err().unwrap();
    assert!(matches!(error, MigrationError::AnotherLog { .. }), "{error}");
    drop(replica);

    let double = super::double();
    let migration = into(&double, &source).await.unwrap();
    let other = Replica::of(&double).await;
    other.store.append(&stream("case-7"), Expect::NoStream, batch(1)).await.unwrap();
    let error = migration.write(&source, |_| {}).await.unwrap_err();
    assert!(matches!(error, MigrationError::OtherEvents { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_give_the_same_root_is_told_of() {
    let double = double();
    let (source, _directory) = embedded(10).await;
    let migration = into(&double, &source).await.unwrap();
    let other = Replica::of(&double).await;
    other.store.append(&stream("case-elsewhere"), Expect::NoStream, batch(1)).await.unwrap();
    migration.write(&source, |_| {}).await.unwrap();
    let error = migration.verify(&source, |_| {}).await.unwrap_err();
    assert!(matches!(error, MigrationError::AnotherRoot { events: 20, .. }), "{error}");
}
