//! Each fault as the client sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kurrentdb::{
    AppendToStreamOptions, Client, CurrentRevision, Error, NodePreference, ReadAllOptions,
    StreamPosition, StreamState, SubscriptionEvent,
};
use kurrentdb_double::{Double, Fault, Options};

use crate::subscriptions::{follow_cases, next_numbers};
use crate::{append, connect, event, events, number, read, soon, start, start_with};

/// What a client tells of an append that met the fault, and how many events then stand.
async fn met(fault: Fault) -> (Error, usize) {
    let double = start();
    let client = connect(&double);
    double.faults().arm(fault, 1);
    let error =
        soon(append(&client, "case-1", StreamState::NoStream, events(0..1))).await.unwrap_err();
    assert_eq!(double.faults().fired(fault), 1);
    (error, double.events_of("case-").len())
}

#[tokio::test]
async fn a_false_conflict_names_the_revision_that_was_expected() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    double.faults().arm(Fault::FalseConflict, 1);
    let error =
        append(&client, "case-1", StreamState::StreamRevision(0), events(1..2)).await.unwrap_err();
    let Error::WrongExpectedVersion { current, .. } = error else { panic!("{error:?}") };
    assert_eq!(current, CurrentRevision::Current(0));
    append(&client, "case-1", StreamState::StreamRevision(0), events(1..2)).await.unwrap();
}

#[tokio::test]
async fn a_committed_append_may_be_answered_with_any_failure() {
    let (error, standing) = met(Fault::CommittedButAborted).await;
    assert!(matches!(error, Error::Grpc { code: tonic::Code::Aborted, .. }), "{error:?}");
    assert_eq!(standing, 1);
    let (error, standing) = met(Fault::CommittedButDeadlineExceeded).await;
    assert!(matches!(error, Error::DeadlineExceeded), "{error:?}");
    assert_eq!(standing, 1);
    let (error, standing) = met(Fault::CommittedButUnavailable).await;
    assert!(matches!(error, Error::ServerError(_)), "{error:?}");
    assert_eq!(standing, 1);
    let (error, standing) = met(Fault::CommittedButCut).await;
    assert!(matches!(error, Error::ServerError(_)), "{error:?}");
    assert_eq!(standing, 1);
}

#[tokio::test]
async fn a_lost_append_does_not_stand() {
    let (error, standing) = met(Fault::LostAndAborted).await;
    assert!(matches!(error, Error::Grpc { code: tonic::Code::Aborted, .. }), "{error:?}");
    assert_eq!(standing, 0);
    let (error, standing) = met(Fault::Unavailable).await;
    assert!(matches!(error, Error::ServerError(_)), "{error:?}");
    assert_eq!(standing, 0);
    let (error, standing) = met(Fault::NotLeader).await;
    assert!(matches!(error, Error::NotLeaderException(_)), "{error:?}");
    assert_eq!(standing, 0);
}

#[tokio::test]
async fn after_an_unknown_outcome_the_identical_batch_succeeds_once() {
    let double = start();
    let client = connect(&double);
    double.faults().arm(Fault::CommittedButAborted, 3);
    for _ in 0..3 {
        append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap_err();
    }
    let written = append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    assert_eq!(written.next_expected_version, 1);
    assert_eq!(double.events_of("case-").len(), 2);
}

#[tokio::test]
async fn a_committed_append_that_is_never_answered_leaves_the_client_waiting() {
    let double = start();
    let client = connect(&double);
    append(&client, "other-1", StreamState::NoStream, events(0..1)).await.unwrap();
    double.faults().arm(Fault::CommittedButNeverAnswered, 1);
    let options = AppendToStreamOptions::default().deadline(Duration::from_millis(50));
    let waiting = client.append_to_stream("case-1", &options, event(0));
    let waited = tokio::time::timeout(Duration::from_millis(500), waiting).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(double.events_of("case-").len(), 1);
    assert_eq!(soon(read(&client, "case-1")).await.unwrap(), [0], "other calls go on");
}

#[tokio::test]
async fn a_slow_answer_meets_the_deadline_of_the_call() {
    let double = start();
    let client = connect(&double);
    double.faults().set_delay(Duration::from_secs(60));
    double.faults().arm(Fault::SlowAnswer, 1);
    let options = AppendToStreamOptions::default().deadline(Duration::from_millis(50));
    let error = soon(client.append_to_stream("case-1", &options, event(0))).await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded), "{error:?}");
    assert_eq!(double.events_of("case-").len(), 1);
}

