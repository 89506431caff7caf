//! What the clocks of one case follow from, folded from events: its history, and what is on record of its clocks.
//!
//! This is the ground of the read model [`crate::sla_clocks`] and of every replay: both fold the same events in the order of the log, so
//! a past view and the row that is served can only agree.

use jiff::Timestamp;
use parvandeh_domain::case::{CaseEvent, Channel, Direction, Priority};
use parvandeh_domain::customer::attribute::CustomerKind;
use parvandeh_domain::customer::event::CustomerEvent;
use parvandeh_domain::decider::Metadata;
use parvandeh_domain::id::{CaseId, CategoryId, PolicyId};
use parvandeh_domain::policy::PolicyPublished;
use parvandeh_domain::sla::{
    self, AnswerKind, Clock, ClockSubject, Drafts, Fact, FactKind, FactSource, Opening,
    PolicyBinding, SimulatedCase, Simulation, SlaEvent, SlaHistory, SlaState, SubjectOfCase,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::sla_reference::ReferenceData;

/// The clocks' ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseClocks {
    /// The facts that move the clocks.
    pub history: SlaHistory,
    /// What is on record of the clocks.
    pub record: SlaState,
    /// Whose case it is.
    pub customer_id: Option<Uuid>,
    /// When it was opened.
    pub opened_at: Timestamp,
    category: Option<CategoryId>,
    priority: Priority,
    unit: Option<String>,
    channel: Channel,
    tier: Option<String>,
}

/// What rules look at in a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerTraits {
    /// The tier.
    pub tier: Option<String>,
    /// In which relation they stand to us.
    pub kind: Option<CustomerKind>,
}

impl CustomerTraits {
    /// What an event says of them; `None` when it says nothing of the kind.
    pub fn of(event: &CustomerEvent) -> Option<Self> {
        let said = match event {
            CustomerEvent::Registered(event) => {
                Self { tier: event.tier.clone(), kind: Some(event.kind) }
            }
            CustomerEvent::DetailsChanged(event) => Self { tier: event.tier.clone(), kind: None },
            CustomerEvent::TierChanged(event) => Self { tier: Some(event.to.clone()), kind: None },
            CustomerEvent::Merged(_)
            | CustomerEvent::Unmerged(_)
            | CustomerEvent::RepresentativeAppointed(_)
            | CustomerEvent::RepresentativeDismissed(_)
            | CustomerEvent::ContactPointAdded(_)
            | CustomerEvent::ValueAssessed(_)
            | CustomerEvent::ConsentGiven(_)
            | CustomerEvent::ConsentWithdrawn(_)
            | CustomerEvent::LegalHoldPlaced(_)
            | CustomerEvent::LegalHoldReleased(_)
            | CustomerEvent::ErasureOrdered(_)
            | CustomerEvent::Erased(_)
            | CustomerEvent::VerificationRequested(_)
            | CustomerEvent::VerificationFailed(_)
            | CustomerEvent::ContactPointVerified(_)
            | CustomerEvent::PreferencesChanged(_)
            | CustomerEvent::NotificationsRead(_) => return None,
        };
        (said != Self::default()).then_some(said)
    }

    /// Takes in what a later event said.
    pub fn take_in(&mut self, said: Self) {
        self.tier = said.tier.or(self.tier.take());
        self.kind = said.kind.or(self.kind);
    }
}

impl CaseClocks {
    /// The ground after the opening of a case, `None` when the event is none. `customer` is what was known of the customer then, `reference`
    /// the policies that were.
    pub fn opened(
        event: &CaseEvent,
        meta: &Metadata,
        revision: u64,
        customer: &CustomerTraits,
        reference: &ReferenceData,
    ) -> Option<Self> {
        let CaseEvent::Opened(opened) = event else { return None };
        let mut clocks = Self {
            history: SlaHistory::new(reference.in_force(meta.occurred_at)),
            record: SlaState::default(),
            customer_id: opened.customer_id.map(|id| id.0),
            opened_at: meta.occurred_at,
            category: opened.category.clone(),
            priority: opened.priority,
            unit: opened.unit.as_ref().map(ToString::to_string),
            channel: opened.channel,
            tier: customer.tier.clone(),
        };
        let opening = Opening {
            kind: opened.kind,
            channel: Some(opened.channel),
            category: opened.category.clone(),
            priority: Some(opened.priority),
            severity: opened.severity,
            unit: opened.unit.clone(),
            tier: customer.tier.clone(),
            customer_kind: customer.kind,
            due_at: opened.due_at,
        };
        clocks.insert(FactKind::Opened(opening), meta, FactSource::Case(revision));
        for (policy_id, published) in reference.later_than(meta.occurred_at) {
            clocks.policy_published(policy_id, published, [published], meta.recorded_at);
        }
        Some(clocks)
    }

