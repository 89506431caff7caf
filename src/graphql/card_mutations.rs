//! Mutations on cards: one for each command.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::card::command::BlockCard;
use parvandeh_domain::card::{Card as CardAggregate, CardCommand, CardNumber};
use parvandeh_domain::id::{CardId, CustomerId};
use parvandeh_projections::cards;
use serde::Serialize;
use uuid::Uuid;

use super::card::{self, Card};
use super::context::{case_scope, failure, query, services};
use super::customer;
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, UserError, claim, execute, execute_with, not_found, payload};
use super::vocabulary::BlockReason;
use crate::command::cards::Issued;
use crate::store::{Position, StreamId};

/// A card for a customer.
#[derive(InputObject)]
pub struct IssueCardInput {
    /// The global id of its holder.
    pub customer_id: ID,
    /// Its sixteen digits, where it is printed already. Absent, it gets a number that nobody has.
    pub number: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A card that its holder can use from now on.
#[derive(InputObject)]
pub struct ActivateCardInput {
    /// The global id of the card.
    pub card_id: ID,
    /// The revision of the card that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A card that nobody is to use any more.
#[derive(InputObject)]
pub struct BlockCardInput {
    /// The global id of the card.
    pub card_id: ID,
    /// Why.
    pub reason: BlockReason,
    /// The revision of the card that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A card that is to be given up for a new one of the same holder.
#[derive(InputObject)]
pub struct ReplaceCardInput {
    /// The global id of the card.
    pub card_id: ID,
    /// The sixteen digits of the new card, where it is printed already. Absent, it gets a number that nobody has.
    pub number: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A card whose time is over.
#[derive(InputObject)]
pub struct ExpireCardInput {
    /// The global id of the card.
    pub card_id: ID,
    /// The revision of the card that you have seen.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// The answer: the new card and its number, or why nothing was done.
#[derive(SimpleObject)]
pub struct IssueCardPayload {
    /// The card; null when nothing was done.
    pub card: Option<Card>,
    /// All sixteen digits, for printing the card. This is the only place where they are told.
    pub number: Option<String>,
    /// Why nothing was done; empty when it was.
    pub user_errors: Vec<UserError>,
}

/// The answer: the new card and its number, or why nothing was done.
#[derive(SimpleObject)]
pub struct ReplaceCardPayload {
    /// The new card; null when nothing was done.
    pub card: Option<Card>,
    /// All sixteen digits, for printing the card. This is the only place where they are told.
    pub number: Option<String>,
    /// Why nothing was done; empty when it was.
    pub user_errors: Vec<UserError>,
}

payload!(ActivateCardPayload, card: Card);
payload!(BlockCardPayload, card: Card);
payload!(ExpireCardPayload, card: Card);

/// Mutations on cards.
#[derive(Default)]
pub struct CardMutation;

#[Object]
impl CardMutation {
    /// Issues a card to a customer. It can be used once it is activated.
    async fn issue_card(
        &self,
        ctx: &Context<'_>,
        input: IssueCardInput,
    ) -> async_graphql::Result<IssueCardPayload> {
        let (card, number, user_errors) = answer(issue(ctx, input).await)?;
        Ok(IssueCardPayload { card, number, user_errors })
    }

    /// Lets a card's holder use it.
    async fn activate_card(
        &self,
        ctx: &Context<'_>,
        input: ActivateCardInput,
    ) -> async_graphql::Result<ActivateCardPayload> {
        let common = common(input.expected_revision, input.idempotency_key);
        ActivateCardPayload::answer(
            change(ctx, &input.card_id, common, CardCommand::Activate).await,
        )
    }

    /// Lets nobody use a card any more. Tokens that were given for it stop within their life, which is a quarter of an hour unless it is
    /// configured otherwise.
    async fn block_card(
        &self,
        ctx: &Context<'_>,
        input: BlockCardInput,
    ) -> async_graphql::Result<BlockCardPayload> {
        let common = common(input.expected_revision, input.idempotency_key);
        let command = CardCommand::Block(BlockCard { reason: input.reason.into() });
        BlockCardPayload::answer(change(ctx, &input.card_id, common, command).await)
    }

    /// Gives a card up for a new one of the same holder, which can be used once it is activated.
    async fn replace_card(
        &self,
        ctx: &Context<'_>,
        input: ReplaceCardInput,
    ) -> async_graphql::Result<ReplaceCardPayload> {
        let (card, number, user_errors) = answer(replace(ctx, input).await)?;
        Ok(ReplaceCardPayload { card, number, user_errors })
    }

