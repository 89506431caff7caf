//! The customer who asks, with all that their own page shows.

use async_graphql::{Context, Object};
use uuid::Uuid;

use super::card::{self, Card};
use super::case::{self, CaseConnection};
use super::context::principal;
use super::customer::{self, Customer};
use super::notification::{self, NotificationConnection};
use super::paging::PageArguments;
use super::payment::{self, PaymentConnection};
use super::preferences::{self, Preferences};

/// The customer who asks. What is reached from here is theirs, by the scope of every read.
pub struct Viewer {
    customer_id: Uuid,
}

/// The viewer; none where somebody else asks than a customer.
pub fn of(ctx: &Context<'_>) -> Option<Viewer> {
    principal(ctx).customer_id.map(|customer_id| Viewer { customer_id })
}

#[Object]
impl Viewer {
    /// Their own record.
    async fn customer(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        customer::find(ctx, self.customer_id).await
    }

    /// Their cases, the newest first.
    async fn cases(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<CaseConnection> {
        case::of_customer(ctx, self.customer_id, PageArguments { first, after, last, before }).await
    }

    /// What they pay by a payment provider, the newest first.
    async fn payments(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<PaymentConnection> {
        let page = PageArguments { first, after, last, before };
        payment::of_customer(ctx, self.customer_id, page).await
    }

    /// Their cards, the newest first; of many the newest hundred.
    async fn cards(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Card>> {
        card::of_customer(ctx, self.customer_id).await
    }

    /// How they wish to be reached and told of things.
    async fn preferences(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Preferences>> {
        match customer::find(ctx, self.customer_id).await? {
            Some(found) => {
                preferences::of_customer(ctx, self.customer_id, found.language).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// What they were told and wish to be told, the newest first.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Only what they have not read.")] unread_only: bool,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<NotificationConnection> {
        let page = PageArguments { first, after, last, before };
        notification::of_customer(ctx, self.customer_id, unread_only, page).await
    }

    /// How many of their notifications they have not read.
    async fn unread_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        notification::count(ctx, self.customer_id, true).await
    }
}
