//! The course of a case: its history as steps, each with the situation after it and the rules that govern from then on.

use std::rc::Rc;

use jiff::Timestamp;

use super::PolicySource;
use crate::{
    case::attribute::{HoldReason, Status},
    id::{PolicyId, StaffId},
    policy::{DEFAULT_POLICY, MatchedAttributes, PolicyDocument, Rule},
    sla::{Cause, ClockKey, Fact, FactKind, FactSource, SlaHistory},
};

/// What happened to a case, as far as clocks see it.
pub(super) struct Course<'a> {
    /// In order of time; the first is the opening.
    pub(super) steps: Vec<Step<'a>>,
    /// The agreements that governed at some step, by name.
    pub(super) agreements: Vec<&'a str>,
    extensions: Vec<&'a ClockKey>,
    waivers: Vec<&'a ClockKey>,
}

/// A moment at which something happened.
pub(super) struct Step<'a> {
    pub(super) at: Timestamp,
    pub(super) fact: &'a FactKind,
    pub(super) source: FactSource,
    pub(super) situation: Situation<'a>,
    /// The rule of each agreement that governs from now on, in the order of [`Course::agreements`].
    governing: Rc<[Option<Governing<'a>>]>,
}

/// How a case stands, as far as rules and conditions look at it.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) attributes: MatchedAttributes<'a>,
    pub(super) assignee: Option<&'a StaffId>,
    pub(super) status: Status,
    pub(super) hold: Option<HoldReason>,
    /// The agreed date, and when it was agreed.
    pub(super) due_date: Option<Agreed>,
    /// The date by which the unit must have answered, and when it was said.
    pub(super) referral_due: Option<Agreed>,
}

/// A moment that the case itself names.
#[derive(Clone, Copy)]
pub(super) struct Agreed {
    pub(super) agreed_at: Timestamp,
    pub(super) due_at: Timestamp,
}

/// A rule that governs, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Governing<'a> {
    pub(super) policy_id: &'a PolicyId,
    pub(super) policy_version: u32,
    pub(super) document: &'a PolicyDocument,
    pub(super) rule: &'a Rule,
}

impl<'a> Step<'a> {
    pub(super) fn governing(&self, agreement: usize) -> Option<Governing<'a>> {
        self.governing.get(agreement).copied().flatten()
    }

    /// Whether another step has the same rules and calendars.
    pub(super) fn is_governed_like(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.governing, &other.governing)
    }

    pub(super) fn cause(&self) -> Cause {
        self.fact.cause()
    }
}

impl<'a> Course<'a> {
    /// `None` for a case that was not opened.
    pub(super) fn follow(history: &'a SlaHistory, policies: &'a impl PolicySource) -> Option<Self> {
        let (opening_fact, opening) = history.opening()?;
        let opened_at = opening_fact.occurred_at;
        let mut situation = Situation {
            attributes: MatchedAttributes {
                kind: Some(opening.kind),
                channel: opening.channel,
                category: opening.category.as_ref(),
                priority: opening.priority,
                severity: opening.severity,
                unit: opening.unit.as_ref(),
                stage: None,
                tier: opening.tier.as_deref(),
                customer_kind: opening.customer_kind,
            },
            assignee: None,
            status: Status::Open,
            hold: None,
            due_date: opening.due_at.map(|due_at| Agreed { agreed_at: opened_at, due_at }),
            referral_due: None,
        };
        let mut binding = Binding::new(history, policies);
        let mut course =
            Self { steps: vec![], agreements: vec![], extensions: vec![], waivers: vec![] };
        let mut governing = binding.govern(&situation.attributes, &mut course.agreements);
        course.steps.reserve(history.facts().len());
        course.steps.push(Step {
            at: opened_at,
            fact: &opening_fact.kind,
            source: opening_fact.source,
            situation,
            governing: Rc::clone(&governing),
        });
        let mut facts: Vec<&Fact> =
            history.facts().iter().filter(|fact| !std::ptr::eq(*fact, opening_fact)).collect();
        forget_undone_merges(&mut facts);
        for Fact { occurred_at, source, kind, .. } in facts {
            let at = opened_at.max(*occurred_at);
            match kind {
                FactKind::Extended { clock } => course.extensions.push(clock),
                FactKind::Waived { clock } => course.waivers.push(clock),
                FactKind::PolicyChanged(to) => {
                    // A version moves the cases that are open when it comes into force.
                    if !matches!(situation.status, Status::Resolved | Status::Closed) {
                        binding.change(to);
                    }
                }
                _ => situation.take_in(kind, at),
            }
            let rematch = matches!(
                kind,
                FactKind::Classified { .. }
                    | FactKind::CustomerChanged { .. }
                    | FactKind::PolicyChanged(_)
                    | FactKind::Referred { .. }
                    | FactKind::Returned { .. }
                    | FactKind::StageEntered { .. }
            );
            if rematch {
                governing = binding.govern(&situation.attributes, &mut course.agreements);
            }
            let governing = Rc::clone(&governing);
            course.steps.push(Step { at, fact: kind, source: *source, situation, governing });
        }
        Some(course)
    }

