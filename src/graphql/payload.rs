//! What every mutation shares: the arguments that make a command safe to repeat, and the answer.

use async_graphql::{ComplexObject, Context, SimpleObject};
use parvandeh_domain::decider::{Decider, Refusal};
use parvandeh_domain::event::StoredEvent;
use parvandeh_domain::id::DataSubject;
use serde::Serialize;
use uuid::Uuid;

use super::context::{failure, language, principal, refused, services};
use super::scalar::DateTime;
use crate::command::handler::{CommandError, CommandMetadata, Executed};
use crate::command::idempotency::{ClaimError, KEY_LENGTH_MAX, RequestIdentity};
use crate::command::policy;
use crate::error::{ErrorCode, RequestError};
use crate::principal::Role;
use crate::store::StreamId;
use crate::words;

/// Why a command was not done: data for the caller, with a stable code.
#[derive(SimpleObject, Clone, Debug, PartialEq, Eq)]
#[graphql(complex)]
pub struct UserError {
    /// A stable code in capitals: see `docs/errors.md`.
    pub code: String,
    /// The input field that it concerns, where there is one.
    pub field: Option<String>,
    /// In English.
    #[graphql(skip)]
    message: String,
}

#[ComplexObject]
impl UserError {
    /// What is wrong and, where it helps, what to do: in English or, as `Accept-Language` asks, in Persian.
    async fn message(&self, ctx: &Context<'_>) -> String {
        words::told(&self.code, &self.message, language(ctx))
    }
}

impl UserError {
    /// An error that concerns a field, named in camelCase.
    pub fn new(code: &str, field: Option<&str>, message: impl Into<String>) -> Self {
        let field = field.map(str::to_owned);
        Self { code: code.to_owned(), field, message: message.into() }
    }

    /// The error that a refusal is.
    pub fn of(refusal: &dyn Refusal) -> Self {
        let field = refusal.field().map(camel_case);
        Self::new(refusal.code(), field.as_deref(), refusal.to_string())
    }
}

fn camel_case(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// Reads a code (of a unit, a category, a member of staff ...) from an input field.
pub fn code<T: TryFrom<String>>(field: &str, text: String) -> Result<T, UserError>
where
    T::Error: std::fmt::Display,
{
    T::try_from(text)
        .map_err(|error| UserError::new("CODE_INVALID", Some(field), error.to_string()))
}

/// Reads an optional code from an input field.
pub fn code_option<T: TryFrom<String>>(
    field: &str,
    text: Option<String>,
) -> Result<Option<T>, UserError>
where
    T::Error: std::fmt::Display,
{
    text.map(|text| code(field, text)).transpose()
}

/// The arguments that every command has.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// The revision that the caller has seen.
    pub expected_revision: Option<i64>,
    /// The caller's own name for this request.
    pub idempotency_key: Option<String>,
    /// When what the command tells of happened.
    pub occurred_at: Option<DateTime>,
    /// Whom what it says is about, where the aggregate does not know.
    pub subject: Option<DataSubject>,
    /// Whether the caller acts for another customer.
    pub represents: bool,
}

/// What makes a request what it is, for the digest of an idempotency key.
#[derive(Serialize)]
struct RequestDigest<'a, C> {
    target: Option<Uuid>,
    command: &'a C,
    expected_revision: Option<i64>,
    occurred_at: Option<jiff::Timestamp>,
}

/// The identity of a request: of its idempotency key, or a new one.
pub async fn claim<C: Serialize>(
    ctx: &Context<'_>,
    target: Option<Uuid>,
    command: &C,
    common: &Common,
) -> Result<RequestIdentity, Failed> {
    if common.occurred_at.is_some() && principal(ctx).role == Role::Customer {
        // Clocks count from it, so customers would decide when they were owed an answer.
        return Err(not_for_customers("occurredAt").into());
    }
    check_key(common.idempotency_key.as_deref())?;
    let request = RequestDigest {
        target,
        command,
        expected_revision: common.expected_revision,
        occurred_at: common.occurred_at.map(|moment| moment.0),
    };
    let key = common.idempotency_key.as_deref();
    match services(ctx).idempotency.claim(principal(ctx), key, &request).await {
        Ok(identity) => Ok(identity),
        Err(ClaimError::Reused) => Err(key_reused().into()),
        Err(ClaimError::Query(error)) => Err(Failed::Failure(failure(&error))),
    }
}

/// The refusal of a field that customers leave to staff.
pub fn not_for_customers(field: &str) -> UserError {
    UserError::new("FIELD_NOT_ALLOWED", Some(field), "is for staff to say; leave it out")
}

/// Checks a caller's own name for a request.
pub fn check_key(key: Option<&str>) -> Result<(), UserError> {
    let bad = |key: &&str| {
        key.is_empty() || key.len() > KEY_LENGTH_MAX || key.chars().any(char::is_control)
    };
    match key.filter(bad) {
        None => Ok(()),
        Some(_) => {
            let message =
                format!("must have 1 to {KEY_LENGTH_MAX} bytes and no control characters");
            Err(UserError::new("IDEMPOTENCY_KEY_INVALID", Some("idempotencyKey"), message))
        }
    }
}

fn key_reused() -> UserError {
    let message = "this key was used for another request; use a new key for a new request";
    UserError::new("IDEMPOTENCY_KEY_REUSED", Some("idempotencyKey"), message)
}

