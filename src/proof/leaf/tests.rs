use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::store::{Position, StreamId};

fn event() -> LoggedEvent {
    LoggedEvent {
        position: Position(7),
        stream: StreamId::new("case-\"7\"").unwrap(),
        revision: 2,
        id: Uuid::from_u128(1),
        type_name: "CaseNoteAdded".into(),
        version: 1,
        metadata: Bytes::from_static(
            br#"{"occurred_at":"2026-01-01T00:00:00Z","recorded_at":"2026-01-02T00:00:00Z","actor":{"kind":"staff","id":"\u0633"},"causation_id":"a","correlation_id":"b","personal":{"subject":"case-1","sha256":"00"}}"#,
        ),
        data: Bytes::from_static(br#"{"text":{"sealed":true}}"#),
        envelope: None,
    }
}

fn text(event: &LoggedEvent) -> String {
    String::from_utf8(Leaves::of(Uuid::from_u128(9)).text(event).to_vec()).unwrap()
}

#[test]
fn a_leaf_is_this_text_to_the_byte() {
    let expected = concat!(
        r#"{"leaf":1,"store":"00000000-0000-0000-0000-000000000009","position":7,"stream":"case-\"7\"","revision":2,"#,
        r#""id":"00000000-0000-0000-0000-000000000001","type":"CaseNoteAdded","version":1,"recorded_at":"2026-01-02T00:00:00Z","#,
        r#""actor":{"kind":"staff","id":"\u0633"},"causation_id":"a","correlation_id":"b","#,
        r#""metadata_sha256":"METADATA","data_sha256":"DATA","personal":{"subject":"case-1","sha256":"00"}}"#,
    );
    let digest = |bytes: &[u8]| {
        let mut text = Vec::new();
        hexadecimal(&mut text, &Sha256::digest(bytes).into());
        String::from_utf8(text).unwrap()
    };
    let expected = expected
        .replace("METADATA", &digest(&event().metadata))
        .replace("DATA", &digest(&event().data));
    assert_eq!(text(&event()), expected);
    serde_json::from_str::<serde_json::Value>(&expected).unwrap();
}

#[test]
fn metadata_without_the_usual_fields_gives_a_leaf_too() {
    for metadata in [
        "{}",
        r#"{"actor":7,"recorded_at":[1]}"#,
        r#"{"actor":{"kind":null}}"#,
        r#"{"recorded_at":"x","recorded_at":"y"}"#,
    ] {
        let event = LoggedEvent { metadata: Bytes::from_static(metadata.as_bytes()), ..event() };
        let leaf: serde_json::Value = serde_json::from_str(&text(&event)).unwrap();
        assert!(leaf["recorded_at"].is_null(), "{metadata}");
        assert!(leaf["actor"]["id"].is_null(), "{metadata}");
        assert!(leaf.get("personal").is_none(), "{metadata}");
    }
}

#[test]
fn a_leaf_stays_below_the_published_length_whatever_the_metadata_hold() {
    let long = "x".repeat(LEAF_BYTES_MAX);
    let almost = "y".repeat(TEXT_BYTES_MAX - 2);
    for said in [&long, &almost] {
        let metadata = format!(
            r#"{{"recorded_at":"{said}","actor":{{"kind":"{said}","id":"{said}"}},"causation_id":"{said}","correlation_id":"{said}","personal":{{"x":"{said}"}}}}"#
        );
        let event = LoggedEvent { metadata: metadata.into(), ..event() };
        assert!(text(&event).len() <= LEAF_BYTES_MAX);
    }
}

fn arbitrary_event() -> impl Strategy<Value = LoggedEvent> {
    let name = "[a-z]{1,3}-[a-z\"\\\\]{1,3}";
    (0_u64..3, name, 0_u64..3, 0_u128..3, "[A-C]{1,2}", 0_u16..3, "[ab]{0,2}", "[ab]{0,2}")
        .prop_map(|(position, stream, revision, id, type_name, version, metadata, data)| {
            LoggedEvent {
                position: Position(position),
                stream: StreamId::new(&stream).unwrap(),
                revision,
                id: Uuid::from_u128(id),
                type_name: type_name.into(),
                version,
                metadata: format!(r#"{{"x":"{metadata}"}}"#).into(),
                data: format!(r#"{{"x":"{data}"}}"#).into(),
                envelope: None,
            }
        })
}

proptest! {
    #[test]
    fn different_events_have_different_leaves(left in arbitrary_event(), right in arbitrary_event()) {
        let said = |event: &LoggedEvent| (
            event.position, event.stream.clone(), event.revision, event.id, event.type_name.clone(), event.version,
            event.metadata.clone(), event.data.clone(),
        );
        prop_assert_eq!(text(&left) == text(&right), said(&left) == said(&right));
    }

    #[test]
    fn changing_one_thing_of_an_event_changes_its_leaf(original in arbitrary_event(), what in 0..8) {
        let mut changed = original.clone();
        match what {
            0 => changed.position.0 += 1,
            1 => changed.stream = StreamId::new("other-one").unwrap(),
            2 => changed.revision += 1,
            3 => changed.id = Uuid::from_u128(77),
            4 => changed.type_name = "Other".into(),
            5 => changed.version += 1,
            6 => changed.metadata = Bytes::from_static(b"{ }"),
            _ => changed.data = Bytes::from_static(b"{ }"),
        }
        prop_assert_ne!(text(&original), text(&changed));
    }
}

#[test]
fn the_same_event_in_another_log_has_another_leaf() {
    let event = event();
    assert_ne!(text(&event).into_bytes(), Leaves::of(Uuid::from_u128(10)).text(&event));
}
