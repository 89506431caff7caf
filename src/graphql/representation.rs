//! Who acts for whom.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use parvandeh_projections::customer_representatives::{self, Representation as Row};
use uuid::Uuid;

use super::context::{query, services};
use super::customer::Customer;
use super::global_id::{self, NodeType};
use super::loader;
use super::scalar::DateTime;
use super::vocabulary::{CaseKind, RepresentationBasis};

/// One customer acts for another.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Representation {
    /// By what right.
    pub basis: RepresentationBasis,
    /// In matters of these kinds; of every kind, where none is named.
    pub case_kinds: Vec<CaseKind>,
    /// The global id of the customer who is represented.
    pub customer_id: ID,
    /// Until before this moment; null while it has no end.
    pub until: Option<DateTime>,
    /// Since when.
    pub appointed_at: DateTime,
    /// The event that tells it.
    pub event_id: ID,
    #[graphql(skip)]
    customer_uuid: Uuid,
    #[graphql(skip)]
    representative_uuid: Uuid,
}

#[ComplexObject]
impl Representation {
    /// Who is represented; null when you may not know of them.
    async fn customer(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        Ok(loader::customer(ctx, self.customer_uuid).await?.map(Customer::from))
    }

    /// Who acts; null when you may not know of them.
    async fn representative(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        Ok(loader::customer(ctx, self.representative_uuid).await?.map(Customer::from))
    }

    /// Whether it holds now.
    async fn in_force(&self, ctx: &Context<'_>) -> bool {
        self.until.as_ref().is_none_or(|until| services(ctx).clock.now() < until.0)
    }
}

impl From<Row> for Representation {
    fn from(row: Row) -> Self {
        Self {
            basis: row.basis.into(),
            case_kinds: row.case_kinds.into_iter().map(Into::into).collect(),
            until: row.until.map(DateTime),
            customer_id: global_id::encode(NodeType::Customer, row.customer_id),
            appointed_at: DateTime(row.appointed_at),
            event_id: ID(row.event_id.to_string()),
            customer_uuid: row.customer_id,
            representative_uuid: row.representative_id,
        }
    }
}

/// Who may act for a customer.
pub async fn representatives(
    ctx: &Context<'_>,
    customer: Uuid,
) -> async_graphql::Result<Vec<Representation>> {
    let found = query(ctx, move |db| customer_representatives::representatives(db, customer));
    Ok(found.await?.into_iter().map(Representation::from).collect())
}

/// For whom a customer may act.
pub async fn represented(
    ctx: &Context<'_>,
    representative: Uuid,
) -> async_graphql::Result<Vec<Representation>> {
    let found = query(ctx, move |db| customer_representatives::represented(db, representative));
    Ok(found.await?.into_iter().map(Representation::from).collect())
}
