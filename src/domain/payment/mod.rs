//! A payment: money that a customer sends by a payment provider, for a fee or as credit.
//!
//! What happened is told by the provider, in callbacks that come late, twice, in any order, or never. So the end does not depend on their
//! order: once the provider says that the money came, it came, whether the payment was given up before or not. A confirmed
//! payment is posted to the customer's account, and the posting, whose id follows from the payment, is where the money *is*. A refund takes the
//! credit back first and gives the money back after: the customer never has both.

pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod state;

pub use command::PaymentCommand;
pub use error::PaymentRefusal;
pub use event::{PaymentEvent, PaymentFailure, PaymentPurpose, PaymentStatus};
pub use state::PaymentState;

#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Payment;
