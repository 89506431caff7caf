//! Units: who answers for what. They form a tree, and each may have a named owner, to whom is told what the unit leaves lying.
//!
//! A case names its unit by a code. A code that nobody has defined is as good as any: units are defined when somebody wants to name
//! their owner, and cases from before stay as they are. Every change is an event in the stream `unit-<code>`, so the tree can be looked
//! at as it was known at any moment.

mod command;
mod decide;
mod error;
mod event;
mod state;

pub use command::{DefineUnit, MoveUnit, ParentIs, UnitCommand};
pub use decide::Unit;
pub use error::UnitRefusal;
pub use event::{
    UnitDefined, UnitEvent, UnitMoved, UnitOwnerAppointed, UnitStaffJoined, UnitStaffLeft,
};
pub use state::{STAFF_MAX, UnitState};

use crate::id::UnitId;

/// The name of a unit's stream. Names of streams have no spaces, and codes no plus signs.
pub fn stream_name(id: &UnitId) -> String {
    format!("unit-{}", id.as_str().replace(' ', "+"))
}

/// The unit whose stream has this id; `None` when it is no unit's.
pub fn of_stream(id: &str) -> Option<UnitId> {
    UnitId::new(id.replace('+', " ")).ok()
}
