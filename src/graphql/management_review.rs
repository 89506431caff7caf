//! The pack for management's review of how complaints are handled.
//!
//! It looks at every complaint of a period, so it is bounded in three ways: the period, one review at a time, and a reader of its own, so
//! that whoever asks for figures never holds up those who work on cases.

use async_graphql::{Context, SimpleObject};
use jiff::SignedDuration;
use parvandeh_projections::management_review::{self, Review, ReviewPeriod};

use super::context::{case_scope, failure, refused, services};
use super::money::Money;
use super::scalar::DateTime;
use super::survey::Satisfaction;
use super::vocabulary::Outcome;
use crate::error::RequestError;
use crate::subscription::read_models::OwnReader;

/// The longest time for an acknowledgement: a year, in minutes.
const MINUTES_MAX: i32 = 366 * 24 * 60;
/// The longest period: two years with a leap day, and a day for what clocks are moved.
const PERIOD_MAX: SignedDuration = SignedDuration::from_hours(732 * 24);

/// How complaints were handled in a period, beside the period before.
#[derive(SimpleObject)]
pub struct ManagementReview {
    /// The period.
    pub period: ComplaintFigures,
    /// The period of the same length just before it.
    pub before: Option<ComplaintFigures>,
}

/// How the complaints that you may know of were handled in one period. What was received counts in the period of its opening, with what
/// became of it by now; decisions, appeals, missed promises and redress count in the period in which they happened.
#[derive(SimpleObject)]
pub struct ComplaintFigures {
    /// The first moment inside the period.
    pub from: DateTime,
    /// The first moment after it.
    pub to: DateTime,
    /// How many complaints were received.
    pub received: u64,
    /// How many of them were acknowledged.
    pub acknowledged: u64,
    /// How many of them were acknowledged in time.
    pub acknowledged_in_time: u64,
    /// On how many complaints a decision was taken.
    pub decided: u64,
    /// How many decisions had each outcome.
    pub outcomes: Vec<OutcomeCount>,
    /// How many decisions were appealed.
    pub appeals: u64,
    /// After how many appeals it was decided otherwise.
    pub appeals_changed: u64,
    /// After how many appeals it was decided as before.
    pub appeals_confirmed: u64,
    /// How many appeals wait for a decision.
    pub appeals_open: u64,
    /// How many appeals ended without another decision.
    pub appeals_ended: u64,
    /// How many of the complaints received have each cause; the hundred most frequent, these first.
    pub root_causes: Vec<RootCauseCount>,
    /// How many corrective actions of the complaints received are under way.
    pub corrective_actions_open: u64,
    /// How many corrective actions of the complaints received are done.
    pub corrective_actions_done: u64,
    /// How many promises to customers were missed.
    pub missed_follow_ups: u64,
    /// How many customers whose last word came in the period have no answer from a person.
    pub unanswered: u64,
    /// How much redress was paid.
    pub redress_paid: u64,
    /// The credit that was paid, a sum for each currency.
    pub redress_money: Vec<Money>,
    /// The points that were given.
    pub redress_points: i64,
    /// How content the customers are who were asked in the period.
    pub satisfaction: Satisfaction,
}

/// How many decisions had an outcome.
#[derive(SimpleObject)]
pub struct OutcomeCount {
    /// The outcome.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
}

/// How many complaints have a cause.
#[derive(SimpleObject)]
pub struct RootCauseCount {
    /// The cause, from the organisation's list.
    pub cause: String,
    /// How many.
    pub count: u64,
}

impl ComplaintFigures {
    fn of(period: ReviewPeriod, review: Review) -> Self {
        let outcomes = review.outcomes.into_iter();
        let causes = review.root_causes.into_iter();
        Self {
            from: DateTime(period.from),
            to: DateTime(period.to),
            received: review.received,
            acknowledged: review.acknowledged,
            acknowledged_in_time: review.acknowledged_in_time,
            decided: review.decided,
            outcomes: outcomes
                .map(|(outcome, count)| OutcomeCount { outcome: outcome.into(), count })
                .collect(),
            appeals: review.appeals,
            appeals_changed: review.appeals_changed,
            appeals_confirmed: review.appeals_confirmed,
            appeals_open: review.appeals_open,
            appeals_ended: review.appeals_ended,
            root_causes: causes.map(|(cause, count)| RootCauseCount { cause, count }).collect(),
            corrective_actions_open: review.corrective_actions_open,
            corrective_actions_done: review.corrective_actions_done,
            missed_follow_ups: review.missed_follow_ups,
            unanswered: review.unanswered,
            redress_paid: review.redress_paid,
            redress_money: review.redress_money.into_iter().map(Into::into).collect(),
            redress_points: review.redress_points.0,
            satisfaction: review.satisfaction.into(),
        }
    }
}

/// How complaints were handled from `from` to before `to`, beside the period before.
pub async fn management_review(
    ctx: &Context<'_>,
    from: DateTime,
    to: DateTime,
    acknowledged_within_minutes: i32,
) -> async_graphql::Result<ManagementReview> {
    if from.0 >= to.0 {
        return Err(refused(RequestError::bad_input("to", "must be later than from")));
    }
    if to.0.duration_since(from.0) > PERIOD_MAX {
        return Err(refused(RequestError::bad_input("to", "must be at most two years after from")));
    }
    if !(1..=MINUTES_MAX).contains(&acknowledged_within_minutes) {
        let problem = format!("must be from 1 to {MINUTES_MAX}");
        return Err(refused(RequestError::bad_input("acknowledgedWithinMinutes", &problem)));
    }
    let acknowledged_within = SignedDuration::from_mins(acknowledged_within_minutes.into());
    let period = ReviewPeriod { from: from.0, to: to.0, acknowledged_within };
    let scope = case_scope(ctx);
    let services = services(ctx);
    let permit = services.reviews.clone().acquire_owned().await;
    let permit = permit.map_err(|error| failure(&error))?;
    let mut reader = OwnReader::new(services.read_models.clone());
    let reviewed = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also where nobody waits for it any more.
        let _permit = permit;
        // Both periods are of one state of the read models.
        reader.query(|db| {
            let now = management_review::review(db, &scope, period)?;
            let before = match period.before() {
                Some(before) => Some((before, management_review::review(db, &scope, before)?)),
                None => None,
            };
            Ok((now, before))
        })
    });
    let reviewed = reviewed.await.map_err(|error| failure(&error))?;
    let (now, before) = reviewed.map_err(|error| failure(&error))?;
    Ok(ManagementReview {
        period: ComplaintFigures::of(period, now),
        before: before.map(|(period, review)| ComplaintFigures::of(period, review)),
    })
}
