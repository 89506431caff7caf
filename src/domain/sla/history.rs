//! What the clocks of one case need to know of it.
//!
//! A projection keeps one history a case and adds a fact for each event that clocks care about. Facts stand in the order in
//! which they happened, not in that in which they were recorded: a letter of Friday that is scanned on Monday takes its
//! place on Friday. Facts of the same moment stand in the order of their revisions.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    case::attribute::{CaseKind, Channel, HoldReason, Priority},
    id::{CategoryId, PolicyId},
};

/// The facts of one case that move its clocks, with the attributes and policy versions it was opened with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaHistory {
    kind: CaseKind,
    channel: Option<Channel>,
    bindings: Vec<PolicyBinding>,
    facts: Vec<Fact>,
    left_out: u32,
}

/// A policy version that a case is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyBinding {
    /// The policy.
    pub policy_id: PolicyId,
    /// The version in force when the case was opened.
    pub version: u32,
}

/// One fact. Facts are ordered by when they happened, then by revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened. Clocks run on this.
    pub occurred_at: Timestamp,
    /// The event's place in the case's stream.
    pub revision: u64,
    /// What happened. One event may make several facts: they count in the order of [`FactKind`].
    pub kind: FactKind,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// What clocks care about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// The case was opened.
    Opened,
    /// The whole classification from now on. At the opening it is a fact of its own with the same revision.
    Classified {
        /// The subject category, where it is known.
        category: Option<CategoryId>,
        /// The priority, where it is known.
        priority: Option<Priority>,
    },
    /// The date by which it is to be done was agreed, or agreed anew.
    DueDateSet {
        /// The date, to the moment.
        due_at: Timestamp,
    },
    /// The case was put on hold, or is on hold for another reason.
    Held {
        /// Why.
        reason: HoldReason,
    },
    /// The hold ended.
    Resumed,
    /// Staff wrote or spoke to the customer: a public outbound interaction.
    Responded,
    /// The case was resolved.
    Resolved,
    /// The case was closed.
    Closed,
    /// The case was opened again after it had been resolved or closed.
    Reopened,
}

impl SlaHistory {
    /// How many facts a history holds at most.
    pub const FACTS_MAX: usize = 1000;
    /// How many policies a case is bound to at most; further ones are not bound.
    pub const BINDINGS_MAX: usize = 64;

    /// A case as it was opened. Policies are tried in the order of `bindings`; the first with a rule that matches governs.
    pub fn new(
        kind: CaseKind,
        channel: Option<Channel>,
        bindings: impl IntoIterator<Item = PolicyBinding>,
    ) -> Self {
        let bindings = bindings.into_iter().take(Self::BINDINGS_MAX).collect();
        Self { kind, channel, bindings, facts: vec![], left_out: 0 }
    }

    /// Puts a fact in its place. The same fact again changes nothing.
    ///
    /// A full history gives up all responses but the first, which are the facts that automatic mail can multiply. When that
    /// makes no room, the fact is left out and counted: see [`SlaHistory::left_out`].
    pub fn insert(&mut self, fact: Fact) {
        if self.facts.binary_search(&fact).is_ok() {
            return;
        }
        if self.facts.len() >= Self::FACTS_MAX {
            let mut responses = 0;
            self.facts.retain(|fact| {
                responses += u32::from(fact.kind == FactKind::Responded);
                fact.kind != FactKind::Responded || responses == 1
            });
        }
        if self.facts.len() >= Self::FACTS_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        let place = self.facts.partition_point(|earlier| *earlier < fact);
        self.facts.insert(place, fact);
    }

    /// The facts in the order in which they happened.
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// What the case is.
    pub fn kind(&self) -> CaseKind {
        self.kind
    }

    /// How it came, where it is known.
    pub fn channel(&self) -> Option<Channel> {
        self.channel
    }

    /// The policy versions that the case is bound to, in the order in which they are tried.
    pub fn bindings(&self) -> &[PolicyBinding] {
        &self.bindings
    }

    /// How many facts found no room. Above zero, the clocks do not tell all.
    pub fn left_out(&self) -> u32 {
        self.left_out
    }

    /// When the case was opened.
    pub fn opened_at(&self) -> Option<Timestamp> {
        let opened = self.facts.iter().find(|fact| fact.kind == FactKind::Opened)?;
        Some(opened.occurred_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(minute: i64, revision: u64, kind: FactKind) -> Fact {
        let occurred_at = Timestamp::from_second(minute * 60).unwrap();
        Fact { occurred_at, revision, kind, recorded_at: Timestamp::UNIX_EPOCH }
    }

    fn history() -> SlaHistory {
        SlaHistory::new(CaseKind::Request, Some(Channel::Email), [])
    }

    #[test]
    fn a_fact_recorded_late_takes_its_place_in_time_and_equal_times_go_by_revision() {
        let mut history = history();
        let facts = [
            fact(0, 0, FactKind::Opened),
            fact(0, 0, FactKind::Classified { category: None, priority: Some(Priority::High) }),
            fact(5, 3, FactKind::Responded),
            fact(9, 1, FactKind::Held { reason: HoldReason::Other }),
            fact(9, 2, FactKind::Resumed),
        ];
        for index in [4, 1, 3, 0, 2, 3] {
            history.insert(facts[index].clone());
        }
        assert_eq!(history.facts(), facts);
        assert_eq!(history.opened_at(), Some(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_full_history_keeps_the_first_response_and_makes_room() {
        let mut history = history();
        history.insert(fact(0, 0, FactKind::Opened));
        for revision in 1..2000 {
            history.insert(fact(revision, revision as u64, FactKind::Responded));
        }
        history.insert(fact(3000, 3000, FactKind::Resolved));
        assert!(history.facts().len() <= SlaHistory::FACTS_MAX);
        assert_eq!(history.facts()[1], fact(1, 1, FactKind::Responded));
        assert_eq!(history.facts().last(), Some(&fact(3000, 3000, FactKind::Resolved)));
        assert_eq!(history.left_out(), 0);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut history = history();
        for revision in 0..1003 {
            history.insert(fact(revision, revision as u64, FactKind::Resumed));
        }
        assert_eq!((history.facts().len(), history.left_out()), (SlaHistory::FACTS_MAX, 3));
    }

    #[test]
    fn a_history_survives_its_storage() {
        let binding = PolicyBinding { policy_id: PolicyId::new("standard").unwrap(), version: 2 };
        let mut history = SlaHistory::new(CaseKind::Complaint, None, [binding]);
        history.insert(fact(0, 0, FactKind::Opened));
        history.insert(fact(1, 1, FactKind::Held { reason: HoldReason::AwaitingCustomer }));
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<SlaHistory>(&json).unwrap(), history);
    }
}
