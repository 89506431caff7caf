//! Fees: the object, and what is done with it.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::account::command::SpendCredit;
use parvandeh_domain::account::{Account, AccountCommand};
use parvandeh_domain::fee::command::AssessFee;
use parvandeh_domain::fee::decide::POSTING_KIND;
use parvandeh_domain::fee::{self as domain, FeeCommand};
use parvandeh_domain::id::{CaseId, FeeId, PostingId, derived};
use parvandeh_projections::fee::{self, FeeRow};
use serde::Serialize;
use uuid::Uuid;

use super::as_of;
use super::context::{case_scope, own_case_scope, query, services};
use super::money::{Money, MoneyInput};
use super::payload::{Common, Failed, UserError, claim, code, execute, not_found, payload};
use super::redress::{case_with_customer, plain_id, wait_for};
use super::scalar::DateTime;
use super::vocabulary::{FeeStatus, WaiverGround};
use crate::command::points_expiry;
use crate::command::settlement::fee_stream;
use crate::store::Position;

/// What a customer is asked to pay for the handling of a case.
#[derive(SimpleObject, Clone)]
pub struct Fee {
    /// Its id.
    pub id: ID,
    /// How much.
    pub money: Money,
    /// The item of the tariff that says so.
    pub tariff: String,
    /// How it stands.
    pub status: FeeStatus,
    /// When it was assessed.
    pub assessed_at: DateTime,
    /// When it last changed.
    pub updated_at: DateTime,
    /// The revision of its stream.
    pub revision: i64,
}

impl From<FeeRow> for Fee {
    fn from(row: FeeRow) -> Self {
        Self {
            id: ID(row.id.to_string()),
            money: row.money.into(),
            tariff: row.tariff,
            status: row.status.into(),
            assessed_at: DateTime(row.assessed_at),
            updated_at: DateTime(row.updated_at),
            revision: row.revision,
        }
    }
}

/// A fee that is to be assessed.
#[derive(InputObject)]
pub struct AssessFeeInput {
    /// The global id of the case whose handling it is for; not a complaint, which is free of charge.
    pub case_id: ID,
    /// How much.
    pub money: MoneyInput,
    /// The item of the tariff that says so, by its code.
    pub tariff: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A fee that is to be waived.
#[derive(InputObject)]
pub struct WaiveFeeInput {
    /// The id of the fee.
    pub fee_id: ID,
    /// Why.
    pub ground: WaiverGround,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A fee that is to be paid out of the customer's credit.
#[derive(InputObject)]
pub struct PayFeeInput {
    /// The id of the fee.
    pub fee_id: ID,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A fee that is to be given back.
#[derive(InputObject)]
pub struct RefundFeeInput {
    /// The id of the fee.
    pub fee_id: ID,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(AssessFeePayload, fee: Fee);
payload!(WaiveFeePayload, fee: Fee);
payload!(PayFeePayload, fee: Fee);
payload!(RefundFeePayload, fee: Fee);

/// Mutations on fees.
#[derive(Default)]
pub struct FeeMutation;

#[Object]
impl FeeMutation {
    /// Asks the customer of a case to pay something for its handling. Refused on complaints, which are free of charge.
    async fn assess_fee(
        &self,
        ctx: &Context<'_>,
        input: AssessFeeInput,
    ) -> async_graphql::Result<AssessFeePayload> {
        AssessFeePayload::answer(assess(ctx, input).await)
    }

    /// Says that a fee need not be paid.
    async fn waive_fee(
        &self,
        ctx: &Context<'_>,
        input: WaiveFeeInput,
    ) -> async_graphql::Result<WaiveFeePayload> {
        let command = FeeCommand::Waive(input.ground.into());
        let done = change(ctx, &input.fee_id, input.idempotency_key, command).await;
        WaiveFeePayload::answer(done)
    }

    /// Pays a fee out of the customer's credit. Paid twice, it is paid once.
    async fn pay_fee(
        &self,
        ctx: &Context<'_>,
        input: PayFeeInput,
    ) -> async_graphql::Result<PayFeePayload> {
        PayFeePayload::answer(pay(ctx, input).await)
    }

