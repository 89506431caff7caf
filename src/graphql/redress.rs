//! Redress: the object, and what is done with it.

use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::id::{CaseId, CustomerId, RedressId, derived};
use parvandeh_domain::money::Points;
use parvandeh_domain::redress::command::{ApproveRedress, ProposeRedress};
use parvandeh_domain::redress::{self as domain, RedressCommand};
use parvandeh_projections::case_summary;
use parvandeh_projections::redress::{self, RedressRow};
use uuid::Uuid;

use super::as_of;
use super::context::{case_scope, failure, own_case_scope, principal, query, services, visibility};
use super::global_id::{self, NodeType};
use super::money::{Money, MoneyInput};
use super::payload::{Common, Failed, UserError, claim, execute, not_found, payload};
use super::scalar::DateTime;
use super::vocabulary::{RedressGround, RedressStatus};
use crate::command::settlement::redress_stream;
use crate::error::RequestError;
use crate::principal::Role;

/// What a customer is given to put something right.
#[derive(SimpleObject, Clone)]
pub struct Redress {
    /// Its id.
    pub id: ID,
    /// The credit that is given; null where points are.
    pub money: Option<Money>,
    /// The points that are given; null where credit is.
    pub points: Option<i64>,
    /// Why.
    pub ground: RedressGround,
    /// How far it has come.
    pub status: RedressStatus,
    /// When it was proposed.
    pub proposed_at: DateTime,
    /// When it came as far as it has.
    pub updated_at: DateTime,
    /// The revision of its stream.
    pub revision: i64,
}

impl From<RedressRow> for Redress {
    fn from(row: RedressRow) -> Self {
        let (money, points) = match row.value {
            domain::RedressValue::Money(money) => (Some(money.into()), None),
            domain::RedressValue::Points(Points(points)) => (None, Some(points)),
        };
        Self {
            id: ID(row.id.to_string()),
            money,
            points,
            ground: row.ground.into(),
            status: row.status.into(),
            proposed_at: DateTime(row.proposed_at),
            updated_at: DateTime(row.updated_at),
            revision: row.revision,
        }
    }
}

/// What is given: credit or points.
#[derive(OneofObject)]
pub enum RedressValueInput {
    /// Credit.
    Money(MoneyInput),
    /// Points, which do not expire.
    Points(i64),
}

/// A redress that is to be proposed.
#[derive(InputObject)]
pub struct ProposeRedressInput {
    /// The global id of the case for which it is given. The case's customer gets it.
    pub case_id: ID,
    /// What is given.
    pub value: RedressValueInput,
    /// Why.
    pub ground: RedressGround,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

macro_rules! redress_input {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// The id of the redress.
            pub redress_id: ID,
            /// The revision of the redress that you have seen.
            pub expected_revision: Option<i64>,
            /// Your own name for this request: sent again with the same name, it is done once.
            pub idempotency_key: Option<String>,
        }

        impl $name {
            fn common(&self) -> Common {
                Common {
                    expected_revision: self.expected_revision,
                    idempotency_key: self.idempotency_key.clone(),
                    ..Common::default()
                }
            }
        }
    };
}

redress_input!(
    /// A redress that is to be approved.
    ApproveRedressInput
);
redress_input!(
    /// A redress that is not approved.
    RejectRedressInput
);
redress_input!(
    /// A redress that the customer accepts.
    AcceptRedressInput
);
redress_input!(
    /// A redress that the customer declines.
    DeclineRedressInput
);

payload!(ProposeRedressPayload, redress: Redress);
payload!(ApproveRedressPayload, redress: Redress);
payload!(RejectRedressPayload, redress: Redress);
payload!(AcceptRedressPayload, redress: Redress);
payload!(DeclineRedressPayload, redress: Redress);

/// Mutations on redress.
#[derive(Default)]
pub struct RedressMutation;

#[Object]
impl RedressMutation {
    /// Proposes to give the customer of a case something to put it right.
    async fn propose_redress(
        &self,
        ctx: &Context<'_>,
        input: ProposeRedressInput,
    ) -> async_graphql::Result<ProposeRedressPayload> {
        ProposeRedressPayload::answer(propose(ctx, input).await)
    }

    /// Approves a redress that somebody else proposed, within the limit of your role.
    async fn approve_redress(
        &self,
        ctx: &Context<'_>,
        input: ApproveRedressInput,
    ) -> async_graphql::Result<ApproveRedressPayload> {
        let limits = &services(ctx).redress_limits;
        let limit = match principal(ctx).role {
            Role::Supervisor => limits.supervisor.clone(),
            _ => Some(limits.agent.clone()),
        };
        let command = RedressCommand::Approve(ApproveRedress { limit });
        ApproveRedressPayload::answer(change(ctx, &input.redress_id, input.common(), command).await)
    }

    /// Says that a redress is not approved.
    async fn reject_redress(
        &self,
        ctx: &Context<'_>,
        input: RejectRedressInput,
    ) -> async_graphql::Result<RejectRedressPayload> {
        let done = change(ctx, &input.redress_id, input.common(), RedressCommand::Reject).await;
        RejectRedressPayload::answer(done)
    }