    /// Lets a card's time be over.
    async fn expire_card(
        &self,
        ctx: &Context<'_>,
        input: ExpireCardInput,
    ) -> async_graphql::Result<ExpireCardPayload> {
        let common = common(input.expected_revision, input.idempotency_key);
        ExpireCardPayload::answer(change(ctx, &input.card_id, common, CardCommand::Expire).await)
    }
}

fn common(expected_revision: Option<i64>, idempotency_key: Option<String>) -> Common {
    Common { expected_revision, idempotency_key, ..Common::default() }
}

/// A card and its number, as the answer to the command that issued it.
type IssuedCard = (Option<Card>, String);

fn answer(
    outcome: Result<IssuedCard, Failed>,
) -> async_graphql::Result<(Option<Card>, Option<String>, Vec<UserError>)> {
    match outcome {
        Ok((card, number)) => Ok((card, Some(number), Vec::new())),
        Err(Failed::User(error)) => Ok((None, None, vec![error])),
        Err(Failed::Failure(error)) => Err(error),
    }
}

/// What a request for a new card says, for the digest of its idempotency key.
#[derive(Serialize)]
struct NewCard<'a> {
    number: Option<&'a str>,
}

async fn issue(ctx: &Context<'_>, input: IssueCardInput) -> Result<IssuedCard, Failed> {
    let id = global_id::decode("customerId", NodeType::Customer, &input.customer_id)?;
    let holder = customer::find(ctx, id).await.map_err(Failed::Failure)?;
    if holder.is_none() {
        return Err(not_found("customer").into());
    }
    let number = number(ctx, input.number.as_deref())?;
    let common = common(None, input.idempotency_key);
    let request = NewCard { number: number.as_ref().map(CardNumber::digits) };
    let identity = claim(ctx, Some(id), &request, &common).await?;
    let mut issued = None;
    let (commands, slot) = (&services(ctx).cards, &mut issued);
    execute_with::<CardAggregate, _>(ctx, identity, &common, async |metadata, _| {
        let done = commands.issue(CustomerId(id), number, None, metadata).await?;
        let executed = done.executed;
        *slot = Some(done);
        Ok(executed)
    })
    .await?;
    told(ctx, issued).await
}

async fn replace(ctx: &Context<'_>, input: ReplaceCardInput) -> Result<IssuedCard, Failed> {
    let id = known(ctx, &input.card_id).await?;
    let number = number(ctx, input.number.as_deref())?;
    let common = common(None, input.idempotency_key);
    let request = NewCard { number: number.as_ref().map(CardNumber::digits) };
    let identity = claim(ctx, Some(id), &request, &common).await?;
    let mut issued = None;
    let (commands, slot) = (&services(ctx).cards, &mut issued);
    execute_with::<CardAggregate, _>(ctx, identity, &common, async |metadata, _| {
        let done = commands.replace(CardId(id), number, metadata).await?;
        let executed = done.executed;
        *slot = Some(done);
        Ok(executed)
    })
    .await?;
    told(ctx, issued).await
}

/// A number that was given: one of this issuer's.
fn number(ctx: &Context<'_>, written: Option<&str>) -> Result<Option<CardNumber>, UserError> {
    let Some(written) = written else { return Ok(None) };
    let prefix = &services(ctx).cards.issuer_prefix;
    match CardNumber::parse(written).filter(|number| number.is_of(prefix)) {
        Some(number) => Ok(Some(number)),
        None => {
            let message = format!(
                "must have sixteen digits that begin with {} and end with the right check digit",
                prefix.as_str()
            );
            Err(UserError::new("CARD_NUMBER_INVALID", Some("number"), message))
        }
    }
}

async fn told(ctx: &Context<'_>, issued: Option<Issued>) -> Result<IssuedCard, Failed> {
    let issued = issued.expect("a command that was executed has issued a card");
    let card = shown(ctx, issued.id.0, issued.executed.position).await?;
    Ok((card, issued.number.digits().to_owned()))
}

/// The id of a card that the caller may know of.
async fn known(ctx: &Context<'_>, card_id: &ID) -> Result<Uuid, Failed> {
    let id = global_id::decode("cardId", NodeType::Card, card_id)?;
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| cards::card(db, &scope, id)).await.map_err(Failed::Failure)?;
    row.map(|row| row.id).ok_or_else(|| not_found("card").into())
}

async fn change(
    ctx: &Context<'_>,
    card_id: &ID,
    common: Common,
    command: CardCommand,
) -> Result<Option<Card>, Failed> {
    let id = known(ctx, card_id).await?;
    let identity = claim(ctx, Some(id), &command, &common).await?;
    let stream = StreamId::new(&format!("card-{id}")).expect("a UUID is a well-formed stream id");
    let permit = |state: &parvandeh_domain::card::CardState| state.status.is_some();
    let executed =
        execute::<CardAggregate>(ctx, &stream, identity, &common, command, permit).await?;
    shown(ctx, id, executed.position).await
}

/// A card as the log has it up to a position or later.
async fn shown(
    ctx: &Context<'_>,
    id: Uuid,
    position: Option<Position>,
) -> Result<Option<Card>, Failed> {
    if let Some(position) = position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    card::find(ctx, id).await.map_err(Failed::Failure)
}
