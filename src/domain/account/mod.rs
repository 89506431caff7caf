//! The account of a customer: points, and credit in money, as a ledger.
//!
//! A ledger is a list of *postings* that are never changed: what was wrong is reversed by another posting. Every posting has an id that
//! its sender chose, and is made once however often it is sent. Points are held in *lots*, one for each time they were earned, because
//! each lot has its own expiry; those that expire first are used first. Neither the points nor the credit in any currency is ever below
//! zero: all postings of a customer stand in one stream, each was decided on the sum of all before it, and the stream takes a decision
//! only at the revision that it was made on.

pub mod balances;
pub mod command;
pub mod decide;
pub mod error;
pub mod event;
pub mod state;

pub use balances::{Balances, Lot};
pub use command::AccountCommand;
pub use error::AccountRefusal;
pub use event::{AccountEvent, LotUse, PostingKind};
pub use state::AccountState;

#[cfg(test)]
mod tests;

/// The aggregate. Its id is the customer's.
pub struct Account;
