//! What resolvers find beside their arguments: the services of the program and the caller.

use std::sync::Arc;

use async_graphql::{Context, ErrorExtensions};
use jiff::tz::TimeZone;
use parvandeh_projections::scope::{CaseScope, Visibility};
use tokio::sync::Semaphore;

use crate::access::AccessLog;
use crate::clock::Clock;
use crate::command::anonymous::AnonymousBudget;
use crate::command::cards::Cards;
use crate::command::erasure::Eraser;
use crate::command::handler::CommandHandler;
use crate::command::idempotency::Idempotency;
use crate::command::merge::Merges;
use crate::command::payments::PaymentKeeper;
use crate::command::settlement::Settlement;
use crate::command::{policy, representation};
use crate::config::RedressLimits;
use crate::delivery::Outbox;
use crate::error::{ErrorCode, RequestError};
use crate::principal::{Principal, Role};
use crate::proof::service::Proof;
use crate::store::EventStore;
use crate::subscription::fact_ring::FactRing;
use crate::subscription::notification_watch::NotificationWatch;
use crate::subscription::read_models::{QueryError, ReadModels};
use crate::subscription::reminder_watch::ReminderWatch;
use crate::subscription::stream_watch::StreamWatch;
use crate::vault::{Vault, VaultError};
use crate::words::Language;

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
    /// Wakes customers whose pages are open.
    pub notification_watch: Arc<NotificationWatch>,
    /// Wakes those who wait for reminders of promises.
    pub reminder_watch: Arc<ReminderWatch>,
    /// The organisation's time zone.
    pub time_zone: TimeZone,
    /// Keeps idempotency keys from being used for two requests.
    pub idempotency: Idempotency,
    /// Answers queries.
    pub read_models: Arc<ReadModels>,
    /// Proves what is in the log.
    pub proof: Arc<Proof>,
    /// Settles what is owed and given.
    pub settlement: Arc<Settlement>,
    /// Keeps payments, by a provider where there is one.
    pub payments: PaymentKeeper,
    /// Who may approve redress up to what.
    pub redress_limits: RedressLimits,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Lets one simulation of service levels run at a time.
    pub simulations: Arc<Semaphore>,
    /// Lets one review of management's run at a time; the next waits for it.
    pub reviews: Arc<Semaphore>,
    /// Keeps codes of anonymous authors from being tried out.
    pub anonymous: AnonymousBudget,
}

/// The services.
pub fn services<'a>(ctx: &Context<'a>) -> &'a Services {
    ctx.data_unchecked::<Arc<Services>>()
}

/// The caller.
pub fn principal<'a>(ctx: &Context<'a>) -> &'a Principal {
    ctx.data_unchecked::<Arc<Principal>>()
}

/// The language that the caller reads.
pub fn language(ctx: &Context<'_>) -> Language {
    ctx.data_opt::<Language>().copied().unwrap_or_default()
}

/// The cases that the caller may know of: for a customer their own and those for which they act. This is for reading. What changes something
/// asks for [`own_case_scope`].
pub fn case_scope(ctx: &Context<'_>) -> CaseScope {
    let services = services(ctx);
    representation::case_scope(&services.read_models, services.clock.now(), principal(ctx))
}

/// The cases that the caller may know of in their own right: what customers may do to their cases, those who act for them may not.
pub fn own_case_scope(ctx: &Context<'_>) -> CaseScope {
    policy::case_scope(principal(ctx))
}

/// The cases whose outcome the caller may see in the answer to their own command.
pub fn case_scope_after_write(ctx: &Context<'_>) -> CaseScope {
    match principal(ctx).role {
        Role::Customer => case_scope(ctx),
        _ => policy::case_scope_after_write(principal(ctx)),
    }
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

/// A failure of ours. The transport logs it, once, and gives the caller a trace id in its place. One that another replica would not have is
/// told instead: there is something that the caller can do.
pub fn failure(error: &(dyn std::error::Error + 'static)) -> async_graphql::Error {
    match failure_code(error) {
        Some(refusal) => refused(refusal),
        None => async_graphql::Error::new(crate::error::chain(error)),
    }
}

/// What the caller is told of a failure that another replica would not have; `None` for all others.
pub fn failure_code(error: &(dyn std::error::Error + 'static)) -> Option<RequestError> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(VaultError::CutOff))).then(|| {
        let message = "this replica has had no word from the cluster for too long to show or take personal data; \
                       ask another one, or try again";
        RequestError::new(ErrorCode::ReplicaCutOff, message)
    })
}

/// A request that was refused, as a field's error.
pub fn refused(error: RequestError) -> async_graphql::Error {
    async_graphql::Error::new(error.message.clone())
        .extend_with(|_, extensions| extensions.set("code", error.code.as_str()))
}

#[cfg(test)]
mod tests {
    use parvandeh_domain::case::CaseRefusal;

    use super::*;
    use crate::command::handler::CommandError;

    #[test]
    fn a_replica_that_was_cut_off_says_so_and_other_failures_tell_nothing() {
        let code = |error: VaultError| {
            let error = CommandError::<CaseRefusal>::Vault(error);
            let extensions = failure(&error).extensions;
            extensions.and_then(|extensions| extensions.get("code").cloned())
        };
        assert_eq!(code(VaultError::CutOff), Some("REPLICA_CUT_OFF".into()));
        assert_eq!(code(VaultError::NoSubject("CaseOpened")), None);
    }
}
