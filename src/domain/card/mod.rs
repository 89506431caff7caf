//! A card: a number that is issued to a customer, by which they are known and with which they sign in.
//!
//! Its stream is named after a keyed hash of the number, so a number is issued once, and the name of a stream tells nothing of it.

pub mod attribute;
pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod number;
pub mod state;

pub use attribute::{BlockReason, CardStatus};
pub use command::CardCommand;
pub use error::CardRefusal;
pub use event::CardEvent;
pub use number::{CardNumber, InvalidPrefix, IssuerPrefix};
pub use state::CardState;

#[cfg(test)]
mod tests;

/// The aggregate.
pub struct Card;
