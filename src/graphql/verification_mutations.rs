//! Showing that a contact point is the customer's: a code is sent there, and said back.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::customer::command::ContactPointCode;
use parvandeh_domain::customer::{
    Customer as CustomerAggregate, CustomerCommand, CustomerRefusal, CustomerState,
};
use parvandeh_domain::decider::Refusal;
use parvandeh_domain::id::CustomerId;
use parvandeh_projections::customer_profile;
use zeroize::Zeroizing;

use super::context::{case_scope, failure, query, services};
use super::customer::Customer;
use super::customer_mutations::shown;
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, UserError, claim, execute, not_found, payload};
use crate::command::handler::Executed;
use crate::delivery::{CodePurpose, Message};
use crate::sign_in::codes;
use crate::store::StreamId;

/// A contact point to which a code is to be sent.
#[derive(InputObject)]
pub struct RequestContactPointVerificationInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The number of the contact point: a telephone number or an email address.
    pub contact_point: u32,
}

/// A code that was sent to a contact point.
#[derive(InputObject)]
pub struct VerifyContactPointInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The number of the contact point.
    pub contact_point: u32,
    /// The code, in digits of any of three scripts.
    pub code: String,
}

payload!(RequestContactPointVerificationPayload, customer: Customer);
payload!(VerifyContactPointPayload, customer: Customer);

/// Mutations that verify contact points.
#[derive(Default)]
pub struct VerificationMutation;

#[Object]
impl VerificationMutation {
    /// Sends a code to a contact point, unless it is verified already. The code is good for five minutes; another one can be had after one
    /// minute, and ten in a day.
    async fn request_contact_point_verification(
        &self,
        ctx: &Context<'_>,
        input: RequestContactPointVerificationInput,
    ) -> async_graphql::Result<RequestContactPointVerificationPayload> {
        RequestContactPointVerificationPayload::answer(send(ctx, input).await)
    }

    /// Says a code that was sent to a contact point: the right one, in its time, shows that the contact point is the customer's. Five wrong
    /// ones in a row lock the contact point for a quarter of an hour, five more for twice as long.
    async fn verify_contact_point(
        &self,
        ctx: &Context<'_>,
        input: VerifyContactPointInput,
    ) -> async_graphql::Result<VerifyContactPointPayload> {
        VerifyContactPointPayload::answer(verify(ctx, input).await)
    }
}

async fn send(
    ctx: &Context<'_>,
    input: RequestContactPointVerificationInput,
) -> Result<Option<Customer>, Failed> {
    let id = known(ctx, &input.customer_id).await?;
    let Some(outbox) = &services(ctx).outbox else {
        let message = "this installation sends no codes: [delivery] is not configured";
        return Err(UserError::new("DELIVERY_NOT_CONFIGURED", None, message).into());
    };
    let number = input.contact_point;
    let code = codes::draw();
    let code_hash = codes::of_contact_point(&services(ctx).vault, id, number, &code);
    let command =
        CustomerCommand::RequestVerification(ContactPointCode { contact_point: number, code_hash });
    let executed = run(ctx, id, command).await?;
    if executed.event_count > 0 {
        let state = services(ctx).commands.state::<CustomerAggregate>(&stream(id)).await;
        let state = state.map_err(|error| Failed::Failure(failure(&error)))?;
        if let Some(message) = message(&state, number, code)
            && let Err(error) = outbox.send(message)
        {
            tracing::warn!(%error, "a code for a contact point is not sent");
        }
    }
    shown(ctx, id.0, executed.position).await
}

/// The message with a code, where there is still somebody to write to.
fn message(state: &CustomerState, number: u32, code: Zeroizing<String>) -> Option<Message> {
    let (kind, address) = state.contact_point(number)?;
    Some(Message {
        kind: *kind,
        address: Zeroizing::new(address.reveal()?.clone()),
        language: state.language?,
        purpose: CodePurpose::ContactPoint,
        code,
    })
}

async fn verify(
    ctx: &Context<'_>,
    input: VerifyContactPointInput,
) -> Result<Option<Customer>, Failed> {
    let id = known(ctx, &input.customer_id).await?;
    let number = input.contact_point;
    let said = codes::said(&input.code);
    let code_hash = codes::of_contact_point(&services(ctx).vault, id, number, &said);
    let command =
        CustomerCommand::VerifyContactPoint(ContactPointCode { contact_point: number, code_hash });
    let executed = run(ctx, id, command).await?;
    // The command says that something was written; what it was, the log says.
    let before = executed.revision.and_then(|revision| revision.checked_sub(1));
    let written = services(ctx).store.read_stream(&stream(id), before, 1).await;
    let written = written.map_err(|error| Failed::Failure(failure(&error)))?;
    if written.first().is_none_or(|event| &*event.type_name != "ContactPointVerified") {
        let refusal = CustomerRefusal::VerificationCodeWrong;
        return Err(UserError::new(refusal.code(), refusal.field(), refusal.to_string()).into());
    }
    shown(ctx, id.0, executed.position).await
}

/// The id of a customer that the caller may know of.
async fn known(ctx: &Context<'_>, customer_id: &ID) -> Result<CustomerId, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, customer_id)?;
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await;
    let row = row.map_err(Failed::Failure)?;
    row.map(|row| CustomerId(row.id)).ok_or_else(|| not_found("customer").into())
}

/// Executes a command whose code is not to be repeated: so it has no idempotency key, and no time but now.
async fn run(
    ctx: &Context<'_>,
    id: CustomerId,
    command: CustomerCommand,
) -> Result<Executed, Failed> {
    let common = Common::default();
    let identity = claim(ctx, Some(id.0), &command, &common).await?;
    let permit = |state: &CustomerState| state.name.is_some();
    execute::<CustomerAggregate>(ctx, &stream(id), identity, &common, command, permit).await
}

fn stream(id: CustomerId) -> StreamId {
    StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id")
}
