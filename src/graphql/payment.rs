//! Payments: the object, and what is done with it.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};
use parvandeh_domain::fee::{FeeRefusal, FeeStatus};
use parvandeh_domain::id::{CustomerId, FeeId, PaymentId, derived};
use parvandeh_domain::payment::command::RequestPayment;
use parvandeh_domain::payment::{self as domain, PaymentCommand, PaymentPurpose};
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::{customer_profile, fee, payment};
use uuid::Uuid;

use super::context::{case_scope, failure, own_case_scope, principal, query, services};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::money::{Money, MoneyInput};
use super::paging::{PageArguments, connection};
use super::payload::{Common, Failed, UserError, claim, execute, not_found, payload};
use super::redress::{plain_id, wait_for};
use super::scalar::DateTime;
use super::vocabulary::{PaymentFailure, PaymentStatus};
use crate::command::payments::payment_stream;
use crate::command::policy;
use crate::error::chain;
use crate::store::Position;

/// The most payments that may be requested for one fee: each is a stream of its own that a replay of the case reads.
const PAYMENTS_OF_FEE_MAX: u64 = 20;

/// Money that a customer sends by a payment provider, for a fee or as credit.
#[derive(SimpleObject, Clone)]
pub struct Payment {
    /// Its id.
    pub id: ID,
    /// How much.
    pub money: Money,
    /// The id of the fee that it is for; null where it is for credit.
    pub fee_id: Option<ID>,
    /// The provider.
    pub provider: String,
    /// By what the provider knows it; null before it is confirmed.
    pub provider_reference: Option<String>,
    /// How it stands.
    pub status: PaymentStatus,
    /// Why no money came; null where it came, or is waited for.
    pub failure: Option<PaymentFailure>,
    /// Whether it is on the customer's account: what was confirmed is posted a moment later.
    pub is_posted: bool,
    /// When it was requested.
    pub requested_at: DateTime,
    /// When it is given up, where nothing is heard by then.
    pub expires_at: DateTime,
    /// When the money came, by the provider's clock.
    pub confirmed_at: Option<DateTime>,
    /// When it was given back, by the provider's clock.
    pub refunded_at: Option<DateTime>,
    /// The revision of its stream.
    pub revision: i64,
}

impl From<payment::PaymentRow> for Payment {
    fn from(row: payment::PaymentRow) -> Self {
        Self {
            id: ID(row.id.to_string()),
            money: row.money.into(),
            fee_id: row.fee_id.map(|id| ID(id.to_string())),
            provider: row.provider,
            provider_reference: row.provider_reference.map(|reference| reference.to_string()),
            status: row.status.into(),
            failure: row.failure.map(PaymentFailure::from),
            is_posted: row.posted.is_some() && row.returned.is_none(),
            requested_at: DateTime(row.requested_at),
            expires_at: DateTime(row.expires_at),
            confirmed_at: row.confirmed_at.map(DateTime),
            refunded_at: row.refunded_at.map(DateTime),
            revision: row.revision,
        }
    }
}

/// What a connection of payments has beside its edges.
pub struct PaymentTotal {
    customer_id: Uuid,
    scope: CaseScope,
}

#[Object]
impl PaymentTotal {
    /// How many payments there are, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, id) = (self.scope.clone(), self.customer_id);
        query(ctx, move |db| payment::count(db, &scope, id)).await
    }
}

/// A page of payments.
pub type PaymentConnection = Connection<Cursor, Payment, PaymentTotal, EmptyFields>;

/// The payments of a customer that the caller may know of, the newest first.
pub async fn of_customer(
    ctx: &Context<'_>,
    customer_id: Uuid,
    page: PageArguments,
) -> async_graphql::Result<PaymentConnection> {
    let scope = case_scope(ctx);
    let key = ListKey::of("payments", customer_id);
    let request = page.request(key).map_err(super::context::refused)?;
    let wanted = scope.clone();
    let page = query(ctx, move |db| payment::payments(db, &wanted, customer_id, request)).await?;
    Ok(connection(key, &request, page, PaymentTotal { customer_id, scope }, Payment::from))
}

/// What is paid for: a fee, or credit.
#[derive(OneofObject)]
pub enum PaymentPurposeInput {
    /// The id of a fee, which is paid whole.
    Fee(ID),
    /// Credit on the customer's account.
    TopUp(TopUpInput),
}

/// Credit that is to be paid for.
#[derive(InputObject)]
pub struct TopUpInput {
    /// The global id of the customer whose account it is; absent where a customer asks for themselves.
    pub customer_id: Option<ID>,
    /// How much.
    pub money: MoneyInput,
}

