//! What the clocks of one case need to know of it.
//!
//! A projection keeps one history a case and adds a fact for each event that clocks care about: of the case, of its customer, of
//! policies that move open cases, and of the clocks themselves (extensions and waivers). Facts stand in the order in which they
//! happened, not in that in which they were recorded: a letter of Friday that is scanned on Monday takes its place on Friday.
//! Facts of the same moment stand in the order of their sources.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ClockKey;
use crate::{
    case::attribute::{CaseKind, Channel, HoldReason, Priority, Severity, vocabulary},
    customer::attribute::CustomerKind,
    id::{CategoryId, PolicyId, StaffId, UnitId},
    policy::{DEFAULT_POLICY, Happening},
};

/// The facts of one case that move its clocks, with the policy versions it was opened under.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlaHistory {
    bindings: Vec<PolicyBinding>,
    facts: Vec<Fact>,
    left_out: u32,
}

/// A policy version that a case is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PolicyBinding {
    /// The policy.
    pub policy_id: PolicyId,
    /// The version.
    pub version: u32,
}

/// One fact. Facts are ordered by when they happened, then by their sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// When it happened. Clocks run on this.
    pub occurred_at: Timestamp,
    /// The event that tells of it.
    pub source: FactSource,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What happened.
    pub kind: FactKind,
}

/// The event behind a fact: its stream and its revision in it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FactSource {
    /// Of the case's own stream.
    Case(u64),
    /// Of its customer's stream.
    Customer(u64),
    /// Of a policy, which the fact names; the number is the version's.
    Policy(u64),
    /// Of the stream of the case's clocks.
    Clock(u64),
}

/// What clocks care about. Absent attributes stay as they were.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactKind {
    /// The case was opened.
    Opened(Opening),
    /// It was classified anew.
    Classified {
        /// The subject category.
        category: Option<CategoryId>,
        /// The priority.
        priority: Option<Priority>,
        /// The severity.
        severity: Option<Severity>,
    },
    /// What rules look at in the customer changed.
    CustomerChanged {
        /// The tier.
        tier: Option<String>,
        /// The relation to us.
        kind: Option<CustomerKind>,
    },
    /// A policy version that moves open cases came into force.
    PolicyChanged(PolicyBinding),
    /// The case was handed to a unit.
    Referred {
        /// The unit.
        unit: UnitId,
        /// When it must have answered.
        answer_due_at: Option<Timestamp>,
    },
    /// The unit sent it back to where it came from.
    Returned {
        /// The unit that owns it again; `None` at intake.
        unit: Option<UnitId>,
    },
    /// It was given to a member of staff.
    Assigned {
        /// Whom.
        assignee: StaffId,
    },
    /// It entered a stage.
    StageEntered {
        /// The stage.
        stage: String,
    },
    /// The customer wrote, called or came.
    CustomerMessage,
    /// Somebody or something of ours wrote or spoke.
    Answered {
        /// To whom, and whether a person did.
        kind: AnswerKind,
        /// The actor's name in the identity provider.
        by: String,
    },
    /// Staff wrote something down.
    NoteAdded,
    /// The case was put on hold, or is on hold for another reason.
    Held {
        /// Why.
        reason: HoldReason,
    },
    /// The hold ended.
    Resumed,
    /// The date by which it is to be done was agreed, or agreed anew.
    DueDateSet {
        /// The date, to the moment.
        due_at: Timestamp,
    },
    /// The case was resolved.
    Resolved,
    /// The case was closed.
    Closed,
    /// The case was opened again after it had been resolved or closed.
    Reopened,
    /// It was merged into another case.
    Merged,
    /// The merge was undone.
    Unmerged,
    /// A step of an imported log.
    ActivityRecorded,
    /// An extension was granted to a clock.
    Extended {
        /// Which clock.
        clock: ClockKey,
    },
    /// A clock's breach was waived.
    Waived {
        /// Which clock.
        clock: ClockKey,
    },
}

/// The attributes that a case is opened with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// What it is.
    pub kind: CaseKind,
    /// How it came.
    pub channel: Option<Channel>,
    /// What it is about.
    pub category: Option<CategoryId>,
    /// How urgent it is.
    pub priority: Option<Priority>,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// The unit that owns it.
    pub unit: Option<UnitId>,
    /// The customer's tier.
    pub tier: Option<String>,
    /// In which relation the customer stands to us.
    pub customer_kind: Option<CustomerKind>,
    /// The date agreed from the start.
    pub due_at: Option<Timestamp>,
}

vocabulary!(
    /// To whom somebody or something of ours wrote or spoke.
    AnswerKind {
        /// Staff to the customer.
        Public = "public",
        /// A machine to the customer.
        Automatic = "automatic",
        /// Among staff.
        Internal = "internal",
    }
);

