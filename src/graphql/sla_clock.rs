//! The clocks of a case.

use async_graphql::{Context, Enum, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::sla::{CalendarSource, Clock, ClockInterval};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::sla_reference::ReferenceData;
use uuid::Uuid;

use super::as_of;
use super::context::services;
use super::loader;
use super::scalar::DateTime;
use super::sla_fact::source_of;
use super::vocabulary::HoldReason;

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
    /// How many its policy allows.
    pub extensions_allowed: u32,
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
            extensions_allowed: clock.extensions_allowed,
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
        let (source, source_revision) = source_of(part.source);
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
