//! What management looks at when it reviews how complaints are handled (ISO 10002:2018, 9.5): the figures of one period, over the
//! complaints inside a scope.
//!
//! There is no table of its own: the review asks the read models that keep complaints, promises, answers, redress and surveys, so it can
//! never disagree with them. What was received belongs to the period of its opening, with what became of it by now; decisions, appeals,
//! missed promises and redress belong to the period in which they happened.
//!
//! What happened in the period is found along an index of when it happened, and the case of each is looked up. CROSS JOIN holds SQLite to
//! that order. Complaints themselves are found by what was last done to them, so a review of a period long ago also looks at those that were
//! there then and were worked on since.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use parvandeh_domain::case::Outcome;
use parvandeh_domain::money::{Currency, Money, Points};
use parvandeh_domain::redress::RedressValue;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use crate::case_summary::TimeRange;
use crate::column;
use crate::complaints::{ComplaintRow, DecisionRow};
use crate::page::Conditions;
use crate::scope::CaseScope;
use crate::surveys::{self, SatisfactionRow};

/// The most root causes that a review names: the most frequent.
const ROOT_CAUSES_MAX: usize = 100;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReviewPeriod {
    /// The first moment inside.
    pub from: Timestamp,
    /// The first moment outside.
    pub to: Timestamp,
    /// Within what time of its receipt a complaint is to be acknowledged.
    pub acknowledged_within: SignedDuration,
}

impl ReviewPeriod {
    /// The period of the same length just before it; `None` before the beginning of time.
    pub fn before(self) -> Option<Self> {
        let from = self.from.checked_sub(self.to.duration_since(self.from)).ok()?;
        Some(Self { from, to: self.from, ..self })
    }

    fn includes(self, moment: Timestamp) -> bool {
        (self.from..self.to).contains(&moment)
    }

    fn range(self) -> TimeRange {
        TimeRange { gte: Some(self.from), lt: Some(self.to) }
    }
}

/// The figures of one period.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are described in schema/schema.graphql")]
pub struct Review {
    pub received: u64,
    pub acknowledged: u64,
    pub acknowledged_in_time: u64,
    /// Complaints with a decision in the period.
    pub decided: u64,
    /// Decisions in the period, by outcome.
    pub outcomes: Vec<(Outcome, u64)>,
    pub appeals: u64,
    /// Appeals after which it was decided otherwise.
    pub appeals_changed: u64,
    /// Appeals after which it was decided as before.
    pub appeals_confirmed: u64,
    /// Appeals that wait for a decision.
    pub appeals_open: u64,
    /// Appeals that ended without another decision.
    pub appeals_ended: u64,
    /// How many of the complaints received have each cause, the most frequent first.
    pub root_causes: Vec<(String, u64)>,
    pub corrective_actions_open: u64,
    pub corrective_actions_done: u64,
    pub missed_follow_ups: u64,
    pub unanswered: u64,
    pub redress_paid: u64,
    /// One sum a currency.
    pub redress_money: Vec<Money>,
    pub redress_points: Points,
    pub satisfaction: SatisfactionRow,
}

/// The figures of a period, over the complaints inside the scope.
pub fn review(
    db: &Connection,
    scope: &CaseScope,
    period: ReviewPeriod,
) -> rusqlite::Result<Review> {
    let mut review = Review::default();
    complaints(db, scope, period, &mut review)?;
    redress(db, scope, period, &mut review)?;
    review.missed_follow_ups = count(
        db,
        scope,
        "follow_up f CROSS JOIN case_summary c ON c.id = f.case_id",
        "f.missed_at",
        "f.missed_at IS NOT NULL",
        period,
    )?;
    // A merged case is answered where it went on.
    review.unanswered = count(
        db,
        scope,
        "case_answer a CROSS JOIN case_summary c ON c.id = a.case_id",
        "a.asked_at",
        "(a.answered_at IS NULL OR a.answered_at < a.asked_at) AND c.status <> 'merged'",
        period,
    )?;
    review.satisfaction = surveys::satisfaction_of_complaints(db, scope, period.range())?;
    Ok(review)
}

/// Complaints inside the scope on which another condition holds.
fn of_complaints(scope: &CaseScope, condition: &str) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.add("c.kind = 'complaint'", []);
    conditions.add(condition, []);
    scope.restrict(&mut conditions, "c");
    conditions
}

fn count(
    db: &Connection,
    scope: &CaseScope,
    from: &str,
    moment: &str,
    condition: &str,
    period: ReviewPeriod,
) -> rusqlite::Result<u64> {
    let mut conditions = of_complaints(scope, condition);
    period.range().restrict(&mut conditions, moment);
    db.prepare_cached(&format!("SELECT count(*) FROM {from} WHERE {}", conditions.sql()))?
        .query_row(params_from_iter(conditions.values()), |row| row.get(0))
}