/// The one answer for an aggregate that does not exist and for one that the caller may not know of: `CASE_NOT_FOUND`.
pub fn not_found(category: &str) -> UserError {
    let code = format!("{}_NOT_FOUND", category.to_ascii_uppercase());
    let field = format!("{category}Id");
    UserError::new(&code, Some(&field), format!("there is no such {category}"))
}

/// Why a mutation did not do what was asked.
pub enum Failed {
    /// An answer for the caller.
    User(UserError),
    /// A failure of ours, or a request that could not be understood.
    Failure(async_graphql::Error),
}

impl From<UserError> for Failed {
    fn from(error: UserError) -> Self {
        Self::User(error)
    }
}

impl From<RequestError> for Failed {
    fn from(error: RequestError) -> Self {
        Self::Failure(refused(error))
    }
}

/// Executes a command and tells what became of it.
pub async fn execute<D>(
    ctx: &Context<'_>,
    stream: &StreamId,
    identity: RequestIdentity,
    common: &Common,
    command: D::Command,
    permit: impl Fn(&D::State) -> bool,
) -> Result<Executed, Failed>
where
    D: Decider + 'static,
    D::Command: Clone,
    D::Event: StoredEvent,
    D::State: Send + Sync,
{
    let commands = &services(ctx).commands;
    execute_with::<D, _>(ctx, identity, common, async |metadata, expected| {
        commands.execute::<D>(stream, vec![(metadata, command)], expected, permit).await
    })
    .await
}

/// Executes a command by whatever executes it, given the metadata and the expected revision, and tells what became of it.
pub async fn execute_with<D, E>(
    ctx: &Context<'_>,
    identity: RequestIdentity,
    common: &Common,
    executor: E,
) -> Result<Executed, Failed>
where
    D: Decider,
    E: AsyncFnOnce(CommandMetadata, Option<u64>) -> Result<Executed, CommandError<D::Refusal>>,
{
    let idempotency = &services(ctx).idempotency;
    let expected = match common.expected_revision.map(u64::try_from) {
        None => None,
        Some(Ok(revision)) => Some(revision),
        Some(Err(_)) => {
            idempotency.release(&identity);
            return Err(RequestError::bad_input("expectedRevision", "must not be negative").into());
        }
    };
    let metadata = CommandMetadata {
        command_id: identity.command_id,
        digest: identity.digest.clone(),
        actor: match common.represents {
            true => policy::representative(principal(ctx)),
            false => policy::actor(principal(ctx)),
        },
        occurred_at: common.occurred_at.map(|moment| moment.0),
        correlation_id: identity.command_id.0,
        subject: common.subject,
    };
    let executed = executor(metadata, expected).await;
    if executed.is_err() {
        idempotency.release(&identity);
    }
    executed.map_err(failed::<D>)
}

/// What became of a command that was executed past [`execute`].
pub fn executed_with<D: Decider>(
    executed: Result<Executed, CommandError<D::Refusal>>,
) -> Result<Executed, Failed> {
    executed.map_err(failed::<D>)
}

fn failed<D: Decider>(error: CommandError<D::Refusal>) -> Failed {
    match error {
        CommandError::Refused(refusal) => UserError::of(&refusal).into(),
        CommandError::NotFound => not_found(D::CATEGORY).into(),
        CommandError::RevisionMismatch { actual } => {
            let actual = actual.map_or("none".to_owned(), |revision| revision.to_string());
            let message =
                format!("the object has changed: its revision is {actual}; read it again");
            UserError::new("REVISION_CONFLICT", Some("expectedRevision"), message).into()
        }
        CommandError::KeyReused => key_reused().into(),
        CommandError::OccurredInFuture => {
            let message = "what has happened cannot lie in the future";
            UserError::new("OCCURRED_IN_FUTURE", Some("occurredAt"), message).into()
        }
        error @ CommandError::Erased => {
            UserError::new("CUSTOMER_ERASED", None, error.to_string()).into()
        }
        error @ CommandError::Contended => {
            RequestError::new(ErrorCode::Conflict, error.to_string()).into()
        }
        error @ (CommandError::Append(_)
        | CommandError::Read(_)
        | CommandError::Vault(_)
        | CommandError::Decode { .. }) => Failed::Failure(failure(&error)),
    }
}

/// Declares the payload of a mutation: the object that it wrote, and why it did not.
macro_rules! payload {
    ($name:ident, $field:ident: $object:ty) => {
        #[doc = concat!("The answer: the object as it stands after the command, or why nothing was done.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            /// The object as it stands after the command; null when nothing was done.
            pub $field: Option<$object>,
            /// Why nothing was done; empty when it was.
            pub user_errors: Vec<$crate::graphql::payload::UserError>,
        }

        impl $name {
            fn answer(
                outcome: Result<Option<$object>, $crate::graphql::payload::Failed>,
            ) -> async_graphql::Result<Self> {
                match outcome {
                    Ok($field) => Ok(Self { $field, user_errors: Vec::new() }),
                    Err($crate::graphql::payload::Failed::User(error)) => {
                        Ok(Self { $field: None, user_errors: vec![error] })
                    }
                    Err($crate::graphql::payload::Failed::Failure(error)) => Err(error),
                }
            }
        }
    };
}
pub(super) use payload;