#[tokio::test]
async fn a_fault_can_be_narrowed_to_streams() {
    let double = start();
    let client = connect(&double);
    double.faults().set_on(Fault::Unavailable, "case-", 1.0);
    append(&client, "other-1", StreamState::NoStream, events(0..1)).await.unwrap();
    append(&client, "case-1", StreamState::NoStream, events(1..2)).await.unwrap_err();
    double.faults().clear();
    append(&connect(&double), "case-1", StreamState::NoStream, events(1..2)).await.unwrap();
}

#[tokio::test]
async fn one_seed_gives_one_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let double = start_with(Options { seed: 7, ..Options::default() });
        let client = connect(&double);
        double.faults().set(Fault::CommittedButAborted, 0.5);
        let mut answers = Vec::new();
        for number in 0..20 {
            answers.push(
                append(&client, "case-1", StreamState::Any, events(number..number + 1))
                    .await
                    .is_ok(),
            );
        }
        runs.push((
            answers,
            double.events().iter().map(|event| event.position).collect::<Vec<_>>(),
        ));
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].0.contains(&true) && runs[0].0.contains(&false));
}

async fn following(fault: Fault) -> (Double, kurrentdb::Subscription) {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    assert_eq!(next_numbers(&mut subscription, 1).await, [0]);
    double.faults().arm(fault, 1);
    append(&client, "case-1", StreamState::StreamRevision(0), events(1..2)).await.unwrap();
    (double, subscription)
}

#[tokio::test]
async fn a_subscription_can_end_with_an_error() {
    let (_double, mut subscription) = following(Fault::SubscriptionEndsWithError).await;
    let error = soon(subscription.next()).await.unwrap_err();
    assert!(matches!(error, Error::ServerError(_)), "{error:?}");
}

#[tokio::test]
async fn a_subscription_can_fall_silent() {
    let (double, mut subscription) = following(Fault::SubscriptionStalls).await;
    let waited = tokio::time::timeout(Duration::from_millis(500), subscription.next()).await;
    assert!(
        waited.is_err(),
        "{:?}",
        waited.map(|event| event.map(|event| event.get_original_event().id))
    );
    assert_eq!(double.faults().fired(Fault::SubscriptionStalls), 1);
}

/// The client does not notice such an end and asks again and again without pausing. Its only call on the way is a
/// warning, which here ends the thread that spins.
#[tokio::test]
async fn a_subscription_can_end_with_ok_and_the_client_spins() {
    let double = start();
    append(&connect(&double), "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    double.faults().arm(Fault::SubscriptionEndsWithOk, 1);
    let settings = double.connection_string().parse().unwrap();
    let warnings = Arc::new(AtomicU64::new(0));
    let counting = EndAfterWarnings(warnings.clone());
    let follower = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(counting, || {
            runtime.block_on(async {
                let client = Client::new(settings).unwrap();
                let mut subscription = follow_cases(&client, StreamPosition::Start).await;
                subscription.next().await.map(|event| number(&event))
            })
        })
    });
    let ended = soon(tokio::task::spawn_blocking(|| follower.join())).await.unwrap();
    assert!(ended.is_err(), "the client has noticed: {ended:?}");
    assert_eq!(warnings.load(Ordering::Relaxed), SPINS);
    assert_eq!(double.faults().fired(Fault::SubscriptionEndsWithOk), 1);
}

const SPINS: u64 = 1000;

/// Unwinds out of whoever has warned so often that it must be spinning.
struct EndAfterWarnings(Arc<AtomicU64>);

impl tracing::Subscriber for EndAfterWarnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("kurrentdb")
    }

    fn event(&self, _: &tracing::Event<'_>) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) + 1 < SPINS, "it spins");
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn events_can_come_twice() {
    let (_double, mut subscription) = following(Fault::EventRepeats).await;
    assert_eq!(next_numbers(&mut subscription, 2).await, [1, 1]);
    let (double, _subscription) = following(Fault::SubscriptionRewinds).await;
    let position = double.events().last().unwrap().position;
    let position =
        StreamPosition::Position(kurrentdb::Position { commit: position, prepare: position });
    let mut rewound = follow_cases(&connect(&double), position).await;
    assert_eq!(
        next_numbers(&mut rewound, 1).await.len(),
        1,
        "an event from before the place asked for"
    );
}

#[tokio::test]
async fn checkpoints_can_be_wrong() {
    let double = start();
    let client = connect(&double);
    append(&client, "other-1", StreamState::NoStream, events(0..100)).await.unwrap();
    double.faults().arm(Fault::CheckpointOfMax, 1);
    double.faults().arm(Fault::CheckpointOfStart, 1);
    let mut subscription = follow_cases(&client, StreamPosition::Start).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        if let SubscriptionEvent::Checkpoint(position) =
            soon(subscription.next_subscription_event()).await.unwrap()
        {
            told.push(position.commit);
        }
    }
    assert_eq!((told[0], told[1]), (u64::MAX, 0));
    assert_eq!(told[2], double.events()[95].position);
}

