//! Customers: the object and the queries that find it.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::customer::search;
use parvandeh_domain::id::CustomerId;
use parvandeh_projections::customer_merges;
use parvandeh_projections::customer_profile::{self, CustomerFilter, CustomerRow};
use uuid::Uuid;

use super::access_log::{self, AccessRecordConnection};
use super::account::{self, Account};
use super::card::{self, Card};
use super::case::{self, CaseConnection, CodeFilter};
use super::context::{case_scope, query, refused, services};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::loader;
use super::paging::{PageArguments, connection};
use super::payment::{self, PaymentConnection};
use super::personal::Personal;
use super::preferences::{self, Preferences};
use super::representation::{self, Representation};
use super::scalar::DateTime;
use super::timeline::{self, TimelineConnection, TimelineFilterInput};
use super::vocabulary::{
    Channel, ConsentPurpose, ContactPointKind, CustomerKind, ErasureGround, Language,
};
use crate::subscription::projector::{CONTACT_POINT, NAME};

/// Anyone who deals with the organisation.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct Customer {
    /// Global id.
    pub id: ID,
    /// In which relation they stand to the organisation.
    pub kind: CustomerKind,
    /// The language they are written to in.
    pub language: Language,
    /// Their tier, where tiers are kept.
    pub tier: Option<String>,
    /// How they can be reached.
    pub contact_points: Vec<ContactPoint>,
    /// What they allow beyond being answered.
    pub consents: Vec<Consent>,
    /// The matter for which their data must be kept, while one does.
    pub legal_hold: Option<String>,
    /// The erasure of their personal data, once it was ordered.
    pub erasure: Option<Erasure>,
    /// When they were registered.
    pub registered_at: DateTime,
    /// When their record last changed.
    pub updated_at: DateTime,
    /// The revision of their stream: give it as `expectedRevision` to change only what you have seen.
    pub revision: i64,
    #[graphql(skip)]
    name: Personal,
    #[graphql(skip)]
    uuid: Uuid,
    #[graphql(skip)]
    merged_into: Option<Uuid>,
}

/// A way to reach a customer.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct ContactPoint {
    /// What sort of contact point.
    pub kind: ContactPointKind,
    /// Its number among the customer's contact points, from 1: verifications name it.
    pub number: u32,
    /// When it was shown to be theirs, by a code that was sent there and came back. Null while it was not.
    pub verified_at: Option<DateTime>,
    #[graphql(skip)]
    personal: Personal,
}

#[ComplexObject]
impl ContactPoint {
    /// The address or number; null when it was erased.
    async fn value(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.personal.text(ctx, "value")
    }

    /// Whether it was erased.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.personal.is_erased(ctx)
    }
}

/// The erasure of a customer's personal data.
#[derive(SimpleObject, Clone)]
pub struct Erasure {
    /// Why.
    pub ground: ErasureGround,
    /// When it was decided.
    pub ordered_at: DateTime,
    /// What was erased; null while it is being done.
    pub receipt: Option<ErasureReceipt>,
}

/// What was erased, and the event that proves it.
#[derive(SimpleObject, Clone)]
pub struct ErasureReceipt {
    /// When it was done.
    pub erased_at: DateTime,
    /// How many data keys were destroyed: what was encrypted under them can nowhere be read any more.
    pub key_count: u32,
    /// How many envelopes were removed from the vault.
    pub envelope_count: u32,
    /// The event that tells it.
    pub event_id: ID,
}

impl From<customer_profile::Erasure> for Erasure {
    fn from(erasure: customer_profile::Erasure) -> Self {
        let receipt = erasure.receipt.map(|receipt| ErasureReceipt {
            erased_at: DateTime(receipt.erased_at),
            key_count: receipt.key_count,
            envelope_count: receipt.envelope_count,
            event_id: ID(receipt.event_id.to_string()),
        });
        Self { ground: erasure.ground.into(), ordered_at: DateTime(erasure.ordered_at), receipt }
    }
}

/// What a customer allows.
#[derive(SimpleObject, Clone)]
pub struct Consent {
    /// What for.
    pub purpose: ConsentPurpose,
    /// By which channel.
    pub channel: Channel,
    /// When they allowed it.
    pub given_at: DateTime,
    /// The event that proves it.
    pub event_id: ID,
}

impl From<CustomerRow> for Customer {
    fn from(row: CustomerRow) -> Self {
        Self {
            id: global_id::encode(NodeType::Customer, row.id),
            kind: row.kind.into(),
            name: Personal::new(row.name),
            language: row.language.into(),
            tier: row.tier,
            contact_points: row
                .contact_points
                .into_iter()
                .zip(1..)
                .map(|(point, number)| ContactPoint {
                    kind: point.kind.into(),
                    number,
                    verified_at: point.verified_at.map(DateTime),
                    personal: Personal::new(point.value),
                })
                .collect(),
            consents: row
                .consents
                .into_iter()
                .map(|consent| Consent {
                    purpose: consent.purpose.into(),
                    channel: consent.channel.into(),
                    given_at: DateTime(consent.given_at),
                    event_id: ID(consent.event_id.to_string()),
                })
                .collect(),
            legal_hold: row.legal_hold,
            erasure: row.erasure.map(Erasure::from),
            registered_at: DateTime(row.registered_at),
            updated_at: DateTime(row.updated_at),
            revision: row.revision,
            uuid: row.id,
            merged_into: row.merged_into,
        }
    }
}

