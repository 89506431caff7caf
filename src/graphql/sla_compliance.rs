//! Compliance: how many promises were kept.

use async_graphql::{Context, Enum, InputObject, SimpleObject};
use parvandeh_projections::clock_filter::ClockFilter;
use parvandeh_projections::sla_compliance::{self, ComplianceFilter, ElapsedPercentiles};

use super::case::{CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused, services};
use super::scalar::DateTime;
use super::sla_clock::{SlaMeasure, SlaMetric};
use super::vocabulary::{Channel, Priority};
use crate::error::RequestError;

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
    /// By the customer's tier.
    Tier,
    /// By the agreement.
    Agreement,
    /// By the rule's name; names are unique within a policy.
    Rule,
    /// By the day on which the promise fell due (UTC).
    DueDay,
    /// By the month in which the promise fell due (UTC).
    DueMonth,
}

/// Which clocks are looked at. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct SlaComplianceFilterInput {
    /// Of these agreements.
    pub agreement: Option<CodeFilter>,
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
    /// About cases of customers of these tiers.
    pub tier: Option<CodeFilter>,
}

impl SlaComplianceFilterInput {
    /// The filter as the read models understand it.
    pub(super) fn into_filter(self) -> ClockFilter {
        fn stored<A, B: From<A> + ToString>(all: Option<Vec<A>>) -> Option<Vec<String>> {
            all.map(|all| all.into_iter().map(|value| B::from(value).to_string()).collect())
        }
        ClockFilter {
            agreement: self.agreement.and_then(CodeFilter::values),
            metric: stored::<_, parvandeh_domain::sla::Metric>(self.metric),
            policy_id: self.policy.and_then(CodeFilter::values),
            unit: self.unit.and_then(CodeFilter::values),
            category: self.category.and_then(CodeFilter::values),
            priority: stored::<_, parvandeh_domain::case::Priority>(self.priority),
            channel: stored::<_, parvandeh_domain::case::Channel>(self.channel),
            tier: self.tier.and_then(CodeFilter::values),
        }
    }
}

/// One value of a group.
#[derive(SimpleObject, Clone)]
pub struct SlaGroupValue {
    /// By what it is grouped.
    pub by: SlaGroupBy,
    /// The group's value as it is stored; null for cases that have none.
    pub value: Option<String>,
}

/// How long stopped clocks took: of so many hundredths of them at most so long, as ISO 8601 durations in their measure. Each is the time
/// of one of the clocks (nearest rank).
#[derive(SimpleObject, Clone)]
pub struct SlaElapsedPercentiles {
    /// What their time is counted in.
    pub measure: SlaMeasure,
    /// Half of them.
    pub p50: String,
    /// Nine in ten.
    pub p90: String,
    /// Nineteen in twenty.
    pub p95: String,
    /// Ninety-nine in a hundred.
    pub p99: String,
}

impl From<ElapsedPercentiles> for SlaElapsedPercentiles {
    fn from(elapsed: ElapsedPercentiles) -> Self {
        Self {
            measure: elapsed.measure.into(),
            p50: elapsed.p50.to_string(),
            p90: elapsed.p90.to_string(),
            p95: elapsed.p95.to_string(),
            p99: elapsed.p99.to_string(),
        }
    }
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
    /// Late, and that was waived.
    pub waived: u64,
    /// Not done, and late.
    pub open_overdue: u64,
    /// Not done, and in time so far.
    pub open_in_time: u64,
    /// Not done, and waiting for somebody else.
    pub paused: u64,
    /// Done by clocks that only measure: nothing was promised, so they are not among the promises.
    pub measured: u64,
    /// How long those took that are done; null where none is, and where the group has clocks that are counted differently.
    pub elapsed: Option<SlaElapsedPercentiles>,
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
        clocks: filter.into_filter(),
    };
    let with_elapsed = ctx.look_ahead().field("elapsed").exists();
    let scope = case_scope(ctx);
    let now = services(ctx).clock.now();
    let by: Vec<_> = group_by.iter().map(|by| (*by).into()).collect();
    let rows = query(ctx, move |db| {
        sla_compliance::compliance(db, &scope, &filter, &by, with_elapsed, now)
    })
    .await?;
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
                total: decided + row.waived + row.open_in_time + row.paused,
                met: row.met,
                breached: row.breached,
                waived: row.waived,
                open_overdue: row.open_overdue,
                open_in_time: row.open_in_time,
                paused: row.paused,
                measured: row.measured,
                elapsed: row.elapsed.map(Into::into),
                compliance_ratio: (decided > 0).then(|| row.met as f64 / decided as f64),
            }
        })
        .collect())
}
