//! What may be asked of a policy.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PolicyDocument;

/// What may be asked of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyCommand {
    /// Publish a new version.
    Publish(PublishPolicy),
}

/// Publishes the next version of a policy; the first publication creates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishPolicy {
    /// The whole policy, not a change of it.
    pub document: PolicyDocument,
    /// From when it holds, also in the past; the command's own time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Timestamp>,
}