#[ComplexObject]
impl Customer {
    /// Their name; null when it was erased.
    async fn name(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<String>> {
        self.name.text(ctx, "name")
    }

    /// Whether their personal data were erased.
    async fn erased(&self, ctx: &Context<'_>) -> async_graphql::Result<bool> {
        self.name.is_erased(ctx)
    }

    /// Their cases, and those of the records that were merged into this one, the newest first.
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

    /// What happened in all their cases, and in those of the records that were merged into this one, the newest first.
    #[allow(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        filter: Option<TimelineFilterInput>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<TimelineConnection> {
        let page = PageArguments { first, after, last, before };
        timeline::of_customer(ctx, self.uuid, filter.unwrap_or_default(), page).await
    }

    /// The record in whose favour this one was given up; null while it stands by itself, or when you may not know of that one.
    async fn merged_into(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Customer>> {
        match self.merged_into {
            Some(id) => Ok(loader::customer(ctx, id).await?.map(Customer::from)),
            None => Ok(None),
        }
    }

    /// The records that were given up in favour of this one, in the order of the merges, as far as you may know of them; at most 100.
    async fn merged_customers(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Customer>> {
        let (scope, id) = (case_scope(ctx), self.uuid);
        let rows = query(ctx, move |db| {
            let records = customer_merges::given_up(db, id)?.into_iter();
            let rows = records.map(|record| customer_profile::customer(db, &scope, record));
            rows.filter_map(Result::transpose).collect::<rusqlite::Result<Vec<_>>>()
        });
        Ok(rows.await?.into_iter().map(Customer::from).collect())
    }

    /// Who may act for them, the first appointed first; at most 20.
    async fn representatives(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Representation>> {
        representation::representatives(ctx, self.uuid).await
    }

    /// For whom they may act, the last appointments first; at most 100.
    async fn represents(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Representation>> {
        representation::represented(ctx, self.uuid).await
    }

    /// Their account: points, and credit in money.
    async fn account(&self, ctx: &Context<'_>) -> async_graphql::Result<Account> {
        account::of_customer(ctx, self.uuid).await
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
        payment::of_customer(ctx, self.uuid, page).await
    }

    /// Their cards, the newest first; of many the newest hundred.
    async fn cards(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Card>> {
        card::of_customer(ctx, self.uuid).await
    }

    /// How they wish to be reached and told of things.
    async fn preferences(&self, ctx: &Context<'_>) -> async_graphql::Result<Preferences> {
        preferences::of_customer(ctx, self.uuid, self.language).await
    }

    /// Who read their personal data, when and what for, the newest first.
    async fn access_log(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> async_graphql::Result<AccessRecordConnection> {
        let page = PageArguments { first, after, last, before };
        access_log::of_customer(ctx, CustomerId(self.uuid), page).await
    }
}

/// Which customers are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct CustomerFilterInput {
    /// Of these kinds.
    pub kind: Option<Vec<CustomerKind>>,
    /// In these tiers.
    pub tier: Option<CodeFilter>,
    /// With this name: the whole name, in any case of letters, on an Arabic or a Persian keyboard, its parts joined or apart.
    pub name: Option<String>,
    /// With this contact point: the whole address or number, however it is written; a number with or without its country code.
    pub contact_point: Option<String>,
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
        found_by: found_by(ctx, filter.name, filter.contact_point),
    };
    let key = ListKey::of("customers", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page =
        query(ctx, move |db| customer_profile::customers(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, CustomerTotal { filter }, Customer::from))
}

/// The blind indexes of what is searched for.
fn found_by(
    ctx: &Context<'_>,
    name: Option<String>,
    contact_point: Option<String>,
) -> Vec<Vec<[u8; 16]>> {
    let vault = &services(ctx).vault;
    let names = name.map(|name| vec![vault.blind_index(NAME, &search::name_form(&name))]);
    let contact_points = contact_point.map(|value| {
        let forms = search::contact_point_forms(&value);
        forms.iter().map(|form| vault.blind_index(CONTACT_POINT, form)).collect::<Vec<_>>()
    });
    names.into_iter().chain(contact_points).collect()
}

/// One customer.
pub async fn find(ctx: &Context<'_>, id: Uuid) -> async_graphql::Result<Option<Customer>> {
    let scope = case_scope(ctx);
    let row = query(ctx, move |db| customer_profile::customer(db, &scope, id)).await?;
    Ok(row.map(Customer::from))
}
