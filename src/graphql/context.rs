//! What resolvers find beside their arguments: the services of the program and the caller.

use std::sync::Arc;

use async_graphql::{Context, ErrorExtensions};
use parvandeh_projections::scope::{CaseScope, Visibility};
use tokio::sync::Semaphore;

use crate::access::AccessLog;
use crate::clock::Clock;
use crate::command::cards::Cards;
use crate::command::erasure::Eraser;
use crate::command::handler::CommandHandler;
use crate::command::idempotency::Idempotency;
use crate::command::merge::Merges;
use crate::command::policy;
use crate::delivery::Outbox;
use crate::error::RequestError;
use crate::principal::Principal;
use crate::proof::service::Proof;
use crate::store::EventStore;
use crate::subscription::fact_ring::FactRing;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::subscription::stream_watch::StreamWatch;
use crate::vault::Vault;

/// The parts of the program that resolvers use. One for the whole schema.
pub struct Services {
    /// The log.
    pub store: Arc<dyn EventStore>,
    /// Opens personal data.
    pub vault: Arc<Vault>,
    /// Records who read whose personal data.
    pub access_log: Arc<AccessLog>,
    /// Executes commands.
    pub commands: Arc<CommandHandler>,
    /// Executes merges of cases.
    pub merges: Merges,
    /// Issues and replaces cards.
    pub cards: Cards,
    /// Sends codes to customers, where that is configured.
    pub outbox: Option<Outbox>,
    /// Carries erasures out.
    pub eraser: Eraser,
    /// The newest facts about clocks, for subscribers.
    pub fact_ring: Arc<FactRing>,
    /// Wakes subscribers of single cases.
    pub stream_watch: Arc<StreamWatch>,
    /// Keeps idempotency keys from being used for two requests.
    pub idempotency: Idempotency,
    /// Answers queries.
    pub read_models: Arc<ReadModels>,
    /// Proves what is in the log.
    pub proof: Arc<Proof>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Lets one simulation of service levels run at a time.
    pub simulations: Arc<Semaphore>,
}

/// The services.
pub fn services<'a>(ctx: &Context<'a>) -> &'a Services {
    ctx.data_unchecked::<Arc<Services>>()
}

/// The caller.
pub fn principal<'a>(ctx: &Context<'a>) -> &'a Principal {
    ctx.data_unchecked::<Arc<Principal>>()
}

/// The cases that the caller may know of.
pub fn case_scope(ctx: &Context<'_>) -> CaseScope {
    policy::case_scope(principal(ctx))
}

/// What of a case the caller may see.
pub fn visibility(ctx: &Context<'_>) -> Visibility {
    policy::visibility(principal(ctx))
}

/// Runs a query on the read models.
pub async fn query<T: Send + 'static>(
    ctx: &Context<'_>,
    query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
) -> async_graphql::Result<T> {
    services(ctx).read_models.query(query).await.map_err(|error: QueryError| failure(&error))
}

/// Runs a query that reads a few rows by their keys on the read models, at once.
pub fn query_now<T>(
    ctx: &Context<'_>,
    query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
) -> async_graphql::Result<T> {
    services(ctx).read_models.query_now(query).map_err(|error: QueryError| failure(&error))
}

/// A failure of ours. The transport logs it, once, and gives the caller a trace id in its place.
pub fn failure(error: &(dyn std::error::Error + 'static)) -> async_graphql::Error {
    async_graphql::Error::new(crate::error::chain(error))
}

/// A request that was refused, as a field's error.
pub fn refused(error: RequestError) -> async_graphql::Error {
    async_graphql::Error::new(error.message.clone())
        .extend_with(|_, extensions| extensions.set("code", error.code.as_str()))
}
