//! What holds for sources of any content.

use proptest::prelude::*;

use super::*;

/// Attributes as (name, value) pairs: those that the mapping reads, and others beside them.
fn attributes_of(
    known: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = Vec<(String, String)>> {
    let others = proptest::collection::btree_map("other[a-z]{0,3}", "[ -~آ-ی]{0,12}", 0..6);
    others.prop_map(move |others| {
        let known = known.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        known.chain(others).collect()
    })
}

type Pairs = Vec<(String, String)>;

/// The same pairs in two orders.
fn in_two_orders(
    known: &'static [(&'static str, &'static str)],
) -> impl Strategy<Value = (Pairs, Pairs)> {
    attributes_of(known)
        .prop_flat_map(|pairs| (Just(pairs.clone()).prop_shuffle(), Just(pairs).prop_shuffle()))
}

fn as_xes(case: &Pairs, event: &Pairs) -> String {
    let attributes = |pairs: &Pairs| -> String {
        pairs
            .iter()
            .map(|(name, value)| {
                format!("<string key=\"{name}\" value=\"{}\"/>", quick_xml::escape::escape(value))
            })
            .collect()
    };
    // Half of the case's attributes come after its event, which XES allows.
    let (before, after) = case.split_at(case.len() / 2);
    log(&format!(
        "<trace>{}<event>{}</event>{}</trace>",
        attributes(&before.to_vec()),
        attributes(event),
        attributes(&after.to_vec())
    ))
}

fn as_json_lines(case: &Pairs, event: &Pairs) -> String {
    let object = |pairs: &Pairs| {
        let fields: Vec<_> = pairs
            .iter()
            .map(|(name, value)| {
                format!("{}:{}", serde_json::json!(name), serde_json::json!(value))
            })
            .collect();
        format!("{{{}}}\n", fields.join(","))
    };
    let mut event = event.clone();
    event.push(("id".to_owned(), "پ-1".to_owned()));
    object(case) + &object(&event)
}

const CASE: &[(&str, &str)] =
    &[("id", "پ-1"), ("title", "a & b"), ("via", "phone"), ("opened", "2024-01-01T00:00:00Z")];
const EVENT: &[(&str, &str)] = &[("what", "ثبت"), ("at", "2024-01-02T00:00:00Z")];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_attributes_gives_the_same_case(
        (case_one, case_two) in in_two_orders(CASE),
        (event_one, event_two) in in_two_orders(EVENT),
    ) {
        for write in [as_xes, as_json_lines] {
            let one = read_bytes(write(&case_one, &event_one).as_bytes());
            let two = read_bytes(write(&case_two, &event_two).as_bytes());
            prop_assert_eq!(one.len(), 1);
            prop_assert!(one[0].is_ok(), "{:?}", one[0]);
            prop_assert_eq!(one, two);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_go_on_for_ever(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..500,
    ) {
        for text in [log(&trace("a").repeat(3)), line("a").repeat(6)] {
            let mut damaged = text.into_bytes();
            let at = at.min(damaged.len());
            let end = (at + bytes.len()).min(damaged.len());
            damaged.splice(at..end, bytes.iter().copied());
            if let Ok(outcomes) = try_read_bytes(&damaged) {
                prop_assert!(outcomes.len() <= damaged.len());
            }
        }
    }
}
