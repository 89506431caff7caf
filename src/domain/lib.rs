//! The pure core of Parvandeh: cases, customers, their accounts and SLA clocks, and who read whose data.
//! The pure core of Parvandeh: cases, customers, their cards and SLA clocks, and who read whose data.
//!
//! Nothing here reads a clock, draws a random number, opens a file or waits. Commands meet states and become events
//! ([`decider`]); events have stored names and versions ([`event`]). Reading order: [`id`], [`decider`], [`event`], then one
//! folder a concept.

pub mod access;
pub mod account;
pub mod attachment;
pub mod calendar;
pub mod card;
pub mod case;
pub mod customer;
pub mod decider;
pub mod event;
pub mod fee;
pub mod id;
pub mod log;
pub mod money;
pub mod one_time_code;
pub mod payment;
pub mod pii;
pub mod policy;
pub mod redress;
pub mod segmentation;
pub mod sign_in;
pub mod sla;
pub mod text;
pub mod unit;
