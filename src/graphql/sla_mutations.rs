//! Mutations on clocks: people grant more time and let breaches not count. Both are facts on the log, with the reason.

use async_graphql::{Context, ID, InputObject, Object};
use jiff::Timestamp;
use parvandeh_domain::case::Case;
use parvandeh_domain::decider::Decider;
use parvandeh_domain::pii::Pii;
use parvandeh_domain::sla::{ClockKey, ExtendClock, Sla, SlaCommand, WaiveBreach};
use parvandeh_projections::case_clocks::ClockRow;
use parvandeh_projections::scope::CaseScope;
use parvandeh_projections::sla_clocks;
use serde::Serialize;
use uuid::Uuid;

use super::context::{failure, principal, services};
use super::global_id::{self, NodeType};
use super::payload::{Common, Failed, UserError, claim, execute, not_found, payload};
use super::sla_clock::SlaClock;
use crate::command::policy;
use crate::store::{Position, StreamId};

/// A clock that is to get more time.
#[derive(InputObject)]
pub struct ExtendSlaClockInput {
    /// The global id of the case.
    pub case_id: ID,
    /// The key of the clock: `resolution-1`.
    pub clock: String,
    /// Why it needs more time.
    pub reason: String,
    /// Who was told of it, and how.
    pub told: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A breach that is not to count.
#[derive(InputObject)]
pub struct WaiveSlaBreachInput {
    /// The global id of the case.
    pub case_id: ID,
    /// The key of the clock: `resolution-1`.
    pub clock: String,
    /// Why it does not count.
    pub reason: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(ExtendSlaClockPayload, clock: SlaClock);
payload!(WaiveSlaBreachPayload, clock: SlaClock);

/// What makes a request what it is, for the digest of an idempotency key: not the command, which says also how the clock stood.
#[derive(Serialize)]
enum Wish<'a> {
    Extend { clock: &'a str, reason: &'a str, told: &'a str },
    Waive { clock: &'a str, reason: &'a str },
}

/// Mutations on clocks.
#[derive(Default)]
pub struct SlaMutation;

#[Object]
impl SlaMutation {
    /// Grants more time to a clock that has not ended: as much as its policy's extension says, at most as often as it says.
    async fn extend_sla_clock(
        &self,
        ctx: &Context<'_>,
        input: ExtendSlaClockInput,
    ) -> async_graphql::Result<ExtendSlaClockPayload> {
        let ExtendSlaClockInput { case_id, clock, reason, told, idempotency_key } = &input;
        let wish = Wish::Extend { clock, reason, told };
        let command = |row: &ClockRow| {
            SlaCommand::Extend(ExtendClock {
                subject: row.subject(),
                is_open: row.clock.stopped_at.is_none(),
                most: row.clock.extensions_allowed,
                reason: Pii::new(reason.clone()),
                told: Pii::new(told.clone()),
            })
        };
        let changed = change(ctx, case_id, clock, idempotency_key, wish, command).await;
        ExtendSlaClockPayload::answer(changed)
    }

    /// Lets a recorded breach not count. It stays on the log, and counts as waived.
    async fn waive_sla_breach(
        &self,
        ctx: &Context<'_>,
        input: WaiveSlaBreachInput,
    ) -> async_graphql::Result<WaiveSlaBreachPayload> {
        let WaiveSlaBreachInput { case_id, clock, reason, idempotency_key } = &input;
        let wish = Wish::Waive { clock, reason };
        let command = |row: &ClockRow| {
            let (subject, reason) = (row.subject(), Pii::new(reason.clone()));
            SlaCommand::Waive(WaiveBreach { subject, reason })
        };
        let changed = change(ctx, case_id, clock, idempotency_key, wish, command).await;
        WaiveSlaBreachPayload::answer(changed)
    }
}

/// Executes a command on a clock of a case inside the caller's scope; answers the clock as it stands after it.
async fn change(
    ctx: &Context<'_>,
    case_id: &ID,
    clock: &str,
    idempotency_key: &Option<String>,
    wish: Wish<'_>,
    command: impl FnOnce(&ClockRow) -> SlaCommand,
) -> Result<Option<SlaClock>, Failed> {
    let id = global_id::decode("caseId", NodeType::Case, case_id)?;
    let services = services(ctx);
    let state = services.commands.state::<Case>(&stream("case", id)).await;
    let state = state.map_err(|error| Failed::Failure(failure(&error)))?;
    if !policy::may_touch(principal(ctx), &state) {
        return Err(not_found("case").into());
    }
    let unknown = || {
        let message = "the case has no clock of this key; read its slaClocks";
        UserError::new("CLOCK_UNKNOWN", Some("clock"), message)
    };
    let key: ClockKey = clock.parse().map_err(|_| unknown())?;
    // What was recorded a moment ago may have stopped the clock.
    let (row, _) = clock_at(ctx, id, &key, services.store.head()).await?.ok_or_else(unknown)?;
    let subject = Case::data_subject(&state, id);
    let idempotency_key = idempotency_key.clone();
    let common = Common { idempotency_key, subject, ..Common::default() };
    let identity = claim(ctx, Some(id), &wish, &common).await?;
    let executed =
        execute::<Sla>(ctx, &stream("clock", id), identity, &common, command(&row), |_| true)
            .await?;
    Ok(clock_at(ctx, id, &key, executed.position).await?.map(|(_, clock)| clock))
}

/// A clock as it stands at a position of the log or later.
async fn clock_at(
    ctx: &Context<'_>,
    case_id: Uuid,
    key: &ClockKey,
    position: Option<Position>,
) -> Result<Option<(ClockRow, SlaClock)>, Failed> {
    let services = services(ctx);
    let failed = |error| Failed::Failure(failure(&error));
    if let Some(position) = position {
        services.read_models.wait_for(position).await.map_err(failed)?;
    }
    let (references, key) = (services.read_models.reference.clone(), key.clone());
    let now: Timestamp = services.clock.now();
    let found = services.read_models.query(move |db| {
        let reference = references.get(db)?;
        // The caller may touch the case: that was looked at in the log itself.
        let clocks = sla_clocks::clocks(db, &CaseScope::All, case_id, &reference)?;
        let row = clocks.into_iter().find(|row| row.clock.key == key);
        Ok(row.map(|row| (row.clone(), SlaClock::at(row, now, &reference))))
    });
    found.await.map_err(failed)
}

fn stream(category: &str, id: Uuid) -> StreamId {
    StreamId::new(&format!("{category}-{id}")).expect("a UUID is a well-formed stream id")
}
