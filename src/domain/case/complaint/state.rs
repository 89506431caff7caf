//! What later decisions need to know of the handling of a complaint.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::case::attribute::{CaseKind, Direction, Outcome};
use crate::case::error::CaseRefusal;
use crate::case::event::CaseEvent;
use crate::id::{CaseId, RootCauseId};

/// What later decisions need to know of the handling of a complaint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComplaintState {
    /// What sort of matter the case is; `None` before it is opened.
    pub kind: Option<CaseKind>,
    /// Whether its receipt was acknowledged.
    pub acknowledged: bool,
    /// Whether it was assessed.
    pub assessed: bool,
    /// Whether the last assessment found that somebody's safety or health is touched.
    pub safety: bool,
    /// How often the customer appealed.
    pub appeals: u32,
    /// The decision that stands.
    pub decision: Option<Decision>,
    /// What became of the case, while it is resolved.
    pub outcome: Option<Outcome>,
    /// Whether a person wrote or spoke to the customer since the decision; since the opening or the reopening while there is none.
    pub answered: bool,
    /// The causes on record.
    pub root_causes: BTreeSet<RootCauseId>,
    /// The cases that remove them.
    pub corrective_actions: BTreeSet<CaseId>,
}

/// A decision that stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Until when it may be appealed; `None` when it is the last.
    pub appeal_until: Option<Timestamp>,
    /// Whether the customer is content with it.
    pub accepted: bool,
    /// Whether the customer was told what else they can do.
    pub alternatives_offered: bool,
}

impl ComplaintState {
    /// Takes in an event of the case.
    pub fn evolve(&mut self, event: &CaseEvent) {
        match event {
            CaseEvent::Opened(opened) => self.kind = Some(opened.kind),
            CaseEvent::Acknowledged(_) => self.acknowledged = true,
            CaseEvent::Assessed(assessed) => {
                (self.assessed, self.safety) = (true, assessed.safety);
            }
            CaseEvent::Decided(decided) => {
                let appeal_until = decided.appeal_until;
                self.decision = Some(Decision { appeal_until, ..Decision::default() });
                self.answered = false;
            }
            CaseEvent::Appealed(_) => self.appeals = self.appeals.saturating_add(1),
            CaseEvent::DecisionAccepted(_) => {
                self.decision = self.decision.map(|it| Decision { accepted: true, ..it });
            }
            CaseEvent::AlternativesOffered(_) => {
                self.decision =
                    self.decision.map(|it| Decision { alternatives_offered: true, ..it });
            }
            CaseEvent::RootCauseRecorded(recorded) => {
                self.root_causes.insert(recorded.cause.clone());
            }
            CaseEvent::CorrectiveActionLinked(linked) => {
                self.corrective_actions.insert(linked.case_id);
            }
            CaseEvent::InteractionRecorded(said) => {
                self.answered |= said.direction == Direction::Outbound && !said.automatic;
            }
            CaseEvent::Resolved(resolved) => self.outcome = Some(resolved.outcome),
            // Whatever was decided no longer stands, and the customer waits for an answer again.
            CaseEvent::Reopened(_) => {
                (self.decision, self.outcome, self.answered) = (None, None, false);
            }
            _ => {}
        }
    }

    /// Whether the rules of the process hold: the case is a complaint, and somebody began to handle it as one.
    pub fn is_under_process(&self) -> bool {
        self.kind == Some(CaseKind::Complaint) && (self.acknowledged || self.assessed)
    }

    /// Whether the case may be resolved with this outcome without a decision: what was withdrawn or is handled elsewhere needs none.
    ///
    /// # Errors
    /// [`CaseRefusal::DecisionMissing`] for any other outcome of a complaint under the process.
    pub fn check_resolving(&self, outcome: Outcome) -> Result<(), CaseRefusal> {
        if self.is_under_process() && !ends_by_itself(outcome) {
            return Err(CaseRefusal::DecisionMissing);
        }
        Ok(())
    }

    /// Whether the case may be closed at this moment (ISO 10002:2018, 8.9): the customer accepted the decision, or let the time for an
    /// appeal pass, or was told of all that remains after the last decision; and a person told them.
    ///
    /// # Errors
    /// What is missing, for a complaint under the process.
    pub fn check_closing(&self, at: Timestamp) -> Result<(), CaseRefusal> {
        if !self.is_under_process() {
            return Ok(());
        }
        if !self.outcome.is_some_and(ends_by_itself) {
            let decision = self.decision.ok_or(CaseRefusal::DecisionMissing)?;
            let exhausted = match decision.appeal_until {
                Some(until) => until < at,
                None => decision.alternatives_offered,
            };
            if !decision.accepted && !exhausted {
                return Err(CaseRefusal::DecisionNotAccepted);
            }
        }
        if self.answered { Ok(()) } else { Err(CaseRefusal::AnswerMissing) }
    }

    /// Whether a case of a known customer, of whatever kind, may be closed as far as their answer is concerned. What was withdrawn or is a
    /// duplicate asks for none.
    ///
    /// # Errors
    /// [`CaseRefusal::AnswerMissing`] while no person has told them.
    pub fn check_answered(&self) -> Result<(), CaseRefusal> {
        if self.answered || self.outcome.is_some_and(ends_by_itself) {
            return Ok(());
        }
        Err(CaseRefusal::AnswerMissing)
    }
}

fn ends_by_itself(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Withdrawn | Outcome::Duplicate)
}
