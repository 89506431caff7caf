//! What every event store must do, as one suite of scenarios over the port. Each is run for the
//! store in memory, for the embedded one, and for the one on a cluster: against a double of the
//! cluster's servers, and against real ones where `KURRENTDB_URL` says where they are.

use std::{collections::BTreeSet, sync::Arc};

use super::support::{batch, event, ids, log_of, small, stream, stream_of};
use futures_util::{Stream, StreamExt};
use parvandeh::store::{
    APPEND_EVENTS_MAX, APPEND_SIZE_BYTES_MAX, AppendError, Appended, EventStore, Expect,
    LoggedEvent, NewEvent, Position, ReadError,
    memory::MemoryStore,
    sqlite::SqliteStore,
    subscription::{Filter, SubscriptionItem, subscribe},
};
use tokio::task::JoinSet;
use uuid::Uuid;

type Store = Arc<dyn EventStore>;

macro_rules! contract {
    ($($scenario:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(std::sync::Arc::new(super::MemoryStore::default())).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let directory = tempfile::tempdir().unwrap();
                let store = super::SqliteStore::open_with(directory.path(), &super::small());
                let store = std::sync::Arc::new(store.unwrap());
                super::$scenario(store.clone()).await;
                store.check().unwrap();
            })*
        }
        mod kurrent {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let double = crate::store::kurrent::double();
                let replica = crate::store::kurrent::Replica::of(&double).await;
                super::$scenario(replica.store.clone()).await;
                replica.check_against(&double).await;
            })*
        }
        mod kurrent_server {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                let Some(replica) = crate::store::kurrent::Replica::of_a_real_server().await else {
                    return;
                };
                super::$scenario(replica.store.clone()).await;
                replica.check().await;
            })*
        }
    };
}

contract! {
    a_new_stream_begins_at_revision_0_and_the_log_at_a_first_position
    an_exact_revision_is_accepted_and_any_other_refused_with_the_actual_one
    no_stream_is_accepted_once
    a_conflicting_append_writes_nothing
    the_identical_append_again_gets_the_original_answer_and_writes_nothing
    the_identical_append_again_succeeds_even_after_the_stream_has_grown
    a_retry_of_the_same_ids_in_part_or_in_another_order_is_a_conflict
    the_same_append_at_the_current_revision_is_written_again
    with_any_a_recent_append_is_not_written_twice
    with_any_appends_go_to_the_end_of_the_stream
    one_of_many_writers_wins_each_revision_of_a_stream
    retries_that_race_with_their_original_are_written_once
    many_writers_on_many_streams_get_positions_of_their_own
    a_dropped_append_leaves_the_store_whole
    a_stream_is_read_in_pages_after_a_revision
    a_page_may_begin_and_end_inside_an_append
    the_log_is_read_in_pages_after_a_position
    a_page_of_the_log_ends_early_where_envelopes_are_large
    what_was_written_is_read_back_in_full
    persian_text_comes_back_as_it_was
    an_append_of_the_largest_size_is_accepted
    an_append_that_is_too_large_is_refused_and_nothing_is_written
    an_append_that_is_not_well_formed_is_refused_and_nothing_is_written
    the_head_moves_with_the_log_and_what_it_announces_can_be_read
    a_subscription_catches_up_tells_so_and_goes_on_with_new_events
    a_subscription_begins_after_its_position
    a_filtered_subscription_delivers_what_matches_and_tells_how_far_it_came
    a_subscription_misses_nothing_while_appends_race_with_it
    random_histories_agree_with_a_simple_model
}

