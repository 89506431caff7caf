//! GraphQL: one file a noun.
//!
//! `root` is where a reader begins; [`admission`] decides what is let in before anything runs, with the table of
//! [`authorisation`]; the nouns (`case`, `customer`, `sla_clock` ...) turn read-model rows into objects, and their `_mutations` turn
//! inputs into commands.

mod access_log;
mod account;
mod account_mutations;
pub mod admission;
mod as_of;
mod attachment;
pub mod authorisation;
mod calendar_date;
mod card;
mod card_mutations;
mod case;
mod case_events;
mod case_mutations;
mod case_steps;
mod complaint;
mod complaint_mutations;
pub(crate) mod context;
pub mod cursor;
mod customer;
mod customer_mutations;
mod customer_records;
mod document;
mod fact_feed;
mod fee;
mod follow_up;
pub mod global_id;
mod loader;
mod management_review;
mod match_proposals;
mod money;
mod notification;
mod operations;
mod paging;
pub mod parameters;
mod payload;
mod payment;
pub mod permissions;
mod personal;
mod plain_rows;
mod preferences;
mod privacy_mutations;
mod proof;
pub mod read_after;
mod reconciliation;
pub mod recorded;
mod redress;
mod reference_data;
mod referral;
mod referral_mutations;
mod replay;
mod representation;
mod root;
pub mod scalar;
mod scan;
mod segmentation;
mod sla_at_risk;
mod sla_attribution;
mod sla_breach;
mod sla_clock;
mod sla_compliance;
mod sla_fact;
mod sla_mutations;
mod sla_simulation;
mod staff_case;
mod survey;
mod timeline;
mod type_map;
mod unit;
pub mod validated;
mod verification_mutations;
mod viewer;
mod vocabulary;
mod voice;

use std::sync::Arc;

use async_graphql::ValidationMode;
use read_after::ReadAfter;
use recorded::Recorded;
use validated::ValidatingOnce;

pub use context::Services;
pub use root::{Mutation, Query, Subscription};

/// The schema with its resolvers.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

fn builder() -> async_graphql::SchemaBuilder<Query, Mutation, Subscription> {
    // Depth and complexity are decided in admission, where page sizes are known; no second count is needed here.
    Schema::build(Query, Mutation::default(), Subscription).disable_suggestions()
}

/// The schema over these services, which validates an operation once where that is enough, and records whose personal data it gives out.
pub fn schema(services: Services) -> Recorded {
    let access_log = services.access_log.clone();
    let read_models = services.read_models.clone();
    let services = Arc::new(services);
    let build = |mode| {
        let loaders = loader::Loaders::new(&services.read_models);
        builder().validation_mode(mode).data(services.clone()).data(loaders).finish()
    };
    let (strict, fast) = (build(ValidationMode::Strict), build(ValidationMode::Fast));
    let inner = ReadAfter { inner: ValidatingOnce { strict, fast }, read_models };
    Recorded::new(inner, access_log)
}

/// The schema in GraphQL's schema language, as committed in `schema/schema.graphql`.
pub fn sdl() -> String {
    builder().finish().sdl()
}
