//! What-if through the API: one subscription, `simulateSla`, and no query beside it.
//!
//! A replay of all histories takes as long as there are cases. A subscription tells how far it has come and ends with its subscriber;
//! over server-sent events any HTTP client can use it with one POST. A query could do neither: it would need a bound on cases, a code for
//! those who exceed it, and a second way through this file, to answer what the subscription answers as quickly for a small portfolio.
//!
//! The work is a task of its own, so that a subscriber who reads slowly holds up neither it nor the next one who asks: progress that was
//! not read is overtaken by later progress.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Json, SimpleObject};
use async_stream::try_stream;
use futures_util::Stream;
use jiff::Timestamp;
use parvandeh_domain::sla::{
    ChangedClock, ClockState, Comparison, Drafts, Facet, InvalidDrafts, Simulation, Verdicts,
};
use parvandeh_projections::case_summary::TimeRange;
use parvandeh_projections::sla_clocks::CaseRange;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::context::{Services, case_scope, failure, refused};
use super::global_id::{self, NodeType};
use super::scalar::DateTime;
use super::sla_clock::SlaClockState;
use crate::error::{ErrorCode, RequestError};
use crate::subscription::read_models::OwnReader;
use crate::what_if::{Beside, Progress, Question, WhatIfError};

/// By what a simulation is told apart.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "Facet")]
pub enum SlaSimulationBy {
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
    /// By what is measured.
    Metric,
    /// By the policy and the rule that govern the clock: `standard: urgent`.
    Rule,
}

/// The groups of those who ask for none in particular.
pub fn default_groups() -> Vec<SlaSimulationBy> {
    vec![SlaSimulationBy::Unit, SlaSimulationBy::Category]
}

/// The arguments that name the drafts.
pub struct DraftArguments {
    /// The policy in whose place the draft stands.
    pub policy_id: Option<String>,
    /// The draft policy.
    pub policy: Option<Json<Value>>,
    /// The calendar in whose place the draft stands.
    pub calendar_id: Option<String>,
    /// The draft calendar.
    pub calendar: Option<Json<Value>>,
}

/// How far a simulation has come, and at last its report.
#[derive(SimpleObject)]
pub struct SlaSimulationUpdate {
    /// Cases replayed so far.
    pub cases_done: u64,
    /// Cases that there were when it began.
    pub cases_total: u64,
    /// The report; null until the last update.
    pub report: Option<SlaSimulation>,
}

/// What drafts would change.
#[derive(SimpleObject)]
pub struct SlaSimulation {
    /// The moment at which the clocks were judged.
    pub now: DateTime,
    /// How many cases were replayed.
    pub cases: u64,
    /// How many of them have a clock that changes.
    pub cases_changed: u64,
    /// How many clocks have another verdict, or are on one side only.
    pub clocks_changed: u64,
    /// All clocks as they are.
    pub before: SlaVerdicts,
    /// All clocks under the drafts.
    pub after: SlaVerdicts,
    /// What becomes of the clocks that change.
    pub changes: Vec<SlaVerdictChange>,
    /// The clocks by what was asked for.
    pub groups: Vec<SlaSimulationGroup>,
    /// How many times a clock was in no group because there were more than 10,000 by one attribute.
    pub ungrouped: u64,
    /// Clocks that change, at most 100.
    pub examples: Vec<SlaSimulationExample>,
}

/// How clocks stand.
#[derive(SimpleObject)]
pub struct SlaVerdicts {
    /// All of them.
    pub clocks: u64,
    /// To begin in the future.
    pub scheduled: u64,
    /// Running, and not due yet.
    pub running: u64,
    /// Waiting for a pause to end.
    pub paused: u64,
    /// Stopped in time.
    pub met: u64,
    /// Late, whether they stopped or not.
    pub breached: u64,
    /// Late, and waived.
    pub waived: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Given up with their case, which was merged into another.
    pub merged: u64,
    /// Stopped, without a promise.
    pub measured: u64,
    /// Those met among those met or breached, between 0 and 1; null where there are none.
    pub compliance_ratio: Option<f64>,
    /// How late the breached ones are together, by the wall clock, as an ISO 8601 duration.
    pub late: String,
    /// The open hours in the same stretches, as an ISO 8601 duration. Clocks that count in no calendar add nothing.
    pub late_working: String,
}

