//! What a policy knows of itself.

use super::PolicyPublished;

/// The policy's state: its latest publication. Earlier versions stay in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyState {
    /// The latest publication; `None` before the first.
    pub latest: Option<PolicyPublished>,
}
