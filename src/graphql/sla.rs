//! SLA: the clocks of a case, compliance, and breaches on record.

use async_graphql::connection::{Connection, EmptyFields};
use async_graphql::{ComplexObject, Context, Enum, ID, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::sla::{CalendarSource, Clock, ClockInterval, FactSource};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::sla_breaches::{self, BreachFilter, BreachRow};
use parvandeh_projections::sla_compliance::{self, ComplianceFilter};
use parvandeh_projections::sla_reference::ReferenceData;
use uuid::Uuid;

use super::as_of;
use super::case::{self, Case, CodeFilter, DateTimeFilter};
use super::context::{case_scope, query, refused, services};
use super::cursor::{Cursor, ListKey};
use super::global_id::{self, NodeType};
use super::loader;
use super::paging::{PageArguments, connection};
use super::scalar::DateTime;
use super::vocabulary::{Channel, HoldReason, Priority};
use crate::error::RequestError;

/// What a clock measures.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::sla::Metric")]
pub enum SlaMetric {
    /// From the opening to the first public answer of staff.
    FirstResponse,
    /// From the oldest unanswered message of the customer to its answer.
    NextResponse,
    /// From one public answer to the next, as long as the case is open.
    PeriodicUpdate,
    /// How long the customer waits for us.
    RequesterWait,
    /// How long staff work on the case.
    ResponderWork,
    /// How long one unit owns the case.
    Ownership,
    /// From the opening, or a reopening, to the resolution.
    Resolution,
    /// To be done by a date that was agreed.
    DueDate,
    /// What the policy's own conditions say.
    Custom,
}

impl SlaMetric {
    pub(super) fn stored(self) -> String {
        parvandeh_domain::sla::Metric::from(self).to_string()
    }
}

/// Where a clock stands.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::sla::ClockState")]
pub enum SlaClockState {
    /// It begins in the future.
    Scheduled,
    /// It runs, and its due time is to come.
    Running,
    /// It waits for a pause to end.
    Paused,
    /// It stopped in time.
    Met,
    /// Its due time passed before it stopped.
    Breached,
    /// It was breached, and that was waived.
    Waived,
    /// Nothing is promised any more.
    Cancelled,
    /// The case was merged into another before the clock was due.
    Merged,
    /// It stopped, and nothing was promised.
    Measured,
}

/// How a clock's time is counted.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::calendar::Measure")]
pub enum SlaMeasure {
    /// Every second.
    Elapsed,
    /// The open hours of a calendar.
    WorkingTime,
    /// The working days of a calendar; in durations, 24 hours stand for one.
    WorkingDays,
}

/// What a clock did in an interval.
#[derive(Enum, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[graphql(remote = "parvandeh_domain::sla::IntervalCourse")]
pub enum SlaIntervalCourse {
    /// It ran.
    Running,
    /// It was paused.
    Paused,
    /// It had stopped, and was started again later.
    Idle,
}

/// A stretch of a clock in which nothing changed that it is counted or attributed by.
#[derive(SimpleObject, Clone)]
pub struct SlaInterval {
    /// Its beginning.
    pub from: DateTime,
    /// Its end; null while it lasts.
    pub to: Option<DateTime>,
    /// What the clock did.
    pub course: SlaIntervalCourse,
    /// What it counts, up to now while it lasts, as an ISO 8601 duration in the clock's measure.
    pub counted: String,
    /// What began it, as conditions of policies name it: `held`.
    pub cause: String,
    /// The stream of the event that began it: `case`, `customer`, `policy` or `clock`.
    pub source: String,
    /// The revision of that event in its stream; of a policy, its version.
    pub source_revision: u64,
    /// The reason of the hold in which it lay.
    pub hold: Option<HoldReason>,
    /// The unit that owned the case.
    pub unit: Option<String>,
    /// Whom the case was assigned to.
    pub assignee: Option<String>,
    /// The policy version that counted it.
    pub policy_version: u32,
    /// The rule that counted it.
    pub rule: String,
    /// The calendar that counted it.
    pub calendar_id: Option<String>,
    /// The version of that calendar at its beginning.
    pub calendar_version: Option<u32>,
}

/// When a clock warns.
#[derive(SimpleObject, Clone)]
pub struct SlaWarning {
    /// The threshold as the policy writes it: `75 %`.
    pub threshold: String,
    /// The moment; null while it cannot be told.
    pub at: Option<DateTime>,
}

/// One promise about one case: what is measured, until when, and how it stands.
#[derive(SimpleObject, Clone)]
pub struct SlaClock {
    /// Which clock of the case: name and cycle, `resolution-1`; of agreements other than `sla`, `ola.ownership-1`.
    pub key: String,
    /// The agreement that it belongs to.
    pub agreement: String,
    /// What it measures.
    pub metric: SlaMetric,
    /// 1 for the first, then 2, 3 ...
    pub cycle: u32,
    /// How it stands now, or at the moment of the view.
    pub state: SlaClockState,
    /// When it started.
    pub started_at: DateTime,
    /// When its target is used up; null while it is paused with time left.
    pub due_at: Option<DateTime>,
    /// When it stopped.
    pub stopped_at: Option<DateTime>,
    /// What the policy asks for, in its words: `4 working hours`; null when the clock only measures.
    pub goal: Option<String>,
    /// How its time is counted.
    pub measure: SlaMeasure,
    /// How much may elapse, with bonus and extensions, as an ISO 8601 duration; null when a moment is asked for, or nothing.
    pub target: Option<String>,
    /// What has elapsed, as an ISO 8601 duration in the clock's measure.
    pub elapsed: String,
    /// How long it was paused, as an ISO 8601 duration in the clock's measure.
    pub paused: String,
    /// How long it ran by the wall clock, as an ISO 8601 duration.
    pub wall_clock: String,
    /// What is left of the target, as an ISO 8601 duration; negative when it is exceeded.
    pub remaining: Option<String>,
    /// How many hundredths of the target, or of the time up to the moment asked for, have elapsed.
    pub percent: Option<u32>,
    /// When it warns.
    pub warnings: Vec<SlaWarning>,
    /// How many extensions were granted.
    pub extensions: u32,
    /// Every stretch of it, from the start.
    pub intervals: Vec<SlaInterval>,
    /// The policy that promises it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: u32,
    /// The rule of that version.
    pub rule: String,
    /// The calendar that it counts in; null for the wall clock.
    pub calendar_id: Option<String>,
    /// Whether a breach of it stands in the log, and was not restated.
    pub breach_recorded: bool,
}

impl SlaClock {
    pub(super) fn at(row: ClockRow, now: Timestamp, reference: &ReferenceData) -> Self {
        let clock = row.clock;
        let intervals = clock.intervals.iter();
        let intervals = intervals.map(|part| SlaInterval::at(part, &clock, now, reference));
        let warnings = clock.warnings.iter().map(|warning| SlaWarning {
            threshold: warning.threshold.clone(),
            at: warning.at.map(DateTime),
        });
        Self {
            agreement: clock.key.agreement.to_string(),
            metric: clock.metric.into(),
            cycle: clock.key.cycle,
            state: clock.verdict_at(now).into(),
            started_at: DateTime(clock.started_at),
            due_at: clock.due_at.map(DateTime),
            stopped_at: clock.stopped_at.map(DateTime),
            goal: clock.goal.map(|goal| goal.to_string()),
            measure: clock.measure.into(),
            target: clock.target.map(|target| target.to_string()),
            elapsed: clock.elapsed_at(now, reference).to_string(),
            paused: clock.paused_at(now, reference).to_string(),
            wall_clock: clock.wall_clock_at(now).to_string(),
            remaining: clock.remaining_at(now, reference).map(|left| left.to_string()),
            percent: clock.percent_at(now, reference),
            warnings: warnings.collect(),
            extensions: clock.extensions,
            intervals: intervals.collect(),
            policy_version: clock.policy_version,
            breach_recorded: row.breach_recorded,
            key: clock.key.to_string(),
            policy_id: clock.policy_id.to_string(),
            rule: clock.rule,
            calendar_id: clock.calendar_id.map(|id| id.to_string()),
        }
    }
}

impl SlaInterval {
    fn at(part: &ClockInterval, clock: &Clock, now: Timestamp, reference: &ReferenceData) -> Self {
        let calendar = part.calendar_id.as_ref();
        let calendar = calendar.and_then(|id| reference.calendar(id, part.time_zone.as_deref()));
        let to = part.to.unwrap_or(now).max(part.from);
        let counted = match calendar {
            Some(calendar) => calendar.measure(clock.measure, part.from, to),
            None => to.duration_since(part.from),
        };
        let (source, source_revision) = match part.source {
            FactSource::Case(revision) => ("case", revision),
            FactSource::Customer(revision) => ("customer", revision),
            FactSource::Policy(version) => ("policy", version),
            FactSource::Clock(revision) => ("clock", revision),
        };
        Self {
            from: DateTime(part.from),
            to: part.to.map(DateTime),
            course: part.course.into(),
            counted: counted.to_string(),
            cause: part.cause.to_string(),
            source: source.to_owned(),
            source_revision,
            hold: part.hold.map(Into::into),
            unit: part.unit.as_ref().map(ToString::to_string),
            assignee: part.assignee.as_ref().map(ToString::to_string),
            policy_version: part.policy_version,
            rule: part.rule.clone(),
            calendar_id: part.calendar_id.as_ref().map(ToString::to_string),
            calendar_version: calendar.map(|calendar| calendar.version_at(part.from)),
        }
    }
}

/// The clocks of a case, now or as they were known at a moment.
pub async fn clocks_of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
) -> async_graphql::Result<Vec<SlaClock>> {
    match as_of {
        Some(moment) => {
            let fold = as_of::clocks(ctx, case_id, moment).await?;
            let rows = fold.rows().into_iter();
            Ok(rows.map(|row| SlaClock::at(row, moment, &fold.reference)).collect())
        }
        None => {
            let (rows, reference) = loader::clocks(ctx, case_id).await?;
            let now = services(ctx).clock.now();
            Ok(rows.into_iter().map(|row| SlaClock::at(row, now, &reference)).collect())
        }
    }
}

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

