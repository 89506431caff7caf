//! The write side: commands in, events out.
//!
//! [`handler`] loads, decides and appends; [`policy`] says who may do what and who may see what; [`idempotency`] keeps a key from
//! standing for two requests; [`merge`] keeps two merges from crossing; [`sla_monitor`] and
//! [`promise_monitor`] are reactions: they turn a due time that has passed into a fact;
//! [`erasure`] carries out that a customer's personal data are erased.

pub mod erasure;
pub mod handler;
pub mod idempotency;
pub mod merge;
pub mod policy;
pub mod promise_monitor;
pub mod sla_monitor;
