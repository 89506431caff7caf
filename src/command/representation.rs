//! Customers who act for others: what they may read, and what they may do.
//!
//! Whoever represents a customer sees the cases of that customer of which their appointment tells, may open such cases, write to them and
//! add files to them, and nothing else: the customer's record, account and cards are not theirs to see, and what disposes of something
//! (to accept redress, to pay, to appeal) stays with the customer.
//!
//! What they read follows from the read models, as every scope does. What they *do* is decided by the log itself, past every cache: an
//! appointment that was ended is ended on every replica with the next command.

use jiff::Timestamp;
use parvandeh_domain::case::{Case, CaseKind, CaseRefusal};
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{Customer, CustomerRefusal};
use parvandeh_domain::id::{CaseId, CustomerId};
use parvandeh_projections::customer_representatives;
use parvandeh_projections::scope::CaseScope;

use super::handler::{CommandError, CommandHandler};
use super::policy;
use crate::error::chain;
use crate::principal::Principal;
use crate::store::StreamId;
use crate::subscription::read_models::ReadModels;

/// Why it is not known whether somebody acts for somebody.
#[derive(Debug, thiserror::Error)]
pub enum RepresentationError {
    /// The case could not be read.
    #[error("reading the case")]
    Case(#[from] CommandError<CaseRefusal>),
    /// A customer's record could not be read.
    #[error("reading the record of a customer")]
    Customer(#[from] CommandError<CustomerRefusal>),
}

/// The cases that the caller may know of at this moment: for a customer their own, and those for which they act.
pub fn case_scope(read_models: &ReadModels, now: Timestamp, caller: &Principal) -> CaseScope {
    let scope = policy::case_scope(caller);
    let CaseScope::Customer(own) = scope else { return scope };
    match read_models.query_now(|db| customer_representatives::in_force(db, own, now)) {
        Ok(represented) if represented.is_empty() => scope,
        Ok(represented) => CaseScope::Representative { own, represented },
        Err(error) => {
            // Less is shown rather than too much.
            tracing::error!(error = %chain(&error), "it could not be read for whom a customer acts");
            scope
        }
    }
}

/// For whom the caller acts when they send a command about this case: `None` where they act for themselves, or may not act at all. Whether
/// the case is theirs is for whoever asks to check.
///
/// # Errors
/// When the log cannot be read.
pub async fn represented_by_case(
    commands: &CommandHandler,
    now: Timestamp,
    caller: &Principal,
    case_id: CaseId,
) -> Result<Option<CustomerId>, RepresentationError> {
    if caller.customer_id.is_none() {
        return Ok(None);
    }
    let case = commands.state::<Case>(&stream("case", case_id)).await?;
    let (Some(customer_id), Some(kind)) = (case.customer_id, case.kind) else { return Ok(None) };
    let acts = acts_for(commands, now, caller, customer_id, kind).await?;
    Ok(acts.then_some(customer_id))
}

/// Whether the caller may act for a customer, who is not themselves, in a case of this kind, as the log says it now.
///
/// # Errors
/// When the log cannot be read.
pub async fn acts_for(
    commands: &CommandHandler,
    now: Timestamp,
    caller: &Principal,
    customer_id: CustomerId,
    kind: CaseKind,
) -> Result<bool, RepresentationError> {
    let Some(own) = caller.customer_id.map(CustomerId).filter(|own| *own != customer_id) else {
        return Ok(false);
    };
    let customer = commands.state::<Customer>(&stream("customer", customer_id)).await?;
    if !customer.is_represented_by(own, kind, now) {
        return Ok(false);
    }
    let representative = commands.state::<Customer>(&stream("customer", own)).await?;
    Ok(representative.erasure == Erasure::None)
}

fn stream(category: &str, id: impl std::fmt::Display) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id")
}
