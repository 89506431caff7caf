//! Old shapes of case events, and how each becomes the next. Nobody else knows them.

use serde_json::{Value, json};

use crate::event::Upcaster;

/// Every step, one a row.
pub const UPCASTERS: &[Upcaster] =
    &[Upcaster { name: "InteractionRecorded", version: 1, upcast: interaction_v1_to_v2 }];

/// Version 1 said `incoming` and `public`, two flags of which one combination (an incoming, non-public message) meant nothing.
/// Version 2 says `direction`.
fn interaction_v1_to_v2(mut event: Value) -> Value {
    if let Some(fields) = event.as_object_mut() {
        let incoming = fields.remove("incoming").and_then(|flag| flag.as_bool()).unwrap_or(false);
        let public = fields.remove("public").and_then(|flag| flag.as_bool()).unwrap_or(true);
        let direction = match (incoming, public) {
            (true, _) => "inbound",
            (false, true) => "outbound",
            (false, false) => "internal",
        };
        fields.insert("direction".to_owned(), json!(direction));
    }
    event
}

#[cfg(test)]
mod tests {
    use crate::case::CaseEvent;
    use crate::case::attribute::Direction;
    use crate::event::StoredEvent;

    fn direction_of(v1: &str) -> Direction {
        match CaseEvent::from_json("InteractionRecorded", 1, v1.as_bytes()) {
            Ok(CaseEvent::InteractionRecorded(event)) => event.direction,
            other => panic!("not an interaction: {other:?}"),
        }
    }

    #[test]
    fn the_flags_of_version_1_become_a_direction() {
        let v1 = |incoming, public| {
            format!(r#"{{"incoming":{incoming},"public":{public},"channel":"phone","body":"…"}}"#)
        };
        assert_eq!(direction_of(&v1(true, true)), Direction::Inbound);
        assert_eq!(direction_of(&v1(true, false)), Direction::Inbound);
        assert_eq!(direction_of(&v1(false, true)), Direction::Outbound);
        assert_eq!(direction_of(&v1(false, false)), Direction::Internal);
    }
}
