//! Everything that is tested through the public interface, as one binary, because linking takes longer than running.

mod as_of;
mod authorisation;
mod bad_input;
mod breach_feed;
mod cases;
mod durability;
mod erasure;
mod event_fixtures;
mod exports;
mod harness;
mod idempotency;
mod import;
mod keys_cli;
mod merges;
mod migration;
mod plain_rows;
mod projections;
mod sla_cli;
mod sla_drafts;
mod sla_facts;
mod sla_monitors;
mod sla_reports;
mod store;
mod transport;
mod validation_once;
