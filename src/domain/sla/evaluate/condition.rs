//! Whether a condition holds.

use super::course::{Situation, Step};
use crate::policy::{Condition, Happening, Test};

/// What a condition looks at: what happened just now, if anything did, and how the case stands.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    /// What happened just now, as conditions name it.
    pub(super) happened: Option<Happening>,
    /// Whether it counts as a response, beside what it is called.
    pub(super) is_response: bool,
    pub(super) situation: &'a Situation<'a>,
    /// Whether a response was given, as the target counts them.
    pub(super) responded: bool,
    /// Whether a customer's message is newer than the last response.
    pub(super) unanswered: bool,
    /// The clocks of the same agreement that stopped just now.
    pub(super) stopped: &'a dyn Fn(&str) -> bool,
}

impl<'a> Look<'a> {
    /// The same look as if nothing had happened: states only.
    pub(super) fn at_rest(step: &'a Step<'a>, responded: bool, unanswered: bool) -> Self {
        Self {
            happened: None,
            is_response: false,
            situation: &step.situation,
            responded,
            unanswered,
            stopped: &|_| false,
        }
    }
}

pub(super) fn holds(condition: &Condition, look: Look<'_>) -> bool {
    match condition {
        Condition::Happened(Happening::Response) => look.is_response,
        Condition::Happened(happening) => look.happened == Some(*happening),
        Condition::AnyOf(any) => any.iter().any(|inner| holds(inner, look)),
        Condition::Test(test) => test_holds(test, look),
    }
}

fn test_holds(test: &Test, look: Look<'_>) -> bool {
    let case = &look.situation.attributes;
    match test {
        Test::Any(any) => any.iter().any(|inner| holds(inner, look)),
        Test::All(all) => all.iter().all(|inner| holds(inner, look)),
        Test::Not(inner) => !holds(inner, look),
        Test::ClockStopped(clock) => (look.stopped)(clock),
        Test::Status(list) => allows(list, &look.situation.status),
        Test::Hold(list) => look.situation.hold.is_some_and(|reason| allows(list, &reason)),
        Test::Unit(list) => named(list, case.unit.map(|unit| unit.as_str())),
        Test::Stage(list) => named(list, case.stage),
        Test::Assignee(list) => {
            named(list, look.situation.assignee.map(|assignee| assignee.as_str()))
        }
        Test::Kind(list) => case.kind.is_some_and(|kind| allows(list, &kind)),
        Test::Category(list) => named(list, case.category.map(|category| category.as_str())),
        Test::Priority(list) => case.priority.is_some_and(|priority| allows(list, &priority)),
        Test::Severity(list) => case.severity.is_some_and(|severity| allows(list, &severity)),
        Test::Channel(list) => case.channel.is_some_and(|channel| allows(list, &channel)),
        Test::Tier(list) => named(list, case.tier),
        Test::CustomerKind(list) => case.customer_kind.is_some_and(|kind| allows(list, &kind)),
        Test::Responded(expected) => look.responded == *expected,
        Test::Unanswered(expected) => look.unanswered == *expected,
    }
}

/// An empty list allows every value that is there.
fn allows<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

fn named(list: &[String], value: Option<&str>) -> bool {
    value.is_some_and(|value| list.is_empty() || list.iter().any(|allowed| allowed == value))
}
