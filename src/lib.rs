//! Parvandeh: event-sourced case management.
//!
//! Data flows one way. A command ([`command`]) meets the state of an aggregate and becomes events; the log ([`store`]) keeps them;
//! read models follow the log ([`subscription`]); GraphQL ([`graphql`]) asks the read models, over the transports of [`http`].
//! [`app`] puts the parts together.

pub mod access;
pub mod app;
pub mod attachments;
pub mod audit;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
mod csv;
pub mod delivery;
pub mod demo;
pub mod disk;
pub mod error;
pub mod export;
pub mod graphql;
pub mod http;
pub mod import;
pub mod local_time;
pub mod metrics;
pub mod payment;
pub mod principal;
pub mod proof;
mod recent;
pub mod replay;
pub mod replica;
pub mod sealing;
pub mod sign_in;
pub mod store;
pub mod subject_export;
pub mod subscription;
pub mod telemetry;
pub mod vault;
pub mod what_if;
pub mod words;
