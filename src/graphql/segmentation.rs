//! Segmentations: the rules by which customers belong to tiers, what a draft would change, and the customer-asset matrix.

use std::collections::BTreeMap;

use async_graphql::{ComplexObject, Context, ID, InputObject, Json, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::customer::{CustomerCommand, command as customer_command};
use parvandeh_domain::id::SegmentationId;
use parvandeh_domain::segmentation::{
    self, DEFAULT_SEGMENTATION, PublishSegmentation, Segmentation, SegmentationCommand,
    SegmentationDocument, SegmentationPublished,
};
use parvandeh_projections::segmentations::{self, PublishedSegmentation};
use parvandeh_projections::{customer_profile, customer_standing};
use serde_json::Value;
use uuid::Uuid;

use super::context::{case_scope, failure, query, services};
use super::customer::Customer;
use super::customer_mutations::change;
use super::payload::{Common, Failed, UserError, claim, code, execute, payload};
use super::scalar::DateTime;
use super::vocabulary::AssetCell;
use crate::store::StreamId;

/// The most customers of one cell of the matrix that are listed.
const LISTED_MAX: usize = 100;

/// A version of a segmentation.
#[derive(SimpleObject, Clone)]
pub struct SegmentationVersion {
    /// The segmentation's code; its versions share it.
    pub id: String,
    /// 1 for the first, then 2, 3 ...
    pub version: i64,
    /// From when it holds.
    pub effective_from: DateTime,
    /// When it was published.
    pub published_at: DateTime,
    /// The whole segmentation: see `schema/segmentation.json`.
    pub document: Json<Value>,
}

impl From<PublishedSegmentation> for SegmentationVersion {
    fn from(row: PublishedSegmentation) -> Self {
        let document = serde_json::to_value(&row.published.document);
        Self {
            id: row.id.to_string(),
            version: row.published.version.into(),
            effective_from: DateTime(row.published.effective_from),
            published_at: DateTime(row.published_at),
            document: Json(document.expect("a document is plain JSON")),
        }
    }
}

/// Every version of every segmentation, in the order of publication.
pub async fn versions(ctx: &Context<'_>) -> async_graphql::Result<Vec<SegmentationVersion>> {
    let all = query(ctx, segmentations::published).await?;
    Ok(all.into_iter().map(Into::into).collect())
}

/// A segmentation to be published.
#[derive(InputObject)]
pub struct PublishSegmentationInput {
    /// The segmentation's code. A code that is not known yet begins a new one; `default` is tried last.
    pub id: String,
    /// The whole segmentation: see `schema/segmentation.json`.
    pub document: Json<Value>,
    /// From when it holds; from now on, where absent.
    pub effective_from: Option<DateTime>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// What a customer is worth.
#[derive(InputObject)]
pub struct AssessCustomerValueInput {
    /// The global id of the customer.
    pub customer_id: ID,
    /// The value, in the organisation's own measure, such as a year's turnover in thousands.
    pub value: i64,
    /// The revision of the customer that you have seen: the command is refused when it has changed since.
    pub expected_revision: Option<i64>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
    /// When it was assessed, where that was not just now.
    pub occurred_at: Option<DateTime>,
}

payload!(PublishSegmentationPayload, segmentation: SegmentationVersion);
payload!(AssessCustomerValuePayload, customer: Customer);

/// Mutations on segmentations and on what their rules look at.
#[derive(Default)]
pub struct SegmentationMutation;

#[Object]
impl SegmentationMutation {
    /// Publishes the next version of a segmentation. Customers move to their tiers by themselves from its effective moment on.
    async fn publish_segmentation(
        &self,
        ctx: &Context<'_>,
        input: PublishSegmentationInput,
    ) -> async_graphql::Result<PublishSegmentationPayload> {
        PublishSegmentationPayload::answer(publish(ctx, input).await)
    }

    /// Says what a customer is worth to the organisation.
    async fn assess_customer_value(
        &self,
        ctx: &Context<'_>,
        input: AssessCustomerValueInput,
    ) -> async_graphql::Result<AssessCustomerValuePayload> {
        let common = Common {
            expected_revision: input.expected_revision,
            idempotency_key: input.idempotency_key,
            occurred_at: input.occurred_at,
            ..Common::default()
        };
        let command =
            CustomerCommand::AssessValue(customer_command::AssessValue { value: input.value });
        AssessCustomerValuePayload::answer(change(ctx, &input.customer_id, common, command).await)
    }
}

async fn publish(
    ctx: &Context<'_>,
    input: PublishSegmentationInput,
) -> Result<Option<SegmentationVersion>, Failed> {
    let id: SegmentationId = code("id", input.id)?;
    let document = serde_json::from_value(input.document.0).map_err(|error| {
        let message = format!("the document does not have its shape: {error}");
        UserError::new("SEGMENTATION_INVALID", Some("document"), message)
    })?;
    let effective_from = input.effective_from.map(|moment| moment.0);
    let command = SegmentationCommand::Publish(PublishSegmentation { document, effective_from });
    let common = Common { idempotency_key: input.idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &(&id, &command), &common).await?;
    let stream = StreamId::new(&format!("segmentation-{id}"))
        .map_err(|error| UserError::new("CODE_INVALID", Some("id"), error.to_string()))?;
    let executed =
        execute::<Segmentation>(ctx, &stream, identity, &common, command, |_| true).await?;
    if let Some(position) = executed.position {
        let caught_up = services(ctx).read_models.wait_for(position).await;
        caught_up.map_err(|error| Failed::Failure(failure(&error)))?;
    }
    let all = query(ctx, segmentations::published).await.map_err(Failed::Failure)?;
    Ok(all.into_iter().rev().find(|row| row.id == id).map(Into::into))
}

/// What a draft would change, were it published now.
#[derive(SimpleObject, Default)]
pub struct SegmentationDraft {
    /// What is wrong with the draft, each with its place; then nothing else is told.
    pub problems: Vec<String>,
    /// How many customers were looked at.
    pub customers: u64,
    /// How many would be in each tier.
    pub tiers: Vec<TierCount>,
    /// How many would move from one tier to another.
    pub moves: Vec<TierMoveCount>,
}

/// How many customers a tier has.
#[derive(SimpleObject)]
pub struct TierCount {
    /// The tier; null for those who have none.
    pub tier: Option<String>,
    /// How many.
    pub customers: u64,
}

/// How many customers move.
#[derive(SimpleObject)]
pub struct TierMoveCount {
    /// The tier that they leave; null for those who have none.
    pub from: Option<String>,
    /// The tier that they come to.
    pub to: String,
    /// How many.
    pub customers: u64,
}

/// Tries a draft on the customers that the caller may know of. Nothing is written.
pub async fn draft(
    ctx: &Context<'_>,
    id: Option<String>,
    document: Value,
) -> async_graphql::Result<SegmentationDraft> {
    let faulty = |problems| SegmentationDraft { problems, ..SegmentationDraft::default() };
    let id = match SegmentationId::new(id.unwrap_or_else(|| DEFAULT_SEGMENTATION.to_owned())) {
        Ok(id) => id,
        Err(error) => return Ok(faulty(vec![format!("id: {error}")])),
    };
    let document: SegmentationDocument = match serde_json::from_value(document) {
        Ok(document) => document,
        Err(error) => return Ok(faulty(vec![error.to_string()])),
    };
    if let Err(problems) = document.validate() {
        return Ok(faulty(problems.iter().map(ToString::to_string).collect()));
    }
    let (scope, now) = (case_scope(ctx), services(ctx).clock.now());
    query(ctx, move |db| {
        let mut in_force = segmentations::in_force(db, now)?;
        put_in(&mut in_force, id, document, now);
        let mut tiers: BTreeMap<Option<String>, u64> = BTreeMap::new();
        let mut moves: BTreeMap<(Option<String>, String), u64> = BTreeMap::new();
        let mut customers = 0;
        customer_standing::for_each(db, &scope, |row| {
            customers += 1;
            let to = segmentation::tier(&in_force, row.tier.as_deref(), &row.standing, now);
            let to = to.map(|(_, _, tier)| tier.to_owned());
            if let Some(to) = &to {
                *moves.entry((row.tier.clone(), to.clone())).or_default() += 1;
            }
            *tiers.entry(to.or(row.tier)).or_default() += 1;
        })?;
        let tiers = tiers.into_iter().map(|(tier, customers)| TierCount { tier, customers });
        let moves =
            moves.into_iter().map(|((from, to), customers)| TierMoveCount { from, to, customers });
        let (tiers, moves) = (tiers.collect(), moves.collect());
        Ok(SegmentationDraft { problems: Vec::new(), customers, tiers, moves })
    })
    .await
}

/// Puts a draft in the place of what holds under its id, or where it would be tried.
fn put_in(
    in_force: &mut Vec<(SegmentationId, SegmentationPublished)>,
    id: SegmentationId,
    document: SegmentationDocument,
    now: Timestamp,
) {
    in_force.retain(|(other, _)| *other != id);
    in_force.push((id, SegmentationPublished { version: 0, document, effective_from: now }));
    in_force.sort_by(|(one, _), (other, _)| {
        let key = |id: &SegmentationId| (id.as_str() == DEFAULT_SEGMENTATION, id.to_string());
        key(one).cmp(&key(other))
    });
}

/// A cell of the customer-asset matrix.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct AssetMatrixCell {
    /// Which.
    pub cell: AssetCell,
    /// How many customers are in it.
    pub count: u64,
    /// What they are worth together.
    pub value: i64,
    #[graphql(skip)]
    most_valuable: Vec<(i64, Uuid)>,
}

#[ComplexObject]
impl AssetMatrixCell {
    /// Its customers, the most valuable first; at most 100.
    async fn customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
    ) -> async_graphql::Result<Vec<Customer>> {
        let count = usize::try_from(first).unwrap_or(0).min(LISTED_MAX);
        let ids: Vec<Uuid> = self.most_valuable.iter().take(count).map(|(_, id)| *id).collect();
        let scope = case_scope(ctx);
        let rows = query(ctx, move |db| {
            let found = ids.into_iter().map(|id| customer_profile::customer(db, &scope, id));
            found.collect::<rusqlite::Result<Vec<_>>>()
        });
        Ok(rows.await?.into_iter().flatten().map(Customer::from).collect())
    }
}

