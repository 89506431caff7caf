//! Policies: what is promised for which case.
//!
//! A policy is an ordered list of rules. Of each agreement the first rule whose lists a case meets governs it. A rule gives
//! clocks their targets; a clock measures a metric, by conditions that the metric brings or the target gives. What no rule names has
//! no target: nothing is promised by default. `docs/sla-policies.md` is the reference of the language.
//!
//! People write a policy as a [`PolicyDocument`]; each publication is a new version, an event in the stream `policy-<id>`, and holds
//! from its effective moment. A case is bound to the versions in force at its opening ([`PolicyPublished::in_force`]); only a version
//! that says so moves open cases.

/// The policy that every data directory begins with. It governs what no other policy does.
pub const DEFAULT_POLICY: &str = "default";

mod amount;
mod command;
mod condition;
mod decide;
mod document;
mod error;
mod event;
mod metric;
mod state;
mod upcast;
mod validate;
mod words;

pub use amount::{
    Amount, Goal, InvalidAmount, InvalidThreshold, OnDate, OnWorkingDay, Promised, PromisedMoment,
    Threshold,
};
pub use command::{PolicyCommand, PublishPolicy};
pub use condition::{Condition, Happening, Test};
pub use decide::Policy;
pub use document::{
    Actions, Cycles, DEFAULT_AGREEMENT, DEFAULT_CALENDAR, ExtensionTerms, LateStart,
    MatchedAttributes, OpenCases, PolicyDocument, Recurrence, Responders, ResponseKind, Rule,
    Selection, Target, schema,
};
pub use error::PolicyRefusal;
pub use event::{PolicyEvent, PolicyPublished};
pub use metric::{Metric, SixConditions};
pub use state::PolicyState;