/// What the handling of complaints tells. Only those are looked at that were there before the period's end and on which something
/// happened after its beginning.
fn complaints(
    db: &Connection,
    scope: &CaseScope,
    period: ReviewPeriod,
    review: &mut Review,
) -> rusqlite::Result<()> {
    let mut conditions = of_complaints(scope, "TRUE");
    let time = |moment| [Value::Integer(column::microseconds(moment))];
    conditions.add("c.updated_at >= ?", time(period.from));
    conditions.add("c.opened_at < ?", time(period.to));
    let mut statement = db.prepare_cached(&format!(
        "SELECT c.opened_at, c.status IN ('resolved', 'closed', 'merged'), h.handling \
         FROM case_summary c LEFT JOIN complaint h ON h.case_id = c.id WHERE {}",
        conditions.sql()
    ))?;
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    let mut outcomes: BTreeMap<&str, (Outcome, u64)> = BTreeMap::new();
    let mut causes: BTreeMap<String, u64> = BTreeMap::new();
    let mut actions: BTreeSet<Uuid> = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let opened_at = column::time(row, 0)?;
        let ended: bool = row.get(1)?;
        let handling: ComplaintRow = match row.get_ref(2)?.as_str_or_null()? {
            Some(_) => column::json(row, 2)?,
            None => ComplaintRow::default(),
        };
        if period.includes(opened_at) {
            review.received += 1;
            if let Some(at) = handling.acknowledged_at {
                review.acknowledged += 1;
                let waited = at.duration_since(opened_at);
                review.acknowledged_in_time += u64::from(waited <= period.acknowledged_within);
            }
            for cause in &handling.root_causes {
                *causes.entry(cause.clone()).or_default() += 1;
            }
            actions.extend(&handling.corrective_actions);
        }
        let decided = handling.decisions.iter().filter(|it| period.includes(it.decided_at));
        let mut is_decided = false;
        for decision in decided {
            is_decided = true;
            let outcome = outcomes.entry(decision.outcome.as_str());
            outcome.or_insert((decision.outcome, 0)).1 += 1;
        }
        review.decided += u64::from(is_decided);
        appeals(&handling.decisions, ended, period, review);
    }
    review.outcomes = outcomes.into_values().collect();
    review.root_causes = causes.into_iter().collect();
    review.root_causes.sort_by(|(one, few), (other, many)| many.cmp(few).then(one.cmp(other)));
    review.root_causes.truncate(ROOT_CAUSES_MAX);
    corrective_actions(db, scope, &actions, review)
}

/// What became of the appeals of one complaint that were made in the period.
fn appeals(decisions: &[DecisionRow], ended: bool, period: ReviewPeriod, review: &mut Review) {
    for (index, decision) in decisions.iter().enumerate() {
        if !decision.appealed_at.is_some_and(|at| period.includes(at)) {
            continue;
        }
        review.appeals += 1;
        let ending = match decisions.get(index + 1) {
            Some(next) if next.outcome == decision.outcome => &mut review.appeals_confirmed,
            Some(_) => &mut review.appeals_changed,
            None if ended => &mut review.appeals_ended,
            None => &mut review.appeals_open,
        };
        *ending += 1;
    }
}

/// How many of these cases are done, of those inside the scope.
fn corrective_actions(
    db: &Connection,
    scope: &CaseScope,
    actions: &BTreeSet<Uuid>,
    review: &mut Review,
) -> rusqlite::Result<()> {
    let mut conditions = Conditions::default();
    scope.restrict(&mut conditions, "c");
    let mut find = db.prepare_cached(&format!(
        "SELECT c.status IN ('resolved', 'closed', 'merged') FROM case_summary c WHERE {} AND c.id = ?",
        conditions.sql()
    ))?;
    for id in actions {
        let id = Value::Blob(id.as_bytes().to_vec());
        let values = conditions.values().iter().cloned().chain([id]);
        for done in find.query_map(params_from_iter(values), |row| row.get(0))? {
            let counted = if done? {
                &mut review.corrective_actions_done
            } else {
                &mut review.corrective_actions_open
            };
            *counted += 1;
        }
    }
    Ok(())
}

/// What was paid in the period for complaints. Sums that no account could hold stop at the greatest number there is.
fn redress(
    db: &Connection,
    scope: &CaseScope,
    period: ReviewPeriod,
    review: &mut Review,
) -> rusqlite::Result<()> {
    let mut conditions = of_complaints(scope, "r.status = 'paid'");
    period.range().restrict(&mut conditions, "r.updated_at");
    let mut statement = db.prepare_cached(&format!(
        "SELECT r.value FROM redress r CROSS JOIN case_summary c ON c.id = r.case_id WHERE {}",
        conditions.sql()
    ))?;
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    let mut rows = statement.query(params_from_iter(conditions.values()))?;
    while let Some(row) = rows.next()? {
        review.redress_paid += 1;
        match column::json(row, 0)? {
            RedressValue::Money(money) => {
                let sum = sums.entry(money.currency).or_default();
                *sum = sum.saturating_add(money.minor_units);
            }
            RedressValue::Points(Points(points)) => {
                review.redress_points.0 = review.redress_points.0.saturating_add(points);
            }
        }
    }
    let sums = sums.into_iter();
    review.redress_money =
        sums.map(|(currency, minor_units)| Money { minor_units, currency }).collect();
    Ok(())
}
