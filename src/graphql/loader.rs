//! Loading what many rows of one answer link to in one query: fifty cases with their customers are two queries, not fifty-one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use async_graphql::dataloader::{DataLoader, Loader};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::case_summary::{self, CaseRow};
use parvandeh_projections::customer_profile::{self, CustomerRow};
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_clocks;
use parvandeh_projections::sla_reference::ReferenceData;
use uuid::Uuid;

use super::context::{case_scope, failure};
use crate::subscription::read_models::{QueryError, ReadModels};

/// How long a loader waits for more of the same.
const GATHERING: Duration = Duration::from_micros(200);
/// The most links that one query follows.
const BATCH_SIZE_MAX: usize = 200;

/// A link, with the scope of whoever follows it: rows of one caller never answer another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Scoped {
    scope: CaseScope,
    id: Uuid,
}

/// The loaders of one schema. They keep nothing: every answer is as fresh as a query.
pub struct Loaders {
    cases: DataLoader<Cases>,
    customers: DataLoader<Customers>,
    clocks: DataLoader<Clocks>,
}

impl Loaders {
    /// Loaders over these read models.
    pub fn new(read_models: &Arc<ReadModels>) -> Self {
        let cases = Cases(read_models.clone());
        let customers = Customers(read_models.clone());
        let clocks = Clocks(read_models.clone());
        Self {
            cases: DataLoader::new(cases, tokio::spawn)
                .delay(GATHERING)
                .max_batch_size(BATCH_SIZE_MAX),
            customers: DataLoader::new(customers, tokio::spawn)
                .delay(GATHERING)
                .max_batch_size(BATCH_SIZE_MAX),
            clocks: DataLoader::new(clocks, tokio::spawn)
                .delay(GATHERING)
                .max_batch_size(BATCH_SIZE_MAX),
        }
    }
}

/// The case that another links to, `None` when there is none inside the caller's scope.
pub async fn case(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<CaseRow>> {
    let scoped = Scoped { scope: case_scope(ctx), id };
    let loaders = ctx.data_unchecked::<Loaders>();
    loaders.cases.load_one(scoped).await.map_err(|error| failure(&*error))
}

/// The customer that a case links to, `None` when there is none inside the caller's scope.
pub async fn customer(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<CustomerRow>> {
    let scoped = Scoped { scope: case_scope(ctx), id };
    let loaders = ctx.data_unchecked::<Loaders>();
    loaders.customers.load_one(scoped).await.map_err(|error| failure(&*error))
}

/// Clocks, and the policies and calendars by which they are counted.
type CountedClocks = (Vec<ClockRow>, Arc<ReferenceData>);

/// The clocks of a case inside the caller's scope.
pub async fn clocks(ctx: &Context<'_>, case_id: Uuid) -> async_graphql::Result<CountedClocks> {
    let scoped = Scoped { scope: case_scope(ctx), id: case_id };
    let loaders = ctx.data_unchecked::<Loaders>();
    let found = loaders.clocks.load_one(scoped).await.map_err(|error| failure(&*error))?;
    Ok(found.unwrap_or_default())
}

struct Cases(Arc<ReadModels>);

impl Loader<Scoped> for Cases {
    type Value = CaseRow;
    type Error = Arc<QueryError>;

    async fn load(&self, links: &[Scoped]) -> Result<HashMap<Scoped, CaseRow>, Arc<QueryError>> {
        let links = links.to_vec();
        self.0
            .query(move |db| {
                let mut found = HashMap::with_capacity(links.len());
                for link in links {
                    if let Some(row) = case_summary::case(db, &link.scope, link.id)? {
                        found.insert(link, row);
                    }
                }
                Ok(found)
            })
            .await
            .map_err(Arc::new)
    }
}

struct Customers(Arc<ReadModels>);

impl Loader<Scoped> for Customers {
    type Value = CustomerRow;
    type Error = Arc<QueryError>;

    async fn load(
        &self,
        links: &[Scoped],
    ) -> Result<HashMap<Scoped, CustomerRow>, Arc<QueryError>> {
        let links = links.to_vec();
        self.0
            .query(move |db| {
                let mut found = HashMap::with_capacity(links.len());
                for link in links {
                    if let Some(row) = customer_profile::customer(db, &link.scope, link.id)? {
                        found.insert(link, row);
                    }
                }
                Ok(found)
            })
            .await
            .map_err(Arc::new)
    }
}

struct Clocks(Arc<ReadModels>);

impl Loader<Scoped> for Clocks {
    type Value = CountedClocks;
    type Error = Arc<QueryError>;

    async fn load(
        &self,
        links: &[Scoped],
    ) -> Result<HashMap<Scoped, CountedClocks>, Arc<QueryError>> {
        let links = links.to_vec();
        let reference = Arc::clone(&self.0.reference);
        self.0
            .query(move |db| {
                let reference = reference.get(db)?;
                links
                    .into_iter()
                    .map(|link| {
                        let rows = sla_clocks::clocks(db, &link.scope, link.id, &reference)?;
                        Ok((link, (rows, Arc::clone(&reference))))
                    })
                    .collect()
            })
            .await
            .map_err(Arc::new)
    }
}