/// A payment that is to be requested.
#[derive(InputObject)]
pub struct RequestPaymentInput {
    /// What is paid for.
    pub purpose: PaymentPurposeInput,
    /// Your own name for this request: sent again with the same name, it is one payment, and the same page.
    pub idempotency_key: Option<String>,
}

/// A payment that is to be given back.
#[derive(InputObject)]
pub struct RefundPaymentInput {
    /// The id of the payment.
    pub payment_id: ID,
    /// The revision of the payment that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// The answer: the payment and where it is paid, or why nothing was done.
#[derive(SimpleObject)]
pub struct RequestPaymentPayload {
    /// The payment; null when nothing was done.
    pub payment: Option<Payment>,
    /// The address of the provider's page, where the customer is to be sent; null when nothing was done, or where the money came already.
    pub page: Option<String>,
    /// Why nothing was done; empty when it was.
    pub user_errors: Vec<UserError>,
}

payload!(RefundPaymentPayload, payment: Payment);

/// Mutations on payments.
#[derive(Default)]
pub struct PaymentMutation;

#[Object]
impl PaymentMutation {
    /// Begins a payment by the payment provider: for a fee, or for credit. Send the customer to the page that comes back. What became of
    /// it is told by the provider, to this program; a payment of which nothing is heard is given up after half an hour.
    async fn request_payment(
        &self,
        ctx: &Context<'_>,
        input: RequestPaymentInput,
    ) -> async_graphql::Result<RequestPaymentPayload> {
        match request(ctx, input).await {
            Ok((payment, page)) => {
                Ok(RequestPaymentPayload { payment, page, user_errors: Vec::new() })
            }
            Err(Failed::User(error)) => {
                Ok(RequestPaymentPayload { payment: None, page: None, user_errors: vec![error] })
            }
            Err(Failed::Failure(error)) => Err(error),
        }
    }

    /// Gives a payment back: the credit that it gave is taken back, and then the provider gives the money back. Where the customer has spent
    /// the credit, nothing is given back, and the payment is `CONFIRMED` again: to give back what a fee has cost, refund the fee first.
    async fn refund_payment(
        &self,
        ctx: &Context<'_>,
        input: RefundPaymentInput,
    ) -> async_graphql::Result<RefundPaymentPayload> {
        RefundPaymentPayload::answer(refund(ctx, input).await)
    }
}

async fn request(
    ctx: &Context<'_>,
    input: RequestPaymentInput,
) -> Result<(Option<Payment>, Option<String>), Failed> {
    let Some(payments) = &services(ctx).payments.payments else {
        return Err(not_configured("this installation has no payment provider").into());
    };
    let Wanted { customer_id, money, purpose, refused } = match input.purpose {
        PaymentPurposeInput::Fee(id) => of_fee(ctx, &id).await?,
        PaymentPurposeInput::TopUp(top_up) => of_top_up(ctx, top_up).await?,
    };
    let provider = payments.id();
    let command = PaymentCommand::Request(RequestPayment { customer_id, money, purpose, provider });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &command, &common).await?;
    let id = PaymentId(derived(&["payment", &identity.command_id.to_string()]));
    // What was requested before is answered as it was, also where the fee is paid by it meanwhile.
    if let Some(refused) = refused
        && !is_requested(ctx, id).await?
    {
        services(ctx).idempotency.release(&identity);
        return Err(refused.into());
    }
    let stream = payment_stream(id);
    let executed =
        execute::<domain::Payment>(ctx, &stream, identity, &common, command, |_| true).await?;
    wait_for(ctx, executed.position).await?;
    let known = query(ctx, move |db| payment::known(db, id)).await.map_err(Failed::Failure)?;
    if known.is_some_and(|row| row.confirmed_at.is_some()) {
        // The money came: on a new page the customer would pay again.
        return Ok((shown(ctx, id, executed.position).await?, None));
    }
    // The payment stands before the provider hears of it, so that no callback can be about a payment that nobody knows.
    let page = payments.begin(id, money).await.map_err(|error| {
        tracing::warn!(%id, error = %chain(&error), "a payment was not begun");
        let message =
            "the payment provider does not answer; try again with the same idempotency key";
        UserError::new("PAYMENT_PROVIDER_UNAVAILABLE", None, message)
    })?;
    Ok((shown(ctx, id, executed.position).await?, Some(page.address)))
}

