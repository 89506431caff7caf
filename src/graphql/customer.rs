//! Customers: the object and the queries that find it.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use parvandeh_projections::customer_profile::{self, CustomerFilter, CustomerRow};
use uuid::Uuid;

use super::case::{self, CaseConnection, CodeFilter};
use super::context::{case_scope, query, refused};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::vocabulary::{ContactPointKind, CustomerKind, Language};

/// Anyone who deals with the organisation.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Customer {
    /// Global id.
    pub id: ID,
    /// In which relation they stand to the organisation.
    pub kind: CustomerKind,
    /// Their name.
    pub name: String,
    /// The language they are written to in.
    pub language: Language,
    /// Their tier, where tiers are kept.
    pub tier: Option<String>,
    /// How they can be reached.
    pub contact_points: Vec<ContactPoint>,
    /// When they were registered.
    pub registered_at: DateTime,
    /// When their record last changed.
    pub updated_at: DateTime,
    /// The revision of their stream: give it as `expectedRevision` to change only what you have seen.
    pub revision: i64,
    #[graphql(skip)]
    uuid: Uuid,
}

/// A way to reach a customer.
#[derive(SimpleObject, Clone)]
pub struct ContactPoint {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// The address or number.
    pub value: String,
}

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        Self {
            id: global_id::encode(NodeType::Customer, row.id),
            kind: row.kind.into(),
            name: row.name,
            language: row.language.into(),
            tier: row.tier,
            contact_points: row
                .contact_points
                .into_iter()
                .map(|point| ContactPoint { kind: point.kind.into(), value: point.value })
                .collect(),
            registered_at: DateTime(row.registered_at),
            updated_at: DateTime(row.updated_at),
            revision: row.revision,
            uuid: row.id,
        }
    }
}

#[ComplexObject]
impl Customer {
    /// Their cases, the newest first.
    async fn cases(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CaseConnection> {
        case::of_customer(ctx, self.uuid, PageArguments { first, after, last, before }).await
    }
}

/// Which customers are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct CustomerFilterInput {
    /// Of these kinds.
    pub kind: Option<Vec<CustomerKind>>,
    /// In these tiers.
    pub tier: Option<CodeFilter>,
}

/// What a connection of customers has beside its edges.
pub struct CustomerTotal {
    filter: CustomerFilter,
}

#[Object]
impl CustomerTotal {
    /// How many customers the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| customer_profile::customer_count(db, &scope, &filter)).await
    }
}

/// A page of customers.
pub type CustomerConnection = Connection<Cursor, Customer, CustomerTotal, EmptyFields>;

/// A page of the customers that the caller may know of, the newest first.
pub async fn list(
    ctx: &Context<'_>,
    filter: CustomerFilterInput,
    page: PageArguments,
) -> async_graphql::Result<CustomerConnection> {
    let filter = CustomerFilter {
        kind: filter.kind.map(|kinds| kinds.into_iter().map(Into::into).collect()),
        tier: filter.tier.and_then(CodeFilter::values),
    };
    let key = ListKey::of("customers", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page =
        query(ctx, move |db| customer_profile::customers(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, CustomerTotal { filter }, Customer::from))
}

/// One customer.
pub async fn find(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Customer>> {
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await?;
    Ok(row.map(Customer::from))
}
