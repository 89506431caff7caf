//! The clocks of one case, folded from the log.

use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::policy::PolicyEvent;
use parvandeh_projections::case_clocks::{CaseClocks, ClockRow, CustomerTraits};
use parvandeh_projections::sla_reference::ReferenceData;

/// The clocks of one case, folded from the log: its own events, those of its customer and its clocks, and every publication of a policy
/// or a calendar, each at its place in the log.
pub struct ClocksFold {
    case_id: CaseId,
    /// What rules look at in the customer.
    pub customer: CustomerTraits,
    /// The policies and calendars known so far.
    pub reference: ReferenceData,
    /// What the clocks follow from; `None` before the opening.
    pub ground: Option<CaseClocks>,
}

impl ClocksFold {
    /// Nothing yet.
    pub fn new(case_id: CaseId) -> Self {
        let (customer, reference) = (CustomerTraits::default(), ReferenceData::default());
        Self { case_id, customer, reference, ground: None }
    }

    /// The case.
    pub fn case_id(&self) -> CaseId {
        self.case_id
    }

    /// Takes in the next event. Of customers it must be given those of the case's customer only.
    pub fn take_in(&mut self, event: &Recorded<DomainEvent>) {
        let (meta, revision) = (&event.meta, event.revision);
        match &event.event {
            DomainEvent::Case(id, case_event) if *id == self.case_id => match &mut self.ground {
                Some(ground) => {
                    ground.apply(case_event, meta, revision);
                }
                None => {
                    let (customer, reference) = (&self.customer, &self.reference);
                    self.ground =
                        CaseClocks::opened(case_event, meta, revision, customer, reference);
                }
            },
            DomainEvent::Clock(id, clock_event) if *id == self.case_id => {
                if let Some(ground) = &mut self.ground {
                    ground.clock_fact(clock_event, meta, revision);
                }
            }
            DomainEvent::Customer(_, customer_event) => {
                let Some(said) = CustomerTraits::of(customer_event) else { return };
                self.customer.take_in(said.clone());
                if let Some(ground) = &mut self.ground {
                    ground.customer_changed(said, meta, revision);
                }
            }
            DomainEvent::Policy(..) | DomainEvent::Calendar(..) => {
                self.publish(&event.event, meta.recorded_at);
            }
            // A segmentation reaches a case by the tier that it gives the customer.
            DomainEvent::Case(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => {}
        }
    }

    /// Takes in a publication.
    pub fn publish(&mut self, event: &DomainEvent, recorded_at: Timestamp) {
        match event {
            DomainEvent::Policy(id, policy_event) => {
                self.reference.policy_published(id, policy_event);
                let PolicyEvent::Published(published) = policy_event;
                if let Some(ground) = &mut self.ground {
                    let versions = self.reference.versions(id);
                    ground.policy_published(id, published, versions, recorded_at);
                }
            }
            DomainEvent::Calendar(id, calendar_event) => {
                self.reference.calendar_published(id, calendar_event);
            }
            DomainEvent::Case(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Customer(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Redress(..)
            | DomainEvent::Fee(..)
            | DomainEvent::Payment(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => {}
        }
    }

    /// The clocks as they stand now.
    pub fn rows(&self) -> Vec<ClockRow> {
        let ground = self.ground.as_ref();
        ground.map(|ground| ground.clocks(self.case_id.0, &self.reference)).unwrap_or_default()
    }
}