vocabulary!(
    /// What began a stretch of a clock, as reports and certificates name it.
    Cause {
        /// The case was opened.
        Opened = "opened",
        /// It was opened again.
        Reopened = "reopened",
        /// It was classified anew.
        Classified = "classified",
        /// What rules look at in the customer changed.
        CustomerChanged = "customer_changed",
        /// A policy version that moves open cases came into force.
        PolicyChanged = "policy_changed",
        /// It was handed to a unit.
        Referred = "referred",
        /// It was given to a member of staff.
        Assigned = "assigned",
        /// It entered a stage.
        StageEntered = "stage_entered",
        /// The customer wrote, called or came.
        CustomerMessage = "customer_message",
        /// It was answered.
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
        /// It was merged into another case.
        Merged = "merged",
        /// The merge was undone.
        Unmerged = "unmerged",
        /// A step of an imported log.
        ActivityRecorded = "activity_recorded",
        /// An extension was granted.
        Extended = "extended",
        /// The breach was waived.
        Waived = "waived",
        /// The cycle before came to its due moment.
        Recurred = "recurred",
    }
);

impl FactKind {
    /// How the fact is named as a cause.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Opened(_) => Cause::Opened,
            Self::Classified { .. } => Cause::Classified,
            Self::CustomerChanged { .. } => Cause::CustomerChanged,
            Self::PolicyChanged(_) => Cause::PolicyChanged,
            Self::Referred { .. } | Self::Returned { .. } => Cause::Referred,
            Self::Assigned { .. } => Cause::Assigned,
            Self::StageEntered { .. } => Cause::StageEntered,
            Self::CustomerMessage => Cause::CustomerMessage,
            Self::Answered { .. } => Cause::Response,
            Self::NoteAdded => Cause::NoteAdded,
            Self::Held { .. } => Cause::Held,
            Self::Resumed => Cause::Resumed,
            Self::DueDateSet { .. } => Cause::DueDateSet,
            Self::Resolved => Cause::Resolved,
            Self::Closed => Cause::Closed,
            Self::Reopened => Cause::Reopened,
            Self::Merged => Cause::Merged,
            Self::Unmerged => Cause::Unmerged,
            Self::ActivityRecorded => Cause::ActivityRecorded,
            Self::Extended { .. } => Cause::Extended,
            Self::Waived { .. } => Cause::Waived,
        }
    }

    /// How conditions name the fact; an answer is named by whoever knows what counts as a response.
    pub(super) fn happening(&self) -> Option<Happening> {
        Some(match self {
            Self::Opened(_) => Happening::Opened,
            Self::Classified { .. } => Happening::Classified,
            Self::Referred { .. } | Self::Returned { .. } => Happening::Referred,
            Self::Assigned { .. } => Happening::Assigned,
            Self::StageEntered { .. } => Happening::StageEntered,
            Self::CustomerMessage => Happening::CustomerMessage,
            Self::NoteAdded => Happening::NoteAdded,
            Self::Held { .. } => Happening::Held,
            Self::Resumed => Happening::Resumed,
            Self::DueDateSet { .. } => Happening::DueDateSet,
            Self::Resolved => Happening::Resolved,
            Self::Closed => Happening::Closed,
            Self::Reopened => Happening::Reopened,
            Self::ActivityRecorded => Happening::ActivityRecorded,
            Self::Answered { .. }
            | Self::CustomerChanged { .. }
            | Self::PolicyChanged(_)
            | Self::Merged
            | Self::Unmerged
            | Self::Extended { .. }
            | Self::Waived { .. } => return None,
        })
    }

    /// Whether automatic mail or imports can multiply such facts without end.
    fn may_be_many(&self) -> bool {
        matches!(
            self,
            Self::CustomerMessage
                | Self::Answered { .. }
                | Self::NoteAdded
                | Self::ActivityRecorded
        )
    }
}

impl SlaHistory {
    /// How many facts a history holds at most.
    pub const FACTS_MAX: usize = 1000;
    /// How many policies a case is bound to at most; further ones are not bound.
    pub const BINDINGS_MAX: usize = 64;

    /// A history without facts. Policies are tried in the order of `bindings`; the first of an agreement with a rule that matches
    /// governs.
    pub fn new(bindings: impl IntoIterator<Item = PolicyBinding>) -> Self {
        let bindings = bindings.into_iter().take(Self::BINDINGS_MAX).collect();
        Self { bindings, facts: vec![], left_out: 0 }
    }

