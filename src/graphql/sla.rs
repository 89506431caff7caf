//! SLA: the clocks of a case, compliance, and breaches on record.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::sla::ClockState as DomainClockState;
use parvandeh_projections::sla_breaches::{self, BreachFilter, BreachRow};
use parvandeh_projections::sla_clocks::ClockRow;
use parvandeh_projections::sla_compliance::{self, ComplianceFilter};
use uuid::Uuid;

use super::as_of;
use super::case::{self, Case, CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused, services};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::loader;
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::vocabulary::{Channel, Priority};
use crate::error::RequestError;

/// What a clock measures.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::sla::Metric")]
pub enum SlaMetric {
    /// From the opening to the first public answer of staff.
    FirstResponse,
    /// From the opening, or a reopening, to the resolution.
    Resolution,
    /// To be done by a date that was agreed.
    DueDate,
}

impl SlaMetric {
    fn stored(self) -> String {
        parvandeh_domain::sla::Metric::from(self).to_string()
    }
}

/// Where a clock stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlaClockState {
    /// It runs, and its due time is to come.
    Running,
    /// It waits for a hold to end.
    Paused,
    /// It stopped in time.
    Met,
    /// Its due time passed before it stopped.
    Breached,
    /// Nothing is promised any more.
    Cancelled,
}

impl From<DomainClockState> for SlaClockState {
    fn from(state: DomainClockState) -> Self {
        match state {
            DomainClockState::Running => Self::Running,
            DomainClockState::Paused => Self::Paused,
            DomainClockState::Met => Self::Met,
            DomainClockState::Breached => Self::Breached,
            DomainClockState::Cancelled => Self::Cancelled,
        }
    }
}

/// One promise about one case: what is measured, until when, and how it stands.
#[derive(SimpleObject, Clone)]
pub struct SlaClock {
    /// Which clock of the case: metric and cycle, `resolution-1`.
    pub key: String,
    /// What it measures.
    pub metric: SlaMetric,
    /// 1 from the opening; each reopening begins the next.
    pub cycle: u32,
    /// How it stands now, or at the moment of the view.
    pub state: SlaClockState,
    /// When it started.
    pub started_at: DateTime,
    /// When its target is used up; null while it is paused with time left.
    pub due_at: Option<DateTime>,
    /// When it stopped.
    pub stopped_at: Option<DateTime>,
    /// How much working time it may take, as an ISO 8601 duration; null for a fixed due date.
    pub target: Option<String>,
    /// Working time in the running intervals that have ended, as an ISO 8601 duration.
    pub elapsed: String,
    /// Working time in the paused intervals that have ended, as an ISO 8601 duration.
    pub paused: String,
    /// The policy that promises it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: u32,
    /// The rule of that version.
    pub rule: String,
    /// The calendar that it counts in; null for a fixed due date by the wall clock.
    pub calendar_id: Option<String>,
    /// Whether its breach stands in the log.
    pub breach_recorded: bool,
}

impl SlaClock {
    fn at(row: ClockRow, now: Timestamp) -> Self {
        let clock = row.clock;
        Self {
            key: clock.key.to_string(),
            metric: clock.key.metric.into(),
            cycle: clock.key.cycle,
            state: clock.verdict_at(now).into(),
            started_at: DateTime(clock.started_at),
            due_at: clock.due_at.map(DateTime),
            stopped_at: clock.stopped_at.map(DateTime),
            target: clock.target.map(|target| target.to_string()),
            elapsed: clock.elapsed.to_string(),
            paused: clock.paused.to_string(),
            policy_id: clock.policy_id.to_string(),
            policy_version: clock.policy_version,
            rule: clock.rule,
            calendar_id: clock.calendar_id.map(|id| id.to_string()),
            breach_recorded: row.breach_recorded,
        }
    }
}

/// The clocks of a case, now or as they were known at a moment.
pub async fn clocks_of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<SlaClock>> {
    let (rows, now) = match as_of {
        Some(moment) => (as_of::clock_rows(ctx, case_id, moment).await?, moment),
        None => {
            let rows = loader::clocks(ctx, case_id).await?;
            (rows, services(ctx).clock.now())
        }
    };
    Ok(rows.into_iter().map(|row| SlaClock::at(row, now)).collect())
}

/// By what compliance is told apart.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "sla_compliance::GroupBy")]
pub enum SlaGroupBy {
    /// By what is measured.
    Metric,
    /// By the policy.
    Policy,
    /// By the unit that owns the case.
    Unit,
    /// By the case's category.
    Category,
    /// By the case's priority.
    Priority,
    /// By the channel by which the case came.
    Channel,
    /// By the day on which the promise fell due (UTC).
    DueDay,
    /// By the month in which the promise fell due (UTC).
    DueMonth,
}

