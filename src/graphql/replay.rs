//! A case step by step: what it was after each event, and what the event has changed.

use async_graphql::connection::{Connection, Edge, EmptyFields};
use async_graphql::{Context, ID, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::decider::Recorded;
use parvandeh_domain::id::CaseId;
use parvandeh_domain::log::DomainEvent;
use parvandeh_projections::case_summary;
use parvandeh_projections::page::{Anchor, Tie};
use uuid::Uuid;

use super::as_of;
use super::context::{case_scope, failure, query_now, refused};
use super::cursor::{Cursor, ListKey};
use super::paging::PageArguments;
use super::scalar::DateTime;
use super::sla_clock::SlaClockState;
use super::vocabulary::{
    ActorKind, CaseKind, Channel, HoldReason, Outcome, Priority, Severity, Status,
};
use crate::replay::{self, Replay};

/// One step of a replay: an event that concerns the case, at its place in the log. Steps are the case's own events, the files that
/// came to stand with it, what becomes of its redress, its fees and their payments, the facts about its clocks, what became known of its
/// customer and rules look at, and the publications of policies and calendars that change what is promised to it.
#[derive(SimpleObject, Clone)]
pub struct ReplayStep {
    /// 1 for the first, then 2, 3 ...
    pub number: u64,
    /// The id of the event.
    pub event_id: ID,
    /// The event's published type, such as `CaseOpened`: see `schema/events`.
    pub event_type: String,
    /// The stream that holds the event.
    pub stream: String,
    /// Its place in its stream.
    pub revision: u64,
    /// Its place in the log.
    pub position: u64,
    /// When it happened.
    pub occurred_at: DateTime,
    /// When it was recorded.
    pub recorded_at: DateTime,
    /// In which capacity somebody did it.
    pub actor_kind: ActorKind,
    /// Who did it, as the identity provider names them.
    pub actor_id: String,
    /// The state before it; null before the opening.
    pub before: Option<ReplayState>,
    /// The state after it.
    pub after: Option<ReplayState>,
    /// What it has changed, field by field. What people wrote is not shown here.
    pub changes: Vec<ReplayChange>,
}

/// A field that an event has changed. Values are texts as they are stored.
#[derive(SimpleObject, Clone)]
pub struct ReplayChange {
    /// Whose field it is: `case`, `customer`, a clock's key such as `resolution-1`, or the stream of a redress, a fee or a payment, such as
    /// `fee-` and its id.
    pub subject: String,
    /// The field, in snake_case. `text` says that something was written, and not what.
    pub field: String,
    /// Its value before; null where it had none.
    pub before: Option<String>,
    /// Its value since; null where it has none any more.
    pub after: Option<String>,
}

/// A case and its clocks as they were after an event.
#[derive(SimpleObject, Clone)]
pub struct ReplayState {
    /// What sort of matter it is.
    pub kind: CaseKind,
    /// The channel by which it came.
    pub channel: Channel,
    /// Its subject category.
    pub category: Option<String>,
    /// How soon it must be attended to.
    pub priority: Priority,
    /// How bad it is for the customer.
    pub severity: Option<Severity>,
    /// Where it stands in its life.
    pub status: Status,
    /// Why it waits, while it does.
    pub hold_reason: Option<HoldReason>,
    /// The unit that owns it; null while it waits at intake.
    pub unit: Option<String>,
    /// Who works on it.
    pub assignee: Option<String>,
    /// The stage that the customer sees.
    pub stage: Option<String>,
    /// What became of it.
    pub outcome: Option<Outcome>,
    /// The date promised.
    pub due_at: Option<DateTime>,
    /// When it was opened.
    pub opened_at: DateTime,
    /// When something last happened to it.
    pub updated_at: DateTime,
    /// When it was resolved.
    pub resolved_at: Option<DateTime>,
    /// When it was closed.
    pub closed_at: Option<DateTime>,
    /// How many exchanges with the customer it has had.
    pub interaction_count: i64,
    /// How many files stand with it.
    pub attachment_count: u32,
    /// The revision of its stream.
    pub revision: i64,
    /// The customer's tier.
    pub customer_tier: Option<String>,
    /// Its clocks.
    pub clocks: Vec<ReplayClock>,
}

/// A clock as it was after an event, with the policy and the calendar then in force.
#[derive(SimpleObject, Clone)]
pub struct ReplayClock {
    /// Which clock of the case: name and cycle, `resolution-1`.
    pub key: String,
    /// How it stood when the event was recorded.
    pub state: SlaClockState,
    /// When it started.
    pub started_at: DateTime,
    /// When its target is used up; null while it is paused with time left.
    pub due_at: Option<DateTime>,
    /// When it stopped.
    pub stopped_at: Option<DateTime>,
    /// What the policy asks for, in its words.
    pub goal: Option<String>,
    /// The policy that promises it.
    pub policy_id: String,
    /// The version of that policy.
    pub policy_version: u32,
    /// The rule of that version.
    pub rule: String,
    /// The calendar that it counts in; null for the wall clock.
    pub calendar_id: Option<String>,
    /// The version of that calendar in force when the event was recorded, or when the clock stopped.
    pub calendar_version: Option<u32>,
    /// Whether a breach of it stands in the log, and was not restated.
    pub breach_recorded: bool,
}

impl ReplayState {
    fn of(state: &replay::ReplayState) -> Option<Self> {
        let row = state.case.clone()?;
        Some(Self {
            kind: row.kind.into(),
            channel: row.channel.into(),
            category: row.category,
            priority: row.priority.into(),
            severity: row.severity.map(Into::into),
            status: row.status.into(),
            hold_reason: row.hold_reason.map(Into::into),
            unit: row.unit,
            assignee: row.assignee,
            stage: row.stage,
            outcome: row.outcome.map(Into::into),
            due_at: row.due_at.map(DateTime),
            opened_at: DateTime(row.opened_at),
            updated_at: DateTime(row.updated_at),
            resolved_at: row.resolved_at.map(DateTime),
            closed_at: row.closed_at.map(DateTime),
            interaction_count: row.interaction_count,
            attachment_count: state.attachment_count,
            revision: row.revision,
            customer_tier: state.customer.tier.clone(),
            clocks: state.clocks.iter().map(ReplayClock::from).collect(),
        })
    }
}

impl From<&replay::ReplayClock> for ReplayClock {
    fn from(found: &replay::ReplayClock) -> Self {
        let clock = &found.row.clock;
        Self {
            key: clock.key.to_string(),
            state: found.verdict.into(),
            started_at: DateTime(clock.started_at),
            due_at: clock.due_at.map(DateTime),
            stopped_at: clock.stopped_at.map(DateTime),
            goal: clock.goal.as_ref().map(ToString::to_string),
            policy_id: clock.policy_id.to_string(),
            policy_version: clock.policy_version,
            rule: clock.rule.clone(),
            calendar_id: clock.calendar_id.as_ref().map(ToString::to_string),
            calendar_version: found.calendar_version,
            breach_recorded: found.row.breach_recorded,
        }
    }
}

impl From<replay::ReplayStep> for ReplayStep {
    fn from(step: replay::ReplayStep) -> Self {
        let changes = step.differences.into_iter().map(|difference| ReplayChange {
            subject: difference.subject,
            field: difference.field.to_owned(),
            before: difference.before,
            after: difference.after,
        });
        let Recorded { id, revision, position, meta, event, .. } = step.event;
        Self {
            number: step.number,
            event_id: ID(id.to_string()),
            event_type: event.event_type().name.to_owned(),
            stream: event.stream_name(),
            revision,
            position,
            occurred_at: DateTime(meta.occurred_at),
            recorded_at: DateTime(meta.recorded_at),
            actor_kind: meta.actor.kind.into(),
            actor_id: meta.actor.id,
            before: ReplayState::of(&step.before),
            after: ReplayState::of(&step.after),
            changes: changes.collect(),
        }
    }
}

/// A page of a replay.
pub type ReplayStepConnection = Connection<Cursor, ReplayStep, EmptyFields, EmptyFields>;

/// A page of the steps of a case, as it is known now or was known at a moment.
pub async fn of_case(
    ctx: &Context<'_>,
    case_id: Uuid,
    as_of: Option<Timestamp>,
    page: PageArguments,
) -> async_graphql::Result<ReplayStepConnection> {
    let list = ListKey::of("replay", (case_id, as_of));
    let request = page.request(list).map_err(refused)?;
    // A case may be in sight that is out of the caller's scope: of the one that they have just handed on they see what they did.
    let scope = case_scope(ctx);
    if query_now(ctx, |db| case_summary::case(db, &scope, case_id))?.is_none() {
        return Ok(Connection::new(false, false));
    }
    let evidence = as_of::evidence(ctx, case_id, as_of.unwrap_or(Timestamp::MAX)).await?;
    let after = request.after;
    // Every step evaluates the case's clocks: too much for a thread that answers others meanwhile.
    let steps = tokio::task::spawn_blocking(move || {
        steps(CaseId(case_id), &evidence, after, request.size + 1)
    });
    let mut steps = steps.await.map_err(|error| failure(&error))?;
    let has_next = steps.len() > request.size;
    steps.truncate(request.size);
    let mut connection = Connection::new(after.is_some(), has_next);
    connection.edges = steps
        .into_iter()
        .map(|step| {
            let anchor = Anchor {
                key: i64::try_from(step.number).unwrap_or(i64::MAX),
                tie: Tie::Position(i64::try_from(step.event.position).unwrap_or(i64::MAX)),
            };
            Edge::new(Cursor { list, anchor }, step.into())
        })
        .collect();
    Ok(connection)
}

/// At most `limit` steps after the one that the anchor names by its number and its position in the log.
fn steps(
    case_id: CaseId,
    evidence: &[Recorded<DomainEvent>],
    after: Option<Anchor>,
    limit: usize,
) -> Vec<replay::ReplayStep> {
    let mut replay = Replay::new(case_id);
    let mut passed = 0;
    if let Some(Anchor { key, tie: Tie::Position(position) }) = after {
        let position = u64::try_from(position).unwrap_or(0);
        passed = evidence.partition_point(|event| event.position <= position);
        evidence[..passed].iter().for_each(|event| replay.pass(event));
        replay.passed(u64::try_from(key).unwrap_or(0));
    }
    evidence[passed..].iter().filter_map(|event| replay.step(event)).take(limit).collect()
}
