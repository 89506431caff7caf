//! The way of a case as its customer sees it: what is done, what is next, and until when it is promised.
//!
//! A complaint goes from its receipt over acknowledgement, assessment, decision and answer to its closing (ISO 10002, 8); other matters are
//! received, answered and closed. What was passed over on the way, because the case went on without it, is no step of this case.

use async_graphql::{ComplexObject, Context, Enum, SimpleObject};
use jiff::Timestamp;
use parvandeh_projections::case_answers::{self, AnswerRow};
use uuid::Uuid;

use super::as_of;
use super::calendar_date::{self, CalendarDate};
use super::context::{case_scope, language, query};
use super::follow_up::{self, FollowUp, FollowUpState};
use super::sla_clock::{self, SlaClock, SlaClockState, SlaMetric};
use super::vocabulary::{CaseKind, Status};
use super::{case::Case, complaint};
use crate::words::panel;

/// A step of a case.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "panel::StepName")]
pub enum CaseStepName {
    /// It was received.
    Received,
    /// The customer was told so.
    Acknowledged,
    /// It was weighed.
    Assessed,
    /// It was decided, and the customer was told with reasons.
    Decided,
    /// It was answered.
    Answered,
    /// It was finished.
    Closed,
}

/// How far a step is.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq)]
#[graphql(remote = "panel::StepState")]
pub enum CaseStepState {
    /// It is done.
    Done,
    /// It is being done, or comes next.
    Current,
    /// It comes later.
    Ahead,
}

/// A step of a case as its customer sees it.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct CaseStep {
    /// Which one.
    pub step: CaseStepName,
    /// How far it is.
    pub state: CaseStepState,
    #[graphql(skip)]
    place: Place,
}

#[ComplexObject]
impl CaseStep {
    /// When it was done; null while it is not.
    async fn at(&self, ctx: &Context<'_>) -> Option<CalendarDate> {
        self.place.at.map(|at| calendar_date::of(ctx, at))
    }

    /// Until when it is promised, where something is; null once it is done.
    async fn promised_until(&self, ctx: &Context<'_>) -> Option<CalendarDate> {
        self.place.promised_until.map(|until| calendar_date::of(ctx, until))
    }

    /// It in words, in the language that `Accept-Language` asks for.
    async fn text(&self, ctx: &Context<'_>) -> String {
        let day = self.place.at.or(self.place.promised_until);
        let day = day.map(|moment| calendar_date::day(ctx, moment));
        panel::step(self.place.name, self.place.state, day, language(ctx))
    }
}

/// What is known of a case that its steps follow from.
#[derive(Clone, Debug, Default)]
struct Course {
    is_complaint: bool,
    /// It went on in another case.
    is_merged: bool,
    /// It was resolved, answered or not: what was not done before is passed over.
    is_resolved: bool,
    received_at: Timestamp,
    acknowledged_at: Option<Timestamp>,
    assessed_at: Option<Timestamp>,
    decided_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    acknowledgement_due_at: Option<Timestamp>,
    answer_due_at: Option<Timestamp>,
    /// Until when something else is promised to the customer.
    follow_up_due_at: Option<Timestamp>,
}

/// A step in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    name: panel::StepName,
    state: panel::StepState,
    at: Option<Timestamp>,
    promised_until: Option<Timestamp>,
}

impl Course {
    fn steps(&self) -> Vec<Place> {
        use panel::StepName::{Acknowledged, Answered, Assessed, Closed, Decided, Received};
        let handling = [
            (Acknowledged, self.acknowledged_at, self.acknowledgement_due_at),
            (Assessed, self.assessed_at, None),
            (Decided, self.decided_at, self.answer_due_at),
        ];
        let is_ahead = self.is_complaint && !self.is_resolved;
        let all = [(Received, Some(self.received_at), None)]
            .into_iter()
            .chain(handling.into_iter().filter(|(_, at, _)| is_ahead || at.is_some()))
            .chain([
                (Answered, self.answered_at, self.answer_due_at),
                (Closed, self.closed_at, None),
            ]);
        let all: Vec<_> = all.collect();
        let last_done = all.iter().rposition(|(_, at, _)| at.is_some()).unwrap_or(0);
        let mut next = if self.is_merged { None } else { Some(panel::StepState::Current) };
        let mut steps = Vec::with_capacity(all.len());
        for (index, (name, at, due_at)) in all.into_iter().enumerate() {
            if at.is_some() {
                let state = panel::StepState::Done;
                steps.push(Place { name, state, at, promised_until: None });
            } else if index > last_done
                && let Some(state) = next
            {
                let is_current = state == panel::StepState::Current;
                let promised_until = due_at.or(self.follow_up_due_at.filter(|_| is_current));
                steps.push(Place { name, state, at, promised_until });
                next = Some(panel::StepState::Ahead);
            }
        }
        steps
    }
}

