//! Policies: what is promised for which case.
//!
//! A policy is an ordered list of rules. The first rule whose conditions a case meets governs it, and gives each metric
//! (first response, resolution, due date) its target, the calendar in which the target is counted, and the reasons for
//! which the clock pauses. A metric that the rule does not name has no target: nothing is promised by default.
//!
//! People write a policy as a [`PolicyDocument`]; each publication is a new version, an event in the stream `policy-<id>`,
//! and holds from its effective moment. A case is bound to the versions in force at its opening
//! ([`PolicyPublished::in_force`]), so that a later version does not change what was promised.

/// The policy that every data directory begins with. It governs what no other policy does.
pub const DEFAULT_POLICY: &str = "default";

mod command;
mod decide;
mod document;
mod error;
mod event;
mod state;

pub use command::{PolicyCommand, PublishPolicy};
pub use decide::Policy;
pub use document::{Conditions, MatchedAttributes, Metric, PolicyDocument, Rule, Target};
pub use error::PolicyRefusal;
pub use event::{PolicyEvent, PolicyPublished};
pub use state::PolicyState;
