//! Old shapes of policy events, and how each becomes the next. Nobody else knows them.

use serde_json::{Value, json};

use super::Amount;
use crate::event::Upcaster;

/// Every step, one a row.
pub(super) const UPCASTERS: &[Upcaster] =
    &[Upcaster { name: "PolicyPublished", version: 1, upcast: published_v1_to_v2 }];

/// Version 1 wrote targets as ISO 8601 durations of working time, `PT4H`. Version 2 has several measures and writes the measure out:
/// `4 working hours`.
fn published_v1_to_v2(mut event: Value) -> Value {
    let rules = event.pointer_mut("/document/rules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        let targets = rule.get_mut("targets").and_then(Value::as_array_mut);
        for target in targets.into_iter().flatten() {
            if let Some(duration) = target.get_mut("target")
                && let Some(Ok(amount)) = duration.as_str().map(str::parse::<Amount>)
            {
                *duration = json!(amount.to_string());
            }
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_of_version_1_is_working_time() {
        let target = |text: &str| json!({ "document": { "rules": [{ "targets": [{ "metric": "resolution", "target": text }] }] } });
        assert_eq!(published_v1_to_v2(target("PT1H30M")), target("90 working minutes"));
    }
}