    /// Puts a fact in its place. The same fact again changes nothing.
    ///
    /// A full history gives up half of the facts that automatic mail or an import can multiply: the later ones, because the first
    /// answers matter most. What finds no room then is left out. Both are counted: see [`SlaHistory::left_out`].
    pub fn insert(&mut self, fact: Fact) {
        if self.facts.binary_search(&fact).is_ok() {
            return;
        }
        if self.facts.len() >= Self::FACTS_MAX {
            let (mut many, mut left_out) = (0, 0);
            self.facts.retain(|fact| {
                many += usize::from(fact.kind.may_be_many());
                let keep = !fact.kind.may_be_many() || many <= Self::FACTS_MAX / 4;
                left_out += u32::from(!keep);
                keep
            });
            self.left_out = self.left_out.saturating_add(left_out);
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

    /// The policy versions that the case was bound to at its opening, in the order in which they are tried.
    pub fn bindings(&self) -> &[PolicyBinding] {
        &self.bindings
    }

    /// How many facts found no room. Above zero, the clocks do not tell all.
    pub fn left_out(&self) -> u32 {
        self.left_out
    }

    /// The same history as it was known at a moment.
    pub fn known_at(&self, moment: Timestamp) -> Self {
        let facts = self.facts.iter().filter(|fact| fact.recorded_at <= moment).cloned().collect();
        Self { bindings: self.bindings.clone(), facts, left_out: self.left_out }
    }

    /// The same facts under this version of a policy from the opening on, and under no other of its versions: as if it had been in force
    /// then and none had come after it. Other policies stay as they are.
    pub fn bound_to(&self, policy_id: &PolicyId, version: u32) -> Self {
        let mut bindings = self.bindings.clone();
        bindings.retain(|binding| binding.policy_id != *policy_id);
        // In the order of ids, the default policy last; a draft is never the one that finds no room.
        let place = |id: &PolicyId| (id.as_str() == DEFAULT_POLICY, id.clone());
        let index = bindings
            .partition_point(|binding| place(&binding.policy_id) < place(policy_id))
            .min(Self::BINDINGS_MAX - 1);
        bindings.insert(index, PolicyBinding { policy_id: policy_id.clone(), version });
        bindings.truncate(Self::BINDINGS_MAX);
        let is_other = |fact: &&Fact| !matches!(&fact.kind, FactKind::PolicyChanged(to) if to.policy_id == *policy_id);
        let facts = self.facts.iter().filter(is_other).cloned().collect();
        Self { bindings, facts, left_out: self.left_out }
    }

    /// The same history as far as it had happened at a moment, without what is announced for later.
    pub fn happened_by(&self, moment: Timestamp) -> Self {
        let facts = self.facts.iter().filter(|fact| fact.occurred_at <= moment).cloned().collect();
        Self { bindings: self.bindings.clone(), facts, left_out: self.left_out }
    }

    /// The opening, when the case was opened.
    pub(super) fn opening(&self) -> Option<(&Fact, &Opening)> {
        self.facts.iter().find_map(|fact| match &fact.kind {
            FactKind::Opened(opening) => Some((fact, opening)),
            _ => None,
        })
    }

    /// When the case was opened.
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.opening().map(|(fact, _)| fact.occurred_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(minute: i64, revision: u64, kind: FactKind) -> Fact {
        let occurred_at = Timestamp::from_second(minute * 60).unwrap();
        let source = FactSource::Case(revision);
        Fact { occurred_at, source, recorded_at: Timestamp::UNIX_EPOCH, kind }
    }

    fn opened() -> FactKind {
        FactKind::Opened(Opening {
            kind: CaseKind::Request,
            channel: Some(Channel::Email),
            category: None,
            priority: None,
            severity: None,
            unit: None,
            tier: None,
            customer_kind: None,
            due_at: None,
        })
    }

    #[test]
    fn a_fact_recorded_late_takes_its_place_in_time_and_equal_times_go_by_source() {
        let mut history = SlaHistory::new([]);
        let facts = [
            fact(0, 0, opened()),
            fact(5, 3, FactKind::CustomerMessage),
            fact(9, 1, FactKind::Held { reason: HoldReason::Other }),
            fact(9, 2, FactKind::Resumed),
        ];
        for index in [3, 1, 0, 2, 1] {
            history.insert(facts[index].clone());
        }
        assert_eq!(history.facts(), facts);
        assert_eq!(history.opened_at(), Some(Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn a_full_history_gives_up_what_mail_can_multiply_and_counts_it() {
        let mut history = SlaHistory::new([]);
        history.insert(fact(0, 0, opened()));
        for revision in 1..2000 {
            history.insert(fact(revision, revision as u64, FactKind::CustomerMessage));
        }
        history.insert(fact(3000, 3000, FactKind::Resolved));
        assert!(history.facts().len() <= SlaHistory::FACTS_MAX);
        assert_eq!(history.facts()[1], fact(1, 1, FactKind::CustomerMessage));
        assert_eq!(history.facts().last(), Some(&fact(3000, 3000, FactKind::Resolved)));
        assert_eq!(history.left_out() as usize + history.facts().len(), 2001);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut history = SlaHistory::new([]);
        for revision in 0..1003 {
            history.insert(fact(revision, revision as u64, FactKind::Resumed));
        }
        assert_eq!((history.facts().len(), history.left_out()), (SlaHistory::FACTS_MAX, 3));
    }

    #[test]
    fn a_history_survives_its_storage() {
        let binding = PolicyBinding { policy_id: PolicyId::new("standard").unwrap(), version: 2 };
        let mut history = SlaHistory::new([binding]);
        history.insert(fact(0, 0, opened()));
        history.insert(fact(1, 1, FactKind::Held { reason: HoldReason::AwaitingCustomer }));
        history.insert(fact(2, 2, FactKind::Extended { clock: "resolution-1".parse().unwrap() }));
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(serde_json::from_str::<SlaHistory>(&json).unwrap(), history);
    }
}
