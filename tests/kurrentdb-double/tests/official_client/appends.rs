//! Appends, retries and deletions.

use kurrentdb::{CurrentRevision, DeleteStreamOptions, Error, StreamState, TombstoneStreamOptions};
use kurrentdb_double::Options;

use crate::{append, connect, event, events, read, start, start_with};

fn conflict(error: Error) -> Option<u64> {
    match error {
        Error::WrongExpectedVersion { current: CurrentRevision::Current(revision), .. } => {
            Some(revision)
        }
        Error::WrongExpectedVersion { current: CurrentRevision::NoStream, .. } => None,
        other => panic!("not a conflict: {other:?}"),
    }
}

#[tokio::test]
async fn events_are_appended_and_read_in_order() {
    let double = start();
    let client = connect(&double);
    let written = append(&client, "case-1", StreamState::NoStream, events(0..3)).await.unwrap();
    assert_eq!(written.next_expected_version, 2);
    let written =
        append(&client, "case-1", StreamState::StreamRevision(2), events(3..5)).await.unwrap();
    assert_eq!(written.next_expected_version, 4);
    assert_eq!(read(&client, "case-1").await.unwrap(), [0, 1, 2, 3, 4]);
    let held = double.events_of("case-");
    assert_eq!(held.last().unwrap().position, written.position.commit);
    assert_eq!(held.iter().map(|event| event.revision).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_wrong_expectation_is_a_conflict_that_names_the_revision() {
    let double = start();
    let client = connect(&double);
    let none = append(&client, "case-1", StreamState::StreamRevision(0), events(0..1)).await;
    assert_eq!(conflict(none.unwrap_err()), None);
    let none = append(&client, "case-1", StreamState::StreamExists, events(0..1)).await;
    assert_eq!(conflict(none.unwrap_err()), None);
    append(&client, "case-1", StreamState::NoStream, events(0..3)).await.unwrap();
    for state in
        [StreamState::NoStream, StreamState::StreamRevision(1), StreamState::StreamRevision(7)]
    {
        let refused = append(&client, "case-1", state, events(10..11)).await;
        assert_eq!(conflict(refused.unwrap_err()), Some(2));
    }
    assert_eq!(double.events_of("case-").len(), 3);
}

#[tokio::test]
async fn the_same_batch_again_succeeds_with_its_first_revision() {
    let double = start();
    let client = connect(&double);
    let first = append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    append(&client, "case-1", StreamState::StreamRevision(1), events(2..4)).await.unwrap();
    let again = append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    assert_eq!(again.next_expected_version, 1);
    assert_eq!(again.position, first.position);
    let again =
        append(&client, "case-1", StreamState::StreamRevision(1), events(2..4)).await.unwrap();
    assert_eq!(again.next_expected_version, 3);
    assert_eq!(double.events_of("case-").len(), 4);
}

#[tokio::test]
async fn a_server_may_not_know_the_position_of_a_repeated_batch() {
    let double = start_with(Options { repeats_tell_position: false, ..Options::default() });
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    let again = append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    assert_eq!((again.next_expected_version, again.position.commit), (1, 0));
}

#[tokio::test]
async fn a_batch_that_matches_in_part_is_a_conflict() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    let longer = append(&client, "case-1", StreamState::NoStream, events(0..3)).await;
    assert_eq!(conflict(longer.unwrap_err()), Some(1));
    let other = append(&client, "case-1", StreamState::NoStream, vec![event(0), event(9)]).await;
    assert_eq!(conflict(other.unwrap_err()), Some(1));
}

#[tokio::test]
async fn the_same_ids_at_the_current_revision_are_written_again() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..1)).await.unwrap();
    append(&client, "case-1", StreamState::StreamRevision(0), events(0..1)).await.unwrap();
    assert_eq!(read(&client, "case-1").await.unwrap(), [0, 0]);
}

#[tokio::test]
async fn without_an_expectation_only_recent_ids_are_recognised() {
    let double = start_with(Options { recent_ids_max: 2, ..Options::default() });
    let client = connect(&double);
    append(&client, "case-1", StreamState::Any, events(0..1)).await.unwrap();
    let again = append(&client, "case-1", StreamState::Any, events(0..1)).await.unwrap();
    assert_eq!(again.next_expected_version, 0);
    append(&client, "case-1", StreamState::Any, events(1..3)).await.unwrap();
    append(&client, "case-1", StreamState::Any, events(0..1)).await.unwrap();
    assert_eq!(read(&client, "case-1").await.unwrap(), [0, 1, 2, 0]);
}

#[tokio::test]
async fn an_append_over_the_limit_is_refused() {
    let double = start_with(Options { append_size_bytes_max: 4096, ..Options::default() });
    let client = connect(&double);
    let error = append(&client, "case-1", StreamState::Any, events(0..400)).await.unwrap_err();
    assert!(matches!(error, Error::Grpc { .. }), "{error:?}");
    assert!(double.events_of("case-").is_empty());
}

#[tokio::test]
async fn a_softly_deleted_stream_is_not_found_and_can_begin_again() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    client.delete_stream("case-1", &DeleteStreamOptions::default()).await.unwrap();
    assert!(matches!(read(&client, "case-1").await, Err(Error::ResourceNotFound)));
    let again = append(&client, "case-1", StreamState::NoStream, events(2..3)).await.unwrap();
    assert_eq!(again.next_expected_version, 2);
    assert_eq!(read(&client, "case-1").await.unwrap(), [2]);
    assert_eq!(double.events_of("case-").len(), 3, "the log still holds what is hidden");
}

#[tokio::test]
async fn a_stream_deleted_for_good_refuses_everything() {
    let double = start();
    let client = connect(&double);
    append(&client, "case-1", StreamState::NoStream, events(0..2)).await.unwrap();
    client.tombstone_stream("case-1", &TombstoneStreamOptions::default()).await.unwrap();
    assert!(matches!(read(&client, "case-1").await, Err(Error::ResourceDeleted)));
    for state in [StreamState::NoStream, StreamState::Any, StreamState::StreamRevision(1)] {
        let refused = append(&client, "case-1", state, events(0..2)).await;
        assert!(matches!(refused, Err(Error::ResourceDeleted)), "{refused:?}");
    }
    let last = double.events_of("case-1").pop().unwrap();
    assert_eq!((&*last.kind, last.revision), ("$streamDeleted", i64::MAX as u64));
}