    /// How many extensions were granted to a clock.
    pub(super) fn extensions_of(&self, key: &ClockKey) -> u32 {
        let count = self.extensions.iter().filter(|clock| **clock == key).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether a clock's breach was waived.
    pub(super) fn is_waived(&self, key: &ClockKey) -> bool {
        self.waivers.contains(&key)
    }
}

impl<'a> Situation<'a> {
    fn take_in(&mut self, fact: &'a FactKind, at: Timestamp) {
        let case = &mut self.attributes;
        match fact {
            FactKind::Classified { category, priority, severity } => {
                case.category = category.as_ref().or(case.category);
                case.priority = priority.or(case.priority);
                case.severity = severity.or(case.severity);
            }
            FactKind::CustomerChanged { tier, kind } => {
                case.tier = tier.as_deref().or(case.tier);
                case.customer_kind = kind.or(case.customer_kind);
            }
            FactKind::Referred { unit, answer_due_at } => {
                case.unit = Some(unit);
                self.referral_due = answer_due_at.map(|due_at| Agreed { agreed_at: at, due_at });
            }
            FactKind::Returned { unit } => (case.unit, self.referral_due) = (unit.as_ref(), None),
            FactKind::Assigned { assignee } => self.assignee = Some(assignee),
            FactKind::StageEntered { stage } => case.stage = Some(stage),
            FactKind::Held { reason } => {
                self.hold = Some(*reason);
                self.status = match reason {
                    HoldReason::AwaitingCustomer => Status::Pending,
                    HoldReason::AwaitingThirdParty | HoldReason::Other => Status::OnHold,
                };
            }
            FactKind::Resumed | FactKind::Reopened => {
                (self.hold, self.status) = (None, Status::Open);
            }
            FactKind::DueDateSet { due_at } => {
                self.due_date = Some(Agreed { agreed_at: at, due_at: *due_at });
            }
            FactKind::Resolved => (self.hold, self.status) = (None, Status::Resolved),
            FactKind::Closed => (self.hold, self.status) = (None, Status::Closed),
            FactKind::Merged => (self.hold, self.status) = (None, Status::Merged),
            FactKind::Opened(_)
            | FactKind::PolicyChanged(_)
            | FactKind::CustomerMessage
            | FactKind::Answered { .. }
            | FactKind::NoteAdded
            | FactKind::Unmerged
            | FactKind::ActivityRecorded
            | FactKind::Extended { .. }
            | FactKind::Waived { .. } => {}
        }
    }
}

/// A merge that was undone counts as if it had not been.
fn forget_undone_merges(facts: &mut Vec<&Fact>) {
    let mut merged = None;
    let mut undone = vec![];
    for (index, fact) in facts.iter().enumerate() {
        match fact.kind {
            FactKind::Merged => merged = Some(index),
            FactKind::Unmerged => undone.extend(merged.take().into_iter().chain([index])),
            _ => {}
        }
    }
    let (mut index, mut undone) = (0, undone.into_iter().peekable());
    facts.retain(|_| {
        index += 1;
        undone.next_if_eq(&(index - 1)).is_none()
    });
}

/// The policy versions that a case is bound to, in the order in which they are tried.
struct Binding<'a, P> {
    bound: Vec<(&'a PolicyId, u32)>,
    policies: &'a P,
}

impl<'a, P: PolicySource> Binding<'a, P> {
    fn new(history: &'a SlaHistory, policies: &'a P) -> Self {
        let bound = history.bindings().iter();
        Self { bound: bound.map(|one| (&one.policy_id, one.version)).collect(), policies }
    }

    fn change(&mut self, to: &'a crate::sla::PolicyBinding) {
        match self.bound.iter_mut().find(|(id, _)| *id == &to.policy_id) {
            Some((_, version)) => *version = to.version,
            None => {
                // In the order of ids, the default policy last.
                let is_default = |id: &PolicyId| id.as_str() == DEFAULT_POLICY;
                let place = self.bound.partition_point(|(id, _)| {
                    (is_default(id), *id) < (is_default(&to.policy_id), &to.policy_id)
                });
                self.bound.insert(place, (&to.policy_id, to.version));
            }
        }
    }

    /// The governing rule of each agreement; agreements that are met for the first time are added to the list.
    fn govern(
        &self,
        attributes: &MatchedAttributes<'_>,
        agreements: &mut Vec<&'a str>,
    ) -> Rc<[Option<Governing<'a>>]> {
        let mut governing: Vec<Option<Governing<'a>>> = vec![None; agreements.len()];
        for (policy_id, policy_version) in &self.bound {
            let Some(document) = self.policies.policy(policy_id, *policy_version) else { continue };
            let agreement = document.agreement();
            let known = agreements.iter().position(|known| *known == agreement);
            let index = known.unwrap_or_else(|| {
                agreements.push(agreement);
                governing.push(None);
                agreements.len() - 1
            });
            if governing[index].is_none()
                && let Some(rule) = document.first_match(attributes)
            {
                let policy_version = *policy_version;
                governing[index] = Some(Governing { policy_id, policy_version, document, rule });
            }
        }
        governing.into()
    }
}
