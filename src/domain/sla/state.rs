//! What the clock stream of a case knows: what is on record of each clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Clock, ClockKey, ClockState, SlaEvent};

/// What is on record of the clocks of one case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaState {
    /// By clock.
    pub clocks: BTreeMap<ClockKey, ClockRecord>,
}

/// What is on record of one clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRecord {
    /// The last verdict; `Running` after a verdict that no longer holds, `None` before the first.
    pub verdict: Option<ClockState>,
    /// The due moment of the breach on record.
    pub breach_due_at: Option<Timestamp>,
    /// Whether it is on record that a breached clock stopped.
    pub completed_late: bool,
    /// The thresholds that were warned of, and not withdrawn, with the moment at which each was reached.
    pub warned: BTreeMap<String, Timestamp>,
    /// How many extensions were granted.
    pub extensions: u32,
    /// Whether its breach was waived.
    pub waived: bool,
}

impl SlaState {
    /// Takes in a fact.
    pub fn evolve(&mut self, event: &SlaEvent) {
        let record = self.clocks.entry(event.subject().clock.clone()).or_default();
        match event {
            SlaEvent::Warned(fact) => {
                record.warned.insert(fact.threshold.clone(), fact.reached_at);
            }
            SlaEvent::WarningWithdrawn(fact) => {
                record.warned.remove(&fact.threshold);
            }
            SlaEvent::Breached(fact) => {
                record.verdict = Some(ClockState::Breached);
                record.breach_due_at = Some(fact.due_at);
            }
            SlaEvent::Met(_) => record.verdict = Some(ClockState::Met),
            SlaEvent::CompletedLate(_) => record.completed_late = true,
            SlaEvent::Cancelled(fact) => {
                let verdict = if fact.merged { ClockState::Merged } else { ClockState::Cancelled };
                record.verdict = Some(verdict);
            }
            SlaEvent::Restated(fact) => {
                // A restatement tells of the stop too.
                (record.verdict, record.completed_late) =
                    (Some(fact.to), fact.stopped_at.is_some());
                record.breach_due_at = fact.due_at.filter(|_| fact.to == ClockState::Breached);
            }
            SlaEvent::Extended(_) => record.extensions += 1,
            SlaEvent::Waived(_) => record.waived = true,
        }
    }

    /// The moment after which something about a clock is to be recorded, `None` for nothing as far as is known now. What is to be
    /// recorded at once has a moment in the past.
    pub fn next_at(&self, clock: &Clock) -> Option<Timestamp> {
        let nothing = ClockRecord::default();
        let record = self.clocks.get(&clock.key).unwrap_or(&nothing);
        let is_open = matches!(clock.state, ClockState::Running | ClockState::Paused);
        let at_once = clock.stopped_at.unwrap_or(clock.started_at).min(clock.started_at);
        let verdict = match clock.state {
            ClockState::Waived => ClockState::Breached,
            state => state,
        };
        let is_settled = !is_open && verdict != ClockState::Measured;
        let settled = record.verdict.filter(|verdict| *verdict != ClockState::Running);

        let warnings = clock.warnings.iter().filter_map(|warning| {
            let at = warning.at?;
            match record.warned.get(&warning.threshold) {
                // The deadline moved: what was warned of is withdrawn, or warned of again.
                Some(warned_at) => {
                    (is_open && at > *warned_at && at >= clock.attached_at).then_some(at_once)
                }
                None => {
                    let comes = at >= clock.attached_at
                        && clock.stopped_at.is_none_or(|stopped_at| at <= stopped_at);
                    (comes && verdict_allows_warning(verdict)).then_some(at)
                }
            }
        });
        let own = match (settled, is_settled, is_open) {
            // What is on record still holds, unless the due moment moved or the clock has stopped since.
            (Some(ClockState::Breached), _, _)
                if verdict == ClockState::Breached || (is_open && clock.due_at.is_some()) =>
            {
                let moved = clock.due_at != record.breach_due_at;
                let completed = is_settled && !record.completed_late;
                (moved || completed).then_some(at_once)
            }
            (Some(recorded), true, _) => (recorded != verdict).then_some(at_once),
            (Some(_), false, true) | (None, true, _) => Some(at_once),
            (None, false, true) => clock.due_at,
            (_, false, false) => None,
        };
        own.into_iter().chain(warnings).min()
    }
}

/// Whether warnings make sense for a clock with this verdict: not for one that ended without any.
pub(super) fn verdict_allows_warning(verdict: ClockState) -> bool {
    !matches!(verdict, ClockState::Cancelled | ClockState::Merged | ClockState::Measured)
}
