//! Redress: what a customer is given to put something right. It is proposed, approved by somebody else within the limits of
//! their role, accepted by the customer, and paid into the customer's account.
//!
//! Each redress is an aggregate of its own, so that several can be talked about at once. The payment is a posting on another stream,
//! whose id follows from the redress: it is made once, whoever makes it.

pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod state;

pub use command::{ApprovalLimit, RedressCommand};
pub use error::RedressRefusal;
pub use event::{RedressEvent, RedressGround, RedressStatus, RedressValue};
pub use state::RedressState;

#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Redress;
