//! How content customers are with the handling of their cases: the question, the answer, the report.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::case::CaseCommand;
use parvandeh_domain::case::command::{self as domain, SurveyCommand};
use parvandeh_domain::pii::Pii;
use parvandeh_projections::surveys::{self, SatisfactionBy as By, SatisfactionRow, SurveyRow};
use uuid::Uuid;

use super::as_of;
use super::case::{Case, DateTimeFilter};
use super::case_mutations::{case_input, change};
use super::context::{case_scope, query, refused};
use super::payload::{Common, payload};
use super::scalar::DateTime;
use super::vocabulary::Channel;
use crate::error::RequestError;

/// The survey after the end of a case. What the customer said in words stands on the case's timeline.
#[derive(SimpleObject)]
pub struct Survey {
    /// When the customer was asked.
    pub asked_at: Option<DateTime>,
    /// When they answered.
    pub answered_at: Option<DateTime>,
    /// How content they are: from 1, not at all, to 5, wholly.
    pub score: Option<u8>,
}

/// The survey of a case, as it is known now or was known at a moment; `None` when nobody asked.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Option<Survey>> {
    let row = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| surveys::survey(db, &scope, case_id)).await?
        }
        Some(moment) => SurveyRow::fold(&as_of::case_events(ctx, case_id, moment).await?),
    };
    Ok(row.map(|row| Survey {
        asked_at: row.asked_at.map(DateTime),
        answered_at: row.answered_at.map(DateTime),
        score: row.score,
    }))
}

/// By what satisfaction is told apart.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "By")]
pub enum SatisfactionBy {
    /// By the unit that owns the case now.
    Unit,
    /// By the case's category as it is now.
    Category,
    /// By the channel by which the case came.
    Channel,
    /// By the tier that the customer has now.
    Tier,
}

/// How content the customers of one group are.
#[derive(SimpleObject)]
pub struct Satisfaction {
    /// The group's value as it is stored; null for cases that have none.
    pub group: Option<String>,
    /// How many were asked.
    pub asked: u64,
    /// How many of them answered.
    pub answered: u64,
    /// Those who answered among those who were asked, between 0 and 1; null where nobody was asked.
    pub response_rate: Option<f64>,
    /// The mean mark, from 1 to 5; null where nobody answered.
    pub mean: Option<f64>,
    /// How many gave the marks 1, 2, 3, 4 and 5.
    pub scores: Vec<u64>,
}

impl From<SatisfactionRow> for Satisfaction {
    fn from(row: SatisfactionRow) -> Self {
        let answered = row.answered();
        Self {
            asked: row.asked,
            answered,
            response_rate: (row.asked > 0).then(|| answered as f64 / row.asked as f64),
            mean: row.mean(),
            scores: row.scores.to_vec(),
            group: row.group,
        }
    }
}

/// How content the customers are who were asked from `from` to before `to`.
pub async fn satisfaction(
    ctx: &Context<'_>,
    by: SatisfactionBy,
    from: Option<DateTime>,
    to: Option<DateTime>,
) -> async_graphql::Result<Vec<Satisfaction>> {
    if let (Some(from), Some(to)) = (from, to)
        && from.0 >= to.0
    {
        return Err(refused(RequestError::bad_input("to", "must be later than from")));
    }
    let (scope, by) = (case_scope(ctx), by.into());
    let asked_at = DateTimeFilter { gte: from, lt: to }.into();
    let rows = query(ctx, move |db| surveys::satisfaction(db, &scope, by, asked_at)).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

case_input!(
    /// A closed case whose customer is asked how content they are.
    AskSurveyInput {}
);

case_input!(
    /// What the customer said when they were asked how content they are.
    AnswerSurveyInput {
        /// From 1, not at all, to 5, wholly.
        score: u8,
        /// What they said beside it.
        comment: Option<String>,
        /// The channel by which they answered.
        channel: Channel,
    }
);

payload!(AskSurveyPayload, case: Case);
payload!(AnswerSurveyPayload, case: Case);

/// Mutations on surveys.
#[derive(Default)]
pub struct SurveyMutation;

#[Object]
impl SurveyMutation {
    /// Asks the customer of a closed case how content they are with its handling. They are asked once.
    async fn ask_survey(
        &self,
        ctx: &Context<'_>,
        input: AskSurveyInput,
    ) -> async_graphql::Result<AskSurveyPayload> {
        let common = input.common();
        let command = || Ok(CaseCommand::Survey(SurveyCommand::Ask));
        AskSurveyPayload::answer(change(ctx, &input.case_id, common, command).await)
    }

    /// Says how content the customer is. They answer once.
    async fn answer_survey(
        &self,
        ctx: &Context<'_>,
        input: AnswerSurveyInput,
    ) -> async_graphql::Result<AnswerSurveyPayload> {
        let common = input.common();
        let command = || {
            Ok(CaseCommand::Survey(SurveyCommand::Answer(domain::AnswerSurvey {
                score: input.score,
                comment: input.comment.map(Pii::new),
                channel: input.channel.into(),
            })))
        };
        AnswerSurveyPayload::answer(change(ctx, &input.case_id, common, command).await)
    }
}
