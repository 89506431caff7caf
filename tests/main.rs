//! Everything that is tested through the public interface, as one binary, because linking takes longer than running.

mod access_log;
mod as_of;
mod authorisation;
mod bad_input;
mod breach_feed;
mod cases;
mod durability;
mod event_fixtures;
mod harness;
mod idempotency;
mod import;
mod merges;
mod plain_rows;
mod projections;
mod separation_of_duties;
mod sla_cli;
mod sla_drafts;
mod sla_facts;
mod sla_monitors;
mod sla_reports;
mod store;
mod subject_export;
mod transport;
mod validation_once;
