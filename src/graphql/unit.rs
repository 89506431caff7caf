//! Units: the tree of who answers for what, and the mutations that change it.

use async_graphql::{Context, InputObject, Object, SimpleObject};
use jiff::Timestamp;
use parvandeh_domain::decider::{Actor, ActorKind};
use parvandeh_domain::id::{CommandId, UnitId, derived};
use parvandeh_domain::unit::{
    self, DefineUnit, MoveUnit, ParentIs, Unit as UnitAggregate, UnitCommand, UnitRefusal,
};
use parvandeh_projections::unit_tree::{self, UnitTree};

use super::context::{failure, query, services};
use super::payload::{
    Common, Failed, UserError, claim, code, code_option, execute, executed_with, payload,
};
use super::scalar::DateTime;
use crate::command::handler::{CommandError, CommandMetadata, Executed};
use crate::store::{Position, StreamId};

/// A unit of the organisation.
#[derive(SimpleObject)]
pub struct Unit {
    /// Its code, as cases name it.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// The code of the unit that it is a part of; null at the top.
    pub parent: Option<String>,
    /// Who answers for it, as the identity provider names them; null where nobody is named.
    pub owner: Option<String>,
    /// Who answers for what it leaves lying: its owner, or that of the nearest unit above it which has one.
    pub responsible: Option<String>,
    /// Who works in it.
    pub staff: Vec<String>,
}

impl Unit {
    fn of(tree: &UnitTree, id: &UnitId) -> Option<Self> {
        let unit = tree.units.get(id)?;
        Some(Self {
            code: id.to_string(),
            name: unit.name.clone()?,
            parent: unit.parent.as_ref().map(ToString::to_string),
            owner: unit.owner.as_ref().map(ToString::to_string),
            responsible: tree.owner(id).map(|(_, owner)| owner.to_string()),
            staff: unit.staff.iter().map(ToString::to_string).collect(),
        })
    }
}

/// All units, in the order of their codes, as they are known now or were known at a moment.
pub async fn units(ctx: &Context<'_>, as_of: Option<DateTime>) -> async_graphql::Result<Vec<Unit>> {
    let tree = tree(ctx, as_of.map_or(Timestamp::MAX, |moment| moment.0)).await?;
    Ok(tree.units.keys().filter_map(|id| Unit::of(&tree, id)).collect())
}

async fn tree(ctx: &Context<'_>, moment: Timestamp) -> async_graphql::Result<UnitTree> {
    query(ctx, move |db| unit_tree::tree(db, moment)).await
}

/// A unit to be defined, or to be defined anew.
#[derive(InputObject)]
pub struct DefineUnitInput {
    /// Its code. A code that cases name already may be defined later.
    pub unit: String,
    /// What people call it.
    pub name: String,
    /// The code of the unit that it is a part of. Absent: as it was, at the top for a new unit.
    pub parent: Option<String>,
    /// Who answers for it, as the identity provider names them. Absent: as it was.
    pub owner: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// A unit to be put under another.
#[derive(InputObject)]
pub struct MoveUnitInput {
    /// Its code.
    pub unit: String,
    /// The code of the unit that it is to be a part of; null or absent for the top.
    pub parent: Option<String>,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// Who is to answer for a unit.
#[derive(InputObject)]
pub struct AppointUnitOwnerInput {
    /// The unit's code.
    pub unit: String,
    /// Who, as the identity provider names them.
    pub owner: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// Somebody who begins to work in a unit.
#[derive(InputObject)]
pub struct AddUnitStaffInput {
    /// The unit's code.
    pub unit: String,
    /// Who, as the identity provider names them.
    pub staff: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

/// Somebody who no longer works in a unit.
#[derive(InputObject)]
pub struct RemoveUnitStaffInput {
    /// The unit's code.
    pub unit: String,
    /// Who, as the identity provider names them.
    pub staff: String,
    /// Your own name for this request: sent again with the same name, it is done once.
    pub idempotency_key: Option<String>,
}

payload!(DefineUnitPayload, unit: Unit);
payload!(MoveUnitPayload, unit: Unit);
payload!(AppointUnitOwnerPayload, unit: Unit);
payload!(AddUnitStaffPayload, unit: Unit);
payload!(RemoveUnitStaffPayload, unit: Unit);

/// Mutations on units.
#[derive(Default)]
pub struct UnitMutation;

#[Object]
impl UnitMutation {
    /// Defines a unit, or defines it anew; of a unit that is there, what is absent stays.
    async fn define_unit(
        &self,
        ctx: &Context<'_>,
        input: DefineUnitInput,
    ) -> async_graphql::Result<DefineUnitPayload> {
        DefineUnitPayload::answer(define(ctx, input).await)
    }