async fn a_new_stream_begins_at_revision_0_and_the_log_at_a_first_position(store: Store) {
    assert_eq!(store.head(), None);
    assert!(store.read_all(None, 10).await.unwrap().is_empty());
    assert!(store.read_stream(&stream("case-1"), None, 10).await.unwrap().is_empty());

    let appended = store.append(&stream("case-1"), Expect::NoStream, batch(2)).await.unwrap();

    assert_eq!(appended.revision, 1);
    let events = store.read_all(None, 10).await.unwrap();
    assert_eq!(events.iter().map(|event| event.revision).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(appended.position.unwrap(), events[1].position);
    assert_eq!(store.head(), Some(events[1].position));
}

async fn an_exact_revision_is_accepted_and_any_other_refused_with_the_actual_one(store: Store) {
    let case = stream("case-1");
    store.append(&case, Expect::NoStream, batch(3)).await.unwrap();
    for wrong in [0, 1, 3, 9, u64::MAX - 1, u64::MAX] {
        let refused = store.append(&case, Expect::At(wrong), batch(1)).await;
        assert_eq!(refused, Err(AppendError::Conflict { actual: Some(2) }), "at {wrong}");
    }
    let refused = store.append(&stream("case-2"), Expect::At(0), batch(1)).await;
    assert_eq!(refused, Err(AppendError::Conflict { actual: None }));

    assert_eq!(store.append(&case, Expect::At(2), batch(2)).await.unwrap().revision, 4);
    assert_eq!(store.append(&case, Expect::At(4), batch(1)).await.unwrap().revision, 5);
}

async fn no_stream_is_accepted_once(store: Store) {
    let case = stream("case-1");
    store.append(&case, Expect::NoStream, batch(1)).await.unwrap();
    let refused = store.append(&case, Expect::NoStream, batch(1)).await;
    assert_eq!(refused, Err(AppendError::Conflict { actual: Some(0) }));
}

async fn a_conflicting_append_writes_nothing(store: Store) {
    let case = stream("case-1");
    store.append(&case, Expect::NoStream, batch(2)).await.unwrap();
    let before = ids(&log_of(&store).await);
    store.append(&case, Expect::At(0), batch(3)).await.unwrap_err();
    store.append(&stream("case-2"), Expect::At(7), batch(3)).await.unwrap_err();
    assert_eq!(ids(&log_of(&store).await), before);
    assert!(stream_of(&store, "case-2").await.is_empty());
}

async fn the_identical_append_again_gets_the_original_answer_and_writes_nothing(store: Store) {
    let case = stream("case-1");
    store.append(&stream("case-0"), Expect::NoStream, batch(3)).await.unwrap();
    for (expect, events) in [(Expect::NoStream, batch(2)), (Expect::At(1), batch(3))] {
        let original = store.append(&case, expect, events.clone()).await.unwrap();
        for _ in 0..3 {
            let again = store.append(&case, expect, events.clone()).await.unwrap();
            assert_eq!(again, original);
        }
    }
    assert_eq!(stream_of(&store, "case-1").await.len(), 5);
}

async fn the_identical_append_again_succeeds_even_after_the_stream_has_grown(store: Store) {
    let case = stream("case-1");
    let (first, second) = (batch(2), batch(2));
    let original = store.append(&case, Expect::NoStream, first.clone()).await.unwrap();
    let next = store.append(&case, Expect::At(1), second.clone()).await.unwrap();
    store.append(&case, Expect::At(3), batch(4)).await.unwrap();
    assert_eq!(store.append(&case, Expect::NoStream, first).await.unwrap(), original);
    assert_eq!(store.append(&case, Expect::At(1), second).await.unwrap(), next);
    assert_eq!(stream_of(&store, "case-1").await.len(), 8);
}

async fn a_retry_of_the_same_ids_in_part_or_in_another_order_is_a_conflict(store: Store) {
    let case = stream("case-1");
    let events = batch(3);
    store.append(&case, Expect::NoStream, events.clone()).await.unwrap();
    let reversed: Vec<_> = events.iter().rev().cloned().collect();
    let mut longer = events.clone();
    longer.push(event());
    let mut other_end = events[..2].to_vec();
    other_end.push(event());
    for retry in [reversed, longer, other_end, events[1..].to_vec()] {
        let refused = store.append(&case, Expect::NoStream, retry).await;
        assert_eq!(refused, Err(AppendError::Conflict { actual: Some(2) }));
    }
    let shifted = store.append(&case, Expect::At(0), events).await;
    assert_eq!(shifted, Err(AppendError::Conflict { actual: Some(2) }));
    assert_eq!(stream_of(&store, "case-1").await.len(), 3);
}

async fn the_same_append_at_the_current_revision_is_written_again(store: Store) {
    // As the cluster does: the expectation, not the id, is what makes a retry a retry.
    let case = stream("case-1");
    let events = batch(1);
    store.append(&case, Expect::NoStream, events.clone()).await.unwrap();
    assert_eq!(store.append(&case, Expect::At(0), events).await.unwrap().revision, 1);
}

async fn with_any_a_recent_append_is_not_written_twice(store: Store) {
    let case = stream("case-1");
    store.append(&case, Expect::Any, batch(1)).await.unwrap();
    let events = batch(2);
    let original = store.append(&case, Expect::Any, events.clone()).await.unwrap();
    store.append(&case, Expect::Any, batch(1)).await.unwrap();
    assert_eq!(store.append(&case, Expect::Any, events.clone()).await.unwrap(), original);
    let part = store.append(&case, Expect::Any, vec![events[0].clone(), event()]).await;
    assert_eq!(part, Err(AppendError::Conflict { actual: Some(3) }));
    assert_eq!(stream_of(&store, "case-1").await.len(), 4);
}

async fn with_any_appends_go_to_the_end_of_the_stream(store: Store) {
    let case = stream("case-1");
    assert_eq!(store.append(&case, Expect::Any, batch(1)).await.unwrap().revision, 0);
    assert_eq!(store.append(&case, Expect::At(0), batch(2)).await.unwrap().revision, 2);
    assert_eq!(store.append(&case, Expect::Any, batch(2)).await.unwrap().revision, 4);
}

async fn one_of_many_writers_wins_each_revision_of_a_stream(store: Store) {
    const WRITERS: usize = 64;
    const EACH: usize = 5;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            let case = stream("case-1");
            let (mut expect, mut won) = (Expect::NoStream, Vec::new());
            while won.len() < EACH {
                match store.append(&case, expect, vec![event()]).await {
                    Ok(appended) => {
                        won.push(appended.revision);
                        expect = Expect::At(appended.revision);
                    }
                    Err(AppendError::Conflict { actual: Some(revision) }) => {
                        // What a conflict tells of is durable, and so it can be read.
                        let seen = store.read_stream(&case, revision.checked_sub(1), 1).await;
                        assert_eq!(seen.unwrap()[0].revision, revision);
                        expect = Expect::At(revision);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            won
        });
    }
    let won: Vec<u64> = writers.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<u64> = won.iter().copied().collect();
    assert_eq!(won.len(), WRITERS * EACH);
    assert!(distinct.into_iter().eq(0..(WRITERS * EACH) as u64));
    let revisions = stream_of(&store, "case-1").await.into_iter().map(|event| event.revision);
    assert!(revisions.eq(0..(WRITERS * EACH) as u64));
}

async fn retries_that_race_with_their_original_are_written_once(store: Store) {
    for round in 0..50 {
        let name = format!("case-{round}");
        let (first, second, loose) = (batch(2), batch(3), batch(2));
        let mut racers = JoinSet::new();
        for _ in 0..6 {
            let (store, case) = (store.clone(), stream(&name));
            let (first, second, loose) = (first.clone(), second.clone(), loose.clone());
            racers.spawn(async move {
                let created = store.append(&case, Expect::NoStream, first).await.unwrap();
                let grown = store.append(&case, Expect::At(1), second).await.unwrap();
                let ended = store.append(&case, Expect::Any, loose).await.unwrap();
                [created, grown, ended]
            });
        }
        let answers: Vec<[Appended; 3]> = racers.join_all().await;
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
        assert_eq!(answers[0].map(|appended| appended.revision), [1, 4, 6]);
        let expected = [first, second, loose].concat();
        let expected: Vec<Uuid> = expected.iter().map(|event| event.id).collect();
        assert_eq!(ids(&stream_of(&store, &name).await), expected);
    }
}

async fn many_writers_on_many_streams_get_positions_of_their_own(store: Store) {
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let store = store.clone();
        writers.spawn(async move {
            let mut answers = Vec::new();
            for append in 0..10_usize {
                let case = stream(&format!("case-{writer}-{}", append % 3));
                let events = batch(1 + append % 3);
                let last = events.last().unwrap().id;
                answers.push((last, store.append(&case, Expect::Any, events).await.unwrap()));
            }
            answers
        });
    }
    let answers: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let log = log_of(&store).await;
    assert_eq!(log.len(), 64 * 19);
    assert!(log.windows(2).all(|pair| pair[0].position < pair[1].position));
    for (id, appended) in answers {
        let found = log.iter().find(|event| event.id == id).unwrap();
        assert_eq!((found.revision, Some(found.position)), (appended.revision, appended.position));
    }
    for writer in 0..64 {
        for part in 0..3 {
            let events = stream_of(&store, &format!("case-{writer}-{part}")).await;
            assert!(events.iter().map(|event| event.revision).eq(0..events.len() as u64));
        }
    }
}

