//! Who may act for a customer.

use crate::customer::command::{AppointRepresentative, DismissRepresentative};
use crate::customer::event::{CustomerEvent, RepresentativeAppointed, RepresentativeDismissed};
use crate::customer::{CustomerRefusal, CustomerState};
use crate::decider::Context;

/// The most representatives of one customer.
pub const REPRESENTATIVES_MAX: usize = 20;

pub(super) fn appointed(
    state: &CustomerState,
    appoint: AppointRepresentative,
    context: &Context,
) -> Result<Vec<CustomerEvent>, CustomerRefusal> {
    let AppointRepresentative { representative_id, basis, mut case_kinds, until, is_known } =
        appoint;
    if !is_known {
        return Err(CustomerRefusal::RepresentativeNotFound);
    }
    if until.is_some_and(|until| until <= context.occurred_at) {
        return Err(CustomerRefusal::RepresentationEnded);
    }
    case_kinds.sort_unstable();
    case_kinds.dedup();
    let event = RepresentativeAppointed { representative_id, basis, case_kinds, until };
    match state.representatives.get(&representative_id) {
        Some(known) if *known == event => return Ok(vec![]),
        None if state.representatives.len() >= REPRESENTATIVES_MAX => {
            return Err(CustomerRefusal::TooManyRepresentatives { count_max: REPRESENTATIVES_MAX });
        }
        Some(_) | None => {}
    }
    Ok(vec![event.into()])
}

pub(super) fn dismissed(
    state: &CustomerState,
    dismiss: &DismissRepresentative,
) -> Vec<CustomerEvent> {
    let DismissRepresentative { representative_id } = *dismiss;
    match state.representatives.get(&representative_id) {
        Some(_) => vec![RepresentativeDismissed { representative_id }.into()],
        None => vec![],
    }
}