    /// Says that the customer accepts a redress. It is then paid into their account.
    async fn accept_redress(
        &self,
        ctx: &Context<'_>,
        input: AcceptRedressInput,
    ) -> async_graphql::Result<AcceptRedressPayload> {
        let done = change(ctx, &input.redress_id, input.common(), RedressCommand::Accept).await;
        AcceptRedressPayload::answer(done)
    }

    /// Says that the customer declines a redress.
    async fn decline_redress(
        &self,
        ctx: &Context<'_>,
        input: DeclineRedressInput,
    ) -> async_graphql::Result<DeclineRedressPayload> {
        let done = change(ctx, &input.redress_id, input.common(), RedressCommand::Decline).await;
        DeclineRedressPayload::answer(done)
    }
}

async fn propose(ctx: &Context<'_>, input: ProposeRedressInput) -> Result<Option<Redress>, Failed> {
    let (case, customer_id) = case_with_customer(ctx, &input.case_id).await?;
    let value = match input.value {
        RedressValueInput::Money(money) => domain::RedressValue::Money(money.money("value")?),
        RedressValueInput::Points(points) => domain::RedressValue::Points(Points(points)),
    };
    let command = RedressCommand::Propose(ProposeRedress {
        case_id: CaseId(case.id),
        customer_id,
        value,
        ground: input.ground.into(),
    });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &command, &common).await?;
    let id = RedressId(derived(&["redress", &identity.command_id.to_string()]));
    let executed =
        execute::<domain::Redress>(ctx, &redress_stream(id), identity, &common, command, |_| true)
            .await?;
    shown(ctx, id, executed.position).await
}

/// Executes a command on a redress whose case the caller may know of.
async fn change(
    ctx: &Context<'_>,
    redress_id: &ID,
    common: Common,
    command: RedressCommand,
) -> Result<Option<Redress>, Failed> {
    let id = plain_id("redressId", redress_id)?;
    let (scope, visibility) = (own_case_scope(ctx), visibility(ctx));
    let known = query(ctx, move |db| redress::redress(db, &scope, visibility, id)).await;
    known.map_err(Failed::Failure)?.ok_or_else(|| not_found("redress"))?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let id = RedressId(id);
    let executed =
        execute::<domain::Redress>(ctx, &redress_stream(id), identity, &common, command, |_| true)
            .await?;
    shown(ctx, id, executed.position).await
}

async fn shown(
    ctx: &Context<'_>,
    id: RedressId,
    position: Option<crate::store::Position>,
) -> Result<Option<Redress>, Failed> {
    wait_for(ctx, position).await?;
    let (scope, visibility) = (case_scope(ctx), visibility(ctx));
    let row = query(ctx, move |db| redress::redress(db, &scope, visibility, id.0)).await;
    Ok(row.map_err(Failed::Failure)?.map(Redress::from))
}

/// The redress of a case that the caller may know of, as it stands or as it was known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<Redress>> {
    let visibility = visibility(ctx);
    let rows = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| redress::of_case(db, &scope, visibility, case_id)).await?
        }
        Some(moment) => {
            let mut rows = as_of::money(ctx, case_id, moment).await?.redress;
            rows.retain(|row| row.is_seen(visibility));
            rows.sort_by_key(|row| (row.proposed_at, row.id));
            rows.truncate(redress::SHOWN_MAX);
            rows
        }
    };
    Ok(rows.into_iter().map(Redress::from).collect())
}

/// A case that the caller may know of, and its customer, who must be known.
pub(super) async fn case_with_customer(
    ctx: &Context<'_>,
    case_id: &ID,
) -> Result<(case_summary::CaseRow, CustomerId), Failed> {
    let id = global_id::decode("caseId", NodeType::Case, case_id)?;
    let scope = own_case_scope(ctx);
    let case = query(ctx, move |db| case_summary::case(db, &scope, id)).await;
    let case = case.map_err(Failed::Failure)?.ok_or_else(|| not_found("case"))?;
    let Some(customer_id) = case.customer_id else {
        let message =
            "the case has no customer to whom money could be given or of whom it could be asked";
        return Err(UserError::new("CASE_WITHOUT_CUSTOMER", Some("caseId"), message).into());
    };
    Ok((case, CustomerId(customer_id)))
}

/// Reads the id of a redress or a fee.
pub(super) fn plain_id(field: &str, id: &ID) -> Result<Uuid, RequestError> {
    Uuid::try_parse(&id.0)
        .map_err(|_| RequestError::bad_input(field, "is not an id that this API gave out"))
}

/// Waits until the read models show this position.
pub(super) async fn wait_for(
    ctx: &Context<'_>,
    position: Option<crate::store::Position>,
) -> Result<(), Failed> {
    let Some(position) = position else { return Ok(()) };
    let caught_up = services(ctx).read_models.wait_for(position).await;
    caught_up.map_err(|error| Failed::Failure(failure(&error)))
}