    /// Puts a unit under another, or at the top.
    async fn move_unit(
        &self,
        ctx: &Context<'_>,
        input: MoveUnitInput,
    ) -> async_graphql::Result<MoveUnitPayload> {
        MoveUnitPayload::answer(move_under(ctx, input).await)
    }

    /// Names who answers for a unit. What the unit leaves lying is escalated to them.
    async fn appoint_unit_owner(
        &self,
        ctx: &Context<'_>,
        input: AppointUnitOwnerInput,
    ) -> async_graphql::Result<AppointUnitOwnerPayload> {
        let command = || Ok(UnitCommand::AppointOwner { owner: code("owner", input.owner)? });
        let changed = change(ctx, input.unit, input.idempotency_key, command).await;
        AppointUnitOwnerPayload::answer(changed)
    }

    /// Records that somebody works in a unit.
    async fn add_unit_staff(
        &self,
        ctx: &Context<'_>,
        input: AddUnitStaffInput,
    ) -> async_graphql::Result<AddUnitStaffPayload> {
        let command = || Ok(UnitCommand::AddStaff { staff: code("staff", input.staff)? });
        let changed = change(ctx, input.unit, input.idempotency_key, command).await;
        AddUnitStaffPayload::answer(changed)
    }

    /// Records that somebody no longer works in a unit.
    async fn remove_unit_staff(
        &self,
        ctx: &Context<'_>,
        input: RemoveUnitStaffInput,
    ) -> async_graphql::Result<RemoveUnitStaffPayload> {
        let command = || Ok(UnitCommand::RemoveStaff { staff: code("staff", input.staff)? });
        let changed = change(ctx, input.unit, input.idempotency_key, command).await;
        RemoveUnitStaffPayload::answer(changed)
    }
}

async fn define(ctx: &Context<'_>, input: DefineUnitInput) -> Result<Option<Unit>, Failed> {
    let parent = code_option("parent", input.parent)?;
    let owner = code_option("owner", input.owner)?;
    let parent_is = parent_is(ctx, &input.unit, parent.as_ref()).await?;
    let define = DefineUnit { name: input.name, parent, owner, parent_is };
    change(ctx, input.unit, input.idempotency_key, || Ok(UnitCommand::Define(define))).await
}

async fn move_under(ctx: &Context<'_>, input: MoveUnitInput) -> Result<Option<Unit>, Failed> {
    let parent = code_option("parent", input.parent)?;
    let parent_is = parent_is(ctx, &input.unit, parent.as_ref()).await?;
    let command = || Ok(UnitCommand::Move(MoveUnit { parent, parent_is }));
    change(ctx, input.unit, input.idempotency_key, command).await
}

/// How the parent stands in the tree as it is. Of two administrators who put two units under each other at the same moment both may find
/// that all is fine: see [`take_back`].
async fn parent_is(
    ctx: &Context<'_>,
    unit: &str,
    parent: Option<&UnitId>,
) -> Result<ParentIs, Failed> {
    let Some(parent) = parent else { return Ok(ParentIs::Fine) };
    let tree = tree(ctx, Timestamp::MAX).await.map_err(Failed::Failure)?;
    let is_below = UnitId::new(unit.to_owned()).is_ok_and(|unit| tree.is_part_of(parent, &unit));
    Ok(if is_below {
        ParentIs::Below
    } else if tree.units.contains_key(parent) {
        ParentIs::Fine
    } else {
        ParentIs::Unknown
    })
}

async fn change(
    ctx: &Context<'_>,
    unit: String,
    idempotency_key: Option<String>,
    command: impl FnOnce() -> Result<UnitCommand, UserError>,
) -> Result<Option<Unit>, Failed> {
    let id: UnitId = code("unit", unit)?;
    let command = command()?;
    let stream = StreamId::new(&unit::stream_name(&id)).expect("a code has no spaces by then");
    take_back_earlier(ctx, &id, &stream).await?;
    let common = Common { idempotency_key, ..Common::default() };
    let identity = claim(ctx, None, &(&id, &command), &common).await?;
    let command_id = identity.command_id;
    let executed =
        execute::<UnitAggregate>(ctx, &stream, identity, &common, command, |_| true).await?;
    caught_up(ctx, executed.position).await?;
    let tree = tree(ctx, Timestamp::MAX).await.map_err(Failed::Failure)?;
    // Asked of the command and not of the unit: a request that is sent again is answered as it was, whatever has become of the unit since.
    if tree.void_commands.contains(&command_id) {
        if tree.void.contains(&id) {
            take_back(ctx, &tree, &id, &stream, executed.revision).await?;
        }
        return Err(UserError::of(&UnitRefusal::UnderItself).into());
    }
    Ok(Unit::of(&tree, &id))
}

/// Takes back a void placement that a program wrote which ended before it could take it back itself. Else the unit would count as placed there
/// already for whoever decides on it, and asked for the same placement when it is fine by now, nothing would be done.
async fn take_back_earlier(
    ctx: &Context<'_>,
    id: &UnitId,
    stream: &StreamId,
) -> Result<(), Failed> {
    let (store, commands) = (&services(ctx).store, &services(ctx).commands);
    caught_up(ctx, store.sync().await.map_err(|error| Failed::Failure(failure(&error)))?).await?;
    if !tree(ctx, Timestamp::MAX).await.map_err(Failed::Failure)?.void.contains(id) {
        return Ok(());
    }
    // No command at all: it asks for a revision that the tree, looked at again, is certain to know.
    let asked = commands.execute::<UnitAggregate>(stream, vec![], None, |_| true).await;
    let Executed { revision, position, .. } = executed_with::<UnitAggregate>(asked)?;
    caught_up(ctx, position).await?;
    let tree = tree(ctx, Timestamp::MAX).await.map_err(Failed::Failure)?;
    if tree.void.contains(id) {
        take_back(ctx, &tree, id, stream, revision).await?;
    }
    Ok(())
}

/// Waits until the tree shows what is written up to a position.
async fn caught_up(ctx: &Context<'_>, position: Option<Position>) -> Result<(), Failed> {
    let Some(position) = position else { return Ok(()) };
    let caught_up = services(ctx).read_models.wait_for(position).await;
    caught_up.map_err(|error| Failed::Failure(failure(&error)))
}

/// Says in the log of a unit that it stays where it was, because the log had a placement before its own that would make a ring with it. The
/// tree knows that without it; this tells whoever reads the unit's own events. Where the unit has changed since, there is nothing to say.
async fn take_back(
    ctx: &Context<'_>,
    tree: &UnitTree,
    id: &UnitId,
    stream: &StreamId,
    revision: Option<u64>,
) -> Result<(), Failed> {
    let parent = tree.units.get(id).and_then(|unit| unit.parent.clone());
    let Some(revision) = revision else { return Ok(()) };
    let parts = ["unit placement taken back", id.as_str(), &revision.to_string()];
    let command_id = CommandId(derived(&parts));
    let metadata = CommandMetadata {
        command_id,
        digest: None,
        actor: Actor { kind: ActorKind::System, id: "unit-tree".to_owned() },
        occurred_at: None,
        correlation_id: command_id.0,
        subject: None,
    };
    let command = UnitCommand::Move(MoveUnit { parent, parent_is: ParentIs::Fine });
    let batch = vec![(metadata, command)];
    let commands = &services(ctx).commands;
    match commands.execute::<UnitAggregate>(stream, batch, Some(revision), |_| true).await {
        Ok(executed) => caught_up(ctx, executed.position).await,
        Err(CommandError::RevisionMismatch { .. }) => Ok(()),
        Err(error) => Err(Failed::Failure(failure(&error))),
    }
}
