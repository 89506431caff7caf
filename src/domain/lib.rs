//! The pure core of Parvandeh: cases, customers and SLA clocks, and who read whose data.
//!
//! Nothing here reads a clock, draws a random number, opens a file or waits. Commands meet states and become events
//! ([`decider`]); events have stored names and versions ([`event`]). Reading order: [`id`], [`decider`], [`event`], then one
//! folder a concept.

pub mod access;
pub mod calendar;
pub mod case;
pub mod customer;
pub mod decider;
pub mod event;
pub mod id;
pub mod log;
pub mod pii;
pub mod policy;
pub mod sla;
pub mod text;
pub mod unit;
