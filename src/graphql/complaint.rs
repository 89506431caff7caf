//! How far a complaint has come in its handling.

use async_graphql::{ComplexObject, Context, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::complaints::{self, ComplaintRow, DecisionRow};
use uuid::Uuid;

use super::as_of;
use super::case::{self, Case};
use super::context::{case_scope, query};
use super::scalar::DateTime;
use super::vocabulary::{Channel, Complexity, Impact, Outcome};

/// How far a complaint has come in its handling. What people wrote in it stands on the case's timeline.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct Complaint {
    /// When the customer was told that it was received.
    pub acknowledged_at: Option<DateTime>,
    /// By which channel they were told.
    pub acknowledged_by: Option<Channel>,
    /// When it was last assessed.
    pub assessed_at: Option<DateTime>,
    /// Whether somebody's safety or health is touched.
    pub safety: Option<bool>,
    /// How hard it is to look into.
    pub complexity: Option<Complexity>,
    /// How many it touches.
    pub impact: Option<Impact>,
    /// How many findings are on record.
    pub finding_count: u32,
    /// The decisions, the first one first. Each after the first is on an appeal, or on a case that was reopened.
    pub decisions: Vec<Decision>,
    /// What brought it about, from the organisation's list.
    pub root_causes: Vec<String>,
    #[graphql(skip)]
    corrective_actions: Vec<Uuid>,
    #[graphql(skip)]
    as_of: Option<Timestamp>,
}

#[ComplexObject]
impl Complaint {
    /// The cases in which the causes are removed and that you may know of.
    async fn corrective_actions(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Case>> {
        let mut found = Vec::new();
        for id in &self.corrective_actions {
            found.extend(case::linked(ctx, Some(*id), self.as_of).await?);
        }
        Ok(found)
    }
}

/// One decision on a complaint, and what the customer said to it.
#[derive(SimpleObject)]
pub struct Decision {
    /// 1 for the first decision, 2 for the one on the first appeal ...
    pub level: u32,
    /// Whether the complaint was right.
    pub outcome: Outcome,
    /// When it was decided.
    pub decided_at: DateTime,
    /// Who decided, as the identity provider names them.
    pub decided_by: String,
    /// Until when the customer may appeal; null when the decision is the last.
    pub appeal_until: Option<DateTime>,
    /// To whom they appeal.
    pub appeal_to: Option<String>,
    /// When the customer accepted it.
    pub accepted_at: Option<DateTime>,
    /// When the customer appealed.
    pub appealed_at: Option<DateTime>,
    /// When the customer was last told what else they can do.
    pub alternatives_offered_at: Option<DateTime>,
}

impl From<DecisionRow> for Decision {
    fn from(row: DecisionRow) -> Self {
        Self {
            level: row.level,
            outcome: row.outcome.into(),
            decided_at: DateTime(row.decided_at),
            decided_by: row.decided_by,
            appeal_until: row.appeal_until.map(DateTime),
            appeal_to: row.appeal_to,
            accepted_at: row.accepted_at.map(DateTime),
            appealed_at: row.appealed_at.map(DateTime),
            alternatives_offered_at: row.alternatives_offered_at.map(DateTime),
        }
    }
}

/// The handling of a case, as it is known now or was known at a moment; `None` when nobody has begun it.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Option<Complaint>> {
    let row = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| complaints::complaint(db, &scope, case_id)).await?
        }
        Some(moment) => ComplaintRow::fold(&as_of::case_events(ctx, case_id, moment).await?),
    };
    Ok(row.map(|row| Complaint {
        acknowledged_at: row.acknowledged_at.map(DateTime),
        acknowledged_by: row.acknowledged_by.map(Into::into),
        assessed_at: row.assessed_at.map(DateTime),
        safety: row.safety,
        complexity: row.complexity.map(Into::into),
        impact: row.impact.map(Into::into),
        finding_count: row.finding_count,
        decisions: row.decisions.into_iter().map(Into::into).collect(),
        root_causes: row.root_causes,
        corrective_actions: row.corrective_actions,
        as_of,
    }))
}
