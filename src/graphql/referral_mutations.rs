//! Mutations on referrals and on promises to the customer.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{
    FollowUpCommand, KeepFollowUp, PromiseFollowUp, ReferralCommand, ReturnReferral,
};
use parvandeh_domain::pii::Pii;

use super::case::Case;
use super::case_mutations::{case_input, change};
use super::payload::{Common, payload};
use super::scalar::DateTime;

case_input!(
    /// A case that its unit takes on.
    AcceptReferralInput {}
);

case_input!(
    /// A case that its unit sends back.
    ReturnReferralInput {
        /// Why.
        reason: String,
    }
);

case_input!(
    /// Something that is promised to the customer.
    PromiseFollowUpInput {
        /// What.
        what: String,
        /// Until when.
        due_at: DateTime,
    }
);

case_input!(
    /// A promise that was kept.
    KeepFollowUpInput {
        /// Which one.
        number: u32,
    }
);

payload!(AcceptReferralPayload, case: Case);
payload!(ReturnReferralPayload, case: Case);
payload!(PromiseFollowUpPayload, case: Case);
payload!(KeepFollowUpPayload, case: Case);

/// Mutations on referrals and promises.
#[derive(Default)]
pub struct ReferralMutation;

#[Object]
impl ReferralMutation {
    /// Takes a case on that was referred to the unit.
    async fn accept_referral(
        &self,
        ctx: &Context<'_>,
        input: AcceptReferralInput,
    ) -> async_graphql::Result<AcceptReferralPayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::Referral(ReferralCommand::Accept));
        AcceptReferralPayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Sends a case back to the unit from which it was referred, or to the intake, with a reason.
    async fn return_referral(
        &self,
        ctx: &Context<'_>,
        input: ReturnReferralInput,
    ) -> async_graphql::Result<ReturnReferralPayload> {
        let common = input.common();
        let command = || {
            let reason = Pii::new(input.reason);
            Ok(CaseCommand::Referral(ReferralCommand::Return(ReturnReferral { reason })))
        };
        ReturnReferralPayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Promises something to the customer until a date. It is then kept or missed.
    async fn promise_follow_up(
        &self,
        ctx: &Context<'_>,
        input: PromiseFollowUpInput,
    ) -> async_graphql::Result<PromiseFollowUpPayload> {
        let common = input.common();
        let command = || {
            let promise = PromiseFollowUp { what: Pii::new(input.what), due_at: input.due_at.0 };
            Ok(CaseCommand::FollowUp(FollowUpCommand::Promise(promise)))
        };
        PromiseFollowUpPayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Records that a promise was kept; of one that was missed, that it was kept late.
    async fn keep_follow_up(
        &self,
        ctx: &Context<'_>,
        input: KeepFollowUpInput,
    ) -> async_graphql::Result<KeepFollowUpPayload> {
        let common = input.common();
        let keep = KeepFollowUp { number: input.number };
        let command = || Ok(CaseCommand::FollowUp(FollowUpCommand::Keep(keep)));
        KeepFollowUpPayload::answer(change(ctx, &input.case_id, common, command).await)
    }
}
