//! What goes wrong between this program and its cluster, one thing at a time, and all together.

use std::time::Duration;

use kurrentdb_double::{Double, Fault, Options};
use parvandeh::store::{AppendError, EventStore, Expect, kurrent::Status};
use tokio::task::JoinSet;

use super::{Replica, double, log, options};
use crate::store::support::{batch, ids, stream};

/// A cluster of three, and a replica that is impatient with it.
async fn cluster() -> (Double, Replica) {
    let double = Double::start(Options { nodes: 3, ..Options::default() }).unwrap();
    let replica = impatient(&double).await;
    (double, replica)
}

async fn impatient(double: &Double) -> Replica {
    let address = format!("{}&gossipTimeout=500", double.connection_string());
    let mut options = options(&address);
    options.attempt_timeout = Duration::from_millis(700);
    options.silence = Duration::from_secs(1);
    Replica::with(tempfile::tempdir().unwrap(), options).await.unwrap()
}

/// Two appends that build on each other are written once each, here and there.
async fn appends_work(double: &Double, replica: &Replica, name: &str) {
    let case = stream(name);
    let first = replica.store.append(&case, Expect::NoStream, batch(2)).await.unwrap();
    assert_eq!(first.revision, 1);
    let second = replica.store.append(&case, Expect::At(1), batch(1)).await.unwrap();
    assert_eq!(second.revision, 2);
    assert_eq!(replica.store.read_stream(&case, None, 10).await.unwrap().len(), 3);
    replica.check_against(double).await;
}

