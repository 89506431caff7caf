//! The write side: commands in, events out.
//!
//! [`handler`] loads, decides and appends; [`policy`] says who may do what and who may see what, [`representation`] who may for
//! whom; [`idempotency`] keeps a key from
//! standing for two requests; [`merge`] keeps two merges from crossing; [`erasure`] carries out that a customer's
//! personal data are erased, which [`erasure_order`] orders in all their records; [`anonymous`] gives staff who wish it a code in place of their name. The others are reactions to events:
//! [`sla_monitor`] and [`promise_monitor`] turn a due time that has passed into a fact, [`points_expiry`] the end of points into a posting, [`settlement`] settles
//! what is owed and given, [`payments`] what a payment provider tells, [`survey_monitor`] asks customers how content they are,
//! [`tier_keeper`] keeps customers in their tiers. [`watch`] is what the monitors have in common.

pub mod anonymous;
pub mod cards;
pub mod customer_merge;
pub mod erasure;
pub mod erasure_order;
pub mod handler;
pub mod idempotency;
pub mod merge;
pub mod payments;
pub mod points_expiry;
pub mod policy;
pub mod promise_monitor;
pub mod representation;
pub mod resting;
pub mod settlement;
pub mod sla_monitor;
pub mod survey_monitor;
pub mod tier_keeper;
pub mod watch;
