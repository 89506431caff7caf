//! What may happen to a policy.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OpenCases, PolicyDocument, upcast::UPCASTERS};
use crate::event::events;

events! {
    /// What may happen to a policy.
    pub enum PolicyEvent, upcast by UPCASTERS => {
        /// A version was published.
        Published(PolicyPublished) = "PolicyPublished" v 2,
    }
}

/// A version of the policy was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyPublished {
    /// 1 for the first, then 2, 3 ...
    pub version: u32,
    /// The whole policy.
    pub document: PolicyDocument,
    /// From when it holds, until another version does.
    pub effective_from: Timestamp,
}

impl PolicyPublished {
    /// The version in force at a moment: of those already effective, the one that became effective last, and of two that
    /// became effective together the later number. Give it the versions that are known: a case is bound to those that the
    /// log held when it was opened.
    pub fn in_force<'a>(
        versions: impl IntoIterator<Item = &'a Self>,
        at: Timestamp,
    ) -> Option<&'a Self> {
        versions
            .into_iter()
            .filter(|version| version.effective_from <= at)
            .max_by_key(|version| (version.effective_from, version.version))
    }

    /// Whether this version, just published, comes to govern a case that is known already: because it held when the case was opened, which
    /// was not known then, or because it moves open cases. `versions` are all known ones, with this.
    pub fn reaches<'a>(
        &self,
        opened_at: Timestamp,
        versions: impl IntoIterator<Item = &'a Self>,
    ) -> bool {
        if self.effective_from <= opened_at {
            Self::in_force(versions, opened_at).is_some_and(|held| held.version == self.version)
        } else {
            self.document.open_cases == OpenCases::Move
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: u32, effective_from: &str) -> PolicyPublished {
        PolicyPublished {
            version,
            document: serde_json::from_str(r#"{"name": "any", "rules": []}"#).unwrap(),
            effective_from: effective_from.parse().unwrap(),
        }
    }

    #[test]
    fn the_version_that_became_effective_last_is_in_force() {
        let versions = [
            version(1, "2026-01-01T00:00:00Z"),
            version(2, "2026-06-01T00:00:00Z"),
            version(3, "2026-03-01T00:00:00Z"),
            version(4, "2026-03-01T00:00:00Z"),
        ];
        let in_force = |at: &str| {
            PolicyPublished::in_force(&versions, at.parse().unwrap()).map(|found| found.version)
        };
        assert_eq!(in_force("2025-12-31T23:59:59Z"), None);
        assert_eq!(in_force("2026-01-01T00:00:00Z"), Some(1));
        assert_eq!(in_force("2026-04-01T00:00:00Z"), Some(4));
        assert_eq!(in_force("2026-07-01T00:00:00Z"), Some(2));
    }
}
