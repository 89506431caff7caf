//! Laws that hold for any versions of any calendar.

use proptest::prelude::*;

use super::*;
use crate::calendar::{
    Measure,
    working_time::tests::{any_document, any_moment, any_span},
};

const MEASURES: [Measure; 3] = [Measure::Elapsed, Measure::WorkingTime, Measure::WorkingDays];

/// Up to four versions, in different zones and with different hours, that take over at any moments.
fn any_versions() -> impl Strategy<Value = CalendarVersions> {
    prop::collection::vec((any_moment(), any_document()), 1..5).prop_map(|versions| {
        let compiled = (1..).zip(versions).map(|(number, (effective_from, document))| {
            (number, effective_from, Arc::new(WorkingTime::compile(&document).unwrap()))
        });
        CalendarVersions::new(compiled).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn parts_add_up_to_the_nanosecond(
        calendar in any_versions(),
        moments in prop::collection::vec((any_moment(), any_moment(), any_moment()), 8),
    ) {
        for (a, b, c) in moments {
            for unit in MEASURES {
                let parts = calendar.measure(unit, a, b) + calendar.measure(unit, b, c);
                prop_assert_eq!(calendar.measure(unit, a, c), parts, "{:?}", unit);
            }
        }
    }

    #[test]
    fn nothing_is_negative_and_no_time_exceeds_that_on_the_wall(
        calendar in any_versions(),
        spans in prop::collection::vec(any_span(), 8),
    ) {
        for (from, to) in spans {
            let passed = |unit| calendar.measure(unit, from, to);
            prop_assert!(!passed(Measure::WorkingDays).is_negative());
            prop_assert!(!passed(Measure::WorkingTime).is_negative());
            prop_assert!(passed(Measure::WorkingTime) <= to.duration_since(from));
            prop_assert_eq!(passed(Measure::Elapsed), to.duration_since(from));
        }
    }

    #[test]
    fn reach_finds_the_earliest_moment_at_which_the_amount_has_passed(
        calendar in any_versions(),
        spans in prop::collection::vec(any_span(), 8),
    ) {
        for (from, to) in spans {
            for unit in MEASURES {
                let amount = calendar.measure(unit, from, to);
                let moment = calendar.reach(unit, from, amount).unwrap();
                prop_assert!(from <= moment && moment <= to, "{:?}", unit);
                prop_assert_eq!(calendar.measure(unit, from, moment), amount, "{:?}", unit);
                if amount.is_positive() {
                    let before = moment - SignedDuration::from_nanos(1);
                    prop_assert!(calendar.measure(unit, from, before) < amount, "{:?}", unit);
                }
            }
        }
    }

    #[test]
    fn later_working_days_come_later_and_end_when_their_open_time_does(
        document in any_document(),
        from in any_moment(),
        days in 0_u32..15,
    ) {
        let calendar = only(&document);
        let end = calendar.on_working_day(from, days, None).unwrap();
        let next = calendar.on_working_day(from, days + 1, None).unwrap();
        prop_assert!(end > from && next > end);
        let before = end - SignedDuration::from_nanos(1);
        prop_assert!(calendar.measure(Measure::WorkingTime, before, end).is_positive());
        let whole = SignedDuration::from_hours(24 * i64::from(days));
        let counted = calendar.measure(Measure::WorkingDays, from, end);
        prop_assert!(counted > whole && counted <= whole + hours(24));
    }

    #[test]
    fn calendar_dates_follow_each_other(
        document in any_document(),
        from in any_moment(),
        days in 0_u32..400,
    ) {
        let calendar = only(&document);
        let end = calendar.on_date(from, days, None).unwrap();
        prop_assert!(end > from, "a date ends after every moment of it");
        // The clocks move by up to two hours, in Antarctica; Samoa skipped a date.
        let wall = end.duration_since(from);
        let (least, most) = (i64::from(days) * 24 - 26, i64::from(days) * 24 + 26);
        prop_assert!(wall > hours(least) && wall <= hours(most));
    }

    #[test]
    fn targets_never_go_back_when_the_version_changes(
        calendar in any_versions(),
        from in any_moment(),
        days in 0_u32..15,
    ) {
        let end = calendar.on_working_day(from, days, None).unwrap();
        let next = calendar.on_working_day(from, days + 1, None).unwrap();
        prop_assert!(from <= end && end <= next);
    }
}
