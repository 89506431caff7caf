//! Mutations on accounts: one for each posting that people and programs make.

use async_graphql::{Context, ID, InputObject, Object};
use parvandeh_domain::account::{Account as AccountAggregate, AccountCommand, command as domain};
use parvandeh_domain::id::{CaseId, CustomerId, PostingId};
use parvandeh_domain::money::Points;
use parvandeh_projections::customer_profile;

use super::account::{self, Account};
use super::context::{failure, principal, query, services};
use super::global_id::{self, NodeType};
use super::money::MoneyInput;
use super::payload::{Common, Failed, UserError, claim, code, execute, not_found, payload};
use super::scalar::DateTime;
use crate::command::points_expiry::stream;
use crate::command::policy;

/// Declares the input of a posting: what every posting has, and its own fields.
macro_rules! posting_input {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* }
    ) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub struct $name {
            /// The global id of the customer whose account it is.
            pub customer_id: ID,
            /// The posting's id, which you choose: a receipt's number, a UUID. The same posting sent twice is made once; another posting with
            /// the same id is refused. 1 to 64 letters, digits, `-`, `_`, `.` and `/`.
            pub posting_id: String,
            $( $(#[$field_doc])* pub $field: $type, )*
            /// The revision of the account that you have seen.
            pub expected_revision: Option<i64>,
            /// Your own name for this request: sent again with the same name, it is done once.
            pub idempotency_key: Option<String>,
            /// When it happened, where that was not just now. Whether points have expired is asked of the moment of recording.
            pub occurred_at: Option<DateTime>,
        }

        impl $name {
            fn common(&self) -> Common {
                Common {
                    expected_revision: self.expected_revision,
                    idempotency_key: self.idempotency_key.clone(),
                    occurred_at: self.occurred_at,
                    ..Common::default()
                }
            }
        }
    };
}

posting_input!(
    /// Points that a customer gets.
    EarnPointsInput {
        /// How many.
        points: i64,
        /// From when on they are worth nothing; absent where they do not expire.
        expires_at: Option<DateTime>,
        /// The global id of the case for which they are given.
        case_id: Option<ID>,
    }
);

posting_input!(
    /// Points that a customer gives for something at a contracted centre.
    RedeemPointsInput {
        /// How many.
        points: i64,
        /// The centre, by its code.
        centre: String,
    }
);

posting_input!(
    /// Credit that a customer gets.
    GrantCreditInput {
        /// How much.
        money: MoneyInput,
        /// The global id of the case for which it is given.
        case_id: Option<ID>,
    }
);

posting_input!(
    /// Credit that a customer pays with.
    SpendCreditInput {
        /// How much.
        money: MoneyInput,
    }
);

posting_input!(
    /// A posting that is to be undone, whole.
    ReversePostingInput {
        /// The id of the posting that is to be reversed.
        reversed: String,
    }
);

payload!(EarnPointsPayload, account: Account);
payload!(RedeemPointsPayload, account: Account);
payload!(GrantCreditPayload, account: Account);
payload!(SpendCreditPayload, account: Account);
payload!(ReversePostingPayload, account: Account);

/// Mutations on accounts.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Gives a customer points.
    async fn earn_points(
        &self,
        ctx: &Context<'_>,
        input: EarnPointsInput,
    ) -> async_graphql::Result<EarnPointsPayload> {
        let common = input.common();
        let command = || {
            Ok(AccountCommand::EarnPoints(domain::EarnPoints {
                posting_id: posting_id("postingId", input.posting_id)?,
                points: Points(input.points),
                expires_at: input.expires_at.map(|moment| moment.0),
                case_id: case_of(input.case_id)?,
            }))
        };
        EarnPointsPayload::answer(post(ctx, &input.customer_id, common, command).await)
    }

    /// Takes points of a customer for something that a contracted centre gives; those that expire first are taken first.
    async fn redeem_points(
        &self,
        ctx: &Context<'_>,
        input: RedeemPointsInput,
    ) -> async_graphql::Result<RedeemPointsPayload> {
        let common = input.common();
        let command = || {
            Ok(AccountCommand::RedeemPoints(domain::RedeemPoints {
                posting_id: posting_id("postingId", input.posting_id)?,
                points: Points(input.points),
                centre: code("centre", input.centre)?,
            }))
        };
        RedeemPointsPayload::answer(post(ctx, &input.customer_id, common, command).await)
    }

    /// Gives a customer credit.
    async fn grant_credit(
        &self,
        ctx: &Context<'_>,
        input: GrantCreditInput,
    ) -> async_graphql::Result<GrantCreditPayload> {
        let common = input.common();
        let command = || {
            Ok(AccountCommand::GrantCredit(domain::GrantCredit {
                posting_id: posting_id("postingId", input.posting_id)?,
                money: input.money.money("money")?,
                case_id: case_of(input.case_id)?,
            }))
        };
        GrantCreditPayload::answer(post(ctx, &input.customer_id, common, command).await)
    }

    /// Takes credit of a customer for something that is paid with it.
    async fn spend_credit(
        &self,
        ctx: &Context<'_>,
        input: SpendCreditInput,
    ) -> async_graphql::Result<SpendCreditPayload> {
        let common = input.common();
        let command = || {
            Ok(AccountCommand::SpendCredit(domain::SpendCredit {
                posting_id: posting_id("postingId", input.posting_id)?,
                money: input.money.money("money")?,
            }))
        };
        SpendCreditPayload::answer(post(ctx, &input.customer_id, common, command).await)
    }

    /// Undoes a posting, whole: what it gave is taken back, where it is there still; what it took is given back, points with the expiry
    /// that they had.
    async fn reverse_posting(
        &self,
        ctx: &Context<'_>,
        input: ReversePostingInput,
    ) -> async_graphql::Result<ReversePostingPayload> {
        let common = input.common();
        let command = || {
            Ok(AccountCommand::ReversePosting(domain::ReversePosting {
                posting_id: posting_id("postingId", input.posting_id)?,
                reversed: posting_id("reversed", input.reversed)?,
            }))
        };
        ReversePostingPayload::answer(post(ctx, &input.customer_id, common, command).await)
    }
}

/// A posting that is not the system's own.
fn posting_id(field: &str, text: String) -> Result<PostingId, Failed> {
    let id: PostingId = code(field, text)?;
    if id.is_of_system() {
        let message = "posting ids with a colon are the system's own; choose another";
        return Err(UserError::new("POSTING_ID_RESERVED", Some(field), message).into());
    }
    Ok(id)
}

fn case_of(named: Option<ID>) -> Result<Option<CaseId>, Failed> {
    let id = named.map(|id| global_id::decode("caseId", NodeType::Case, &id)).transpose()?;
    Ok(id.map(CaseId))
}

/// Posts to the account of a registered customer.
async fn post(
    ctx: &Context<'_>,
    customer_id: &ID,
    common: Common,
    command: impl FnOnce() -> Result<AccountCommand, Failed>,
) -> Result<Option<Account>, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, customer_id)?;
    let command = command()?;
    // As the record is, the account is the organisation's: whoever may post at all may post to any customer's.
    let scope = policy::case_scope_after_write(principal(ctx));
    let wanted = scope.clone();
    let known = query(ctx, move |db| customer_profile::customer(db, &wanted, id)).await;
    known.map_err(Failed::Failure)?.ok_or_else(|| not_found("customer"))?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let stream = stream(CustomerId(id));
    let executed =
        execute::<AccountAggregate>(ctx, &stream, identity, &common, command, |_| true).await?;
    if let Some(position) = executed.position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    account::in_scope(ctx, scope, id).await.map(Some).map_err(Failed::Failure)
}
