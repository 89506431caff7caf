//! HTTP: transports of GraphQL, reports as CSV, attachments, exports, the proof's tiles, authentication, health and metrics, draining.
//! HTTP: transports of GraphQL, reports as CSV, exports, the proof's tiles, authentication, the sign-in of card holders, health and metrics, draining.

mod attachments;
pub mod authentication;
mod authentication_error;
pub mod drain;
pub mod errors;
mod exports;
mod graphiql;
mod graphql;
pub mod health;
mod keys;
pub mod listener;
mod media;
pub mod metrics;
pub mod origin;
mod payments;
mod position;
mod proof;
mod purpose;
pub mod rate_limit;
mod replica_metrics;
mod reports;
pub mod server;
mod sign_in;
mod sse;
pub mod status;
pub mod subject_export;
pub mod trace;
pub mod transport;
mod websocket;
mod websocket_message;
