//! Conditions: when a clock starts, pauses, resumes, stops, is cancelled or reset.
//!
//! A condition looks at what happened just now and at how the case stands. It knows no clock but those it names as stopped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::attribute::{CaseKind, Channel, HoldReason, Priority, Severity, Status, vocabulary},
    customer::attribute::CustomerKind,
};

vocabulary!(
    /// What can happen to a case, as conditions name it. A fact is true at its moment only.
    Happening {
        /// The case was opened.
        Opened = "opened",
        /// It was opened again.
        Reopened = "reopened",
        /// Its category, priority or severity was decided anew.
        Classified = "classified",
        /// It was handed to a unit.
        Referred = "referred",
        /// It was given to a member of staff.
        Assigned = "assigned",
        /// It entered a stage.
        StageEntered = "stage_entered",
        /// The customer wrote, called or came.
        CustomerMessage = "customer_message",
        /// Somebody who counts as a responder answered.
        Response = "response",
        /// A note was added.
        NoteAdded = "note_added",
        /// It was put on hold.
        Held = "held",
        /// The hold ended.
        Resumed = "resumed",
        /// A due date was agreed.
        DueDateSet = "due_date_set",
        /// It was resolved.
        Resolved = "resolved",
        /// It was closed.
        Closed = "closed",
        /// A step of an imported log.
        ActivityRecorded = "activity_recorded",
    }
);

/// When something counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a condition is a fact's name such as resolved, a test such as {hold: []}, {clock_stopped: NAME}, {any: [..]}, {all: [..]}, {not: ..}, or a list of conditions"
)]
pub enum Condition {
    /// It happened just now.
    Happened(Happening),
    /// Any of these.
    AnyOf(Vec<Condition>),
    /// A test.
    Test(Box<Test>),
}

/// A test of the case's state, or a combination. Lists hold allowed values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Any of these.
    Any(Vec<Condition>),
    /// All of these.
    All(Vec<Condition>),
    /// Not this.
    Not(Condition),
    /// That clock of the same rule stopped just now.
    ClockStopped(String),
    /// How the case stands.
    Status(Vec<Status>),
    /// It is on hold, for one of these reasons; for any when the list is empty.
    Hold(Vec<HoldReason>),
    /// The unit that owns it.
    Unit(Vec<String>),
    /// The stage it is in.
    Stage(Vec<String>),
    /// Whom it is assigned to; anybody when the list is empty.
    Assignee(Vec<String>),
    /// What it is.
    Kind(Vec<CaseKind>),
    /// What it is about.
    Category(Vec<String>),
    /// How urgent it is.
    Priority(Vec<Priority>),
    /// How bad it is.
    Severity(Vec<Severity>),
    /// How it came.
    Channel(Vec<Channel>),
    /// The customer's tier.
    Tier(Vec<String>),
    /// In which relation the customer stands to us.
    CustomerKind(Vec<CustomerKind>),
    /// Whether a response was given since the opening.
    Responded(bool),
    /// Whether a customer's message is newer than the last response.
    Unanswered(bool),
}

impl Condition {
    /// Holds as soon as any of these happens.
    pub fn any_happened(happenings: &[Happening]) -> Self {
        Self::AnyOf(happenings.iter().copied().map(Self::Happened).collect())
    }

    /// Holds while the test does.
    pub fn test(test: Test) -> Self {
        Self::Test(Box::new(test))
    }

    /// The clocks whose stops it looks at.
    pub(crate) fn stopped_clocks(&self) -> Vec<&str> {
        let mut named = vec![];
        self.visit(&mut |inner| {
            if let Self::Test(test) = inner
                && let Test::ClockStopped(clock) = &**test
            {
                named.push(clock.as_str());
            }
        });
        named
    }

    /// Calls a function for this condition and all inside it.
    pub(crate) fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Condition)) {
        visit(self);
        match self {
            Self::Happened(_) => {}
            Self::AnyOf(all) => all.iter().for_each(|inner| inner.visit(visit)),
            Self::Test(test) => match &**test {
                Test::Any(all) | Test::All(all) => all.iter().for_each(|inner| inner.visit(visit)),
                Test::Not(inner) => inner.visit(visit),
                _ => {}
            },
        }
    }

    /// Whether it can hold because something happened just now, and then for a moment only.
    pub(crate) fn may_be_momentary(&self) -> bool {
        match self {
            Self::Happened(_) => true,
            Self::AnyOf(any) => any.iter().any(Self::may_be_momentary),
            Self::Test(test) => match &**test {
                Test::Any(parts) | Test::All(parts) => parts.iter().any(Self::may_be_momentary),
                Test::ClockStopped(_) => true,
                _ => false,
            },
        }
    }
}
