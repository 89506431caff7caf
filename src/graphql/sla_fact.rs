//! Facts on record about clocks: warnings, verdicts, corrections, extensions and waivers, as one list.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use parvandeh_domain::sla::FactSource;
use parvandeh_projections::sla_facts::{self, FactFilter, FactRow};
use uuid::Uuid;

use super::case::{self, Case, CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::sla_clock::{SlaClockState, SlaMetric};
use crate::error::RequestError;

/// What sort of fact about a clock it is.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::sla::SlaFactKind")]
pub enum SlaFactKind {
    /// A warning came.
    Warned,
    /// The deadline moved so far into the future that a warning no longer holds. It can come again.
    WarningWithdrawn,
    /// The due moment passed.
    Breached,
    /// The clock stopped in time.
    Met,
    /// The clock stopped after its due moment.
    CompletedLate,
    /// The clock ended without a verdict.
    Cancelled,
    /// A verdict on record turned out otherwise; the old one stays on record.
    Restated,
    /// More time was granted.
    Extended,
    /// A breach does not count.
    Waived,
}

/// An event of the log: a stream and a revision in it.
#[derive(SimpleObject, Clone)]
pub struct SlaFactCause {
    /// The stream: `case`, `customer`, `policy` or `clock`, of the case that the fact is about.
    pub source: String,
    /// The revision of the event in that stream; of a policy, its version.
    pub revision: u64,
}

/// A fact about a clock as it stands in the log. A field that facts of its kind do not tell is null.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct SlaFact {
    /// The id of the event: the same at every delivery.
    pub event_id: ID,
    /// What sort of fact it is.
    pub kind: SlaFactKind,
    /// Which clock of the case: `resolution-1`.
    pub clock: String,
    /// What it measured, as it is stored: `first_response`.
    pub metric: String,
    /// The policy that promised it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: i64,
    /// The rule of that version.
    pub rule: String,
    /// Of a warning: the threshold as the policy writes it, `75 %`.
    pub threshold: Option<String>,
    /// Of a warning: when its threshold was reached.
    pub reached_at: Option<DateTime>,
    /// When the clock started.
    pub started_at: Option<DateTime>,
    /// When it was due, as it was known when the fact was recorded.
    pub due_at: Option<DateTime>,
    /// When it stopped, if it had when the fact was recorded.
    pub stopped_at: Option<DateTime>,
    /// When the fact was recorded.
    pub recorded_at: DateTime,
    /// Of a restatement: the verdict before.
    pub from: Option<SlaClockState>,
    /// Of a restatement: the verdict from now on; RUNNING when it has none any more.
    pub to: Option<SlaClockState>,
    /// Of a restatement: the event that was recorded last before the verdict turned.
    pub cause: Option<SlaFactCause>,
    /// Of a breach: whether the clock was overdue already when a rule brought it. Such a breach raises no alarm.
    pub silent: bool,
    /// Of a cancellation: whether the case was merged into another.
    pub merged: bool,
    /// The codes that the policy attaches to facts of this kind.
    pub actions: Vec<String>,
    /// The unit that owned the case then.
    pub unit: Option<String>,
    /// The case's category then.
    pub category: Option<String>,
    /// The case's priority then.
    pub priority: Option<String>,
    /// The channel by which the case came.
    pub channel: Option<String>,
    /// The global id of the case.
    pub case_id: ID,
    #[graphql(skip)]
    case_uuid: Uuid,
}

impl From<FactRow> for SlaFact {
    fn from(row: FactRow) -> Self {
        let cause = row.cause.map(|cause| {
            let (source, revision) = source_of(cause);
            SlaFactCause { source: source.to_owned(), revision }
        });
        Self {
            event_id: ID(row.event_id.to_string()),
            kind: row.kind.into(),
            clock: row.clock,
            metric: row.metric,
            policy_id: row.policy_id,
            policy_version: row.policy_version,
            rule: row.rule,
            threshold: row.threshold,
            reached_at: row.reached_at.map(DateTime),
            started_at: row.started_at.map(DateTime),
            due_at: row.due_at.map(DateTime),
            stopped_at: row.stopped_at.map(DateTime),
            recorded_at: DateTime(row.recorded_at),
            from: row.from.map(Into::into),
            to: row.to.map(Into::into),
            cause,
            silent: row.silent,
            merged: row.merged,
            actions: row.actions,
            unit: row.unit,
            category: row.category,
            priority: row.priority,
            channel: row.channel,
            case_id: global_id::encode(NodeType::Case, row.case_id),
            case_uuid: row.case_id,
        }
    }
}

/// The name of a source's stream, and the number in it.
pub(super) fn source_of(source: FactSource) -> (&'static str, u64) {
    match source {
        FactSource::Case(revision) => ("case", revision),
        FactSource::Customer(revision) => ("customer", revision),
        FactSource::Policy(version) => ("policy", version),
        FactSource::Clock(revision) => ("clock", revision),
    }
}

#[ComplexObject]
impl SlaFact {
    /// The case, as it stands now.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        case::find(ctx, self.case_uuid).await
    }
}

/// Which facts are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct SlaFactFilterInput {
    /// Of these kinds.
    pub kind: Option<Vec<SlaFactKind>>,
    /// With these metrics.
    pub metric: Option<Vec<SlaMetric>>,
    /// Of these policies.
    pub policy: Option<CodeFilter>,
    /// Of cases that belonged to these units when the fact was recorded.
    pub unit: Option<CodeFilter>,
    /// Of this case (a global id).
    pub case_id: Option<ID>,
    /// Whose due moment lies in this period; facts without one are left out.
    pub due_at: Option<DateTimeFilter>,
}

impl SlaFactFilterInput {
    /// The filter as the read model understands it.
    pub fn into_filter(self) -> Result<FactFilter, RequestError> {
        let case_id =
            self.case_id.map(|id| global_id::decode("caseId", NodeType::Case, &id)).transpose()?;
        Ok(FactFilter {
            kind: self.kind.map(|all| all.into_iter().map(Into::into).collect()),
            metric: self.metric.map(|all| all.into_iter().map(SlaMetric::stored).collect()),
            policy_id: self.policy.and_then(CodeFilter::values),
            unit: self.unit.and_then(CodeFilter::values),
            case_id,
            due_at: self.due_at.unwrap_or_default().into(),
        })
    }
}

/// What a connection of facts has beside its edges.
pub struct SlaFactTotal {
    filter: FactFilter,
}

#[Object]
impl SlaFactTotal {
    /// How many facts the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| sla_facts::fact_count(db, &scope, &filter)).await
    }
}

/// A page of facts.
pub type SlaFactConnection = Connection<Cursor, SlaFact, SlaFactTotal, EmptyFields>;

/// A page of the facts on record, in the order in which they were recorded.
pub async fn facts(
    ctx: &Context<'_>,
    filter: SlaFactFilterInput,
    page: PageArguments,
) -> async_graphql::Result<SlaFactConnection> {
    let filter = filter.into_filter().map_err(refused)?;
    let key = ListKey::of("slaFacts", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| sla_facts::facts(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, SlaFactTotal { filter }, Into::into))
}