    /// Gives a fee that was paid back to the customer's credit.
    async fn refund_fee(
        &self,
        ctx: &Context<'_>,
        input: RefundFeeInput,
    ) -> async_graphql::Result<RefundFeePayload> {
        let done = change(ctx, &input.fee_id, input.idempotency_key, FeeCommand::Refund).await;
        RefundFeePayload::answer(done)
    }
}

async fn assess(ctx: &Context<'_>, input: AssessFeeInput) -> Result<Option<Fee>, Failed> {
    let (case, customer_id) = case_with_customer(ctx, &input.case_id).await?;
    let command = FeeCommand::Assess(AssessFee {
        case_id: CaseId(case.id),
        case_kind: case.kind,
        customer_id,
        money: input.money.money("money")?,
        tariff: code("tariff", input.tariff)?,
    });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &command, &common).await?;
    let id = FeeId(derived(&["fee", &identity.command_id.to_string()]));
    let executed =
        execute::<domain::Fee>(ctx, &fee_stream(id), identity, &common, command, |_| true).await?;
    shown(ctx, id, executed.position).await
}

/// Executes a command on a fee whose case the caller may know of.
async fn change(
    ctx: &Context<'_>,
    fee_id: &ID,
    idempotency_key: Option<String>,
    command: FeeCommand,
) -> Result<Option<Fee>, Failed> {
    let fee = known(ctx, fee_id).await?;
    let common = Common { idempotency_key, ..Common::default() };
    let identity = claim(ctx, Some(fee.id.0), &command, &common).await?;
    let executed =
        execute::<domain::Fee>(ctx, &fee_stream(fee.id), identity, &common, command, |_| true)
            .await?;
    shown(ctx, fee.id, executed.position).await
}

/// What makes a payment what it is, for the digest of an idempotency key.
#[derive(Serialize)]
enum Wish {
    PayFee,
}

/// Takes the credit. The posting is the payment; the fee is told of it by [`crate::command::settlement`], also where this process ends in
/// between.
async fn pay(ctx: &Context<'_>, input: PayFeeInput) -> Result<Option<Fee>, Failed> {
    let fee = known(ctx, &input.fee_id).await?;
    if fee.status == domain::FeeStatus::Paid {
        return Ok(Some(fee.into()));
    }
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, Some(fee.id.0), &Wish::PayFee, &common).await?;
    let posting_id = PostingId::of_system(POSTING_KIND, fee.id.0);
    // Who paid it with this key is answered as the first time, also where it was given back meanwhile.
    if fee.status != domain::FeeStatus::Assessed && !identity.is_repeated {
        services(ctx).idempotency.release(&identity);
        let refusal = domain::FeeRefusal::NotNow { status: fee.status };
        return Err(UserError::of(&refusal).into());
    }
    let spend = AccountCommand::SpendCredit(SpendCredit { posting_id, money: fee.money });
    let stream = points_expiry::stream(fee.customer_id);
    let executed = execute::<Account>(ctx, &stream, identity, &common, spend, |_| true).await?;
    wait_for(ctx, executed.position).await?;
    services(ctx)
        .settlement
        .settle()
        .await
        .map_err(|error| Failed::Failure(super::context::failure(&error)))?;
    shown(ctx, fee.id, executed.position).await
}

async fn known(ctx: &Context<'_>, fee_id: &ID) -> Result<FeeRow, Failed> {
    let id = plain_id("feeId", fee_id)?;
    let scope = own_case_scope(ctx);
    let row = query(ctx, move |db| fee::fee(db, &scope, id)).await;
    Ok(row.map_err(Failed::Failure)?.ok_or_else(|| not_found("fee"))?)
}

async fn shown(
    ctx: &Context<'_>,
    id: FeeId,
    position: Option<Position>,
) -> Result<Option<Fee>, Failed> {
    wait_for(ctx, position).await?;
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| fee::fee(db, &scope, id.0)).await;
    Ok(row.map_err(Failed::Failure)?.map(Fee::from))
}

/// The fees of a case that the caller may know of, as they stand or as they were known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<Fee>> {
    let rows = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| fee::of_case(db, &scope, case_id)).await?
        }
        Some(moment) => {
            let mut rows = as_of::money(ctx, case_id, moment).await?.fees;
            rows.sort_by_key(|row| (row.assessed_at, row.id));
            rows.truncate(fee::SHOWN_MAX);
            rows
        }
    };
    Ok(rows.into_iter().map(Fee::from).collect())
}