async fn a_dropped_append_leaves_the_store_whole(store: Store) {
    for round in 0..200 {
        let case = stream(&format!("case-{}", round % 7));
        let append = store.append(&case, Expect::Any, batch(2));
        // Polled as often as the round says, then dropped.
        let mut append = std::pin::pin!(append);
        for _ in 0..round % 4 {
            if futures_util::poll!(append.as_mut()).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    store.append(&stream("case-0"), Expect::Any, batch(1)).await.unwrap();
    for number in 0..7 {
        let events = stream_of(&store, &format!("case-{number}")).await;
        assert!(events.iter().map(|event| event.revision).eq(0..events.len() as u64));
        assert_eq!(events.len() % 2, usize::from(number == 0));
    }
}

async fn a_stream_is_read_in_pages_after_a_revision(store: Store) {
    let case = stream("case-1");
    for count in [1, 2, 3, 4] {
        store.append(&case, Expect::Any, batch(count)).await.unwrap();
        store.append(&stream("case-2"), Expect::Any, batch(1)).await.unwrap();
    }
    for (after, limit, expected) in [
        (None, 100, (0..10).collect::<Vec<u64>>()),
        (None, 3, vec![0, 1, 2]),
        (Some(2), 3, vec![3, 4, 5]),
        (Some(8), 3, vec![9]),
        (Some(9), 3, vec![]),
        (Some(u64::MAX), 3, vec![]),
        (Some(3), 0, vec![]),
    ] {
        let page = store.read_stream(&case, after, limit).await.unwrap();
        let revisions: Vec<u64> = page.iter().map(|event| event.revision).collect();
        assert_eq!(revisions, expected, "after {after:?}, limit {limit}");
        assert!(page.iter().all(|event| event.stream == case));
    }
}

async fn a_page_may_begin_and_end_inside_an_append(store: Store) {
    let case = stream("case-1");
    store.append(&case, Expect::Any, batch(9)).await.unwrap();
    store.append(&case, Expect::Any, batch(9)).await.unwrap();
    let whole = ids(&stream_of(&store, "case-1").await);
    for (after, limit) in [(1, 3), (1, 12), (7, 1), (8, 1), (9, 5)] {
        let page = store.read_stream(&case, Some(after as u64), limit).await.unwrap();
        assert_eq!(ids(&page), whole[after + 1..after + 1 + limit]);
        let start = log_of(&store).await[after].position;
        let page = store.read_all(Some(start), limit).await.unwrap();
        assert_eq!(ids(&page), whole[after + 1..after + 1 + limit]);
    }
}

async fn the_log_is_read_in_pages_after_a_position(store: Store) {
    for number in 0..30 {
        let case = stream(&format!("case-{}", number % 4));
        store.append(&case, Expect::Any, batch(1 + number % 3)).await.unwrap();
    }
    let whole = log_of(&store).await;
    for limit in [1, 2, 7, 59, 60, 61] {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_all(after, limit).await.unwrap();
            after = page.last().map_or(after, |event| Some(event.position));
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            paged.extend(ids(&page));
        }
        assert_eq!(paged, ids(&whole), "limit {limit}");
    }
    assert!(store.read_all(store.head(), 10).await.unwrap().is_empty());
    assert!(store.read_all(Some(Position(u64::MAX)), 10).await.unwrap().is_empty());
}

async fn a_page_of_the_log_ends_early_where_envelopes_are_large(store: Store) {
    const ENVELOPE_BYTES: usize = 500 * 1024;
    for number in 0..60 {
        let large = NewEvent {
            // What a sealed event says of itself.
            metadata: r#"{"personal":{}}"#.into(),
            envelope: Some(vec![number; ENVELOPE_BYTES].into()),
            ..event()
        };
        store
            .append(&stream(&format!("case-{number}")), Expect::NoStream, vec![large])
            .await
            .unwrap();
    }
    let (mut read, mut after) = (0, None);
    loop {
        let page = store.read_all(after, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.position);
        assert!(page.len() * ENVELOPE_BYTES < 20 * 1024 * 1024, "{} events at once", page.len());
        for event in page {
            assert!(event.envelope.unwrap().iter().all(|byte| usize::from(*byte) == read));
            read += 1;
        }
    }
    assert_eq!(read, 60);
}

async fn what_was_written_is_read_back_in_full(store: Store) {
    let case = stream("case-1");
    let written: Vec<NewEvent> = (0..3)
        .map(|number| NewEvent {
            id: Uuid::new_v4(),
            type_name: ["case-opened", "Case.Closed", "note"][number],
            version: [1, 2, u16::MAX][number],
            metadata: format!(r#"{{"actor":"a\"{number}\\","n":[1, 2,{{}}]}}"#).into(),
            data: [r#"{}"#, "{\n \"a\" : null }", r#"{"\u0000":"]}"}"#][number].into(),
            envelope: None,
        })
        .collect();
    store.append(&case, Expect::NoStream, written.clone()).await.unwrap();
    for read in [log_of(&store).await, stream_of(&store, "case-1").await] {
        for (read, written) in read.iter().zip(&written) {
            assert_eq!(read.id, written.id);
            assert_eq!(&*read.type_name, written.type_name);
            assert_eq!(read.version, written.version);
            assert_eq!(read.metadata, written.metadata);
            assert_eq!(read.data, written.data);
        }
    }
}

async fn persian_text_comes_back_as_it_was(store: Store) {
    let data = r#"{"subject":"شکایت از تأخیر در پاسخ‌گویی","note":"پیگیری شد؛ ۱۲ آبان","sign":"🗂"}"#;
    let written = NewEvent { data: data.into(), ..event() };
    store.append(&stream("case-1"), Expect::NoStream, vec![written]).await.unwrap();
    assert_eq!(stream_of(&store, "case-1").await[0].data, data.as_bytes());
    assert_eq!(log_of(&store).await[0].data, data.as_bytes());
}

async fn an_append_of_the_largest_size_is_accepted(store: Store) {
    let many = batch(APPEND_EVENTS_MAX);
    store.append(&stream("case-many"), Expect::NoStream, many.clone()).await.unwrap();
    let read: Vec<Uuid> = ids(&stream_of(&store, "case-many").await);
    assert_eq!(read, many.iter().map(|event| event.id).collect::<Vec<_>>());

    let large = sized(APPEND_SIZE_BYTES_MAX);
    store.append(&stream("case-large"), Expect::NoStream, vec![large.clone()]).await.unwrap();
    assert_eq!(stream_of(&store, "case-large").await[0].data, large.data);
}

async fn an_append_that_is_too_large_is_refused_and_nothing_is_written(store: Store) {
    let case = stream("case-1");
    for events in [batch(APPEND_EVENTS_MAX + 1), vec![sized(APPEND_SIZE_BYTES_MAX + 1)]] {
        let refused = store.append(&case, Expect::NoStream, events).await;
        assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(store.head(), None);
}

async fn an_append_that_is_not_well_formed_is_refused_and_nothing_is_written(store: Store) {
    let same = event();
    let mut appends = vec![Vec::new(), vec![same.clone(), same]];
    for broken in ["", "{", "null", "[]", " {}", "{}\n", "{\"a\":1,}", "{}{}", "{\"a\":\"\n\"}"] {
        appends.push(vec![NewEvent { data: broken.into(), ..event() }]);
        appends.push(vec![event(), NewEvent { metadata: broken.into(), ..event() }]);
    }
    appends.push(vec![NewEvent { data: b"{\"a\":\"\xff\"}".as_slice().into(), ..event() }]);
    for type_name in ["", "a\"b", "a\\b", "a b", "نوع"] {
        appends.push(vec![NewEvent { type_name, ..event() }]);
    }
    for events in appends {
        let shown = format!("{events:?}");
        let refused = store.append(&stream("case-1"), Expect::NoStream, events).await;
        assert!(matches!(refused, Err(AppendError::Invalid(_))), "{shown}: {refused:?}");
    }
    assert_eq!(store.head(), None);
}

async fn the_head_moves_with_the_log_and_what_it_announces_can_be_read(store: Store) {
    let mut head_changes = store.head_changes();
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let mut seen = 0;
            while seen < 300 {
                head_changes.changed().await.unwrap();
                let announced = *head_changes.borrow_and_update();
                let log = store.read_all(None, 1_000).await.unwrap();
                assert!(log.last().map(|event| event.position) >= announced);
                let last = log.last().unwrap();
                let before = last.revision.checked_sub(1);
                let found = store.read_stream(&last.stream, before, 1).await.unwrap();
                assert_eq!(found[0].id, last.id);
                seen = log.len();
            }
        }
    });
    for number in 0..150 {
        let case = stream(&format!("case-{}", number % 5));
        let appended = store.append(&case, Expect::Any, batch(2)).await.unwrap();
        assert!(store.head() >= appended.position);
    }
    reader.await.unwrap();
}

/// The ids up to the next `Live`, and where that is.
async fn until_live(
    items: &mut (impl Stream<Item = Result<SubscriptionItem, ReadError>> + Unpin),
) -> (Vec<Uuid>, Option<Position>) {
    let mut events: Vec<LoggedEvent> = Vec::new();
    loop {
        match items.next().await.unwrap().unwrap() {
            SubscriptionItem::Event(event) => events.push(event),
            SubscriptionItem::Live { at } => return (ids(&events), at),
        }
    }
}

async fn a_subscription_catches_up_tells_so_and_goes_on_with_new_events(store: Store) {
    for _ in 0..3 {
        store.append(&stream("case-1"), Expect::Any, batch(400)).await.unwrap();
    }
    let mut items = Box::pin(subscribe(store.clone(), None, Filter::All));
    let (caught_up, at) = until_live(&mut items).await;
    assert_eq!(caught_up, ids(&log_of(&store).await));
    assert_eq!(at, store.head());
    for count in [1, 2, 3] {
        let events = batch(count);
        let written: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        store.append(&stream("case-2"), Expect::Any, events).await.unwrap();
        assert_eq!(until_live(&mut items).await, (written, store.head()));
    }
}

async fn a_subscription_begins_after_its_position(store: Store) {
    let first = store.append(&stream("case-1"), Expect::Any, batch(3)).await.unwrap();
    store.append(&stream("case-1"), Expect::Any, batch(3)).await.unwrap();
    let mut items = Box::pin(subscribe(store.clone(), first.position, Filter::All));
    let (caught_up, _) = until_live(&mut items).await;
    assert_eq!(caught_up, ids(&log_of(&store).await)[3..]);

    let mut at_head = Box::pin(subscribe(store.clone(), store.head(), Filter::All));
    assert_eq!(until_live(&mut at_head).await, (Vec::new(), store.head()));
}

async fn a_filtered_subscription_delivers_what_matches_and_tells_how_far_it_came(store: Store) {
    let closed = NewEvent { type_name: "case-closed", ..event() };
    store.append(&stream("case-1"), Expect::Any, vec![event(), closed.clone()]).await.unwrap();
    store.append(&stream("clock-1"), Expect::Any, batch(2)).await.unwrap();
    let log = ids(&log_of(&store).await);
    for (filter, expected) in [
        (Filter::StreamPrefix("clock-".into()), &log[2..4]),
        (Filter::TypePrefix("case-cl".into()), &log[1..2]),
        (Filter::TypePrefix("nothing".into()), &log[..0]),
    ] {
        let mut items = Box::pin(subscribe(store.clone(), None, filter));
        assert_eq!(until_live(&mut items).await, (expected.to_vec(), store.head()));
    }
}

async fn a_subscription_misses_nothing_while_appends_race_with_it(store: Store) {
    for round in 0..40 {
        let start = store.head();
        let mut writers = JoinSet::new();
        for writer in 0..4 {
            let store = store.clone();
            writers.spawn(async move {
                for append in 0..10 {
                    let case = stream(&format!("case-{round}-{writer}"));
                    store.append(&case, Expect::Any, batch(1 + append % 3)).await.unwrap();
                }
            });
        }
        let mut items = Box::pin(subscribe(store.clone(), start, Filter::All));
        let mut delivered = Vec::new();
        while delivered.len() < 4 * 19 {
            delivered.extend(until_live(&mut items).await.0);
        }
        writers.join_all().await;
        let expected = store.read_all(start, 1_000).await.unwrap();
        assert_eq!(delivered, ids(&expected), "round {round}");
    }
}

/// Random appends, right and wrong and repeated, against vectors that do the same.
async fn random_histories_agree_with_a_simple_model(store: Store) {
    use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
    let step = (0..4_usize, 0..4_u8, 1..5_usize, any::<prop::sample::Index>());
    let steps = prop::collection::vec(step, 400);
    // Deterministic: the same steps in every run.
    let steps = steps.new_tree(&mut TestRunner::deterministic()).unwrap().current();
    let mut model: [Vec<Uuid>; 4] = Default::default();
    let mut past: Vec<(usize, Expect, Vec<NewEvent>, Appended)> = Vec::new();
    for (number, kind, count, choice) in steps {
        let case = stream(&format!("case-{number}"));
        let revision = (model[number].len() as u64).checked_sub(1);
        let current = revision.map_or(Expect::NoStream, Expect::At);
        match kind {
            0 if !past.is_empty() => {
                let (number, expect, events, original) = choice.get(&past).clone();
                let case = stream(&format!("case-{number}"));
                assert_eq!(store.append(&case, expect, events).await, Ok(original));
            }
            1 => {
                let wrong =
                    choice.index(1_000) as u64 + revision.map_or(0, |revision| revision + 1);
                let refused = store.append(&case, Expect::At(wrong), batch(count)).await;
                assert_eq!(refused, Err(AppendError::Conflict { actual: revision }));
            }
            _ => {
                let events = batch(count);
                let expect = if kind == 2 { current } else { Expect::Any };
                let appended = store.append(&case, expect, events.clone()).await.unwrap();
                model[number].extend(events.iter().map(|event| event.id));
                assert_eq!(appended.revision + 1, model[number].len() as u64);
                past.push((number, expect, events, appended));
            }
        }
    }
    for (number, expected) in model.iter().enumerate() {
        assert_eq!(&ids(&stream_of(&store, &format!("case-{number}")).await), expected);
    }
}

/// One event whose metadata and data have so many bytes together.
fn sized(size_bytes: usize) -> NewEvent {
    let event = event();
    let padding = size_bytes - event.metadata.len() - r#"{"text":""}"#.len();
    let data = format!(r#"{{"text":"{}"}}"#, "x".repeat(padding));
    NewEvent { data: data.into(), ..event }
}