#[tokio::test]
async fn a_follower_names_the_leader_and_the_client_goes_there() {
    let double = start_with(Options { nodes: 3, ..Options::default() });
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    assert_eq!(double.faults().change_leader(Duration::ZERO), 1);
    // The first call finds its connection cut; a client that has found the cluster again goes on.
    soon(async {
        loop {
            let client = connect(&double);
            if append(&client, "case-1", StreamState::StreamRevision(0), events(1..2)).await.is_ok()
            {
                break;
            }
        }
    })
    .await;
    assert_eq!(read(&connect(&double), "case-1").await.unwrap(), [0, 1]);
    assert_eq!(double.faults().leader(), 1);

    let hosts = double.connection_string();
    let follower = hosts.trim_start_matches("kurrentdb://").split(',').next().unwrap();
    let settings = format!("kurrentdb://{follower}?tls=false").parse().unwrap();
    let client = Client::new(settings).unwrap();
    let error =
        append(&client, "case-1", StreamState::StreamRevision(1), events(2..3)).await.unwrap_err();
    assert!(matches!(error, Error::NotLeaderException(_)), "{error:?}");
    append(&client, "case-1", StreamState::StreamRevision(1), events(2..3)).await.unwrap();
}

#[tokio::test]
async fn a_client_without_need_of_the_leader_reads_from_a_follower() {
    let double = start_with(Options { nodes: 3, ..Options::default() });
    append(&connect(&double), "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    let settings =
        format!("{}&nodePreference=follower", double.connection_string()).parse().unwrap();
    let client = Client::new(settings).unwrap();
    assert_eq!(client.settings().node_preference(), NodePreference::Follower);
    assert_eq!(read(&client, "case-1").await.unwrap(), [0]);
}

#[tokio::test]
async fn during_an_election_every_call_is_unavailable() {
    let double = start_with(Options { nodes: 3, ..Options::default() });
    double.faults().change_leader(Duration::from_secs(3600));
    let error = soon(append(&connect(&double), "case-1", StreamState::Any, events(0..1)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::GrpcConnectionError(_)), "{error:?}");
    double.faults().change_leader(Duration::ZERO);
    append(&connect(&double), "case-1", StreamState::Any, events(0..1)).await.unwrap();
}

#[tokio::test]
async fn a_frozen_connection_says_nothing_until_it_thaws() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    double.faults().freeze_connections();
    let mut frozen =
        std::pin::pin!(append(&client, "case-1", StreamState::StreamRevision(0), events(1..2)));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut frozen).await.is_err());
    assert_eq!(read(&connect(&double), "case-1").await.unwrap(), [0], "new connections are served");
    double.faults().freeze_node(0);
    let half_open = connect(&double);
    let mut half_open = std::pin::pin!(read(&half_open, "case-1"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut half_open).await.is_err());
    double.faults().thaw();
    assert_eq!(soon(frozen).await.unwrap().next_expected_version, 1);
    assert!(!soon(half_open).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_node_that_is_down_is_left_for_another() {
    let double = start_with(Options { nodes: 3, ..Options::default() });
    double.faults().take_down(0);
    double.faults().change_leader(Duration::ZERO);
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    double.faults().bring_up(0);
}

#[tokio::test]
async fn a_read_can_stay_unanswered() {
    let double = start();
    let client = connect(&double);
    double.faults().arm(Fault::ReadNeverAnswered, 1);
    let options = ReadAllOptions::default();
    let waited = tokio::time::timeout(Duration::from_millis(300), client.read_all(&options)).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn a_restored_server_has_forgotten_its_last_events() {
    let double = start();
    append(&connect(&double), "case-1", StreamState::NoStream, events(0..5)).await.unwrap();
    double.forget_last(2);
    let client = connect(&double);
    assert_eq!(read(&client, "case-1").await.unwrap(), [0, 1, 2]);
    append(&client, "case-1", StreamState::StreamRevision(2), events(9..10)).await.unwrap();
}
