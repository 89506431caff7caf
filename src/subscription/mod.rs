//! Following the log: the read models' side.
//!
//! [`generation`] is one file of read models with its checkpoint, [`projector`] moves a generation along the log, and
//! [`read_models`] serves queries from one generation while another may be built beside it. [`fact_ring`] reads the newest facts about
//! clocks once for all subscribers, and [`stream_watch`], [`notification_watch`] and [`reminder_watch`] wake
//! subscribers of single streams, customers whose pages are open, and those who wait for reminders of promises.

pub mod fact_ring;
pub mod generation;
pub mod notification_watch;
pub mod projector;
pub mod read_models;
pub mod reminder_watch;
pub mod stream_watch;
pub mod watched;
