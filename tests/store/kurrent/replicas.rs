//! Several replicas of one log, and what becomes of their copies.

use std::{collections::BTreeSet, path::Path, time::Duration};

use kurrentdb_double::Double;
use parvandeh::store::{
    AppendError, EventStore, Expect, LoggedEvent, NewEvent,
    kurrent::{ConnectError, Status},
    sqlite::{OpenError, SqliteStore},
};
use tempfile::TempDir;

use super::{Replica, connect, double, log, options};
use crate::store::support::{batch, event, ids, small, stream};

async fn refusal(directory: &Path, double: &Double) -> ConnectError {
    connect(directory, options(&double.connection_string())).await.unwrap_err()
}

/// Everything that is stored of the events.
fn stored(events: &[LoggedEvent]) -> Vec<String> {
    events.iter().map(|event| format!("{event:?}")).collect()
}

fn sealed() -> NewEvent {
    NewEvent { envelope: Some((0..=255).collect::<Vec<u8>>().into()), ..event() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_replica_has_the_same_log_and_reads_what_another_was_told() {
    let double = double();
    let (left, right) = (Replica::of(&double).await, Replica::of(&double).await);
    assert_eq!(left.store.id(), right.store.id());
    for round in 0..20 {
        let (writer, reader) = if round % 2 == 0 { (&left, &right) } else { (&right, &left) };
        let case = stream(&format!("case-{}", round % 3));
        let events = vec![event(), sealed()];
        let appended = writer.store.append(&case, Expect::Any, events).await.unwrap();
        let before = appended.revision.checked_sub(1);
        let seen = reader.store.read_stream(&case, before, 1).await.unwrap();
        assert_eq!(Some(seen[0].position), appended.position);
        assert!(reader.store.sync().await.unwrap() >= appended.position);
    }
    left.store.sync().await.unwrap();
    right.store.sync().await.unwrap();
    assert_eq!(stored(&log(&*left.store).await), stored(&log(&*right.store).await));
    left.check_against(&double).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_begin_together_agree_on_one_log() {
    let double = double();
    let (one, two, three) =
        tokio::join!(Replica::of(&double), Replica::of(&double), Replica::of(&double));
    let ids: BTreeSet<_> = [&one, &two, &three].map(|replica| replica.store.id()).into();
    assert_eq!(ids.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_know_of_each_other_and_miss_who_is_gone() {
    let double = double();
    let (left, right) = (Replica::of(&double).await, Replica::of(&double).await);
    let mut members = left.store.members();
    let me = members.borrow().me;
    let other = right.store.members().borrow().me;
    members.wait_for(|members| members.alive == BTreeSet::from([me, other])).await.unwrap();
    right.end().await;
    members.wait_for(|members| members.alive == BTreeSet::from([me])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_replica_goes_on_where_its_copy_ends() {
    let double = double();
    let (left, right) = (Replica::of(&double).await, Replica::of(&double).await);
    let id = left.store.id();
    left.store.append(&stream("case-1"), Expect::NoStream, vec![sealed(), event()]).await.unwrap();
    left.check_against(&double).await;
    let before = log(&*left.store).await;
    let directory = left.end().await;

    right.store.append(&stream("case-1"), Expect::At(1), batch(3)).await.unwrap();
    let left = Replica::with(directory, options(&double.connection_string())).await.unwrap();
    assert_eq!(left.store.id(), id);
    left.check_against(&double).await;
    let after = log(&*left.store).await;
    assert_eq!(after.len(), 5);
    assert_eq!(stored(&after[..2]), stored(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_deleted_comes_back() {
    let double = double();
    let replica = Replica::of(&double).await;
    for round in 0..30 {
        let case = stream(&format!("case-{}", round % 7));
        let events = vec![event(), sealed(), event()];
        replica.store.append(&case, Expect::Any, events).await.unwrap();
    }
    let before = log(&*replica.store).await;
    let id = replica.store.id();
    drop(replica.end().await);

    let replica = Replica::of(&double).await;
    assert_eq!(replica.store.id(), id);
    assert_eq!(stored(&log(&*replica.store).await), stored(&before));
    replica.check_against(&double).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_ahead_of_the_cluster_is_refused() {
    let double = double();
    let replica = Replica::of(&double).await;
    replica.store.append(&stream("case-1"), Expect::NoStream, batch(2)).await.unwrap();
    let directory = replica.end().await;
    // As far back as the copy's last event, with the heartbeats after it.
    let events = double.events();
    let kept = events.iter().rposition(|event| &*event.stream == "parvandeh.case-1").unwrap();
    double.forget_last(events.len() - kept);

    let error = refusal(directory.path(), &double).await;
    assert!(matches!(error, ConnectError::Diverged { found: "missing", .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("older backup") && message.contains("delete the data"), "{message}");

    // Others have gone on from there.
    let other = Replica::of(&double).await;
    other.store.append(&stream("case-1"), Expect::At(0), batch(2)).await.unwrap();
    let error = refusal(directory.path(), &double).await;
    assert!(matches!(error, ConnectError::Diverged { found: "another event", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_goes_back_in_time_stops_the_copy() {
    let double = double();
    let replica = Replica::of(&double).await;
    replica.store.append(&stream("case-1"), Expect::NoStream, batch(2)).await.unwrap();
    let events = double.events();
    let kept = events.iter().rposition(|event| &*event.stream == "parvandeh.case-1").unwrap();
    double.forget_last(events.len() - kept);
    let other = Replica::of(&double).await;
    other.store.append(&stream("case-1"), Expect::At(0), batch(1)).await.unwrap();

    let mut status = replica.store.status_changes();
    let stopped = status.wait_for(|status| matches!(status, Status::Stopped { .. }));
    let reason = stopped.await.unwrap().to_string();
    assert!(reason.contains("revision 1 of case-1"), "{reason}");
    let refused = replica.store.append(&stream("case-2"), Expect::NoStream, batch(1)).await;
    assert!(matches!(refused, Err(AppendError::Stopped(_))), "{refused:?}");
    replica.store.read_stream(&stream("case-1"), None, 1).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_logs_directory_is_refused() {
    let (here, there) = (double(), double());
    let replica = Replica::of(&here).await;
    replica.store.append(&stream("case-1"), Expect::NoStream, batch(1)).await.unwrap();
    let directory = replica.end().await;

    let error = refusal(directory.path(), &there).await;
    assert!(matches!(error, ConnectError::NoLogThere { .. }), "{error}");
    assert!(error.to_string().contains("migrate-store"), "{error}");
    Replica::of(&there).await.end().await;
    let error = refusal(directory.path(), &there).await;
    assert!(matches!(error, ConnectError::Open(OpenError::AnotherLog { .. })), "{error}");
    assert!(error.to_string().contains("name another data directory"), "{error}");
    // It is as it was.
    Replica::with(directory, options(&here.connection_string())).await.unwrap();

    let embedded = tempfile::tempdir().unwrap();
    drop(SqliteStore::open_with(embedded.path(), &small()).unwrap());
    let error = refusal(embedded.path(), &here).await;
    assert!(matches!(error, ConnectError::Open(OpenError::AnotherLog { .. })), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_the_server_hides_stop_the_copy() {
    let double = double();
    let replica = Replica::of(&double).await;
    let case = stream("case-1");
    let appended = replica.store.append(&case, Expect::NoStream, batch(3)).await.unwrap();
    assert_eq!(appended.revision, 2);
    let client = kurrentdb::Client::new(double.connection_string().parse().unwrap()).unwrap();
    let keep_one = kurrentdb::StreamMetadataBuilder::new().max_count(1).build();
    client.set_stream_metadata("parvandeh.case-1", &Default::default(), &keep_one).await.unwrap();
    assert_eq!(double.scavenge(), 2);

    // Who has the events keeps them; who comes now is told that they are missing.
    assert_eq!(replica.store.read_stream(&case, None, 10).await.unwrap().len(), 3);
    let directory = tempfile::tempdir().unwrap();
    let late = connect(directory.path(), options(&double.connection_string())).await.unwrap();
    late.follow(std::sync::Arc::new(super::Keys::default())).unwrap();
    let error = late.caught_up(|_| {}).await.unwrap_err().to_string();
    assert!(error.contains("hidden") && error.contains("case-1"), "{error}");
    assert!(matches!(late.status(), Status::Stopped { .. }));
    assert_eq!(late.head(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_somebody_deleted_stops_the_copy() {
    let double = double();
    let replica = Replica::of(&double).await;
    replica.store.append(&stream("case-1"), Expect::NoStream, batch(1)).await.unwrap();
    let client = kurrentdb::Client::new(double.connection_string().parse().unwrap()).unwrap();
    client.tombstone_stream("parvandeh.case-1", &Default::default()).await.unwrap();
    let mut status = replica.store.status_changes();
    let stopped = status.wait_for(|status| matches!(status, Status::Stopped { .. }));
    assert!(stopped.await.unwrap().to_string().contains("deleted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_events_are_not_ours() {
    let double = double();
    let replica = Replica::of(&double).await;
    let client = kurrentdb::Client::new(double.connection_string().parse().unwrap()).unwrap();
    for name in ["parvandehs.case-1", "case-1", "parvandeh-case-1", "parvandeh.nothyphenated"] {
        let event = kurrentdb::EventData::json("other", &serde_json::json!({})).unwrap();
        client.append_to_stream(name, &Default::default(), event).await.unwrap();
    }
    let events = batch(2);
    let written: Vec<_> = events.iter().map(|event| event.id).collect();
    replica.store.append(&stream("case-1"), Expect::NoStream, events).await.unwrap();
    assert_eq!(ids(&log(&*replica.store).await), written);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_keeps_for_itself_cannot_be_appended_to() {
    let double = double();
    let replica = Replica::of(&double).await;
    for name in ["log-identity", "vault-key-customer-1", "replicas-heartbeat"] {
        let refused = replica.store.append(&stream(name), Expect::Any, batch(1)).await;
        assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_is_larger_on_its_way_than_the_server_takes_is_refused() {
    let double = double();
    let replica = Replica::of(&double).await;
    let sealed = |size_bytes| NewEvent { envelope: Some(vec![7; size_bytes].into()), ..event() };
    let refused = replica
        .store
        .append(&stream("case-1"), Expect::NoStream, vec![sealed(400_000), sealed(386_000)])
        .await;
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "{refused:?}");
    let fits = vec![sealed(380_000), sealed(380_000)];
    replica.store.append(&stream("case-1"), Expect::NoStream, fits).await.unwrap();
    replica.check_against(&double).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_envelopes_are_gone_from_the_copy() {
    let double = double();
    let replica = Replica::of(&double).await;
    let case = stream("case-1");
    let appended = replica.store.append(&case, Expect::NoStream, vec![sealed()]).await.unwrap();
    let removed = replica.store.remove_envelopes(vec![appended.position.unwrap()]).await;
    assert_eq!(removed, Ok(1));
    assert_eq!(replica.store.read_stream(&case, None, 1).await.unwrap()[0].envelope, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_does_not_follow_yet_appends_and_does_not_wait() {
    let double = double();
    let directory: TempDir = tempfile::tempdir().unwrap();
    let mut options = options(&double.connection_string());
    options.read_timeout = Duration::from_millis(200);
    let store = connect(directory.path(), options).await.unwrap();
    let appended = store.append(&stream("case-1"), Expect::NoStream, batch(1)).await.unwrap();
    assert_eq!((appended.revision, appended.position), (0, None));
    store.read_stream(&stream("case-1"), None, 1).await.unwrap_err();
}
