//! The clocks at risk: open ones whose due moment is to come, the nearest first.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::sla_at_risk;
use uuid::Uuid;

use super::case::{self, Case};
use super::context::{case_scope, query, refused, services};
use super::cursor::{self, ListKey};
use super::global_id::{self, NodeType};
use super::paging::PageArguments;
use super::sla_clock::SlaClock;
use super::sla_compliance::SlaComplianceFilterInput;
use crate::error::RequestError;

/// An open clock whose due moment is to come.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct SlaAtRisk {
    /// The clock, with its due moment, what is left and how much of its target is used.
    pub clock: SlaClock,
    /// The unit that owns the case.
    pub unit: Option<String>,
    /// The case's category.
    pub category: Option<String>,
    /// The case's priority.
    pub priority: String,
    /// The channel by which the case came.
    pub channel: String,
    /// The customer's tier.
    pub tier: Option<String>,
    /// The global id of the case.
    pub case_id: ID,
    #[graphql(skip)]
    case_uuid: Uuid,
}

#[ComplexObject]
impl SlaAtRisk {
    /// The case.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        case::find(ctx, self.case_uuid).await
    }
}

/// Some clocks at risk.
#[derive(SimpleObject)]
pub struct SlaAtRiskPage {
    /// The clocks, the nearest to its due moment first.
    pub nodes: Vec<SlaAtRisk>,
    /// Give it as `after` to go on behind this page; null when nothing was looked at.
    pub end_cursor: Option<String>,
    /// Whether more may follow. With `minPercent` a page may be shorter than asked for, or empty, although more follow: one page looks at
    /// the next 1,000 clocks at most.
    pub has_next_page: bool,
}

/// A page of the clocks at risk.
pub async fn at_risk(
    ctx: &Context<'_>,
    first: Option<i32>,
    after: Option<String>,
    min_percent: Option<i32>,
    filter: SlaComplianceFilterInput,
) -> async_graphql::Result<SlaAtRiskPage> {
    let percent_min = min_percent.map(|percent| {
        let bad = || RequestError::bad_input("minPercent", "must be between 0 and 100");
        u32::try_from(percent).ok().filter(|percent| *percent <= 100).ok_or_else(bad)
    });
    let percent_min = percent_min.transpose().map_err(refused)?;
    let filter = filter.into_filter();
    let list = ListKey::of("slaAtRisk", (&filter, percent_min));
    let page = PageArguments { first, after, ..PageArguments::default() };
    let request = page.request(list).map_err(refused)?;
    let scope = case_scope(ctx);
    let now = services(ctx).clock.now();
    let references = services(ctx).read_models.reference.clone();
    query(ctx, move |db| {
        let reference = references.get(db)?;
        let (after, size) = (request.after, request.size);
        let page =
            sla_at_risk::at_risk(db, &scope, &filter, percent_min, now, after, size, &reference)?;
        let node = |row: ClockRow| SlaAtRisk {
            unit: row.unit.clone(),
            category: row.category.clone(),
            priority: row.priority.to_string(),
            channel: row.channel.to_string(),
            tier: row.tier.clone(),
            case_id: global_id::encode(NodeType::Case, row.case_id),
            case_uuid: row.case_id,
            clock: SlaClock::at(row, now, &reference),
        };
        Ok(SlaAtRiskPage {
            nodes: page.rows.into_iter().map(|(_, row)| node(row)).collect(),
            end_cursor: page.end.map(|anchor| cursor::encode(list, anchor)),
            has_next_page: page.has_more,
        })
    })
    .await
}