/// A promise that was not kept in time, as it stands in the log.
#[derive(SimpleObject, Clone)]
#[graphql(complex)]
pub struct SlaBreach {
    /// The id of the event: the same at every delivery.
    pub event_id: ID,
    /// Which clock of the case: metric and cycle, `resolution-1`.
    pub clock: String,
    /// What it measured.
    pub metric: String,
    /// The policy that promised it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: i64,
    /// The rule of that version.
    pub rule: String,
    /// When the clock started.
    pub started_at: DateTime,
    /// The moment that passed.
    pub due_at: DateTime,
    /// When the clock stopped, if it had when the breach was recorded.
    pub stopped_at: Option<DateTime>,
    /// When the breach was recorded.
    pub recorded_at: DateTime,
    /// The unit that owned the case then.
    pub unit: Option<String>,
    /// The case's category then.
    pub category: Option<String>,
    /// The case's priority then.
    pub priority: Option<String>,
    /// The channel by which the case came.
    pub channel: Option<String>,
    /// The global id of the case.
    pub case_id: ID,
    #[graphql(skip)]
    case_uuid: Uuid,
}

impl From<BreachRow> for SlaBreach {
    fn from(row: BreachRow) -> Self {
        Self {
            event_id: ID(row.event_id.to_string()),
            clock: row.clock,
            metric: row.metric,
            policy_id: row.policy_id,
            policy_version: row.policy_version,
            rule: row.rule,
            started_at: DateTime(row.started_at),
            due_at: DateTime(row.due_at),
            stopped_at: row.stopped_at.map(DateTime),
            recorded_at: DateTime(row.recorded_at),
            unit: row.unit,
            category: row.category,
            priority: row.priority,
            channel: row.channel,
            case_id: global_id::encode(NodeType::Case, row.case_id),
            case_uuid: row.case_id,
        }
    }
}