impl From<&Verdicts> for SlaVerdicts {
    fn from(verdicts: &Verdicts) -> Self {
        Self {
            clocks: verdicts.clocks(),
            scheduled: verdicts.count(ClockState::Scheduled),
            running: verdicts.count(ClockState::Running),
            paused: verdicts.count(ClockState::Paused),
            met: verdicts.count(ClockState::Met),
            breached: verdicts.count(ClockState::Breached),
            waived: verdicts.count(ClockState::Waived),
            cancelled: verdicts.count(ClockState::Cancelled),
            merged: verdicts.count(ClockState::Merged),
            measured: verdicts.count(ClockState::Measured),
            compliance_ratio: verdicts.compliance(),
            late: verdicts.late.to_string(),
            late_working: verdicts.late_working.to_string(),
        }
    }
}

/// What becomes of some clocks.
#[derive(SimpleObject)]
pub struct SlaVerdictChange {
    /// Their verdict as it is; null where there is no such clock.
    pub from: Option<SlaClockState>,
    /// Their verdict under the drafts; null where there is no such clock.
    pub to: Option<SlaClockState>,
    /// How many.
    pub clocks: u64,
}

/// The clocks with one value of an attribute.
#[derive(SimpleObject)]
pub struct SlaSimulationGroup {
    /// The attribute.
    pub by: SlaSimulationBy,
    /// The value as it is stored; null for cases that have none.
    pub value: Option<String>,
    /// As they are.
    pub before: SlaVerdicts,
    /// Under the drafts.
    pub after: SlaVerdicts,
    /// How many have another verdict, or are on one side only.
    pub changed: u64,
}

impl SlaSimulationGroup {
    fn new(facet: Facet, (value, group): (Option<&str>, &Comparison)) -> Self {
        Self {
            by: facet.into(),
            value: value.map(str::to_owned),
            before: (&group.before).into(),
            after: (&group.after).into(),
            changed: group.changed,
        }
    }
}

/// A clock that changes.
#[derive(SimpleObject)]
pub struct SlaSimulationExample {
    /// The global id of its case.
    pub case_id: ID,
    /// Which clock of the case: `resolution-1`.
    pub clock: String,
    /// Its verdict as it is; null where there is no such clock.
    pub from: Option<SlaClockState>,
    /// Its verdict under the drafts; null where there is no such clock.
    pub to: Option<SlaClockState>,
    /// Its due moment as it is.
    pub due_before: Option<DateTime>,
    /// Its due moment under the drafts.
    pub due_after: Option<DateTime>,
}

impl SlaSimulation {
    fn new(simulation: &Simulation, now: Timestamp, group_by: &[SlaSimulationBy]) -> Self {
        let changes = simulation.changes.iter().map(|(change, clocks)| SlaVerdictChange {
            from: change.from.map(Into::into),
            to: change.to.map(Into::into),
            clocks: *clocks,
        });
        let groups = group_by.iter().map(|by| Facet::from(*by)).flat_map(|facet| {
            simulation.by(facet).map(move |group| SlaSimulationGroup::new(facet, group))
        });
        let examples = simulation.examples.iter().map(|((case_id, clock), example)| {
            let ChangedClock { change, due_before, due_after } = example;
            SlaSimulationExample {
                case_id: global_id::encode(NodeType::Case, *case_id),
                clock: clock.to_string(),
                from: change.from.map(Into::into),
                to: change.to.map(Into::into),
                due_before: due_before.map(DateTime),
                due_after: due_after.map(DateTime),
            }
        });
        Self {
            now: DateTime(now),
            cases: simulation.cases,
            cases_changed: simulation.cases_changed,
            clocks_changed: simulation.total.changed,
            before: (&simulation.total.before).into(),
            after: (&simulation.total.after).into(),
            changes: changes.collect(),
            groups: groups.collect(),
            ungrouped: simulation.ungrouped,
            examples: examples.collect(),
        }
    }
}