    /// Takes in a later event of the case; false when no clock cares about it.
    pub fn apply(&mut self, event: &CaseEvent, meta: &Metadata, revision: u64) -> bool {
        let fact = match event {
            CaseEvent::Classified(classified) => {
                self.category = classified.category.clone().or(self.category.take());
                self.priority = classified.priority.unwrap_or(self.priority);
                FactKind::Classified {
                    category: classified.category.clone(),
                    priority: classified.priority,
                    severity: classified.severity,
                }
            }
            CaseEvent::Referred(referred) => {
                self.unit = Some(referred.unit.to_string());
                FactKind::Referred {
                    unit: referred.unit.clone(),
                    answer_due_at: referred.answer_due_at,
                }
            }
            CaseEvent::Assigned(assigned) => {
                FactKind::Assigned { assignee: assigned.assignee.clone() }
            }
            CaseEvent::StageEntered(entered) => {
                FactKind::StageEntered { stage: entered.stage.clone() }
            }
            CaseEvent::InteractionRecorded(interaction) => match interaction.direction {
                Direction::Inbound => FactKind::CustomerMessage,
                Direction::Outbound => {
                    let kind = if interaction.automatic {
                        AnswerKind::Automatic
                    } else {
                        AnswerKind::Public
                    };
                    FactKind::Answered { kind, by: meta.actor.id.clone() }
                }
                Direction::Internal => {
                    FactKind::Answered { kind: AnswerKind::Internal, by: meta.actor.id.clone() }
                }
            },
            CaseEvent::NoteAdded(_) => FactKind::NoteAdded,
            CaseEvent::Held(held) => FactKind::Held { reason: held.reason },
            CaseEvent::Resumed(_) => FactKind::Resumed,
            CaseEvent::DueDateSet(set) => FactKind::DueDateSet { due_at: set.due_at },
            CaseEvent::Resolved(_) => FactKind::Resolved,
            CaseEvent::Reopened(_) => FactKind::Reopened,
            CaseEvent::Closed(_) => FactKind::Closed,
            CaseEvent::Merged(_) => FactKind::Merged,
            CaseEvent::Unmerged(_) => FactKind::Unmerged,
            CaseEvent::ActivityRecorded(_) => FactKind::ActivityRecorded,
            CaseEvent::ReferralReturned(returned) => {
                self.unit = returned.unit.as_ref().map(ToString::to_string);
                FactKind::Returned { unit: returned.unit.clone() }
            }
            // What a decision or an assessment does to the clocks is told by the events beside it. Who raised it moves no clock, and the
            // message that tells the author is an answer of its own.
            CaseEvent::Opened(_)
            | CaseEvent::RaisedByStaff(_)
            | CaseEvent::AuthorTold(_)
            | CaseEvent::Acknowledged(_)
            | CaseEvent::Assessed(_)
            | CaseEvent::FindingRecorded(_)
            | CaseEvent::Decided(_)
            | CaseEvent::Appealed(_)
            | CaseEvent::DecisionAccepted(_)
            | CaseEvent::AlternativesOffered(_)
            | CaseEvent::RootCauseRecorded(_)
            | CaseEvent::CorrectiveActionLinked(_)
            | CaseEvent::ReferralAccepted(_)
            | CaseEvent::ReferralEscalated(_)
            | CaseEvent::FollowUpPromised(_)
            | CaseEvent::FollowUpKept(_)
            | CaseEvent::FollowUpMissed(_)
            | CaseEvent::FollowUpReminded(_)
            | CaseEvent::SurveyAsked(_)
            | CaseEvent::SurveyAnswered(_) => return false,
        };
        self.insert(fact, meta, FactSource::Case(revision));
        true
    }

    /// Takes in what became known of the customer.
    pub fn customer_changed(&mut self, said: CustomerTraits, meta: &Metadata, revision: u64) {
        self.tier = said.tier.clone().or(self.tier.take());
        let fact = FactKind::CustomerChanged { tier: said.tier, kind: said.kind };
        self.insert(fact, meta, FactSource::Customer(revision));
    }