#[ComplexObject]
impl SlaBreach {
    /// The case, as it stands now.
    async fn case(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Case>> {
        case::find(ctx, self.case_uuid).await
    }
}

/// Which breaches are wanted. All conditions hold together.
#[derive(InputObject, Clone, Default)]
pub struct SlaBreachFilterInput {
    /// With these metrics.
    pub metric: Option<Vec<SlaMetric>>,
    /// Of these policies.
    pub policy: Option<CodeFilter>,
    /// Of cases that belonged to these units when the breach was recorded.
    pub unit: Option<CodeFilter>,
    /// Of this case (a global id).
    pub case_id: Option<ID>,
    /// That fell due in this period.
    pub due_at: Option<DateTimeFilter>,
}

impl SlaBreachFilterInput {
    /// The filter as the read model understands it.
    pub fn into_filter(self) -> Result<BreachFilter, RequestError> {
        let case_id =
            self.case_id.map(|id| global_id::decode("caseId", NodeType::Case, &id)).transpose()?;
        Ok(BreachFilter {
            metric: self.metric.map(|all| all.into_iter().map(SlaMetric::stored).collect()),
            policy_id: self.policy.and_then(CodeFilter::values),
            unit: self.unit.and_then(CodeFilter::values),
            case_id,
            due_at: self.due_at.unwrap_or_default().into(),
        })
    }
}

/// What a connection of breaches has beside its edges.
pub struct SlaBreachTotal {
    filter: BreachFilter,
}

#[Object]
impl SlaBreachTotal {
    /// How many breaches the filter finds, on all pages together.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<u64> {
        let (scope, filter) = (case_scope(ctx), self.filter.clone());
        query(ctx, move |db| sla_breaches::breach_count(db, &scope, &filter)).await
    }
}

/// A page of breaches.
pub type SlaBreachConnection = Connection<Cursor, SlaBreach, SlaBreachTotal, EmptyFields>;

/// A page of the breaches on record, in the order in which they were recorded.
pub async fn breaches(
    ctx: &Context<'_>,
    filter: SlaBreachFilterInput,
    page: PageArguments,
) -> async_graphql::Result<SlaBreachConnection> {
    let filter = filter.into_filter().map_err(refused)?;
    let key = ListKey::of("slaBreaches", &filter);
    let request = page.request(key).map_err(refused)?;
    let (scope, wanted) = (case_scope(ctx), filter.clone());
    let page = query(ctx, move |db| sla_breaches::breaches(db, &scope, &wanted, request)).await?;
    Ok(connection(key, &request, page, SlaBreachTotal { filter }, SlaBreach::from))
}
