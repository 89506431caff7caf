//! What may happen to a unit. The field comments are the published descriptions in `schema/events/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::events;
use crate::id::{StaffId, UnitId};

events! {
    /// What may happen to a unit.
    pub enum UnitEvent, upcast by &[] => {
        /// It was defined, or defined anew.
        Defined(UnitDefined) = "UnitDefined" v 1,
        /// It was put under another unit.
        Moved(UnitMoved) = "UnitMoved" v 1,
        /// Somebody answers for it from now on.
        OwnerAppointed(UnitOwnerAppointed) = "UnitOwnerAppointed" v 1,
        /// Somebody works in it from now on.
        StaffJoined(UnitStaffJoined) = "UnitStaffJoined" v 1,
        /// Somebody no longer works in it.
        StaffLeft(UnitStaffLeft) = "UnitStaffLeft" v 1,
    }
}

/// It was defined, or defined anew: this is all that holds from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitDefined {
    /// What people call it.
    pub name: String,
    /// The unit that it is a part of; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<UnitId>,
    /// Who answers for it; absent where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<StaffId>,
}

/// It was put under another unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitMoved {
    /// The unit that it is a part of from now on; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<UnitId>,
}

/// Somebody answers for it from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitOwnerAppointed {
    /// Who.
    pub owner: StaffId,
}

/// Somebody works in it from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitStaffJoined {
    /// Who.
    pub staff: StaffId,
}

/// Somebody no longer works in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnitStaffLeft {
    /// Who.
    pub staff: StaffId,
}
