//! A fee: what a customer is asked to pay for the handling of a case. It is waived, or paid, and then perhaps refunded.
//!
//! Access to complaint handling is free of charge (ISO 10002), so no fee is ever assessed on a complaint. A fee is paid out of the
//! customer's credit: the posting on the account, whose id follows from the fee, *is* the payment, and
//! the fee is told of it. Whatever ends in between, the posting tells what is still to be done.

pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod state;

pub use command::FeeCommand;
pub use error::FeeRefusal;
pub use event::{FeeEvent, FeeStatus, WaiverGround};
pub use state::FeeState;

#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Fee;