async fn until_live(replica: &Replica) {
    let mut status = replica.store.status_changes();
    status.wait_for(|status| *status == Status::Live).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_was_away_is_found_again() {
    let double = double();
    let mut options = options(&format!("{}&maxDiscoverAttempts=2", double.connection_string()));
    options.append_timeout = Duration::from_secs(1);
    options.read_timeout = Duration::from_secs(1);
    let replica = Replica::with(tempfile::tempdir().unwrap(), options).await.unwrap();
    double.faults().take_down(0);

    let refused = replica.store.append(&stream("case-1"), Expect::NoStream, batch(1)).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, AppendError::NotWritten(_) | AppendError::OutcomeUnknown(_)),
        "{refused:?}"
    );
    replica.store.read_stream(&stream("case-1"), None, 1).await.unwrap_err();
    replica.store.sync().await.unwrap_err();

    double.faults().bring_up(0);
    until_live(&replica).await;
    appends_work(&double, &replica, "case-2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_death_of_the_leader_is_survived() {
    let (double, replica) = cluster().await;
    appends_work(&double, &replica, "case-1").await;
    for round in 2..5 {
        let old = double.faults().leader();
        double.faults().take_down(old);
        double.faults().change_leader(Duration::from_millis(300));
        appends_work(&double, &replica, &format!("case-{round}")).await;
        double.faults().bring_up(old);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_ends_or_stalls_is_begun_again() {
    let double = double();
    let replica = impatient(&double).await;
    for (round, fault) in [
        Fault::SubscriptionEndsWithOk,
        Fault::SubscriptionEndsWithError,
        Fault::SubscriptionStalls,
        Fault::SubscriptionEndsWithOk,
    ]
    .into_iter()
    .enumerate()
    {
        let before = double.faults().fired(fault);
        double.faults().arm(fault, 1);
        appends_work(&double, &replica, &format!("case-{round}")).await;
        assert_eq!(double.faults().fired(fault), before + 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_of_a_subscription_is_noticed_before_anything_is_missed() {
    // The client would spin for ever after the first; nobody waits for a heartbeat for so long.
    let double = double();
    let mut options = options(&double.connection_string());
    options.silence = Duration::from_secs(600);
    let replica = Replica::with(tempfile::tempdir().unwrap(), options).await.unwrap();
    for (round, fault) in
        [Fault::SubscriptionEndsWithOk, Fault::SubscriptionEndsWithError].into_iter().enumerate()
    {
        double.faults().arm(fault, 1);
        let case = stream(&format!("case-{round}"));
        let appended = replica.store.append(&case, Expect::NoStream, batch(1)).await.unwrap();
        assert!(appended.position.is_some(), "{fault:?}");
        assert_eq!(double.faults().fired(fault), 1, "{fault:?}");
    }
    assert_eq!(log(&*replica.store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_checkpoints_lead_nowhere() {
    let double = double();
    let replica = impatient(&double).await;
    double.faults().set(Fault::CheckpointOfMax, 0.5);
    double.faults().set(Fault::CheckpointOfStart, 0.5);
    for round in 0..5 {
        // Checkpoints come where there is much that the filter leaves out.
        for _ in 0..3 {
            other_events(&double).await;
        }
        double.faults().cut_connections();
        appends_work(&double, &replica, &format!("case-{round}")).await;
    }
    assert!(double.faults().fired(Fault::CheckpointOfMax) > 0);
    assert!(double.faults().fired(Fault::CheckpointOfStart) > 0);
}

/// What other programs write to the same cluster.
async fn other_events(double: &Double) {
    let client = kurrentdb::Client::new(double.connection_string().parse().unwrap()).unwrap();
    let event = || kurrentdb::EventData::json("other", &serde_json::json!({})).unwrap();
    let events: Vec<_> = (0..100).map(|_| event()).collect();
    client.append_to_stream("another-1", &Default::default(), events).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_is_lost_is_written_once() {
    let double = double();
    let replica = impatient(&double).await;
    for (round, fault) in [
        Fault::CommittedButAborted,
        Fault::CommittedButDeadlineExceeded,
        Fault::CommittedButUnavailable,
        Fault::CommittedButNeverAnswered,
        Fault::CommittedButCut,
        Fault::LostAndAborted,
        Fault::Unavailable,
        Fault::NotLeader,
    ]
    .into_iter()
    .enumerate()
    {
        double.faults().arm_on(fault, &format!("parvandeh.case-{round}"), 2);
        appends_work(&double, &replica, &format!("case-{round}")).await;
        assert_eq!(double.faults().fired(fault), 2, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_outcome_stays_unknown_succeeds_when_it_is_repeated() {
    let double = double();
    let mut options = options(&double.connection_string());
    options.append_timeout = Duration::from_millis(300);
    let replica = Replica::with(tempfile::tempdir().unwrap(), options).await.unwrap();
    for expect in [Expect::NoStream, Expect::Any] {
        let case = stream(if expect == Expect::Any { "case-any" } else { "case-new" });
        double.faults().set_on(Fault::CommittedButAborted, "parvandeh.case-", 1.0);
        let events = batch(2);
        let lost = replica.store.append(&case, expect, events.clone()).await;
        assert!(matches!(lost, Err(AppendError::OutcomeUnknown(_))), "{lost:?}");
        double.faults().clear();
        let again = replica.store.append(&case, expect, events).await.unwrap();
        assert_eq!(again.revision, 1);
    }
    replica.check_against(&double).await;
    assert_eq!(log(&*replica.store).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_answers_and_frozen_connections_are_given_up() {
    let double = double();
    let replica = impatient(&double).await;
    double.faults().set_delay(Duration::from_millis(1_200));
    double.faults().arm_on(Fault::SlowAnswer, "parvandeh.case-", 2);
    appends_work(&double, &replica, "case-slow").await;
    double.faults().arm_on(Fault::ReadNeverAnswered, "parvandeh.case-", 1);
    appends_work(&double, &replica, "case-silent").await;

    double.faults().freeze_connections();
    appends_work(&double, &replica, "case-frozen").await;
    double.faults().thaw();
    appends_work(&double, &replica, "case-thawed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_that_is_none_does_not_make_a_batch_stand_twice() {
    let double = double();
    let replica = Replica::of(&double).await;
    double.faults().arm_on(Fault::CommittedButAborted, "parvandeh.case-1", 1);
    double.faults().arm_on(Fault::FalseConflict, "parvandeh.case-", 2);
    appends_work(&double, &replica, "case-1").await;
    assert_eq!(double.faults().fired(Fault::FalseConflict), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_again_are_recognised() {
    let double = double();
    let replica = impatient(&double).await;
    double.faults().set_on(Fault::EventRepeats, "parvandeh.", 0.5);
    double.faults().set(Fault::SubscriptionRewinds, 1.0);
    for round in 0..10 {
        double.faults().cut_connections();
        appends_work(&double, &replica, &format!("case-{round}")).await;
    }
    assert!(double.faults().fired(Fault::EventRepeats) > 0);
    assert!(double.faults().fired(Fault::SubscriptionRewinds) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_every_replica_has_the_same_log() {
    let (double, left) = cluster().await;
    let right = impatient(&double).await;
    let faults = [
        Fault::CommittedButAborted,
        Fault::CommittedButUnavailable,
        Fault::CommittedButCut,
        Fault::LostAndAborted,
        Fault::Unavailable,
        Fault::NotLeader,
        Fault::FalseConflict,
        Fault::SubscriptionEndsWithOk,
        Fault::SubscriptionEndsWithError,
        Fault::SubscriptionRewinds,
        Fault::EventRepeats,
    ];
    for fault in faults {
        double.faults().set_on(fault, "parvandeh.case-", 0.01);
    }
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = if writer % 2 == 0 { left.store.clone() } else { right.store.clone() };
        writers.spawn(async move {
            let mut written = Vec::new();
            for number in 0..20 {
                let (case, events) = (stream(&format!("case-{}", number % 5)), batch(2));
                // As a command does: read, decide on what was read, append, and repeat what is unknown.
                'decide: loop {
                    let last = match store.read_stream(&case, None, 10_000).await {
                        Ok(events) => events.last().map(|event| event.revision),
                        Err(_) => continue,
                    };
                    let expect = last.map_or(Expect::NoStream, Expect::At);
                    loop {
                        match store.append(&case, expect, events.clone()).await {
                            Ok(_) => break 'decide,
                            Err(AppendError::Conflict { .. }) => continue 'decide,
                            Err(AppendError::OutcomeUnknown(_) | AppendError::NotWritten(_)) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                written.extend(events.iter().map(|event| event.id));
            }
            written
        });
    }
    let mut written: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let fired: Vec<_> = faults.iter().map(|fault| double.faults().fired(*fault)).collect();
    assert!(fired.iter().sum::<u64>() > 10, "{fired:?}");
    double.faults().clear();
    until_live(&left).await;
    until_live(&right).await;
    left.check_against(&double).await;
    right.check_against(&double).await;
    let mut stands = ids(&log(&*left.store).await);
    written.sort_unstable();
    stands.sort_unstable();
    assert!(stands == written, "{} events stand, {} were written", stands.len(), written.len());
}