/// Which promises are counted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct SlaComplianceFilterInput {
    /// With these metrics.
    pub metric: Option<Vec<SlaMetric>>,
    /// Of these policies.
    pub policy: Option<CodeFilter>,
    /// About cases of these units.
    pub unit: Option<CodeFilter>,
    /// About cases in these categories.
    pub category: Option<CodeFilter>,
    /// About cases of these priorities.
    pub priority: Option<Vec<Priority>>,
    /// About cases that came by these channels.
    pub channel: Option<Vec<Channel>>,
}

/// One value of a group.
#[derive(SimpleObject, Clone)]
pub struct SlaGroupValue {
    /// By what it is grouped.
    pub by: SlaGroupBy,
    /// The group's value as it is stored; null for cases that have none.
    pub value: Option<String>,
}

/// How the promises of one group stand. Each promise is counted once.
#[derive(SimpleObject, Clone)]
pub struct SlaCompliance {
    /// What the group has in common.
    pub group: Vec<SlaGroupValue>,
    /// All promises of the group.
    pub total: u64,
    /// Kept in time.
    pub met: u64,
    /// Done, but late.
    pub breached: u64,
    /// Not done, and late.
    pub open_overdue: u64,
    /// Not done, and in time so far.
    pub open_in_time: u64,
    /// Not done, and waiting for somebody else.
    pub paused: u64,
    /// Kept promises among those that are decided (met, breached, or open and overdue), between 0 and 1; null where none is.
    pub compliance_ratio: Option<f64>,
}

/// How the promises stand that fall due from `from` to before `to`.
pub async fn compliance(
    ctx: &Context<'_>,
    from: Option<DateTime>,
    to: Option<DateTime>,
    group_by: Vec<SlaGroupBy>,
    filter: SlaComplianceFilterInput,
) -> async_graphql::Result<Vec<SlaCompliance>> {
    if let (Some(from), Some(to)) = (from, to)
        && from.0 >= to.0
    {
        return Err(refused(RequestError::bad_input("to", "must be later than from")));
    }
    let mut distinct = group_by.clone();
    distinct.sort_unstable_by_key(|by| *by as u8);
    distinct.dedup();
    if distinct.len() < group_by.len() {
        return Err(refused(RequestError::bad_input("groupBy", "names something twice")));
    }
    let filter = ComplianceFilter {
        due_at: DateTimeFilter { gte: from, lt: to }.into(),
        metric: filter.metric.map(|all| all.into_iter().map(SlaMetric::stored).collect()),
        policy_id: filter.policy.and_then(CodeFilter::values),
        unit: filter.unit.and_then(CodeFilter::values),
        category: filter.category.and_then(CodeFilter::values),
        priority: filter.priority.map(|all| {
            all.into_iter()
                .map(|priority| parvandeh_domain::case::Priority::from(priority).to_string())
                .collect()
        }),
        channel: filter.channel.map(|all| {
            all.into_iter()
                .map(|channel| parvandeh_domain::case::Channel::from(channel).to_string())
                .collect()
        }),
    };
    let scope = case_scope(ctx);
    let now = services(ctx).clock.now();
    let by: Vec<_> = group_by.iter().map(|by| (*by).into()).collect();
    let rows =
        query(ctx, move |db| sla_compliance::compliance(db, &scope, &filter, &by, now)).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let decided = row.met + row.breached + row.open_overdue;
            SlaCompliance {
                group: group_by
                    .iter()
                    .zip(row.group)
                    .map(|(by, value)| SlaGroupValue { by: *by, value })
                    .collect(),
                total: decided + row.open_in_time + row.paused,
                met: row.met,
                breached: row.breached,
                open_overdue: row.open_overdue,
                open_in_time: row.open_in_time,
                paused: row.paused,
                compliance_ratio: (decided > 0).then(|| row.met as f64 / decided as f64),
            }
        })
        .collect())
}

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
    /// The global id of the case.
    pub case_id: ID,
    #[graphql(skip)]
    case_uuid: Uuid,
}

impl From<BreachRow> for SlaBreach {
    fn from(row: BreachRow) -> Self {
        Self {
            event_id: ID(row.event_id.to_string()),
            clock: row.clock,
            metric: row.metric,
            policy_id: row.policy_id,
            policy_version: row.policy_version,
            rule: row.rule,
            started_at: DateTime(row.started_at),
            due_at: DateTime(row.due_at),
            stopped_at: row.stopped_at.map(DateTime),
            recorded_at: DateTime(row.recorded_at),
            unit: row.unit,
            category: row.category,
            priority: row.priority,
            channel: row.channel,
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
    pub fn into_filter(self) -> Result<BreachFilter, RequestError> {
        let case_id =
            self.case_id.map(|id| global_id::decode("caseId", NodeType::Case, &id)).transpose()?;
        Ok(BreachFilter {
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
    filter: BreachFilter,
}

#[Object]
impl SlaBreachTotal {
    /// How many breaches the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| sla_breaches::breach_count(db, &scope, &filter)).await
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
    let page = query(ctx, move |db| sla_breaches::breaches(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, SlaBreachTotal { filter }, SlaBreach::from))
}
