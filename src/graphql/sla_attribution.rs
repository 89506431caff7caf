//! Attribution: where the time of clocks went, by unit, by person or by the reason of the wait.

use async_graphql::{Context, Enum, SimpleObject};
use parvandeh_projections::sla_attribution::{self, AttributionRow, CASES_MAX};

use super::context::{case_scope, query, refused, services};
use super::scalar::DateTime;
use super::sla_clock::{SlaMeasure, SlaMetric};
use super::sla_compliance::SlaComplianceFilterInput;
use crate::error::{ErrorCode, RequestError};

/// By what time is told apart.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "sla_attribution::AttributeBy")]
pub enum SlaAttributeBy {
    /// Elapsed time, by the unit that owned the case.
    Unit,
    /// Elapsed time, by whom the case was assigned to.
    Assignee,
    /// Paused time, by the reason of the hold.
    HoldReason,
}

/// The time of one group of clocks in the period. Clocks of different metrics and measures are never added up.
#[derive(SimpleObject, Clone)]
pub struct SlaAttribution {
    /// The unit, the person or the reason, as it is stored; null where there was none.
    pub value: Option<String>,
    /// What the clocks measured.
    pub metric: SlaMetric,
    /// How their time is counted.
    pub measure: SlaMeasure,
    /// How many clocks had time here.
    pub clocks: u64,
    /// Their time, as an ISO 8601 duration in the measure.
    pub counted: String,
    /// The same by the wall clock.
    pub wall_clock: String,
}

impl From<AttributionRow> for SlaAttribution {
    fn from(row: AttributionRow) -> Self {
        Self {
            value: row.value,
            metric: row.metric.into(),
            measure: row.measure.into(),
            clocks: row.clocks,
            counted: row.counted.to_string(),
            wall_clock: row.wall_clock.to_string(),
        }
    }
}

/// The time of clocks from `from` to before `to`, as far as it has passed.
pub async fn attribution(
    ctx: &Context<'_>,
    from: DateTime,
    to: DateTime,
    by: SlaAttributeBy,
    filter: SlaComplianceFilterInput,
) -> async_graphql::Result<Vec<SlaAttribution>> {
    if from.0 >= to.0 {
        return Err(refused(RequestError::bad_input("to", "must be later than from")));
    }
    let filter = filter.into_filter();
    let scope = case_scope(ctx);
    let now = services(ctx).clock.now();
    let references = services(ctx).read_models.reference.clone();
    let rows = query(ctx, move |db| {
        let reference = references.get(db)?;
        let period = (from.0, to.0);
        sla_attribution::attribution(db, &scope, &filter, by.into(), period, now, &reference)
    });
    match rows.await? {
        Ok(rows) => Ok(rows.into_iter().map(Into::into).collect()),
        Err(_) => {
            let message = format!(
                "more than {CASES_MAX} cases have clocks in this period; choose a shorter period or a \
                 narrower filter"
            );
            Err(refused(RequestError::new(ErrorCode::ReportTooLarge, message)))
        }
    }
}
