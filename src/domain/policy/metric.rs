//! What clocks measure, and the conditions that each metric brings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    condition::{Condition, Happening, Test},
    document::{Cycles, Recurrence},
};
use crate::case::attribute::{HoldReason, vocabulary};

vocabulary!(
    /// What a clock measures.
    Metric {
        /// From the opening to the first public answer of staff.
        FirstResponse = "first_response",
        /// From the oldest unanswered message of the customer to its answer.
        NextResponse = "next_response",
        /// From one public answer to the next, as long as the case is open.
        PeriodicUpdate = "periodic_update",
        /// How long the customer waits for us.
        RequesterWait = "requester_wait",
        /// How long staff work on the case.
        ResponderWork = "responder_work",
        /// How long one unit owns the case.
        Ownership = "ownership",
        /// From the opening, or a reopening, to the resolution.
        Resolution = "resolution",
        /// To be done by a date that was agreed.
        DueDate = "due_date",
        /// What its own conditions say.
        Custom = "custom",
    }
);

/// The six conditions of a clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SixConditions {
    /// Begins a cycle.
    pub start: Condition,
    /// Pauses it.
    pub pause: Condition,
    /// Ends the pause; without it the pause lasts as long as its condition.
    pub resume: Option<Condition>,
    /// Ends the cycle with a verdict.
    pub stop: Condition,
    /// Ends the cycle without one.
    pub cancel: Condition,
    /// Ends the cycle without a verdict and begins the next.
    pub reset: Condition,
}

impl Metric {
    /// The conditions that the metric brings. `pause_on` is the target's list of hold reasons, `None` for all.
    pub(super) fn conditions(self, pause_on: Option<&[HoldReason]>) -> SixConditions {
        use Happening::{Closed, CustomerMessage, Opened, Referred, Reopened, Resolved, Response};
        let happened = Condition::any_happened;
        let never = || happened(&[]);
        let held = || match pause_on {
            Some([]) => never(),
            reasons => Condition::test(Test::Hold(reasons.unwrap_or_default().to_vec())),
        };
        let with = |start: Condition, stop: &[Happening], cancel: &[Happening]| SixConditions {
            start,
            pause: held(),
            resume: None,
            stop: happened(stop),
            cancel: happened(cancel),
            reset: never(),
        };
        let opened = || happened(&[Opened, Reopened]);
        match self {
            Self::FirstResponse => with(happened(&[Opened]), &[Response, Resolved], &[Closed]),
            Self::NextResponse => {
                let message = Condition::test(Test::All(vec![
                    Condition::Happened(CustomerMessage),
                    Condition::test(Test::Responded(true)),
                ]));
                with(message, &[Response, Resolved], &[Closed])
            }
            Self::PeriodicUpdate => with(opened(), &[Response], &[Resolved, Closed]),
            Self::RequesterWait => SixConditions {
                pause: match pause_on {
                    Some(_) => held(),
                    None => Condition::test(Test::Hold(vec![HoldReason::AwaitingCustomer])),
                },
                ..with(opened(), &[Resolved, Closed], &[])
            },
            Self::ResponderWork => with(opened(), &[Resolved, Closed], &[]),
            Self::Ownership => {
                let owned =
                    Condition::test(Test::All(vec![opened(), Condition::test(Test::Unit(vec![]))]));
                let start = Condition::AnyOf(vec![owned, Condition::Happened(Referred)]);
                with(start, &[Referred, Resolved], &[Closed])
            }
            Self::Resolution => with(opened(), &[Resolved], &[Closed]),
            Self::DueDate => {
                SixConditions { pause: never(), ..with(opened(), &[Resolved, Closed], &[]) }
            }
            Self::Custom => SixConditions {
                pause: pause_on.map_or_else(never, |_| held()),
                ..with(never(), &[], &[Closed])
            },
        }
    }

    /// What later starts do when the target does not say.
    pub(super) fn cycles(self) -> Cycles {
        if self == Self::FirstResponse { Cycles::FirstOnly } else { Cycles::Every }
    }

    /// What begins cycles without a start when the target does not say.
    pub(super) fn recurrence(self) -> Recurrence {
        match self {
            Self::PeriodicUpdate | Self::Ownership => Recurrence::Independent,
            _ => Recurrence::None,
        }
    }
}