/// Ends the work when its subscriber is gone.
struct Working(JoinHandle<Result<Simulation, WhatIfError>>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Simulates drafts: updates on the way, and the report.
pub async fn simulate<'a>(
    ctx: &Context<'a>,
    drafts: DraftArguments,
    from: Option<DateTime>,
    to: Option<DateTime>,
    group_by: Vec<SlaSimulationBy>,
) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SlaSimulationUpdate>> + 'a> {
    let drafts = drafts.read().map_err(refused)?;
    if let (Some(from), Some(to)) = (from, to)
        && from.0 >= to.0
    {
        return Err(refused(RequestError::bad_input("to", "must be later than from")));
    }
    let is_repeated = |(index, by)| group_by[..index].contains(by);
    if group_by.iter().enumerate().any(is_repeated) {
        return Err(refused(RequestError::bad_input("groupBy", "names something twice")));
    }
    let services = ctx.data_unchecked::<Arc<Services>>();
    let permit = services.simulations.clone().try_acquire_owned().map_err(|_| {
        let message = "A simulation is running; the server does one at a time. Ask again later, or run `parvandeh sla simulate` \
                       beside it.";
        refused(RequestError::new(ErrorCode::SimulationRunning, message))
    })?;
    let opened_at = TimeRange { gte: from.map(|from| from.0), lt: to.map(|to| to.0) };
    let now = services.clock.now();
    let range = CaseRange { scope: case_scope(ctx), opened_at };
    let simulation =
        Beside::new(OwnReader::new(services.read_models.clone()), Question { drafts, range, now });
    let (sender, mut progress) = watch::channel(Progress::default());
    let mut working = Working(tokio::spawn(async move {
        let _permit = permit;
        simulation.run(sender).await
    }));
    Ok(try_stream! {
        while progress.changed().await.is_ok() {
            let Progress { done, total } = *progress.borrow_and_update();
            yield SlaSimulationUpdate { cases_done: done, cases_total: total, report: None };
        }
        let simulation = (&mut working.0).await.map_err(|error| failure(&error))?;
        let simulation = simulation.map_err(|error| match error {
            WhatIfError::Drafts(invalid) => refused(problem(&invalid)),
            error => failure(&error),
        })?;
        let Progress { done, total } = *progress.borrow();
        let report = Some(SlaSimulation::new(&simulation, now, &group_by));
        yield SlaSimulationUpdate { cases_done: done, cases_total: total, report };
    })
}

impl DraftArguments {
    fn read(self) -> Result<Drafts, RequestError> {
        let policy = draft(["policy", "policyId"], self.policy, self.policy_id)?;
        let calendar = draft(["calendar", "calendarId"], self.calendar, self.calendar_id)?;
        Drafts::new(policy, calendar).map_err(|invalid| problem(&invalid))
    }
}

fn draft<I, D: DeserializeOwned>(
    [field, id_field]: [&str; 2],
    document: Option<Json<Value>>,
    id: Option<String>,
) -> Result<Option<(I, D)>, RequestError>
where
    I: TryFrom<String, Error: std::fmt::Display>,
{
    match (document, id) {
        (None, None) => Ok(None),
        (None, Some(_)) => {
            Err(RequestError::bad_input(field, &format!("is required with {id_field}")))
        }
        (Some(_), None) => {
            Err(RequestError::bad_input(id_field, &format!("is required with {field}")))
        }
        (Some(Json(document)), Some(id)) => {
            let id = I::try_from(id)
                .map_err(|error| RequestError::bad_input(id_field, &format!(": {error}")))?;
            let document = serde_json::from_value(document).map_err(|error| {
                RequestError::bad_input(field, &format!("does not have its shape: {error}"))
            })?;
            Ok(Some((id, document)))
        }
    }
}

/// The message begins with the argument's name.
fn problem(invalid: &InvalidDrafts) -> RequestError {
    RequestError::new(ErrorCode::BadUserInput, invalid.to_string())
}
