//! What may be asked of a unit.

use serde::Serialize;

use crate::id::{StaffId, UnitId};

/// What may be asked of a unit.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum UnitCommand {
    /// Define it, or define it anew.
    Define(DefineUnit),
    /// Put it under another unit.
    Move(MoveUnit),
    /// Name who answers for it.
    AppointOwner {
        /// Who.
        owner: StaffId,
    },
    /// Somebody begins to work in it.
    AddStaff {
        /// Who.
        staff: StaffId,
    },
    /// Somebody no longer works in it.
    RemoveStaff {
        /// Who.
        staff: StaffId,
    },
}

/// Define a unit, or define it anew; of a unit that is there, what is absent stays.
#[derive(Clone, Debug, Serialize)]
pub struct DefineUnit {
    /// What people call it.
    pub name: String,
    /// The unit that it is a part of.
    pub parent: Option<UnitId>,
    /// Who answers for it.
    pub owner: Option<StaffId>,
    /// How the parent stands. It lives in another stream, so whoever sends the command looks; being no part of what was asked, it stays
    /// out of the digest.
    #[serde(skip)]
    pub parent_is: ParentIs,
}

/// Put it under another unit.
#[derive(Clone, Debug, Serialize)]
pub struct MoveUnit {
    /// The unit that it is to be a part of; `None` for the top.
    pub parent: Option<UnitId>,
    /// How the parent stands.
    #[serde(skip)]
    pub parent_is: ParentIs,
}

/// How the unit stands under which another is to be put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentIs {
    /// It can take the other in, or none is asked for.
    Fine,
    /// Nobody has defined it.
    Unknown,
    /// It is the unit itself, or a part of it.
    Below,
}