/// The matrix over the customers that the caller may know of, by the lines of the segmentation `default`; empty where it draws none.
pub async fn matrix(ctx: &Context<'_>) -> async_graphql::Result<Vec<AssetMatrixCell>> {
    use parvandeh_domain::segmentation::AssetCell as Cell;
    let (scope, now) = (case_scope(ctx), services(ctx).clock.now());
    query(ctx, move |db| {
        let in_force = segmentations::in_force(db, now)?;
        let default = in_force.iter().find(|(id, _)| id.as_str() == DEFAULT_SEGMENTATION);
        let document = default.map(|(_, published)| &published.document);
        let lines = document.and_then(|document| Some((document, document.asset_matrix.as_ref()?)));
        let Some((document, lines)) = lines else { return Ok(Vec::new()) };
        let mut cells = Cell::ALL.iter().map(|cell| AssetMatrixCell {
            cell: (*cell).into(),
            count: 0,
            value: 0,
            most_valuable: Vec::new(),
        });
        let mut cells: Vec<AssetMatrixCell> = cells.by_ref().collect();
        customer_standing::for_each(db, &scope, |row| {
            let seen = document.seen(&row.standing);
            let cell = &mut cells[lines.cell(&seen, now) as usize];
            cell.count += 1;
            cell.value = cell.value.saturating_add(seen.value);
            let listed = &mut cell.most_valuable;
            listed.push((seen.value, row.id));
            // Now and then what cannot be listed any more is dropped, so that a cell of a million takes little.
            if listed.len() >= 4 * LISTED_MAX {
                keep_most_valuable(listed);
            }
        })?;
        cells.iter_mut().for_each(|cell| keep_most_valuable(&mut cell.most_valuable));
        Ok(cells)
    })
    .await
}

fn keep_most_valuable(listed: &mut Vec<(i64, Uuid)>) {
    listed.sort_unstable_by_key(|(value, id)| (std::cmp::Reverse(*value), *id));
    listed.truncate(LISTED_MAX);
}
