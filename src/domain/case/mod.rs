//! A case: one complaint, request, question or other matter of a customer, from its first word to its closing.
//!
//! A case is opened once, then classified, referred to the responsible unit, assigned, moved through the stages that the customer
//! sees, held while it waits for somebody, answered, resolved, perhaps reopened, and closed. [`decide`] says what may follow on
//! what; [`state`] is all that it needs to know. What is handled as a complaint goes through the steps of [`complaint`]; units answer
//! what is handed to them ([`referral`]); what was promised to the customer is kept or missed ([`follow_up`]); and at the end the customer
//! says how content they are ([`survey`]).

pub mod attribute;
pub mod command;
pub mod complaint;
pub mod decide;
pub mod error;
pub mod event;
pub mod follow_up;
pub mod referral;
pub mod state;
pub mod survey;
pub mod upcast;
pub mod voice;

pub use attribute::{
    CaseKind, Channel, Complexity, Direction, HoldReason, Impact, Outcome, Priority, Severity,
    Status,
};
pub use command::CaseCommand;
pub use error::CaseRefusal;
pub use event::CaseEvent;
pub use state::CaseState;
pub use voice::Became;

#[cfg(test)]
mod complaint_tests;
#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Case;