    /// Takes in a policy version that was published after the opening; false when it does not reach the case. `versions` are all that
    /// are known of the policy, with this one.
    pub fn policy_published<'a>(
        &mut self,
        policy_id: &PolicyId,
        published: &PolicyPublished,
        versions: impl IntoIterator<Item = &'a PolicyPublished>,
        recorded_at: Timestamp,
    ) -> bool {
        let reaches = published.reaches(self.opened_at, versions);
        if reaches {
            let version = published.version;
            self.history.insert(Fact {
                occurred_at: published.effective_from,
                source: FactSource::Policy(u64::from(version)),
                recorded_at,
                kind: FactKind::PolicyChanged(PolicyBinding {
                    policy_id: policy_id.clone(),
                    version,
                }),
            });
        }
        reaches
    }

    /// Takes in a fact of the case's clocks. Extensions and waivers are part of the history; the others are what is on record.
    pub fn clock_fact(&mut self, event: &SlaEvent, meta: &Metadata, revision: u64) {
        self.record.evolve(event);
        let clock = || event.subject().clock.clone();
        let fact = match event {
            SlaEvent::Extended(_) => FactKind::Extended { clock: clock() },
            SlaEvent::Waived(_) => FactKind::Waived { clock: clock() },
            _ => return,
        };
        self.insert(fact, meta, FactSource::Clock(revision));
    }

    /// The clocks as they stand.
    pub fn clocks(&self, case_id: Uuid, reference: &ReferenceData) -> Vec<ClockRow> {
        sla::evaluate(&self.history, reference, reference)
            .into_iter()
            .map(|clock| ClockRow {
                case_id,
                next_at: self.record.next_at(&clock),
                breach_recorded: self
                    .record
                    .clocks
                    .get(&clock.key)
                    .is_some_and(|record| record.breach_due_at.is_some()),
                unit: self.unit.clone(),
                category: self.category.as_ref().map(ToString::to_string),
                priority: self.priority,
                channel: self.channel,
                tier: self.tier.clone(),
                clock,
            })
            .collect()
    }

    /// Takes the case in into a simulation of drafts: see [`Simulation::look_at`].
    pub fn simulate(
        &self,
        case_id: Uuid,
        drafts: &Drafts,
        (published, drafted): (&ReferenceData, &ReferenceData),
        now: Timestamp,
        into: &mut Simulation,
    ) {
        let case = SimulatedCase {
            id: case_id,
            unit: self.unit.as_deref(),
            category: self.category.as_ref().map(CategoryId::as_str),
            priority: self.priority.as_str(),
            channel: self.channel.as_str(),
            tier: self.tier.as_deref(),
        };
        into.look_at(&case, &self.history, drafts, (published, drafted), now);
    }

    /// The event that was recorded last of those that the clocks follow from.
    pub fn last_recorded(&self) -> Option<FactSource> {
        self.history.facts().iter().max_by_key(|fact| fact.recorded_at).map(|fact| fact.source)
    }

    fn insert(&mut self, kind: FactKind, meta: &Metadata, source: FactSource) {
        let (occurred_at, recorded_at) = (meta.occurred_at, meta.recorded_at);
        self.history.insert(Fact { occurred_at, source, recorded_at, kind });
    }
}

/// One clock of one case, with the case's attributes that reports group by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockRow {
    /// The case.
    pub case_id: Uuid,
    /// The clock.
    pub clock: Clock,
    /// The moment after which something about the clock is to be recorded.
    pub next_at: Option<Timestamp>,
    /// Whether a breach of the clock is on record, and was not restated.
    pub breach_recorded: bool,
    /// The unit that owns the case.
    pub unit: Option<String>,
    /// The case's category.
    pub category: Option<String>,
    /// The case's priority.
    pub priority: Priority,
    /// The channel by which the case came.
    pub channel: Channel,
    /// The customer's tier.
    pub tier: Option<String>,
}

impl ClockRow {
    /// The subject of facts about the clock.
    pub fn subject(&self) -> ClockSubject {
        let case = SubjectOfCase {
            unit: self.unit.clone(),
            category: self.category.clone(),
            priority: Some(self.priority.to_string()),
            channel: Some(self.channel.to_string()),
        };
        ClockSubject::of(CaseId(self.case_id), &self.clock, case)
    }
}
