//! The account of a customer: points and credit, and the postings that they came to be by.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, Object, SimpleObject};
use parvandeh_domain::money::{self, Points};
use parvandeh_projections::account::{self, AccountRow, PostingRow};
use parvandeh_projections::scope::CaseScope;
use uuid::Uuid;

use super::context::{case_scope, query, refused, services};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::money::Money;
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::vocabulary::PostingKind;

/// The account of a customer. It has no balance below zero, and what has expired does not count.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Account {
    /// The points that can be redeemed now.
    pub points: i64,
    /// The points by when they were earned, those first that are used first; at most 1,000.
    pub lots: Vec<PointsLot>,
    /// The credit, by currency; without those in which there is none.
    pub credit: Vec<Money>,
    /// The revision of its stream; -1 before the first posting.
    pub revision: i64,
    #[graphql(skip)]
    customer_id: Uuid,
    #[graphql(skip)]
    scope: CaseScope,
}

/// Points that were earned at once, as far as they are left.
#[derive(SimpleObject, Clone)]
pub struct PointsLot {
    /// The posting by which they were earned.
    pub posting_id: String,
    /// How many are left.
    pub points: i64,
    /// From when on they are worth nothing; null where they do not expire.
    pub expires_at: Option<DateTime>,
}

/// One posting: nothing about it ever changes. What was wrong is reversed by another.
#[derive(SimpleObject, Clone)]
pub struct Posting {
    /// Its id, as whoever sent it named it; with a colon, where the system made it.
    pub posting_id: String,
    /// What sort of posting.
    pub kind: PostingKind,
    /// By how many points it changed the balance; below zero where points went.
    pub points: i64,
    /// By how much it changed the credit; below zero where credit went; null where it was about points.
    pub money: Option<Money>,
    /// The centre where points were redeemed.
    pub centre: Option<String>,
    /// The posting that it reversed.
    pub reversed: Option<String>,
    /// The global id of the case for which something was given.
    pub case_id: Option<ID>,
    /// When it happened.
    pub occurred_at: DateTime,
    /// When it was recorded.
    pub recorded_at: DateTime,
    /// The event that proves it.
    pub event_id: ID,
}

impl From<PostingRow> for Posting {
    fn from(row: PostingRow) -> Self {
        Self {
            posting_id: row.posting_id,
            kind: row.kind.into(),
            points: row.points.0,
            money: row.money.map(Money::from),
            centre: row.centre,
            reversed: row.reversed,
            case_id: row.case_id.map(|id| global_id::encode(NodeType::Case, id)),
            occurred_at: DateTime(row.occurred_at),
            recorded_at: DateTime(row.recorded_at),
            event_id: ID(row.event_id.to_string()),
        }
    }
}

/// What a connection of postings has beside its edges.
pub struct PostingTotal {
    customer_id: Uuid,
    scope: CaseScope,
}

#[Object]
impl PostingTotal {
    /// How many postings there are, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, id) = (self.scope.clone(), self.customer_id);
        query(ctx, move |db| account::posting_count(db, &scope, id)).await
    }
}

/// A page of postings.
pub type PostingConnection = Connection<Cursor, Posting, PostingTotal, EmptyFields>;

#[ComplexObject]
impl Account {
    /// The postings, the newest first.
    async fn postings(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<PostingConnection> {
        let (scope, customer_id) = (self.scope.clone(), self.customer_id);
        let key = ListKey::of("postings", customer_id);
        let page = PageArguments { first, after, last, before };
        let request = page.request(key).map_err(refused)?;
        let wanted = scope.clone();
        let page =
            query(ctx, move |db| account::postings(db, &wanted, customer_id, request)).await?;
        let total = PostingTotal { customer_id, scope };
        Ok(connection(key, &request, page, total, Posting::from))
    }
}

/// The account of a customer whom the caller may know of.
pub async fn of_customer(ctx: &Context<'_>, customer_id: Uuid) -> async_graphql::Result<Account> {
    in_scope(ctx, case_scope(ctx), customer_id).await
}

/// The account of a customer, read in this scope.
pub(super) async fn in_scope(
    ctx: &Context<'_>,
    scope: CaseScope,
    customer_id: Uuid,
) -> async_graphql::Result<Account> {
    let wanted = scope.clone();
    let row = query(ctx, move |db| account::account(db, &wanted, customer_id)).await?;
    let now = services(ctx).clock.now();
    let revision = row.as_ref().map_or(-1, |row| row.revision);
    let AccountRow { balances, .. } = row.unwrap_or_default();
    let Points(points) = balances.points(now);
    let usable = balances.lots.into_iter().filter(|lot| !lot.is_expired(now));
    let lots = usable.map(|lot| PointsLot {
        posting_id: lot.posting_id.to_string(),
        points: lot.points.0,
        expires_at: lot.expires_at.map(DateTime),
    });
    let credit = balances.credit.into_iter().filter(|(_, units)| *units != 0);
    let credit = credit.map(|(currency, units)| money::Money::new(units, currency).into());
    Ok(Account {
        points,
        lots: lots.collect(),
        credit: credit.collect(),
        revision,
        customer_id,
        scope,
    })
}
