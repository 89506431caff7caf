//! How SQLite goes about the queries that must cost what they find and not what there is: those that run whenever the log moves, and those
//! over all cases. A query that reads along an index is quick among ten cases and among ten million; one that looks at every row is quick
//! among ten, so that no other test can tell them apart.

use std::sync::mpsc;

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::id::PostingId;
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use uuid::Uuid;

use crate::case_timeline::TimelineFilter;
use crate::customer_standing::is_given;
use crate::management_review::{self, ReviewPeriod};
use crate::page::{Anchor, PageRequest, Tie};
use crate::scope::{CaseScope, Visibility};
use crate::{all, case_feed, customer_timeline, follow_ups, surveys};

/// All tables and indexes, and nothing in them. So SQLite has no statistics, and what it chooses is what the query itself leads it to.
fn tables() -> Connection {
    let db = tables_of_a_rebuild();
    for model in all() {
        db.execute_batch(model.indexes()).unwrap();
    }
    db
}

/// All tables, as they are while the log is read from its beginning: the indexes come at its end.
fn tables_of_a_rebuild() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    for model in all() {
        db.execute_batch(model.tables()).unwrap();
    }
    db
}

/// The steps of each statement that a query runs, in the order in which they are run.
fn plans<T>(
    mut db: Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Vec<Vec<String>> {
    let (sender, statements) = mpsc::channel();
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            sender.send(sql.to_owned()).expect("the other end is in this function");
        }
    };
    db.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note)).unwrap();
    query(&db).unwrap();
    db.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>).unwrap();
    let plan = |sql: String| {
        let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        // The plan is the same whatever the values are, so none are bound.
        let mut steps = explained.raw_query();
        let mut plan = Vec::new();
        while let Some(step) = steps.next().unwrap() {
            plan.push(step.get(3).unwrap());
        }
        plan
    };
    statements.try_iter().map(plan).collect()
}

/// The plan of a query that is one statement.
#[track_caller]
fn plan<T>(query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Vec<String> {
    let mut plans = plans(tables(), query);
    assert_eq!(plans.len(), 1, "{plans:?}");
    plans.remove(0)
}

/// That a plan begins with a part of an index and goes on by keys.
#[track_caller]
fn assert_along(plan: &[String], index: &str) {
    assert!(
        plan[0].starts_with("SEARCH") && plan[0].contains(index),
        "not along {index}: {plan:#?}"
    );
    let by_keys = |step: &String| step.starts_with("SEARCH") && step.contains("PRIMARY KEY");
    let in_memory = |step: &String| step.starts_with("USE TEMP B-TREE");
    assert!(plan[1..].iter().all(|step| by_keys(step) || in_memory(step)), "{plan:#?}");
}

/// That the rows of a plan come in their order, so that a page ends when it is full.
#[track_caller]
fn assert_unsorted(plan: &[String]) {
    let sorts = plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
    assert!(!sorts, "all rows are read before the first is given: {plan:#?}");
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn scopes() -> [CaseScope; 2] {
    [CaseScope::All, CaseScope::Units(vec!["care".to_owned(), "finance".to_owned()])]
}

#[test]
fn reminders_are_read_in_their_order_from_where_a_subscriber_stands() {
    let units = vec!["care".to_owned()];
    let after = Some(Anchor { key: 5, tie: Tie::Position(5) });
    for scope in scopes() {
        for units in [None, Some(&*units)] {
            for after in [None, after] {
                let page = PageRequest { after, ..PageRequest::first(100) };
                let plan = plan(|db| follow_ups::reminders(db, &scope, units, page));
                assert_along(&plan, "follow_up_reminded");
                assert_unsorted(&plan);
            }
        }
    }
    let newest = plan(follow_ups::last_reminded);
    assert_along(&newest, "follow_up_reminded");
    assert_unsorted(&newest);
}

#[test]
fn whoever_follows_a_case_reads_what_is_beside_it_from_where_they_stand() {
    for scope in scopes() {
        for visibility in [Visibility::Public, Visibility::Internal] {
            let range = (5, 9);
            let plan = plan(|db| case_feed::beside(db, &scope, visibility, Uuid::nil(), range, 10));
            let [first, second] = &*plan else { panic!("{plan:#?}") };
            // The one row of the case comes first or last, as SQLite thinks best.
            assert!(
                [first, second].iter().any(|step| step
                    .contains("case_timeline_beside (case_id=? AND position>? AND position<?)")),
                "{plan:#?}"
            );
            assert!(plan.iter().all(|step| step.starts_with("SEARCH")), "{plan:#?}");
        }
    }
}

#[test]
fn the_monitors_of_promises_and_surveys_look_at_what_is_due_alone() {
    let (from, to) = (moment(10), moment(20));
    for (plan, index) in [
        (plan(|db| follow_ups::overdue(db, to, 10)), "follow_up_waiting"),
        (plan(|db| follow_ups::due_soon(db, from, to, 10)), "follow_up_unreminded"),
        (plan(|db| follow_ups::next_due(db, from)), "follow_up_waiting"),
        (plan(|db| follow_ups::next_unreminded(db, from)), "follow_up_unreminded"),
        (plan(|db| surveys::to_ask(db, from, to, 10)), "survey_to_ask"),
        (plan(|db| surveys::next_closed(db, from)), "survey_to_ask"),
    ] {
        assert_along(&plan, index);
        assert_unsorted(&plan);
    }
}

#[test]
fn the_figures_of_a_management_review_are_found_by_when_things_happened() {
    let acknowledged_within = SignedDuration::from_hours(24);
    let period = ReviewPeriod { from: moment(10), to: moment(20), acknowledged_within };
    for scope in scopes() {
        let plans = plans(tables(), |db| management_review::review(db, &scope, period));
        let [complaints, rest @ ..] = &*plans else { panic!("no statement") };
        // Complaints are found by unit or by when they changed, as SQLite thinks best.
        assert!(complaints.iter().all(|step| !step.starts_with("SCAN")), "{complaints:#?}");
        let indexes =
            ["redress_paid", "follow_up_missed_at", "case_answer_missing", "survey_asked"];
        assert_eq!(rest.len(), indexes.len(), "{rest:#?}");
        for (plan, index) in rest.iter().zip(indexes) {
            assert_along(plan, index);
        }
    }
}

#[test]
fn what_a_rebuild_asks_of_its_own_tables_is_found_without_a_scan() {
    let posting = PostingId::new("posting").unwrap();
    let plans = plans(tables_of_a_rebuild(), |db| is_given(db, Uuid::nil(), &posting));
    let [plan] = &*plans else { panic!("{plans:?}") };
    assert_along(plan, "account_posting_given");
}

#[test]
fn a_customers_timeline_is_read_along_its_index_however_many_records_they_have() {
    let filter = TimelineFilter::default();
    let records = [1, 2, 3].map(Uuid::from_u128);
    for scope in scopes() {
        for records in [&records[..1], &records] {
            let page = PageRequest::first(100);
            let plan = plan(|db| {
                customer_timeline::timeline(db, &scope, Visibility::Public, records, &filter, page)
            });
            assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{plan:#?}");
            assert_unsorted(&plan);
        }
    }
}
