//! Breaches: the facts on record that promises were not kept in time.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::sla::SlaFactKind;
use parvandeh_projections::sla_facts::{self, FactFilter, FactRow};
use uuid::Uuid;

use super::case::{self, Case, CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::sla_clock::SlaMetric;
use crate::error::RequestError;

/// A promise that was not kept in time, as it stands in the log.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct SlaBreach {
    /// The id of the event: the same at every delivery.
    pub event_id: ID,
    /// Which clock of the case: metric and cycle, `resolution-1`.
    pub clock: String,
    /// What it measured.
    pub metric: String,
    /// The policy that promised it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: i64,
    /// The rule of that version.
    pub rule: String,
    /// When the clock started.
    pub started_at: DateTime,
    /// The moment that passed.
    pub due_at: DateTime,
    /// When the clock stopped, if it had when the breach was recorded.
    pub stopped_at: Option<DateTime>,
    /// When the breach was recorded.
    pub recorded_at: DateTime,
    /// The unit that owned the case then.
    pub unit: Option<String>,
    /// The case's category then.
    pub category: Option<String>,
    /// The case's priority then.
    pub priority: Option<String>,
    /// The channel by which the case came.
    pub channel: Option<String>,
    /// Whether the clock was overdue already when a rule brought it: such a breach raises no alarm.
    pub silent: bool,
    /// The codes that the policy attaches to breaches.
    pub actions: Vec<String>,
    /// The global id of the case.
    pub case_id: ID,
    #[graphql(skip)]
    case_uuid: Uuid,
}

impl From<FactRow> for SlaBreach {
    /// Every breach has a start and a due moment: see [`parvandeh_domain::sla::SlaBreached`].
    fn from(row: FactRow) -> Self {
        Self {
            event_id: ID(row.event_id.to_string()),
            clock: row.clock,
            metric: row.metric,
            policy_id: row.policy_id,
            policy_version: row.policy_version,
            rule: row.rule,
            started_at: DateTime(row.started_at.unwrap_or(row.recorded_at)),
            due_at: DateTime(row.due_at.unwrap_or(row.recorded_at)),
            stopped_at: row.stopped_at.map(DateTime),
            recorded_at: DateTime(row.recorded_at),
            unit: row.unit,
            category: row.category,
            priority: row.priority,
            channel: row.channel,
            silent: row.silent,
            actions: row.actions,
            case_id: global_id::encode(NodeType::Case, row.case_id),
            case_uuid: row.case_id,
        }
    }
}

#[ComplexObject]
impl SlaBreach {
    /// The case, as it stands now.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        case::find(ctx, self.case_uuid).await
    }
}

/// Which breaches are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct SlaBreachFilterInput {
    /// With these metrics.
    pub metric: Option<Vec<SlaMetric>>,
    /// Of these policies.
    pub policy: Option<CodeFilter>,
    /// Of cases that belonged to these units when the breach was recorded.
    pub unit: Option<CodeFilter>,
    /// Of this case (a global id).
    pub case_id: Option<ID>,
    /// That fell due in this period.
    pub due_at: Option<DateTimeFilter>,
}

impl SlaBreachFilterInput {
    /// The filter as the read model understands it.
    pub fn into_filter(self) -> Result<FactFilter, RequestError> {
        let case_id =
            self.case_id.map(|id| global_id::decode("caseId", NodeType::Case, &id)).transpose()?;
        Ok(FactFilter {
            kind: Some(vec![SlaFactKind::Breached]),
            metric: self.metric.map(|all| all.into_iter().map(SlaMetric::stored).collect()),
            policy_id: self.policy.and_then(CodeFilter::values),
            unit: self.unit.and_then(CodeFilter::values),
            case_id,
            due_at: self.due_at.unwrap_or_default().into(),
        })
    }
}

/// What a connection of breaches has beside its edges.
pub struct SlaBreachTotal {
    filter: FactFilter,
}

#[Object]
impl SlaBreachTotal {
    /// How many breaches the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| sla_facts::fact_count(db, &scope, &filter)).await
    }
}

/// A page of breaches.
pub type SlaBreachConnection = Connection<Cursor, SlaBreach, SlaBreachTotal, EmptyFields>;

/// A page of the breaches on record, in the order in which they were recorded.
pub async fn breaches(
    ctx: &Context<'_>,
    filter: SlaBreachFilterInput,
    page: PageArguments,
) -> async_graphql::Result<SlaBreachConnection> {
    let filter = filter.into_filter().map_err(refused)?;
    let key = ListKey::of("slaBreaches", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| sla_facts::facts(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, SlaBreachTotal { filter }, SlaBreach::from))
}
