//! Mutations on what belongs together: two records of one person, and those who act for another.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::customer::command as domain;
use parvandeh_domain::customer::decide::MERGED_RECORDS_MAX;
use parvandeh_domain::customer::state::Erasure;
use parvandeh_domain::customer::{Customer as CustomerAggregate, CustomerCommand};
use parvandeh_domain::id::CustomerId;
use parvandeh_domain::pii::Pii;
use parvandeh_projections::customer_merges;
use uuid::Uuid;

use super::context::{failure, query, services};
use super::customer::Customer;
use super::customer_mutations::{change, in_turn, shown};
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, claim, execute_with, payload};
use super::scalar::DateTime;
use super::vocabulary::{CaseKind, RepresentationBasis};
use crate::store::StreamId;

/// Two records that are one person's.
#[derive(InputObject)]
pub struct MergeCustomerInput {
    /// The global id of the customer whose record is given up.
    pub customer_id: ID,
    /// The global id of the customer whose record survives.
    pub into: ID,
    /// Why they are taken for one person.
    pub reason: String,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// A record that was given up and is to stand by itself again.
#[derive(InputObject)]
pub struct UnmergeCustomerInput {
    /// The global id of the customer whose record was given up.
    pub customer_id: ID,
    /// Why they are not taken for one person any more.
    pub reason: String,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// Somebody who may act for a customer. Said of the same person again, it takes the place of what was said before.
#[derive(InputObject)]
pub struct AppointRepresentativeInput {
    /// The global id of the customer who is represented.
    pub customer_id: ID,
    /// The global id of the customer who may act for them.
    pub representative_id: ID,
    /// By what right.
    pub basis: RepresentationBasis,
    /// In matters of these kinds; of every kind, where none is named.
    #[graphql(default, validator(max_items = 20))]
    pub case_kinds: Vec<CaseKind>,
    /// Until before this moment; without one, until they are dismissed.
    pub until: Option<DateTime>,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

/// Somebody who may no longer act for a customer.
#[derive(InputObject)]
pub struct DismissRepresentativeInput {
    /// The global id of the customer who is represented.
    pub customer_id: ID,
    /// The global id of the customer who acted for them.
    pub representative_id: ID,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

macro_rules! common {
    ($input:expr) => {
        Common {
            expected_revision: $input.expected_revision,
            idempotency_key: $input.idempotency_key.clone(),
            occurred_at: $input.occurred_at,
            ..Common::default()
        }
    };
}

payload!(MergeCustomerPayload, customer: Customer);
payload!(UnmergeCustomerPayload, customer: Customer);
payload!(AppointRepresentativePayload, customer: Customer);
payload!(DismissRepresentativePayload, customer: Customer);

/// Mutations on what belongs together.
#[derive(Default)]
pub struct CustomerRecordMutation;

#[Object]
impl CustomerRecordMutation {
    /// Takes two records for one person's: the surviving one shows the cases of both. Nothing moves, and it can be undone. It is never done
    /// without somebody deciding it: see `matchProposals`.
    async fn merge_customer(
        &self,
        ctx: &Context<'_>,
        input: MergeCustomerInput,
    ) -> async_graphql::Result<MergeCustomerPayload> {
        MergeCustomerPayload::answer(merge(ctx, input).await)
    }

    /// Undoes a merge: each record shows its own cases again.
    async fn unmerge_customer(
        &self,
        ctx: &Context<'_>,
        input: UnmergeCustomerInput,
    ) -> async_graphql::Result<UnmergeCustomerPayload> {
        let common = common!(input);
        let reason = Pii::new(input.reason);
        let command = CustomerCommand::Unmerge(domain::UnmergeCustomer { reason });
        UnmergeCustomerPayload::answer(in_turn(ctx, &input.customer_id, common, command).await)
    }

    /// Records who may act for a customer, in what, by what right and until when.
    async fn appoint_representative(
        &self,
        ctx: &Context<'_>,
        input: AppointRepresentativeInput,
    ) -> async_graphql::Result<AppointRepresentativePayload> {
        AppointRepresentativePayload::answer(appoint(ctx, input).await)
    }

    /// Records that somebody may no longer act for a customer.
    async fn dismiss_representative(
        &self,
        ctx: &Context<'_>,
        input: DismissRepresentativeInput,
    ) -> async_graphql::Result<DismissRepresentativePayload> {
        DismissRepresentativePayload::answer(dismiss(ctx, input).await)
    }
}

async fn merge(ctx: &Context<'_>, input: MergeCustomerInput) -> Result<Option<Customer>, Failed> {
    let common = common!(input);
    let id = global_id::decode("customerId", NodeType::Customer, &input.customer_id)?;
    let into = global_id::decode("into", NodeType::Customer, &input.into)?;
    let command = domain::MergeCustomer {
        into: CustomerId(into),
        reason: Pii::new(input.reason),
        survivor: domain::Survivor::Unknown,
    };
    let identity = claim(ctx, Some(id), &CustomerCommand::Merge(command.clone()), &common).await?;
    let counted = query(ctx, move |db| {
        let survivor = customer_merges::survivor(db, into)?;
        Ok(customer_merges::records(db, survivor)?.len() + customer_merges::records(db, id)?.len())
    });
    let is_full = counted.await.map_err(Failed::Failure)? > MERGED_RECORDS_MAX;
    let merges = &services(ctx).merges;
    let executed =
        execute_with::<CustomerAggregate, _>(ctx, identity, &common, async |metadata, expected| {
            merges.merge_customer(CustomerId(id), metadata, command, expected, is_full).await
        })
        .await?;
    shown(ctx, id, executed.position).await
}

async fn appoint(
    ctx: &Context<'_>,
    input: AppointRepresentativeInput,
) -> Result<Option<Customer>, Failed> {
    let common = common!(input);
    let customer_id = global_id::decode("customerId", NodeType::Customer, &input.customer_id)?;
    let field = "representativeId";
    let id = global_id::decode(field, NodeType::Customer, &input.representative_id)?;
    let is_known = customer_id != id && is_registered(ctx, id).await?;
    let command = CustomerCommand::AppointRepresentative(domain::AppointRepresentative {
        representative_id: CustomerId(id),
        basis: input.basis.into(),
        case_kinds: input.case_kinds.into_iter().map(Into::into).collect(),
        until: input.until.map(|until| until.0),
        is_known,
    });
    change(ctx, &input.customer_id, common, command).await
}

async fn dismiss(
    ctx: &Context<'_>,
    input: DismissRepresentativeInput,
) -> Result<Option<Customer>, Failed> {
    let common = common!(input);
    let field = "representativeId";
    let id = global_id::decode(field, NodeType::Customer, &input.representative_id)?;
    let representative_id = CustomerId(id);
    let command =
        CustomerCommand::DismissRepresentative(domain::DismissRepresentative { representative_id });
    change(ctx, &input.customer_id, common, command).await
}

/// Whether there is such a customer, whose data are not to be erased.
async fn is_registered(ctx: &Context<'_>, id: Uuid) -> Result<bool, Failed> {
    let stream =
        StreamId::new(&format!("customer-{id}")).expect("a UUID is a well-formed stream id");
    let state = services(ctx).commands.state::<CustomerAggregate>(&stream).await;
    let state = state.map_err(|error| Failed::Failure(failure(&error)))?;
    Ok(state.name.is_some() && state.erasure == Erasure::None)
}