/// The steps of a case, as they are known now or were known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case: &Case,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<CaseStep>> {
    let handling = complaint::of_case(ctx, case_id, as_of).await?;
    let clocks = sla_clock::clocks_of_case(ctx, case_id, as_of).await?;
    let follow_ups = follow_up::of_case(ctx, case_id, as_of).await?;
    let answer = match as_of {
        None => {
            let scope = case_scope(ctx);
            query(ctx, move |db| case_answers::of_case(db, &scope, case_id)).await?
        }
        Some(moment) => AnswerRow::fold(&as_of::case_events(ctx, case_id, moment).await?),
    };
    // What they say once it is closed, such as thanks, takes nothing back.
    let answered_at = if case.closed_at.is_some() { answer.answered_at } else { answer.answer() };
    let handling = handling.as_ref();
    // A decision that was appealed is to be made again.
    let decision = handling.and_then(|handling| handling.decisions.last());
    let decision = decision.filter(|decision| decision.appealed_at.is_none());
    let course = Course {
        is_complaint: case.kind == CaseKind::Complaint,
        is_merged: case.status == Status::Merged,
        is_resolved: case.resolved_at.is_some(),
        received_at: case.opened_at.0,
        acknowledged_at: handling.and_then(|handling| handling.acknowledged_at).map(|at| at.0),
        assessed_at: handling.and_then(|handling| handling.assessed_at).map(|at| at.0),
        decided_at: decision.map(|decision| decision.decided_at.0),
        // While it is worked on, what is said is on the way to the answer.
        answered_at: answered_at.filter(|_| case.resolved_at.is_some()),
        closed_at: case.closed_at.map(|at| at.0),
        acknowledgement_due_at: due(&clocks, &[SlaMetric::FirstResponse]),
        answer_due_at: case
            .due_at
            .map(|at| at.0)
            .or_else(|| due(&clocks, &[SlaMetric::Resolution, SlaMetric::DueDate])),
        follow_up_due_at: next_promise(&follow_ups),
    };
    let step =
        |place: Place| CaseStep { step: place.name.into(), state: place.state.into(), place };
    Ok(course.steps().into_iter().map(step).collect())
}

/// The earliest due moment of the open clocks of the customer's agreement that measure one of these.
fn due(clocks: &[SlaClock], metrics: &[SlaMetric]) -> Option<Timestamp> {
    let is_open = |clock: &&SlaClock| {
        let is_void = matches!(clock.state, SlaClockState::Cancelled | SlaClockState::Merged);
        clock.stopped_at.is_none() && !is_void
    };
    let own = clocks.iter().filter(|clock| clock.agreement == "sla").filter(is_open);
    let of_these = own.filter(|clock| metrics.contains(&clock.metric));
    of_these.filter_map(|clock| clock.due_at).map(|due_at| due_at.0).min()
}

/// The earliest promise that is still to be kept. What was missed is told only while nothing else is promised: the customer waits for it
/// still, and would else be shown a day of the past for ever.
fn next_promise(follow_ups: &[FollowUp]) -> Option<Timestamp> {
    let unkept = follow_ups.iter().filter(|follow_up| follow_up.kept_at.is_none());
    let next = unkept.min_by_key(|it| (it.state == FollowUpState::Missed, it.due_at.0));
    next.map(|follow_up| follow_up.due_at.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use panel::StepName::{Acknowledged, Answered, Assessed, Closed, Decided, Received};
    use panel::StepState::{Ahead, Current, Done};

    fn at(day: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(day * 86_400).unwrap())
    }

    fn told(course: &Course) -> Vec<(panel::StepName, panel::StepState)> {
        course.steps().into_iter().map(|place| (place.name, place.state)).collect()
    }

    #[test]
    fn a_complaint_goes_step_by_step_and_says_until_when_the_next_is_promised() {
        let mut course = Course {
            is_complaint: true,
            acknowledgement_due_at: at(1),
            answer_due_at: at(9),
            follow_up_due_at: at(4),
            ..Course::default()
        };
        let steps = course.steps();
        let promised: Vec<_> = steps.iter().map(|place| place.promised_until).collect();
        assert_eq!(promised, [None, at(1), None, at(9), at(9), None]);
        course.acknowledged_at = at(1);
        let expected = [
            (Received, Done),
            (Acknowledged, Done),
            (Assessed, Current),
            (Decided, Ahead),
            (Answered, Ahead),
            (Closed, Ahead),
        ];
        assert_eq!(told(&course), expected);
        // Nothing is promised for the assessment itself, so the next promise of all stands there.
        assert_eq!(course.steps()[2].promised_until, at(4));
    }

    #[test]
    fn what_was_passed_over_is_no_step_and_what_ended_has_none_ahead() {
        let resolved = Course { is_complaint: true, answered_at: at(2), ..Course::default() };
        assert_eq!(told(&resolved), [(Received, Done), (Answered, Done), (Closed, Current)]);
        let silent = Course { is_resolved: true, answered_at: None, ..resolved.clone() };
        assert_eq!(told(&silent), [(Received, Done), (Answered, Current), (Closed, Ahead)]);
        let closed = Course { closed_at: at(3), ..resolved.clone() };
        assert_eq!(told(&closed), [(Received, Done), (Answered, Done), (Closed, Done)]);
        let merged = Course { is_merged: true, ..Course::default() };
        assert_eq!(told(&merged), [(Received, Done)]);
        let question = Course::default();
        assert_eq!(told(&question), [(Received, Done), (Answered, Current), (Closed, Ahead)]);
        // Another matter that was handled like a complaint shows what was done.
        let handled = Course { acknowledged_at: at(1), ..Course::default() };
        assert_eq!(told(&handled)[1], (Acknowledged, Done));
    }
}
