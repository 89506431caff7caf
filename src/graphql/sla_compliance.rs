//! Compliance: how many promises were kept.

use async_graphql::{Context, Enum, InputObject, SimpleObject};
use parvandeh_projections::sla_compliance::{self, ComplianceFilter};

use super::case::{CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused, services};
use super::scalar::DateTime;
use super::sla_clock::SlaMetric;
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
