//! Cards: the object, and how it is found.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use parvandeh_domain::card::CardNumber;
use parvandeh_projections::cards::{self, CardRow};
use uuid::Uuid;

use super::context::{case_scope, query};
use super::customer::{self, Customer};
use super::global_id::{self, NodeType};
use super::personal::Personal;
use super::scalar::DateTime;
use super::vocabulary::{BlockReason, CardStatus};

/// A card of a customer, with which they sign in.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Card {
    /// Global id. It tells nothing of the number.
    pub id: ID,
    /// How it stands.
    pub status: CardStatus,
    /// Why it is blocked; null where it is not and never was.
    pub block_reason: Option<BlockReason>,
    /// The global id of the card whose place it took.
    pub replaces: Option<ID>,
    /// The global id of the card that took its place.
    pub replaced_by: Option<ID>,
    /// When it was issued.
    pub issued_at: DateTime,
    /// When it was activated.
    pub activated_at: Option<DateTime>,
    /// When it was blocked.
    pub blocked_at: Option<DateTime>,
    /// When it was replaced or expired.
    pub ended_at: Option<DateTime>,
    /// The revision of its stream: give it as `expectedRevision` to change only what you have seen.
    pub revision: i64,
    #[graphql(skip)]
    number: Personal,
    #[graphql(skip)]
    customer_uuid: Uuid,
}

impl From<CardRow> for Card {
    fn from(row: CardRow) -> Self {
        let id = |uuid| global_id::encode(NodeType::Card, uuid);
        Self {
            id: id(row.id),
            status: row.status.into(),
            block_reason: row.block_reason.map(Into::into),
            replaces: row.replaces.map(id),
            replaced_by: row.replaced_by.map(id),
            issued_at: DateTime(row.issued_at),
            activated_at: row.activated_at.map(DateTime),
            blocked_at: row.blocked_at.map(DateTime),
            ended_at: row.ended_at.map(DateTime),
            revision: row.revision,
            number: Personal::new(row.number),
            customer_uuid: row.customer_id,
        }
    }
}

#[ComplexObject]
impl Card {
    /// Its number with all digits but the last four covered; null when it was erased.
    async fn masked_number(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        let number = self.number.text(ctx, "number")?;
        Ok(number.and_then(|number| CardNumber::parse(&number)).map(|number| number.masked()))
    }

    /// Whether its number was erased.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.number.is_erased(ctx)
    }

    /// Its holder.
    async fn customer(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        customer::find(ctx, self.customer_uuid).await
    }
}

/// One card.
pub async fn find(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Card>> {
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| cards::card(db, &scope, id)).await?;
    Ok(row.map(Card::from))
}

/// The cards of a customer, the newest first.
pub async fn of_customer(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Vec<Card>> {
    let scope = case_scope(ctx);
    let rows = query(ctx, move |db| cards::cards_of_customer(db, &scope, id)).await?;
    Ok(rows.into_iter().map(Card::from).collect())
}
