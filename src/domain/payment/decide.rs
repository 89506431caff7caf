//! What may be done with a payment.

use jiff::SignedDuration;

use super::Payment;
use super::command::{ConfirmPayment, PaymentCommand, RequestPayment};
use super::error::PaymentRefusal;
use super::event::{
    PaymentConfirmed, PaymentEvent, PaymentExpired, PaymentFailed, PaymentRefundDeclined,
    PaymentRefundRequested, PaymentRefunded, PaymentRequested, PaymentStatus,
};
use super::state::PaymentState;
use crate::decider::{Context, Decider, Metadata};
use crate::money::MINOR_UNITS_MAX;

/// The kind of the postings that bring payments to accounts.
pub const POSTING_KIND: &str = "payment";
/// The kind of the postings that take back from accounts what is refunded.
pub const RETURN_KIND: &str = "payment-return";
/// How long a payment is waited for.
pub const LIFE: SignedDuration = SignedDuration::from_mins(30);

impl Decider for Payment {
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type State = PaymentState;
    type Refusal = PaymentRefusal;

    const CATEGORY: &'static str = "payment";

    fn name(command: &PaymentCommand) -> &'static str {
        match command {
            PaymentCommand::Request(_) => "request",
            PaymentCommand::Confirm(_) => "confirm",
            PaymentCommand::Fail(_) => "fail",
            PaymentCommand::Expire => "expire",
            PaymentCommand::Refund => "refund",
            PaymentCommand::DeclineRefund => "decline_refund",
            PaymentCommand::ConfirmRefund(_) => "confirm_refund",
        }
    }

    fn decide(
        state: &PaymentState,
        command: PaymentCommand,
        context: &Context,
    ) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
        use PaymentStatus::{Confirmed, Expired, Failed, RefundRequested, Refunded, Requested};
        let Some(status) = state.status else {
            return match command {
                PaymentCommand::Request(request) => requested(request, context),
                _ => Err(PaymentRefusal::NotFound),
            };
        };
        let event = match (command, status) {
            (PaymentCommand::Request(_), _) => return Err(PaymentRefusal::AlreadyRequested),
            (PaymentCommand::Confirm(confirm), _) => return confirmed(state, status, confirm),
            (PaymentCommand::Fail(reason), Requested | Expired) => PaymentFailed { reason }.into(),
            (PaymentCommand::Expire, Requested)
                if state.expires_at.is_some_and(|moment| moment <= context.recorded_at) =>
            {
                PaymentExpired {}.into()
            }
            (PaymentCommand::Refund, Confirmed) => PaymentRefundRequested {}.into(),
            (PaymentCommand::DeclineRefund, RefundRequested) => PaymentRefundDeclined {}.into(),
            // Whoever asked the provider had taken the credit back before; that counts, whatever was said of it in between.
            (PaymentCommand::ConfirmRefund(provider_reference), RefundRequested | Confirmed) => {
                PaymentRefunded { provider_reference }.into()
            }
            // What was done is done, and what came to an end does not expire.
            (PaymentCommand::Fail(_), Failed)
            | (PaymentCommand::Expire, _)
            | (PaymentCommand::Refund, RefundRequested | Refunded)
            | (PaymentCommand::DeclineRefund, Confirmed | Refunded)
            | (PaymentCommand::ConfirmRefund(_), Refunded) => return Ok(vec![]),
            _ => return Err(PaymentRefusal::NotNow { status }),
        };
        Ok(vec![event])
    }

    fn evolve(state: PaymentState, event: &PaymentEvent, meta: &Metadata) -> PaymentState {
        state.evolve(event, meta)
    }
}

fn requested(
    request: RequestPayment,
    context: &Context,
) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
    let RequestPayment { customer_id, money, purpose, provider } = request;
    if !(1..=MINOR_UNITS_MAX).contains(&money.minor_units) {
        return Err(PaymentRefusal::AmountInvalid);
    }
    let expires_at =
        context.recorded_at.saturating_add(LIFE).expect("a span of minutes is a span of time");
    Ok(vec![PaymentRequested { customer_id, money, purpose, provider, expires_at }.into()])
}

/// Money that came is the customer's, also where the payment had failed or was given up before: providers let customers try again, and
/// callbacks overtake each other.
fn confirmed(
    state: &PaymentState,
    status: PaymentStatus,
    confirm: ConfirmPayment,
) -> Result<Vec<PaymentEvent>, PaymentRefusal> {
    let ConfirmPayment { money, provider_reference } = confirm;
    if state.money != Some(money) {
        return Err(PaymentRefusal::AmountDiffers);
    }
    match status {
        PaymentStatus::Requested | PaymentStatus::Failed | PaymentStatus::Expired => {
            Ok(vec![PaymentConfirmed { provider_reference }.into()])
        }
        PaymentStatus::Confirmed | PaymentStatus::RefundRequested | PaymentStatus::Refunded => {
            if state.provider_reference.as_ref() == Some(&provider_reference) {
                Ok(vec![])
            } else {
                Err(PaymentRefusal::ReferenceDiffers)
            }
        }
    }
}
