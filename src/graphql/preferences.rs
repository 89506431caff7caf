//! How a customer wishes to be reached and told of things.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::customer::CustomerCommand;
use parvandeh_domain::customer::command::ChangePreferences;
use parvandeh_projections::notifications;
use uuid::Uuid;

use super::context::{case_scope, query};
use super::customer::{self, Customer};
use super::customer_mutations::change;
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, not_found, payload};
use super::scalar::DateTime;
use super::vocabulary::{Channel, Language, NotificationKind};

/// How a customer wishes to be reached and told of things. Codes for signing in go to verified contact points, whatever is wished.
#[derive(SimpleObject)]
pub struct Preferences {
    /// The channels by which they wish to be reached, the dearest first; empty where they have not said.
    pub channels: Vec<Channel>,
    /// What they are told of on their own page.
    pub wanted_notifications: Vec<NotificationKind>,
    /// What they do not wish to be told of there.
    pub unwanted_notifications: Vec<NotificationKind>,
    /// The language in which they are written to.
    pub language: Language,
}

/// What a customer wishes. What is absent stays as it was; give at least one of channels, unwantedNotifications and language.
#[derive(InputObject)]
pub struct ChangePreferencesInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The channels by which they wish to be reached, the dearest first; an empty list for no wish.
    #[graphql(validator(max_items = 20))]
    pub channels: Option<Vec<Channel>>,
    /// What they do not wish to be told of on their own page; an empty list to be told of everything.
    #[graphql(validator(max_items = 50))]
    pub unwanted_notifications: Option<Vec<NotificationKind>>,
    /// The language in which they are written to.
    pub language: Option<Language>,
    /// The revision of the customer that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it happened, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

payload!(ChangePreferencesPayload, customer: Customer);

/// Mutations on what customers wish.
#[derive(Default)]
pub struct PreferencesMutation;

#[Object]
impl PreferencesMutation {
    /// Records how a customer wishes to be reached and told of things: customers for themselves, staff for them.
    async fn change_preferences(
        &self,
        ctx: &Context<'_>,
        input: ChangePreferencesInput,
    ) -> async_graphql::Result<ChangePreferencesPayload> {
        ChangePreferencesPayload::answer(run(ctx, input).await)
    }
}

async fn run(ctx: &Context<'_>, input: ChangePreferencesInput) -> Result<Option<Customer>, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, &input.customer_id)?;
    if customer::find(ctx, id).await.map_err(Failed::Failure)?.is_none() {
        return Err(not_found("customer").into());
    }
    let common = Common {
        expected_revision: input.expected_revision,
        idempotency_key: input.idempotency_key,
        occurred_at: input.occurred_at,
        ..Common::default()
    };
    let kinds = |kinds: Vec<NotificationKind>| kinds.into_iter().map(Into::into).collect();
    let command = CustomerCommand::ChangePreferences(ChangePreferences {
        channels: input.channels.map(|channels| channels.into_iter().map(Into::into).collect()),
        unwanted_notifications: input.unwanted_notifications.map(kinds),
        language: input.language.map(Into::into),
    });
    change(ctx, &input.customer_id, common, command).await
}

/// What a customer wishes who is written to in this language.
pub async fn of_customer(
    ctx: &Context<'_>,
    customer_id: Uuid,
    language: Language,
) -> async_graphql::Result<Preferences> {
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| notifications::preferences(db, &scope, customer_id)).await?;
    let all = parvandeh_domain::customer::NotificationKind::ALL.iter();
    let (unwanted, wanted): (Vec<_>, Vec<_>) = all.partition(|kind| row.unwanted.contains(kind));
    let published = |kinds: Vec<_>| kinds.into_iter().copied().map(Into::into).collect();
    Ok(Preferences {
        channels: row.channels.into_iter().map(Into::into).collect(),
        wanted_notifications: published(wanted),
        unwanted_notifications: published(unwanted),
        language,
    })
}
