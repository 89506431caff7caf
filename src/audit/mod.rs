//! What an auditor asks of the whole: that the read models are what the log says, on any machine.
//!
//! [`rebuild`] makes them anew from the log, beside those in service; [`state_hash`] puts all that stands in them into one number, and
//! [`figures`] counts the portfolio.

pub mod figures;
pub mod rebuild;
pub mod state_hash;