/// What somebody wants to pay.
struct Wanted {
    customer_id: CustomerId,
    money: parvandeh_domain::money::Money,
    purpose: PaymentPurpose,
    /// Why nobody is to begin to pay it now.
    refused: Option<UserError>,
}

fn not_configured(message: &str) -> UserError {
    UserError::new("PAYMENTS_NOT_CONFIGURED", None, message)
}

/// Whether the payment is on record. Asked after the fee: where this payment has paid it, it is known by now.
async fn is_requested(ctx: &Context<'_>, id: PaymentId) -> Result<bool, Failed> {
    let known = query(ctx, move |db| payment::known(db, id)).await;
    Ok(known.map_err(Failed::Failure)?.is_some())
}

async fn of_fee(ctx: &Context<'_>, fee_id: &ID) -> Result<Wanted, Failed> {
    let id = plain_id("fee", fee_id)?;
    let scope = own_case_scope(ctx);
    let found = query(ctx, move |db| {
        Ok((fee::fee(db, &scope, id)?, payment::count_of_fee(db, FeeId(id))?))
    });
    let (row, count) = found.await.map_err(Failed::Failure)?;
    let row = row.ok_or_else(|| not_found("fee"))?;
    let refused = if row.status != FeeStatus::Assessed {
        Some(UserError::of(&FeeRefusal::NotNow { status: row.status }))
    } else if count >= PAYMENTS_OF_FEE_MAX {
        let message = format!(
            "it was requested {count} times that this fee be paid; pay it out of credit, with `payFee`"
        );
        Some(UserError::new("FEE_PAYMENTS_TOO_MANY", None, message))
    } else {
        None
    };
    let purpose = PaymentPurpose::Fee(FeeId(id));
    Ok(Wanted { customer_id: row.customer_id, money: row.money, purpose, refused })
}

async fn of_top_up(ctx: &Context<'_>, top_up: TopUpInput) -> Result<Wanted, Failed> {
    let caller = principal(ctx);
    let id = match top_up.customer_id {
        Some(named) => global_id::decode("customerId", NodeType::Customer, &named)?,
        None => caller.customer_id.ok_or_else(|| not_found("customer"))?,
    };
    // As the account is: whoever may post at all may have any customer pay. A customer pays for themselves alone.
    let scope = policy::case_scope_after_write(caller);
    let known = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await;
    known.map_err(Failed::Failure)?.ok_or_else(|| not_found("customer"))?;
    Ok(Wanted {
        customer_id: CustomerId(id),
        money: top_up.money.money("money")?,
        purpose: PaymentPurpose::TopUp,
        refused: None,
    })
}

async fn refund(ctx: &Context<'_>, input: RefundPaymentInput) -> Result<Option<Payment>, Failed> {
    let id = plain_id("paymentId", &input.payment_id)?;
    // As the account is: whoever may give back at all may give back to any customer.
    let scope = policy::case_scope_after_write(principal(ctx));
    let known = query(ctx, move |db| payment::payment(db, &scope, id)).await;
    let row = known.map_err(Failed::Failure)?.ok_or_else(|| not_found("payment"))?;
    // Credit is taken back only where somebody is there to give the money back. A refund that is under way goes on as it can.
    let payments = services(ctx).payments.payments.as_ref();
    if row.status == domain::PaymentStatus::Confirmed
        && payments.is_none_or(|payments| payments.id().as_str() != row.provider)
    {
        let message =
            format!("the provider of this payment, {}, is not configured here", row.provider);
        return Err(not_configured(&message).into());
    }
    let common = Common {
        expected_revision: input.expected_revision,
        idempotency_key: input.idempotency_key,
        ..Common::default()
    };
    let command = PaymentCommand::Refund;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let id = PaymentId(id);
    let stream = payment_stream(id);
    let executed =
        execute::<domain::Payment>(ctx, &stream, identity, &common, command, |_| true).await?;
    wait_for(ctx, executed.position).await?;
    let settled = services(ctx).payments.settle().await;
    settled.map_err(|error| Failed::Failure(failure(&error)))?;
    shown(ctx, id, executed.position).await
}

async fn shown(
    ctx: &Context<'_>,
    id: PaymentId,
    position: Option<Position>,
) -> Result<Option<Payment>, Failed> {
    wait_for(ctx, position).await?;
    let scope = policy::case_scope_after_write(principal(ctx));
    let row = query(ctx, move |db| payment::payment(db, &scope, id.0)).await;
    Ok(row.map_err(Failed::Failure)?.map(Payment::from))
}
