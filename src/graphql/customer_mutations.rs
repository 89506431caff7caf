//! Mutations on customers: one for each command.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::customer::command as domain;
use parvandeh_domain::customer::{Customer as CustomerAggregate, CustomerCommand, CustomerState};
use parvandeh_domain::id::{CustomerId, derived};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::customer_profile;
use uuid::Uuid;

use super::context::{failure, principal, query, services};
use super::customer::Customer;
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, claim, execute, execute_with, payload};
use super::scalar::DateTime;
use super::vocabulary::{ContactPointKind, CustomerKind, Language};
use crate::command::policy;
use crate::store::{Position, StreamId};

/// A customer to be registered.
#[derive(InputObject)]
pub struct RegisterCustomerInput {
    /// In which relation they stand to the organisation.
    pub kind: CustomerKind,
    /// Their name.
    pub name: String,
    /// The language they are written to in.
    pub language: Language,
    /// Their tier.
    pub tier: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// A way to reach a customer.
#[derive(InputObject)]
pub struct AddContactPointInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// The address or number. Persian and Arabic digits are understood.
    pub value: String,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// New details of a customer. Give at least one of name, language and tier.
#[derive(InputObject)]
pub struct ChangeCustomerDetailsInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The new name.
    pub name: Option<String>,
    /// The new language.
    pub language: Option<Language>,
    /// The new tier.
    pub tier: Option<String>,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

payload!(RegisterCustomerPayload, customer: Customer);
payload!(AddContactPointPayload, customer: Customer);
payload!(ChangeCustomerDetailsPayload, customer: Customer);

/// Mutations on customers.
#[derive(Default)]
pub struct CustomerMutation;

#[Object]
impl CustomerMutation {
    /// Registers a customer, from the first contact on.
    async fn register_customer(
        &self,
        ctx: &Context<'_>,
        input: RegisterCustomerInput,
    ) -> async_graphql::Result<RegisterCustomerPayload> {
        RegisterCustomerPayload::answer(register(ctx, input).await)
    }

    /// Adds a way to reach a customer.
    async fn add_contact_point(
        &self,
        ctx: &Context<'_>,
        input: AddContactPointInput,
    ) -> async_graphql::Result<AddContactPointPayload> {
        let common = Common {
            expected_revision: input.expected_revision,
            idempotency_key: input.idempotency_key,
            occurred_at: input.occurred_at,
            ..Common::default()
        };
        let command = CustomerCommand::AddContactPoint(domain::AddContactPoint {
            kind: input.kind.into(),
            value: Pii::new(input.value),
        });
        AddContactPointPayload::answer(change(ctx, &input.customer_id, common, command).await)
    }

    /// Changes a customer's name, language or tier; what is absent stays.
    async fn change_customer_details(
        &self,
        ctx: &Context<'_>,
        input: ChangeCustomerDetailsInput,
    ) -> async_graphql::Result<ChangeCustomerDetailsPayload> {
        let common = Common {
            expected_revision: input.expected_revision,
            idempotency_key: input.idempotency_key,
            occurred_at: input.occurred_at,
            ..Common::default()
        };
        let command = CustomerCommand::ChangeDetails(domain::ChangeDetails {
            name: input.name.map(Pii::new),
            language: input.language.map(Into::into),
            tier: input.tier,
        });
        ChangeCustomerDetailsPayload::answer(change(ctx, &input.customer_id, common, command).await)
    }
}

async fn register(
    ctx: &Context<'_>,
    input: RegisterCustomerInput,
) -> Result<Option<Customer>, Failed> {
    let command = CustomerCommand::Register(domain::RegisterCustomer {
        kind: input.kind.into(),
        name: Pii::new(input.name),
        language: input.language.into(),
        tier: input.tier,
    });
    let common = Common {
        expected_revision: None,
        idempotency_key: input.idempotency_key,
        occurred_at: input.occurred_at,
        ..Common::default()
    };
    let identity = claim(ctx, None, &command, &common).await?;
    let id = CustomerId(derived(&["customer", &identity.command_id.to_string()]));
    run(ctx, id.0, identity, common, command, |_| true).await
}

/// Executes a command on a customer whom the caller may know of.
pub(super) async fn change(
    ctx: &Context<'_>,
    customer_id: &ID,
    common: Common,
    command: CustomerCommand,
) -> Result<Option<Customer>, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, customer_id)?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    // The record is the organisation's: whoever may use these mutations may use them on any customer.
    run(ctx, id, identity, common, command, |state| state.name.is_some()).await
}

/// The same, for a command that must not come between an erasure's look at the person's records and its orders in them.
pub(super) async fn in_turn(
    ctx: &Context<'_>,
    customer_id: &ID,
    common: Common,
    command: CustomerCommand,
) -> Result<Option<Customer>, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, customer_id)?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let merges = &services(ctx).merges;
    let executed =
        execute_with::<CustomerAggregate, _>(ctx, identity, &common, async |metadata, expected| {
            merges.execute_in_turn(CustomerId(id), metadata, command, expected).await
        })
        .await?;
    shown(ctx, id, executed.position).await
}

async fn run(
    ctx: &Context<'_>,
    id: Uuid,
    identity: crate::command::idempotency::RequestIdentity,
    common: Common,
    command: CustomerCommand,
    permit: impl Fn(&CustomerState) -> bool,
) -> Result<Option<Customer>, Failed> {
    let stream =
        StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id");
    let executed =
        execute::<CustomerAggregate>(ctx, &stream, identity, &common, command, permit).await?;
    shown(ctx, id, executed.position).await
}

/// A customer as the log has them up to a position or later.
pub(super) async fn shown(
    ctx: &Context<'_>,
    id: Uuid,
    position: Option<Position>,
) -> Result<Option<Customer>, Failed> {
    if let Some(position) = position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    let scope = policy::case_scope_after_write(principal(ctx));
    let row = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await;
    Ok(row.map_err(Failed::Failure)?.map(Customer::from))
}
