//! Mutations on what may be kept of a customer: consent, legal hold, erasure.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::customer::command as domain;
use parvandeh_domain::customer::{Customer as CustomerAggregate, CustomerCommand, CustomerRefusal};
use parvandeh_domain::id::CustomerId;

use super::context::{failure, services};
use super::customer::Customer;
use super::customer_mutations::{change, in_turn, shown};
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, UserError, claim, execute_with, payload};
use super::scalar::DateTime;
use super::vocabulary::{Channel, ConsentPurpose, ErasureGround};
use crate::command::erasure::ErasureError;

/// Something that a customer allows.
#[derive(InputObject)]
pub struct GiveConsentInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// Something that a customer no longer allows.
#[derive(InputObject)]
pub struct WithdrawConsentInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// A matter that needs a customer's data.
#[derive(InputObject)]
pub struct PlaceLegalHoldInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The matter, such as a file number. Nothing personal: it is not erased.
    pub matter: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A customer whose data are no longer needed by a matter.
#[derive(InputObject)]
pub struct ReleaseLegalHoldInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A customer whose personal data are to be erased.
#[derive(InputObject)]
pub struct EraseCustomerInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// Why.
    pub ground: ErasureGround,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(GiveConsentPayload, customer: Customer);
payload!(WithdrawConsentPayload, customer: Customer);
payload!(PlaceLegalHoldPayload, customer: Customer);
payload!(ReleaseLegalHoldPayload, customer: Customer);
payload!(EraseCustomerPayload, customer: Customer);

/// Mutations on what may be kept of a customer.
#[derive(Default)]
pub struct PrivacyMutation;

#[Object]
impl PrivacyMutation {
    /// Records that a customer allows something. The event is the proof.
    async fn give_consent(
        &self,
        ctx: &Context<'_>,
        input: GiveConsentInput,
    ) -> async_graphql::Result<GiveConsentPayload> {
        let GiveConsentInput { customer_id, purpose, channel, idempotency_key, occurred_at } =
            input;
        let common = Common { idempotency_key, occurred_at, ..Common::default() };
        let consent = domain::Consent { purpose: purpose.into(), channel: channel.into() };
        let command = CustomerCommand::GiveConsent(consent);
        GiveConsentPayload::answer(change(ctx, &customer_id, common, command).await)
    }

    /// Records that a customer no longer allows something. It holds at once.
    async fn withdraw_consent(
        &self,
        ctx: &Context<'_>,
        input: WithdrawConsentInput,
    ) -> async_graphql::Result<WithdrawConsentPayload> {
        let WithdrawConsentInput { customer_id, purpose, channel, idempotency_key, occurred_at } =
            input;
        let common = Common { idempotency_key, occurred_at, ..Common::default() };
        let consent = domain::Consent { purpose: purpose.into(), channel: channel.into() };
        let command = CustomerCommand::WithdrawConsent(consent);
        WithdrawConsentPayload::answer(change(ctx, &customer_id, common, command).await)
    }

    /// Keeps a customer's data from being erased while a matter needs them.
    async fn place_legal_hold(
        &self,
        ctx: &Context<'_>,
        input: PlaceLegalHoldInput,
    ) -> async_graphql::Result<PlaceLegalHoldPayload> {
        let PlaceLegalHoldInput { customer_id, matter, idempotency_key } = input;
        let common = Common { idempotency_key, ..Common::default() };
        let command = CustomerCommand::PlaceLegalHold(domain::PlaceLegalHold { matter });
        PlaceLegalHoldPayload::answer(in_turn(ctx, &customer_id, common, command).await)
    }

    /// Lets a customer's data be erased again.
    async fn release_legal_hold(
        &self,
        ctx: &Context<'_>,
        input: ReleaseLegalHoldInput,
    ) -> async_graphql::Result<ReleaseLegalHoldPayload> {
        let ReleaseLegalHoldInput { customer_id, idempotency_key } = input;
        let common = Common { idempotency_key, ..Common::default() };
        let command = CustomerCommand::ReleaseLegalHold;
        ReleaseLegalHoldPayload::answer(change(ctx, &customer_id, common, command).await)
    }

    /// Erases a customer's personal data: their name and contact points, and all that was said in their cases, in all records that were merged
    /// as theirs. A legal hold on one of these refuses it for all. What happened, when and by which channel stays, and so do all figures and proofs. It cannot be undone.
    async fn erase_customer(
        &self,
        ctx: &Context<'_>,
        input: EraseCustomerInput,
    ) -> async_graphql::Result<EraseCustomerPayload> {
        EraseCustomerPayload::answer(erase(ctx, input).await)
    }
}

async fn erase(ctx: &Context<'_>, input: EraseCustomerInput) -> Result<Option<Customer>, Failed> {
    let EraseCustomerInput { customer_id, ground, expected_revision, idempotency_key } = input;
    let common = Common { expected_revision, idempotency_key, ..Common::default() };
    let id = global_id::decode("customerId", NodeType::Customer, &customer_id)?;
    let mut order = domain::OrderErasure { ground: ground.into(), with: Vec::new(), held: None };
    let asked = CustomerCommand::OrderErasure(order.clone());
    let identity = claim(ctx, Some(id), &asked, &common).await?;
    let (merges, eraser) = (&services(ctx).merges, services(ctx).eraser.clone());
    let turn = merges.turn().await;
    let others = eraser.other_records(CustomerId(id)).await;
    order.with = others.map_err(not_carried_out)?;
    let (orderer, mut beside) = (eraser.clone(), Vec::new());
    execute_with::<CustomerAggregate, _>(ctx, identity, &common, async |metadata, expected| {
        let ordered =
            merges.order_erasure(turn, orderer, CustomerId(id), metadata, order, expected).await;
        ordered.map(|(executed, records)| {
            beside = records;
            executed
        })
    })
    .await?;
    // In a task of its own, so that a caller who goes away does not stop it half-way.
    let carried_out = tokio::spawn(async move {
        // One that fails keeps neither the others nor the customer's own.
        let mut failed = None;
        for record in beside {
            failed = eraser.carry_out(record).await.err().or(failed);
        }
        let executed = eraser.carry_out(CustomerId(id)).await?;
        failed.map_or(Ok(executed), Err)
    });
    let executed = carried_out
        .await
        .map_err(|error| Failed::Failure(failure(&error)))?
        .map_err(not_carried_out)?;
    shown(ctx, id, executed.position).await
}

/// A hold that came between the look and the order is an answer too, and tells that the order stands.
fn not_carried_out(error: ErasureError) -> Failed {
    match error {
        ErasureError::Held { id: customer_id, matter, .. } => {
            UserError::of(&CustomerRefusal::ErasureWaitsForHold { customer_id, matter }).into()
        }
        error => Failed::Failure(failure(&error)),
    }
}
