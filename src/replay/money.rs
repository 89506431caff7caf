//! What a case gives and costs: its redress, its fees and the payments of these, folded from the log.
//!
//! What stands on the customer's account is a matter of the account, not of the case: the folded rows say how redress, fees and payments
//! stand, and nothing of postings.

use parvandeh_domain::decider::Recorded;
use parvandeh_domain::fee::FeeEvent;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_domain::payment::PaymentEvent;
use parvandeh_domain::redress::RedressEvent;
use parvandeh_projections::fee::FeeRow;
use parvandeh_projections::payment::PaymentRow;
use parvandeh_projections::redress::RedressRow;

/// The redress and the fees of a case and the payments of its fees, each in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseMoney {
    /// What its customer is given to put something right.
    pub redress: Vec<RedressRow>,
    /// What its customer is asked to pay.
    pub fees: Vec<FeeRow>,
    /// The payments of its fees by a provider.
    pub payments: Vec<PaymentRow>,
}

impl CaseMoney {
    /// Takes in the next event of the log; answers whether it is about money of the case.
    pub fn take_in(&mut self, case_id: CaseId, recorded: &Recorded<DomainEvent>) -> bool {
        match &recorded.event {
            DomainEvent::Redress(id, RedressEvent::Proposed(proposed)) => {
                let is_own = proposed.case_id == case_id;
                if is_own {
                    self.redress.push(RedressRow::proposed(*id, proposed, recorded));
                }
                is_own
            }
            DomainEvent::Redress(id, event) => {
                let own = self.redress.iter_mut().find(|row| row.id == *id);
                own.map(|row| row.take_in(event, recorded)).is_some()
            }
            DomainEvent::Fee(id, FeeEvent::Assessed(assessed)) => {
                let is_own = assessed.case_id == case_id;
                if is_own {
                    self.fees.push(FeeRow::assessed(*id, assessed, recorded));
                }
                is_own
            }
            DomainEvent::Fee(id, event) => {
                let own = self.fees.iter_mut().find(|row| row.id == *id);
                own.map(|row| row.take_in(event, recorded)).is_some()
            }
            DomainEvent::Payment(id, PaymentEvent::Requested(requested)) => {
                let fee_id = requested.purpose.fee();
                let is_own = self.fees.iter().any(|fee| Some(fee.id) == fee_id);
                if is_own {
                    self.payments.push(PaymentRow::requested(*id, requested, recorded));
                }
                is_own
            }
            DomainEvent::Payment(id, event) => {
                let own = self.payments.iter_mut().find(|row| row.id == *id);
                own.map(|row| row.take_in(event, recorded)).is_some()
            }
            DomainEvent::Case(..)
            | DomainEvent::Customer(..)
            | DomainEvent::Attachment(..)
            | DomainEvent::Clock(..)
            | DomainEvent::Policy(..)
            | DomainEvent::Calendar(..)
            | DomainEvent::Access(..)
            | DomainEvent::Segmentation(..)
            | DomainEvent::Account(..)
            | DomainEvent::Card(..)
            | DomainEvent::SignIn(..)
            | DomainEvent::Unit(..) => false,
        }
    }
}
